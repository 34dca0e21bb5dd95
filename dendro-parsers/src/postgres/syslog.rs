//! What PostgreSQL sends to syslog: an event in numbered pieces.
//!
//! From `write_syslog()` in `src/backend/utils/error/elog.c`: an event is cut at its newlines, and lines of more than 900 bytes at a white space;
//! each piece begins with `[n-m] `, the number of the event in its process and that of the piece, unless `syslog_sequence_numbers` is off.

use std::ops::Range;

use crate::numbers::leading_u64;
use crate::timestamp::{Reading, leading_iso, month_of, number, time_of_day};

/// A piece of an event, as PostgreSQL hands it to syslog.
///
/// ```
/// use dendro_parsers::postgres::SyslogPiece;
///
/// let mut event = Vec::new();
/// for message in ["[5-1] ann@shop ERROR:  syntax error", "[5-2] ann@shop STATEMENT:  SELEC", "[5-3] #011 1;"] {
///     let piece = SyslogPiece::read(message.as_bytes()).unwrap();
///     assert_eq!(piece.event, Some(5));
///     piece.join(&message.as_bytes()[piece.text.clone()], &mut event);
/// }
/// assert_eq!(event, b"ann@shop ERROR:  syntax error\nann@shop STATEMENT:  SELEC\n\t 1;");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyslogPiece {
    /// The number of the event in its process, if it is there.
    pub event: Option<u64>,
    /// The number of the piece, from 1, if it is there.
    pub piece: Option<u64>,
    /// Where its text stands.
    pub text: Range<usize>,
}

/// A line is cut if it is longer than this (`PG_SYSLOG_LIMIT`).
const LIMIT: usize = 900;

impl SyslogPiece {
    /// The piece that a message of syslog is; `None` if it is not numbered.
    pub fn read(message: &[u8]) -> Option<Self> {
        let inner = message.strip_prefix(b"[")?;
        let (event, digits) = leading_u64(inner)?;
        let mut at = 1 + digits;
        let mut piece = None;
        if message.get(at) == Some(&b'-') {
            let (number, digits) = leading_u64(message.get(at + 1..)?)?;
            piece = Some(number);
            at += 1 + digits;
        }
        if message.get(at) != Some(&b']') {
            return None;
        }
        let start = at + 1 + usize::from(message.get(at + 1) == Some(&b' '));
        Some(Self { event: Some(event), piece, text: start..message.len() })
    }

    /// Appends the text of a piece to those before it: in a line of its own, unless the line before was cut here because it is long.
    pub fn join(&self, text: &[u8], event: &mut Vec<u8>) {
        if !event.is_empty() {
            let before = event.len() - memchr::memrchr(b'\n', event).map_or(0, |at| at + 1);
            let word = text.iter().skip(1).take_while(|b| !b.is_ascii_whitespace()).count() + 1;
            let cut = before + word > LIMIT && !is_indented(text) && self.piece != Some(1);
            if !cut {
                event.push(b'\n');
            }
        }
        // What is not printable is written in octal by most daemons.
        let mut rest = text;
        if let Some(indented) = rest.strip_prefix(TAB) {
            event.push(b'\t');
            rest = indented;
        }
        while let Some(at) = memchr::memmem::find(rest, NEWLINE) {
            event.extend_from_slice(&rest[..at]);
            event.push(b'\n');
            rest = &rest[at + NEWLINE.len()..];
            if let Some(indented) = rest.strip_prefix(TAB) {
                event.push(b'\t');
                rest = indented;
            }
        }
        event.extend_from_slice(rest);
    }
}

const TAB: &[u8] = b"#011";
const NEWLINE: &[u8] = b"#012";

/// Whether a text goes on with the one before, in a line of its own.
pub(super) fn is_indented(text: &[u8]) -> bool {
    text.starts_with(b"\t") || text.starts_with(TAB)
}

/// A line of a file that a syslog daemon has written.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// When it was written, often without the year.
    pub(super) time: Reading,
    pub(super) process: u64,
    pub(super) piece: SyslogPiece,
}

/// Before the name of the program stands that of the host, if any, and what a collector has put there.
const LONGEST_HEADER: usize = 512;

impl Line {
    /// Reads `Feb  1 21:48:31 host postgres[9076]: [3-1] text`, also with a time as of RFC 3339 and with what Heroku adds.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let mut start = 0;
        if let Some(priority) = line.strip_prefix(b"<") {
            let (_, digits) = leading_u64(priority)?;
            (priority.get(digits) == Some(&b'>')).then_some(())?;
            start = digits + 2;
        }
        let (time, len) = time(line.get(start..)?)?;
        start += len;
        (line.get(start) == Some(&b' ')).then_some(())?;
        start += 1;

        let header = line.get(start..)?;
        let header = header.get(..LONGEST_HEADER).unwrap_or(header);
        let open = memchr::memchr(b'[', header)?;
        // The name of a program stands directly before its process.
        header.get(open.wrapping_sub(1)).filter(|byte| !matches!(byte, b' ' | b':'))?;
        let close = open + memchr::memchr(b']', &header[open..])?;
        let digits = header[..close].iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let (process, _) = leading_u64(&header[close - digits..])?;
        let named = memchr::memmem::find(&header[..close], b"postgres").is_some();

