//! Passwords, keys, sessions.

use std::ops::Range;

/// Words after which a secret stands: behind a space, a colon, an equals sign.
const BEFORE: [&[u8]; 11] = [
    b"bearer",
    b"basic",
    b"password",
    b"passwd",
    b"pwd",
    b"secret",
    b"client_secret",
    b"token",
    b"access_token",
    b"api_key",
    b"apikey",
];

/// How keys of known issuers begin, and how much follows at the least.
const BEGINNINGS: [(&[u8], usize); 10] = [
    (b"AKIA", 16),
    (b"ASIA", 16),
    (b"ghp_", 30),
    (b"gho_", 30),
    (b"ghs_", 30),
    (b"github_pat_", 30),
    (b"xoxb-", 10),
    (b"xoxp-", 10),
    (b"sk_live_", 16),
    (b"eyJ", 30),
];

/// A secret that begins at the word at `at`, or stands behind it.
pub(super) fn at(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..)?;
    for (beginning, least) in BEGINNINGS {
        if rest.starts_with(beginning) {
            let len = super::run(bytes, at, is_secret);
            return (len >= beginning.len() + least).then(|| at..at + len);
        }
    }
    let len = super::run(bytes, at, super::is_word);
    let word = rest.get(..len)?;
    if !BEFORE.iter().any(|before| word.eq_ignore_ascii_case(before)) {
        return None;
    }
    let scheme = word.eq_ignore_ascii_case(b"bearer") || word.eq_ignore_ascii_case(b"basic");
    let quotes = super::run(bytes, at + len, |byte| byte == b'"' || byte == b'\'');
    let between =
        super::run(bytes, at + len + quotes, |byte| matches!(byte, b' ' | b'=' | b':' | b'"' | b'\''));
    let start = at + len + quotes + between;
    let separator = bytes.get(at + len + quotes..start)?;
    let is_assigned = separator.iter().any(|byte| matches!(byte, b'=' | b':'));
    let secret = super::run(bytes, start, is_secret);
    let long_enough = if is_assigned { secret > 0 } else { scheme && between > 0 && secret >= 8 };
    // `token: Bearer abc`: the word that follows says where the secret is.
    let follows = bytes.get(start..start + secret)?;
    let another = BEFORE.iter().any(|before| follows.eq_ignore_ascii_case(before));
    (long_enough && !another).then(|| start..start + secret)
}

fn is_secret(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=!$%*@^".contains(&byte) || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, find};

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find(text, [Kind::Token].into_iter().collect(), &mut found);
        found.into_iter().map(|f| &text[f.range]).collect()
    }

    #[test]
    fn secrets_are_found_by_what_stands_before_them() {
        assert_eq!(found("Authorization: Bearer abc.def-12345"), ["abc.def-12345"]);
        assert_eq!(found("GET /?user=ann&password=hunter2&x=1"), ["hunter2"]);
        assert_eq!(found(r#"{"api_key": "k-1", "token":'t'}"#), ["k-1", "t"]);
        assert_eq!(found("a token of love, the secret garden, basic rules"), [""; 0]);
    }

    #[test]
    fn secrets_are_found_by_how_they_begin() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlc2lnbmF0dXJl";
        assert_eq!(found(&format!("cookie {jwt};")), [jwt]);
        assert_eq!(found("key AKIAIOSFODNN7EXAMPLE used"), ["AKIAIOSFODNN7EXAMPLE"]);
        assert_eq!(found("AKIA short, eyJ short"), [""; 0]);
    }
}
