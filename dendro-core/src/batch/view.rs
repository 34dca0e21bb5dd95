//! Reading events in place.

use std::fmt;
use std::sync::Arc;

use super::Batch;
use super::layout::{Field, HEAD_SELF, HEAD_TIMED, HEAD_UNPARSED, Head, Key, Tag};
use crate::{DedupKey, Event, Origin, Schema, SignedDuration, Timestamp, Value, ValueRef};

/// The name under which the raw text of an event reads that no parser has read.
pub(super) const RAW_TEXT: &str = "message";

/// One event of a batch, read in place.
#[derive(Clone, Copy)]
pub struct EventRef<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) head: &'a Head,
    pub(crate) index: usize,
}

impl<'a> EventRef<'a> {
    /// Its number within the batch; stays the same while a transform removes others.
    pub fn index(&self) -> usize {
        self.index
    }

    /// When it happened, if the event says so.
    pub fn time(&self) -> Option<Timestamp> {
        self.head.has(HEAD_TIMED).then(|| Timestamp::from_nanos(self.head.time))
    }

    /// When Dendro saw it.
    pub fn observed(&self) -> Timestamp {
        Timestamp::from_nanos(self.head.observed)
    }

    /// [`time`](Self::time), or [`observed`](Self::observed) where the event has none.
    pub fn timestamp(&self) -> Timestamp {
        self.time().unwrap_or_else(|| self.observed())
    }

    /// The name of its type: the table that it belongs to.
    pub fn event_type(&self) -> &'a str {
        self.schema().map_or("", |s| &s.name)
    }

    /// The schema of its type.
    pub fn schema(&self) -> Option<&'a Arc<Schema>> {
        self.batch.types.get(usize::from(self.head.ty))
    }

    /// Where it comes from.
    pub fn origin(&self) -> Option<&'a Arc<Origin>> {
        self.batch.origins.get(usize::from(self.head.origin))
    }

    /// The bytes as the source read them; empty for an event that was not read from anything.
    pub fn raw(&self) -> &'a [u8] {
        self.batch.raw_of(self.head)
    }

    /// Where in its stream the record begins, in bytes (of decompressed content), or whatever
    /// the source counts by.
    pub fn position(&self) -> u64 {
        self.head.place.position()
    }

    /// What tells it from every other event and is the same when it comes again; `None` if nothing does.
    pub fn dedup_key(&self) -> Option<DedupKey> {
        Some(DedupKey::new(self.origin()?.identity?, self.head.place.key()?))
    }

    /// The output port that a transform has chosen; 0 is the default one.
    pub fn port(&self) -> u16 {
        self.head.port
    }

    /// Whether no parser has read the raw text yet.
    pub fn is_unparsed(&self) -> bool {
        self.head.has(HEAD_UNPARSED)
    }

    /// Whether it is about Dendro itself.
    pub fn is_self(&self) -> bool {
        self.head.has(HEAD_SELF)
    }

    /// The field of this name. The raw text of an event that no parser has read reads as `message`,
    /// and [`Origin`] fields read as fields where the event has none of that name.
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        let own = self.batch.store.keys.find(name).and_then(|key| self.get_key(key));
        own.or_else(|| self.derived(name))
    }

    /// The field of this key, without the derived ones that [`get`](Self::get) knows. Faster where
    /// many events are asked for the same field: [`Batch::find_key`] gives the key.
    pub fn get_key(&self, key: Key) -> Option<ValueRef<'a>> {
        self.entries().find(|(_, f)| f.key == key.0).map(|(i, _)| self.batch.value_at(i))
    }

    /// The fields in order, without the derived ones.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + use<'a> {
        let batch = self.batch;
        self.keyed_fields().map(move |(k, v)| (batch.store.keys.name(k), v))
    }

    /// The fields in order by key, without the derived ones.
    pub fn keyed_fields(&self) -> impl Iterator<Item = (Key, ValueRef<'a>)> + use<'a> {
        let batch = self.batch;
        self.entries().map(move |(i, f)| (Key(f.key), batch.value_at(i)))
    }

    /// The fields in order as they are stored: for encoders, which look at text only once.
    pub(crate) fn stored_fields(&self) -> impl Iterator<Item = (Key, Stored<'a>)> + use<'a> {
        let batch = self.batch;
        self.entries().map(move |(i, f)| (Key(f.key), batch.stored_at(i, &f)))
    }

    /// An owned copy.
    pub fn to_event(&self) -> Event {
        let mut event = Event::new(self.event_type());
        event.time = self.time();
        event.observed = self.observed();
        event.fields = first_of_each(self.fields());
        if self.is_unparsed() {
            event.fields.entry(RAW_TEXT.to_owned()).or_insert_with(|| ValueRef::from(self.raw()).to_value());
        }
        event
    }

    fn derived(&self, name: &str) -> Option<ValueRef<'a>> {
        if name == RAW_TEXT && self.is_unparsed() {
            return Some(ValueRef::from(self.raw()));
        }
        self.origin()?.get(name).map(ValueRef::Str)
    }

    fn entries(&self) -> Entries<'a> {
        Entries { fields: &self.batch.store.fields, range: self.head.fields() }
    }
}

