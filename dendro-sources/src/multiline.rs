//! Records of several lines: stack traces, statements, pretty-printed values.

use std::sync::Arc;
use std::time::Duration;

use dendro_core::{Cut, Framer, Lines, Records};

/// How lines belong together.
///
/// A pattern is a predicate over a line without its end; [`prefix`] and [`indented`] make the usual ones, and a
/// compiled regular expression is one in a closure: `move |line: &[u8]| re.is_match(line)`.
///
/// A record ends when the line that begins the next one has come, or when nothing has come for
/// [`timeout`](Self::timeout). One that is longer than [`max_bytes`](Self::max_bytes) gives its head as a dead letter.
///
/// ```
/// use dendro_sources::multiline::{Multiline, indented, prefix};
/// let traces = Multiline::continues_with(indented);
/// let entries = Multiline::start_with(prefix("["));
/// let dated = Multiline::start_with(|line: &[u8]| line.first().is_some_and(u8::is_ascii_digit));
/// ```
#[derive(Clone)]
pub struct Multiline {
    pattern: Pattern,
    matches_start: bool,
    timeout: Duration,
    max_bytes: usize,
}

impl Multiline {
    /// How long a record waits for its continuation by default.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

    /// A line that matches begins a record; the others continue it.
    pub fn start_with(pattern: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self::new(Arc::new(pattern), true)
    }

    /// A line that matches continues the record before it; the others begin one.
    pub fn continues_with(pattern: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self::new(Arc::new(pattern), false)
    }

    /// Sets how long a record waits for its continuation.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the longest record, without the end of its last line; at least 1. By default that of [`Lines`].
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.max(1);
        self
    }

    /// The framer that cuts so; for one stream.
    pub fn framer(&self) -> impl Framer + use<> {
        MultilineFramer { config: self.clone(), looked: 0, end: 0, state: State::Fresh }
    }

    fn new(pattern: Pattern, matches_start: bool) -> Self {
        Self { pattern, matches_start, timeout: Self::DEFAULT_TIMEOUT, max_bytes: Lines::DEFAULT_MAX_BYTES }
    }
}

impl std::fmt::Debug for Multiline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Multiline")
            .field("matches_start", &self.matches_start)
            .field("timeout", &self.timeout)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

/// The pattern of lines that begin with these bytes.
pub fn prefix(bytes: impl Into<Vec<u8>>) -> impl Fn(&[u8]) -> bool + Send + Sync + 'static {
    let bytes = bytes.into();
    move |line| line.starts_with(&bytes)
}

/// The pattern of lines that begin with a blank or a tab.
pub fn indented(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

type Pattern = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// No line of the record yet.
    Fresh,
    /// Some lines of the record are there.
    Open,
    /// The record was too long: its rest is skipped, up to a line that begins the next.
    Skipping,
    /// Likewise, and up to the end of a line before that.
    SkippingLine,
}

struct MultilineFramer {
    config: Multiline,
    /// How far the input has been looked at.
    looked: usize,
    /// The end of the last whole line of the open record, without its line end.
    end: usize,
    state: State,
}

impl MultilineFramer {
    fn emit(&self, start: usize, end: usize, records: &mut Records) {
        match end - start {
            0 => {}
            n if n > self.config.max_bytes => records.push_truncated(start..start + self.config.max_bytes),
            _ => records.push(start..end),
        }
    }

    /// A line is too long before its end has come: its head says whether it belongs to the record.
    fn long_line(&mut self, input: &[u8], start: usize, line: usize, records: &mut Records) {
        let head = line..line + self.config.max_bytes;
        let begins = (self.config.pattern)(&input[head.clone()]) == self.config.matches_start;
        match self.state {
            State::Open if !begins => records.push_truncated(start..start + self.config.max_bytes),
            State::Skipping if !begins => {}
            State::Open => {
                self.emit(start, self.end, records);
                records.push_truncated(head);
            }
            _ => records.push_truncated(head),
        }
        self.state = State::SkippingLine;
    }

    /// Takes the line `input[line..end]`; gives the new start of the record.
    fn line(&mut self, input: &[u8], start: usize, line: usize, end: usize, records: &mut Records) -> usize {
        let text_end = if end > line && input[end - 1] == b'\r' { end - 1 } else { end };
        let text = &input[line..text_end];
        let begins = (self.config.pattern)(text) == self.config.matches_start;
        match self.state {
            State::Open if begins => self.emit(start, self.end, records),
            State::Open => {
                if text_end > line {
                    self.end = text_end;
                }
                return start;
            }
            State::Skipping if !begins => return start,
            State::Fresh | State::Skipping | State::SkippingLine => {}
        }
        self.state = if text.is_empty() { State::Fresh } else { State::Open };
        self.end = text_end;
        line
    }
}

