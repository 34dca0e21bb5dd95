//! Where a source sends its batches.

use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::control::{Either, Switch, first};
use super::dead_letter::DeadLetters;
use super::problem::Reporter;
use super::queue::{Closed, Queue, QueueLimits, QueueSender, Room};
use super::replay::{Entries, ReplayError};
use super::stats::{ComponentKind, ComponentStats, Stats};
use crate::ack::observed;
use crate::clock::Clock;
use crate::{Batch, BatchPool, Origin, Outcome, Receipt, SourceContext, SystemClock, acknowledgement};

/// How much memory the events of one or several pipelines may keep, from source to settlement.
///
/// ```
/// use dendro_core::MemoryBudget;
/// let shared = MemoryBudget::new(64 << 20);
/// let same = shared.clone(); // for a second pipeline
/// assert_eq!(same.available_bytes(), 64 << 20);
/// ```
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    kib: Arc<Semaphore>,
    max_kib: u32,
}

impl MemoryBudget {
    /// A budget of this many bytes, counted in KiB.
    pub fn new(bytes: usize) -> Self {
        let max_kib = u32::try_from((bytes >> 10).max(1)).unwrap_or(u32::MAX >> 3);
        Self { kib: Arc::new(Semaphore::new(max_kib as usize)), max_kib }
    }

    /// How much is free.
    pub fn available_bytes(&self) -> usize {
        self.kib.available_permits() << 10
    }

    /// A batch larger than the whole budget takes all of it.
    async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.kib.clone().acquire_many_owned(self.kib_of(bytes)).await.ok()
    }

    fn try_take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.kib.clone().try_acquire_many_owned(self.kib_of(bytes)).ok()
    }

    fn kib_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX).clamp(1, self.max_kib)
    }
}

/// What an output may take of the budget.
pub(super) struct Allowance {
    budget: MemoryBudget,
    /// A share beyond it, for one batch: what fills the budget may wait before a buffer until something has left it.
    beyond: Option<Arc<Semaphore>>,
}

impl Allowance {
    /// Of a source.
    pub(super) fn of_source(budget: MemoryBudget) -> Self {
        Self { budget, beyond: None }
    }

    /// Of the reader of a buffer.
    pub(super) fn of_buffer(budget: MemoryBudget) -> Self {
        Self { budget, beyond: Some(Arc::new(Semaphore::new(1))) }
    }

    async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let within = self.budget.take(bytes);
        match &self.beyond {
            None => within.await,
            Some(beyond) => match first(within, beyond.clone().acquire_owned()).await {
                Either::First(permit) => permit,
                Either::Second(permit) => permit.ok(),
            },
        }
    }

    fn try_take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let beyond = || self.beyond.clone()?.try_acquire_owned().ok();
        self.budget.try_take(bytes).or_else(beyond)
    }
}

/// Where a source sends its batches. Clones send to the same place; when the last one is dropped, what is behind
/// it drains.
#[derive(Clone)]
pub struct Output {
    inner: Arc<Inner>,
    /// Tells the driver when the last clone that a source has is gone.
    _lent: Option<Arc<Lent>>,
}

struct Lent(Arc<Notify>);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

struct Inner {
    fanout: Fanout,
    budget: Option<Allowance>,
    dead_letters: DeadLetters,
    stats: Arc<Stats>,
    clock: Arc<dyn Clock>,
    /// Where letters that are replayed enter; `None` for any other source.
    entries: Option<Entries>,
}

impl Output {
    /// For a source of dead letters, which has no place of its own in the pipeline.
    pub(super) fn replaying(
        entries: Entries,
        budget: Option<Allowance>,
        stats: Arc<Stats>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (fanout, dead_letters) = (Fanout::default(), DeadLetters::dropped());
        let inner = Inner { fanout, budget, dead_letters, stats, clock, entries: Some(entries) };
        Self { inner: Arc::new(inner), _lent: None }
    }

    pub(super) fn new(
        fanout: Fanout,
        budget: Option<Allowance>,
        dead_letters: DeadLetters,
        stats: Arc<Stats>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let inner = Inner { fanout, budget, dead_letters, stats, clock, entries: None };
        Self { inner: Arc::new(inner), _lent: None }
    }

    /// An output to the same place, and a future that resolves when all clones of it are gone.
    pub(super) fn lend(&self) -> (Self, impl Future<Output = ()> + use<>) {
        let gone = Arc::new(Notify::new());
        let lent = Self { inner: self.inner.clone(), _lent: Some(Arc::new(Lent(gone.clone()))) };
        (lent, async move { gone.notified().await })
    }

