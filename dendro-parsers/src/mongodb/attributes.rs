//! The attributes of a message that become fields of their own.

use std::ops::Range;

use dendro_core::{Batch, BatchFull, EventWriter, Key, SignedDuration};

use crate::json::{Number, Reader, Value, Watch};

/// What an attribute is, and so what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Count,
    /// A time taken, in a unit of so many nanoseconds.
    Taken(i64),
}

/// The attributes, by MongoDB's names and those of their fields.
const LIFTED: [(&str, &str, Kind); 11] = [
    ("ns", "ns", Kind::Text),
    ("remote", "remote", Kind::Text),
    ("appName", "app_name", Kind::Text),
    ("planSummary", "plan_summary", Kind::Text),
    ("keysExamined", "keys_examined", Kind::Count),
    ("docsExamined", "docs_examined", Kind::Count),
    ("nreturned", "nreturned", Kind::Count),
    ("numYields", "num_yields", Kind::Count),
    ("reslen", "reslen", Kind::Count),
    ("durationMillis", "duration", Kind::Taken(1_000_000)),
    ("cpuNanos", "cpu", Kind::Taken(1)),
];

/// Where the attributes of a message stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    found: [Option<Range<usize>>; LIFTED.len()],
}

/// The keys of their fields in a batch.
pub(super) struct Keys([Key; LIFTED.len()]);

impl Keys {
    pub(super) fn new(batch: &mut Batch) -> Result<Self, BatchFull> {
        let mut keys = [batch.add_key(LIFTED[0].1)?; LIFTED.len()];
        for (key, (_, field, _)) in keys.iter_mut().zip(LIFTED) {
            *key = batch.add_key(field)?;
        }
        Ok(Self(keys))
    }
}

impl Attributes {
    /// Writes those that there are, as far as they are what they are meant to be. All of them stand in `attr` too.
    pub(super) fn write(&self, event: &mut EventWriter<'_>, keys: &Keys, scratch: &mut Vec<u8>) {
        for ((range, key), (_, _, kind)) in self.found.iter().zip(keys.0).zip(LIFTED) {
            let Some(range) = range else { continue };
            let text = event.raw().get(..range.end).unwrap_or_default();
            let mut json = Reader::starting_at(text, range.start);
            match (kind, json.value()) {
                (Kind::Text, Ok(Value::String(text))) => json.write_text(&text, event, key, scratch),
                (Kind::Count, Ok(Value::Number(Number::U64(count)))) => event.u64(key, count),
                (Kind::Taken(unit), Ok(Value::Number(number))) => {
                    if let Some(nanos) = number.as_i64().and_then(|taken| taken.checked_mul(unit)) {
                        event.duration(key, SignedDuration::from_nanos(nanos));
                    }
                }
                _ => {}
            }
        }
    }
}

impl Watch for Attributes {
    fn note(&self, name: &str) -> u8 {
        LIFTED.iter().position(|(attribute, _, _)| *attribute == name).map_or(0, |place| place as u8 + 1)
    }

    fn value(&mut self, note: u8, range: Range<usize>) {
        if let Some(found) = self.found.get_mut(usize::from(note).wrapping_sub(1)) {
            *found = Some(range);
        }
    }
}
