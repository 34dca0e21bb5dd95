//! The request line of HTTP, as access logs keep it: `GET /path?query HTTP/1.1`.

use std::ops::Range;

use dendro_core::{FieldSchema, ValueType};

use crate::scan::find_within;

/// Where the parts of a request line stand in it.
///
/// - The **method** is what stands before the first space: capital letters, `_` and `-`, which is what nginx takes.
/// - The **protocol** is what stands behind the last space, if that is `HTTP/` and a version.
/// - The **target** is what is between, without the spaces around it; it may hold others. Without a protocol (HTTP/0.9, or a
///   request that was cut) it has to begin with `/` or a scheme and `://`.
/// - The **path** is the target up to its first `?`, the **query** what follows it, `None` if there is no
///   `?`. Of an absolute target (`http://host/path`) it is what follows the host, `/` if nothing does.
///
/// ```
/// use dendro_parsers::http_request::RequestLine;
/// let text = b"GET /a b?c HTTP/1.1";
/// let parts = RequestLine::split(text).unwrap();
/// assert_eq!(&text[parts.method], b"GET");
/// assert_eq!(&text[parts.path], b"/a b");
/// assert_eq!(&text[parts.query.unwrap()], b"c");
/// assert_eq!(&text[parts.protocol.unwrap()], b"HTTP/1.1");
/// assert_eq!(RequestLine::split(b"\x16\x03\x01"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// The method.
    pub method: Range<usize>,
    /// The path; never empty.
    pub path: Range<usize>,
    /// What follows the first `?`; may be empty.
    pub query: Option<Range<usize>>,
    /// The protocol with its version.
    pub protocol: Option<Range<usize>>,
}

impl RequestLine {
    /// The parts; `None` if the text can't be split into at least method and target.
    #[inline]
    pub fn split(text: &[u8]) -> Option<Self> {
        Self::split_at(text, 0..text.len())
    }

    /// The parts of the request line that stands at `range` in a text, as ranges of that text.
    #[inline]
    pub fn split_at(text: &[u8], range: Range<usize>) -> Option<Self> {
        let Range { start: begin, end: finish } = range;
        let request = text.get(begin..finish)?;
        let method = begin + method_len(request)?;
        let protocol = protocol_start(request).map(|at| begin + at);
        // One behind the method and one before the protocol is a space.
        let (start, end) = (method + 1, protocol.map_or(finish, |at| at - 1));
        let (path, query) = match text.get(start..end)? {
            // What a client normally sends: no spaces around the target, and no scheme.
            [b'/', .., last] if *last != b' ' => at_question(text, start..end),
            [b'/'] => (start..end, None),
            _ => unusual_target(text, start..end, protocol.is_some())?,
        };
        Some(Self { method: begin..method, path, query, protocol: protocol.map(|at| at..finish) })
    }
}

/// What access logs publish of method, path, query and protocol.
pub(crate) fn parts_schema() -> [FieldSchema; 4] {
    use ValueType::Str;
    [
        FieldSchema::dimension("method", Str)
            .otel("http.request.method")
            .doc("The method of the request line."),
        FieldSchema::attribute("path", Str)
            .otel("url.path")
            .doc("The path of the request line, percent-encoding kept."),
        FieldSchema::attribute("query", Str)
            .otel("url.query")
            .doc("What follows the first `?`; empty if nothing does, null if there is none."),
        FieldSchema::dimension("protocol", Str)
            .otel("network.protocol.version")
            .doc("The protocol with its version, as in HTTP/1.1."),
    ]
}

