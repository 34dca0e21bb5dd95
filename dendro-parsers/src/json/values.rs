//! Cutting a stream into JSON values.

use dendro_core::{Cut, Framer, Lines, Records};
use memchr::{memchr, memchr3};

/// A record is an object or array, however many lines it has; several may stand on one.
///
/// Other text up to the end of its line is a record too. A line that begins with `{` begins a record, even where the one before
/// has not ended, so that one that is cut short costs no other. A value longer than
/// [`max_bytes`](Self::max_bytes) gives its head as a truncated record, and the rest up to such a line is skipped.
#[derive(Clone, Debug)]
pub struct Values {
    max_bytes: usize,
    state: State,
    /// So much of the input has been looked at.
    looked: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between records.
    Between,
    /// In a value: how many brackets are open, and whether a string is.
    Value { depth: usize, string: bool },
    /// In other text.
    Text,
    /// In what is left of a value that was too long, or of other text.
    Skipped { value: bool },
}

/// How far a value goes.
enum End {
    /// It ends here, and what is next begins there.
    At(usize, usize),
    TooLong,
    /// Behind what has come so far.
    Open,
}

impl Values {
    /// Values of at most [`Lines::DEFAULT_MAX_BYTES`].
    pub fn new() -> Self {
        Self { max_bytes: Lines::DEFAULT_MAX_BYTES, state: State::Between, looked: 0 }
    }

    /// Sets the longest value; at least 1.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.max(1);
        self
    }

    /// Where the value at `start` ends, from `at` on.
    fn value(&mut self, input: &[u8], start: usize, at: &mut usize, cut: Cut) -> End {
        let State::Value { mut depth, mut string } = self.state else { return End::Open };
        let limit = start.saturating_add(self.max_bytes);
        let end = loop {
            if *at >= limit {
                break End::TooLong;
            }
            let Some(byte) = input.get(*at) else { break End::Open };
            if string {
                match memchr3(b'"', b'\\', b'\n', &input[*at..input.len().min(limit)]) {
                    None => {
                        *at = input.len().min(limit);
                        continue;
                    }
                    Some(more) => *at += more,
                }
            }
            match (input.get(*at).copied().unwrap_or(*byte), string) {
                (b'"', _) => string = !string,
                (b'\\', true) if *at + 1 == input.len() => break End::Open,
                // The newline is left to begin a line.
                (b'\\', true) if input[*at + 1] != b'\n' => *at += 1,
                (b'\n', _) => match input.get(*at + 1) {
                    Some(b'{') => break End::At(*at, *at + 1),
                    None if cut != Cut::End => break End::Open,
                    _ => {}
                },
                (b'{' | b'[', false) => depth += 1,
                (b'}' | b']', false) => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        break End::At(*at + 1, *at + 1);
                    }
                }
                _ => {}
            }
            *at += 1;
        };
        self.state = State::Value { depth, string };
        end
    }

    /// Where a line ends, from `at` on; after a value one behind which a value begins.
    fn line_end(input: &[u8], at: &mut usize, value: bool, cut: Cut) -> Option<usize> {
        while let Some(more) = memchr(b'\n', input.get(*at..)?) {
            let newline = *at + more;
            *at = newline;
            match input.get(newline + 1) {
                None if value && cut != Cut::End => return None,
                Some(b'{') => return Some(newline),
                _ if !value => return Some(newline),
                _ => *at += 1,
            }
        }
        *at = input.len();
        None
    }
}

impl Default for Values {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer for Values {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let (mut start, mut at) = (0, self.looked.min(input.len()));
        loop {
            match self.state {
                State::Between => {
                    at += input[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                    start = at;
                    self.state = match &input[at..] {
                        [] => break,
                        [b'{' | b'[', ..] => State::Value { depth: 0, string: false },
                        rest if rest.starts_with(MARK) => {
                            at += MARK.len();
                            continue;
                        }
                        rest if MARK.starts_with(rest) && cut != Cut::End => break,
                        _ => State::Text,
                    };
                }
                State::Value { .. } => match self.value(input, start, &mut at, cut) {
                    End::At(end, next) => {
                        records.push(start..end);
                        (start, at) = (next, next);
                        self.state = State::Between;
                    }
                    End::TooLong => {
                        records.push_truncated(start..start + self.max_bytes);
                        self.state = State::Skipped { value: true };
                    }
                    End::Open => break,
                },
                State::Text => {
                    let window = input.len().min(start.saturating_add(self.max_bytes + 1));
                    match memchr(b'\n', &input[at.min(window)..window]) {
                        Some(more) => {
                            at += more;
                            records.push(start..trimmed(input, start, at));
                            start = at;
                            self.state = State::Between;
                        }
                        None if window - start > self.max_bytes => {
                            records.push_truncated(start..start + self.max_bytes);
                            self.state = State::Skipped { value: false };
                        }
                        None => {
                            at = window;
                            break;
                        }
                    }
                }
                State::Skipped { value } => {
                    let end = Self::line_end(input, &mut at, value, cut);
                    start = at;
                    match end {
                        Some(_) => self.state = State::Between,
                        None => break,
                    }
                }
            }
        }
        if cut == Cut::End {
            if let State::Value { .. } | State::Text = self.state {
                records.push(start..trimmed(input, start, input.len()));
            }
            self.reset();
            return input.len();
        }
        self.looked = at - start;
        start
    }

