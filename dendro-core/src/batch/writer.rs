//! Filling events from their raw text: the hot path of parsers.

use std::borrow::Cow;
use std::ops::Range;

use super::delta::Journal;
use super::keys::Keys;
use super::layout::{
    BatchFull, Field, HEAD_GONE, HEAD_RAW_IN_TAIL, HEAD_REJECTED, HEAD_TIMED, HEAD_UNPARSED, Head, Key,
    MAX_DEPTH, MAX_ENTRIES, MAX_ENTRIES_PER_EVENT, MAX_FIELDS_PER_EVENT, MAX_SECTION_BYTES, NO_ROW, Tag,
};
use super::{Batch, Store, repeated};
use crate::{SignedDuration, Timestamp};

/// Why a record was refused. A fixed text costs nothing.
pub type Reason = Cow<'static, str>;

impl Batch {
    /// Calls `parse` with each event that no parser has read yet. What it writes becomes fields of
    /// the event, behind those that a source has set; its raw text no longer reads as `message`. An
    /// event for which it gives a reason keeps its former fields and goes to the dead letters.
    ///
    /// Nothing is allocated for an event.
    pub fn parse_each(&mut self, mut parse: impl FnMut(&mut EventWriter<'_>) -> Result<(), Reason>) {
        let Self { base, store, types, gone, reasons, journal, .. } = self;
        let Store { tail, scratch: added, keys, fields, heads, .. } = store;
        added.clear();
        let tail_len = tail.len();
        let mut open = [0; MAX_DEPTH];
        for (index, head) in heads.iter_mut().enumerate() {
            if !head.has(HEAD_UNPARSED) || head.has(HEAD_GONE) {
                continue;
            }
            let in_tail = head.has(HEAD_RAW_IN_TAIL);
            let section: &[u8] = if in_tail { tail } else { base };
            let start = fields.len();
            if head.fields_len > 0 {
                fields.extend_from_within(head.fields());
            }
            let (added_before, keys_before) = (added.len(), keys.len());
            let mut writer = EventWriter {
                raw: section.get(head.raw()).unwrap_or_default(),
                raw_in_tail: in_tail,
                start,
                own: fields.len(),
                fields,
                keys,
                added,
                tail_len,
                open: &mut open,
                depth: 0,
                full: None,
                repeated: false,
                time: head.time,
                ty: head.ty,
                flags: head.flags,
                head,
            };
            let result = parse(&mut writer).and_then(|()| writer.finish());
            let (time, ty, flags, own) = (writer.time, writer.ty, writer.flags, writer.own);
            match result {
                Ok(()) => {
                    let before = (head.time, head.has(HEAD_TIMED), head.ty);
                    debug_assert!(
                        fields[start..].iter().all(|f| usize::from(f.key) < keys.len()),
                        "a key of another batch"
                    );
                    head.time = time;
                    head.ty = if usize::from(ty) < types.len() { ty } else { NO_ROW };
                    head.flags = flags & !HEAD_UNPARSED;
                    head.fields_start = start as u32;
                    head.fields_len = (fields.len() - start) as u32;
                    if let Some(journal) = journal {
                        note(journal, index, before, head, &fields[own..], [base, tail, added]);
                    }
                }
                Err(reason) => {
                    fields.truncate(start);
                    added.truncate(added_before);
                    keys.truncate(keys_before);
                    head.flags |= HEAD_REJECTED;
                    *gone += 1;
                    if let Some(journal) = journal {
                        journal.reject(index, &reason);
                    }
                    reasons.push((index as u32, reason));
                }
            }
        }
        tail.extend_from_slice(added);
    }
}

/// Takes notes of what a parser has made of an event: `before` are its time, whether it had one, and its type.
fn note(
    journal: &mut Journal,
    index: usize,
    before: (i64, bool, u16),
    head: &Head,
    written: &[Field],
    [base, tail, added]: [&[u8]; 3],
) {
    if head.has(HEAD_TIMED) && before != (head.time, true, before.2) {
        journal.time(index, Some(head.time));
    }
    if head.ty != before.2 {
        journal.set_type(index, head.ty);
    }
    journal.write(index, written, |field| {
        let at = field.payload as usize;
        let section = match field.in_tail() {
            true if at >= tail.len() => added.get(at - tail.len()..),
            true => tail.get(at..),
            false => base.get(at..),
        };
        let text = section.and_then(|rest| rest.get(..field.len as usize)).unwrap_or_default();
        let raw = head.raw();
        let in_raw =
            field.in_tail() == head.has(HEAD_RAW_IN_TAIL) && raw.start <= at && at + text.len() <= raw.end;
        (text, in_raw.then(|| (at - raw.start) as u32))
    });
}

/// Writes the fields of one event from its raw text; see [`Batch::parse_each`].
///
/// Text is given by its range in the raw text where it stands there as it is, so that nothing is
/// copied. A range that is not UTF-8 becomes bytes when it is read. More fields than an event can hold
/// refuse the event.
pub struct EventWriter<'a> {
    raw: &'a [u8],
    raw_in_tail: bool,
    fields: &'a mut Vec<Field>,
    start: usize,
    /// Where the fields that it writes begin: behind those that a source has set.
    own: usize,
    keys: &'a mut Keys,
    added: &'a mut Vec<u8>,
    tail_len: usize,
    /// Where the arrays and objects begin that are not ended yet.
    open: &'a mut [u32; MAX_DEPTH],
    depth: usize,
    full: Option<BatchFull>,
    repeated: bool,
    head: &'a Head,
    // What the head will have if the event is not refused.
    time: i64,
    ty: u16,
    flags: u16,
}

