//! Regular expressions that users bring.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use regex_automata::meta::{BuildError, Regex};
use regex_automata::util::syntax;

use crate::ConfigError;

/// How much memory a compiled expression may take, in bytes.
const SIZE_LIMIT: usize = 8 << 20;

/// A regular expression that also finds what is in bytes that are not UTF-8.
#[derive(Clone)]
pub(crate) struct Pattern {
    text: Arc<str>,
    regex: Regex,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self, ConfigError> {
        let regex = Regex::builder()
            .syntax(syntax::Config::new().utf8(false))
            .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(SIZE_LIMIT)))
            .build(text)
            .map_err(|error| told(text, &error))?;
        Ok(Self { text: text.into(), regex })
    }

    #[inline]
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }

    /// Where it is found, from the left.
    pub(crate) fn find_iter<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        self.regex.find_iter(text).map(|found| found.range())
    }
}

/// As it was written: what stands behind it follows from that.
impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

fn told(pattern: &str, error: &BuildError) -> ConfigError {
    match (error.syntax_error(), error.size_limit()) {
        (Some(syntax), _) => ConfigError::new(format!("`{pattern}` is no regular expression: {syntax}")),
        (_, Some(limit)) => ConfigError::new(format!(
            "the regular expression `{pattern}` takes more than {limit} bytes when compiled"
        )),
        _ => ConfigError::new(format!("the regular expression `{pattern}` can't be compiled: {error}")),
    }
}
