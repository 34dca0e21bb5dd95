//! The policies around a sink: giving up, adaptive concurrency, rate, circuit, and what the report says of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Numbers, Scripted, Step, never};
use dendro_core::pipeline::Place;
use dendro_core::{
    AdaptiveConcurrency, Batch, CircuitBreaker, CircuitState, CommitReason, Committed, Order, Outcome,
    Pipeline, Severity, Sink, SinkError, Value, WriteContext, Written,
};

fn retry() -> Step {
    Step::Write(Err(SinkError::retry("busy")))
}

fn retries(n: usize) -> Vec<Step> {
    (0..n).map(|_| retry()).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_later_than_the_age_limit() {
    let (source, sink, dead) = (Numbers::new(1, 1), Scripted::new(retries(10_000)), Scripted::new([]));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink.clone(), |s| {
            s.retry.max = SECOND;
            s.retry.max_age = Some(SECOND * 20);
        })
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert_eq!(source.outcomes(), [Outcome::DeadLettered]);
    assert!(report.elapsed <= SECOND * 20, "{:?}", report.elapsed);
    assert!(report.elapsed >= SECOND * 18, "given up after {:?}", report.elapsed);
    let letter = dead.written.lock().unwrap()[0].clone();
    let attempts = sink.ids().len() as u64;
    assert_eq!(letter.get("attempts"), Some(&Value::U64(attempts)));
    let Some(Value::Str(reason)) = letter.get("reason") else { panic!("{letter:?}") };
    assert_eq!(*reason, format!("sink `sink`: busy (given up after {attempts} attempts)"));
}

