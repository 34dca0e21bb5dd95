//! Every line ends as an event that reads without surprises or as a reject with a reason, whatever stands beside it.

#![no_main]

use bytes::Bytes;
use dendro_core::json::JsonEncoder;
use dendro_core::{Batch, Cut, Framer, Lines, RecordRow, Records, Schema, Timestamp, Transform};
use dendro_parsers::nginx::NginxAccess;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let input = Bytes::copy_from_slice(data);
    let mut records = Records::new();
    let done = Lines::new().frame(&input, Cut::End, &mut records);
    assert_eq!(done, input.len(), "all is done with at the end");

    let lines: Vec<_> = records.iter().map(|record| record.range.clone()).collect();
    let together = parse(&input, &lines);
    assert_eq!(together.0.len() + together.1, lines.len(), "no line is lost");

    // A parser remembers the last time that it read: that must not show.
    let mut alone = (Vec::new(), 0);
    for line in &lines {
        let (events, rejected) = parse(&input, std::slice::from_ref(line));
        alone.0.extend(events);
        alone.1 += rejected;
    }
    assert_eq!(alone, together);
});

/// The events as JSON, and how many lines were rejected.
fn parse(input: &Bytes, lines: &[std::ops::Range<usize>]) -> (Vec<Vec<u8>>, usize) {
    let Ok(mut batch) = Batch::new(input.clone()) else { panic!("a small batch is refused") };
    let Ok(ty) = batch.add_type(&Schema::new("log").into()) else { panic!("a first type is refused") };
    let Ok(origin) = batch.add_origin(&Default::default()) else { panic!("a first origin is refused") };
    for line in lines {
        batch.push_record(
            line.clone(),
            line.start as u64,
            RecordRow { ty, origin, observed: Timestamp::EPOCH },
        );
    }
    if let Err(error) = NginxAccess::combined().transform(&mut batch) {
        panic!("the whole batch is refused: {error}");
    }
    for event in batch.iter() {
        let range = lines.iter().find(|line| line.start as u64 == event.position());
        assert_eq!(Some(event.raw()), range.map(|range| &input[range.clone()]), "the raw text stays");
        assert_eq!(event.event_type(), "nginx_access");
        assert!(event.time().is_some());
    }
    let rejected = batch.rejected().inspect(|rejected| assert!(!rejected.reason.is_empty())).count();
    let events = json(&batch);

    let mut frame = Vec::new();
    batch.write_frame(&mut frame);
    match Batch::from_frame(&frame.into()) {
        Ok(again) => assert_eq!(json(&again), events, "a frame changes no event"),
        Err(error) => panic!("a frame that was written here is refused: {error}"),
    }
    (events, rejected)
}

fn json(batch: &Batch) -> Vec<Vec<u8>> {
    let mut text = Vec::new();
    JsonEncoder::new().encode_lines(batch, &mut text);
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .inspect(|line| {
            if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(line) {
                panic!("{error}: {}", String::from_utf8_lossy(line));
            }
        })
        .map(<[u8]>::to_vec)
        .collect()
}
