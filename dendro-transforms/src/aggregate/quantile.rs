//! Quantiles with a bounded relative error, from counts in exponential buckets.

use dendro_core::distribution::Sketch;

use crate::wire::{Reader, Writer};

/// How many powers of two the buckets may span. Beyond that the lowest ones become one.
const OCTAVES: usize = 64;
/// The finest scale: 65,536 buckets at most.
const FINEST: i32 = 10;

fn max_buckets(scale: i32) -> usize {
    OCTAVES << scale.clamp(0, FINEST)
}

/// Counts of observations in exponential buckets, as [`Sketch`] lays them out; two of one scale merge by adding.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Buckets {
    zeros: u64,
    sum: f64,
    offset: i32,
    counts: Vec<u64>,
}

/// The coarsest scale whose relative error is no more than this.
pub(super) fn scale_for(error: f64) -> i32 {
    let error_of = |scale: i32| {
        let base = 2f64.powf(2f64.powi(-scale));
        (base - 1.0) / (base + 1.0)
    };
    (0..=FINEST).find(|scale| error_of(*scale) <= error).unwrap_or(FINEST)
}

impl Buckets {
    /// Whether it was taken: it is finite and not negative.
    #[inline]
    pub(super) fn add(&mut self, value: f64, scale: i32) -> bool {
        if !(0.0..f64::INFINITY).contains(&value) {
            return false;
        }
        self.sum += value;
        if value == 0.0 {
            self.zeros += 1;
            return true;
        }
        // Bucket i holds what is above base^i and not above base^(i + 1).
        let index = (value.log2() * f64::from(1 << scale)).ceil() as i32 - 1;
        self.add_count(index, 1, max_buckets(scale));
        true
    }

    fn add_count(&mut self, index: i32, count: u64, max: usize) {
        if self.counts.is_empty() {
            self.offset = index;
        }
        let lowest = index - (max as i32 - 1);
        if lowest > self.offset {
            let over = ((lowest - self.offset) as usize).min(self.counts.len());
            let low = self.counts.drain(..over).fold(0, u64::saturating_add);
            self.offset = lowest;
            match self.counts.first_mut() {
                Some(first) => *first = first.saturating_add(low),
                None => self.counts.push(low),
            }
        }
        if index < self.offset {
            let room = max.saturating_sub(self.counts.len());
            let grow = ((self.offset - index) as usize).min(room);
            self.counts.splice(..0, std::iter::repeat_n(0, grow));
            self.offset -= grow as i32;
        }
        // What lies below all buckets goes to the lowest.
        let at = (index - self.offset).max(0) as usize;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] = self.counts[at].saturating_add(count);
    }

    pub(super) fn merge(&mut self, other: &Self, scale: i32) {
        self.zeros = self.zeros.saturating_add(other.zeros);
        self.sum += other.sum;
        for (i, count) in other.counts.iter().enumerate().filter(|(_, c)| **c > 0) {
            self.add_count(other.offset + i as i32, *count, max_buckets(scale));
        }
    }

    pub(super) fn sketch(&self, scale: i32) -> Option<Sketch> {
        Sketch::new(scale, self.zeros, self.sum, self.offset, &self.counts)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.zeros);
        out.put_f64(self.sum);
        out.put_i64(self.offset.into());
        out.put_count(self.counts.len());
        self.counts.iter().for_each(|c| out.put_u64(*c));
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let (zeros, sum, offset) = (reader.u64()?, reader.f64()?, reader.i32()?);
        let len = reader.count(1)?;
        // No finite float is in a bucket beyond these.
        if len > max_buckets(FINEST) || !(-(1 << 24)..1 << 24).contains(&offset) {
            return None;
        }
        let counts: Vec<u64> = (0..len).map(|_| reader.u64()).collect::<Option<_>>()?;
        let all = counts.iter().try_fold(zeros, |n, c| n.checked_add(*c))?;
        // So that adding to it never overflows.
        (all < 1 << 62).then_some(Self { zeros, sum, offset, counts })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(sorted: &[f64], q: f64) -> f64 {
        sorted[((q * (sorted.len() - 1) as f64) as usize).min(sorted.len() - 1)]
    }

    proptest! {
        #[test]
        fn quantiles_are_within_the_error_however_the_values_were_split(
            values in prop::collection::vec(prop_oneof![1e-6..1e6f64, Just(0.0), 1e-200..1e-190f64, 1.0..2.0f64], 1..300),
            error in 0.001..0.2f64, cut in 0usize..300,
        ) {
            let scale = scale_for(error);
            let (mut one, mut two) = (Buckets::default(), Buckets::default());
            for (i, value) in values.iter().enumerate() {
                let side = if i < cut { &mut one } else { &mut two };
                prop_assert!(side.add(*value, scale));
            }
            one.merge(&two, scale);
            let sketch = one.sketch(scale).unwrap();
            prop_assert_eq!(sketch.count(), values.len() as u64);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let top = sorted.last().copied().unwrap_or(0.0);
            for q in [0.0, 0.5, 0.9, 0.99, 1.0] {
                let (got, want) = (sketch.quantile(q).unwrap(), exact(&sorted, q));
                // What lies more than 64 powers of two below the greatest is one bucket.
                let within = (got - want).abs() <= want * (error + 1e-9) || want < top * 2f64.powi(-60);
                prop_assert!(within, "{q}: {got} for {want}");
            }
            let mut bytes = Vec::new();
            one.encode(&mut bytes);
            prop_assert_eq!(Buckets::decode(&mut Reader::new(&bytes)), Some(one));
        }
    }

    #[test]
    fn a_range_beyond_all_buckets_costs_the_low_end_and_no_more_memory() {
        let scale = scale_for(0.01);
        let mut buckets = Buckets::default();
        for value in [f64::MIN_POSITIVE, 5e-324, 1.0, f64::MAX] {
            assert!(buckets.add(value, scale));
        }
        assert!(buckets.counts.len() <= max_buckets(scale));
        let top = buckets.sketch(scale).unwrap().quantile(1.0).unwrap();
        assert!((top / f64::MAX - 1.0).abs() < 0.011 || top.is_infinite(), "{top}");
        for value in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(!buckets.add(value, scale));
        }
    }
}
