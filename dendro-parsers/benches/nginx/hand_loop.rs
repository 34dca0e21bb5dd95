//! The plainest hand-written code for the same work: fills flat entries from bytes in memory.

use dendro_parsers::clf_time::ClfTime;
use memchr::{memchr, memchr2};

/// 16 bytes, as the field of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) value: u64,
    pub(crate) len: u32,
    pub(crate) key: u16,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
}

const NULL: u8 = 0;
const TEXT: u8 = 1;
const NUMBER: u8 = 2;
const TIME: u8 = 3;
const ESCAPED: u8 = 4;

/// Appends the entries of every line; gives how many lines were parsed.
pub(crate) fn parse(log: &[u8], entries: &mut Vec<Entry>) -> usize {
    let mut clock = ClfTime::default();
    let (mut start, mut parsed) = (0, 0);
    while let Some(len) = memchr(b'\n', &log[start..]) {
        let before = entries.len();
        match line(&log[start..start + len], start, &mut clock, entries) {
            Some(()) => parsed += 1,
            None => entries.truncate(before),
        }
        start += len + 1;
    }
    parsed
}

/// Escapes are marked and left to the reader, and whatever fits the separators is taken.
fn line(line: &[u8], base: usize, clock: &mut ClfTime, out: &mut Vec<Entry>) -> Option<()> {
    let text = |key: u16, start: usize, end: usize, escaped: bool| {
        let kind = if &line[start..end] == b"-" { NULL } else { TEXT };
        let flags = if escaped { ESCAPED } else { 0 };
        Entry { value: (base + start) as u64, len: (end - start) as u32, key, kind, flags }
    };
    let number = |key: u16, value: u64| Entry { value, len: 0, key, kind: NUMBER, flags: 0 };
    let null = |key: u16| Entry { value: 0, len: 0, key, kind: NULL, flags: 0 };

    let addr = memchr(b' ', line)?;
    let quote = memchr(b'"', line)?;
    let user_end = quote.checked_sub(30)?;
    if user_end < addr + 3 {
        return None;
    }
    let time = clock.read(line.get(user_end + 2..)?.first_chunk()?)?;
    out.push(Entry { value: time.as_nanos() as u64, len: 0, key: 0, kind: TIME, flags: 0 });
    out.push(text(1, 0, addr, false));
    out.push(text(2, addr + 3, user_end, true));

    let request = quote + 1;
    let (request_end, escaped) = quoted(line, request)?;
    out.push(text(3, request, request_end, escaped));
    let parts = &line[request..request_end];
    match (memchr(b' ', parts), parts.len().checked_sub(9)) {
        (Some(method), Some(protocol)) if method < protocol && parts[protocol..].starts_with(b" HTTP/") => {
            let (start, end) = (request + method + 1, request + protocol);
            out.push(text(4, request, request + method, false));
            match memchr(b'?', &line[start..end]) {
                Some(at) => {
                    out.push(text(5, start, start + at, escaped));
                    out.push(text(6, start + at + 1, end, escaped));
                }
                None => {
                    out.push(text(5, start, end, escaped));
                    out.push(null(6));
                }
            }
            out.push(text(7, end + 1, request_end, false));
        }
        _ => (4..8).for_each(|key| out.push(null(key))),
    }

    let (status, end) = digits(line, request_end + 2)?;
    out.push(number(8, status));
    let (bytes, end) = digits(line, end + 1)?;
    out.push(number(9, bytes));
    let referer = end + 2;
    let (end, escaped) = quoted(line, referer)?;
    out.push(text(10, referer, end, escaped));
    let agent = end + 3;
    let (end, escaped) = quoted(line, agent)?;
    out.push(text(11, agent, end, escaped));
    Some(())
}

fn quoted(line: &[u8], start: usize) -> Option<(usize, bool)> {
    let rest = line.get(start..)?;
    let at = memchr2(b'"', b'\\', rest)?;
    if rest[at] == b'"' {
        return Some((start + at, false));
    }
    Some((start + at + memchr(b'"', &rest[at..])?, true))
}

fn digits(line: &[u8], start: usize) -> Option<(u64, usize)> {
    let (mut value, mut at) = (0u64, start);
    while let Some(digit) = line.get(at).filter(|b| b.is_ascii_digit()) {
        value = value.wrapping_mul(10) + u64::from(digit - b'0');
        at += 1;
    }
    (at > start).then_some((value, at))
}
