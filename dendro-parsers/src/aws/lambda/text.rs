//! Lambda's logs as text: where things stand in a record.

use std::ops::Range;

use dendro_core::Timestamp;

use super::terms::{TERMS, by_label_at_end};
use crate::Refused;
use crate::decimal::rfc3339;

/// What stands before a line in what is exported or tailed from CloudWatch Logs: `2026-11-20T16:59:47.123Z `, or that and the
/// name of the log stream.
#[derive(Default)]
pub(super) struct Prefix {
    pub(super) time: Option<Timestamp>,
    pub(super) log_stream: Option<Range<usize>>,
    /// Where the line itself begins.
    pub(super) len: usize,
}

impl Prefix {
    pub(super) fn of(raw: &[u8]) -> Self {
        let mut prefix = Self::default();
        let Some(space) = raw.iter().take(40).position(|b| *b == b' ') else { return prefix };
        let Some(time) = rfc3339(&raw[..space]) else { return prefix };
        (prefix.time, prefix.len) = (Some(time), space + 1);
        let rest = &raw[space + 1..];
        if let [a, b, c, d, b'/', e, f, b'/', g, h, b'/', ..] = rest
            && [a, b, c, d, e, f, g, h].iter().all(|byte| byte.is_ascii_digit())
            && let Some(end) = rest.iter().take(600).position(|b| *b == b' ')
        {
            prefix.log_stream = Some(space + 1..space + 1 + end);
            prefix.len += end + 1;
        }
        prefix
    }
}

/// What the platform's lines begin with, and what they tell of.
const BEGINNINGS: [(&[u8], &[u8], &str); 11] = [
    (b"START", b"RequestId:", "platform.start"),
    (b"END", b"RequestId:", "platform.end"),
    (b"REPORT", b"RequestId:", "platform.report"),
    (b"INIT_START", b"Runtime Version:", "platform.initStart"),
    (b"INIT_REPORT", b"Init Duration:", "platform.initReport"),
    (b"RESTORE_START", b"Runtime Version:", "platform.restoreStart"),
    (b"RESTORE_REPORT", b"Restore Duration:", "platform.restoreReport"),
    (b"EXTENSION", b"Name:", "platform.extension"),
    (b"TELEMETRY", b"Name:", "platform.telemetrySubscription"),
    (b"LOGS", b"Name:", "platform.logsSubscription"),
    (b"", b"XRAY TraceId:", "platform.xray"),
];

/// What a line of the platform tells of, and where its pairs begin; `None` if the line is none: a function may log such words
/// too.
pub(super) fn platform(line: &[u8]) -> Option<(&'static str, usize)> {
    BEGINNINGS.iter().find_map(|(keyword, label, kind)| {
        let rest = line.strip_prefix(*keyword)?;
        let spaced = rest.trim_ascii_start();
        let is_word = keyword.is_empty() || spaced.len() < rest.len();
        (is_word && spaced.starts_with(label)).then_some((*kind, keyword.len()))
    })
}

/// A pair of a label and a value.
pub(super) struct Pair {
    /// The number of its term; `None` if the label is not known.
    pub(super) term: Option<usize>,
    pub(super) label: Range<usize>,
    pub(super) value: Range<usize>,
}

/// The number of a label's term, if it is known, and where the label stands.
type Label = (Option<usize>, Range<usize>);

/// The pairs of a line of the platform: `Label: value`, with tabs between, or, where those were lost on the way, with spaces.
pub(super) struct Pairs<'a> {
    line: &'a [u8],
    at: usize,
    /// Where the segment ends that `at` is in; what is before was looked for already.
    segment_end: usize,
    /// The label whose value begins at `at`.
    open: Option<Label>,
}

const PAIR: &str = "a label, `:` and a value";

impl<'a> Pairs<'a> {
    pub(super) fn new(line: &'a [u8], at: usize) -> Self {
        Self { line, at, segment_end: 0, open: None }
    }

    pub(super) fn next(&mut self) -> Result<Option<Pair>, Refused> {
        let (term, label) = match self.open.take() {
            Some(open) => open,
            None => match self.label()? {
                Some(label) => label,
                None => return Ok(None),
            },
        };
        let start = self.at;
        let end = self.segment_end();
        let mut from = start;
        while let Some(colon) = memchr::memmem::find(&self.line[from..end], b": ").map(|more| from + more) {
            // The value ends where another label begins, if there is anything before that.
            if let Some(next) = by_label_at_end(&self.line[start..colon]) {
                let label_start = colon - TERMS[next].label.len();
                if !self.line[start..label_start].trim_ascii().is_empty() {
                    self.open = Some((Some(next), label_start..colon));
                    self.at = colon + 1;
                    return Ok(Some(Pair { term, label, value: start..label_start }));
                }
            }
            from = colon + 2;
        }
        self.at = end;
        Ok(Some(Pair { term, label, value: start..end }))
    }

    /// The label that the next segment begins with.
    fn label(&mut self) -> Result<Option<Label>, Refused> {
        let rest = &self.line[self.at..];
        self.at += rest.len() - rest.trim_ascii_start().len();
        let (start, end) = (self.at, self.segment_end());
        if start == end {
            return Ok(None);
        }
        let text = &self.line[start..end];
        let colon = memchr::memchr(b':', text).ok_or(Refused::new(start, PAIR))?;
        let label = text[..colon].trim_ascii_end();
        self.at = start + colon + 1;
        let term = TERMS.iter().position(|term| !label.is_empty() && term.label.as_bytes() == label);
        Ok(Some((term, start..start + label.len())))
    }

