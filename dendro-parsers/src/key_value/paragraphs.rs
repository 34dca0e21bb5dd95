//! Cutting a stream at its empty lines.

use std::time::Duration;

use dendro_core::{Cut, Framer, Lines, Records};

/// A record is a run of lines that are not empty: one with a field a line.
///
/// It waits for the empty line behind it, until the stream has been quiet. One that is longer than [`max_bytes`](Self::max_bytes)
/// gives its head as a truncated record and is skipped to the next empty line.
#[derive(Clone, Debug)]
pub struct Paragraphs {
    max_bytes: usize,
    state: State,
    /// So much of the input has been looked at.
    looked: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    Within,
    /// In the rest of one that was too long.
    Skipped,
}

impl Paragraphs {
    /// Records of at most [`Lines::DEFAULT_MAX_BYTES`].
    pub fn new() -> Self {
        Self { max_bytes: Lines::DEFAULT_MAX_BYTES, state: State::Between, looked: 0 }
    }

    /// Sets the longest record; at least 1.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.max(1);
        self
    }

    fn push(&self, input: &[u8], start: usize, end: usize, records: &mut Records) {
        let end = if input[start..end].ends_with(b"\r") { end - 1 } else { end };
        match end - start {
            0 => {}
            len if len > self.max_bytes => records.push_truncated(start..start + self.max_bytes),
            _ => records.push(start..end),
        }
    }
}

impl Default for Paragraphs {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer for Paragraphs {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        let (mut start, mut at) = (0, self.looked.min(input.len()));
        loop {
            if self.state == State::Between {
                at += input[at..].iter().take_while(|byte| is_newline(**byte)).count();
                start = at;
                if at == input.len() {
                    break;
                }
                self.state = State::Within;
            }
            let Some(more) = memchr::memchr(b'\n', &input[at..]) else {
                at = input.len();
                break;
            };
            at += more;
            let ends = match &input[at + 1..] {
                [] | b"\r" if cut == Cut::Open => break,
                [] | b"\r" | [b'\n', ..] | [b'\r', b'\n', ..] => true,
                _ => false,
            };
            if ends {
                if self.state == State::Within {
                    self.push(input, start, at, records);
                }
                self.state = State::Between;
                start = at;
            }
            at += 1;
        }
        // One more than the longest record, for a `\r` that is not part of it.
        if self.state == State::Within && at - start > self.max_bytes.saturating_add(1) {
            records.push_truncated(start..start + self.max_bytes);
            self.state = State::Skipped;
        }
        if cut == Cut::End {
            if self.state == State::Within {
                self.push(input, start, input.len(), records);
            }
            self.reset();
            return input.len();
        }
        if self.state == State::Skipped {
            start = at;
        }
        self.looked = at - start;
        start
    }

    fn quiet_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }

    fn reset(&mut self) {
        self.state = State::Between;
        self.looked = 0;
    }
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces of `step` bytes, as a source does.
    fn cut(mut framer: Paragraphs, input: &[u8], step: usize) -> Vec<(String, bool)> {
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

    #[test]
    fn records_end_at_empty_lines() {
        let input = b"\r\n\na: 1\nb: 2\n\nc: 3\r\nd: 4\r\n\r\n\nway too long\nx\n\ne: 5";
        let whole = cut(Paragraphs::new().max_bytes(10), input, input.len());
        let expected =
            [("a: 1\nb: 2", false), ("c: 3\r\nd: 4", false), ("way too lo", true), ("e: 5", false)];
        assert_eq!(whole, expected.map(|(text, truncated)| (text.to_owned(), truncated)));
        for step in 1..input.len() {
            assert_eq!(cut(Paragraphs::new().max_bytes(10), input, step), whole, "step {step}");
        }
    }

    #[test]
    fn a_record_is_complete_when_the_stream_is_quiet() {
        let (mut framer, mut records) = (Paragraphs::new(), Records::new());
        assert_eq!(framer.frame(b"a: 1\nb: 2\n", Cut::Open, &mut records), 0);
        assert_eq!(framer.frame(b"a: 1\nb: 2\n", Cut::Quiet, &mut records), 10);
        assert!(matches!(records.iter().as_slice(), [only] if only.range == (0..9)));
        assert_eq!(framer.frame(b"c: 3", Cut::Quiet, &mut records), 0);
    }

    proptest::proptest! {
        #[test]
        fn the_records_are_the_same_however_the_input_is_cut(
            input in proptest::collection::vec(proptest::sample::select(&b"ab\n\n\r"[..]), 0..50),
            max in 1usize..8,
            step in 1usize..20,
        ) {
            let whole = cut(Paragraphs::new().max_bytes(max), &input, input.len().max(1));
            proptest::prop_assert_eq!(cut(Paragraphs::new().max_bytes(max), &input, step), whole);
        }
    }
}
