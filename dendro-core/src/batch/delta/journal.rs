//! The notes that a batch takes of what is done to it.

use super::super::Batch;
use super::super::keys::Keys;
use super::super::layout::{Field, Tag};
use super::{IN_RAW, code};
use crate::ValueRef;

/// The edits so far, as a delta has them.
#[derive(Clone)]
pub(in crate::batch) struct Journal {
    pub(super) edits: Vec<u8>,
    /// How many events, keys, types and origins the batch had before.
    pub(super) events: usize,
    pub(super) keys: usize,
    pub(super) types: usize,
    pub(super) origins: usize,
    /// Events that have been added since.
    pub(super) appended: usize,
}

impl Journal {
    pub(super) fn new(batch: &Batch) -> Self {
        Self {
            edits: Vec::with_capacity(batch.end_index() * 16),
            events: batch.end_index(),
            keys: batch.key_count(),
            types: batch.types.len(),
            origins: batch.origins.len(),
            appended: 0,
        }
    }

    pub(in crate::batch) fn remove(&mut self, event: usize) {
        self.edit(code::REMOVE, event);
    }

    pub(in crate::batch) fn reject(&mut self, event: usize, reason: &str) {
        self.edit(code::REJECT, event);
        self.text(reason.as_bytes());
    }

    pub(in crate::batch) fn port(&mut self, event: usize, port: u16) {
        self.edit(code::PORT, event);
        self.put(port.to_le_bytes());
    }

    pub(in crate::batch) fn time(&mut self, event: usize, time: Option<i64>) {
        match time {
            Some(time) => {
                self.edit(code::TIME, event);
                self.put(time.to_le_bytes());
            }
            None => self.edit(code::NO_TIME, event),
        }
    }

    pub(in crate::batch) fn set_type(&mut self, event: usize, row: u16) {
        self.edit(code::TYPE, event);
        self.put(row.to_le_bytes());
    }

    pub(in crate::batch) fn parsed(&mut self, event: usize) {
        self.edit(code::PARSED, event);
    }

    pub(in crate::batch) fn about_self(&mut self, event: usize) {
        self.edit(code::SELF, event);
    }

    pub(in crate::batch) fn set(&mut self, event: usize, key: u16, value: ValueRef<'_>, keys: &Keys) {
        self.edit(code::SET, event);
        self.put(key.to_le_bytes());
        self.value(value, keys);
    }

    pub(in crate::batch) fn remove_field(&mut self, event: usize, key: u16) {
        self.edit(code::REMOVE_FIELD, event);
        self.put(key.to_le_bytes());
    }

    pub(in crate::batch) fn rename(&mut self, event: usize, from: u16, to: u16) {
        self.edit(code::RENAME, event);
        self.put(from.to_le_bytes());
        self.put(to.to_le_bytes());
    }

    pub(in crate::batch) fn append(&mut self, parent: usize) {
        self.edit(code::APPEND, parent);
        self.appended += 1;
    }

    pub(in crate::batch) fn append_raw(&mut self, parent: usize, raw: &[u8]) {
        self.edit(code::APPEND_RAW, parent);
        self.text(raw);
        self.appended += 1;
    }

    pub(in crate::batch) fn raw(&mut self, event: usize, raw: &[u8]) {
        self.edit(code::RAW, event);
        self.text(raw);
    }

    pub(in crate::batch) fn compact(&mut self) {
        self.edit(code::COMPACT, 0);
    }

    pub(in crate::batch) fn event(&mut self, ty: u16, origin: u16, observed: i64) {
        self.edit(code::EVENT, 0);
        self.put(ty.to_le_bytes());
        self.put(origin.to_le_bytes());
        self.put(observed.to_le_bytes());
        self.appended += 1;
    }

    /// The fields that a parser has written for an event; `text` gives the bytes of one, and where they begin in the
    /// event's raw text if they stand there.
    pub(in crate::batch) fn write<'t>(
        &mut self,
        event: usize,
        fields: &[Field],
        mut text: impl FnMut(&Field) -> (&'t [u8], Option<u32>),
    ) {
        self.edit(code::WRITE, event);
        let at = self.edits.len();
        self.put([0; 2]);
        let (mut rest, mut count) = (fields, 0u16);
        while let Some(first) = rest.first() {
            let (field, after) = rest.split_at(first.entries().min(rest.len()));
            self.put(first.key.to_le_bytes());
            self.tape(field, &mut text);
            rest = after;
            count += 1;
        }
        self.edits[at..at + 2].copy_from_slice(&count.to_le_bytes());
    }

