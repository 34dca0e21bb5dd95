//! What is looked for in text.

use std::net::Ipv6Addr;
use std::ops::Range;

use crate::ConfigError;
use crate::pattern::Pattern;

/// One kind of thing that is not to be seen.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) label: String,
    pattern: Pattern,
    /// Without one of these there is nothing to be found; empty if that can't be told.
    needs: &'static [&'static [u8]],
    check: Check,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    None,
    Ipv4,
    Ipv6,
    Luhn,
}

impl Rule {
    pub(super) fn own(label: String, regex: &str) -> Result<Self, ConfigError> {
        Ok(Self { label, pattern: Pattern::new(regex)?, needs: &[], check: Check::None })
    }

    fn new(
        label: &str,
        regex: &str,
        needs: &'static [&'static [u8]],
        check: Check,
    ) -> Result<Self, ConfigError> {
        Ok(Self { needs, check, ..Self::own(label.to_owned(), regex)? })
    }

    /// Also where the `@` is percent-encoded, and with letters of any script.
    pub(super) fn email() -> Result<Self, ConfigError> {
        let regex =
            r"(?-u)[A-Za-z0-9._%+'\x80-\xff-]+(?:@|%40)[A-Za-z0-9\x80-\xff-]+(?:\.[A-Za-z0-9\x80-\xff-]+)+";
        Self::new("email", regex, &[b"@", b"%40"], Check::None)
    }

    pub(super) fn ipv4() -> Result<Self, ConfigError> {
        Self::new("ip", r"(?-u)[0-9]{1,3}(?:\.[0-9]{1,3}){3}", &[b"."], Check::Ipv4)
    }

    pub(super) fn ipv6() -> Result<Self, ConfigError> {
        Self::new(
            "ip",
            r"(?-u)[0-9A-Fa-f:]*:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:]*",
            &[b":"],
            Check::Ipv6,
        )
    }

    pub(super) fn card_number() -> Result<Self, ConfigError> {
        Self::new("card", r"(?-u)[0-9](?:[ -]?[0-9]){12,18}", &[], Check::Luhn)
    }

    /// JSON web tokens, keys of AWS, GitHub and Slack, `Authorization` credentials, private keys, and the values of parameters that are named as secrets are.
    pub(super) fn secrets() -> Result<Vec<Self>, ConfigError> {
        let rules: [(&str, &'static [&'static [u8]]); 7] = [
            (r"(?-u)eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", &[b"eyJ"]),
            (r"(?-u)\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b", &[b"AKIA", b"ASIA", b"AROA", b"AIDA"]),
            (r"(?-u)\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{22,}", &[b"gh", b"github_pat_"]),
            (r"(?-u)\bxox[abeoprs]-[A-Za-z0-9-]{10,}", &[b"xox"]),
            (r"(?i-u)\b(?:bearer|basic)(?:\s|\+|%20)+[A-Za-z0-9._~+/%-]{8,}=*", &[]),
            (
                r"(?s-u)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
                &[b"PRIVATE KEY-----"],
            ),
            (
                r#"(?i-u)\b(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?(?:key|token)|secret[_-]?(?:access[_-]?)?key|aws_secret_access_key)["']?\s*[=:]\s*["']?[^\s&"',;]+"#,
                &[b"=", b":"],
            ),
        ];
        rules.into_iter().map(|(regex, needs)| Self::new("secret", regex, needs, Check::None)).collect()
    }

    /// Calls `found` with each place.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) {
        if !self.needs.is_empty()
            && !self.needs.iter().any(|needle| memchr::memmem::find(text, needle).is_some())
        {
            return;
        }
        if self.check == Check::Luhn {
            return find_card_numbers(text, found);
        }
        for range in self.pattern.find_iter(text) {
            if let Some(range) = self.check.checked(text, range) {
                found(range);
            }
        }
    }
}

impl Check {
    /// The place of the thing, if it is one.
    fn checked(self, text: &[u8], range: Range<usize>) -> Option<Range<usize>> {
        let part = &text[range.clone()];
        let stands_alone = |range: &Range<usize>, also: &[u8]| {
            let part_of_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || also.contains(b);
            let before = range.start.checked_sub(1).and_then(|i| text.get(i));
            !before.is_some_and(part_of_word)
                && !text.get(range.end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
        };
        let is_it = match self {
            Self::None => !range.is_empty(),
            Self::Ipv4 => {
                // Five numbers are a version, or the like.
                let goes_on = text[range.end..].starts_with(b".")
                    && text.get(range.end + 1).is_some_and(u8::is_ascii_digit);
                part.split(|b| *b == b'.').all(|octet| number(octet) <= 255)
                    && stands_alone(&range, b".")
                    && !goes_on
            }
            Self::Ipv6 => {
                // A colon behind an address is not of it.
                let end = part.len() - usize::from(part.ends_with(b":") && !part.ends_with(b"::"));
                let range = range.start..range.start + end;
                let address =
                    std::str::from_utf8(&text[range.clone()]).ok().and_then(|t| t.parse::<Ipv6Addr>().ok());
                return (address.is_some_and(|a| !a.is_unspecified()) && stands_alone(&range, b""))
                    .then_some(range);
            }
            Self::Luhn => false,
        };
        is_it.then_some(range)
    }
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'))
}

/// 13 to 19 digits, a space or a hyphen between them or not: from each group of digits the longest that is a card number, so
/// that numbers that stand side by side are told apart.
fn find_card_numbers(text: &[u8], mut found: impl FnMut(Range<usize>)) {
    let is_word = |at: usize| text.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_digit() || at.checked_sub(1).is_some_and(is_word) {
            at += 1;
            continue;
        }
        let (mut end, mut digits, mut longest) = (at, 0, None);
        while digits < 19 && text.get(end).is_some_and(u8::is_ascii_digit) {
            (end, digits) = (end + 1, digits + 1);
            if digits >= 13 && !is_word(end) && is_card_number(&text[at..end]) {
                longest = Some(end);
            }
            let separated = text.get(end).is_some_and(|b| b" -".contains(b));
            end += usize::from(separated && text.get(end + 1).is_some_and(u8::is_ascii_digit));
        }
        match longest {
            Some(end) => {
                found(at..end);
                at = end;
            }
            None => at += 1,
        }
    }
}

/// ISO/IEC 7812: the check digit, and no run of one digit, which is a placeholder.
fn is_card_number(text: &[u8]) -> bool {
    let digits: Vec<u32> = text.iter().filter(|b| b.is_ascii_digit()).map(|b| u32::from(b - b'0')).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| match (i % 2, digit * 2) {
            (0, _) => *digit,
            (_, twice) => twice / 10 + twice % 10,
        })
        .sum();
    sum.is_multiple_of(10) && digits.windows(2).any(|pair| pair[0] != pair[1])
}
