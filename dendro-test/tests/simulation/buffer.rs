//! Buffers: the driver's own in memory, looked at from outside, and a durable one whose content outlives a run.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dendro_core::pipeline::MemoryBuffer;
use dendro_core::{
    Batch, Buffer, BufferHalves, Level, Output, Receipts, Settlement, Sink, SinkError, SinkSettings, Source,
    SourceContext, SourceError, WhenFull, WriteContext, Written,
};
use tokio::sync::Notify;

use crate::model;
use crate::plan::{BufferKind, Node};
use crate::rng::Rng;
use crate::source::resumed;
use crate::world::{Flaw, World, id_of, ids_of, stream_of};

/// The buffer with this number, of one run.
pub(crate) struct SimBuffer {
    world: Arc<World>,
    at: usize,
    rng: Rng,
}

impl SimBuffer {
    pub(crate) fn new(world: &Arc<World>, at: usize, rng: &mut Rng) -> Self {
        Self { world: world.clone(), at, rng: rng.fork() }
    }
}

impl Buffer for SimBuffer {
    fn into_halves(self: Box<Self>) -> BufferHalves {
        let Self { world, at, mut rng } = *self;
        let plan = &world.plan.buffers[at];
        let memory = match plan.kind {
            BufferKind::Durable => {
                let signals = Arc::new(Signals::default());
                let (rng_of_writer, rng) = (Mutex::new(rng.fork()), rng);
                let reader = Reader { world: world.clone(), at, rng, signals: signals.clone() };
                let level = Arc::new(Content { world: world.clone(), at });
                let writer = Writer { world, at, rng: rng_of_writer, signals };
                return BufferHalves::new(writer, reader, level);
            }
            BufferKind::Memory => MemoryBuffer::new().when_full(plan.when_full),
            BufferKind::BestEffort => MemoryBuffer::best_effort(),
        };
        let halves = Box::new(memory.max_events(plan.max_events as usize)).into_halves();
        let passes_acknowledgements = halves.passes_acknowledgements;
        let writer = Watched { world, at, writer: halves.writer };
        let halves = BufferHalves::new(writer, halves.reader, halves.level);
        if passes_acknowledgements { halves.passing_acknowledgements() } else { halves }
    }
}

/// The half of a buffer in memory that is written.
struct Watched {
    world: Arc<World>,
    at: usize,
    writer: Box<dyn Sink>,
}

#[async_trait::async_trait]
impl Sink for Watched {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let result = if self.world.has(Flaw::BufferSettlesEarly) {
            let alone: Vec<Batch> = batches.iter().map(Batch::without_acks).collect();
            self.writer.write(&alone, cx).await
        } else {
            self.writer.write(batches, cx).await
        };
        let ids: Vec<u64> = batches.iter().flat_map(ids_of).collect();
        note_written(&self.world, self.at, &ids, &result);
        result
    }

    fn settings(&self) -> SinkSettings {
        self.writer.settings()
    }
}

/// What became of a write.
fn note_written(world: &World, at: usize, ids: &[u64], result: &Result<Written, SinkError>) {
    let mut guard = world.lock();
    let state = &mut *guard;
    state.note(60 + at as u64, ids);
    let buffer = &mut state.buffers[at];
    let (dropped, rejected): (&[u32], &[(u32, String)]) = match result {
        Ok(_) => (&[], &[]),
        Err(error) => (error.dropped(), error.rejected()),
    };
    if matches!(result, Err(error) if dropped.is_empty() && error.rejected().is_empty()) {
        return;
    }
    let is_best_effort = world.plan.buffers[at].kind == BufferKind::BestEffort;
    for (n, id) in ids.iter().enumerate() {
        if dropped.contains(&(n as u32)) {
            buffer.dropped.insert(*id);
        } else if rejected.iter().any(|(at, _)| *at == n as u32) {
            state.refused.insert((name(at), *id));
        } else if is_best_effort {
            buffer.entered.insert(*id);
            buffer.known.insert(*id);
        }
    }
}

