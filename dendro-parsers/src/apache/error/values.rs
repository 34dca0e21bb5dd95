//! What was found in a line.

use std::ops::Range;

use dendro_core::Timestamp;

use super::parts::{OsError, address};
use super::schema::Target;

/// A value in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Value {
    #[default]
    Missing,
    /// Text as it stands.
    Plain(Range<usize>),
    /// Text with escapes.
    Escaped(Range<usize>),
    Number(u64),
}

/// The fields that every event has.
pub(super) const FIELDS: [&str; 16] = [
    "level",
    "module",
    "pid",
    "tid",
    "client",
    "client_port",
    "remote",
    "remote_port",
    "error_code",
    "error_class",
    "error_text",
    "file",
    "line",
    "code",
    "message",
    "referer",
];
pub(super) const LEVEL: usize = 0;
pub(super) const MODULE: usize = 1;
pub(super) const PID: usize = 2;
pub(super) const TID: usize = 3;
pub(super) const CLIENT: usize = 4;
pub(super) const REMOTE: usize = 6;
pub(super) const ERROR_CODE: usize = 8;
pub(super) const ERROR_CLASS: usize = 9;
pub(super) const ERROR_TEXT: usize = 10;
pub(super) const FILE: usize = 11;
pub(super) const LINE: usize = 12;
pub(super) const CODE: usize = 13;
pub(super) const MESSAGE: usize = 14;
pub(super) const REFERER: usize = 15;

/// What was found in a line.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    pub(super) time: Option<Timestamp>,
    /// Of [`FIELDS`].
    pub(super) fields: [Value; FIELDS.len()],
    /// Of the further fields of a configured format, by their number in it.
    pub(super) further: Vec<(usize, Value)>,
}

impl Values {
    pub(super) fn clear(&mut self) {
        self.time = None;
        self.fields = Default::default();
        self.further.clear();
    }

    /// Sets a field by its number: those of [`FIELDS`], and the further ones behind.
    pub(super) fn set(&mut self, field: usize, value: Value) {
        match self.fields.get_mut(field) {
            Some(slot) => *slot = value,
            None => self.further.push((field - FIELDS.len(), value)),
        }
    }

    /// Takes back what was set; further fields are taken back by their number.
    pub(super) fn unset(&mut self, target: Target) {
        for field in self.fields.iter_mut().skip(target.first).take(target.count) {
            *field = Value::Missing;
        }
    }

    /// Sets the address that stands at `range`, and its port, which is the field behind it.
    pub(super) fn set_address(&mut self, field: usize, record: &[u8], range: Range<usize>, has_port: bool) {
        let (len, port) = address(record.get(range.clone()).unwrap_or_default(), has_port);
        self.set(field, Value::Plain(range.start..range.start + len));
        if let Some(port) = port {
            self.set(field + 1, Value::Number(port));
        }
    }

    /// Sets an error that stands at `at`; its text ends at `end`.
    pub(super) fn set_error(&mut self, error: OsError, at: usize, end: usize) {
        self.set(ERROR_CODE, Value::Number(error.code));
        self.set(ERROR_TEXT, Value::Plain(at + error.text..end));
        if let Some(class) = error.class {
            self.set(ERROR_CLASS, Value::Plain(at + class.start..at + class.end));
        }
    }
}