    /// One entry with those that belong to it.
    fn tape<'t>(&mut self, field: &[Field], text: &mut impl FnMut(&Field) -> (&'t [u8], Option<u32>)) {
        let Some((first, mut rest)) = field.split_first() else { return };
        match first.tag {
            Tag::Null => self.put([Tag::Null as u8]),
            Tag::Bool => self.put([Tag::Bool as u8, u8::from(first.payload != 0)]),
            Tag::Str | Tag::Bytes | Tag::Histogram | Tag::Sketch => match text(first) {
                (bytes, Some(at)) if matches!(first.tag, Tag::Str | Tag::Bytes) => {
                    let is_text = first.tag == Tag::Str && std::str::from_utf8(bytes).is_ok();
                    let tag = if is_text { Tag::Str } else { Tag::Bytes };
                    self.put([tag as u8 | IN_RAW]);
                    self.put(at.to_le_bytes());
                    self.put((bytes.len() as u32).to_le_bytes());
                }
                (bytes, _) => {
                    let not_text = first.tag == Tag::Str && std::str::from_utf8(bytes).is_err();
                    self.put([if not_text { Tag::Bytes } else { first.tag } as u8]);
                    self.text(bytes);
                }
            },
            Tag::Array | Tag::Object => {
                self.put([first.tag as u8]);
                let at = self.edits.len();
                self.put([0; 4]);
                let mut count = 0u32;
                while let Some(child) = rest.first() {
                    let (entries, after) = rest.split_at(child.entries().min(rest.len()));
                    if first.tag == Tag::Object {
                        self.put(child.key.to_le_bytes());
                    }
                    self.tape(entries, text);
                    rest = after;
                    count += 1;
                }
                self.edits[at..at + 4].copy_from_slice(&count.to_le_bytes());
            }
            tag => {
                self.put([tag as u8]);
                self.put(first.payload.to_le_bytes());
            }
        }
    }

    fn value(&mut self, value: ValueRef<'_>, keys: &Keys) {
        let (tag, bits) = match value {
            ValueRef::Null => return self.put([Tag::Null as u8]),
            ValueRef::Bool(v) => return self.put([Tag::Bool as u8, u8::from(v)]),
            ValueRef::I64(v) => (Tag::I64, v as u64),
            ValueRef::U64(v) => (Tag::U64, v),
            ValueRef::F64(v) => (Tag::F64, v.to_bits()),
            ValueRef::Timestamp(v) => (Tag::Timestamp, v.as_nanos() as u64),
            ValueRef::Duration(v) => (Tag::Duration, v.as_nanos() as u64),
            ValueRef::Str(v) => return self.tagged_text(Tag::Str, v.as_bytes()),
            ValueRef::Bytes(v) => return self.tagged_text(Tag::Bytes, v),
            ValueRef::Histogram(v) => return self.tagged_text(Tag::Histogram, v),
            ValueRef::Sketch(v) => return self.tagged_text(Tag::Sketch, v),
            ValueRef::Array(array) => {
                self.put([Tag::Array as u8]);
                self.put((array.len() as u32).to_le_bytes());
                return array.iter().for_each(|child| self.value(child, keys));
            }
            ValueRef::Object(object) => {
                self.put([Tag::Object as u8]);
                self.put((object.iter().count() as u32).to_le_bytes());
                return object.iter().for_each(|(name, child)| {
                    // Each has been interned when the value was set.
                    let key = keys.find(name).map_or(u16::MAX, |key| key.0);
                    self.put(key.to_le_bytes());
                    self.value(child, keys);
                });
            }
        };
        self.put([tag as u8]);
        self.put(bits.to_le_bytes());
    }

    fn tagged_text(&mut self, tag: Tag, text: &[u8]) {
        self.put([tag as u8]);
        self.text(text);
    }

    #[inline]
    fn edit(&mut self, code: u8, event: usize) {
        self.edits.push(code);
        self.put((event as u32).to_le_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        self.put((text.len() as u32).to_le_bytes());
        self.edits.extend_from_slice(text);
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.edits.extend_from_slice(&bytes);
    }
}
