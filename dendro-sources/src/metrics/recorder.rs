//! The recorder and the registry behind it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use metrics_util::registry::{Registry, Storage};

use super::distribution::Distribution;

/// Collects for its [`MetricsSource`](super::MetricsSource): what the application installs with
/// `metrics::set_global_recorder`, or uses with `metrics::with_local_recorder`. Clones collect into the same registry.
///
/// An update of a series is an atomic operation or two. Histograms take about 4.5 KiB each, however much is observed;
/// negative observations count as zeros, infinite ones and NaN not at all.
#[derive(Clone)]
pub struct MetricsRecorder {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) registry: Registry<Key, Series>,
    units: RwLock<HashMap<String, Unit>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self { registry: Registry::new(Series::default()), units: RwLock::default() }
    }

    /// The bounds for histograms of this name that are not there yet.
    pub(super) fn set_bounds(&self, name: String, bounds: Vec<f64>) {
        self.registry.storage().bounds.write().unwrap_or_else(PoisonError::into_inner).insert(name, bounds);
    }

    pub(super) fn unit(&self, name: &str) -> Option<&'static str> {
        self.units.read().unwrap_or_else(PoisonError::into_inner).get(name).map(ucum)
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>) {
        if let Some(unit) = unit {
            self.units.write().unwrap_or_else(PoisonError::into_inner).insert(name.as_str().to_owned(), unit);
        }
    }
}

impl Recorder for MetricsRecorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.shared.describe(&key, unit);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.shared.describe(&key, unit);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.shared.describe(&key, unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.shared.registry.get_or_create_counter(key, |cell| Counter::from_arc(cell.0.clone()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.shared.registry.get_or_create_gauge(key, |cell| Gauge::from_arc(cell.0.clone()))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.shared.registry.get_or_create_histogram(key, |cell| Histogram::from_arc(cell.0.clone()))
    }
}

impl std::fmt::Debug for MetricsRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsRecorder").finish_non_exhaustive()
    }
}

/// Makes the cells of new series.
#[derive(Default)]
pub(super) struct Series {
    bounds: RwLock<HashMap<String, Vec<f64>>>,
}

impl Storage<Key> for Series {
    type Counter = Cell<AtomicU64>;
    type Gauge = Cell<AtomicU64>;
    type Histogram = Cell<Distribution>;

    fn counter(&self, _: &Key) -> Self::Counter {
        Cell::new(AtomicU64::new(0))
    }

    fn gauge(&self, _: &Key) -> Self::Gauge {
        Cell::new(AtomicU64::new(0f64.to_bits()))
    }

    fn histogram(&self, key: &Key) -> Self::Histogram {
        let bounds = self.bounds.read().unwrap_or_else(PoisonError::into_inner);
        let exponential = Distribution::exponential;
        Cell::new(bounds.get(key.name()).map_or_else(exponential, |bounds| Distribution::with_bounds(bounds)))
    }
}

/// A series' value, and what is known of its changes.
pub(super) struct Cell<T>(Arc<T>, Arc<Activity>);

/// When a series was seen to change.
#[derive(Default)]
pub(super) struct Activity {
    mark: AtomicU64,
    changed_nanos: AtomicU64,
    seen: AtomicBool,
}

impl<T> Cell<T> {
    fn new(value: T) -> Self {
        Self(Arc::new(value), Arc::default())
    }

    pub(super) fn value(&self) -> &T {
        &self.0
    }

    /// Notes that the series is at `mark` now: something that changes with its value.
    pub(super) fn note(&self, mark: u64, now_nanos: u64) {
        let activity = &self.1;
        let is_new = !activity.seen.swap(true, Ordering::Relaxed);
        if activity.mark.swap(mark, Ordering::Relaxed) != mark || is_new {
            activity.changed_nanos.store(now_nanos, Ordering::Relaxed);
        }
    }

    /// Whether it has not changed since it was noted last and for this long, and nobody has a handle of it. To be asked
    /// while the registry is locked, so that nobody can get one.
    pub(super) fn is_idle(&self, mark: u64, now_nanos: u64, idle_nanos: u64) -> bool {
        let activity = &self.1;
        let since = activity.changed_nanos.load(Ordering::Relaxed);
        Arc::strong_count(&self.0) == 1
            && activity.seen.load(Ordering::Relaxed)
            && activity.mark.load(Ordering::Relaxed) == mark
            && now_nanos.saturating_sub(since) >= idle_nanos
    }
}

impl<T> Clone for Cell<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), self.1.clone())
    }
}

impl CounterFn for Cell<AtomicU64> {
    fn increment(&self, value: u64) {
        CounterFn::increment(&*self.0, value);
    }

    fn absolute(&self, value: u64) {
        CounterFn::absolute(&*self.0, value);
    }
}

impl GaugeFn for Cell<AtomicU64> {
    fn increment(&self, value: f64) {
        GaugeFn::increment(&*self.0, value);
    }

    fn decrement(&self, value: f64) {
        GaugeFn::decrement(&*self.0, value);
    }

    fn set(&self, value: f64) {
        GaugeFn::set(&*self.0, value);
    }
}

impl HistogramFn for Cell<Distribution> {
    fn record(&self, value: f64) {
        self.0.record(value);
    }
}

/// A unit as UCUM writes it.
fn ucum(unit: &Unit) -> &'static str {
    match unit {
        Unit::Count => "1",
        Unit::Percent => "%",
        Unit::Seconds => "s",
        Unit::Milliseconds => "ms",
        Unit::Microseconds => "us",
        Unit::Nanoseconds => "ns",
        Unit::Tebibytes => "TiBy",
        Unit::Gibibytes => "GiBy",
        Unit::Mebibytes => "MiBy",
        Unit::Kibibytes => "KiBy",
        Unit::Bytes => "By",
        Unit::TerabitsPerSecond => "Tbit/s",
        Unit::GigabitsPerSecond => "Gbit/s",
        Unit::MegabitsPerSecond => "Mbit/s",
        Unit::KilobitsPerSecond => "kbit/s",
        Unit::BitsPerSecond => "bit/s",
        Unit::CountPerSecond => "1/s",
    }
}
