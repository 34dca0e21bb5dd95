//! A run of events in one flat layout.
//!
//! ```text
//! base    Bytes              the bytes as read, immutable; messages and most strings are slices of it
//! tail    Vec<u8>            what was added since: decoded escapes, reassembled records, new values
//! keys    interned names     one small table a batch
//! fields  16-byte entries    scalars inline, text by offset into base or tail, nested values as a tape
//! events  48-byte heads      times, position, range of fields, span of the raw text, type, origin, port
//! ```
//!
//! Cost is per batch, not per event: parsing a line allocates nothing. Authors see views: [`EventRef`]
//! reads an event, [`EventMut`] edits one, [`EventWriter`] fills one from its raw text.

pub mod delta;
mod edit;
mod frame;
mod keys;
mod layout;
mod place;
mod pool;
mod repeated;
mod shape;
mod view;
mod writer;

pub use edit::EventMut;
pub use frame::FrameError;
pub use layout::{
    BatchFull, Key, MAX_DEPTH, MAX_ENTRIES, MAX_ENTRIES_PER_EVENT, MAX_FIELDS_PER_EVENT, MAX_KEYS, MAX_ROWS,
    MAX_SECTION_BYTES,
};
pub use pool::BatchPool;
pub use shape::Rejected;
pub(crate) use view::Stored;
pub(crate) use view::first_of_each;
pub use view::{ArrayRef, EventRef, ObjectRef};
pub use writer::{EventWriter, Reason, Row, RowWriter};

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::ack::{Acks, Snapshot};
use crate::{Event, Origin, Records, Schema, Timestamp};
use keys::Keys;
use layout::{
    Field, HEAD_GONE, HEAD_RAW_IN_TAIL, HEAD_REJECTED, HEAD_REMOVED, HEAD_SELF, HEAD_TIMED, HEAD_UNPARSED,
    Head, NO_ROW,
};
pub(crate) use place::Place;

/// A run of events in one flat layout; the [module](self) tells how.
///
/// Cloning copies everything but the base, and clones the acknowledgement: both have to settle.
#[derive(Clone, Default)]
pub struct Batch {
    base: Bytes,
    /// The bytes that the base keeps in memory, where they are known to be more than its own.
    base_keeps: usize,
    store: Store,
    types: Vec<Arc<Schema>>,
    origins: Vec<Arc<Origin>>,
    gone: usize,
    reasons: Vec<(u32, Cow<'static, str>)>,
    acks: Acks,
    /// `None`: the stream goes on with what it had.
    restore: Option<Vec<Snapshot>>,
    /// Notes of what is done to it, for one that a guest has.
    journal: Option<Box<delta::Journal>>,
}

/// The buffers of a batch, which a [`BatchPool`] keeps for the next one.
#[derive(Clone, Default)]
struct Store {
    tail: Vec<u8>,
    scratch: Vec<u8>,
    keys: Keys,
    fields: Vec<Field>,
    heads: Vec<Head>,
    pool: Option<Arc<BatchPool>>,
}

impl Batch {
    /// An empty batch over the bytes that a source has read.
    ///
    /// # Errors
    /// [`BatchFull`] if there are more than [`MAX_SECTION_BYTES`] of them.
    pub fn new(base: Bytes) -> Result<Self, BatchFull> {
        if base.len() > MAX_SECTION_BYTES {
            return Err(BatchFull::BASE);
        }
        Ok(Self { base, ..Self::default() })
    }

    /// A batch of owned events, for tests and application code.
    ///
    /// # Errors
    /// [`BatchFull`] if they are too many for one batch.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, BatchFull> {
        let mut batch = Self::default();
        let origin = batch.add_origin(&Arc::default())?;
        for event in events {
            let found = batch.types.iter().position(|s| s.name == event.event_type);
            let ty = match found {
                Some(row) => row as u16,
                None => batch.add_type(&Arc::new(Schema::new(event.event_type.clone())))?,
            };
            batch.push_head(Head { ty, origin, observed: event.observed.as_nanos(), ..EMPTY_HEAD });
            let index = batch.store.heads.len() - 1;
            if let Some(mut target) = batch.get_mut(index) {
                target.set_time(event.time);
                for (name, value) in &event.fields {
                    target.insert(name, value)?;
                }
            }
        }
        Ok(batch)
    }

    /// The bytes as read.
    pub fn base(&self) -> &Bytes {
        &self.base
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.store.heads.len() - self.gone
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One past the highest number of an event, removed ones included.
    pub fn end_index(&self) -> usize {
        self.store.heads.len()
    }

    /// The events in order.
    pub fn iter(&self) -> impl Iterator<Item = EventRef<'_>> {
        self.store
            .heads
            .iter()
            .enumerate()
            .filter(|(_, head)| !head.has(HEAD_GONE))
            .map(|(index, head)| EventRef { batch: self, head, index })
    }

