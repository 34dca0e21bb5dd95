//! Why a configuration text can't be compiled.

use std::fmt;

/// A log format can't be compiled: it is not in the server's syntax, or where a value ends could not be told.
///
/// ```
/// use dendro_parsers::nginx::NginxLogFormat;
/// let error = NginxLogFormat::new("$remote_addr $http_referer $http_user_agent").unwrap_err();
/// assert_eq!(error.at, 13);
/// assert!(error.problem.contains("where $http_referer ends can't be told"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogFormatError {
    /// The byte of the text that is at fault.
    pub at: usize,
    /// What is wrong there, and what to do.
    pub problem: String,
}

impl LogFormatError {
    pub(crate) fn new(at: usize, problem: impl Into<String>) -> Self {
        Self { at, problem: problem.into() }
    }
}

impl fmt::Display for LogFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {} of the log format: {}", self.at, self.problem)
    }
}

impl std::error::Error for LogFormatError {}
