//! JSON by its name.

use super::{Json, Values};
use crate::formats::{
    Detection, Format, FormatError, FormatOption, MAX_LINE_BYTES, Options, Parser, TYPE, ZONE,
};
use crate::record_time::{TIME, TIME_LAYOUT, TimeField};

const FLATTEN: FormatOption =
    FormatOption::new("flatten", "`true`: members of nested objects become fields, as in `http_status`.");
const SEPARATOR: FormatOption =
    FormatOption::new("separator", "What stands between the names that `flatten` joins; `_` by default.");
const FRAMING: FormatOption = FormatOption::new(
    "framing",
    "`lines` (the default): an object a line. `values`: objects over several lines, or several on one.",
);

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "json",
    doc: "JSON objects, one a line.",
    options: &[TIME, TIME_LAYOUT, ZONE, TYPE, FLATTEN, SEPARATOR, FRAMING, MAX_LINE_BYTES],
    example: &[],
    sample: concat!(
        r#"{"timestamp":"2026-11-20T20:29:47.125Z","level":"info","message":"charged order 81 in 35 ms","http":{"method":"POST","status":201},"tags":["eu-west"]}"#,
        "\n",
        r#"{"timestamp":"2026-11-20T20:29:47.350Z","level":"warn","message":"card \"declined\"","http":{"method":"POST","status":402},"retry":false}"#,
        "\n",
    ),
    detection: Detection::Weight(50),
    configure,
}];

fn configure(options: Options<'_>) -> Result<Parser, FormatError> {
    let mut json = Json::new().time(TimeField::from_options(options)?);
    if let Some(name) = options.event_type()? {
        json = json.event_type(name);
    }
    if options.flag(&FLATTEN)? {
        json = json.flatten(options.get(&SEPARATOR).unwrap_or("_"));
    }
    let schemas = vec![json.schema()];
    match options.get(&FRAMING) {
        None | Some("lines") => {
            let lines = options.lines()?;
            Ok(Parser::new(schemas, json, move || lines.clone()))
        }
        Some("values") => {
            let values = Values::new().max_bytes(options.max_line_bytes()?);
            Ok(Parser::new(schemas, json, move || values.clone()))
        }
        Some(other) => Err(options.invalid(&FRAMING, other, "`lines` or `values`")),
    }
}
