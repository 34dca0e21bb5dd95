//! Writes that wait for a commit, and the commits.

use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::Delivery;
use crate::pipeline::control::{CatchPanic, Either, Phase, first};
use crate::pipeline::lane::with_sources;
use crate::pipeline::problem::Severity;
use crate::{Acks, Batch, CommitReason, Stage, Written};

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

impl Delivery {
    pub(super) fn write_begins(&self) {
        self.staging().active += 1;
    }

    pub(super) fn write_ended(&self) {
        let mut staging = self.staging();
        staging.active -= 1;
        if staging.active == 0 {
            staging.early.clear();
            staging.early_lost.clear();
        }
    }

    /// Settles or stages a write; gives it back if a commit has lost it already.
    pub(super) fn written(&self, group: Vec<Batch>, written: Written) -> Option<Vec<Batch>> {
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

    /// Until no more is kept of what is staged than may be.
    pub(super) async fn relieve(&self) {
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

    /// Until `end` is dropped or the pipeline halts.
    pub(super) async fn commit_at_intervals(self: Arc<Self>, mut end: tokio::sync::oneshot::Receiver<()>) {
        while !self.control.has_reached(Phase::Halting) {
            let interval = tokio::time::sleep(self.settings.commit_interval);
            let halting = self.control.reached(Phase::Halting);
            if matches!(first(first(&mut end, halting), interval).await, Either::First(_)) {
                return;
            }
            self.commit(CommitReason::Interval).await;
        }
    }

    /// Commits until nothing is staged, as often as it takes.
    pub(super) async fn commit_the_rest(&self) {
        let mut attempt = 1;
        while !self.control.has_reached(Phase::Halting) {
            if self.commit(CommitReason::Drain).await && self.staging().writes.is_empty() {
                return;
            }
            let delay = self.random.backoff(&self.settings.retry, attempt);
            attempt = attempt.saturating_add(1);
            first(self.control.reached(Phase::Halting), tokio::time::sleep(delay)).await;
        }
    }

    /// Lets go of what no commit has named in time; says how many events that were.
    pub(super) fn abandon_staged(&self) -> u64 {
        let left = std::mem::take(&mut self.staging().writes);
        left.iter().map(|w| w.events).sum()
    }

    /// Whether the sink could do it. What it has lost is written again before this returns, or abandoned when the pipeline
    /// halts.
    async fn commit(&self, reason: CommitReason) -> bool {
        // One at a time, but for what is written again, which may take long.
        let Some(lost) = self.settle_committed(reason).await else { return false };
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
                Box::pin(self.deliver(group, None)).await;
            }
        }
        true
    }

    /// Calls the sink and settles what it names; what it has lost comes back. `None` if it could not, or not in time, or the
    /// pipeline halts.
    async fn settle_committed(&self, reason: CommitReason) -> Option<Vec<StagedWrite>> {
        let _one = self.committing.lock().await;
        let committing = CatchPanic(Box::pin(crate::own_work::run(self.sink.commit(reason))));
        let limit = first(self.control.reached(Phase::Halting), tokio::time::sleep(self.settings.timeout));
        let committed = match first(limit, committing).await {
            Either::First(Either::First(())) => return None,
            Either::First(Either::Second(())) => {
                let (name, limit) = (&self.stats.name, self.settings.timeout);
                let message =
                    format!("sink `{name}`: a commit took longer than {limit:?}; it is asked again");
                self.report(Severity::Warning, message);
                return None;
            }
            Either::Second(Ok(Ok(committed))) => committed,
            Either::Second(Ok(Err(e))) => {
                let message = format!("sink `{}`: commit failed: {}", self.stats.name, with_sources(&e));
                self.report(Severity::Warning, message);
                return None;
            }
            Either::Second(Err(panic)) => {
                let message = format!("sink `{}` panicked in commit: {panic}", self.stats.name);
                self.report(Severity::Error, message);
                return None;
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
        Some(lost)
    }

    fn staging(&self) -> MutexGuard<'_, Staging> {
        self.staging.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
