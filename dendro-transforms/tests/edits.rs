//! Filters, routes, samples, throttles, duplicates, edits.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use dendro_core::{
    Acks, Batch, Event, FieldSchema, Outcome, Schema, SignedDuration, Timestamp, Transform, Value, ValueType,
    acknowledgement,
};
use dendro_test::batches::OBSERVED;
use dendro_test::conformance::TransformWorld;
use dendro_test::{TransformHarness, batches};
use dendro_transforms::{
    CastTo, Condition, Dedupe, Filter, Flatten, Map, Route, Sample, Split, Throttle, UrlParts,
};

fn schema() -> Arc<Schema> {
    let schema = Schema::new("request")
        .field(FieldSchema::dimension("status", ValueType::U64).otel("http.response.status_code"))
        .field(FieldSchema::gauge("took", ValueType::Duration).unit("s"))
        .field(FieldSchema::attribute("user", ValueType::Str))
        .field(FieldSchema::attribute("nested", ValueType::Object));
    Arc::new(schema)
}

fn samples() -> Vec<Event> {
    let nested =
        |n: u64| Value::Object([("items".to_owned(), Value::Array(vec![n.into(), Value::Null]))].into());
    let mut samples: Vec<Event> = (0..20u64)
        .map(|n| {
            Event::new("request")
                .with("status", [200u64, 404, 503][n as usize % 3])
                .with("took", SignedDuration::from_nanos(n as i64 * 100_000_000))
                .with("user", format!("user {}", n % 4))
                .with("nested", nested(n))
        })
        .collect();
    samples.push(Event::new("request"));
    samples.push(Event::new("request").with("status", Value::Null).with("user", Value::Bytes(vec![0xff])));
    samples
}

fn slow() -> Condition {
    Condition::field("took").at_least(1.0)
}

fn map() -> Map {
    Map::new()
        .copy("nested.items[0]", "first")
        .set("env", "prod")
        .cast("took", CastTo::F64)
        .template("text", "{status} {user} {nested.items}")
        .unwrap()
        .cast_or_null("user", CastTo::U64)
        .rename("status", "code")
        .remove("nested")
}

macro_rules! conforms {
    ($name:ident, $lines:ident, $make:expr) => {
        dendro_test::transform_conformance!(
            $name,
            TransformWorld::events($make, samples()).input_schemas(vec![schema()])
        );
        dendro_test::transform_conformance!($lines, TransformWorld::lines($make, ["one", "", "two two"]));
    };
}
conforms!(filter, filter_of_lines, || Filter::drop(slow()));
conforms!(route, route_of_lines, || Route::new().port("slow", slow()).unwrap());
conforms!(sample, sample_of_lines, || Sample::share(0.5).unwrap().always(slow()).rate_field("sample_rate"));
conforms!(sample_by_key, sample_by_key_of_lines, || Sample::share(0.5).unwrap().by(["user"]));
// By stream, since what is known of one must not show in another, and within what passes, since nothing of it outlives an instance.
conforms!(throttle, throttle_of_lines, || Throttle::events_per_second(1e6)
    .unwrap()
    .by(["stream"])
    .route_excess());
conforms!(dedupe, dedupe_of_lines, || Dedupe::within(Duration::from_secs(60))
    .by(["stream", "message", "took", "user"]));
conforms!(mapped, map_of_lines, map);
conforms!(mapped_sometimes, map_sometimes_of_lines, || map().when(slow()));

conforms!(url_parts, url_parts_of_lines, || UrlParts::of("user"));
conforms!(split, split_of_lines, || Split::at("user", " ").unwrap());
conforms!(split_into_fields, split_into_fields_of_lines, || Split::at("user", " ")
    .unwrap()
    .into_fields(["user", "n"]));
dendro_test::transform_conformance!(
    flatten,
    TransformWorld::events(Flatten::all, samples()).input_schemas(vec![schema()]).open_schemas()
);

