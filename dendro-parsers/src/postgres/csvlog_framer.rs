//! Cutting csvlog into records.

use dendro_core::{Cut, Framer, Lines, Records};
use memchr::{memchr, memchr_iter, memchr2_iter};

use super::clock::Clock;
use crate::scan::{find, find_either};

/// Cuts csvlog into records, also where one of them is damaged.
///
/// A server that dies or whose disk is full leaves a record half written, often without a newline, and what it writes next follows at once. By
/// its quotes alone such a record would take others with it. So where a record begins out of quotes in another one, or a closing quote is not followed by a delimiter,
/// the record is cut: where another begins, which shows by a time with milliseconds and zone, a comma, and a quote or another comma.
/// What stands before it is a record of its own, which [`CsvLog`](super::CsvLog) refuses. In quotes that are as they should be nothing is looked for: there it may be
/// the text of a statement.
#[derive(Clone, Debug)]
pub struct CsvLogRecords {
    max_bytes: usize,
    /// Up to where it has looked, from the beginning of the record.
    looked: usize,
    /// Where what is out of quotes began there; `None` in quotes.
    bare: Option<usize>,
    skipping: Skipping,
    /// The byte before what is at hand of a record that is skipped.
    before: u8,
}

/// The head of a record was too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skipping {
    No,
    /// Up to its end.
    Rest,
    /// Up to a line that begins as a record, since it has no end that could be trusted.
    Lines,
}

/// What was found from a place on.
enum Found {
    End(usize),
    /// Another record, which begins here.
    Other(usize),
    /// A closing quote that no record has, here.
    Damage(usize),
    Nothing,
}

impl CsvLogRecords {
    /// Records of at most [`Lines::DEFAULT_MAX_BYTES`].
    pub fn new() -> Self {
        let max_bytes = Lines::DEFAULT_MAX_BYTES;
        Self { max_bytes, looked: 0, bare: Some(0), skipping: Skipping::No, before: b',' }
    }

    /// Sets the longest record, without its end; at least 1.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.max(1);
        self
    }

    fn begin(&mut self) {
        (self.looked, self.bare, self.before) = (0, Some(0), b',');
    }

    /// From where on another record may begin in what is out of quotes: not at the beginning of one that is not skipped.
    fn from(&self, start: usize, bare: usize) -> usize {
        start + bare.max(usize::from(self.skipping == Skipping::No))
    }

    /// Looks on to `limit` in the record that begins at `start`, and tells in `looked` how far it came.
    #[inline]
    fn look(&mut self, input: &[u8], start: usize, limit: usize, at_end: bool) -> Found {
        let mut at = start + self.looked;
        let found = loop {
            let within = input.get(at..limit).unwrap_or_default();
            if let Some(bare) = self.bare {
                let window = within.get(..WINDOW).unwrap_or(within);
                let next = find_either(b'"', b'\n', window, 0).map(|more| at + more);
                if next.is_none() && window.len() == within.len() {
                    at = limit.max(at);
                    break Found::Nothing;
                }
                let end = next.unwrap_or(at + window.len());
                if let Some(other) = other_beginning(input, self.from(start, bare), end) {
                    break Found::Other(other);
                }
                let Some(place) = next else {
                    self.bare = Some(bare.max((end - start).saturating_sub(BEGINNING)));
                    at = end;
                    continue;
                };
                if input[place] == b'\n' {
                    break Found::End(place);
                }
                at = place + 1;
                // A quote within a field is none.
                let before = if place == start { self.before } else { input[place - 1] };
                let opens = before == b',';
                self.bare = (!opens).then_some(at - start);
                continue;
            }
            let Some(place) = find(b'"', within).map(|more| at + more) else {
                at = limit.max(at);
                break Found::Nothing;
            };
            match &input[place + 1..] {
                [b',', b'"', ..] => at = place + 3,
                [b'"', ..] => at = place + 2,
                [b',' | b'\n', ..] | [b'\r', b'\n', ..] => {
                    self.bare = Some(place + 1 - start);
                    at = place + 1;
                }
                // It may go on, or end; whether a record begins can't be told yet.
                rest if rest.len() < BEGINNING && !at_end => {
                    at = place;
                    break Found::Nothing;
                }
                rest => {
                    self.bare = Some(place + 1 - start);
                    at = place + 1;
                    match rest {
                        [] | [b'\r'] => {}
                        _ if begins(rest) => break Found::Other(at),
                        _ => break Found::Damage(place),
                    }
                }
            }
        };
        self.looked = at - start;
        match found {
            Found::Nothing if at_end && limit == input.len() => {
                let from = self.bare.map_or(limit, |bare| self.from(start, bare));
                other_beginning(input, from, limit).map_or(Found::End(limit), Found::Other)
            }
            found => found,
        }
    }
}

