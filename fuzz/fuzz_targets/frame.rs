//! A frame from outside is refused or reads without surprises, and so does what edits make of it.

#![no_main]

use bytes::Bytes;
use dendro_core::Batch;
use dendro_core::json::JsonEncoder;
use libfuzzer_sys::fuzz_target;

const HEADER: usize = 64;

fuzz_target!(|data: &[u8]| {
    // As it came: the header's checks. Random changes seldom get past the checksums.
    let _ = Batch::from_frame(&Bytes::copy_from_slice(data));

    let Ok(batch) = Batch::from_frame(&with_checksums(data)) else { return };
    let json = json(&batch);
    for event in batch.iter() {
        let owned = event.to_event();
        assert_eq!(owned.event_type, event.event_type());
        let _ = (event.raw(), event.timestamp(), event.position(), event.origin(), event.schema());
    }

    let frame = frame(&batch);
    assert_eq!(Batch::frame_len(&frame).ok(), Some(frame.len()));
    let again = read(&frame);
    assert_eq!(self::frame(&again), frame, "what was written reads back as it was");

    let mut compacted = batch.without_acks();
    compacted.compact();
    assert_eq!(self::json(&compacted), json, "compacting changes no event");
    assert_eq!(self::json(&read(&self::frame(&compacted))), json);

    edit(batch);
});

/// Does to each event what transforms do; how it went is the batch's business, that it stays whole is ours.
fn edit(mut batch: Batch) {
    let count = batch.len();
    let _ = batch.try_for_each(|mut event| {
        let first = event.view().fields().next().map(|(name, _)| name.to_owned());
        let last = event.view().fields().last().map(|(name, value)| (name.to_owned(), value.to_value()));
        event.insert("added", "text")?;
        if let Some((name, value)) = &last {
            event.insert("copied", value)?;
            event.insert(name, 1_u64)?;
        }
        if let Some(name) = first {
            event.rename(&name, "renamed")?;
        }
        event.retain(|name, _| name.len() % 5 != 0);
        event.remove_field("added");
        event.set_port((event.index() % 3) as u16);
        Ok::<_, dendro_core::BatchFull>(())
    });
    assert_eq!(batch.len(), count);
    let parts: usize =
        batch.without_acks().split_by_port().iter().map(|(_, part)| read(&frame(part)).len()).sum();
    assert_eq!(parts, count, "every event leaves by one port");

    batch.remove(0);
    let json = json(&batch);
    batch.purge();
    assert_eq!(self::json(&batch), json);
    assert_eq!(self::json(&read(&frame(&batch))), json);
}

fn with_checksums(data: &[u8]) -> Bytes {
    let mut frame = data.to_vec();
    if let Ok(length) = Batch::frame_len(&sealed(&frame))
        && let Some(body) = frame.get(HEADER..length)
    {
        let check = crc32fast::hash(body);
        frame[56..60].copy_from_slice(&check.to_le_bytes());
    }
    sealed(&frame).into()
}

/// With the header's own checksum made right.
fn sealed(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if let Some(header) = frame.get_mut(..HEADER) {
        let check = crc32fast::hash(&header[..60]);
        header[60..].copy_from_slice(&check.to_le_bytes());
    }
    frame
}

fn frame(batch: &Batch) -> Vec<u8> {
    let mut frame = Vec::new();
    batch.write_frame(&mut frame);
    frame
}

fn read(frame: &[u8]) -> Batch {
    match Batch::from_frame(&Bytes::copy_from_slice(frame)) {
        Ok(batch) => batch,
        Err(error) => panic!("a frame that was written here is refused: {error}"),
    }
}

fn json(batch: &Batch) -> Vec<u8> {
    let mut lines = Vec::new();
    JsonEncoder::new().with_origin(true).encode_lines(batch, &mut lines);
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(line) {
            panic!("{error}: {}", String::from_utf8_lossy(line));
        }
    }
    lines
}
