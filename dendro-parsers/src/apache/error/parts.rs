//! The parts that lines of Apache's error log have in common.

use std::net::Ipv6Addr;
use std::ops::Range;

use crate::numbers::leading_u64;

/// The levels, the most severe first, as `ErrorLogFormat` counts them.
const LEVELS: [&[u8]; 16] = [
    b"emerg", b"alert", b"crit", b"error", b"warn", b"notice", b"info", b"debug", b"trace1", b"trace2",
    b"trace3", b"trace4", b"trace5", b"trace6", b"trace7", b"trace8",
];

/// The number of the level that `text` begins with, and its length.
pub(super) fn leading_level(text: &[u8]) -> Option<(usize, usize)> {
    let number = LEVELS.iter().position(|level| text.starts_with(level))?;
    Some((number, LEVELS[number].len()))
}

/// The number of a level.
pub(super) fn level(text: &[u8]) -> Option<usize> {
    leading_level(text).filter(|(_, len)| *len == text.len()).map(|(number, _)| number)
}

/// From this level on httpd tells where in its source an event comes from.
pub(super) const DEBUG: usize = 7;

/// An error of the operating system or of APR, as in `(70007)The timeout specified has expired`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OsError {
    pub(super) code: u64,
    /// Where `EAI` (of name resolution) or `OS` (of Windows) stands, whose numbers are other ones.
    pub(super) class: Option<Range<usize>>,
    /// Where its text begins.
    pub(super) text: usize,
}

/// The error that `text` begins with.
pub(super) fn leading_os_error(text: &[u8]) -> Option<OsError> {
    let inner = text.strip_prefix(b"(")?;
    let class = [&b"EAI "[..], b"OS ", b"os "].into_iter().find(|class| inner.starts_with(class));
    let class_len = class.map_or(0, <[u8]>::len);
    let number = &inner[class_len..];
    let (code, len) = match number.strip_prefix(b"0x") {
        Some(digits) => leading_hex(digits).map(|(code, len)| (code, len + 2))?,
        None => leading_u64(number)?,
    };
    let text = number[len..].starts_with(b")").then_some(1 + class_len + len + 1)?;
    Some(OsError { code, class: class.map(|class| 1..class.len()), text })
}

fn leading_hex(text: &[u8]) -> Option<(u64, usize)> {
    let digits = text.iter().take(8).map_while(|byte| char::from(*byte).to_digit(16));
    let (code, len) = digits.fold((0, 0), |(code, len), digit| (code << 4 | u64::from(digit), len + 1));
    (len > 0).then_some((code, len))
}

/// The place in httpd's source that `text` begins with, as in `core.c(4739)`: the length of the file, the line, and the length of all.
pub(super) fn leading_source(text: &[u8]) -> Option<(usize, u64, usize)> {
    let file = text.iter().position(|byte| matches!(byte, b'(' | b' ' | b'[' | b']'))?;
    let (line, len) = leading_u64(text[file..].strip_prefix(b"(")?)?;
    let end = file + 1 + len;
    (file > 0 && text[end..].starts_with(b")")).then_some((file, line, end + 1))
}

/// The address in `text`, and its port.
///
/// httpd 2.4 writes both with a colon between and IPv6 addresses without brackets, so that the last colon is that of the port; httpd 2.2
/// writes no port. Where both could be meant, `has_port` tells.
pub(super) fn address(text: &[u8], has_port: bool) -> (usize, Option<u64>) {
    let whole = (text.len(), None);
    let Some(colon) = memchr::memrchr(b':', text) else { return whole };
    let port = match leading_u64(&text[colon + 1..]) {
        Some((port @ 0..=65_535, len)) if colon + 1 + len == text.len() => port,
        _ => return whole,
    };
    let bare = has_port
        && !(is_ipv6(text) && !is_ipv6(&text[..colon]) && memchr::memchr(b':', &text[..colon]).is_some());
    if bare || !is_ipv6(text) { (colon, Some(port)) } else { whole }
}

