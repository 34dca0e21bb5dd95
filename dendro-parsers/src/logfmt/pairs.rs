//! Where keys and values stand in a line.

use std::ops::Range;

use crate::Refused;

/// A key with its value, by their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) key: Range<usize>,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A key alone.
    Missing,
    /// Nothing behind the `=`.
    Empty,
    /// Without quotes.
    Plain(Range<usize>),
    /// What is between quotes.
    Quoted(Range<usize>),
    /// What is between quotes, with escapes.
    Escaped(Range<usize>),
}

/// Reads a line from front to back.
#[derive(Clone, Debug)]
pub(super) struct Pairs<'a> {
    line: &'a [u8],
    at: usize,
    /// From where on no quote of these kinds ends a value: what was searched is not searched again.
    unended: [usize; 2],
}

const APOSTROPHE: u8 = b'\'';
const BACKTICK: u8 = b'`';

impl<'a> Pairs<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        let at = if line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { line, at, unended: [usize::MAX; 2] }
    }

    /// The next pair; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Pair>, Refused> {
        let between = self.rest(self.at).iter().take_while(|byte| **byte <= b' ').count();
        let start = self.at + between;
        let len = self.rest(start).iter().take_while(|byte| is_of_key(**byte)).count();
        let (key, end) = (start..start + len, start + len);
        self.at = end;
        match self.line.get(end) {
            Some(b'=') if len > 0 => {
                let value = self.value(end + 1)?;
                Ok(Some(Pair { key, value }))
            }
            None if len == 0 => Ok(None),
            None | Some(..=b' ') => Ok(Some(Pair { key, value: Value::Missing })),
            Some(b'=') => Err(Refused::new(end, "a key before `=`")),
            Some(_) if len == 0 => Err(Refused::new(end, "a key, which has no quotes")),
            Some(_) => Err(Refused::new(end, "`=` or a space after a key")),
        }
    }

    fn value(&mut self, start: usize) -> Result<Value, Refused> {
        let value = match self.line.get(start) {
            None | Some(..=b' ') => {
                self.at = start;
                return Ok(Value::Empty);
            }
            Some(b'"') => return self.quoted(start + 1),
            Some(b'=') => return Err(Refused::new(start, "a value, which does not begin with `=`")),
            Some(quote @ (&APOSTROPHE | &BACKTICK)) => self.verbatim(*quote, start + 1),
            Some(_) => None,
        };
        if let Some(value) = value {
            return Ok(value);
        }
        let len = self.rest(start).iter().take_while(|byte| **byte > b' ' && **byte != b'"').count();
        self.at = start + len;
        match self.line.get(self.at) {
            Some(b'"') => Err(Refused::new(self.at, "a value in quotes, or one without any")),
            _ => Ok(Value::Plain(start..self.at)),
        }
    }

    fn quoted(&mut self, start: usize) -> Result<Value, Refused> {
        let (mut at, mut escaped) = (start, false);
        loop {
            let found = memchr::memchr2(b'"', b'\\', self.rest(at));
            at += found.ok_or(Refused::new(self.line.len(), "the `\"` that ends the value"))?;
            if self.line.get(at) == Some(&b'"') {
                self.at = at + 1;
                return Ok(if escaped { Value::Escaped(start..at) } else { Value::Quoted(start..at) });
            }
            escaped = true;
            at += escape(self.line, at)?;
        }
    }

    /// A value between quotes that know no escapes: the one that ends it stands before a space or the end. Without it
    /// the first one is a character like any other.
    fn verbatim(&mut self, quote: u8, start: usize) -> Option<Value> {
        let unended = usize::from(quote == BACKTICK);
        if start >= self.unended[unended] {
            return None;
        }
        let ends = |at: &usize| self.line.get(start + at + 1).is_none_or(|byte| *byte <= b' ');
        let Some(len) = memchr::memchr_iter(quote, self.rest(start)).find(ends) else {
            self.unended[unended] = start;
            return None;
        };
        self.at = start + len + 1;
        Some(Value::Quoted(start..start + len))
    }

    fn rest(&self, at: usize) -> &'a [u8] {
        self.line.get(at..).unwrap_or_default()
    }
}

fn is_of_key(byte: u8) -> bool {
    byte > b' ' && !matches!(byte, b'=' | b'"' | APOSTROPHE)
}

/// The length of the escape at `at`, so that a quote in it ends nothing.
fn escape(line: &[u8], at: usize) -> Result<usize, Refused> {
    match line.get(at + 1) {
        Some(b'u') => match line.get(at + 2..at + 6) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(6),
            _ => Err(Refused::new(at, "`\\u` and four hexadecimal digits")),
        },
        _ => Ok(2),
    }
}

