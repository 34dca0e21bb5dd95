//! Driving a sink: batching, time-outs, retries, order, writes in flight, staged writes.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::control::{Control, Either, Phase, first, panic_message};
use super::dead_letter::{DeadLetters, LetterWriter};
use super::lane::with_sources;
use super::problem::{Problem, Reporter, Severity};
use super::queue::Queue;
use super::random::Random;
use super::stats::Stats;
use crate::clock::Clock;
use crate::{
    Acks, Batch, CommitReason, Order, Outcome, Sink, SinkError, SinkErrorKind, SinkSettings, Stage,
    WriteContext, Written,
};

/// What drives one sink.
pub(super) struct Delivery {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) settings: SinkSettings,
    pub(super) queue: Arc<Queue>,
    /// `None` for the dead letters' sink: what it refuses is tried again, since there is nowhere else.
    pub(super) dead_letters: Option<DeadLetters>,
    pub(super) stats: Arc<Stats>,
    pub(super) reporter: Reporter,
    pub(super) control: Arc<Control>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<Random>,
    /// Keep staged events, because a source that they may come from can't send again.
    pub(super) keep_staged: bool,
    /// Write batches without events too, if they bring the state of a stream to transforms behind a buffer.
    pub(super) passes_restored: bool,
    pub(super) staging: Mutex<Staging>,
    /// The sink has said that it can't go on.
    pub(super) failed: AtomicBool,
}

/// Writes that wait for a commit.
#[derive(Default)]
pub(super) struct Staging {
    writes: Vec<StagedWrite>,
    /// Stages that a commit has named durable, or lost, while a write that belongs to them had not yet come back.
    early: HashSet<Stage>,
    early_lost: HashSet<Stage>,
    /// Writes under way.
    active: usize,
}

struct StagedWrite {
    stages: Vec<Stage>,
    events: u64,
    bytes: u64,
    acks: Vec<Acks>,
    kept: Vec<Batch>,
    kept_bytes: usize,
}

/// Ends a task with the future that waits for it: nothing of a dropped run goes on.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How a write ended that was not a success.
enum Failure {
    Error(SinkError),
    TimedOut,
    Panicked(String),
    Halted,
}

impl Delivery {
    /// Until the queue has ended and all is settled, or the pipeline halts.
    pub(super) async fn run(self: Arc<Self>) {
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        let committer = tokio::spawn(self.clone().commit_at_intervals(end));
        let _abort = AbortOnDrop(committer.abort_handle());
        self.clone().deliver_all().await;
        // A commit that is under way, and what it writes again, is not cut off.
        drop(ended);
        let _ = committer.await;
        self.commit_the_rest().await;
        let left = std::mem::take(&mut self.staging().writes);
        self.stats.abandoned.add(left.iter().map(|w| w.events).sum());
    }

    async fn deliver_all(self: Arc<Self>) {
        let in_flight = if self.settings.order == Order::Strict { 1 } else { self.settings.in_flight.max(1) };
        let slots = Arc::new(Semaphore::new(in_flight));
        let mut writes = JoinSet::new();
        let mut waiting = VecDeque::new();
        loop {
            // A slot first: what waits for one stays in the queue, where it is counted.
            let Ok(slot) = slots.clone().acquire_owned().await else { break };
            let Some(group) = self.collect(&mut waiting).await else { break };
            self.relieve().await;
            if in_flight == 1 {
                self.deliver(group).await;
            } else {
                let this = self.clone();
                writes.spawn(async move {
                    this.deliver(group).await;
                    drop(slot);
                });
                while writes.try_join_next().is_some() {}
            }
        }
        while writes.join_next().await.is_some() {}
    }

    /// Until no more is kept of what is staged than may be.
    async fn relieve(&self) {
        let mut attempt = 1;
        while self.staging().writes.iter().map(|w| w.kept_bytes).sum::<usize>()
            > self.settings.max_staged_bytes
            && !self.control.has_reached(Phase::Halting)
        {
            self.commit(CommitReason::Pressure).await;
            let delay = self.random.backoff(&self.settings.retry, attempt);
            attempt = attempt.saturating_add(1);
            if self.staging().writes.is_empty() {
                return;
            }
            first(self.control.reached(Phase::Halting), tokio::time::sleep(delay)).await;
        }
    }

