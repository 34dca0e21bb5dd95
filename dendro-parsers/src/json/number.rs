//! Numbers in JSON.

use std::ops::Range;

use dendro_core::{EventWriter, Key};

use crate::Refused;
use crate::numbers::{POWERS_OF_TEN, leading_digits};

/// A number, exact as far as a machine has numbers for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// A whole number that is not negative.
    U64(u64),
    /// A negative whole number.
    I64(i64),
    /// A number with a fraction or an exponent; the nearest there is.
    F64(f64),
    /// A whole number that fits neither, or one beyond what `f64` reaches: where its text stands.
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

    /// The number that `text` is, if a machine has one for it.
    pub(crate) fn whole_text(text: &[u8]) -> Option<Self> {
        match Self::read(text, 0) {
            Ok((Self::Big(_), _)) | Err(_) => None,
            Ok((number, end)) => (end == text.len()).then_some(number),
        }
    }

    /// The number at `start`, and where it ends.
    #[inline]
    pub(super) fn read(text: &[u8], start: usize) -> Result<(Self, usize), Refused> {
        let negative = text.get(start) == Some(&b'-');
        let first = start + usize::from(negative);
        let (value, len) = leading_digits(text.get(first..).unwrap_or_default());
        let end = first + len;
        if len == 0 {
            return Err(Refused::new(first, "a digit"));
        }
        if len > 1 && text.get(first) == Some(&b'0') {
            return Err(Refused::new(first, "a number without a leading zero"));
        }
        if let Some(b'.' | b'e' | b'E') = text.get(end) {
            return Self::read_float(text, start, Whole { value, len, end });
        }
        if len > MAX_DIGITS {
            return Ok((Self::long(text, start, end), end));
        }
        let number = match negative {
            false => Self::U64(value),
            true if value <= 1 << 63 => Self::I64(0i64.wrapping_sub_unsigned(value)),
            true => Self::Big(start..end),
        };
        Ok((number, end))
    }

    #[cold]
    fn long(text: &[u8], start: usize, end: usize) -> Self {
        // Longer ones fit no machine number, and are not looked at again.
        let text = text.get(start..end).filter(|text| text.len() <= MAX_DIGITS + 2);
        let value = text.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        value.map_or(Self::Big(start..end), Self::U64)
    }

    fn read_float(text: &[u8], start: usize, whole: Whole) -> Result<(Self, usize), Refused> {
        let digits = |at: usize| leading_digits(text.get(at..).unwrap_or_default());
        let mut end = whole.end;
        let (mut fraction, mut places) = (0, 0);
        if text.get(end) == Some(&b'.') {
            (fraction, places) = digits(end + 1);
            if places == 0 {
                return Err(Refused::new(end + 1, "a digit behind `.`"));
            }
            end += 1 + places;
        }
        if let Some(b'e' | b'E') = text.get(end) {
            let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
            let (_, len) = digits(end + 1 + sign);
            if len == 0 {
                return Err(Refused::new(end + 1 + sign, "a digit of the exponent"));
            }
            end += 1 + sign + len;
        } else if whole.len + places <= MAX_DIGITS {
            let all = whole.value * POWERS_OF_TEN[places] + fraction;
            if let (0..=EXACT, Some(power)) = (all, POWERS.get(places)) {
                // Both are exact, so that the quotient is the nearest there is.
                let value = all as f64 / power;
                let negative = text.get(start) == Some(&b'-');
                return Ok((Self::F64(if negative { -value } else { value }), end));
            }
        }
        let value = text.get(start..end).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        match value {
            Some(value) if f64::is_finite(value) => Ok((Self::F64(value), end)),
            _ => Ok((Self::Big(start..end), end)),
        }
    }
}

/// The digits that a number begins with.
#[derive(Clone, Copy)]
struct Whole {
    value: u64,
    len: usize,
    end: usize,
}

/// So many digits fit a `u64` whatever they are.
const MAX_DIGITS: usize = 19;
/// Up to this a whole number is exact as `f64`.
const EXACT: u64 = 1 << 53;
/// Powers of ten that are exact as `f64`.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

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
    fn a_number_out_of_reach_keeps_its_text() {
        for text in ["1e999", "-1e999", "1.5E+400"] {
            assert_eq!(Number::read(text.as_bytes(), 0).unwrap(), (Number::Big(0..text.len()), text.len()));
        }
        let long = "7".repeat(1 << 20);
        assert_eq!(Number::read(long.as_bytes(), 0).unwrap(), (Number::Big(0..1 << 20), 1 << 20));
    }

    proptest::proptest! {
        #[test]
        fn every_float_is_the_nearest_there_is(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?[ ,]?") {
            let number = text.trim_end_matches([' ', ',']);
            let (read, end) = Number::read(text.as_bytes(), 0).unwrap();
            proptest::prop_assert_eq!(end, number.len());
            match read {
                Number::U64(value) => proptest::prop_assert_eq!(value.to_string(), number),
                Number::I64(value) => proptest::prop_assert_eq!(value, number.parse::<i64>().unwrap()),
                Number::F64(value) => {
                    proptest::prop_assert_eq!(value.to_bits(), number.parse::<f64>().unwrap().to_bits());
                }
                Number::Big(range) => {
                    proptest::prop_assert_eq!(range, 0..end);
                    proptest::prop_assert!(number.parse::<u64>().is_err() && number.parse::<i64>().is_err());
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for (text, at) in [("-", 1), ("01", 0), ("-00", 1), ("1.", 2), ("1.e1", 2), ("1e", 2), ("1e+", 3)] {
            assert_eq!(Number::read(text.as_bytes(), 0).map_err(|r| r.at), Err(at), "{text}");
        }
    }
}
