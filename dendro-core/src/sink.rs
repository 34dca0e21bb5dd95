//! The sink's side of the contract.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::Batch;
use crate::pipeline::{Problem, Reporter, Severity};

mod settings;

pub use settings::{AdaptiveConcurrency, CircuitBreaker, Order, Retry, SinkSettings};
#[cfg(feature = "rate_limit")]
pub use settings::{RateLimit, RateLimits};

/// Writes batches to where they are queried or kept.
///
/// The mechanism is the author's, the policy is the driver's: batching, time-outs, retries, order and the number of
/// writes in flight are [`SinkSettings`], and a sink that calls a service has that service's own retries off.
///
/// # Cancel safety
/// A write that takes longer than its time-out is dropped at one of its await points, and tried again with
/// the same id. A sink has to be left such that the next write works: what a dropped write has half done is either
/// finished elsewhere or undone by the next. A commit has the same time-out, and is dropped likewise: what it had made durable, or
/// lost, is named by the next one.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// Writes the events of `batches`, which are never merged; the events are numbered across the slice,
    /// from 0. No event is gone, and no batch is empty.
    ///
    /// # Errors
    /// [`SinkError`] says what is to be tried again, what is rejected, or that the sink can't go on.
    /// What an error does not name was written.
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError>;

    /// Makes staged writes durable, as far as it is time for them: called at the
    /// [commit interval](SinkSettings::commit_interval), also when nothing is staged, and with [`CommitReason::Drain`] when no more writes will
    /// come. May be called while writes are in flight.
    ///
    /// # Errors
    /// [`SinkError`]: nothing has changed, and the driver asks again. So it does after a panic, and when the
    /// [time-out](SinkSettings::timeout) has passed.
    async fn commit(&self, reason: CommitReason) -> Result<Committed, SinkError> {
        let _ = reason;
        Ok(Committed::default())
    }

    /// What the driver should do unless the user says otherwise.
    fn settings(&self) -> SinkSettings {
        SinkSettings::default()
    }
}

/// How far a write has got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Written {
    /// The destination has it: it is acknowledged.
    Durable,
    /// It is acknowledged when [`Sink::commit`] has named all these stages: a file that is not yet synced,
    /// an object that is not yet complete.
    Staged(Vec<Stage>),
}

/// A number by which a sink knows what it has staged together. Once a commit has named it, it is never used again: a
/// write that is still under way counts as settled by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stage(pub u64);

/// Why [`Sink::commit`] is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitReason {
    /// The interval has passed: commit what is due.
    Interval,
    /// As much is staged as the driver may [keep](SinkSettings::max_staged_bytes): commit what can be.
    Pressure,
    /// No more writes will come: finish everything.
    Drain,
}

/// What a commit has settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The stages that are durable now.
    pub durable: Vec<Stage>,
    /// The stages that have failed for good (an `fsync` that gave an error): what was in them is written
    /// again.
    pub lost: Vec<Stage>,
}

/// What a write should know beside the events.
#[derive(Clone)]
pub struct WriteContext {
    pub(crate) id: String,
    pub(crate) attempt: u32,
    pub(crate) deadline: tokio::time::Instant,
    pub(crate) reporter: Option<(Reporter, Arc<str>)>,
}

impl fmt::Debug for WriteContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteContext")
            .field("id", &self.id)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl WriteContext {
    /// For the driver, and for tests of a sink by itself.
    pub fn new(id: impl Into<String>, attempt: u32, timeout: Duration) -> Self {
        let deadline = tokio::time::Instant::now() + timeout;
        Self { id: id.into(), attempt, deadline, reporter: None }
    }

    /// An id that stays the same when the same events are written again because the outcome is not known; for
    /// destinations that can tell duplicates by it. 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// 1 for the first attempt.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Tells the user of something that the sink has to live with and that is no error of this write: a torn file that
    /// was mended, an answer that says the service is slow. What stays the same is told once.
    pub fn report(&self, severity: Severity, message: impl Into<String>) {
        if let Some((reporter, component)) = &self.reporter {
            reporter.report(Problem { component: component.clone(), severity, message: message.into() });
        }
    }

    /// How long until the write is given up.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(tokio::time::Instant::now())
    }
}

/// Why, and for which events, a write has failed.
///
/// ```
/// use dendro_core::SinkError;
/// use std::time::Duration;
///
/// // Nothing was written, or nobody knows.
/// let busy = SinkError::retry("503 Service Unavailable").after(Duration::from_secs(2));
/// // Event 3 can never be written, 7 may be, all others were.
/// let partial = SinkError::partial("2 of 10 records failed").reject(3, "too large").retry_event(7);
/// assert_eq!(busy.to_string(), "503 Service Unavailable");
/// assert_eq!(partial.rejected(), [(3, "too large".to_owned())]);
/// ```
#[derive(Debug)]
pub struct SinkError {
    kind: SinkErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    after: Option<Duration>,
    named: Box<Named>,
}

