//! Properties of transforms.

#![allow(clippy::expect_used, reason = "a test kit: a pipeline that the kit puts together is valid")]

use std::sync::Arc;

use bytes::Bytes;
use dendro_core::{
    Acks, Batch, Event, FlushReason, Outcome, Pipeline, RecordRow, Schema, Settlement, Transform,
    TransformError, Value, ValueRef, ValueType, acknowledgement,
};

use super::{Verdict, ensure, ensure_all, nothing_to_check};
use crate::harness::{OutEvent, TransformHarness, TransformRun};
use crate::mock::{MockLog, MockSink};
use crate::{batches, harness};

/// A transform and what it is to be tried on.
pub trait TransformFixture: Send + Sync + 'static {
    /// A new instance.
    fn transform(&self) -> Box<dyn Transform>;

    /// Input of one stream, in order: a few of each kind that it treats differently, what it refuses among them. At
    /// most some dozens: the suite repeats them where it needs more.
    fn samples(&self) -> Vec<Sample>;

    /// The schemas of the input.
    fn input_schemas(&self) -> Vec<Arc<Schema>> {
        plain_schemas(&self.samples())
    }

    /// Whether events may have fields that their schema does not name. A schema without fields allows any.
    fn has_open_schemas(&self) -> bool {
        false
    }
}

/// One piece of input.
#[derive(Clone, Debug)]
pub enum Sample {
    /// A raw record, as a source sends it.
    Line(Vec<u8>),
    /// An event that was not read from text.
    Event(Event),
}

/// A [`TransformFixture`] from a closure that makes instances, and samples.
pub struct TransformWorld {
    make: Box<dyn Fn() -> Box<dyn Transform> + Send + Sync>,
    samples: Vec<Sample>,
    schemas: Option<Vec<Arc<Schema>>>,
    open: bool,
}

impl TransformWorld {
    /// Tried on raw records.
    pub fn lines<T: Transform, L: AsRef<[u8]>>(
        make: impl Fn() -> T + Send + Sync + 'static,
        lines: impl IntoIterator<Item = L>,
    ) -> Self {
        let samples = lines.into_iter().map(|l| Sample::Line(l.as_ref().to_vec()));
        Self {
            make: Box::new(move || Box::new(make())),
            samples: samples.collect(),
            schemas: None,
            open: false,
        }
    }

    /// Tried on events.
    pub fn events<T: Transform>(
        make: impl Fn() -> T + Send + Sync + 'static,
        events: impl IntoIterator<Item = Event>,
    ) -> Self {
        let samples = events.into_iter().map(Sample::Event);
        Self {
            make: Box::new(move || Box::new(make())),
            samples: samples.collect(),
            schemas: None,
            open: false,
        }
    }

    /// The schemas of the input.
    pub fn input_schemas(mut self, schemas: Vec<Arc<Schema>>) -> Self {
        self.schemas = Some(schemas);
        self
    }

    /// Events may have fields that their schema does not name.
    pub fn open_schemas(mut self) -> Self {
        self.open = true;
        self
    }
}

impl TransformFixture for TransformWorld {
    fn transform(&self) -> Box<dyn Transform> {
        (self.make)()
    }
    fn samples(&self) -> Vec<Sample> {
        self.samples.clone()
    }
    fn input_schemas(&self) -> Vec<Arc<Schema>> {
        match &self.schemas {
            Some(schemas) => schemas.clone(),
            None => plain_schemas(&self.samples),
        }
    }
    fn has_open_schemas(&self) -> bool {
        self.open
    }
}

/// No events give no events and no error, whether there never were any or all are gone; so does a flush.
pub async fn empty_batch_gives_nothing<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let mut harness = TransformHarness::new(world.transform());
    let mut gone = batch(&world.samples(), 0);
    (0..gone.end_index()).for_each(|i| gone.remove(i));
    for (what, batch) in [("an empty batch", Batch::default()), ("a batch whose events are gone", gone)] {
        let run = harness.batch(batch);
        succeeded(&run)?;
        ensure(run.out.is_empty(), || format!("{} events came from {what}", run.out.len()))?;
    }
    for reason in [FlushReason::Tick, FlushReason::Drain] {
        let run = TransformHarness::new(world.transform()).flush(reason, batches::OBSERVED);
        succeeded(&run)?;
        ensure(run.out.is_empty(), || format!("{} events came from a flush of nothing", run.out.len()))?;
    }
    Ok(())
}

