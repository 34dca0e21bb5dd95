//! What waits between the two ends, and how much of it may.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::handle::sealed::Content;

pub(super) struct Item {
    pub(super) content: Content,
    pub(super) _permits: Permits,
}

/// Room in front of the source, given back when the item has gone on into the pipeline.
pub(super) type Permits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

pub(super) struct Room {
    events: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    max_events: u32,
    max_bytes: u32,
}

impl Room {
    pub(super) fn new(max_events: usize, max_bytes: usize) -> Self {
        let cap = |n: usize| u32::try_from(n.max(1)).unwrap_or(u32::MAX >> 3).min(u32::MAX >> 3);
        let (max_events, max_bytes) = (cap(max_events), cap(max_bytes));
        let semaphore = |n: u32| Arc::new(Semaphore::new(n as usize));
        Self { events: semaphore(max_events), bytes: semaphore(max_bytes), max_events, max_bytes }
    }

    /// `None` when the source is closed.
    pub(super) async fn enter(&self, events: usize, bytes: usize) -> Option<Permits> {
        let events = self.events.clone().acquire_many_owned(cap(events, self.max_events)).await.ok()?;
        let bytes = self.bytes.clone().acquire_many_owned(cap(bytes, self.max_bytes)).await.ok()?;
        Some((events, bytes))
    }

    pub(super) fn try_enter(&self, events: usize, bytes: usize) -> Result<Permits, TryAcquireError> {
        let events = self.events.clone().try_acquire_many_owned(cap(events, self.max_events))?;
        let bytes = self.bytes.clone().try_acquire_many_owned(cap(bytes, self.max_bytes))?;
        Ok((events, bytes))
    }

    pub(super) fn close(&self) {
        self.events.close();
        self.bytes.close();
    }
}

/// What is larger than all the room takes all of it.
fn cap(n: usize, max: u32) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX).clamp(1, max)
}
