//! The times of Apache's error log.

use dendro_core::{Civil, Timestamp};

use crate::Zone;
use crate::clf_time::{ClfTime, month};
use crate::numbers::exact_u32;

/// A time that a text begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leading {
    /// `None` if the calendar does not have it.
    pub(super) time: Option<Timestamp>,
    pub(super) len: usize,
    /// Whether the seconds have a fraction.
    pub(super) fraction: bool,
}

/// The time that `text` begins with: as in `Fri Nov 20 17:02:31 2026`, `2026-11-20 17:02:31` or
/// `20/Nov/2026:17:02:31 +0000`, the first two with or without a fraction of the second.
pub(super) fn leading(text: &[u8], zone: &mut Zone) -> Option<Leading> {
    match text {
        [b'A'..=b'Z', ..] => ctime(text, zone),
        [_, _, b'/', ..] => clf(text),
        _ => iso(text, zone),
    }
}

/// `%t`: `Fri Nov 20 17:02:31 2026`, and `%{u}t`: `Fri Nov 20 17:02:31.123456 2026`. C's `ctime`, which programs that write to the
/// log use, pads the day with a space.
fn ctime(text: &[u8], zone: &mut Zone) -> Option<Leading> {
    let [w1, w2, w3, b' ', n1, n2, n3, b' ', d1, d2, b' ', rest @ ..] = text else { return None };
    if !DAYS.contains(&[*w1, *w2, *w3]) {
        return None;
    }
    let month = month(&[*n1, *n2, *n3])?;
    let day = pair(if *d1 == b' ' { b'0' } else { *d1 }, *d2)?;
    let (clock, clock_len) = Clock::leading(rest)?;
    let (year, _) = rest[clock_len..].strip_prefix(b" ")?.split_first_chunk()?;
    let year = exact_u32::<4>(year)?;
    let len = text.len() - rest.len() + clock_len + 5;
    Some(Leading { time: clock.on(year, month, day, zone), len, fraction: clock.fraction })
}

const DAYS: [[u8; 3]; 7] = [*b"Mon", *b"Tue", *b"Wed", *b"Thu", *b"Fri", *b"Sat", *b"Sun"];

/// `%{c}t`: `2026-11-20 17:02:31`, and `%{cu}t`: `2026-11-20 17:02:31.123456`.
fn iso(text: &[u8], zone: &mut Zone) -> Option<Leading> {
    let [y1, y2, y3, y4, b'-', n1, n2, b'-', d1, d2, b' ' | b'T', rest @ ..] = text else { return None };
    let year = exact_u32(&[*y1, *y2, *y3, *y4])?;
    let (month, day) = (pair(*n1, *n2)?, pair(*d1, *d2)?);
    let (clock, clock_len) = Clock::leading(rest)?;
    let len = text.len() - rest.len() + clock_len;
    Some(Leading { time: clock.on(year, month, day, zone), len, fraction: clock.fraction })
}

/// As other programs write it.
fn clf(text: &[u8]) -> Option<Leading> {
    let text = text.first_chunk().filter(|text| ClfTime::has_shape(text))?;
    Some(Leading { time: ClfTime::default().read(text), len: ClfTime::LEN, fraction: false })
}

struct Clock {
    hour: u8,
    minute: u8,
    second: u8,
    nanos: u32,
    fraction: bool,
}

impl Clock {
    /// The time of day that `text` begins with, and its length.
    fn leading(text: &[u8]) -> Option<(Self, usize)> {
        let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else { return None };
        let mut clock = Self {
            hour: pair(*h1, *h2)?,
            minute: pair(*m1, *m2)?,
            second: pair(*s1, *s2)?,
            nanos: 0,
            fraction: false,
        };
        let mut len = 8;
        if let Some(digits) = rest.strip_prefix(b".") {
            let count = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
            if !(1..=9).contains(&count) {
                return None;
            }
            let value = digits[..count].iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
            clock.nanos = value * 10u32.pow(9 - count as u32);
            clock.fraction = true;
            len += 1 + count;
        }
        Some((clock, len))
    }

    fn on(&self, year: u32, month: u8, day: u8, zone: &mut Zone) -> Option<Timestamp> {
        let Self { hour, minute, second, nanos, .. } = *self;
        let civil = Civil { year: year as i32, month, day, hour, minute, second, nanos: 0 };
        let time = Timestamp::from_secs(zone.to_utc(Timestamp::from_civil(civil, 0)?.as_secs()))?;
        time.as_nanos().checked_add(nanos.into()).map(Timestamp::from_nanos)
    }
}

fn pair(tens: u8, ones: u8) -> Option<u8> {
    exact_u32(&[tens, ones]).map(|number| number as u8)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Option<String>, usize, bool)> {
        let found = leading(text.as_bytes(), &mut Zone::fixed(-12_600))?;
        Some((found.time.map(|time| time.to_string()), found.len, found.fraction))
    }

    #[test]
    fn every_form_is_read_in_its_zone() {
        for (text, time, fraction) in [
            ("Fri Nov 20 17:02:31 2026", "2026-11-20T20:32:31.000000000Z", false),
            ("Fri Nov 20 17:02:31.123456 2026", "2026-11-20T20:32:31.123456000Z", true),
            ("Sun Nov  1 17:02:31 2026", "2026-11-01T20:32:31.000000000Z", false),
            ("2026-11-20 17:02:31", "2026-11-20T20:32:31.000000000Z", false),
            ("2026-11-20 17:02:31.5", "2026-11-20T20:32:31.500000000Z", true),
            ("2026-11-20T17:02:31.123456789", "2026-11-20T20:32:31.123456789Z", true),
            ("20/Nov/2026:17:02:31 +0100", "2026-11-20T16:02:31.000000000Z", false),
        ] {
            for behind in ["", "]", " x"] {
                let expected = Some((Some(time.to_owned()), text.len(), fraction));
                assert_eq!(read(&format!("{text}{behind}")), expected, "{text}");
            }
        }
    }

    #[test]
    fn what_the_calendar_does_not_have_is_told_from_what_is_no_time() {
        for text in [
            "Fri Nov 31 17:02:31 2026",
            "Fri Nov 20 25:02:31.1 2026",
            "2026-13-20 17:02:31",
            "32/Nov/2026:17:02:31 +0000",
        ] {
            assert_eq!(read(text).unwrap().0, None, "{text}");
        }
        for text in [
            "",
            "Fri",
            "Fry Nov 20 17:02:31 2026",
            "Fri nov 20 17:02:31 2026",
            "Fri Nov 20 17:02:31. 2026",
            "2026/11/20 17:02:31",
            "client 192.0.2.7",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
