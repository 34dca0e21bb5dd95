//! What is checked of a delta before any of it is applied.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::layout::{
    Key, MAX_DEPTH, MAX_ENTRIES, MAX_ENTRIES_PER_EVENT, MAX_FIELDS_PER_EVENT, MAX_ROWS, MAX_SECTION_BYTES,
    NO_ROW, Tag,
};
use super::super::view::RAW_TEXT;
use super::super::{Batch, HEAD_UNPARSED};
use super::read::{Content, Delta, Edit, Reader};
use super::{Access, DeltaError, Projection};
use crate::{Origin, Schema};

/// A delta that can be applied.
pub(super) struct Plan<'a> {
    pub(super) delta: Delta<'a>,
    /// The schemas and origins behind those of the frame.
    pub(super) types: Vec<Arc<Schema>>,
    pub(super) origins: Vec<Arc<Origin>>,
    /// Whether the batch certainly has room for it.
    pub(super) fits: bool,
}

pub(super) fn check<'a>(
    shown: &Projection,
    bytes: &'a [u8],
    batch: &Batch,
    access: &Access,
    schemas: &[Arc<Schema>],
) -> Result<Plan<'a>, DeltaError> {
    let delta = Delta::read(bytes)?;
    if delta.events != shown.event_count {
        return Err(DeltaError::Invalid("it is about another number of events than the frame had", 36));
    }
    let types =
        delta.types.iter().map(|name| known_type(name, batch, schemas)).collect::<Result<Vec<_>, _>>()?;
    let origins = delta.origins.iter().map(|o| known_origin(o, shown)).collect::<Result<Vec<_>, _>>()?;
    let names = shown.keys.iter().map(|key: &Key| batch.key_name(*key)).chain(delta.keys.iter().copied());
    let names: Vec<&str> = names.collect();
    let mut checker = Checker {
        reader: Reader::new(delta.edits),
        writable: names.iter().map(|name| access.writes.has(name)).collect(),
        rows: [shown.rows[0] + types.len(), shown.rows[1] + origins.len()],
        events: shown.event_count,
        shown,
        batch,
        frame_events: shown.event_count,
        sets: vec![0; shown.event_count],
        most_sets: 0,
        text: 0,
        entries: 0,
        in_event: 0,
        raw: HashMap::new(),
        raw_is_writable: access.writes.has(RAW_TEXT),
    };
    let start = bytes.len() - delta.edits.len();
    while !checker.reader.is_empty() {
        let at = checker.reader.at();
        checker.edit().map_err(|wrong| match wrong {
            Wrong::Invalid(what) => DeltaError::Invalid(what, start + at),
            Wrong::Undeclared(key) => {
                DeltaError::Undeclared(names.get(usize::from(key)).copied().unwrap_or_default().to_owned())
            }
            Wrong::RawText => DeltaError::Undeclared(RAW_TEXT.to_owned()),
        })?;
    }
    // Moving an event's fields to the end takes as many entries again.
    let entries = batch.store.fields.len() + checker.entries + batch.end_index() * shown.most_entries;
    let fits = checker.most_sets + shown.most_entries <= MAX_FIELDS_PER_EVENT
        && batch.store.tail.len() + checker.text <= MAX_SECTION_BYTES
        && entries <= MAX_ENTRIES - MAX_ENTRIES_PER_EVENT
        && batch.key_count() + delta.keys.len() <= usize::from(u16::MAX) / 2
        && batch.types.len() + types.len() <= MAX_ROWS
        && batch.origins.len() + origins.len() <= MAX_ROWS;
    Ok(Plan { delta, types, origins, fits })
}

fn known_type(name: &str, batch: &Batch, schemas: &[Arc<Schema>]) -> Result<Arc<Schema>, DeltaError> {
    let known = schemas.iter().chain(&batch.types).find(|schema| schema.name == name);
    known.cloned().ok_or_else(|| DeltaError::UnknownType(name.to_owned()))
}

/// The whole origin of which a transform was shown a part. It can't make one up.
fn known_origin(origin: &Arc<Origin>, shown: &Projection) -> Result<Arc<Origin>, DeltaError> {
    let known = shown.origins.iter().rev().find(|(part, _)| part == origin);
    match known {
        Some((_, whole)) => Ok(whole.clone()),
        None if **origin == Origin::default() => Ok(origin.clone()),
        None => Err(DeltaError::UnknownOrigin),
    }
}

enum Wrong {
    Invalid(&'static str),
    Undeclared(u16),
    /// It edits raw text, and has not declared that it does.
    RawText,
}

impl From<&'static str> for Wrong {
    fn from(what: &'static str) -> Self {
        Self::Invalid(what)
    }
}

