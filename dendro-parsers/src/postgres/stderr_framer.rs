//! Cutting stderr logs into events.

use std::time::Duration;

use dendro_core::{Cut, Framer, Lines, Records};

use super::labels::{Label, Part};
use super::matching::Matcher;
use super::prefix::Escape;
use super::stderr::{Stderr, is_of_another_prefix};
use super::syslog::{self, is_indented};

/// Cuts stderr logs into events: a line with the prefix and a severity, and the lines that belong to it.
///
/// - Lines that begin with a tab or a space, and empty ones between them, belong to the event before.
/// - Lines of DETAIL, HINT, QUERY, CONTEXT, LOCATION, BACKTRACE and STATEMENT do too, if they are of the same process by `%p` or `%c` and
///   come in this order. One that finds no such event directly before it, because another process has written in between, is
///   a record of its own: nothing is held back to wait for it.
/// - Other lines without the prefix (unless [tabs were lost](Self::lost_tabs): what a command of the server has printed, the dump of a crash) are one record as long as they follow each other.
/// - In a file that a syslog daemon has written, the numbered pieces of an event that follow each other are one record.
///
/// The last event is complete when the next begins, or after a second without one.
#[derive(Clone, Debug)]
pub struct StderrRecords {
    matcher: Matcher,
    max_bytes: usize,
    lost_tabs: bool,
    /// Up to where lines have been judged.
    judged: usize,
    /// Up to where the line behind them was searched for its end.
    searched: usize,
    open: Option<Open>,
    /// Whether the rest of a line is skipped.
    in_line: bool,
}

/// The record to which lines are added.
#[derive(Clone, Copy, Debug)]
struct Open {
    kind: Kind,
    /// Behind its last line that is not empty.
    end: usize,
    /// Whether its head has been cut off because it is too long, and the rest is skipped.
    cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// An event of a process, with the part of it that came last.
    Event(u64, Option<Part>),
    /// A numbered event from syslog.
    Numbered(u64),
    /// Lines without the prefix.
    Bare,
    /// What can't be read.
    Unknown,
}

enum Judged {
    Empty,
    /// It belongs to whatever is before it.
    Indented,
    /// It belongs to the record before if that is of this kind, or else begins one.
    More(Kind),
    Begins(Kind),
}

impl StderrRecords {
    /// Of the logs that the transform reads; records of at most [`Lines::DEFAULT_MAX_BYTES`].
    pub fn new(transform: &Stderr) -> Self {
        Self {
            matcher: transform.matcher().clone(),
            max_bytes: Lines::DEFAULT_MAX_BYTES,
            lost_tabs: false,
            judged: 0,
            searched: 0,
            open: None,
            in_line: false,
        }
    }

