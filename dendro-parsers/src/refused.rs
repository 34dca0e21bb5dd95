//! Why and where a record was refused.

use std::borrow::Cow;
use std::fmt;

/// A record is not of the format: what was expected, and where.
///
/// Prints as `at byte 17: expected ...`; bytes are counted from 0 at the beginning of the record.
///
/// ```
/// use dendro_parsers::Refused;
/// assert_eq!(Refused::new(17, "a digit").to_string(), "at byte 17: expected a digit");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How many bytes of the record fit.
    pub at: usize,
    /// What should have followed.
    pub expected: &'static str,
}

impl Refused {
    /// A refusal at this byte.
    #[inline]
    pub const fn new(at: usize, expected: &'static str) -> Self {
        Self { at, expected }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: expected {}", self.at, self.expected)
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for Cow<'static, str> {
    #[cold]
    fn from(refused: Refused) -> Self {
        refused.to_string().into()
    }
}
