//! Sizes and lengths of time as HotSpot prints them.

use crate::numbers::leading_u64;

/// The decimal number at the front of `text` in units of a billionth, and how many bytes it has. A comma is read as a point where digits
/// follow: JDK 8 printed in the locale's way.
pub(super) fn billionths(text: &[u8]) -> Option<(i128, usize)> {
    let (whole, mut len) = leading_u64(text)?;
    let mut value = i128::from(whole) * 1_000_000_000;
    if let Some(b'.' | b',') = text.get(len)
        && text.get(len + 1).is_some_and(u8::is_ascii_digit)
    {
        len += 1;
        let mut unit = 100_000_000;
        while let Some(digit @ b'0'..=b'9') = text.get(len) {
            value += i128::from(digit - b'0') * unit;
            unit /= 10;
            len += 1;
        }
    }
    Some((value, len))
}

/// The nanoseconds that `text` is: `12.513ms`, `0.012s`, `113012ns`.
pub(super) fn nanos(text: &[u8]) -> Option<i64> {
    let (value, len) = billionths(text)?;
    let nanos = match text.get(len..)? {
        b"s" => value,
        b"ms" => value / 1_000,
        b"us" => value / 1_000_000,
        b"ns" => value / 1_000_000_000,
        _ => return None,
    };
    i64::try_from(nanos).ok()
}

/// The bytes of the size at the front of `text`, and how long it is: `53M`, `24.0M`, `0.0B`.
pub(super) fn size(text: &[u8]) -> Option<(u64, usize)> {
    let (value, len) = billionths(text)?;
    let shift = match text.get(len)? {
        b'B' => 0,
        b'K' => 10,
        b'M' => 20,
        b'G' => 30,
        b'T' => 40,
        _ => return None,
    };
    let bytes = value.checked_mul(1 << shift)? / 1_000_000_000;
    Some((u64::try_from(bytes).ok()?, len + 1))
}

/// How something has changed, as in `53M->9M(1024M)`, `22M(34%)->46M(72%)` or `24.0M(24.0M)->0.0B(13.0M)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Change {
    pub(super) before: u64,
    pub(super) after: u64,
    /// What stands in the brackets behind, as a size.
    pub(super) capacity: Option<u64>,
    /// What stands in the brackets, as percents: before and after.
    pub(super) percents: Option<(f64, f64)>,
}

impl Change {
    /// The change at the front of `text`, and how many bytes it has.
    pub(super) fn read(text: &[u8]) -> Option<(Self, usize)> {
        let (before, mut at) = size(text)?;
        let mut first = None;
        if let Some((bracket, len)) = Bracket::read(text.get(at..)?) {
            first = Some(bracket);
            at += len;
        }
        if text.get(at..at + 2)? != b"->" {
            return None;
        }
        at += 2;
        let (after, len) = size(text.get(at..)?)?;
        at += len;
        let mut change = Self { before, after, ..Self::default() };
        if let Some((bracket, len)) = Bracket::read(text.get(at..)?) {
            at += len;
            match (first, bracket) {
                (_, Bracket::Size(capacity)) => change.capacity = Some(capacity),
                (Some(Bracket::Percent(before)), Bracket::Percent(after)) => {
                    change.percents = Some((before, after))
                }
                _ => {}
            }
        }
        Some((change, at))
    }
}

#[derive(Clone, Copy)]
enum Bracket {
    Size(u64),
    Percent(f64),
}

impl Bracket {
    fn read(text: &[u8]) -> Option<(Self, usize)> {
        let inner = text.strip_prefix(b"(")?;
        let (value, len) = match size(inner) {
            Some((size, len)) => (Self::Size(size), len),
            None => {
                let (percent, len) = billionths(inner)?;
                (inner.get(len) == Some(&b'%')).then_some((Self::Percent(percent as f64 / 1e9), len + 1))?
            }
        };
        (inner.get(len) == Some(&b')')).then_some((value, len + 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_points() {
        for (text, bytes) in
            [("53M", 53 << 20), ("24.5K", 25_088), ("0.0B", 0), ("3G", 3 << 30), ("1T->", 1 << 40)]
        {
            assert_eq!(size(text.as_bytes()).map(|(bytes, _)| bytes), Some(bytes), "{text}");
        }
        for text in ["", "M", "12", "12x", "99999999999999999999M", "99999999999G"] {
            assert_eq!(size(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn changes_have_capacities_percents_or_neither() {
        let change = |text: &str| {
            Change::read(text.as_bytes())
                .map(|(change, len)| (change.before, change.after, change.capacity, change.percents, len))
        };
        let m = 1 << 20;
        assert_eq!(change("53M->9M(1024M) 12.5ms"), Some((53 * m, 9 * m, Some(1_024 * m), None, 14)));
        assert_eq!(change("22M(34%)->46M(72%)"), Some((22 * m, 46 * m, None, Some((34.0, 72.0)), 18)));
        assert_eq!(change("24.0M(24.0M)->0.0B(13.0M)]"), Some((24 * m, 0, Some(13 * m), None, 25)));
        assert_eq!(change("2M->1M"), Some((2 * m, m, None, None, 6)));
        assert_eq!(change("2M-1M"), None);
    }

    #[test]
    fn lengths_of_time_are_exact() {
        for (text, expected) in
            [("12.513ms", 12_513_000), ("0,0584157s", 58_415_700), ("113012ns", 113_012), ("465us", 465_000)]
        {
            assert_eq!(nanos(text.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!(nanos(b"12"), None);
        assert_eq!(nanos(b"99999999999999s"), None);
    }
}
