//! Running a collector and looking at what it gives.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use dendro_core::{Batch, Event, Outcome, Role, Schema, Source, Value, ValueType};
use dendro_parsers::collect::{CollectSource, Collector};
use dendro_test::SourceHarness;

/// Longer than any scrape takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A collector that is asked again and again.
pub(crate) struct Asked {
    pub(crate) harness: SourceHarness,
}

impl Asked {
    /// By the real clock, often.
    pub(crate) fn often(collector: impl Collector) -> Self {
        let source = CollectSource::new(collector, Duration::from_millis(50))
            .at_once()
            .timeout(Duration::from_secs(20))
            .max_backoff(Duration::from_millis(200));
        Self { harness: SourceHarness::start(source) }
    }

    /// The next scrape; what it published is what it said it would.
    pub(crate) async fn scrape(&self) -> Scraped {
        let mut events = Vec::new();
        // The last event says whether it was up.
        while events.last().is_none_or(|event: &Event| event.event_type != "collector_up") {
            let mut batch = self.harness.recv_within(PATIENCE).await.expect("a scrape");
            batch.take_acks().resolve(Outcome::Delivered);
            check(&batch);
            events.extend(batch.iter().map(|event| event.to_event()));
        }
        Scraped(events)
    }

    /// Scrapes until one says this of whether the service is up.
    pub(crate) async fn until(&self, up: bool) -> Scraped {
        self.until_any(|scraped| scraped.is_up() == up).await
    }

    /// Scrapes until the service is up and this is so.
    pub(crate) async fn until_it(&self, is: impl Fn(&Scraped) -> bool) -> Scraped {
        self.until_any(|scraped| scraped.is_up() && is(scraped)).await
    }

    async fn until_any(&self, is: impl Fn(&Scraped) -> bool) -> Scraped {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let scraped = self.scrape().await;
            if is(&scraped) {
                return scraped;
            }
            assert!(std::time::Instant::now() < deadline, "{:?}", scraped.0);
        }
    }
}

/// The events of one scrape.
#[derive(Debug)]
pub(crate) struct Scraped(pub(crate) Vec<Event>);

impl Scraped {
    pub(crate) fn of(&self, event_type: &str) -> Vec<&Event> {
        self.0.iter().filter(|event| event.event_type == event_type).collect()
    }

    /// Whether an event of this type is so. What a service does not tell yet is no failure while it is waited for.
    pub(crate) fn any(&self, event_type: &str, is: impl Fn(&Event) -> bool) -> bool {
        self.of(event_type).into_iter().any(is)
    }

    /// The only event of this type.
    pub(crate) fn one(&self, event_type: &str) -> &Event {
        let events = self.of(event_type);
        assert_eq!(events.len(), 1, "{event_type}: {self:?}");
        events[0]
    }

    /// The only event of this type whose field has this value.
    pub(crate) fn with(&self, event_type: &str, field: &str, value: impl Into<Value>) -> &Event {
        let value = value.into();
        let found: Vec<&Event> =
            self.of(event_type).into_iter().filter(|event| event.get(field) == Some(&value)).collect();
        assert_eq!(found.len(), 1, "{event_type} with {field} = {value:?}: {self:?}");
        found[0]
    }

    pub(crate) fn is_up(&self) -> bool {
        self.one("collector_up").get("up") == Some(&Value::U64(1))
    }

    pub(crate) fn error(&self) -> &str {
        match self.one("collector_up").get("error") {
            Some(Value::Str(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}

/// A field as a number: an integer, a float, or a duration in seconds.
pub(crate) fn number(event: &Event, field: &str) -> f64 {
    number_of(event, field).unwrap_or_else(|| panic!("{field} is {:?} in {event:?}", event.get(field)))
}

/// The same, if there is one.
pub(crate) fn number_of(event: &Event, field: &str) -> Option<f64> {
    match event.get(field)? {
        Value::U64(n) => Some(*n as f64),
        Value::I64(n) => Some(*n as f64),
        Value::F64(n) => Some(*n),
        Value::Duration(d) => Some(d.as_secs_f64()),
        _ => None,
    }
}

/// Whether a field has this value.
pub(crate) fn is(event: &Event, field: &str, value: impl Into<Value>) -> bool {
    event.get(field) == Some(&value.into())
}

pub(crate) fn text<'a>(event: &'a Event, field: &str) -> &'a str {
    match event.get(field) {
        Some(Value::Str(text)) => text,
        other => panic!("{field} is {other:?} in {event:?}"),
    }
}

/// Each field stands in the schema, with the type that it has.
fn check(batch: &Batch) {
    for event in batch.iter() {
        let schema = event.schema().expect("a schema");
        for (name, value) in event.fields() {
            let field = schema.get(name).unwrap_or_else(|| panic!("{name} is not in {}", schema.name));
            let fits = match value.to_value() {
                Value::Null => true,
                Value::Bool(_) => field.value_type == ValueType::Bool,
                Value::I64(_) => field.value_type == ValueType::I64,
                Value::U64(_) => field.value_type == ValueType::U64,
                Value::F64(_) => field.value_type == ValueType::F64,
                Value::Str(_) => field.value_type == ValueType::Str,
                Value::Timestamp(_) => field.value_type == ValueType::Timestamp,
                Value::Duration(_) => field.value_type == ValueType::Duration,
                _ => false,
            };
            assert!(fits, "{}.{name} is {:?} and not a {}", schema.name, value, field.value_type.name());
        }
    }
}

/// All schemas are complete: documented, measures with units, names that need no quotes in SQL, none twice.
pub(crate) fn check_schemas(source: &impl Source) -> Vec<String> {
    let schemas = source.schemas();
    let mut names: Vec<String> = schemas.iter().map(|schema| schema.name.to_string()).collect();
    for schema in &schemas {
        check_schema(schema);
    }
    names.sort();
    let all = names.clone();
    names.dedup();
    assert_eq!(names, all);
    all
}

fn check_schema(schema: &Schema) {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    assert!(plain(&schema.name) && schema.doc.ends_with('.'), "{schema:?}");
    for field in &schema.fields {
        assert!(plain(&field.name) && field.doc.ends_with('.'), "{}.{field:?}", schema.name);
        let needs_unit = matches!(field.role, Role::Measure(_)) && field.value_type != ValueType::Timestamp;
        assert_eq!(field.unit.is_some(), needs_unit, "{}.{field:?}", schema.name);
    }
}