/// Whether it is an IPv6 address, with or without a scope.
fn is_ipv6(text: &[u8]) -> bool {
    let address = text.split(|byte| *byte == b'%').next().unwrap_or_default();
    std::str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Whether it may be the address of a client, with its port: some letters, digits and at least one point or colon.
pub(super) fn is_address(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'.' | b':'))
        && text.last() != Some(&b':')
        && text.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'%' | b'-' | b'_' | b'/')
        })
}

/// The length of the message's code, as in `AH00128: File does not exist`: five digits, but some have six by mistake.
pub(super) fn code_len(message: &[u8]) -> Option<usize> {
    match message {
        [b'A', b'H', digits @ ..] => {
            let (_, len) = leading_u64(digits)?;
            (matches!(len, 5 | 6) && digits[len..].starts_with(b": ")).then_some(2 + len)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_colon_is_the_one_before_the_port() {
        for (text, has_port, expected) in [
            ("192.0.2.7:55254", true, ("192.0.2.7", Some(55254))),
            ("192.0.2.7:55254", false, ("192.0.2.7", Some(55254))),
            ("192.0.2.7:0", true, ("192.0.2.7", Some(0))),
            ("192.0.2.7", true, ("192.0.2.7", None)),
            ("::1:55254", true, ("::1", Some(55254))),
            ("::1", false, ("::1", None)),
            ("2001:db8::7:80", true, ("2001:db8::7", Some(80))),
            ("2001:db8::7:80", false, ("2001:db8::7:80", None)),
            ("2001:db8:1:2:3:4:5:6", true, ("2001:db8:1:2:3:4:5:6", None)),
            ("2001:db8:1:2:3:4:5:6:443", true, ("2001:db8:1:2:3:4:5:6", Some(443))),
            ("2001:db8:1:2:3:4:5:6:443", false, ("2001:db8:1:2:3:4:5:6", Some(443))),
            ("::ffff:192.0.2.1:80", true, ("::ffff:192.0.2.1", Some(80))),
            ("fe80::1%eth0:80", true, ("fe80::1%eth0", Some(80))),
            ("::1:70000", false, ("::1:70000", None)),
            ("client.example", true, ("client.example", None)),
            (":", true, (":", None)),
        ] {
            let (len, port) = address(text.as_bytes(), has_port);
            assert_eq!((&text[..len], port), expected, "{text}");
        }
    }

    #[test]
    fn errors_are_of_the_system_of_name_resolution_or_of_windows() {
        for (text, expected) in [
            ("(2)No such file", Some((2, None, "No such file"))),
            ("(EAI 2)Name or service not known", Some((2, Some("EAI"), "Name or service not known"))),
            ("(OS 10054)An existing", Some((10054, Some("OS"), "An existing"))),
            ("(os 0x80072746)x", Some((0x8007_2746, Some("os"), "x"))),
            ("(2 )x", None),
            ("()x", None),
            ("(x)", None),
            ("(2", None),
        ] {
            let found = leading_os_error(text.as_bytes())
                .map(|error| (error.code, error.class.map(|class| &text[class]), &text[error.text..]));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_place_in_the_source_is_a_file_and_a_line() {
        assert_eq!(leading_source(b"core.c(4739): x"), Some((6, 4739, 12)));
        for text in ["(1)", "a b.c(1)", "core.c(x)", "core.c(1", "core.c", ""] {
            assert_eq!(leading_source(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_code_is_ah_and_five_digits_or_six() {
        assert_eq!(code_len(b"AH00128: x"), Some(7));
        assert_eq!(code_len(b"AH010033: x"), Some(8));
        for text in ["AH0012: x", "AH0012890: x", "AH00128 x", "ah00128: x", "AHxxxxx: ", ""] {
            assert_eq!(code_len(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn levels_are_counted_from_the_most_severe() {
        assert_eq!((level(b"emerg"), level(b"debug"), level(b"trace8")), (Some(0), Some(DEBUG), Some(15)));
        for text in ["", "errors", "trace9", "ERROR", "trace"] {
            assert_eq!(level(text.as_bytes()), None, "{text}");
        }
    }
}