#[test]
fn flattening_overwrites_nothing_and_what_has_no_room_is_a_dead_letter() {
    let object =
        |names: &[&str]| Value::Object(names.iter().map(|n| ((*n).to_owned(), Value::from(1u64))).collect());
    let many: Vec<String> = (0..2_000).map(|n| n.to_string()).collect();
    let many = object(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let run = TransformHarness::new(Flatten::fields(["a"]).separator(".")).events(&[
        Event::new("t").with("a", object(&["b"])).with("a.b", 2u64).with("c", object(&["d"])),
        Event::new("t").with("a", many),
    ]);
    let event = &run.out[0].event;
    assert_eq!((event.get("a.b"), event.get("a.b_")), (Some(&2u64.into()), Some(&1u64.into())));
    assert_eq!((event.get("a"), event.get("c")), (None, Some(&object(&["d"]))));
    assert_eq!(run.rejected.len(), 1);
}

#[test]
fn pieces_and_parts_are_set_where_there_are_some() {
    let mut split = TransformHarness::new(Split::at("a", ",").unwrap().into_fields(["x", "y"]));
    let run = split.events(&[
        Event::new("t").with("a", "1, 2,3"),
        Event::new("t").with("a", "1"),
        Event::new("t").with("a", 1u64),
    ]);
    assert_eq!(
        (run.out[0].event.get("x"), run.out[0].event.get("y")),
        (Some(&"1".into()), Some(&"2,3".into()))
    );
    assert_eq!((run.out[1].event.get("x"), run.out[1].event.get("y")), (Some(&"1".into()), None));
    assert_eq!(run.out[2].event.get("x"), None);
    assert!(Split::at("a", "").is_err());
    let mut parts = TransformHarness::new(UrlParts::of("u"));
    let run = parts.events(&[
        Event::new("t").with("u", "https://a.example:99999/b"),
        Event::new("t").with("u", Value::Null),
    ]);
    let event = &run.out[0].event;
    assert_eq!((event.get("url_host"), event.get("url_port")), (Some(&"a.example".into()), None));
    assert_eq!(run.out[1].event.fields.len(), 1);
}

#[test]
fn a_filter_keeps_what_it_is_told_to() {
    let kept = TransformHarness::new(Filter::keep(slow())).events(&samples());
    let dropped = TransformHarness::new(Filter::drop(slow())).events(&samples());
    assert_eq!((kept.out.len(), kept.filtered), (10, 12));
    assert_eq!((dropped.out.len(), dropped.filtered), (12, 10));
}

#[test]
fn a_route_takes_the_first_port_that_fits() {
    let failed = Condition::field("otel:http.response.status_code").at_least(500u64);
    let route = Route::new().port("failed", failed).unwrap().port("slow", slow()).unwrap();
    let mut batch = batches::events("s", &samples());
    batch.attach_schemas(&[schema()]);
    let run = TransformHarness::new(route.clone()).batch(batch);
    assert_eq!((run.port(0).len(), run.port(1).len(), run.port(2).len()), (6, 7, 9));
    for bad in ["", "a.b", "slow", "unmatched"] {
        assert!(route.clone().port(bad, slow()).is_err(), "{bad}");
    }
}

#[test]
fn a_sample_is_the_same_each_time_and_of_the_size_that_was_asked_for() {
    let events: Vec<Event> =
        (0..20_000u64).map(|n| Event::new("t").with("n", n).with("user", n / 20)).collect();
    let kept = |sample: Sample| -> Vec<Event> {
        TransformHarness::new(sample).events(&events).out.into_iter().map(|o| o.event).collect()
    };
    let tenth = kept(Sample::share(0.1).unwrap());
    assert!((1_800..2_200).contains(&tenth.len()), "{}", tenth.len());
    assert_eq!(tenth, kept(Sample::share(0.1).unwrap()));
    assert_eq!(kept(Sample::share(0.0).unwrap()).len(), 0);
    assert_eq!(kept(Sample::share(1.0).unwrap()).len(), events.len());
    let users = kept(Sample::share(0.1).unwrap().by(["user"]));
    assert!(users.chunk_by(|a, b| a.get("user") == b.get("user")).all(|user| user.len() == 20));
    assert!((60..140).contains(&(users.len() / 20)), "{}", users.len());
    for bad in [-0.1, 1.1, f64::NAN] {
        assert!(Sample::share(bad).unwrap_err().to_string().contains("from 0 to 1"));
    }
    let rated =
        kept(Sample::share(0.25).unwrap().rate_field("rate").always(Condition::field("n").less_than(3u64)));
    assert_eq!(rated[0].get("rate"), Some(&1.0.into()));
    assert_eq!(rated.last().unwrap().get("rate"), Some(&0.25.into()));
}

/// Events of these users, one a tenth of a second.
fn of_users(users: impl IntoIterator<Item = u64>) -> Vec<Event> {
    let tenths = |n: usize| Timestamp::from_nanos(OBSERVED.as_nanos() + n as i64 * 100_000_000);
    let event = |(n, user): (usize, u64)| Event { observed: tenths(n), ..Event::new("t").with("user", user) };
    users.into_iter().enumerate().map(event).collect()
}

#[test]
fn a_throttle_lets_a_burst_and_then_the_rate_pass() {
    // Ten events a second against two, with a burst of five.
    let throttle = Throttle::events_per_second(2.0).unwrap().burst(5.0).unwrap();
    let run = TransformHarness::new(throttle).events(&of_users([0; 101]));
    assert_eq!(run.out.len(), 5 + 20);
    // Each user by itself; users that there is no room for share one budget.
    let throttle = Throttle::events_per_second(0.001).unwrap().by(["user"]).max_keys(2).route_excess();
    let run = TransformHarness::new(throttle).events(&of_users([1, 1, 2, 3, 4, 1]));
    assert_eq!(
        run.port(0).iter().map(|e| e.get("user").unwrap().clone()).collect::<Vec<_>>(),
        [1u64, 2, 3].map(Value::U64)
    );
    assert_eq!(run.port(1).len(), 3);
    // By bytes: a line longer than the burst passes when the budget is full, and overdraws it.
    let throttle = Throttle::bytes_per_second(10.0).unwrap();
    let run = TransformHarness::new(throttle).lines(["0123456789012345678", "0", ""]);
    assert_eq!(run.out.len(), 2);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Throttle::events_per_second(bad).is_err());
    }
}

