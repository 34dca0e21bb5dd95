//! Telling a duplicate from another event.

use std::fmt;
use std::num::NonZeroU64;

use crate::batch::Place;

/// What tells an event from every other one and is the same when it comes again: delivery is at least once, and with this a
/// destination can make it once.
///
/// It is made of the [identity](crate::Origin::identity) of what was read (with the source's name in it), the position
/// of the record there, and a number for what was [appended](crate::Batch::append) to it. For a file that is the same after a
/// restart, a rename, rotation and compression; other content at the same path, or in the same file after it was
/// truncated, has other keys.
///
/// An event has [none](crate::EventRef::dedup_key) if it
/// - comes from a source that can't read it again, or does not say what its positions count in;
/// - was made from several others or from nothing (an aggregate, a measurement), or appended to one that was
///   appended itself;
/// - is behind the 32,766th that was appended to one record, or behind position 2^48 - 2.
///
/// A graph that sends one event along two branches has it with the same key in both, however they change it.
///
/// ```
/// use dendro_core::{Batch, Origin, RecordRow, Schema, Timestamp};
/// use std::{num::NonZeroU64, sync::Arc};
///
/// let mut batch = Batch::new("first\nsecond\n".into())?;
/// let origin = Origin { identity: NonZeroU64::new(0xfeed), ..Origin::default() };
/// let row = RecordRow {
///     ty: batch.add_type(&Arc::new(Schema::new("line")))?,
///     origin: batch.add_origin(&Arc::new(origin))?,
///     observed: Timestamp::EPOCH,
/// };
/// batch.push_record(0..5, 0, row);
/// batch.push_record(6..12, 6, row);
/// let second = batch.get(1).and_then(|event| event.dedup_key());
/// assert_eq!(second.map(|key| key.to_string()).as_deref(), Some("000000000000feed0000000000060000"));
/// # Ok::<(), dendro_core::BatchFull>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupKey(u128);

impl DedupKey {
    pub(crate) fn new(identity: NonZeroU64, place: u64) -> Self {
        Self(u128::from(identity.get()) << 64 | u128::from(place))
    }

    /// As a number.
    pub fn as_u128(self) -> u128 {
        self.0
    }

    /// A number that begins somewhere else for each stream, and there grows with the position of the record, by a byte at a
    /// time, and with the number of what was appended to it; it wraps. What is made of it differs for events that are near to
    /// each other in their stream, and is the same when they come again.
    pub fn ordinal(self) -> u64 {
        let (identity, place) = ((self.0 >> 64) as u64, self.0 as u64);
        identity.wrapping_add(Place::from_bits(place).ordinal())
    }

    /// As 32 hexadecimal digits.
    pub fn to_hex(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        std::array::from_fn(|i| DIGITS[(self.0 >> (124 - 4 * i)) as usize & 15])
    }
}

/// As 32 hexadecimal digits.
impl fmt::Display for DedupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_the_same() {
        for (identity, place) in [(1, 0), (u64::MAX, u64::MAX), (0xfeed << 40, 0x1234_5678_9abc)] {
            let Some(identity) = NonZeroU64::new(identity) else { continue };
            let key = DedupKey::new(identity, place);
            assert_eq!(key.to_string().as_bytes(), key.to_hex());
        }
    }

    #[test]
    fn ordinals_grow_from_record_to_record_and_with_what_is_appended() {
        let key =
            |place: u64| NonZeroU64::new(1_000).map(|identity| DedupKey::new(identity, place).ordinal());
        let places = [0, 0x8001, 0x8002, 10 << 16, 10 << 16 | 0x8001, 12 << 16];
        assert_eq!(places.map(key), [1_000, 1_001, 1_002, 1_010, 1_011, 1_012].map(Some));
        let last = NonZeroU64::new(u64::MAX).map(|identity| DedupKey::new(identity, 3 << 16).ordinal());
        assert_eq!(last, Some(2));
    }
}
