//! Times by a `strftime` format, in the C locale.

use super::clock::Moment;
use super::error::LogFormatError;
use crate::clf_time::month;

/// A format of `strftime` that reads what it has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Strftime(Vec<Item>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Literal(u8),
    /// Digits, at most so many, spaces before them allowed.
    Number(Number, u8),
    MonthName,
    WeekdayName,
    Half,
    /// `+0100`, with or without a colon.
    Offset,
    /// The name of a zone, which tells it only where it is `UTC` or `GMT`.
    ZoneName,
    /// Any white space.
    Space,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Year,
    YearOfCentury,
    Month,
    Day,
    DayOfYear,
    Hour,
    HourOfHalf,
    Minute,
    Second,
    Epoch,
    /// Says nothing that the others don't: weeks, weekdays, centuries.
    Other,
}

impl Strftime {
    /// `text` stands at byte `at` of the configuration text.
    pub(crate) fn new(text: &str, at: usize) -> Result<Self, LogFormatError> {
        let mut items = Vec::new();
        compile(text, at, &mut items)?;
        Ok(Self(items))
    }

    /// Reads a time at byte `at` into `moment`, and gives its length.
    pub(super) fn read(&self, line: &[u8], at: usize, moment: &mut Moment) -> Option<usize> {
        let mut rest = line.get(at..)?;
        for item in &self.0 {
            let len = item.read(rest, moment)?;
            rest = rest.get(len..)?;
        }
        Some(line.len() - at - rest.len())
    }

    /// Whether it is made of letters, digits and the punctuation of dates alone.
    pub(super) fn is_plain(&self) -> bool {
        self.0.iter().all(|item| match item {
            Item::Literal(byte) => byte.is_ascii_alphanumeric() || b" -_.:/+".contains(byte),
            _ => true,
        })
    }

    /// Whether it tells a day.
    pub(crate) fn has_day(&self) -> bool {
        let has =
            |wanted: Number| self.0.iter().any(|item| matches!(item, Item::Number(n, _) if *n == wanted));
        let month = has(Number::Month) || self.0.contains(&Item::MonthName);
        has(Number::Epoch)
            || ((has(Number::Year) || has(Number::YearOfCentury))
                && ((month && has(Number::Day)) || has(Number::DayOfYear)))
    }
}

fn compile(text: &str, at: usize, items: &mut Vec<Item>) -> Result<(), LogFormatError> {
    let mut bytes = text.bytes().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        if byte != b'%' {
            items.push(if byte == b' ' { Item::Space } else { Item::Literal(byte) });
            continue;
        }
        let mut conversion = bytes.next();
        // `%E` and `%O` ask for other digits where a locale has some, `-` and `_` for other padding.
        while let Some((_, b'E' | b'O' | b'-' | b'_' | b'0' | b'^')) = conversion {
            conversion = bytes.next();
        }
        let conversion = conversion.map(|(_, byte)| byte);
        let number = |number, digits| Item::Number(number, digits);
        items.push(match conversion {
            Some(b'%') => Item::Literal(b'%'),
            Some(b'n' | b't') => Item::Space,
            Some(b'Y' | b'G') => {
                number(if conversion == Some(b'Y') { Number::Year } else { Number::Other }, 4)
            }
            Some(b'y') => number(Number::YearOfCentury, 2),
            Some(b'm') => number(Number::Month, 2),
            Some(b'd' | b'e') => number(Number::Day, 2),
            Some(b'j') => number(Number::DayOfYear, 3),
            Some(b'H' | b'k') => number(Number::Hour, 2),
            Some(b'I' | b'l') => number(Number::HourOfHalf, 2),
            Some(b'M') => number(Number::Minute, 2),
            Some(b'S') => number(Number::Second, 2),
            Some(b's') => number(Number::Epoch, 19),
            Some(b'C' | b'g' | b'U' | b'V' | b'W') => number(Number::Other, 2),
            Some(b'u' | b'w') => number(Number::Other, 1),
            Some(b'b' | b'B' | b'h') => Item::MonthName,
            Some(b'a' | b'A') => Item::WeekdayName,
            Some(b'p' | b'P') => Item::Half,
            Some(b'z') => Item::Offset,
            Some(b'Z') => Item::ZoneName,
            Some(short) => {
                let long = match short {
                    b'T' | b'X' => "%H:%M:%S",
                    b'R' => "%H:%M",
                    b'r' => "%I:%M:%S %p",
                    b'D' | b'x' => "%m/%d/%y",
                    b'F' => "%Y-%m-%d",
                    b'c' => "%a %b %e %H:%M:%S %Y",
                    b'+' => "%a %b %e %H:%M:%S %Z %Y",
                    other => {
                        let problem = format!("`%{}` is no conversion of strftime", char::from(other));
                        return Err(LogFormatError::new(at + offset, problem));
                    }
                };
                compile(long, at + offset, items)?;
                continue;
            }
            None => return Err(LogFormatError::new(at + offset, "a `%` with nothing behind it")),
        });
    }
    Ok(())
}