    /// The event of this number; `None` if there is none or it was removed.
    pub fn get(&self, index: usize) -> Option<EventRef<'_>> {
        let head = self.store.heads.get(index).filter(|head| !head.has(HEAD_GONE))?;
        Some(EventRef { batch: self, head, index })
    }

    /// The event of this number, to edit; `None` if there is none or it was removed.
    pub fn get_mut(&mut self, index: usize) -> Option<EventMut<'_>> {
        self.get(index)?;
        Some(EventMut::new(self, index))
    }

    /// Calls `f` with each event in order, to edit.
    ///
    /// # Errors
    /// The first that `f` gives; the events after it are not visited.
    pub fn try_for_each<E>(&mut self, mut f: impl FnMut(EventMut<'_>) -> Result<(), E>) -> Result<(), E> {
        for index in 0..self.end_index() {
            if let Some(event) = self.get_mut(index) {
                f(event)?;
            }
        }
        Ok(())
    }

    /// Removes the events for which `keep` says no: they count as filtered.
    pub fn retain(&mut self, mut keep: impl FnMut(EventRef<'_>) -> bool) {
        for index in 0..self.end_index() {
            if self.get(index).is_some_and(|event| !keep(event)) {
                self.remove(index);
            }
        }
    }

    /// Removes one event: it counts as filtered.
    pub fn remove(&mut self, index: usize) {
        if self.mark(index, HEAD_REMOVED) {
            self.note(|journal| journal.remove(index));
        }
    }

    /// Sends one event to the dead letters.
    pub fn reject(&mut self, index: usize, reason: impl Into<Cow<'static, str>>) {
        if self.mark(index, HEAD_REJECTED) {
            let reason = reason.into();
            self.note(|journal| journal.reject(index, &reason));
            self.reasons.push((index as u32, reason));
        }
    }

    /// Adds an event that came from the event `parent`: it takes over the parent's time, type, origin,
    /// position and mark; it has no fields, no raw text and leaves by the default port. `None` if there is
    /// no such event (a removed one is as good).
    pub fn append(&mut self, parent: usize) -> Option<EventMut<'_>> {
        let head = self.child_head(parent)?;
        self.push_head(head);
        self.note(|journal| journal.append(parent));
        let index = self.store.heads.len() - 1;
        Some(EventMut::new(self, index))
    }

    /// [`append`](Self::append) for a record that is a part of its parent's, as one message may hold several: `raw` is
    /// copied, and reads as `message` until a parser has read it.
    ///
    /// # Errors
    /// [`BatchFull`] if there is no room for it.
    pub fn append_assembled(&mut self, parent: usize, raw: &[u8]) -> Result<Option<EventMut<'_>>, BatchFull> {
        let Some(head) = self.child_head(parent) else { return Ok(None) };
        let raw_start = self.push_tail(raw)?;
        let flags = head.flags | HEAD_UNPARSED | HEAD_RAW_IN_TAIL;
        self.push_head(Head { raw_start, raw_len: raw.len() as u32, flags, ..head });
        self.note(|journal| journal.append_raw(parent, raw));
        let index = self.store.heads.len() - 1;
        Ok(Some(EventMut::new(self, index)))
    }

    fn child_head(&mut self, parent: usize) -> Option<Head> {
        let from = self.store.heads.get_mut(parent)?;
        let (place, flags) = (from.place.child(), from.flags & (HEAD_TIMED | HEAD_SELF));
        Some(Head {
            place,
            fields_start: 0,
            fields_len: 0,
            raw_start: 0,
            raw_len: 0,
            port: 0,
            flags,
            ..*from
        })
    }

    /// Adds an event that was not read from anything: a measurement, a summary.
    ///
    /// `ty` and `origin` are rows that [`add_type`](Self::add_type) and
    /// [`add_origin`](Self::add_origin) gave; with any other number it has no type, or no origin.
    pub fn push_event(&mut self, ty: u16, origin: u16, observed: Timestamp) -> EventMut<'_> {
        let mut head = Head { ty, origin, observed: observed.as_nanos(), ..EMPTY_HEAD };
        self.check_rows(&mut head);
        self.store.heads.push(head);
        self.note(|journal| journal.event(head.ty, head.origin, head.observed));
        let index = self.store.heads.len() - 1;
        EventMut::new(self, index)
    }

    /// Adds an event for a record that a source has cut from the base: `raw` is its range there,
    /// `position` where it begins in its stream, below 2^48 (a higher one is cut to it). Its raw text reads as `message` until a parser has
    /// read it. A range outside of the base is cut to what there is, and a row that is not in the tables
    /// is none.
    pub fn push_record(&mut self, raw: Range<usize>, position: u64, record: RecordRow) {
        let head = record_head(&raw, self.base.len(), position, record);
        self.push_head(head);
    }

    /// [`push_record`](Self::push_record) for all that a framer has found, in a base that begins at `position` of its
    /// stream. Heads that were cut off are rejected.
    pub fn push_records(&mut self, records: &Records, position: u64, record: RecordRow) {
        let (first, limit) = (self.end_index(), self.base.len());
        let mut row = Head { ty: record.ty, origin: record.origin, ..EMPTY_HEAD };
        self.check_rows(&mut row);
        let record = RecordRow { ty: row.ty, origin: row.origin, ..record };
        let at = |range: &Range<usize>| position + range.start as u64;
        let heads = records.iter().map(|r| record_head(&r.range, limit, at(&r.range), record));
        self.store.heads.extend(heads);
        for (i, cut) in records.iter().enumerate().filter(|(_, r)| r.truncated) {
            let bytes = cut.range.len();
            self.reject(first + i, format!("the record is too long: only its first {bytes} bytes are kept"));
        }
    }

    /// [`push_record`](Self::push_record) for a record that does not stand in the base as it is, because
    /// it was put together from pieces: `raw` is copied.
    ///
    /// # Errors
    /// [`BatchFull`] if there is no room for it.
    pub fn push_assembled(&mut self, raw: &[u8], position: u64, record: RecordRow) -> Result<(), BatchFull> {
        let start = self.push_tail(raw)?;
        self.push_head(Head {
            observed: record.observed.as_nanos(),
            place: Place::of_record(position),
            raw_start: start,
            raw_len: raw.len() as u32,
            ty: record.ty,
            origin: record.origin,
            flags: HEAD_UNPARSED | HEAD_RAW_IN_TAIL,
            ..EMPTY_HEAD
        });
        Ok(())
    }

    /// The row of this schema in the table of types; adds it if it is not there.
    ///
    /// # Errors
    /// [`BatchFull`] if there are [`MAX_ROWS`] others.
    pub fn add_type(&mut self, schema: &Arc<Schema>) -> Result<u16, BatchFull> {
        add_row(&mut self.types, schema)
    }

    /// The row of this origin; adds it if it is not there.
    ///
    /// # Errors
    /// [`BatchFull`] if there are [`MAX_ROWS`] others.
    pub fn add_origin(&mut self, origin: &Arc<Origin>) -> Result<u16, BatchFull> {
        add_row(&mut self.origins, origin)
    }

    /// The schemas of the types that its events may have.
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.types
    }

    /// The origins that its events may have.
    pub fn origins(&self) -> &[Arc<Origin>] {
        &self.origins
    }

    /// Gives the types of a batch that was read from a frame their schemas again, by name. Where several types have one name,
    /// theirs are the last ones that are known of it, in the same order; the last one alone where there are fewer.
    pub fn attach_schemas(&mut self, known: &[Arc<Schema>]) {
        let mut seen: HashMap<Cow<'static, str>, usize> = HashMap::new();
        let is_alone = self.types.len() == 1;
        for slot in self.types.iter_mut().rev() {
            let mut same = known.iter().rev().filter(|s| s.name == slot.name);
            let Some(last) = same.next() else { continue };
            let behind = match is_alone {
                true => 0,
                false => {
                    let count = seen.entry(slot.name.clone()).or_default();
                    std::mem::replace(count, *count + 1)
                }
            };
            *slot = behind.checked_sub(1).and_then(|n| same.nth(n)).unwrap_or(last).clone();
        }
    }

    /// The key of a field name; adds the name if it is not there.
    ///
    /// # Errors
    /// [`BatchFull`] if there are [`MAX_KEYS`] others.
    pub fn add_key(&mut self, name: &str) -> Result<Key, BatchFull> {
        self.store.keys.intern(name)
    }

    /// The key of a field name; `None` if no event has such a field.
    pub fn find_key(&self, name: &str) -> Option<Key> {
        self.store.keys.find(name)
    }

    /// The name of a key of this batch.
    pub fn key_name(&self, key: Key) -> &str {
        self.store.keys.name(key)
    }

    /// All keys and their names, in order.
    pub fn keys(&self) -> impl Iterator<Item = (Key, &str)> {
        (0..self.store.keys.len()).map(|index| Key(index as u16)).map(|key| (key, self.key_name(key)))
    }

    /// How many keys there are; they are numbered from 0.
    pub fn key_count(&self) -> usize {
        self.store.keys.len()
    }

    /// The acknowledgement that it carries.
    pub fn acks(&self) -> &Acks {
        &self.acks
    }

    /// Takes the acknowledgement out: who has it must resolve it. A stateful transform that holds
    /// events back keeps what it took until it has sent what came from them.
    pub fn take_acks(&mut self) -> Acks {
        std::mem::take(&mut self.acks)
    }

    /// Adds to the acknowledgement: what is in this batch came from there too.
    pub fn add_acks(&mut self, acks: Acks) {
        self.acks.merge(acks);
    }

    /// The state that stateful transforms are to take up before they see this batch: set by a source on the first batch of a
    /// stream that it sends from a checkpoint on, in each run and whenever it goes back there. Whatever they keep of the stream
    /// counts what is sent again already: one of which no state is given forgets the stream, so that without any they all begin anew.
    pub fn set_restore(&mut self, snapshots: Vec<Snapshot>) {
        self.restore = Some(snapshots);
    }

    /// See [`set_restore`](Self::set_restore).
    pub fn restore(&self) -> &[Snapshot] {
        self.restore.as_deref().unwrap_or_default()
    }

    /// Whether the stream is sent from a checkpoint on, also if there is [no state](Self::restore) at that.
    pub fn is_resumed(&self) -> bool {
        self.restore.is_some()
    }

    /// The stream of the first event: the unit of order. Of a batch without events, that of its first origin.
    pub fn stream(&self) -> Option<&str> {
        let origin = self.store.heads.first().map_or(0, |head| head.origin);
        self.origins.get(usize::from(origin))?.stream.as_deref()
    }

    /// Takes a note, if it takes any.
    #[inline]
    fn note(&mut self, note: impl FnOnce(&mut delta::Journal)) {
        if let Some(journal) = &mut self.journal {
            note(journal);
        }
    }

    fn push_head(&mut self, mut head: Head) {
        self.check_rows(&mut head);
        self.store.heads.push(head);
    }

    /// Every row that an event names is in the tables, or is none: a frame with another is refused.
    #[inline]
    fn check_rows(&self, head: &mut Head) {
        if usize::from(head.ty) >= self.types.len() {
            head.ty = NO_ROW;
        }
        if usize::from(head.origin) >= self.origins.len() {
            head.origin = NO_ROW;
        }
    }

    /// Where in the tail it put `text`.
    fn push_tail(&mut self, text: &[u8]) -> Result<u32, BatchFull> {
        let start = self.store.tail.len();
        if start + text.len() > MAX_SECTION_BYTES {
            return Err(BatchFull::TAIL);
        }
        self.store.tail.extend_from_slice(text);
        Ok(start as u32)
    }

    /// Whether the event was there.
    fn mark(&mut self, index: usize, flag: u16) -> bool {
        match self.store.heads.get_mut(index) {
            Some(head) if !head.has(HEAD_GONE) => {
                head.flags |= flag;
                self.gone += 1;
                true
            }
            _ => false,
        }
    }
}