    /// The batches of the next write; `None` when there are no more.
    async fn collect(&self, waiting: &mut VecDeque<Batch>) -> Option<Vec<Batch>> {
        let (mut group, mut events, mut bytes) = (Vec::new(), 0, 0);
        let mut deadline = None;
        loop {
            let next = match waiting.pop_front() {
                Some(batch) => Some(batch),
                None => match self.next_batch(deadline).await {
                    Either::First(Some(batch)) => {
                        waiting.extend(split(batch, self.settings.max_events));
                        waiting.pop_front()
                    }
                    Either::First(None) | Either::Second(()) => None,
                },
            };
            let Some(batch) = next else { return (!group.is_empty()).then_some(group) };
            let weight = (batch.len(), batch.retained_bytes());
            let full =
                events + weight.0 > self.settings.max_events || bytes + weight.1 > self.settings.max_bytes;
            if full && !group.is_empty() {
                waiting.push_front(batch);
                return Some(group);
            }
            events += weight.0;
            bytes += weight.1;
            group.push(batch);
            if events >= self.settings.max_events || bytes >= self.settings.max_bytes {
                return Some(group);
            }
            deadline = deadline.or(Some(Instant::now() + self.settings.linger));
        }
    }

    async fn next_batch(&self, deadline: Option<Instant>) -> Either<Option<Batch>, ()> {
        let pop = async {
            let mut item = self.queue.pop(0).await?;
            while item.batch.is_empty() && (item.batch.restore().is_empty() || !self.passes_restored) {
                // It has only brought a stream's state past the transforms before.
                item.batch.take_acks().resolve(Outcome::Delivered);
                item = self.queue.pop(0).await?;
            }
            self.stats.events_in.add(item.batch.len() as u64);
            self.stats.bytes_in.add(item.batch.raw_bytes());
            Some(item.batch)
        };
        match deadline {
            None => Either::First(pop.await),
            Some(_) if self.settings.linger.is_zero() => first(pop, std::future::ready(())).await,
            Some(at) => first(pop, tokio::time::sleep_until(at)).await,
        }
    }

    /// Until every event of the group is settled, or the pipeline halts.
    async fn deliver(&self, mut group: Vec<Batch>) {
        let mut attempt = 1;
        let mut id = self.random.id();
        loop {
            // A sink that has failed is given nothing more, and nothing must wait for it either.
            if self.control.has_reached(Phase::Halting) || self.failed.load(Ordering::Relaxed) {
                return self.abandon(&group);
            }
            self.staging().active += 1;
            let started = Instant::now();
            let (batches, result) = self.attempt(group, &id, attempt).await;
            self.stats.busy_nanos.add(started.elapsed().as_nanos() as u64);
            group = batches;
            let failure = match result {
                Ok(written) => match self.written(group, written) {
                    None => return,
                    Some(lost) => {
                        group = lost;
                        let name = &self.stats.name;
                        let message =
                            format!("sink `{name}`: what was staged was lost before the write came back");
                        self.report(Severity::Error, message);
                        continue;
                    }
                },
                Err(failure) => failure,
            };
            self.write_ended();
            let events: usize = group.iter().map(Batch::len).sum();
            let name = &self.stats.name;
            let (message, after) = match failure {
                Failure::Halted => return self.abandon(&group),
                Failure::Panicked(panic) => {
                    let message = format!("sink `{name}` panicked on {events} events: {panic}");
                    self.report(Severity::Error, message.clone());
                    match &self.dead_letters {
                        Some(_) => return self.refuse(group, &message, attempt).await,
                        None => (message, None),
                    }
                }
                Failure::TimedOut => {
                    let limit = self.settings.timeout;
                    (format!("sink `{name}`: a write of {events} events took longer than {limit:?}"), None)
                }
                Failure::Error(error) => {
                    let message = format!("sink `{name}`: {}", with_sources(&error));
                    match error.kind() {
                        SinkErrorKind::Fatal => {
                            self.report(Severity::Error, message.clone());
                            self.control.fail(name, message);
                            self.control.advance(Phase::Draining);
                            self.failed.store(true, Ordering::Relaxed);
                            return self.abandon(&group);
                        }
                        SinkErrorKind::Rejected if self.dead_letters.is_some() => {
                            self.report(Severity::Warning, message.clone());
                            return self.refuse(group, &message, attempt).await;
                        }
                        SinkErrorKind::Partial => {
                            let after = error.retry_after();
                            group = self.settle_partial(group, &error, attempt).await;
                            if group.is_empty() {
                                return;
                            }
                            // Another set of events, so another id: the destination knows the first one.
                            id = self.random.id();
                            (message, after)
                        }
                        SinkErrorKind::Retry | SinkErrorKind::Rejected => (message, error.retry_after()),
                    }
                }
            };
            let limit = self.settings.retry.max_attempts.filter(|_| self.dead_letters.is_some());
            if limit.is_some_and(|most| attempt >= most) {
                let message = format!("{message} (given up after {attempt} attempts)");
                self.report(Severity::Error, message.clone());
                return self.refuse(group, &message, attempt).await;
            }
            self.report(Severity::Warning, format!("{message}; trying again"));
            self.stats.retried.add(1);
            let delay = self.random.backoff(&self.settings.retry, attempt).max(after.unwrap_or_default());
            attempt = attempt.saturating_add(1);
            first(self.control.reached(Phase::Halting), tokio::time::sleep(delay)).await;
        }
    }

