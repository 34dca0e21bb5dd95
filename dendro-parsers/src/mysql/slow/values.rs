//! The values of the header, typed.

use std::ops::Range;

use dendro_core::{EventWriter, Key, SignedDuration, Timestamp};

use super::super::time::LogTime;
use super::fields::Kind;
use crate::numbers::leading_u64;
use crate::{Refused, Zone};

/// A value of the header.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Typed {
    Null,
    U64(u64),
    I64(i64),
    F64(f64),
    Bool(bool),
    Duration(SignedDuration),
    Time(Timestamp),
    /// Text that stands there.
    Text(Range<usize>),
}

impl Typed {
    /// The value at `range`, of a kind that is known. Where nothing is, it is null.
    pub(super) fn read(
        raw: &[u8],
        range: Range<usize>,
        kind: Kind,
        zone: &mut Zone,
    ) -> Result<Self, Refused> {
        let text = raw.get(range.clone()).unwrap_or_default();
        if text.is_empty() {
            return Ok(Self::Null);
        }
        let refused = |expected| Refused::new(range.start, expected);
        Ok(match kind {
            Kind::Count => Self::U64(whole(text).ok_or(refused("a number of at most 64 bits"))?),
            Kind::Seconds => Self::Duration(seconds(text).ok_or(refused("seconds, as in 0.000136"))?),
            Kind::Millis => Self::Duration(millis(text).ok_or(refused("milliseconds, as in 0.0136"))?),
            Kind::YesNo => match text {
                b"Yes" => Self::Bool(true),
                b"No" => Self::Bool(false),
                _ => return Err(refused("`Yes` or `No`")),
            },
            Kind::Time => {
                let time = LogTime::read(text).filter(|time| time.len == text.len());
                Self::Time(time.and_then(|time| time.resolve(zone)).ok_or(refused("a time as ISO 8601"))?)
            }
            Kind::Text => Self::Text(range),
        })
    }

    /// The value at `range`, typed by its shape.
    pub(super) fn guess(raw: &[u8], range: Range<usize>) -> Self {
        let text = raw.get(range.clone()).unwrap_or_default();
        match text {
            b"" => Self::Null,
            b"Yes" => Self::Bool(true),
            b"No" => Self::Bool(false),
            _ => match number(text) {
                Some(number) => number,
                None => Self::Text(range),
            },
        }
    }

    pub(super) fn write(&self, event: &mut EventWriter<'_>, key: Key) {
        match self {
            Self::Null => event.null(key),
            Self::U64(value) => event.u64(key, *value),
            Self::I64(value) => event.i64(key, *value),
            Self::F64(value) => event.f64(key, *value),
            Self::Bool(value) => event.bool(key, *value),
            Self::Duration(value) => event.duration(key, *value),
            Self::Time(value) => event.timestamp(key, *value),
            Self::Text(range) => event.str(key, range.clone()),
        }
    }
}

fn whole(text: &[u8]) -> Option<u64> {
    leading_u64(text).filter(|(_, len)| *len == text.len()).map(|(value, _)| value)
}

/// A number in decimal digits with or without a sign and a fraction.
fn number(text: &[u8]) -> Option<Typed> {
    if let Some(value) = whole(text) {
        return Some(Typed::U64(value));
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = |text: &[u8]| !text.is_empty() && text.len() < 40 && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok()?;
    match digits.iter().position(|b| *b == b'.') {
        None if plain(digits) => text.parse().ok().map(Typed::I64),
        Some(point) if plain(&digits[..point]) && plain(&digits[point + 1..]) => {
            text.parse().ok().map(Typed::F64)
        }
        _ => None,
    }
}

/// Seconds with or without a fraction. The servers count microseconds in 64 bits without a sign, and clocks go back: just below
/// 2^64 microseconds (`18446744073709.550781`) they mean a little less than nothing.
fn seconds(text: &[u8]) -> Option<SignedDuration> {
    let (negative, nanos) = nanos(text, 9)?;
    if negative {
        return i64::try_from(nanos).ok().map(|nanos| SignedDuration::from_nanos(-nanos));
    }
    let nanos = i64::try_from(nanos).ok().or_else(|| {
        let micros = u64::try_from(nanos / 1_000).ok()? as i64;
        micros.checked_mul(1_000).filter(|nanos| *nanos < 0)
    })?;
    Some(SignedDuration::from_nanos(nanos))
}

fn millis(text: &[u8]) -> Option<SignedDuration> {
    let (negative, nanos) = nanos(text, 6)?;
    let nanos = i64::try_from(nanos).ok()?;
    Some(SignedDuration::from_nanos(if negative { -nanos } else { nanos }))
}

/// A decimal number times ten to the power of `places`, digits behind that left out, and whether it is negative.
fn nanos(text: &[u8], places: usize) -> Option<(bool, u128)> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (whole, len) = leading_u64(text)?;
    let fraction = match text.get(len..)? {
        [] => &[][..],
        [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => fraction,
        _ => return None,
    };
    let value = (0..places).fold(u128::from(whole), |value, place| {
        value * 10 + fraction.get(place).map_or(0, |digit| u128::from(digit - b'0'))
    });
    Some((negative, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact() {
        for (text, expected) in [
            ("2", Some(2_000_000_000)),
            ("0.000136", Some(136_000)),
            ("1.294391", Some(1_294_391_000)),
            ("0.1234567891", Some(123_456_789)),
            ("-0.000012", Some(-12_000)),
            ("18446744073709.550781", Some(-835_000)),
            ("18446744073709551615", None),
            ("99999999999", None),
            ("", None),
            (".5", None),
            ("1.x", None),
            ("1e3", None),
        ] {
            assert_eq!(seconds(text.as_bytes()).map(SignedDuration::as_nanos), expected, "{text}");
        }
        assert_eq!(millis(b"0.0073").map(SignedDuration::as_nanos), Some(7_300));
    }

    #[test]
    fn a_value_of_an_unknown_name_is_typed_by_its_shape() {
        for (text, expected) in [
            ("", Typed::Null),
            ("7", Typed::U64(7)),
            ("-7", Typed::I64(-7)),
            ("0.5", Typed::F64(0.5)),
            ("-0.5", Typed::F64(-0.5)),
            ("Yes", Typed::Bool(true)),
            ("No", Typed::Bool(false)),
            ("yes", Typed::Text(0..3)),
            ("1.2.3", Typed::Text(0..5)),
            ("1.", Typed::Text(0..2)),
            ("99999999999999999999", Typed::Text(0..20)),
        ] {
            assert_eq!(Typed::guess(text.as_bytes(), 0..text.len()), expected, "{text}");
        }
    }
}