    /// Sends a batch; waits while the pipeline is full. Events that the source has
    /// [rejected](Batch::reject) go to the dead letters.
    ///
    /// The receipt resolves when all that came from the batch is settled.
    ///
    /// # Errors
    /// [`Closed`] if the pipeline takes nothing any more.
    ///
    /// # Cancel safety
    /// If it is dropped while it waits, the batch is dropped too: nothing of it, or a part, was accepted. A source
    /// that must not lose it sends it from a loop of its own, not from a branch of a `select`.
    pub async fn send(&self, batch: Batch) -> Result<Receipt, Closed> {
        let inner = &*self.inner;
        let permit = inner.share_of_budget(&batch).await;
        let (mut batch, receipt) = self.taken_in(batch, permit);
        inner.dead_letters.take_rejected(&mut batch, &inner.stats, inner.clock.now()).await?;
        inner.count_out(&batch);
        inner.fanout.send(batch).await?;
        Ok(receipt)
    }

    /// [`send`](Self::send) to one component alone, by its name: for a source that was given to
    /// [`PipelineBuilder::replay`](super::PipelineBuilder::replay). For the name of a source, to all that read from it.
    /// The types of the batch get the schemas that the component knows them by.
    ///
    /// # Errors
    /// [`ReplayError`]: there is no such component (the batch is given back), or the pipeline takes nothing any more.
    ///
    /// # Cancel safety
    /// As of [`send`](Self::send).
    pub async fn send_to(&self, component: &str, mut batch: Batch) -> Result<Receipt, ReplayError> {
        let inner = &*self.inner;
        let Some(entries) = &inner.entries else { return Err(ReplayError::NotReplaying(Box::new(batch))) };
        let Some(entry) = entries.find(component) else {
            let nearest = entries.nearest(component);
            let (component, batch) = (component.to_owned(), Box::new(batch));
            return Err(ReplayError::UnknownComponent { component, nearest, batch });
        };
        batch.attach_schemas(&entry.schemas);
        let permit = inner.share_of_budget(&batch).await;
        let (batch, receipt) = self.taken_in(batch, permit);
        inner.count_out(&batch);
        entry.to.send(batch).await?;
        Ok(receipt)
    }

    /// [`send`](Self::send), if there is room now.
    ///
    /// # Errors
    /// [`TrySendError`] gives the batch back.
    pub fn try_send(&self, batch: Batch) -> Result<Receipt, TrySendError> {
        let inner = &*self.inner;
        let full = |batch| Err(TrySendError::Full(Box::new(batch)));
        let closed = |batch| Err(TrySendError::Closed(Box::new(batch)));
        let now = inner.clock.now();
        let letters = inner.dead_letters.letters_of(&batch, &inner.stats, now);
        let mut rooms = Vec::with_capacity(inner.fanout.edges.len());
        for edge in &inner.fanout.edges {
            match edge.try_room([&batch]) {
                Ok(Some(room)) => rooms.push(room),
                Ok(None) => return full(batch),
                Err(Closed) => return closed(batch),
            }
        }
        let for_letters = match inner.dead_letters.try_room(&letters) {
            Ok(Some(room)) => room,
            Ok(None) => return full(batch),
            Err(Closed) => return closed(batch),
        };
        let permit = match &inner.budget {
            Some(allowance) if batch.acks().is_empty() => match allowance.try_take(batch.retained_bytes()) {
                Some(permit) => Some(permit),
                None => return full(batch),
            },
            _ => None,
        };
        // Nothing waits from here on: there is room for all of it.
        let (mut batch, receipt) = self.taken_in(batch, permit);
        if for_letters.push(&mut batch, letters, &inner.stats).is_err() {
            drop(batch.take_acks());
            return closed(batch);
        }
        inner.count_out(&batch);
        match Fanout::push(rooms, batch) {
            Ok(()) => Ok(receipt),
            Err(batch) => Err(TrySendError::Closed(batch)),
        }
    }

    /// What the source has sent so far.
    pub fn stats(&self) -> ComponentStats {
        self.inner.stats.read()
    }

    /// An output for a test of a source by itself: what it sends comes out of the [`OutputReceiver`].
    pub fn for_test(limits: QueueLimits) -> (Self, OutputReceiver) {
        let queue = Queue::new(limits, 1, false);
        let dead = Queue::new(QueueLimits { max_events: usize::MAX, max_bytes: usize::MAX }, 1, false);
        let stats = Stats::new("source".into(), ComponentKind::Source, None);
        let output = Self::new(
            Fanout { edges: vec![queue.sender()] },
            None,
            DeadLetters::to(dead.sender()),
            stats,
            Arc::new(SystemClock),
        );
        (output, OutputReceiver { queue, dead })
    }

    /// The batch with a token of its stream, and its receipt.
    fn taken_in(&self, mut batch: Batch, permit: Option<OwnedSemaphorePermit>) -> (Batch, Receipt) {
        let (events, stats) = (batch.end_index() as u64, &self.inner.stats);
        let (token, receipt) = match stats.kind {
            ComponentKind::Source => observed(stats.clone(), events),
            _ => acknowledgement(),
        };
        if let Some(permit) = permit {
            token.hold_until_settled(permit);
        }
        if let Some(stream) = batch.stream() {
            token.set_stream(stream);
        }
        batch.add_acks(crate::Acks::from(token));
        stats.taken_in(events, batch.raw_bytes());
        (batch, receipt)
    }
}

