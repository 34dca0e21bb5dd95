//! A buffer in memory: bounded, and as safe as what is before it, or best-effort.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::control::{Either, first};
use super::problem::Severity;
use super::queue::{Closed, Queue, QueueLimits, QueueSender};
use crate::{
    Batch, Buffer, BufferHalves, Level, Output, Receipts, Sink, SinkError, SinkSettings, Source,
    SourceContext, SourceError, WhenFull, WriteContext, Written,
};

/// A [`Buffer`] in memory, bounded by events and by retained bytes.
///
/// It passes the acknowledgement on: what waits here is not settled, and its source sends it again should the
/// process die. So it evens out bursts and loses nothing.
///
/// # Best effort
/// Where a slow branch of a fan-out must never hold the others, a buffer that drops when it is full goes before
/// it. Then the branches flow at their own rates; but what *waits* in the slow one still keeps its source from
/// storing a checkpoint behind it. [`best_effort`](Self::best_effort) gives that up as well: what enters is
/// acknowledged at once, so that not even a destination that hangs for days holds its source. The price is that what waits in
/// the buffer, or is under way behind it, is lost if the process dies or the drain's deadline passes; what the
/// pipeline knows of that is counted and told.
///
/// ```
/// use dendro_core::{Pipeline, WhenFull, pipeline::MemoryBuffer};
/// # let (important, nice_to_have) = (dendro_core::sink_fn(|_| async { Ok(()) }), dendro_core::sink_fn(|_| async { Ok(()) }));
/// let builder = Pipeline::builder()
///     .sink("important", "in", important)
///     .buffer("maybe", "in", MemoryBuffer::best_effort().max_bytes(8 << 20))
///     .sink("nice_to_have", "maybe", nice_to_have);
/// # let _ = builder;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct MemoryBuffer {
    limits: QueueLimits,
    when_full: WhenFull,
    acknowledges: bool,
}

impl MemoryBuffer {
    /// Holds up to 65,536 events and 16 MiB; when it is full, what is before it waits.
    pub fn new() -> Self {
        let limits = QueueLimits { max_events: 65_536, max_bytes: 16 << 20 };
        Self { limits, when_full: WhenFull::Block, acknowledges: false }
    }

    /// For a branch that must never hold what is before it: acknowledges what enters, drops what comes when it is
    /// full. What that means, the [type's page](Self#best-effort) tells.
    pub fn best_effort() -> Self {
        Self { acknowledges: true, ..Self::new().when_full(WhenFull::DropNewest) }
    }

    /// The most events. A batch with more is let in alone.
    pub fn max_events(mut self, events: usize) -> Self {
        self.limits.max_events = events;
        self
    }

    /// The most retained bytes, up to 4 GiB. A batch with more is let in alone.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.limits.max_bytes = bytes;
        self
    }

    /// What happens when it is full; a batch that finds no room is dropped, or goes to the dead letters, whole.
    pub fn when_full(mut self, policy: WhenFull) -> Self {
        self.when_full = policy;
        self
    }
}

impl Default for MemoryBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Buffer for MemoryBuffer {
    fn into_halves(self: Box<Self>) -> BufferHalves {
        let queue = Queue::new(self.limits, 1, false);
        let (when_full, acknowledges) = (self.when_full, self.acknowledges);
        let writer = Writer { to: queue.sender(), when_full, acknowledges };
        let reader = Reader { queue: queue.clone(), acknowledges };
        let halves = BufferHalves::new(writer, reader, Arc::new(Depth(queue)));
        if acknowledges { halves } else { halves.passing_acknowledgements() }
    }
}

struct Writer {
    to: QueueSender,
    when_full: WhenFull,
    acknowledges: bool,
}

impl Writer {
    /// What goes into the buffer: with a share of the acknowledgement, so that the driver's share is not the last.
    fn share(&self, batch: &Batch) -> Batch {
        if self.acknowledges { batch.without_acks() } else { batch.clone() }
    }

    /// Lets in what finds room.
    fn write_some(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let (mut event, mut refused) = (0, Vec::new());
        for batch in batches {
            let events = event..event + batch.len() as u32;
            event = events.end;
            match self.to.try_room([batch]).map_err(closed)? {
                Some(room) => room.push(Some(self.share(batch))).map_err(|_| closed(Closed))?,
                None => refused.extend(events),
            }
        }
        if refused.is_empty() {
            return Ok(Written::Durable);
        }
        let drops = self.when_full == WhenFull::DropNewest;
        let what = if drops { "dropped" } else { "sent to the dead letters" };
        let message = format!("the buffer is full: what comes is {what}");
        cx.report(Severity::Warning, message.as_str());
        let error = SinkError::partial(message);
        Err(refused.into_iter().fold(error, |error, event| match drops {
            true => error.drop_event(event),
            false => error.reject(event, "the buffer is full"),
        }))
    }
}

#[async_trait]
impl Sink for Writer {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        if self.when_full != WhenFull::Block {
            return self.write_some(batches, cx);
        }
        // All or nothing, so that a write that is dropped while it waits has done nothing.
        let room = self.to.room(batches).await.map_err(closed)?;
        let shares: Vec<Batch> = batches.iter().map(|b| self.share(b)).collect();
        room.push(shares).map_err(|_| closed(Closed))?;
        Ok(Written::Durable)
    }

    fn settings(&self) -> SinkSettings {
        // To wait for room is what it is there for.
        SinkSettings { timeout: Duration::from_secs(365 * 24 * 3600), ..SinkSettings::default() }
    }
}

fn closed(closed: Closed) -> SinkError {
    SinkError::retry(closed.to_string())
}

struct Reader {
    queue: Arc<Queue>,
    acknowledges: bool,
}

impl Reader {
    /// Until all is passed on; an error if the pipeline takes nothing any more.
    async fn pass_on(
        &self,
        out: &Output,
        cx: &SourceContext,
        receipts: &mut Receipts<u64>,
        lost: &mut u64,
    ) -> Result<(), Closed> {
        // What is there comes before the end.
        while let Either::First(Some(item)) = first(self.queue.pop(0), cx.stopping()).await {
            let events = item.batch.len() as u64;
            match out.send(item.batch).await {
                Ok(receipt) if self.acknowledges => receipts.push(receipt, events),
                Ok(_) => {}
                Err(closed) => {
                    *lost += events;
                    return Err(closed);
                }
            }
            while let Some((events, settlement)) = receipts.try_next() {
                *lost += if settlement.outcome.is_settled() { 0 } else { events };
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Source for Reader {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let (mut receipts, mut lost) = (Receipts::new(), 0);
        let result = self.pass_on(&out, &cx, &mut receipts, &mut lost).await;
        receipts.drain(out, |events, s| lost += if s.outcome.is_settled() { 0 } else { events }).await;
        if self.acknowledges {
            lost += self.queue.depth().0 as u64;
            if lost > 0 {
                let message = format!(
                    "{lost} events are lost: they were acknowledged when they entered a best-effort buffer, and could not be delivered"
                );
                cx.report(Severity::Warning, message);
            }
        }
        Ok(result?)
    }
}

impl Drop for Reader {
    /// What was not passed on is abandoned, so that its source sends it again.
    fn drop(&mut self) {
        self.queue.close();
    }
}

struct Depth(Arc<Queue>);

impl Level for Depth {
    fn events(&self) -> u64 {
        self.0.depth().0 as u64
    }

    fn bytes(&self) -> u64 {
        self.0.depth().1 as u64
    }
}
