//! The times that records begin with.

use super::record::Dialect;
use crate::numbers::exact_u32;
use crate::timestamp::{Reading, iso_without_zone, leading_iso, month_of, number, time_of_day};
use crate::zone_names::{leading_offset, leading_zone};

/// The time of RFC 5424 at the front of `text`, and how many bytes it has with the space behind it.
pub(super) fn rfc5424(text: &[u8]) -> Option<(Reading, usize)> {
    if text.get(10) != Some(&b'T') {
        return None;
    }
    let (reading, len) = iso_without_zone(text)?;
    let (offset, zone_len) = match text.get(len) {
        Some(b'Z') => (0, 1),
        _ => leading_offset(text.get(len..)?).filter(|(_, len)| *len == 6)?,
    };
    Some((Reading { offset: Some(offset), ..reading }, space(text, len + zone_len)?))
}

/// A time with a date in digits, in any of [its spellings](leading_iso).
pub(super) fn iso(text: &[u8]) -> Option<(Reading, usize)> {
    let (reading, len) = leading_iso(text)?;
    let end = if text.get(len) == Some(&b':') { len + 1 } else { len };
    Some((reading, space(text, end)?))
}

/// The time of RFC 3164 at the front of `text`, and how many bytes it has with the space behind it.
///
/// `Mmm dd hh:mm:ss`, in any case, with a year before the month or before the hour, a fraction, an offset, or, if a colon follows, the name of a
/// zone; the [extended](Dialect::Extended) dialect takes a name and a year behind the time in any case.
pub(super) fn rfc3164(text: &[u8], dialect: Dialect) -> Option<(Reading, usize)> {
    let mut reading = Reading::default();
    let mut at = 0;
    if let Some(year) = year(text, 1_970..=2_100) {
        reading.year = Some(year);
        at = 5;
    }
    reading.month = month_of(text.get(at..)?)?;
    at += 3;
    if text.get(at) != Some(&b' ') {
        return None;
    }
    at += 1 + usize::from(text.get(at + 1) == Some(&b' '));
    let (day, len) = number(text.get(at..)?, 2, 1, 31)?;
    reading.day = day;
    at += len;
    if text.get(at) != Some(&b' ') {
        return None;
    }
    at += 1;
    if reading.year.is_none()
        && let Some(year) = year(text.get(at..)?, 1_971..=2_099)
    {
        reading.year = Some(year);
        at += 5;
    }
    at += time_of_day(text.get(at..)?, &mut reading)?;
    at += behind(text.get(at..)?, &mut reading, dialect);
    at += usize::from(text.get(at) == Some(&b':'));
    Some((reading, space(text, at)?))
}

/// Four digits and a space that are a year in the range.
fn year(text: &[u8], range: std::ops::RangeInclusive<i32>) -> Option<i32> {
    let [digits @ .., b' '] = text.first_chunk::<5>()? else { return None };
    exact_u32(digits.first_chunk::<4>()?).map(|year| year as i32).filter(|year| range.contains(year))
}

/// The zone and the year behind the time, as far as the dialect knows them: how many bytes they have.
fn behind(text: &[u8], reading: &mut Reading, dialect: Dialect) -> usize {
    let ends =
        |at: usize| matches!(text.get(at..).unwrap_or_default(), [] | [b' ', ..] | [b':'] | [b':', b' ', ..]);
    let zone = |at: usize| {
        let (offset, len) = leading_zone(text.get(at..)?)?;
        let certain = dialect == Dialect::Extended
            || matches!(text.get(at), Some(b'+' | b'-'))
            || text.get(at + len) == Some(&b':')
            || at == 0;
        (certain && ends(at + len)).then_some((offset, at + len))
    };
    if let Some((offset, end)) = zone(0) {
        reading.offset = Some(offset);
        return end;
    }
    let mut at = 0;
    while text.get(at) == Some(&b' ') {
        if reading.offset.is_none()
            && let Some((offset, end)) = zone(at + 1)
        {
            reading.offset = Some(offset);
            at = end;
        } else if dialect == Dialect::Extended
            && reading.year.is_none()
            && let Some(digits) = text.get(at + 1..).and_then(<[u8]>::first_chunk::<4>)
            && let Some(year @ 1_970..=2_100) = exact_u32(digits)
            && ends(at + 5)
        {
            reading.year = Some(year as i32);
            at += 5;
        } else {
            break;
        }
    }
    at
}

