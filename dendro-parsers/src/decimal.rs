//! Decimal numbers and what is written with them: lengths of time, times since the epoch.

use dendro_core::{SignedDuration, Timestamp};

use crate::numbers::leading_u64;

/// The nanoseconds of a second.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// The nanoseconds of a millisecond.
pub(crate) const MILLISECOND: u64 = 1_000_000;

/// A whole number, digits alone.
#[inline]
pub(crate) fn whole(text: &[u8]) -> Option<u64> {
    match leading_u64(text) {
        Some((value, len)) if len == text.len() => Some(value),
        _ => None,
    }
}

/// A length of time, written as a decimal number of a `unit` of so many nanoseconds. Digits below the nanosecond are cut off.
pub(crate) fn duration(text: &[u8], unit: u64) -> Option<SignedDuration> {
    nanos(text, unit).map(SignedDuration::from_nanos)
}

/// A point in time, written as the decimal number of a `unit` of so many nanoseconds since the epoch.
pub(crate) fn epoch(text: &[u8], unit: u64) -> Option<Timestamp> {
    nanos(text, unit).map(Timestamp::from_nanos)
}

/// A decimal number of a `unit` of so many nanoseconds, a power of ten: digits with or without a fraction.
fn nanos(text: &[u8], unit: u64) -> Option<i64> {
    let (value, len) = leading_nanos(text, unit)?;
    (len == text.len()).then_some(value)
}

/// The same at the front of a text, with its length.
#[inline(always)]
pub(crate) fn leading_nanos(text: &[u8], unit: u64) -> Option<(i64, usize)> {
    let (value, mut len) = leading_u64(text)?;
    let mut total = value.checked_mul(unit)?;
    if text.get(len) == Some(&b'.') {
        len += 1;
        let places = unit.ilog10() as usize;
        let (fraction, digits) = match leading_u64(&text[len..]) {
            Some((fraction, digits)) if digits <= places => (fraction * POWERS[places - digits], digits),
            _ => long_fraction(&text[len..], unit),
        };
        total = total.checked_add(fraction)?;
        len += digits;
    }
    Some((i64::try_from(total).ok()?, len))
}

/// A fraction of any length, none included: digits that are not worth a nanosecond are cut off.
#[cold]
fn long_fraction(text: &[u8], unit: u64) -> (u64, usize) {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let worth = text[..digits].iter().zip(std::iter::successors(Some(unit / 10), |place| Some(place / 10)));
    (worth.map(|(digit, place)| u64::from(digit - b'0') * place).sum(), digits)
}

const POWERS: [u64; 10] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, SECOND];

/// A whole number, digits with or without a sign.
pub(crate) fn signed(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let value = i128::from(whole(digits)?);
    i64::try_from(if negative { -value } else { value }).ok()
}

/// A decimal number as a float: digits with or without a sign, a fraction and an exponent.
pub(crate) fn float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if numeric { text.parse().ok() } else { None }
}

/// A time as RFC 3339 has it.
pub(crate) fn rfc3339(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    Timestamp::parse_rfc3339(text)
}

/// A length of time that was read as a float of milliseconds.
pub(crate) fn milliseconds(value: f64) -> SignedDuration {
    // Saturates.
    SignedDuration::from_nanos((value * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0.001", Some(1_000_000)),
            ("12.5", Some(12_500_000_000)),
            ("1.", Some(1_000_000_000)),
            ("0.0000000019", Some(1)),
            ("9223372036.854775807", Some(i64::MAX)),
            ("9223372036.854775808", None),
            ("99999999999999999999", None),
            ("", None),
            ("-1", None),
            (".5", None),
            ("1.5s", None),
            ("1,5", None),
        ] {
            assert_eq!(nanos(text.as_bytes(), SECOND), expected, "{text}");
        }
        assert_eq!(nanos(b"1700000000123.4", MILLISECOND), Some(1_700_000_000_123_400_000));
    }

    #[test]
    fn signed_numbers_reach_as_far_as_64_bits() {
        for (text, expected) in [
            ("-9223372036854775808", Some(i64::MIN)),
            ("+7", Some(7)),
            ("9223372036854775808", None),
            ("--1", None),
            ("-", None),
        ] {
            assert_eq!(signed(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn floats_are_numbers_alone() {
        assert_eq!(float(b"-1.5e3"), Some(-1_500.0));
        for text in ["", "inf", "NaN", "1x", "e"] {
            assert_eq!(float(text.as_bytes()), None, "{text}");
        }
    }
}
