//! What each component has done so far.

use std::sync::Arc;
#[cfg(feature = "metrics")]
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::queue::Queue;
use crate::Level;
use crate::Outcome;
use crate::ack::Observe;

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComponentKind {
    #[allow(missing_docs)]
    Source,
    #[allow(missing_docs)]
    Transform,
    #[allow(missing_docs)]
    Sink,
    #[allow(missing_docs)]
    Buffer,
    /// The sink that dead letters go to.
    DeadLetters,
}

impl ComponentKind {
    /// Its name: `source`, `transform`, `sink`, `buffer`, `dead_letters`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Transform => "transform",
            Self::Sink => "sink",
            Self::Buffer => "buffer",
            Self::DeadLetters => "dead_letters",
        }
    }
}

/// What one component has done since the pipeline began to run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentStats {
    /// The component's name.
    pub name: String,
    /// What it is.
    pub kind: ComponentKind,
    /// Events that it was given.
    pub events_in: u64,
    /// Events that it has passed on, or written.
    pub events_out: u64,
    /// Bytes of raw text of the events that it was given.
    pub bytes_in: u64,
    /// Bytes of raw text of the events that it has passed on, or written.
    pub bytes_out: u64,
    /// Events that it has filtered out.
    pub filtered: u64,
    /// Events that it has sent to the dead letters, or that were counted and dropped there by the user's choice.
    pub rejected: u64,
    /// Events that were dropped because the user chose so, as by a buffer that is full.
    pub dropped: u64,
    /// Of the rejected, events that a sink was given in vain until the attempts or the time were used up.
    pub rejected_exhausted: u64,
    /// Of the rejected, events of writes in which a sink panicked.
    pub rejected_panicked: u64,
    /// Attempts of a sink behind the first one of a write.
    pub retried: u64,
    /// Attempts that a sink's destination has put off for a time: it was too much for it.
    pub throttled: u64,
    /// How long attempts of a sink have waited for the rate limit, together.
    pub rate_limited: Duration,
    /// How many attempts of a sink may run at once by now, where that adapts.
    pub concurrency: Option<u64>,
    /// Where a sink's circuit breaker stands, if it has one.
    pub circuit: Option<CircuitState>,
    /// Events that it let go of unsettled, since it could not go on or the drain's deadline had passed: their source has them still.
    pub abandoned: u64,
    /// Of a source: how the batches that it has sent were settled.
    pub settled: Settled,
    /// Errors and panics.
    pub errors: u64,
    /// Events that wait in front of it.
    pub queue_events: u64,
    /// Retained bytes that wait in front of it.
    pub queue_bytes: u64,
    /// Events that wait in it, if it is a buffer.
    pub buffer_events: u64,
    /// Bytes that they take, in memory or on disk.
    pub buffer_bytes: u64,
    /// Whether what waits in it is still there in the next run: a buffer whose content is durable.
    pub durable: bool,
    /// Time spent in the component's own code: on a thread for a transform, from call to answer for a sink.
    pub busy: Duration,
    /// The last problem that it had.
    pub last_error: Option<String>,
}

impl ComponentStats {
    /// Of a source: events that it has sent and that are not settled, or abandoned. It has them still, if it can send
    /// again; those that it has sent again in this run are counted as often.
    pub fn unacknowledged(&self) -> u64 {
        match self.kind {
            ComponentKind::Source => {
                let Settled { delivered, dropped, dead_lettered, .. } = self.settled;
                self.events_in.saturating_sub(delivered + dropped + dead_lettered)
            }
            _ => 0,
        }
    }
}

/// Events of a source in batches that are settled, by the worst that became of anything from their batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// Delivered, or filtered out.
    pub delivered: u64,
    /// Dropped by the user's choice.
    pub dropped: u64,
    /// In the dead letters.
    pub dead_lettered: u64,
    /// Neither: to be sent again.
    pub abandoned: u64,
}

/// Where a [circuit breaker](crate::CircuitBreaker) stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CircuitState {
    /// Everything is attempted.
    Closed,
    /// Nothing is attempted.
    Open,
    /// One probe is under way.
    HalfOpen,
}

