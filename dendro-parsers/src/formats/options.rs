//! What can be configured of a format.

use dendro_core::Lines;

use super::FormatError;
use crate::Zone;

/// An option of a [`Format`](super::Format).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FormatOption {
    /// Its name, in snake_case.
    pub name: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// Whether there is no parser without it.
    pub required: bool,
}

impl FormatOption {
    pub(crate) const fn new(name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, required: false }
    }

    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

/// What every format of lines knows.
pub(crate) const MAX_LINE_BYTES: FormatOption =
    FormatOption::new("max_line_bytes", "The longest line; a longer one is refused. 1048576 by default.");

/// What every format knows whose times don't say their zone.
pub(crate) const ZONE: FormatOption = FormatOption::new(
    "zone",
    "The zone of times that don't tell theirs: `UTC` (the default), an offset (`+05:30`) or a name (`Europe/Berlin`).",
);

/// What formats know whose events may be anything.
pub(crate) const TYPE: FormatOption =
    FormatOption::new("type", "The type of the events; the name of the format by default.");

/// The options that were given for a format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    format: &'static str,
    given: &'a [(String, String)],
}

#[allow(dead_code, reason = "each service takes what it needs")]
impl<'a> Options<'a> {
    pub(super) fn new(format: &'static str, given: &'a [(String, String)]) -> Self {
        Self { format, given }
    }

    /// The last value that was given.
    pub(crate) fn get(self, option: &FormatOption) -> Option<&'a str> {
        self.given.iter().rev().find(|(given, _)| given == option.name).map(|(_, value)| value.as_str())
    }

    /// All that was given, as names and values.
    pub(crate) fn given(self) -> &'a [(String, String)] {
        self.given
    }

    /// All values that were given, for an option that may stand more than once.
    pub(crate) fn all(self, option: &FormatOption) -> impl Iterator<Item = &'a str> {
        let name = option.name;
        self.given.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The value of an option that [has to be given](FormatOption::required).
    pub(crate) fn required(self, option: &FormatOption) -> Result<&'a str, FormatError> {
        self.get(option).ok_or(FormatError::MissingOption { format: self.format, option: option.name })
    }

    /// `true` or `false`; the latter if nothing was given.
    pub(crate) fn flag(self, option: &FormatOption) -> Result<bool, FormatError> {
        match self.get(option) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(value) => Err(self.invalid(option, value, "`true` or `false`")),
        }
    }

    /// The longest record, see [`MAX_LINE_BYTES`].
    pub(crate) fn max_line_bytes(self) -> Result<usize, FormatError> {
        let Some(value) = self.get(&MAX_LINE_BYTES) else { return Ok(Lines::DEFAULT_MAX_BYTES) };
        match value.parse() {
            Ok(bytes) if bytes > 0 => Ok(bytes),
            _ => Err(self.invalid(&MAX_LINE_BYTES, value, "a number of bytes above 0")),
        }
    }

    /// A framer of lines.
    pub(crate) fn lines(self) -> Result<Lines, FormatError> {
        Ok(Lines::new().max_bytes(self.max_line_bytes()?))
    }

    /// See [`ZONE`].
    pub(crate) fn zone(self) -> Result<Zone, FormatError> {
        let Some(value) = self.get(&ZONE) else { return Ok(Zone::UTC) };
        value.parse().map_err(|_| {
            self.invalid(&ZONE, value, "`UTC`, an offset as in `+05:30`, or a name as in `Europe/Berlin`")
        })
    }

    /// See [`TYPE`].
    pub(crate) fn event_type(self) -> Result<Option<&'a str>, FormatError> {
        let Some(value) = self.get(&TYPE) else { return Ok(None) };
        let letters = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if letters && value.starts_with(|first: char| !first.is_ascii_digit()) {
            return Ok(Some(value));
        }
        Err(self.invalid(&TYPE, value, "a name of letters, digits and `_`, as for a table"))
    }

    /// The error for a value that the option can't have.
    pub(crate) fn invalid(self, option: &FormatOption, value: &str, expected: &'static str) -> FormatError {
        FormatError::InvalidOption {
            format: self.format,
            option: option.name,
            value: value.to_owned(),
            expected,
        }
    }

    /// The error for a configuration text that can't be compiled: `problem` is at byte `at` of it.
    pub(crate) fn invalid_text(
        self,
        option: &FormatOption,
        text: &str,
        at: usize,
        problem: impl Into<String>,
    ) -> FormatError {
        FormatError::InvalidText {
            format: self.format,
            option: option.name,
            text: text.to_owned(),
            at,
            problem: problem.into(),
        }
    }
}
