use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::pipeline::{OutputReceiver, QueueLimits, StopSwitch};
use dendro_core::{
    Batch, Event, ManualClock, Outcome, Output, Pipeline, SignedDuration, Source, SourceContext, SourceError,
    SystemClock, Timestamp, Value, sink_fn,
};
use dendro_sources::tracing::{Settings, TracingLayer, TracingSource};
use tokio::task::JoinHandle;
use tracing::{debug, error, info, info_span, trace, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

const NOW: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);

/// Stops the source and gives all that it sends, acknowledged.
async fn drained(mut source: TracingSource) -> Vec<Event> {
    let (run, sent, stop) = start_source(&mut source, QueueLimits::default());
    stop.stop();
    let collect = async {
        let mut events = Vec::new();
        while let Some(mut batch) = sent.recv().await {
            events.extend(batch.iter().map(|e| e.to_event()));
            batch.take_acks().resolve(Outcome::Delivered);
        }
        events
    };
    let (ran, events) = tokio::join!(run, collect);
    ran.unwrap();
    events
}

fn start_source(
    source: &mut TracingSource,
    limits: QueueLimits,
) -> (impl Future<Output = Result<(), SourceError>> + use<'_>, OutputReceiver, StopSwitch) {
    let (out, sent) = Output::for_test(limits);
    let (cx, stop) = SourceContext::for_test("app", Arc::new(ManualClock::new(NOW)));
    (source.run(out, cx), sent, stop)
}

fn start(mut source: TracingSource) -> (JoinHandle<Result<(), SourceError>>, OutputReceiver, StopSwitch) {
    let (out, sent) = Output::for_test(QueueLimits::default());
    let (cx, stop) = SourceContext::for_test("app", Arc::new(ManualClock::new(NOW)));
    (tokio::spawn(async move { source.run(out, cx).await }), sent, stop)
}

fn within(layer: TracingLayer, f: impl FnOnce()) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), f);
}

fn settings() -> Settings {
    Settings::new().clock(Arc::new(ManualClock::new(NOW)))
}

fn text(event: &Event, name: &str) -> String {
    match event.get(name) {
        Some(Value::Str(s)) => s.clone(),
        other => panic!("{name}: {other:?} in {event:?}"),
    }
}

fn messages(events: &[Event]) -> Vec<String> {
    events.iter().map(|e| text(e, "message")).collect()
}

#[derive(Debug)]
struct Failed(&'static str, Option<Box<Failed>>);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.1.as_deref().map(|e| e as _)
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_has_its_time_level_target_message_and_typed_fields() {
    let (layer, source) = settings().layer();
    within(layer, || {
        let failed = Failed("cannot start", Some(Box::new(Failed("port 80", None))));
        error!(
            target: "shop::orders",
            int = -3i64,
            small = 7u8,
            count = u64::MAX,
            wide = u128::MAX,
            low = i128::MIN,
            ratio = 0.5,
            ok = true,
            name = "x",
            shown = %1.25,
            debugged = ?[1, 2],
            cause = &failed as &dyn std::error::Error,
            raw = &b"\xff\x00"[..],
            absent = Option::<u64>::None,
            "order {} failed", 12
        );
    });
    let events = drained(source).await;
    assert_eq!(events.len(), 1);
    let e = &events[0];
    assert_eq!((e.event_type.as_str(), e.time, e.observed), ("log", Some(NOW), NOW));
    let expected: BTreeMap<String, Value> = [
        ("level", Value::from("error")),
        ("target", "shop::orders".into()),
        ("message", "order 12 failed".into()),
        ("int", Value::I64(-3)),
        ("small", Value::U64(7)),
        ("count", Value::U64(u64::MAX)),
        ("wide", u128::MAX.to_string().into()),
        ("low", i128::MIN.to_string().into()),
        ("ratio", Value::F64(0.5)),
        ("ok", Value::Bool(true)),
        ("name", "x".into()),
        ("shown", "1.25".into()),
        ("debugged", "[1, 2]".into()),
        ("cause", "cannot start: port 80".into()),
        ("raw", Value::Bytes(vec![0xff, 0])),
        ("thread_name", std::thread::current().name().unwrap().into()),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v))
    .collect();
    assert_eq!(e.fields, expected);
}

