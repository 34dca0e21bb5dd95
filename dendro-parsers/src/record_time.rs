//! The time of records that name their fields themselves, and write times in many ways.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::Timestamp;

use crate::Zone;
use crate::formats::{FormatError, FormatOption, Options};
use crate::numbers::{POWERS_OF_TEN, leading_digits};
use crate::timestamp::{Layout, Reading, leading_iso};

/// The option of formats whose records name their fields.
pub(crate) const TIME: FormatOption = FormatOption::new(
    "time",
    "The field with the time of the event: a date and time, or seconds, ms, us or ns since 1970 by their size. `none`: none. By default the first of `@timestamp`, `timestamp`, `time`, `ts`, `@t`, `time_iso8601` in which one is.",
);

/// How the text in that field is to be read.
pub(crate) const TIME_LAYOUT: FormatOption = FormatOption::new(
    "time_layout",
    "How the time is written, as the format `timestamp` has it: `%d.%m.%Y %H:%M:%S`, or a name. By default whichever fits.",
);

/// The fields in which loggers put the time, the more certain first.
const USUAL: [&str; 6] = ["@timestamp", "timestamp", "time", "ts", "@t", "time_iso8601"];

/// Which field of a record has the time, and how it is read.
#[derive(Clone, Debug)]
pub(crate) struct TimeField {
    /// What was asked for: an event whose field can't be read is refused then.
    named: Option<String>,
    usual: bool,
    reader: TimeReader,
    /// Of the record that is being read.
    found: Option<(u8, Range<usize>)>,
}

impl Default for TimeField {
    /// The usual fields, and UTC.
    fn default() -> Self {
        Self { named: None, usual: true, reader: TimeReader::default(), found: None }
    }
}

impl TimeField {
    pub(crate) fn from_options(options: Options<'_>) -> Result<Self, FormatError> {
        let layout = match options.get(&TIME_LAYOUT) {
            None => None,
            Some(text) => {
                let layout = Layout::compile(text);
                let layout = layout.map_err(|e| options.invalid_text(&TIME_LAYOUT, text, e.at, e.problem))?;
                Some(Arc::new(layout))
            }
        };
        let reader = TimeReader { zone: options.zone()?, layout, known: None };
        let (named, usual) = match options.get(&TIME) {
            None => (None, true),
            Some("none") => (None, false),
            Some("") => return Err(options.invalid(&TIME, "", "the name of a field, or `none`")),
            Some(name) => (Some(name.to_owned()), false),
        };
        Ok(Self { named, usual, reader, found: None })
    }