#[test]
fn clones_of_a_throttle_share_its_budget() {
    let throttle = Throttle::events_per_second(1.0).unwrap();
    let (mut one, mut two) = (TransformHarness::new(throttle.clone()), TransformHarness::new(throttle));
    assert_eq!(one.events(&of_users([1])).out.len(), 1);
    assert_eq!(two.events(&of_users([1])).out.len(), 0);
}

#[test]
fn duplicates_within_the_time_are_dropped_and_the_oldest_are_forgotten() {
    let within = |millis| Dedupe::within(Duration::from_millis(millis)).by(["user"]);
    let users = |dedupe: Dedupe, users: &[u64]| -> Vec<Value> {
        let run = TransformHarness::new(dedupe).events(&of_users(users.iter().copied()));
        run.out.iter().map(|o| o.event.get("user").unwrap().clone()).collect()
    };
    assert_eq!(users(within(250), &[1, 2, 1, 1, 1]), [1u64, 2, 1].map(Value::U64));
    let one = within(10_000).max_events(1).unwrap();
    assert_eq!(users(one, &[1, 1, 2, 1]), [1u64, 2, 1].map(Value::U64));
    assert!(within(1).max_events(0).is_err());
}

#[test]
fn what_could_not_be_delivered_is_no_duplicate_when_it_comes_again() {
    let mut dedupe = Dedupe::within(Duration::from_secs(60));
    for outcome in [Some(Outcome::Abandoned), None, Some(Outcome::Delivered)] {
        let (token, receipt) = acknowledgement();
        let mut batch = batches::lines("s", 0, ["a line"]);
        batch.add_acks(Acks::from(token));
        dedupe.transform(&mut batch).unwrap();
        assert_eq!(batch.len(), 1, "before {outcome:?}");
        match outcome {
            Some(outcome) => batch.take_acks().resolve(outcome),
            None => drop(batch),
        }
        drop(receipt);
    }
    let mut batch = batches::lines("s", 0, ["a line"]);
    dedupe.transform(&mut batch).unwrap();
    assert!(batch.is_empty(), "it was delivered");
}

#[test]
fn fields_are_mapped_and_their_schema_with_them() {
    let mut batch = batches::events("s", &samples());
    batch.attach_schemas(&[schema()]);
    let run = TransformHarness::new(map()).batch(batch);
    let second = &run.out[1].event;
    assert_eq!(second.get("first"), Some(&1u64.into()));
    assert_eq!(second.get("took"), Some(&0.1.into()));
    assert_eq!(second.get("text"), Some(&"404 user 1 [1,null]".into()));
    assert_eq!((second.get("code"), second.get("status")), (Some(&404u64.into()), None));
    assert_eq!((second.get("user"), second.get("nested")), (Some(&Value::Null), None));

    let out = &map().schemas(&[schema()])[0];
    let code = out.get("code").unwrap();
    assert_eq!((code.otel.as_deref(), code.role.name()), (Some("http.response.status_code"), "dimension"));
    assert_eq!(
        (out.get("took").unwrap().value_type, out.get("took").unwrap().unit.as_deref()),
        (ValueType::F64, Some("s"))
    );
    assert!(out.get("status").is_none() && out.get("nested").is_none());
    let sometimes = &map().when(slow()).schemas(&[schema()])[0];
    assert_eq!(sometimes.get("took").unwrap().value_type, ValueType::Any);
    assert!(sometimes.get("status").is_some() && sometimes.get("code").is_some());
}

#[test]
fn a_field_that_can_not_be_cast_sends_its_event_to_the_dead_letters_with_the_reason() {
    let run = TransformHarness::new(Map::new().cast("n", CastTo::U64).rename("n", "m")).events(&[
        Event::new("t").with("n", "x1"),
        Event::new("t").with("n", "1"),
        Event::new("t"),
    ]);
    assert_eq!(run.rejected[0].reason, "its field `n` is no u64: \"x1\"");
    assert_eq!(run.out[0].event, Event { observed: OBSERVED, ..Event::new("t").with("m", 1u64) });
    assert_eq!(run.out.len(), 2);
    assert!(Map::new().template("a", "{b").is_err());
    let mut nothing = Batch::default();
    Map::new().set("a", 1u64).transform(&mut nothing).unwrap();
}