/// The fields that each event of a format has, in order: a template in which all are null.
///
/// Made once a batch, it is the cheapest way to write events that always have the same fields: see
/// [`EventWriter::row`].
#[derive(Clone, Debug)]
pub struct Row<const N: usize>([Field; N]);

impl<const N: usize> Row<N> {
    /// A row of fields with these names.
    ///
    /// # Errors
    /// As [`Batch::add_key`].
    pub fn new(names: &[&str; N], batch: &mut Batch) -> Result<Self, BatchFull> {
        let mut row = [Field::scalar(Key(0), Tag::Null, 0); N];
        for (field, name) in row.iter_mut().zip(names) {
            *field = Field::scalar(batch.add_key(name)?, Tag::Null, 0);
        }
        Ok(Self(row))
    }
}

/// Sets the fields of a [`Row`] by their number in it; those that are not set stay null.
///
/// # Panics
/// The methods do if the row has no field of that number.
pub struct RowWriter<'w, const N: usize> {
    slots: &'w mut [Field; N],
    source: TextSource,
    added: Added<'w>,
}

impl<const N: usize> RowWriter<'_, N> {
    /// See [`EventWriter::str`].
    #[inline]
    pub fn str(&mut self, field: usize, range: Range<usize>) {
        let key = Key(self.slots[field].key);
        self.slots[field] = self.source.field(key, Tag::Str, range);
    }

    /// See [`EventWriter::new_str`].
    pub fn new_str(&mut self, field: usize, text: &[u8]) {
        let key = Key(self.slots[field].key);
        self.slots[field] = self.added.text(key, text);
    }

    /// See [`EventWriter::u64`].
    #[inline]
    pub fn u64(&mut self, field: usize, value: u64) {
        let key = Key(self.slots[field].key);
        self.slots[field] = Field::scalar(key, Tag::U64, value);
    }
}

/// Where the raw text stands that fields are ranges of.
#[derive(Clone, Copy)]
struct TextSource {
    start: u32,
    len: u32,
    in_tail: bool,
}

impl TextSource {
    #[inline]
    fn field(self, key: Key, tag: Tag, range: Range<usize>) -> Field {
        let end = range.end.min(self.len as usize);
        let start = range.start.min(end);
        Field::text(key, tag, self.start + start as u32, (end - start) as u32, self.in_tail)
    }
}

/// Values that are added to the tail when all events are parsed.
struct Added<'a> {
    text: &'a mut Vec<u8>,
    tail_len: usize,
    full: &'a mut Option<BatchFull>,
}

impl Added<'_> {
    fn text(&mut self, key: Key, text: &[u8]) -> Field {
        let is_text = std::str::from_utf8(text).is_ok();
        let offset = self.tail_len + self.text.len();
        if offset + text.len() > MAX_SECTION_BYTES {
            *self.full = Some(BatchFull::TAIL);
            return Field::scalar(key, Tag::Null, 0);
        }
        self.text.extend_from_slice(text);
        let tag = if is_text { Tag::Str } else { Tag::Bytes };
        Field::text(key, tag, offset as u32, text.len() as u32, true)
    }
}

impl<'a> EventWriter<'a> {
    /// The raw text of the event.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Where in its stream the record begins.
    pub fn position(&self) -> u64 {
        self.head.place.position()
    }

    /// When the record was read.
    pub fn observed(&self) -> Timestamp {
        Timestamp::from_nanos(self.head.observed)
    }

    /// The row of the event's origin, in [`Batch::origins`].
    pub fn origin(&self) -> u16 {
        self.head.origin
    }

