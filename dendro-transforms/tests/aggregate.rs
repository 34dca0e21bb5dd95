//! What aggregates promise: windows, lateness, groups, restarts, schemas.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use dendro_core::{
    Event, FieldSchema, FlushReason, Schema, SignedDuration, Timestamp, Transform, Value, ValueType,
};
use dendro_test::batches::OBSERVED;
use dendro_test::conformance::TransformWorld;
use dendro_test::{TransformHarness, batches};
use dendro_transforms::aggregate::{Aggregate, AggregateBuilder, Late, Measure};
use dendro_transforms::{Condition, ConfigError};

const MINUTE: Duration = Duration::from_secs(60);

/// Seconds before the events were observed, from the beginning of an hour.
fn at(seconds: i64) -> Timestamp {
    let hour = OBSERVED.as_secs() - 3_600;
    Timestamp::from_secs(hour + seconds).unwrap()
}

fn request(seconds: i64) -> Event {
    Event::new("request").at(at(seconds))
}

fn by_minute() -> AggregateBuilder {
    Aggregate::tumbling(MINUTE).lateness(Duration::from_secs(10)).measure(Measure::count())
}

fn everything() -> AggregateBuilder {
    let failed = Condition::field("status").at_least(500u64);
    by_minute()
        .group_by(["status"])
        .measure(Measure::rate())
        .measure(Measure::share(failed.clone()))
        .measure(Measure::count().when(failed).named("errors"))
        .measure(Measure::sum("size"))
        .measure(Measure::min("size"))
        .measure(Measure::max("took"))
        .measure(Measure::mean("took"))
        .measure(Measure::per_second("took"))
        .measure(Measure::quantiles("took", [0.5, 0.999]))
        .measure(Measure::sketch("took"))
        .measure(Measure::distinct("user"))
        .measure(Measure::top("user", 2))
}

fn schema() -> Arc<Schema> {
    let schema = Schema::new("request")
        .field(FieldSchema::dimension("status", ValueType::U64).otel("http.response.status_code"))
        .field(FieldSchema::dimension("method", ValueType::Str).otel("http.request.method"))
        .field(FieldSchema::gauge("size", ValueType::U64).unit("By").otel("http.response.size"))
        .field(FieldSchema::gauge("took", ValueType::Duration).unit("s").otel("http.server.request.duration"))
        .field(FieldSchema::attribute("user", ValueType::Str));
    Arc::new(schema)
}

fn samples() -> Vec<Event> {
    let mut samples: Vec<Event> = (0..40)
        .map(|n| {
            request(n * 7 - n % 3 * 5)
                .with("status", [200u64, 200, 404, 503][n as usize % 4])
                .with("method", "GET")
                .with("size", n as u64 * 100)
                .with("took", SignedDuration::from_nanos(1_000_000 * (n * n + 1)))
                .with("user", format!("user {}", n % 5))
        })
        .collect();
    // Late, from the future, without fields, with null, without a time.
    samples.push(request(1));
    samples.push(request(100_000));
    samples.push(request(270));
    samples.push(request(275).with("status", Value::Null).with("size", Value::Null));
    samples.push(Event::new("request").with("status", 200u64));
    samples
}

dendro_test::transform_conformance!(
    all_measures,
    TransformWorld::events(|| everything().build().unwrap(), samples()).input_schemas(vec![schema()])
);
dendro_test::transform_conformance!(
    dropping,
    TransformWorld::events(|| by_minute().late(Late::Drop).build().unwrap(), samples())
);
dendro_test::transform_conformance!(
    updating_overlapping_windows,
    TransformWorld::events(
        || {
            let keep = Duration::from_secs(120);
            let builder = Aggregate::sliding(MINUTE, Duration::from_secs(20)).late(Late::Update { keep });
            builder.measure(Measure::count()).measure(Measure::distinct("user")).build().unwrap()
        },
        samples()
    )
);
dendro_test::transform_conformance!(
    red_of_lines,
    TransformWorld::lines(|| Aggregate::red(MINUTE).build().unwrap(), ["a", "", "c c c"])
);

