//! Writing what was found in a record as fields.

use std::ops::Range;

use dendro_core::{Batch, BatchFull, EventWriter, Key};

use super::schema;
use super::terms::{Kind, TERMS};
use crate::Refused;
use crate::decimal::{MILLISECOND, duration, whole};

/// A text: in the record, or decoded from it.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) text: &'a [u8],
    /// Where it stands in the record, if it does.
    pub(super) at: Option<usize>,
}

impl<'a> Source<'a> {
    /// A part of it.
    pub(super) fn part(self, range: Range<usize>) -> Self {
        Self {
            text: self.text.get(range.clone()).unwrap_or_default(),
            at: self.at.map(|at| at + range.start),
        }
    }

    /// Without white space around it.
    pub(super) fn trimmed(self) -> Self {
        let start = self.text.len() - self.text.trim_ascii_start().len();
        self.part(start..start + self.text.trim_ascii().len())
    }

    /// Where to refuse it, if the record has nothing better to point at.
    pub(super) fn position(self) -> usize {
        self.at.unwrap_or(0)
    }
}

/// The keys of a batch.
pub(super) struct Keys {
    pub(super) platform: u16,
    pub(super) function: u16,
    pub(super) terms: [Key; TERMS.len()],
    pub(super) kind: Key,
    pub(super) level: Key,
    pub(super) message: Key,
    pub(super) log_stream: Key,
    pub(super) record: Key,
    pub(super) spans: Key,
    pub(super) start: Key,
    pub(super) tracing: Key,
    pub(super) timeout: Key,
}

impl Keys {
    pub(super) fn new(batch: &mut Batch) -> Result<Self, BatchFull> {
        let kind = batch.add_key("type")?;
        let mut terms = [kind; TERMS.len()];
        for (key, term) in terms.iter_mut().zip(&TERMS) {
            *key = batch.add_key(term.field)?;
        }
        Ok(Self {
            platform: batch.add_type(schema::platform())?,
            function: batch.add_type(schema::function())?,
            terms,
            kind,
            level: batch.add_key("level")?,
            message: batch.add_key("message")?,
            log_stream: batch.add_key("log_stream")?,
            record: batch.add_key("record")?,
            spans: batch.add_key("spans")?,
            start: batch.add_key("start")?,
            tracing: batch.add_key("tracing")?,
            timeout: batch.add_key("timeout")?,
        })
    }
}

/// Writes text as it is.
pub(super) fn write_text(event: &mut EventWriter<'_>, key: Key, source: Source<'_>) {
    match source.at {
        Some(at) => event.str(key, at..at + source.text.len()),
        None => event.new_str(key, source.text),
    }
}

/// Writes a message: the line ends that Lambda has put into it as `\r` are `\n` again, and those at its end are gone.
pub(super) fn write_message(
    event: &mut EventWriter<'_>,
    key: Key,
    source: Source<'_>,
    scratch: &mut Vec<u8>,
) {
    let len = source.text.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |last| last + 1);
    let source = source.part(0..len);
    if memchr::memchr(b'\r', source.text).is_none() {
        return write_text(event, key, source);
    }
    scratch.clear();
    let mut bytes = source.text.iter().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&&b'\n');
                scratch.push(b'\n');
            }
            byte => scratch.push(*byte),
        }
    }
    event.new_str(key, scratch);
}

const DURATION: &str = "a number of milliseconds, as in `3.51 ms`";
const MEGABYTES: &str = "a number of megabytes, as in `128 MB`";
const COUNT: &str = "a whole number";
const FLAG: &str = "`true` or `false`";

/// The bytes of so many megabytes, as Lambda counts them.
pub(super) fn megabytes(count: u64) -> Option<u64> {
    count.checked_mul(1 << 20)
}

/// Writes what the platform says in text.
pub(super) fn write_value(
    event: &mut EventWriter<'_>,
    key: Key,
    kind: Kind,
    source: Source<'_>,
) -> Result<(), Refused> {
    let refused = |expected| Refused::new(source.position(), expected);
    let number = |unit: &[u8]| Some(source.text.strip_suffix(unit)?.trim_ascii_end());
    match kind {
        Kind::Text => write_text(event, key, source),
        Kind::Duration => {
            let took = number(b"ms").and_then(|number| duration(number, MILLISECOND));
            event.duration(key, took.ok_or(refused(DURATION))?);
        }
        Kind::Megabytes => {
            let bytes = number(b"MB").and_then(whole).and_then(megabytes);
            event.u64(key, bytes.ok_or(refused(MEGABYTES))?);
        }
        Kind::Count => event.u64(key, whole(source.text).ok_or(refused(COUNT))?),
        Kind::Flag => match source.text {
            b"true" => event.bool(key, true),
            b"false" => event.bool(key, false),
            _ => return Err(refused(FLAG)),
        },
        Kind::List => {
            let inner = match source.text {
                [b'[', inner @ .., b']'] => source.part(1..1 + inner.len()),
                _ => source,
            };
            event.begin_array(key);
            let mut at = 0;
            for part in inner.text.split(|b| *b == b',') {
                let item = inner.part(at..at + part.len()).trimmed();
                if !item.text.is_empty() {
                    write_text(event, key, item);
                }
                at += part.len() + 1;
            }
            event.end();
        }
    }
    Ok(())
}
