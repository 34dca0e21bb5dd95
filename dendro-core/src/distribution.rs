//! Many observations as one value: a histogram with explicit bounds, and an exponential sketch.
//!
//! Both keep themselves encoded (little-endian), which is how a batch and a frame hold them.

use std::fmt;

/// Counts of observations by explicit upper bounds, as a Prometheus or OpenTelemetry histogram.
///
/// `counts` has one entry more than `bounds`: the last one holds what is above every bound.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    encoded: Vec<u8>,
}

impl Histogram {
    /// From ascending `bounds` (inclusive upper ones), `counts` and the sum of what was observed.
    /// `None` if the counts are not one more than the bounds or the bounds do not ascend.
    pub fn new(bounds: &[f64], counts: &[u64], sum: f64) -> Option<Self> {
        let ascending = bounds.windows(2).all(|w| w[0] < w[1]) && bounds.iter().all(|b| !b.is_nan());
        if counts.len() != bounds.len() + 1 || !ascending {
            return None;
        }
        let mut encoded = Vec::with_capacity(16 + bounds.len() * 16);
        encoded.extend_from_slice(&sum.to_le_bytes());
        bounds.iter().for_each(|b| encoded.extend_from_slice(&b.to_le_bytes()));
        counts.iter().for_each(|c| encoded.extend_from_slice(&c.to_le_bytes()));
        Some(Self { encoded })
    }

    /// From its encoding: the sum, the bounds, the counts, 8 bytes each. `None` if it is malformed.
    pub fn decode(encoded: &[u8]) -> Option<Self> {
        if encoded.len() < 16 || encoded.len() & 15 != 0 {
            return None;
        }
        let this = Self { encoded: encoded.to_vec() };
        Self::new(&this.bounds(), &this.counts(), this.sum())
    }

    /// Its encoding.
    pub fn encode(&self) -> &[u8] {
        &self.encoded
    }

    /// The inclusive upper bounds, ascending.
    pub fn bounds(&self) -> Vec<f64> {
        words(&self.encoded[8..8 * (1 + self.bound_count())]).map(f64::from_bits).collect()
    }

    /// How many observations fell to each bucket.
    pub fn counts(&self) -> Vec<u64> {
        words(&self.encoded[8 * (1 + self.bound_count())..]).collect()
    }

    /// The sum of the observations.
    pub fn sum(&self) -> f64 {
        words(&self.encoded).next().map_or(0.0, f64::from_bits)
    }

    /// The number of observations.
    pub fn count(&self) -> u64 {
        self.counts().iter().fold(0, |n, c| n.saturating_add(*c))
    }

    fn bound_count(&self) -> usize {
        self.encoded.len() / 16 - 1
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("bounds", &self.bounds())
            .field("counts", &self.counts())
            .field("sum", &self.sum())
            .finish()
    }
}

/// Counts of non-negative observations in exponential buckets, as an OpenTelemetry exponential
/// histogram: bucket `i` holds what is in (base^i, base^(i+1)], base = 2^(2^-scale).
///
/// Two sketches of the same scale merge by adding their counts; the relative error of a quantile is
/// at most (base - 1) / (base + 1).
#[derive(Clone, PartialEq, Eq)]
pub struct Sketch {
    encoded: Vec<u8>,
}

impl Sketch {
    /// From its parts. `None` if `scale` is outside -10 to 20, or the buckets reach outside the
    /// range of `i32`.
    pub fn new(scale: i32, zero_count: u64, sum: f64, offset: i32, counts: &[u64]) -> Option<Self> {
        let last = i64::from(offset) + counts.len() as i64;
        if !(-10..=20).contains(&scale) || last > i64::from(i32::MAX) {
            return None;
        }
        let mut encoded = Vec::with_capacity(24 + counts.len() * 8);
        encoded.extend_from_slice(&scale.to_le_bytes());
        encoded.extend_from_slice(&offset.to_le_bytes());
        encoded.extend_from_slice(&zero_count.to_le_bytes());
        encoded.extend_from_slice(&sum.to_le_bytes());
        counts.iter().for_each(|c| encoded.extend_from_slice(&c.to_le_bytes()));
        Some(Self { encoded })
    }

    /// From its encoding: scale and offset (4 bytes each), the count of zeros, the sum, the counts
    /// (8 bytes each). `None` if it is malformed.
    pub fn decode(encoded: &[u8]) -> Option<Self> {
        if encoded.len() < 24 || encoded.len() & 7 != 0 {
            return None;
        }
        let this = Self { encoded: encoded.to_vec() };
        Self::new(this.scale(), this.zero_count(), this.sum(), this.offset(), &this.counts())
    }

    /// Its encoding.
    pub fn encode(&self) -> &[u8] {
        &self.encoded
    }

    /// The resolution: more is finer.
    pub fn scale(&self) -> i32 {
        self.word(0) as u32 as i32
    }