    /// One write, in a task of its own, so that nothing of a call that took too long goes on beside the
    /// next attempt: the task is cancelled and has ended before this returns.
    async fn attempt(
        &self,
        group: Vec<Batch>,
        id: &str,
        attempt: u32,
    ) -> (Vec<Batch>, Result<Written, Failure>) {
        let shared = Arc::new(group);
        let (sink, batches) = (self.sink.clone(), shared.clone());
        let reporter = Some((self.reporter.clone(), self.stats.name.clone()));
        let cx = WriteContext { reporter, ..WriteContext::new(id, attempt, self.settings.timeout) };
        let write = crate::own_work::run(async move { sink.write(&batches, &cx).await });
        #[cfg(feature = "tracing")]
        let write = {
            use tracing::Instrument as _;
            let events: usize = shared.iter().map(Batch::len).sum();
            write.instrument(tracing::debug_span!(
                "dendro.write",
                component = &*self.stats.name,
                attempt,
                events
            ))
        };
        let mut task = tokio::spawn(write);
        let _abort = AbortOnDrop(task.abort_handle());
        let limit = first(tokio::time::sleep(self.settings.timeout), self.control.reached(Phase::Halting));
        let result = match first(&mut task, limit).await {
            Either::First(joined) => joined,
            Either::Second(why) => {
                task.abort();
                match task.await {
                    // It was done after all.
                    Ok(result) => Ok(result),
                    Err(e) if e.is_panic() => Err(e),
                    Err(_) => {
                        let failure = match why {
                            Either::First(()) => Failure::TimedOut,
                            Either::Second(()) => Failure::Halted,
                        };
                        return (self.take_back(shared), Err(failure));
                    }
                }
            }
        };
        let result = match result {
            Ok(result) => result.map_err(Failure::Error),
            Err(e) if e.is_panic() => Err(Failure::Panicked(panic_message(&*e.into_panic()))),
            Err(_) => Err(Failure::Halted),
        };
        (self.take_back(shared), result)
    }

    /// The batches, after the task that looked at them has ended.
    fn take_back(&self, shared: Arc<Vec<Batch>>) -> Vec<Batch> {
        Arc::try_unwrap(shared).unwrap_or_else(|shared| shared.to_vec())
    }

