//! A source by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::pipeline::{OutputReceiver, StopSwitch};
use dendro_core::{
    Batch, ComponentStats, ManualClock, Outcome, Output, Problem, QueueLimits, Source, SourceContext,
    SourceError,
};
use tokio::task::JoinHandle;

use crate::batches::OBSERVED;
use crate::mock::lock;

/// Runs one source against an end that acknowledges, withholds or abandons, as the test says.
///
/// Time goes by tokio's clock, which tests pause; the wall clock stands still.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// use dendro_core::Outcome;
/// use dendro_test::{SourceHarness, batches, mock::MockLog};
///
/// let log = MockLog::of([batches::numbered("a", 0..3), batches::numbered("a", 3..5)]);
/// let mut harness = SourceHarness::start(log.source());
/// let withheld = harness.recv().await.unwrap();
/// harness.recv().await.unwrap().take_acks().resolve(Outcome::Delivered);
/// assert_eq!(log.checkpoint(), 0); // batch 1 has settled, batch 0 has not
///
/// drop(withheld); // abandoned: it comes again
/// harness.acknowledge_until_quiet(std::time::Duration::from_secs(1)).await;
/// assert_eq!(log.checkpoint(), 2);
/// assert!(harness.end().await.is_ok());
/// # });
/// ```
pub struct SourceHarness {
    task: Option<JoinHandle<Result<(), SourceError>>>,
    receiver: OutputReceiver,
    stop: StopSwitch,
    gauge: Option<Output>,
    clock: Arc<ManualClock>,
    problems: Arc<Mutex<Vec<Problem>>>,
}

/// Sets a [`SourceHarness`] up.
#[must_use]
pub struct SourceHarnessBuilder {
    name: String,
    limits: QueueLimits,
    gauged: bool,
}

impl SourceHarnessBuilder {
    /// The name of the source.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// How much may wait to be received.
    pub fn limits(mut self, max_events: usize, max_bytes: usize) -> Self {
        (self.limits.max_events, self.limits.max_bytes) = (max_events, max_bytes);
        self
    }

    /// Counts what the source has sent; see [`SourceHarness::sent`].
    pub fn gauged(mut self) -> Self {
        self.gauged = true;
        self
    }

    /// Runs the source in a task.
    pub fn start(self, mut source: impl Source) -> SourceHarness {
        let (out, receiver) = Output::for_test(self.limits);
        let gauge = self.gauged.then(|| out.clone());
        let clock = Arc::new(ManualClock::new(OBSERVED));
        let (cx, stop) = SourceContext::for_test(&self.name, clock.clone());
        let problems: Arc<Mutex<Vec<Problem>>> = Arc::default();
        let cx = {
            let problems = problems.clone();
            cx.with_reporter(move |p| lock(&problems).push(p.clone()))
        };
        let task = tokio::spawn(async move { source.run(out, cx).await });
        SourceHarness { task: Some(task), receiver, stop, gauge, clock, problems }
    }
}

impl SourceHarness {
    /// The name that a source has unless the test gives another.
    pub const NAME: &str = "source_under_test";

    /// To change what is usual.
    pub fn builder() -> SourceHarnessBuilder {
        SourceHarnessBuilder { name: Self::NAME.to_owned(), limits: QueueLimits::default(), gauged: false }
    }

    /// Runs the source in a task.
    pub fn start(source: impl Source) -> Self {
        Self::builder().start(source)
    }

    /// The next batch, which the test acknowledges (`take_acks().resolve(..)`), withholds or abandons (drops);
    /// `None` when the source has let go of its output.
    pub async fn recv(&self) -> Option<Batch> {
        self.receiver.recv().await
    }

    /// The next batch, if one comes within this time.
    pub async fn recv_within(&self, time: Duration) -> Option<Batch> {
        tokio::time::timeout(time, self.recv()).await.ok().flatten()
    }

    /// The next batch of dead letters, if one comes within this time.
    pub async fn dead_letters_within(&self, time: Duration) -> Option<Batch> {
        tokio::time::timeout(time, self.receiver.recv_dead_letters()).await.ok().flatten()
    }

    /// All batches until none comes for this time, withheld.
    pub async fn recv_until_quiet(&self, quiet: Duration) -> Vec<Batch> {
        let mut batches = Vec::new();
        while let Some(batch) = self.recv_within(quiet).await {
            batches.push(batch);
        }
        batches
    }

    /// All batches until none comes for this time, each acknowledged as delivered.
    pub async fn acknowledge_until_quiet(&self, quiet: Duration) -> Vec<Batch> {
        let mut batches = Vec::new();
        while let Some(mut batch) = self.recv_within(quiet).await {
            batch.take_acks().resolve(Outcome::Delivered);
            batches.push(batch);
        }
        batches
    }

    /// Tells the source to stop taking in.
    pub fn stop(&mut self) {
        self.gauge = None;
        self.stop.stop();
    }

    /// Refuses all that comes, as a pipeline does whose drain deadline has passed.
    pub fn refuse(&self) {
        self.receiver.close();
    }

    /// Whether `run` has returned.
    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// What `run` has returned, when it has.
    ///
    /// # Errors
    /// The source's own; a panic, or a second call, as a fatal one.
    pub async fn end(&mut self) -> Result<(), SourceError> {
        self.gauge = None;
        let Some(task) = &mut self.task else {
            return Err(SourceError::fatal("the source had ended before"));
        };
        let joined = task.await;
        self.task = None;
        joined.unwrap_or_else(|e| Err(SourceError::fatal(format!("the source has panicked: {e}"))))
    }

    /// Ends the source at its next await point, as the end of its process does. What the test withholds is dropped
    /// by the test.
    pub async fn kill(mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// What the source has sent so far, taken or not, for a harness that is [gauged](SourceHarnessBuilder::gauged).
    pub fn sent(&self) -> Option<ComponentStats> {
        self.gauge.as_ref().map(Output::stats)
    }

    /// The wall clock that the source sees.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// What the source has reported.
    pub fn problems(&self) -> Vec<Problem> {
        lock(&self.problems).clone()
    }
}

impl Drop for SourceHarness {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
