//! The application's own `tracing` events and spans, and `log` records through `tracing-log`, in process.
//!
//! [`layer`] gives two halves: a [`TracingLayer`] for the subscriber and a [`TracingSource`] for the pipeline.
//!
//! ```
//! use dendro_core::pipeline::QueueLimits;
//! use dendro_core::{Output, Source, SourceContext, SystemClock};
//! use tracing_subscriber::filter::LevelFilter;
//! use tracing_subscriber::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (layer, mut source) = dendro_sources::tracing::layer();
//! let subscriber = tracing_subscriber::registry().with(layer.with_filter(LevelFilter::INFO));
//!
//! // In an application `subscriber.init()`, once. What happens before the pipeline runs is kept for it.
//! tracing::subscriber::with_default(subscriber, || {
//!     let _in = tracing::info_span!("request", id = 7).entered();
//!     tracing::warn!(attempt = 2, "the disk is slow");
//! });
//!
//! // In an application the pipeline does this part.
//! let (out, sent) = Output::for_test(QueueLimits::default());
//! let (cx, _stop) = SourceContext::for_test("app", std::sync::Arc::new(SystemClock));
//! tokio::spawn(async move { source.run(out, cx).await });
//! let batch = sent.recv().await.ok_or("no batch")?;
//! let event = batch.get(0).ok_or("no event")?;
//! let text = |name| event.get(name).and_then(|v| v.as_str());
//! assert_eq!((event.event_type(), text("level"), text("message")), ("log", Some("warn"), Some("the disk is slow")));
//! assert_eq!(text("span"), Some("request"));
//! assert_eq!(event.get("id").and_then(|v| v.as_u64()), Some(7));
//! # Ok(()) }
//! ```
//!
//! # What it costs, and what it never does
//! An event is written, typed, into a bounded buffer, on the thread on which it happens. That thread is never made to
//! wait: what finds the buffer full is *shed* and counted ([`TracingStats::shed`]), and the source tells of it with an
//! event of its own that has the field `shed_events`.
//!
//! A pipeline never feeds itself: events and spans of Dendro's own crates are skipped, and so is all that happens
//! while a component of a pipeline works (a sink's HTTP client, a transform's own logging), and what a `Debug`
//! implementation logs while it is being recorded. Tasks that a client spawns for itself can't be told from the
//! application's: give the layer a filter for those that log at the level in use.
//!
//! What was recorded before the pipeline stops is delivered; what comes later is shed. It lives in memory only: a
//! process that is killed takes with it what the pipeline did not have yet.
//!
//! # Fields
//! `level`, `target`, `message`, the name of the current span as `span` and of all that enclose it as `spans`, the fields
//! of these spans and of the event by their own names (an inner one wins over an outer one), `thread_name`, `file` and
//! `line` (if wanted), `trace_id` and `span_id`. A field that has the name of one of these is called `field_level`, and so
//! on; but `trace_id` and `span_id` may be given by the application, as a field of the event or of a span. `log`
//! records come out just as events do. 128-bit integers become text, errors the text of all their chain.

mod buffer;
mod decode;
mod layer;
mod record;
mod source;

use std::sync::Arc;
use std::time::Duration;

use dendro_core::Clock;

use buffer::Buffer;
pub use layer::TracingLayer;
pub use source::TracingSource;

/// A layer and its source with the default [`Settings`].
pub fn layer() -> (TracingLayer, TracingSource) {
    Settings::new().layer()
}

/// What is recorded, and how much may wait.
///
/// ```
/// let (layer, source) = dendro_sources::tracing::Settings::new().span_events(true).location(true).layer();
/// # drop((layer, source));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Settings {
    capacity_bytes: usize,
    linger: Duration,
    record: Recorded,
    clock: Option<Arc<dyn Clock>>,
}

#[derive(Clone, Copy)]
struct Recorded {
    span_fields: bool,
    span_events: bool,
    ids: bool,
    location: bool,
    thread_name: bool,
}

impl Settings {
    /// 4 MiB, 100 milliseconds; with span fields, ids and thread names; without span events and locations.
    pub const fn new() -> Self {
        let record =
            Recorded { span_fields: true, span_events: false, ids: true, location: false, thread_name: true };
        Self { capacity_bytes: 4 << 20, linger: Duration::from_millis(100), record, clock: None }
    }

    /// The most bytes that may wait for the source. An event takes about 100, and what its texts and spans add.
    pub const fn capacity_bytes(mut self, bytes: usize) -> Self {
        self.capacity_bytes = bytes;
        self
    }

    /// How long an event may wait for others to share its batch.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Whether events have the fields of the spans that enclose them.
    pub const fn span_fields(mut self, on: bool) -> Self {
        self.record.span_fields = on;
        self
    }

    /// Whether a span becomes an event when it closes: of type `span`, its time the start, with `duration` and the
    /// parts of it in which it was entered (`busy`) and not (`idle`).
    pub const fn span_events(mut self, on: bool) -> Self {
        self.record.span_events = on;
        self
    }

    /// Whether events have the random ids of their span and of its outermost ancestor, as W3C Trace Context writes them.
    pub const fn ids(mut self, on: bool) -> Self {
        self.record.ids = on;
        self
    }

    /// Whether events have the file and line in the source code.
    pub const fn location(mut self, on: bool) -> Self {
        self.record.location = on;
        self
    }

    /// Whether events have the name of the thread, where it has one.
    pub const fn thread_name(mut self, on: bool) -> Self {
        self.record.thread_name = on;
        self
    }

    /// Takes the time from `clock`: for tests. The layer works before a pipeline runs, so it can't use that one's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The layer and its source.
    pub fn layer(self) -> (TracingLayer, TracingSource) {
        let buffer = Arc::new(Buffer::new(self.capacity_bytes));
        let source = TracingSource::new(buffer.clone(), self.linger, self.record);
        (TracingLayer::new(buffer, self.record, self.clock), source)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("capacity_bytes", &self.capacity_bytes)
            .field("linger", &self.linger)
            .finish_non_exhaustive()
    }
}

/// What a [`TracingLayer`] has recorded and shed.
///
/// ```
/// let (layer, _source) = dendro_sources::tracing::layer();
/// let stats = layer.stats();
/// assert_eq!((stats.recorded(), stats.shed(), stats.waiting_bytes()), (0, 0, 0));
/// ```
#[derive(Clone)]
pub struct TracingStats(Arc<Buffer>);

impl TracingStats {
    /// The events and spans that were recorded.
    pub fn recorded(&self) -> u64 {
        self.0.recorded()
    }

    /// The events and spans that were shed: the buffer was full, or the pipeline had stopped.
    pub fn shed(&self) -> u64 {
        self.0.shed()
    }

    /// The bytes that wait for the source or are on their way from it into the pipeline.
    pub fn waiting_bytes(&self) -> usize {
        self.0.pending()
    }
}

impl std::fmt::Debug for TracingStats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracingStats")
            .field("recorded", &self.recorded())
            .field("shed", &self.shed())
            .field("waiting_bytes", &self.waiting_bytes())
            .finish()
    }
}
