//! Values that end by themselves.

use super::clock::fraction;
use super::field::{Missing, Number};
use super::literal::Literal;
use crate::numbers::{exact_u32, leading_u64, u64_at};

/// A number as it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    U64(u64),
    F64(f64),
    /// Nanoseconds.
    Duration(i64),
}

/// The number at byte `at`, and where it ends; `next` is what follows it.
#[inline(always)]
pub(super) fn number(
    kind: Number,
    missing: Missing,
    line: &[u8],
    at: usize,
    next: &Literal,
) -> Option<(Value, usize)> {
    match present(kind, line, at) {
        Some((value, len)) => Some((value, at + len)),
        None if missing == Missing::Never => None,
        None => absent(line, at, next),
    }
}

#[inline(always)]
fn present(kind: Number, line: &[u8], at: usize) -> Option<(Value, usize)> {
    if let Number::U64 = kind {
        return u64_at(line, at).map(|(value, len)| (Value::U64(value), len));
    }
    let text = line.get(at..)?;
    match kind {
        Number::U64 => None,
        Number::Status => exact_u32(text.first_chunk::<3>()?).map(|status| (Value::U64(status.into()), 3)),
        Number::Duration(unit) => duration(text, unit),
        Number::F64 => decimal(text),
        Number::HexU64 => hexadecimal(text),
    }
}

/// A value that is missing: `-`, or nothing.
fn absent(line: &[u8], at: usize, next: &Literal) -> Option<(Value, usize)> {
    if next.is_at(line, at) && (!next.is_empty() || at == line.len()) {
        return Some((Value::Null, at));
    }
    // What looks like a number is one that does not fit.
    (line.get(at) == Some(&b'-') && !line.get(at + 1).is_some_and(u8::is_ascii_digit))
        .then_some((Value::Null, at + 1))
}

/// A length of time in units of so many nanoseconds.
#[inline]
fn duration(text: &[u8], unit: i64) -> Option<(Value, usize)> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (whole, len) = leading_u64(digits)?;
    let mut nanos = i64::try_from(whole).ok()?.checked_mul(unit)?;
    let mut len = len;
    // Only seconds are written with a fraction.
    if unit == NANOS_PER_SECOND {
        let (fraction, more) = fraction(digits.get(len..)?);
        nanos = nanos.checked_add(i64::from(fraction))?;
        len += more;
    }
    Some(if negative { (Value::Duration(-nanos), len + 1) } else { (Value::Duration(nanos), len) })
}

pub(super) const NANOS_PER_SECOND: i64 = 1_000_000_000;

#[cold]
fn decimal(text: &[u8]) -> Option<(Value, usize)> {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let sign = usize::from(text.first() == Some(&b'-'));
    let whole = digits(text.get(sign..)?);
    if whole == 0 {
        return None;
    }
    let mut len = sign + whole;
    if text.get(len) == Some(&b'.') {
        let more = digits(&text[len + 1..]);
        len += if more > 0 { more + 1 } else { 0 };
    }
    let value = std::str::from_utf8(&text[..len]).ok()?.parse().ok()?;
    Some((Value::F64(value), len))
}

#[cold]
fn hexadecimal(text: &[u8]) -> Option<(Value, usize)> {
    let (prefix, text) = match text {
        [b'0', b'x', rest @ ..] => (2, rest),
        _ => (0, text),
    };
    let len = text.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let digits = std::str::from_utf8(&text[..len]).ok()?;
    Some((Value::U64(u64::from_str_radix(digits, 16).ok()?), prefix + len))
}

/// Whether a separator of a list stands at byte `at`, and how long it is.
#[inline]
pub(super) fn separator(line: &[u8], at: usize) -> Option<usize> {
    match line.get(at..)? {
        [b',', b' ', ..] => Some(2),
        [b' ', b':', b' ', ..] => Some(3),
        _ => None,
    }
}

/// The end of a text of a list that begins at byte `at`.
#[inline]
pub(super) fn listed_text_end(line: &[u8], at: usize, next: &Literal) -> usize {
    let rest = line.get(at..).unwrap_or_default();
    let first = next.text().first();
    let len = rest.iter().enumerate().position(|(i, byte)| {
        matches!(byte, b' ' | b',' | b'"') || (Some(byte) == first && next.is_at(rest, i))
    });
    at + len.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Number, text: &str) -> Option<(Value, usize)> {
        number(kind, Missing::Null, text.as_bytes(), 0, &Literal::new(b"|"))
    }

    #[test]
    fn numbers_end_by_themselves() {
        for (kind, text, expected) in [
            (Number::U64, "153|", (Value::U64(153), 3)),
            (Number::U64, "153.5", (Value::U64(153), 3)),
            (Number::Status, "0091", (Value::U64(9), 3)),
            (Number::F64, "2.75|", (Value::F64(2.75), 4)),
            (Number::F64, "-33.9|", (Value::F64(-33.9), 5)),
            (Number::F64, "3.|", (Value::F64(3.0), 1)),
            (Number::Duration(NANOS_PER_SECOND), "12.0051|", (Value::Duration(12_005_100_000), 7)),
            (Number::Duration(1_000), "339.5", (Value::Duration(339_000), 3)),
            (Number::Duration(1_000), "-339", (Value::Duration(-339_000), 4)),
            (Number::HexU64, "7f00ff|", (Value::U64(0x7f_00ff), 6)),
            (Number::HexU64, "0x7f|", (Value::U64(0x7f), 4)),
        ] {
            assert_eq!(read(kind, text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_missing_number_is_null_and_anything_else_is_none() {
        for kind in [Number::U64, Number::Status, Number::F64, Number::Duration(1), Number::HexU64] {
            assert_eq!(read(kind, "-|"), Some((Value::Null, 1)));
            assert_eq!(read(kind, "|"), Some((Value::Null, 0)));
            for text in ["", "x", " 1", "99999999999999999999999999"] {
                if kind != Number::F64 && kind != Number::Status {
                    assert_eq!(read(kind, text), None, "{kind:?} {text}");
                }
            }
            let never = number(kind, Missing::Never, b"-|", 0, &Literal::new(b"|"));
            assert_eq!(never, None);
        }
        assert_eq!(read(Number::U64, "-1"), None);
    }
}
