//! Where a source sends its batches.

use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::dead_letter::DeadLetters;
use super::problem::Reporter;
use super::queue::{Closed, Queue, QueueLimits, QueueSender};
use super::stats::{ComponentKind, ComponentStats, Stats};
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
    budget: Option<MemoryBudget>,
    dead_letters: DeadLetters,
    stats: Arc<Stats>,
    clock: Arc<dyn Clock>,
}

impl Output {
    pub(super) fn new(
        fanout: Fanout,
        budget: Option<MemoryBudget>,
        dead_letters: DeadLetters,
        stats: Arc<Stats>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { inner: Arc::new(Inner { fanout, budget, dead_letters, stats, clock }), _lent: None }
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
        let permit = match &self.inner.budget {
            Some(budget) => budget.take(batch.retained_bytes()).await,
            None => None,
        };
        self.accept(batch, permit).await
    }

    /// [`send`](Self::send), if there is room now.
    ///
    /// # Errors
    /// [`TrySendError`] gives the batch back.
    pub fn try_send(&self, batch: Batch) -> Result<Receipt, TrySendError> {
        for edge in &self.inner.fanout.edges {
            match edge.has_room(&batch) {
                Ok(true) => {}
                Ok(false) => return Err(TrySendError::Full(Box::new(batch))),
                Err(Closed) => return Err(TrySendError::Closed(Box::new(batch))),
            }
        }
        let permit = match &self.inner.budget {
            Some(budget) => match budget.try_take(batch.retained_bytes()) {
                Some(permit) => Some(permit),
                None => return Err(TrySendError::Full(Box::new(batch))),
            },
            None => None,
        };
        // Another sender may have taken the room since. Then the batch can't be given back, so a task of its
        // own waits for room; the next call sees a full queue.
        let this = self.clone();
        let mut sending = Box::pin(async move { this.accept(batch, permit).await });
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match sending.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(Ok(receipt)) => Ok(receipt),
            std::task::Poll::Ready(Err(Closed)) => Err(TrySendError::Closed(Box::default())),
            std::task::Poll::Pending => {
                let (token, receipt) = acknowledgement();
                tokio::spawn(async move {
                    if let Ok(inner) = sending.await {
                        let settlement = inner.await;
                        settlement.snapshots.into_iter().for_each(|s| token.attach_snapshot(s));
                        token.resolve(settlement.outcome);
                    }
                });
                Ok(receipt)
            }
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

    async fn accept(
        &self,
        mut batch: Batch,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Receipt, Closed> {
        let inner = &*self.inner;
        let (token, receipt) = acknowledgement();
        if let Some(permit) = permit {
            token.hold_until_settled(permit);
        }
        batch.add_acks(crate::Acks::from(token));
        inner.stats.events_in.add(batch.end_index() as u64);
        inner.stats.bytes_in.add(batch.raw_bytes());
        inner.dead_letters.take_rejected(&mut batch, &inner.stats, inner.clock.now()).await?;
        inner.stats.events_out.add(batch.len() as u64);
        inner.stats.bytes_out.add(batch.raw_bytes());
        inner.fanout.send(batch).await?;
        Ok(receipt)
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
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let origin = Origin { source: Some(name.to_owned()), ..Origin::default() };
        let cx = Self {
            name: name.into(),
            origin: Arc::new(origin),
            stopping,
            clock,
            pool: BatchPool::new(8, 16 << 20),
            reporter: Reporter::default(),
        };
        (cx, StopSwitch(stop))
    }

    /// Replaces what happens to problems, in a test.
    pub fn with_reporter(mut self, callback: impl Fn(&super::Problem) + Send + Sync + 'static) -> Self {
        self.reporter = Reporter::new(Some(Arc::new(callback)), Vec::new());
        self
    }
}

/// Tells a source under test to stop; dropping it does so too.
pub struct StopSwitch(tokio::sync::watch::Sender<bool>);

impl StopSwitch {
    /// Tells it.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// The queues behind an output port.
#[derive(Clone, Default)]
pub(super) struct Fanout {
    pub(super) edges: Vec<QueueSender>,
}

impl Fanout {
    /// Sends to each; a batch that has nothing to tell is settled instead.
    pub(super) async fn send(&self, mut batch: Batch) -> Result<(), Closed> {
        let Some((last, others)) = self.edges.split_last() else {
            batch.take_acks().resolve(Outcome::Dropped);
            return Ok(());
        };
        // The state that a stream begins with has to reach the transforms behind, even if no event does.
        if batch.is_empty() && batch.restore().is_empty() {
            batch.take_acks().resolve(Outcome::Delivered);
            return Ok(());
        }
        for edge in others {
            edge.send(batch.clone()).await?;
        }
        last.send(batch).await
    }
}
