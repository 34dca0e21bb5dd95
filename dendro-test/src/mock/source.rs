//! A source that sends what a test has scripted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dendro_core::{Batch, Outcome, Output, Settlement, Snapshot, Source, SourceContext, SourceError};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::lock;

/// What a [`MockSource`] reads from: batches in order, with a checkpoint. Outlives the source as a file does, so
/// that a test can start another one over it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use dendro_core::{Outcome, Pipeline, sink_fn};
/// use dendro_test::{batches, mock::MockLog};
///
/// let log = MockLog::of([batches::numbered("a", 0..3), batches::numbered("a", 3..5)]);
/// let sink = sink_fn(|_| async { Ok(()) });
/// let pipeline = Pipeline::line(log.source()).sink(sink).drop_rejected().build().unwrap();
/// pipeline.run(std::future::pending()).await.unwrap();
/// assert_eq!(log.settlements(), [(0, Outcome::Delivered), (1, Outcome::Delivered)]);
/// assert_eq!(log.checkpoint(), 2);
/// # });
/// ```
#[derive(Clone, Default)]
pub struct MockLog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    script: Vec<Entry>,
    ended: bool,
    forgets: bool,
    settlements: Vec<(usize, Outcome)>,
}

struct Entry {
    batch: Batch,
    sends: usize,
    settled: bool,
    snapshots: Vec<Snapshot>,
}

impl MockLog {
    /// An empty one, to [`push`](Self::push) to while its source runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// A script that has ended.
    pub fn of(batches: impl IntoIterator<Item = Batch>) -> Self {
        let log = Self::new();
        batches.into_iter().for_each(|b| log.push(b));
        log.end();
        log
    }

    /// Makes its sources say that they can't send again; they begin behind what an earlier one has sent.
    pub fn not_replayable(self) -> Self {
        lock(&self.shared.state).forgets = true;
        self
    }

    /// Adds a batch at the end.
    pub fn push(&self, batch: Batch) {
        let entry = Entry { batch, sends: 0, settled: false, snapshots: Vec::new() };
        lock(&self.shared.state).script.push(entry);
        self.shared.changed.notify_one();
    }

    /// Nothing will be added: sources end when all is settled, without being told to stop.
    pub fn end(&self) {
        lock(&self.shared.state).ended = true;
        self.shared.changed.notify_one();
    }

    /// A source that begins at the checkpoint, as after a restart.
    pub fn source(&self) -> MockSource {
        MockSource { log: self.clone(), replays: !lock(&self.shared.state).forgets }
    }

    /// How many batches, from the first on, have settled.
    pub fn checkpoint(&self) -> usize {
        lock(&self.shared.state).checkpoint()
    }

    /// What has settled, in the order in which it did: the batch's number and the outcome.
    pub fn settlements(&self) -> Vec<(usize, Outcome)> {
        lock(&self.shared.state).settlements.clone()
    }

    /// The last outcome of each batch; `None` where it has not settled.
    pub fn outcomes(&self) -> Vec<Option<Outcome>> {
        let state = lock(&self.shared.state);
        let last = |n: usize| state.settlements.iter().rev().find(|(at, _)| *at == n).map(|(_, o)| *o);
        (0..state.script.len()).map(last).collect()
    }

    /// How often each batch was sent.
    pub fn sends(&self) -> Vec<usize> {
        lock(&self.shared.state).script.iter().map(|e| e.sends).collect()
    }
}

impl State {
    fn checkpoint(&self) -> usize {
        self.script.iter().take_while(|e| e.settled).count()
    }

    fn beginning(&self) -> usize {
        if self.forgets { self.script.iter().take_while(|e| e.sends > 0).count() } else { self.checkpoint() }
    }

    /// A copy of batch `at` to send. The first of its stream in this run brings the state that transforms
    /// had behind the batch before it.
    fn take(&mut self, at: usize, beginning: usize) -> Option<Batch> {
        let entry = self.script.get_mut(at)?;
        entry.sends += 1;
        let mut batch = entry.batch.without_acks();
        let same_stream = |e: &&Entry| e.batch.stream() == batch.stream();
        if self.script[beginning.min(at)..at].iter().find(same_stream).is_none() {
            let before = self.script[..beginning.min(at)].iter().rev().find(same_stream);
            let snapshots = before.map(|e| e.snapshots.clone()).unwrap_or_default();
            batch.set_restore(snapshots);
        }
        Some(batch)
    }

    /// Whether the batch has to be sent again.
    fn settle(&mut self, at: usize, settlement: Settlement) -> bool {
        self.settlements.push((at, settlement.outcome));
        let settled = settlement.outcome.is_settled();
        if let Some(entry) = self.script.get_mut(at) {
            entry.settled |= settled;
            if settled {
                entry.snapshots = settlement.snapshots;
            }
        }
        !settled && !self.forgets
    }
}

/// Sends what its [`MockLog`] holds; sends a batch that was abandoned again until it is told to stop.
pub struct MockSource {
    log: MockLog,
    replays: bool,
}

#[async_trait]
impl Source for MockSource {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let shared = &self.log.shared;
        let beginning = lock(&shared.state).beginning();
        let (mut next, mut again) = (beginning, VecDeque::new());
        let mut waiting: JoinSet<(usize, Settlement)> = JoinSet::new();
        while !cx.is_stopping() {
            while let Some(Ok((at, settlement))) = waiting.try_join_next() {
                if lock(&shared.state).settle(at, settlement) {
                    again.push_back(at);
                }
            }
            let at = again.pop_front().unwrap_or(next);
            let batch = lock(&shared.state).take(at, beginning);
            if let Some(batch) = batch {
                next = next.max(at + 1);
                match out.send(batch).await {
                    Ok(receipt) => {
                        waiting.spawn(async move { (at, receipt.await) });
                    }
                    // Stopped for good: what is under way settles all the same.
                    Err(_) => break,
                }
                continue;
            }
            if lock(&shared.state).ended && waiting.is_empty() {
                break;
            }
            tokio::select! {
                Some(Ok((at, settlement))) = waiting.join_next() => {
                    if lock(&shared.state).settle(at, settlement) {
                        again.push_back(at);
                    }
                }
                () = shared.changed.notified() => {}
                () = cx.stopping() => {}
            }
        }
        drop(out);
        while let Some(joined) = waiting.join_next().await {
            if let Ok((at, settlement)) = joined {
                lock(&shared.state).settle(at, settlement);
            }
        }
        Ok(())
    }

    fn can_replay(&self) -> bool {
        self.replays
    }
}
