//! Records of one line and those that continue it.

use std::time::Duration;

use dendro_core::{Cut, Framer, Lines, Records};

/// A line that begins a record, as its format says, and the lines behind it that don't.
///
/// A record ends where the next one begins, or when nothing has come for [a while](Framer::quiet_after). What stands before
/// the first that begins is a record too. A `\r` before the end is not part of it, nor are empty lines at its end. One that is
/// longer than the limit gives its head as a truncated record, and the rest of it is skipped.
#[derive(Clone, Debug)]
pub(crate) struct ContinuedLines {
    begins: fn(&[u8]) -> bool,
    max_bytes: usize,
    /// How far the input has been looked at.
    looked: usize,
    /// Where the text of the open record ends so far.
    end: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
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

impl ContinuedLines {
    /// How long a record waits for its continuation.
    const PAUSE: Duration = Duration::from_secs(1);

    /// `begins` tells whether a line, without its end, begins a record; of a line that is too long it sees the head.
    pub(crate) fn new(begins: fn(&[u8]) -> bool) -> Self {
        Self { begins, max_bytes: Lines::DEFAULT_MAX_BYTES, looked: 0, end: 0, state: State::Fresh }
    }

    /// Sets the longest record; at least 1.
    pub(crate) fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.max(1);
        self
    }

    fn emit(&self, start: usize, records: &mut Records) {
        match self.end - start {
            0 => {}
            n if n > self.max_bytes => records.push_truncated(start..start + self.max_bytes),
            _ => records.push(start..self.end),
        }
    }

    /// Takes the line `line..end`; gives where the record begins that is open then.
    fn line(&mut self, input: &[u8], start: usize, line: usize, end: usize, records: &mut Records) -> usize {
        let text_end = if end > line && input[end - 1] == b'\r' { end - 1 } else { end };
        let begins = (self.begins)(&input[line..text_end]);
        match self.state {
            State::Open if begins => self.emit(start, records),
            State::Open => {
                if text_end > line {
                    self.end = text_end;
                }
                return start;
            }
            State::Skipping if !begins => return start,
            _ => {}
        }
        self.state = if text_end == line { State::Fresh } else { State::Open };
        self.end = text_end;
        line
    }

    /// A line is too long before its end has come.
    fn long_line(&mut self, input: &[u8], start: usize, line: usize, records: &mut Records) {
        let head = line..line + self.max_bytes;
        match (self.state, (self.begins)(&input[head.clone()])) {
            (State::Open, false) => records.push_truncated(start..start + self.max_bytes),
            (State::Skipping, false) => {}
            (State::Open, true) => {
                self.emit(start, records);
                records.push_truncated(head);
            }
            _ => records.push_truncated(head),
        }
        self.state = State::SkippingLine;
    }
}