fn counts(events: &[&Event]) -> Vec<(i64, u64, String)> {
    events
        .iter()
        .filter(|e| e.event_type == "request_metrics")
        .map(|e| {
            let Some(Value::U64(count)) = e.get("count") else { panic!("{e:?}") };
            let Some(Value::Str(pane)) = e.get("pane") else { panic!("{e:?}") };
            (e.time.unwrap().as_secs() - at(0).as_secs(), *count, pane.clone())
        })
        .collect()
}

fn on_time(start: i64, count: u64) -> (i64, u64, String) {
    (start, count, "on_time".to_owned())
}

#[test]
fn a_window_closes_when_the_watermark_passes_its_end() {
    let mut harness = TransformHarness::new(by_minute().build().unwrap());
    let run = harness.events(&[request(5), request(59), request(62), request(50), request(69)]);
    assert!(run.out.is_empty());
    let run = harness.events(&[request(70), request(119)]);
    assert_eq!(counts(&run.events()), [on_time(0, 3)]);
    let event = run.events()[0];
    assert_eq!(event.get("stream"), Some(&"test".into()));
    assert_eq!(event.get("window"), Some(&MINUTE.into()));
    assert_eq!(event.get("overflow"), Some(&false.into()));
}

#[test]
fn a_gap_costs_nothing_and_times_before_1970_have_windows_too() {
    let mut harness = TransformHarness::new(by_minute().build().unwrap());
    let long_ago = |s| Event::new("request").at(Timestamp::from_secs(s).unwrap());
    let run = harness.events(&[long_ago(-4_000_000_030), long_ago(-4_000_000_020), request(0), request(200)]);
    let starts: Vec<_> = run.events().iter().map(|e| e.time.unwrap().as_secs()).collect();
    assert_eq!(starts, [-4_000_000_080, -4_000_000_020, at(0).as_secs()]);
}

#[test]
fn late_events_are_dead_letters_or_counted_or_update_their_window() {
    let input = [request(5), request(80), request(6), request(7), request(150), request(8)];
    let mut harness = TransformHarness::new(by_minute().build().unwrap());
    let run = harness.events(&input);
    assert_eq!(counts(&run.events()), [on_time(0, 1), on_time(60, 1)]);
    assert_eq!(run.rejected.len(), 3);
    assert_eq!(run.rejected[0].reason, "it came after its window was closed");

    let mut harness = TransformHarness::new(by_minute().late(Late::Drop).build().unwrap());
    let run = harness.events(&input);
    assert!(run.rejected.is_empty());
    let drained = harness.drain();
    let told: Vec<_> = run
        .events()
        .into_iter()
        .chain(drained.events())
        .filter(|e| e.event_type == "aggregate_dropped")
        .collect();
    let late: Vec<_> = told.iter().map(|e| e.get("late").unwrap().clone()).collect();
    assert_eq!(late, [Value::U64(2), Value::U64(3)], "counted from the stream's beginning");

    let keep = Duration::from_secs(60);
    let mut harness = TransformHarness::new(by_minute().late(Late::Update { keep }).build().unwrap());
    let run = harness.events(&input);
    let late = (0, 3, "late".to_owned());
    assert_eq!(counts(&run.events()), [on_time(0, 1), late, on_time(60, 1)]);
    assert_eq!(run.rejected.len(), 1, "beyond what is kept");
}

#[test]
fn one_wrong_clock_does_not_close_the_windows_of_others() {
    let mut harness = TransformHarness::new(by_minute().build().unwrap());
    let run = harness.events(&[request(5), request(1_000_000), request(6), request(100)]);
    assert_eq!(counts(&run.events()), [on_time(0, 2)]);
    assert_eq!(run.rejected[0].reason, "its time is too far ahead of when it was read");
}

#[test]
fn overlapping_windows_hold_what_each_of_their_steps_holds() {
    let builder = Aggregate::sliding(MINUTE, Duration::from_secs(20)).lateness(Duration::ZERO);
    let mut harness = TransformHarness::new(builder.measure(Measure::count()).build().unwrap());
    let run = harness.events(&[request(5), request(25), request(45), request(65), request(85)]);
    assert_eq!(counts(&run.events()), [on_time(-40, 1), on_time(-20, 2), on_time(0, 3), on_time(20, 3)]);
    let early: Vec<_> = counts(&harness.drain().events()).into_iter().map(|(s, n, _)| (s, n)).collect();
    assert_eq!(early, [(40, 3), (60, 2), (80, 1)]);
}

