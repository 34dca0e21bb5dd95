//! The interned field names of a batch.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::layout::{BatchFull, Key, MAX_KEYS, MAX_SECTION_BYTES};

const EMPTY: u16 = u16::MAX;

/// Names in one string, found again by a small open-addressing index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    text: String,
    ends: Vec<u32>,
    index: Vec<u16>,
    seed: u64,
}

impl Keys {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn name(&self, key: Key) -> &str {
        let i = usize::from(key.0);
        let end = self.ends.get(i).map_or(0, |e| *e as usize);
        let start = if i == 0 { 0 } else { self.ends.get(i - 1).map_or(0, |e| *e as usize) };
        self.text.get(start..end).unwrap_or("")
    }

    pub(crate) fn find(&self, name: &str) -> Option<Key> {
        if self.index.is_empty() {
            return None;
        }
        self.probe(name).err()
    }

    pub(crate) fn intern(&mut self, name: &str) -> Result<Key, BatchFull> {
        if (self.ends.len() + 1) * 2 > self.index.len() {
            self.grow();
        }
        let slot = match self.probe(name) {
            Err(key) => return Ok(key),
            Ok(slot) => slot,
        };
        if self.ends.len() >= MAX_KEYS {
            return Err(BatchFull::KEYS);
        }
        let end = self.text.len() + name.len();
        if end > MAX_SECTION_BYTES {
            return Err(BatchFull::KEYS);
        }
        let key = self.ends.len() as u16;
        self.text.push_str(name);
        self.ends.push(end as u32);
        self.index[slot] = key;
        Ok(Key(key))
    }

    /// Forgets the names behind the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        // The last one first: what it was put behind when it came is still there.
        while self.ends.len() > len {
            let key = Key(self.ends.len() as u16 - 1);
            if let Some(slot) = self.slot_of(key)
                && let Some(slot) = self.index.get_mut(slot)
            {
                *slot = EMPTY;
            }
            self.ends.pop();
        }
        self.text.truncate(self.ends.last().map_or(0, |end| *end as usize));
    }

    fn slot_of(&self, key: Key) -> Option<usize> {
        let mask = self.index.len().checked_sub(1)?;
        let start = hash(self.seed, self.name(key).as_bytes()) as usize;
        (0..=mask).map(|step| (start + step) & mask).find(|slot| self.index[*slot] == key.0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        (0..self.len()).map(|i| self.name(Key(i as u16)))
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.index.fill(EMPTY);
    }

    pub(crate) fn retained_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * 4 + self.index.capacity() * 2
    }

    /// The key of `name`, or the free slot where it belongs.
    fn probe(&self, name: &str) -> Result<usize, Key> {
        let mask = self.index.len() - 1;
        let mut slot = hash(self.seed, name.as_bytes()) as usize & mask;
        loop {
            match self.index[slot] {
                EMPTY => return Ok(slot),
                i if self.name(Key(i)) == name => return Err(Key(i)),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        if self.seed == 0 {
            self.seed = RandomState::new().build_hasher().finish() | 1;
        }
        let size = (self.index.len() * 2).max(64);
        self.index.clear();
        self.index.resize(size, EMPTY);
        for i in 0..self.ends.len() {
            let key = Key(i as u16);
            if let Ok(slot) = self.probe(self.name(key)) {
                self.index[slot] = key.0;
            }
        }
    }
}

/// Eight bytes at a time, folded products. Names may come from hostile input (the keys of a JSON log, a
/// frame), so the seed is random: nobody outside can choose names that all fall to one slot.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    const K: u64 = 0x517c_c1b7_2722_0a95;
    let mix = |n: u64| {
        let product = u128::from(n ^ K) * u128::from(seed);
        product as u64 ^ (product >> 64) as u64
    };
    let mut h = bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for c in &mut chunks {
        h = mix(h ^ u64::from_le_bytes(std::array::from_fn(|i| c[i])));
    }
    let last = chunks.remainder().iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    mix(h ^ last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_has_one_key_however_many_there_are() {
        let mut keys = Keys::default();
        let made: Vec<Key> = (0..5_000).map(|i| keys.intern(&format!("field_{i}")).unwrap()).collect();
        for (i, key) in made.iter().enumerate() {
            let name = format!("field_{i}");
            assert_eq!(keys.intern(&name).unwrap(), *key);
            assert_eq!(keys.find(&name), Some(*key));
            assert_eq!(keys.name(*key), name);
        }
        assert_eq!(keys.find("other"), None);
        keys.clear();
        assert_eq!(keys.find("field_1"), None);
    }

    #[test]
    fn what_is_forgotten_leaves_the_others_as_they_were() {
        let mut keys = Keys::default();
        for i in 0..1_000 {
            keys.intern(&format!("field_{i}")).unwrap();
        }
        for len in [990, 990, 300, 7, 0] {
            keys.truncate(len);
            assert_eq!(keys.len(), len);
            for i in 0..1_000 {
                assert_eq!(keys.find(&format!("field_{i}")).map(Key::index), (i < len).then_some(i));
            }
        }
        assert_eq!(keys.intern("other").map(Key::index), Ok(0));
        assert_eq!(keys.iter().collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn one_name_too_many_is_an_error() {
        let mut keys = Keys::default();
        for i in 0..MAX_KEYS {
            keys.intern(&i.to_string()).unwrap();
        }
        assert_eq!(keys.intern("one more"), Err(BatchFull::KEYS));
        assert_eq!(keys.intern("7").map(|k| k.0), Ok(7));
    }
}
