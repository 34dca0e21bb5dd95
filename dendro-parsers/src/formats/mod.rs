//! The formats by name, for tools and configuration files.
//!
//! ```
//! use dendro_core::Timestamp;
//! use dendro_parsers::formats::{self, Feed};
//!
//! let parser = formats::find("nginx_combined")?.configure(&[])?;
//! let mut feed = Feed::new(&parser);
//! let line = b"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] \"GET / HTTP/1.1\" 200 153 \"-\" \"-\"\nno such line\n";
//! let batch = feed.push(line, Timestamp::EPOCH)?;
//! assert_eq!(batch.iter().count(), 1);
//! assert_eq!(batch.rejected().count(), 1);
//!
//! let unknown = formats::find("nginx_combine").unwrap_err();
//! assert!(unknown.to_string().contains("nginx_combined"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod feed;

pub use feed::{Feed, write_refused};

use std::fmt;
use std::sync::Arc;

use dendro_core::{Framer, Lines, Schema, Transform};

use crate::nginx::NginxAccess;

/// The formats that are known, in the order in which documentation prints them.
pub fn formats() -> &'static [Format] {
    FORMATS
}

/// The format of this name.
///
/// # Errors
/// [`FormatError::UnknownFormat`], which prints the names that are known.
pub fn find(name: &str) -> Result<&'static Format, FormatError> {
    FORMATS
        .iter()
        .find(|format| format.name == name)
        .ok_or_else(|| FormatError::UnknownFormat { name: name.to_owned() })
}

/// The formats and their options as text for people, a line each.
pub fn list() -> String {
    let mut text = String::new();
    for format in FORMATS {
        text.push_str(&format!("{:20} {}\n", format.name, format.doc));
        for option in format.options {
            text.push_str(&format!("  {:18} {}\n", option.name, option.doc));
        }
    }
    text
}

const FORMATS: &[Format] = &[Format {
    name: "nginx_combined",
    doc: "nginx's access log in the format `combined`, with or without a ninth field.",
    options: &[MAX_LINE_BYTES],
    configure: |options| {
        let lines = options.lines()?;
        Ok(Parser::new(vec![NginxAccess::schema()], NginxAccess::combined(), move || lines.clone()))
    },
}];

/// What every format of lines knows.
const MAX_LINE_BYTES: FormatOption = FormatOption {
    name: "max_line_bytes",
    doc: "The longest line; a longer one is refused. 1048576 by default.",
};

/// A format that can be asked for by name.
#[derive(Debug)]
#[non_exhaustive]
pub struct Format {
    /// Its name, in snake_case.
    pub name: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// What can be configured.
    pub options: &'static [FormatOption],
    configure: fn(Options<'_>) -> Result<Parser, FormatError>,
}

impl Format {
    /// A parser with these options, as names and values.
    ///
    /// # Errors
    /// [`FormatError`] if there is no such option, or its value is none that it can have.
    pub fn configure(&self, options: &[(String, String)]) -> Result<Parser, FormatError> {
        for (name, _) in options {
            if !self.options.iter().any(|known| known.name == name) {
                return Err(FormatError::UnknownOption { format: self.name, name: name.clone() });
            }
        }
        (self.configure)(Options { format: self.name, given: options })
    }
}

/// An option of a [`Format`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FormatOption {
    /// Its name, in snake_case.
    pub name: &'static str,
    /// One line for people.
    pub doc: &'static str,
}

/// A format with its options set: gives as many transforms and framers as a pipeline needs.
#[derive(Clone)]
pub struct Parser {
    schemas: Vec<Arc<Schema>>,
    transform: Arc<dyn Fn() -> Box<dyn Transform> + Send + Sync>,
    framer: Arc<dyn Fn() -> Box<dyn Framer> + Send + Sync>,
}

impl Parser {
    fn new<T, F>(
        schemas: Vec<Arc<Schema>>,
        transform: T,
        framer: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: Transform + Clone + Sync,
        F: Framer + 'static,
    {
        Self {
            schemas,
            transform: Arc::new(move || Box::new(transform.clone())),
            framer: Arc::new(move || Box::new(framer())),
        }
    }

    /// What it publishes of its events.
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// A transform that parses records of the format.
    pub fn transform(&self) -> Box<dyn Transform> {
        (self.transform)()
    }

    /// A framer that cuts one stream of bytes into records of the format.
    pub fn framer(&self) -> Box<dyn Framer> {
        (self.framer)()
    }
}

impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parser").field("schemas", &self.schemas).finish_non_exhaustive()
    }
}

/// The options that were given.
#[derive(Clone, Copy)]
struct Options<'a> {
    format: &'static str,
    given: &'a [(String, String)],
}

impl<'a> Options<'a> {
    /// The last value that was given.
    fn get(self, name: &str) -> Option<&'a str> {
        self.given.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    fn lines(self) -> Result<Lines, FormatError> {
        let option = MAX_LINE_BYTES.name;
        let Some(value) = self.get(option) else { return Ok(Lines::new()) };
        match value.parse() {
            Ok(bytes) if bytes > 0 => Ok(Lines::new().max_bytes(bytes)),
            _ => Err(self.invalid(option, value, "a number of bytes above 0")),
        }
    }

    fn invalid(self, option: &'static str, value: &str, expected: &'static str) -> FormatError {
        FormatError::InvalidOption { format: self.format, option, value: value.to_owned(), expected }
    }
}

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
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFormat { name } => {
                let known: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
                write!(f, "there is no format `{name}`; known are: {}", known.join(", "))
            }
            Self::UnknownOption { format, name } => {
                let options = find(format).map_or(&[][..], |format| format.options);
                let known: Vec<&str> = options.iter().map(|option| option.name).collect();
                write!(f, "{format} has no option `{name}`; known are: {}", known.join(", "))
            }
            Self::InvalidOption { format, option, value, expected } => {
                write!(f, "{format}: `{option}` is `{value}`, expected {expected}")
            }
        }
    }
}

impl std::error::Error for FormatError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pairs(name: &str, value: &str) -> [(String, String); 1] {
        [(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn every_format_is_found_by_its_name_and_publishes_a_schema() {
        for format in formats() {
            let parser = find(format.name).unwrap().configure(&[]).unwrap();
            assert!(!parser.schemas().is_empty());
            assert_eq!(parser.transform().schemas(&[]), parser.schemas());
            for schema in parser.schemas() {
                assert!(!schema.doc.is_empty());
                assert!(schema.fields.iter().all(|field| !field.doc.is_empty()));
            }
        }
    }

    #[test]
    fn what_is_not_known_is_an_error_that_lists_what_is() {
        let error = find("ngnix").unwrap_err().to_string();
        assert_eq!(error, "there is no format `ngnix`; known are: nginx_combined");
        let error = find("nginx_combined").unwrap().configure(&pairs("zone", "UTC")).unwrap_err().to_string();
        assert_eq!(error, "nginx_combined has no option `zone`; known are: max_line_bytes");
        for value in ["0", "x", "-1", ""] {
            let given = pairs("max_line_bytes", value);
            let error = find("nginx_combined").unwrap().configure(&given).unwrap_err().to_string();
            let expected =
                format!("nginx_combined: `max_line_bytes` is `{value}`, expected a number of bytes above 0");
            assert_eq!(error, expected);
        }
    }
}