#[test]
fn an_idle_stream_has_its_windows_closed_by_time_and_again_if_the_result_got_lost() {
    let mut aggregate = by_minute().idle_timeout(Duration::from_secs(5)).build().unwrap();
    aggregate.transform(&mut batches::events("s", &[request(5), request(6)])).unwrap();
    let tick = |aggregate: &mut Aggregate, seconds: i64| {
        let mut out = dendro_core::Batch::default();
        let now = Timestamp::from_secs(OBSERVED.as_secs() + seconds).unwrap();
        aggregate.flush(FlushReason::Tick, now, &mut out).unwrap();
        out
    };
    assert!(tick(&mut aggregate, 0).is_empty() && tick(&mut aggregate, 4).is_empty());
    let out = tick(&mut aggregate, 5);
    assert_eq!((out.len(), out.get(0).unwrap().get("pane").unwrap().as_str()), (1, Some("on_time")));
    // A state from before it has arrived brings it again.
    let mut restored = by_minute().idle_timeout(Duration::from_secs(5)).build().unwrap();
    restored.restore("s", &aggregate.snapshot("s").unwrap()).unwrap();
    tick(&mut restored, 0);
    assert_eq!(tick(&mut restored, 5).len(), 1);
    assert!(tick(&mut aggregate, 6).is_empty(), "it is under way");
    drop(out);
    let mut again = tick(&mut aggregate, 7);
    assert_eq!(again.len(), 1, "it was abandoned, and is told again");
    again.take_acks().resolve(dendro_core::Outcome::Delivered);
    assert!(tick(&mut aggregate, 8).is_empty());
    let mut restored = by_minute().idle_timeout(Duration::ZERO).build().unwrap();
    restored.restore("s", &aggregate.snapshot("s").unwrap()).unwrap();
    assert!(tick(&mut restored, 0).is_empty(), "what has arrived is not in the state any more");
}

#[test]
fn of_a_flush_that_covers_several_streams_none_is_lost_and_none_counted_twice() {
    let new = |idle| by_minute().idle_timeout(Duration::from_secs(idle)).build().unwrap();
    let told = |aggregate: &mut Aggregate, seconds: i64| {
        let mut out = dendro_core::Batch::default();
        let now = Timestamp::from_secs(OBSERVED.as_secs() + seconds).unwrap();
        aggregate.flush(FlushReason::Tick, now, &mut out).unwrap();
        let count = |event: dendro_core::EventRef<'_>| {
            let count = event.get("count").and_then(|count| count.as_u64()).unwrap();
            (event.origin().unwrap().stream.clone().unwrap(), count)
        };
        let counts: Vec<(String, u64)> = out.iter().map(count).collect();
        (counts, out.take_acks())
    };
    let all = [("a".to_owned(), 2), ("b".to_owned(), 3), ("c".to_owned(), 1)];
    // What a restart with the states that are stored now tells of each stream.
    let after_a_restart = |aggregate: &Aggregate| -> Vec<(String, u64)> {
        let mut restored = new(0);
        for stream in ["a", "b", "c"] {
            restored.restore(stream, &aggregate.snapshot(stream).unwrap()).unwrap();
        }
        told(&mut restored, 120).0
    };
    let mut aggregate = new(5);
    for (stream, events) in [("a", vec![5, 6]), ("b", vec![1, 2, 59]), ("c", vec![7])] {
        let events: Vec<Event> = events.into_iter().map(request).collect();
        aggregate.transform(&mut batches::events(stream, &events)).unwrap();
    }
    assert_eq!(after_a_restart(&aggregate), all);
    assert!(told(&mut aggregate, 0).0.is_empty());
    let (first, on_its_way) = told(&mut aggregate, 5);
    assert_eq!(first, all, "one flush for all of them");
    assert_eq!(after_a_restart(&aggregate), all, "nothing of it has arrived");
    // Part of it may have arrived: what one stream could not bring is told again for all, and counts the same.
    drop(on_its_way);
    let (again, on_its_way) = told(&mut aggregate, 6);
    assert_eq!(again, all);
    // Meanwhile a stream goes on, behind what was closed.
    aggregate.transform(&mut batches::events("b", &[request(3_606)])).unwrap();
    on_its_way.resolve(dendro_core::Outcome::Delivered);
    assert!(told(&mut aggregate, 7).0.is_empty(), "each result was delivered once");
    assert_eq!(after_a_restart(&aggregate), [("b".to_owned(), 1)], "and only what was not is in the states");
}

