//! How records follow each other in a stream: RFC 6587.

use dendro_core::{Cut, Framer, Lines, Records};

/// How records follow each other in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// Told for each record: one that begins with a count of octets, a space and `<` has so many; any other is a line.
    #[default]
    Auto,
    /// Lines.
    Lines,
    /// Each record behind its length in octets and a space; what does not begin so is a line.
    OctetCounting,
    /// A NUL ends each.
    Nul,
}

/// Cuts a stream into records of syslog.
///
/// The count of octets stays in front of the record, so that a stream that is read again from there is cut as before;
/// [`Syslog`](super::Syslog) skips it. Empty records are none. A record longer than [`max_bytes`](Self::max_bytes) gives its head as a
/// truncated one and is skipped to its end.
#[derive(Clone, Debug)]
pub struct SyslogFrames {
    framing: Framing,
    max_bytes: usize,
    /// How much of the record at the front has been looked at in vain for its delimiter.
    looked: usize,
    skipping: Skipping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skipping {
    Nothing,
    ToDelimiter,
    Bytes(usize),
}

impl SyslogFrames {
    /// With records of at most [`Lines::DEFAULT_MAX_BYTES`].
    pub fn new(framing: Framing) -> Self {
        Self { framing, max_bytes: Lines::DEFAULT_MAX_BYTES, looked: 0, skipping: Skipping::Nothing }
    }

    /// Sets the longest record, without its end; at least 1.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.max(1);
        self
    }

    fn delimiter(&self) -> u8 {
        if self.framing == Framing::Nul { b'\0' } else { b'\n' }
    }

    /// Where the record that begins at `start` ends, as it was counted; `None` if it does not begin with a count.
    fn counted(&self, input: &[u8], start: usize, cut: Cut) -> Counted {
        let rest = &input[start..];
        let any = match self.framing {
            Framing::Auto => false,
            Framing::OctetCounting => true,
            Framing::Lines | Framing::Nul => return Counted::No,
        };
        let digits = rest.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        // The count, the space and, where it tells, the bracket.
        let told = digits + 1 + usize::from(!any);
        if digits == 0 || digits > MOST_DIGITS {
            return Counted::No;
        }
        if rest.len() < told {
            let may_be = rest.get(digits).is_none_or(|byte| *byte == b' ');
            return if may_be && cut != Cut::End { Counted::Unknown } else { Counted::No };
        }
        match octets(rest) {
            Some((octets, at)) if any || rest.get(at) == Some(&b'<') => {
                Counted::Yes { body: start + at, octets }
            }
            _ => Counted::No,
        }
    }

    /// The record from `start` to its delimiter at `end`.
    fn line(&self, input: &[u8], start: usize, end: usize, records: &mut Records) {
        let cr = self.delimiter() == b'\n' && end > start && input[end - 1] == b'\r';
        let end = end - usize::from(cr);
        match end - start {
            0 => {}
            // What is left of datagrams that end with a newline and a NUL.
            1 if input[start] == b'\0' => {}
            len if len > self.max_bytes => records.push_truncated(start..start + self.max_bytes),
            _ => records.push(start..end),
        }
    }

    /// Goes over what is skipped: where that ends, if it does.
    fn skip(&mut self, input: &[u8], start: usize) -> Option<usize> {
        let end = match self.skipping {
            Skipping::Nothing => return Some(start),
            Skipping::Bytes(bytes) if bytes > input.len() - start => {
                self.skipping = Skipping::Bytes(bytes - (input.len() - start));
                return None;
            }
            Skipping::Bytes(bytes) => start + bytes,
            Skipping::ToDelimiter => start + memchr::memchr(self.delimiter(), &input[start..])? + 1,
        };
        self.skipping = Skipping::Nothing;
        Some(end)
    }
}

/// A count of octets has no more digits.
const MOST_DIGITS: usize = 9;

enum Counted {
    Yes {
        body: usize,
        octets: usize,
    },
    No,
    /// More of the stream has to be seen.
    Unknown,
}

/// The count of octets that `text` begins with, and where what is behind its space begins.
pub(super) fn octets(text: &[u8]) -> Option<(usize, usize)> {
    let (octets, len) = crate::numbers::leading_u64(text.get(..text.len().min(MOST_DIGITS + 1))?)?;
    let valid = len <= MOST_DIGITS && text.first() != Some(&b'0') && text.get(len) == Some(&b' ');
    valid.then_some((octets as usize, len + 1))
}

