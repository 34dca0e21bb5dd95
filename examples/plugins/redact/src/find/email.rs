//! E-mail addresses.

use std::ops::Range;

/// The address around the `@` at `at`; it begins at `from` at the earliest.
pub(super) fn around(bytes: &[u8], at: usize, from: usize) -> Option<Range<usize>> {
    let local = bytes[from..at].iter().rev().take_while(|byte| is_local(**byte)).count();
    let start = at - local;
    // Dots at the edges belong to the sentence.
    let start = start + bytes[start..at].iter().take_while(|byte| **byte == b'.').count();
    let domain =
        super::run(bytes, at + 1, |byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
    let domain = &bytes[at + 1..at + 1 + domain];
    let trailing = domain.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    let domain = &domain[..domain.len() - trailing];
    let top = domain.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let is_domain = top.len() < domain.len() && top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic);
    (start < at && is_domain).then(|| start..at + 1 + domain.len())
}

/// What stands before the `@` without quotes (RFC 5322, atext and dots).
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte) && !b"'=/`{|}".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, find};

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find(text, [Kind::Email].into_iter().collect(), &mut found);
        found.into_iter().map(|f| &text[f.range]).collect()
    }

    #[test]
    fn addresses_are_found_whatever_stands_around_them() {
        assert_eq!(
            found("<ann@example.org>, bob.b+x@a-b.example.co.uk."),
            ["ann@example.org", "bob.b+x@a-b.example.co.uk"]
        );
        assert_eq!(found("user=ann@example.org&x"), ["ann@example.org"]);
        assert_eq!(found("a@b.cc@d.ee"), ["a@b.cc"]);
        assert_eq!(found("@example.org a@ a@b a@b.c a@.. ssh git@host"), [""; 0]);
    }
}