        let mut at = start + close + 1;
        at += usize::from(line.get(at) == Some(&b':'));
        (line.get(at) == Some(&b' ') || at == line.len()).then_some(())?;
        at = (at + 1).min(line.len());
        // Heroku names the database by a colour.
        if let Some(colour) = line.get(at..).and_then(|rest| rest.strip_prefix(b"[")) {
            let letters =
                colour.iter().take(64).take_while(|b| b.is_ascii_alphabetic() || **b == b'_').count();
            if letters > 0 && colour[letters..].starts_with(b"] [") {
                at += letters + 3;
            }
        }
        let message = line.get(at..)?;
        let piece = match SyslogPiece::read(message) {
            Some(piece) => SyslogPiece { text: at + piece.text.start..line.len(), ..piece },
            None if named => SyslogPiece { event: None, piece: None, text: at..line.len() },
            None => return None,
        };
        Some(Self { time, process, piece })
    }
}

/// The time that a line begins with, `Feb  1 21:48:31` or as of RFC 3339, and its length.
fn time(line: &[u8]) -> Option<(Reading, usize)> {
    if line.first()?.is_ascii_digit() {
        return (line.get(10) == Some(&b'T')).then(|| leading_iso(line)).flatten();
    }
    let mut reading = Reading { month: month_of(line)?, ..Reading::default() };
    let day = if line.get(4) == Some(&b' ') { 5 } else { 4 };
    let (date, digits) = number(line.get(day..)?, 2, 1, 31)?;
    reading.day = date;
    let spaced = line.get(3) == Some(&b' ') && day + digits == 6 && line.get(6) == Some(&b' ');
    let len = 7 + time_of_day(line.get(7..)?, &mut reading)?;
    spaced.then_some((reading, len))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Zone;
    use dendro_core::Timestamp;

    fn read(line: &str) -> Option<(u64, Option<u64>, Option<u64>, &str)> {
        let found = Line::read(line.as_bytes())?;
        Some((found.process, found.piece.event, found.piece.piece, &line[found.piece.text]))
    }

    #[test]
    fn lines_of_syslog_files_are_read() {
        for (line, expected) in [
            (
                "Feb  1 21:48:31 ip-172-31-14-41 postgres[9076]: [3-1] LOG:  x",
                (9076, Some(3), Some(1), "LOG:  x"),
            ),
            ("<134>Feb 11 21:48:31 db pg15[7]: [4] LOG:  x", (7, Some(4), None, "LOG:  x")),
            ("Feb  1 21:48:31 db postgres[9076]: [3-2] #011x", (9076, Some(3), Some(2), "#011x")),
            ("Feb  1 21:48:31 db postgres[9076]: LOG:  x", (9076, None, None, "LOG:  x")),
            ("2019-03-14T00:22:56.1+00:00 db postgres[1]: [1-1] x", (1, Some(1), Some(1), "x")),
            (
                "2019-03-14T00:22:56+00:00 app[postgres.4882]: [GREEN] [15-1]  sql",
                (4882, Some(15), Some(1), " sql"),
            ),
            (
                "2019-03-14T00:22:56+00:00 d.af-1 app[postgres.4] [AQUA] [9-2]   (",
                (4, Some(9), Some(2), "  ("),
            ),
            ("Feb  1 21:48:31 db postgres[9076]: [user=a] LOG:  x", (9076, None, None, "[user=a] LOG:  x")),
        ] {
            assert_eq!(read(line), Some(expected), "{line}");
        }
        for line in [
            "",
            "Feb  1 21:48:31 db sshd[7]: Accepted",
            "Feb  1 21:48:31",
            "Fab  1 21:48:31 db postgres[9076]: [3-1] x",
            "Feb  1 21:48:31 db postgres: [3-1] x",
            "<x>Feb  1 21:48:31 db postgres[9076]: [3-1] x",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn a_long_line_is_put_together_where_it_was_cut() {
        let mut event = Vec::new();
        let first = format!("LOG:  {}", "a".repeat(890));
        for (number, text) in [first.as_str(), " bbbb cc", "#011d", "e"].into_iter().enumerate() {
            let piece = SyslogPiece { event: Some(1), piece: Some(number as u64 + 1), text: 0..0 };
            piece.join(text.as_bytes(), &mut event);
        }
        assert_eq!(String::from_utf8(event).unwrap(), format!("{first} bbbb cc\n\td\ne"));
        let mut event = Vec::new();
        let piece = SyslogPiece { event: Some(1), piece: None, text: 0..0 };
        piece.join(b"LOG:  a#012#011b#012DETAIL:  #011", &mut event);
        assert_eq!(event, b"LOG:  a\n\tb\nDETAIL:  #011");
    }

    #[test]
    fn times_are_read_with_and_without_a_year() {
        let time = |line: &str, observed: &str| {
            let observed = Timestamp::parse_rfc3339(observed).unwrap();
            let time = Line::read(line.as_bytes()).unwrap().time.near(observed, &mut Zone::UTC.clone());
            time.map(|time| time.to_string())
        };
        for (line, observed, expected) in [
            ("Dec 31 23:59:59 a postgres[1]: x", "2027-01-01T00:00:01Z", "2026-12-31T23:59:59.000000000Z"),
            ("Jan  1 00:00:01 a postgres[1]: x", "2026-12-31T23:59:59Z", "2027-01-01T00:00:01.000000000Z"),
            (
                "2019-03-14T00:22:56.5+01:00 a postgres[1]: x",
                "2025-01-01T00:00:00Z",
                "2019-03-13T23:22:56.500000000Z",
            ),
        ] {
            assert_eq!(time(line, observed).as_deref(), Some(expected), "{line}");
        }
    }
}
