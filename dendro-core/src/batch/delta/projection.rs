//! A batch as a guest sees it, and back again.

use std::sync::Arc;

use bytes::Bytes;

use super::super::frame::{FrameWriter, from_frame};
use super::super::layout::{Field, HEAD_RAW_IN_TAIL, HEAD_UNPARSED, Head, Key};
use super::super::view::RAW_TEXT;
use super::super::{Batch, BatchFull, FrameError};
use super::{DeltaError, Journal, apply, check};
use crate::{Origin, Schema};

/// Names of fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// All that there are.
    All,
    /// These.
    Some(Vec<String>),
}

impl Default for Names {
    fn default() -> Self {
        Self::Some(Vec::new())
    }
}

impl Names {
    /// Whether `name` is one of them.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.iter().any(|n| n == name),
        }
    }

    fn add(&mut self, name: String) {
        if let Self::Some(names) = self
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
}

/// What a transform has declared that it looks at and changes. What it has not is invisible to it.
///
/// `message` stands for the raw text of events that no parser has read, too; the names of [`Origin`]'s fields for those.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access {
    /// The fields that it sees.
    pub reads: Names,
    /// The fields that it may set, remove and rename.
    pub writes: Names,
}

impl Access {
    /// Everything.
    pub fn all() -> Self {
        Self { reads: Names::All, writes: Names::All }
    }

    /// Adds a field that it sees.
    pub fn reads(mut self, name: impl Into<String>) -> Self {
        self.reads.add(name.into());
        self
    }

    /// Adds a field that it may change. To see it, it has to [read](Self::reads) it.
    pub fn writes(mut self, name: impl Into<String>) -> Self {
        self.writes.add(name.into());
        self
    }
}

/// The host's side of the border: what was shown of a batch, so that what comes back can be understood.
///
/// Its buffers are used again for the next batch.
///
/// ```
/// use dendro_core::batch::delta::{Access, Projection};
/// use dendro_core::{Batch, Event};
///
/// let access = Access::default().reads("user").writes("user");
/// let mut batch = Batch::from_events([&Event::new("t").with("user", "ann").with("status", 200u64)])?;
/// let (mut projection, mut frame, mut delta) = (Projection::default(), Vec::new(), Vec::new());
/// projection.write(&batch, &access, &mut frame)?;
///
/// // In the guest:
/// let mut seen = Batch::from_projection(&frame.into())?;
/// let mut event = seen.get_mut(0).unwrap();
/// assert!(event.get("status").is_none());
/// event.insert("user", "***")?;
/// seen.write_delta(&mut delta)?;
///
/// projection.apply(&delta, &mut batch, &access, &[])?;
/// assert_eq!(batch.get(0).unwrap().get("user").unwrap().as_str(), Some("***"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Projection {
    /// For each key of the batch, that of the frame.
    shown_as: Vec<u16>,
    /// For each key of the frame, that of the batch.
    pub(super) keys: Vec<Key>,
    /// Whether the fields of each key of the batch are shown.
    visible: Vec<bool>,
    /// For each event of the frame, its number in the batch, if they differ.
    pub(super) events: Option<Vec<u32>>,
    pub(super) event_count: usize,
    /// How many types and origins the frame has.
    pub(super) rows: [usize; 2],
    /// Whether the raw text of unparsed events was shown.
    pub(super) shows_raw: bool,
    /// How many entries the event has that has the most, those that are not shown included.
    pub(super) most_entries: usize,
    fields: Vec<u8>,
    heads: Vec<u8>,
    /// The origins that were shown, as they were shown and as they are.
    pub(super) origins: Vec<(Arc<Origin>, Arc<Origin>)>,
}

/// Origins that are remembered for what a transform emits later.
const MAX_ORIGINS: usize = 4_096;
const HIDDEN: u16 = u16::MAX;

impl Projection {
    /// Appends what of the batch may be seen, as a frame without checksums.
    ///
    /// # Errors
    /// [`BatchFull`] if that is more text than a batch may have: fields can overlap in the batch, but not in the frame.
    pub fn write(&mut self, batch: &Batch, access: &Access, out: &mut Vec<u8>) -> Result<(), BatchFull> {
        self.choose_keys(batch, access);
        self.fields.clear();
        self.heads.clear();
        self.most_entries = 0;
        self.event_count = batch.len();
        self.rows = [batch.types.len(), batch.origins.len()];
        self.events = (batch.gone > 0).then(|| batch.iter().map(|e| e.index() as u32).collect());
        let shows_raw = access.reads.has(RAW_TEXT);
        self.shows_raw = shows_raw;
        let mut frame = FrameWriter::begin(out);
        for event in batch.iter() {
            let head = event.head;
            let mut shown = Head {
                fields_start: (self.fields.len() / Field::BYTES) as u32,
                raw_start: 0,
                raw_len: 0,
                flags: head.flags & !(HEAD_UNPARSED | HEAD_RAW_IN_TAIL),
                ..*head
            };
            if shows_raw && head.has(HEAD_UNPARSED) {
                let raw = batch.raw_of(head);
                (shown.raw_start, shown.raw_len) = (frame.base(raw), raw.len() as u32);
                shown.flags |= HEAD_UNPARSED;
            }
            let fields = batch.store.fields.get(head.fields()).unwrap_or_default();
            self.most_entries = self.most_entries.max(fields.len());
            self.write_fields(batch, fields, &mut frame);
            shown.fields_len = (self.fields.len() / Field::BYTES) as u32 - shown.fields_start;
            self.heads.extend_from_slice(&shown.to_bytes());
        }
        let origins: Vec<Arc<Origin>> = batch.origins.iter().map(|o| self.show_origin(o, access)).collect();
        let keys = self.keys.iter().map(|key| batch.key_name(*key));
        frame.finish(keys, &batch.types, &origins, &self.fields, &self.heads)
    }

