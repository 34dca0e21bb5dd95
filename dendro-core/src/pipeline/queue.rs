//! The bounded queue between components: first in, first out, limited by events and retained bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::Batch;

/// How much may wait in front of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueLimits {
    /// Events. A batch with more is let in alone.
    pub max_events: usize,
    /// Retained bytes. A batch with more is let in alone.
    pub max_bytes: usize,
}

impl Default for QueueLimits {
    /// 65,536 events, 1 MiB: enough for a component to find work waiting, and small enough to stay in the caches.
    fn default() -> Self {
        Self { max_events: 65_536, max_bytes: 1 << 20 }
    }
}

/// The pipeline is not taking in any more: what was sent is abandoned, its source has it still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the pipeline has stopped: the batch was not accepted")
    }
}

impl std::error::Error for Closed {}

/// A batch in the queue, with its place in the order of arrival.
pub(super) struct Item {
    pub(super) batch: Batch,
    /// Counts the batches of this queue.
    pub(super) seq: u64,
    /// The link of the chain behind the queue at which it begins.
    pub(super) from: usize,
    events: u32,
    bytes: u32,
    lane: usize,
}

pub(super) struct Queue {
    state: Mutex<State>,
    ready: Notify,
    events: Semaphore,
    bytes: Semaphore,
    max_events: u32,
    max_bytes: u32,
    lanes: usize,
    by_stream: bool,
}

struct State {
    items: VecDeque<Item>,
    next_seq: u64,
    senders: usize,
    closed: bool,
}

impl Queue {
    /// `lanes` consumers; with `by_stream` each stream has its lane, else whoever is free takes the
    /// next batch.
    pub(super) fn new(limits: QueueLimits, lanes: usize, by_stream: bool) -> Arc<Self> {
        let cap = |n: usize| u32::try_from(n.max(1)).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32);
        let (max_events, max_bytes) = (cap(limits.max_events), cap(limits.max_bytes));
        Arc::new(Self {
            state: Mutex::new(State { items: VecDeque::new(), next_seq: 0, senders: 0, closed: false }),
            ready: Notify::new(),
            events: Semaphore::new(max_events as usize),
            bytes: Semaphore::new(max_bytes as usize),
            max_events,
            max_bytes,
            lanes,
            by_stream,
        })
    }

    pub(super) fn sender(self: &Arc<Self>) -> QueueSender {
        self.sender_to(0)
    }

    /// A sender whose batches begin at this link of the chain behind the queue.
    pub(super) fn sender_to(self: &Arc<Self>, from: usize) -> QueueSender {
        self.lock().senders += 1;
        QueueSender { queue: self.clone(), from }
    }

    /// The next batch for this lane; `None` when there are no more and no sender is left.
    ///
    /// Cancel safe: a batch is taken only when it is returned.
    pub(super) async fn pop(&self, lane: usize) -> Option<Item> {
        loop {
            let ready = self.ready.notified();
            {
                let mut state = self.lock();
                let mine = |i: &Item| !self.by_stream || i.lane == lane;
                if let Some(at) = state.items.iter().position(mine) {
                    let item = state.items.remove(at);
                    let more = !state.items.is_empty();
                    drop(state);
                    if let Some(item) = item {
                        self.events.add_permits(item.events as usize);
                        self.bytes.add_permits(item.bytes as usize);
                        if more {
                            self.ready.notify_one();
                        }
                        return Some(item);
                    }
                    continue;
                }
                if state.senders == 0 || state.closed {
                    return None;
                }
            }
            ready.await;
        }
    }

    /// Refuses what comes and drops what is there: its tokens are abandoned.
    pub(super) fn close(&self) {
        let dropped = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.items)
        };
        self.events.close();
        self.bytes.close();
        for item in &dropped {
            self.events.add_permits(item.events as usize);
            self.bytes.add_permits(item.bytes as usize);
        }
        self.ready.notify_waiters();
        drop(dropped);
    }

    pub(super) fn depth(&self) -> (usize, usize) {
        let used = |max: u32, s: &Semaphore| (max as usize).saturating_sub(s.available_permits());
        (used(self.max_events, &self.events), used(self.max_bytes, &self.bytes))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch with more than the queue takes is let in alone.
    fn weigh<'a>(&self, batches: impl IntoIterator<Item = &'a Batch>) -> (u32, u32) {
        let sums = batches.into_iter().map(|b| (b.len(), b.retained_bytes()));
        let (events, bytes) =
            sums.fold((0usize, 0usize), |(e, b), (de, db)| (e.saturating_add(de), b.saturating_add(db)));
        let cap = |n: usize, max: u32| u32::try_from(n).unwrap_or(u32::MAX).clamp(1, max);
        (cap(events, self.max_events), cap(bytes, self.max_bytes))
    }

    /// Gives the batches back if the queue is closed.
    fn push<I: IntoIterator<Item = Batch>>(
        &self,
        batches: I,
        (mut events, mut bytes): (u32, u32),
        from: usize,
    ) -> Result<(), I> {
        let mut state = self.lock();
        if state.closed {
            return Err(batches);
        }
        // The room of all of them is given back with the first.
        for batch in batches {
            let seq = state.next_seq;
            state.next_seq += 1;
            let lane = if self.by_stream { lane_of(batch.stream(), self.lanes) } else { 0 };
            state.items.push_back(Item { batch, seq, from, events, bytes, lane });
            (events, bytes) = (0, 0);
        }
        drop(state);
        if self.by_stream {
            // Only the one lane that the batch is for can take it.
            self.ready.notify_waiters();
        }
        self.ready.notify_one();
        Ok(())
    }
}

