//! A delta from a guest is refused whole or applied whole, and what a guest is shown it can read.

#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use dendro_core::batch::delta::{Access, Projection};
use dendro_core::json::JsonEncoder;
use dendro_core::{Batch, Event, RecordRow, Schema, Timestamp, Value};
use libfuzzer_sys::fuzz_target;

const HEADER: usize = 40;
const EVENTS: u32 = 3;

fuzz_target!(|data: &[u8]| {
    let access = Access::default().reads("a").reads("message").writes("a").writes("b");
    let mut batch = batch();
    let (mut projection, mut frame) = (Projection::default(), Vec::new());
    if projection.write(&batch, &access, &mut frame).is_err() {
        return;
    }
    assert!(Batch::from_projection(&Bytes::from(frame)).is_ok());
    let (before, schemas) = (json(&batch), [Arc::new(Schema::new("made"))]);

    // As it came, and as edits behind a header that is right.
    let mut delta = b"DNDD\x01\x00\x28\x00".to_vec();
    let counts = [0, 0, 0, 0, 0, 0, data.len() as u32, EVENTS];
    counts.iter().for_each(|count| delta.extend_from_slice(&count.to_le_bytes()));
    assert_eq!(delta.len(), HEADER);
    delta.extend_from_slice(data);
    for delta in [data, &delta] {
        match projection.apply(delta, &mut batch, &access, &schemas) {
            Ok(()) => {
                let mut frame = Vec::new();
                batch.write_frame(&mut frame);
                assert!(Batch::from_frame(&frame.into()).is_ok(), "what was applied makes a frame");
                let _ = json(&batch);
                return;
            }
            Err(_) => assert_eq!(json(&batch), before, "what was refused changed something"),
        }
    }
});

fn batch() -> Batch {
    let made = [
        Event::new("t").with("a", "text").with("hidden", 1u64),
        Event::new("t").with("a", vec![Value::U64(1), Value::Null]),
    ];
    let mut batch = Batch::from_events(&made).unwrap_or_default();
    let row = RecordRow { ty: 0, origin: 0, observed: Timestamp::EPOCH };
    let _ = batch.push_assembled(b"raw text", 0, row);
    batch
}

fn json(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    JsonEncoder::new().encode_lines(batch, &mut out);
    out
}
