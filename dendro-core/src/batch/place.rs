//! Where in its stream an event comes from.

/// The highest position that is kept: a place has 48 bits for it.
pub(crate) const MAX_POSITION: u64 = (1 << 48) - 1;
const TAG_BITS: u32 = 16;
const CHILD: u64 = 1 << 15;
const COUNT: u64 = CHILD - 1;

/// The position of a record in the upper 48 bits, and a tag in the lower 16 that tells apart what became of it:
///
/// | tag | |
/// |---|---|
/// | 0 | no record: nothing is known but the position |
/// | 1 + n | the record itself, to which n events were appended |
/// | 0x8000 + n | the n-th of these, from 1; with n = 0 it is not known which |
///
/// The count goes with the record, so that the numbers are the same whichever way a batch was split before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    pub(crate) const NONE: Self = Self(0);

    /// Of a record at this position. One that is too high is cut, and can't be told from others.
    #[inline]
    pub(crate) fn of_record(position: u64) -> Self {
        match position {
            0..MAX_POSITION => Self(position << TAG_BITS | 1),
            _ => Self(MAX_POSITION << TAG_BITS),
        }
    }

    #[inline]
    pub(crate) fn position(self) -> u64 {
        self.0 >> TAG_BITS
    }

    /// Of the next event that comes from this one.
    pub(crate) fn child(&mut self) -> Self {
        let place = self.0 >> TAG_BITS << TAG_BITS;
        match self.tag() {
            0 => Self(place),
            tag @ 1..COUNT => {
                self.0 += 1;
                Self(place | CHILD | tag)
            }
            // Too many, or a child's own.
            _ => Self(place | CHILD),
        }
    }

    /// What tells the event from all others of its stream; `None` if that is not known.
    pub(crate) fn key(self) -> Option<u64> {
        match self.tag() {
            0 | CHILD => None,
            1..=COUNT => Some(self.0 >> TAG_BITS << TAG_BITS),
            _ => Some(self.0),
        }
    }

    /// The position, and the number of what was appended there.
    pub(crate) fn ordinal(self) -> u64 {
        let appended = if self.tag() & CHILD == 0 { 0 } else { self.tag() & COUNT };
        self.position() + appended
    }

    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }

    /// Every number is a place.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    fn tag(self) -> u64 {
        self.0 & (CHILD | COUNT)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_record_keeps_its_key_and_its_children_have_one_each() {
        let mut record = Place::of_record(7);
        let own = record.key();
        let mut keys = HashSet::from([own, Place::of_record(8).key()]);
        for n in 0..COUNT - 1 {
            let child = record.child();
            assert!(child.key().is_some() && keys.insert(child.key()), "{n}");
            assert_eq!((child.position(), record.position(), record.key()), (7, 7, own));
        }
        // As many as can be told apart.
        assert_eq!(record.child().key(), None);
        assert_eq!(record.key(), own);
    }

    #[test]
    fn what_comes_from_no_record_has_no_key_and_neither_have_grandchildren() {
        assert_eq!(Place::NONE.key(), None);
        assert_eq!({ Place::NONE }.child(), Place::NONE);
        let mut child = Place::of_record(7).child();
        assert_eq!((child.child().key(), child.child().position()), (None, 7));
    }

    #[test]
    fn a_position_that_is_too_high_is_cut_and_has_no_key() {
        let last = Place::of_record(MAX_POSITION - 1);
        assert!(last.key().is_some() && last.position() == MAX_POSITION - 1);
        for position in [MAX_POSITION, MAX_POSITION + 1, u64::MAX] {
            let place = Place::of_record(position);
            assert_eq!((place.position(), place.key()), (MAX_POSITION, None));
        }
    }
}