/// As many events as a queue holds, a record of 1 MiB, and records at the end of a full base are handled.
pub async fn largest_batches_are_handled<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    const EVENTS: usize = 65_536;
    const LONG: usize = 1 << 20;
    let world = make();
    let samples = world.samples();
    ensure(!samples.is_empty(), || "the fixture has no samples".into())?;
    let many: Vec<Sample> = samples.iter().cycle().take(EVENTS).cloned().collect();
    accounted(&TransformHarness::new(world.transform()).batch(batch(&many, 0)), EVENTS)?;
    let Some(line) = samples.iter().find_map(|s| match s {
        Sample::Line(line) if !line.is_empty() => Some(line.clone()),
        _ => None,
    }) else {
        return nothing_to_check("the samples have no line");
    };
    let long: Vec<u8> = line.iter().cycle().take(LONG).copied().collect();
    accounted(&TransformHarness::new(world.transform()).batch(batch(&[Sample::Line(long)], 0)), 1)?;
    let at_the_end = at_the_end_of_a_full_base(&line);
    accounted(&TransformHarness::new(world.transform()).batch(at_the_end), 1)
}

/// Every record is passed on with its raw text, removed or rejected; none is just not there any more.
pub async fn every_event_is_accounted_for<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let samples = world.samples();
    let run = TransformHarness::new(world.transform()).batch(batch(&samples, 0));
    succeeded(&run)?;
    let lines = samples.iter().filter(|s| matches!(s, Sample::Line(_))).count();
    if lines < samples.len() {
        // Without raw text nothing tells an event from one that was added; what is not added can be counted.
        return accounted(&run, samples.len());
    }
    let passed = run.out.iter().filter(|o| !o.raw.is_empty()).count();
    let empty = samples.iter().filter(|s| matches!(s, Sample::Line(l) if l.is_empty())).count();
    let known = passed + run.rejected.len() + run.filtered;
    ensure(known + empty >= lines, || {
        format!(
            "{lines} records went in: {passed} came out with raw text, {} were rejected, {} removed",
            run.rejected.len(),
            run.filtered
        )
    })
}

/// Output follows input: what comes from an earlier event comes first.
pub async fn order_is_kept<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let samples = world.samples();
    let mut harness = TransformHarness::new(world.transform());
    let whole = harness.batch(batch(&samples, 0));
    let positions: Vec<u64> = whole.out.iter().map(|o| o.position).collect();
    ensure(positions.is_sorted(), || format!("the positions of the output do not grow: {positions:?}"))?;
    if harness.transform().is_stateful() {
        return nothing_to_check(
            "a stateful transform may hold events back: their order within a batch is its own",
        );
    }
    let mut single = Vec::new();
    let mut position = 0;
    for sample in &samples {
        let batch = batch(std::slice::from_ref(sample), position);
        position += batch.base().len() as u64;
        single.extend(shown(&TransformHarness::new(world.transform()).batch(batch).out));
    }
    same(&single, &shown(&whole.out), "one event at a time, and all in one batch")
}

/// Each record that leaves, or is rejected, has the raw text that the source has read.
pub async fn raw_text_is_untouched<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let input = batch(&world.samples(), 0);
    let raw_at: std::collections::HashMap<u64, Vec<u8>> =
        input.iter().map(|e| (e.position(), e.raw().to_vec())).collect();
    let mut harness = TransformHarness::new(world.transform());
    let had_raw = input.iter().any(|e| !e.raw().is_empty());
    let run = harness.batch(input);
    let out = run.out.iter().map(|o| (o.position, &o.raw));
    for (position, raw) in out.chain(run.rejected.iter().map(|r| (r.position, &r.raw))) {
        let whole = raw_at.get(&position);
        ensure(raw.is_empty() || whole == Some(raw), || {
            let (raw, whole) = (String::from_utf8_lossy(raw), whole.map(|w| String::from_utf8_lossy(w)));
            format!("the raw text at {position} became {raw:?}, it was {whole:?}")
        })?;
    }
    let left = run.out.iter().map(|o| &o.raw).chain(run.rejected.iter().map(|r| &r.raw));
    let none_left = !run.out.is_empty() && left.into_iter().all(|r| r.is_empty());
    ensure(!had_raw || !none_left || harness.transform().is_stateful(), || {
        "no event has its raw text any more".into()
    })
}

