//! Where the fields of a record are.

use std::ops::Range;

use crate::Refused;
use crate::scan::find;

/// What separates fields, and what encloses them where they need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The byte between fields.
    pub delimiter: u8,
    /// The byte around fields, which stands twice for itself inside of them; `None` if no byte has this meaning.
    pub quote: Option<u8>,
}

impl Dialect {
    /// Of [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180): commas and double quotes.
    pub const CSV: Self = Self { delimiter: b',', quote: Some(b'"') };
    /// Of IANA's `text/tab-separated-values`: tabs, and a quote is a character like any other.
    pub const TSV: Self = Self { delimiter: b'\t', quote: None };
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where its text stands, without the quotes.
    pub range: Range<usize>,
    /// Whether it stood in quotes, so that an empty one is an empty text and not nothing.
    pub quoted: bool,
    /// Whether quotes in it stand twice: see [`undouble`].
    pub escaped: bool,
}

/// The fields of a record, in order.
///
/// A quote that is not the first byte of a field stands for itself, unless the field is in quotes.
///
/// ```
/// use dendro_parsers::csv::{Dialect, Fields};
/// let record = br#"a,"b ""c""",,"""#;
/// let fields: Vec<_> = Fields::new(record, Dialect::CSV).collect::<Result<_, _>>().unwrap();
/// assert_eq!(&record[fields[1].range.clone()], br#"b ""c"""#);
/// assert!(fields[1].escaped);
/// assert_eq!((fields[2].range.len(), fields[2].quoted), (0, false));
/// assert_eq!((fields[3].range.len(), fields[3].quoted), (0, true));
/// ```
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    record: &'a [u8],
    dialect: Dialect,
    /// Where the next field begins; behind the end if there is none.
    at: usize,
}

impl<'a> Fields<'a> {
    /// Of a record without its end.
    pub fn new(record: &'a [u8], dialect: Dialect) -> Self {
        Self { record, dialect, at: 0 }
    }

    /// Those that begin behind so many bytes.
    pub(super) fn behind(record: &'a [u8], dialect: Dialect, at: usize) -> Self {
        Self { record, dialect, at }
    }

    /// Where the next field begins; the length of the record and 1 if there is none.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next field.
    ///
    /// # Errors
    /// [`Refused`] if a field has no closing quote, or neither the delimiter nor the end follows it.
    #[inline(always)]
    pub fn next_field(&mut self) -> Option<Result<Field, Refused>> {
        let start = self.at;
        let rest = self.record.get(start..)?;
        let first = rest.first().copied();
        if first == Some(self.dialect.delimiter) {
            self.at = start + 1;
            return Some(Ok(Field { range: start..start, quoted: false, escaped: false }));
        }
        if first.is_some() && first == self.dialect.quote {
            return Some(self.quoted(start));
        }
        let len = find(self.dialect.delimiter, rest).unwrap_or(rest.len());
        self.at = start + len + 1;
        Some(Ok(Field { range: start..start + len, quoted: false, escaped: false }))
    }

    #[inline(always)]
    fn quoted(&mut self, start: usize) -> Result<Field, Refused> {
        let quote = self.dialect.quote.unwrap_or_default();
        let (mut end, mut escaped) = (start + 1, false);
        loop {
            let rest = self.record.get(end..).unwrap_or_default();
            let Some(more) = find(quote, rest) else {
                return Err(Refused::new(self.record.len(), "the quote that closes a field"));
            };
            end += more;
            match self.record.get(end + 1) {
                Some(byte) if *byte == quote => {
                    escaped = true;
                    end += 2;
                }
                Some(byte) if *byte != self.dialect.delimiter => {
                    return Err(Refused::new(
                        end + 1,
                        "the delimiter or the end of the record behind a closing quote",
                    ));
                }
                _ => {
                    self.at = end + 2;
                    return Ok(Field { range: start + 1..end, quoted: true, escaped });
                }
            }
        }
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_field()
    }
}

/// Appends the text of a quoted field, each doubled quote once.
///
/// ```
/// let mut out = Vec::new();
/// dendro_parsers::csv::undouble(br#"a ""b"""#, b'"', &mut out);
/// assert_eq!(out, br#"a "b""#);
/// ```
pub fn undouble(text: &[u8], quote: u8, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(quote, rest) {
        out.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(record: &str, dialect: Dialect) -> Result<Vec<(String, bool)>, Refused> {
        Fields::new(record.as_bytes(), dialect)
            .map(|field| {
                let field = field?;
                let mut text = record.as_bytes()[field.range].to_vec();
                if field.escaped {
                    let mut out = Vec::new();
                    undouble(&text, b'"', &mut out);
                    text = out;
                }
                Ok((String::from_utf8(text).unwrap(), field.quoted))
            })
            .collect()
    }

    #[test]
    fn fields_are_found_in_and_out_of_quotes() {
        let plain = |text: &str| (text.to_owned(), false);
        let quoted = |text: &str| (text.to_owned(), true);
        for (record, expected) in [
            ("a,b", vec![plain("a"), plain("b")]),
            ("", vec![plain("")]),
            (",", vec![plain(""), plain("")]),
            ("\"\"", vec![quoted("")]),
            ("\"\",", vec![quoted(""), plain("")]),
            ("\"a,\"\"\n\"\"\",5\" x", vec![quoted("a,\"\n\""), plain("5\" x")]),
            ("\"\"\"\"", vec![quoted("\"")]),
            (" \"a\"", vec![plain(" \"a\"")]),
        ] {
            assert_eq!(read(record, Dialect::CSV), Ok(expected), "{record}");
        }
        assert_eq!(read("\"a\"\t", Dialect::TSV), Ok(vec![plain("\"a\""), plain("")]));
    }

    #[test]
    fn broken_quotes_are_refused_at_their_place() {
        for (record, at) in [("\"a", 2), ("a,\"b\"c", 5), ("\"\"\"", 3), ("\"", 1), ("a,\"b\" ,c", 5)] {
            assert_eq!(read(record, Dialect::CSV).unwrap_err().at, at, "{record}");
        }
    }
}
