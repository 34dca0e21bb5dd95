//! Events that have come before.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dendro_core::{Acks, Batch, EventRef, Receipt, Transform, TransformError, acknowledgement};
use xxhash_rust::xxh3::xxh3_128;

use crate::field::Bindings;
use crate::{ConfigError, Field, scalar};

/// Drops events that are equal to one that came within a time before; they count as filtered.
///
/// Equal are events with the same values of the [fields](Self::by), or, without any, with the same raw text; events that were not read from text with the
/// same type, time and fields. What is kept of an event is a hash of 128 bits and when it was read.
///
/// **Nothing is lost by it.** If the first of some equal events could not be delivered, the one that its source sends again
/// is no duplicate. What is known is gone after a restart: then a duplicate may pass. A clone shares what is known, so that
/// the lanes of a pipeline know it together; which of two equal events of different streams comes first is chance.
///
/// ```
/// use std::time::Duration;
/// use dendro_core::{Batch, Event, Transform};
/// use dendro_transforms::Dedupe;
///
/// let mut dedupe = Dedupe::within(Duration::from_secs(300)).by(["request_id"]);
/// let of = |id: &str| Event::new("t").with("request_id", id);
/// let mut batch = Batch::from_events([&of("a"), &of("b"), &of("a")])?;
/// dedupe.transform(&mut batch)?;
/// assert_eq!(batch.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dedupe {
    within: i64,
    key: Vec<Field>,
    max_events: usize,
    seen: Arc<Mutex<Seen>>,
    room: Vec<u8>,
}

#[derive(Debug, Default)]
struct Seen {
    /// When each was read, in nanoseconds.
    at: HashMap<u128, i64>,
    /// In the order in which they came; an entry whose time is not the one above is stale.
    order: VecDeque<(u128, i64)>,
    /// What was new in a batch of which it is not known yet whether it was delivered.
    pending: Vec<(Receipt, Vec<u128>)>,
}

impl Dedupe {
    /// Drops what is equal to an event that was read no longer than this before.
    pub fn within(time: Duration) -> Self {
        Self {
            within: i64::try_from(time.as_nanos()).unwrap_or(i64::MAX),
            key: Vec::new(),
            max_events: 100_000,
            seen: Arc::default(),
            room: Vec::new(),
        }
    }

    /// Events are equal if these fields are. A missing field is equal to a missing one.
    pub fn by<F: Into<Field>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.key.extend(fields.into_iter().map(Into::into));
        self
    }

    /// How many events are remembered, the latest. 100,000 by default, which take about 8 MiB.
    ///
    /// # Errors
    /// [`ConfigError`] if it is 0.
    pub fn max_events(mut self, events: usize) -> Result<Self, ConfigError> {
        if events == 0 {
            return Err(ConfigError::new("no event would be remembered: 1 is the least"));
        }
        self.max_events = events;
        Ok(self)
    }

    fn hash(&mut self, bindings: &Bindings, event: EventRef<'_>) -> u128 {
        self.room.clear();
        if !self.key.is_empty() {
            for (field, bound) in self.key.iter().zip(bindings.of(event)) {
                match field.get(*bound, event) {
                    Some(value) => scalar::write_by_value(value, &mut self.room),
                    None => scalar::write(None, &mut self.room),
                }
            }
        } else if !event.raw().is_empty() {
            return xxh3_128(event.raw());
        } else {
            scalar::write(Some(event.event_type().into()), &mut self.room);
            scalar::write(event.time().map(Into::into), &mut self.room);
            for (name, value) in event.fields() {
                scalar::write(Some(name.into()), &mut self.room);
                scalar::write(Some(value), &mut self.room);
            }
        }
        xxh3_128(&self.room)
    }
}

impl Seen {
    /// What could not be delivered has not been seen.
    fn settle(&mut self) {
        let Self { at, pending, .. } = self;
        pending.retain_mut(|(receipt, hashes)| {
            let Some(settlement) = receipt.try_settle() else { return true };
            if !settlement.outcome.is_settled() {
                for hash in hashes.iter() {
                    at.remove(hash);
                }
            }
            false
        });
    }

    fn forget_oldest(&mut self) {
        if let Some((hash, read)) = self.order.pop_front()
            && self.at.get(&hash) == Some(&read)
        {
            self.at.remove(&hash);
        }
    }

    /// Whether it is new.
    fn take(&mut self, hash: u128, now: i64, within: i64, max: usize) -> bool {
        while self.order.front().is_some_and(|(_, read)| now.saturating_sub(*read) > within) {
            self.forget_oldest();
        }
        if self.at.get(&hash).is_some_and(|read| now.saturating_sub(*read) <= within) {
            return false;
        }
        while self.order.len() >= max {
            self.forget_oldest();
        }
        self.at.insert(hash, now);
        self.order.push_back((hash, now));
        true
    }
}

impl Transform for Dedupe {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let bindings = Bindings::new(&self.key, batch);
        let shared = self.seen.clone();
        // What a panic leaves is knowledge like any other.
        let mut seen = shared.lock().unwrap_or_else(PoisonError::into_inner);
        seen.settle();
        let mut new = Vec::new();
        for index in 0..batch.end_index() {
            let Some(event) = batch.get(index) else { continue };
            let (hash, now) = (self.hash(&bindings, event), event.observed().as_nanos());
            if seen.take(hash, now, self.within, self.max_events) {
                new.push(hash);
            } else {
                batch.remove(index);
            }
        }
        if !new.is_empty() {
            // In front of the source's, so that this is known before the source sends again.
            let (token, receipt) = acknowledgement();
            let source = batch.take_acks();
            batch.add_acks(Acks::from(token));
            batch.add_acks(source);
            seen.pending.push((receipt, new));
        }
        Ok(())
    }
}