/// What one instance has seen does not show in another one's output.
pub async fn instances_are_independent<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let samples = world.samples();
    let run = |harness: &mut TransformHarness| {
        let mut out = shown(&harness.batch(batch(&samples, 0)).out);
        out.extend(shown(&harness.drain().out));
        out
    };
    let (mut one, mut two) =
        (TransformHarness::new(world.transform()), TransformHarness::new(world.transform()));
    let alone = run(&mut one);
    same(&alone, &run(&mut two), "an instance made before another was used")?;
    same(
        &alone,
        &run(&mut TransformHarness::new(world.transform())),
        "an instance made after another was used",
    )
}

/// Two streams that alternate give what each gives alone.
pub async fn streams_are_independent<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let samples = world.samples();
    let run = |streams: &[&str]| {
        let mut harness = TransformHarness::new(world.transform());
        let mut out = Vec::new();
        let mut position = 0;
        for sample in &samples {
            for stream in streams {
                let batch = batch_of(stream, std::slice::from_ref(sample), position);
                out.extend(harness.batch(batch).batch.iter().map(|e| line_of(e, streams[0])));
            }
            position += 1_000;
        }
        out.extend(harness.drain().batch.iter().map(|e| line_of(e, streams[0])));
        out.into_iter().flatten().collect::<Vec<_>>()
    };
    let (mut alone, mut mixed) = (run(&["one"]), run(&["one", "two"]));
    alone.sort();
    mixed.sort();
    same(&alone, &mixed, "a stream alone, and beside another one")
}

/// Every event that leaves is of a type that `schemas` declares, its fields are declared and of the declared types,
/// and the batch carries the same schema.
pub async fn schema_says_what_is_emitted<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let mut harness = TransformHarness::new(world.transform());
    let declared = harness.transform().schemas(&world.input_schemas());
    let mut input = batch(&world.samples(), 0);
    input.attach_schemas(&world.input_schemas());
    let batches = [harness.batch(input).batch, harness.drain().batch];
    for event in batches.iter().flat_map(Batch::iter) {
        let name = event.event_type();
        let known = || declared.iter().map(|s| s.name.as_ref()).collect::<Vec<_>>().join("`, `");
        let schema = declared.iter().find(|s| s.name == name);
        let schema =
            schema.ok_or_else(|| format!("an event of type `{name}` leaves; declared are `{}`", known()))?;
        let carried = event.schema().ok_or("an event has no schema")?;
        ensure(carried == schema, || {
            format!("the batch carries another schema of `{name}` than the declared one")
        })?;
        for (field, value) in event.fields() {
            let Some(declared) = schema.get(field) else {
                let open = schema.fields.is_empty() || world.has_open_schemas();
                ensure(open, || format!("`{name}` has the field `{field}`, which its schema does not name"))?;
                continue;
            };
            ensure(is_of(value, declared.value_type), || {
                let (is, value) = (declared.value_type.name(), value.to_value());
                format!("`{name}.{field}` is declared as {is} and holds {value:?}")
            })?;
        }
    }
    Ok(())
}

/// Stopped behind any event, and taken up by a new instance from the snapshot and the oldest event that was not
/// settled: the output is the same.
pub async fn snapshot_restores_at_any_point<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let samples = world.samples();
    let whole = Restartable::new(&world).run(&samples, 0, None)?.finish()?;
    for split in 0..=samples.len() {
        let first = Restartable::new(&world).run(&samples[..split], 0, None)?;
        let (resume, state, before) = first.stop();
        let second = Restartable::new(&world).run(&samples[resume..], resume, state)?.finish()?;
        let what = format!("stopped behind {split} events and restored at {resume}");
        if resume == split {
            same(&whole, &[before, second].concat(), &what)?;
        } else {
            // What was not settled comes again, so there may be duplicates.
            ensure_all(&whole, &[before, second].concat(), &what)?;
        }
    }
    Ok(())
}

