//! The pieces of a layout.

use dendro_core::Timestamp;

use super::strftime::Told;
use crate::clf_time::month;
use crate::zone_names::{leading_offset, leading_zone};

/// One piece of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Byte(u8),
    Blanks,
    Year,
    YearOfCentury,
    Month,
    MonthName,
    Day,
    DayOfYear,
    WeekdayName,
    Hour,
    HourOf12,
    AmPm,
    Minute,
    Second,
    /// As many digits; 0 for any number of them.
    Fraction(u8),
    /// A point or comma and digits, or nothing.
    PointedFraction,
    Offset,
    Zone,
    /// The name of any zone.
    AnyZone,
    /// Digits, at most so many, that say nothing which the others don't.
    Ignored(u8),
    /// So many of its units are a second; a number of 0 digits may have any length.
    Epoch(Epoch),
}

/// A number that counts from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch {
    nanos: i64,
    digits: u8,
}

impl Epoch {
    const SECONDS: Self = Self { nanos: 1_000_000_000, digits: 0 };
}

impl Item {
    /// What the directive at the front of `text` stands for, and how long it is.
    pub(super) fn directive(text: &str) -> Option<(&'static [Self], usize)> {
        use Item::{
            AmPm, Blanks, Byte, Day, DayOfYear, Hour, HourOf12, Ignored, Minute, Month, MonthName, Offset,
            PointedFraction, Second, WeekdayName, Year, YearOfCentury, Zone,
        };
        const COLON: Item = Byte(b':');
        const DATE: &[Item] = &[Year, Byte(b'-'), Month, Byte(b'-'), Day];
        const TIME: &[Item] = &[Hour, COLON, Minute, COLON, Second];
        const TIME_OF_12: &[Item] = &[HourOf12, COLON, Minute, COLON, Second, Blanks, AmPm];
        const US_DATE: &[Item] = &[Month, Byte(b'/'), Day, Byte(b'/'), YearOfCentury];
        const WHOLE: &[Item] = &[
            WeekdayName,
            Blanks,
            MonthName,
            Blanks,
            Day,
            Blanks,
            Hour,
            COLON,
            Minute,
            COLON,
            Second,
            Blanks,
            Year,
        ];
        const WHOLE_IN_ZONE: &[Item] = &[
            WeekdayName,
            Blanks,
            MonthName,
            Blanks,
            Day,
            Blanks,
            Hour,
            COLON,
            Minute,
            COLON,
            Second,
            Blanks,
            Zone,
            Blanks,
            Year,
        ];
        const LONG: &[(&str, &[Item])] = &[
            ("%.f", &[PointedFraction]),
            ("%3f", &[Item::Fraction(3)]),
            ("%6f", &[Item::Fraction(6)]),
            ("%9f", &[Item::Fraction(9)]),
            ("%:z", &[Offset]),
            // Not for people: what the layouts with a name need besides.
            ("%10s", &[Item::Epoch(Epoch { nanos: 1_000_000_000, digits: 10 })]),
            ("%13s", &[Item::Epoch(Epoch { nanos: 1_000_000, digits: 13 })]),
            ("%16s", &[Item::Epoch(Epoch { nanos: 1_000, digits: 16 })]),
            ("%19s", &[Item::Epoch(Epoch { nanos: 1, digits: 19 })]),
            ("%ms", &[Item::Epoch(Epoch { nanos: 1_000_000, digits: 0 })]),
            ("%us", &[Item::Epoch(Epoch { nanos: 1_000, digits: 0 })]),
            ("%ns", &[Item::Epoch(Epoch { nanos: 1, digits: 0 })]),
        ];
        if let Some((directive, items)) = LONG.iter().find(|(directive, _)| text.starts_with(directive)) {
            return Some((items, directive.len()));
        }
        let is_flag = |byte: &&u8| b"-_0^EO".contains(byte);
        let flags = text.as_bytes().iter().skip(1).take_while(is_flag).count();
        let items: &[Item] = match text.as_bytes().get(1 + flags)? {
            b'Y' => &[Year],
            b'y' => &[YearOfCentury],
            b'm' => &[Month],
            b'b' | b'B' | b'h' => &[MonthName],
            b'd' | b'e' => &[Day],
            b'j' => &[DayOfYear],
            b'a' | b'A' => &[WeekdayName],
            b'H' | b'k' => &[Hour],
            b'I' | b'l' => &[HourOf12],
            b'p' | b'P' => &[AmPm],
            b'M' => &[Minute],
            b'S' => &[Second],
            b'f' => &[Item::Fraction(0)],
            b'L' => &[Item::Fraction(3)],
            b'N' => &[Item::Fraction(9)],
            b'z' => &[Offset],
            b'Z' => &[Zone],
            b's' => &[Item::Epoch(Epoch::SECONDS)],
            b'F' => DATE,
            b'T' | b'X' => TIME,
            b'R' => &[Hour, COLON, Minute],
            b'D' | b'x' => US_DATE,
            b'r' => TIME_OF_12,
            b'c' => WHOLE,
            b'+' => WHOLE_IN_ZONE,
            b'G' => &[Ignored(4)],
            b'C' | b'g' | b'U' | b'V' | b'W' => &[Ignored(2)],
            b'u' | b'w' => &[Ignored(1)],
            b'n' | b't' => &[Blanks],
            b'%' => &[Byte(b'%')],
            _ => return None,
        };
        Some((items, 2 + flags))
    }

