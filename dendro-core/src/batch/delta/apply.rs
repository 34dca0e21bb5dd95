//! Doing to a batch what a checked delta says.

use super::super::layout::{BatchFull, Field, HEAD_RAW_IN_TAIL, Key, NO_ROW, Tag};
use super::super::{Batch, EventMut};
use super::check::Plan;
use super::read::{Content, Edit, Reader};
use super::{DeltaError, Projection};
use crate::Timestamp;

pub(super) fn apply(shown: &Projection, plan: Plan<'_>, batch: &mut Batch) -> Result<(), DeltaError> {
    let mut keys = shown.keys.clone();
    for name in &plan.delta.keys {
        keys.push(batch.add_key(name)?);
    }
    let mut types: Vec<u16> = (0..shown.rows[0] as u16).collect();
    for schema in &plan.types {
        types.push(batch.add_type(schema)?);
    }
    let mut origins: Vec<u16> = (0..shown.rows[1] as u16).collect();
    for origin in &plan.origins {
        origins.push(batch.add_origin(origin)?);
    }
    let first_added = batch.end_index();
    let mut applier = Applier { shown, keys, types, origins, first_added, compacts: false, batch };
    let mut reader = Reader::new(plan.delta.edits);
    while !reader.is_empty() {
        let at = reader.at();
        applier.edit(&mut reader).map_err(|wrong| match wrong {
            Wrong::Invalid(what) => DeltaError::Invalid(what, at),
            Wrong::Full(full) => DeltaError::Full(full),
        })?;
    }
    if applier.compacts {
        applier.batch.compact();
    }
    Ok(())
}

enum Wrong {
    Invalid(&'static str),
    Full(BatchFull),
}

impl From<&'static str> for Wrong {
    fn from(what: &'static str) -> Self {
        Self::Invalid(what)
    }
}

impl From<BatchFull> for Wrong {
    fn from(full: BatchFull) -> Self {
        Self::Full(full)
    }
}

struct Applier<'a> {
    shown: &'a Projection,
    /// For each key, type and origin of frame and delta, that of the batch.
    keys: Vec<Key>,
    types: Vec<u16>,
    origins: Vec<u16>,
    /// The number that the first event gets that is added.
    first_added: usize,
    /// Whether the batch is to be compacted when all is done.
    compacts: bool,
    batch: &'a mut Batch,
}

impl Applier<'_> {
    #[inline]
    fn edit(&mut self, reader: &mut Reader<'_>) -> Result<(), Wrong> {
        let (event, edit) = reader.edit()?;
        let index = self.index(event as usize);
        match edit {
            Edit::Remove => self.batch.remove(index),
            Edit::Reject(reason) => self.batch.reject(index, String::from_utf8_lossy(reason).into_owned()),
            Edit::Append => {
                self.batch.append(index);
            }
            Edit::AppendRaw(raw) => {
                self.batch.append_assembled(index, raw)?;
            }
            Edit::Compact => self.compacts = true,
            Edit::Event { ty, origin, observed } => {
                let (ty, origin) = (row(&self.types, ty), row(&self.origins, origin));
                self.batch.push_event(ty, origin, Timestamp::from_nanos(observed));
            }
            edit => {
                // One that has been removed can still be edited, as natively.
                let mut event = EventMut::new(self.batch, index);
                match edit {
                    Edit::Port(port) => event.set_port(port),
                    Edit::Time(time) => event.set_time(time.map(Timestamp::from_nanos)),
                    Edit::Type(ty) => event.set_type_row(row(&self.types, ty)),
                    Edit::Parsed => event.set_parsed(),
                    Edit::AboutSelf => event.mark_self(),
                    Edit::Raw(raw) => event.set_raw(raw)?,
                    Edit::RemoveField(key) => {
                        event.remove_key(key_of(&self.keys, key));
                    }
                    Edit::Rename(from, to) => {
                        event.rename_key(key_of(&self.keys, from), key_of(&self.keys, to));
                    }
                    Edit::Set(key) => self.set(index, key, reader)?,
                    Edit::Write(count) => {
                        for _ in 0..count {
                            let key = reader.u16()?;
                            self.put(index, key, reader, true)?;
                        }
                        EventMut::new(self.batch, index).set_parsed();
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, index: usize, key: u16, reader: &mut Reader<'_>) -> Result<(), Wrong> {
        self.put(index, key, reader, false)
    }

    /// Sets a field, or writes it behind the others whether or not there is one of that name.
    fn put(&mut self, index: usize, key: u16, reader: &mut Reader<'_>, behind: bool) -> Result<(), Wrong> {
        let key = key_of(&self.keys, key);
        let content = reader.content()?;
        if let Content::Nested(tag, count) = content {
            let keys = &self.keys;
            let write = |batch: &mut Batch| nested(batch, index, keys, key, tag, count, reader);
            return EventMut::new(self.batch, index).put_nested(key, behind, write);
        }
        EventMut::new(self.batch, index).put(key, behind, |batch| scalar(batch, index, key, content))
    }

    fn index(&self, event: usize) -> usize {
        if event >= self.shown.event_count {
            return self.first_added + (event - self.shown.event_count);
        }
        match &self.shown.events {
            Some(events) => events.get(event).map_or(event, |index| *index as usize),
            None => event,
        }
    }
}

/// Writes an array or object behind all other entries.
fn nested(
    batch: &mut Batch,
    index: usize,
    keys: &[Key],
    key: Key,
    tag: Tag,
    count: u32,
    reader: &mut Reader<'_>,
) -> Result<(), Wrong> {
    let at = batch.store.fields.len();
    batch.store.fields.push(Field::scalar(key, tag, 0));
    for _ in 0..count {
        let key = if tag == Tag::Object { key_of(keys, reader.u16()?) } else { key };
        match reader.content()? {
            Content::Nested(tag, count) => nested(batch, index, keys, key, tag, count, reader)?,
            content => {
                let field = scalar(batch, index, key, content)?;
                batch.store.fields.push(field);
            }
        }
    }
    batch.store.fields[at].len = (batch.store.fields.len() - at - 1) as u32;
    Ok(())
}

/// The entry for a value that is not nested; its text goes to the tail.
#[inline]
fn scalar(batch: &mut Batch, index: usize, key: Key, content: Content<'_>) -> Result<Field, Wrong> {
    Ok(match content {
        Content::Scalar(tag, bits) => Field::scalar(key, tag, bits),
        Content::Text(tag, text) => batch.tail_field(key, tag, text)?,
        Content::InRaw(tag, at, len) => {
            let head = batch.store.heads.get(index).ok_or("an event that there is not")?;
            Field::text(key, tag, head.raw_start + at, len, head.has(HEAD_RAW_IN_TAIL))
        }
        Content::Nested(..) => return Err("a nested value where there can be none".into()),
    })
}

fn row(rows: &[u16], row: u16) -> u16 {
    rows.get(usize::from(row)).copied().unwrap_or(NO_ROW)
}

fn key_of(keys: &[Key], key: u16) -> Key {
    keys.get(usize::from(key)).copied().unwrap_or(Key(NO_ROW))
}
