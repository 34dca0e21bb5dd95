//! Where keys and values stand in a record.

use std::ops::Range;

use memchr::memmem;

use crate::Refused;

/// What stands between the pairs of a record and within them.
///
/// ```
/// use dendro_parsers::key_value::Delimiters;
/// let headers = Delimiters::new(":", "\n");
/// assert_eq!(headers.strict_whitespace(true), Delimiters { strict: true, ..Delimiters::new(":", "\n") });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delimiters {
    /// Between a key and its value: `=` by default.
    pub key_value: String,
    /// Between pairs: spaces by default. Any other text may have spaces before it.
    pub field: String,
    /// Whether white space around the former belongs to key and value.
    pub strict: bool,
    /// Whether there may be keys alone.
    pub standalone_key: bool,
}

impl Delimiters {
    /// With these texts between a key and its value, and between pairs.
    pub fn new(key_value: impl Into<String>, field: impl Into<String>) -> Self {
        Self { key_value: key_value.into(), field: field.into(), strict: false, standalone_key: true }
    }

    /// Whether white space around the delimiter of key and value belongs to them.
    pub fn strict_whitespace(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// Whether there may be keys alone.
    pub fn accept_standalone_key(self, standalone_key: bool) -> Self {
        Self { standalone_key, ..self }
    }
}

impl Default for Delimiters {
    fn default() -> Self {
        Self::new("=", " ")
    }
}

/// A key with its value; `None` if it stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) key: Text,
    pub(super) value: Option<Text>,
}

/// A text of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) range: Range<usize>,
    pub(super) quoted: bool,
    /// Whether there are backslashes in it.
    pub(super) escaped: bool,
}

/// Reads a record from front to back.
#[derive(Clone, Debug)]
pub(super) struct Pairs<'a> {
    text: &'a [u8],
    delimiters: &'a Delimiters,
    at: usize,
    first: bool,
    /// Where the next delimiter of key and value is: what was searched is not searched again.
    next_key_value: Option<usize>,
}

impl<'a> Pairs<'a> {
    pub(super) fn new(text: &'a [u8], delimiters: &'a Delimiters) -> Self {
        let next_key_value = find(&delimiters.key_value, text, 0);
        Self { text, delimiters, at: 0, first: true, next_key_value }
    }

