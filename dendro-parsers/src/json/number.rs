//! Numbers in JSON.

use std::ops::Range;

use dendro_core::{EventWriter, Key};

use crate::Refused;

/// A number, exact as far as a machine has numbers for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// A whole number that is not negative.
    U64(u64),
    /// A negative whole number.
    I64(i64),
    /// A number with a fraction or an exponent; the nearest there is.
    F64(f64),
    /// A whole number that fits neither: where its text stands.
    Big(Range<usize>),
}

impl Number {
    /// As a floating-point number, if that is exact enough for a measure: all but [`Big`](Self::Big).
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::U64(value) => Some(*value as f64),
            Self::I64(value) => Some(*value as f64),
            Self::F64(value) => Some(*value),
            Self::Big(_) => None,
        }
    }

    /// As a whole number that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::U64(value) => Some(*value),
            _ => None,
        }
    }

    /// As a whole number.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::U64(value) => i64::try_from(*value).ok(),
            Self::I64(value) => Some(*value),
            _ => None,
        }
    }

    /// Writes it as a field of an event: [`Big`](Self::Big) as text.
    #[inline]
    pub fn write(&self, event: &mut EventWriter<'_>, key: Key) {
        match self {
            Self::U64(value) => event.u64(key, *value),
            Self::I64(value) => event.i64(key, *value),
            Self::F64(value) => event.f64(key, *value),
            Self::Big(range) => event.str(key, range.clone()),
        }
    }

    /// The number at `start`, and where it ends.
    #[inline]
    pub(super) fn read(text: &[u8], start: usize) -> Result<(Self, usize), Refused> {
        let negative = text.get(start) == Some(&b'-');
        let first = start + usize::from(negative);
        let (mut at, mut value, mut fits) = (first, 0u64, true);
        while let Some(digit @ b'0'..=b'9') = text.get(at) {
            match value.checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0'))) {
                Some(next) => value = next,
                None => fits = false,
            }
            at += 1;
        }
        if at == first {
            return Err(Refused::new(at, "a digit"));
        }
        if text.get(first) == Some(&b'0') && at > first + 1 {
            return Err(Refused::new(first, "a number without a leading zero"));
        }
        if let Some(b'.' | b'e' | b'E') = text.get(at) {
            return Self::read_float(text, start, at);
        }
        let number = match (fits, negative) {
            (true, false) => Self::U64(value),
            (true, true) if value <= 1 << 63 => Self::I64(0i64.wrapping_sub_unsigned(value)),
            _ => Self::Big(start..at),
        };
        Ok((number, at))
    }

    #[cold]
    fn read_float(text: &[u8], start: usize, at: usize) -> Result<(Self, usize), Refused> {
        let digits = |at: usize| at + text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut at = at;
        if text.get(at) == Some(&b'.') {
            let end = digits(at + 1);
            if end == at + 1 {
                return Err(Refused::new(end, "a digit behind `.`"));
            }
            at = end;
        }
        if let Some(b'e' | b'E') = text.get(at) {
            let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
            let end = digits(at + 1 + sign);
            if end == at + 1 + sign {
                return Err(Refused::new(end, "a digit of the exponent"));
            }
            at = end;
        }
        let value = text.get(start..at).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        match value {
            Some(value) => Ok((Self::F64(value), at)),
            None => Err(Refused::new(start, "a number")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_exact() {
        for value in [0, 1, 9_007_199_254_740_993, u64::MAX] {
            let text = value.to_string();
            assert_eq!(Number::read(text.as_bytes(), 0).unwrap(), (Number::U64(value), text.len()));
        }
        for value in [-1, -9_007_199_254_740_993, i64::MIN] {
            let text = value.to_string();
            assert_eq!(Number::read(text.as_bytes(), 0).unwrap(), (Number::I64(value), text.len()));
        }
        for text in ["18446744073709551616", "-9223372036854775809"] {
            assert_eq!(Number::read(text.as_bytes(), 0).unwrap(), (Number::Big(0..text.len()), text.len()));
        }
        assert_eq!(Number::read(b"-0", 0).unwrap(), (Number::I64(0), 2));
    }

    #[test]
    fn fractions_and_exponents_are_floats() {
        for (text, value) in
            [("0.5", 0.5), ("-1.25e2", -125.0), ("1E-3", 0.001), ("2e+2", 200.0), ("0e1", 0.0)]
        {
            assert_eq!(Number::read(text.as_bytes(), 0).unwrap(), (Number::F64(value), text.len()));
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for (text, at) in [("-", 1), ("01", 0), ("-00", 1), ("1.", 2), ("1.e1", 2), ("1e", 2), ("1e+", 3)] {
            assert_eq!(Number::read(text.as_bytes(), 0).map_err(|r| r.at), Err(at), "{text}");
        }
    }
}
