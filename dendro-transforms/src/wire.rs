//! Numbers and bytes of a snapshot: variable-length integers, floats, bytes behind their length.

/// Reads what [`Writer`] wrote; `None` wherever the bytes end too early or can't be.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn u128(&mut self) -> Option<u128> {
        let (mut value, mut shift) = (0u128, 0);
        loop {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if shift >= 128 || (bits << shift) >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
            shift += 7;
        }
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.u128()?.try_into().ok()
    }

    /// A count of things that take `least` bytes each at least, so that no more room is made than there can be need for.
    pub(crate) fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.u64()?).ok()?;
        (count.checked_mul(least.max(1))? <= self.0.len()).then_some(count)
    }

    pub(crate) fn i128(&mut self) -> Option<i128> {
        let zigzag = self.u128()?;
        Some((zigzag >> 1) as i128 ^ -((zigzag & 1) as i128))
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.i128()?.try_into().ok()
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.i128()?.try_into().ok()
    }

    pub(crate) fn f64(&mut self) -> Option<f64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(f64::from_le_bytes(*bytes))
    }

    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.count(1)?;
        self.take(len)
    }

    pub(crate) fn str(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

/// Writes to the end of a buffer.
pub(crate) trait Writer {
    fn put_u128(&mut self, value: u128);
    fn put_raw(&mut self, bytes: &[u8]);

    fn put_byte(&mut self, value: u8) {
        self.put_raw(&[value]);
    }

    fn put_flag(&mut self, value: bool) {
        self.put_byte(value.into());
    }

    fn put_u64(&mut self, value: u64) {
        self.put_u128(value.into());
    }

    fn put_count(&mut self, value: usize) {
        self.put_u128(value as u128);
    }

    fn put_i128(&mut self, value: i128) {
        self.put_u128((value << 1) as u128 ^ (value >> 127) as u128);
    }

    fn put_i64(&mut self, value: i64) {
        self.put_i128(value.into());
    }

    fn put_f64(&mut self, value: f64) {
        self.put_raw(&value.to_le_bytes());
    }

    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_count(bytes.len());
        self.put_raw(bytes);
    }
}

impl Writer for Vec<u8> {
    fn put_u128(&mut self, mut value: u128) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    fn put_raw(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(a: u128, b: i128, c: u64, d: i64, e: f64, f: Vec<u8>, g: String, h: bool) {
            let mut out = Vec::new();
            out.put_u128(a);
            out.put_i128(b);
            out.put_u64(c);
            out.put_i64(d);
            out.put_f64(e);
            out.put_bytes(&f);
            out.put_bytes(g.as_bytes());
            out.put_flag(h);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.u128(), Some(a));
            prop_assert_eq!(reader.i128(), Some(b));
            prop_assert_eq!(reader.u64(), Some(c));
            prop_assert_eq!(reader.i64(), Some(d));
            prop_assert_eq!(reader.f64().map(f64::to_bits), Some(e.to_bits()));
            prop_assert_eq!(reader.bytes(), Some(&f[..]));
            prop_assert_eq!(reader.str(), Some(&g[..]));
            prop_assert_eq!(reader.flag(), Some(h));
            prop_assert!(reader.is_at_end());
        }
    }

    #[test]
    fn lengths_that_can_not_be_are_refused() {
        let mut out = Vec::new();
        out.put_u64(u64::MAX);
        assert_eq!(Reader::new(&out).bytes(), None);
        assert_eq!(Reader::new(&out).count(8), None);
        assert_eq!(Reader::new(&[0xff; 40]).u128(), None);
        assert_eq!(Reader::new(&[]).f64(), None);
    }
}