#[tokio::test(start_paused = true)]
async fn levels_are_named_and_the_standard_filter_works() {
    let (layer, source) = settings().layer();
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(LevelFilter::DEBUG));
    tracing::subscriber::with_default(subscriber, || {
        trace!("no");
        debug!("1");
        info!("2");
        warn!("3");
        error!("4");
    });
    let events = drained(source).await;
    let levels: Vec<String> = events.iter().map(|e| text(e, "level")).collect();
    assert_eq!(levels, ["debug", "info", "warn", "error"]);
}

#[tokio::test(start_paused = true)]
async fn spans_give_their_names_and_fields_and_inner_ones_win() {
    let (layer, source) = settings().layer();
    within(layer, || {
        let outer = info_span!("outer", user = "ann", step = 1, late = tracing::field::Empty);
        outer.record("late", 9);
        let _outer = outer.enter();
        let _inner = info_span!("inner", step = 2).entered();
        info!("in both");
        info!(step = 3, "own wins");
        info!(parent: &outer, "explicit parent");
        info!(parent: None, "outside");
    });
    let events = drained(source).await;
    let [both, own, explicit, outside] = &events[..] else { panic!("{events:?}") };
    assert_eq!(text(both, "span"), "inner");
    assert_eq!(both.get("spans"), Some(&Value::Array(vec!["outer".into(), "inner".into()])));
    assert_eq!((both.get("step"), both.get("late")), (Some(&Value::I64(2)), Some(&Value::I64(9))));
    assert_eq!(text(both, "user"), "ann");
    assert_eq!(own.get("step"), Some(&Value::I64(3)));
    assert_eq!(text(explicit, "span"), "outer");
    assert_eq!(explicit.get("step"), Some(&Value::I64(1)));
    assert!(
        outside.get("span").is_none() && outside.get("spans").is_none() && outside.get("trace_id").is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn span_fields_ids_and_thread_names_can_be_left_out_and_locations_had() {
    let (layer, source) = settings().span_fields(false).ids(false).thread_name(false).location(true).layer();
    let line = line!() + 3;
    within(layer, || {
        let _span = info_span!("outer", user = "ann").entered();
        info!("here");
    });
    let events = drained(source).await;
    let names: Vec<&str> = events[0].fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["file", "level", "line", "message", "span", "spans", "target"]);
    assert!(text(&events[0], "file").ends_with("tracing.rs"));
    assert_eq!(events[0].get("line"), Some(&Value::U64(line.into())));
}

#[tokio::test(start_paused = true)]
async fn a_trace_has_one_id_and_each_span_its_own() {
    let (layer, source) = settings().layer();
    within(layer, || {
        let _outer = info_span!("outer").entered();
        info!("a");
        {
            let _inner = info_span!("inner").entered();
            info!("b");
        }
        let _given = info_span!(parent: None, "given", trace_id = "cafe").entered();
        info!("c");
    });
    let events = drained(source).await;
    let [a, b, c] = &events[..] else { panic!() };
    assert_eq!(text(a, "trace_id"), text(b, "trace_id"));
    assert_ne!(text(a, "span_id"), text(b, "span_id"));
    assert_eq!((text(a, "trace_id").len(), text(a, "span_id").len()), (32, 16));
    assert_eq!(text(c, "trace_id"), "cafe", "the application's own wins");
}

#[tokio::test(start_paused = true)]
async fn fields_that_would_hide_ours_are_renamed() {
    let (layer, source) = settings().span_events(true).layer();
    within(layer, || {
        let _span = info_span!("outer", message = "of the span", duration = 5).entered();
        info!(level = 3, target = "t", duration = 1.5, r#type = "x", "own");
    });
    let events = drained(source).await;
    let [log, span] = &events[..] else { panic!() };
    assert_eq!((text(log, "level"), text(log, "message")), ("info".into(), "own".into()));
    assert_eq!(log.get("field_level"), Some(&Value::I64(3)));
    assert_eq!(text(log, "field_target"), "t");
    assert_eq!(text(log, "field_message"), "of the span");
    assert_eq!(text(log, "type"), "x");
    assert_eq!(log.get("duration"), Some(&Value::F64(1.5)));
    assert_eq!(span.get("field_duration"), Some(&Value::I64(5)));
    assert!(matches!(span.get("duration"), Some(Value::Duration(_))));
}

#[tokio::test(start_paused = true)]
async fn a_span_becomes_an_event_when_it_closes() {
    let clock = Arc::new(ManualClock::new(NOW));
    let (layer, source) = Settings::new().clock(clock.clone()).span_events(true).layer();
    let millis = |n: i64| SignedDuration::from_nanos(n * 1_000_000);
    within(layer, || {
        let outer = info_span!("outer", user = "ann");
        clock.advance(millis(1));
        outer.in_scope(|| clock.advance(millis(10)));
        let inner = tracing::debug_span!(parent: &outer, "inner", n = tracing::field::Empty);
        clock.advance(millis(2));
        inner.in_scope(|| clock.advance(millis(20)));
        inner.record("n", 4u64);
        drop(inner);
        clock.advance(millis(3));
        drop(outer);
    });
    let events = drained(source).await;
    let [inner, outer] = &events[..] else { panic!("{events:?}") };
    assert_eq!(outer.event_type, "span");
    assert_eq!((outer.time, outer.observed), (Some(NOW), NOW.saturating_add(millis(36))));
    assert_eq!(inner.time, Some(NOW.saturating_add(millis(11))));
    let of = |e: &Event, name: &str| e.get(name).cloned().unwrap();
    assert_eq!(of(outer, "duration"), Value::Duration(millis(36)));
    assert_eq!(
        (of(outer, "busy"), of(outer, "idle")),
        (Value::Duration(millis(10)), Value::Duration(millis(26)))
    );
    assert_eq!(
        (of(inner, "busy"), of(inner, "idle")),
        (Value::Duration(millis(20)), Value::Duration(millis(2)))
    );
    assert_eq!((text(inner, "span"), text(inner, "level")), ("inner".into(), "debug".into()));
    assert_eq!(of(inner, "spans"), Value::Array(vec!["outer".into(), "inner".into()]));
    assert_eq!((text(inner, "user"), of(inner, "n")), ("ann".into(), Value::U64(4)));
    assert_eq!(text(inner, "parent_span_id"), text(outer, "span_id"));
    assert_eq!(text(inner, "trace_id"), text(outer, "trace_id"));
    assert!(outer.get("parent_span_id").is_none() && outer.get("message").is_none());
}

#[tokio::test(start_paused = true)]
async fn log_records_come_out_as_events_do() {
    let (layer, source) = settings().location(true).layer();
    within(layer, || {
        let record = log::Record::builder()
            .args(format_args!("from log"))
            .level(log::Level::Warn)
            .target("some::library")
            .module_path(Some("some::library"))
            .file(Some("src/lib.rs"))
            .line(Some(17))
            .build();
        tracing_log::format_trace(&record).unwrap();
    });
    let events = drained(source).await;
    let names: Vec<&str> = events[0].fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["file", "level", "line", "message", "target", "thread_name"]);
    assert_eq!(text(&events[0], "target"), "some::library");
    assert_eq!((text(&events[0], "level"), text(&events[0], "message")), ("warn".into(), "from log".into()));
    assert_eq!(
        (text(&events[0], "file"), events[0].get("line")),
        ("src/lib.rs".into(), Some(&Value::U64(17)))
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_recorded_while_it_runs_comes_within_the_linger() {
    let (layer, source) = settings().linger(Duration::from_millis(250)).layer();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let (run, sent, stop) = start(source);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    for round in 0..3 {
        let began = tokio::time::Instant::now();
        tracing::dispatcher::with_default(&dispatch, || (0..5).for_each(|n| info!(n, round, "x")));
        let mut batch = sent.recv().await.unwrap();
        assert_eq!(batch.len(), 5);
        assert!(began.elapsed() <= Duration::from_millis(260), "{:?}", began.elapsed());
        assert_eq!(batch.get(0).unwrap().get("source").unwrap().as_str(), Some("app"));
        batch.take_acks().resolve(Outcome::Delivered);
    }
    stop.stop();
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_buffer_that_is_half_full_does_not_wait_for_the_linger() {
    let (layer, source) = settings().linger(Duration::from_secs(3_600)).capacity_bytes(4_000).layer();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let (_run, sent, _stop) = start(source);
    let began = tokio::time::Instant::now();
    tracing::dispatcher::with_default(&dispatch, || (0..20).for_each(|n| info!(n, "x")));
    assert_eq!(sent.recv().await.unwrap().len(), 20);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn it_stops_with_what_was_recorded_before_and_sheds_what_comes_after() {
    let (layer, source) = settings().layer();
    let stats = source.stats();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || info!("before the run"));
    let (run, sent, stop) = start(source);
    tracing::dispatcher::with_default(&dispatch, || info!("before the stop"));
    stop.stop();
    let mut batch = sent.recv().await.unwrap();
    let events: Vec<Event> = batch.iter().map(|e| e.to_event()).collect();
    assert_eq!(messages(&events), ["before the run", "before the stop"]);
    assert!(!run.is_finished(), "it waits for its receipts");
    tracing::dispatcher::with_default(&dispatch, || info!("after"));
    batch.take_acks().resolve(Outcome::Delivered);
    assert!(sent.recv().await.is_none());
    run.await.unwrap().unwrap();
    assert_eq!((stats.recorded(), stats.shed()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_the_layer_is_gone() {
    let (layer, source) = settings().layer();
    let (run, sent, _stop) = start(source);
    within(layer, || info!("last words"));
    let mut batch = sent.recv().await.unwrap();
    batch.take_acks().resolve(Outcome::Delivered);
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn when_full_it_sheds_the_newest_and_tells_how_many() {
    let (layer, source) = settings().capacity_bytes(2_000).layer();
    let stats = layer.stats();
    within(layer, || (0..100u64).for_each(|n| info!(n, "x")));
    let (kept, shed) = (stats.recorded(), stats.shed());
    assert!(kept > 5 && kept + shed == 100, "{stats:?}");
    assert!(stats.waiting_bytes() <= 2_000);
    let events = drained(source).await;
    let (told, rest) = events.split_last().unwrap();
    let numbers: Vec<Value> = rest.iter().map(|e| e.get("n").unwrap().clone()).collect();
    assert_eq!(numbers, (0..kept).map(Value::U64).collect::<Vec<_>>());
    assert_eq!(told.get("shed_events"), Some(&Value::U64(shed)));
    assert_eq!((text(told, "level"), told.time), ("warn".into(), Some(NOW)));
    assert_eq!(stats.waiting_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_report_about_shed_events_is_marked_as_dendros_own_and_others_are_not() {
    let (layer, mut source) = settings().capacity_bytes(500).layer();
    within(layer, || (0..100u64).for_each(|n| info!(n, "x")));
    let (run, sent, _stop) = start_source(&mut source, QueueLimits::default());
    let check = async {
        let batch = sent.recv().await.unwrap();
        let own: Vec<bool> = batch.iter().map(|e| e.is_self()).collect();
        assert_eq!(own.iter().filter(|own| **own).count(), 1);
        assert_eq!(own.last(), Some(&true));
    };
    let _ = tokio::join!(run, check);
}

#[tokio::test(start_paused = true)]
async fn a_record_larger_than_the_buffer_is_shed_and_the_source_tells_of_it() {
    let (layer, source) = settings().capacity_bytes(1_000).layer();
    let (_run, sent, _stop) = start(source);
    within(layer, || info!(text = "x".repeat(2_000), "large"));
    let batch = sent.recv().await.unwrap();
    assert_eq!(batch.len(), 1);
    assert_eq!(batch.get(0).unwrap().get("shed_events").unwrap().as_u64(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_pipeline_never_makes_the_caller_wait_and_memory_stays_bounded() {
    let (layer, source) = settings().capacity_bytes(100_000).linger(Duration::ZERO).layer();
    let stats = layer.stats();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let mut limits = QueueLimits::default();
    limits.max_events = 1;
    let mut source = source;
    let (out, sent) = Output::for_test(limits);
    let (cx, _stop) = SourceContext::for_test("app", Arc::new(SystemClock));
    let run = tokio::spawn(async move { source.run(out, cx).await });
    for _ in 0..50 {
        tracing::dispatcher::with_default(&dispatch, || (0..1_000).for_each(|n| info!(n, "x")));
        tokio::task::yield_now().await;
        assert!(stats.waiting_bytes() <= 100_000);
    }
    assert!(stats.shed() > 10_000);
    drop(dispatch);
    let (mut told, mut seen) = (0, 0);
    while let Some(mut batch) = sent.recv().await {
        told += batch.iter().filter_map(|e| e.get("shed_events")?.as_u64()).sum::<u64>();
        seen += batch.iter().filter(|e| !e.is_self()).count() as u64;
        batch.take_acks().resolve(Outcome::Delivered);
    }
    run.await.unwrap().unwrap();
    assert_eq!((told, seen), (stats.shed(), stats.recorded()));
    assert_eq!(told + seen, 50_000);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_dendro_does_is_recorded() {
    let (layer, source) = settings().span_events(true).layer();
    within(layer, || {
        info!(target: "dendro_core::pipeline", "skipped");
        info!(target: "dendro", "skipped");
        let _write = info_span!(target: "dendro_core::pipeline", "write").entered();
        info!("of a sink's client: skipped");
        let _inner = info_span!("request").entered();
        info!("skipped too");
        info!(target: "dendrology", parent: None, "kept");
    });
    assert_eq!(messages(&drained(source).await), ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_debug_implementation_logs_is_not_recorded() {
    struct Chatty;
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!("from within: {:?}", Chatty2);
            let _span = info_span!("within", x = ?Chatty2).entered();
            info!("in the span");
            f.write_str("chatty")
        }
    }
    #[derive(Debug)]
    struct Chatty2;
    let (layer, source) = settings().layer();
    within(layer, || {
        info!(value = ?Chatty, "outer");
        let _span = info_span!("span", value = ?Chatty).entered();
        info!("next");
    });
    let events = drained(source).await;
    assert_eq!(messages(&events), ["outer", "next"]);
    assert_eq!((text(&events[0], "value"), text(&events[1], "value")), ("chatty".into(), "chatty".into()));
}

#[tokio::test(start_paused = true)]
async fn a_debug_implementation_that_panics_leaves_the_layer_working() {
    struct Bad;
    impl fmt::Debug for Bad {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            std::panic::resume_unwind(Box::new(()))
        }
    }
    let (layer, source) = settings().layer();
    within(layer, || {
        assert!(std::panic::catch_unwind(|| info!(value = ?Bad, "bad")).is_err());
        info!("good");
    });
    assert_eq!(messages(&drained(source).await), ["good"]);
}

#[tokio::test(start_paused = true)]
async fn two_layers_on_one_subscriber_keep_apart() {
    let (first, from_first) = settings().layer();
    let (second, from_second) = settings().layer();
    let subscriber = tracing_subscriber::registry().with(first).with(second.with_filter(LevelFilter::WARN));
    tracing::subscriber::with_default(subscriber, || {
        let _span = info_span!("request", id = 7).entered();
        info!("one");
        warn!("two");
    });
    let (first, second) = (drained(from_first).await, drained(from_second).await);
    assert_eq!(
        (messages(&first), messages(&second)),
        (vec!["one".into(), "two".into()], vec!["two".to_owned()])
    );
    assert_eq!(first[1].get("id"), Some(&Value::I64(7)));
    assert_eq!(second[0].get("id"), None, "its filter hides the span");
}

#[test]
fn events_of_many_threads_all_arrive_each_threads_in_order() {
    const THREADS: u64 = 4;
    const EACH: u64 = 5_000;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (layer, source) = Settings::new().capacity_bytes(64 << 20).linger(Duration::ZERO).layer();
    let stats = layer.stats();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let done = Arc::new(AtomicUsize::new(0));
    for thread in 0..THREADS {
        let (dispatch, done) = (dispatch.clone(), done.clone());
        std::thread::spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || (0..EACH).for_each(|n| info!(thread, n, "x")));
            drop(dispatch);
            done.fetch_add(1, Ordering::Relaxed);
        });
    }
    drop(dispatch);
    let mut next = [0u64; THREADS as usize];
    let mut seen = 0;
    runtime.block_on(async {
        let (run, sent, _stop) = start(source);
        while let Some(mut batch) = sent.recv().await {
            for e in batch.iter().filter(|e| !e.is_self()) {
                let number = |name| e.get(name).unwrap().as_u64().unwrap();
                let slot = &mut next[number("thread") as usize];
                assert!(number("n") >= *slot);
                *slot = number("n") + 1;
                seen += 1;
            }
            batch.take_acks().resolve(Outcome::Delivered);
        }
        run.await.unwrap().unwrap();
    });
    assert_eq!(done.load(Ordering::Relaxed), THREADS as usize);
    assert_eq!((seen, seen + stats.shed()), (stats.recorded(), THREADS * EACH));
    assert!(stats.shed() < EACH, "there is room: only contention could shed");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_dropped_makes_the_layer_inert() {
    let (layer, source) = settings().layer();
    let stats = layer.stats();
    drop(source);
    within(layer, || info!("nobody listens"));
    assert_eq!((stats.recorded(), stats.waiting_bytes()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_is_closed_ends_the_source_with_an_error() {
    let (layer, source) = settings().layer();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let (run, sent, _stop) = start(source);
    sent.close();
    tracing::dispatcher::with_default(&dispatch, || info!("x"));
    assert!(run.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn abandoned_events_are_reported() {
    let (layer, mut source) = settings().layer();
    within(layer, || info!("x"));
    let (out, sent) = Output::for_test(QueueLimits::default());
    let (cx, _stop) = SourceContext::for_test("app", Arc::new(ManualClock::new(NOW)));
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = told.clone();
    let cx = cx.with_reporter(move |p| kept.lock().unwrap().push(p.message.clone()));
    let run = tokio::spawn(async move { source.run(out, cx).await });
    drop(sent.recv().await.unwrap());
    run.await.unwrap().unwrap();
    assert_eq!(*told.lock().unwrap(), ["1 events of the application were abandoned and are lost"]);
}

#[tokio::test(start_paused = true)]
async fn the_schemas_name_every_field_that_is_not_the_applications() {
    let (layer, source) = settings().span_events(true).location(true).layer();
    let schemas = source.schemas();
    assert!(!source.can_replay());
    within(layer, || {
        let _outer = info_span!("outer").entered();
        let _inner = info_span!("inner").entered();
        info!("x");
    });
    let events = drained(source).await;
    assert_eq!(events.len(), 3);
    for event in &events {
        let schema = schemas.iter().find(|s| s.name == event.event_type).unwrap();
        for name in event.fields.keys() {
            assert!(schema.get(name).is_some(), "{name} of {}", event.event_type);
        }
    }
    let otel = |name: &str| schemas[0].get(name).unwrap().otel.clone().unwrap();
    assert_eq!((otel("thread_name"), otel("file")), ("thread.name".into(), "code.file.path".into()));
}

#[tokio::test(start_paused = true)]
async fn enormous_events_are_reported_not_sent() {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let (layer, mut source) = Settings::new().capacity_bytes(256 << 20).layer();
    within(layer, || {
        info!(text = "x".repeat(65 << 20), "too large for any batch");
        info!("fits");
    });
    let (out, sent) = Output::for_test(QueueLimits::default());
    let (cx, stop) = SourceContext::for_test("app", Arc::new(ManualClock::new(NOW)));
    let cx = cx.with_reporter(|_| TOLD.store(true, Ordering::Relaxed));
    stop.stop();
    let run = tokio::spawn(async move { source.run(out, cx).await });
    let mut batch = sent.recv().await.unwrap();
    assert_eq!(batch.get(0).unwrap().get("message").unwrap().as_str(), Some("fits"));
    batch.take_acks().resolve(Outcome::Delivered);
    run.await.unwrap().unwrap();
    assert!(TOLD.load(Ordering::Relaxed));
}

/// A pipeline whose sink logs while it writes: what it would record, it would record again, for ever.
async fn sent_through_a_sink_that_logs(filter: LevelFilter) -> Vec<String> {
    let (layer, source) = settings().linger(Duration::from_millis(1)).layer();
    let _subscribed =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer.with_filter(filter)));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    let sink = sink_fn(move |batches| {
        let kept = kept.clone();
        async move {
            info!("the sink's client has a connection");
            for event in batches.iter().flat_map(Batch::iter) {
                kept.lock().unwrap().push(event.get("message").unwrap().as_str().unwrap().to_owned());
            }
            Ok(())
        }
    });
    let pipeline = Pipeline::line(source).sink(sink).drop_rejected().build().unwrap();
    info!("of the application");
    pipeline.run(tokio::time::sleep(Duration::from_secs(1))).await.unwrap();
    drop(_subscribed);
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_does_not_feed_itself() {
    assert_eq!(sent_through_a_sink_that_logs(LevelFilter::TRACE).await, ["of the application"]);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_does_not_feed_itself_where_a_filter_hides_its_spans() {
    assert_eq!(sent_through_a_sink_that_logs(LevelFilter::INFO).await, ["of the application"]);
}
