//! A durable buffer in a pipeline: what it acknowledges, what a stop leaves in it, and what happens when it fails.

use std::time::Duration;

use crate::shelf::{Flaw, Shelf};
use dendro_core::{MemoryBudget, Outcome, Pipeline, PipelineBuilder, SinkError, WhenFull, sink_fn};
use dendro_test::batches;
use dendro_test::mock::{MockLog, Stored};

fn log() -> MockLog {
    MockLog::of((0..20).map(|n| batches::numbered("a", n * 10..n * 10 + 10)))
}

fn pipeline(log: &MockLog, shelf: &Shelf, sink: impl dendro_core::Sink) -> PipelineBuilder {
    Pipeline::line(log.source())
        .buffer(shelf.clone())
        .sink(sink)
        .drop_rejected()
        .drain_deadline(Duration::from_secs(10))
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_deadline_is_in_the_buffer_and_the_next_run_delivers_it() {
    let (log, shelf, stored) = (log(), Shelf::new(Flaw::None), Stored::new());
    let down = sink_fn(|_| async { Err(SinkError::retry("down")) });
    let stop = tokio::time::sleep(Duration::from_secs(5));
    let report = pipeline(&log, &shelf, down).build().unwrap().run(stop).await.unwrap();
    // It is acknowledged by the buffer, and still to be delivered.
    assert!(log.outcomes().iter().all(|o| *o == Some(Outcome::Delivered)), "{:?}", log.outcomes());
    assert_eq!((report.left, report.drained, shelf.events()), (200, false, 200));
    let left: Vec<(&str, u64)> = report.left_in_buffers().map(|c| (&*c.name, c.buffer_events)).collect();
    assert_eq!(left, [("buffer", 200)]);
    assert!(report.to_string().contains("200 events left in buffer `buffer`"), "{report}");

    let empty = MockLog::new();
    empty.end();
    let report =
        pipeline(&empty, &shelf, stored.sink()).build().unwrap().run(std::future::pending()).await.unwrap();
    assert_eq!((report.left, report.drained, shelf.events()), (0, true, 0));
    assert_eq!(stored.ids(), batches::ids("a", 0..200));
    let buffer = report.component("buffer").unwrap();
    assert_eq!((buffer.events_in, buffer.events_out, buffer.durable), (0, 200, true));
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_ends_by_itself_when_all_has_drained_through() {
    let (log, shelf, stored) = (log(), Shelf::new(Flaw::None), Stored::new());
    log.end();
    let pipeline = pipeline(&log, &shelf, stored.sink()).build().unwrap();
    let report = pipeline.run(std::future::pending()).await.unwrap();
    assert_eq!(stored.ids(), batches::ids("a", 0..200));
    assert_eq!((report.left, report.abandoned, report.drained), (0, 0, true));
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_and_a_small_budget_do_not_lock_each_other_up() {
    let (log, stored) = (log(), Stored::new());
    log.end();
    let shelf = Shelf::new(Flaw::None).holding(10, WhenFull::Block);
    let budget = MemoryBudget::new(4 << 10);
    let pipeline = pipeline(&log, &shelf, stored.sink()).memory_budget(budget.clone()).build().unwrap();
    let run = tokio::time::timeout(Duration::from_secs(3_600), pipeline.run(std::future::pending()));
    run.await.expect("it does not lock up").unwrap();
    assert_eq!(stored.ids(), batches::ids("a", 0..200));
    assert_eq!(budget.available_bytes(), 4 << 10);
}

#[tokio::test(start_paused = true)]
async fn a_half_that_cannot_go_on_ends_the_run() {
    for flaw in [Flaw::ReaderFails, Flaw::WriterFails] {
        let (log, stored) = (log(), Stored::new());
        let shelf = Shelf::new(flaw).holding(10, WhenFull::Block);
        let pipeline = pipeline(&log, &shelf, stored.sink()).build().unwrap();
        let run = tokio::time::timeout(Duration::from_secs(3_600), pipeline.run(std::future::pending()));
        let error = run.await.expect("it ends").unwrap_err();
        assert!(error.to_string().contains("`buffer` failed"), "{error}");
        let (left, expected) = (error.report.left, if flaw == Flaw::ReaderFails { 10 } else { 0 });
        assert_eq!(left, expected, "{flaw:?}");
    }
}
