//! The formats by name.

use super::{Csv, CsvRecords, Dialect};
use crate::formats::{
    Detection, Format, FormatError, FormatOption, MAX_LINE_BYTES, Options, Parser, TYPE, ZONE,
};
use crate::record_time::{TIME, TIME_LAYOUT, TimeField};

const COLUMNS: FormatOption = FormatOption::new(
    "columns",
    "The columns, instead of a first record that names them: `name` or `name:type`, with commas between them; types are as below.",
);
const TYPES: FormatOption = FormatOption::new(
    "types",
    "The types of columns, as in `status:u64,took:duration_ms`: str, u64, i64, f64, bool, timestamp, duration_s, duration_ms, duration_us, duration_ns. Or `true`: values that look so become numbers, booleans and durations (`1.5ms`). By default all are texts.",
);
const HEADER: FormatOption = FormatOption::new(
    "header",
    "`true`: the first record names the columns, or is left out if they are configured; `false`: it is one like the others. By default `true` unless there are `columns`.",
);
const DELIMITER: FormatOption =
    FormatOption::new("delimiter", "The character between fields; `tab` or `\\t` is a tab.");
const QUOTE: FormatOption = FormatOption::new(
    "quote",
    "The character around fields that need it, which stands twice for itself in them; `none`: no character is. `\"` by default, in tsv `none`.",
);
const NULL: FormatOption =
    FormatOption::new("null", "What stands for nothing, beside an empty field: as `NULL`, `-` or `\\N`.");

const OPTIONS: &[FormatOption] =
    &[COLUMNS, HEADER, TYPES, DELIMITER, QUOTE, NULL, TIME, TIME_LAYOUT, ZONE, TYPE, MAX_LINE_BYTES];

pub(crate) const FORMATS: &[Format] = &[
    Format {
        name: "csv",
        doc: "Comma-separated values as of RFC 4180, also over several lines; the first record names the columns.",
        options: OPTIONS,
        example: &[],
        sample: "client,path,status,note\n192.0.2.7,\"/a?b=1,2\",200,\"two\nlines\"\n192.0.2.8,/,404,\"say \"\"hi\"\"\"\n",
        detection: Detection::Weight(10),
        configure: |options| configure("csv", Dialect::CSV, options),
    },
    Format {
        name: "tsv",
        doc: "Tab-separated values; the first record names the columns.",
        options: OPTIONS,
        example: &[],
        sample: "client\tpath\tstatus\n192.0.2.7\t/a\t200\n192.0.2.8\t/b \"c\"\t404\n",
        detection: Detection::Weight(10),
        configure: |options| configure("tsv", Dialect::TSV, options),
    },
];

fn configure(name: &str, dialect: Dialect, options: Options<'_>) -> Result<Parser, FormatError> {
    let dialect = Dialect {
        delimiter: character(options, &DELIMITER)?.unwrap_or(dialect.delimiter),
        quote: match options.get(&QUOTE) {
            Some("none") => None,
            _ => character(options, &QUOTE)?.or(dialect.quote),
        },
    };
    if dialect.quote == Some(dialect.delimiter) {
        let value = options.get(&QUOTE).unwrap_or_default();
        return Err(options.invalid(&QUOTE, value, "another character than the delimiter"));
    }
    let name = options.event_type()?.unwrap_or(name);
    let mut csv = Csv::new(name, dialect).zone(options.zone()?).time(TimeField::from_options(options)?);
    match options.get(&TYPES) {
        None | Some("false") => {}
        Some("true") => csv = csv.infer_types(true),
        Some(text) => {
            let typed = csv.types(text);
            csv = typed.map_err(|error| options.invalid_text(&TYPES, text, error.at, error.problem))?;
        }
    }
    if let Some(text) = options.get(&COLUMNS) {
        csv = csv
            .columns(text)
            .map_err(|error| options.invalid_text(&COLUMNS, text, error.at, error.problem))?;
    }
    if options.get(&HEADER).is_some() {
        csv = csv.header(options.flag(&HEADER)?);
    }
    if let Some(null) = options.get(&NULL) {
        csv = csv.null(null);
    }
    let framer = CsvRecords::new(dialect).max_bytes(options.max_line_bytes()?);
    Ok(Parser::new(vec![csv.schema()], csv, move || framer.clone()))
}

/// The byte that an option gives, if it does.
fn character(options: Options<'_>, option: &FormatOption) -> Result<Option<u8>, FormatError> {
    let Some(value) = options.get(option) else { return Ok(None) };
    match value.as_bytes() {
        b"tab" | b"\\t" => Ok(Some(b'\t')),
        [byte @ (b'\t' | b' '..=b'~')] => Ok(Some(*byte)),
        _ => Err(options.invalid(option, value, "one character of ASCII that is no line break, or `tab`")),
    }
}
