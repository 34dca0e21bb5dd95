//! Texts of `strftime`'s directives, compiled.

use super::item::Item;
use super::{LayoutError, Reading};

/// A text of directives that reads what they have written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Strftime(Vec<Item>);

/// What has been read of a time, which may stand in several places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) reading: Reading,
    pub(super) afternoon: Option<bool>,
}

impl Told {
    /// What it makes, put together.
    pub(crate) fn whole(self) -> Option<Reading> {
        let Self { mut reading, afternoon } = self;
        if let Some(afternoon) = afternoon {
            if !(1..=12).contains(&reading.hour) {
                return None;
            }
            reading.hour = reading.hour % 12 + if afternoon { 12 } else { 0 };
        }
        if let Some(epoch) = &mut reading.epoch {
            *epoch = epoch.saturating_add(dendro_core::SignedDuration::from_nanos(reading.nanos.into()));
        }
        Some(reading)
    }
}

impl Strftime {
    /// Compiles what [`Layout`](super::Layout) has a table of.
    pub(crate) fn compile(text: &str) -> Result<Self, LayoutError> {
        let mut items = Vec::new();
        let mut at = 0;
        while let Some(next) = text[at..].chars().next() {
            if next != '%' {
                let len = next.len_utf8();
                match next {
                    ' ' | '\t' | '\n' if items.last() == Some(&Item::Blanks) => {}
                    ' ' | '\t' | '\n' => items.push(Item::Blanks),
                    _ => items.extend(text.as_bytes()[at..at + len].iter().map(|byte| Item::Byte(*byte))),
                }
                at += len;
                continue;
            }
            let Some((directive, len)) = Item::directive(&text[at..]) else {
                let known = "known are Y y m b B h d e j a A H k I l p P M S f L N z Z s F T R D c x X r + G g C U V W u w n t %";
                return Err(LayoutError { at, problem: format!("there is no such directive; {known}") });
            };
            items.extend_from_slice(directive);
            at += len;
        }
        Ok(Self(items))
    }

    /// Reads any name of a zone; one that does not mean one zone alone tells nothing.
    pub(crate) fn with_any_zone(mut self) -> Self {
        self.0.iter_mut().filter(|item| **item == Item::Zone).for_each(|item| *item = Item::AnyZone);
        self
    }

    /// Whether it tells a day, of which year ever.
    pub(crate) fn has_day(&self) -> bool {
        self.has_epoch()
            || self.has(&[Item::DayOfYear])
            || (self.has(&[Item::Day]) && self.has(&[Item::Month, Item::MonthName]))
    }

    /// Whether it tells a year.
    pub(crate) fn has_year(&self) -> bool {
        self.has_epoch() || self.has(&[Item::Year, Item::YearOfCentury])
    }

    fn has_epoch(&self) -> bool {
        self.0.iter().any(|item| matches!(item, Item::Epoch(_)))
    }

    fn has(&self, wanted: &[Item]) -> bool {
        self.0.iter().any(|item| wanted.contains(item))
    }

    /// Whether it is made of letters, digits and the punctuation of dates alone.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.iter().all(|item| match item {
            Item::Byte(byte) => byte.is_ascii_alphanumeric() || b"-_.:/+".contains(byte),
            Item::PointedFraction => false,
            _ => true,
        })
    }

    /// Reads the front of `text`, and gives its length.
    pub(crate) fn read(&self, text: &[u8], told: &mut Told) -> Option<usize> {
        let mut at = 0;
        for item in &self.0 {
            at += item.read(text.get(at..)?, told)?;
        }
        Some(at)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Zone;

    fn utc(format: &str, text: &str) -> Option<String> {
        let mut told = Told::default();
        let len = Strftime::compile(format).unwrap().with_any_zone().read(text.as_bytes(), &mut told)?;
        assert_eq!(len, text.len(), "{text}");
        Some(told.whole()?.in_year(2026, &mut Zone::fixed(3600))?.to_string())
    }

    #[test]
    fn what_strftime_writes_is_read() {
        for (format, text, expected) in [
            ("%d/%b/%Y:%H:%M:%S %z", "20/Nov/2026:16:59:47 -0330", "2026-11-20T20:29:47.000000000Z"),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T16:59:47+0545", "2026-11-20T11:14:47.000000000Z"),
            ("%F %T", "2026-11-20 16:59:47", "2026-11-20T15:59:47.000000000Z"),
            ("%c", "Fri Nov  6 16:59:47 2026", "2026-11-06T15:59:47.000000000Z"),
            ("%+", "Fri Nov 20 16:59:47 CEST 2026", "2026-11-20T14:59:47.000000000Z"),
            ("%F %T %Z", "2026-11-20 16:59:47 IST", "2026-11-20T15:59:47.000000000Z"),
            (
                "%A, %d %B %y %r %Z",
                "Friday, 06 November 26 12:05:00 AM GMT",
                "2026-11-06T00:05:00.000000000Z",
            ),
            ("%s", "1795206587", "2026-11-20T20:29:47.000000000Z"),
            ("%Y.%j %R", "2028.366 00:30", "2028-12-30T23:30:00.000000000Z"),
            ("%D %l:%M%p", "11/20/26  4:59PM", "2026-11-20T15:59:00.000000000Z"),
            ("%x %X", "11/20/26 16:59:47", "2026-11-20T15:59:47.000000000Z"),
            ("%%%Y%m%d", "%20261120", "2026-11-19T23:00:00.000000000Z"),
            ("%G-W%V-%u %U %w %F", "2026-W47-5 46 5 2026-11-20", "2026-11-19T23:00:00.000000000Z"),
            ("%-d.%_m.%Ey %OH", "6. 1.26 16", "2026-01-06T15:00:00.000000000Z"),
        ] {
            assert_eq!(utc(format, text).as_deref(), Some(expected), "{format}");
        }
    }

    #[test]
    fn what_the_format_or_the_calendar_does_not_have_is_refused() {
        for (format, text) in [
            ("%F", "2026-02-29"),
            ("%F", "2026-13-01"),
            ("%F", "2026/11/20"),
            ("%b", "Foo"),
            ("%F %I", "2026-11-20 13"),
            ("%F %I%p", "2026-11-20 0AM"),
            ("%F %H", "2026-11-20 24"),
            ("%F %z", "2026-11-20 +2460"),
            ("%H:%M", "16:59"),
            ("%F", ""),
        ] {
            assert_eq!(utc(format, text), None, "{format} {text}");
        }
        assert_eq!(Strftime::compile("%Y %Q").unwrap_err().at, 3);
        assert_eq!(Strftime::compile("%Y%").unwrap_err().at, 2);
    }

    #[test]
    fn what_it_tells_is_known_before() {
        let is = |text: &str| {
            let format = Strftime::compile(text).unwrap();
            (format.has_day(), format.has_year(), format.is_plain())
        };
        assert_eq!(is("%F %T"), (true, true, true));
        assert_eq!(is("%d/%b, %T"), (true, false, false));
        assert_eq!(is("%T%m%Y"), (false, true, true));
        assert_eq!(is("%s"), (true, true, true));
        assert_eq!(is("%j"), (true, false, true));
    }
}
