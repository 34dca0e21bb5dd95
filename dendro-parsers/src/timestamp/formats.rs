//! The format by its name.

use super::{Layout, Timestamped};
use crate::formats::{Detection, Format, FormatError, FormatOption, MAX_LINE_BYTES, Options, Parser, ZONE};

const LAYOUT: FormatOption = FormatOption::new(
    "layout",
    "How the time is written: directives (`%Y-%m-%d %H:%M:%S%.f %z`), a name (`rfc3339`, `log4j`, `epoch_ms`, ...) or `auto` (the default).",
);

const FIELD: FormatOption =
    FormatOption::new("field", "The field that holds the time, for events that are parsed already.");

/// What every format knows whose times have no year.
pub(crate) const YEAR: FormatOption = FormatOption::new(
    "year",
    "The year in which the log begins, for times that have none; by default the one that suits the time of reading.",
);

/// See [`YEAR`].
pub(crate) fn year(options: Options<'_>) -> Result<Option<i32>, FormatError> {
    let Some(value) = options.get(&YEAR) else { return Ok(None) };
    match value.parse() {
        Ok(year @ 1678..=2261) => Ok(Some(year)),
        _ => Err(options.invalid(&YEAR, value, "a year from 1678 to 2261")),
    }
}

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "timestamp",
    doc: "Lines that begin with a time, in any of many layouts.",
    options: &[LAYOUT, ZONE, YEAR, FIELD, MAX_LINE_BYTES],
    example: &[],
    sample: "20 Nov 2026 16:59:47.123 * Ready to accept connections\n[20 Nov 2026 16:59:48.001] # Done\n",
    detection: Detection::Weight(15),
    configure: |options| {
        let text = options.get(&LAYOUT).unwrap_or("auto");
        let layout = Layout::compile(text)
            .map_err(|error| options.invalid_text(&LAYOUT, text, error.at, error.problem))?;
        let mut times = Timestamped::of(layout).zone(options.zone()?).year(year(options)?);
        let mut schemas = vec![Timestamped::schema()];
        if let Some(field) = options.get(&FIELD) {
            times = times.field(field);
            schemas.clear();
        }
        let lines = options.lines()?;
        Ok(Parser::new(schemas, times, move || lines.clone()))
    },
}];
