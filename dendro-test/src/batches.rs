//! Batches to feed components with.

#![allow(clippy::expect_used, reason = "a test kit: what does not fit a batch is a mistake in the test")]

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use dendro_core::{Batch, Event, EventRef, Origin, RecordRow, Schema, Timestamp};

/// The event type of [`lines`].
pub const RECORD_TYPE: &str = "record";
/// The event type of [`numbered`].
pub const NUMBERED_TYPE: &str = "numbered";

/// The name of the source that the kit's events come from.
const SOURCE: &str = "test";

/// When the kit's events were observed, and where its clocks begin: 2026-01-01.
pub const OBSERVED: Timestamp = Timestamp::from_nanos(1_767_225_600_000_000_000);

/// Raw records as a source cuts them, without an end of line; the first begins at `position` in its stream.
///
/// # Panics
/// If they are too large for one batch.
pub fn lines<L: AsRef<[u8]>>(stream: &str, position: u64, lines: impl IntoIterator<Item = L>) -> Batch {
    lines_of(SOURCE, stream, position, lines)
}

/// [`lines`] of a source of this name.
///
/// # Panics
/// If they are too large for one batch.
pub fn lines_of<L: AsRef<[u8]>>(
    source: &str,
    stream: &str,
    position: u64,
    lines: impl IntoIterator<Item = L>,
) -> Batch {
    let (mut base, mut ranges) = (Vec::new(), Vec::new());
    for line in lines {
        let start = base.len();
        base.extend_from_slice(line.as_ref());
        ranges.push(start..base.len());
        base.push(b'\n');
    }
    let mut batch = Batch::new(Bytes::from(base)).expect("the lines fit one batch");
    let row = row(&mut batch, source, stream, RECORD_TYPE);
    for range in ranges {
        batch.push_record(range.clone(), position + range.start as u64, row);
    }
    batch
}

/// Owned events as a batch of one stream.
///
/// # Panics
/// If they are too large for one batch.
pub fn events<'a>(stream: &str, events: impl IntoIterator<Item = &'a Event>) -> Batch {
    let mut batch = Batch::default();
    for event in events {
        let observed = if event.observed == Timestamp::EPOCH { OBSERVED } else { event.observed };
        let row = row(&mut batch, SOURCE, stream, &event.event_type);
        let mut target = batch.push_event(row.ty, row.origin, observed);
        target.set_time(event.time);
        for (name, value) in &event.fields {
            target.insert(name, value).expect("the event fits the batch");
        }
    }
    batch
}

/// Events that can be told apart: event `n` of `stream` has the field `id`, which is also its raw text, and
/// the field `n`. [`id`] reads it.
///
/// # Panics
/// If they are too many for one batch.
pub fn numbered(stream: &str, numbers: Range<u64>) -> Batch {
    let ids: Vec<String> = numbers.clone().map(|n| number(stream, n)).collect();
    let mut batch = lines(stream, numbers.start * 64, &ids);
    let schema = Arc::new(Schema::new(NUMBERED_TYPE));
    for ((index, n), id) in numbers.enumerate().zip(&ids) {
        let mut event = batch.get_mut(index).expect("the event was just added");
        event.set_type(&schema).expect("room for a type");
        event.set_parsed();
        event.set_time(Some(Timestamp::from_nanos(OBSERVED.as_nanos() + n as i64 * 1_000_000)));
        event.insert("id", id).expect("room for a field");
        event.insert("n", n).expect("room for a field");
    }
    batch
}

/// The id of event `n` of `stream` in [`numbered`].
pub fn number(stream: &str, n: u64) -> String {
    format!("{stream} {n:08}")
}

/// The ids of [`numbered`] with these numbers.
pub fn ids(stream: &str, numbers: Range<u64>) -> Vec<String> {
    numbers.map(|n| number(stream, n)).collect()
}

/// The `id` of an event, its `message` where it has none.
pub fn id(event: EventRef<'_>) -> String {
    let value = event.get("id").or_else(|| event.get("message"));
    let bytes = value.and_then(|v| v.as_bytes()).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// The [`id`] of an owned event.
pub fn id_of(event: &Event) -> String {
    let value = event.get("id").or_else(|| event.get("message")).map(dendro_core::ValueRef::from);
    String::from_utf8_lossy(value.and_then(|v| v.as_bytes()).unwrap_or_default()).into_owned()
}

/// The [`id`]s of a batch.
pub fn ids_of(batch: &Batch) -> Vec<String> {
    batch.iter().map(id).collect()
}

fn row(batch: &mut Batch, source: &str, stream: &str, event_type: &str) -> RecordRow {
    let origin =
        Origin { source: Some(source.to_owned()), stream: Some(stream.to_owned()), ..Origin::default() };
    let known = batch.schemas().iter().find(|s| s.name == event_type).cloned();
    let schema = known.unwrap_or_else(|| Arc::new(Schema::new(event_type.to_owned())));
    RecordRow {
        ty: batch.add_type(&schema).expect("room for a type"),
        origin: batch.add_origin(&Arc::new(origin)).expect("room for an origin"),
        observed: OBSERVED,
    }
}