/// Where what is behind a time begins, which a space or the end has to follow.
fn space(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at) {
        None => Some(at),
        Some(b' ') => Some(at + 1),
        Some(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Zone;

    fn shown(read: Option<(Reading, usize)>) -> Option<(String, usize)> {
        let (reading, len) = read?;
        let time = reading.in_year(2026, &mut Zone::default()).unwrap().to_string();
        Some((time.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.').to_owned(), len))
    }

    #[test]
    fn every_spelling_of_rfc3164_is_read() {
        for (text, expected, len) in [
            ("Oct 11 22:14:15 host", "2026-10-11T22:14:15", 16),
            ("oct  1 2:03:04 host", "2026-10-01T02:03:04", 15),
            ("Jan  1 00:00:01", "2026-01-01T00:00:01", 15),
            ("Oct 1 22:14:15 host", "2026-10-01T22:14:15", 15),
            ("1990 Oct 22 10:52:01 TZ-6", "1990-10-22T10:52:01", 21),
            ("Nov 20 2025 20:00:01: x", "2025-11-20T20:00:01", 22),
            ("Oct 11 22:14:15.123456 h", "2026-10-11T22:14:15.123456", 23),
            ("Oct 11 22:14:15+02:00 h", "2026-10-11T20:14:15", 22),
            ("Oct 11 22:14:15 +0200 h", "2026-10-11T20:14:15", 22),
            ("Mar  1 00:00:01.123 UTC: %SYS", "2026-03-01T00:00:01.123", 25),
            ("Mar  1 00:00:01.5 CET: %SYS", "2026-02-28T23:00:01.5", 23),
            ("Oct 11 22:14:15 UTC host", "2026-10-11T22:14:15", 16),
            ("Oct 11 22:14:15 2025 host", "2026-10-11T22:14:15", 16),
        ] {
            let read = shown(rfc3164(text.as_bytes(), Dialect::Rsyslog));
            assert_eq!(read, Some((expected.to_owned(), len)), "{text}");
        }
        for text in [
            "",
            "Foo 11 22:14:15 h",
            "Oct 32 22:14:15 h",
            "Oct 11 24:14:15 h",
            "Oct 11 22:14 h",
            "Oct 11 22:14:15x",
            "Oct",
        ] {
            assert_eq!(rfc3164(text.as_bytes(), Dialect::Rsyslog), None, "{text}");
        }
    }

    #[test]
    fn the_extended_dialect_reads_a_zone_and_a_year_behind_the_time() {
        for (text, expected, len) in [
            ("Aug 24 05:34:01 CST 1987 mymachine", "1987-08-24T11:34:01", 25),
            ("Aug 24 05:34:01 1987 CST mymachine", "1987-08-24T11:34:01", 25),
            ("Aug 24 05:34:01 1987 mymachine", "1987-08-24T05:34:01", 21),
            ("Aug 24 05:34:01 UTC", "2026-08-24T05:34:01", 19),
            ("Aug 24 05:34:01 IST host", "2026-08-24T05:34:01", 16),
        ] {
            let read = shown(rfc3164(text.as_bytes(), Dialect::Extended));
            assert_eq!(read, Some((expected.to_owned(), len)), "{text}");
        }
    }

    #[test]
    fn iso_times_are_read_strictly_and_less_so() {
        for (text, strict) in [
            ("2003-10-11T22:14:15.003Z x", true),
            ("2003-10-11T22:14:15.003456789-07:00 x", true),
            ("2003-10-11T22:14:60Z", true),
            ("2003-10-11 22:14:15Z x", false),
            ("2003-10-11T22:14:15.003 x", false),
            ("2003-10-11T22:14:15+0200 x", false),
            ("2003-10-11t22:14:15z x", false),
            ("2003-10-11 22:14:15,003 x", false),
        ] {
            assert_eq!(rfc5424(text.as_bytes()).is_some(), strict, "{text}");
            assert!(iso(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "2003-10-11T22:14:99Z",
            "2003-10-11T22:14:15-07:61",
            "2003-13-11T22:14:15Z",
            "2003-10-11T22:14:15Zx",
            "2013-",
        ] {
            assert!(rfc5424(text.as_bytes()).is_none() && iso(text.as_bytes()).is_none(), "{text}");
        }
    }
}
