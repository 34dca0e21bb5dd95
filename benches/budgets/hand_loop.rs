//! The limit: the plainest hand-written code for the same work on bytes in memory.
//!
//! It knows one format, keeps no events apart, can lose what it likes and asks nobody. What it gives is the same: every
//! field, numbers and time typed, `-` as null, escapes decoded in the JSON, and JSON that is equal byte by byte.

use std::ops::Range;

use dendro_core::{Timestamp, ValueRef, json};
use dendro_parsers::clf_time::ClfTime;
use dendro_parsers::escapes::decode_hex;
use dendro_parsers::http_request::RequestLine;
use memchr::{memchr, memchr2};

/// 16 bytes, as the field of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// A number, nanoseconds since 1970, or where a text begins.
    value: u64,
    len: u32,
    name: u16,
    kind: Kind,
    escaped: bool,
}

const _: () = assert!(size_of::<Entry>() == 16);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Text,
    Number,
    Time,
}

const NAMES: [&str; 12] = [
    "",
    ",\"remote_addr\":",
    ",\"remote_user\":",
    ",\"request\":",
    ",\"method\":",
    ",\"path\":",
    ",\"query\":",
    ",\"protocol\":",
    ",\"status\":",
    ",\"body_bytes_sent\":",
    ",\"http_referer\":",
    ",\"http_user_agent\":",
];
const LAST: u16 = NAMES.len() as u16 - 1;

/// Fills entries from whole lines.
#[derive(Default)]
pub(crate) struct HandLoop {
    clock: ClfTime,
    pub(crate) entries: Vec<Entry>,
    second: Option<i64>,
    head: Vec<u8>,
    decoded: Vec<u8>,
}

impl HandLoop {
    /// Replaces the entries by those of all lines, and gives how many lines were of the format.
    pub(crate) fn parse(&mut self, lines: &[u8]) -> usize {
        let Self { clock, entries, .. } = self;
        entries.clear();
        let (mut start, mut parsed) = (0, 0);
        while let Some(len) = memchr(b'\n', &lines[start..]) {
            let before = entries.len();
            match parse_line(&lines[start..start + len], start, clock, entries) {
                Some(()) => parsed += 1,
                None => entries.truncate(before),
            }
            start += len + 1;
        }
        parsed
    }

    /// Appends the entries as JSON.
    pub(crate) fn write_json(&mut self, lines: &[u8], out: &mut Vec<u8>) {
        for entry in &self.entries {
            out.extend_from_slice(NAMES[usize::from(entry.name)].as_bytes());
            match entry.kind {
                Kind::Null => out.extend_from_slice(b"null"),
                Kind::Number => out.extend_from_slice(itoa(entry.value, &mut [0; 20])),
                Kind::Time => {
                    if self.second != Some(entry.value as i64) {
                        self.second = Some(entry.value as i64);
                        self.head.clear();
                        self.head.extend_from_slice(b"{\"timestamp\":\"");
                        self.head.extend_from_slice(&Timestamp::from_nanos(entry.value as i64).to_rfc3339());
                        self.head.extend_from_slice(b"\",\"type\":\"nginx_access\"");
                    }
                    out.extend_from_slice(&self.head);
                }
                Kind::Text => {
                    let start = entry.value as usize;
                    let text = &lines[start..start + entry.len as usize];
                    // Without an early exit, the compiler looks at many bytes at once.
                    let special = text.iter().fold(false, |found, b| {
                        found | (*b < 0x20) | (*b >= 0x80) | (*b == b'"') | (*b == b'\\')
                    });
                    if special {
                        write_special(text, entry.escaped, &mut self.decoded, out);
                    } else {
                        out.push(b'"');
                        out.extend_from_slice(text);
                        out.push(b'"');
                    }
                }
            }
            if entry.name == LAST {
                out.extend_from_slice(b"}\n");
            }
        }
    }
}

#[cold]
fn write_special(text: &[u8], escaped: bool, decoded: &mut Vec<u8>, out: &mut Vec<u8>) {
    decoded.clear();
    match escaped {
        true => decode_hex(text, decoded),
        false => decoded.extend_from_slice(text),
    }
    json::write_value(ValueRef::from(&decoded[..]), out);
}

fn itoa(mut value: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return &buffer[at..];
        }
    }
}

/// `base` is where the line begins.
fn parse_line(line: &[u8], base: usize, clock: &mut ClfTime, out: &mut Vec<Entry>) -> Option<()> {
    let null = |name: u16| Entry { value: 0, len: 0, name, kind: Kind::Null, escaped: false };
    let number = |name: u16, value: u64| Entry { value, len: 0, name, kind: Kind::Number, escaped: false };
    let text = |name: u16, start: usize, end: usize, escaped: bool| match &line[start..end] {
        b"-" => null(name),
        _ => {
            Entry { value: (base + start) as u64, len: (end - start) as u32, name, kind: Kind::Text, escaped }
        }
    };

    let address = memchr(b' ', line)?;
    let quote = memchr(b'"', line)?;
    let user_end = quote.checked_sub(b" [".len() + ClfTime::LEN + b"] ".len())?;
    if user_end < address + 3 {
        return None;
    }
    let time = clock.read(line.get(user_end + 2..)?.first_chunk()?)?;
    out.push(Entry { value: time.as_nanos() as u64, len: 0, name: 0, kind: Kind::Time, escaped: false });
    out.push(text(1, 0, address, false));
    out.push(text(2, address + 3, user_end, true));

    let request = quote + 1;
    let (request_end, escaped) = quoted(line, request)?;
    out.push(text(3, request, request_end, escaped));
    let parts = &line[request..request_end];
    match (memchr(b' ', parts), parts.len().checked_sub(b" HTTP/1.1".len())) {
        (Some(method @ (3 | 4)), Some(end))
            if method < end
                && parts[..method].iter().all(u8::is_ascii_uppercase)
                && parts[method + 1] == b'/'
                && parts[end - 1] != b' '
                && parts[end..].starts_with(b" HTTP/") =>
        {
            let (start, end) = (request + method + 1, request + end);
            let path_end = memchr(b'?', &line[start..end]).map_or(end, |at| start + at);
            out.push(text(4, request, request + method, false));
            out.push(text(5, start, path_end, escaped));
            out.push(if path_end < end { text(6, path_end + 1, end, escaped) } else { null(6) });
            out.push(text(7, end + 1, request_end, false));
        }
        _ => unusual_request(line, request..request_end, base, escaped, out),
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
    out.push(text(LAST, agent, end, escaped));
    (end + 1 == line.len()).then_some(())
}

/// What few clients send.
#[cold]
fn unusual_request(line: &[u8], request: Range<usize>, base: usize, escaped: bool, out: &mut Vec<Entry>) {
    let parts = RequestLine::split_at(line, request);
    let ranges = match parts {
        Some(parts) => [Some(parts.method), Some(parts.path), parts.query, parts.protocol],
        None => [const { None }; 4],
    };
    for (name, range) in (4..).zip(ranges) {
        let (value, len, kind) = match range {
            Some(range) => ((base + range.start) as u64, range.len() as u32, Kind::Text),
            None => (0, 0, Kind::Null),
        };
        out.push(Entry { value, len, name, kind, escaped });
    }
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
