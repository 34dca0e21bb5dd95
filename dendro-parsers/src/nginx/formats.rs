//! nginx's formats by name.

use super::NginxAccess;
use crate::formats::{Detection, Format, MAX_LINE_BYTES, Parser};

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "nginx_combined",
    doc: "nginx's access log in the format `combined`, with or without a ninth field.",
    options: &[MAX_LINE_BYTES],
    example: &[],
    sample: concat!(
        r#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET /a?b=c HTTP/1.1" 200 153 "-" "curl/8.14.1""#,
        "\n",
        r#"2001:db8::7 - ann [20/Nov/2026:16:59:48 -0330] "POST /form HTTP/2.0" 302 0 "https://example.net/" "Mozilla/5.0""#,
        "\n",
        r#"192.0.2.8 - - [20/Nov/2026:16:59:49 -0330] "\x16\x03\x01" 400 157 "-" "-""#,
        "\n",
    ),
    detection: Detection::Weight(100),
    configure: |options| {
        let lines = options.lines()?;
        Ok(Parser::new(vec![NginxAccess::schema()], NginxAccess::combined(), move || lines.clone()))
    },
}];
