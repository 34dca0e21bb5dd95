//! The zone of times that don't carry one.

use std::fmt;
use std::str::FromStr;

use jiff::civil;
use jiff::tz::TimeZone;

const DAY: i64 = 86_400;

/// The zone of a log's times where they don't tell theirs.
///
/// ```
/// use dendro_parsers::Zone;
/// let mut berlin = "Europe/Berlin".parse::<Zone>().unwrap();
/// let midnight = 1_795_132_800; // 2026-11-20T00:00:00, as if it were UTC
/// assert_eq!(berlin.to_utc(midnight), midnight - 3_600);
/// assert_eq!("+05:30".parse::<Zone>().unwrap().to_utc(midnight), midnight - 19_800);
/// assert!("Europe/Berlon".parse::<Zone>().is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Zone {
    /// `None` for an offset that never changes.
    named: Option<TimeZone>,
    /// What was looked up last: the offset in seconds, and the civil seconds from and until which it holds for certain.
    offset: i64,
    from: i64,
    until: i64,
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self::fixed(0);

    /// An offset east of UTC that never changes, in seconds.
    pub const fn fixed(offset: i64) -> Self {
        Self { named: None, offset, from: i64::MIN, until: i64::MAX }
    }

    /// The seconds since 1970 UTC of a civil time, which is given as the seconds since 1970 as if it were UTC.
    ///
    /// A time that a change of the clocks has skipped counts as if they had not been changed yet; of one that comes twice,
    /// the first is meant.
    #[inline]
    pub fn to_utc(&mut self, civil: i64) -> i64 {
        if !(self.from..self.until).contains(&civil) {
            self.look_up(civil);
        }
        civil.saturating_sub(self.offset)
    }

    #[cold]
    fn look_up(&mut self, civil: i64) {
        let Some(zone) = &self.named else { return };
        // Beyond the years that the rules cover, 1970 to about 9999, the last offset stands.
        let Ok(time) = jiff::Timestamp::from_second(civil) else { return };
        let local: civil::DateTime = TimeZone::UTC.to_datetime(time);
        let Ok(time) = zone.to_ambiguous_timestamp(local).compatible() else { return };
        // Not the zone's offset at that time: a skipped time is counted with the one before.
        self.offset = civil - time.as_second();
        // A day from a change nothing is ambiguous any more.
        let Ok(just_after) = jiff::Timestamp::from_second(time.as_second() + 1) else { return };
        let before = zone.preceding(just_after).next().map(|change| change.timestamp().as_second());
        let after = zone.following(time).next().map(|change| change.timestamp().as_second());
        self.from = before.map_or(i64::MIN, |at| at + 2 * DAY);
        self.until = after.map_or(i64::MAX, |at| at - 2 * DAY);
        if !(self.from..self.until).contains(&civil) {
            (self.from, self.until) = (civil, civil + 1);
        }
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// Reads `UTC`, `Z`, an offset (`+05:30`, `-0330`, `+02`) or a name of the IANA database (`Europe/Berlin`).
    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        let unknown = || UnknownZone { name: text.to_owned() };
        match text.as_bytes() {
            b"UTC" | b"Z" | b"GMT" => Ok(Self::UTC),
            [b'+' | b'-', ..] => offset(text.as_bytes()).map(Self::fixed).ok_or_else(unknown),
            _ => {
                let named = TimeZone::get(text).map_err(|_| unknown())?;
                Ok(Self { named: Some(named), offset: 0, from: 0, until: 0 })
            }
        }
    }
}

/// The seconds of `+hh`, `+hhmm` or `+hh:mm`.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, digits) = text.split_first()?;
    let number = |pair: &[u8]| match pair {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        }
        _ => None,
    };
    let (hours, minutes) = match digits {
        [_, _] => (number(digits)?, 0),
        [hours @ .., _, _] if hours.len() == 2 => (number(hours)?, number(&digits[2..])?),
        [h1, h2, b':', minutes @ ..] => (number(&[*h1, *h2])?, number(minutes)?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = hours * 3_600 + minutes * 60;
    Some(if *sign == b'-' { -seconds } else { seconds })
}

/// There is no zone of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownZone {
    name: String,
}

impl fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no zone `{}`: give `UTC`, an offset (`+05:30`) or a name (`Europe/Berlin`)",
            self.name
        )
    }
}

impl std::error::Error for UnknownZone {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_core::Timestamp;

    fn utc(text: &str) -> i64 {
        Timestamp::parse_rfc3339(text).unwrap().as_nanos() / 1_000_000_000
    }

    #[test]
    fn a_named_zone_follows_its_changes_in_any_order() {
        let mut zone: Zone = "Europe/Berlin".parse().unwrap();
        for (civil, expected) in [
            ("2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z"),
            ("2026-07-01T12:00:00Z", "2026-07-01T10:00:00Z"),
            ("2026-03-29T01:59:59Z", "2026-03-29T00:59:59Z"),
            ("2026-03-29T02:30:00Z", "2026-03-29T01:30:00Z"), // skipped
            ("2026-03-29T03:00:00Z", "2026-03-29T01:00:00Z"),
            ("2026-10-25T02:30:00Z", "2026-10-25T00:30:00Z"), // comes twice
            ("2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z"),
            ("2026-10-25T01:59:59Z", "2026-10-24T23:59:59Z"),
            ("2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z"),
        ] {
            assert_eq!(zone.to_utc(utc(civil)), utc(expected), "{civil}");
        }
    }

    #[test]
    fn what_is_remembered_changes_no_answer() {
        let mut zone: Zone = "America/St_Johns".parse().unwrap();
        let start = utc("2024-01-01T00:00:00Z");
        for hour in 0..3 * 366 * 24 {
            let civil = start + hour * 3_600;
            let fresh = "America/St_Johns".parse::<Zone>().unwrap().to_utc(civil);
            assert_eq!(zone.to_utc(civil), fresh, "{civil}");
            if hour % 7 == 0 {
                zone.to_utc(start + (hour * 7_919 % 26_000) * 3_600);
            }
        }
    }

    #[test]
    fn offsets_are_read_in_each_spelling() {
        for (text, seconds) in
            [("+05:30", 19_800), ("-0330", -12_600), ("+02", 7_200), ("-00:00", 0), ("UTC", 0), ("Z", 0)]
        {
            assert_eq!(text.parse::<Zone>().unwrap().to_utc(0), -seconds, "{text}");
        }
        for text in ["", "+", "+5", "+24:00", "+05:60", "+05:3", "+0530x", "+ab:cd", "Mars/Olympus"] {
            assert!(text.parse::<Zone>().is_err(), "{text}");
        }
    }

    #[test]
    fn no_time_overflows() {
        for name in ["UTC", "+14:00", "-12:00", "Europe/Berlin", "Asia/Kolkata"] {
            for civil in [i64::MIN, -1 << 60, 0, 1 << 60, i64::MAX] {
                name.parse::<Zone>().unwrap().to_utc(civil);
            }
        }
    }
}
