//! Formats that their users describe: by regular expressions with named groups, or by grok patterns.
//!
//! Regular expressions are those of the crate [`regex`](https://docs.rs/regex), which takes linear time whatever the text. Grok
//! patterns are those of Logstash, with the definitions of the crate [`grok`](https://docs.rs/grok).

mod captured;
mod formats;
#[cfg(feature = "grok")]
mod grok;
#[cfg(feature = "regex")]
mod regex;
mod times;

pub(crate) use formats::FORMATS;
#[cfg(feature = "grok")]
pub use grok::GrokLog;
#[cfg(feature = "regex")]
pub use regex::RegexLog;

use std::fmt;

/// A pattern, or what is configured of it, can't be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidPattern {
    /// What was given.
    pub text: String,
    /// The byte of it that is at fault.
    pub at: usize,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at byte {}: {}", self.text, self.at, self.problem)
    }
}

impl std::error::Error for InvalidPattern {}

/// What a record is refused with that matches none.
fn refusal(texts: &[&str]) -> String {
    const SHOWN: usize = 200;
    let shown = texts.iter().map(|text| match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("`{}...`", &text[..end]),
        None => format!("`{text}`"),
    });
    let shown: Vec<String> = shown.collect();
    match shown.len() {
        1 => format!("at byte 0: expected a record that matches {}", shown.join("")),
        all => {
            format!("at byte 0: expected a record that matches one of {all} patterns: {}", shown.join(", "))
        }
    }
}
