//! An event of a stderr log: its lines, taken apart.

use std::ops::Range;

use super::labels::{Label, Part, Severity};
use super::matching::{Head, Matcher};
use super::out::Text;
use crate::Refused;

/// The texts of an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// `None` if only what belongs to an event was found.
    pub(super) severity: Option<Severity>,
    pub(super) message: Option<Text>,
    parts: [Option<Text>; PARTS],
}

const PARTS: usize = Part::Statement as usize + 1;

impl Record {
    pub(super) fn part(&self, part: Part) -> Option<Text> {
        self.parts[part as usize]
    }
}

/// A text whose lines are being collected.
struct Open {
    label: Label,
    /// Its first line, and the last one.
    first: Range<usize>,
    end: usize,
}

/// Takes the lines of an event apart, whose first line the matcher has just read. `text` is what the lines stand in; texts of several lines are put together in
/// `joined`.
///
/// Lines without a prefix belong to the text before them. The server writes a tab at their beginning, which is not part of it.
pub(super) fn read(
    text: &[u8],
    in_raw: bool,
    first: Head,
    matcher: &mut Matcher,
    joined: &mut Vec<u8>,
) -> Result<Record, Refused> {
    let windows = text.ends_with(b"\r");
    let line_end = |start: usize| {
        memchr::memchr(b'\n', text.get(start..).unwrap_or_default()).map_or(text.len(), |more| start + more)
    };
    let mut record = Record::default();
    let mut end = line_end(0);
    let mut open = Open { label: first.label, first: first.text..end, end };
    let indented = matcher.may_begin_with_space();
    while end < text.len() {
        let start = end + 1;
        end = line_end(start);
        let line = text.get(start..end).unwrap_or_default();
        let head = match line.first() {
            None | Some(b'\t') => None,
            Some(b' ') if !indented => None,
            _ => matcher.read(line).ok(),
        };
        match head {
            None => open.end = end,
            Some(Head { label: Label::Main(_), .. }) => {
                return Err(Refused::new(start, "nothing but what belongs to the event that began before"));
            }
            Some(head) => {
                record.close(open, text, in_raw, windows, joined);
                open = Open { label: head.label, first: start + head.text..end, end };
            }
        }
    }
    record.close(open, text, in_raw, windows, joined);
    Ok(record)
}

impl Record {
    fn close(&mut self, open: Open, text: &[u8], in_raw: bool, windows: bool, joined: &mut Vec<u8>) {
        let found = if open.end == open.first.end {
            let line = text.get(open.first.clone()).unwrap_or_default();
            let end = if windows && line.ends_with(b"\r") { open.first.end - 1 } else { open.first.end };
            let range = open.first.start..end;
            // What was put together stands at the front of it.
            Some(if in_raw { Text::raw(range) } else { Text::joined(range) })
        } else {
            None
        };
        let found = found.unwrap_or_else(|| {
            let from = joined.len();
            join(text.get(open.first.start..open.end).unwrap_or_default(), windows, joined);
            Text::joined(from..joined.len())
        });
        match open.label {
            Label::Main(severity) => {
                self.severity = Some(severity);
                self.message = Some(found);
            }
            // One that comes twice: the first stands, the raw text has both.
            Label::Further(part) => {
                self.parts[part as usize].get_or_insert(found);
            }
        }
    }
}

/// Appends lines without the tab that the server has put before all but the first.
pub(super) fn join(lines: &[u8], windows: bool, joined: &mut Vec<u8>) {
    let mut rest = lines;
    loop {
        let newline = memchr::memchr(b'\n', rest);
        let line = rest.get(..newline.unwrap_or(rest.len())).unwrap_or_default();
        joined.extend_from_slice(if windows { line.strip_suffix(b"\r").unwrap_or(line) } else { line });
        let Some(newline) = newline else { return };
        joined.push(b'\n');
        rest = rest.get(newline + 1..).unwrap_or_default();
        rest = rest.strip_prefix(b"\t").unwrap_or(rest);
    }
}
