//! Sinks that are slow, fail, hang, panic, throttle, refuse and lose, at once durable or staged.

use std::sync::{Arc, Mutex, PoisonError};

use dendro_core::{
    Batch, CommitReason, Committed, EventRef, Sink, SinkError, SinkSettings, Stage, WriteContext, Written,
};

use tokio::time::Instant;

use crate::model;
use crate::rng::Rng;
use crate::world::{Flaw, State, Stored, Tally, World, id_of, letter, letter_id};

/// Calls of one sink behind which it only hangs, so that a driver that never tires is a finding and not an endless test.
const MOST_CALLS: u64 = 20_000;

pub(crate) struct SimSink {
    pub(crate) world: Arc<World>,
    pub(crate) at: usize,
    pub(crate) rng: Mutex<Rng>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Slow,
    Retry,
    RetryAfter,
    WriteThenRetry,
    Hang,
    WriteThenHang,
    Panic,
    WriteThenPanic,
    Partial,
    RejectAll,
    Fatal,
}

/// An attempt that is under way.
struct Attempt<'a>(&'a SimSink);

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.0.world.lock().sinks[self.0.at].running -= 1;
    }
}

#[async_trait::async_trait]
impl Sink for SimSink {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let mut rng = self.fork();
        let plan = self.world.plan.sink(self.at);
        let mut stored: Vec<Stored> = batches.iter().flat_map(|b| b.iter().map(|e| self.stored(e))).collect();
        let ids: Vec<u64> = stored.iter().map(|s| s.id).collect();
        let call = model::write_begins(&self.world, self.at, &ids, cx);
        stored.iter_mut().for_each(|s| s.call = call);
        let _attempt = Attempt(self);
        rng.stumble(plan.slow_millis).await;
        if call > MOST_CALLS {
            std::future::pending::<()>().await;
        }
        let fault = self.fault(&mut rng);
        match fault {
            Fault::None => {}
            Fault::Slow => {
                let tenths = rng.below(20) as f64;
                tokio::time::sleep(plan.settings.timeout.mul_f64(tenths / 10.0)).await;
            }
            Fault::Retry => return Err(SinkError::retry("simulated")),
            Fault::RetryAfter => return Err(SinkError::retry("simulated").after(rng.millis(0, 500))),
            Fault::WriteThenRetry => {
                self.store(stored, plan.staged);
                return Err(SinkError::retry("simulated"));
            }
            Fault::Hang => return std::future::pending().await,
            Fault::WriteThenHang => {
                self.store(stored, plan.staged);
                return std::future::pending().await;
            }
            Fault::Panic | Fault::WriteThenPanic => {
                if fault == Fault::WriteThenPanic {
                    self.store(stored, plan.staged);
                }
                self.refused(ids);
                // Without the hook that would print it.
                std::panic::resume_unwind(Box::new("simulated"))
            }
            Fault::RejectAll => {
                self.refused(ids);
                return Err(SinkError::reject_all("simulated"));
            }
            Fault::Fatal => return Err(SinkError::fatal("simulated")),
            Fault::Partial => return self.partial(stored, Some(&mut rng)),
        }
        if ids.iter().any(|id| self.refuses(*id)) {
            return self.partial(stored, None);
        }
        let stage = self.store(stored, plan.staged);
        if plan.staged {
            // What is stored may be committed before the answer comes, and the answer may never come.
            rng.stumble(plan.slow_millis).await;
        }
        self.succeeded(&ids, stage.map(|stage| (stage, call)));
        Ok(stage.map_or(Written::Durable, |stage| Written::Staged(vec![Stage(stage)])))
    }

    async fn commit(&self, reason: CommitReason) -> Result<Committed, SinkError> {
        let mut rng = self.fork();
        let plan = self.world.plan.sink(self.at);
        if rng.chance(30) {
            tokio::time::sleep(rng.millis(0, 300)).await;
        }
        let mut state = self.world.lock();
        let fault = state.sinks[self.at].faults > 0 && rng.chance(plan.fault_percent / 2);
        if fault {
            state.sinks[self.at].faults -= 1;
        }
        if fault && !plan.loses {
            drop(state);
            if rng.chance(50) {
                std::panic::resume_unwind(Box::new("simulated"));
            }
            return Err(SinkError::retry("simulated"));
        }
        let mut committed = Committed::default();
        let due: Vec<u64> = state.sinks[self.at].open.keys().copied().collect();
        for stage in due {
            if reason == CommitReason::Interval && rng.chance(30) {
                continue;
            }
            let content = state.sinks[self.at].open.remove(&stage).unwrap_or_default();
            let ids: Vec<u64> = content.iter().map(|s| s.id).collect();
            state.note(if fault { 40 } else { 41 } + self.at as u64 * 8, &ids);
            if fault {
                state.lose(self.at, stage, content);
                committed.lost.push(Stage(stage));
            } else {
                let skip = usize::from(self.world.has(Flaw::CommitNamesTooMuch));
                content.into_iter().skip(skip).for_each(|s| state.is_durable(self.at, s));
                committed.durable.push(Stage(stage));
            }
        }
        Ok(committed)
    }

    fn settings(&self) -> SinkSettings {
        let mut settings = self.world.plan.sink(self.at).settings.clone();
        if self.world.has(Flaw::WritesFast) {
            settings.rate = Default::default();
        }
        if self.world.has(Flaw::WritesBeside) {
            settings.order = dendro_core::Order::FirstDelivery;
            settings.in_flight += 2;
        }
        settings
    }
}

impl SimSink {
    fn fork(&self) -> Rng {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fork()
    }