    /// Settles or stages a write; gives it back if a commit has lost it already.
    fn written(&self, group: Vec<Batch>, written: Written) -> Option<Vec<Batch>> {
        let events = group.iter().map(|b| b.len() as u64).sum();
        let bytes = group.iter().map(Batch::raw_bytes).sum();
        let mut staging = self.staging();
        let stages = match written {
            Written::Durable => Vec::new(),
            Written::Staged(stages) => stages,
        };
        let lost = stages.iter().any(|s| staging.early_lost.contains(s));
        let stages: Vec<Stage> = stages.into_iter().filter(|s| !staging.early.contains(s)).collect();
        let mut again = None;
        if lost {
            drop(staging);
            again = Some(group);
        } else if stages.is_empty() {
            drop(staging);
            self.settle(group.into_iter().map(|mut b| b.take_acks()), events, bytes);
        } else {
            let (mut acks, mut kept) = (Vec::new(), Vec::new());
            for mut batch in group {
                acks.push(batch.take_acks());
                if self.keep_staged {
                    kept.push(batch);
                }
            }
            let kept_bytes = kept.iter().map(Batch::retained_bytes).sum();
            staging.writes.push(StagedWrite { stages, events, bytes, acks, kept, kept_bytes });
            drop(staging);
        }
        self.write_ended();
        again
    }

    fn write_ended(&self) {
        let mut staging = self.staging();
        staging.active -= 1;
        if staging.active == 0 {
            staging.early.clear();
            staging.early_lost.clear();
        }
    }

    fn settle(&self, acks: impl Iterator<Item = Acks>, events: u64, bytes: u64) {
        self.stats.written(events, bytes);
        let outcome = if self.dead_letters.is_some() { Outcome::Delivered } else { Outcome::DeadLettered };
        acks.for_each(|a| a.resolve(outcome));
    }

    /// Settles what a partial failure does not name, refuses what it rejects, drops what it drops, and gives what
    /// is to be written again.
    async fn settle_partial(&self, group: Vec<Batch>, error: &SinkError, attempt: u32) -> Vec<Batch> {
        let retry: HashSet<u32> = error.retry_events().iter().copied().collect();
        let drop: HashSet<u32> = error.dropped().iter().copied().collect();
        let mut again = Vec::new();
        let mut first = 0u32;
        for mut batch in group {
            let len = batch.len() as u32;
            let mut letters = LetterWriter::new(&self.stats.name, self.clock.now(), attempt);
            let mut refused = HashSet::new();
            for (event, reason) in error.rejected() {
                let index = event.wrapping_sub(first);
                let new = index < len && !retry.contains(event) && refused.insert(index);
                if new && let Some(event) = batch.get(index as usize) {
                    letters.add(event, reason);
                }
            }
            let dropped = (0..len).filter(|i| {
                let event = first + i;
                drop.contains(&event) && !retry.contains(&event) && !refused.contains(i)
            });
            let dropped = dropped.count() as u64;
            // What can't be refused any further is tried again.
            let to_retry = |i: &u32| {
                retry.contains(&(first + i)) || (self.dead_letters.is_none() && refused.contains(i))
            };
            let part = batch.select((0..len).filter(to_retry).map(|i| i as usize));
            let retried = part.len() as u64;
            let acks = batch.take_acks();
            let mut written = u64::from(len) - retried;
            if let (Some(dead_letters), false) = (&self.dead_letters, refused.is_empty()) {
                self.stats.rejected.add(refused.len() as u64);
                written -= refused.len() as u64;
                // Closed means that the pipeline halts: the clone is dropped, and with it abandoned.
                let _ = dead_letters.send(letters.finish(), acks.clone()).await;
            }
            if dropped > 0 {
                self.stats.dropped.add(dropped);
                written -= dropped;
                acks.clone().resolve(Outcome::Dropped);
            }
            let bytes = batch.raw_bytes().saturating_sub(part.raw_bytes());
            self.settle([acks].into_iter(), written, bytes);
            if retried > 0 {
                again.push(part);
            } else {
                part_without_events(part);
            }
            first += len;
        }
        again
    }

    /// Sends all events of the group to the dead letters.
    async fn refuse(&self, group: Vec<Batch>, reason: &str, attempt: u32) {
        let Some(dead_letters) = &self.dead_letters else { return };
        for mut batch in group {
            let mut letters = LetterWriter::new(&self.stats.name, self.clock.now(), attempt);
            batch.iter().for_each(|event| letters.add(event, reason));
            self.stats.rejected.add(batch.len() as u64);
            let _ = dead_letters.send(letters.finish(), batch.take_acks()).await;
        }
    }

    fn abandon(&self, group: &[Batch]) {
        self.stats.abandoned.add(group.iter().map(|b| b.len() as u64).sum());
    }

