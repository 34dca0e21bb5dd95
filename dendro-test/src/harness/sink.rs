//! A sink under the real driver.

#![allow(clippy::expect_used, reason = "a test kit: a pipeline that the kit puts together is valid")]

use std::time::Duration;

use dendro_core::{
    Batch, Event, Outcome, Pipeline, PipelineBuilder, Problem, RunError, RunReport, Sink, SinkSettings,
};

use crate::mock::{MockLog, MockSink};

/// Runs one sink under the real driver, with scripted batches and without threads, so that time can be paused.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// use dendro_core::Outcome;
/// use dendro_test::{SinkHarness, batches, mock::{Fault, FaultySink, MockSink}};
///
/// let (sink, stored) = MockSink::new();
/// let sink = FaultySink::new(sink).then([Fault::Retry, Fault::Hang]);
/// let run = SinkHarness::new(sink).run([batches::numbered("a", 0..3)]).await;
/// assert_eq!(run.outcomes, [Some(Outcome::Delivered)]);
/// assert_eq!(stored.ids(), batches::ids("a", 0..3));
/// # });
/// ```
#[must_use]
pub struct SinkHarness {
    sink: Box<dyn Sink>,
    settings: SinkSettings,
    deadline: Duration,
    replayable: bool,
}

/// How a run has ended.
#[derive(Debug)]
pub struct SinkRun {
    /// What the pipeline says.
    pub result: Result<RunReport, RunError>,
    /// The last outcome of each batch; `None` where it has not settled.
    pub outcomes: Vec<Option<Outcome>>,
    /// The dead letters.
    pub dead_letters: Vec<Event>,
}

impl SinkRun {
    /// The report, whether the run has failed or not.
    pub fn report(&self) -> &RunReport {
        match &self.result {
            Ok(report) => report,
            Err(error) => &error.report,
        }
    }

    /// The raw texts of the dead letters.
    pub fn dead_raws(&self) -> Vec<String> {
        raws(&self.dead_letters)
    }

    /// What went wrong on the way.
    pub fn problems(&self) -> &[Problem] {
        &self.report().problems
    }

    /// Whether every batch has settled.
    pub fn is_settled(&self) -> bool {
        self.outcomes.iter().all(|o| o.is_some_and(Outcome::is_settled))
    }
}

impl SinkHarness {
    /// With the settings that the sink asks for.
    pub fn new(sink: impl Sink) -> Self {
        let settings = sink.settings();
        Self { sink: Box::new(sink), settings, deadline: Duration::from_secs(30), replayable: true }
    }

    /// Changes the settings.
    pub fn settings(mut self, change: impl FnOnce(&mut SinkSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// How long the drain may take.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The batches come from a source that can't send again.
    pub fn not_replayable(mut self) -> Self {
        self.replayable = false;
        self
    }

    /// Sends the batches and drains.
    pub async fn run(self, batches: impl IntoIterator<Item = Batch>) -> SinkRun {
        let log = MockLog::of(batches);
        let log = if self.replayable { log } else { log.not_replayable() };
        self.run_log(&log, std::future::pending()).await
    }

    /// Runs over a log that the test has, until it has ended or `shutdown` resolves.
    pub async fn run_log(self, log: &MockLog, shutdown: impl Future<Output = ()>) -> SinkRun {
        let (letters, dead) = MockSink::new();
        let settings = self.settings;
        let builder = Pipeline::line(log.source()).sink_with(self.sink, |s| *s = settings);
        let pipeline = paused(builder).dead_letters(letters).drain_deadline(self.deadline);
        let result = pipeline.build().expect("a valid pipeline").run(shutdown).await;
        SinkRun { result, outcomes: log.outcomes(), dead_letters: dead.events() }
    }
}

/// Without threads, and the same in every run.
pub(crate) fn paused(builder: PipelineBuilder) -> PipelineBuilder {
    builder.lanes(0).seed(7)
}

/// The raw texts of dead letters.
pub(crate) fn raws(letters: &[Event]) -> Vec<String> {
    let raw = |e: &Event| {
        e.get("raw").map(dendro_core::ValueRef::from).and_then(|v| v.as_bytes().map(<[u8]>::to_vec))
    };
    letters.iter().map(|e| String::from_utf8_lossy(&raw(e).unwrap_or_default()).into_owned()).collect()
}
