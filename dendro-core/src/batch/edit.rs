//! Editing events in place.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::layout::{
    BatchFull, FIELD_DEAD, Field, HEAD_RAW_IN_TAIL, HEAD_SELF, HEAD_TIMED, HEAD_UNPARSED, Key, MAX_DEPTH,
    MAX_ENTRIES, MAX_ENTRIES_PER_EVENT, MAX_FIELDS_PER_EVENT, Tag,
};
use super::view::RAW_TEXT;
use super::{Batch, EventRef};
use crate::{Schema, Timestamp, ValueRef};

/// One event of a batch, to edit.
pub struct EventMut<'a> {
    batch: &'a mut Batch,
    index: usize,
}

impl<'a> EventMut<'a> {
    pub(crate) fn new(batch: &'a mut Batch, index: usize) -> Self {
        Self { batch, index }
    }

    /// To read it: all that an [`EventRef`] can do.
    pub fn view(&self) -> EventRef<'_> {
        EventRef { batch: self.batch, head: &self.batch.store.heads[self.index], index: self.index }
    }

    /// See [`EventRef::index`].
    pub fn index(&self) -> usize {
        self.index
    }

    /// See [`EventRef::get`].
    pub fn get(&self, name: &str) -> Option<ValueRef<'_>> {
        self.view().get(name)
    }

    /// Sets a field, whether it was there or not.
    ///
    /// ```
    /// use dendro_core::{Batch, Event};
    /// let mut batch = Batch::from_events([&Event::new("t").with("status", 200u64)])?;
    /// if let Some(mut event) = batch.get_mut(0) {
    ///     event.insert("status", 404u64)?;
    ///     event.insert("path", "/favicon.ico")?;
    ///     assert_eq!(event.get("status").and_then(|v| v.as_u64()), Some(404));
    /// }
    /// # Ok::<(), dendro_core::BatchFull>(())
    /// ```
    ///
    /// # Errors
    /// [`BatchFull`] if the batch or the event can't hold more; the event is as it was.
    pub fn insert<'v>(&mut self, name: &str, value: impl Into<ValueRef<'v>>) -> Result<(), BatchFull> {
        let key = self.batch.add_key(name)?;
        self.insert_key(key, value)
    }

    /// [`insert`](Self::insert) by key.
    ///
    /// # Errors
    /// As [`insert`](Self::insert); also if the key is another batch's.
    pub fn insert_key<'v>(&mut self, key: Key, value: impl Into<ValueRef<'v>>) -> Result<(), BatchFull> {
        let keys = self.batch.key_count();
        if usize::from(key.0) >= keys {
            return Err(BatchFull::foreign_key(keys));
        }
        let value = value.into();
        if matches!(value, ValueRef::Array(_) | ValueRef::Object(_)) {
            self.put_nested(key, false, |batch| batch.push_value(key, value, 0))?;
        } else {
            self.put(key, false, |batch| batch.entry(key, value))?;
        }
        let Batch { journal, store, .. } = &mut *self.batch;
        if let Some(journal) = journal {
            journal.set(self.index, key.0, value, &store.keys);
        }
        Ok(())
    }

    /// Sets a field to what `entry` gives, in the place of one that is there; with `behind`, it is written behind all
    /// others whether there is one or not.
    #[inline]
    pub(super) fn put<E: From<BatchFull>>(
        &mut self,
        key: Key,
        behind: bool,
        entry: impl FnOnce(&mut Batch) -> Result<Field, E>,
    ) -> Result<(), E> {
        let scan = self.scan_for(key, behind);
        if let Some(at) = scan.first.filter(|at| !self.batch.store.fields[*at].tag.is_nested()) {
            self.batch.store.fields[at] = entry(self.batch)?;
            if scan.others {
                let end = self.batch.store.heads[self.index].fields().end;
                self.bury(key, at + 1..end);
            }
            return Ok(());
        }
        self.push(key, &scan, |batch| {
            let entry = entry(batch)?;
            batch.store.fields.push(entry);
            Ok(())
        })
    }

    /// [`put`](Self::put) for an array or object: `write` writes its entries behind all others.
    pub(super) fn put_nested<E: From<BatchFull>>(
        &mut self,
        key: Key,
        behind: bool,
        write: impl FnOnce(&mut Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        let scan = self.scan_for(key, behind);
        self.push(key, &scan, write)
    }

    /// [`scan`](Self::scan), for a field that has nothing to do with those that are there if it is written behind them.
    fn scan_for(&self, key: Key, behind: bool) -> Scan {
        let scan = self.scan(key);
        if behind { Scan { first: None, others: false, ..scan } } else { scan }
    }

    /// Removes a field; says whether it was there. Without `message` an event that no parser has read
    /// counts as parsed: its raw text does not come back under that name.
    pub fn remove_field(&mut self, name: &str) -> bool {
        let own = self.batch.find_key(name).is_some_and(|key| self.remove_key(key));
        let derived = name == RAW_TEXT && self.view().is_unparsed();
        if derived {
            self.set_parsed();
        }
        own || derived
    }

    /// Removes the field of this key; says whether it was there. Knows none of the derived fields.
    pub fn remove_key(&mut self, key: Key) -> bool {
        let range = self.batch.store.heads[self.index].fields();
        let found = self.bury(key, range);
        if found {
            let index = self.index;
            self.batch.note(|journal| journal.remove_field(index, key.0));
        }
        found
    }

    /// Renames a field, replacing one that has the new name; says whether it was there. The `message`
    /// of an event that no parser has read can be renamed too: the event then counts as parsed.
    ///
    /// # Errors
    /// [`BatchFull`] if the batch has no room for the new name; the event is as it was.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<bool, BatchFull> {
        let own = self.batch.find_key(from).and_then(|key| self.find(key));
        let derived = from == RAW_TEXT && self.view().is_unparsed();
        if from == to || (own.is_none() && !derived) {
            return Ok(own.is_some() || derived);
        }
        let key = self.batch.add_key(to)?;
        match own {
            Some(at) => self.rename_at(at, key),
            None => {
                let raw = self.view().raw().to_vec();
                self.insert_key(key, &raw[..])?;
            }
        }
        if derived {
            self.set_parsed();
        }
        Ok(true)
    }

    /// Renames the field of this key, replacing one that has the new key.
    pub(super) fn rename_key(&mut self, from: Key, to: Key) {
        if let Some(at) = self.find(from).filter(|_| from != to) {
            self.rename_at(at, to);
        }
    }

    /// Gives the entry at `at` another key.
    fn rename_at(&mut self, at: usize, key: Key) {
        let range = self.batch.store.heads[self.index].fields();
        self.bury(key, range.clone());
        let old = std::mem::replace(&mut self.batch.store.fields[at].key, key.0);
        self.bury(Key(old), at..range.end);
        let index = self.index;
        self.batch.note(|journal| journal.rename(index, old, key.0));
    }

    /// Removes the fields for which `keep` says no; the raw text of an event that no parser has read
    /// is asked for as `message`.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, ValueRef<'_>) -> bool) {
        let range = self.batch.store.heads[self.index].fields();
        let (mut at, mut asked, mut hidden) = (range.start, false, false);
        while at < range.end {
            let field = self.batch.store.fields[at];
            if !field.is_dead() {
                let name = self.batch.store.keys.name(Key(field.key));
                let kept = keep(name, self.batch.value_at(at));
                if name == RAW_TEXT {
                    (asked, hidden) = (true, !kept);
                }
                if !kept {
                    self.batch.store.fields[at].flags |= FIELD_DEAD;
                    let index = self.index;
                    self.batch.note(|journal| journal.remove_field(index, field.key));
                }
            }
            at += field.entries();
        }
        let view = self.view();
        if view.is_unparsed() && (hidden || (!asked && !keep(RAW_TEXT, ValueRef::from(view.raw())))) {
            self.set_parsed();
        }
    }

    /// Sets or clears the time at which it happened.
    pub fn set_time(&mut self, time: Option<Timestamp>) {
        let head = &mut self.batch.store.heads[self.index];
        head.flags &= !HEAD_TIMED;
        if let Some(time) = time {
            head.time = time.as_nanos();
            head.flags |= HEAD_TIMED;
        }
        let index = self.index;
        self.batch.note(|journal| journal.time(index, time.map(Timestamp::as_nanos)));
    }

    /// Changes its type.
    ///
    /// # Errors
    /// [`BatchFull`] if the batch has no room for another type.
    pub fn set_type(&mut self, schema: &Arc<Schema>) -> Result<(), BatchFull> {
        let ty = self.batch.add_type(schema)?;
        self.set_type_row(ty);
        Ok(())
    }

    /// Changes its type to one of the batch.
    pub(super) fn set_type_row(&mut self, ty: u16) {
        let index = self.index;
        self.batch.store.heads[index].ty = ty;
        self.batch.note(|journal| journal.set_type(index, ty));
    }

    /// Chooses the output port; the transform's `ports` number them.
    pub fn set_port(&mut self, port: u16) {
        let index = self.index;
        self.batch.store.heads[index].port = port;
        self.batch.note(|journal| journal.port(index, port));
    }

    /// Says that its raw text has been read: it no longer reads as `message`.
    pub fn set_parsed(&mut self) {
        let index = self.index;
        self.batch.store.heads[index].flags &= !HEAD_UNPARSED;
        self.batch.note(|journal| journal.parsed(index));
    }

    /// Replaces its raw text, with nothing if `raw` is empty: for what must not be seen in it. The bytes that were read stay in the
    /// batch, and in frames that are made of it, until it is [compacted](Batch::compact).
    ///
    /// ```
    /// use dendro_core::{Batch, Event};
    /// let mut batch = Batch::from_events([&Event::new("t")])?;
    /// if let Some(mut event) = batch.get_mut(0) {
    ///     event.set_raw(b"user=[email]")?;
    ///     assert_eq!(event.view().raw(), b"user=[email]");
    /// }
    /// # Ok::<(), dendro_core::BatchFull>(())
    /// ```
    ///
    /// # Errors
    /// [`BatchFull`] if the batch has no room for it; the event is as it was.
    pub fn set_raw(&mut self, raw: &[u8]) -> Result<(), BatchFull> {
        let start = self.batch.push_tail(raw)?;
        let index = self.index;
        let head = &mut self.batch.store.heads[index];
        (head.raw_start, head.raw_len) = (start, raw.len() as u32);
        head.flags |= HEAD_RAW_IN_TAIL;
        self.batch.note(|journal| journal.raw(index, raw));
        Ok(())
    }

    /// Marks it as being about Dendro itself: sources in this process skip what it causes.
    pub fn mark_self(&mut self) {
        let index = self.index;
        self.batch.store.heads[index].flags |= HEAD_SELF;
        self.batch.note(|journal| journal.about_self(index));
    }

    /// Removes the event: it counts as filtered.
    pub fn remove(self) {
        self.batch.remove(self.index);
    }

    /// Sends the event to the dead letters.
    pub fn reject(self, reason: impl Into<Cow<'static, str>>) {
        self.batch.reject(self.index, reason);
    }

    /// The entry of the first live field of this key.
    fn find(&self, key: Key) -> Option<usize> {
        self.scan(key).first
    }

    fn scan(&self, key: Key) -> Scan {
        let head = &self.batch.store.heads[self.index];
        let fields = self.batch.store.fields.get(head.fields()).unwrap_or_default();
        let mut scan = Scan::default();
        let mut at = 0;
        while let Some(field) = fields.get(at) {
            let entries = field.entries();
            if !field.is_dead() {
                scan.live_fields += 1;
                scan.live_entries += entries;
                if field.key == key.0 {
                    scan.others = scan.first.is_some();
                    scan.first = scan.first.or(Some(head.fields_start as usize + at));
                }
            }
            at += entries;
        }
        scan
    }

    /// Removes the live fields of this key within `range`, of which a parser may have written several;
    /// says whether there were any.
    fn bury(&mut self, key: Key, range: Range<usize>) -> bool {
        let (mut at, mut found) = (range.start, false);
        while at < range.end {
            let field = &mut self.batch.store.fields[at];
            if field.key == key.0 && !field.is_dead() {
                field.flags |= FIELD_DEAD;
                found = true;
            }
            at += field.entries();
        }
        found
    }

    /// Adds a field behind the others, after moving them to the end where they are not there yet, in the place of
    /// those of its name.
    fn push<E: From<BatchFull>>(
        &mut self,
        key: Key,
        scan: &Scan,
        write: impl FnOnce(&mut Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        self.move_to_end(scan)?;
        let start = self.batch.store.heads[self.index].fields_start as usize;
        let (fields, tail) = (self.batch.store.fields.len(), self.batch.store.tail.len());
        let result = write(self.batch);
        let len = self.batch.store.fields.len() - start;
        let fits = if len > MAX_ENTRIES_PER_EVENT { Err(BatchFull::ENTRIES.into()) } else { Ok(()) };
        if let Err(full) = result.and(fits) {
            self.batch.store.fields.truncate(fields);
            self.batch.store.tail.truncate(tail);
            return Err(full);
        }
        self.batch.store.heads[self.index].fields_len = len as u32;
        if scan.first.is_some() {
            self.bury(key, start..fields);
        }
        Ok(())
    }

    /// Moves the live entries to the end, if they are not there already or are outnumbered by dead ones.
    fn move_to_end(&mut self, scan: &Scan) -> Result<(), BatchFull> {
        let Batch { store, .. } = &mut *self.batch;
        let head = &mut store.heads[self.index];
        let range = head.fields();
        if scan.live_fields - usize::from(scan.first.is_some()) >= MAX_FIELDS_PER_EVENT {
            return Err(BatchFull::FIELDS);
        }
        let start = store.fields.len();
        if range.end == start && range.len() <= 2 * scan.live_entries + SPARSE_ENTRIES {
            return Ok(());
        }
        if start > MAX_ENTRIES - MAX_ENTRIES_PER_EVENT {
            return Err(BatchFull::ENTRIES_IN_ALL);
        }
        if scan.live_entries == range.len() {
            store.fields.extend_from_within(range);
        } else {
            let mut at = range.start;
            while at < range.end {
                let entries = store.fields[at].entries();
                if !store.fields[at].is_dead() {
                    store.fields.extend_from_within(at..at + entries);
                }
                at += entries;
            }
        }
        head.fields_start = start as u32;
        head.fields_len = scan.live_entries as u32;
        Ok(())
    }
}