    /// Another record begins.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.found = None;
    }

    /// How certainly the time is in the field of this name: 1 means most, 0 that it is not.
    pub(crate) fn rank(&self, name: &str) -> u8 {
        match &self.named {
            Some(named) => u8::from(named == name),
            None if self.usual => USUAL.iter().position(|usual| *usual == name).map_or(0, |i| i as u8 + 1),
            None => 0,
        }
    }

    /// A field of this rank has a value at `range` of the record.
    #[inline]
    pub(crate) fn found(&mut self, rank: u8, range: Range<usize>) {
        // Of fields with one name the last one counts.
        if self.found.as_ref().is_none_or(|(best, _)| rank <= *best) {
            self.found = Some((rank, range));
        }
    }

    /// The time of the record, if it has one. When it was observed tells the year of times without.
    ///
    /// # Errors
    /// Where the value begins, if it was asked for and is no time.
    #[inline]
    pub(crate) fn read(&mut self, record: &[u8], observed: Timestamp) -> Result<Option<Timestamp>, usize> {
        let Some((_, range)) = self.found.take() else { return Ok(None) };
        let text = record.get(range.clone()).unwrap_or_default();
        let at = range.end - text.trim_ascii_start().len();
        let text = text.trim_ascii();
        let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
        match self.reader.read(text, observed) {
            Some((time, kind)) => Ok((self.named.is_some() || kind.is_plausible(time)).then_some(time)),
            None if self.named.is_some() && !matches!(text, b"" | b"null" | b"-") => Err(at),
            None => Ok(None),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
}

impl Kind {
    /// Whether it is a time although nobody has said so: a small number is something else.
    fn is_plausible(self, time: Timestamp) -> bool {
        const FROM: i64 = 100_000_000; // 1973
        self == Self::Text || time.as_secs() >= FROM
    }
}

#[derive(Clone, Debug, Default)]
struct TimeReader {
    zone: Zone,
    /// The one that was asked for.
    layout: Option<Arc<Layout>>,
    /// Those that are known, compiled when a text is of none that is read without.
    known: Option<Arc<Layout>>,
}

impl TimeReader {
    fn read(&mut self, text: &[u8], observed: Timestamp) -> Option<(Timestamp, Kind)> {
        if let Some(layout) = &self.layout {
            let reading = layout.read(text).filter(|(_, len)| *len == text.len());
            return Some((reading?.0.near(observed, &mut self.zone)?, Kind::Text));
        }
        if let Some(time) = number(text) {
            return Some((time, Kind::Number));
        }
        let iso = leading_iso(text).filter(|(_, len)| *len == text.len());
        let (reading, _) = iso.or_else(|| self.by_known_layout(text))?;
        Some((reading.near(observed, &mut self.zone)?, Kind::Text))
    }

    fn by_known_layout(&mut self, text: &[u8]) -> Option<(Reading, usize)> {
        if self.known.is_none() {
            self.known = Layout::compile("auto").ok().map(Arc::new);
        }
        let (reading, len) = self.known.as_ref()?.read(text)?;
        let rest = text.get(len..)?;
        (rest.is_empty() || reading.offset.is_some() && is_zone_name(rest)).then_some((reading, len))
    }
}

/// Whether this is what Go prints behind an offset: `+0000 UTC m=+0.5`.
fn is_zone_name(rest: &[u8]) -> bool {
    let Some(rest) = rest.strip_prefix(b" ") else { return false };
    let name = rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    name > 0 && (name == rest.len() || rest[name..].starts_with(b" m="))
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, whichever gives a time before the year 5138.
fn number(text: &[u8]) -> Option<Timestamp> {
    let (whole, len) = leading_digits(text);
    if len == 0 || len > 19 {
        return None;
    }
    let digits_of_nanos = match whole {
        ..100_000_000_000 => 9,
        100_000_000_000..100_000_000_000_000 => 6,
        100_000_000_000_000..100_000_000_000_000_000 => 3,
        _ => 0,
    };
    let nanos = i128::from(whole) * i128::from(POWERS_OF_TEN[digits_of_nanos]);
    let nanos = match &text[len..] {
        b"" => nanos,
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let (fraction, kept) = leading_digits(&digits[..digits.len().min(digits_of_nanos)]);
            nanos + i128::from(fraction * POWERS_OF_TEN[digits_of_nanos - kept])
        }
        [b'.' | b'e' | b'E', ..] => {
            let secs: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            // In microseconds: more is not in it.
            if secs.abs() < 9e9 { (secs * 1e6).round() as i128 * 1_000 } else { return None }
        }
        _ => return None,
    };
    Some(Timestamp::from_nanos(i64::try_from(nanos).ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// 2026-11-20T21:00:00Z.
    const OBSERVED: Timestamp = Timestamp::from_nanos(1_795_208_400_000_000_000);

    fn read(text: &str) -> Option<String> {
        let mut reader = TimeReader { zone: "+01:00".parse().unwrap(), ..TimeReader::default() };
        reader.read(text.as_bytes(), OBSERVED).map(|(time, _)| time.to_string())
    }

    #[test]
    fn times_are_read_as_loggers_write_them() {
        for text in [
            "2026-11-20T16:59:47.5-03:30",
            "2026-11-20t20:29:47.500000000z",
            "2026-11-20 20:29:47.5 +0000 UTC",
            "2026/11/20 21:29:47,500",
            "2026-11-20T20:29:47.5+00",
            "2026-11-20 21:29:47,5",
            "2026-11-20 20:29:47.5 +0000 UTC m=+0.012",
            "Nov 20 21:29:47.5",
            "1795206587.5",
            "1795206587.500000",
            "1.7952065875e9",
            "1795206587500",
            "1795206587500000",
            "1795206587500000000",
        ] {
            assert_eq!(read(text).as_deref(), Some("2026-11-20T20:29:47.500000000Z"), "{text}");
        }
        assert_eq!(read("20/Nov/2026:16:59:47 -0330").unwrap(), "2026-11-20T20:29:47.000000000Z");
        assert_eq!(read("1795206587.123456789123").unwrap(), "2026-11-20T20:29:47.123456789Z");
        assert_eq!(read("1795206587500.25").unwrap(), "2026-11-20T20:29:47.500250000Z");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "-5",
            "5s",
            "1.5.2",
            "2026-11-20",
            "2026-11-20T20:29:47Z later",
            "2026/11/20 20:29:47 CEST m",
            "2026-11/20 20:29:47",
            "2026-11-31T20:29:47Z",
            "2026-11-20T20:29:47.Z",
            "2026-11-20T20:29:47+1",
            "2026-11-20T20:29:47+00:00:00",
            "1.5s",
            "99999999999999999999",
            "9e99",
            "9300000000000000000.5",
            "\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_small_number_is_a_time_only_where_it_is_asked_for() {
        let at = |field: &mut TimeField, text: &[u8]| {
            field.begin();
            field.found(field.rank("time"), 0..text.len());
            field.read(text, OBSERVED)
        };
        let mut usual = TimeField::default();
        assert_eq!(at(&mut usual, b"0.012"), Ok(None));
        assert_eq!(at(&mut usual, b"slow"), Ok(None));
        assert_eq!(at(&mut usual, b"\"1795206587\""), Ok(Timestamp::from_secs(1_795_206_587)));
        let mut named = TimeField { named: Some("time".to_owned()), usual: false, ..TimeField::default() };
        assert_eq!(at(&mut named, b"0"), Ok(Some(Timestamp::EPOCH)));
        assert_eq!(at(&mut named, b"null"), Ok(None));
        assert_eq!(at(&mut named, b"slow"), Err(0));
    }
}
