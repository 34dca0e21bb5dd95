//! The times of a line, which may be told in parts.

use std::sync::Arc;

use dendro_core::Timestamp;

use crate::Zone;
use crate::clf_time::ClfTime;
use crate::numbers::leading_u64;
use crate::timestamp::{Strftime, Told};

/// What a value tells of a time.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// All: `20/Nov/2026:16:59:47 -0330`.
    Clf,
    /// All: `2026-11-20T16:59:47-03:30`.
    Iso8601,
    /// All, in seconds since 1970 with a fraction: `1795206587.758`.
    Seconds,
    /// All, in whole units since 1970, of which a second has so many.
    Whole(u32),
    /// The fraction of the second, in so many digits.
    Fraction(u32),
    /// What the format has.
    Strftime(Arc<Strftime>),
}

/// Which time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// That of the event.
    Event,
    /// Another, which becomes a field.
    Other,
    /// One that is told better elsewhere in the line.
    Ignored,
}

impl Part {
    pub(super) fn fixed_len(&self) -> Option<usize> {
        match self {
            Self::Clf => Some(ClfTime::LEN),
            Self::Iso8601 => Some(IsoTime::LEN),
            Self::Fraction(digits) => Some(*digits as usize),
            Self::Seconds | Self::Whole(_) | Self::Strftime(_) => None,
        }
    }
}

/// What reading times needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Clocks {
    clf: ClfTime,
    iso: IsoTime,
    pub(super) zone: Zone,
    /// That of the event, and the other.
    told: [Told; 2],
    /// Where the first part of a time stands in the line.
    pub(super) first_part: Option<usize>,
}

impl Clocks {
    /// A time that is told as a whole, and how many bytes it has.
    #[inline]
    pub(super) fn instant(&mut self, part: &Part, line: &[u8], at: usize) -> Option<(Timestamp, usize)> {
        let rest = line.get(at..)?;
        match part {
            Part::Clf => Some((self.clf.read(rest.first_chunk()?)?, ClfTime::LEN)),
            Part::Iso8601 => Some((self.iso.read(rest.first_chunk()?)?, IsoTime::LEN)),
            Part::Seconds => {
                let (secs, digits) = leading_u64(rest)?;
                let (nanos, more) = fraction(rest.get(digits..)?);
                let secs = i64::try_from(secs).ok().and_then(Timestamp::from_secs)?;
                let nanos = secs.as_nanos().checked_add(i64::from(nanos))?;
                Some((Timestamp::from_nanos(nanos), digits + more))
            }
            Part::Whole(in_second) => {
                let (units, digits) = leading_u64(rest)?;
                let nanos = i64::try_from(units).ok()?.checked_mul(1_000_000_000 / i64::from(*in_second))?;
                Some((Timestamp::from_nanos(nanos), digits))
            }
            Part::Fraction(_) | Part::Strftime(_) => None,
        }
    }

    /// Forgets what parts of times have been read.
    pub(super) fn begin(&mut self) {
        self.told = Default::default();
        self.first_part = None;
    }

    /// Notes a part of a time, and gives its length.
    pub(super) fn part(&mut self, part: &Part, stamp: Stamp, line: &[u8], at: usize) -> Option<usize> {
        self.first_part.get_or_insert(at);
        let mut ignored = Told::default();
        match part {
            Part::Strftime(format) => format.read(line.get(at..)?, self.told(stamp).unwrap_or(&mut ignored)),
            Part::Fraction(digits) => {
                let text = line.get(at..at + *digits as usize)?;
                let (nanos, len) = fraction_digits(text);
                self.told(stamp).unwrap_or(&mut ignored).reading.nanos = nanos;
                (len == text.len()).then_some(len)
            }
            whole => {
                let (time, len) = self.instant(whole, line, at)?;
                if let Some(Told { reading, .. }) = self.told(stamp) {
                    reading.epoch = Timestamp::from_secs(time.as_secs());
                    if !matches!(whole, Part::Clf | Part::Iso8601 | Part::Whole(1)) {
                        reading.nanos = time.subsec_nanos();
                    }
                }
                Some(len)
            }
        }
    }

    fn told(&mut self, stamp: Stamp) -> Option<&mut Told> {
        match stamp {
            Stamp::Event => self.told.first_mut(),
            Stamp::Other => self.told.last_mut(),
            Stamp::Ignored => None,
        }
    }

    /// The time that the parts make; `None` if it is not told on which day it is, or the calendar does not have it.
    pub(super) fn whole(&mut self, stamp: Stamp) -> Option<Timestamp> {
        let reading = self.told(stamp)?.whole()?;
        let is_whole = reading.epoch.is_some() || reading.year.is_some();
        is_whole.then(|| reading.in_year(0, &mut self.zone)).flatten()
    }
}

/// The fraction that stands at the front of `text`, in nanoseconds, and how many bytes it has with its point; none if no
/// digit follows the point.
#[inline]
pub(super) fn fraction(text: &[u8]) -> (u32, usize) {
    match text {
        [b'.', digits @ ..] => match fraction_digits(digits) {
            (_, 0) => (0, 0),
            (nanos, len) => (nanos, len + 1),
        },
        _ => (0, 0),
    }
}

/// The digits of a fraction, and how many there are; nine of them count.
#[inline]
fn fraction_digits(text: &[u8]) -> (u32, usize) {
    const REST: [u32; 10] =
        [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let (mut value, mut len) = (0, 0);
    for byte in text {
        if !byte.is_ascii_digit() {
            break;
        }
        if len < 9 {
            value = value * 10 + u32::from(byte - b'0');
        }
        len += 1;
    }
    (value * REST[len.min(9)], len)
}

/// Reads times like `2026-11-20T16:59:47-03:30`, and remembers the last one.
#[derive(Clone, Debug)]
struct IsoTime {
    text: [u8; IsoTime::LEN],
    time: Timestamp,
}

impl Default for IsoTime {
    fn default() -> Self {
        Self { text: *b"1970-01-01T00:00:00+00:00", time: Timestamp::EPOCH }
    }
}

impl IsoTime {
    const LEN: usize = 25;

    #[inline]
    fn read(&mut self, text: &[u8; Self::LEN]) -> Option<Timestamp> {
        if *text != self.text {
            let time = Timestamp::parse_rfc3339(std::str::from_utf8(text).ok()?)?;
            *self = Self { text: *text, time };
        }
        Some(self.time)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn fractions_have_any_number_of_digits() {
        for (text, expected) in [
            (".5 ", (500_000_000, 2)),
            (".005", (5_000_000, 4)),
            (".123456789123|", (123_456_789, 13)),
            (".", (0, 0)),
            (". 5", (0, 0)),
            ("5", (0, 0)),
        ] {
            assert_eq!(fraction(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn seconds_since_1970_keep_their_fraction() {
        let mut clocks = Clocks::default();
        let (time, len) = clocks.instant(&Part::Seconds, b"x1795206587.758|", 1).unwrap();
        assert_eq!((time.as_nanos(), len), (1_795_206_587_758_000_000, 14));
        let (time, len) = clocks.instant(&Part::Whole(1_000_000), b"1795206587758123", 0).unwrap();
        assert_eq!((time.as_nanos(), len), (1_795_206_587_758_123_000, 16));
        assert!(clocks.instant(&Part::Seconds, b"9999999999999.0", 0).is_none());
        assert!(clocks.instant(&Part::Iso8601, b"2026-11-20T16:59:47-03", 0).is_none());
    }
}