impl Inner {
    /// What comes with an acknowledgement has its share since it was taken in.
    async fn share_of_budget(&self, batch: &Batch) -> Option<OwnedSemaphorePermit> {
        match &self.budget {
            Some(allowance) if batch.acks().is_empty() => allowance.take(batch.retained_bytes()).await,
            _ => None,
        }
    }

    fn count_out(&self, batch: &Batch) {
        self.stats.events_out.add(batch.len() as u64);
        self.stats.bytes_out.add(batch.raw_bytes());
    }
}

/// Why a batch was not accepted; gives it back.
#[derive(Debug)]
pub enum TrySendError {
    /// There is no room now.
    Full(Box<Batch>),
    /// The pipeline takes nothing any more.
    Closed(Box<Batch>),
}

impl std::fmt::Display for TrySendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the pipeline is full: the batch was not accepted"),
            Self::Closed(_) => Closed.fmt(f),
        }
    }
}

impl std::error::Error for TrySendError {}

/// What a source under test has sent; see [`Output::for_test`].
pub struct OutputReceiver {
    queue: Arc<Queue>,
    dead: Arc<Queue>,
}

impl OutputReceiver {
    /// The next batch, which the test has to acknowledge; `None` when the source has let go of its output.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn recv(&self) -> Option<Batch> {
        self.queue.pop(0).await.map(|item| item.batch)
    }

    /// The next batch of dead letters, likewise.
    pub async fn recv_dead_letters(&self) -> Option<Batch> {
        self.dead.pop(0).await.map(|item| item.batch)
    }

    /// Refuses all that comes, as a pipeline does whose drain deadline has passed.
    pub fn close(&self) {
        self.queue.close();
    }
}

impl SourceContext {
    /// A context for a test of a source by itself, and the switch that tells it to stop.
    pub fn for_test(name: &str, clock: Arc<dyn Clock>) -> (Self, StopSwitch) {
        let stopping = Switch::new();
        let origin = Origin { source: Some(name.to_owned()), ..Origin::default() };
        let cx = Self {
            name: name.into(),
            origin: Arc::new(origin),
            stopping: stopping.clone(),
            clock,
            pool: BatchPool::new(8, 16 << 20),
            reporter: Reporter::default(),
        };
        (cx, StopSwitch(stopping))
    }

    /// Replaces what happens to problems, in a test.
    pub fn with_reporter(mut self, callback: impl Fn(&super::Problem) + Send + Sync + 'static) -> Self {
        self.reporter = Reporter::new(Some(Arc::new(callback)), Vec::new());
        self
    }
}

/// Tells a source under test to stop; dropping it does so too.
pub struct StopSwitch(Arc<Switch>);

impl StopSwitch {
    /// Tells it.
    pub fn stop(&self) {
        self.0.switch_on();
    }
}

impl Drop for StopSwitch {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The queues behind an output port.
#[derive(Clone, Default)]
pub(super) struct Fanout {
    pub(super) edges: Vec<QueueSender>,
}

impl Fanout {
    /// Sends to each; a batch that has nothing to tell is settled instead.
    pub(super) async fn send(&self, batch: Batch) -> Result<(), Closed> {
        let Some(batch) = unless_settled(self.edges.len(), batch) else { return Ok(()) };
        let Some((last, others)) = self.edges.split_last() else { return Ok(()) };
        for edge in others {
            edge.send(batch.clone()).await?;
        }
        last.send(batch).await
    }

    /// Puts a batch where room was made for it; gives it back, without its acknowledgement, if a queue has been closed
    /// since.
    fn push(mut rooms: Vec<Room<'_>>, batch: Batch) -> Result<(), Box<Batch>> {
        let Some(mut batch) = unless_settled(rooms.len(), batch) else { return Ok(()) };
        while let Some(room) = rooms.pop() {
            let share = if rooms.is_empty() { std::mem::take(&mut batch) } else { batch.clone() };
            if let Err(share) = room.push(Some(share)) {
                let mut refused = share.unwrap_or_default();
                drop(refused.take_acks());
                return Err(Box::new(refused));
            }
        }
        Ok(())
    }
}

/// Settles a batch that nobody reads, or that has nothing to tell: gives back any other.
fn unless_settled(readers: usize, mut batch: Batch) -> Option<Batch> {
    // The state that a stream begins with has to reach the transforms behind, even if no event does.
    let outcome = match readers {
        0 => Outcome::Dropped,
        _ if batch.is_empty() && !batch.is_resumed() => Outcome::Delivered,
        _ => return Some(batch),
    };
    batch.take_acks().resolve(outcome);
    None
}