impl Framer for ContinuedLines {
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
            if self.state != State::Open {
                start = line;
            }
        }
        // What is left: the open record up to `line`, and a line without its end.
        let rest = input.len() - line;
        match (self.state, cut) {
            (State::SkippingLine, _) => start = input.len(),
            (_, Cut::End) => {
                if rest > 0 {
                    start = self.line(input, start, line, input.len(), records);
                }
                if self.state == State::Open {
                    self.emit(start, records);
                }
                start = input.len();
            }
            (State::Open, Cut::Quiet) => {
                self.emit(start, records);
                self.state = State::Fresh;
                start = line;
            }
            // One more than the longest line, for a `\r` that is not part of it.
            _ if rest > self.max_bytes + 1 => {
                self.long_line(input, start, line, records);
                start = input.len();
            }
            (State::Open, _) if self.end - start > self.max_bytes => {
                self.emit(start, records);
                self.state = State::Skipping;
                start = line;
            }
            _ => {}
        }
        if cut == Cut::End {
            self.reset();
        } else {
            self.looked = line.max(start) - start;
            self.end = self.end.saturating_sub(start);
        }
        start
    }

    fn quiet_after(&self) -> Option<Duration> {
        Some(Self::PAUSE)
    }

    fn reset(&mut self) {
        (self.looked, self.end, self.state) = (0, 0, State::Fresh);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framer(max: usize) -> ContinuedLines {
        ContinuedLines::new(|line| line.starts_with(b">")).max_bytes(max)
    }

    /// Feeds `input` in pieces of `step` bytes, as a source does.
    fn cut(mut framer: ContinuedLines, input: &[u8], step: usize) -> Vec<(String, bool)> {
        let (mut pending, mut out) = (Vec::new(), Vec::new());
        for piece in input.chunks(step).map(Some).chain([None]) {
            pending.extend_from_slice(piece.unwrap_or_default());
            let how = if piece.is_none() { Cut::End } else { Cut::Open };
            let mut records = Records::new();
            let done = framer.frame(&pending, how, &mut records);
            for record in records.iter() {
                let text = String::from_utf8_lossy(&pending[record.range.clone()]).into_owned();
                out.push((text, record.truncated));
            }
            pending.drain(..done);
        }
        assert!(pending.is_empty());
        out
    }

    #[test]
    fn lines_that_begin_nothing_continue_the_record_before_them() {
        let input = b"head\n>one\r\ntwo\r\n\r\nthree\n\n>four\n>five\nsix";
        for step in 1..=input.len() {
            let texts: Vec<_> = cut(framer(100), input, step).into_iter().map(|(text, _)| text).collect();
            assert_eq!(texts, ["head", ">one\r\ntwo\r\n\r\nthree", ">four", ">five\nsix"], "step {step}");
        }
    }

    #[test]
    fn a_record_that_only_waits_for_its_continuation_ends_when_it_is_quiet() {
        let (mut framer, mut records) = (framer(100), Records::new());
        assert_eq!(framer.frame(b">one\ntwo\n>th", Cut::Open, &mut records), 0);
        assert_eq!(framer.frame(b">one\ntwo\n>th", Cut::Quiet, &mut records), 9);
        assert_eq!(records.iter().next().map(|record| record.range.clone()), Some(0..8));
        assert_eq!(records.len(), 1);
        assert_eq!(framer.frame(b">three\n", Cut::End, &mut records), 7);
        assert_eq!(records.len(), 2);
    }

    /// What should be found, told the slow way.
    fn naive(input: &[u8], max: usize) -> Vec<(String, bool)> {
        let mut found: Vec<Vec<u8>> = Vec::new();
        let mut open = false;
        for line in input.split(|byte| *byte == b'\n') {
            match found.last_mut() {
                Some(record) if open && !line.starts_with(b">") => {
                    record.push(b'\n');
                    record.extend_from_slice(line);
                }
                _ => {
                    open = !line.is_empty() && line != b"\r";
                    found.push(line.to_vec());
                }
            }
        }
        let mut out = Vec::new();
        for mut record in found {
            // Ends of lines with nothing between them.
            while matches!(record.last(), Some(b'\n')) || record.ends_with(b"\n\r") || record == b"\r" {
                record.pop();
            }
            if record.last() == Some(&b'\r') {
                record.pop();
            }
            if !record.is_empty() {
                let head = &record[..record.len().min(max)];
                out.push((String::from_utf8_lossy(head).into_owned(), record.len() > max));
            }
        }
        out
    }

    proptest! {
        #[test]
        fn records_are_what_joining_the_lines_gives(
            input in proptest::collection::vec(proptest::sample::select(&b"ab>\n\n\xff"[..]), 0..60),
            max in 1usize..12,
            step in 1usize..20,
        ) {
            prop_assert_eq!(cut(framer(max), &input, step), naive(&input, max));
        }

        #[test]
        fn what_is_done_with_never_exceeds_the_input_and_records_come_in_order(
            input in proptest::collection::vec(proptest::sample::select(&b"ab>\n\r"[..]), 0..60),
            max in 1usize..12,
            quiet in any::<bool>(),
        ) {
            let mut records = Records::new();
            let done = framer(max).frame(&input, if quiet { Cut::Quiet } else { Cut::Open }, &mut records);
            prop_assert!(done <= input.len());
            let mut end = 0;
            for record in records.iter() {
                prop_assert!(record.range.start >= end && record.range.end <= done);
                prop_assert!(record.range.len() <= max);
                end = record.range.end;
            }
        }
    }
}
