//! Running transforms: fused into a stage, on one or more lanes, with the order of arrival kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::TransformFactory;
use super::control::{Control, Either, Phase, catch, first};
use super::dead_letter::DeadLetters;
use super::output::Fanout;
use super::problem::{Problem, Reporter, Severity};
use super::queue::{Closed, Item, Queue};
use super::stats::Stats;
use crate::clock::Clock;
use crate::{Acks, Batch, FlushReason, Outcome, Snapshot, Transform, TransformError};

/// A chain of transforms between one queue and the queues behind it.
pub(super) struct Stage {
    pub(super) queue: Arc<Queue>,
    pub(super) links: Vec<Link>,
    /// For each port of the last transform.
    pub(super) ports: Vec<Fanout>,
    pub(super) dead_letters: DeadLetters,
    pub(super) turn: Turn,
    pub(super) tick: Option<Duration>,
    pub(super) control: Arc<Control>,
    pub(super) reporter: Reporter,
    pub(super) clock: Arc<dyn Clock>,
}

/// One transform of the chain.
pub(super) struct Link {
    pub(super) factory: Arc<TransformFactory>,
    pub(super) stats: Arc<Stats>,
}

/// Lets the lanes of a stage send in the order in which their batches arrived.
pub(super) struct Turn(Mutex<watch::Sender<u64>>);

impl Turn {
    pub(super) fn new() -> Self {
        Self(Mutex::new(watch::Sender::new(0)))
    }

    async fn wait(&self, seq: u64) {
        let mut receiver = self.lock().subscribe();
        // The sender lives as long as the stage.
        let _ = receiver.wait_for(|next| *next >= seq).await;
    }

