//! What every collector can rely on: interval, time-out, back-off, and one event that says whether it was up.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::{
    Batch, Event, FieldSchema, Outcome, Schema, Severity, Source, Timestamp, Value, ValueType,
};
use dendro_parsers::collect::{CollectError, CollectSource, Collector, Scrape};
use dendro_test::conformance::SourceFixture;
use dendro_test::{SourceHarness, source_conformance};
use tokio::time::Instant;

const TEN: Duration = Duration::from_secs(10);

/// A service that answers as it is told.
#[derive(Clone, Default)]
struct Service(Arc<State>);

#[derive(Default)]
struct State {
    down: AtomicBool,
    hangs: AtomicBool,
    events: AtomicU64,
    asked: Mutex<Vec<Instant>>,
}

impl Service {
    fn asked(&self) -> Vec<Instant> {
        self.0.asked.lock().unwrap().clone()
    }
    fn set_down(&self, down: bool) {
        self.0.down.store(down, Ordering::Relaxed);
    }
}

fn schema() -> Arc<Schema> {
    Arc::new(
        Schema::new("thing").doc("A thing.").field(FieldSchema::gauge("n", ValueType::U64).doc("A number.")),
    )
}

struct Asker(Service, Arc<Schema>);

#[async_trait::async_trait]
impl Collector for Asker {
    fn name(&self) -> &str {
        "thing"
    }
    fn target(&self) -> Option<&str> {
        Some("here:1")
    }
    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.1.clone()]
    }
    async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        let state = &self.0.0;
        state.asked.lock().unwrap().push(Instant::now());
        for n in 0..state.events.load(Ordering::Relaxed).max(1) {
            scrape.event(&self.1, |event| event.insert("n", n))?;
        }
        scrape.warn("half", "half of it can't be read");
        if state.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        match state.down.load(Ordering::Relaxed) {
            true => Err(CollectError::new("no connection").with_source(std::io::Error::other("refused"))),
            false => Ok(()),
        }
    }
}

fn source(service: &Service) -> CollectSource<Asker> {
    CollectSource::new(Asker(service.clone(), schema()), TEN)
}

async fn scrape(harness: &SourceHarness) -> Vec<Event> {
    let mut batch = harness.recv().await.unwrap();
    batch.take_acks().resolve(Outcome::Delivered);
    batch.iter().map(|event| event.to_event()).collect()
}

fn up(events: &[Event]) -> &Event {
    let up: Vec<&Event> = events.iter().filter(|event| event.event_type == "collector_up").collect();
    assert_eq!(up.len(), 1, "{events:?}");
    up[0]
}

#[tokio::test(start_paused = true)]
async fn each_scrape_gives_its_events_and_says_that_it_was_up() {
    let service = Service::default();
    service.0.events.store(2, Ordering::Relaxed);
    let harness = SourceHarness::start(source(&service));
    let events = scrape(&harness).await;
    assert_eq!(events.len(), 3);
    assert_eq!(events[1].get("n"), Some(&Value::U64(1)));
    let up = up(&events);
    assert_eq!((up.get("up"), up.get("error")), (Some(&Value::U64(1)), None));
    assert_eq!(up.get("collector"), Some(&Value::from("thing")));
    assert!(matches!(up.get("scrape_duration"), Some(Value::Duration(_))));
    assert!(events.iter().all(|event| event.get("target") == Some(&Value::from("here:1"))));
    assert!(events.iter().all(|event| event.time == Some(event.observed)));
}

#[tokio::test(start_paused = true)]
async fn scrapes_fall_on_multiples_of_the_interval_by_the_clock() {
    let service = Service::default();
    let (out, _sent) = dendro_core::Output::for_test(dendro_core::QueueLimits::default());
    let clock = Arc::new(dendro_core::ManualClock::new(Timestamp::from_nanos(1_700_000_003_500_000_000)));
    let (cx, _stop) = dendro_core::SourceContext::for_test("x", clock);
    let began = Instant::now();
    let mut source = source(&service);
    let _run = tokio::spawn(async move { source.run(out, cx).await });
    tokio::time::sleep(Duration::from_secs(28)).await;
    let asked: Vec<Duration> = service.asked().iter().map(|at| *at - began).collect();
    assert_eq!(asked, [6_500, 16_500, 26_500].map(Duration::from_millis));
}