impl CsvLogRecords {
    /// Gives up what was looked at of a record that is skipped: up to where another one begins, or to what has to be kept.
    fn pass_over(&mut self, input: &[u8], start: usize) -> Result<usize, usize> {
        let at = start + self.looked;
        self.looked = 0;
        let Some(bare) = self.bare else {
            self.before = b'"';
            return Err(at);
        };
        if let Some(other) = other_beginning(input, self.from(start, bare), at) {
            return Ok(other);
        }
        let kept = at.saturating_sub(BEGINNING).max(start);
        if kept > start {
            self.before = input[kept - 1];
        }
        self.looked = at - kept;
        self.bare = Some((start + bare).saturating_sub(kept));
        Err(kept)
    }
}

/// Where another record begins in what is out of quotes from `from` to `end`.
#[inline]
fn other_beginning(input: &[u8], from: usize, end: usize) -> Option<usize> {
    if end < from + BEGINNING_BYTES {
        return None;
    }
    memchr_iter(b':', &input[from..end]).find_map(|colon| {
        // The first colon of a time stands 13 bytes behind its beginning.
        let place = (from + colon).checked_sub(13).filter(|place| *place >= from)?;
        begins(&input[place..]).then_some(place)
    })
}

impl Default for CsvLogRecords {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a record begins here.
#[inline]
fn begins(text: &[u8]) -> bool {
    if text.get(19) != Some(&b'.') {
        return false;
    }
    let Some(len) = Clock::len(text) else { return false };
    matches!(text.get(len..), Some([b',', b'"' | b',', ..]))
}

/// So many bytes out of quotes are looked at at once, so that little of it is in vain if another record begins there.
const WINDOW: usize = 4_096;
/// So many bytes tell whether a record begins.
const BEGINNING: usize = 48;
/// A record begins with at least so many: `2026-11-20 20:34:09.1 Z,`.
const BEGINNING_BYTES: usize = 24;

/// Where the last record begins behind the first byte of `text`, whose quotes are those of one record up to the last one, which
/// does not fit: so another can only have begun in quotes.
fn last_beginning(text: &[u8]) -> Option<usize> {
    let (mut quoted, mut last) = (false, None);
    for place in memchr2_iter(b':', b'"', text) {
        if text[place] == b'"' {
            quoted = !quoted;
        } else if quoted {
            let start = place.checked_sub(13).filter(|start| *start > 0 && begins(&text[*start..]));
            last = start.or(last);
        }
    }
    last
}

impl Framer for CsvLogRecords {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        let mut start = 0;
        let at_end = cut == Cut::End;
        while start < input.len() {
            match self.skipping {
                Skipping::Lines => {
                    match next_line(input, start, at_end) {
                        Ok(line) => {
                            start = line;
                            self.skipping = Skipping::No;
                            continue;
                        }
                        Err(kept) => {
                            start = kept;
                            break;
                        }
                    };
                }
                Skipping::Rest => {
                    match self.look(input, start, input.len(), at_end) {
                        Found::End(end) => {
                            start = (end + 1).min(input.len());
                            self.skipping = Skipping::No;
                        }
                        Found::Other(place) => {
                            start = place;
                            self.skipping = Skipping::No;
                        }
                        Found::Damage(place) => {
                            start = place;
                            self.skipping = Skipping::Lines;
                        }
                        Found::Nothing => match self.pass_over(input, start) {
                            Ok(other) => {
                                start = other;
                                self.skipping = Skipping::No;
                            }
                            Err(kept) => {
                                start = kept;
                                break;
                            }
                        },
                    };
                    self.begin();
                    continue;
                }
                Skipping::No => {}
            }
            let limit = input.len().min(start + self.max_bytes + 2);
            let found = self.look(input, start, limit, at_end);
            let seen = match found {
                Found::End(end) | Found::Other(end) | Found::Damage(end) => end,
                Found::Nothing => start + self.looked,
            };
            let text = input[start..seen].strip_suffix(b"\r").unwrap_or(&input[start..seen]);
            let known = !matches!(found, Found::Nothing);
            if (known && text.len() > self.max_bytes) || seen - start > self.max_bytes + 1 {
                records.push_truncated(start..start + self.max_bytes);
                self.skipping = Skipping::Rest;
                self.looked = self.looked.saturating_sub(self.max_bytes);
                self.bare = self.bare.map(|bare| bare.saturating_sub(self.max_bytes));
                start += self.max_bytes;
                self.before = input[start - 1];
                continue;
            }
            match found {
                Found::End(end) => {
                    push(records, input, start, start + text.len());
                    start = (end + 1).min(input.len());
                    self.begin();
                }
                Found::Other(place) => {
                    push(records, input, start, place);
                    start = place;
                    self.begin();
                }
                // Without another record, it goes to the end of the line.
                Found::Damage(end) => {
                    if let Some(more) = last_beginning(&input[start..=end]) {
                        push(records, input, start, start + more);
                        start += more;
                        self.begin();
                    }
                }
                Found::Nothing => break,
            }
        }
        if at_end {
            self.reset();
            return input.len();
        }
        start
    }

    fn reset(&mut self) {
        self.begin();
        self.skipping = Skipping::No;
    }
}

