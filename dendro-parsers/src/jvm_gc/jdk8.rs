//! The lines of `-XX:+PrintGCDetails`, which JDK 8 and its predecessors wrote.

use std::ops::Range;

use super::message::Message;
use super::quantities::{Change, billionths};
use crate::timestamp::{Reading, leading_iso};

/// What a line of JDK 8 tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Jdk8 {
    pub(super) time: Option<Reading>,
    /// In nanoseconds.
    pub(super) uptime: Option<i64>,
    pub(super) message: Message,
    /// Where what is behind the stamps begins.
    pub(super) start: usize,
}

/// What stands alone in such logs.
const HEADERS: [&[u8]; 6] =
    [b"Java HotSpot", b"OpenJDK ", b"Memory: ", b"CommandLine flags: ", b"Heap", b"{Heap"];

impl Jdk8 {
    /// `None` if the line is not one of them.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let mut this = Self::default();
        if let Some((reading, len)) = leading_iso(line)
            && line.get(len..len + 2) == Some(b": ")
        {
            this.time = Some(reading);
            this.start = len + 2;
        }
        if let Some((uptime, len)) = stamp(line.get(this.start..)?) {
            this.uptime = i64::try_from(uptime).ok();
            this.start += len;
        }
        let has_stamp = this.start > 0;
        let rest = line.get(this.start..)?;
        // Details of G1, and tables of the heap, are set off.
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let text = rest.get(blanks..)?;
        let is_event =
            text.starts_with(b"[GC") || text.starts_with(b"[Full GC") || text.starts_with(b"[Times: ");
        if !has_stamp
            && !is_event
            && blanks == 0
            && text != b"}"
            && !HEADERS.iter().any(|header| text.starts_with(header))
        {
            return None;
        }
        if text.first() == Some(&b'[') {
            this.read_event(text, this.start + blanks);
        } else {
            this.message = Message::read(line, this.start, b"");
        }
        Some(this)
    }

    /// `[GC (Allocation Failure) ... 16384K->2544K(62976K), 0.0032 secs] [Times: user=0.01 sys=0.00, real=0.00 secs]`.
    fn read_event(&mut self, text: &[u8], at: usize) {
        let range = |within: Range<usize>| at + within.start..at + within.end;
        let is_collection = text.starts_with(b"[GC") || text.starts_with(b"[Full GC");
        if is_collection {
            let end = text
                .iter()
                .position(|byte| matches!(byte, b'(' | b',' | b']' | b':' | b'0'..=b'9'))
                .unwrap_or(text.len());
            let name = text.get(1..end).unwrap_or_default().trim_ascii_end();
            let name = name.strip_suffix(b"--").unwrap_or(name).trim_ascii_end();
            self.message.name = Some(range(1..1 + name.len()));
            let mut behind = end;
            if let Some(group) = group(text, behind) {
                behind = group.end + 1;
                self.message.cause = Some(range(group));
                behind += usize::from(text.get(behind) == Some(&b' '));
            }
            self.message.mode = group(text, behind).map(range);
        }
        let mut depth = 0;
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            match byte {
                b'[' => match text[at..].strip_prefix(b"[Times: ") {
                    Some(times) => {
                        self.message.cpu = cpu(times);
                        let Some(end) = memchr::memchr(b']', times) else { return };
                        at = text.len() - times.len() + end;
                    }
                    None => depth += 1,
                },
                b']' => depth -= 1,
                // The heap as a whole stands in no further brackets, or, with G1, behind its name.
                b'0'..=b'9' if !text[..at].ends_with(b".") => {
                    let rest = &text[at..];
                    let of_heap = (is_collection && depth == 1) || text[..at].ends_with(b"Heap: ");
                    if let Some((change, len)) = Change::read(rest).filter(|_| of_heap) {
                        self.message.heap = Some(change);
                        at += len;
                        continue;
                    }
                    if let Some((secs, len)) = billionths(rest) {
                        if is_collection && depth == 1 && rest[len..].starts_with(b" secs") {
                            self.message.duration = i64::try_from(secs).ok();
                        }
                        at += len;
                        continue;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

/// `151.126: `.
fn stamp(text: &[u8]) -> Option<(i128, usize)> {
    let (secs, len) = billionths(text)?;
    let digits = text.get(..len)?;
    let is_stamp = digits.iter().any(|byte| !byte.is_ascii_digit()) && text.get(len..len + 2) == Some(b": ");
    is_stamp.then_some((secs, len + 2))
}

/// The text between the brackets that begin at `at`.
fn group(text: &[u8], at: usize) -> Option<Range<usize>> {
    if text.get(at) != Some(&b'(') {
        return None;
    }
    let mut depth = 0;
    for (len, byte) in text.get(at..)?.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1..at + len);
        }
    }
    None
}

/// `user=0.06 sys=0.00, real=0.06 secs`.
fn cpu(text: &[u8]) -> Option<[i64; 3]> {
    let mut at = 0;
    let mut next = |name: &[u8]| {
        let rest = text.get(at..)?;
        let found = memchr::memmem::find(rest.get(..rest.len().min(32))?, name)? + name.len();
        let (secs, len) = billionths(rest.get(found..)?)?;
        at += found + len;
        i64::try_from(secs).ok()
    };
    Some([next(b"user=")?, next(b"sys=")?, next(b"real=")?])
}
