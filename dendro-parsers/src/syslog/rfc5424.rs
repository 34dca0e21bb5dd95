//! Records of RFC 5424.

use std::ops::Range;

use super::priority::Priority;
use super::record::{Dialect, Record};
use super::structured_data::StructuredData;
use super::time;
use crate::Refused;

/// Whether a record is one, of which `at` is behind the priority.
pub(super) fn is_meant(text: &[u8], at: usize, priority: Priority) -> bool {
    let has_time = |at: usize| text.get(at..).and_then(time::rfc5424).is_some();
    match (priority, version(text, at)) {
        (Priority::Valid(_), Some((1, _))) => true,
        (Priority::Valid(_), Some((_, at))) => {
            text.get(at..).is_some_and(|rest| rest.starts_with(b"- ")) || has_time(at)
        }
        (Priority::Missing, Some((_, at))) => has_time(at),
        (Priority::Missing, None) => has_time(at) && is_without_version(text, at),
        _ => false,
    }
}

/// Whether what begins with a time goes on as RFC 5424 has it, without priority and version, as files have it: a process that is a number or `-`, a
/// message id, and structured data or `-`.
fn is_without_version(text: &[u8], at: usize) -> bool {
    let mut record = Record::empty(Priority::Missing, at..text.len());
    let Some(at) = read_time(text, at, &mut record) else { return false };
    let (_, at) = name(text, at);
    let (application, at) = name(text, at);
    let (process, at) = name(text, at);
    let (_, at) = name(text, at);
    let word = |range: Range<usize>| text.get(range).unwrap_or_default();
    let is_number = !process.is_empty() && word(process.clone()).iter().all(u8::is_ascii_digit);
    (is_number || word(process) == b"-")
        && !word(application).ends_with(b":")
        && match text.get(at..) {
            Some([b'-'] | [b'-', b' ', ..]) => true,
            Some([b'[', ..]) => StructuredData::default().read(text, at) > at,
            _ => false,
        }
}

/// Takes a record apart that [is one](is_meant). What stands where the time should, and is none, is the message with all
/// behind it.
pub(super) fn read(text: &[u8], at: usize, dialect: Dialect, record: &mut Record, data: &mut StructuredData) {
    let version = version(text, at);
    let at = version.map_or(at, |(_, behind)| behind);
    record.version = version.map(|(version, _)| version);
    record.message = at..text.len();
    let Some(at) = read_time(text, at, record) else { return };
    let at = read_names(text, at, record);
    match text.get(at) {
        Some(b'-') => record.message = after_space(text, at + 1)..text.len(),
        Some(b'[') => {
            let end = data.read(text, at);
            let is_whole = matches!(text.get(end), None | Some(b' ')) || dialect == Dialect::Extended;
            if end > at && is_whole {
                record.message = after_space(text, end)..text.len();
            } else {
                let (closed, message) = rsyslogs_extent(text, at);
                if end == at && text.get(closed - 1) != Some(&b']') {
                    // No structured data: where they are missing, a message may begin like this.
                    record.message = at..text.len();
                } else {
                    record.odd_data = Some(at..closed);
                    record.message = message..text.len();
                }
            }
        }
        _ => record.message = at..text.len(),
    }
    without_bom(text, record);
}

/// The same for a record that has to be of RFC 5424, of which `start` is the priority.
pub(super) fn read_strictly(
    text: &[u8],
    start: usize,
    record: &mut Record,
    data: &mut StructuredData,
) -> Result<(), Refused> {
    let Priority::Valid(_) = record.priority else {
        return Err(Refused::new(start, "a priority from `<0>` to `<191>`"));
    };
    let behind_priority = record.message.start;
    let (version, at) = version(text, behind_priority)
        .ok_or_else(|| Refused::new(behind_priority, "a version of one to three digits, and a space"))?;
    record.version = Some(version);
    let mut at =
        read_time(text, at, record).ok_or_else(|| Refused::new(at, "a time as RFC 5424 has it, or `- `"))?;
    for field in [&mut record.hostname, &mut record.program, &mut record.procid, &mut record.msgid] {
        let (range, next) = name(text, at);
        if next == range.end || range.is_empty() {
            return Err(Refused::new(
                range.end,
                "four words with a space behind each: host, application, process, message id",
            ));
        }
        *field = unless_nil(text, range);
        at = next;
    }
    let end = match text.get(at) {
        Some(b'-') => at + 1,
        Some(b'[') => data.read(text, at),
        _ => at,
    };
    if end == at || !matches!(text.get(end), None | Some(b' ')) {
        return Err(Refused::new(end, "structured data or `-`, then a space or the end"));
    }
    record.message = after_space(text, end)..text.len();
    without_bom(text, record);
    Ok(())
}

/// The version, and where what is behind its space begins.
fn version(text: &[u8], at: usize) -> Option<(u64, usize)> {
    let (version, len) = crate::numbers::leading_u64(text.get(at..)?)?;
    let valid =
        (1..=999).contains(&version) && text.get(at) != Some(&b'0') && text.get(at + len) == Some(&b' ');
    valid.then_some((version, at + len + 1))
}

fn read_time(text: &[u8], at: usize, record: &mut Record) -> Option<usize> {
    let rest = text.get(at..)?;
    if rest.starts_with(b"- ") {
        return Some(at + 2);
    }
    let (reading, len) = time::rfc5424(rest)?;
    record.time = Some(reading);
    Some(at + len)
}

fn read_names(text: &[u8], mut at: usize, record: &mut Record) -> usize {
    for field in [&mut record.hostname, &mut record.program, &mut record.procid, &mut record.msgid] {
        let (range, next) = name(text, at);
        *field = unless_nil(text, range);
        at = next;
    }
    at
}

/// The word at `at`, and where what is behind its space begins.
fn name(text: &[u8], at: usize) -> (Range<usize>, usize) {
    let at = at.min(text.len());
    let end = memchr::memchr(b' ', &text[at..]).map_or(text.len(), |len| at + len);
    (at..end, after_space(text, end))
}

fn unless_nil(text: &[u8], range: Range<usize>) -> Option<Range<usize>> {
    (!matches!(text.get(range.clone()), Some(b"-" | b""))).then_some(range)
}

fn after_space(text: &[u8], at: usize) -> usize {
    at + usize::from(text.get(at) == Some(&b' '))
}

/// A byte order mark tells that the message is UTF-8, and is no part of it.
fn without_bom(text: &[u8], record: &mut Record) {
    if text.get(record.message.clone()).is_some_and(|message| message.starts_with(b"\xef\xbb\xbf")) {
        record.message.start += 3;
    }
}

/// Where structured data end that begin at `at`, and where the message begins, for rsyslog: the data go to the first `]` with
/// a space behind it, or to the end of the record, but for its last byte if that is no `]`.
fn rsyslogs_extent(text: &[u8], at: usize) -> (usize, usize) {
    let mut at = at;
    loop {
        match text.get(at..).unwrap_or_default() {
            [] => return (at, at),
            [last] => {
                let end = at + usize::from(*last == b']');
                return (end, end);
            }
            [b'\\', b']', ..] => at += 2,
            [b']', b' ', ..] => return (at + 1, at + 2),
            _ => at += 1,
        }
    }
}