/// However the input is cut into batches, the output is the same.
pub async fn batch_boundaries_do_not_matter<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let samples = world.samples();
    let run = |size: usize| {
        let mut harness = TransformHarness::new(world.transform());
        let (mut out, mut position) = (Vec::new(), 0);
        for chunk in samples.chunks(size.max(1)) {
            let batch = batch(chunk, position);
            position += batch.base().len() as u64;
            let run = harness.batch(batch);
            out.extend(shown(&run.out));
            out.extend(run.rejected.iter().map(|r| format!("rejected {:?} {:?}", r.reason, r.raw)));
        }
        out.extend(shown(&harness.drain().out));
        out.sort();
        out
    };
    let whole = run(samples.len());
    for size in [1, 2, 3, 7] {
        same(&whole, &run(size), &format!("in one batch, and in batches of {size}"))?;
    }
    Ok(())
}

/// When what has left is settled and the rest is flushed, every batch has settled, and none was abandoned.
pub async fn every_token_resolves<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let mut harness = TransformHarness::new(world.transform());
    let mut position = 0;
    for chunk in world.samples().chunks(2) {
        let batch = batch(chunk, position);
        position += batch.base().len() as u64;
        harness.batch(batch);
    }
    harness.drain();
    for (n, outcome) in harness.outcomes().into_iter().enumerate() {
        let outcome = outcome.ok_or_else(|| format!("batch {n} has not settled after the last flush"))?;
        ensure(outcome.is_settled(), || {
            format!("the acknowledgement of batch {n} was dropped: {outcome:?}")
        })?;
    }
    Ok(())
}

/// It fails behind its work, by an error and by a panic: the driver dead-letters the batch's events with their raw
/// text, makes a new instance and goes on.
pub async fn failure_dead_letters_the_raw_text<F: TransformFixture>(make: impl Fn() -> F) -> Verdict {
    for panics in [false, true] {
        let world = Arc::new(make());
        let samples = world.samples();
        let input = [batch(&samples, 0), batch(&samples, 1 << 20)];
        let raws = |b: &Batch| -> Vec<String> {
            b.iter()
                .map(|e| String::from_utf8_lossy(e.raw()).into_owned())
                .filter(|r| !r.is_empty())
                .collect()
        };
        let failing = raws(&input[0]);
        let log = MockLog::of(input);
        let failed = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let factory = {
            let (world, failed) = (world.clone(), failed.clone());
            move || FailOnce { inner: world.transform(), failed: failed.clone(), panics }
        };
        let ((sink, _), (letters, dead)) = (MockSink::new(), MockSink::new());
        let ports = world.transform().ports();
        let mut builder =
            Pipeline::builder().source("source", log.source()).transform("transform", "source", factory);
        let (shared, inputs) = (Arc::new(sink), ports.iter().map(|p| format!("transform.{p}")));
        builder = builder.sink("sink", inputs.collect::<Vec<_>>(), shared);
        let pipeline = harness::paused(builder).dead_letters(letters).build().expect("a valid pipeline");
        let result = pipeline.run(std::future::pending()).await;
        ensure(result.is_ok(), || format!("the pipeline failed: {result:?}"))?;
        let how = if panics { "a panic" } else { "an error" };
        let letters = dead.events();
        ensure(letters.len() >= samples.len(), || {
            format!(
                "{} events were in a batch that ended with {how}, and there are {} dead letters",
                samples.len(),
                letters.len()
            )
        })?;
        ensure_all(
            &failing,
            &harness::raws(&letters),
            &format!("raw texts in the dead letters after {how}"),
        )?;
        let outcomes = log.outcomes();
        ensure(outcomes.iter().all(|o| o.is_some_and(Outcome::is_settled)), || {
            format!("after {how} not everything has settled: {outcomes:?}")
        })?;
        ensure(log.sends() == [1, 1], || format!("after {how} batches were sent again: {:?}", log.sends()))?;
    }
    Ok(())
}