    /// Reads itself at the front of `text`: how many bytes it has, or `None` if it is not there.
    pub(super) fn read(self, text: &[u8], told: &mut Told) -> Option<usize> {
        let Told { reading: into, afternoon } = told;
        match self {
            Self::Byte(byte) => (text.first() == Some(&byte)).then_some(1),
            Self::Blanks => match blanks(text) {
                0 => None,
                len => Some(len),
            },
            Self::Year => {
                let digits = text.first_chunk::<4>()?;
                into.year = Some(crate::numbers::exact_u32(digits)? as i32);
                Some(4)
            }
            Self::YearOfCentury => {
                let year = crate::numbers::exact_u32(text.first_chunk::<2>()?)? as i32;
                into.year = Some(if year < 69 { 2_000 + year } else { 1_900 + year });
                Some(2)
            }
            Self::Month => {
                let blank = usize::from(text.first() == Some(&b' '));
                let (value, len) = number(text.get(blank..)?, 2, 1, 12)?;
                into.month = value as u8;
                Some(blank + len)
            }
            Self::MonthName => {
                let len = name(text, &MONTHS)?;
                into.month = month_of(text)?;
                Some(len)
            }
            Self::Day => {
                let blank = usize::from(text.first() == Some(&b' '));
                let (value, len) = number(text.get(blank..)?, 2, 1, 31)?;
                into.day = value;
                Some(blank + len)
            }
            Self::DayOfYear => {
                let (value, len) = number(text, 3, 1, 366)?;
                (into.month, into.day, into.of_year) = (1, value, true);
                Some(len)
            }
            Self::WeekdayName => name(text, &WEEKDAYS),
            Self::Hour | Self::HourOf12 => {
                let blank = usize::from(text.first() == Some(&b' '));
                let most = if self == Self::Hour { 23 } else { 12 };
                let (value, len) = number(text.get(blank..)?, 2, 0, most)?;
                into.hour = value as u8;
                Some(blank + len)
            }
            Self::AmPm => {
                let late = match text.first()?.to_ascii_lowercase() {
                    b'a' => false,
                    b'p' => true,
                    _ => return None,
                };
                *afternoon = Some(late);
                text.get(1)?.eq_ignore_ascii_case(&b'm').then_some(2)
            }
            Self::Minute => number(text, 2, 0, 59).map(|(value, len)| {
                into.minute = value as u8;
                len
            }),
            Self::Second => number(text, 2, 0, 60).map(|(value, len)| {
                into.second = value as u8;
                len
            }),
            Self::Fraction(wanted) => {
                let (nanos, len) = fraction(text)?;
                into.nanos = nanos;
                (wanted == 0 || usize::from(wanted) == len).then_some(len)
            }
            Self::PointedFraction => {
                let [b'.' | b',', digits @ ..] = text else { return Some(0) };
                let Some((nanos, len)) = fraction(digits) else { return Some(0) };
                into.nanos = nanos;
                Some(1 + len)
            }
            Self::Offset => {
                if let Some(b'Z' | b'z') = text.first() {
                    into.offset = Some(0);
                    return Some(1);
                }
                let (offset, len) = leading_offset(text)?;
                into.offset = Some(offset);
                Some(len)
            }
            Self::Zone => {
                let (offset, len) = leading_zone(text)?;
                into.offset = Some(offset);
                Some(len)
            }
            Self::AnyZone => {
                let len = text.iter().take_while(|b| b.is_ascii_alphanumeric() || b"+-".contains(b)).count();
                if let Some((offset, _)) = leading_zone(text.get(..len)?).filter(|(_, read)| *read == len) {
                    into.offset = Some(offset);
                }
                (len > 0).then_some(len)
            }
            Self::Ignored(digits) => number(text, digits.into(), 0, u16::MAX).map(|(_, len)| len),
            Self::Epoch(epoch) => {
                let sign = usize::from(text.first() == Some(&b'-'));
                let (value, len) = crate::numbers::leading_u64(text.get(sign..)?)?;
                if epoch.digits > 0 && (len != usize::from(epoch.digits) || sign > 0) {
                    return None;
                }
                let nanos = i64::try_from(value).ok()?.checked_mul(epoch.nanos)?;
                into.epoch = Some(Timestamp::from_nanos(if sign > 0 { -nanos } else { nanos }));
                Some(sign + len)
            }
        }
    }
}

