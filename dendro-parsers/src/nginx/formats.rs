//! nginx's formats by name.

use super::NginxAccess;
use crate::formats::{Detection, Format, MAX_LINE_BYTES, Parser};

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "nginx_combined",
    doc: "nginx's access log in the format `combined`, with or without a ninth field.",
    options: &[MAX_LINE_BYTES],
    example: &[],
    detection: Detection::Weight(100),
    configure: |options| {
        let lines = options.lines()?;
        Ok(Parser::new(vec![NginxAccess::schema()], NginxAccess::combined(), move || lines.clone()))
    },
}];
