//! A buffer whose content outlives it, and that can be broken in one way or another.
#![allow(dead_code, clippy::unwrap_used, unreachable_pub)]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::{
    Batch, Buffer, BufferHalves, Level, Output, Receipts, Settlement, Sink, SinkError, Source, SourceContext,
    SourceError, WhenFull, WriteContext, Written,
};
use dendro_test::conformance::BufferFixture;
use tokio::sync::Notify;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flaw {
    None,
    LosesOne,
    Reverses,
    SendsTwice,
    CountsNothing,
    StopsAtOnce,
    NeverStops,
    KeepsItsOutput,
    EndsUnsettled,
    ForgetsWhatItSent,
    NeverForgets,
    KeepsInMemory,
    HasNoLimit,
    DropsSilently,
    DropsInsteadOfRefusing,
    StaysBusyWhenCancelled,
    PassesTokensOn,
    ReaderFails,
    WriterFails,
}

/// Where the content lies.
#[derive(Clone)]
pub struct Shelf {
    content: Arc<Content>,
    flaw: Flaw,
    limit: Option<(u64, WhenFull)>,
}

#[derive(Default)]
struct Content {
    state: Mutex<State>,
    written: Notify,
    room: Notify,
    busy: AtomicBool,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    /// The number of the first.
    first: u64,
    /// Kept back by a shelf that reverses.
    held: Option<Batch>,
}

impl Shelf {
    pub fn new(flaw: Flaw) -> Self {
        Self { content: Arc::default(), flaw, limit: None }
    }

    pub fn holding(&self, events: u64, when_full: WhenFull) -> Self {
        Self { limit: Some((events, when_full)), ..self.clone() }
    }

    pub fn events(&self) -> u64 {
        self.content.events()
    }
}

impl Content {
    fn events(&self) -> u64 {
        self.state.lock().unwrap().batches.iter().map(|b| b.len() as u64).sum()
    }
}

impl Buffer for Shelf {
    fn into_halves(self: Box<Self>) -> BufferHalves {
        let mut shelf = *self;
        if shelf.flaw == Flaw::KeepsInMemory {
            shelf.content = Arc::default();
        }
        BufferHalves::new(Writer(shelf.clone()), Reader(shelf.clone()), Arc::new(Count(shelf)))
    }
}

struct Count(Shelf);

impl Level for Count {
    fn events(&self) -> u64 {
        if self.0.flaw == Flaw::CountsNothing { 0 } else { self.0.events() }
    }
    fn bytes(&self) -> u64 {
        let state = self.0.content.state.lock().unwrap();
        state.batches.iter().map(|b| b.retained_bytes() as u64).sum()
    }
}

struct Writer(Shelf);

impl Writer {
    fn push(&self, batch: &Batch) {
        let tokens = self.0.flaw == Flaw::PassesTokensOn;
        let batch = if tokens { batch.clone() } else { batch.without_acks() };
        let mut state = self.0.content.state.lock().unwrap();
        if self.0.flaw == Flaw::Reverses && state.held.is_none() {
            state.held = Some(batch);
            return;
        }
        state.batches.push_back(batch);
        let held = state.held.take();
        state.batches.extend(held);
        self.0.content.written.notify_one();
    }
}