impl Item {
    /// How many bytes it takes at the front of `text`.
    fn read(&self, text: &[u8], moment: &mut Moment) -> Option<usize> {
        match self {
            Self::Literal(byte) => (text.first() == Some(byte)).then_some(1),
            Self::Space => {
                Some(text.iter().take_while(|b| b.is_ascii_whitespace()).count()).filter(|n| *n > 0)
            }
            Self::Number(number, most) => {
                let (value, len) = digits(text, usize::from(*most))?;
                number.note(value, moment).then_some(len)
            }
            Self::MonthName => {
                let name = text.first_chunk::<3>()?;
                moment.month = Some(month(name)?);
                let whole = MONTHS[usize::from(moment.month?) - 1].as_bytes();
                Some(if text.starts_with(whole) { whole.len() } else { 3 })
            }
            Self::WeekdayName => {
                let name = WEEKDAYS.iter().find(|name| text.starts_with(&name.as_bytes()[..3]))?.as_bytes();
                Some(if text.starts_with(name) { name.len() } else { 3 })
            }
            Self::Half => {
                moment.half = Some(match text.first_chunk::<2>()? {
                    b"AM" | b"am" => false,
                    b"PM" | b"pm" => true,
                    _ => return None,
                });
                Some(2)
            }
            Self::Offset => offset(text, moment),
            Self::ZoneName => {
                let len = text.iter().take_while(|b| b.is_ascii_alphanumeric() || b"+-".contains(b)).count();
                if let b"UTC" | b"GMT" = &text[..len] {
                    moment.offset.get_or_insert(0);
                }
                (len > 0).then_some(len)
            }
        }
    }
}

impl Number {
    /// Whether the value is one that it can have.
    fn note(self, value: u64, moment: &mut Moment) -> bool {
        let small = u8::try_from(value).unwrap_or(u8::MAX);
        match self {
            Self::Year => moment.year = i32::try_from(value).ok(),
            // As POSIX has it.
            Self::YearOfCentury => {
                moment.year = Some(i32::from(small) + if small < 69 { 2000 } else { 1900 })
            }
            Self::Month => moment.month = Some(small),
            Self::Day => moment.day = Some(small),
            Self::DayOfYear => moment.day_of_year = u16::try_from(value).ok(),
            Self::Hour => moment.hour = small,
            Self::HourOfHalf => {
                moment.hour = small;
                moment.half.get_or_insert(false);
                return (1..=12).contains(&small);
            }
            Self::Minute => moment.minute = small,
            Self::Second => moment.second = small,
            Self::Epoch => moment.secs = i64::try_from(value).ok(),
            Self::Other => {}
        }
        true
    }
}

/// Digits with spaces before them, all in all at most so many bytes.
fn digits(text: &[u8], most: usize) -> Option<(u64, usize)> {
    let text = &text[..text.len().min(most)];
    let spaces = text.iter().take_while(|b| **b == b' ').count();
    let digits = text[spaces..].iter().take_while(|b| b.is_ascii_digit()).count();
    let value = text[spaces..spaces + digits]
        .iter()
        .try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    (digits > 0).then_some((value, spaces + digits))
}

fn offset(text: &[u8], moment: &mut Moment) -> Option<usize> {
    let (sign, rest) = text.split_first()?;
    let sign = match sign {
        b'+' => 1,
        b'-' => -1,
        b'Z' => {
            moment.offset = Some(0);
            return Some(1);
        }
        _ => return None,
    };
    let (hours, _) = digits(rest.get(..2)?, 2)?;
    let colon = usize::from(rest.get(2) == Some(&b':'));
    let (minutes, _) = digits(rest.get(2 + colon..4 + colon)?, 2)?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    moment.offset = Some(sign * (hours * 3600 + minutes * 60) as i32);
    Some(5 + colon)
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Zone;

    fn utc(format: &str, text: &str) -> Option<String> {
        let format = Strftime::new(format, 0).unwrap();
        let mut moment = Moment::default();
        let len = format.read(text.as_bytes(), 0, &mut moment)?;
        assert_eq!(len, text.len(), "{text}");
        Some(moment.timestamp(&mut Zone::fixed(3600))?.to_string())
    }

    #[test]
    fn what_strftime_writes_is_read() {
        for (format, text, expected) in [
            ("%d/%b/%Y:%H:%M:%S %z", "20/Nov/2026:16:59:47 -0330", "2026-11-20T20:29:47.000000000Z"),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T16:59:47+0545", "2026-11-20T11:14:47.000000000Z"),
            ("%F %T", "2026-11-20 16:59:47", "2026-11-20T15:59:47.000000000Z"),
            ("%c", "Fri Nov  6 16:59:47 2026", "2026-11-06T15:59:47.000000000Z"),
            (
                "%A, %d %B %y %r %Z",
                "Friday, 06 November 26 12:05:00 AM GMT",
                "2026-11-06T00:05:00.000000000Z",
            ),
            ("%s", "1795206587", "2026-11-20T20:29:47.000000000Z"),
            ("%Y.%j %R", "2028.366 00:30", "2028-12-30T23:30:00.000000000Z"),
            ("%D %l:%M%p", "11/20/26  4:59PM", "2026-11-20T15:59:00.000000000Z"),
            ("%%%Y%m%d", "%20261120", "2026-11-19T23:00:00.000000000Z"),
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
            ("%F %H", "2026-11-20 24"),
            ("%F %z", "2026-11-20 +2460"),
            ("%H:%M", "16:59"),
            ("%F", ""),
        ] {
            assert_eq!(utc(format, text), None, "{format} {text}");
        }
        assert_eq!(Strftime::new("%Y %Q", 7).unwrap_err().at, 10);
        assert_eq!(Strftime::new("%", 7).unwrap_err().at, 7);
        assert!(Strftime::new("%F", 0).unwrap().has_day() && !Strftime::new("%T%m%Y", 0).unwrap().has_day());
    }
}
