//! Times with a date in digits, read without a layout.

use super::Reading;
use super::item::{fraction, number};
use crate::numbers::exact_u32;
use crate::zone_names::leading_offset;

/// The time at the front of `text` that is as RFC 3339 has it or nearly, and how many bytes it has: `t` or a space may stand in the
/// middle, a comma before the fraction, and the zone may be without its colon, or missing.
pub(crate) fn leading_iso(text: &[u8]) -> Option<(Reading, usize)> {
    let (reading, len) = iso_without_zone(text)?;
    let (offset, zone_len) = match text.get(len) {
        Some(b'Z' | b'z') => (Some(0), 1),
        Some(b'+' | b'-') => leading_offset(text.get(len..)?).map(|(offset, len)| (Some(offset), len))?,
        _ => (None, 0),
    };
    Some((Reading { offset, ..reading }, len + zone_len))
}

/// The same without its zone.
pub(crate) fn iso_without_zone(text: &[u8]) -> Option<(Reading, usize)> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' '] = *text.first_chunk::<11>()? else {
        return None;
    };
    let mut reading = Reading { year: Some(exact_u32(&[y1, y2, y3, y4])? as i32), ..Reading::default() };
    reading.month = exact_u32(&[m1, m2]).filter(|month| (1..=12).contains(month))? as u8;
    reading.day = exact_u32(&[d1, d2]).filter(|day| (1..=31).contains(day))? as u16;
    let len = 11 + time_of_day(text.get(11..)?, &mut reading)?;
    Some((reading, len))
}

/// `hh:mm:ss`, each of one or two digits, and a fraction if there is one.
pub(crate) fn time_of_day(text: &[u8], reading: &mut Reading) -> Option<usize> {
    let colon = |at: usize| (text.get(at) == Some(&b':')).then_some(at + 1);
    let (hour, at) = number(text, 2, 0, 23)?;
    let at = colon(at)?;
    let (minute, len) = number(text.get(at..)?, 2, 0, 59)?;
    let at = colon(at + len)?;
    let (second, len) = number(text.get(at..)?, 2, 0, 60)?;
    let mut at = at + len;
    (reading.hour, reading.minute, reading.second) = (hour as u8, minute as u8, second as u8);
    if let Some(b'.' | b',') = text.get(at)
        && let Some((nanos, len)) = fraction(text.get(at + 1..)?)
    {
        reading.nanos = nanos;
        at += 1 + len;
    }
    Some(at)
}
