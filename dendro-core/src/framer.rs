//! Cutting bytes into records.

use std::ops::Range;

/// Cuts the bytes of one stream into records.
///
/// Cutting needs knowledge of the format (quoted newlines, continuation lines), so parsers supply
/// framers and sources run whichever they are given, one for each stream. A framer keeps nothing that can't be found
/// again by starting at the beginning of the oldest record not yet cut off: that is where a source resumes.
pub trait Framer: Send {
    /// Finds the records at the front of `input` and gives how many bytes are done with; the rest will be given
    /// again at the front of the next call, with more behind it.
    ///
    /// A framer that has nothing done with a long `input` is called again with all of it and more, so it remembers how
    /// far it has looked and holds records to a length that it is configured with.
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize;

    /// Whether a record may end only when the stream has been quiet for a while, and after how long: then
    /// the source calls with [`Cut::Quiet`].
    fn quiet_after(&self) -> Option<std::time::Duration> {
        None
    }

    /// Forgets what it has looked at: the next input begins elsewhere.
    fn reset(&mut self);
}

impl Framer for Box<dyn Framer> {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        (**self).frame(input, cut, records)
    }
    fn quiet_after(&self) -> Option<std::time::Duration> {
        (**self).quiet_after()
    }
    fn reset(&mut self) {
        (**self).reset();
    }
}

/// What is known of what follows the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// More may follow at once.
    Open,
    /// The stream has been quiet: a record that only waits for its continuation is complete.
    Quiet,
    /// Nothing follows: what is left is the last record, even without its end.
    End,
}

/// The records that a framer has found, as ranges of its input.
#[derive(Debug, Default)]
pub struct Records {
    found: Vec<Record>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its range in the input, without its delimiter.
    pub range: Range<usize>,
    /// Whether it is only the head of a record that is longer than the framer allows.
    pub truncated: bool,
}

impl Records {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record.
    #[inline]
    pub fn push(&mut self, range: Range<usize>) {
        self.found.push(Record { range, truncated: false });
    }

    /// Adds the head of a record that is too long: the source sends it to the dead letters.
    pub fn push_truncated(&mut self, range: Range<usize>) {
        self.found.push(Record { range, truncated: true });
    }

    /// The records in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Record> {
        self.found.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.found.clear();
    }
}

/// A record is a line: ends with `\n`, a `\r` before it is not part of it. Empty lines are no records.
///
/// A last line without its end waits until it has one or nothing follows. A line longer than
/// [`max_bytes`](Self::max_bytes) gives its head as a truncated record and is skipped to its end.
#[derive(Clone, Debug)]
pub struct Lines {
    max_bytes: usize,
    looked: usize,
    skipping: bool,
}

impl Lines {
    /// The longest line by default: 1 MiB.
    pub const DEFAULT_MAX_BYTES: usize = 1 << 20;

    /// Lines of at most [`DEFAULT_MAX_BYTES`](Self::DEFAULT_MAX_BYTES).
    pub fn new() -> Self {
        Self { max_bytes: Self::DEFAULT_MAX_BYTES, looked: 0, skipping: false }
    }