    fn pass(&self, seq: u64) {
        self.lock().send_replace(seq + 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, watch::Sender<u64>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One lane: its own instances of the stage's transforms.
pub(super) struct Lane {
    stage: Arc<Stage>,
    number: usize,
    transforms: Vec<Box<dyn Transform>>,
    stateful: Vec<bool>,
    /// For each transform, its last snapshot of each stream: what a new instance goes on from.
    states: Vec<HashMap<String, Vec<u8>>>,
}

impl Lane {
    pub(super) fn new(stage: Arc<Stage>, number: usize) -> Self {
        let transforms: Vec<_> = stage.links.iter().map(|l| l.factory.make()).collect();
        let stateful = transforms.iter().map(|t| t.is_stateful()).collect();
        let states = transforms.iter().map(|_| HashMap::new()).collect();
        Self { stage, number, transforms, stateful, states }
    }

    /// Until the queue has ended and all is sent, or the pipeline halts.
    pub(super) async fn run(mut self) {
        let stage = self.stage.clone();
        // Hold-ups behind this stage must not outlast the pipeline.
        let work = first(stage.control.reached(Phase::Halting), self.work());
        let _ = work.await;
    }

    async fn work(&mut self) -> Result<(), Closed> {
        let mut next_tick = self.stage.tick.map(|t| tokio::time::Instant::now() + t);
        loop {
            let popped = match next_tick {
                None => Either::First(self.stage.queue.pop(self.number).await),
                Some(at) => {
                    let stage = self.stage.clone();
                    first(stage.queue.pop(self.number), tokio::time::sleep_until(at)).await
                }
            };
            match popped {
                Either::First(Some(item)) => self.process(item).await?,
                Either::First(None) => break,
                Either::Second(()) => {}
            }
            if let (Some(at), Some(interval)) = (next_tick, self.stage.tick) {
                let now = tokio::time::Instant::now();
                if now >= at {
                    self.flush(FlushReason::Tick).await?;
                    next_tick = Some(now + interval);
                }
            }
        }
        self.flush(FlushReason::Drain).await
    }

    async fn process(&mut self, item: Item) -> Result<(), Closed> {
        let Item { mut batch, seq, from, .. } = item;
        let result = self.apply_from(from, &mut batch).await;
        self.stage.turn.wait(seq).await;
        let result = match result {
            Ok(()) => self.stage.send(batch).await,
            Err(closed) => Err(closed),
        };
        self.stage.turn.pass(seq);
        result
    }

    /// Runs the transforms from `from` on.
    async fn apply_from(&mut self, from: usize, batch: &mut Batch) -> Result<(), Closed> {
        let mut thinned = false;
        // Asked for while the batch has an event to tell it.
        let stream =
            self.stateful[from..].contains(&true).then(|| batch.stream().map(str::to_owned)).flatten();
        for at in from..self.transforms.len() {
            let before = batch.len();
            if before == 0 {
                if let Some(stream) = stream.as_deref().filter(|_| self.stateful[at]) {
                    self.pass_by(at, stream, batch);
                }
                continue;
            }
            self.apply(at, batch).await?;
            thinned |= batch.len() < before;
            if at + 1 < self.transforms.len() {
                // A port is for what reads from the stage, not for the next transform in it.
                batch.clear_ports();
            }
        }
        if thinned {
            batch.compact_if_sparse();
        }
        Ok(())
    }

    async fn apply(&mut self, at: usize, batch: &mut Batch) -> Result<(), Closed> {
        let stage = self.stage.clone();
        let stats = &stage.links[at].stats;
        stats.events_in.add(batch.len() as u64);
        stats.bytes_in.add(batch.raw_bytes());
        if self.stateful[at] {
            self.restore(at, batch.stream().unwrap_or_default(), batch);
        }
        let (events, acks, stream) = match self.stateful[at] {
            true => (batch.len(), Some(batch.acks().clone()), batch.stream().map(str::to_owned)),
            false => (batch.len(), None, None),
        };
        let started = Instant::now();
        let result = {
            let _own = crate::own_work::enter();
            #[cfg(feature = "tracing")]
            let _span = tracing::trace_span!("dendro.transform", component = &*stats.name, events).entered();
            catch(|| self.transforms[at].transform(batch))
        };
        stats.busy_nanos.add(started.elapsed().as_nanos() as u64);
        if let Some(message) = failure_of(result) {
            let name = &stats.name;
            let message = format!("transform `{name}` failed on a batch of {events} events: {message}");
            batch.revert(events);
            batch.reject_all(&message);
            self.stage.report(at, message);
            self.renew(at);
        }
        if let (Some(acks), Some(stream)) = (acks, stream) {
            self.snapshot(at, &stream, &acks);
            acks.resolve(Outcome::Delivered);
        }
        stage.dead_letters.take_rejected(batch, stats, stage.clock.now()).await?;
        stats.events_out.add(batch.len() as u64);
        stats.bytes_out.add(batch.raw_bytes());
        Ok(())
    }

    async fn flush(&mut self, reason: FlushReason) -> Result<(), Closed> {
        for at in 0..self.transforms.len() {
            if !self.stateful[at] {
                continue;
            }
            let stage = self.stage.clone();
            let stats = &stage.links[at].stats;
            let mut out = Batch::default();
            let now = stage.clock.now();
            let started = Instant::now();
            let result = catch(|| {
                let _own = crate::own_work::enter();
                self.transforms[at].flush(reason, now, &mut out)
            });
            stats.busy_nanos.add(started.elapsed().as_nanos() as u64);
            if let Some(message) = failure_of(result) {
                self.stage.report(at, format!("transform `{}` failed to flush: {message}", stats.name));
                self.renew(at);
                // What it held is abandoned with the instance; what it emitted may be incomplete.
                continue;
            }
            stage.dead_letters.take_rejected(&mut out, stats, now).await?;
            stats.events_out.add(out.len() as u64);
            if out.is_empty() {
                out.take_acks().resolve(Outcome::Delivered);
                continue;
            }
            // A batch is of one stream: what is behind keeps order and state by it.
            for mut part in out.split_by_stream() {
                self.apply_from(at + 1, &mut part).await?;
                self.stage.send(part).await?;
            }
        }
        Ok(())
    }

    /// A batch of which nothing is left: a stateful transform has nothing to do, but its state goes on with
    /// the stream.
    fn pass_by(&mut self, at: usize, stream: &str, batch: &Batch) {
        self.restore(at, stream, batch);
        self.snapshot(at, stream, batch.acks());
    }

    /// Of what a flush has let go of at once, which may be of several streams, each gets its own state.
    fn snapshot(&mut self, at: usize, stream: &str, acks: &Acks) {
        if let Ok(Some(state)) = catch(|| self.transforms[at].snapshot(stream)) {
            self.states[at].insert(stream.to_owned(), state.clone());
            let component = self.stage.links[at].stats.name.to_string();
            acks.attach_snapshot_of(stream, &Snapshot { component, state });
        }
    }

    fn restore(&mut self, at: usize, stream: &str, batch: &Batch) {
        if !batch.is_resumed() {
            return;
        }
        let name = &self.stage.links[at].stats.name;
        match batch.restore().iter().find(|s| *s.component == **name) {
            Some(snapshot) => {
                self.take_up(at, stream, &snapshot.state);
                self.states[at].insert(stream.to_owned(), snapshot.state.clone());
            }
            // What it has counted is sent again from where nothing of it was kept: only a new instance knows nothing of it.
            None if self.states[at].remove(stream).is_some() => self.renew(at),
            None => {}
        }
    }

    fn take_up(&mut self, at: usize, stream: &str, state: &[u8]) {
        let result = catch(|| self.transforms[at].restore(stream, state));
        let Some(failure) = failure_of(result) else { return };
        let name = &self.stage.links[at].stats.name;
        let message = format!("transform `{name}` could not take up its state for `{stream}`: {failure}");
        self.stage.report(at, message);
    }

    /// A new instance in place of one that has failed.
    fn renew(&mut self, at: usize) {
        match catch(|| self.stage.links[at].factory.make()) {
            Ok(new) => {
                self.transforms[at] = new;
                for (stream, state) in std::mem::take(&mut self.states[at]) {
                    self.take_up(at, &stream, &state);
                    self.states[at].insert(stream, state);
                }
            }
            Err(panic) => self.stage.report(at, format!("no new instance could be made: panic: {panic}")),
        }
    }
}

impl Stage {
    async fn send(&self, mut batch: Batch) -> Result<(), Closed> {
        if let [fanout] = &self.ports[..] {
            batch.clear_ports();
            return fanout.send(batch).await;
        }
        if batch.is_empty() {
            for fanout in &self.ports {
                fanout.send(batch.clone()).await?;
            }
            batch.take_acks().resolve(Outcome::Delivered);
            return Ok(());
        }
        // The state that a stream is resumed with has to reach what is behind every port, also where no event goes.
        let mut resumed = batch.is_resumed().then(|| {
            let mut nothing = batch.clone();
            nothing.retain(|_| false);
            nothing.purge();
            nothing
        });
        let mut others: Vec<u16> = (0..).take(self.ports.len()).collect();
        for (port, mut part) in batch.split_by_port() {
            part.clear_ports();
            others.retain(|other| *other != port);
            match self.ports.get(usize::from(port)) {
                Some(fanout) => fanout.send(part).await?,
                None => self.send_nowhere(port, part).await?,
            }
        }
        if let Some(resumed) = &mut resumed {
            for fanout in others.into_iter().filter_map(|port| self.ports.get(usize::from(port))) {
                fanout.send(resumed.clone()).await?;
            }
            resumed.take_acks().resolve(Outcome::Delivered);
        }
        Ok(())
    }

    /// A port that the transform did not name: its events are refused, not lost.
    async fn send_nowhere(&self, port: u16, mut part: Batch) -> Result<(), Closed> {
        let Some(link) = self.links.last() else { return Ok(()) };
        let message = format!("transform `{}` has no output port number {port}", link.stats.name);
        part.reject_all(&message);
        self.report(self.links.len() - 1, message);
        let now = self.clock.now();
        self.dead_letters.take_rejected(&mut part, &link.stats, now).await?;
        part.take_acks().resolve(Outcome::Delivered);
        Ok(())
    }

    fn report(&self, at: usize, message: String) {
        let component = self.links[at].stats.name.clone();
        self.reporter.report(Problem { component, severity: Severity::Error, message });
    }
}

/// What a call of a transform failed with, whether it said so or panicked.
fn failure_of(result: Result<Result<(), TransformError>, String>) -> Option<String> {
    match result {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(with_sources(&error)),
        Err(panic) => Some(format!("panic: {panic}")),
    }
}

/// An error and what is behind it, in one line.
pub(super) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}
