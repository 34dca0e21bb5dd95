//! The source's side of the contract.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Clock;
use crate::pipeline::{Output, Problem, Reporter, Severity, Switch};
use crate::{BatchPool, Origin, Receipt, Schema, Settlement, Timestamp};

/// Brings events in: from a transport, a service, or the process itself.
///
/// `run` sends batches until there are no more or [`SourceContext::stopping`] resolves, lets go of `out`, and
/// then waits for its receipts: [`Receipts::drain`] does both in the right order. A source that can send
/// again says so with [`can_replay`](Self::can_replay), and stores a checkpoint only when the receipts of all that lies
/// before it have settled.
///
/// ```
/// use dendro_core::{Batch, Event, Output, Receipts, Source, SourceContext, SourceError};
///
/// struct Numbers(u64);
///
/// #[async_trait::async_trait]
/// impl Source for Numbers {
///     async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
///         let mut receipts = Receipts::new();
///         while !cx.is_stopping() && self.0 > 0 {
///             let batch = Batch::from_events([&Event::new("number").with("n", self.0)])?;
///             receipts.push(out.send(batch).await?, self.0);
///             self.0 -= 1;
///         }
///         receipts.drain(out, |_checkpoint, _settlement| {}).await;
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Source: Send + 'static {
    /// Sends batches to `out` until there are no more or the pipeline stops.
    ///
    /// # Errors
    /// [`SourceError`]: whether the driver is to call `run` again after a while, or not.
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError>;

    /// The schemas of the events that it sends, as far as it knows them.
    fn schemas(&self) -> Vec<Arc<Schema>> {
        Vec::new()
    }

    /// Whether it sends again, in this run or the next, what was not settled.
    fn can_replay(&self) -> bool {
        false
    }
}

/// What a source should know.
#[derive(Clone)]
pub struct SourceContext {
    pub(crate) name: Arc<str>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) stopping: Arc<Switch>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pool: Arc<BatchPool>,
    pub(crate) reporter: Reporter,
}

impl SourceContext {
    /// The name of the component.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Resolves when the source should stop taking in.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn stopping(&self) {
        self.stopping.wait().await;
    }

    /// Whether the source should stop taking in.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_on()
    }

    /// The time, by the pipeline's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where to get buffers and batches that are used again.
    pub fn pool(&self) -> &Arc<BatchPool> {
        &self.pool
    }

    /// The origin of this source's events, with the stream that they belong to.
    pub fn origin(&self, stream: Option<&str>) -> Arc<Origin> {
        match stream {
            None => self.origin.clone(),
            Some(stream) => Arc::new(Origin { stream: Some(stream.to_owned()), ..(*self.origin).clone() }),
        }
    }

    /// Tells the user of something that the source has to live with: a file that can't be read, a
    /// connection that was refused. What stays the same is told once.
    pub fn report(&self, severity: Severity, message: impl Into<String>) {
        self.reporter.report(Problem { component: self.name.clone(), severity, message: message.into() });
    }
}

/// Why a source has stopped.
#[derive(Debug)]
pub struct SourceError {
    retry: bool,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SourceError {
    /// The driver calls `run` again after a while.
    pub fn retry(message: impl Into<String>) -> Self {
        Self { retry: true, message: message.into(), source: None }
    }

    /// The source can't go on.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self { retry: false, message: message.into(), source: None }
    }

    /// Adds the error behind it.
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the driver calls `run` again.
    pub fn is_retry(&self) -> bool {
        self.retry
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn Error + 'static))
    }
}

impl From<crate::BatchFull> for SourceError {
    fn from(full: crate::BatchFull) -> Self {
        Self::fatal(full.to_string()).with_source(full)
    }
}

impl From<crate::pipeline::Closed> for SourceError {
    fn from(closed: crate::pipeline::Closed) -> Self {
        Self::fatal(closed.to_string())
    }
}

/// Receipts in the order of their batches, each with what the source wants to store when it has settled.
///
/// Gives them back in that order, so that a checkpoint never runs ahead of what is settled.
#[derive(Debug)]
pub struct Receipts<C> {
    waiting: VecDeque<(Receipt, C)>,
}

impl<C> Receipts<C> {
    /// None yet.
    pub const fn new() -> Self {
        Self { waiting: VecDeque::new() }
    }

    /// Adds the receipt of the batch that was sent last.
    pub fn push(&mut self, receipt: Receipt, checkpoint: C) {
        self.waiting.push_back((receipt, checkpoint));
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The oldest, when it has settled; waits forever while there is none, so that it can stand in a `select`.
    ///
    /// # Cancel safety
    /// May be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> (C, Settlement) {
        loop {
            let Some((receipt, _)) = self.waiting.front_mut() else { return std::future::pending().await };
            let settlement = receipt.await;
            if let Some((_, checkpoint)) = self.waiting.pop_front() {
                return (checkpoint, settlement);
            }
        }
    }

    /// The oldest, if it has settled.
    pub fn try_next(&mut self) -> Option<(C, Settlement)> {
        let settlement = self.waiting.front_mut()?.0.try_settle()?;
        self.waiting.pop_front().map(|(_, checkpoint)| (checkpoint, settlement))
    }

    /// Lets go of `out`, so that what is behind it can drain, and gives `store` all the others in order.
    ///
    /// # Cancel safety
    /// What was not given to `store` was not settled, as far as the source knows.
    pub async fn drain(mut self, out: Output, mut store: impl FnMut(C, Settlement)) {
        drop(out);
        while !self.is_empty() {
            let (checkpoint, settlement) = self.next().await;
            store(checkpoint, settlement);
        }
    }
}

impl<C> Default for Receipts<C> {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Source for Box<dyn Source> {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        (**self).run(out, cx).await
    }
    fn schemas(&self) -> Vec<Arc<Schema>> {
        (**self).schemas()
    }
    fn can_replay(&self) -> bool {
        (**self).can_replay()
    }
}
