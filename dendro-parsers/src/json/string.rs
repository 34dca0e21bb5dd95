//! Strings in JSON.

use std::ops::Range;

use crate::Refused;
use crate::scan::find_either;

/// Where a string stands in a record, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its first byte.
    pub start: usize,
    /// Behind its last byte.
    pub end: usize,
    /// Whether there are escapes in it.
    pub escaped: bool,
}

impl Text {
    /// Its range in the record.
    #[inline]
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The string whose opening quote is before `start`. Escapes are checked; bytes that are not UTF-8 and control characters, which
    /// servers let through, are not.
    #[inline]
    pub(super) fn read(text: &[u8], start: usize) -> Result<Self, Refused> {
        match quote_or_backslash(text, start) {
            Some((end, b'"')) => Ok(Self { start, end, escaped: false }),
            Some((at, _)) => Self::read_escaped(text, start, at),
            None => Err(unended(text)),
        }
    }

    /// From the first backslash on.
    fn read_escaped(text: &[u8], start: usize, backslash: usize) -> Result<Self, Refused> {
        let mut at = backslash;
        loop {
            at += escape(text, at)?;
            match quote_or_backslash(text, at) {
                Some((end, b'"')) => return Ok(Self { start, end, escaped: true }),
                Some((backslash, _)) => at = backslash,
                None => return Err(unended(text)),
            }
        }
    }
}

/// Where the next `"` or `\` is, and which of them.
#[inline(always)]
fn quote_or_backslash(text: &[u8], start: usize) -> Option<(usize, u8)> {
    let at = find_either(b'"', b'\\', text, start)?;
    Some((at, *text.get(at)?))
}

#[cold]
fn unended(text: &[u8]) -> Refused {
    Refused::new(text.len(), "the `\"` that ends the string")
}

/// The length of the escape at `at`.
fn escape(text: &[u8], at: usize) -> Result<usize, Refused> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => match text.get(at + 2..at + 6) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(6),
            _ => Err(Refused::new(at, "`\\u` and four hexadecimal digits")),
        },
        _ => Err(Refused::new(at, "an escape that JSON knows")),
    }
}

/// Appends what a string with escapes stands for. A surrogate without its other half becomes U+FFFD.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((kind, after)) = rest.split_first() else { return };
        rest = after;
        match kind {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (character, len) = unicode(rest);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = rest.get(len..).unwrap_or_default();
            }
            other => out.push(*other),
        }
    }
    out.extend_from_slice(rest);
}

/// The character whose `\u` is before `text`, and how many bytes it takes.
fn unicode(text: &[u8]) -> (char, usize) {
    let unit = |text: &[u8]| {
        let digits = text.get(..4)?;
        digits.iter().try_fold(0u32, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
    };
    let Some(high) = unit(text) else { return (char::REPLACEMENT_CHARACTER, 0) };
    if let 0xd800..0xdc00 = high
        && text.get(4..6) == Some(b"\\u")
        && let Some(low @ 0xdc00..0xe000) = text.get(6..).and_then(unit)
    {
        let scalar = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        let mut out = Vec::new();
        decode(text.as_bytes(), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(decoded(r#"a\"b\\c\/d\b\f\n\r\te"#), "a\"b\\c/d\u{8}\u{c}\n\r\te");
        assert_eq!(decoded(r"\u00e9\u0000\ud83d\ude00!"), "é\0😀!");
        assert_eq!(decoded(r"\ud83d!\ude00\ud83d\u0041\ud83d"), "\u{fffd}!\u{fffd}\u{fffd}A\u{fffd}");
    }

    #[test]
    fn a_string_ends_at_its_first_quote_that_is_not_escaped() {
        let text = br#"a\\\"b\\" c""#;
        assert_eq!(Text::read(text, 0), Ok(Text { start: 0, end: 8, escaped: true }));
        for (text, at) in
            [(&br#"a\"#[..], 1), (br#"\x""#, 0), (br#"\u12g4""#, 0), (br"abc", 3), (br#"\""#, 2)]
        {
            assert_eq!(Text::read(text, 0).map_err(|r| r.at), Err(at));
        }
    }
}
