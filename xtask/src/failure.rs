use std::fmt::Display;
use std::io;

/// Why a command ends without success; the two are told apart by the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Called wrongly: exit code 2, with the help.
    Usage(String),
    /// It did its work and the answer is no, or it could not do it: exit code 1.
    Failed(String),
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// For `map_err` on I/O: says what was being done to what.
    pub(crate) fn io(doing: impl Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Failed(format!("{doing}: {error}"))
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Usage(message) | Self::Failed(message) => message,
        }
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}
