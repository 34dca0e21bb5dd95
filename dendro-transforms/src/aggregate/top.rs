//! The most frequent values: Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient computation of frequent and top-k
//! elements in data streams", 2005).

use std::collections::HashMap;

use crate::wire::{Reader, Writer};

/// How many counters there are for each value that is asked for.
const SLACK: usize = 8;
/// The most values that can be asked for.
pub(super) const MAX_VALUES: usize = 100;

/// Counters for some values. With `m` counters and `n` values seen, a count is too high by `n / m` at most, which is told with it, and no
/// value that came more often than `n / m` is missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Top {
    counters: Vec<Counter>,
    index: HashMap<Box<[u8]>, usize>,
}

#[derive(Clone, Debug, PartialEq)]
struct Counter {
    value: Box<[u8]>,
    count: u64,
    /// By how much the count may be too high.
    error: u64,
}

/// The number of counters for the `k` most frequent values.
pub(super) fn capacity(k: usize) -> usize {
    (k * SLACK).max(64)
}

impl Top {
    pub(super) fn add(&mut self, value: &[u8], capacity: usize) {
        if let Some(at) = self.index.get(value) {
            self.counters[*at].count += 1;
        } else {
            self.insert(value.into(), 1, 0, capacity);
        }
    }

    fn insert(&mut self, value: Box<[u8]>, count: u64, error: u64, capacity: usize) {
        if self.counters.len() < capacity {
            self.index.insert(value.clone(), self.counters.len());
            self.counters.push(Counter { value, count, error });
            return;
        }
        let Some(at) = (0..self.counters.len()).min_by_key(|i| self.counters[*i].count) else { return };
        let least = &mut self.counters[at];
        self.index.remove(&least.value);
        self.index.insert(value.clone(), at);
        *least = Counter { value, count: least.count + count, error: least.count + error };
    }

    pub(super) fn merge(&mut self, other: &Self, capacity: usize) {
        // What one side does not know may have come there as often as its least counter says.
        let floor = |top: &Self| if top.counters.len() < capacity { 0 } else { top.least() };
        let (own_floor, their_floor) = (floor(self), floor(other));
        let mut merged: Vec<Counter> = Vec::with_capacity(self.counters.len() + other.counters.len());
        for counter in &self.counters {
            let (count, error) = match other.index.get(&counter.value) {
                Some(at) => (other.counters[*at].count, other.counters[*at].error),
                None => (their_floor, their_floor),
            };
            merged.push(Counter {
                value: counter.value.clone(),
                count: counter.count + count,
                error: counter.error + error,
            });
        }
        for counter in other.counters.iter().filter(|c| !self.index.contains_key(&c.value)) {
            merged.push(Counter {
                value: counter.value.clone(),
                count: counter.count + own_floor,
                error: counter.error + own_floor,
            });
        }
        merged.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        merged.truncate(capacity);
        self.index = merged.iter().enumerate().map(|(i, c)| (c.value.clone(), i)).collect();
        self.counters = merged;
    }

    fn least(&self) -> u64 {
        self.counters.iter().map(|c| c.count).min().unwrap_or(0)
    }

    /// The `k` most frequent: value, count, and by how much the count may be too high; among equals by value.
    pub(super) fn most(&self, k: usize) -> Vec<(&[u8], u64, u64)> {
        let mut all: Vec<_> = self.counters.iter().map(|c| (&*c.value, c.count, c.error)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        all.truncate(k);
        all
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_count(self.counters.len());
        for counter in &self.counters {
            out.put_bytes(&counter.value);
            out.put_u64(counter.count);
            out.put_u64(counter.error);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>, capacity: usize) -> Option<Self> {
        let len = reader.count(3)?;
        if len > capacity {
            return None;
        }
        let mut top = Self::default();
        for _ in 0..len {
            let value: Box<[u8]> = reader.bytes()?.into();
            // It is a value that can be told.
            crate::scalar::read(&mut Reader::new(&value))?;
            let (count, error) = (reader.u64()?, reader.u64()?);
            if count >= 1 << 56
                || error > count
                || top.index.insert(value.clone(), top.counters.len()).is_some()
            {
                return None;
            }
            top.counters.push(Counter { value, count, error });
        }
        Some(top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` distinct values, value `i` coming `n / (i + 1)` times, spread over time.
    fn zipf(n: u64) -> Vec<[u8; 8]> {
        let mut values: Vec<(u64, u64)> =
            (0..n).flat_map(|i| (0..n / (i + 1)).map(move |turn| (turn * 7_919 % n, i))).collect();
        values.sort_unstable();
        values.into_iter().map(|(_, i)| i.to_le_bytes()).collect()
    }

    #[test]
    fn frequent_values_are_found_with_counts_within_their_error() {
        let values = zipf(2_000);
        let mut top = Top::default();
        values.iter().for_each(|v| top.add(v, capacity(10)));
        for (i, (value, count, error)) in top.most(10).into_iter().enumerate() {
            let exact = values.iter().filter(|v| v[..] == *value).count() as u64;
            assert!(exact <= count && count - error <= exact, "{i}: {count} - {error} for {exact}");
            assert!(error <= values.len() as u64 / capacity(10) as u64);
        }
        let first: Vec<_> = top.most(3).into_iter().map(|(v, ..)| v.to_vec()).collect();
        assert_eq!(first, [0u64, 1, 2].map(|n| n.to_le_bytes().to_vec()));
    }

    #[test]
    fn merged_halves_keep_their_promise() {
        let values = zipf(2_000);
        let (mut one, mut two) = (Top::default(), Top::default());
        let (a, b) = values.split_at(values.len() / 3);
        a.iter().for_each(|v| one.add(v, capacity(10)));
        b.iter().for_each(|v| two.add(v, capacity(10)));
        one.merge(&two, capacity(10));
        for (value, count, error) in one.most(10) {
            let exact = values.iter().filter(|v| v[..] == *value).count() as u64;
            assert!(exact <= count && count - error <= exact, "{count} - {error} for {exact}");
        }
    }
}
