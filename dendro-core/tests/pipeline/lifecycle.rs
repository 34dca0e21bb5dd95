//! From the first batch to the end: sources that fail, pipelines that are stopped, dropped, or share memory.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Numbers, Scripted, Step, never};
use dendro_core::{
    Batch, Event, MemoryBudget, Outcome, Output, Pipeline, Problem, Source, SourceContext, SourceError,
    filter,
};

/// Fails as often as it is told, then sends one event.
struct Flaky {
    failures: u32,
    runs: Arc<AtomicU32>,
    how: fn() -> SourceError,
}
#[async_trait::async_trait]
impl Source for Flaky {
    async fn run(&mut self, out: Output, _: SourceContext) -> Result<(), SourceError> {
        if self.runs.fetch_add(1, Ordering::Relaxed) < self.failures {
            return Err((self.how)());
        }
        let _receipt = out.send(Batch::from_events([&Event::new("e").with("message", "7")])?).await?;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_error_may_pass_is_run_again() {
    let (runs, sink) = (Arc::default(), Scripted::new([]));
    let source = Flaky { failures: 3, runs: Arc::clone(&runs), how: || SourceError::retry("refused") };
    let pipeline = Pipeline::line(source).sink(sink.clone()).drop_rejected().build().unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 4);
    assert_eq!(sink.numbers(), [7]);
    assert_eq!(report.component("source").unwrap().errors, 3);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_for_good_or_panics_is_named_and_the_others_go_on() {
    for (how, words) in [
        ((|| SourceError::fatal("no such device")) as fn() -> SourceError, "no such device"),
        (|| panic!("on purpose"), "on purpose"),
    ] {
        let sink = Scripted::new([]);
        let pipeline = Pipeline::builder()
            .source("good", Numbers::new(3, 1))
            .source("bad", Flaky { failures: 1, runs: Arc::default(), how })
            .sink("out", ["good", "bad"], sink.clone())
            .drop_rejected()
            .build()
            .unwrap();
        let error = pipeline.run(never()).await.unwrap_err();
        assert_eq!(error.failures[0].component, "bad");
        assert!(error.failures[0].message.contains(words), "{error}");
        assert_eq!(sink.numbers(), [0, 1, 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn stop_by_handle_drains_what_was_taken_in() {
    /// Sends until it is told to stop.
    struct Endless(Arc<Mutex<u64>>);
    #[async_trait::async_trait]
    impl Source for Endless {
        async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
            while !cx.is_stopping() {
                let n = *self.0.lock().unwrap();
                let event = Event::new("e").with("message", n.to_string());
                let _receipt = out.send(Batch::from_events([&event])?).await?;
                *self.0.lock().unwrap() += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        }
    }
    let (sent, sink) = (Arc::default(), Scripted::new([]));
    let pipeline = Pipeline::line(Endless(Arc::clone(&sent)))
        .transform(filter(|_| true))
        .sink(sink.clone())
        .drop_rejected()
        .lanes(0)
        .build()
        .unwrap();
    let handle = pipeline.handle();
    let run = tokio::spawn(pipeline.run(never()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    handle.stop();
    assert!(run.await.unwrap().unwrap().drained);
    assert!(*sent.lock().unwrap() >= 50);
    assert_eq!(sink.numbers().len() as u64, *sent.lock().unwrap());
}

#[tokio::test]
async fn dropping_a_run_acknowledges_nothing_that_was_not_durable_and_ends_its_threads() {
    let (source, sink) = (Numbers::new(10, 1), Scripted::new([Step::Hang]));
    let alive = Arc::new(());
    let witness = alive.clone();
    let pipeline = Pipeline::line(source.clone())
        .transform(filter(move |_| Arc::strong_count(&witness) > 0))
        .sink(sink.clone())
        .drop_rejected()
        .build()
        .unwrap();
    let run = tokio::spawn(pipeline.run(never()));
    while sink.ids().is_empty() {
        tokio::task::yield_now().await;
    }
    run.abort();
    let _ = run.await;
    // The thread lets go of its transform when it ends.
    while Arc::strong_count(&alive) > 1 {
        tokio::task::yield_now().await;
    }
    assert!(source.outcomes().iter().all(|o| *o == Outcome::Abandoned));
    assert!(sink.numbers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_pipelines_share_a_memory_budget() {
    let budget = MemoryBudget::new(64 << 10);
    let (slow, fast) = (Scripted::new([Step::Sleep(Duration::from_secs(60))]), Scripted::new([]));
    let (held, free) = (Numbers::new(1, 20_000), Numbers::new(1, 10));
    let first = Pipeline::line(held.clone())
        .sink(slow.clone())
        .drop_rejected()
        .memory_budget(budget.clone())
        .build()
        .unwrap();
    let second = Pipeline::line(free.clone())
        .sink(fast.clone())
        .drop_rejected()
        .memory_budget(budget.clone())
        .build()
        .unwrap();
    let first = tokio::spawn(first.run(never()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(budget.available_bytes(), 0);
    let second = tokio::spawn(second.run(never()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(fast.numbers().is_empty(), "there was no memory left");
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(fast.numbers().len(), 10);
    assert_eq!(budget.available_bytes(), 64 << 10);
}

#[tokio::test(start_paused = true)]
async fn a_problem_that_stays_the_same_is_told_once() {
    struct Complaining;
    #[async_trait::async_trait]
    impl Source for Complaining {
        async fn run(&mut self, _: Output, cx: SourceContext) -> Result<(), SourceError> {
            for message in ["no such file", "no such file", "permission denied", "no such file"] {
                cx.report(dendro_core::Severity::Warning, message);
            }
            Ok(())
        }
    }
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = told.clone();
    let pipeline = Pipeline::line(Complaining)
        .sink(Scripted::new([]))
        .drop_rejected()
        .on_problem(move |p: &Problem| seen.lock().unwrap().push(p.message.clone()))
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert_eq!(*told.lock().unwrap(), ["no such file", "permission denied", "no such file"]);
    assert_eq!(report.component("source").unwrap().last_error.as_deref(), Some("no such file"));
}

#[test]
fn a_pipeline_runs_on_a_single_threaded_runtime_beside_other_work() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let sink = Scripted::new([]);
        let pipeline = Pipeline::line(Numbers::new(50, 10))
            .transform(filter(|_| true))
            .sink(sink.clone())
            .drop_rejected()
            .lanes(2)
            .build()
            .unwrap();
        let beside = async {
            let mut turns = 0u32;
            loop {
                tokio::task::yield_now().await;
                turns += 1;
                if turns == u32::MAX {
                    break;
                }
            }
        };
        tokio::select! {
            report = pipeline.run(never()) => assert!(report.unwrap().drained),
            () = beside => {}
        }
        assert_eq!(sink.numbers().len(), 500);
    });
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_panics_takes_nothing_with_it() {
    let source = Flaky { failures: 1, runs: Arc::default(), how: || SourceError::retry("refused") };
    let sink = Scripted::new([]);
    let pipeline = Pipeline::line(source)
        .sink(sink.clone())
        .drop_rejected()
        .on_problem(|_| panic!("on purpose"))
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    assert_eq!(sink.numbers(), [7]);
}