#[tokio::test(start_paused = true)]
async fn at_once_is_at_once_and_jitter_moves_all_scrapes_by_the_same_time() {
    let service = Service::default();
    let began = Instant::now();
    let harness = SourceHarness::start(source(&service).at_once());
    scrape(&harness).await;
    assert_eq!(service.asked(), [began]);
    let service = Service::default();
    let harness = SourceHarness::start(source(&service).at_once().jitter(Duration::from_secs(5)));
    for _ in 0..3 {
        scrape(&harness).await;
    }
    let asked = service.asked();
    assert!(asked[0] - began < Duration::from_secs(5));
    // Tokio's timer counts milliseconds.
    assert!(asked.windows(2).all(|pair| (pair[1] - pair[0]).abs_diff(TEN) <= Duration::from_millis(1)));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_down_gives_one_event_an_attempt_and_attempts_get_rarer() {
    let service = Service::default();
    service.set_down(true);
    let harness = SourceHarness::start(source(&service).max_backoff(Duration::from_secs(40)));
    for _ in 0..40 {
        let events = scrape(&harness).await;
        let up = up(&events);
        assert_eq!(events.len(), 1, "half a scrape is dropped");
        assert_eq!(up.get("up"), Some(&Value::U64(0)));
        assert_eq!(up.get("error"), Some(&Value::from("no connection: refused")));
    }
    let asked = service.asked();
    let ticks: Vec<u64> = asked.windows(2).map(|pair| (pair[1] - pair[0]).as_secs() / 10).collect();
    assert_eq!(ticks[0], 1, "the first is at the next interval");
    assert!((1..=2).contains(&ticks[1]));
    assert!(ticks[2..].iter().all(|ticks| (2..=4).contains(ticks)), "{ticks:?}");
    let told: Vec<_> = harness.problems().into_iter().map(|p| (p.severity, p.message)).collect();
    let down = (Severity::Warning, "thing at here:1 is down: no connection: refused".to_owned());
    assert_eq!(told, [(Severity::Warning, "half of it can't be read".to_owned()), down]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_is_up_and_asked_at_every_interval_again() {
    let service = Service::default();
    let harness = SourceHarness::start(source(&service));
    scrape(&harness).await;
    service.set_down(true);
    for _ in 0..6 {
        assert_eq!(up(&scrape(&harness).await).get("up"), Some(&Value::U64(0)));
    }
    service.set_down(false);
    for _ in 0..3 {
        assert_eq!(up(&scrape(&harness).await).get("up"), Some(&Value::U64(1)));
    }
    let asked = service.asked();
    assert_eq!(asked[9] - asked[8], TEN);
    let told = harness.problems();
    assert_eq!(told.last().unwrap().message, "thing at here:1 is up again");
    assert_eq!(told.last().unwrap().severity, Severity::Info);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_in_time_is_down() {
    let service = Service::default();
    service.0.hangs.store(true, Ordering::Relaxed);
    let harness = SourceHarness::start(source(&service).timeout(Duration::from_millis(300)));
    let events = scrape(&harness).await;
    assert_eq!(up(&events).get("error"), Some(&Value::from("no answer within 300ms")));
    let Some(Value::Duration(took)) = up(&events).get("scrape_duration").cloned() else {
        panic!("{events:?}")
    };
    assert!(took.as_nanos() >= 300_000_000);
    service.0.hangs.store(false, Ordering::Relaxed);
    assert_eq!(up(&scrape(&harness).await).get("up"), Some(&Value::U64(1)));
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_an_answer() {
    let service = Service::default();
    service.0.hangs.store(true, Ordering::Relaxed);
    let mut harness = SourceHarness::start(source(&service).at_once().timeout(Duration::from_secs(3_600)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(service.asked().len(), 1);
    harness.stop();
    assert!(harness.recv().await.is_none());
    harness.end().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn intervals_that_pass_while_the_pipeline_is_full_are_left_out() {
    let service = Service::default();
    let harness = SourceHarness::builder().limits(2, 1 << 20).start(source(&service).at_once());
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    let asked = service.asked().len();
    assert!(asked <= 3, "{asked}");
    for _ in 0..4 {
        scrape(&harness).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_scrape_may_be_several_batches() {
    let service = Service::default();
    service.0.events.store(10_000, Ordering::Relaxed);
    let harness = SourceHarness::start(source(&service));
    let mut batches: Vec<Batch> = Vec::new();
    while batches.iter().map(Batch::len).sum::<usize>() < 10_001 {
        batches.push(harness.recv().await.unwrap());
    }
    assert_eq!(batches.iter().map(Batch::len).collect::<Vec<_>>(), [4_096, 4_096, 1_809]);
}

#[test]
fn schemas_are_published_with_the_target() {
    let source = source(&Service::default());
    let schemas = source.schemas();
    assert_eq!(schemas.iter().map(|s| &*s.name).collect::<Vec<_>>(), ["thing", "collector_up"]);
    for schema in &schemas {
        assert_eq!(schema.fields[0].name, "target");
        assert!(schema.fields.iter().all(|field| !field.doc.is_empty()));
    }
    assert!(!source.can_replay());
}

struct World;

#[async_trait::async_trait]
impl SourceFixture for World {
    fn source(&self) -> Box<dyn Source> {
        Box::new(source(&Service::default()))
    }
    async fn feed(&self, _stream: usize, _records: &[String]) {}
    fn can_replay(&self) -> bool {
        false
    }
    fn feeds_itself(&self) -> bool {
        true
    }
}

source_conformance!(collect_source, World);
