//! A time as a text gives it, and what is missing for a point in time.

use dendro_core::{Civil, Timestamp};

use crate::Zone;

/// A date and a time of day as a text gives them: often without a year, mostly without a zone.
///
/// ```
/// use dendro_core::Timestamp;
/// use dendro_parsers::Zone;
/// use dendro_parsers::timestamp::Layout;
///
/// let (reading, _) = Layout::compile("syslog").unwrap().read(b"Dec 31 23:59:58").unwrap();
/// assert_eq!(reading.year, None);
/// let observed = Timestamp::parse_rfc3339("2027-01-01T00:00:03Z").unwrap();
/// let time = reading.near(observed, &mut Zone::default()).unwrap();
/// assert_eq!(time.to_string(), "2026-12-31T23:59:58.000000000Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// The point in time itself, where the text counts from the epoch; the rest says nothing then.
    pub epoch: Option<Timestamp>,
    /// The year, if the text has one.
    pub year: Option<i32>,
    /// 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31; of the year, 1 to 366, if `of_year` says so.
    pub day: u16,
    /// Whether days are counted from the beginning of the year.
    pub of_year: bool,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// 0 to 999,999,999.
    pub nanos: u32,
    /// The zone as seconds east of UTC, if the text has one.
    pub offset: Option<i32>,
}

/// How far ahead of its observation a time may lie for the year that begins next: clocks differ, and zones.
const AHEAD_IN_NEXT_YEAR: i64 = 7 * DAY;
/// The same for the year of the observation: longer, so that a clock that is wrong by weeks does not become one that is
/// wrong by a year.
const AHEAD_IN_SAME_YEAR: i64 = 60 * DAY;
const DAY: i64 = 86_400_000_000_000;
/// A 29th of February may be that long ago.
const YEARS_BACK: i32 = 8;

impl Reading {
    /// The point in time; where the year is missing, in the one that suits the time of observation: that of the observation,
    /// the next if it begins within the week and the time with it, and the one before if the time would else lie more than 60 days
    /// ahead. A 29th of February is looked for in the years before too.
    ///
    /// `None` if the calendar has no such day or [`Timestamp`] can't hold it.
    pub fn near(&self, observed: Timestamp, zone: &mut Zone) -> Option<Timestamp> {
        if self.epoch.is_some() || self.year.is_some() {
            return self.in_year(0, zone);
        }
        let this = observed.to_civil().year;
        let mut within = |year: i32, ahead: i64| {
            self.in_year(year, zone).filter(|time| time.since(observed).as_nanos() <= ahead)
        };
        within(this + 1, AHEAD_IN_NEXT_YEAR)
            .or_else(|| within(this, AHEAD_IN_SAME_YEAR))
            .or_else(|| (1..=YEARS_BACK).find_map(|back| within(this - back, i64::MAX)))
    }

    /// The point in time; where the year is missing, in this one. `None` as for [`near`](Self::near).
    pub fn in_year(&self, year: i32, zone: &mut Zone) -> Option<Timestamp> {
        if self.epoch.is_some() {
            return self.epoch;
        }
        let mut civil = Civil {
            year: self.year.unwrap_or(year),
            month: self.month,
            day: self.day.min(255) as u8,
            hour: self.hour,
            minute: self.minute,
            second: self.second,
            nanos: 0,
        };
        let mut days_more = 0;
        if self.of_year {
            let leap = dendro_core::days_from_civil(civil.year, 12, 31)
                - dendro_core::days_from_civil(civil.year, 1, 1)
                == 365;
            if self.day > 365 + u16::from(leap) {
                return None;
            }
            (civil.month, civil.day) = (1, 1);
            days_more = i64::from(self.day) - 1;
        }
        let secs = Timestamp::from_civil(civil, 0)?.as_secs() + days_more * 86_400;
        let utc = match self.offset {
            Some(offset) => secs - i64::from(offset),
            None => zone.to_utc(secs),
        };
        let nanos = i128::from(utc) * 1_000_000_000 + i128::from(self.nanos);
        i64::try_from(nanos).ok().map(Timestamp::from_nanos)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn near(month: u8, day: u16, hour: u8, observed: &str, zone: &str) -> String {
        let reading = Reading { month, day, hour, ..Reading::default() };
        let time = reading.near(at(observed), &mut zone.parse().unwrap());
        time.map_or("none".to_owned(), |time| time.to_string()[..13].to_owned())
    }

    #[test]
    fn the_year_turns_in_both_directions() {
        for (month, day, hour, observed, expected) in [
            (11, 20, 12, "2026-11-20T21:00:00Z", "2026-11-20T12"),
            (1, 1, 0, "2026-11-20T21:00:00Z", "2026-01-01T00"),
            (12, 31, 23, "2026-11-20T21:00:00Z", "2026-12-31T23"),
            (12, 31, 23, "2027-01-01T00:00:10Z", "2026-12-31T23"),
            (11, 20, 12, "2027-01-15T00:00:00Z", "2026-11-20T12"),
            (8, 15, 12, "2027-03-01T00:00:00Z", "2026-08-15T12"),
            (1, 1, 0, "2026-12-31T23:59:50Z", "2027-01-01T00"),
            (1, 20, 0, "2026-12-31T23:59:50Z", "2026-01-20T00"),
            (2, 29, 12, "2026-11-20T21:00:00Z", "2024-02-29T12"),
            (2, 29, 12, "2024-02-28T21:00:00Z", "2024-02-29T12"),
            (2, 29, 12, "2104-02-28T21:00:00Z", "2104-02-29T12"),
            (2, 29, 12, "2103-02-28T21:00:00Z", "2096-02-29T12"),
            (2, 30, 12, "2026-11-20T21:00:00Z", "none"),
        ] {
            assert_eq!(near(month, day, hour, observed, "UTC"), expected, "{month}-{day} at {observed}");
        }
    }

    #[test]
    fn the_turn_of_the_year_is_that_of_the_zone() {
        assert_eq!(near(12, 31, 19, "2027-01-01T00:30:00Z", "-05:00"), "2027-01-01T00");
        assert_eq!(near(1, 1, 3, "2026-12-31T22:00:00Z", "+05:00"), "2026-12-31T22");
    }

    #[test]
    fn a_day_of_the_year_is_counted_on() {
        for (year, day, expected) in
            [(2026, 32, "2026-02-01"), (2024, 366, "2024-12-31"), (2026, 365, "2026-12-31")]
        {
            let reading = Reading { year: Some(year), month: 1, day, of_year: true, ..Reading::default() };
            assert!(reading.in_year(0, &mut Zone::default()).unwrap().to_string().starts_with(expected));
        }
        let reading = Reading { year: Some(2026), month: 1, day: 366, of_year: true, ..Reading::default() };
        assert_eq!(reading.in_year(0, &mut Zone::default()), None);
    }
}