/// The events that a partial failure names.
#[derive(Debug, Default)]
struct Named {
    retry: Vec<u32>,
    rejected: Vec<(u32, String)>,
    dropped: Vec<u32>,
}

/// What a [`SinkError`] means for the events of the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkErrorKind {
    /// All are to be written again.
    Retry,
    /// All go to the dead letters.
    Rejected,
    /// The sink can't go on: the pipeline stops, and what is not acknowledged is sent again by its source.
    Fatal,
    /// Some are named; all others were written.
    Partial,
}

impl SinkError {
    /// All events are to be written again.
    pub fn retry(message: impl Into<String>) -> Self {
        Self::new(SinkErrorKind::Retry, message)
    }

    /// No event can ever be written: they go to the dead letters.
    pub fn reject_all(message: impl Into<String>) -> Self {
        Self::new(SinkErrorKind::Rejected, message)
    }

    /// The sink can't go on.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::new(SinkErrorKind::Fatal, message)
    }

    /// All events were written but for those that [`reject`](Self::reject),
    /// [`retry_event`](Self::retry_event) and [`drop_event`](Self::drop_event) name.
    pub fn partial(message: impl Into<String>) -> Self {
        Self::new(SinkErrorKind::Partial, message)
    }

    /// Names an event that can never be written, and why.
    pub fn reject(mut self, event: u32, reason: impl Into<String>) -> Self {
        self.named.rejected.push((event, reason.into()));
        self
    }

    /// Names an event that is to be written again.
    pub fn retry_event(mut self, event: u32) -> Self {
        self.named.retry.push(event);
        self
    }

    /// Names an event that is dropped because the user chose so, as by a buffer that is full: it is counted, and
    /// settled as [dropped](crate::Outcome::Dropped).
    pub fn drop_event(mut self, event: u32) -> Self {
        self.named.dropped.push(event);
        self
    }

    /// Not before this much time has passed.
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = Some(delay);
        self
    }

    /// Adds the error behind it.
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What it means for the events of the write.
    pub fn kind(&self) -> SinkErrorKind {
        self.kind
    }

    /// How long to wait at least.
    pub fn retry_after(&self) -> Option<Duration> {
        self.after
    }

    /// The events that are to be written again, of a partial failure.
    pub fn retry_events(&self) -> &[u32] {
        &self.named.retry
    }

    /// The events that can never be written, of a partial failure, and why.
    pub fn rejected(&self) -> &[(u32, String)] {
        &self.named.rejected
    }

    /// The events that are dropped, of a partial failure.
    pub fn dropped(&self) -> &[u32] {
        &self.named.dropped
    }

    fn new(kind: SinkErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None, after: None, named: Box::default() }
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn Error + 'static))
    }
}

/// A sink from an async closure that is given each write's events as owned batches.
///
/// ```
/// use dendro_core::{SinkError, sink_fn};
/// let sink = sink_fn(|batches| async move {
///     let events: usize = batches.iter().map(|b| b.len()).sum();
///     if events == 0 { Err(SinkError::retry("nothing there")) } else { Ok(()) }
/// });
/// # fn is_sink(_: impl dendro_core::Sink) {}
/// # is_sink(sink);
/// ```
pub fn sink_fn<F, Fut>(f: F) -> impl Sink
where
    F: Fn(Vec<Batch>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), SinkError>> + Send + 'static,
{
    SinkFn(f)
}

struct SinkFn<F>(F);

#[async_trait]
impl<F, Fut> Sink for SinkFn<F>
where
    F: Fn(Vec<Batch>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), SinkError>> + Send + 'static,
{
    async fn write(&self, batches: &[Batch], _cx: &WriteContext) -> Result<Written, SinkError> {
        (self.0)(batches.iter().map(Batch::without_acks).collect()).await.map(|()| Written::Durable)
    }
}

#[async_trait]
impl Sink for Box<dyn Sink> {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        (**self).write(batches, cx).await
    }
    async fn commit(&self, reason: CommitReason) -> Result<Committed, SinkError> {
        (**self).commit(reason).await
    }
    fn settings(&self) -> SinkSettings {
        (**self).settings()
    }
}

#[async_trait]
impl<S: Sink> Sink for Arc<S> {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        (**self).write(batches, cx).await
    }
    async fn commit(&self, reason: CommitReason) -> Result<Committed, SinkError> {
        (**self).commit(reason).await
    }
    fn settings(&self) -> SinkSettings {
        (**self).settings()
    }
}