    /// The next pair; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Pair>, Refused> {
        if !std::mem::replace(&mut self.first, false) {
            match self.field_delimiter(self.at, &self.delimiters.field) {
                Some(end) if !self.is_end(end) => self.at = end,
                // A delimiter behind the last pair ends it.
                Some(_) => return Ok(None),
                None if self.is_end(self.at) => return Ok(None),
                None => return Err(Refused::new(self.at, "the delimiter of fields")),
            }
        }
        let start = self.skip_blank(self.at);
        let (key, end) = self.key(start)?;
        let delimiter = self.key_value_delimiter(end);
        if delimiter.is_none() && !self.delimiters.standalone_key {
            return Err(Refused::new(end, "the delimiter of key and value"));
        }
        let (value, end) = match delimiter {
            Some(at) => {
                let (value, end) = self.value(at);
                (Some(value), end)
            }
            None => {
                let (rest, field_end) = self.unquoted(end, self.find_field(end));
                if !rest.range.is_empty() {
                    return Err(Refused::new(end, "the delimiter of key and value, or of fields"));
                }
                (None, field_end)
            }
        };
        self.at = end;
        Ok(Some(Pair { key, value }))
    }

    fn key(&mut self, start: usize) -> Result<(Text, usize), Refused> {
        let standalone = self.delimiters.standalone_key;
        let quoted = self.quoted(start, |pairs, end| {
            pairs.field_delimiter(end, &pairs.delimiters.key_value).is_some()
                || (standalone && pairs.field_delimiter(end, &pairs.delimiters.field).is_some())
        });
        let (key, end) = match quoted {
            Some(key) => key,
            None => {
                let key_value = self.find_key_value(start);
                match standalone.then(|| self.field_within(start, key_value)).flatten() {
                    None => self.unquoted_key(start, key_value),
                    Some(field) => self.unquoted(start, Some(field)),
                }
            }
        };
        if key.range.is_empty() {
            return Err(Refused::new(start, "a key"));
        }
        Ok((key, end))
    }

    /// A key up to the delimiter of its value, or, where that is the very first, up to that of the fields.
    fn unquoted_key(&self, start: usize, key_value: Option<usize>) -> (Text, usize) {
        let (key, end) = self.unquoted(start, key_value);
        if key.range.is_empty() && self.delimiters.standalone_key {
            return self.unquoted(start, self.find_field(start));
        }
        (key, end)
    }

    fn value(&self, start: usize) -> (Text, usize) {
        self.quoted(start, |pairs, end| pairs.field_delimiter(end, &pairs.delimiters.field).is_some())
            .unwrap_or_else(|| self.unquoted(start, self.find_field(start)))
    }

    /// A text in quotes, if what has to be behind it is there; else the quotes are characters like any other.
    fn quoted(&self, start: usize, ends: impl Fn(&Self, usize) -> bool) -> Option<(Text, usize)> {
        let quote = *self.text.get(start).filter(|byte| matches!(byte, b'\'' | b'"'))?;
        let (mut at, mut escaped) = (start + 1, false);
        loop {
            at += memchr::memchr2(quote, b'\\', self.text.get(at..)?)?;
            if self.text.get(at) == Some(&quote) {
                break;
            }
            escaped = true;
            at += 2;
        }
        let end = at + 1;
        let is_end = self.skip_blank(end) == self.text.len();
        (is_end || ends(self, end)).then_some((Text { range: start + 1..at, quoted: true, escaped }, end))
    }

    /// The text up to `end`, or to the end of the record, without the white space around it.
    fn unquoted(&self, start: usize, end: Option<usize>) -> (Text, usize) {
        let end = end.unwrap_or(self.text.len());
        (Text { range: trimmed(self.text, start..end), quoted: false, escaped: false }, end)
    }

    /// Behind the delimiter of key and value at `at`.
    fn key_value_delimiter(&self, at: usize) -> Option<usize> {
        let delimiter = self.delimiters.key_value.as_bytes();
        let at = if self.delimiters.strict { at } else { self.skip_blank(at) };
        let end = self.text.get(at..)?.starts_with(delimiter).then_some(at + delimiter.len())?;
        Some(if self.delimiters.strict { end } else { self.skip_blank(end) })
    }

    /// Behind the delimiter at `at`: one or more spaces, or spaces and the text.
    fn field_delimiter(&self, at: usize, delimiter: &str) -> Option<usize> {
        let rest = self.text.get(at..)?;
        let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
        if delimiter == " " {
            return (spaces > 0).then_some(at + spaces);
        }
        let begins =
            |at: usize| self.text.get(at..).is_some_and(|rest| rest.starts_with(delimiter.as_bytes()));
        [at, at + spaces].into_iter().find(|at| begins(*at)).map(|at| at + delimiter.len())
    }

    fn find_field(&self, start: usize) -> Option<usize> {
        find(&self.delimiters.field, self.text, start)
    }

    fn find_key_value(&mut self, start: usize) -> Option<usize> {
        if self.next_key_value.is_some_and(|found| found < start) {
            self.next_key_value = find(&self.delimiters.key_value, self.text, start);
        }
        self.next_key_value
    }

    /// Where a delimiter of fields is in what stands before `end`, the white space around it left out.
    fn field_within(&self, start: usize, end: Option<usize>) -> Option<usize> {
        let text = self.text.get(..end.unwrap_or(self.text.len()))?;
        let first = start + text.get(start..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let found = find(&self.delimiters.field, text, first)?;
        let last = text.get(found + self.delimiters.field.len() - 1..)?;
        last.iter().any(|byte| !byte.is_ascii_whitespace()).then_some(found)
    }

    fn skip_blank(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    }

    fn is_end(&self, at: usize) -> bool {
        self.text.get(at..).is_none_or(|rest| rest.iter().all(u8::is_ascii_whitespace))
    }
}

fn find(delimiter: &str, text: &[u8], start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    let found = match delimiter.as_bytes() {
        [byte] => memchr::memchr(*byte, rest),
        bytes => memmem::find(rest, bytes),
    };
    found.map(|more| start + more)
}

fn trimmed(text: &[u8], range: Range<usize>) -> Range<usize> {
    let inner = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (inner.len() - inner.trim_ascii_start().len());
    start..start + inner.trim_ascii().len()
}