/// Dead entries that are not worth moving the others for.
const SPARSE_ENTRIES: usize = 32;

/// What one look at the fields of an event tells.
#[derive(Default)]
struct Scan {
    /// The entry of the first live field of the key that was looked for.
    first: Option<usize>,
    /// Whether there are more of that key.
    others: bool,
    live_fields: usize,
    live_entries: usize,
}

impl Batch {
    /// The entry for a value, of an array or object the one in front; text goes to the tail.
    #[inline]
    fn entry(&mut self, key: Key, value: ValueRef<'_>) -> Result<Field, BatchFull> {
        Ok(match value {
            ValueRef::Str(v) => self.tail_field(key, Tag::Str, v.as_bytes())?,
            ValueRef::Bytes(v) => self.tail_field(key, Tag::Bytes, v)?,
            ValueRef::Histogram(v) => self.tail_field(key, Tag::Histogram, v)?,
            ValueRef::Sketch(v) => self.tail_field(key, Tag::Sketch, v)?,
            ValueRef::Array(_) => Field::scalar(key, Tag::Array, 0),
            ValueRef::Object(_) => Field::scalar(key, Tag::Object, 0),
            ValueRef::Null => Field::scalar(key, Tag::Null, 0),
            ValueRef::Bool(v) => Field::scalar(key, Tag::Bool, u64::from(v)),
            ValueRef::I64(v) => Field::scalar(key, Tag::I64, v as u64),
            ValueRef::U64(v) => Field::scalar(key, Tag::U64, v),
            ValueRef::F64(v) => Field::scalar(key, Tag::F64, v.to_bits()),
            ValueRef::Timestamp(v) => Field::scalar(key, Tag::Timestamp, v.as_nanos() as u64),
            ValueRef::Duration(v) => Field::scalar(key, Tag::Duration, v.as_nanos() as u64),
        })
    }

    fn push_value(&mut self, key: Key, value: ValueRef<'_>, depth: usize) -> Result<(), BatchFull> {
        let entry = self.entry(key, value)?;
        if entry.tag.is_nested() && depth >= MAX_DEPTH {
            return Err(BatchFull::DEPTH);
        }
        let at = self.store.fields.len();
        self.store.fields.push(entry);
        match value {
            ValueRef::Array(array) => {
                for child in array.iter() {
                    self.push_value(key, child, depth + 1)?;
                }
            }
            ValueRef::Object(object) => {
                for (name, child) in object.iter() {
                    let key = self.add_key(name)?;
                    self.push_value(key, child, depth + 1)?;
                }
            }
            _ => return Ok(()),
        }
        let entries = self.store.fields.len() - at - 1;
        if entries >= MAX_ENTRIES_PER_EVENT {
            return Err(BatchFull::ENTRIES);
        }
        self.store.fields[at].len = entries as u32;
        Ok(())
    }

    pub(super) fn tail_field(&mut self, key: Key, tag: Tag, text: &[u8]) -> Result<Field, BatchFull> {
        let offset = self.push_tail(text)?;
        Ok(Field::text(key, tag, offset, text.len() as u32, true))
    }
}
