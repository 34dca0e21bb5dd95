//! Points in time and lengths of time, in nanoseconds, without a clock.

use std::fmt;

const NANOS_PER_SEC: i64 = 1_000_000_000;
const SECS_PER_DAY: i64 = 86_400;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Reaches from the year 1677 to 2262. Prints as RFC 3339 with nanoseconds.
///
/// ```
/// use dendro_core::Timestamp;
/// let t = Timestamp::parse_rfc3339("2026-11-20T16:59:47.5-03:30").unwrap();
/// assert_eq!(t.to_string(), "2026-11-20T20:29:47.500000000Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The epoch, 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the epoch; `None` outside the range that nanoseconds reach.
    pub const fn from_secs(secs: i64) -> Option<Self> {
        match secs.checked_mul(NANOS_PER_SEC) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// From a date and time of day in the proleptic Gregorian calendar, in a zone that is
    /// `offset_secs` east of UTC. `None` if a part is out of its range; a second of 60 is taken as
    /// the first of the next minute.
    pub const fn from_civil(civil: Civil, offset_secs: i32) -> Option<Self> {
        let Civil { year, month, day, hour, minute, second, nanos } = civil;
        if month == 0 || month > 12 || day == 0 || day > days_in_month(year, month) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 || nanos >= NANOS_PER_SEC as u32 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        let secs = days * SECS_PER_DAY + hour as i64 * 3600 + minute as i64 * 60 + second as i64
            - offset_secs as i64;
        // Wider, because the whole second in which the range begins lies outside of it.
        let total = secs as i128 * NANOS_PER_SEC as i128 + nanos as i128;
        if total < i64::MIN as i128 || total > i64::MAX as i128 {
            return None;
        }
        Some(Self(total as i64))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SEC)
    }

    /// The nanoseconds within the second, 0 to 999,999,999.
    pub const fn subsec_nanos(self) -> u32 {
        self.0.rem_euclid(NANOS_PER_SEC) as u32
    }

    /// The date and time of day in UTC.
    pub const fn to_civil(self) -> Civil {
        let secs = self.as_secs();
        let days = secs.div_euclid(SECS_PER_DAY);
        let of_day = secs.rem_euclid(SECS_PER_DAY) as u32;
        let (year, month, day) = civil_from_days(days);
        Civil {
            year,
            month,
            day,
            hour: (of_day / 3600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
            nanos: self.subsec_nanos(),
        }
    }

    /// `self` later by `by`; stays at the end of the range instead of overflowing.
    pub const fn saturating_add(self, by: SignedDuration) -> Self {
        Self(self.0.saturating_add(by.0))
    }

    /// How much later `self` is than `earlier`; negative if it is not.
    pub const fn since(self, earlier: Self) -> SignedDuration {
        SignedDuration(self.0.saturating_sub(earlier.0))
    }

    /// The 30 ASCII bytes of RFC 3339 in UTC with nanoseconds: `2026-11-20T20:29:47.000000000Z`.
    pub fn to_rfc3339(self) -> [u8; 30] {
        let c = self.to_civil();
        let mut out = *b"0000-00-00T00:00:00.000000000Z";
        put_digits(&mut out[0..4], c.year as u32);
        put_digits(&mut out[5..7], u32::from(c.month));
        put_digits(&mut out[8..10], u32::from(c.day));
        put_digits(&mut out[11..13], u32::from(c.hour));
        put_digits(&mut out[14..16], u32::from(c.minute));
        put_digits(&mut out[17..19], u32::from(c.second));
        put_digits(&mut out[20..29], c.nanos);
        out
    }

    /// Reads RFC 3339 (`T`, `t` or a space between date and time, any number of fraction digits, of
    /// which nine count, `Z` or an offset). `None` if it is anything else or out of range.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        if b.len() < 20 || b[4] != b'-' || b[7] != b'-' || !matches!(b[10], b'T' | b't' | b' ') {
            return None;
        }
        if b[13] != b':' || b[16] != b':' {
            return None;
        }
        let mut at = 19;
        let mut nanos = 0u32;
        if b[at] == b'.' {
            at += 1;
            let digits = b[at..].iter().take_while(|c| c.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            for i in 0..9 {
                let digit = if i < digits { u32::from(b[at + i] - b'0') } else { 0 };
                nanos = nanos * 10 + digit;
            }
            at += digits;
        }
        let offset = match b.get(at..)? {
            b"Z" | b"z" => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let secs = (hours * 3600 + minutes * 60) as i32;
                if *sign == b'-' { -secs } else { secs }
            }
            _ => return None,
        };
        let civil = Civil {
            year: digits(&b[0..4])? as i32,
            month: digits(&b[5..7])? as u8,
            day: digits(&b[8..10])? as u8,
            hour: digits(&b[11..13])? as u8,
            minute: digits(&b[14..16])? as u8,
            second: digits(&b[17..19])? as u8,
            nanos,
        };
        Self::from_civil(civil, offset)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_rfc3339()).unwrap_or_default())
    }
}