#[async_trait::async_trait]
impl Sink for Writer {
    async fn write(&self, batches: &[Batch], _cx: &WriteContext) -> Result<Written, SinkError> {
        let Self(Shelf { content, flaw, limit }) = self;
        if *flaw == Flaw::WriterFails {
            return Err(SinkError::fatal("the shelf is broken"));
        }
        if *flaw == Flaw::StaysBusyWhenCancelled && content.busy.swap(true, Ordering::Relaxed) {
            return Err(SinkError::retry("busy"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        content.busy.store(false, Ordering::Relaxed);
        let (mut event, mut refused) = (0u32, Vec::new());
        for batch in batches {
            let events = event..event + batch.len() as u32;
            event = events.end;
            let is_full = || {
                let limit = limit.filter(|_| *flaw != Flaw::HasNoLimit);
                limit.is_some_and(|(most, _)| content.events() + batch.len() as u64 > most)
            };
            let blocks = limit.is_some_and(|(_, when_full)| when_full == WhenFull::Block);
            while blocks && is_full() {
                content.room.notified().await;
            }
            if is_full() {
                refused.extend(events);
                continue;
            }
            if *flaw == Flaw::LosesOne
                && batch.iter().any(|e| e.get("n").and_then(|n| n.as_u64()) == Some(10))
            {
                continue;
            }
            self.push(batch);
        }
        if refused.is_empty() || *flaw == Flaw::DropsSilently {
            return Ok(Written::Durable);
        }
        let error = SinkError::partial("the shelf is full");
        let drops = *flaw == Flaw::DropsInsteadOfRefusing
            || limit.is_some_and(|(_, when_full)| when_full == WhenFull::DropNewest);
        Err(refused.into_iter().fold(error, |error, event| match drops {
            true => error.drop_event(event),
            false => error.reject(event, "full"),
        }))
    }
}

struct Reader(Shelf);

impl Reader {
    fn settle(&self, number: u64, settlement: &Settlement) {
        if !settlement.outcome.is_settled() || self.0.flaw == Flaw::NeverForgets {
            return;
        }
        let mut state = self.0.content.state.lock().unwrap();
        if number == state.first && !state.batches.is_empty() {
            state.batches.pop_front();
            state.first += 1;
            self.0.content.room.notify_one();
        }
    }

    /// A copy of batch `number`.
    fn look(&self, number: u64) -> Option<Batch> {
        let state = self.0.content.state.lock().unwrap();
        let tokens = self.0.flaw == Flaw::PassesTokensOn;
        let at = number.checked_sub(state.first)? as usize;
        let batch = state.batches.get(at)?;
        Some(if tokens { batch.clone() } else { batch.without_acks() })
    }
}

#[async_trait::async_trait]
impl Source for Reader {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let flaw = self.0.flaw;
        if flaw == Flaw::ReaderFails {
            return Err(SourceError::fatal("the shelf is broken"));
        }
        let mut receipts = Receipts::new();
        let mut next = self.0.content.state.lock().unwrap().first;
        loop {
            if flaw == Flaw::StopsAtOnce && cx.is_stopping() {
                break;
            }
            if let Some(batch) = self.look(next) {
                if flaw == Flaw::SendsTwice {
                    let _twice = out.send(batch.without_acks()).await?;
                }
                receipts.push(out.send(batch).await?, next);
                next += 1;
                if flaw == Flaw::ForgetsWhatItSent {
                    let mut state = self.0.content.state.lock().unwrap();
                    state.batches.pop_front();
                    state.first += 1;
                }
            } else if cx.is_stopping() && flaw != Flaw::NeverStops {
                break;
            } else {
                let stopping = async {
                    match flaw {
                        Flaw::NeverStops => std::future::pending().await,
                        _ => cx.stopping().await,
                    }
                };
                tokio::select! {
                    () = self.0.content.written.notified() => {}
                    () = stopping => {}
                    (number, settlement) = receipts.next() => self.settle(number, &settlement),
                }
            }
            while let Some((number, settlement)) = receipts.try_next() {
                self.settle(number, &settlement);
            }
        }
        if flaw == Flaw::EndsUnsettled {
            return Ok(());
        }
        let kept = (flaw == Flaw::KeepsItsOutput).then(|| out.clone());
        receipts.drain(out, |number, settlement| self.settle(number, &settlement)).await;
        drop(kept);
        Ok(())
    }

    fn can_replay(&self) -> bool {
        true
    }
}

impl BufferFixture for Shelf {
    fn buffer(&self) -> Box<dyn Buffer> {
        Box::new(self.clone())
    }
    fn bounded(&self, events: u64, when_full: WhenFull) -> Option<Box<dyn Buffer>> {
        Some(Box::new(self.holding(events, when_full)))
    }
    fn is_durable(&self) -> bool {
        true
    }
}