    fn reset(&mut self) {
        self.state = State::Between;
        self.looked = 0;
    }
}

/// The end of a record without the white space before it.
fn trimmed(input: &[u8], start: usize, end: usize) -> usize {
    start + input[start..end].trim_ascii_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `input` in pieces of `step` bytes, as a source does.
    fn cut(mut framer: Values, input: &[u8], step: usize) -> Vec<(String, bool)> {
        let (mut pending, mut out) = (Vec::new(), Vec::new());
        for piece in input.chunks(step).map(Some).chain([None]) {
            pending.extend_from_slice(piece.unwrap_or_default());
            let how = if piece.is_none() { Cut::End } else { Cut::Open };
            let mut records = Records::new();
            let done = framer.frame(&pending, how, &mut records);
            for r in records.iter() {
                assert!(r.range.end <= done);
                out.push((String::from_utf8_lossy(&pending[r.range.clone()]).into_owned(), r.truncated));
            }
            pending.drain(..done);
        }
        assert!(pending.is_empty());
        out
    }

    #[track_caller]
    fn check(input: &str, max: usize, expected: &[(&str, bool)]) {
        for step in 1..=input.len() {
            let got = cut(Values::new().max_bytes(max), input.as_bytes(), step);
            let got: Vec<_> = got.iter().map(|(text, truncated)| (text.as_str(), *truncated)).collect();
            assert_eq!(got, expected, "by {step}: {input:?}");
        }
    }

    #[test]
    fn values_are_cut_however_they_stand() {
        check(
            "\u{feff}{\"a\":1}{\"b\":\"}\\\"{\"} \r\n{\n  \"c\": [\n    {}\n  ]\n}\n[1,[2]]\n\n{}",
            100,
            &[
                ("{\"a\":1}", false),
                ("{\"b\":\"}\\\"{\"}", false),
                ("{\n  \"c\": [\n    {}\n  ]\n}", false),
                ("[1,[2]]", false),
                ("{}", false),
            ],
        );
    }

    #[test]
    fn other_text_is_a_record_up_to_its_line() {
        check(
            "starting\r\n{\"a\":1} tail {x}\n\u{feff}\"s\"\nlast ",
            100,
            &[
                ("starting", false),
                ("{\"a\":1}", false),
                ("tail {x}", false),
                ("\"s\"", false),
                ("last", false),
            ],
        );
    }

    #[test]
    fn a_value_that_is_cut_short_costs_no_other() {
        check(
            "{\"a\":\"x\n{\"b\":[{\n{\"c\":\"\\\n{\"d\":1}\n{\"e\":",
            100,
            &[
                ("{\"a\":\"x", false),
                ("{\"b\":[{", false),
                ("{\"c\":\"\\", false),
                ("{\"d\":1}", false),
                ("{\"e\":", false),
            ],
        );
    }

    #[test]
    fn what_is_too_long_gives_its_head() {
        check(
            "{\"a\":12}\n{\"a\":123}{\"b\":1}\n rest\n{\"a\":\"xxxxxxxx\n\"}\n{\"b\":1}\n12345678\n123456789 x\n{}",
            8,
            &[
                ("{\"a\":12}", false),
                ("{\"a\":123", true),
                ("{\"a\":\"xx", true),
                ("{\"b\":1}", false),
                ("12345678", false),
                ("12345678", true),
                ("{}", false),
            ],
        );
    }

    proptest::proptest! {
        #[test]
        fn the_records_are_the_same_however_the_input_is_cut(
            input in proptest::collection::vec(
                proptest::sample::select(&b"{{}}[]\"\"\\\n\n a\xef\xbb\xbf\r"[..]), 0..60),
            max in 1usize..12,
            step in 1usize..20,
        ) {
            let whole = cut(Values::new().max_bytes(max), &input, input.len().max(1));
            proptest::prop_assert_eq!(cut(Values::new().max_bytes(max), &input, step), whole);
        }
    }
}
