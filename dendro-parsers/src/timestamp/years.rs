//! The year of times that have none, where it is known in which year a log begins.

use std::collections::HashMap;

use dendro_core::{Timestamp, TransformError};

use super::Reading;
use crate::Zone;

/// The year of times that have none: that which suits the time of observation, or counted from a first year that was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Years {
    first: Option<i32>,
    streams: HashMap<String, Turns>,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    year: i32,
    /// The month of the last time; 0 before the first.
    month: u8,
}

impl Years {
    /// Counted from this one, if there is one.
    pub(crate) fn new(first: Option<i32>) -> Self {
        Self { first, streams: HashMap::new() }
    }

    /// For the times of one stream, in order.
    pub(crate) fn of(&mut self, stream: Option<&str>) -> YearOf<'_> {
        let Some(year) = self.first else { return YearOf(None) };
        let stream = stream.unwrap_or_default();
        if !self.streams.contains_key(stream) {
            self.streams.insert(stream.to_owned(), Turns { year, month: 0 });
        }
        YearOf(self.streams.get_mut(stream))
    }

    /// See [`Transform::is_stateful`](dendro_core::Transform::is_stateful).
    pub(crate) fn is_stateful(&self) -> bool {
        self.first.is_some()
    }

    /// See [`Transform::snapshot`](dendro_core::Transform::snapshot).
    pub(crate) fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        let turns = self.streams.get(stream)?;
        let mut state = turns.year.to_le_bytes().to_vec();
        state.push(turns.month);
        Some(state)
    }

    /// See [`Transform::restore`](dendro_core::Transform::restore).
    pub(crate) fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        let Ok([a, b, c, d, month]) = <[u8; 5]>::try_from(state) else {
            return Err(TransformError::new("this is no state of a stream's years"));
        };
        self.streams.insert(stream.to_owned(), Turns { year: i32::from_le_bytes([a, b, c, d]), month });
        Ok(())
    }
}

/// The year of the times of one stream.
pub(crate) struct YearOf<'a>(Option<&'a mut Turns>);

impl YearOf<'_> {
    /// The point in time. `None` if the calendar has no such day.
    #[inline]
    pub(crate) fn resolve(
        &mut self,
        reading: &Reading,
        observed: Timestamp,
        zone: &mut Zone,
    ) -> Option<Timestamp> {
        match &mut self.0 {
            Some(turns) if reading.epoch.is_none() && reading.year.is_none() => {
                reading.in_year(turns.year(reading.month), zone)
            }
            _ => reading.near(observed, zone),
        }
    }
}

impl Turns {
    /// The year of a time in this month: a new one begins where the month falls back by more than half a year, and a time that
    /// is as far ahead is a straggler of the year before.
    fn year(&mut self, month: u8) -> i32 {
        if self.month > month + 6 {
            self.year = self.year.saturating_add(1);
        } else if self.month > 0 && month > self.month + 6 {
            return self.year.saturating_sub(1);
        }
        self.month = month;
        self.year
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_that_was_given_turns_with_the_months() {
        let mut turns = Turns { year: 2019, month: 0 };
        let years = [11, 12, 1, 12, 1, 2, 6, 9, 12, 1].map(|month| turns.year(month));
        assert_eq!(years, [2019, 2019, 2020, 2019, 2020, 2020, 2020, 2020, 2020, 2021]);
    }

    #[test]
    fn a_state_survives_a_restart() {
        let mut years = Years::new(Some(2019));
        let reading = |month| Reading { month, day: 1, ..Reading::default() };
        let year = |years: &mut Years, month| {
            let time = years.of(Some("s")).resolve(&reading(month), Timestamp::EPOCH, &mut Zone::default());
            time.map(|time| time.to_civil().year)
        };
        assert_eq!(year(&mut years, 12), Some(2019));
        let state = years.snapshot("s").unwrap_or_default();
        let mut next = Years::new(Some(2019));
        assert!(next.restore("s", &state).is_ok());
        assert_eq!(year(&mut next, 1), Some(2020));
        assert!(next.restore("s", &state[1..]).is_err());
        assert!(next.snapshot("other").is_none());
    }
}