/// A date and a time of day, without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year; 1 is 1 CE.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60; 60 is a leap second.
    pub second: u8,
    /// 0 to 999,999,999.
    pub nanos: u32,
}

/// A length of time in nanoseconds, possibly negative. Prints as seconds: `0.005`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignedDuration(i64);

impl SignedDuration {
    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// In seconds; exact up to about 104 days.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }

    /// Appends the length in seconds as a plain decimal without trailing zeros: `0.005`, `-12`.
    pub fn write_secs(self, out: &mut Vec<u8>) {
        if self.0 < 0 {
            out.push(b'-');
        }
        let nanos = self.0.unsigned_abs();
        let mut int = itoa::Buffer::new();
        out.extend_from_slice(int.format(nanos / NANOS_PER_SEC as u64).as_bytes());
        let fraction = (nanos % NANOS_PER_SEC as u64) as u32;
        if fraction != 0 {
            let mut digits = [b'0'; 9];
            put_digits(&mut digits, fraction);
            let kept = digits.iter().rposition(|d| *d != b'0').map_or(0, |i| i + 1);
            out.push(b'.');
            out.extend_from_slice(&digits[..kept]);
        }
    }
}

impl From<std::time::Duration> for SignedDuration {
    fn from(d: std::time::Duration) -> Self {
        Self(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for SignedDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(24);
        self.write_secs(&mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Days since the epoch of a date of the proleptic Gregorian calendar. Eras of 400 years with years
/// that begin in March, so that the leap day comes last.
pub const fn days_from_civil(year: i32, month: u8, day: u8) -> i64 {
    let y = year as i64 - (month <= 2) as i64;
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let month_from_march = (month as i64 + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day as i64 - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

const fn civil_from_days(days: i64) -> (i32, u8, u8) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8;
    let month = (if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 }) as u8;
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year as i32, month, day)
}

const fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0u32, |n, c| c.is_ascii_digit().then(|| n * 10 + u32::from(c - b'0')))
}

fn put_digits(out: &mut [u8], mut value: u32) {
    for slot in out.iter_mut().rev() {
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_day_from_1900_to_2100_survives_the_round_trip() {
        let mut expected = days_from_civil(1900, 1, 1);
        for year in 1900..2100 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    let days = days_from_civil(year, month, day);
                    assert_eq!(days, expected);
                    assert_eq!(civil_from_days(days), (year, month, day));
                    expected += 1;
                }
            }
        }
        assert_eq!(days_from_civil(1970, 1, 1), 0);
    }

    #[test]
    fn rfc3339_reads_offsets_fractions_and_leap_seconds() {
        let cases = [
            ("1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520000000Z"),
            ("1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57.000000000Z"),
            ("1990-12-31T23:59:60Z", "1991-01-01T00:00:00.000000000Z"),
            ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"),
            ("2026-11-20 16:59:37.123456789123+05:45", "2026-11-20T11:14:37.123456789Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(Timestamp::parse_rfc3339(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_rfc3339_is_refused() {
        for text in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00Zx",
            "9999-01-01T00:00:00Z",
            "20x6-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn durations_print_as_seconds() {
        for (nanos, text) in [
            (0, "0"),
            (5_000_000, "0.005"),
            (-12_000_000_000, "-12"),
            (1_000_000_001, "1.000000001"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(SignedDuration::from_nanos(nanos).to_string(), text);
        }
    }

    #[test]
    fn the_ends_of_the_range_survive_the_round_trip() {
        for nanos in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            let t = Timestamp::from_nanos(nanos);
            assert_eq!(Timestamp::from_civil(t.to_civil(), 0), Some(t));
            assert_eq!(Timestamp::parse_rfc3339(&t.to_string()), Some(t));
        }
        for beyond in ["1677-09-21T00:12:43.145224191Z", "2262-04-11T23:47:16.854775808Z"] {
            assert_eq!(Timestamp::parse_rfc3339(beyond), None, "{beyond}");
        }
        let far = Civil { year: i32::MAX, month: 12, day: 31, hour: 23, minute: 59, second: 60, nanos: 0 };
        assert_eq!(Timestamp::from_civil(far, i32::MIN), None);
        assert_eq!(Timestamp::from_civil(Civil { year: i32::MIN, ..far }, i32::MAX), None);
    }

    proptest::proptest! {
        #[test]
        fn every_timestamp_prints_as_what_it_is_read_from(nanos: i64) {
            let t = Timestamp::from_nanos(nanos);
            proptest::prop_assert_eq!(Timestamp::parse_rfc3339(&t.to_string()), Some(t));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[0-9TtZz:+\\-. é]{0,40}") {
            let _ = Timestamp::parse_rfc3339(&text);
        }
    }
}