impl CircuitState {
    /// As the gauge shows it: 0 where there is no circuit.
    pub(super) fn code(self) -> u64 {
        match self {
            Self::Closed => 1,
            Self::HalfOpen => 2,
            Self::Open => 3,
        }
    }

    fn of(code: u64) -> Option<Self> {
        [Self::Closed, Self::HalfOpen, Self::Open].into_iter().find(|s| s.code() == code)
    }
}

/// The counters behind [`ComponentStats`].
pub(super) struct Stats {
    pub(super) name: Arc<str>,
    pub(super) kind: ComponentKind,
    pub(super) events_in: Counter,
    pub(super) events_out: Counter,
    pub(super) bytes_in: Counter,
    pub(super) bytes_out: Counter,
    pub(super) filtered: Counter,
    pub(super) rejected: Counter,
    pub(super) dropped: Counter,
    pub(super) rejected_exhausted: Counter,
    pub(super) rejected_panicked: Counter,
    pub(super) retried: Counter,
    pub(super) throttled: Counter,
    pub(super) rate_limited_nanos: Counter,
    pub(super) concurrency: Gauge,
    pub(super) circuit: Gauge,
    pub(super) abandoned: Counter,
    settled: [Counter; 4],
    pub(super) errors: Counter,
    pub(super) busy_nanos: Counter,
    pub(super) last_error: std::sync::Mutex<Option<String>>,
    pub(super) queue: Option<Arc<Queue>>,
    pub(super) content: Option<Content>,
}

/// What is in a buffer.
pub(super) struct Content {
    pub(super) level: Arc<dyn Level>,
    pub(super) durable: bool,
}

impl Stats {
    pub(super) fn new(name: Arc<str>, kind: ComponentKind, queue: Option<Arc<Queue>>) -> Arc<Self> {
        Arc::new(Self::without_content(name, kind, queue))
    }

    pub(super) fn of_buffer(name: Arc<str>, queue: Arc<Queue>, content: Content) -> Arc<Self> {
        let stats = Self::without_content(name, ComponentKind::Buffer, Some(queue));
        Arc::new(Self { content: Some(content), ..stats })
    }

    fn without_content(name: Arc<str>, kind: ComponentKind, queue: Option<Arc<Queue>>) -> Self {
        let counter = |what: &'static str| Counter::new(&name, kind, what);
        Self {
            events_in: counter("events_in"),
            events_out: counter("events_out"),
            bytes_in: counter("bytes_in"),
            bytes_out: counter("bytes_out"),
            filtered: counter("filtered"),
            rejected: counter("rejected"),
            dropped: counter("dropped"),
            rejected_exhausted: counter("rejected_exhausted"),
            rejected_panicked: counter("rejected_panicked"),
            retried: counter("retried"),
            throttled: counter("throttled"),
            rate_limited_nanos: counter("rate_limited_nanoseconds"),
            concurrency: Gauge::new(&name, kind, "concurrency"),
            circuit: Gauge::new(&name, kind, "circuit"),
            abandoned: counter("abandoned"),
            settled: ["settled_delivered", "settled_dropped", "settled_dead_lettered", "settled_abandoned"]
                .map(counter),
            errors: counter("errors"),
            busy_nanos: counter("busy_nanoseconds"),
            last_error: std::sync::Mutex::default(),
            name,
            kind,
            queue,
            content: None,
        }
    }

    /// Events that a source has sent. The reader of a buffer sends what was counted when it was written.
    pub(super) fn taken_in(&self, events: u64, bytes: u64) {
        if self.kind != ComponentKind::Buffer {
            self.events_in.add(events);
            self.bytes_in.add(bytes);
        }
    }

    /// Events that a sink has written. What is written to a buffer is out when it was read.
    pub(super) fn written(&self, events: u64, bytes: u64) {
        if self.kind != ComponentKind::Buffer {
            self.events_out.add(events);
            self.bytes_out.add(bytes);
        }
    }

    pub(super) fn error(&self, message: &str) {
        self.errors.add(1);
        *self.last_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(message.to_owned());
    }