const MONTHS: [&[u8]; 12] = [
    b"january",
    b"february",
    b"march",
    b"april",
    b"may",
    b"june",
    b"july",
    b"august",
    b"september",
    b"october",
    b"november",
    b"december",
];
const WEEKDAYS: [&[u8]; 7] =
    [b"sunday", b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday"];

/// The length of the name at the front of `text`: its first three letters, or all of it.
fn name(text: &[u8], names: &[&[u8]]) -> Option<usize> {
    let starts_with =
        |name: &[u8]| text.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name));
    let whole = names.iter().find(|name| starts_with(&name[..3]))?;
    Some(if starts_with(whole) { whole.len() } else { 3 })
}

/// The number of the month whose English name `text` begins with, in any case.
pub(crate) fn month_of(text: &[u8]) -> Option<u8> {
    let [first, second, third, ..] = text else { return None };
    month(&[first.to_ascii_uppercase(), second.to_ascii_lowercase(), third.to_ascii_lowercase()])
}

/// How many blanks `text` begins with.
fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// The number at the front of `text`, of at most so many digits, if it is in the range; with it how many digits it has.
pub(crate) fn number(text: &[u8], digits: usize, least: u16, most: u16) -> Option<(u16, usize)> {
    let len = text.iter().take(digits).take_while(|byte| byte.is_ascii_digit()).count();
    let value = text.get(..len)?.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
    (len > 0 && (least..=most).contains(&value)).then_some((value, len))
}

/// The digits at the front of `text` as a fraction of a second in nanoseconds; with it how many they are. Those behind the ninth
/// count for nothing.
pub(super) fn fraction(text: &[u8]) -> Option<(u32, usize)> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = text.get(..len.min(9))?;
    let mut nanos = digits.iter().fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    for _ in digits.len()..9 {
        nanos *= 10;
    }
    (len > 0).then_some((nanos, len))
}
