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

mod auto;
mod detection;
mod error;
mod feed;
mod options;
mod reference;

pub use detection::{Detection, Guess, detect};
pub use error::FormatError;
pub use feed::{Feed, write_refused};
pub use options::FormatOption;
#[allow(unused_imports, reason = "each service takes what it needs")]
pub(crate) use options::{MAX_LINE_BYTES, Options, TYPE, ZONE};
pub use reference::reference;

use std::fmt;
use std::sync::Arc;

use dendro_core::{Framer, Schema, Transform};

/// The formats that are known, in the order in which documentation prints them.
pub fn formats() -> impl Iterator<Item = &'static Format> {
    SERVICES.iter().copied().flatten()
}

/// Each service lists its own.
const SERVICES: &[&[Format]] = &[
    crate::nginx::FORMATS,
    crate::nginx::ERROR_FORMATS,
    crate::apache::ERROR_FORMATS,
    crate::apache::ACCESS_FORMATS,
    crate::postgres::FORMATS,
    crate::mysql::FORMATS,
    crate::mongodb::FORMATS,
    crate::syslog::FORMATS,
    crate::aws::FORMATS,
    crate::json::FORMATS,
    crate::logfmt::FORMATS,
    crate::key_value::FORMATS,
    crate::csv::FORMATS,
    crate::jvm_gc::FORMATS,
    crate::timestamp::FORMATS,
    #[cfg(any(feature = "regex", feature = "grok"))]
    crate::patterns::FORMATS,
    auto::FORMATS,
];

/// The format of this name.
///
/// # Errors
/// [`FormatError::UnknownFormat`], which prints the names that are known.
pub fn find(name: &str) -> Result<&'static Format, FormatError> {
    formats()
        .find(|format| format.name == name)
        .ok_or_else(|| FormatError::UnknownFormat { name: name.to_owned() })
}

/// The formats and their options as text for people, a line each.
pub fn list() -> String {
    let mut text = String::new();
    for format in formats() {
        text.push_str(&format!("{:20} {}\n", format.name, format.doc));
        for option in format.options {
            let needed = if option.required { " Has to be given." } else { "" };
            text.push_str(&format!("  {:18} {}{needed}\n", option.name, option.doc));
        }
    }
    text
}

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
    /// Options to try it with: a typical value of each that has to be given.
    pub example: &'static [(&'static str, &'static str)],
    /// A few typical records of it, with their ends, as the example reads them: documentation shows them, tests and benches
    /// try them.
    pub sample: &'static str,
    /// Whether it is looked for in a log of which nothing is known.
    pub detection: Detection,
    pub(crate) configure: fn(Options<'_>) -> Result<Parser, FormatError>,
}

impl Format {
    /// A parser with these options, as names and values.
    ///
    /// # Errors
    /// [`FormatError`] if there is no such option, its value is none that it can have, or one is missing.
    pub fn configure(&self, options: &[(String, String)]) -> Result<Parser, FormatError> {
        for (name, _) in options {
            if !self.options.iter().any(|known| known.name == name) {
                return Err(FormatError::UnknownOption { format: self.name, name: name.clone() });
            }
        }
        for option in self.options.iter().filter(|option| option.required) {
            if !options.iter().any(|(name, _)| name == option.name) {
                return Err(FormatError::MissingOption { format: self.name, option: option.name });
            }
        }
        (self.configure)(Options::new(self.name, options))
    }

    /// A parser with the [example](Self::example) options.
    ///
    /// # Errors
    /// None, for the formats that are built in.
    pub fn configure_example(&self) -> Result<Parser, FormatError> {
        let example = self.example.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.configure(&example.collect::<Vec<_>>())
    }
}

/// A format with its options set: gives as many transforms and framers as a pipeline needs.
#[derive(Clone)]
pub struct Parser {
    schemas: Vec<Arc<Schema>>,
    transform: Arc<dyn Fn() -> Box<dyn Transform> + Send + Sync>,
    framer: Arc<dyn Fn() -> Box<dyn Framer> + Send + Sync>,
}

impl Parser {
    pub(crate) fn new<T, F>(
        schemas: Vec<Arc<Schema>>,
        transform: T,
        framer: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: Transform + Clone + Sync,
        F: Framer + 'static,
    {
        Self::from_factory(schemas, move || transform.clone(), framer)
    }

    pub(crate) fn from_factory<T, F>(
        schemas: Vec<Arc<Schema>>,
        transform: impl Fn() -> T + Send + Sync + 'static,
        framer: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: Transform,
        F: Framer + 'static,
    {
        Self {
            schemas,
            transform: Arc::new(move || Box::new(transform())),
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
            let parser = find(format.name).unwrap().configure_example().unwrap();
            assert!(!parser.schemas().is_empty());
            assert_eq!(parser.transform().schemas(&[]), parser.schemas());
            for schema in parser.schemas() {
                assert!(!schema.doc.is_empty());
                assert!(schema.fields.iter().all(|field| !field.doc.is_empty()));
            }
        }
    }

    #[test]
    fn every_sample_is_read_whole_and_its_format_is_the_likeliest() {
        for format in formats() {
            let mut feed = Feed::new(&format.configure_example().unwrap());
            let read = feed.push(format.sample.as_bytes(), dendro_core::Timestamp::EPOCH).unwrap();
            let rest = feed.finish(dendro_core::Timestamp::EPOCH).unwrap();
            for batch in [&read, &rest] {
                let refused: Vec<_> = batch.rejected().map(|rejected| rejected.reason).collect();
                assert!(refused.is_empty(), "{}: {refused:?}", format.name);
            }
            assert!(read.len() + rest.len() >= 2, "{}: {} events", format.name, read.len() + rest.len());
            let guesses = detect(format.sample.as_bytes());
            let highest = guesses.first().map_or(0.0, |guess| guess.confidence);
            let own = guesses.iter().find(|guess| guess.format.name == format.name);
            match format.detection {
                Detection::No => assert!(own.is_none(), "{}", format.name),
                Detection::Weight(_) => {
                    assert!(
                        own.is_some_and(|own| own.confidence >= highest),
                        "{}: {guesses:#?}",
                        format.name
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_known_is_an_error_that_lists_what_is() {
        let error = find("ngnix").unwrap_err().to_string();
        assert!(error.starts_with("there is no format `ngnix`; known are: nginx_combined"), "{error}");
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
