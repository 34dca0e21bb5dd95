//! The error log by its name.

use super::ApacheError;
use crate::formats::{Detection, Format, FormatOption, MAX_LINE_BYTES, Parser, ZONE};

/// The formats of a log that has its own.
const ERROR_LOG_FORMAT: FormatOption = FormatOption::new(
    "error_log_format",
    "The `ErrorLogFormat` directives of the server's configuration, or a format alone; may be given several times. Lines of the default formats are read too.",
);

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "apache_error",
    doc: "Apache httpd's error log, of 2.2, 2.4 and any `ErrorLogFormat`.",
    options: &[ERROR_LOG_FORMAT, ZONE, MAX_LINE_BYTES],
    example: &[],
    sample: concat!(
        "[Fri Nov 20 17:02:25.698931 2026] [proxy_http:error] [pid 1756:tid 1779] (70007)The timeout specified has expired: [client 192.0.2.7:55254] AH01102: error reading status line from remote server 192.0.2.1:80, referer: https://example.net/\n",
        "[Fri Nov 20 17:02:26.101010 2026] [core:info] [pid 1756:tid 1780] [client 2001:db8::7:55254] AH00128: File does not exist: /srv/www/a\n",
        "[Fri Nov 20 17:02:27 2026] [error] [client 192.0.2.7] File does not exist: /srv/www/b\n",
    ),
    detection: Detection::Weight(100),
    configure: |options| {
        let parser = ApacheError::with_formats(options.all(&ERROR_LOG_FORMAT))
            .map_err(|(text, (at, problem))| options.invalid_text(&ERROR_LOG_FORMAT, text, at, problem))?
            .zone(options.zone()?);
        let lines = options.lines()?;
        Ok(Parser::new(vec![parser.schema()], parser, move || lines.clone()))
    },
}];
