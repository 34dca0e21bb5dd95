//! What a histogram's observations are counted in, without a lock and in bounded memory.

use std::sync::atomic::{AtomicU64, Ordering};

use dendro_core::distribution::{Histogram, Sketch};
use metrics::HistogramFn;

/// Eight buckets for each doubling: a relative error of at most 4.4%.
const SCALE: i32 = 3;
const PER_DOUBLING: f64 = 8.0;
/// From 2^-30 (a nanosecond, in seconds) to 2^40 (a tebibyte, in bytes). What is beyond falls to the outermost bucket.
const FIRST: i32 = -30 * 8;
const BUCKETS: usize = 70 * 8;

pub(super) struct Distribution {
    shape: Shape,
    counts: Box<[AtomicU64]>,
    zero: AtomicU64,
    sum: AtomicU64,
}

enum Shape {
    Exponential,
    Bounds(Box<[f64]>),
}

/// What a distribution held at one moment.
pub(super) enum Observed {
    Sketch(Sketch),
    Histogram(Histogram),
}

impl Distribution {
    pub(super) fn exponential() -> Self {
        Self::new(Shape::Exponential, BUCKETS)
    }

    pub(super) fn with_bounds(bounds: &[f64]) -> Self {
        Self::new(Shape::Bounds(bounds.into()), bounds.len() + 1)
    }

    fn new(shape: Shape, buckets: usize) -> Self {
        let counts = (0..buckets).map(|_| AtomicU64::new(0)).collect();
        Self { shape, counts, zero: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    /// How many observations there are; cheaper than to [`read`](Self::read) it.
    pub(super) fn count(&self) -> u64 {
        let counts = self.counts.iter().map(|c| c.load(Ordering::Relaxed));
        counts.fold(self.zero.load(Ordering::Relaxed), u64::wrapping_add)
    }

    pub(super) fn read(&self) -> Option<Observed> {
        let counts: Vec<u64> = self.counts.iter().map(|c| c.load(Ordering::Relaxed)).collect();
        let sum = f64::from_bits(self.sum.load(Ordering::Relaxed));
        match &self.shape {
            Shape::Bounds(bounds) => Histogram::new(bounds, &counts, sum).map(Observed::Histogram),
            Shape::Exponential => {
                let first = counts.iter().position(|c| *c > 0).unwrap_or(0);
                let end = counts.iter().rposition(|c| *c > 0).map_or(first, |last| last + 1);
                let zero = self.zero.load(Ordering::Relaxed);
                Sketch::new(SCALE, zero, sum, FIRST + first as i32, &counts[first..end]).map(Observed::Sketch)
            }
        }
    }

    fn add(&self, value: f64, count: u64) {
        if !value.is_finite() {
            return;
        }
        let bucket = match &self.shape {
            Shape::Bounds(bounds) => self.counts.get(bounds.partition_point(|bound| *bound < value)),
            Shape::Exponential if value <= 0.0 => Some(&self.zero),
            Shape::Exponential => {
                // Bucket i holds what is above 2^(i/8), up to and with 2^((i+1)/8).
                let index = (value.log2() * PER_DOUBLING).ceil() as i32 - 1 - FIRST;
                self.counts.get((index.max(0) as usize).min(BUCKETS - 1))
            }
        };
        if let Some(bucket) = bucket {
            bucket.fetch_add(count, Ordering::Relaxed);
        }
        let add = value * count as f64;
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |sum| {
            Some((f64::from_bits(sum) + add).to_bits())
        });
    }
}

impl Observed {
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Sketch(sketch) => sketch.count(),
            Self::Histogram(histogram) => histogram.count(),
        }
    }

    pub(super) fn sum(&self) -> f64 {
        match self {
            Self::Sketch(sketch) => sketch.sum(),
            Self::Histogram(histogram) => histogram.sum(),
        }
    }
}

impl HistogramFn for Distribution {
    fn record(&self, value: f64) {
        self.add(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.add(value, count as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(values: &[f64]) -> Sketch {
        let d = Distribution::exponential();
        values.iter().for_each(|v| d.record(*v));
        assert_eq!(d.count(), d.read().map_or(0, |o| o.count()));
        match d.read() {
            Some(Observed::Sketch(sketch)) => sketch,
            _ => panic!("no sketch"),
        }
    }

    #[test]
    fn bounds_of_buckets_are_inclusive_above() {
        for power in [-29i32, -1, 0, 1, 10, 39] {
            let s = sketch(&[2f64.powi(power)]);
            assert_eq!((s.offset(), s.counts()), (power * 8 - 1, vec![1]), "2^{power}");
        }
        let d = Distribution::with_bounds(&[1.0, 2.0]);
        [0.5, 1.0, 1.5, 2.0, 9.0, -1.0].iter().for_each(|v| d.record(*v));
        let Some(Observed::Histogram(h)) = d.read() else { panic!("no histogram") };
        assert_eq!((h.counts(), h.sum()), (vec![3, 2, 1], 13.0));
    }

    #[test]
    fn quantiles_are_within_the_promised_error() {
        for unit in [1e-6, 1.0, 1e6] {
            let values: Vec<f64> = (1..=10_000).map(|n| f64::from(n) * unit).collect();
            let s = sketch(&values);
            for q in [0.01, 0.5, 0.9, 0.999] {
                let exact = q * 10_000.0 * unit;
                let got = s.quantile(q).unwrap_or_default();
                assert!((got - exact).abs() / exact < 0.045, "{q}: {got} for {exact}");
            }
            assert!((s.sum() / (50_005_000.0 * unit) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_out_of_range_is_counted_at_the_ends_and_what_is_no_number_is_not() {
        let s = sketch(&[0.0, -3.0, 1e-300, 1e300, f64::NAN, f64::INFINITY]);
        assert_eq!((s.zero_count(), s.count()), (2, 4));
        assert_eq!(s.counts().len(), BUCKETS);
        assert_eq!(sketch(&[]).count(), 0);
    }
}