/// Appends what a value with escapes stands for: those of JSON, and `\a`, `\v`, `\xHH`, `\UHHHHHHHH`, which Go's `%q` writes. A backslash
/// before anything else stands for itself.
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = &rest[at..];
        let (len, character) = match escape.get(1) {
            Some(b'n') => (2, '\n'),
            Some(b't') => (2, '\t'),
            Some(b'r') => (2, '\r'),
            Some(b'b') => (2, '\u{8}'),
            Some(b'f') => (2, '\u{c}'),
            Some(b'a') => (2, '\u{7}'),
            Some(b'v') => (2, '\u{b}'),
            Some(byte @ (b'"' | b'\\' | b'/' | b'\'')) => (2, char::from(*byte)),
            Some(b'u') => unicode(escape),
            Some(b'U') => match hex(escape, 2, 8).and_then(char::from_u32) {
                Some(character) => (10, character),
                None => (1, '\\'),
            },
            Some(b'x') => match hex(escape, 2, 2) {
                Some(byte) => {
                    out.push(byte as u8);
                    rest = &escape[4..];
                    continue;
                }
                None => (1, '\\'),
            },
            _ => (1, '\\'),
        };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &escape[len..];
    }
    out.extend_from_slice(rest);
}

/// The character of `\uHHHH`, or of two that are a surrogate pair; half of one is U+FFFD.
fn unicode(escape: &[u8]) -> (usize, char) {
    let Some(unit) = hex(escape, 2, 4) else { return (1, '\\') };
    if let 0xd800..0xdc00 = unit
        && escape.get(6..8) == Some(b"\\u")
        && let Some(low @ 0xdc00..0xe000) = hex(escape, 8, 4)
    {
        let scalar = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        return (12, char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    (6, char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn hex(text: &[u8], start: usize, len: usize) -> Option<u32> {
    let digits = text.get(start..start + len)?;
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The pairs of a line, as text.
    fn pairs(line: &str) -> Result<Vec<(String, Option<String>)>, String> {
        let (mut pairs, mut found) = (Pairs::new(line.as_bytes()), Vec::new());
        while let Some(pair) = pairs.next().map_err(|refused| refused.to_string())? {
            let value = match pair.value {
                Value::Missing | Value::Empty => None,
                Value::Plain(range) | Value::Quoted(range) => Some(line[range].to_owned()),
                Value::Escaped(range) => {
                    let mut out = Vec::new();
                    decode(line[range].as_bytes(), &mut out);
                    Some(String::from_utf8_lossy(&out).into_owned())
                }
            };
            found.push((line[pair.key].to_owned(), value));
        }
        Ok(found)
    }

    #[track_caller]
    fn check(line: &str, expected: &[(&str, Option<&str>)]) {
        let found = pairs(line).unwrap();
        let found: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn values_are_read_in_each_kind_of_quotes() {
        check(
            r#"a=1 b="bar baz" ƒ=2h3s d x= y="" z=`raw "x" \n` s='it's all' t='tis u=`x"#,
            &[
                ("a", Some("1")),
                ("b", Some("bar baz")),
                ("ƒ", Some("2h3s")),
                ("d", None),
                ("x", None),
                ("y", Some("")),
                ("z", Some(r#"raw "x" \n"#)),
                ("s", Some("it's all")),
                ("t", Some("'tis")),
                ("u", Some("`x")),
            ],
        );
    }

    #[test]
    fn escapes_are_decoded_and_a_backslash_before_the_last_quote_is_one() {
        check(
            r#"a="\\" b="x\"y" c="\\\"" d=\n"#,
            &[("a", Some("\\")), ("b", Some("x\"y")), ("c", Some("\\\"")), ("d", Some("\\n"))],
        );
        check(
            r#"a="\n\t\r\b\f\a\v\/\'\u00e9\ud83d\ude00\ud83d\x41\U0001F600" b="C:\Dir\xyz\U1""#,
            &[("a", Some("\n\t\r\u{8}\u{c}\u{7}\u{b}/'é😀\u{fffd}A😀")), ("b", Some(r"C:\Dir\xyz\U1"))],
        );
    }

    #[test]
    fn an_equals_sign_in_a_value_belongs_to_it() {
        check("url=/a?b=c&d=e x==".trim_end_matches("x=="), &[("url", Some("/a?b=c&d=e"))]);
        check("a=b= c=\"d=e\"f=g", &[("a", Some("b=")), ("c", Some("d=e")), ("f", Some("g"))]);
    }

    #[test]
    fn what_is_not_logfmt_is_refused_where_it_differs() {
        for (line, at) in [
            ("=x", 0),
            ("a=1 =x", 4),
            ("a==", 2),
            ("\"k\"=1", 0),
            ("k\"ey=1", 1),
            ("don't", 3),
            ("k=b\"ar", 3),
            ("k=\"b\"\"", 5),
            ("a=\"1", 4),
            ("a=\"1\\", 5),
            ("a=\"\\\"", 5),
            ("a=\"\\u1\"", 3),
            ("{\"a\":1}", 1),
        ] {
            let reason = pairs(line).unwrap_err();
            assert!(reason.starts_with(&format!("at byte {at}: expected ")), "{line}: {reason}");
        }
    }
}
