//! Values whose type nobody has told, by their looks.

use std::ops::Range;

use dendro_core::{EventWriter, Key, SignedDuration};

use crate::formats::FormatOption;
use crate::json::Number;
use crate::numbers::{POWERS_OF_TEN, leading_digits};

/// The option of formats whose values are texts.
pub(crate) const TYPES: FormatOption = FormatOption::new(
    "types",
    "`true`: values that look so become numbers, booleans and durations (`1.5ms`); else all are texts.",
);

/// Writes the text at `range` of the raw text as what it looks like: `true` and `false`, numbers as JSON has them,
/// durations as Go prints them. Anything else is text.
pub(crate) fn write(event: &mut EventWriter<'_>, key: Key, range: Range<usize>) {
    let text = event.raw().get(range.clone()).unwrap_or_default();
    match text {
        b"true" => event.bool(key, true),
        b"false" => event.bool(key, false),
        [b'-', b'0'..=b'9', ..] | [b'0'..=b'9', ..] => match Number::whole_text(text) {
            Some(number) => number.write(event, key),
            None => match duration(text) {
                Some(duration) => event.duration(key, duration),
                None => event.str(key, range),
            },
        },
        _ => event.str(key, range),
    }
}

/// `1h2m3.5s`, `250ms`, `-10µs`: numbers each with a unit, the larger first.
fn duration(text: &[u8]) -> Option<SignedDuration> {
    let (negative, mut rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (mut total, mut before) = (0i128, i128::MAX);
    while !rest.is_empty() {
        let (whole, len) = leading_digits(rest);
        if len == 0 || len > 18 {
            return None;
        }
        rest = &rest[len..];
        let (mut fraction, mut places) = (0, 0);
        if let [b'.', digits @ ..] = rest {
            let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (fraction, places) = leading_digits(&digits[..count.min(9)]);
            rest = &digits[count..];
            if count == 0 {
                return None;
            }
        }
        let (nanos, len) = unit(rest)?;
        if nanos >= before {
            return None;
        }
        before = nanos;
        rest = &rest[len..];
        total += i128::from(whole) * nanos + i128::from(fraction) * nanos / i128::from(POWERS_OF_TEN[places]);
    }
    let nanos = i64::try_from(if negative { -total } else { total }).ok()?;
    Some(SignedDuration::from_nanos(nanos))
}

/// The nanoseconds of a unit, and its length.
fn unit(text: &[u8]) -> Option<(i128, usize)> {
    // The longer before those that they begin with. The micro sign and the Greek letter look the same.
    let units: [(&[u8], i128); 8] = [
        (b"ns", 1),
        (b"us", 1_000),
        ("µs".as_bytes(), 1_000),
        ("μs".as_bytes(), 1_000),
        (b"ms", 1_000_000),
        (b"s", 1_000_000_000),
        (b"m", 60_000_000_000),
        (b"h", 3_600_000_000_000),
    ];
    units.iter().find(|(name, _)| text.starts_with(name)).map(|(name, nanos)| (*nanos, name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_prints_them() {
        for (text, nanos) in [
            ("0s", 0),
            ("250ms", 250_000_000),
            ("1.5µs", 1_500),
            ("1.5μs", 1_500),
            ("-10us", -10_000),
            ("1h2m3.5s", 3_723_500_000_000),
            ("2540400h10m10.000000000s", 9_145_440_610_000_000_000),
        ] {
            assert_eq!(duration(text.as_bytes()), Some(SignedDuration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "5", "5x", "5.s", "s", "1s2h", "1s1s", "9999999999h", "5 s", "1s ", "0x5s"] {
            assert_eq!(duration(text.as_bytes()).filter(|_| !text.is_empty()), None, "{text}");
        }
    }
}