/// FNV-1a: the lane of a stream has to be the same for all its batches, and nothing more.
fn lane_of(stream: Option<&str>, lanes: usize) -> usize {
    let hash = stream.unwrap_or_default().bytes();
    let hash = hash.fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (hash % lanes.max(1) as u64) as usize
}

pub(super) struct QueueSender {
    queue: Arc<Queue>,
    from: usize,
}

impl QueueSender {
    /// Waits for room, in the order of the calls.
    ///
    /// Cancel safe in that the batch is either in the queue or dropped, with its tokens abandoned.
    pub(super) async fn send(&self, batch: Batch) -> Result<(), Closed> {
        self.room(std::slice::from_ref(&batch)).await?.push(Some(batch)).map_err(|_| Closed)
    }

    /// Waits for room for all of these, in the order of the calls.
    ///
    /// Cancel safe.
    pub(super) async fn room(&self, batches: &[Batch]) -> Result<Room<'_>, Closed> {
        let queue = &*self.queue;
        let (events, bytes) = queue.weigh(batches);
        let for_events = queue.events.acquire_many(events).await.map_err(|_| Closed)?;
        let for_bytes = queue.bytes.acquire_many(bytes).await.map_err(|_| Closed)?;
        Ok(Room { queue, from: self.from, events: for_events, bytes: for_bytes })
    }

    /// Room for all of these, if there is some now.
    pub(super) fn try_room<'a>(
        &self,
        batches: impl IntoIterator<Item = &'a Batch>,
    ) -> Result<Option<Room<'_>>, Closed> {
        let queue = &*self.queue;
        if queue.lock().closed {
            return Err(Closed);
        }
        let (events, bytes) = queue.weigh(batches);
        let (Ok(events), Ok(bytes)) =
            (queue.events.try_acquire_many(events), queue.bytes.try_acquire_many(bytes))
        else {
            return Ok(None);
        };
        Ok(Some(Room { queue, from: self.from, events, bytes }))
    }
}

/// Room in a queue; free again when it is dropped unused.
pub(super) struct Room<'a> {
    queue: &'a Queue,
    from: usize,
    events: SemaphorePermit<'a>,
    bytes: SemaphorePermit<'a>,
}

impl Room<'_> {
    /// Puts in what it was made for; gives it back if the queue has been closed since.
    pub(super) fn push<I: IntoIterator<Item = Batch>>(self, batches: I) -> Result<(), I> {
        let Self { queue, from, events, bytes } = self;
        let weight = (events.num_permits() as u32, bytes.num_permits() as u32);
        events.forget();
        bytes.forget();
        queue.push(batches, weight, from)
    }
}

impl Clone for QueueSender {
    fn clone(&self) -> Self {
        self.queue.sender_to(self.from)
    }
}

impl Drop for QueueSender {
    fn drop(&mut self) {
        let last = {
            let mut state = self.queue.lock();
            state.senders -= 1;
            state.senders == 0
        };
        if last {
            self.queue.ready.notify_waiters();
            self.queue.ready.notify_one();
        }
    }
}