    /// The index of the first bucket.
    pub fn offset(&self) -> i32 {
        (self.word(0) >> 32) as u32 as i32
    }

    /// How many observations were zero.
    pub fn zero_count(&self) -> u64 {
        self.word(1)
    }

    /// The sum of the observations.
    pub fn sum(&self) -> f64 {
        f64::from_bits(self.word(2))
    }

    /// How many observations fell to each bucket, from [`offset`](Self::offset) on.
    pub fn counts(&self) -> Vec<u64> {
        words(&self.encoded[24..]).collect()
    }

    /// The number of observations.
    pub fn count(&self) -> u64 {
        self.counts().iter().fold(self.zero_count(), |n, c| n.saturating_add(*c))
    }

    /// The value below which the share `q` (0 to 1) of the observations lies; `None` if there are
    /// none.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let rank = ((q.clamp(0.0, 1.0) * last as f64) as u64).min(last);
        let mut seen = self.zero_count();
        if rank < seen {
            return Some(0.0);
        }
        // base = 2^width; at the coarsest scale it is beyond f64, its reciprocal is not.
        let width = 2f64.powi(-self.scale());
        let middle = 2.0 / (1.0 + (-width).exp2());
        for (i, count) in self.counts().into_iter().enumerate() {
            seen = seen.saturating_add(count);
            if rank < seen || seen == u64::MAX {
                return Some(((f64::from(self.offset()) + i as f64) * width).exp2() * middle);
            }
        }
        None
    }

    fn word(&self, i: usize) -> u64 {
        words(&self.encoded).nth(i).unwrap_or(0)
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sketch")
            .field("scale", &self.scale())
            .field("offset", &self.offset())
            .field("zero_count", &self.zero_count())
            .field("sum", &self.sum())
            .field("counts", &self.counts())
            .finish()
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks_exact(8).map(|c| u64::from_le_bytes(c.try_into().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_histogram_survives_its_encoding() {
        let h = Histogram::new(&[0.1, 1.0], &[3, 2, 1], 4.5).unwrap();
        let back = Histogram::decode(h.encode()).unwrap();
        assert_eq!((back.bounds(), back.counts(), back.sum()), (vec![0.1, 1.0], vec![3, 2, 1], 4.5));
        assert_eq!(back.count(), 6);
    }

    #[test]
    fn malformed_distributions_are_refused() {
        assert!(Histogram::new(&[1.0, 1.0], &[0, 0, 0], 0.0).is_none());
        assert!(Histogram::new(&[1.0], &[0], 0.0).is_none());
        assert!(Histogram::decode(&[0; 15]).is_none());
        assert!(Histogram::decode(&[]).is_none());
        assert!(Sketch::decode(&[0; 20]).is_none());
        assert!(Sketch::new(99, 0, 0.0, 0, &[]).is_none());
    }

    #[test]
    fn quantiles_of_a_sketch_are_within_its_error() {
        // Scale 3: base 2^(1/8), error at most 4.4%.
        let base = 2f64.powf(1.0 / 8.0);
        let mut counts = vec![0u64; 80];
        for n in 1..=1000u32 {
            let index = (f64::from(n).ln() / base.ln()).ceil() as usize;
            counts[index.saturating_sub(1)] += 1;
        }
        let s = Sketch::new(3, 0, 500_500.0, 0, &counts).unwrap();
        for (q, exact) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0)] {
            let got = s.quantile(q).unwrap();
            assert!((got - exact).abs() / exact < 0.05, "{q}: {got}");
        }
        assert_eq!(Sketch::new(3, 0, 0.0, 0, &[]).unwrap().quantile(0.5), None);
    }

    #[test]
    fn quantiles_hold_at_the_ends_of_what_a_sketch_can_be() {
        // Scale -10: the base is 2^1024, beyond what a float holds.
        let coarse = Sketch::new(-10, 0, 1.0, 0, &[5]).unwrap();
        assert_eq!(coarse.quantile(0.5), Some(2.0));
        let full = Sketch::new(0, u64::MAX, 1.0, 0, &[u64::MAX]).unwrap();
        assert!(full.quantile(1.0).is_some());
        let one = Sketch::new(20, 0, 1.0, i32::MAX - 1, &[1]).unwrap();
        for q in [f64::NAN, -1.0, 0.0, 2.0] {
            assert!(one.quantile(q).is_some());
        }
        assert!(Sketch::new(0, 0, 0.0, i32::MAX, &[1]).is_none());
    }

    proptest::proptest! {
        #[test]
        fn whatever_decodes_encodes_to_the_same(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            if let Some(h) = Histogram::decode(&bytes) {
                proptest::prop_assert_eq!(h.encode(), &bytes[..]);
                let _ = h.count();
            }
            if let Some(s) = Sketch::decode(&bytes) {
                proptest::prop_assert_eq!(s.encode(), &bytes[..]);
                let _ = (s.count(), s.quantile(0.5));
            }
        }
    }
}
