//! How many different values: HyperLogLog.
//!
//! Up to [`EXACT`] values are kept by their 64-bit hashes and counted exactly. Beyond that 4,096 registers give an
//! estimate whose standard error is 1.04 / sqrt(4096) = 1.6%, so that it is within 5% of the truth in 99.7 of 100 cases. The
//! estimator is Otmar Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017): without bias over
//! the whole range, without tables.

use xxhash_rust::xxh3::xxh3_64;

use crate::wire::{Reader, Writer};

/// How many values are counted exactly.
const EXACT: usize = 256;
const PRECISION: u32 = 12;
const REGISTERS: usize = 1 << PRECISION;
/// The highest value of a register: leading zeros of what is left of the hash, and one.
const TOP: usize = 64 - PRECISION as usize + 1;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Distinct {
    /// Hashes, ascending.
    Few(Vec<u64>),
    Many(Box<[u8]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Distinct {
    pub(super) fn add(&mut self, value: &[u8]) {
        self.add_hash(xxh3_64(value));
    }

    fn add_hash(&mut self, hash: u64) {
        match self {
            Self::Many(registers) => update(registers, hash),
            Self::Few(hashes) => {
                let Err(at) = hashes.binary_search(&hash) else { return };
                hashes.insert(at, hash);
                if hashes.len() > EXACT {
                    let mut registers = vec![0; REGISTERS].into_boxed_slice();
                    hashes.iter().for_each(|h| update(&mut registers, *h));
                    *self = Self::Many(registers);
                }
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        match other {
            Self::Few(hashes) => hashes.iter().for_each(|h| self.add_hash(*h)),
            Self::Many(theirs) => {
                let mut registers = theirs.clone();
                match self {
                    Self::Few(hashes) => hashes.iter().for_each(|h| update(&mut registers, *h)),
                    Self::Many(own) => registers.iter_mut().zip(own.iter()).for_each(|(a, b)| *a = *b.max(a)),
                }
                *self = Self::Many(registers);
            }
        }
    }

    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Few(hashes) => hashes.len() as u64,
            Self::Many(registers) => estimate(registers).round() as u64,
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Few(hashes) => {
                out.put_byte(0);
                out.put_count(hashes.len());
                hashes.iter().for_each(|h| out.put_raw(&h.to_le_bytes()));
            }
            Self::Many(registers) => {
                out.put_byte(1);
                out.put_raw(registers);
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.byte()? {
            0 => {
                let len = reader.count(8)?;
                let bytes = reader.take(len * 8)?;
                let hashes: Vec<u64> =
                    bytes.as_chunks().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
                (len <= EXACT && hashes.is_sorted_by(|a, b| a < b)).then_some(Self::Few(hashes))
            }
            1 => {
                let registers = reader.take(REGISTERS)?;
                registers.iter().all(|r| usize::from(*r) <= TOP).then(|| Self::Many(registers.into()))
            }
            _ => None,
        }
    }
}

fn update(registers: &mut [u8], hash: u64) {
    let register = &mut registers[(hash >> (64 - PRECISION)) as usize];
    // The bit below the rest of the hash bounds the zeros.
    let rank = ((hash << PRECISION) | (1 << (PRECISION - 1))).leading_zeros() as u8 + 1;
    *register = (*register).max(rank);
}

fn estimate(registers: &[u8]) -> f64 {
    let mut counts = [0u32; TOP + 1];
    registers.iter().for_each(|r| counts[usize::from(*r)] += 1);
    let m = REGISTERS as f64;
    let mut z = m * tau(1.0 - f64::from(counts[TOP]) / m);
    for count in counts[1..TOP].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += m * sigma(f64::from(counts[0]) / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(numbers: std::ops::Range<u64>) -> Distinct {
        let mut distinct = Distinct::default();
        numbers.for_each(|n| distinct.add(&n.to_le_bytes()));
        distinct
    }

    #[test]
    fn few_are_counted_exactly_and_many_within_five_percent() {
        for n in [0, 1, 255, 256] {
            assert_eq!(of(0..n).count(), n);
        }
        for n in [257u64, 1_000, 5_000, 10_000, 20_000, 100_000, 500_000] {
            let counted = of(0..n).count();
            assert!(counted.abs_diff(n) * 20 <= n, "{counted} for {n}");
        }
    }

    #[test]
    fn merged_halves_count_as_the_whole_and_survive_their_encoding() {
        for (a, b) in [(0..100, 50..150), (0..200, 100..400), (0..400, 300..310), (0..5_000, 2_500..9_000)] {
            let whole = of(a.start..b.end.max(a.end));
            let mut merged = of(a.clone());
            merged.merge(&of(b.clone()));
            assert_eq!(merged.count(), whole.count());
            let mut bytes = Vec::new();
            merged.encode(&mut bytes);
            assert_eq!(Distinct::decode(&mut Reader::new(&bytes)).unwrap(), merged);
        }
        assert_eq!(
            Distinct::decode(&mut Reader::new(&[0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])),
            None
        );
        assert_eq!(Distinct::decode(&mut Reader::new(&[[1].as_slice(), &[99; REGISTERS]].concat())), None);
    }
}