#[derive(Default)]
struct Signals {
    written: Notify,
    room: Notify,
}

struct Content {
    world: Arc<World>,
    at: usize,
}

impl Level for Content {
    fn events(&self) -> u64 {
        self.world.lock().buffers[self.at].events()
    }

    fn bytes(&self) -> u64 {
        let state = self.world.lock();
        state.buffers[self.at].content.iter().map(|batch| batch.retained_bytes() as u64).sum()
    }
}

/// The half of a durable buffer that is written.
struct Writer {
    world: Arc<World>,
    at: usize,
    rng: Mutex<Rng>,
    signals: Arc<Signals>,
}

impl Writer {
    fn has_room(&self, events: u64) -> bool {
        let held = self.world.lock().buffers[self.at].events();
        held == 0 || held + events <= self.world.plan.buffers[self.at].max_events
    }

    fn push(&self, batches: &[Batch]) {
        let mut state = self.world.lock();
        for batch in batches {
            let mut batch = batch.without_acks();
            if self.world.has(Flaw::BufferDrops) && batch.len() > 1 {
                batch = batch.select(1..batch.len());
            }
            state.buffers[self.at].content.push_back(batch);
        }
        self.signals.written.notify_one();
    }

    async fn write_all(&self, batches: &[Batch]) -> Result<Written, SinkError> {
        let plan = &self.world.plan.buffers[self.at];
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner).fork();
        rng.stumble(50).await;
        let fails = {
            let faults = &mut self.world.lock().buffers[self.at].faults;
            let fails = *faults > 0 && rng.chance(plan.fault_percent);
            *faults -= u64::from(fails);
            fails
        };
        match rng.below(4) {
            0 if fails => return Err(SinkError::retry("simulated")),
            1 if fails => {
                self.push(batches);
                return Err(SinkError::retry("simulated"));
            }
            2 if fails => return std::future::pending().await,
            3 if fails => {
                self.push(batches);
                return std::future::pending().await;
            }
            _ => {}
        }
        let events: u64 = batches.iter().map(|batch| batch.len() as u64).sum();
        while !self.has_room(events) {
            let full = || (0..events as u32, SinkError::partial("full"));
            match plan.when_full {
                WhenFull::DropNewest => {
                    let (all, error) = full();
                    return Err(all.fold(error, SinkError::drop_event));
                }
                WhenFull::DeadLetter => {
                    let (all, error) = full();
                    return Err(all.fold(error, |error, n| error.reject(n, "full")));
                }
                _ => self.signals.room.notified().await,
            }
        }
        self.push(batches);
        Ok(Written::Durable)
    }
}

#[async_trait::async_trait]
impl Sink for Writer {
    async fn write(&self, batches: &[Batch], _cx: &WriteContext) -> Result<Written, SinkError> {
        let result = self.write_all(batches).await;
        let ids: Vec<u64> = batches.iter().flat_map(ids_of).collect();
        note_written(&self.world, self.at, &ids, &result);
        result
    }

    fn settings(&self) -> SinkSettings {
        let mut settings = SinkSettings::default();
        settings.timeout = Duration::from_secs(30);
        settings
    }
}

/// The half of a durable buffer that is read: sends again what was abandoned, with all behind it.
struct Reader {
    world: Arc<World>,
    at: usize,
    rng: Rng,
    signals: Arc<Signals>,
}

impl Reader {
    /// A copy of batch `number`.
    fn look(&self, number: u64) -> Option<Batch> {
        let state = self.world.lock();
        let buffer = &state.buffers[self.at];
        let at = number.checked_sub(buffer.first)? as usize;
        buffer.content.get(at).map(Batch::without_acks)
    }

