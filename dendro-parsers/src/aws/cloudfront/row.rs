//! One line of a log as values under their columns.

use std::ops::Range;

use dendro_core::{Civil, EventWriter, Key, SignedDuration, Timestamp};

use super::columns::Kind;
use crate::Refused;
use crate::decimal::{MILLISECOND, SECOND, duration, epoch, float, leading_nanos, whole};
use crate::escapes::{decode_percent, decode_percent_until};
use crate::numbers::{exact_u32, leading_u64};
use crate::scan;

/// Where the values of a line stand: between tabs, or, in what was copied from a console, between spaces.
///
/// Values hold neither: CloudFront encodes them.
pub(super) struct Values<'a> {
    line: &'a [u8],
    /// Behind the end once the last value was given.
    at: usize,
    by_tabs: bool,
}

impl<'a> Values<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        // A tab or a space ends the first value, if there is more than one.
        let first = scan::search2(b'\t', b' ', line);
        let by_tabs = match first {
            Some(at) if line[at] == b'\t' => true,
            Some(at) => memchr::memchr(b'\t', &line[at..]).is_some(),
            None => false,
        };
        let at = if by_tabs { 0 } else { line.len() - line.trim_ascii_start().len() };
        Self { line, at, by_tabs }
    }
}

impl Values<'_> {
    /// Where the next value begins.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Whether the last value was given.
    #[inline(always)]
    pub(super) fn are_all_given(&self) -> bool {
        self.at > self.line.len() || (!self.by_tabs && self.at == self.line.len())
    }

    /// The next value if it is a number with a tab or the end behind it. `read` gives the number at the front of a text, and its length.
    #[inline(always)]
    fn number<T>(&mut self, read: impl FnOnce(&[u8]) -> Option<(T, usize)>) -> Option<T> {
        let (number, len) = read(self.line.get(self.at..)?)?;
        let end = self.at + len;
        if !matches!(self.line.get(end), None | Some(b'\t')) {
            return None;
        }
        self.at = end + 1;
        Some(number)
    }
}

impl Iterator for Values<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let rest = self.line.get(start..)?;
        if self.by_tabs {
            let end = scan::find(b'\t', rest).map_or(self.line.len(), |tab| start + tab);
            self.at = end + 1;
            return Some(start..end);
        }
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b' ', rest).map_or(self.line.len(), |space| start + space);
        self.at = end + self.line[end..].iter().take_while(|b| **b == b' ').count();
        Some(start..end)
    }
}

/// Writes values as fields of an event, and finds its time in them.
pub(super) struct Fields<'w, 'e> {
    pub(super) event: &'w mut EventWriter<'e>,
    pub(super) scratch: &'w mut Vec<u8>,
    time: When,
}

/// What is known of the event's time.
#[derive(Default)]
struct When {
    day: Option<Timestamp>,
    time_of_day: Option<i64>,
    exact: Option<Timestamp>,
}

const DATE: &str = "a date, as in `2026-11-20`";
const TIME: &str = "a time, as in `16:59:47`";
const WHOLE: &str = "a whole number of at most 64 bits, or `-`";
const NUMBER: &str = "a number, or `-`";
const SECONDS: &str = "a number of seconds, or `-`";
const MILLISECONDS: &str = "a number of milliseconds, or `-`";
const EPOCH: &str = "a time as seconds or milliseconds since 1970";

impl<'w, 'e> Fields<'w, 'e> {
    pub(super) fn new(event: &'w mut EventWriter<'e>, scratch: &'w mut Vec<u8>) -> Self {
        Self { event, scratch, time: When::default() }
    }

    /// Writes the next value in one go, where there are tabs between values and it is what a value of the column mostly is.
    #[inline(always)]
    pub(super) fn write_next(&mut self, kind: Kind, key: Key, values: &mut Values<'_>) -> bool {
        if !values.by_tabs {
            return false;
        }
        // First, since an event is mostly texts.
        if matches!(kind, Kind::Text | Kind::Agent) {
            return self.write_text(kind == Kind::Agent, key, values);
        }
        let nanos = match kind {
            Kind::Count => {
                return values.number(leading_u64).map(|count| self.event.u64(key, count)).is_some();
            }
            Kind::Seconds | Kind::Epoch => values.number(|text| leading_nanos(text, SECOND)),
            Kind::Milliseconds | Kind::EpochMilliseconds => {
                values.number(|text| leading_nanos(text, MILLISECOND))
            }
            Kind::Text | Kind::Agent | Kind::Number | Kind::Date | Kind::Time => None,
        };
        let Some(nanos) = nanos else { return false };
        if matches!(kind, Kind::Epoch | Kind::EpochMilliseconds) {
            self.time.exact = Some(Timestamp::from_nanos(nanos));
        } else {
            self.event.duration(key, SignedDuration::from_nanos(nanos));
        }
        true
    }

    /// Writes the next value as text. One search finds its end, or that something in it is encoded.
    #[inline(always)]
    fn write_text(&mut self, agent: bool, key: Key, values: &mut Values<'_>) -> bool {
        let start = values.at;
        let Some(rest) = values.line.get(start..) else { return false };
        let len = match scan::search2(b'\t', b'%', rest) {
            Some(at) if rest[at] == b'%' => {
                self.scratch.clear();
                let len = decode_percent_until(b'\t', rest, self.scratch);
                decode_again(agent, self.scratch);
                self.event.new_str(key, self.scratch);
                len
            }
            tab => {
                let len = tab.unwrap_or(rest.len());
                match &rest[..len] {
                    b"-" => self.event.null(key),
                    _ => self.event.str(key, start..start + len),
                }
                len
            }
        };
        values.at = start + len + 1;
        true
    }

