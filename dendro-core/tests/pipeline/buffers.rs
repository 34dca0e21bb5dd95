//! Buffers in memory between two stages: what flows through them, what they hold, what they drop.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{Numbers, Scripted, Step, never};
use dendro_core::pipeline::{BuildProblem, MemoryBuffer};
use dendro_core::{
    ComponentKind, MemoryBudget, Outcome, Output, Pipeline, Receipts, Schema, SinkError, Source,
    SourceContext, SourceError, Value, WhenFull, filter,
};

fn hanging() -> Scripted {
    let sink = Scripted::new([Step::Hang]);
    Scripted { settings: with_timeout(Duration::from_secs(3600)), ..sink }
}

fn with_timeout(timeout: Duration) -> dendro_core::SinkSettings {
    let mut settings = dendro_core::SinkSettings::default();
    settings.timeout = timeout;
    settings
}

#[tokio::test(start_paused = true)]
async fn what_enters_a_memory_buffer_leaves_it_once_in_order_and_settled() {
    let (source, sink) = (Numbers::new(50, 7), Scripted::new([]));
    let pipeline = Pipeline::line(source.clone())
        .transform(filter(|_| true))
        .buffer(MemoryBuffer::new().max_events(20))
        .transform(filter(|_| true))
        .buffer(MemoryBuffer::new())
        .sink(sink.clone())
        .drop_rejected()
        .lanes(0)
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert_eq!(sink.numbers(), (0..350).collect::<Vec<_>>());
    assert_eq!(source.outcomes(), vec![Outcome::Delivered; 50]);
    assert_eq!((report.abandoned, report.left, report.drained), (0, 0, true));
    for name in ["buffer", "buffer_2"] {
        let stats = report.component(name).unwrap();
        assert_eq!(stats.kind, ComponentKind::Buffer);
        assert_eq!((stats.events_in, stats.events_out, stats.buffer_events), (350, 350, 0));
        assert_eq!((stats.dropped, stats.rejected, stats.durable), (0, 0, false));
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_a_memory_buffer_is_not_acknowledged_and_bounded() {
    let (source, sink) = (Numbers::new(1_000, 10), hanging());
    let pipeline = Pipeline::line(source.clone())
        .buffer(MemoryBuffer::new().max_events(100))
        .sink(sink.clone())
        .drop_rejected()
        .queue(queue(50))
        .drain_deadline(Duration::from_secs(5))
        .build()
        .unwrap();
    let handle = pipeline.handle();
    let run = tokio::spawn(pipeline.run(tokio::time::sleep(Duration::from_secs(60))));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let stats = handle.stats();
    let buffer = stats.iter().find(|s| s.name == "buffer").unwrap();
    assert_eq!(buffer.buffer_events, 100);
    assert!(buffer.buffer_bytes > 0);
    // The buffer, one queue before it and one behind it, what each half and the sink have in hand.
    let sent = *source.sent.lock().unwrap() * 10;
    assert!(sent <= 100 + 2 * 50 + 3 * 50 + 10, "{sent}");
    assert!(source.outcomes().is_empty());
    let report = run.await.unwrap().unwrap();
    assert!(!report.drained);
    assert!(source.outcomes().iter().all(|o| *o == Outcome::Abandoned));
    // It is gone with the run, and its source has it still.
    assert_eq!((report.left, report.component("buffer").unwrap().buffer_events), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_drain_goes_through_buffers_to_the_end() {
    let source = Numbers::new(100, 5);
    let sink = Scripted::new((0..40).map(|_| Step::Sleep(Duration::from_millis(300))));
    let pipeline = Pipeline::line(source.clone())
        .buffer(MemoryBuffer::new())
        .buffer(MemoryBuffer::new())
        .sink_with(sink.clone(), |s| s.max_events = 20)
        .drop_rejected()
        .drain_deadline(Duration::from_secs(60))
        .build()
        .unwrap();
    let report = pipeline.run(tokio::time::sleep(Duration::from_millis(10))).await.unwrap();
    assert!(report.drained);
    let sent = *source.sent.lock().unwrap();
    assert_eq!(sink.numbers(), (0..sent * 5).collect::<Vec<_>>());
    assert_eq!(source.outcomes(), vec![Outcome::Delivered; sent as usize]);
}

#[tokio::test(start_paused = true)]
async fn a_dropping_buffer_lets_the_other_branch_flow_and_counts_what_it_drops() {
    let (source, slow, fast) = (Numbers::new(200, 10), hanging(), Scripted::new([]));
    let pipeline = Pipeline::builder()
        .source("in", source.clone())
        .sink("fast", "in", fast.clone())
        .buffer("maybe", "in", MemoryBuffer::new().max_events(100).when_full(WhenFull::DropNewest))
        .sink("slow", "maybe", slow.clone())
        .drop_rejected()
        .queue(queue(50))
        .drain_deadline(Duration::from_secs(5))
        .build()
        .unwrap();
    let report = pipeline.run(tokio::time::sleep(Duration::from_secs(60))).await.unwrap();
    assert_eq!(fast.numbers(), (0..2_000).collect::<Vec<_>>());
    let stats = report.component("maybe").unwrap();
    assert!(stats.dropped >= 1_700, "{stats:?}");
    assert_eq!(stats.events_in, 2_000);
    // Each batch is either dropped, or waits for the slow branch: that keeps its acknowledgement.
    let outcomes = source.outcomes();
    let dropped = outcomes.iter().filter(|o| **o == Outcome::Dropped).count() as u64;
    assert_eq!((dropped * 10, outcomes.len()), (stats.dropped, 200));
    assert_eq!(outcomes.iter().filter(|o| **o == Outcome::Abandoned).count() as u64, 200 - dropped);
    assert!(report.problems.iter().any(|p| p.message.contains("buffer is full")), "{:?}", report.problems);
}

#[tokio::test(start_paused = true)]
async fn a_best_effort_branch_holds_neither_the_others_nor_the_acknowledgement() {
    let (source, slow, fast) = (Numbers::new(200, 10), hanging(), Scripted::new([]));
    let pipeline = Pipeline::builder()
        .source("in", source.clone())
        .buffer("maybe", "in", MemoryBuffer::best_effort().max_events(100))
        .sink("slow", "maybe", slow.clone())
        .sink("fast", "in", fast.clone())
        .drop_rejected()
        .queue(queue(50))
        .memory_budget(MemoryBudget::new(1 << 20))
        .drain_deadline(Duration::from_secs(5))
        .build()
        .unwrap();
    let run = tokio::spawn(pipeline.run(tokio::time::sleep(Duration::from_secs(60))));
    tokio::time::sleep(Duration::from_secs(30)).await;
    // The slow branch hangs, and everything is settled.
    let outcomes = source.outcomes();
    assert_eq!(outcomes.len(), 200);
    assert!(outcomes.iter().all(|o| o.is_settled()));
    assert_eq!(fast.numbers(), (0..2_000).collect::<Vec<_>>());
    let report = run.await.unwrap().unwrap();
    let stats = report.component("maybe").unwrap();
    let lost = format!("{} events are lost", 2_000 - stats.dropped);
    assert!(report.problems.iter().any(|p| p.message.contains(&lost)), "{lost}: {:?}", report.problems);
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_can_overflow_to_the_dead_letters() {
    let (source, slow, dead) = (Numbers::new(100, 10), hanging(), Scripted::new([]));
    let pipeline = Pipeline::line(source.clone())
        .buffer(MemoryBuffer::new().max_events(100).when_full(WhenFull::DeadLetter))
        .sink(slow.clone())
        .dead_letters(dead.clone())
        .queue(queue(50))
        .drain_deadline(Duration::from_secs(5))
        .build()
        .unwrap();
    let report = pipeline.run(tokio::time::sleep(Duration::from_secs(60))).await.unwrap();
    let stats = report.component("buffer").unwrap();
    assert!(stats.rejected >= 700, "{stats:?}");
    assert_eq!(dead.messages().len() as u64, stats.rejected);
    let letter = dead.written.lock().unwrap()[0].clone();
    assert_eq!(letter.get("component"), Some(&Value::from("buffer")));
    assert_eq!(letter.get("reason"), Some(&Value::from("the buffer is full")));
    let outcomes = source.outcomes();
    let refused = outcomes.iter().filter(|o| **o == Outcome::DeadLettered).count() as u64;
    assert_eq!((refused * 10, outcomes.len()), (stats.rejected, 100));
}

#[tokio::test(start_paused = true)]
async fn a_small_budget_does_not_lock_a_buffer_up() {
    for acknowledges in [false, true] {
        let (source, sink) = (Numbers::new(100, 100), Scripted::new([]));
        let buffer = if acknowledges {
            MemoryBuffer::best_effort().when_full(WhenFull::Block)
        } else {
            MemoryBuffer::new()
        };
        // All of it can be taken by what waits before the buffer.
        let budget = MemoryBudget::new(8 << 10);
        let pipeline = Pipeline::line(source.clone())
            .buffer(buffer.max_events(100))
            .transform(filter(|_| true))
            .sink(sink.clone())
            .drop_rejected()
            .lanes(0)
            .memory_budget(budget.clone())
            .build()
            .unwrap();
        let run = tokio::time::timeout(Duration::from_secs(60), pipeline.run(never()));
        run.await.expect("it does not lock up").unwrap();
        assert_eq!(sink.numbers(), (0..10_000).collect::<Vec<_>>());
        assert_eq!(budget.available_bytes(), 8 << 10);
    }
}

#[test]
fn a_buffer_is_checked_as_other_components_are() {
    let source = || Numbers::new(1, 1);
    let sink = || Scripted::new([]);
    let builder = Pipeline::builder()
        .source("in", source())
        .buffer("in", "nowhere", MemoryBuffer::new())
        .buffer("a.b", ["in", "in"], MemoryBuffer::new())
        .buffer("alone", Vec::<String>::new(), MemoryBuffer::new())
        .sink("out", "in", sink());
    let error = builder.drop_rejected().build().err().unwrap();
    let has = |p: BuildProblem| assert!(error.problems().contains(&p), "{p:?} in {error}");
    has(BuildProblem::DuplicateName("in".into()));
    has(BuildProblem::BadName("a.b".into()));
    has(BuildProblem::NoInput("alone".into()));
    has(BuildProblem::UnusedOutput { component: "alone".into(), port: "out".into() });
    has(BuildProblem::RepeatedInput { component: "a.b".into(), input: "in".into() });
    assert!(error.to_string().contains("`in` reads from `nowhere`"), "{error}");

    let circle = Pipeline::builder()
        .source("in", source())
        .transform("t", ["in", "b"], filter(|_| true))
        .buffer("b", "t", MemoryBuffer::new())
        .sink("out", "b", sink());
    let error = circle.drop_rejected().build().err().unwrap();
    assert_eq!(error.problems(), [BuildProblem::Cycle(vec!["t".into(), "b".into(), "t".into()])]);
}

struct Typed(Arc<Schema>);

#[async_trait::async_trait]
impl Source for Typed {
    async fn run(&mut self, out: Output, _cx: SourceContext) -> Result<(), SourceError> {
        Receipts::<()>::new().drain(out, |(), _| {}).await;
        Ok(())
    }
    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.0.clone()]
    }
}

#[test]
fn schemas_pass_through_a_buffer() {
    let schema = Arc::new(Schema::new("typed"));
    let pipeline = Pipeline::line(Typed(schema.clone()))
        .buffer(MemoryBuffer::new())
        .transform(filter(|_| true))
        .sink(Scripted::new([]))
        .drop_rejected()
        .build()
        .unwrap();
    assert_eq!(pipeline.schemas("buffer"), Some(&[schema.clone()][..]));
    assert_eq!(pipeline.schemas("transform"), Some(&[schema][..]));
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_while_staged_behind_a_memory_buffer_is_kept_only_where_its_source_has_it_not() {
    use dendro_core::{Committed, Stage, Written};
    for replay in [true, false] {
        let source = Numbers { replay, ..Numbers::new(1, 3) };
        let sink = Scripted::new([Step::Write(Ok(Written::Staged(vec![Stage(1)])))]);
        let lost = Committed { durable: vec![], lost: vec![Stage(1)] };
        sink.commits.lock().unwrap().push_back(Ok(lost));
        let pipeline = Pipeline::line(source.clone())
            .buffer(MemoryBuffer::new())
            .sink(sink.clone())
            .drop_rejected()
            .build()
            .unwrap();
        let report = pipeline.run(never()).await.unwrap();
        let (outcome, writes) = if replay { (Outcome::Abandoned, 1) } else { (Outcome::Delivered, 2) };
        assert_eq!((source.outcomes(), sink.calls.lock().unwrap().len()), (vec![outcome], writes));
        assert_eq!(report.abandoned, if replay { 3 } else { 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_fatal_sink_behind_a_buffer_ends_the_run() {
    let (source, sink) = (Numbers::new(1_000, 10), Scripted::new([Step::Write(Err(SinkError::fatal("no")))]));
    let pipeline = Pipeline::line(source.clone())
        .buffer(MemoryBuffer::new().max_events(10))
        .sink(sink)
        .drop_rejected()
        .queue(queue(10))
        .build()
        .unwrap();
    let error = pipeline.run(never()).await.unwrap_err();
    assert!(error.to_string().contains("`sink` failed"), "{error}");
    assert!(source.outcomes().iter().all(|o| *o == Outcome::Abandoned));
}

fn queue(max_events: usize) -> dendro_core::QueueLimits {
    let mut limits = dendro_core::QueueLimits::default();
    limits.max_events = max_events;
    limits
}

#[tokio::test(start_paused = true)]
async fn a_dropped_run_leaves_nothing_in_a_buffer() {
    let (source, sink) = (Numbers::new(1_000, 10), hanging());
    let pipeline = Pipeline::line(source.clone())
        .buffer(MemoryBuffer::new().max_events(100))
        .sink(sink.clone())
        .drop_rejected()
        .build()
        .unwrap();
    let handle = pipeline.handle();
    let run = tokio::time::timeout(Duration::from_secs(10), pipeline.run(never())).await;
    assert!(run.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sent = *source.sent.lock().unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(*source.sent.lock().unwrap(), sent);
    let stats = handle.stats();
    assert!(stats.iter().all(|s| (s.buffer_events, s.queue_events) == (0, 0)), "{stats:?}");
    assert_eq!((sink.calls.lock().unwrap().len(), sink.running.lock().unwrap().1), (1, 1));
}

#[tokio::test]
async fn a_batch_is_tried_to_be_sent_whole_or_given_back_whole() {
    let (out, receiver) = Output::for_test(queue(10));
    let batch = |events: usize| {
        let events: Vec<_> = (0..events as u64).map(|n| dendro_core::Event::new("t").with("n", n)).collect();
        dendro_core::Batch::from_events(&events).unwrap()
    };
    let _first = out.try_send(batch(6)).unwrap();
    let mut second = batch(6);
    second.reject(0, "no");
    let dendro_core::TrySendError::Full(mut back) = out.try_send(second).unwrap_err() else {
        panic!("it is full")
    };
    assert_eq!((back.end_index(), back.rejected().count(), back.acks().is_empty()), (6, 1, true));
    // Nothing of it is under way, neither events nor letters.
    assert_eq!(receiver.recv().await.unwrap().len(), 6);
    let mut receipt = out.try_send(std::mem::take(&mut *back)).unwrap();
    let mut rest = receiver.recv().await.unwrap();
    assert_eq!(rest.len(), 5);
    rest.take_acks().resolve(Outcome::Delivered);
    assert!(receipt.try_settle().is_none());
    receiver.recv_dead_letters().await.unwrap().take_acks().resolve(Outcome::DeadLettered);
    assert_eq!(receipt.try_settle().unwrap().outcome, Outcome::DeadLettered);
    receiver.close();
    assert!(matches!(out.try_send(batch(1)), Err(dendro_core::TrySendError::Closed(b)) if b.len() == 1));
}