    fn forget_first(&self, settlement: Option<Settlement>) {
        let mut guard = self.world.lock();
        let state = &mut *guard;
        let buffer = &mut state.buffers[self.at];
        let Some(batch) = buffer.content.pop_front() else { return };
        buffer.first += 1;
        self.signals.room.notify_one();
        let stream = batch.stream().unwrap_or_default().to_owned();
        let settled = buffer.settled.entry(stream.clone()).or_default();
        batch.iter().for_each(|event| *settled.entry(id_of(event)).or_default() += 1);
        let before = settled.clone();
        let stored = buffer.snapshots.entry(stream.clone()).or_default();
        let told = settlement.into_iter().flat_map(|settlement| settlement.snapshots);
        stored.extend(told.map(|snapshot| (snapshot.component, snapshot.state)));
        let stored = stored.clone();
        let ids = ids_of(&batch);
        state.note(80 + self.at as u64, &ids);
        ids.iter().for_each(|id| model::leaves_buffer(&self.world, state, self.at, *id));
        if let Some((source, _)) = stream_of(&stream) {
            model::states_are_stored(&self.world, state, (Node::Buffer(self.at), source), &stored, &before);
        }
    }
}

#[async_trait::async_trait]
impl Source for Reader {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let mut receipts = Receipts::new();
        let mut next = self.world.lock().buffers[self.at].first;
        let mut resumed_streams = BTreeSet::new();
        loop {
            if let Some(mut batch) = self.look(next) {
                let stream = batch.stream().unwrap_or_default().to_owned();
                {
                    let mut state = self.world.lock();
                    let buffer = &mut state.buffers[self.at];
                    ids_of(&batch).into_iter().for_each(|id| *buffer.sends.entry(id).or_default() += 1);
                    if resumed_streams.insert(stream.clone()) {
                        let stored = buffer.snapshots.get(&stream).map(resumed).unwrap_or_default();
                        if !stored.is_empty() || !self.world.has(Flaw::ResumesSilently) {
                            batch.set_restore(stored);
                        }
                    }
                }
                self.rng.stumble(20).await;
                let Ok(receipt) = out.send(batch).await else { break };
                receipts.push(receipt, next);
                next += 1;
                if self.world.has(Flaw::BufferForgets) {
                    self.forget_first(None);
                }
            } else if cx.is_stopping() {
                break;
            } else {
                let news = async {
                    tokio::select! {
                        biased;
                        () = self.signals.written.notified() => None,
                        () = cx.stopping() => None,
                        settled = receipts.next() => Some(settled),
                    }
                };
                if let Some((number, settlement)) = news.await {
                    self.settled(number, settlement, &mut next, &mut receipts, &mut resumed_streams);
                }
            }
            while let Some((number, settlement)) = receipts.try_next() {
                self.settled(number, settlement, &mut next, &mut receipts, &mut resumed_streams);
            }
        }
        let mut is_whole = true;
        receipts
            .drain(out, |_, settlement| {
                is_whole &= settlement.outcome.is_settled();
                if is_whole && !self.world.has(Flaw::BufferForgets) {
                    self.forget_first(Some(settlement));
                }
            })
            .await;
        // What was abandoned at the end the next run sends again.
        if cx.is_stopping() {
            Ok(())
        } else {
            Err(SourceError::retry("what is behind it takes nothing any more"))
        }
    }

    fn can_replay(&self) -> bool {
        true
    }
}

impl Reader {
    fn settled(
        &self,
        number: u64,
        settlement: Settlement,
        next: &mut u64,
        receipts: &mut Receipts<u64>,
        resumed_streams: &mut BTreeSet<String>,
    ) {
        if self.world.has(Flaw::BufferForgets) {
            return;
        }
        if settlement.outcome.is_settled() {
            return self.forget_first(Some(settlement));
        }
        *next = number;
        *receipts = Receipts::new();
        resumed_streams.clear();
    }
}

pub(crate) fn name(buffer: usize) -> String {
    format!("b{buffer}")
}