    /// Where the segment that is read ends: at a tab or a line's end.
    fn segment_end(&mut self) -> usize {
        if self.at > self.segment_end || self.segment_end == 0 {
            let rest = &self.line[self.at..];
            let end = memchr::memchr3(b'\t', b'\n', b'\r', rest);
            self.segment_end = end.map_or(self.line.len(), |len| self.at + len);
        }
        self.segment_end
    }
}

/// The request that a fault is of, and what it says.
pub(super) struct Fault {
    pub(super) request_id: Range<usize>,
    pub(super) message: Range<usize>,
    /// The type, which stands in a line of its own behind.
    pub(super) error_type: Option<Range<usize>>,
}

/// A line of the platform that tells of an invocation that failed: `RequestId: 1-2-3 Error: ..`, or `.. Process exited before
/// completing request`.
pub(super) fn fault(line: &[u8]) -> Option<Fault> {
    const REQUEST_ID: &[u8] = b"RequestId: ";
    let rest = line.strip_prefix(REQUEST_ID)?;
    let space = rest.iter().take(80).position(|b| *b == b' ')?;
    let start = REQUEST_ID.len() + space + 1;
    let text = &line[start..];
    if space == 0 || !(text.starts_with(b"Error: ") || text.starts_with(b"Process exited ")) {
        return None;
    }
    let request_id = REQUEST_ID.len()..REQUEST_ID.len() + space;
    let Some(newline) = memchr::memchr2(b'\n', b'\r', text) else {
        return Some(Fault { request_id, message: start..line.len(), error_type: None });
    };
    let behind = &text[newline..];
    let word = behind.trim_ascii();
    let word_start = start + newline + behind.len() - behind.trim_ascii_start().len();
    let is_type = !word.is_empty() && word.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.');
    Some(if is_type {
        let error_type = Some(word_start..word_start + word.len());
        Fault { request_id, message: start..start + newline, error_type }
    } else {
        Fault { request_id, message: start..line.len(), error_type: None }
    })
}

/// The request and the seconds of a line that says that an invocation has timed out: `1-2-3 Task timed out after 3.00 seconds`.
pub(super) fn time_out(line: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
    const TEXT: &[u8] = b"Task timed out after ";
    let space = line.iter().take(80).position(|b| *b == b' ')?;
    let seconds = line[space + 1..].strip_prefix(TEXT)?.trim_ascii_end().strip_suffix(b" seconds")?;
    let start = space + 1 + TEXT.len();
    (space > 0).then_some((0..space, start..start + seconds.len()))
}

/// A line that a function has logged.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FunctionLine {
    pub(super) time: Option<Timestamp>,
    pub(super) request_id: Option<Range<usize>>,
    pub(super) level: Option<Range<usize>>,
    /// Where its message begins.
    pub(super) message: usize,
}

impl FunctionLine {
    /// The parts of the lines that the runtimes write:
    ///
    /// - Node.js and .NET: time, request, level and message with tabs between, the level only in newer ones;
    /// - Python: level in brackets, time, request and message with tabs between, or a level in brackets and a message.
    ///
    /// Any other line is a message.
    pub(super) fn of(line: &[u8]) -> Self {
        let mut found = Self::default();
        let mut segments = Segments { line, at: 0 };
        match segments.peek() {
            Some((word, next)) if rfc3339(&line[word.clone()]).is_some() => {
                found.time = rfc3339(&line[word]);
                segments.at = next;
                if !found.take_request(&mut segments) {
                    return found.with_level_of(&mut segments);
                }
                found.with_level_of(&mut segments)
            }
            Some((word, next)) if bracketed_level(&line[word.clone()]).is_some() => {
                found.level = Some(word.start + 1..word.end - 1);
                segments.at = next;
                if let Some((word, next)) = segments.peek()
                    && let Some(time) = rfc3339(&line[word])
                {
                    found.time = Some(time);
                    segments.at = next;
                    found.take_request(&mut segments);
                }
                found.message = segments.at;
                found
            }
            _ => {
                if let Some(space) = line.iter().take(12).position(|b| *b == b' ')
                    && bracketed_level(&line[..space]).is_some()
                {
                    (found.level, found.message) = (Some(1..space - 1), space + 1);
                }
                found
            }
        }
    }

    fn take_request(&mut self, segments: &mut Segments<'_>) -> bool {
        let Some((word, next)) = segments.peek() else { return false };
        match &segments.line[word.clone()] {
            b"" | b"undefined" => {}
            text if is_request_id(text) => self.request_id = Some(word),
            _ => return false,
        }
        segments.at = next;
        true
    }

    fn with_level_of(mut self, segments: &mut Segments<'_>) -> Self {
        if let Some((word, next)) = segments.peek()
            && is_level(&segments.line[word.clone()])
        {
            self.level = Some(word);
            segments.at = next;
        }
        self.message = segments.at;
        self
    }
}

/// What stands between tabs.
struct Segments<'a> {
    line: &'a [u8],
    at: usize,
}

impl Segments<'_> {
    /// The next one that a tab ends, and what begins behind the tab. None of those that are read is long.
    fn peek(&self) -> Option<(Range<usize>, usize)> {
        let rest = &self.line[self.at..];
        let tab = rest.iter().take(80).position(|b| *b == b'\t')?;
        Some((self.at..self.at + tab, self.at + tab + 1))
    }
}

fn bracketed_level(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'[', level @ .., b']'] if is_level(level) => Some(level),
        _ => None,
    }
}

fn is_level(text: &[u8]) -> bool {
    const LEVELS: [&str; 13] = [
        "TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL", "TRCE", "DBUG", "FAIL",
        "CRIT", "NOTSET",
    ];
    LEVELS.iter().any(|level| text.eq_ignore_ascii_case(level.as_bytes()))
}

/// Whether it is written as a UUID is.
fn is_request_id(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
