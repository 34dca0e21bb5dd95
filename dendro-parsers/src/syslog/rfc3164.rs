//! Records of RFC 3164 and its likes.

use std::ops::Range;

use super::priority::Priority;
use super::record::{Dialect, Record};
use super::time;
use crate::timestamp::Reading;

/// The longest host and the longest tag are those of rsyslog.
const MOST_HOST: usize = 511;
const MOST_TAG: usize = 510;

/// Takes a record apart, of which `at` is behind the priority. Whatever it is, it is a message at least.
pub(super) fn read(text: &[u8], at: usize, dialect: Dialect, record: &mut Record) {
    if record.priority == Priority::Invalid {
        return;
    }
    let Some(rest) = text.get(at..) else { return };
    let mut at = at;
    if let Some((reading, len)) = time(rest, dialect) {
        record.time = Some(reading);
        at += len;
    } else if let Some(cisco) = Cisco::read(rest, dialect) {
        record.time = Some(cisco.time);
        record.sequence = cisco.sequence;
        record.hostname = cisco.host.map(|host| at + host.start..at + host.end);
        at += cisco.len;
    } else if record.priority == Priority::Missing && matches!(rest.first(), Some(b' ' | b'\t')) {
        // A line of a file that goes on with the message of the line before.
        return;
    }
    if record.hostname.is_none()
        && let Some((host, len)) = host(text.get(at..).unwrap_or_default(), dialect)
    {
        record.hostname = host.map(|len| at..at + len);
        at += len;
    }
    let end = at + tag_len(text.get(at..).unwrap_or_default());
    if end > at {
        record.tag = Some(at..end);
        let (name, procid) = name_and_procid(text.get(at..end).unwrap_or_default());
        record.program = (name > 0).then_some(at..at + name);
        record.procid = procid.map(|procid| at + procid.start..at + procid.end);
    }
    // The space belongs to neither tag nor message.
    let space = usize::from(text.get(end) == Some(&b' '));
    record.message = end + space..text.len();
}

fn time(text: &[u8], dialect: Dialect) -> Option<(Reading, usize)> {
    if let Some(found) = time::iso(text).or_else(|| time::rfc3164(text, dialect)) {
        return Some(found);
    }
    // A space too many, as HP's switches write it.
    let (reading, len) = time::rfc3164(text.strip_prefix(b" ")?, dialect)?;
    Some((reading, len + 1))
}

/// What Cisco's devices write before the message: a number, perhaps the host, and a time that `*` or `.` marks where the clock is
/// not to be trusted, each with a colon behind it.
struct Cisco {
    sequence: Option<u64>,
    host: Option<Range<usize>>,
    time: Reading,
    len: usize,
}

impl Cisco {
    fn read(text: &[u8], dialect: Dialect) -> Option<Self> {
        let (sequence, mut at) = match crate::numbers::leading_u64(text) {
            Some((number, len)) if text.get(len) == Some(&b':') => (Some(number), len + 1),
            Some(_) => return None,
            None => (None, usize::from(text.first() == Some(&b':'))),
        };
        at += text.get(at..)?.iter().take_while(|byte| **byte == b' ').count();
        let mut host = None;
        let mut found = Self::marked_time(text, at, dialect);
        if found.is_none() {
            let len = host_len(text.get(at..)?);
            let after = at + len + 2;
            if len == 0 || text.get(at + len..after)? != b": " {
                return None;
            }
            host = Some(at..at + len);
            found = Self::marked_time(text, after, dialect);
        }
        let (time, len) = found?;
        Some(Self { sequence, host, time, len })
    }

    fn marked_time(text: &[u8], at: usize, dialect: Dialect) -> Option<(Reading, usize)> {
        let at = at + usize::from(matches!(text.get(at), Some(b'*' | b'.')));
        let rest = text.get(at..)?;
        let (reading, len) = time::rfc3164(rest, dialect).or_else(|| time::iso(rest))?;
        Some((reading, at + len))
    }
}

/// The host at the front of `text`: how long it is, unless it is `-`, and where what is behind its space begins. What does not end as a
/// host may is the tag.
fn host(text: &[u8], dialect: Dialect) -> Option<(Option<usize>, usize)> {
    if text.is_empty() {
        return None;
    }
    if dialect == Dialect::Extended {
        let len = text.iter().take(MOST_HOST).take_while(|byte| **byte != b' ').count();
        let word = text.get(..len)?;
        if text.get(len) == Some(&b' ') && (word == b"-" || is_ipv6(word)) {
            return Some(((word != b"-").then_some(len), len + 1));
        }
    }
    let len = host_len(text);
    match text.get(len) {
        None => Some((Some(len), len)),
        Some(b' ') if text.get(..len)?.last()?.is_ascii_alphanumeric() => Some((Some(len), len + 1)),
        Some(_) => None,
    }
}

fn host_len(text: &[u8]) -> usize {
    let of_host = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.iter().take(MOST_HOST).take_while(of_host).count()
}

/// Hexadecimal digits, points and at least two colons.
fn is_ipv6(word: &[u8]) -> bool {
    word.iter().filter(|byte| **byte == b':').count() >= 2
        && word.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
}

/// How long the tag is: up to a space, or with a colon.
fn tag_len(text: &[u8]) -> usize {
    let len = text.iter().take(MOST_TAG).take_while(|byte| !matches!(byte, b':' | b' ')).count();
    len + usize::from(text.get(len) == Some(&b':'))
}

/// How long the name in a tag is, and where between brackets the process stands.
fn name_and_procid(tag: &[u8]) -> (usize, Option<Range<usize>>) {
    if let Some(open) = tag.iter().position(|byte| *byte == b'[')
        && let Some(close) = tag[open..].iter().position(|byte| *byte == b']')
    {
        return (open, Some(open + 1..open + close));
    }
    (tag.strip_suffix(b":").unwrap_or(tag).len(), None)
}
