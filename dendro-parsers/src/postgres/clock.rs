//! Times as PostgreSQL writes them: `2026-11-20 16:59:47.123 UTC`.

use dendro_core::{Civil, Timestamp};

use crate::Zone;

/// Reads times with the abbreviation of their zone, and remembers the last second.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// For abbreviations that more than one zone has.
    zone: Option<Zone>,
    /// The second that was read last, its zone, and what it is in UTC.
    civil: [u8; CIVIL_LEN],
    last_zone: [u8; MAX_ABBREVIATION],
    last_zone_len: usize,
    second: Timestamp,
}

/// `2026-11-20 16:59:47`.
const CIVIL_LEN: usize = 19;

impl Clock {
    pub(super) const SHAPE: &str = "a time and its zone, as `2026-11-20 16:59:47.123 UTC`";
    pub(super) const UNKNOWN: &str = "a zone that only one place on earth abbreviates so: for any other the option `zone` has to tell which it is";
    const CALENDAR: &str = "a time that the calendar has and that is between the years 1677 and 2262";

    pub(super) fn new(zone: Option<Zone>) -> Self {
        Self { zone, ..Self::default() }
    }

    /// How long the time is that `text` begins with, its zone included.
    #[inline]
    pub(super) fn len(text: &[u8]) -> Option<usize> {
        let (_, rest) = split(text)?;
        let len = match rest.first()? {
            b'+' | b'-' => match rest[1..].iter().take(7).take_while(|b| b.is_ascii_digit()).count() {
                digits @ (2 | 4 | 6) => digits + 1,
                _ => return None,
            },
            _ => rest.iter().take(MAX_ABBREVIATION + 1).take_while(|b| b.is_ascii_alphabetic()).count(),
        };
        let is_civil = text.first_chunk().is_some_and(has_shape);
        (is_civil && len > 0 && len <= MAX_ABBREVIATION).then_some(text.len() - rest.len() + len)
    }

    /// The time that `text` is, or what was expected.
    #[inline]
    pub(super) fn read(&mut self, text: &[u8]) -> Result<Timestamp, &'static str> {
        let (nanos, zone) = split(text).ok_or(Self::SHAPE)?;
        let civil = text.first_chunk().ok_or(Self::SHAPE)?;
        if *civil != self.civil || self.last_zone.get(..self.last_zone_len) != Some(zone) {
            self.read_second(civil, zone)?;
        }
        let time = self.second.as_nanos().checked_add(i64::from(nanos)).ok_or(Self::CALENDAR)?;
        Ok(Timestamp::from_nanos(time))
    }

    fn read_second(&mut self, text: &[u8; CIVIL_LEN], zone: &[u8]) -> Result<(), &'static str> {
        if !has_shape(text) || zone.len() > MAX_ABBREVIATION || zone.is_empty() {
            return Err(Self::SHAPE);
        }
        let number = |from: usize, to: usize| {
            text[from..to].iter().fold(0u16, |n, b| n * 10 + u16::from(b.wrapping_sub(b'0')))
        };
        let civil = Civil {
            year: number(0, 4).into(),
            month: number(5, 7) as u8,
            day: number(8, 10) as u8,
            hour: number(11, 13) as u8,
            minute: number(14, 16) as u8,
            second: number(17, 19) as u8,
            nanos: 0,
        };
        let second = match offset(zone)? {
            Some(offset) => Timestamp::from_civil(civil, offset),
            None => in_zone(civil, self.zone.as_mut().ok_or(Self::UNKNOWN)?),
        };
        self.second = second.ok_or(Self::CALENDAR)?;
        self.civil = *text;
        self.last_zone[..zone.len()].copy_from_slice(zone);
        self.last_zone_len = zone.len();
        Ok(())
    }
}