#[test]
fn groups_beyond_the_highest_number_are_one_and_no_event_is_missing() {
    let mut harness =
        TransformHarness::new(by_minute().group_by(["user", "status"]).max_groups(2).build().unwrap());
    let user = |n: u64| request(1).with("user", n).with("status", n.is_multiple_of(2));
    let run = harness.events(&[user(1), user(2), user(3), user(4), user(1), request(100)]);
    let told: Vec<_> = run
        .events()
        .iter()
        .map(|e| {
            (e.get("user").cloned(), e.get("overflow").cloned().unwrap(), e.get("count").cloned().unwrap())
        })
        .collect();
    let group =
        |user: Option<u64>, overflow: bool, count: u64| (user.map(Value::U64), overflow.into(), count.into());
    assert_eq!(told, [group(Some(1), false, 2), group(Some(2), false, 1), group(None, true, 2)]);
}

#[test]
fn each_measure_is_what_its_name_says() {
    let mut harness = TransformHarness::new(everything().build().unwrap());
    let took = |ms: i64| SignedDuration::from_nanos(ms * 1_000_000);
    let event = |ms: i64, size: Value, user: &str| {
        request(1).with("status", 503u64).with("took", took(ms)).with("size", size).with("user", user)
    };
    let mut batch = batches::events(
        "test",
        &[
            event(100, Value::U64((1 << 53) + 1), "ann"),
            event(200, Value::U64(2), "bob"),
            event(300, Value::I64(3), "ann"),
            event(-1, Value::F64(0.5), "cid"),
            request(100),
        ],
    );
    batch.attach_schemas(&[schema()]);
    let run = harness.batch(batch);
    let result = run.events()[0];
    let get = |name: &str| result.get(name).cloned().unwrap_or_else(|| panic!("no {name} in {result:?}"));
    assert_eq!(get("count"), 4u64.into());
    assert_eq!(get("rate"), (4.0 / 60.0).into());
    assert_eq!((get("share"), get("errors")), (1.0.into(), 4u64.into()));
    assert_eq!(get("size_sum"), ((1u64 << 53) + 6).into());
    assert_eq!(get("size_min"), 2u64.into());
    assert_eq!(get("took_max"), took(300).into());
    let Value::F64(mean) = get("took_mean") else { panic!() };
    assert!((mean - 0.59975 / 4.0).abs() < 0.001, "{mean}");
    let Value::F64(median) = get("took_p50") else { panic!() };
    assert!((median - 0.2).abs() <= 0.002, "{median}");
    let Value::Sketch(sketch) = get("took_sketch") else { panic!() };
    assert_eq!(sketch.count(), 3);
    assert_eq!(get("user_distinct"), 3u64.into());
    let Value::Array(top) = get("user_top") else { panic!() };
    let Value::Object(first) = &top[0] else { panic!() };
    assert_eq!((first["value"].clone(), first["count"].clone()), ("ann".into(), 2u64.into()));
    assert_eq!(top.len(), 2);
    // The float among the integers, and the negative duration for the quantiles and for the sketch.
    assert_eq!(get("skipped_values"), 4u64.into());
}

#[test]
fn the_schema_tells_dimensions_and_measures_with_their_units() {
    let out = everything().build().unwrap().schemas(&[schema()]);
    let field = |name: &str| out[0].get(name).unwrap_or_else(|| panic!("no {name} in {:?}", out[0]));
    assert_eq!(out[0].name, "request_metrics");
    assert_eq!(field("status").otel.as_deref(), Some("http.response.status_code"));
    assert_eq!((field("count").role.name(), field("count").unit.as_deref()), ("counter_delta", Some("1")));
    assert_eq!(
        (field("size_sum").value_type, field("size_sum").unit.as_deref()),
        (ValueType::U64, Some("By"))
    );
    assert_eq!(
        (field("took_max").value_type, field("took_p99_9").unit.as_deref()),
        (ValueType::Duration, Some("s"))
    );
    assert_eq!(
        (field("took_per_second").unit.as_deref(), field("rate").unit.as_deref()),
        (Some("1"), Some("1/s"))
    );
    // A log that does not tell how long requests take has no field for it.
    let plain = Schema::new("request")
        .field(FieldSchema::dimension("code", ValueType::U64).otel("http.response.status_code"));
    let red = Aggregate::red(MINUTE).build().unwrap().schemas(&[Arc::new(plain)]);
    assert!(red[0].get("error_share").is_some() && red[0].get("duration_p50").is_none());
    assert_eq!(red[0].name, "request_red");
}

