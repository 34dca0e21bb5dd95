//! The time of the Common Log Format: `20/Nov/2026:16:59:47 -0330`, with English month names and the zone
//! as hours and minutes east of UTC. nginx calls it `$time_local`, Apache httpd `%t`.

use dendro_core::{Civil, Timestamp};

use crate::numbers::exact_u32;

/// Reads times of the Common Log Format and remembers the last one: in a log most lines have the time, or
/// at least the day and the zone, of the line before.
///
/// ```
/// use dendro_parsers::clf_time::ClfTime;
/// let time = ClfTime::default().read(b"20/Nov/2026:16:59:47 -0330").unwrap();
/// assert_eq!(time.to_string(), "2026-11-20T20:29:47.000000000Z");
/// ```
#[derive(Clone, Debug)]
pub struct ClfTime {
    text: [u8; ClfTime::LEN],
    time: Timestamp,
    midnight_secs: i64,
}

impl Default for ClfTime {
    /// Remembers the epoch: whatever is remembered has to be a time.
    fn default() -> Self {
        Self { text: *b"01/Jan/1970:00:00:00 +0000", time: Timestamp::EPOCH, midnight_secs: 0 }
    }
}

impl ClfTime {
    /// How many bytes it has.
    pub const LEN: usize = 26;
    /// How many of them are the day, up to and with the colon.
    const DAY_LEN: usize = 12;
    /// Where the space and the zone begin.
    const ZONE: usize = 20;

    /// The time; `None` if it is not one (a 31st of February, a 25th hour) or out of the range of
    /// [`Timestamp`]. A 60th second is taken as the first of the next minute.
    #[inline]
    pub fn read(&mut self, text: &[u8; Self::LEN]) -> Option<Timestamp> {
        if *text == self.text {
            return Some(self.time);
        }
        self.read_other(text)
    }

    /// Whether `text` could be one: its separators and digits are where they have to be.
    pub fn has_shape(text: &[u8; Self::LEN]) -> bool {
        text.iter().zip(b"00/aaa/0000:00:00:00 +0000").all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_alphabetic(),
            b'+' => matches!(byte, b'+' | b'-'),
            other => byte == other,
        })
    }

    fn read_other(&mut self, text: &[u8; Self::LEN]) -> Option<Timestamp> {
        let same_day = text[..Self::DAY_LEN] == self.text[..Self::DAY_LEN]
            && text[Self::ZONE..] == self.text[Self::ZONE..];
        let midnight_secs = if same_day { self.midnight_secs } else { midnight(text)? };
        let [.., h1, h2, b':', m1, m2, b':', s1, s2, b' ', _, _, _, _, _] = text else { return None };
        let (hour, minute, second) =
            (exact_u32(&[*h1, *h2])?, exact_u32(&[*m1, *m2])?, exact_u32(&[*s1, *s2])?);
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let time = Timestamp::from_secs(midnight_secs + i64::from(hour * 3600 + minute * 60 + second))?;
        *self = Self { text: *text, time, midnight_secs };
        Some(time)
    }
}

/// The seconds since the epoch at which the day begins in its zone.
fn midnight(text: &[u8; ClfTime::LEN]) -> Option<i64> {
    let [d1, d2, b'/', n1, n2, n3, b'/', y1, y2, y3, y4, b':', .., b' ', sign, oh1, oh2, om1, om2] = text
    else {
        return None;
    };
    let (hours, minutes) = (exact_u32(&[*oh1, *oh2])?, exact_u32(&[*om1, *om2])?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let east_secs = (hours * 3600 + minutes * 60) as i32;
    let offset_secs = match sign {
        b'+' => east_secs,
        b'-' => -east_secs,
        _ => return None,
    };
    let day = Civil {
        year: exact_u32(&[*y1, *y2, *y3, *y4])? as i32,
        month: month(&[*n1, *n2, *n3])?,
        day: exact_u32(&[*d1, *d2])? as u8,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
    };
    Timestamp::from_civil(day, offset_secs).map(Timestamp::as_secs)
}

/// The number of a month by its English abbreviation: servers write it so in every locale.
pub fn month(name: &[u8; 3]) -> Option<u8> {
    Some(match name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &[u8; 26]) -> Option<String> {
        ClfTime::default().read(text).map(|t| t.to_string())
    }

    #[test]
    fn every_zone_is_honoured() {
        for (text, expected) in [
            (b"20/Nov/2026:16:59:47 -0330", "2026-11-20T20:29:47.000000000Z"),
            (b"31/Dec/2026:23:59:59 +0000", "2026-12-31T23:59:59.000000000Z"),
            (b"01/Jan/2027:00:00:00 +0545", "2026-12-31T18:15:00.000000000Z"),
            (b"29/Feb/2028:12:00:00 +1400", "2028-02-28T22:00:00.000000000Z"),
            (b"30/Jun/2015:23:59:60 +0000", "2015-07-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(utc(text).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_the_calendar_does_not_have_is_refused() {
        for text in [
            b"29/Feb/2026:16:59:47 +0000",
            b"31/Apr/2026:16:59:47 +0000",
            b"00/Apr/2026:16:59:47 +0000",
            b"20/nov/2026:16:59:47 +0000",
            b"20/Nov/2026:24:00:00 +0000",
            b"20/Nov/2026:16:60:47 +0000",
            b"20/Nov/2026:16:59:61 +0000",
            b"20/Nov/2026:16:59:47 +2400",
            b"20/Nov/2026:16:59:47 +0060",
            b"20/Nov/2026:16:59:47  0000",
            b"20/Nov/9999:16:59:47 +0000",
            b"20-Nov-2026:16:59:47 +0000",
            b"2x/Nov/2026:16:59:47 +0000",
            &[0; 26],
        ] {
            assert_eq!(utc(text), None);
        }
    }

    #[test]
    fn what_is_remembered_changes_nothing() {
        let mut reader = ClfTime::default();
        let texts = [
            b"20/Nov/2026:16:59:47 -0330",
            b"20/Nov/2026:16:59:47 -0330",
            b"20/Nov/2026:16:59:48 -0330",
            b"20/Nov/2026:16:59:48 +0330",
            b"21/Nov/2026:16:59:48 +0330",
            b"20/Nov/2026:99:59:48 -0330",
            b"20/Nov/2026:16:59:48 -0330",
        ];
        for text in texts {
            assert_eq!(reader.read(text), ClfTime::default().read(text));
        }
    }
}
