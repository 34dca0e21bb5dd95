//! Why a program of the crash tests could not go on.

use std::fmt;
use std::io;

/// In words for people.
#[derive(Debug)]
pub enum Failure {
    /// Something is wrong.
    Failed(String),
    /// The machine does not let it be tried.
    NotRun(String),
}

impl Failure {
    /// With a message.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// For `map_err` on I/O: says what was being done to what.
    pub fn io(doing: impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Failed(format!("{doing}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Failed(message) | Self::NotRun(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for Failure {}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
