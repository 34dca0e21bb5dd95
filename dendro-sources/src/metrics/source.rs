//! The source that samples the registry.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dendro_core::{
    Batch, BatchFull, FieldSchema, Output, Receipts, Schema, Source, SourceContext, SourceError, Timestamp,
    ValueRef, ValueType,
};
use metrics::Key;
use tokio::time::{Instant, MissedTickBehavior};

use super::distribution::Observed;
use super::recorder::{MetricsRecorder, Shared};

const BATCH_EVENTS: usize = 4_096;
/// The names of our fields, which no label may hide.
const NAMES: [&str; 8] = ["metric", "unit", "counter", "gauge", "count", "sum", "sketch", "histogram"];
/// Label names beyond these are not published as dimensions.
const MAX_LABEL_NAMES: usize = 512;

/// Samples what its [`MetricsRecorder`]s collect; see the [module](super).
///
/// The first sample comes after one interval, the last one when the pipeline stops. While the pipeline is full, samples
/// are left out; nothing is lost by that, since counters and distributions are cumulative. It can't replay, for the
/// same reason.
#[must_use]
pub struct MetricsSource {
    shared: Arc<Shared>,
    interval: Duration,
    idle: Option<Duration>,
    schema: Arc<Schema>,
    labels: BTreeSet<String>,
}

impl MetricsSource {
    /// Samples at this interval, of at least one millisecond.
    pub fn new(interval: Duration) -> Self {
        Self {
            shared: Arc::new(Shared::new()),
            interval: interval.max(Duration::from_millis(1)),
            idle: None,
            schema: Arc::new(schema()),
            labels: BTreeSet::new(),
        }
    }

    /// Counts the observations of the histograms of this name by explicit upper bounds, which are inclusive and are
    /// sorted here. For series that are registered after this call.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use dendro_sources::metrics::MetricsSource;
    /// let source = MetricsSource::new(Duration::from_secs(10)).bounds("request_seconds", &[0.01, 0.1, 1.0]);
    /// # drop(source);
    /// ```
    pub fn bounds(self, name: impl Into<String>, bounds: &[f64]) -> Self {
        let mut sorted: Vec<f64> = bounds.iter().copied().filter(|bound| !bound.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        self.shared.set_bounds(name.into(), sorted);
        self
    }

    /// Forgets a series that has not changed for this long and that nobody has a handle of (as with `counter!(…)` used
    /// in place). If it comes again, its counter begins at zero. Without this, series are kept for ever.
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// The recorder to install. It collects from now on, before and after the pipeline runs.
    pub fn recorder(&self) -> MetricsRecorder {
        MetricsRecorder { shared: self.shared.clone() }
    }
}

#[async_trait]
impl Source for MetricsSource {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let began = Instant::now();
        let mut receipts = Receipts::new();
        let mut ticks = tokio::time::interval_at(began + self.interval, self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut stopping = false;
        while !stopping {
            tokio::select! {
                biased;
                () = cx.stopping() => stopping = true,
                _ = receipts.next() => continue,
                _ = ticks.tick() => {}
            }
            let now_nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            for batch in self.sample(&cx, now_nanos)? {
                receipts.push(out.send(batch).await?, ());
            }
            self.forget_idle(now_nanos);
        }
        receipts.drain(out, |(), _| {}).await;
        Ok(())
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.schema.clone()]
    }
}

impl MetricsSource {
    fn sample(&mut self, cx: &SourceContext, now_nanos: u64) -> Result<Vec<Batch>, BatchFull> {
        let shared = self.shared.clone();
        let registry = &shared.registry;
        self.learn_labels(&shared);
        let mut sample =
            Sample { cx, shared: &shared, schema: &self.schema, now: cx.now(), done: Vec::new(), open: None };
        let mut result = Ok(());
        registry.visit_counters(|key, cell| {
            let value = cell.value().load(Ordering::Relaxed);
            cell.note(value, now_nanos);
            note(&mut result, sample.add(key, &[("counter", ValueRef::U64(value))]));
        });
        registry.visit_gauges(|key, cell| {
            let bits = cell.value().load(Ordering::Relaxed);
            cell.note(bits, now_nanos);
            note(&mut result, sample.add(key, &[("gauge", ValueRef::F64(f64::from_bits(bits)))]));
        });
        registry.visit_histograms(|key, cell| {
            let Some(observed) = cell.value().read() else { return };
            cell.note(observed.count(), now_nanos);
            let distribution = match &observed {
                Observed::Sketch(sketch) => ("sketch", ValueRef::Sketch(sketch.encode())),
                Observed::Histogram(histogram) => ("histogram", ValueRef::Histogram(histogram.encode())),
            };
            let count = ("count", ValueRef::U64(observed.count()));
            note(
                &mut result,
                sample.add(key, &[count, ("sum", ValueRef::F64(observed.sum())), distribution]),
            );
        });
        result?;
        Ok(sample.finish())
    }