    fn stored(&self, event: EventRef<'_>) -> Stored {
        if self.world.is_dead_letters(self.at) {
            let letter = letter(event);
            return Stored { id: letter_id(&letter), letter: Some(letter), call: 0, returned: false };
        }
        Stored { id: id_of(event), letter: None, call: 0, returned: false }
    }

    fn refuses(&self, id: u64) -> bool {
        !self.world.is_dead_letters(self.at) && self.world.plan.refuses(self.at, id)
    }

    fn fault(&self, rng: &mut Rng) -> Fault {
        use Fault::*;
        let plan = self.world.plan.sink(self.at);
        let mut state = self.world.lock();
        let may_end = plan.fatal && !state.is_last_run;
        let faults = &mut state.sinks[self.at].faults;
        let all = [
            Slow,
            Slow,
            Retry,
            Retry,
            RetryAfter,
            WriteThenRetry,
            Hang,
            WriteThenHang,
            Panic,
            WriteThenPanic,
            Partial,
            Partial,
            Partial,
            RejectAll,
            Fatal,
        ];
        if *faults == 0 || !rng.chance(plan.fault_percent) {
            return None;
        }
        *faults -= 1;
        let fault = all[rng.below(all.len() as u64) as usize];
        if fault == Fatal && !may_end { Retry } else { fault }
    }

    /// Keeps the events; in which stage, if they are not durable yet.
    fn store(&self, mut stored: Vec<Stored>, staged: bool) -> Option<u64> {
        let mut state = self.world.lock();
        if self.world.has(Flaw::SinkDrops) {
            stored.pop();
        }
        if !staged {
            stored.into_iter().for_each(|s| state.is_durable(self.at, s));
            return None;
        }
        let sink = &mut state.sinks[self.at];
        let last = sink.open.last_key_value().map(|(stage, _)| *stage);
        let stage = last.filter(|_| !sink.calls.is_multiple_of(3)).unwrap_or(sink.next_stage);
        sink.next_stage = sink.next_stage.max(stage + 1);
        sink.open.entry(stage).or_default().extend(stored);
        Some(stage)
    }

    /// The write of these events has succeeded, unless it has been lost meanwhile.
    fn succeeded(&self, ids: &[u64], staged: Option<(u64, u64)>) {
        let mut state = self.world.lock();
        state.note(30 + self.at as u64 * 8, ids);
        let sink = &mut state.sinks[self.at];
        sink.pending.retain(|id| !ids.contains(id));
        if staged.is_some_and(|(stage, _)| sink.lost.contains(&stage)) {
            return;
        }
        ids.iter().for_each(|id| *sink.successes.entry(*id).or_default() += 1);
        if let Some((stage, call)) = staged {
            let content = sink.open.get_mut(&stage).into_iter().flatten();
            content.filter(|s| s.call == call).for_each(|s| s.returned = true);
        }
        *state.this_run.written.entry(self.at).or_default() += ids.len() as i64;
    }

    /// What the dead letters refuse comes again.
    fn refused(&self, ids: Vec<u64>) {
        if self.world.is_dead_letters(self.at) {
            return;
        }
        let mut state = self.world.lock();
        for id in ids {
            state.sinks[self.at].pending.remove(&id);
            state.refused.insert((name(self.at), id));
        }
    }

    /// Some events are refused, with a fault some are to be tried again, and the others are written: durably, since a partial
    /// failure can't say what is staged.
    fn partial(&self, stored: Vec<Stored>, mut fault: Option<&mut Rng>) -> Result<Written, SinkError> {
        let mut error = SinkError::partial("simulated");
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        for (n, stored) in stored.into_iter().enumerate() {
            let random = fault.as_mut().map_or(99, |rng| rng.below(100));
            if self.refuses(stored.id) || (random < 15 && !self.world.is_dead_letters(self.at)) {
                error = error.reject(n as u32, "simulated");
                refused.push(stored.id);
            } else if random < 50 {
                error = error.retry_event(n as u32);
            } else {
                kept.push(stored);
            }
        }
        let ids: Vec<u64> = kept.iter().map(|s| s.id).collect();
        self.refused(refused);
        self.store(kept, false);
        self.succeeded(&ids, None);
        if let Some(rng) = fault
            && rng.chance(30)
        {
            error = error.after(rng.millis(0, 300));
        }
        Err(error)
    }
}

impl State {
    fn is_durable(&mut self, sink: usize, stored: Stored) {
        self.sinks[sink].durable.insert(stored.id);
        self.letters.extend(stored.letter);
    }

    /// What was staged and not committed in the run before is gone.
    pub(crate) fn run_begins(&mut self, is_last: bool) {
        let orders_over_runs = self.orders_over_runs;
        for at in 0..self.sinks.len() {
            let sink = &mut self.sinks[at];
            sink.pending.clear();
            if !orders_over_runs {
                (sink.given, sink.seen) = Default::default();
            }
            sink.attempts = vec![(Instant::now(), 0)];
            for (stage, content) in std::mem::take(&mut self.sinks[at].open) {
                self.lose(at, stage, content);
            }
        }
        self.buffers.iter_mut().for_each(|buffer| buffer.entered.clear());
        (self.this_run, self.is_last_run) = (Tally::default(), is_last);
    }

    fn lose(&mut self, sink: usize, stage: u64, content: Vec<Stored>) {
        self.sinks[sink].lost.insert(stage);
        for stored in content.into_iter().filter(|s| s.returned) {
            if let Some(successes) = self.sinks[sink].successes.get_mut(&stored.id) {
                *successes -= 1;
            }
            *self.this_run.written.entry(sink).or_default() -= 1;
        }
    }
}

pub(crate) fn name(sink: usize) -> String {
    format!("k{sink}")
}