struct Checker<'a> {
    reader: Reader<'a>,
    /// For each key of frame and delta, whether a field of that name may be changed.
    writable: Vec<bool>,
    /// How many types and origins there are.
    rows: [usize; 2],
    /// How many events there are so far.
    events: usize,
    frame_events: usize,
    shown: &'a Projection,
    batch: &'a Batch,
    /// For each event, how many fields are set.
    sets: Vec<usize>,
    most_sets: usize,
    text: usize,
    entries: usize,
    /// Entries of the value that is being looked at.
    in_event: usize,
    /// How long the raw text is that an event was given.
    raw: HashMap<usize, u64>,
    raw_is_writable: bool,
}

impl Checker<'_> {
    fn edit(&mut self) -> Result<(), Wrong> {
        let (event, edit) = self.reader.edit()?;
        let event = event as usize;
        if event >= self.events && !matches!(edit, Edit::Event { .. } | Edit::Compact) {
            return Err("an event that there is not".into());
        }
        match edit {
            Edit::Remove | Edit::Port(_) | Edit::Time(_) | Edit::Parsed | Edit::AboutSelf | Edit::Compact => {
            }
            Edit::Reject(reason) => {
                std::str::from_utf8(reason).map_err(|_| "a reason that is not UTF-8")?;
            }
            Edit::Type(row) => self.row(row, 0)?,
            Edit::Set(key) => {
                self.writable(key)?;
                self.count_sets(event, 1);
                self.in_event = 0;
                self.value(event, 0)?;
            }
            Edit::RemoveField(key) => self.writable(key)?,
            Edit::Rename(from, to) => {
                self.writable(from)?;
                self.writable(to)?;
            }
            Edit::Append => self.add(),
            Edit::AppendRaw(raw) => {
                self.raw_text(self.events, raw);
                self.add();
            }
            Edit::Raw(_) if !self.raw_is_writable => return Err(Wrong::RawText),
            Edit::Raw(raw) => self.raw_text(event, raw),
            Edit::Event { ty, origin, .. } => {
                self.row(ty, 0)?;
                self.row(origin, 1)?;
                self.add();
            }
            Edit::Write(count) => {
                self.count_sets(event, usize::from(count));
                self.in_event = 0;
                for _ in 0..count {
                    let key = self.reader.u16()?;
                    self.writable(key)?;
                    self.value(event, 0)?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self) {
        self.events += 1;
        self.sets.push(0);
    }

    fn raw_text(&mut self, event: usize, raw: &[u8]) {
        self.raw.insert(event, raw.len() as u64);
        self.text += raw.len();
    }

    fn count_sets(&mut self, event: usize, count: usize) {
        if let Some(sets) = self.sets.get_mut(event) {
            *sets += count;
            self.most_sets = self.most_sets.max(*sets);
        }
    }

    fn row(&self, row: u16, table: usize) -> Result<(), Wrong> {
        match row == NO_ROW || usize::from(row) < self.rows[table] {
            true => Ok(()),
            false => Err("a type or origin that there is not".into()),
        }
    }

    fn writable(&self, key: u16) -> Result<(), Wrong> {
        match self.writable.get(usize::from(key)) {
            Some(true) => Ok(()),
            Some(false) => Err(Wrong::Undeclared(key)),
            None => Err("a key that there is not".into()),
        }
    }

    fn value(&mut self, event: usize, depth: usize) -> Result<(), Wrong> {
        self.entries += 1;
        self.in_event += 1;
        if self.in_event > MAX_ENTRIES_PER_EVENT {
            return Err("more nested values than an event may have".into());
        }
        match self.reader.content()? {
            Content::Scalar(..) => {}
            Content::Text(tag, text) => {
                self.text += text.len();
                if tag == Tag::Str {
                    std::str::from_utf8(text).map_err(|_| "text that is not UTF-8")?;
                }
            }
            Content::InRaw(_, at, len) => {
                if u64::from(at) + u64::from(len) > self.raw_len(event) {
                    return Err("text beyond the end of the raw text".into());
                }
            }
            Content::Nested(tag, count) => {
                if depth >= MAX_DEPTH {
                    return Err("a value that is nested too deep".into());
                }
                for _ in 0..count {
                    if tag == Tag::Object && usize::from(self.reader.u16()?) >= self.writable.len() {
                        return Err("a key that there is not".into());
                    }
                    self.value(event, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// How much raw text of the event the transform was shown, or has given it.
    fn raw_len(&self, event: usize) -> u64 {
        if let Some(len) = self.raw.get(&event) {
            return *len;
        }
        if event >= self.frame_events || !self.shown.shows_raw {
            return 0;
        }
        let index = match &self.shown.events {
            Some(events) => events.get(event).map_or(usize::MAX, |index| *index as usize),
            None => event,
        };
        let head = self.batch.store.heads.get(index).filter(|head| head.has(HEAD_UNPARSED));
        head.map_or(0, |head| u64::from(head.raw_len))
    }
}