#[test]
fn red_and_golden_signals_find_the_fields_by_their_opentelemetry_names() {
    let took = SignedDuration::from_nanos(500_000_000);
    let event = |status: u64| {
        request(1).with("status", status).with("took", took).with("size", 600u64).with("method", "GET")
    };
    for (builder, checks) in [
        (
            Aggregate::red(MINUTE),
            vec![("requests", 3u64.into()), ("errors", 1u64.into()), ("method", Value::from("GET"))],
        ),
        (
            Aggregate::golden_signals(MINUTE),
            vec![
                ("client_errors", 1u64.into()),
                ("concurrency", (1.5 / 60.0).into()),
                ("response_bytes_rate", 30.0.into()),
            ],
        ),
    ] {
        let mut batch =
            batches::events("test", &[event(200), event(404), event(500), event(200).at(at(300))]);
        batch.attach_schemas(&[schema()]);
        let run = TransformHarness::new(builder.build().unwrap()).batch(batch);
        let result = run.events()[0];
        for (name, value) in checks {
            assert_eq!(result.get(name), Some(&value), "{name} of {result:?}");
        }
    }
}

#[test]
fn a_state_that_does_not_fit_or_was_damaged_is_refused_and_windows_begin_anew() {
    let mut aggregate = everything().build().unwrap();
    aggregate.transform(&mut batches::events("s", &samples())).unwrap();
    let state = aggregate.snapshot("s").unwrap();
    everything().build().unwrap().restore("s", &state).unwrap();
    let other = by_minute().build().unwrap().restore("s", &state).unwrap_err().to_string();
    assert!(other.contains("no longer what it was"), "{other}");
    let mut future = state.clone();
    future[0] = 9;
    let newer = everything().build().unwrap().restore("s", &future).unwrap_err().to_string();
    assert!(newer.contains("version is 9"), "{newer}");
    for end in 0..state.len() {
        assert!(everything().build().unwrap().restore("s", &state[..end]).is_err(), "cut at {end}");
    }
    for at in 9..state.len() {
        // Whatever a changed byte means, it is taken up and goes on, or is refused.
        let mut changed = state.clone();
        changed[at] ^= 0x15;
        let mut aggregate = everything().build().unwrap();
        if aggregate.restore("s", &changed).is_ok() {
            aggregate.transform(&mut batches::events("s", &samples())).unwrap();
            aggregate.flush(FlushReason::Drain, OBSERVED, &mut dendro_core::Batch::default()).unwrap();
        }
    }
}

#[test]
fn what_can_not_be_built_says_why() {
    let why = |builder: AggregateBuilder| builder.build().map(|_| ()).unwrap_err().to_string();
    assert!(why(Aggregate::tumbling(MINUTE)).contains("without a measure"));
    let count = |builder: AggregateBuilder| why(builder.measure(Measure::count()));
    assert!(count(Aggregate::tumbling(Duration::ZERO)).contains("a millisecond"));
    assert!(count(Aggregate::sliding(MINUTE, Duration::from_secs(7))).contains("multiple of the step"));
    assert!(count(by_minute().max_groups(0)).contains("0 groups"));
    assert!(count(by_minute().suffix("")).contains("suffix"));
    assert!(count(by_minute().lateness(Duration::MAX)).contains("too long"));
    assert!(why(by_minute().measure(Measure::quantiles("a", [1.5]))).contains("1.5 is no quantile"));
    assert!(why(by_minute().measure(Measure::top("a", 0))).contains("top 0"));
    assert!(why(by_minute().measure(Measure::sketch("a").relative_error(0.9))).contains("0.9"));
    let _: ConfigError = by_minute().max_groups(0).build().unwrap_err();
}