/// Fails behind the work of the first call.
struct FailOnce {
    inner: Box<dyn Transform>,
    failed: Arc<std::sync::atomic::AtomicBool>,
    panics: bool,
}

impl Transform for FailOnce {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        self.inner.transform(batch)?;
        match self.failed.swap(true, std::sync::atomic::Ordering::Relaxed) {
            true => Ok(()),
            false if self.panics => panic!("a fault: panic behind the work"),
            false => Err(TransformError::new("a fault: failed behind the work")),
        }
    }
    fn ports(&self) -> Vec<String> {
        self.inner.ports()
    }
}

/// A run that can be stopped behind each event.
struct Restartable {
    transform: Box<dyn Transform>,
    out: Vec<String>,
    /// For each event: its receipt and where its output begins.
    sent: Vec<(dendro_core::Receipt, usize)>,
    snapshots: Vec<Option<Vec<u8>>>,
    beginning: usize,
}

const STREAM: &str = "stream";

impl Restartable {
    fn new(world: &impl TransformFixture) -> Self {
        let (out, sent, snapshots) = (Vec::new(), Vec::new(), Vec::new());
        Self { transform: world.transform(), out, sent, snapshots, beginning: 0 }
    }

    fn run(mut self, samples: &[Sample], beginning: usize, state: Option<Vec<u8>>) -> Result<Self, String> {
        self.beginning = beginning;
        if let Some(state) = state {
            let restored = self.transform.restore(STREAM, &state);
            restored.map_err(|e| format!("it does not take up its own snapshot: {e}"))?;
        }
        for (n, sample) in samples.iter().enumerate() {
            // Positions by number, so that they are the same after a restart.
            let mut batch = batch_of(STREAM, std::slice::from_ref(sample), (beginning + n) as u64 * 1_000);
            let (token, receipt) = acknowledgement();
            batch.add_acks(Acks::from(token));
            self.transform.transform(&mut batch).map_err(|e| format!("it failed: {e}"))?;
            self.sent.push((receipt, self.out.len()));
            self.take(batch);
            self.snapshots.push(self.transform.snapshot(STREAM));
        }
        Ok(self)
    }

    fn take(&mut self, mut batch: Batch) {
        self.out.extend(batch.iter().map(|e| format!("{} {:?} {:?}", e.port(), e.to_event(), e.raw())));
        batch.take_acks().resolve(Outcome::Delivered);
    }

    fn finish(mut self) -> Result<Vec<String>, String> {
        let mut out = Batch::default();
        let flushed = self.transform.flush(FlushReason::Drain, batches::OBSERVED, &mut out);
        flushed.map_err(|e| format!("its flush failed: {e}"))?;
        self.take(out);
        Ok(self.out)
    }

    /// Where to resume, with which state, and what has come out so far.
    fn stop(self) -> (usize, Option<Vec<u8>>, Vec<String>) {
        let settled = |s: Settlement| s.outcome.is_settled();
        let all = self.sent.len();
        let unsettled = self.sent.into_iter().position(|(mut r, _)| !r.try_settle().is_some_and(settled));
        let at = unsettled.unwrap_or(all);
        let state = at.checked_sub(1).and_then(|before| self.snapshots[before].clone());
        (self.beginning + at, state, self.out)
    }
}

/// A schema without fields for each type that occurs.
fn plain_schemas(samples: &[Sample]) -> Vec<Arc<Schema>> {
    let mut schemas: Vec<Arc<Schema>> = Vec::new();
    for sample in samples {
        let name = match sample {
            Sample::Line(_) => batches::RECORD_TYPE,
            Sample::Event(event) => &event.event_type,
        };
        if !schemas.iter().any(|s| s.name == name) {
            schemas.push(Arc::new(Schema::new(name.to_owned())));
        }
    }
    schemas
}

fn batch(samples: &[Sample], position: u64) -> Batch {
    batch_of(STREAM, samples, position)
}

