//! Sets of bytes.

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) const ALL: Self = Self([u64::MAX; 4]);
    const NONE: Self = Self([0; 4]);

    pub(super) const fn of(bytes: &[u8]) -> Self {
        Self::NONE.with(bytes)
    }

    /// The bytes from `first` to `last`.
    pub(super) const fn range(first: u8, last: u8) -> Self {
        let mut set = Self::NONE;
        let mut byte = first;
        loop {
            set.0[byte as usize / 64] |= 1 << (byte % 64);
            if byte == last {
                return set;
            }
            byte += 1;
        }
    }

    pub(super) const fn with(mut self, bytes: &[u8]) -> Self {
        let mut i = 0;
        while i < bytes.len() {
            self.0[bytes[i] as usize / 64] |= 1 << (bytes[i] % 64);
            i += 1;
        }
        self
    }

    pub(super) const fn without(mut self, bytes: &[u8]) -> Self {
        let mut i = 0;
        while i < bytes.len() {
            self.0[bytes[i] as usize / 64] &= !(1 << (bytes[i] % 64));
            i += 1;
        }
        self
    }

    pub(super) const fn or(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self([a[0] | b[0], a[1] | b[1], a[2] | b[2], a[3] | b[3]])
    }

    pub(super) const fn contains(&self, byte: u8) -> bool {
        self.0[byte as usize / 64] >> (byte % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = ByteSet::range(b' ', b'~').without(b"\"").with(b"\n");
        for byte in 0..=255u8 {
            let expected = byte == b'\n' || ((b' '..=b'~').contains(&byte) && byte != b'"');
            assert_eq!(set.contains(byte), expected);
            assert_eq!(set.or(ByteSet::of(b"\"")).contains(byte), expected || byte == b'"');
            assert!(ByteSet::ALL.contains(byte) && ByteSet::range(0, 255).contains(byte));
        }
    }
}
