//! Cutting Lambda's logs into records.

use std::time::Duration;

use dendro_core::{Cut, Framer, Lines, Records};

/// A record is a line, but lines that the platform writes as one message stay together: a `REPORT` with the `XRAY` line behind it,
/// and an error with its type.
///
/// Otherwise as [`Lines`].
#[derive(Clone, Debug)]
pub struct LambdaLines {
    max_bytes: usize,
    looked: usize,
    skipping: bool,
}

/// How long a second line can be.
const MAX_SECOND_BYTES: usize = 4096;
/// How far into a line its kind is looked for: behind a time and the name of a log stream.
const HEAD_BYTES: usize = 192;
const QUIET: Duration = Duration::from_secs(1);

/// What is known of the line behind one that may have a second one.
enum Second {
    /// It belongs to the line and ends here, and here begins what follows.
    Ends(usize, usize),
    Other,
    /// There is too little of it to tell.
    Unknown,
}

impl LambdaLines {
    /// Lines of at most so many bytes, without their ends; at least 1.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes: max_bytes.max(1), looked: 0, skipping: false }
    }

    fn push(&self, input: &[u8], start: usize, end: usize, records: &mut Records) {
        match without_return(input, start, end) - start {
            0 => {}
            len if len > self.max_bytes => records.push_truncated(start..start + self.max_bytes),
            len => records.push(start..start + len),
        }
    }

    /// The line that begins at `at`, behind one that may have a second one.
    fn second(&self, input: &[u8], start: usize, at: usize, begins: &[&[u8]], cut: Cut) -> Second {
        let rest = input.get(at..).unwrap_or_default();
        if !begins.iter().any(|begin| rest.starts_with(begin)) {
            let may_come = cut == Cut::Open && begins.iter().any(|begin| begin.starts_with(rest));
            return if may_come { Second::Unknown } else { Second::Other };
        }
        let head = &rest[..rest.len().min(MAX_SECOND_BYTES)];
        let end = match memchr::memchr(b'\n', head) {
            Some(end) => at + end,
            None if rest.len() > MAX_SECOND_BYTES => return Second::Other,
            None if cut == Cut::End => input.len(),
            None => return Second::Unknown,
        };
        let record = without_return(input, start, end) - start;
        if record > self.max_bytes { Second::Other } else { Second::Ends(end, (end + 1).min(input.len())) }
    }
}

fn without_return(input: &[u8], start: usize, end: usize) -> usize {
    if end > start && input.get(end - 1) == Some(&b'\r') { end - 1 } else { end }
}

/// With what a second line of this one would begin.
fn second_lines(line: &[u8]) -> &'static [&'static [u8]] {
    let head = &line[..line.len().min(HEAD_BYTES)];
    let Some(at) = memchr::memmem::find(head, b"RequestId: ") else { return &[] };
    if head[..at].ends_with(b"REPORT ") {
        &[b"XRAY TraceId: "]
    } else if memchr::memmem::find(&head[at..], b" Error: ").is_some() {
        &[b"Runtime.", b"Extension.", b"Function.", b"Sandbox."]
    } else {
        &[]
    }
}

impl Framer for LambdaLines {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        let (mut start, mut from) = (0, self.looked.min(input.len()));
        let mut open = false;
        while let Some(newline) = memchr::memchr(b'\n', &input[from..]) {
            let end = from + newline;
            let mut next = end + 1;
            if !std::mem::take(&mut self.skipping) {
                let begins = second_lines(&input[start..end]);
                match self.second(input, start, next, begins, cut) {
                    _ if begins.is_empty() => self.push(input, start, end, records),
                    Second::Other => self.push(input, start, end, records),
                    Second::Ends(second, after) => {
                        self.push(input, start, second, records);
                        next = after;
                    }
                    Second::Unknown => {
                        // The newline is found again at once.
                        from = end;
                        open = true;
                        break;
                    }
                }
            }
            (start, from) = (next, next);
        }
        if open {
            self.looked = from - start;
            return start;
        }
        let rest = input.len() - start;
        if cut == Cut::End {
            if rest > 0 && !self.skipping {
                self.push(input, start, input.len(), records);
            }
            self.reset();
            return input.len();
        }
        if self.skipping {
            start = input.len();
        } else if rest > self.max_bytes + 1 {
            records.push_truncated(start..start + self.max_bytes);
            self.skipping = true;
            start = input.len();
        }
        self.looked = input.len() - start;
        start
    }

    fn quiet_after(&self) -> Option<Duration> {
        Some(QUIET)
    }

    fn reset(&mut self) {
        self.looked = 0;
        self.skipping = false;
    }
}

impl Default for LambdaLines {
    /// As long as those of [`Lines`] can be.
    fn default() -> Self {
        Self::new(Lines::DEFAULT_MAX_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(max: usize, input: &[u8], step: usize) -> Vec<(String, bool)> {
        let mut framer = LambdaLines::new(max);
        let (mut pending, mut out) = (Vec::new(), Vec::new());
        for piece in input.chunks(step).map(Some).chain([None]) {
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

    const LOG: &str = "START RequestId: a Version: 1\n\nREPORT RequestId: a\tDuration: 1 ms\t\r\nXRAY TraceId: 1-2\tSampled: true\t\r\n\nREPORT RequestId: b\nXRAY nothing\nRequestId: c Error: x\nRuntime.ExitError\nRequestId: c Error: x\nlast";

    #[test]
    fn a_second_line_stays_with_its_first_however_the_input_is_cut() {
        let expected = [
            "START RequestId: a Version: 1",
            "REPORT RequestId: a\tDuration: 1 ms\t\r\nXRAY TraceId: 1-2\tSampled: true\t",
            "REPORT RequestId: b",
            "XRAY nothing",
            "RequestId: c Error: x\nRuntime.ExitError",
            "RequestId: c Error: x",
            "last",
        ]
        .map(|line| (line.to_owned(), false));
        for step in 1..=LOG.len() {
            assert_eq!(cut(1000, LOG.as_bytes(), step), expected, "step {step}");
        }
    }

    #[test]
    fn a_line_or_two_that_are_too_long_are_cut() {
        let expected = cut(20, LOG.as_bytes(), LOG.len());
        assert_eq!(expected[1], ("REPORT RequestId: a\t".to_owned(), true));
        assert_eq!(expected[2], ("XRAY TraceId: 1-2\tSa".to_owned(), true));
        for step in 1..LOG.len() {
            assert_eq!(cut(20, LOG.as_bytes(), step), expected, "step {step}");
        }
    }

    #[test]
    fn a_report_does_not_wait_for_ever() {
        let mut framer = LambdaLines::default();
        let mut records = Records::new();
        let input = b"REPORT RequestId: a\n";
        assert_eq!(framer.frame(input, Cut::Open, &mut records), 0);
        assert_eq!(framer.frame(input, Cut::Quiet, &mut records), input.len());
        assert_eq!(records.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn how_the_input_is_cut_changes_nothing(
            words in proptest::collection::vec(proptest::sample::select(&[
                "REPORT RequestId: a", "\n", "\r\n", "XRAY TraceId: ", "XRAY", "RequestId: c Error: x", "Runtime.E", "\n\n", "word",
            ][..]), 0..20),
            step in 1usize..20,
            max in 5usize..60,
        ) {
            let input = words.concat();
            let whole = cut(max, input.as_bytes(), input.len().max(1));
            proptest::prop_assert_eq!(cut(max, input.as_bytes(), step), whole);
        }
    }
}
