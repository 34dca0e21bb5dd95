//! What the kit has found in the driver, as tests of the driver.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::{
    Batch, CommitReason, Committed, Outcome, Pipeline, Sink, SinkError, SinkSettings, Stage, Transform,
    TransformError, WriteContext, Written, filter,
};
use dendro_test::mock::{Fault, FaultySink, MockLog, MockSink};
use dendro_test::{SinkHarness, batches};

#[tokio::test(start_paused = true)]
async fn a_write_that_is_full_does_not_wait_for_the_linger() {
    let (sink, stored) = MockSink::new();
    let began = tokio::time::Instant::now();
    let log = MockLog::new();
    log.push(batches::numbered("a", 0..10));
    let harness = SinkHarness::new(sink).settings(|s| {
        s.max_events = 10;
        s.linger = Duration::from_secs(3_600);
    });
    let full = async {
        while log.settlements().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(began.elapsed() < Duration::from_secs(1), "a full write waited for {:?}", began.elapsed());
        log.end();
    };
    let (run, ()) = tokio::join!(harness.run_log(&log, std::future::pending()), full);
    assert!(run.is_settled());
    assert_eq!(stored.ids().len(), 10);
}

/// Counts its stream, and tells the count by a snapshot.
#[derive(Clone, Default)]
struct Count(u64, Arc<Mutex<Vec<u64>>>);

impl Transform for Count {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        self.0 += batch.len() as u64;
        self.1.lock().unwrap().push(self.0);
        Ok(())
    }
    fn is_stateful(&self) -> bool {
        true
    }
    fn snapshot(&self, _stream: &str) -> Option<Vec<u8>> {
        Some(self.0.to_le_bytes().to_vec())
    }
    fn restore(&mut self, _stream: &str, state: &[u8]) -> Result<(), TransformError> {
        self.0 = u64::from_le_bytes(state.try_into().unwrap());
        Ok(())
    }
}

/// Runs what is in the log; the counts that were seen.
async fn counted(log: &MockLog, fused: bool) -> Vec<u64> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let ((sink, _), (other, _)) = (MockSink::new(), MockSink::new());
    let keep = filter(|e| e.get("n").and_then(|n| n.as_u64()).is_some_and(|n| n % 100 < 10));
    let mut builder = Pipeline::builder()
        .source("source", log.source())
        .transform("filter", "source", keep)
        .transform("count", "filter", Count(0, seen.clone()))
        .sink("sink", "count", sink);
    if !fused {
        builder = builder.sink("other", "filter", other);
    }
    let pipeline = builder.lanes(0).drop_rejected().build().unwrap();
    pipeline.run(std::future::pending()).await.unwrap();
    seen.lock().unwrap().clone()
}

async fn state_survives(fused: bool) {
    let log = MockLog::new();
    log.push(batches::numbered("a", 0..5));
    log.end();
    assert_eq!(counted(&log, fused).await, [5]);
    // The first batch after the restart is filtered out as a whole.
    log.push(batches::numbered("a", 50..55));
    log.push(batches::numbered("a", 100..105));
    assert_eq!(counted(&log, fused).await, [10], "the state was lost over the restart");
}