/// The nanoseconds of a time, and what is from its zone on.
#[inline]
fn split(text: &[u8]) -> Option<(u32, &[u8])> {
    match text.get(CIVIL_LEN..)? {
        [b' ', zone @ ..] => Some((0, zone)),
        [b'.', rest @ ..] => {
            let (mut nanos, mut unit) = (0, 100_000_000);
            let digits = rest.iter().take(9).take_while(|b| b.is_ascii_digit());
            let mut count = 0;
            for digit in digits {
                nanos += u32::from(digit - b'0') * unit;
                unit /= 10;
                count += 1;
            }
            match rest.get(count..) {
                Some([b' ', zone @ ..]) if count > 0 => Some((nanos, zone)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether all digits of a date and time of day are where they have to be.
#[inline]
fn has_shape(civil: &[u8; CIVIL_LEN]) -> bool {
    let separators = [civil[4], civil[7], civil[10], civil[13], civil[16]];
    separators == *b"-- ::" && DIGITS.iter().all(|at| civil[*at].is_ascii_digit())
}

fn in_zone(civil: Civil, zone: &mut Zone) -> Option<Timestamp> {
    let local = Timestamp::from_civil(civil, 0)?;
    Timestamp::from_secs(zone.to_utc(local.as_secs()))
}

const DIGITS: [usize; 14] = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18];

/// The longest that the IANA database has, and more.
const MAX_ABBREVIATION: usize = 8;

/// The seconds east of UTC of a zone by its digits, or by an abbreviation that the IANA database has for one offset only; none for other
/// abbreviations.
fn offset(zone: &[u8]) -> Result<Option<i32>, &'static str> {
    let [sign @ (b'+' | b'-'), digits @ ..] = zone else {
        let known = zone.iter().all(u8::is_ascii_alphabetic);
        return if known { Ok(abbreviation(zone)) } else { Err(Clock::SHAPE) };
    };
    if !matches!(digits.len(), 2 | 4 | 6) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Clock::SHAPE);
    }
    let pair = |at: usize| match digits.get(at..at + 2) {
        Some([tens, ones]) => i32::from(tens - b'0') * 10 + i32::from(ones - b'0'),
        _ => 0,
    };
    let seconds = pair(0) * 3_600 + pair(2) * 60 + pair(4);
    Ok(Some(if *sign == b'-' { -seconds } else { seconds }))
}

/// None for `IST` (India, Israel, Ireland) and `CST` (America, China, Cuba).
fn abbreviation(zone: &[u8]) -> Option<i32> {
    let minutes = match zone {
        b"CST" => return None,
        b"UCT" => 0,
        b"BST" | b"MET" | b"WAT" => 60,
        b"MEST" | b"CAT" => 120,
        b"EAT" | b"IDT" => 180,
        b"MSD" => 240,
        b"PKT" => 300,
        b"WIB" => 420,
        b"HKT" | b"SGT" | b"WITA" => 480,
        b"WIT" => 540,
        b"ChST" => 600,
        b"AST" => -240,
        b"HDT" => -540,
        b"SST" => -660,
        _ => return crate::zone_names::named_offset(zone),
    };
    Some(minutes * 60)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str, zone: Option<&str>) -> Result<String, &'static str> {
        let mut clock = Clock::new(zone.map(|name| name.parse().unwrap()));
        clock.read(text.as_bytes()).map(|time| time.to_string())
    }

    #[test]
    fn zones_are_honoured_by_offset_and_by_abbreviation() {
        for (text, expected) in [
            ("2026-11-20 20:33:56 UTC", "2026-11-20T20:33:56.000000000Z"),
            ("2026-11-20 20:33:56.97 UTC", "2026-11-20T20:33:56.970000000Z"),
            ("2026-11-20 15:34:58.998 EST", "2026-11-20T20:34:58.998000000Z"),
            ("2026-07-20 15:34:58 CEST", "2026-07-20T13:34:58.000000000Z"),
            ("2026-11-20 15:34:58 -03", "2026-11-20T18:34:58.000000000Z"),
            ("2026-11-20 15:34:58 +0545", "2026-11-20T09:49:58.000000000Z"),
            ("2026-11-20 15:34:58 JST", "2026-11-20T06:34:58.000000000Z"),
        ] {
            assert_eq!(read(text, None).as_deref(), Ok(expected), "{text}");
            assert_eq!(read(text, Some("Asia/Kolkata")).as_deref(), Ok(expected), "{text}");
            assert_eq!(Clock::len(text.as_bytes()), Some(text.len()));
            assert_eq!(Clock::len(format!("{text}:x").as_bytes()), Some(text.len()));
        }
    }

    #[test]
    fn an_abbreviation_of_several_zones_is_told_by_the_option() {
        let text = "2026-11-20 15:34:58.5 IST";
        assert_eq!(read(text, None), Err(Clock::UNKNOWN));
        assert_eq!(read(text, Some("Asia/Kolkata")).as_deref(), Ok("2026-11-20T10:04:58.500000000Z"));
        assert_eq!(read(text, Some("Asia/Jerusalem")).as_deref(), Ok("2026-11-20T13:34:58.500000000Z"));
        let summer = "2026-07-20 15:34:58 CST";
        assert_eq!(read(summer, Some("Asia/Shanghai")).as_deref(), Ok("2026-07-20T07:34:58.000000000Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-20 20:33:56",
            "2026-11-20 20:33:56 ",
            "2026-11-20 20:33:56. UTC",
            "2026-11-20T20:33:56 UTC",
            "2026-11-20 20:33:5x UTC",
            "2026-11-20 20:33:56 +3",
            "2026-11-20 20:33:56 +053",
            "2026-11-20 20:33:56 ABCDEFGHIJ",
        ] {
            assert_eq!(Clock::len(text.as_bytes()), None, "{text}");
        }
        for text in ["2026-02-30 20:33:56 UTC", "2026-11-20 24:33:56 UTC", "9999-11-20 20:33:56 UTC"] {
            assert!(read(text, None).is_err(), "{text}");
        }
    }
}