    pub(super) fn read(&self) -> ComponentStats {
        let [delivered, dropped, dead_lettered, abandoned] =
            [0, 1, 2, 3].map(|i: usize| self.settled[i].get());
        let (queue_events, queue_bytes) = self.queue.as_ref().map_or((0, 0), |q| q.depth());
        let content = self.content.as_ref();
        ComponentStats {
            name: self.name.to_string(),
            kind: self.kind,
            events_in: self.events_in.get(),
            events_out: self.events_out.get(),
            bytes_in: self.bytes_in.get(),
            bytes_out: self.bytes_out.get(),
            filtered: self.filtered.get(),
            rejected: self.rejected.get(),
            dropped: self.dropped.get(),
            rejected_exhausted: self.rejected_exhausted.get(),
            rejected_panicked: self.rejected_panicked.get(),
            retried: self.retried.get(),
            throttled: self.throttled.get(),
            rate_limited: Duration::from_nanos(self.rate_limited_nanos.get()),
            concurrency: Some(self.concurrency.get()).filter(|n| *n > 0),
            circuit: CircuitState::of(self.circuit.get()),
            abandoned: self.abandoned.get(),
            settled: Settled { delivered, dropped, dead_lettered, abandoned },
            errors: self.errors.get(),
            queue_events: queue_events as u64,
            queue_bytes: queue_bytes as u64,
            buffer_events: content.map_or(0, |c| c.level.events()),
            buffer_bytes: content.map_or(0, |c| c.level.bytes()),
            durable: content.is_some_and(|c| c.durable),
            busy: Duration::from_nanos(self.busy_nanos.get()),
            last_error: self.last_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
        }
    }
}

impl Observe for Stats {
    fn settled(&self, outcome: Outcome, events: u64) {
        let [delivered, dropped, dead_lettered, abandoned] = &self.settled;
        let counter = match outcome {
            Outcome::Delivered => delivered,
            Outcome::Dropped => dropped,
            Outcome::DeadLettered => dead_lettered,
            Outcome::Abandoned => abandoned,
        };
        counter.add(events);
    }
}

/// A count that only grows; with the `metrics` feature also a counter `dendro_<what>_total` of the facade, with the
/// labels `component` and `kind`.
pub(super) struct Counter {
    value: AtomicU64,
    #[cfg(feature = "metrics")]
    facade: metrics::Counter,
}

impl Counter {
    fn new(name: &str, kind: ComponentKind, what: &'static str) -> Self {
        #[cfg(not(feature = "metrics"))]
        let _ = (name, kind, what);
        Self {
            value: AtomicU64::new(0),
            #[cfg(feature = "metrics")]
            facade: metrics::counter!(
                format!("dendro_{what}_total"),
                "component" => name.to_owned(),
                "kind" => kind.name()
            ),
        }
    }

    pub(super) fn add(&self, n: u64) {
        self.value.fetch_add(n, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        self.facade.increment(n);
    }

    pub(super) fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

/// A value that rises and falls; 0 where there is none. With the `metrics` feature also a gauge `dendro_<what>` of the
/// facade, once it has a value.
pub(super) struct Gauge {
    value: AtomicU64,
    #[cfg(feature = "metrics")]
    facade: OnceLock<metrics::Gauge>,
    #[cfg(feature = "metrics")]
    labels: (String, ComponentKind, &'static str),
}

impl Gauge {
    fn new(name: &str, kind: ComponentKind, what: &'static str) -> Self {
        #[cfg(not(feature = "metrics"))]
        let _ = (name, kind, what);
        Self {
            value: AtomicU64::new(0),
            #[cfg(feature = "metrics")]
            facade: OnceLock::new(),
            #[cfg(feature = "metrics")]
            labels: (name.to_owned(), kind, what),
        }
    }

    pub(super) fn set(&self, value: u64) {
        self.value.store(value, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        {
            let (name, kind, what) = &self.labels;
            let new = || metrics::gauge!(format!("dendro_{what}"), "component" => name.clone(), "kind" => kind.name());
            self.facade.get_or_init(new).set(value as f64);
        }
    }

    fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}
