//! Cutting a stream into records.

use dendro_core::{Cut, Framer, Lines, Records};
use memchr::{memchr, memchr2};

use super::Dialect;

/// Cuts a stream into records: a line, or several where newlines stand in quotes.
///
/// Empty lines are no records. A record longer than [`max_bytes`](Self::max_bytes), as one whose closing quote is missing, is cut off there
/// as a truncated one, and the line in which that is gets skipped: so a broken record takes no more than that with it.
#[derive(Clone, Debug)]
pub struct CsvRecords {
    dialect: Dialect,
    max_bytes: usize,
    looked: usize,
    /// Whether the place up to which it has looked is in quotes.
    quoted: bool,
    skipping: bool,
}

impl CsvRecords {
    /// Records of at most [`Lines::DEFAULT_MAX_BYTES`].
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, max_bytes: Lines::DEFAULT_MAX_BYTES, looked: 0, quoted: false, skipping: false }
    }

    /// Sets the longest record, without its end; at least 1.
    pub fn max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.max(1);
        self
    }

    /// Where the record ends that begins at `start`, from where it has looked on: at a newline, or, with `at_end`, at the end of `input`.
    fn end(&mut self, input: &[u8], start: usize, at_end: bool) -> Option<usize> {
        // No further than it takes to see that it is too long.
        let limit = input.len().min(start + self.max_bytes + 2);
        let mut at = start + self.looked;
        let found = loop {
            let within = input.get(at..limit).unwrap_or_default();
            match self.dialect.quote {
                Some(quote) if self.quoted => match memchr(quote, within).map(|more| at + more) {
                    None => break None,
                    Some(place) => match input.get(place + 1) {
                        // Perhaps a doubled one.
                        None if !at_end => {
                            self.looked = place - start;
                            return None;
                        }
                        Some(byte) if *byte == quote => at = place + 2,
                        _ => {
                            self.quoted = false;
                            at = place + 1;
                        }
                    },
                },
                Some(quote) => match memchr2(quote, b'\n', within).map(|more| at + more) {
                    None => break None,
                    Some(place) if input[place] == b'\n' => break Some(place),
                    Some(place) => {
                        self.quoted = match input[start..place].last() {
                            None => true,
                            Some(byte) => *byte == self.dialect.delimiter || &input[start..place] == BOM,
                        };
                        at = place + 1;
                    }
                },
                None => break memchr(b'\n', within).map(|more| at + more),
            }
        };
        self.looked = limit.max(at) - start;
        found.or_else(|| (at_end && limit == input.len()).then_some(input.len()))
    }
}

/// A byte order mark.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

impl Framer for CsvRecords {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        let mut start = 0;
        while start < input.len() {
            if self.skipping {
                let Some(newline) = memchr(b'\n', &input[start..]) else {
                    start = input.len();
                    break;
                };
                start += newline + 1;
                self.skipping = false;
                continue;
            }
            let end = self.end(input, start, cut == Cut::End);
            let seen = end.unwrap_or(start + self.looked);
            let text = input[start..seen].strip_suffix(b"\r").unwrap_or(&input[start..seen]);
            let too_long = match end {
                Some(_) => text.len() > self.max_bytes,
                None => seen - start > self.max_bytes + 1,
            };
            if too_long {
                records.push_truncated(start..start + self.max_bytes);
                start += self.max_bytes;
                self.skipping = true;
            } else if let Some(end) = end {
                if !text.is_empty() {
                    records.push(start..start + text.len());
                }
                start = (end + 1).min(input.len());
            } else {
                break;
            }
            (self.looked, self.quoted) = (0, false);
        }
        if cut == Cut::End {
            self.reset();
        }
        start
    }

    fn reset(&mut self) {
        (self.looked, self.quoted, self.skipping) = (0, false, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(mut framer: CsvRecords, input: &[u8], step: usize) -> Vec<(String, bool)> {
        let (mut pending, mut out) = (Vec::new(), Vec::new());
        for piece in input.chunks(step.max(1)).map(Some).chain([None]) {
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

    #[test]
    fn records_are_the_same_however_the_input_is_cut() {
        let input = b"a,b\r\n\"x\ny\",\"\"\"\n\"\"\"\n\n5\" x,\"z\"\r\n\"\"\n,\"\"\"\"\nlast,\"un\nclosed\n";
        let framer = CsvRecords::new(Dialect::CSV);
        let expected = cut(framer.clone(), input, input.len());
        let texts: Vec<&str> = expected.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(
            texts,
            ["a,b", "\"x\ny\",\"\"\"\n\"\"\"", "5\" x,\"z\"", "\"\"", ",\"\"\"\"", "last,\"un\nclosed\n"]
        );
        for step in 1..input.len() {
            assert_eq!(cut(framer.clone(), input, step), expected, "step {step}");
        }
    }

    #[test]
    fn a_missing_quote_takes_no_more_than_the_longest_record_with_it() {
        let input = b"a,\"b\nc,d\ne,f\ng,h\ni,j\n";
        let expected = [("a,\"b\nc,d", true), ("e,f", false), ("g,h", false), ("i,j", false)]
            .map(|(text, cut)| (text.to_owned(), cut));
        for step in 1..=input.len() {
            assert_eq!(cut(CsvRecords::new(Dialect::CSV).max_bytes(8), input, step), expected, "step {step}");
        }
    }

    #[test]
    fn without_quotes_a_record_is_a_line() {
        let input = b"a\t\"b\nc\"\r\n\td\n";
        for step in 1..input.len() {
            let records = cut(CsvRecords::new(Dialect::TSV), input, step);
            assert_eq!(
                records.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(),
                ["a\t\"b", "c\"", "\td"]
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_input_is_cut_the_same_whatever_the_pieces(
            input in proptest::collection::vec(proptest::sample::select(&b"a,\"\"\n\n\r"[..]), 0..60),
            max in 1usize..20,
            step in 1usize..20,
        ) {
            let framer = CsvRecords::new(Dialect::CSV).max_bytes(max);
            let whole = cut(framer.clone(), &input, input.len());
            proptest::prop_assert_eq!(cut(framer, &input, step), whole);
        }

        #[test]
        fn what_is_written_is_read_back(
            rows in proptest::collection::vec(proptest::collection::vec("[a,\"\n\r ]{0,6}", 1..4), 0..6),
            step in 1usize..20,
        ) {
            let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let row = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
            let input: String = rows.iter().map(row).collect();
            let records = cut(CsvRecords::new(Dialect::CSV), input.as_bytes(), step);
            let back: Vec<Vec<String>> = records.iter().map(|(record, _)| {
                super::super::Fields::new(record.as_bytes(), Dialect::CSV).map(|field| {
                    let field = field.unwrap_or_else(|refused| panic!("{refused}"));
                    record[field.range].replace("\"\"", "\"")
                }).collect()
            }).collect();
            proptest::prop_assert_eq!(back, rows);
        }
    }
}
