//! Where the values of a line stand.

use std::ops::Range;

use crate::Refused;
use crate::http_request::RequestLine;
use crate::numbers::leading_u64;
use crate::scan;

/// The values of a line: words, or texts in quotes, with a space between.
pub(super) struct Values<'a> {
    line: &'a [u8],
    at: usize,
}

const QUOTE: &str = "a quote at the end of the value";
const VALUE: &str = "a value behind the space";

impl<'a> Values<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        // Some copies have a space at the end.
        Self { line: line.trim_ascii_end(), at: 0 }
    }

    /// The next value; `None` at the end.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<Value>, Refused> {
        let start = self.at;
        let Some(rest) = self.line.get(start..) else { return Ok(None) };
        let (value, end) = match rest {
            [b'"', text @ ..] => {
                let (len, escaped) = quoted(text).ok_or(Refused::new(self.line.len(), QUOTE))?;
                let end = start + 1 + len;
                (Value { range: start + 1..end, escaped }, end + 1)
            }
            [] | [b' ', ..] => return Err(Refused::new(start, VALUE)),
            _ => {
                let (len, escaped) = word(rest);
                (Value { range: start..start + len, escaped }, start + len)
            }
        };
        self.at = end + 1;
        Ok(Some(value))
    }
}

/// A value without its quotes.
pub(super) struct Value {
    pub(super) range: Range<usize>,
    /// Whether there is a backslash in it.
    pub(super) escaped: bool,
}

/// The length of a text up to its quote, and whether there is a backslash in it. Quotes in it are escaped; one that is not is taken
/// for the end only if a space or the end of the line follows.
#[inline(always)]
fn quoted(text: &[u8]) -> Option<(usize, bool)> {
    let first = scan::search2(b'"', b'\\', text)?;
    match text[first..] {
        [b'"'] | [b'"', b' ', ..] => Some((first, false)),
        _ => odd_quoted(text, first),
    }
}

#[inline(never)]
fn odd_quoted(text: &[u8], first: usize) -> Option<(usize, bool)> {
    let len = memchr::memchr_iter(b'"', &text[first..])
        .map(|at| first + at)
        .find(|at| matches!(text.get(at + 1), None | Some(b' ')))?;
    Some((len, memchr::memchr(b'\\', &text[first..len]).is_some()))
}

/// The length of a text up to a space or the end, and whether there is a backslash in it.
#[inline(always)]
fn word(text: &[u8]) -> (usize, bool) {
    match scan::search2(b' ', b'\\', text) {
        Some(at) if text[at] == b'\\' => {
            (memchr::memchr(b' ', &text[at..]).map_or(text.len(), |len| at + len), true)
        }
        space => (space.unwrap_or(text.len()), false),
    }
}

/// An address and its port, as they stand in `text` at `at`: `192.0.2.7:443`, `[2001:db8::7]:443`, `2001:db8::7:443`.
pub(super) fn address(text: &[u8], at: usize) -> (Range<usize>, Option<u64>) {
    let colon = memchr::memrchr(b':', text);
    let port = colon.and_then(|colon| match leading_u64(&text[colon + 1..]) {
        Some((port @ 0..=65_535, len)) if colon + 1 + len == text.len() => Some((colon, port)),
        _ => None,
    });
    let end = match (port, colon) {
        (Some((colon, _)), _) => colon,
        (None, Some(colon)) if text[colon + 1..] == *b"-" => colon,
        _ => text.len(),
    };
    let ip = match &text[..end] {
        [b'[', inner @ .., b']'] => at + 1..at + 1 + inner.len(),
        _ => at..at + end,
    };
    (ip, port.map(|(_, port)| port))
}

/// The URL of a request line, and its host and port.
pub(super) struct Url {
    pub(super) whole: Range<usize>,
    pub(super) host: Option<Range<usize>>,
    pub(super) port: Option<u64>,
}

/// The parts of the request line at `range`; `None` if it can't be split, as the `- http://host:80- -` of a request that was
/// none.
pub(super) fn request(line: &[u8], range: Range<usize>) -> Option<(RequestLine, Url)> {
    let end = range.end;
    let parts = RequestLine::split_at(line, range)?;
    if line.get(parts.method.clone()) == Some(b"-") {
        return None;
    }
    let start = parts.method.end + 1;
    let end = parts.protocol.as_ref().map_or(end, |protocol| protocol.start - 1);
    let spaced = line.get(start..end)?;
    let start = start + spaced.len() - spaced.trim_ascii_start().len();
    let whole = start..start + spaced.trim_ascii().len();
    let mut url = Url { whole: whole.clone(), host: None, port: None };
    let text = line.get(whole.clone())?;
    // Mostly near the front: setting up a search costs more than the search.
    if let Some(scheme) = text.windows(3).position(|window| window == b"://") {
        let authority = &text[scheme + 3..];
        let len = authority.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(authority.len());
        let (host, port) = address(&authority[..len], whole.start + scheme + 3);
        (url.host, url.port) = (Some(host).filter(|host| !host.is_empty()), port);
    }
    Some((parts, url))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn values(line: &str) -> Result<Vec<&str>, String> {
        let mut values = Values::new(line.as_bytes());
        let mut found = Vec::new();
        while let Some(Value { range, escaped }) = values.next().map_err(|refused| refused.to_string())? {
            assert_eq!(escaped, line[range.clone()].contains('\\'));
            found.push(&line[range]);
        }
        Ok(found)
    }

    #[test]
    fn values_are_words_and_texts_in_quotes() {
        assert_eq!(values(r#"a "b c" - "" d"#).unwrap(), ["a", "b c", "-", "", "d"]);
        assert_eq!(values(r#""a "b"c" d "#).unwrap(), [r#"a "b"c"#, "d"]);
        assert_eq!(
            values(r#"a\x20 "b\x22" "c\x22d "e" f"#).unwrap(),
            [r"a\x20", r"b\x22", r#"c\x22d "e"#, "f"]
        );
    }

    #[test]
    fn what_is_not_ended_is_refused() {
        assert_eq!(values("a  b").unwrap_err(), "at byte 2: expected a value behind the space");
        assert_eq!(values("a \"b c").unwrap_err(), "at byte 6: expected a quote at the end of the value");
    }

    #[test]
    fn addresses_are_split_at_the_last_colon() {
        for (text, ip, port) in [
            ("192.0.2.7:443", "192.0.2.7", Some(443)),
            ("[2001:db8::7]:443", "2001:db8::7", Some(443)),
            ("2001:db8::7:443", "2001:db8::7", Some(443)),
            ("192.0.2.7", "192.0.2.7", None),
            ("192.0.2.7:-", "192.0.2.7", None),
            ("host:99999", "host:99999", None),
            (":80", "", Some(80)),
        ] {
            let (range, found) = address(text.as_bytes(), 0);
            assert_eq!((&text[range], found), (ip, port), "{text}");
        }
    }

    #[test]
    fn a_request_that_was_none_is_not_split() {
        for text in ["- http://lb:80- -", "- - - ", "-", ""] {
            assert!(request(text.as_bytes(), 0..text.len()).is_none(), "{text}");
        }
        let text = "GET https://[2001:db8::1]:8443?a HTTP/2.0";
        let (_, url) = request(text.as_bytes(), 0..text.len()).unwrap();
        assert_eq!(
            (&text[url.whole], &text[url.host.unwrap()], url.port),
            ("https://[2001:db8::1]:8443?a", "2001:db8::1", Some(8443))
        );
    }
}