    /// Applies what a transform has done to the batch that it was [shown](Self::write): all of it, or nothing. `schemas`
    /// are the types that it may give events beside those that the batch has.
    ///
    /// # Errors
    /// [`DeltaError`] if anything about the delta is wrong. The batch is as it was.
    pub fn apply(
        &mut self,
        delta: &[u8],
        batch: &mut Batch,
        access: &Access,
        schemas: &[Arc<Schema>],
    ) -> Result<(), DeltaError> {
        let plan = check::check(self, delta, batch, access, schemas)?;
        if plan.fits {
            return apply::apply(self, plan, batch);
        }
        // It may turn out in the middle that there is no room.
        let mut copy = batch.clone_for_edits();
        apply::apply(self, plan, &mut copy)?;
        batch.take_edits(copy);
        Ok(())
    }

    /// Forgets the batch, for a delta that came from none: what is flushed.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.events = None;
        self.event_count = 0;
        self.rows = [0; 2];
        self.most_entries = 0;
    }

    fn choose_keys(&mut self, batch: &Batch, access: &Access) {
        let count = batch.key_count();
        self.shown_as.clear();
        self.shown_as.resize(count, HIDDEN);
        self.keys.clear();
        self.visible.clear();
        match &access.reads {
            Names::All => self.visible.resize(count, true),
            Names::Some(names) => {
                self.visible.resize(count, false);
                for key in names.iter().filter_map(|name| batch.find_key(name)) {
                    self.visible[key.index()] = true;
                }
            }
        }
        for index in (0..count).filter(|i| self.visible[*i]) {
            self.shown_as[index] = self.keys.len() as u16;
            self.keys.push(Key(index as u16));
        }
    }

    fn write_fields(&mut self, batch: &Batch, fields: &[Field], frame: &mut FrameWriter<'_>) {
        let mut rest = fields;
        while let Some(first) = rest.first() {
            let (entries, after) = rest.split_at(first.entries().min(rest.len()));
            rest = after;
            if first.is_dead() || !self.visible.get(usize::from(first.key)).is_some_and(|v| *v) {
                continue;
            }
            for field in entries {
                let mut shown = Field { key: self.show_key(field.key), flags: 0, ..*field };
                if field.tag.is_text() {
                    shown.payload = u64::from(frame.base(batch.text_of(field)));
                }
                self.fields.extend_from_slice(&shown.to_bytes());
            }
        }
    }

    /// The frame's key for one of the batch: the fields of an object that is shown are shown with it.
    #[inline]
    fn show_key(&mut self, key: u16) -> u16 {
        match self.shown_as.get_mut(usize::from(key)) {
            Some(slot) => {
                if *slot == HIDDEN {
                    *slot = self.keys.len() as u16;
                    self.keys.push(Key(key));
                }
                *slot
            }
            None => 0,
        }
    }

    fn show_origin(&mut self, origin: &Arc<Origin>, access: &Access) -> Arc<Origin> {
        if let Some((shown, _)) =
            self.origins.iter().find(|(_, whole)| Arc::ptr_eq(whole, origin) || whole == origin)
        {
            return shown.clone();
        }
        let part = |name: &str, value: &Option<String>| value.clone().filter(|_| access.reads.has(name));
        let shown = Arc::new(Origin {
            host: part("host", &origin.host),
            service: part("service", &origin.service),
            source: part("source", &origin.source),
            tenant: part("tenant", &origin.tenant),
            stream: part("stream", &origin.stream),
            identity: None,
            tags: origin.tags.iter().filter(|(name, _)| access.reads.has(name)).cloned().collect(),
        });
        if self.origins.len() >= MAX_ORIGINS {
            self.origins.remove(0);
        }
        self.origins.push((shown.clone(), origin.clone()));
        shown
    }
}

impl Batch {
    /// Reads what [`Projection::write`] has written, and takes notes of what is done to it from then on.
    ///
    /// # Errors
    /// [`FrameError`] if anything about it is wrong.
    pub fn from_projection(bytes: &Bytes) -> Result<Self, FrameError> {
        let mut batch = from_frame::<false>(bytes, Default::default())?;
        batch.journal = Some(Box::new(Journal::new(&batch)));
        Ok(batch)
    }

    /// A copy to try edits on. The acknowledgement stays here.
    fn clone_for_edits(&self) -> Self {
        Self { acks: Default::default(), ..self.clone() }
    }

    /// Takes over what was done to a copy.
    fn take_edits(&mut self, copy: Self) {
        let acks = self.take_acks();
        *self = copy;
        self.acks = acks;
    }
}