    /// Until `end` is dropped or the pipeline halts.
    async fn commit_at_intervals(self: Arc<Self>, mut end: tokio::sync::oneshot::Receiver<()>) {
        loop {
            let interval = tokio::time::sleep(self.settings.commit_interval);
            if matches!(first(&mut end, interval).await, Either::First(_)) {
                return;
            }
            let commit = self.commit(CommitReason::Interval);
            if matches!(first(self.control.reached(Phase::Halting), commit).await, Either::First(())) {
                return;
            }
        }
    }

    /// Commits until nothing is staged, as often as it takes.
    async fn commit_the_rest(&self) {
        let mut attempt = 1;
        loop {
            match first(self.control.reached(Phase::Halting), self.commit(CommitReason::Drain)).await {
                Either::First(()) => return,
                Either::Second(true) if self.staging().writes.is_empty() => return,
                Either::Second(_) => {}
            }
            let delay = self.random.backoff(&self.settings.retry, attempt);
            attempt = attempt.saturating_add(1);
            first(self.control.reached(Phase::Halting), tokio::time::sleep(delay)).await;
        }
    }

    /// Whether the sink could do it.
    async fn commit(&self, reason: CommitReason) -> bool {
        let committing = super::control::CatchPanic(Box::pin(crate::own_work::run(self.sink.commit(reason))));
        let committed = match committing.await {
            Ok(Ok(committed)) => committed,
            Ok(Err(e)) => {
                let message = format!("sink `{}`: commit failed: {}", self.stats.name, with_sources(&e));
                self.report(Severity::Warning, message);
                return false;
            }
            Err(panic) => {
                let message = format!("sink `{}` panicked in commit: {panic}", self.stats.name);
                self.report(Severity::Error, message);
                return false;
            }
        };
        let (mut durable, mut lost) = (Vec::new(), Vec::new());
        {
            let mut staging = self.staging();
            if staging.active > 0 {
                staging.early.extend(&committed.durable);
                staging.early_lost.extend(&committed.lost);
            }
            for mut write in std::mem::take(&mut staging.writes) {
                if write.stages.iter().any(|s| committed.lost.contains(s)) {
                    lost.push(write);
                    continue;
                }
                write.stages.retain(|s| !committed.durable.contains(s));
                if write.stages.is_empty() {
                    durable.push(write);
                } else {
                    staging.writes.push(write);
                }
            }
        }
        for write in durable {
            self.settle(write.acks.into_iter(), write.events, write.bytes);
        }
        for write in lost {
            let events = write.events;
            let name = &self.stats.name;
            if write.kept.is_empty() {
                self.stats.abandoned.add(events);
                let message =
                    format!("sink `{name}`: {events} staged events were lost, their source sends them again");
                self.report(Severity::Error, message);
            } else {
                let message =
                    format!("sink `{name}`: {events} staged events were lost and are written again");
                self.report(Severity::Error, message);
                let mut group = write.kept;
                for (batch, acks) in group.iter_mut().zip(write.acks) {
                    batch.add_acks(acks);
                }
                Box::pin(self.deliver(group)).await;
            }
        }
        true
    }

    fn report(&self, severity: Severity, message: String) {
        self.reporter.report(Problem { component: self.stats.name.clone(), severity, message });
    }

    fn staging(&self) -> MutexGuard<'_, Staging> {
        self.staging.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The selected part of a batch that turned out empty: nothing came of it.
fn part_without_events(mut part: Batch) {
    part.take_acks().resolve(Outcome::Delivered);
}

/// Pieces of at most `max_events`.
fn split(mut batch: Batch, max_events: usize) -> Vec<Batch> {
    let max_events = max_events.max(1);
    if batch.len() <= max_events {
        return vec![batch];
    }
    let indices: Vec<usize> = batch.iter().map(|e| e.index()).collect();
    let mut parts: Vec<Batch> =
        indices.chunks(max_events).map(|chunk| batch.select(chunk.iter().copied())).collect();
    if let Some(first) = parts.first_mut() {
        first.set_restore(batch.restore().to_vec());
    }
    batch.take_acks().resolve(Outcome::Delivered);
    parts
}