    /// Sets when the event happened.
    #[inline]
    pub fn set_time(&mut self, time: Timestamp) {
        self.time = time.as_nanos();
        self.flags |= HEAD_TIMED;
    }

    /// Sets the event's type, by a row that [`Batch::add_type`] gave.
    #[inline]
    pub fn set_type(&mut self, ty: u16) {
        self.ty = ty;
    }

    /// The key of a field whose name is only known from the record. A name that is always the same is cheaper
    /// through [`Batch::add_key`], once a batch. The event is refused if the batch can't hold more names.
    ///
    /// The batch forgets the names that came with an event that is refused: their keys are not to be used for another.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use dendro_core::{Batch, RecordRow, Timestamp};
    ///
    /// let mut batch = Batch::new(Bytes::from_static(b"user=ann")).unwrap();
    /// batch.push_record(0..8, 0, RecordRow { ty: 0, origin: 0, observed: Timestamp::EPOCH });
    /// batch.parse_each(|event| {
    ///     let key = event.key("user");
    ///     event.str(key, 5..8);
    ///     Ok(())
    /// });
    /// assert_eq!(batch.get(0).unwrap().get("user").unwrap().as_str(), Some("ann"));
    /// ```
    pub fn key(&mut self, name: &str) -> Key {
        match self.keys.intern(name) {
            Ok(key) => key,
            Err(full) => {
                self.full = Some(full);
                Key(0)
            }
        }
    }

    /// Text that stands at `range` of the raw text.
    #[inline]
    pub fn str(&mut self, key: Key, range: Range<usize>) {
        let field = self.text_field(key, Tag::Str, range);
        self.push(field);
    }

    /// Bytes that stand at `range` of the raw text.
    #[inline]
    pub fn bytes(&mut self, key: Key, range: Range<usize>) {
        let field = self.text_field(key, Tag::Bytes, range);
        self.push(field);
    }

    /// Text or bytes that do not stand in the raw text: decoded escapes, joined pieces. The event is refused
    /// if the batch has no room for them.
    pub fn new_str(&mut self, key: Key, text: &[u8]) {
        let field = self.added().text(key, text);
        self.push(field);
    }

