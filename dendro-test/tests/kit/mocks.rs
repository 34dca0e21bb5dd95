//! The mocks and harnesses do what they say.

use std::time::Duration;

use dendro_core::{Outcome, Pipeline};
use dendro_test::mock::{Fault, FaultySink, MockLog, MockSink, MockTransform, TransformFault};
use dendro_test::{SinkHarness, SourceHarness, TransformHarness, batches};

const SECOND: Duration = Duration::from_secs(1);

fn three() -> [dendro_core::Batch; 3] {
    [0, 1, 2].map(|n| batches::numbered("a", n * 4..n * 4 + 4))
}

/// One batch a write, with this fault on the first.
async fn with_fault(fault: Fault) -> (dendro_test::harness::SinkRun, Vec<String>, usize) {
    let (sink, stored) = MockSink::new();
    let sink = FaultySink::new(sink).then([fault]);
    let log = sink.log();
    let run = SinkHarness::new(sink).settings(|s| s.max_events = 4).run(three()).await;
    (run, stored.ids(), log.records().len())
}

#[tokio::test(start_paused = true)]
async fn each_fault_has_its_outcome() {
    let all = batches::ids("a", 0..12);
    let late = batches::ids("a", 4..12);
    for (fault, writes, stored, dead) in [
        (Fault::None, 3, all.clone(), vec![]),
        (Fault::Slow(SECOND), 3, all.clone(), vec![]),
        (Fault::Retry, 4, all.clone(), vec![]),
        (Fault::RetryAfter(SECOND), 4, all.clone(), vec![]),
        (Fault::WriteThenRetry, 4, [batches::ids("a", 0..4), all.clone()].concat(), vec![]),
        (Fault::Hang, 4, all.clone(), vec![]),
        (Fault::WriteThenHang, 4, [batches::ids("a", 0..4), all.clone()].concat(), vec![]),
        (Fault::Panic, 3, late.clone(), batches::ids("a", 0..4)),
        (Fault::PanicMidway, 3, late.clone(), batches::ids("a", 0..4)),
        (Fault::Reject, 3, late.clone(), batches::ids("a", 0..4)),
    ] {
        let (run, ids, calls) = with_fault(fault.clone()).await;
        assert!(run.is_settled(), "{fault:?}");
        assert_eq!((calls, ids, run.dead_raws()), (writes, stored, dead), "{fault:?}");
    }
    let (run, ids, calls) = with_fault(Fault::Partial { retry: vec![1], reject: vec![2] }).await;
    assert_eq!((calls, run.dead_raws()), (4, vec![batches::number("a", 2)]));
    let kept: Vec<String> = [0, 3, 1, 4].map(|n| batches::number("a", n)).into();
    assert_eq!(ids[..4], kept);
    assert_eq!(run.outcomes[0], Some(Outcome::DeadLettered));
}

#[tokio::test(start_paused = true)]
async fn a_fatal_fault_ends_the_run() {
    let (run, ids, _) = with_fault(Fault::Fatal).await;
    assert!(run.result.is_err());
    assert!(ids.is_empty());
    assert!(run.outcomes.contains(&Some(Outcome::Abandoned)));
}

#[tokio::test(start_paused = true)]
async fn seeded_faults_are_the_same_in_every_run_and_lose_nothing() {
    let run = async || {
        let (sink, stored) = MockSink::new();
        let faults = [Fault::Retry, Fault::Hang, Fault::Slow(SECOND), Fault::WriteThenRetry];
        let sink = FaultySink::new(sink).seeded(11, 60, faults);
        let log = sink.log();
        let batches = (0..20).map(|n| batches::numbered("a", n * 5..n * 5 + 5));
        let run = SinkHarness::new(sink).settings(|s| s.max_events = 5).run(batches).await;
        assert!(run.is_settled());
        let faults: Vec<Fault> = log.records().into_iter().map(|r| r.fault).collect();
        let stored = stored.ids();
        assert!(batches::ids("a", 0..100).iter().all(|id| stored.contains(id)));
        faults
    };
    let faults = run().await;
    assert!(faults.iter().filter(|f| **f != Fault::None).count() > 10);
    assert_eq!(faults, run().await);
}

#[tokio::test(start_paused = true)]
async fn commits_that_lose_their_stage_are_made_good() {
    for replayable in [true, false] {
        let (sink, stored) = MockSink::new();
        stored.lose_commits(2);
        let harness = SinkHarness::new(sink.staged());
        let log = MockLog::of(three());
        let log = if replayable { log } else { log.not_replayable() };
        let run = harness.run_log(&log, std::future::pending()).await;
        assert!(run.is_settled(), "{:?}", run.outcomes);
        assert_eq!(stored.ids(), batches::ids("a", 0..12));
        assert_eq!(stored.staged_events(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_is_resumed_at_its_oldest_unsettled_batch() {
    let log = MockLog::of(three());
    let harness = SourceHarness::start(log.source());
    let mut all = harness.recv_until_quiet(SECOND).await;
    all[0].take_acks().resolve(Outcome::Delivered);
    all[2].take_acks().resolve(Outcome::Delivered);
    tokio::time::sleep(SECOND).await;
    harness.kill().await;
    drop(all);
    assert_eq!((log.checkpoint(), log.sends()), (1, vec![1, 1, 1]));
    let harness = SourceHarness::start(log.source());
    let again = harness.acknowledge_until_quiet(SECOND).await;
    assert_eq!(again.iter().flat_map(batches::ids_of).collect::<Vec<_>>(), batches::ids("a", 4..12));
}

#[tokio::test(start_paused = true)]
async fn a_harness_that_refuses_ends_its_source() {
    let log = MockLog::of(three());
    let mut harness = SourceHarness::start(log.source());
    harness.refuse();
    assert!(harness.end().await.is_ok());
    assert_eq!(log.checkpoint(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_mock_transform_does_what_it_was_told() {
    let is = |n: u64| move |e: dendro_core::EventRef<'_>| e.get("n").and_then(|v| v.as_u64()) == Some(n);
    let mock = MockTransform::new()
        .on(is(1), TransformFault::Reject)
        .on(is(2), TransformFault::Remove)
        .on(is(5), TransformFault::Fail)
        .on(is(9), TransformFault::Panic);
    let mut harness = TransformHarness::new(mock.clone());
    let run = harness.batch(batches::numbered("a", 0..4));
    assert_eq!((run.out.len(), run.rejected.len(), run.filtered), (2, 1, 1));
    assert_eq!(run.rejected[0].raw, batches::number("a", 1).as_bytes());
    let failed = harness.batch(batches::numbered("a", 4..8));
    assert_eq!((failed.out.len(), failed.rejected.len()), (0, 4));
    assert!(harness.is_settled());

    // The same under the driver.
    let ((sink, stored), (letters, dead)) = (MockSink::new(), MockSink::new());
    let log = MockLog::of(three());
    let line = Pipeline::line(log.source()).transform(mock.clone()).sink(sink);
    line.dead_letters(letters).lanes(0).build().unwrap().run(std::future::pending()).await.unwrap();
    assert_eq!(stored.ids(), [0, 3].map(|n| batches::number("a", n)));
    assert_eq!(dead.events().len(), 9);
    assert_eq!(log.outcomes(), [Some(Outcome::DeadLettered); 3]);
    assert_eq!(mock.calls(), 5);
}
