//! Times as MySQL and MariaDB write them at the front of lines.

use dendro_core::{Civil, Timestamp};

use crate::Zone;

/// A time that a text begins with, in one of
///
/// - `070101  0:00:00`, the local time of MySQL up to 5.6 and MariaDB's slow log, the hour padded with a space;
/// - `2026-11-20  1:15:44`, the local time of MariaDB's error log and of MySQL 5.6's;
/// - `2026-11-20T01:15:44.123456Z` or with an offset, since MySQL 5.7 (`log_timestamps`).
///
/// Each may have a fraction of up to nine digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogTime {
    civil: Civil,
    /// How far east of UTC it is, if it says so.
    offset_secs: Option<i32>,
    /// How many bytes it has.
    pub(super) len: usize,
    /// Whether it has the year as two digits.
    pub(super) short: bool,
}

impl LogTime {
    /// The time at the front of `text`; `None` if there is none that the calendar has.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let (year, month, day, short, mut at) = match text {
            [y1, y2, m1, m2, d1, d2, b' ', ..] if text[..6].iter().all(u8::is_ascii_digit) => {
                let year = i32::from(two(y1, y2)?);
                (if year < 70 { 2000 + year } else { 1900 + year }, two(m1, m2)?, two(d1, d2)?, true, 7)
            }
            [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b' ', ..] => {
                let year = i32::from(two(y1, y2)?) * 100 + i32::from(two(y3, y4)?);
                (year, two(m1, m2)?, two(d1, d2)?, false, 11)
            }
            _ => return None,
        };
        let (hour, minute, second) = match text.get(at..)? {
            [h1, h2, b':', m1, m2, b':', s1, s2, ..] => {
                let tens = if *h1 == b' ' { &b'0' } else { h1 };
                (two(tens, h2)?, two(m1, m2)?, two(s1, s2)?)
            }
            _ => return None,
        };
        at += 8;
        let mut nanos = 0;
        if let Some([b'.', b'0'..=b'9', ..]) = text.get(at..) {
            let digits = text[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
            for place in 0..9 {
                let digit = text[at + 1..at + 1 + digits].get(place).map_or(0, |b| u32::from(b - b'0'));
                nanos = nanos * 10 + digit;
            }
            at += 1 + digits;
        }
        let mut offset_secs = None;
        match text.get(at..) {
            Some([b'Z', ..]) => (offset_secs, at) = (Some(0), at + 1),
            Some([sign @ (b'+' | b'-'), h1, h2, b':', m1, m2, ..]) if !short => {
                let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let east = i32::from(hours) * 3_600 + i32::from(minutes) * 60;
                (offset_secs, at) = (Some(if *sign == b'-' { -east } else { east }), at + 6);
            }
            _ => {}
        }
        let civil = Civil { year, month, day, hour, minute, second, nanos };
        Timestamp::from_civil(civil, 0)?;
        Some(Self { civil, offset_secs, len: at, short })
    }

    /// Whether it says how far from UTC it is.
    pub(super) fn has_zone(&self) -> bool {
        self.offset_secs.is_some()
    }

    /// The point in time, in `zone` unless the text tells its own.
    pub(super) fn resolve(&self, zone: &mut Zone) -> Option<Timestamp> {
        if let Some(offset) = self.offset_secs {
            return Timestamp::from_civil(self.civil, offset);
        }
        let whole = Timestamp::from_civil(Civil { nanos: 0, ..self.civil }, 0)?.as_secs();
        let utc = Timestamp::from_secs(zone.to_utc(whole))?;
        utc.as_nanos().checked_add(i64::from(self.civil.nanos)).map(Timestamp::from_nanos)
    }
}

/// The number of two digits.
fn two(tens: &u8, ones: &u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn utc(text: &str, zone: &str) -> Option<(String, usize)> {
        let time = LogTime::read(text.as_bytes())?;
        Some((time.resolve(&mut zone.parse().unwrap())?.to_string(), time.len))
    }

    #[test]
    fn each_server_s_way_is_read() {
        for (text, expected, len) in [
            ("070101  0:00:00 [Note]", "2007-01-01T00:00:00.000000000Z", 15),
            ("261120 20:35:49", "2026-11-20T20:35:49.000000000Z", 15),
            ("991231 23:59:59", "1999-12-31T23:59:59.000000000Z", 15),
            ("090729 15:53:37.123456", "2009-07-29T15:53:37.123456000Z", 22),
            ("2026-11-20  1:15:44 0 [Note]", "2026-11-20T01:15:44.000000000Z", 19),
            ("2013-11-12 17:02:15 7f0d1 InnoDB", "2013-11-12T17:02:15.000000000Z", 19),
            ("2026-11-20T01:15:44.123456Z 0", "2026-11-20T01:15:44.123456000Z", 27),
            ("2026-11-20T01:15:44.123456+05:30 0", "2026-11-19T19:45:44.123456000Z", 32),
        ] {
            assert_eq!(utc(text, "UTC"), Some((expected.to_owned(), len)), "{text}");
        }
    }

    #[test]
    fn a_zone_is_taken_where_the_text_has_none() {
        assert_eq!(utc("261120 20:35:49.5", "Europe/Berlin").unwrap().0, "2026-11-20T19:35:49.500000000Z");
        assert_eq!(utc("2026-11-20T20:35:49Z", "Europe/Berlin").unwrap().0, "2026-11-20T20:35:49.000000000Z");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "070101",
            "070101 ",
            "071301  0:00:00",
            "070101 24:00:00",
            "070101  0:60:00",
            "07 101  0:00:00",
            "2026-02-30 00:00:00",
            "2026-11-20x00:00:00",
            "2026-11-20T00:00:00+24:00",
            "9999-11-20 00:00:00",
            "Time",
        ] {
            assert_eq!(utc(text, "UTC"), None, "{text}");
        }
    }
}
