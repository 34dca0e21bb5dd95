//! A transform by itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dendro_core::{
    Acks, Batch, Event, FlushReason, Outcome, Receipt, Settlement, Timestamp, Transform, TransformError,
    acknowledgement,
};

use crate::batches;

/// Runs one transform over events or raw lines, as the driver does.
///
/// ```
/// use dendro_core::map;
/// use dendro_test::TransformHarness;
///
/// let mut harness = TransformHarness::new(map(|event| match event.get("message").and_then(|m| m.as_str()) {
///     Some("") | None => Err("no text"),
///     Some(text) => {
///         let loud = text.to_uppercase();
///         event.insert("message", loud.as_str()).map_err(|_| "full")
///     }
/// }));
/// let run = harness.lines(["hello", ""]);
/// assert_eq!(run.out[0].event.get("message"), Some(&"HELLO".into()));
/// assert_eq!(run.rejected[0].reason, "no text");
/// assert!(harness.is_settled());
/// ```
pub struct TransformHarness {
    transform: Box<dyn Transform>,
    stream: String,
    position: u64,
    receipts: Vec<(Receipt, Option<Settlement>)>,
}

/// What a transform has made of one batch.
#[derive(Debug, Default)]
pub struct TransformRun {
    /// The events that leave, in order.
    pub out: Vec<OutEvent>,
    /// The events that it refused; all of them if it failed.
    pub rejected: Vec<RejectedEvent>,
    /// How many events it has filtered out.
    pub filtered: usize,
    /// Its error, or its panic.
    pub error: Option<String>,
    /// The batch as it leaves.
    pub batch: Batch,
}

/// An event that leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct OutEvent {
    /// The event.
    pub event: Event,
    /// The number of the port that it leaves by.
    pub port: u16,
    /// Its raw text.
    pub raw: Vec<u8>,
    /// Where in its stream its record begins.
    pub position: u64,
}

/// An event that was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct RejectedEvent {
    /// The event.
    pub event: Event,
    /// Why.
    pub reason: String,
    /// Its raw text.
    pub raw: Vec<u8>,
    /// Where in its stream its record begins.
    pub position: u64,
}

impl TransformRun {
    /// The events that leave, in order.
    pub fn events(&self) -> Vec<&Event> {
        self.out.iter().map(|o| &o.event).collect()
    }

    /// The events that leave by this port, in order.
    pub fn port(&self, port: u16) -> Vec<&Event> {
        self.out.iter().filter(|o| o.port == port).map(|o| &o.event).collect()
    }
}

impl TransformHarness {
    /// For this instance.
    pub fn new(transform: impl Transform) -> Self {
        Self { transform: Box::new(transform), stream: "test".to_owned(), position: 0, receipts: Vec::new() }
    }

    /// The lines and events that follow are of this stream.
    pub fn stream(&mut self, stream: &str, position: u64) -> &mut Self {
        (self.stream, self.position) = (stream.to_owned(), position);
        self
    }

    /// A batch of raw records.
    pub fn lines<L: AsRef<[u8]>>(&mut self, lines: impl IntoIterator<Item = L>) -> TransformRun {
        let batch = batches::lines(&self.stream, self.position, lines);
        self.position += batch.base().len() as u64;
        self.batch(batch)
    }

    /// A batch of events.
    pub fn events(&mut self, events: &[Event]) -> TransformRun {
        self.batch(batches::events(&self.stream, events))
    }

    /// A batch. What leaves is acknowledged at once.
    pub fn batch(&mut self, mut batch: Batch) -> TransformRun {
        let (token, receipt) = acknowledgement();
        self.receipts.push((receipt, None));
        batch.add_acks(Acks::from(token));
        let events = batch.len();
        let called = call(|| self.transform.transform(&mut batch));
        if let Some(error) = &called {
            batch.revert(events);
            batch.reject_all(error);
        }
        collect(batch, called)
    }

    /// What it emits when it is asked to flush.
    pub fn flush(&mut self, reason: FlushReason, now: Timestamp) -> TransformRun {
        let mut out = Batch::default();
        let called = call(|| self.transform.flush(reason, now, &mut out));
        collect(out, called)
    }

    /// What it emits when no more will come.
    pub fn drain(&mut self) -> TransformRun {
        self.flush(FlushReason::Drain, batches::OBSERVED)
    }

    /// Its state for a stream.
    pub fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        self.transform.snapshot(stream)
    }

    /// Gives it a state to take up.
    ///
    /// # Errors
    /// The transform's own.
    pub fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        self.transform.restore(stream, state)
    }

    /// The outcome of each batch so far; `None` while the transform holds its acknowledgement.
    pub fn outcomes(&mut self) -> Vec<Option<Outcome>> {
        let settle = |(receipt, settled): &mut (Receipt, Option<Settlement>)| {
            if settled.is_none() {
                *settled = receipt.try_settle();
            }
            settled.as_ref().map(|s| s.outcome)
        };
        self.receipts.iter_mut().map(settle).collect()
    }

    /// Whether every batch so far has settled, none abandoned.
    pub fn is_settled(&mut self) -> bool {
        self.outcomes().iter().all(|o| o.is_some_and(Outcome::is_settled))
    }

    /// The transform.
    pub fn transform(&mut self) -> &mut dyn Transform {
        &mut *self.transform
    }
}

fn call(f: impl FnOnce() -> Result<(), TransformError>) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panic) => Some(format!("panic: {}", panic_message(&*panic))),
    }
}

fn collect(mut batch: Batch, error: Option<String>) -> TransformRun {
    let reject = |r: dendro_core::batch::Rejected<'_>| RejectedEvent {
        event: r.event.to_event(),
        reason: r.reason.to_owned(),
        raw: r.event.raw().to_vec(),
        position: r.event.position(),
    };
    let rejected: Vec<_> = batch.rejected().map(reject).collect();
    let filtered = batch.purge().filtered;
    let out = batch.iter().map(|e| OutEvent {
        event: e.to_event(),
        port: e.port(),
        raw: e.raw().to_vec(),
        position: e.position(),
    });
    let out = out.collect();
    let outcome = if rejected.is_empty() { Outcome::Delivered } else { Outcome::DeadLettered };
    batch.take_acks().resolve(outcome);
    TransformRun { out, rejected, filtered, error, batch }
}

pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
