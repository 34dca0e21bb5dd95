//! Writing the fields of an event, whichever way it was logged.

use std::ops::Range;

use dendro_core::{EventWriter, Timestamp};

use super::labels::Severity;
use super::message::{Phase, Split, parameters};
use super::schema::{Field, Keys};
use crate::numbers::leading_u64;

/// A text of an event: a range of its raw text, or of what was put together from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    start: usize,
    end: usize,
    joined: bool,
}

impl Text {
    pub(super) fn raw(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end, joined: false }
    }

    pub(super) fn joined(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end, joined: true }
    }

    /// Its bytes, if `raw` and `joined` are those of its event.
    #[inline]
    pub(super) fn of<'t>(&self, raw: &'t [u8], joined: &'t [u8]) -> &'t [u8] {
        let all = if self.joined { joined } else { raw };
        all.get(self.range()).unwrap_or_default()
    }

    #[inline]
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    #[inline]
    pub(super) fn is_joined(&self) -> bool {
        self.joined
    }

    /// Where it begins in the raw text; the end if it is not there as it is.
    pub(super) fn place(&self, raw: &[u8]) -> usize {
        if self.joined { raw.len() } else { self.start }
    }

    /// The part of it at `range`.
    pub(super) fn part(self, range: Range<usize>) -> Self {
        let end = self.end.min(self.start + range.end);
        Self { start: end.min(self.start + range.start), end, ..self }
    }
}

/// The event that is being written.
pub(super) struct Out<'w, 'a> {
    pub(super) event: &'w mut EventWriter<'a>,
    pub(super) keys: &'w Keys,
    /// What was put together for this event.
    pub(super) joined: &'w mut Vec<u8>,
    pub(super) scratch: &'w mut Vec<u8>,
}

impl Out<'_, '_> {
    #[inline]
    pub(super) fn bytes(&self, text: Text) -> &[u8] {
        text.of(self.event.raw(), self.joined)
    }

    #[inline]
    pub(super) fn text(&mut self, field: Field, text: Text) {
        let (key, range) = (self.keys.of(field), text.start..text.end);
        if text.joined {
            self.event.new_str(key, self.joined.get(range).unwrap_or_default());
        } else {
            self.event.str(key, range);
        }
    }

    #[inline]
    pub(super) fn word(&mut self, field: Field, word: &str) {
        self.event.new_str(self.keys.of(field), word.as_bytes());
    }

    #[inline]
    pub(super) fn null(&mut self, field: Field) {
        self.event.null(self.keys.of(field));
    }

    #[inline]
    pub(super) fn u64(&mut self, field: Field, value: u64) {
        self.event.u64(self.keys.of(field), value);
    }

    #[inline]
    pub(super) fn i64(&mut self, field: Field, value: i64) {
        self.event.i64(self.keys.of(field), value);
    }

    #[inline]
    pub(super) fn time(&mut self, field: Field, value: Timestamp) {
        self.event.timestamp(self.keys.of(field), value);
    }

    /// The severity in English, which `text` may be.
    #[inline]
    pub(super) fn severity(&mut self, severity: Severity, text: Text) {
        self.known_word(Field::Severity, severity.name(), text);
    }

    /// A word, which `text` may be: then nothing is added for it.
    #[inline]
    fn known_word(&mut self, field: Field, word: &str, text: Text) {
        if !text.joined && self.bytes(text) == word.as_bytes() {
            self.text(field, text);
        } else {
            self.word(field, word);
        }
    }

    /// The client, with its port if it may have one: `host:port` as csvlog has it, `host(port)` as `%r` has it, or `[local]`.
    pub(super) fn client(&mut self, text: Text, with_port: bool) {
        let bytes = self.bytes(text);
        let (inner, open) = match bytes {
            [inner @ .., b')'] => (inner, b'('),
            _ => (bytes, b':'),
        };
        let split = memchr::memrchr(open, inner).and_then(|at| {
            let (port, digits) = leading_u64(&inner[at + 1..])?;
            (with_port && at > 0 && at + 1 + digits == inner.len()).then_some((at, port))
        });
        match split {
            Some((at, port)) => {
                self.text(Field::RemoteHost, text.part(0..at));
                self.u64(Field::RemotePort, port);
            }
            None => self.text(Field::RemoteHost, text),
        }
    }

    /// The place in the server's source: `function, file:line`, or without the function.
    pub(super) fn location(&mut self, text: Text) {
        let bytes = self.bytes(text);
        let Some(colon) = memchr::memrchr(b':', bytes) else { return };
        let Some((line, digits)) = leading_u64(&bytes[colon + 1..]) else { return };
        if colon + 1 + digits != bytes.len() {
            return;
        }
        let comma = memchr::memmem::find(&bytes[..colon], b", ");
        if let Some(comma) = comma {
            self.text(Field::FuncName, text.part(0..comma));
        }
        self.text(Field::FileName, text.part(comma.map_or(0, |at| at + 2)..colon));
        self.u64(Field::FileLineNum, line);
    }

    /// What the message tells of a statement, and the detail of its parameters.
    #[inline]
    pub(super) fn split(&mut self, severity: Option<Severity>, message: Option<Text>, detail: Option<Text>) {
        if let Some(message) = message
            && severity == Some(Severity::Log)
        {
            let split = Split::of(self.bytes(message));
            self.write_split(message, &split);
        }
        if let Some(detail) = detail {
            self.parameters(detail);
        }
    }

    fn write_split(&mut self, message: Text, split: &Split) {
        if let Some(duration) = split.duration {
            self.event.duration(self.keys.of(Field::Duration), duration);
        }
        let Some(phase) = split.phase else { return };
        let name = phase.name();
        let text = message.part(split.phase_start..split.phase_start + name.len());
        self.known_word(Field::Phase, name, text);
        if let Some(name) = &split.statement_name {
            self.text(Field::StatementName, message.part(name.clone()));
        }
        if let Some(name) = &split.portal_name {
            self.text(Field::PortalName, message.part(name.clone()));
        }
        if let Some(text) = &split.text {
            let field = if phase == Phase::Plan { Field::Plan } else { Field::Statement };
            self.text(field, message.part(text.clone()));
        }
    }

    fn parameters(&mut self, detail: Text) {
        let bytes = detail.of(self.event.raw(), self.joined);
        let Some(parameters) = parameters(bytes) else { return };
        let key = self.keys.of(Field::Parameters);
        self.event.begin_array(key);
        for value in parameters {
            let Some(range) = value else {
                self.event.null(key);
                continue;
            };
            let text = bytes.get(range.clone()).unwrap_or_default();
            if memchr::memchr(b'\'', text).is_some() {
                self.scratch.clear();
                crate::csv::undouble(text, b'\'', self.scratch);
                self.event.new_str(key, self.scratch);
            } else if detail.joined {
                self.event.new_str(key, text);
            } else {
                self.event.str(key, detail.start + range.start..detail.start + range.end);
            }
        }
        self.event.end();
    }
}
