//! What nginx's own messages say in a fixed form.

use std::ops::Range;

use memchr::memmem;

use crate::numbers::leading_u64;

/// The error of the operating system, as in `open() "/x" failed (2: No such file or directory) while ...`: its number, and
/// where its text stands in the message.
pub(super) fn os_error(message: &[u8]) -> Option<(u64, Range<usize>)> {
    let end = memchr::memrchr(b')', message)?;
    let behind = &message[end + 1..];
    if !behind.is_empty() && ![&b" while "[..], b" using "].iter().any(|word| behind.starts_with(word)) {
        return None;
    }
    let open = memmem::rfind(&message[..end], b" (")? + 2;
    let (number, len) = leading_u64(&message[open..end])?;
    let text = open + len + 2;
    message[open + len..].starts_with(b": ").then_some((number, text..end))
}

/// How far a client exceeds `limit_req`, and where the name of the zone stands, as in
/// `limiting requests, excess: 1.996 by zone "one"`; and where that begins.
pub(super) fn excess(message: &[u8]) -> Option<(usize, f64, Range<usize>)> {
    const KEY: &[u8] = b", excess: ";
    let start = memmem::rfind(message, KEY)?;
    let number = &message[start + KEY.len()..];
    let len = number.iter().position(|byte| !(byte.is_ascii_digit() || *byte == b'.'))?;
    let value = std::str::from_utf8(&number[..len]).ok()?.parse().ok()?;
    let behind = number[len..].strip_prefix(b",").unwrap_or(&number[len..]);
    let zone = behind.strip_prefix(b" by zone \"")?.strip_suffix(b"\"")?;
    let end = message.len() - 1;
    Some((start, value, end - zone.len()..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(message: &str) -> Option<(u64, &str)> {
        os_error(message.as_bytes()).map(|(number, text)| (number, &message[text]))
    }

    #[test]
    fn the_error_of_the_operating_system_is_the_last_in_parentheses() {
        let missing = Some((2, "No such file or directory"));
        for (message, expected) in [
            (r#"open() "/x" failed (2: No such file or directory)"#, missing),
            (r#"open() "/(13: y) z" failed (2: No such file or directory)"#, missing),
            ("connect() failed (2: No such file or directory) while connecting to upstream", missing),
            ("SSL_do_handshake() failed (SSL: error:0A00:x) while SSL handshaking", None),
            ("signal 3 (SIGQUIT) received from 19105, shutting down", None),
            (r#"user "x (2: y)" was not found"#, None),
            (")", None),
            (" ()", None),
            (" (2)", None),
            (" (2: )", Some((2, ""))),
        ] {
            assert_eq!(error(message), expected, "{message}");
        }
    }

    #[test]
    fn what_limits_requests_names_its_zone() {
        for (message, expected) in [
            (r#"limiting requests, excess: 1.996 by zone "one""#, Some((17, 1.996, "one"))),
            (r#"delaying request, excess: 0.997, by zone "a b""#, Some((16, 0.997, "a b"))),
            (r#"limiting requests, dry run, excess: 1.484 by zone "x""#, Some((26, 1.484, "x"))),
            (r#"limiting connections by zone "one""#, None),
            (r#", excess: 1.1.1 by zone "x""#, None),
            (r#", excess: 1 by zone "#, None),
            (", excess: ", None),
        ] {
            let found = excess(message.as_bytes()).map(|(start, value, zone)| (start, value, &message[zone]));
            assert_eq!(found, expected, "{message}");
        }
    }
}