impl Framer for MultilineFramer {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        let mut start = 0;
        let mut line = self.looked.min(input.len());
        while let Some(length) = memchr::memchr(b'\n', &input[line..]) {
            let end = line + length;
            match self.state {
                State::SkippingLine => self.state = State::Skipping,
                _ => start = self.line(input, start, line, end, records),
            }
            line = end + 1;
            if matches!(self.state, State::Fresh | State::Skipping | State::SkippingLine) {
                start = line;
            }
        }
        // What is left: the open record up to `line`, and a line without its end.
        let rest = input.len() - line;
        match (self.state, cut) {
            (State::Fresh | State::Open, Cut::End) => {
                if rest > 0 {
                    start = self.line(input, start, line, input.len(), records);
                }
                if self.state == State::Open {
                    self.emit(start, self.end, records);
                }
                start = input.len();
            }
            (_, Cut::End) => start = input.len(),
            (State::Open, Cut::Quiet) => {
                self.emit(start, self.end, records);
                self.state = State::Fresh;
                start = line;
            }
            (State::SkippingLine, _) => start = input.len(),
            // One more than the longest line, for a `\r` that is not part of it.
            _ if rest > self.config.max_bytes + 1 => {
                self.long_line(input, start, line, records);
                start = input.len();
            }
            (State::Open, _) if self.end - start > self.config.max_bytes => {
                self.emit(start, self.end, records);
                self.state = State::Skipping;
                start = line;
            }
            _ => {}
        }
        self.looked = line.max(start) - start;
        self.end = self.end.saturating_sub(start);
        if cut == Cut::End {
            self.reset();
        }
        start
    }

    fn quiet_after(&self) -> Option<Duration> {
        Some(self.config.timeout)
    }

    fn reset(&mut self) {
        self.looked = 0;
        self.end = 0;
        self.state = State::Fresh;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// Feeds `input` in pieces of `step` bytes, as a source does.
    fn cut(config: &Multiline, input: &[u8], step: usize, last: Cut) -> Vec<(String, bool)> {
        let mut framer = config.framer();
        let (mut pending, mut out) = (Vec::new(), Vec::new());
        for piece in input.chunks(step).map(Some).chain([None]) {
            pending.extend_from_slice(piece.unwrap_or_default());
            let mut records = Records::new();
            let how = if piece.is_none() { last } else { Cut::Open };
            let done = framer.frame(&pending, how, &mut records);
            for r in records.iter() {
                out.push((String::from_utf8_lossy(&pending[r.range.clone()]).into_owned(), r.truncated));
            }
            pending.drain(..done);
        }
        out
    }

    fn texts(cuts: Vec<(String, bool)>) -> Vec<String> {
        cuts.into_iter().map(|(t, _)| t).collect()
    }

    #[test]
    fn a_start_pattern_puts_the_lines_between_together() {
        let config = Multiline::start_with(prefix("["));
        let input = b"lost head\n[1] a\r\n  at x\r\n\n[2] b\n[3] c\n  at y";
        let expected = ["lost head", "[1] a\r\n  at x", "[2] b", "[3] c\n  at y"];
        for step in 1..=input.len() {
            assert_eq!(texts(cut(&config, input, step, Cut::End)), expected, "step {step}");
        }
    }

    #[test]
    fn a_continuation_pattern_puts_matching_lines_to_the_one_before() {
        let config = Multiline::continues_with(indented);
        let input = b"a\n\tone\n\ttwo\n\nb\nc\n three";
        for step in 1..=input.len() {
            assert_eq!(
                texts(cut(&config, input, step, Cut::End)),
                ["a\n\tone\n\ttwo", "b", "c\n three"],
                "step {step}"
            );
        }
    }

    #[test]
    fn quiet_ends_the_record_but_not_the_line() {
        let config = Multiline::start_with(prefix("["));
        let input = b"[1] a\n  at x\n  at";
        assert_eq!(texts(cut(&config, input, 4, Cut::Open)), [""; 0]);
        assert_eq!(texts(cut(&config, input, 4, Cut::Quiet)), ["[1] a\n  at x"]);
    }

    #[test]
    fn a_record_that_is_too_long_gives_its_head_and_is_skipped() {
        let config = Multiline::start_with(prefix("[")).max_bytes(12);
        let input =
            b"[1] short\n[2] a very long line that goes on\n and on\n[3] c\n d\n e is also too long\n[4] d\n";
        for step in 1..=input.len() {
            let got = cut(&config, input, step, Cut::End);
            let expected =
                [("[1] short", false), ("[2] a very l", true), ("[3] c\n d\n e ", true), ("[4] d", false)];
            assert_eq!(got, expected.map(|(t, b)| (t.to_owned(), b)), "step {step}");
        }
    }

    #[test]
    fn a_record_of_exactly_the_longest_length_is_whole() {
        let config = Multiline::start_with(prefix("[")).max_bytes(8);
        for (body, truncated) in [("[1]\n abc", false), ("[1]\n abcd", true)] {
            for end in ["\n[", "\r\n[", ""] {
                let input = format!("{body}{end}");
                for step in 1..=input.len() {
                    let got = cut(&config, input.as_bytes(), step, Cut::End);
                    assert_eq!(got[0], ("[1]\n abc".to_owned(), truncated), "{input:?} by {step}");
                }
            }
        }
    }
}