/// Appends what a text in quotes with backslashes stands for: a backslash before `n`, a backslash or a `"` is an escape, any other stands for
/// itself.
pub(super) fn decode(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (byte, len) = match rest.get(at + 1) {
            Some(b'n') => (b'\n', 2),
            Some(byte @ (b'\\' | b'"')) => (*byte, 2),
            _ => (b'\\', 1),
        };
        out.push(byte);
        rest = &rest[at + len..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pairs(text: &str, delimiters: &Delimiters) -> Result<Vec<(String, Option<String>)>, String> {
        let shown = |found: Text| {
            let mut out = Vec::new();
            let inner = text[found.range].as_bytes();
            if found.escaped {
                decode(inner, &mut out)
            } else {
                out.extend_from_slice(inner)
            }
            String::from_utf8(out).unwrap()
        };
        let (mut pairs, mut all) = (Pairs::new(text.as_bytes(), delimiters), Vec::new());
        while let Some(pair) = pairs.next().map_err(|refused| refused.to_string())? {
            all.push((shown(pair.key), pair.value.map(shown)));
        }
        Ok(all)
    }

    #[track_caller]
    fn check(text: &str, delimiters: &Delimiters, expected: &[(&str, Option<&str>)]) {
        let found = pairs(text, delimiters).unwrap();
        let found: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn texts_in_quotes_hold_delimiters_and_escapes() {
        check(
            r#"a="x y=z" "b c=d"=1 'e "f"'='g\x'  h="\\ \" \n \t""#,
            &Delimiters::default(),
            &[
                ("a", Some("x y=z")),
                ("b c=d", Some("1")),
                ("e \"f\"", Some("g\\x")),
                ("h", Some("\\ \" \n \\t")),
            ],
        );
    }

    #[test]
    fn quotes_with_something_behind_them_are_characters() {
        check(
            r#"say: "no" twice, it's: 5", x: 'y"#,
            &Delimiters::new(":", ","),
            &[("say", Some("\"no\" twice")), ("it's", Some("5\"")), ("x", Some("'y"))],
        );
    }

    #[test]
    fn white_space_around_delimiters_does_not_count() {
        check(
            "  a  =  1    b\t= \t3\t   c = ",
            &Delimiters::default(),
            &[("a", Some("1")), ("b", Some("3")), ("c", Some(""))],
        );
        check(
            "a= b= c=1 ",
            &Delimiters::default().strict_whitespace(true),
            &[("a", Some("")), ("b", Some("")), ("c", Some("1"))],
        );
        check(
            "a --  1  ||  b--2||c||d -- x y ||",
            &Delimiters::new("--", "||"),
            &[("a", Some("1")), ("b", Some("2")), ("c", None), ("d", Some("x y"))],
        );
        check("a | b=1 | c", &Delimiters::new("=", " | "), &[("a", None), ("b", Some("1")), ("c", None)]);
    }

    #[test]
    fn keys_may_stand_alone_where_that_is_accepted() {
        check(
            "on a=1 \"o f f\" =x",
            &Delimiters::default(),
            &[("on", None), ("a", Some("1")), ("o f f", Some("x"))],
        );
        check("on a=1 =x", &Delimiters::default(), &[("on", None), ("a", Some("1")), ("=x", None)]);
        let none = Delimiters::default().accept_standalone_key(false);
        check("on a=1", &none, &[("on a", Some("1"))]);
        assert_eq!(
            pairs("a=1 off", &none).unwrap_err(),
            "at byte 7: expected the delimiter of key and value"
        );
    }

    #[test]
    fn what_is_no_pair_is_refused_where_it_begins() {
        for (text, at) in [("", 0), ("   ", 3), ("a=1 \"\"=2", 4), ("\"\"", 0), ("a=\"b \"\"", 5)] {
            let reason = pairs(text, &Delimiters::default()).unwrap_err();
            assert!(reason.starts_with(&format!("at byte {at}: ")), "{text:?}: {reason}");
        }
        let strict = Delimiters::new("=", ",").strict_whitespace(true);
        assert!(pairs("\"a\" =b,c", &strict).unwrap_err().starts_with("at byte 3: "));
    }
}
