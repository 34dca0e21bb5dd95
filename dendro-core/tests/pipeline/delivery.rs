//! What the driver does around sinks: every event ends delivered, in the dead letters, or with its source.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Numbers, Scripted, Step, never};
use dendro_core::{
    CommitReason, Committed, Order, Outcome, Pipeline, QueueLimits, SinkError, Stage, Value, Written, filter,
};

fn retry() -> Step {
    Step::Write(Err(SinkError::retry("busy")))
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_repeated_with_the_same_id() {
    let (source, sink) = (Numbers::new(1, 3), Scripted::new([retry(), retry()]));
    let pipeline = Pipeline::line(source.clone()).sink(sink.clone()).drop_rejected().build().unwrap();
    let report = pipeline.run(never()).await.unwrap();
    let ids = sink.ids();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0] && id.len() == 32), "{ids:?}");
    let attempts: Vec<u32> = sink.calls.lock().unwrap().iter().map(|c| c.1).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert_eq!(sink.numbers(), [0, 1, 2]);
    assert_eq!(source.outcomes(), [Outcome::Delivered]);
    assert_eq!(report.component("sink").unwrap().retried, 2);
}

#[tokio::test(start_paused = true)]
async fn a_partial_failure_repeats_only_what_failed_under_another_id() {
    let partial = SinkError::partial("some").retry_event(1).retry_event(3).reject(4, "too large");
    let (source, sink, dead) =
        (Numbers::new(2, 3), Scripted::new([Step::Write(Err(partial))]), Scripted::new([]));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink.clone(), |s| s.linger = Duration::from_secs(1))
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    let calls = sink.calls.lock().unwrap().clone();
    assert_eq!(calls[0].2, ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(calls[1].2, ["1", "3"]);
    assert_ne!(calls[0].0, calls[1].0);
    assert_eq!(sink.numbers(), [0, 2, 5, 1, 3]);
    assert_eq!(dead.messages(), ["4"]);
    let letter = dead.written.lock().unwrap()[0].clone();
    assert_eq!(letter.get("reason"), Some(&Value::from("too large")));
    assert_eq!(letter.get("component"), Some(&Value::from("sink")));
    assert_eq!(source.outcomes(), [Outcome::Delivered, Outcome::DeadLettered]);
    let stats = report.component("sink").unwrap();
    assert_eq!((stats.events_in, stats.events_out, stats.rejected), (6, 5, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_drops_by_choice_is_counted_and_settled() {
    let partial = SinkError::partial("full").drop_event(1).drop_event(2).retry_event(2).drop_event(3);
    let (source, sink) = (Numbers::new(2, 2), Scripted::new([Step::Write(Err(partial))]));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink.clone(), |s| s.linger = Duration::from_secs(1))
        .drop_rejected()
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    // What is named for both is tried again: nothing is lost by a contradiction.
    assert_eq!(sink.numbers(), [0, 2]);
    assert_eq!(source.outcomes(), [Outcome::Dropped, Outcome::Dropped]);
    let stats = report.component("sink").unwrap();
    assert_eq!((stats.events_in, stats.events_out, stats.dropped, stats.rejected), (4, 2, 2, 0));
    assert!(report.to_string().contains("2 dropped"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_takes_too_long_is_cancelled_and_repeated_with_the_same_id() {
    let (source, sink) = (Numbers::new(1, 1), Scripted::new([Step::Hang]));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink.clone(), |s| s.timeout = Duration::from_secs(5))
        .drop_rejected()
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    let ids = sink.ids();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    assert_eq!(source.outcomes(), [Outcome::Delivered]);
    assert!(report.problems[0].message.contains("took longer than 5s"), "{:?}", report.problems);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_sink_sends_its_write_to_the_dead_letters_and_the_rest_goes_on() {
    let (source, sink, dead) = (Numbers::new(3, 2), Scripted::new([Step::Panic]), Scripted::new([]));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink.clone(), |s| s.max_events = 2)
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert_eq!(dead.messages(), ["0", "1"]);
    assert_eq!(sink.numbers(), [2, 3, 4, 5]);
    assert_eq!(source.outcomes(), [Outcome::DeadLettered, Outcome::Delivered, Outcome::Delivered]);
    let problem = &report.problems[0];
    assert_eq!(&*problem.component, "sink");
    assert!(problem.message.contains("told to"), "{}", problem.message);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_refuses_everything_fills_the_dead_letters() {
    let refuse = || Step::Write(Err(SinkError::reject_all("no such table")));
    let (source, sink, dead) = (Numbers::new(1, 2), Scripted::new([refuse()]), Scripted::new([]));
    let pipeline = Pipeline::line(source.clone()).sink(sink).dead_letters(dead.clone()).build().unwrap();
    pipeline.run(never()).await.unwrap();
    assert_eq!(dead.messages(), ["0", "1"]);
    assert_eq!(source.outcomes(), [Outcome::DeadLettered]);
}

#[tokio::test(start_paused = true)]
async fn after_the_last_attempt_events_go_to_the_dead_letters_with_their_number() {
    let (sink, dead) = (Scripted::new([retry(), retry(), retry()]), Scripted::new([]));
    let pipeline = Pipeline::line(Numbers::new(1, 1))
        .sink_with(sink.clone(), |s| s.retry.max_attempts = Some(3))
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    let letter = dead.written.lock().unwrap()[0].clone();
    assert_eq!(letter.get("attempts"), Some(&Value::U64(3)));
    assert_eq!(sink.ids().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_that_cannot_be_written_are_back_pressure_not_loss() {
    let refused = SinkError::reject_all("even this");
    let (source, dead) =
        (Numbers::new(1, 2), Scripted::new([retry(), Step::Write(Err(refused)), Step::Panic]));
    let sink = Scripted::new([Step::Write(Err(SinkError::reject_all("no")))]);
    let pipeline = Pipeline::line(source.clone()).sink(sink).dead_letters(dead.clone()).build().unwrap();
    pipeline.run(never()).await.unwrap();
    assert_eq!(dead.messages(), ["0", "1"]);
    assert_eq!(source.outcomes(), [Outcome::DeadLettered]);
}

#[tokio::test(start_paused = true)]
async fn a_fatal_sink_ends_the_run_and_its_events_stay_with_their_source() {
    let fatal = Step::Write(Err(SinkError::fatal("the disk is gone")));
    let (source, sink) = (Numbers::new(3, 1), Scripted::new([fatal]));
    let pipeline =
        Pipeline::line(source.clone()).sink_with(sink, |s| s.max_events = 1).drop_rejected().build().unwrap();
    let error = pipeline.run(never()).await.unwrap_err();
    assert_eq!(error.to_string(), "`sink` failed: sink `sink`: the disk is gone");
    assert!(error.report.abandoned >= 1);
    assert!(!source.outcomes().is_empty());
    assert!(source.outcomes().iter().all(|o| *o == Outcome::Abandoned));
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_takes_too_long_abandons_what_is_left_to_its_source() {
    let (source, sink) = (Numbers::new(4, 10), Scripted::new([Step::Hang]));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink.clone(), |s| {
            s.timeout = Duration::from_secs(3600);
            s.max_events = 10;
        })
        .drop_rejected()
        .drain_deadline(Duration::from_secs(7))
        .build()
        .unwrap();
    let report = pipeline.run(tokio::time::sleep(Duration::from_secs(1))).await.unwrap();
    assert!(!report.drained);
    assert_eq!(report.elapsed.as_secs(), 8);
    assert_eq!(source.outcomes(), [Outcome::Abandoned; 4]);
    assert!(sink.numbers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stalled_sink_stops_the_source_at_the_limits() {
    let (source, sink) = (Numbers::new(1_000, 10), Scripted::new([Step::Hang]));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink, |s| {
            s.timeout = Duration::from_secs(3600);
            s.max_events = 10;
        })
        .drop_rejected()
        .queue({
            let mut limits = QueueLimits::default();
            limits.max_events = 50;
            limits
        })
        .drain_deadline(Duration::ZERO)
        .build()
        .unwrap();
    pipeline.run(tokio::time::sleep(Duration::from_secs(10))).await.unwrap();
    // One being written, five in the queue; the next waits in `send`.
    assert_eq!(*source.sent.lock().unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn staged_writes_are_acknowledged_only_when_a_commit_covers_them() {
    let staged = |n| Step::Write(Ok(Written::Staged(vec![Stage(n)])));
    let (source, sink) = (Numbers::new(2, 1), Scripted::new([staged(1), staged(2)]));
    sink.commits.lock().unwrap().extend([
        Ok(Committed::default()),
        Ok(Committed { durable: vec![Stage(2)], lost: vec![] }),
        Err(SinkError::retry("not now")),
        Ok(Committed { durable: vec![Stage(1)], lost: vec![] }),
    ]);
    let settled = source.settled.clone();
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink.clone(), |s| s.max_events = 1)
        .drop_rejected()
        .build()
        .unwrap();
    let handle = pipeline.handle();
    let run = tokio::spawn(pipeline.run(never()));
    let mut seen = Vec::new();
    loop {
        let commits_left = sink.commits.lock().unwrap().len();
        let state = (commits_left, handle.stats()[1].events_out, settled.lock().unwrap().len());
        if seen.last() != Some(&state) {
            seen.push(state);
        }
        if run.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_micros(10)).await;
    }
    run.await.unwrap().unwrap();
    assert_eq!(source.outcomes(), [Outcome::Delivered, Outcome::Delivered]);
    for (commits_left, written, settled) in seen {
        // The second stage is named by the second commit, the first, which the source waits for, by the last.
        assert!(commits_left <= 2 || written == 0, "{commits_left} {written}");
        assert!(commits_left == 0 || settled == 0, "{commits_left} {settled}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_stage_is_written_again_where_a_source_cannot() {
    for replay in [false, true] {
        let staged = Step::Write(Ok(Written::Staged(vec![Stage(1)])));
        let source = Numbers { replay, ..Numbers::new(1, 2) };
        let sink = Scripted::new([staged]);
        sink.commits.lock().unwrap().push_back(Ok(Committed { durable: vec![], lost: vec![Stage(1)] }));
        let pipeline = Pipeline::line(source.clone()).sink(sink.clone()).drop_rejected().build().unwrap();
        let report = pipeline.run(never()).await.unwrap();
        if replay {
            assert_eq!(source.outcomes(), [Outcome::Abandoned]);
            assert_eq!(report.abandoned, 2);
        } else {
            assert_eq!(source.outcomes(), [Outcome::Delivered]);
            assert_eq!(sink.numbers(), [0, 1, 0, 1]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_is_committed_while_its_write_is_under_way_counts() {
    /// Writes slowly into stage 1, and commits it in the meantime.
    struct Racing(Arc<Mutex<bool>>);
    #[async_trait::async_trait]
    impl dendro_core::Sink for Racing {
        async fn write(
            &self,
            _: &[dendro_core::Batch],
            _: &dendro_core::WriteContext,
        ) -> Result<Written, SinkError> {
            let first = !std::mem::replace(&mut *self.0.lock().unwrap(), true);
            if !first {
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
            Ok(Written::Staged(vec![Stage(if first { 1 } else { 2 })]))
        }
        async fn commit(&self, reason: CommitReason) -> Result<Committed, SinkError> {
            // The drain has nothing left to say of either stage.
            let durable = if reason == CommitReason::Drain { vec![] } else { vec![Stage(1), Stage(2)] };
            Ok(Committed { durable, lost: vec![] })
        }
    }
    let source = Numbers::new(2, 1);
    let pipeline = Pipeline::line(source.clone())
        .sink_with(Racing(Arc::default()), |s| s.max_events = 1)
        .drop_rejected()
        .drain_deadline(Duration::from_secs(1))
        .build()
        .unwrap();
    let report = pipeline.run(tokio::time::sleep(Duration::from_secs(60))).await.unwrap();
    assert!(report.drained);
    assert_eq!(source.outcomes(), [Outcome::Delivered, Outcome::Delivered]);
}

#[tokio::test(start_paused = true)]
async fn writes_in_flight_are_bounded_and_strict_order_means_one() {
    for (order, expected) in [(Order::FirstDelivery, 3), (Order::Strict, 1)] {
        let sink = Scripted::new((0..10).map(|_| Step::Sleep(Duration::from_secs(1))));
        let pipeline = Pipeline::line(Numbers::new(10, 1))
            .sink_with(sink.clone(), |s| {
                s.max_events = 1;
                s.in_flight = 3;
                s.order = order;
            })
            .drop_rejected()
            .build()
            .unwrap();
        pipeline.run(never()).await.unwrap();
        assert_eq!(sink.running.lock().unwrap().1, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_larger_than_a_write_is_split_and_small_ones_wait_for_the_linger() {
    let sink = Scripted::new([]);
    let pipeline = Pipeline::line(Numbers::new(2, 7))
        .sink_with(sink.clone(), |s| {
            s.max_events = 3;
            s.linger = Duration::from_secs(1);
        })
        .drop_rejected()
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    let sizes: Vec<usize> = sink.calls.lock().unwrap().iter().map(|c| c.2.len()).collect();
    assert!(sizes.iter().all(|n| *n <= 3), "{sizes:?}");
    assert_eq!(sink.numbers(), (0..14).collect::<Vec<u64>>());
}

#[tokio::test(start_paused = true)]
async fn what_is_filtered_out_is_settled() {
    let (source, sink) = (Numbers::new(3, 4), Scripted::new([]));
    let pipeline = Pipeline::line(source.clone())
        .transform(filter(|e| e.raw() == b"5"))
        .sink(sink.clone())
        .drop_rejected()
        .lanes(0)
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert_eq!(sink.numbers(), [5]);
    assert_eq!(source.outcomes(), [Outcome::Delivered; 3]);
    assert_eq!(report.component("transform").unwrap().filtered, 11);
}

#[tokio::test(start_paused = true)]
async fn a_drain_whose_commit_fails_is_asked_again() {
    let sink = Scripted::new([]);
    let refused = || Err(SinkError::retry("the disk is full"));
    sink.commits.lock().unwrap().extend([refused(), refused(), Ok(Committed::default())]);
    let pipeline = Pipeline::line(Numbers::new(1, 1)).sink(sink.clone()).drop_rejected().build().unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert!(sink.commits.lock().unwrap().is_empty());
    assert!(report.problems[0].message.contains("the disk is full"), "{:?}", report.problems);
}

/// Stages every write, and does not come back from its first commits.
#[derive(Clone)]
struct HangingCommits {
    staged: Arc<Mutex<Vec<Stage>>>,
    hangs: Arc<Mutex<u32>>,
}

impl HangingCommits {
    fn new(hangs: u32) -> Self {
        Self { staged: Arc::default(), hangs: Arc::new(Mutex::new(hangs)) }
    }
}

#[async_trait::async_trait]
impl dendro_core::Sink for HangingCommits {
    async fn write(
        &self,
        _: &[dendro_core::Batch],
        _: &dendro_core::WriteContext,
    ) -> Result<Written, SinkError> {
        let mut staged = self.staged.lock().unwrap();
        let stage = Stage(staged.len() as u64);
        staged.push(stage);
        Ok(Written::Staged(vec![stage]))
    }
    async fn commit(&self, _: CommitReason) -> Result<Committed, SinkError> {
        let hangs = {
            let mut left = self.hangs.lock().unwrap();
            let hangs = *left > 0;
            *left = left.saturating_sub(1);
            hangs
        };
        if hangs {
            never().await;
        }
        Ok(Committed { durable: self.staged.lock().unwrap().clone(), lost: vec![] })
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_takes_too_long_is_dropped_told_and_asked_again() {
    let (source, sink) = (Numbers::new(3, 10), HangingCommits::new(3));
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let problems = told.clone();
    let pipeline = Pipeline::builder()
        .source("s", source.clone())
        .sink_with("sink", "s", sink, |s| s.timeout = Duration::from_secs(10))
        .on_problem(move |p| problems.lock().unwrap().push(p.message.clone()))
        .drop_rejected()
        .build()
        .unwrap();
    let report = tokio::time::timeout(Duration::from_secs(60), pipeline.run(never())).await;
    assert!(report.expect("a commit that hung held up the pipeline").unwrap().drained);
    assert_eq!(source.outcomes(), [Outcome::Delivered; 3]);
    let told = told.lock().unwrap();
    assert_eq!(*told, ["sink `sink`: a commit took longer than 10s; it is asked again"]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_at_its_deadline_though_commits_hang() {
    let (source, sink) = (Numbers::new(3, 10), HangingCommits::new(u32::MAX));
    let pipeline = Pipeline::line(source.clone())
        .sink(sink)
        .drop_rejected()
        .drain_deadline(Duration::from_secs(5))
        .build()
        .unwrap();
    let run = pipeline.run(tokio::time::sleep(Duration::from_secs(1)));
    let report = tokio::time::timeout(Duration::from_secs(60), run).await.unwrap().unwrap();
    assert_eq!((report.drained, report.abandoned), (false, 30));
    assert_eq!(source.outcomes(), [Outcome::Abandoned; 3]);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_kept_of_staged_events_than_was_said() {
    /// Stages every write under a number of its own, and commits them all when asked.
    #[derive(Clone, Default)]
    struct Staging(Arc<Mutex<(u64, Vec<Stage>, usize)>>);
    #[async_trait::async_trait]
    impl dendro_core::Sink for Staging {
        async fn write(
            &self,
            _: &[dendro_core::Batch],
            _: &dendro_core::WriteContext,
        ) -> Result<Written, SinkError> {
            let (next, staged, most) = &mut *self.0.lock().unwrap();
            *next += 1;
            staged.push(Stage(*next));
            *most = staged.len().max(*most);
            Ok(Written::Staged(vec![Stage(*next)]))
        }
        async fn commit(&self, _: CommitReason) -> Result<Committed, SinkError> {
            Ok(Committed { durable: std::mem::take(&mut self.0.lock().unwrap().1), lost: vec![] })
        }
    }
    for replay in [false, true] {
        let (source, sink) = (Numbers { replay, ..Numbers::new(500, 10) }, Staging::default());
        let pipeline = Pipeline::line(source.clone())
            .sink_with(sink.clone(), |s| {
                s.max_events = 10;
                s.commit_interval = Duration::from_secs(3600);
                s.max_staged_bytes = 20_000;
            })
            .drop_rejected()
            .build()
            .unwrap();
        pipeline.run(never()).await.unwrap();
        assert_eq!(source.outcomes(), [Outcome::Delivered; 500]);
        let most = sink.0.lock().unwrap().2;
        // What a source can send again need not be kept, so nothing presses.
        assert!(if replay { most == 500 } else { most < 100 }, "{most} staged at once");
    }
}