/// How long the method is that `text` begins with; a space follows it.
#[inline]
fn method_len(text: &[u8]) -> Option<usize> {
    let Some(head) = text.first_chunk::<8>() else { return any_method_len(text) };
    // Of up to seven capital letters, without a branch for each length.
    let head = u64::from_le_bytes(*head);
    let spaces = head ^ 0x2020_2020_2020_2020;
    let first_space = spaces.wrapping_sub(0x0101_0101_0101_0101) & !spaces & 0x8080_8080_8080_8080;
    let bits = first_space.trailing_zeros().saturating_sub(7);
    if first_space == 0 || bits == 0 {
        return any_method_len(text);
    }
    // What stands behind the method counts as an `A`.
    let behind = u64::MAX << bits;
    let letters = (head & !behind) | (0x4141_4141_4141_4141 & behind);
    let from_a = letters.wrapping_add(0x3f3f_3f3f_3f3f_3f3f);
    let beyond_z = letters.wrapping_add(0x2525_2525_2525_2525);
    let capital = from_a & !beyond_z & !letters & 0x8080_8080_8080_8080;
    if capital == 0x8080_8080_8080_8080 { Some(bits as usize / 8) } else { any_method_len(text) }
}

fn any_method_len(text: &[u8]) -> Option<usize> {
    let len = text.iter().position(|b| !matches!(b, b'A'..=b'Z' | b'_' | b'-'))?;
    (len > 0 && text[len] == b' ').then_some(len)
}

/// Where the protocol begins that `text` ends with; a space stands before it.
#[inline]
fn protocol_start(text: &[u8]) -> Option<usize> {
    // All but the digit before the point, as one word.
    const SHAPE: u64 = u64::from_le_bytes(*b" HTTP/\0.");
    const FIXED: u64 = u64::from_le_bytes([255, 255, 255, 255, 255, 255, 0, 255]);
    if let Some([fixed @ .., minor]) = text.last_chunk::<9>() {
        let major = fixed[6];
        if u64::from_le_bytes(*fixed) & FIXED == SHAPE && major.is_ascii_digit() && minor.is_ascii_digit() {
            return Some(text.len() - 8);
        }
    }
    protocol_of_any_version(text)
}

#[cold]
fn protocol_of_any_version(text: &[u8]) -> Option<usize> {
    let start = memchr::memrchr(b' ', text)? + 1;
    let version = text[start..].strip_prefix(b"HTTP/")?;
    let plausible = version.first().is_some_and(u8::is_ascii_digit)
        && version.last().is_some_and(u8::is_ascii_digit)
        && version.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    plausible.then_some(start)
}

/// Path and query.
type Target = (Range<usize>, Option<Range<usize>>);

/// The parts of a target that begins with its path.
#[inline]
fn at_question(text: &[u8], target: Range<usize>) -> Target {
    match find_within(b'?', text, target.clone()) {
        None => (target, None),
        Some(at) => (target.start..at, Some(at + 1..target.end)),
    }
}

/// The parts of a target with spaces around it, of an absolute one, or of one that is no path (`*`, or the
/// `host:port` of `CONNECT`).
#[cold]
fn unusual_target(text: &[u8], spaced: Range<usize>, has_protocol: bool) -> Option<Target> {
    let with_spaces = text.get(spaced.clone())?;
    let trimmed = with_spaces.trim_ascii_start();
    let start = spaced.end - trimmed.len();
    let target = trimmed.trim_ascii_end();
    let end = start + target.len();
    if target.first()? == &b'/' {
        return Some(at_question(text, start..end));
    }
    let Some(scheme) = scheme_len(target) else {
        return has_protocol.then(|| at_question(text, start..end));
    };
    let host = scheme + 3;
    Some(match target[host..].iter().position(|b| matches!(b, b'/' | b'?')) {
        Some(at) if target[host + at] == b'/' => at_question(text, start + host + at..end),
        // There is no path: the last slash before the host stands for it.
        at => {
            let slash = start + host - 1;
            (slash..slash + 1, at.map(|at| start + host + at + 1..end))
        }
    })
}

