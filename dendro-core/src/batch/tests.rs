//! What holds for batches whatever is done to them. `generate` makes random ones, `model` does random things
//! to them; the rest is named after what it looks at.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod acks;
mod caps;
mod dedup;
mod deltas;
mod edits;
mod frames;
mod generate;
mod golden;
mod model;
mod shapes;

use bytes::Bytes;

use super::Batch;
use crate::Event;
use crate::json::JsonEncoder;

fn frame(batch: &Batch) -> Bytes {
    let mut out = Vec::new();
    batch.write_frame(&mut out);
    out.into()
}

fn events(batch: &Batch) -> Vec<Event> {
    batch.iter().map(|e| e.to_event()).collect()
}

fn json(batch: &Batch) -> String {
    let mut out = Vec::new();
    JsonEncoder::new().with_origin(true).encode_lines(batch, &mut out);
    String::from_utf8(out).unwrap()
}
