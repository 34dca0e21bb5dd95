//! IP addresses.

use std::net::Ipv6Addr;
use std::ops::Range;

/// An IPv4 address that begins at `at`.
pub(super) fn v4(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    // Not the end of a longer number with dots, a version for instance.
    if at >= 2 && bytes[at - 1] == b'.' && bytes[at - 2].is_ascii_digit() {
        return None;
    }
    let mut end = at;
    for octet in 0..4 {
        let digits = super::run(bytes, end, |byte| byte.is_ascii_digit());
        let value = bytes[end..end + digits.min(4)].iter().fold(0u32, |n, d| n * 10 + u32::from(d - b'0'));
        if !(1..=3).contains(&digits) || value > 255 {
            return None;
        }
        end += digits;
        if octet < 3 {
            if bytes.get(end) != Some(&b'.') {
                return None;
            }
            end += 1;
        }
    }
    let goes_on = match bytes.get(end) {
        Some(b'.') => bytes.get(end + 1).is_some_and(u8::is_ascii_digit),
        Some(byte) => super::is_word(*byte),
        None => false,
    };
    (!goes_on).then_some(at..end)
}

/// An IPv6 address whose first colon is at `colon`; it begins at `from` at the earliest.
pub(super) fn v6_from(text: &str, colon: usize, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let before = bytes[from..colon].iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let start = colon - before;
    let outside = |byte: u8| super::is_word(byte) || byte == b':';
    if start > from && outside(bytes[start - 1]) {
        return None;
    }
    let len = super::run(bytes, start, |byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.');
    // A colon or dot at the end belongs to the sentence, unless it is the end of `::`.
    let trimmed = text.get(start..start + len)?.trim_end_matches('.');
    let candidates = [trimmed, trimmed.strip_suffix(':').unwrap_or(trimmed)];
    // `::` alone says nothing about anybody.
    let address = candidates.into_iter().find(|a| a.len() > 2 && a.parse::<Ipv6Addr>().is_ok())?;
    let end = start + address.len();
    (!bytes.get(end).is_some_and(|byte| super::is_word(*byte))).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, find};

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find(text, [Kind::Ip].into_iter().collect(), &mut found);
        found.into_iter().map(|f| &text[f.range]).collect()
    }

    #[test]
    fn addresses_are_found_and_versions_times_and_paths_are_not() {
        assert_eq!(found("10.0.0.7:8080 (192.168.1.255). 1.2.3.4"), ["10.0.0.7", "192.168.1.255", "1.2.3.4"]);
        assert_eq!(found("1.2.3.4.5 256.1.1.1 1.2.3 v1.2.3.4x 12:30:45 a::b::c Foo::bar"), [""; 0]);
        assert_eq!(
            found("[2001:db8::1]:443 fe80::1%eth0 ::1, ::ffff:10.0.0.1"),
            ["2001:db8::1", "fe80::1", "::1", "::ffff:10.0.0.1"]
        );
        assert_eq!(found("00:1a:2b:3c:4d:5e std::net ::"), [""; 0]);
    }
}
