//! What stands in a record, by places.

use std::ops::Range;

use super::priority::Priority;
use super::structured_data::StructuredData;
use super::{rfc3164, rfc5424};
use crate::Refused;
use crate::timestamp::Reading;

/// Which RFC records are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// Told for each record: RFC 5424 if behind the priority stand the version 1 and a space, or another version and a time of
    /// RFC 5424; without a priority, as in files, if it goes on as RFC 5424 has it, with a version or without; else RFC 3164.
    #[default]
    Auto,
    /// RFC 3164; a record of RFC 5424 is read as if it were of this one.
    Rfc3164,
    /// RFC 5424; another record is refused, and so is one whose structured data are not well-formed.
    Rfc5424,
}

/// How records are taken apart where the RFCs leave a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// As rsyslog does without further configuration.
    #[default]
    Rsyslog,
    /// Reads what rsyslog takes for something else: a zone by name (`UTC`) or a year between time and host, an IPv6 address or
    /// `-` as host, and a message that follows structured data without a space.
    Extended,
}

/// The places of the fields in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) priority: Priority,
    pub(super) version: Option<u64>,
    pub(super) time: Option<Reading>,
    /// The number that Cisco's devices count their records by.
    pub(super) sequence: Option<u64>,
    pub(super) hostname: Option<Range<usize>>,
    /// The tag of RFC 3164.
    pub(super) tag: Option<Range<usize>>,
    /// The name in the tag, or the application's name.
    pub(super) program: Option<Range<usize>>,
    pub(super) procid: Option<Range<usize>>,
    pub(super) msgid: Option<Range<usize>>,
    /// The text of structured data that are not well-formed to their end.
    pub(super) odd_data: Option<Range<usize>>,
    pub(super) message: Range<usize>,
}

impl Record {
    /// Takes a record apart; its structured data go to `data`.
    pub(super) fn parse(
        raw: &[u8],
        protocol: Protocol,
        dialect: Dialect,
        data: &mut StructuredData,
    ) -> Result<Self, Refused> {
        data.clear();
        let (start, end) = bounds(raw);
        let text = raw.get(..end).unwrap_or_default();
        if start == end {
            return Err(Refused::new(0, "a record that is not empty"));
        }
        let (priority, len) = Priority::read(text.get(start..).unwrap_or_default());
        let at = start + len;
        let mut record = Self::empty(priority, at..end);
        match protocol {
            Protocol::Auto if rfc5424::is_meant(text, at, priority) => {
                rfc5424::read(text, at, dialect, &mut record, data);
            }
            Protocol::Rfc5424 => rfc5424::read_strictly(text, start, &mut record, data)?,
            Protocol::Auto | Protocol::Rfc3164 => rfc3164::read(text, at, dialect, &mut record),
        }
        Ok(record)
    }

    pub(super) fn empty(priority: Priority, message: Range<usize>) -> Self {
        Self {
            priority,
            version: None,
            time: None,
            sequence: None,
            hostname: None,
            tag: None,
            program: None,
            procid: None,
            msgid: None,
            odd_data: None,
            message,
        }
    }
}

/// Where a record begins and ends: without the count of octets before it, NULs and newlines behind it.
fn bounds(raw: &[u8]) -> (usize, usize) {
    let mut end = raw.len();
    while end > 0 && matches!(raw[end - 1], b'\0' | b'\n') {
        end -= 1;
        if raw[end] == b'\n' && end > 0 && raw[end - 1] == b'\r' {
            end -= 1;
        }
    }
    let start = match super::frames::octets(raw) {
        // Less than was counted where the stream has ended early.
        Some((octets, start)) if octets >= raw.len() - start && raw.get(start) == Some(&b'<') => start,
        _ => 0,
    };
    (start.min(end), end)
}

#[cfg(test)]
mod tests {
    use super::bounds;

    #[test]
    fn counts_nuls_and_newlines_are_not_part_of_a_record() {
        for (raw, expected) in [
            ("<13>x", 0..5),
            ("<13>x\n", 0..5),
            ("<13>x\r\n\0\n", 0..5),
            ("<13>x\r", 0..6),
            ("5 <13>x", 2..7),
            ("99 <13>x", 3..8),
            ("4 <13>x", 0..7),
            ("5 x<13>", 0..7),
            ("\n\0", 0..0),
            ("", 0..0),
        ] {
            assert_eq!(bounds(raw.as_bytes()), (expected.start, expected.end), "{raw:?}");
        }
    }
}