#[tokio::test(start_paused = true)]
async fn a_state_is_taken_up_though_the_first_batch_is_filtered_out_before() {
    state_survives(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_state_is_taken_up_though_the_first_batch_is_filtered_out_in_another_stage() {
    state_survives(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_filtered_out_before_a_transform_brings_its_state_to_the_checkpoint() {
    let log = MockLog::new();
    log.push(batches::numbered("a", 0..5));
    log.push(batches::numbered("a", 50..55));
    log.end();
    counted(&log, true).await;
    // The checkpoint is behind the batch that was filtered out.
    log.push(batches::numbered("a", 100..105));
    assert_eq!(counted(&log, true).await, [10], "the state is not in the settlement of the last batch");
}

/// Two outputs.
#[derive(Clone)]
struct Route;

impl Transform for Route {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        batch.try_for_each(|mut e| {
            let port = e.index() % 2;
            e.set_port(port as u16);
            Ok(())
        })
    }
    fn ports(&self) -> Vec<String> {
        vec!["even".into(), "odd".into()]
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_is_taken_up_behind_a_router() {
    let log = MockLog::new();
    log.push(batches::numbered("a", 0..4));
    log.end();
    let run = async || {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let ((sink, _), (other, _)) = (MockSink::new(), MockSink::new());
        let builder = Pipeline::builder()
            .source("source", log.source())
            .transform("route", "source", Route)
            .transform("count", "route.even", Count(0, seen.clone()))
            .sink("sink", "count", sink)
            .sink("other", "route.odd", other);
        builder.lanes(0).drop_rejected().build().unwrap().run(std::future::pending()).await.unwrap();
        seen.lock().unwrap().clone()
    };
    assert_eq!(run().await, [2]);
    log.push(batches::numbered("a", 4..8));
    assert_eq!(run().await, [4], "the state was lost when the batch was split by port");
}

/// Says that the port is 1 where there is none.
#[derive(Clone)]
struct Stray;

impl Transform for Stray {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        batch.try_for_each(|mut e| {
            e.set_port(1);
            Ok(())
        })
    }
}

/// Two outputs, of which nothing uses the second.
#[derive(Clone)]
struct First;

impl Transform for First {
    fn transform(&mut self, _batch: &mut Batch) -> Result<(), TransformError> {
        Ok(())
    }
    fn ports(&self) -> Vec<String> {
        vec!["one".into(), "two".into()]
    }
}

#[tokio::test(start_paused = true)]
async fn a_port_does_not_reach_the_transform_behind() {
    let log = MockLog::of([batches::numbered("a", 0..4)]);
    let ((one, at_one), (two, at_two)) = (MockSink::new(), MockSink::new());
    let builder = Pipeline::builder()
        .source("source", log.source())
        .transform("stray", "source", Stray)
        .transform("first", "stray", First)
        .sink("one", "first", one)
        .sink("two", "first.two", two);
    builder.lanes(0).drop_rejected().build().unwrap().run(std::future::pending()).await.unwrap();
    assert_eq!((at_one.ids().len(), at_two.ids().len()), (4, 0));
}

/// Loses its first stage, then is slow to write again what was lost.
struct Loses {
    stored: Arc<Mutex<Vec<String>>>,
    staged: Mutex<Vec<String>>,
    stage: AtomicUsize,
    writes: AtomicUsize,
    lost_early: bool,
}

impl Loses {
    fn new(lost_early: bool) -> (Self, Arc<Mutex<Vec<String>>>) {
        let stored = Arc::<Mutex<Vec<String>>>::default();
        let (staged, stage, writes) = (Mutex::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        (Self { stored: stored.clone(), staged, stage, writes, lost_early }, stored)
    }
}

#[async_trait::async_trait]
impl Sink for Loses {
    async fn write(&self, written: &[Batch], _cx: &WriteContext) -> Result<Written, SinkError> {
        let stage = self.stage.load(Ordering::Relaxed);
        self.staged.lock().unwrap().extend(written.iter().flat_map(batches::ids_of));
        let first = self.writes.fetch_add(1, Ordering::Relaxed) == 0;
        if first == self.lost_early {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        Ok(Written::Staged(vec![Stage(stage as u64)]))
    }
    async fn commit(&self, _reason: CommitReason) -> Result<Committed, SinkError> {
        let mut committed = Committed::default();
        let staged = std::mem::take(&mut *self.staged.lock().unwrap());
        if staged.is_empty() {
            return Ok(committed);
        }
        match self.stage.fetch_add(1, Ordering::Relaxed) {
            0 => committed.lost.push(Stage(0)),
            n => {
                self.stored.lock().unwrap().extend(staged);
                committed.durable.push(Stage(n as u64));
            }
        }
        Ok(committed)
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stage_has_lost_is_written_again_though_the_source_ends_meanwhile() {
    let (sink, stored) = Loses::new(false);
    let log = MockLog::new().not_replayable();
    log.push(batches::numbered("a", 0..5));
    let ends = async {
        // While the committer writes again what was lost.
        tokio::time::sleep(Duration::from_secs(2)).await;
        log.end();
    };
    let harness = SinkHarness::new(sink).not_replayable();
    let stop = async { tokio::time::sleep(Duration::from_secs(2)).await };
    let (run, ()) = tokio::join!(harness.run_log(&log, stop), ends);
    assert_eq!(run.outcomes, [Some(Outcome::Delivered)]);
    assert_eq!(*stored.lock().unwrap(), batches::ids("a", 0..5));
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_is_lost_while_its_write_is_under_way_is_written_again() {
    let (sink, stored) = Loses::new(true);
    let run = SinkHarness::new(sink).deadline(Duration::from_secs(60));
    let log = MockLog::of([batches::numbered("a", 0..5)]);
    let run = run.run_log(&log, tokio::time::sleep(Duration::from_secs(30))).await;
    assert_eq!(run.outcomes, [Some(Outcome::Delivered)]);
    assert_eq!(*stored.lock().unwrap(), batches::ids("a", 0..5));
}

/// A commit that takes a while, and must not be dropped half-way: what it has named is not named again.
#[derive(Default)]
struct SlowCommit {
    staged: AtomicUsize,
    stage: AtomicUsize,
    cancelled: Arc<AtomicBool>,
    commits: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl Sink for SlowCommit {
    async fn write(&self, _written: &[Batch], _cx: &WriteContext) -> Result<Written, SinkError> {
        self.staged.fetch_add(1, Ordering::Relaxed);
        Ok(Written::Staged(vec![Stage(self.stage.load(Ordering::Relaxed) as u64)]))
    }
    async fn commit(&self, _reason: CommitReason) -> Result<Committed, SinkError> {
        struct Guard(Arc<AtomicBool>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        self.commits.fetch_add(1, Ordering::Relaxed);
        if self.staged.swap(0, Ordering::Relaxed) == 0 {
            return Ok(Committed::default());
        }
        let guard = Guard(self.cancelled.clone());
        let stage = self.stage.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(3)).await;
        std::mem::forget(guard);
        Ok(Committed { durable: vec![Stage(stage as u64)], lost: Vec::new() })
    }
    fn settings(&self) -> SinkSettings {
        SinkSettings::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_under_way_is_not_cancelled_by_the_end_of_the_input() {
    let sink = SlowCommit::default();
    let cancelled = sink.cancelled.clone();
    let log = MockLog::new();
    log.push(batches::numbered("a", 0..5));
    let run = SinkHarness::new(sink).run_log(&log, tokio::time::sleep(Duration::from_secs(2))).await;
    assert!(!cancelled.load(Ordering::Relaxed), "the commit was dropped half-way");
    assert_eq!(run.outcomes, [Some(Outcome::Delivered)]);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_dropped_run_goes_on() {
    let sink =
        FaultySink::new(SlowCommit::default()).then([Fault::None, Fault::Slow(Duration::from_secs(5))]);
    let writes = sink.log();
    let inner = Arc::new(sink);
    let log = MockLog::new();
    log.push(batches::numbered("a", 0..5));
    let weak = Arc::downgrade(&inner);
    let pipeline = Pipeline::line(log.source()).sink(inner).drop_rejected().lanes(0).build().unwrap();
    let more = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        log.push(batches::numbered("a", 5..10));
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    };
    tokio::select! {
        run = pipeline.run(std::future::pending()) => panic!("{run:?}"),
        () = more => {}
    }
    assert_eq!(writes.records().len(), 2);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(weak.upgrade().is_none(), "a task still has the sink a second after the run was dropped");
}