impl fmt::Debug for EventRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRef")
            .field("index", &self.index)
            .field("type", &self.event_type())
            .field("time", &self.time())
            .field("fields", &self.fields().collect::<Vec<_>>())
            .field("raw", &String::from_utf8_lossy(self.raw()))
            .finish()
    }
}

/// A field as it is stored.
pub(crate) enum Stored<'a> {
    /// Text or bytes: the first `len` bytes of `rest`, not known to be UTF-8. What comes behind may be read too,
    /// which lets an encoder take whole words.
    Text {
        /// The section from the text's beginning.
        rest: &'a [u8],
        /// The length of the text.
        len: usize,
    },
    /// Anything else.
    Value(ValueRef<'a>),
}

/// As an owned object. Where a parser has written several fields of one name the first one counts, as it
/// does for [`EventRef::get`].
pub(crate) fn first_of_each<'a>(fields: impl Iterator<Item = (&'a str, ValueRef<'a>)>) -> crate::Object {
    let mut object = crate::Object::new();
    for (name, value) in fields {
        object.entry(name.to_owned()).or_insert_with(|| value.to_value());
    }
    object
}

/// The live entries of one level, children skipped.
struct Entries<'a> {
    fields: &'a [Field],
    range: std::ops::Range<usize>,
}

impl Iterator for Entries<'_> {
    type Item = (usize, Field);

    fn next(&mut self) -> Option<(usize, Field)> {
        while self.range.start < self.range.end {
            let at = self.range.start;
            let field = *self.fields.get(at)?;
            self.range.start += field.entries();
            if !field.is_dead() {
                return Some((at, field));
            }
        }
        None
    }
}

/// An array in place.
#[derive(Clone, Copy)]
pub struct ArrayRef<'a>(Nested<'a, [Value]>);

/// An object in place.
#[derive(Clone, Copy)]
pub struct ObjectRef<'a>(Nested<'a, crate::Object>);

