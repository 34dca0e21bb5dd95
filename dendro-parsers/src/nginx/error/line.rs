//! The parts of an event of nginx's error log that stand before its message.

use std::ops::Range;

use dendro_core::{Civil, Timestamp};

use crate::numbers::{exact_u32, leading_u64};
use crate::{Refused, Zone};

const TIME: &str = "a time as in `2026/11/20 16:59:37 [`, or `nginx: `";
const CALENDAR: &str = "a time that the calendar has";
const LEVEL: &str = "a level and `] `, as in `[error] `";
const PROCESS: &str = "the process and the thread, as in `27718#27718: `";

/// What an event says before its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// `None` for what nginx says on standard error while it starts.
    pub(super) time: Option<Timestamp>,
    pub(super) level: Option<Range<usize>>,
    pub(super) pid: Option<u64>,
    pub(super) tid: Option<u64>,
    pub(super) cid: Option<u64>,
    /// Where the message begins.
    pub(super) message: usize,
}

/// Whether a line begins an event.
pub(super) fn begins(line: &[u8]) -> bool {
    line.starts_with(STDERR)
        || matches!(line.first_chunk::<21>(), Some([time @ .., b' ', b'[']) if has_shape(time))
}

const STDERR: &[u8] = b"nginx: ";
/// Where the level begins: behind the time and ` [`.
const LEVEL_AT: usize = TIME_LEN + 2;
const TIME_LEN: usize = 19;

impl Line {
    pub(super) fn parse(record: &[u8], zone: &mut Zone) -> Result<Self, Refused> {
        if record.starts_with(STDERR) {
            return Ok(Self::stderr(record));
        }
        if !begins(record) {
            return Err(Refused::new(0, TIME));
        }
        let time = record.first_chunk().and_then(|text| time(text, zone)).ok_or(Refused::new(0, CALENDAR))?;
        let level = level(record, LEVEL_AT).ok_or(Refused::new(LEVEL_AT, LEVEL))?;
        let at = level.end + 2;
        let refused = Refused::new(at, PROCESS);
        let (pid, tid, mut message) = process(record, at).ok_or(refused)?;
        let mut cid = None;
        if let Some([b'*', digits @ ..]) = record.get(message..)
            && let Some((number, len)) = leading_u64(digits)
            && matches!(digits.get(len), None | Some(b' '))
        {
            cid = Some(number);
            message = record.len().min(message + 1 + len + 1);
        }
        Ok(Self { time: Some(time), level: Some(level), pid: Some(pid), tid: Some(tid), cid, message })
    }

    /// `nginx: [emerg] ...` or `nginx: ...`.
    fn stderr(record: &[u8]) -> Self {
        let at = STDERR.len();
        let level = match record.get(at) {
            Some(b'[') => level(record, at + 1),
            _ => None,
        };
        let message = level.as_ref().map_or(at, |level| level.end + 2);
        Self { time: None, level, pid: None, tid: None, cid: None, message }
    }
}

/// The level that stands at `at`, with `] ` behind it.
fn level(record: &[u8], at: usize) -> Option<Range<usize>> {
    const LEVELS: [&[u8]; 9] =
        [b"error", b"info", b"notice", b"warn", b"debug", b"crit", b"alert", b"emerg", b"stderr"];
    let text = record.get(at..)?;
    let level = LEVELS.into_iter().find(|level| text.starts_with(level))?;
    text[level.len()..].starts_with(b"] ").then_some(at..at + level.len())
}

/// The process, the thread, and where what follows them begins.
fn process(record: &[u8], at: usize) -> Option<(u64, u64, usize)> {
    let text = record.get(at..)?;
    let (pid, pid_len) = leading_u64(text)?;
    let thread = text[pid_len..].strip_prefix(b"#")?;
    let (tid, tid_len) = leading_u64(thread)?;
    let len = pid_len + 1 + tid_len;
    match &text[len..] {
        [b':', b' ', ..] => Some((pid, tid, at + len + 2)),
        [b':'] => Some((pid, tid, at + len + 1)),
        _ => None,
    }
}

/// Whether the digits and separators of `2026/11/20 16:59:37` are where they have to be.
fn has_shape(text: &[u8]) -> bool {
    text.iter().zip(b"0000/00/00 00:00:00").all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    })
}

fn time(text: &[u8; TIME_LEN], zone: &mut Zone) -> Option<Timestamp> {
    let [y1, y2, y3, y4, _, n1, n2, _, d1, d2, _, h1, h2, _, m1, m2, _, s1, s2] = *text;
    let pair = |tens, ones| exact_u32(&[tens, ones]).map(|number| number as u8);
    let civil = Civil {
        year: exact_u32(&[y1, y2, y3, y4])? as i32,
        month: pair(n1, n2)?,
        day: pair(d1, d2)?,
        hour: pair(h1, h2)?,
        minute: pair(m1, m2)?,
        second: pair(s1, s2)?,
        nanos: 0,
    };
    Timestamp::from_secs(zone.to_utc(Timestamp::from_civil(civil, 0)?.as_secs()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(record: &str) -> Result<Line, Refused> {
        Line::parse(record.as_bytes(), &mut Zone::fixed(-12_600))
    }

    #[test]
    fn what_stands_before_the_message_is_found() {
        let line = parse("2026/11/20 16:59:37 [error] 27718#9: *25 open()").unwrap();
        assert_eq!(line.time.unwrap().to_string(), "2026-11-20T20:29:37.000000000Z");
        assert_eq!(
            (line.level, line.pid, line.tid, line.cid),
            (Some(21..26), Some(27718), Some(9), Some(25))
        );
        assert_eq!(line.message, 41);
        let line = parse("2026/11/20 16:59:37 [notice] 1#1: exit").unwrap();
        assert_eq!((line.cid, line.message), (None, 34));
        for (end, message) in [("", 32), (" ", 33), (" *", 33), (" *x", 33), (" *7", 35), (" *7x", 33)] {
            let line = parse(&format!("2026/11/20 16:59:37 [warn] 1#1:{end}")).unwrap();
            assert_eq!(line.message, message - 1, "{end:?}");
        }
    }

    #[test]
    fn what_nginx_says_on_standard_error_has_no_time() {
        let line = parse("nginx: [emerg] bind() failed").unwrap();
        assert_eq!((line.time, line.level, line.message), (None, Some(8..13), 15));
        let line = parse("nginx: the configuration file is ok").unwrap();
        assert_eq!((line.level, line.message), (None, 7));
        assert_eq!(parse("nginx: [other] x").unwrap().message, 7);
    }

    #[test]
    fn what_is_no_event_is_refused_with_its_place() {
        for (record, at, expected) in [
            ("", 0, TIME),
            ("PHP message: x", 0, TIME),
            ("2026/11/20 16:59:37", 0, TIME),
            ("2026-11-20 16:59:37 [error] 1#1: x", 0, TIME),
            ("2026/02/30 16:59:37 [error] 1#1: x", 0, CALENDAR),
            ("2026/11/20 24:59:37 [error] 1#1: x", 0, CALENDAR),
            ("2026/11/20 16:59:37 [ERROR] 1#1: x", 21, LEVEL),
            ("2026/11/20 16:59:37 [error", 21, LEVEL),
            ("2026/11/20 16:59:37 [error] 1: x", 28, PROCESS),
            ("2026/11/20 16:59:37 [error] 1#1", 28, PROCESS),
            ("2026/11/20 16:59:37 [error] 1#99999999999999999999: x", 28, PROCESS),
        ] {
            assert_eq!(parse(record), Err(Refused::new(at, expected)), "{record}");
        }
    }
}
