use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::pipeline::{OutputReceiver, QueueLimits, StopSwitch};
use dendro_core::{
    Batch, Event, ManualClock, Outcome, Output, Schema, Source, SourceContext, SourceError, Timestamp, Value,
};
use dendro_sources::memory::{self, MemorySource, Settings, Stopped, TrySendError};
use tokio::task::JoinHandle;

const NOW: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);

fn start(mut source: MemorySource) -> (JoinHandle<Result<(), SourceError>>, OutputReceiver, StopSwitch) {
    start_with(QueueLimits::default(), move |out, cx| async move { source.run(out, cx).await })
}

fn start_with<F>(
    limits: QueueLimits,
    run: impl FnOnce(Output, SourceContext) -> F,
) -> (JoinHandle<Result<(), SourceError>>, OutputReceiver, StopSwitch)
where
    F: Future<Output = Result<(), SourceError>> + Send + 'static,
{
    let (out, sent) = Output::for_test(limits);
    let (cx, stop) = SourceContext::for_test("memory", Arc::new(ManualClock::new(NOW)));
    (tokio::spawn(run(out, cx)), sent, stop)
}

fn event(n: u64) -> Event {
    Event::new("number").with("n", n)
}

fn numbers(batch: &Batch) -> Vec<u64> {
    batch.iter().map(|e| e.get("n").unwrap().as_u64().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_the_run_is_delivered_in_order_and_its_receipts_resolve() {
    let (handle, source) = memory::channel();
    let mut receipts = Vec::new();
    for n in 0..10 {
        receipts.push(handle.send(event(n)).await.unwrap());
    }
    let (run, sent, _stop) = start(source);
    let mut batch = sent.recv().await.unwrap();
    assert_eq!(numbers(&batch), (0..10).collect::<Vec<_>>());
    assert_eq!(batch.get(0).unwrap().observed(), NOW);
    assert_eq!(batch.get(0).unwrap().get("source").unwrap().as_str(), Some("memory"));
    assert!(receipts[0].try_settle().is_none());
    batch.take_acks().resolve(Outcome::Delivered);
    for receipt in receipts {
        assert_eq!(receipt.await.outcome, Outcome::Delivered);
    }
    drop(handle);
    assert!(sent.recv().await.is_none());
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn events_and_batches_keep_their_order() {
    let (handle, source) = memory::channel();
    for n in 0..3 {
        drop(handle.send(event(n)).await.unwrap());
    }
    drop(handle.send(Batch::from_events(&[event(3), event(4)]).unwrap()).await.unwrap());
    drop(handle.send(event(5)).await.unwrap());
    drop(handle);
    let (_run, sent, _stop) = start(source);
    let mut all = Vec::new();
    while let Some(batch) = sent.recv().await {
        all.extend(numbers(&batch));
    }
    assert_eq!(all, vec![0, 1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_write_tells_the_sender() {
    let (handle, source) = Settings::new().batch_events(1).channel();
    let good = handle.send(event(1)).await.unwrap();
    let bad = handle.send(event(2)).await.unwrap();
    let (_run, sent, _stop) = start(source);
    sent.recv().await.unwrap().take_acks().resolve(Outcome::Delivered);
    sent.recv().await.unwrap().take_acks().resolve(Outcome::DeadLettered);
    assert_eq!(good.await.outcome, Outcome::Delivered);
    assert_eq!(bad.await.outcome, Outcome::DeadLettered);
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_refuses_try_send_and_makes_send_wait() {
    let (handle, source) = Settings::new().max_events(2).channel();
    drop(handle.try_send(event(0)).unwrap());
    drop(handle.try_send(event(1)).unwrap());
    assert_eq!(handle.try_send(event(2)).unwrap_err(), TrySendError::Full(event(2)));
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.send(event(2)).await.is_ok() }
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!waiting.is_finished());
    let (_run, sent, _stop) = start(source);
    assert_eq!(numbers(&sent.recv().await.unwrap()), vec![0, 1]);
    assert_eq!(numbers(&sent.recv().await.unwrap()), vec![2]);
    assert!(waiting.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn bytes_fill_the_buffer_too_and_a_larger_one_is_let_in_alone() {
    let (handle, _source) = Settings::new().max_bytes(1_000).channel();
    let big = Event::new("big").with("text", "x".repeat(5_000));
    drop(handle.try_send(big).unwrap());
    assert!(matches!(handle.try_send(event(1)), Err(TrySendError::Full(_))));
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_dropped_while_it_waits_has_sent_nothing() {
    let (handle, source) = Settings::new().max_events(1).channel();
    drop(handle.send(event(0)).await.unwrap());
    let timed_out = tokio::time::timeout(Duration::from_secs(1), handle.send(event(1))).await;
    assert!(timed_out.is_err());
    drop(handle);
    let (_run, sent, _stop) = start(source);
    assert_eq!(numbers(&sent.recv().await.unwrap()), vec![0]);
    assert!(sent.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn on_stopping_it_drains_what_was_accepted_and_gives_back_the_rest() {
    let (handle, source) = memory::channel();
    let receipt = handle.send(event(0)).await.unwrap();
    let (run, sent, stop) = start(source);
    stop.stop();
    handle.closed().await;
    assert_eq!(handle.send(event(1)).await.unwrap_err(), Stopped(event(1)));
    assert_eq!(handle.try_send(event(2)).unwrap_err(), TrySendError::Stopped(event(2)));
    let back = handle.send(Batch::from_events(&[event(3)]).unwrap()).await.unwrap_err();
    assert_eq!(numbers(&back.0), vec![3]);
    let mut batch = sent.recv().await.unwrap();
    assert_eq!(numbers(&batch), vec![0]);
    assert!(!run.is_finished(), "it waits for its receipts");
    batch.take_acks().resolve(Outcome::Delivered);
    assert!(receipt.await.outcome.is_settled());
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_is_told_when_the_source_stops_or_is_dropped() {
    for dropped in [false, true] {
        let (handle, source) = Settings::new().max_events(1).channel();
        drop(handle.send(event(0)).await.unwrap());
        let waiting = tokio::spawn(async move { handle.send(event(1)).await });
        tokio::task::yield_now().await;
        if dropped {
            drop(source);
        } else {
            let (_run, _sent, stop) = start(source);
            stop.stop();
            // The source stops before it makes room: its first look is at both, so either answer is right.
            let answer = waiting.await.unwrap();
            assert!(answer.is_ok() || matches!(answer, Err(Stopped(e)) if e == event(1)));
            continue;
        }
        assert_eq!(waiting.await.unwrap().unwrap_err(), Stopped(event(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_closed_pipeline_leaves_behind_resolves_as_abandoned() {
    let (handle, source) = Settings::new().batch_events(1).channel();
    let first = handle.send(event(0)).await.unwrap();
    let second = handle.send(event(1)).await.unwrap();
    let (run, sent, _stop) = start(source);
    sent.close();
    assert!(run.await.unwrap().is_err());
    assert_eq!(first.await.outcome, Outcome::Abandoned);
    assert_eq!(second.await.outcome, Outcome::Abandoned);
    assert!(handle.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_ran_abandons_what_it_had() {
    let (handle, source) = memory::channel();
    let receipt = handle.send(event(0)).await.unwrap();
    drop(source);
    assert_eq!(receipt.await.outcome, Outcome::Abandoned);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fits_no_batch_is_abandoned_and_reported_and_its_neighbours_pass() {
    let (handle, source) = memory::channel();
    let mut huge = Event::new("huge");
    for n in 0..2_000u64 {
        huge = huge.with(format!("field_{n}"), n);
    }
    let before = handle.send(event(0)).await.unwrap();
    let refused = handle.send(huge).await.unwrap();
    let after = handle.send(event(1)).await.unwrap();
    drop(handle);
    let problems = Arc::new(Mutex::new(Vec::new()));
    let told = problems.clone();
    let (_run, sent, _stop) = start_with(QueueLimits::default(), move |out, cx| async move {
        let cx = cx.with_reporter(move |p| told.lock().unwrap().push(p.message.clone()));
        let mut source = source;
        source.run(out, cx).await
    });
    let mut all = Vec::new();
    while let Some(mut batch) = sent.recv().await {
        all.extend(numbers(&batch));
        batch.take_acks().resolve(Outcome::Delivered);
    }
    assert_eq!(all, vec![0, 1]);
    assert_eq!(refused.await.outcome, Outcome::Abandoned);
    assert_eq!(before.await.outcome, Outcome::Delivered);
    assert_eq!(after.await.outcome, Outcome::Delivered);
    let problems = problems.lock().unwrap();
    assert!(problems[0].contains("huge") && problems[0].contains("1024 fields"), "{problems:?}");
}

#[tokio::test(start_paused = true)]
async fn under_back_pressure_the_buffer_stays_bounded() {
    let (handle, source) = Settings::new().max_events(4).batch_events(1).channel();
    let mut limits = QueueLimits::default();
    limits.max_events = 1;
    let mut source = source;
    let (_run, _sent, _stop) = start_with(limits, move |out, cx| async move { source.run(out, cx).await });
    let mut accepted = 0;
    while tokio::time::timeout(Duration::from_secs(1), handle.send(event(accepted))).await.is_ok() {
        accepted += 1;
    }
    // Four in front, one in the queue.
    assert_eq!(accepted, 5);
}

#[tokio::test(start_paused = true)]
async fn published_schemas_come_with_the_events() {
    let schema = Schema::new("number").doc("A number.");
    let (handle, source) = Settings::new().schema(schema.clone()).channel();
    assert_eq!(*source.schemas()[0], schema);
    assert!(!source.can_replay());
    drop(handle.send(event(7).at(NOW)).await.unwrap());
    let (_run, sent, _stop) = start(source);
    let batch = sent.recv().await.unwrap();
    let e = batch.get(0).unwrap();
    assert_eq!(**e.schema().unwrap(), schema);
    assert_eq!((e.time(), e.get("n").unwrap().to_value()), (Some(NOW), Value::U64(7)));
}
