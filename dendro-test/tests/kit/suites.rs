//! The suites on the kit's own mocks and on core's closures.

use dendro_core::{Event, FieldSchema, Schema, Sink, Source, ValueType, filter, filter_map, map, sink_fn};
use dendro_test::batches;
use dendro_test::conformance::{SinkFixture, SourceFixture, TransformWorld};
use dendro_test::mock::{Fault, FaultySink, MockLog, MockTransform, Stored};
use std::sync::atomic::{AtomicU64, Ordering};

struct Log {
    log: MockLog,
    fed: AtomicU64,
    replays: bool,
}

impl Log {
    fn new(log: MockLog, replays: bool) -> Self {
        Self { log, fed: AtomicU64::new(0), replays }
    }
}

#[async_trait::async_trait]
impl SourceFixture for Log {
    fn source(&self) -> Box<dyn Source> {
        Box::new(self.log.source())
    }
    async fn feed(&self, stream: usize, records: &[String]) {
        if !records.is_empty() {
            let position = self.fed.fetch_add(1 << 32, Ordering::Relaxed);
            let batch = batches::lines(&format!("stream {stream}"), position, records);
            self.log.push(with_source_name(batch));
        }
    }
    fn can_replay(&self) -> bool {
        self.replays
    }
    fn streams(&self) -> usize {
        3
    }
}

/// The mock sends what it is given; the suite wants the source's own name in the origin.
fn with_source_name(batch: dendro_core::Batch) -> dendro_core::Batch {
    let mut renamed = dendro_core::Batch::new(batch.base().clone()).unwrap();
    for event in batch.iter() {
        let mut origin = (**event.origin().unwrap()).clone();
        origin.source = Some(dendro_test::SourceHarness::NAME.into());
        let row = dendro_core::RecordRow {
            ty: renamed.add_type(event.schema().unwrap()).unwrap(),
            origin: renamed.add_origin(&origin.into()).unwrap(),
            observed: event.observed(),
        };
        let start = event.raw().as_ptr() as usize - batch.base().as_ptr() as usize;
        renamed.push_record(start..start + event.raw().len(), event.position(), row);
    }
    renamed
}

dendro_test::source_conformance!(mock_source, Log::new(MockLog::new(), true));
dendro_test::source_conformance!(
    mock_source_without_replay,
    Log::new(MockLog::new().not_replayable(), false)
);

struct Collected {
    stored: Stored,
    staged: bool,
}

impl Collected {
    fn new(staged: bool) -> Self {
        Self { stored: Stored::new(), staged }
    }
}

#[async_trait::async_trait]
impl SinkFixture for Collected {
    fn sink(&self) -> Box<dyn Sink> {
        let sink = self.stored.sink();
        Box::new(if self.staged { sink.staged() } else { sink })
    }
    async fn read_back(&self) -> Option<Vec<String>> {
        Some(self.stored.ids())
    }
}

dendro_test::sink_conformance!(mock_sink, Collected::new(false));
dendro_test::sink_conformance!(staged_mock_sink, Collected::new(true));

/// A mock with faults, by a seed, is still a sink: what fails is tried again.
struct Slow(Collected);

#[async_trait::async_trait]
impl SinkFixture for Slow {
    fn sink(&self) -> Box<dyn Sink> {
        let slow = [Fault::Slow(std::time::Duration::from_secs(1))];
        Box::new(FaultySink::new(self.0.sink()).seeded(3, 50, slow))
    }
    async fn read_back(&self) -> Option<Vec<String>> {
        self.0.read_back().await
    }
}

dendro_test::sink_conformance!(slow_mock_sink, Slow(Collected::new(true)));

/// core's `sink_fn`.
#[derive(Default)]
struct Closure(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

#[async_trait::async_trait]
impl SinkFixture for Closure {
    fn sink(&self) -> Box<dyn Sink> {
        let to = self.0.clone();
        Box::new(sink_fn(move |written| {
            let to = to.clone();
            async move {
                to.lock().unwrap().extend(written.iter().flat_map(batches::ids_of));
                Ok(())
            }
        }))
    }
    async fn read_back(&self) -> Option<Vec<String>> {
        Some(self.0.lock().unwrap().clone())
    }
}

dendro_test::sink_conformance!(closure_sink, Closure::default());

fn lines() -> Vec<String> {
    (0..20)
        .map(|n| format!("line {n} {}", "x".repeat(n * 7)))
        .chain([String::new(), "not a line".into()])
        .collect()
}

dendro_test::transform_conformance!(
    map_closure,
    TransformWorld::lines(
        || map(|e| match e.get("message").map(|m| m.as_bytes().unwrap_or_default().len()) {
            Some(0) | None => Err("empty".to_owned()),
            Some(n) => e.insert("length", n as u64).map_err(|full| full.to_string()),
        }),
        lines()
    )
);

dendro_test::transform_conformance!(
    filter_closure,
    TransformWorld::lines(|| filter(|e| e.raw().len() % 2 == 0), lines())
);

dendro_test::transform_conformance!(
    filter_map_closure_on_events,
    TransformWorld::events(
        || filter_map(|e| match e.get("n").and_then(|n| n.as_u64()) {
            Some(n) if n % 5 == 0 => Ok(false),
            Some(n) if n % 7 == 0 => Err("a multiple of seven"),
            _ => e.rename("n", "number").map_err(|_| "full"),
        }),
        (0..30u64).map(|n| Event::new("count").with("n", n))
    )
    .input_schemas(vec![Schema::new("count").field(FieldSchema::gauge("number", ValueType::U64)).into()])
    .open_schemas()
);

dendro_test::transform_conformance!(mock_transform, TransformWorld::lines(MockTransform::new, lines()));
