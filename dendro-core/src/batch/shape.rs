//! What the driver does with whole batches: purge, revert, split, select, compact, and their weight.

use bytes::Bytes;

#[cfg(feature = "runtime")]
use super::layout::{BatchFull, NO_ROW};
use super::layout::{FIELD_IN_TAIL, Field, HEAD_GONE, HEAD_RAW_IN_TAIL, Head, live_runs};
use super::{Batch, EventRef, Store};

/// An event that a component has refused, and why.
#[derive(Debug)]
pub struct Rejected<'a> {
    /// The event, as far as the component had edited it; its raw text is as it was read.
    pub event: EventRef<'a>,
    /// The component's words.
    pub reason: &'a str,
}

/// What [`Batch::purge`] has taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Events that were filtered out.
    pub filtered: usize,
    /// Events that were rejected.
    pub rejected: usize,
}

impl Batch {
    /// The rejected events, until [`purge`](Self::purge) takes them out.
    pub fn rejected(&self) -> impl Iterator<Item = Rejected<'_>> {
        self.reasons.iter().filter_map(|(index, reason)| {
            let index = *index as usize;
            let head = self.store.heads.get(index)?;
            Some(Rejected { event: EventRef { batch: self, head, index }, reason })
        })
    }

    /// Takes out the events that are gone; the others are numbered anew.
    pub fn purge(&mut self) -> Purged {
        if self.gone == 0 {
            return Purged::default();
        }
        let rejected = self.reasons.len();
        let purged = Purged { filtered: self.gone - rejected, rejected };
        self.store.heads.retain(|h| !h.has(HEAD_GONE));
        self.gone = 0;
        self.reasons.clear();
        purged
    }

    /// Takes back what a failed transform did to the set of events: what it removed or rejected is
    /// there again, what it added beyond the first `events` is not. For a batch that had been purged.
    pub fn revert(&mut self, events: usize) {
        self.store.heads.truncate(events);
        self.store.heads.iter_mut().for_each(|h| h.flags &= !HEAD_GONE);
        self.gone = 0;
        self.reasons.clear();
    }

    /// Rejects every event.
    pub fn reject_all(&mut self, reason: &str) {
        for index in 0..self.end_index() {
            self.reject(index, reason.to_owned());
        }
    }

    /// A batch of the events with these numbers, in this order, over the same base; the
    /// acknowledgement is cloned. A number given twice counts once. Compacted if it would keep more
    /// than twice what it needs.
    pub fn select(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let mut taken = vec![false; self.end_index()];
        let mut heads = Vec::new();
        for index in indices {
            let head = self.store.heads.get(index).filter(|h| !h.has(HEAD_GONE));
            if let Some(head) = head.filter(|_| !std::mem::replace(&mut taken[index], true)) {
                heads.push(*head);
            }
        }
        self.select_heads(&heads)
    }

    /// Splits by the output port: the ports that occur, each with its events in order; each part has a
    /// clone of the acknowledgement and of what is to be [restored](Self::restore). Leaves the batch
    /// empty. Comes after [`purge`](Self::purge): of events that are gone nothing is left.
    pub fn split_by_port(&mut self) -> Vec<(u16, Self)> {
        let mut heads: Vec<Head> = self.live_heads().copied().collect();
        heads.sort_by_key(|h| h.port);
        let mut parts = Vec::new();
        for of_port in heads.chunk_by(|a, b| a.port == b.port) {
            let port = of_port[0].port;
            if of_port.len() == heads.len() {
                return vec![(port, std::mem::take(self))];
            }
            let mut part = self.select_heads(of_port);
            part.restore = self.restore.clone();
            parts.push((port, part));
        }
        // The parts have clones of the acknowledgement, so this share of it says nothing more.
        self.take_acks().resolve(crate::Outcome::Delivered);
        *self = Self::default();
        parts
    }

    /// Splits by stream, in the order in which the streams begin; each part as those of
    /// [`split_by_port`](Self::split_by_port).
    #[cfg(feature = "runtime")]
    pub(crate) fn split_by_stream(&mut self) -> Vec<Self> {
        let stream = |head: &Head| self.origins.get(usize::from(head.origin)).map(|o| o.stream.as_deref());
        let mut parts: Vec<(_, Vec<Head>)> = Vec::new();
        for head in self.live_heads() {
            let stream = stream(head);
            match parts.iter_mut().find(|(s, _)| *s == stream) {
                Some((_, heads)) => heads.push(*head),
                None => parts.push((stream, vec![*head])),
            }
        }
        if parts.len() <= 1 {
            return vec![std::mem::take(self)];
        }
        let select = |(_, heads): (_, Vec<Head>)| {
            let mut part = self.select_heads(&heads);
            part.restore = self.restore.clone();
            part
        };
        let parts = parts.into_iter().map(select).collect();
        self.take_acks().resolve(crate::Outcome::Delivered);
        *self = Self::default();
        parts
    }

    /// A copy that nobody has to acknowledge: for a sink that needs the events for longer than its write.
    pub fn without_acks(&self) -> Self {
        Self {
            base: self.base.clone(),
            base_keeps: self.base_keeps,
            store: self.store.clone(),
            types: self.types.clone(),
            origins: self.origins.clone(),
            gone: self.gone,
            reasons: self.reasons.clone(),
            ..Self::default()
        }
    }

    /// The event in a batch that holds nothing else, with all that the next component would see of it.
    #[cfg(feature = "runtime")]
    pub(crate) fn alone(event: EventRef<'_>) -> Result<Self, BatchFull> {
        let mut alone = Self::default();
        let raw_start = alone.push_tail(event.raw())?;
        let ty = event.schema().map(|schema| alone.add_type(schema)).transpose()?;
        let origin = event.origin().map(|origin| alone.add_origin(origin)).transpose()?;
        alone.push_head(Head {
            fields_start: 0,
            fields_len: 0,
            raw_start,
            ty: ty.unwrap_or(NO_ROW),
            origin: origin.unwrap_or(NO_ROW),
            port: 0,
            flags: (event.head.flags & !HEAD_GONE) | HEAD_RAW_IN_TAIL,
            ..*event.head
        });
        if let Some(mut copy) = alone.get_mut(0) {
            for (name, value) in event.fields() {
                copy.insert(name, value)?;
            }
        }
        Ok(alone)
    }

    /// [`select`](Self::select) by what an event is.
    pub fn select_where(&self, mut choose: impl FnMut(EventRef<'_>) -> bool) -> Self {
        let indices: Vec<usize> = self.iter().filter(|e| choose(*e)).map(|e| e.index()).collect();
        self.select(indices)
    }

    /// Sets every event's port back to the default one, for the next component.
    pub fn clear_ports(&mut self) {
        self.store.heads.iter_mut().for_each(|h| h.port = 0);
        let events = self.end_index();
        self.note(|journal| (0..events).for_each(|event| journal.port(event, 0)));
    }

    /// Copies what its events need to buffers of its own and lets go of the rest. Events that are gone
    /// stay, with their numbers, until [`purge`](Self::purge) has counted them.
    pub fn compact(&mut self) {
        // What takes notes is a copy that does not live long: who gets the notes compacts.
        if let Some(journal) = &mut self.journal {
            return journal.compact();
        }
        // Records that overlap in the base would take more room apart than together.
        let own_base = self.needs(&self.store.heads).base <= self.base_bytes();
        let mut compacted = self.rebuild(&self.store.heads, own_base);
        compacted.acks = self.take_acks();
        compacted.restore = std::mem::take(&mut self.restore);
        compacted.gone = self.gone;
        compacted.reasons = std::mem::take(&mut self.reasons);
        *self = compacted;
    }

    /// [`compact`](Self::compact), if less than half of what it retains is alive.
    pub fn compact_if_sparse(&mut self) {
        let used = self.base_bytes()
            + self.store.tail.len()
            + self.store.fields.len() * Field::BYTES
            + self.store.heads.len() * Head::BYTES;
        if self.needs(&self.store.heads).all() * 2 < used {
            self.compact();
        }
    }

    /// The bytes of raw text of its events.
    pub fn raw_bytes(&self) -> u64 {
        self.live_heads().map(|h| u64::from(h.raw_len)).sum()
    }

    /// The bytes that its live events need.
    pub fn live_bytes(&self) -> usize {
        self.needs(self.live_heads()).all()
    }

    /// The bytes of memory that it keeps, alive or not. This is what limits count.
    pub fn retained_bytes(&self) -> usize {
        self.base_bytes() + self.store.retained_bytes()
    }

    fn base_bytes(&self) -> usize {
        self.base_keeps.max(self.base.len())
    }

    pub(super) fn live_heads(&self) -> impl Iterator<Item = &Head> {
        self.store.heads.iter().filter(|h| !h.has(HEAD_GONE))
    }

    fn select_heads(&self, heads: &[Head]) -> Self {
        let own_base = self.needs(heads).base * 2 < self.base_bytes();
        let mut selected = self.rebuild(heads, own_base);
        selected.acks = self.acks.clone();
        selected
    }

    /// What these events need. Text fields are slices of their event's raw text, except for those in the
    /// tail of an event whose raw text is in the base.
    fn needs<'a>(&self, heads: impl IntoIterator<Item = &'a Head>) -> Needs {
        let mut needs = Needs::default();
        for head in heads {
            needs.heads += 1;
            needs.entries += head.fields_len as usize;
            if head.has(HEAD_RAW_IN_TAIL) {
                needs.tail += head.raw_len as usize;
            } else {
                needs.base += head.raw_len as usize;
            }
            if !self.store.tail.is_empty() {
                let fields = self.store.fields.get(head.fields()).unwrap_or_default();
                let apart =
                    |f: &&Field| f.tag.is_text() && f.in_tail() && !f.is_dead() && !within_raw(f, head);
                needs.tail += fields.iter().filter(apart).map(|f| f.len as usize).sum::<usize>();
            }
        }
        needs
    }

    /// A batch of `heads`, with a base of its own or this one's.
    fn rebuild(&self, heads: &[Head], own_base: bool) -> Self {
        let mut out = Self { types: self.types.clone(), origins: self.origins.clone(), ..Self::default() };
        let needs = self.needs(heads);
        let mut base = Vec::with_capacity(if own_base { needs.base } else { 0 });
        out.store.keys = self.store.keys.clone();
        out.store.tail.reserve_exact(needs.tail);
        out.store.fields.reserve_exact(needs.entries);
        out.store.heads.reserve_exact(needs.heads);
        for head in heads {
            let mut copy = *head;
            let raw = self.raw_of(head);
            let raw_in_tail = head.has(HEAD_RAW_IN_TAIL);
            if raw_in_tail {
                copy.raw_start = push(&mut out.store.tail, raw);
            } else if own_base {
                copy.raw_start = push(&mut base, raw);
            }
            copy.fields_start = out.store.fields.len() as u32;
            for run in live_runs(self.store.fields.get(head.fields()).unwrap_or_default()) {
                let tail = &mut out.store.tail;
                out.store.fields.extend(run.iter().map(|f| self.relocate(f, head, &copy, own_base, tail)));
            }
            copy.fields_len = (out.store.fields.len() - copy.fields_start as usize) as u32;
            out.store.heads.push(copy);
        }
        if own_base {
            out.base = Bytes::from(base);
        } else {
            out.base = self.base.clone();
            out.base_keeps = self.base_keeps;
        }
        out
    }

    /// A field with its text where the new batch has it.
    #[inline]
    fn relocate(&self, f: &Field, old: &Head, new: &Head, own_base: bool, tail: &mut Vec<u8>) -> Field {
        let mut moved = *f;
        if !f.tag.is_text() || (!f.in_tail() && !own_base) {
            return moved;
        }
        if within_raw(f, old) {
            moved.payload = u64::from(new.raw_start) + (f.payload - u64::from(old.raw_start));
        } else {
            moved.payload = u64::from(push(tail, self.text_of(f)));
            moved.flags |= FIELD_IN_TAIL;
        }
        moved
    }
}

impl Store {
    pub(super) fn retained_bytes(&self) -> usize {
        self.tail.capacity()
            + self.scratch.capacity()
            + self.keys.retained_bytes()
            + self.fields.capacity() * Field::BYTES
            + self.heads.capacity() * Head::BYTES
    }

    pub(super) fn clear(&mut self) {
        self.tail.clear();
        self.scratch.clear();
        self.keys.clear();
        self.fields.clear();
        self.heads.clear();
    }
}

/// What some events need, in bytes and entries.
#[derive(Default)]
struct Needs {
    base: usize,
    tail: usize,
    entries: usize,
    heads: usize,
}

impl Needs {
    fn all(&self) -> usize {
        self.base + self.tail + self.entries * Field::BYTES + self.heads * Head::BYTES
    }
}

/// Whether the text of a field is a slice of its event's raw text.
fn within_raw(f: &Field, head: &Head) -> bool {
    let raw = head.raw();
    let start = f.payload as usize;
    f.in_tail() == head.has(HEAD_RAW_IN_TAIL) && start >= raw.start && start + f.len as usize <= raw.end
}

fn push(section: &mut Vec<u8>, text: &[u8]) -> u32 {
    let at = section.len() as u32;
    section.extend_from_slice(text);
    at
}