    /// Publishes the names of labels that are new as dimensions.
    fn learn_labels(&mut self, shared: &Shared) {
        let before = self.labels.len();
        let labels = &mut self.labels;
        let mut learn = |key: &Key| {
            for label in key.labels() {
                if labels.len() < MAX_LABEL_NAMES && !labels.contains(label.key()) {
                    labels.insert(label.key().to_owned());
                }
            }
        };
        shared.registry.visit_counters(|key, _| learn(key));
        shared.registry.visit_gauges(|key, _| learn(key));
        shared.registry.visit_histograms(|key, _| learn(key));
        if self.labels.len() > before {
            let dimensions =
                self.labels.iter().map(|name| FieldSchema::dimension(field_name(name), ValueType::Str));
            self.schema = Arc::new(dimensions.fold(schema(), Schema::field));
        }
    }

    fn forget_idle(&self, now_nanos: u64) {
        let Some(idle) = self.idle else { return };
        let idle = u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX);
        let registry = &self.shared.registry;
        registry
            .retain_counters(|_, cell| !cell.is_idle(cell.value().load(Ordering::Relaxed), now_nanos, idle));
        registry
            .retain_gauges(|_, cell| !cell.is_idle(cell.value().load(Ordering::Relaxed), now_nanos, idle));
        registry.retain_histograms(|_, cell| !cell.is_idle(cell.value().count(), now_nanos, idle));
    }
}

impl std::fmt::Debug for MetricsSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsSource")
            .field("interval", &self.interval)
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

/// The batches of one sample.
struct Sample<'a> {
    cx: &'a SourceContext,
    shared: &'a Shared,
    schema: &'a Arc<Schema>,
    now: Timestamp,
    done: Vec<Batch>,
    open: Option<(Batch, u16, u16)>,
}

impl Sample<'_> {
    fn add(&mut self, key: &Key, values: &[(&str, ValueRef<'_>)]) -> Result<(), BatchFull> {
        if self.open.as_ref().is_some_and(|(batch, ..)| batch.len() >= BATCH_EVENTS) {
            self.close();
        }
        let first = self.try_add(key, values);
        if first.is_ok() || !self.close() {
            return first;
        }
        self.try_add(key, values)
    }

    fn try_add(&mut self, key: &Key, values: &[(&str, ValueRef<'_>)]) -> Result<(), BatchFull> {
        let (batch, ty, origin) = match &mut self.open {
            Some(open) => open,
            None => {
                let mut batch = self.cx.pool().batch(Bytes::new())?;
                let (ty, origin) = (batch.add_type(self.schema)?, batch.add_origin(&self.cx.origin(None))?);
                self.open.insert((batch, ty, origin))
            }
        };
        let before = batch.end_index();
        let mut event = batch.push_event(*ty, *origin, self.now);
        event.set_time(Some(self.now));
        if key.name().starts_with("dendro_") {
            event.mark_self();
        }
        let mut fill = || {
            event.insert("metric", key.name())?;
            if let Some(unit) = self.shared.unit(key.name()) {
                event.insert("unit", unit)?;
            }
            for label in key.labels() {
                event.insert(&field_name(label.key()), label.value())?;
            }
            values.iter().try_for_each(|(name, value)| event.insert(name, *value))
        };
        let filled = fill();
        if filled.is_err() {
            batch.revert(before);
        }
        filled
    }

    /// Says whether there was anything in the open batch.
    fn close(&mut self) -> bool {
        let closed = self.open.take().map(|(batch, ..)| batch).filter(|batch| !batch.is_empty());
        let any = closed.is_some();
        self.done.extend(closed);
        any
    }

    fn finish(mut self) -> Vec<Batch> {
        self.close();
        self.done
    }
}

/// Keeps the first error.
fn note(result: &mut Result<(), BatchFull>, next: Result<(), BatchFull>) {
    if result.is_ok() {
        *result = next;
    }
}

fn field_name(label: &str) -> std::borrow::Cow<'static, str> {
    match NAMES.contains(&label) {
        true => format!("label_{label}").into(),
        false => label.to_owned().into(),
    }
}

fn schema() -> Schema {
    Schema::new("metric")
        .doc("One series of the application's metrics at one moment; its labels are fields of their own.")
        .field(FieldSchema::dimension("metric", ValueType::Str).doc("The name of the metric."))
        .field(FieldSchema::attribute("unit", ValueType::Str).doc("The unit of its values, in UCUM."))
        .field(FieldSchema::cumulative("counter", ValueType::U64).doc("A counter's value."))
        .field(FieldSchema::gauge("gauge", ValueType::F64).doc("A gauge's value."))
        .field(FieldSchema::cumulative("count", ValueType::U64).doc("How much a histogram has observed."))
        .field(FieldSchema::cumulative("sum", ValueType::F64).doc("The sum of what it has observed."))
        .field(
            FieldSchema::cumulative("sketch", ValueType::Sketch)
                .doc("The distribution of what it has observed, in exponential buckets."),
        )
        .field(
            FieldSchema::cumulative("histogram", ValueType::Histogram)
                .doc("The distribution of what it has observed, by the bounds that were given."),
        )
}