impl Framer for SyslogFrames {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        let mut start = 0;
        let mut looked = self.looked.min(input.len());
        loop {
            match self.skip(input, start) {
                Some(end) => start = end,
                None => {
                    start = input.len();
                    break;
                }
            }
            if start == input.len() {
                break;
            }
            // What has been looked at for a delimiter is a line.
            let counted = if looked > start { Counted::No } else { self.counted(input, start, cut) };
            match counted {
                Counted::Unknown => break,
                Counted::Yes { body, octets } => {
                    let kept = octets.min(self.max_bytes);
                    let complete = input.len() - body >= kept;
                    if !complete && cut != Cut::End {
                        break;
                    }
                    let end = if complete { body + kept } else { input.len() };
                    if !complete || octets <= self.max_bytes {
                        records.push(start..end);
                    } else {
                        records.push_truncated(start..end);
                        self.skipping = Skipping::Bytes(octets - kept);
                    }
                    start = end;
                }
                Counted::No => {
                    let from = looked.max(start);
                    match memchr::memchr(self.delimiter(), &input[from..]) {
                        Some(at) => {
                            self.line(input, start, from + at, records);
                            start = from + at + 1;
                        }
                        None if cut == Cut::End => {
                            self.line(input, start, input.len(), records);
                            start = input.len();
                        }
                        // One more than the longest line, for a `\r` that is not part of it.
                        None if input.len() - start > self.max_bytes + 1 => {
                            records.push_truncated(start..start + self.max_bytes);
                            self.skipping = Skipping::ToDelimiter;
                            start = input.len();
                        }
                        None => {
                            looked = input.len();
                            break;
                        }
                    }
                }
            }
        }
        self.looked = looked.saturating_sub(start);
        if cut == Cut::End {
            // A counted record that is skipped, or one without an end: nothing follows.
            start = input.len();
            self.reset();
        }
        start
    }

    fn reset(&mut self) {
        self.looked = 0;
        self.skipping = Skipping::Nothing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(framing: Framing, max: usize, input: &[u8], step: usize) -> Vec<(String, bool)> {
        let mut framer = SyslogFrames::new(framing).max_bytes(max);
        let (mut pending, mut out) = (Vec::new(), Vec::new());
        for piece in input.chunks(step.max(1)).map(Some).chain([None]) {
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

    #[track_caller]
    fn assert_cut(framing: Framing, input: &str, expected: &[(&str, bool)]) {
        let expected: Vec<_> = expected.iter().map(|(text, cut)| ((*text).to_owned(), *cut)).collect();
        for step in 1..=input.len() {
            assert_eq!(cut(framing, 12, input.as_bytes(), step), expected, "{framing:?} by {step}");
        }
    }

    #[test]
    fn counted_records_and_lines_are_told_apart() {
        let input = "5 <1>ab\n\r\n7 <2>a\nbc3 <3><4>line\r\n\n55 bottles\n12\n<5>x\n99 <6>rest";
        assert_cut(
            Framing::Auto,
            input,
            &[
                ("5 <1>ab", false),
                ("7 <2>a\nbc", false),
                ("3 <3>", false),
                ("<4>line", false),
                ("55 bottles", false),
                ("12", false),
                ("<5>x", false),
                ("99 <6>rest", false),
            ],
        );
        assert_cut(Framing::Lines, "5 <1>ab\n3 <3><4>\n", &[("5 <1>ab", false), ("3 <3><4>", false)]);
        assert_cut(
            Framing::OctetCounting,
            "2 ab3 c\nd<4>x\n",
            &[("2 ab", false), ("3 c\nd", false), ("<4>x", false)],
        );
    }

    #[test]
    fn a_nul_ends_records_that_hold_newlines() {
        assert_cut(
            Framing::Nul,
            "<1>a\nb\0\0<2>c\r\0<3>d",
            &[("<1>a\nb", false), ("<2>c\r", false), ("<3>d", false)],
        );
    }

    #[test]
    fn a_record_that_is_too_long_gives_its_head_and_the_next_is_found() {
        assert_cut(
            Framing::Auto,
            "20 <1>45678901234567890<2>next\n<3>4567890123456\n<4>x\n",
            &[("20 <1>456789012", true), ("<2>next", false), ("<3>456789012", true), ("<4>x", false)],
        );
        assert_cut(Framing::Auto, "999999999 <1>456789012345", &[("999999999 <1>456789012", true)]);
    }

    proptest::proptest! {
        #[test]
        fn records_are_the_same_however_the_input_is_cut(
            input in proptest::collection::vec(proptest::sample::select(&b"12 <>a\n\r\0"[..]), 0..60),
            step in 1usize..20,
            framing in proptest::sample::select(&[Framing::Auto, Framing::Lines, Framing::OctetCounting, Framing::Nul][..]),
        ) {
            let whole = cut(framing, 9, &input, input.len());
            proptest::prop_assert_eq!(cut(framing, 9, &input, step), whole);
        }
    }
}