#[tokio::test(start_paused = true)]
async fn what_has_to_wait_longer_than_its_age_limit_is_given_up_at_once() {
    let later = Step::Write(Err(SinkError::retry("busy").after(SECOND * 3_600)));
    let dead = Scripted::new([]);
    let pipeline = Pipeline::line(Numbers::new(1, 1))
        .sink_with(Scripted::new([later]), |s| s.retry.max_age = Some(SECOND * 60))
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert_eq!((dead.messages().len(), report.elapsed.as_secs()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_has_waited_in_front_of_a_sink_is_not_older_for_it() {
    // The first write keeps the second one waiting for longer than its age limit.
    let steps = [Step::Sleep(SECOND * 50), retry()];
    let (source, dead) = (Numbers::new(2, 1), Scripted::new([]));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(Scripted::new(steps), |s| {
            s.max_events = 1;
            s.retry.max_age = Some(SECOND * 10);
        })
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    assert_eq!(source.outcomes(), [Outcome::Delivered, Outcome::Delivered]);
}

#[tokio::test(start_paused = true)]
async fn counters_tell_given_up_from_refused_and_count_every_event_once() {
    let partial = SinkError::partial("some").retry_event(1).reject(2, "too large");
    let steps = [
        // The first write: one delivered, one refused, one given up after three attempts.
        Step::Write(Err(partial)),
        Step::Write(Err(SinkError::retry("busy").after(SECOND))),
        retry(),
        // The second panics, the third is refused, the fourth is given up, the fifth is delivered.
        Step::Panic,
        Step::Write(Err(SinkError::reject_all("no such table"))),
        retry(),
        retry(),
        retry(),
    ];
    let sink = Scripted::new(steps);
    let pipeline = Pipeline::line(Numbers::new(5, 3))
        .sink_with(sink.clone(), |s| {
            s.max_events = 3;
            s.retry.max_attempts = Some(3);
        })
        .dead_letters(Scripted::new([]))
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    let stats = report.component("sink").unwrap();
    assert_eq!((stats.events_in, stats.events_out, stats.rejected), (15, 4, 11));
    assert_eq!((stats.rejected_exhausted, stats.rejected_panicked), (4, 3));
    assert_eq!((stats.retried, stats.throttled), (4, 1));
    let source = report.component("source").unwrap();
    assert_eq!((source.settled.delivered, source.settled.dead_lettered), (3, 12));
    assert_eq!((source.unacknowledged(), report.abandoned), (0, 0));
    assert!(report.remaining.is_empty());
}

/// Runs out of patience with a pipeline that never ends.
async fn at_most<T>(limit: Duration, run: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, run).await.expect("the run has not ended")
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_lets_a_probe_through_at_intervals_and_is_told_of_once() {
    let (source, sink) = (Numbers::new(8, 1), Scripted::new(retries(25)));
    let told = Arc::new(Mutex::new(Vec::new()));
    let (tell, probes) = (told.clone(), sink.calls.clone());
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink.clone(), |s| {
            s.max_events = 1;
            s.in_flight = 4;
            s.retry.max = SECOND;
            let mut circuit = CircuitBreaker::default();
            (circuit.failures, circuit.probe_interval) = (5, SECOND * 30);
            s.circuit = Some(circuit);
        })
        .drop_rejected()
        .on_problem(move |p| tell.lock().unwrap().push((p.severity, p.message.clone())))
        .build()
        .unwrap();
    let handle = pipeline.handle();
    let run = tokio::spawn(at_most(SECOND * 3_600, pipeline.run(never())));
    tokio::time::sleep(SECOND * 20).await;
    assert_eq!(handle.stats()[1].circuit, Some(CircuitState::Open));
    let before = probes.lock().unwrap().len();
    assert!((5..=8).contains(&before), "{before} attempts while it opened");
    for n in 1..=10 {
        tokio::time::sleep(SECOND * 30).await;
        assert_eq!(probes.lock().unwrap().len(), before + n, "one probe every 30 s");
    }
    let report = run.await.unwrap().unwrap();
    assert_eq!(source.outcomes(), [Outcome::Delivered; 8]);
    assert_eq!(report.component("sink").unwrap().circuit, Some(CircuitState::Closed));
    let told = told.lock().unwrap();
    let open: Vec<&String> = told.iter().filter(|t| t.0 == Severity::Error).map(|t| &t.1).collect();
    assert_eq!(open, ["sink `sink`: circuit open after 5 failures: busy; probing every 30s"]);
    assert!(told.last().unwrap().1.starts_with("sink `sink`: circuit closed again after "), "{told:?}");
    assert!(told.len() <= 3, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn attempts_and_age_count_while_the_circuit_is_open_and_new_writes_do_not_age() {
    let (source, dead) = (Numbers::new(3, 1), Scripted::new([]));
    let sink = Scripted::new(retries(6));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink.clone(), |s| {
            s.max_events = 1;
            s.retry.initial = Duration::from_millis(10);
            s.retry.max_age = Some(SECOND * 45);
            let mut circuit = CircuitBreaker::default();
            (circuit.failures, circuit.probe_interval) = (2, SECOND * 20);
            s.circuit = Some(circuit);
        })
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    let report = at_most(SECOND * 3_600, pipeline.run(never())).await.unwrap();
    // The first is tried at 0, 0, 20 and 40 s; the second from 60 s on, and succeeds at 100 s.
    assert_eq!(dead.messages(), ["0"]);
    assert_eq!(sink.numbers(), [1, 2]);
    assert_eq!(report.elapsed.as_secs(), 100);
    assert_eq!(source.outcomes(), [Outcome::DeadLettered, Outcome::Delivered, Outcome::Delivered]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_at_its_deadline_though_the_circuit_is_open() {
    let (source, sink) = (Numbers::new(3, 1), Scripted::new(retries(1_000)));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink, |s| {
            s.max_events = 1;
            let mut circuit = CircuitBreaker::default();
            (circuit.failures, circuit.probe_interval) = (1, SECOND * 3_600);
            s.circuit = Some(circuit);
        })
        .drop_rejected()
        .drain_deadline(SECOND * 10)
        .build()
        .unwrap();
    let report = at_most(SECOND * 60, pipeline.run(tokio::time::sleep(SECOND))).await.unwrap();
    assert!(!report.drained);
    assert_eq!(report.elapsed.as_secs(), 11);
    assert_eq!(source.outcomes(), [Outcome::Abandoned; 3]);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_told_by_source_and_place() {
    for (replay, place, text) in [
        (
            true,
            Place::Source,
            "30 events not acknowledged to source `source`, which sends them again in the next run",
        ),
        (
            false,
            Place::Nowhere,
            "30 events not acknowledged to source `source`, which can't send again: lost unless written",
        ),
    ] {
        let source = Numbers { replay, ..Numbers::new(4, 10) };
        let sink = Scripted::new([Step::Sleep(Duration::ZERO), Step::Hang]);
        let pipeline = Pipeline::line(source.clone())
            .sink_with(sink.clone(), |s| {
                s.timeout = SECOND * 3_600;
                s.max_events = 10;
            })
            .drop_rejected()
            .drain_deadline(SECOND * 7)
            .build()
            .unwrap();
        let report = pipeline.run(tokio::time::sleep(SECOND)).await.unwrap();
        assert_eq!(report.abandoned, 30);
        assert_eq!(report.remaining.len(), 1);
        let left = &report.remaining[0];
        assert_eq!((&*left.component, left.events, left.place), ("source", 30, place));
        let shown = report.to_string();
        assert!(shown.contains(text), "{shown}");
        assert!(shown.contains("stopped at the drain deadline after 8.0"), "{shown}");
    }
}

/// How many of its writes run at once decides how long they take: up to `capacity` at full speed.
#[derive(Clone)]
struct Loaded {
    capacity: usize,
    running: Arc<Mutex<(usize, Vec<usize>)>>,
    fails_above: bool,
}

#[async_trait::async_trait]
impl Sink for Loaded {
    async fn write(&self, _: &[Batch], _: &WriteContext) -> Result<Written, SinkError> {
        let running = {
            let (running, seen) = &mut *self.running.lock().unwrap();
            *running += 1;
            seen.push(*running);
            *running
        };
        let over = running > self.capacity;
        let slower = if over && !self.fails_above { running as u32 } else { 1 };
        tokio::time::sleep(Duration::from_millis(100) * slower).await;
        self.running.lock().unwrap().0 -= 1;
        if over && self.fails_above {
            Err(SinkError::retry("429 Too Many Requests"))
        } else {
            Ok(Written::Durable)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn adaptive_concurrency_finds_what_a_destination_can_bear() {
    for fails_above in [false, true] {
        let sink = Loaded { capacity: 8, running: Arc::default(), fails_above };
        let source = Numbers::new(3_000, 1);
        let pipeline = Pipeline::line(source.clone())
            .sink_with(sink.clone(), |s| {
                s.max_events = 1;
                s.in_flight = 64;
                s.retry.initial = Duration::from_millis(1);
                s.retry.max = Duration::from_millis(100);
                s.adaptive = Some(AdaptiveConcurrency::default());
            })
            .drop_rejected()
            .build()
            .unwrap();
        let report = pipeline.run(never()).await.unwrap();
        let stats = report.component("sink").unwrap();
        let last = stats.concurrency.unwrap();
        assert!((1..=64).contains(&last));
        assert_eq!(source.outcomes(), [Outcome::Delivered; 3_000]);
        let seen = sink.running.lock().unwrap().1.clone();
        assert_eq!(seen[0], 1, "it begins with one");
        let steady = &seen[seen.len() / 2..];
        let mean = steady.iter().sum::<usize>() as f64 / steady.len() as f64;
        assert!(
            (3.0..=20.0).contains(&mean),
            "{mean} at once, where 8 can be borne (fails above: {fails_above})"
        );
    }
}

#[cfg(feature = "rate_limit")]
#[tokio::test(start_paused = true)]
async fn a_sink_writes_no_faster_than_it_may() {
    use dendro_core::RateLimit;
    let rate = |n: u32| RateLimit::per_second(n.try_into().unwrap());
    let (source, sink) = (Numbers::new(100, 10), Scripted::new([]));
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink, |s| {
            s.max_events = 10;
            s.rate.events = Some(rate(100));
        })
        .drop_rejected()
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert_eq!(report.elapsed.as_secs(), 9, "900 events behind the burst of 100, at 100 a second");
    let waited = report.component("sink").unwrap().rate_limited;
    assert!(waited >= SECOND * 9 - Duration::from_millis(200), "{waited:?}");
}

#[cfg(feature = "rate_limit")]
#[tokio::test(start_paused = true)]
async fn a_drain_ends_at_its_deadline_though_the_rate_would_take_longer() {
    use dendro_core::RateLimit;
    let source = Numbers::new(10, 10);
    let pipeline = Pipeline::line(source.clone())
        .sink_with(Scripted::new([]), |s| {
            s.max_events = 10;
            s.rate.events = Some(RateLimit::per_second(1.try_into().unwrap()));
        })
        .drop_rejected()
        .drain_deadline(SECOND * 5)
        .build()
        .unwrap();
    let report = at_most(SECOND * 60, pipeline.run(never_stops())).await.unwrap();
    assert!(!report.drained && report.elapsed.as_secs() <= 26, "{:?}", report.elapsed);
    assert!(report.abandoned >= 70);
}

#[cfg(feature = "rate_limit")]
async fn never_stops() {
    tokio::time::sleep(SECOND * 20).await;
}

/// Notes which of its writes begins when, on whatever worker.
#[derive(Clone, Default)]
struct Beginnings(Arc<Mutex<Vec<u64>>>);

#[async_trait::async_trait]
impl Sink for Beginnings {
    async fn write(&self, batches: &[Batch], _: &WriteContext) -> Result<Written, SinkError> {
        let number = batches[0].iter().next().map(|e| e.position());
        self.0.lock().unwrap().extend(number);
        tokio::task::yield_now().await;
        Ok(Written::Durable)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_attempts_begin_in_order_on_several_workers() {
    let sink = Beginnings::default();
    let pipeline = Pipeline::line(Numbers::new(5_000, 1))
        .sink_with(sink.clone(), |s| {
            s.max_events = 1;
            s.in_flight = 16;
        })
        .drop_rejected()
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    let begun = sink.0.lock().unwrap().clone();
    assert_eq!(begun.len(), 5_000);
    assert!(begun.is_sorted(), "a write began before an earlier one");
}

/// Stages every write, and takes its time to commit.
#[derive(Clone, Default)]
struct SlowCommits {
    committing: Arc<Mutex<(usize, usize)>>,
    staged: Arc<Mutex<Vec<dendro_core::Stage>>>,
}

#[async_trait::async_trait]
impl Sink for SlowCommits {
    async fn write(&self, _: &[Batch], _: &WriteContext) -> Result<Written, SinkError> {
        let mut staged = self.staged.lock().unwrap();
        let stage = dendro_core::Stage(staged.len() as u64);
        staged.push(stage);
        Ok(Written::Staged(vec![stage]))
    }
    async fn commit(&self, _: CommitReason) -> Result<Committed, SinkError> {
        {
            let (now, most) = &mut *self.committing.lock().unwrap();
            *now += 1;
            *most = (*most).max(*now);
        }
        tokio::time::sleep(SECOND * 5).await;
        self.committing.lock().unwrap().0 -= 1;
        Ok(Committed { durable: self.staged.lock().unwrap().clone(), lost: vec![] })
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_is_asked_for_one_commit_at_a_time() {
    let sink = SlowCommits::default();
    let source = Numbers { replay: false, ..Numbers::new(50, 10) };
    let pipeline = Pipeline::line(source.clone())
        .sink_with(sink.clone(), |s| {
            s.max_events = 10;
            s.max_staged_bytes = 2_000;
        })
        .drop_rejected()
        .build()
        .unwrap();
    at_most(SECOND * 3_600, pipeline.run(never())).await.unwrap();
    assert_eq!(source.outcomes(), [Outcome::Delivered; 50]);
    assert_eq!(sink.committing.lock().unwrap().1, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_written_again_after_its_stage_was_lost_has_another_id() {
    /// A write is slow, and a commit meanwhile has lost its stage.
    #[derive(Clone, Default)]
    struct Loses(Arc<Mutex<Vec<String>>>);
    #[async_trait::async_trait]
    impl Sink for Loses {
        async fn write(&self, _: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
            self.0.lock().unwrap().push(cx.id().to_owned());
            tokio::time::sleep(SECOND * 3).await;
            let n = self.0.lock().unwrap().len() as u64;
            Ok(if n == 1 { Written::Staged(vec![dendro_core::Stage(1)]) } else { Written::Durable })
        }
        async fn commit(&self, _: CommitReason) -> Result<Committed, SinkError> {
            Ok(Committed { durable: vec![], lost: vec![dendro_core::Stage(1)] })
        }
    }
    let (source, sink) = (Numbers::new(1, 1), Loses::default());
    let pipeline = Pipeline::line(source.clone()).sink(sink.clone()).drop_rejected().build().unwrap();
    at_most(SECOND * 3_600, pipeline.run(never())).await.unwrap();
    assert_eq!(source.outcomes(), [Outcome::Delivered]);
    // A destination that tells writes apart by their id must not take it for the one that it has lost.
    let ids = sink.0.lock().unwrap().clone();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
}

/// Loses what it has staged first; every write takes a second.
#[derive(Clone, Default)]
struct LosesTheFirst {
    written: Arc<Mutex<Vec<u64>>>,
    running: Arc<Mutex<(usize, usize)>>,
    lost: Arc<Mutex<bool>>,
}

#[async_trait::async_trait]
impl Sink for LosesTheFirst {
    async fn write(&self, batches: &[Batch], _: &WriteContext) -> Result<Written, SinkError> {
        let first = {
            let mut written = self.written.lock().unwrap();
            written.extend(batches.iter().flat_map(|b| b.iter().map(|e| e.position())));
            written.len() == 1
        };
        {
            let (now, most) = &mut *self.running.lock().unwrap();
            *now += 1;
            *most = (*most).max(*now);
        }
        tokio::time::sleep(SECOND).await;
        self.running.lock().unwrap().0 -= 1;
        Ok(if first { Written::Staged(vec![dendro_core::Stage(1)]) } else { Written::Durable })
    }
    async fn commit(&self, _: CommitReason) -> Result<Committed, SinkError> {
        let due = !self.written.lock().unwrap().is_empty();
        let lose = due && !std::mem::replace(&mut *self.lost.lock().unwrap(), due);
        Ok(Committed { durable: vec![], lost: lose.then_some(dendro_core::Stage(1)).into_iter().collect() })
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stage_has_lost_is_written_again_within_the_writes_in_flight() {
    for order in [Order::Strict, Order::FirstDelivery] {
        let sink = LosesTheFirst::default();
        let source = Numbers { replay: false, ..Numbers::new(4, 1) };
        let pipeline = Pipeline::line(source.clone())
            .sink_with(sink.clone(), |s| {
                s.max_events = 1;
                s.commit_interval = Duration::from_millis(1_500);
                s.order = order;
            })
            .drop_rejected()
            .build()
            .unwrap();
        at_most(SECOND * 3_600, pipeline.run(never())).await.unwrap();
        assert_eq!(source.outcomes(), [Outcome::Delivered; 4]);
        assert_eq!(*sink.written.lock().unwrap(), [0, 1, 0, 2, 3]);
        assert_eq!(sink.running.lock().unwrap().1, 1, "{order:?}");
    }
}
