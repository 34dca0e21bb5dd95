//! Pairs of keys and values by their name.

use super::{Delimiters, KeyValue, Paragraphs};
use crate::formats::{
    Detection, Format, FormatError, FormatOption, MAX_LINE_BYTES, Options, Parser, TYPE, ZONE,
};
use crate::inferred::TYPES;
use crate::record_time::{TIME, TIME_LAYOUT, TimeField};

const KEY_VALUE_DELIMITER: FormatOption =
    FormatOption::new("key_value_delimiter", "What stands between a key and its value; `=` by default.");
const FIELD_DELIMITER: FormatOption = FormatOption::new(
    "field_delimiter",
    "What stands between pairs; spaces by default. A newline: a record ends at an empty line.",
);
const WHITESPACE: FormatOption = FormatOption::new(
    "whitespace",
    "`lenient` (the default): there may be white space around the delimiter of key and value. `strict`: it belongs to them.",
);
const ACCEPT_STANDALONE_KEY: FormatOption =
    FormatOption::new("accept_standalone_key", "`false`: a key alone is refused; else it is `true`.");

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "key_value",
    doc: "Pairs of keys and values, with delimiters of one's choice.",
    options: &[
        KEY_VALUE_DELIMITER,
        FIELD_DELIMITER,
        WHITESPACE,
        ACCEPT_STANDALONE_KEY,
        TIME,
        TIME_LAYOUT,
        ZONE,
        TYPE,
        TYPES,
        MAX_LINE_BYTES,
    ],
    example: &[],
    sample: concat!(
        r#"GenTime="2026-11-20 20:29:47" SrcIP=192.0.2.7 DstIP=198.51.100.9 Protocol=UDP DstPort=137 Action=PERMIT"#,
        "\n",
        r#"GenTime="2026-11-20 20:29:48" SrcIP=192.0.2.8 DstIP=198.51.100.9 Protocol=TCP DstPort=443 Action=DENY tags=scan tags=new"#,
        "\n",
    ),
    detection: Detection::No,
    configure,
}];

fn configure(options: Options<'_>) -> Result<Parser, FormatError> {
    let text = |option: &FormatOption, default: &str| match options.get(option) {
        None => Ok(default.to_owned()),
        Some("") => Err(options.invalid(option, "", "a text that is not empty")),
        Some(text) => Ok(text.to_owned()),
    };
    let (key_value, field) = (text(&KEY_VALUE_DELIMITER, "=")?, text(&FIELD_DELIMITER, " ")?);
    let strict = match options.get(&WHITESPACE) {
        None | Some("lenient") => false,
        Some("strict") => true,
        Some(other) => return Err(options.invalid(&WHITESPACE, other, "`lenient` or `strict`")),
    };
    let standalone_key =
        options.get(&ACCEPT_STANDALONE_KEY).is_none() || options.flag(&ACCEPT_STANDALONE_KEY)?;
    let several_lines = field.contains('\n');
    let delimiters =
        Delimiters::new(key_value, field).strict_whitespace(strict).accept_standalone_key(standalone_key);
    let mut pairs =
        KeyValue::new(delimiters).time(TimeField::from_options(options)?).infer_types(options.flag(&TYPES)?);
    if let Some(name) = options.event_type()? {
        pairs = pairs.event_type(name);
    }
    let schemas = vec![pairs.schema()];
    if several_lines {
        let paragraphs = Paragraphs::new().max_bytes(options.max_line_bytes()?);
        return Ok(Parser::new(schemas, pairs, move || paragraphs.clone()));
    }
    let lines = options.lines()?;
    Ok(Parser::new(schemas, pairs, move || lines.clone()))
}