fn batch_of(stream: &str, samples: &[Sample], position: u64) -> Batch {
    let lines: Option<Vec<&[u8]>> = samples
        .iter()
        .map(|s| match s {
            Sample::Line(line) => Some(&line[..]),
            Sample::Event(_) => None,
        })
        .collect();
    if let Some(lines) = lines {
        return batches::lines(stream, position, lines);
    }
    let events = samples.iter().map(|s| match s {
        Sample::Event(event) => event.clone(),
        Sample::Line(line) => {
            Event::new(batches::RECORD_TYPE).with("message", ValueRef::from(&line[..]).to_value())
        }
    });
    batches::events(stream, &events.collect::<Vec<_>>())
}

fn at_the_end_of_a_full_base(line: &[u8]) -> Batch {
    let mut base = vec![b'\n'; dendro_core::batch::MAX_SECTION_BYTES];
    let start = base.len() - line.len();
    base[start..].copy_from_slice(line);
    let mut full = Batch::new(Bytes::from(base)).expect("no more than the cap");
    let plain = batches::lines(STREAM, 0, [b"x"]);
    let ty = full.add_type(&plain.schemas()[0]).expect("room for a type");
    let origin = full.add_origin(&plain.origins()[0]).expect("room for an origin");
    let row = RecordRow { ty, origin, observed: batches::OBSERVED };
    full.push_record(start..start + line.len(), start as u64, row);
    full
}

fn succeeded(run: &TransformRun) -> Verdict {
    run.error.as_ref().map_or(Ok(()), |e| Err(format!("it failed: {e}")))
}

/// That it did not fail, and that no fewer events are known of than went in.
fn accounted(run: &TransformRun, events: usize) -> Verdict {
    succeeded(run)?;
    let known = run.out.len() + run.rejected.len() + run.filtered;
    ensure(known >= events, || format!("{events} events went in, and {known} are known of"))
}

fn shown(out: &[OutEvent]) -> Vec<String> {
    out.iter().map(|o| format!("{} {:?} {:?} at {}", o.port, o.event, o.raw, o.position)).collect()
}

/// An event of this stream as text; what has no stream counts for each.
fn line_of(event: dendro_core::EventRef<'_>, stream: &str) -> Option<String> {
    let of = event.origin().and_then(|o| o.stream.as_deref());
    of.is_none_or(|of| of == stream)
        .then(|| format!("{} {:?} {:?}", event.port(), event.to_event(), event.raw()))
}

fn same(one: &[String], other: &[String], what: &str) -> Verdict {
    let differs = one.iter().zip(other).find(|(a, b)| a != b);
    match differs {
        Some((a, b)) => Err(format!("{what}, differ:\n  {a}\n  {b}")),
        None => ensure(one.len() == other.len(), || {
            format!("{what}: {} events against {}", one.len(), other.len())
        }),
    }
}

fn is_of(value: ValueRef<'_>, ty: ValueType) -> bool {
    match value.to_value() {
        Value::Null => true,
        Value::Bool(_) => matches!(ty, ValueType::Bool | ValueType::Any),
        Value::I64(_) => matches!(ty, ValueType::I64 | ValueType::Any),
        Value::U64(_) => matches!(ty, ValueType::U64 | ValueType::Any),
        Value::F64(_) => matches!(ty, ValueType::F64 | ValueType::Any),
        Value::Timestamp(_) => matches!(ty, ValueType::Timestamp | ValueType::Any),
        Value::Duration(_) => matches!(ty, ValueType::Duration | ValueType::Any),
        Value::Str(_) => matches!(ty, ValueType::Str | ValueType::Any),
        // Text that is not UTF-8 is kept as bytes.
        Value::Bytes(_) => matches!(ty, ValueType::Bytes | ValueType::Str | ValueType::Any),
        Value::Array(_) => matches!(ty, ValueType::Array | ValueType::Any),
        Value::Object(_) => matches!(ty, ValueType::Object | ValueType::Any),
        Value::Histogram(_) => matches!(ty, ValueType::Histogram | ValueType::Any),
        Value::Sketch(_) => matches!(ty, ValueType::Sketch | ValueType::Any),
        _ => ty == ValueType::Any,
    }
}