    /// Writes `text`, which stands at `range` of the record or, if that is `None`, nowhere in it.
    ///
    /// # Errors
    /// If it is not what the column holds: refused at `at`.
    #[inline]
    pub(super) fn write(
        &mut self,
        kind: Kind,
        key: Key,
        text: &[u8],
        range: Option<Range<usize>>,
        at: usize,
    ) -> Result<(), Refused> {
        let event = &mut *self.event;
        let nothing = text == b"-";
        match kind {
            Kind::Date if !nothing => self.time.day = Some(day(text).ok_or(Refused::new(at, DATE))?),
            Kind::Time if !nothing => {
                self.time.time_of_day = Some(time_of_day(text).ok_or(Refused::new(at, TIME))?);
            }
            Kind::Epoch if !nothing => {
                self.time.exact = Some(epoch(text, SECOND).ok_or(Refused::new(at, EPOCH))?);
            }
            Kind::EpochMilliseconds if !nothing => {
                self.time.exact = Some(epoch(text, MILLISECOND).ok_or(Refused::new(at, EPOCH))?);
            }
            Kind::Date | Kind::Time | Kind::Epoch | Kind::EpochMilliseconds => {}
            _ if nothing => event.null(key),
            Kind::Count => event.u64(key, whole(text).ok_or(Refused::new(at, WHOLE))?),
            Kind::Number => event.f64(key, float(text).ok_or(Refused::new(at, NUMBER))?),
            Kind::Seconds => {
                event.duration(key, duration(text, SECOND).ok_or(Refused::new(at, SECONDS))?);
            }
            Kind::Milliseconds => {
                event.duration(key, duration(text, MILLISECOND).ok_or(Refused::new(at, MILLISECONDS))?);
            }
            Kind::Text | Kind::Agent => match range {
                Some(range) if memchr::memchr(b'%', text).is_none() => event.str(key, range),
                _ => {
                    decode(text, kind == Kind::Agent, self.scratch);
                    event.new_str(key, self.scratch);
                }
            },
        }
        Ok(())
    }

    /// Sets the event's time, if the columns told one.
    pub(super) fn finish(self) {
        let When { day, time_of_day, exact } = self.time;
        let civil = day.and_then(|day| {
            let nanos = time_of_day?.checked_mul(SECOND as i64)?;
            day.as_nanos().checked_add(nanos).map(Timestamp::from_nanos)
        });
        if let Some(time) = exact.or(civil) {
            self.event.set_time(time);
        }
    }
}

fn decode(text: &[u8], agent: bool, out: &mut Vec<u8>) {
    out.clear();
    decode_percent(text, out);
    decode_again(agent, out);
}

/// AWS says that each value is encoded once. Logs of about 2013 to 2019 have user agents that were encoded twice (`%2520`
/// for a space): one in which no space is left after decoding, but `%20` is, was such.
fn decode_again(agent: bool, out: &mut Vec<u8>) {
    if agent && scan::find(b' ', out).is_none() && memchr::memmem::find(out, b"%20").is_some() {
        let once = std::mem::take(out);
        decode_percent(&once, out);
    }
}

/// The beginning of a day in UTC.
fn day(text: &[u8]) -> Option<Timestamp> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let civil = Civil {
        year: exact_u32(&[*y1, *y2, *y3, *y4])? as i32,
        month: exact_u32(&[*m1, *m2])? as u8,
        day: exact_u32(&[*d1, *d2])? as u8,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
    };
    Timestamp::from_civil(civil, 0)
}

/// The seconds since the beginning of the day.
fn time_of_day(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else { return None };
    let (hour, minute, second) = (exact_u32(&[*h1, *h2])?, exact_u32(&[*m1, *m2])?, exact_u32(&[*s1, *s2])?);
    (hour < 24 && minute < 60 && second < 61).then(|| i64::from(hour * 3600 + minute * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<&str> {
        Values::new(line.as_bytes()).map(|range| &line[range]).collect()
    }

    #[test]
    fn values_stand_between_tabs_or_else_between_spaces() {
        assert_eq!(values("a\tb c\t\t-\t"), ["a", "b c", "", "-", ""]);
        assert_eq!(values("  a b   c "), ["a", "b", "c"]);
        assert_eq!(values("a"), ["a"]);
        assert_eq!(values(""), Vec::<&str>::new());
    }

    #[test]
    fn values_are_decoded_once_and_agents_of_older_logs_twice() {
        for (text, agent, expected) in [
            ("a%20b", false, "a b"),
            ("a%2520b", false, "a%20b"),
            ("Mozilla/5.0%20(X11)", true, "Mozilla/5.0 (X11)"),
            ("Mozilla/5.0%2520(X11;%2520U)", true, "Mozilla/5.0 (X11; U)"),
            ("My%2520App/1%20CFNetwork", true, "My%20App/1 CFNetwork"),
            ("a%2541", true, "a%41"),
        ] {
            let mut out = Vec::new();
            decode(text.as_bytes(), agent, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{text}");
        }
    }

    #[test]
    fn days_and_times_are_those_of_the_calendar() {
        assert_eq!(day(b"2024-02-29").map(Timestamp::as_secs), Some(1_709_164_800));
        for text in ["2023-02-29", "2023-2-9", "20230209", "2023-02-0x", ""] {
            assert_eq!(day(text.as_bytes()), None, "{text}");
        }
        assert_eq!(time_of_day(b"23:59:60"), Some(86_400));
        for text in ["24:00:00", "1:00:00", "00:60:00", "00:00:61", "00-00-00"] {
            assert_eq!(time_of_day(text.as_bytes()), None, "{text}");
        }
    }
}
