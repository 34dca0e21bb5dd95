//! The formats by name.

use super::ApacheAccess;
use crate::formats::{Detection, Format, FormatOption, MAX_LINE_BYTES, Parser, ZONE};

const LOG_FORMAT: FormatOption = FormatOption::new(
    "log_format",
    "The format, as in httpd.conf: the directive LogFormat as it stands there, its text alone, or `common`, `combined`, \
     `vhost_combined`, `combinedio`.",
)
.required();

pub(crate) const FORMATS: &[Format] = &[
    Format {
        name: "apache_combined",
        doc: "Apache httpd's access log in the format `combined` or `common`, with %b or %O.",
        options: &[MAX_LINE_BYTES],
        example: &[],
        sample: concat!(
            r#"192.0.2.7 - - [20/Nov/2026:17:03:02 -0330] "GET /a?b=c HTTP/1.1" 200 411 "-" "curl/8.14.1""#,
            "\n",
            r#"2001:db8::7 - ann [20/Nov/2026:17:03:03 -0330] "GET /a HTTP/1.1" 304 - "https://example.net/" "say \"hi\"""#,
            "\n",
            r#"192.0.2.8 - - [20/Nov/2026:17:03:04 -0330] "\x16\x03\x01" 400 484 "-" "caf\xc3\xa9""#,
            "\n",
        ),
        detection: Detection::Weight(95),
        configure: |options| {
            let lines = options.lines()?;
            let parser = ApacheAccess::combined();
            Ok(Parser::new(vec![parser.schema()], parser, move || lines.clone()))
        },
    },
    Format {
        name: "apache",
        doc: "Apache httpd's access log in the format of a `LogFormat` directive.",
        options: &[LOG_FORMAT, ZONE, MAX_LINE_BYTES],
        example: &[("log_format", "vhost_combined")],
        sample: concat!(
            r#"www.example.com:80 192.0.2.7 - - [20/Nov/2026:17:03:02 -0330] "GET /a?b=c HTTP/1.1" 200 411 "-" "curl/8.14.1""#,
            "\n",
            r#"www.example.com:80 2001:db8::7 - ann [20/Nov/2026:17:03:03 -0330] "GET /a HTTP/1.1" 304 153 "https://example.net/" "say \"hi\"""#,
            "\n",
        ),
        detection: Detection::Weight(95),
        configure: |options| {
            let text = options.required(&LOG_FORMAT)?;
            let parser = ApacheAccess::log_format(text)
                .map_err(|error| options.invalid_text(&LOG_FORMAT, text, error.at, error.problem))?
                .zone(options.zone()?);
            let lines = options.lines()?;
            Ok(Parser::new(vec![parser.schema()], parser, move || lines.clone()))
        },
    },
];
