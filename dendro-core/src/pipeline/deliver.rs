//! Driving a sink: what a [`Sink`](crate::Sink) need not know of batching, time-outs, retries, order, writes in flight and
//! staged writes.

mod adaptive;
mod attempt;
mod circuit;
mod collect;
mod gate;
#[cfg(feature = "rate_limit")]
mod rate;
mod retry;
mod settle;
mod staging;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use self::attempt::AbortOnDrop;
use self::gate::Gate;
use self::staging::Staging;
use super::control::{Control, Phase, Switch, first};
use super::dead_letter::DeadLetters;
use super::problem::{Problem, Reporter, Severity};
use super::queue::Queue;
use super::random::Random;
use super::stats::Stats;
use crate::clock::Clock;
use crate::{Order, Sink, SinkSettings};

/// What drives one sink.
pub(super) struct Delivery {
    sink: Arc<dyn Sink>,
    settings: SinkSettings,
    queue: Arc<Queue>,
    /// `None` for the dead letters' sink: what it refuses is tried again, since there is nowhere else.
    dead_letters: Option<DeadLetters>,
    stats: Arc<Stats>,
    reporter: Reporter,
    control: Arc<Control>,
    clock: Arc<dyn Clock>,
    random: Arc<Random>,
    /// Keep staged events, because a source that they may come from can't send again.
    keep_staged: bool,
    /// Write batches without events too, if they bring the state of a stream to transforms behind a buffer.
    passes_restored: bool,
    in_flight: usize,
    /// The writes in flight: those from the queue, and those that a commit has lost.
    writing: Semaphore,
    gate: Gate,
    staging: Mutex<Staging>,
    /// A sink commits one thing at a time.
    committing: tokio::sync::Mutex<()>,
    /// The sink has said that it can't go on.
    has_failed: Arc<Switch>,
}

/// What all deliveries of a run have in common.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) reporter: Reporter,
    pub(super) control: Arc<Control>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<Random>,
}

impl Delivery {
    pub(super) fn new(
        (sink, settings): (Arc<dyn Sink>, SinkSettings),
        queue: Arc<Queue>,
        dead_letters: Option<DeadLetters>,
        stats: Arc<Stats>,
        replays: bool,
        surroundings: Surroundings,
    ) -> Self {
        let Surroundings { reporter, control, clock, random } = surroundings;
        let in_flight = if settings.order == Order::Strict { 1 } else { settings.in_flight.max(1) };
        Self {
            gate: Gate::new(&settings, in_flight, &stats),
            sink,
            settings,
            queue,
            dead_letters,
            stats,
            reporter,
            control,
            clock,
            random,
            keep_staged: !replays,
            passes_restored: false,
            in_flight,
            writing: Semaphore::new(in_flight),
            staging: Mutex::default(),
            committing: tokio::sync::Mutex::default(),
            has_failed: Switch::new(),
        }
    }

    /// Of a buffer that passes acknowledgements on, and with them what a stream's state is restored from.
    pub(super) fn passing_restored(self, passes_restored: bool) -> Self {
        Self { passes_restored, ..self }
    }

    /// Until the queue has ended and all is settled, or the pipeline halts.
    pub(super) async fn run(self: Arc<Self>) {
        let (ended, end) = oneshot::channel::<()>();
        let committer = tokio::spawn(self.clone().commit_at_intervals(end));
        let _abort = AbortOnDrop(committer.abort_handle());
        self.clone().deliver_all().await;
        // A commit that is under way, and what it writes again, is not cut off.
        drop(ended);
        let _ = committer.await;
        self.commit_the_rest().await;
        self.stats.abandoned.add(self.abandon_staged());
    }

    async fn deliver_all(self: Arc<Self>) {
        let mut writes = JoinSet::new();
        let mut waiting = VecDeque::new();
        loop {
            // What waits for others to end stays in the queue, where it is counted.
            while writes.len() >= self.in_flight {
                writes.join_next().await;
            }
            let Some(group) = self.collect(&mut waiting).await else { break };
            self.relieve().await;
            if self.in_flight == 1 {
                self.deliver(group, None).await;
            } else {
                let this = self.clone();
                let (begun, has_begun) = oneshot::channel();
                writes.spawn(async move { this.deliver(group, Some(begun)).await });
                // The order of first attempts; an error means that there is none.
                let _ = has_begun.await;
                while writes.try_join_next().is_some() {}
            }
        }
        while writes.join_next().await.is_some() {}
    }

    /// Resolves when nothing more must be attempted.
    async fn stopped(&self) {
        first(self.control.reached(Phase::Halting), self.has_failed.wait()).await;
    }

    fn report(&self, severity: Severity, message: String) {
        self.reporter.report(Problem { component: self.stats.name.clone(), severity, message });
    }
}