    /// Sets the longest line, without its end; at least 1.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.max(1);
        self
    }

    #[inline]
    fn line(&mut self, input: &[u8], start: usize, end: usize, records: &mut Records) {
        if std::mem::take(&mut self.skipping) {
            return;
        }
        let end = if end > start && input[end - 1] == b'\r' { end - 1 } else { end };
        match end - start {
            0 => {}
            n if n > self.max_bytes => records.push_truncated(start..start + self.max_bytes),
            _ => records.push(start..end),
        }
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer for Lines {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        let looked = self.looked.min(input.len());
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', &input[looked..]) {
            let end = looked + newline;
            self.line(input, start, end, records);
            start = end + 1;
        }
        let rest = input.len() - start;
        if cut == Cut::End && rest > 0 {
            self.line(input, start, input.len(), records);
            start = input.len();
        } else if self.skipping {
            start = input.len();
        } else if rest > self.max_bytes + 1 {
            // One more than the longest line, for a `\r` that is not part of it.
            records.push_truncated(start..start + self.max_bytes);
            self.skipping = true;
            start = input.len();
        }
        self.looked = input.len() - start;
        if cut == Cut::End {
            self.reset();
        }
        start
    }

    fn reset(&mut self) {
        self.looked = 0;
        self.skipping = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces of `step` bytes, as a source does.
    fn cut(mut framer: Lines, input: &[u8], step: usize) -> Vec<(String, bool)> {
        let (mut pending, mut out) = (Vec::new(), Vec::new());
        let pieces = input.chunks(step).map(Some).chain([None]);
        for piece in pieces {
            pending.extend_from_slice(piece.unwrap_or_default());
            let how = if piece.is_none() { Cut::End } else { Cut::Open };
            let mut records = Records::new();
            let done = framer.frame(&pending, how, &mut records);
            for r in records.iter() {
                out.push((String::from_utf8_lossy(&pending[r.range.clone()]).into_owned(), r.truncated));
            }
            pending.drain(..done);
        }
        assert!(pending.is_empty());
        out
    }

    #[test]
    fn lines_are_the_same_however_the_input_is_cut() {
        let input = b"one\ntwo\r\n\n\r\nthree is too long by far\nfour\nlast";
        let expected = cut(Lines::new().max_bytes(8), input, input.len());
        assert_eq!(
            expected,
            [("one", false), ("two", false), ("three is", true), ("four", false), ("last", false)]
                .map(|(t, b)| (t.to_owned(), b))
        );
        for step in 1..input.len() {
            assert_eq!(cut(Lines::new().max_bytes(8), input, step), expected, "step {step}");
        }
    }

    #[test]
    fn a_line_of_exactly_the_longest_length_is_whole() {
        for (line, truncated) in [("12345678", false), ("123456789", true)] {
            for end in ["\n", "\r\n", ""] {
                for step in 1..12 {
                    let input = format!("{line}{end}");
                    let got = cut(Lines::new().max_bytes(8), input.as_bytes(), step);
                    assert_eq!(got, [("12345678".to_owned(), truncated)], "{input:?} by {step}");
                }
            }
        }
    }

    #[test]
    fn a_last_line_without_its_end_waits() {
        let mut framer = Lines::new();
        let mut records = Records::new();
        assert_eq!(framer.frame(b"whole\npart", Cut::Open, &mut records), 6);
        assert_eq!(framer.frame(b"part", Cut::Quiet, &mut records), 0);
        assert_eq!(records.len(), 1);
        assert_eq!(framer.frame(b"part", Cut::End, &mut records), 4);
        assert_eq!(records.len(), 2);
    }

    /// What [`Lines`] should find, told the slow way.
    fn naive(input: &[u8], max: usize) -> Vec<(String, bool)> {
        let mut lines = Vec::new();
        for line in input.split(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                let head = String::from_utf8_lossy(&line[..line.len().min(max)]).into_owned();
                lines.push((head, line.len() > max));
            }
        }
        lines
    }

    proptest::proptest! {
        #[test]
        fn lines_are_what_splitting_at_newlines_gives(
            input in proptest::collection::vec(proptest::sample::select(&b"ab\n\n\r\xff"[..]), 0..60),
            max in 1usize..12,
            step in 1usize..20,
        ) {
            let got = cut(Lines::new().max_bytes(max), &input, step);
            proptest::prop_assert_eq!(got, naive(&input, max));
        }

        #[test]
        fn what_is_done_with_never_exceeds_the_input_and_records_come_in_order(
            input in proptest::collection::vec(proptest::sample::select(&b"ab\n\r"[..]), 0..60),
            max in 1usize..12,
            quiet in proptest::prelude::any::<bool>(),
        ) {
            let mut records = Records::new();
            let how = if quiet { Cut::Quiet } else { Cut::Open };
            let done = Lines::new().max_bytes(max).frame(&input, how, &mut records);
            proptest::prop_assert!(done <= input.len());
            let mut end = 0;
            for record in records.iter() {
                proptest::prop_assert!(record.range.start >= end && record.range.end <= done);
                proptest::prop_assert!(record.range.len() <= max);
                end = record.range.end;
            }
        }
    }

    #[test]
    fn after_a_reset_a_line_begins_anew() {
        let mut framer = Lines::new().max_bytes(2);
        let mut records = Records::new();
        assert_eq!(framer.frame(b"too long", Cut::Open, &mut records), 8);
        framer.reset();
        assert_eq!(framer.frame(b"ok\n", Cut::Open, &mut records), 3);
        assert_eq!(records.iter().map(|r| r.truncated).collect::<Vec<_>>(), [true, false]);
    }
}