/// How long the scheme is, if the target begins with one and `://`.
fn scheme_len(target: &[u8]) -> Option<usize> {
    let len = target.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')))?;
    (target[0].is_ascii_alphabetic() && target[len..].starts_with(b"://")).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Method, path, query and protocol.
    type Parts<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>);

    fn parts(text: &str) -> Option<Parts<'_>> {
        let line = RequestLine::split(text.as_bytes())?;
        Some((
            &text[line.method],
            &text[line.path],
            line.query.map(|r| &text[r]),
            line.protocol.map(|r| &text[r]),
        ))
    }

    const H11: Option<&str> = Some("HTTP/1.1");

    #[test]
    fn what_clients_send_is_split() {
        for (text, expected) in [
            ("GET / HTTP/1.1", ("GET", "/", None, H11)),
            ("A / HTTP/1.1", ("A", "/", None, H11)),
            ("OPTIONS * HTTP/1.1", ("OPTIONS", "*", None, H11)),
            ("PROPFIND /a HTTP/1.1", ("PROPFIND", "/a", None, H11)),
            ("GET /? HTTP/1.1", ("GET", "/", Some(""), H11)),
            ("GET /a?b=c?d HTTP/2.0", ("GET", "/a", Some("b=c?d"), Some("HTTP/2.0"))),
            ("M-SEARCH * HTTP/1.1", ("M-SEARCH", "*", None, H11)),
            ("VERSION_CONTROL /a HTTP/3", ("VERSION_CONTROL", "/a", None, Some("HTTP/3"))),
            ("CONNECT example.com:443 HTTP/1.1", ("CONNECT", "example.com:443", None, H11)),
            ("GET http://example.com/a?b HTTP/1.1", ("GET", "/a", Some("b"), H11)),
            ("GET http://example.com HTTP/1.1", ("GET", "/", None, H11)),
            ("GET http://example.com?b HTTP/1.1", ("GET", "/", Some("b"), H11)),
            ("GET http:///a HTTP/1.1", ("GET", "/a", None, H11)),
            ("GET /cgi-bin/.%2e/bin/sh HTTP/1.1", ("GET", "/cgi-bin/.%2e/bin/sh", None, H11)),
        ] {
            assert_eq!(parts(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_uri_with_spaces_is_kept_whole() {
        for (text, expected) in [
            ("GET /a b HTTP/1.1", ("GET", "/a b", None, H11)),
            ("GET /a b?c d HTTP/1.1", ("GET", "/a b", Some("c d"), H11)),
            ("GET  /two  HTTP/1.1", ("GET", "/two", None, H11)),
            ("GET /a HTTP/1.1 HTTP/1.1", ("GET", "/a HTTP/1.1", None, H11)),
            ("GET /a HTTP/x", ("GET", "/a HTTP/x", None, None)),
        ] {
            assert_eq!(parts(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_request_without_protocol_is_split_if_its_target_is_one() {
        assert_eq!(parts("GET /"), Some(("GET", "/", None, None)));
        assert_eq!(parts("GET /a "), Some(("GET", "/a", None, None)));
        assert_eq!(parts("GET http://h/a?"), Some(("GET", "/a", Some(""), None)));
        assert_eq!(parts("HELLO world"), None);
        assert_eq!(parts("GET HTTP/1.1"), None);
    }

    #[test]
    fn what_is_no_request_is_not_split() {
        for text in [
            "",
            " ",
            "GET",
            "GET ",
            "GET  ",
            "HELP",
            "stats",
            "SSH-2.0-Go",
            "get / HTTP/1.1",
            "G@T / HTTP/1.1",
            "G[T / HTTP/1.1",
            "G\u{c1}T / HTTP/1.1",
            " GET / HTTP/1.1",
            "\0\0",
            "\u{16}\u{3}\u{1} / HTTP/1.1",
            "HTTP/1.1",
            "GET  HTTP/1.1",
            "GET\t/ HTTP/1.1",
            "/ HTTP/1.1",
            "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}",
        ] {
            assert_eq!(parts(text), None, "{text:?}");
        }
    }
}