/// What is between two places, without newlines around it, if there is anything.
fn push(records: &mut Records, input: &[u8], start: usize, end: usize) {
    let newline = |b: &u8| matches!(b, b'\n' | b'\r');
    let text = &input[start..end];
    let before = text.iter().take_while(|b| newline(b)).count();
    let behind = text[before..].iter().rev().take_while(|b| newline(b)).count();
    if start + before < end - behind {
        records.push(start + before..end - behind);
    }
}

/// The next line that begins as a record does, or from where on has to be looked again.
fn next_line(input: &[u8], start: usize, at_end: bool) -> Result<usize, usize> {
    let mut at = start;
    while let Some(newline) = memchr(b'\n', &input[at..]).map(|more| at + more) {
        let line = &input[newline + 1..];
        if begins(line) {
            return Ok(newline + 1);
        }
        if line.len() < BEGINNING && !at_end {
            return Err(newline);
        }
        at = newline + 1;
    }
    Err(input.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "2026-11-20 20:39:56.330 UTC,\"ann\",\"shop\",7,\"[local]\",6b.7,4,\"SELECT\",2026-11-20 20:39:56 UTC,3/65,0,LOG,00000,\"a \"\"b\"\"\nc\",,,,,,\"SELECT 1;\n2026-11-20 20:39:56.330 UTC,,,7,,6b.7,5,,\",13,,\"\",\"client backend\",,0";
    const B: &str = "2026-11-20 20:39:57.024 UTC,,,8,,6b.8,1,,2026-11-20 20:39:56 UTC,,0,LOG,00000,\"starting\",,,,,,,,,\"\",\"postmaster\",,0";

    fn cut(mut framer: CsvLogRecords, input: &str, step: usize) -> Vec<(String, bool)> {
        let (mut pending, mut out) = (Vec::new(), Vec::new());
        for piece in input.as_bytes().chunks(step.max(1)).map(Some).chain([None]) {
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
    fn check(max: usize, input: &str, expected: &[(&str, bool)]) {
        for step in 1..=input.len() {
            let records = cut(CsvLogRecords::new().max_bytes(max), input, step);
            let records: Vec<_> = records.iter().map(|(text, cut)| (text.as_str(), *cut)).collect();
            assert_eq!(records, expected, "step {step}");
        }
    }

    #[test]
    fn records_span_lines_and_a_forged_one_in_a_statement_is_not_believed() {
        check(1_000, &format!("{A}\n{B}\r\n{A}\n{B}"), &[(A, false), (B, false), (A, false), (B, false)]);
    }

    #[test]
    fn a_record_that_is_cut_off_anywhere_takes_no_other_with_it() {
        for at in 1..A.len() {
            for newline in ["", "\n"] {
                let (head, step) = (&A[..at], 1 + at % 50);
                let input = format!("{B}\n{head}{newline}{B}\n{A}\n");
                let records = cut(CsvLogRecords::new(), &input, step);
                let texts: Vec<&str> = records.iter().map(|(text, _)| text.as_str()).collect();
                assert_eq!(texts[0], B);
                assert_eq!(&texts[texts.len() - 2..], [B, A], "cut at {at}, {newline:?}");
                assert_eq!(texts.len(), 4, "cut at {at}: {texts:#?}");
            }
        }
    }

    #[test]
    fn a_record_that_is_too_long_is_skipped_to_its_end() {
        let long = A.replace("SELECT 1;", &"x\n".repeat(300));
        let head = &long[..400];
        check(400, &format!("{B}\n{long}\n{B}\n"), &[(B, false), (head, true), (B, false)]);
        // One that has no end.
        let open = &long[..long.len() - 60];
        let input = format!("{open}\n{B}\n{B}\n{B}\n");
        let records = cut(CsvLogRecords::new().max_bytes(400), &input, 7);
        assert_eq!(records[0], (head.to_owned(), true));
        assert_eq!(records.last(), Some(&(B.to_owned(), false)));
        check(400, &input, &records.iter().map(|(t, c)| (t.as_str(), *c)).collect::<Vec<_>>());
    }

    #[test]
    fn lines_that_are_no_records_are_on_their_own() {
        check(
            400,
            &format!("what\n{B}\nelse, is\n\n{B}\n"),
            &[("what", false), (B, false), ("else, is", false), (B, false)],
        );
    }

    proptest::proptest! {
        #[test]
        fn any_input_is_cut_the_same_whatever_the_pieces(
            pieces in proptest::collection::vec(proptest::sample::select(&["\"", ",", "\n", "\r", "x", A, B, "2026-11-20 20:39:57.024 UTC,,"][..]), 0..20),
            max in 1usize..600,
            step in 1usize..99,
        ) {
            let input = pieces.concat();
            let framer = CsvLogRecords::new().max_bytes(max);
            let whole = cut(framer.clone(), &input, input.len());
            proptest::prop_assert_eq!(cut(framer, &input, step), whole);
        }
    }
}
