//! logfmt by its name.

use super::Logfmt;
use crate::formats::{Detection, Format, MAX_LINE_BYTES, Parser, TYPE, ZONE};
use crate::inferred::TYPES;
use crate::record_time::{TIME, TIME_LAYOUT, TimeField};

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "logfmt",
    doc: "logfmt: lines of `key=value key=\"quoted value\"`.",
    options: &[TIME, TIME_LAYOUT, ZONE, TYPE, TYPES, MAX_LINE_BYTES],
    example: &[],
    sample: concat!(
        r#"ts=2026-11-20T20:29:47.125Z level=info msg="user \"ann\" logged in" took=1.5ms path=/login?next=%2F retry="#,
        "\n",
        r#"ts=2026-11-20T20:29:47.350Z level=warn msg="session expired" user=bob"#,
        "\n",
    ),
    detection: Detection::Weight(40),
    configure: |options| {
        let mut logfmt =
            Logfmt::new().time(TimeField::from_options(options)?).infer_types(options.flag(&TYPES)?);
        if let Some(name) = options.event_type()? {
            logfmt = logfmt.event_type(name);
        }
        let lines = options.lines()?;
        Ok(Parser::new(vec![logfmt.schema()], logfmt, move || lines.clone()))
    },
}];