    /// Writes the fields of a row, all null, and gives the means to set them.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use dendro_core::batch::Row;
    /// use dendro_core::{Batch, RecordRow, Timestamp};
    ///
    /// let mut batch = Batch::new(Bytes::from_static(b"GET 200")).unwrap();
    /// batch.push_record(0..7, 0, RecordRow { ty: 0, origin: 0, observed: Timestamp::EPOCH });
    /// let row = Row::new(&["method", "user", "status"], &mut batch).unwrap();
    /// batch.parse_each(|event| {
    ///     let mut fields = event.row(&row);
    ///     fields.str(0, 0..3);
    ///     fields.u64(2, 200);
    ///     Ok(())
    /// });
    /// let event = batch.get(0).unwrap();
    /// assert_eq!(event.get("method").unwrap().as_str(), Some("GET"));
    /// assert!(event.get("user").unwrap().is_null());
    /// assert_eq!(event.get("status").unwrap().as_u64(), Some(200));
    /// ```
    #[inline]
    pub fn row<const N: usize>(&mut self, row: &Row<N>) -> RowWriter<'_, N> {
        self.fields.extend_from_slice(&row.0);
        let source = self.source();
        let Self { fields, added, tail_len, full, .. } = self;
        let at = fields.len() - N;
        let Some(slots) = fields[at..].first_chunk_mut() else { unreachable!("they have just been written") };
        RowWriter { slots, source, added: Added { text: added, tail_len: *tail_len, full } }
    }

    /// Nothing: known to be absent.
    #[inline]
    pub fn null(&mut self, key: Key) {
        self.push(Field::scalar(key, Tag::Null, 0));
    }

    /// A truth value.
    #[inline]
    pub fn bool(&mut self, key: Key, value: bool) {
        self.push(Field::scalar(key, Tag::Bool, u64::from(value)));
    }

    /// A signed integer.
    #[inline]
    pub fn i64(&mut self, key: Key, value: i64) {
        self.push(Field::scalar(key, Tag::I64, value as u64));
    }

    /// An unsigned integer.
    #[inline]
    pub fn u64(&mut self, key: Key, value: u64) {
        self.push(Field::scalar(key, Tag::U64, value));
    }

    /// A floating-point number.
    #[inline]
    pub fn f64(&mut self, key: Key, value: f64) {
        self.push(Field::scalar(key, Tag::F64, value.to_bits()));
    }

    /// A point in time.
    #[inline]
    pub fn timestamp(&mut self, key: Key, value: Timestamp) {
        self.push(Field::scalar(key, Tag::Timestamp, value.as_nanos() as u64));
    }

    /// A length of time.
    #[inline]
    pub fn duration(&mut self, key: Key, value: SignedDuration) {
        self.push(Field::scalar(key, Tag::Duration, value.as_nanos() as u64));
    }

    /// Begins an array: the values up to [`end`](Self::end) are in it, their keys count for nothing.
    #[inline]
    pub fn begin_array(&mut self, key: Key) {
        self.begin(Field::scalar(key, Tag::Array, 0));
    }

    /// Begins an object: the fields up to [`end`](Self::end) are in it.
    #[inline]
    pub fn begin_object(&mut self, key: Key) {
        self.begin(Field::scalar(key, Tag::Object, 0));
    }

    /// Ends the array or object that was begun last.
    #[inline]
    pub fn end(&mut self) {
        if self.depth == 0 {
            return;
        }
        self.depth -= 1;
        // Deeper than can be noted: the event is refused anyway.
        if let Some(at) = self.open.get(self.depth) {
            let at = *at as usize;
            self.fields[at].len = (self.fields.len() - at - 1) as u32;
        }
    }

    /// Whether nothing is set yet, by the source or here.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.fields.len() == self.start
    }

    /// Whether something did not fit, so that the event will be refused whatever else is written.
    #[inline]
    pub fn is_refused(&self) -> bool {
        self.full.is_some()
    }

    /// The name of a key of the batch.
    pub fn key_name(&self, key: Key) -> &str {
        self.keys.name(key)
    }

    /// How many names the batch knows. What was remembered of names is void where there are fewer now: those of a
    /// refused event are forgotten.
    #[inline]
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// Of fields that have one name, in the event or within one object, leaves the last. To be asked for where names come from
    /// the record and one has come twice.
    #[inline]
    pub fn keep_last_of_each_name(&mut self) {
        self.repeated = true;
    }

    /// Takes back the fields written so far, for a second try with another format.
    pub fn clear(&mut self) {
        self.fields.truncate(self.own);
        self.depth = 0;
        self.full = None;
        self.repeated = false;
    }

    #[inline]
    fn begin(&mut self, field: Field) {
        let at = self.fields.len() as u32;
        self.push(field);
        match self.open.get_mut(self.depth) {
            Some(slot) => *slot = at,
            None => self.full = Some(BatchFull::DEPTH),
        }
        self.depth += 1;
    }

    #[inline]
    fn push(&mut self, field: Field) {
        self.fields.push(field);
    }

    #[inline]
    fn text_field(&self, key: Key, tag: Tag, range: Range<usize>) -> Field {
        self.source().field(key, tag, range)
    }

    #[inline]
    fn source(&self) -> TextSource {
        TextSource { start: self.head.raw_start, len: self.raw.len() as u32, in_tail: self.raw_in_tail }
    }

    fn added(&mut self) -> Added<'_> {
        Added { text: self.added, tail_len: self.tail_len, full: &mut self.full }
    }

    #[inline]
    fn finish(&mut self) -> Result<(), Reason> {
        let fits = self.fields.len() - self.start <= MAX_FIELDS_PER_EVENT
            && self.fields.len() <= MAX_ENTRIES - MAX_ENTRIES_PER_EVENT;
        let usual = fits && self.depth == 0 && self.full.is_none() && !self.repeated;
        if usual { Ok(()) } else { self.finish_unusual() }
    }

    #[cold]
    fn finish_unusual(&mut self) -> Result<(), Reason> {
        while self.depth > 0 {
            self.end();
        }
        if self.repeated {
            repeated::remove(self.fields, self.start, self.keys.len());
        }
        let written = self.fields.len() - self.start;
        if written > MAX_FIELDS_PER_EVENT && self.full.is_none() {
            self.full = self.too_many(written);
        }
        if self.fields.len() > MAX_ENTRIES - MAX_ENTRIES_PER_EVENT {
            self.full = Some(BatchFull::ENTRIES);
        }
        self.full.map_or(Ok(()), |full| Err(full.to_string().into()))
    }

    fn too_many(&self, written: usize) -> Option<BatchFull> {
        if written > MAX_ENTRIES_PER_EVENT {
            return Some(BatchFull::ENTRIES);
        }
        let (mut at, mut top) = (self.start, 0);
        while at < self.fields.len() {
            top += 1;
            at += self.fields[at].entries();
        }
        (top > MAX_FIELDS_PER_EVENT).then_some(BatchFull::FIELDS)
    }
}