enum Nested<'a, T: ?Sized> {
    Tape { batch: &'a Batch, start: usize, len: usize },
    Owned(&'a T),
}

impl<T: ?Sized> Clone for Nested<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: ?Sized> Copy for Nested<'_, T> {}

impl<'a> ArrayRef<'a> {
    pub(crate) fn from_owned(values: &'a [Value]) -> Self {
        Self(Nested::Owned(values))
    }

    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = ValueRef<'a>> + use<'a> {
        let (tape, owned) = match self.0 {
            Nested::Tape { batch, start, len } => (Some(tape(batch, start, len)), None),
            Nested::Owned(values) => (None, Some(values.iter().map(ValueRef::from))),
        };
        tape.into_iter().flatten().map(|(_, v)| v).chain(owned.into_iter().flatten())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl<'a> ObjectRef<'a> {
    pub(crate) fn from_owned(object: &'a crate::Object) -> Self {
        Self(Nested::Owned(object))
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + use<'a> {
        let (tape, owned) = match self.0 {
            Nested::Tape { batch, start, len } => (Some(tape(batch, start, len)), None),
            Nested::Owned(object) => (None, Some(object.iter().map(|(k, v)| (k.as_str(), v.into())))),
        };
        tape.into_iter().flatten().chain(owned.into_iter().flatten())
    }

    /// The field of this name.
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        self.iter().find(|(k, _)| *k == name).map(|(_, v)| v)
    }
}

impl fmt::Debug for ArrayRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for ObjectRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

fn tape(batch: &Batch, start: usize, len: usize) -> impl Iterator<Item = (&str, ValueRef<'_>)> {
    Entries { fields: &batch.store.fields, range: start..start + len }
        .map(|(i, f)| (batch.store.keys.name(Key(f.key)), batch.value_at(i)))
}

impl Batch {
    /// The value of the entry at `at`. Offsets are checked, so that even an entry that lies (which
    /// a decoded frame cannot hold) gives null instead of a panic.
    pub(crate) fn value_at(&self, at: usize) -> ValueRef<'_> {
        let Some(field) = self.store.fields.get(at) else { return ValueRef::Null };
        match field.tag {
            Tag::Null => ValueRef::Null,
            Tag::Bool => ValueRef::Bool(field.payload != 0),
            Tag::I64 => ValueRef::I64(field.payload as i64),
            Tag::U64 => ValueRef::U64(field.payload),
            Tag::F64 => ValueRef::F64(f64::from_bits(field.payload)),
            Tag::Timestamp => ValueRef::Timestamp(Timestamp::from_nanos(field.payload as i64)),
            Tag::Duration => ValueRef::Duration(SignedDuration::from_nanos(field.payload as i64)),
            Tag::Str => ValueRef::from(self.text_of(field)),
            Tag::Bytes => ValueRef::Bytes(self.text_of(field)),
            Tag::Histogram => ValueRef::Histogram(self.text_of(field)),
            Tag::Sketch => ValueRef::Sketch(self.text_of(field)),
            Tag::Array => {
                let nested = Nested::Tape { batch: self, start: at + 1, len: field.len as usize };
                ValueRef::Array(ArrayRef(nested))
            }
            Tag::Object => {
                let nested = Nested::Tape { batch: self, start: at + 1, len: field.len as usize };
                ValueRef::Object(ObjectRef(nested))
            }
        }
    }

    #[inline]
    pub(crate) fn stored_at(&self, at: usize, field: &Field) -> Stored<'_> {
        match field.tag {
            Tag::Str | Tag::Bytes => {
                let section: &[u8] = if field.in_tail() { &self.store.tail } else { &self.base };
                let rest = section.get(field.payload as usize..).unwrap_or_default();
                let len = field.len as usize;
                if len <= rest.len() {
                    Stored::Text { rest, len }
                } else {
                    Stored::Text { rest: &[], len: 0 }
                }
            }
            Tag::Null => Stored::Value(ValueRef::Null),
            Tag::U64 => Stored::Value(ValueRef::U64(field.payload)),
            _ => Stored::Value(self.value_at(at)),
        }
    }

    pub(crate) fn text_of(&self, field: &Field) -> &[u8] {
        let section: &[u8] = if field.in_tail() { &self.store.tail } else { &self.base };
        let start = field.payload as usize;
        section.get(start..start.saturating_add(field.len as usize)).unwrap_or_default()
    }

    pub(crate) fn raw_of(&self, head: &Head) -> &[u8] {
        let section: &[u8] =
            if head.has(super::layout::HEAD_RAW_IN_TAIL) { &self.store.tail } else { &self.base };
        section.get(head.raw()).unwrap_or_default()
    }
}