/// What [`Batch::push_record`] wants to know beside the record: the same for many.
#[derive(Clone, Copy, Debug)]
pub struct RecordRow {
    /// The row of the type.
    pub ty: u16,
    /// The row of the origin.
    pub origin: u16,
    /// When the record was read.
    pub observed: Timestamp,
}

/// The head of a record at `raw` of a base of `limit` bytes, as far as it lies there.
#[inline]
fn record_head(raw: &Range<usize>, limit: usize, position: u64, record: RecordRow) -> Head {
    let end = raw.end.min(limit);
    let start = raw.start.min(end);
    Head {
        observed: record.observed.as_nanos(),
        place: Place::of_record(position),
        raw_start: start as u32,
        raw_len: (end - start) as u32,
        ty: record.ty,
        origin: record.origin,
        flags: HEAD_UNPARSED,
        ..EMPTY_HEAD
    }
}

const EMPTY_HEAD: Head = Head {
    time: 0,
    observed: 0,
    place: Place::NONE,
    fields_start: 0,
    fields_len: 0,
    raw_start: 0,
    raw_len: 0,
    ty: 0,
    origin: 0,
    port: 0,
    flags: 0,
};

fn add_row<T: PartialEq>(rows: &mut Vec<Arc<T>>, row: &Arc<T>) -> Result<u16, BatchFull> {
    if let Some(i) = rows.iter().position(|r| Arc::ptr_eq(r, row) || r == row) {
        return Ok(i as u16);
    }
    if rows.len() >= MAX_ROWS {
        return Err(BatchFull::ROWS);
    }
    rows.push(row.clone());
    Ok((rows.len() - 1) as u16)
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.put(std::mem::take(self));
        }
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
