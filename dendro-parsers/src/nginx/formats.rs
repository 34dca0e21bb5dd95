//! nginx's formats by name.

use super::{NginxAccess, NginxLogFormat};
use crate::formats::{Detection, Format, FormatOption, MAX_LINE_BYTES, Parser};
use crate::log_format::Escape;

const LOG_FORMAT: FormatOption = FormatOption::new(
    "log_format",
    "The format, as in nginx.conf: the directive log_format as it stands there, or its text alone.",
)
.required();
const ESCAPE: FormatOption = FormatOption::new(
    "escape",
    "How a text alone is escaped: `default`, `json` or `none`. `json` by default if it begins with `{`, else `default`.",
);

pub(crate) const FORMATS: &[Format] = &[
    Format {
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
    },
    Format {
        name: "nginx",
        doc: "nginx's access log in the format of a `log_format` directive.",
        options: &[LOG_FORMAT, ESCAPE, MAX_LINE_BYTES],
        example: &[(
            "log_format",
            concat!(
                r#"log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent ' "#,
                r#"'"$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_time "$upstream_response_time"';"#,
            ),
        )],
        sample: concat!(
            r#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET /a?b=c HTTP/1.1" 200 153 "-" "curl/8.14.1" "-" 0.012 "0.011""#,
            "\n",
            r#"192.0.2.8 - ann [20/Nov/2026:16:59:48 -0330] "POST /form HTTP/2.0" 503 37 "https://example.net/" "Mozilla/5.0" "203.0.113.9, 10.0.0.1" 1.004 "1.001, 0.003""#,
            "\n",
        ),
        detection: Detection::Weight(100),
        configure: |options| {
            let text = options.required(&LOG_FORMAT)?;
            let escape = match options.get(&ESCAPE) {
                None => None,
                Some("default") => Some(Escape::Hex),
                Some("json") => Some(Escape::Json),
                Some("none") => Some(Escape::None),
                Some(other) => return Err(options.invalid(&ESCAPE, other, "`default`, `json` or `none`")),
            };
            let format = NginxLogFormat::with_escape(text, escape)
                .map_err(|error| options.invalid_text(&LOG_FORMAT, text, error.at, error.problem))?;
            let lines = options.lines()?;
            Ok(Parser::new(vec![format.schema()], format, move || lines.clone()))
        },
    },
];
