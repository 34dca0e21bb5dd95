//! Why there is no parser.

use std::fmt;

use super::{find, formats};

/// Why there is no parser; prints what would do instead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// There is no format of this name.
    #[non_exhaustive]
    UnknownFormat {
        /// What was asked for.
        name: String,
    },
    /// The format has no such option.
    #[non_exhaustive]
    UnknownOption {
        /// The format.
        format: &'static str,
        /// What was given.
        name: String,
    },
    /// An option has to be given.
    #[non_exhaustive]
    MissingOption {
        /// The format.
        format: &'static str,
        /// The option.
        option: &'static str,
    },
    /// The option can't have this value.
    #[non_exhaustive]
    InvalidOption {
        /// The format.
        format: &'static str,
        /// The option.
        option: &'static str,
        /// What was given.
        value: String,
        /// What it can be.
        expected: &'static str,
    },
    /// The configuration text that was given can't be compiled.
    #[non_exhaustive]
    InvalidText {
        /// The format.
        format: &'static str,
        /// The option.
        option: &'static str,
        /// What was given.
        text: String,
        /// The byte of the text that is at fault.
        at: usize,
        /// What is wrong there, and what to do.
        problem: String,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFormat { name } => {
                let known: Vec<&str> = formats().map(|format| format.name).collect();
                write!(f, "there is no format `{name}`; known are: {}", known.join(", "))
            }
            Self::UnknownOption { format, name } => {
                let options = find(format).map_or(&[][..], |format| format.options);
                let known: Vec<&str> = options.iter().map(|option| option.name).collect();
                write!(f, "{format} has no option `{name}`; known are: {}", known.join(", "))
            }
            Self::MissingOption { format, option } => {
                let doc = find(format)
                    .ok()
                    .and_then(|format| format.options.iter().find(|known| known.name == *option))
                    .map_or("", |option| option.doc);
                write!(f, "{format} needs the option `{option}`: {doc}")
            }
            Self::InvalidOption { format, option, value, expected } => {
                write!(f, "{format}: `{option}` is `{value}`, expected {expected}")
            }
            Self::InvalidText { format, option, text, at, problem } => {
                // On one line, and with each character as wide as it prints, so that the mark stands right.
                let shown = |text: &str| text.replace(char::is_control, " ");
                let before = text.get(..*at).unwrap_or(text);
                let mark = " ".repeat(shown(before).chars().count());
                write!(f, "{format}: `{option}` at byte {at}: {problem}\n  {}\n  {mark}^", shown(text))
            }
        }
    }
}

impl std::error::Error for FormatError {}