    /// Sets the longest record; at least 1.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.max(1);
        self
    }

    /// Whether whatever has carried the log drops the tab that the server puts before the second and later lines of a
    /// text, as some collectors do: then a line without the prefix belongs to the event before, whoever has written it.
    pub fn lost_tabs(mut self, lost_tabs: bool) -> Self {
        self.lost_tabs = lost_tabs;
        self
    }

    fn judge(&mut self, line: &[u8]) -> Judged {
        match line {
            [] | [b'\r'] => return Judged::Empty,
            [b'\t', ..] => return Judged::Indented,
            [b' ', ..] if !self.matcher.may_begin_with_space() => return Judged::Indented,
            _ => {}
        }
        if let Ok(head) = self.matcher.read(line) {
            let id = self.matcher.value(Escape::Pid).or_else(|| self.matcher.value(Escape::Session));
            let id = hash(id.and_then(|range| line.get(range)).unwrap_or_default());
            return Self::labelled(head.label, id);
        }
        if line[0] == b' ' {
            return Judged::Indented;
        }
        if let Some(found) = syslog::Line::read(line) {
            return self.judge_syslog(line, &found);
        }
        if is_of_another_prefix(line) {
            Judged::Begins(Kind::Unknown)
        } else if self.lost_tabs && matches!(self.open, Some(Open { kind: Kind::Event(..), .. })) {
            Judged::Indented
        } else {
            Judged::More(Kind::Bare)
        }
    }

    fn labelled(label: Label, id: u64) -> Judged {
        match label {
            Label::Main(_) => Judged::Begins(Kind::Event(id, None)),
            Label::Further(part) => Judged::More(Kind::Event(id, Some(part))),
        }
    }

    fn judge_syslog(&mut self, line: &[u8], found: &syslog::Line) -> Judged {
        let process = found.process;
        if let Some(event) = found.piece.event {
            let kind = Kind::Numbered(hash(&[process.to_le_bytes(), event.to_le_bytes()].concat()));
            return if found.piece.piece > Some(1) { Judged::More(kind) } else { Judged::Begins(kind) };
        }
        let text = line.get(found.piece.text.clone()).unwrap_or_default();
        let id = hash(&process.to_le_bytes());
        match self.matcher.read(text) {
            Ok(head) => Self::labelled(head.label, id),
            Err(_) if is_indented(text) => Judged::Indented,
            Err(_) => Judged::Begins(Kind::Unknown),
        }
    }

    /// Whether a line of this kind belongs to the open record.
    fn joins(&self, kind: Kind) -> bool {
        let Some(open) = self.open else { return false };
        match (open.kind, kind) {
            (Kind::Event(of, last), Kind::Event(id, part)) => of == id && last < part,
            (open, kind) => open == kind,
        }
    }

    fn close(&mut self, start: usize, records: &mut Records) {
        if let Some(open) = self.open.take()
            && !open.cut
        {
            records.push(start..open.end);
        }
    }
}

/// FNV-1a, to remember who has written a line.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Framer for StderrRecords {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        // Where the open record begins, or the next line.
        let mut start = 0;
        let mut at = self.judged;
        let mut searched = self.searched.max(at);
        while at < input.len() {
            let newline = memchr::memchr(b'\n', input.get(searched..).unwrap_or_default());
            let end = match newline.map(|more| searched + more) {
                Some(end) => end,
                None if cut == Cut::End || self.in_line || input.len() - at > self.max_bytes + 1 => {
                    input.len()
                }
                None => {
                    searched = input.len();
                    break;
                }
            };
            let whole = newline.is_some();
            let next = (end + usize::from(whole)).min(input.len());
            if self.in_line {
                self.in_line = !whole;
                (start, at, searched) = (next, next, next);
                continue;
            }
            let line = &input[at..end];
            // Only what is seen however the input is cut.
            match self.judge(line.get(..self.max_bytes).unwrap_or(line)) {
                Judged::Empty => {
                    if self.open.is_none_or(|open| open.cut) {
                        start = next;
                    }
                }
                judged => {
                    let (kind, joins) = match judged {
                        Judged::More(kind) => (kind, self.joins(kind)),
                        Judged::Begins(kind) => (kind, false),
                        _ => (self.open.map_or(Kind::Unknown, |open| open.kind), self.open.is_some()),
                    };
                    if !joins {
                        self.close(start, records);
                        start = at;
                    }
                    let cut_before = joins && self.open.is_some_and(|open| open.cut);
                    let length = end - start - usize::from(line.ends_with(b"\r"));
                    let too_long = !cut_before && length > self.max_bytes;
                    if too_long {
                        records.push_truncated(start..start + self.max_bytes);
                    }
                    let gone = cut_before || too_long;
                    self.open = Some(Open { kind, end, cut: gone });
                    if gone {
                        start = next;
                        self.in_line = !whole && cut != Cut::End;
                    }
                }
            }
            (at, searched) = (next, next);
        }
        let quiet = cut == Cut::Quiet && at == input.len() && !self.in_line;
        if quiet || cut == Cut::End {
            self.close(start, records);
            start = at;
        }
        if cut == Cut::End {
            self.reset();
            return input.len();
        }
        self.judged = at - start;
        self.searched = searched - start;
        if let Some(open) = &mut self.open {
            // Where the open record begins is 0 the next time.
            open.end = open.end.saturating_sub(start);
        }
        start
    }

    fn quiet_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }

    fn reset(&mut self) {
        (self.judged, self.searched, self.open, self.in_line) = (0, 0, None, false);
    }
}
