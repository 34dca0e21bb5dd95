//! The error log by its name.

use super::NginxError;
use super::line::begins;
use crate::continued::ContinuedLines;
use crate::formats::{Detection, Format, MAX_LINE_BYTES, Parser, ZONE};

pub(crate) const FORMATS: &[Format] = &[Format {
    name: "nginx_error",
    doc: "nginx's error log.",
    options: &[ZONE, MAX_LINE_BYTES],
    example: &[],
    sample: concat!(
        r#"2026/11/20 16:59:37 [error] 27718#27718: *25 open() "/srv/www/a" failed (2: No such file or directory), client: 192.0.2.7, server: example.com, request: "GET /a HTTP/1.1", host: "example.com""#,
        "\n",
        r#"2026/11/20 16:59:38 [error] 27718#27718: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 2001:db8::7, server: example.com, request: "POST /b?c HTTP/2.0", upstream: "http://192.0.2.1:80/b?c", host: "example.com", referrer: "https://example.net/""#,
        "\n",
        "2026/11/20 17:00:15 [notice] 27709#27709: signal 3 (SIGQUIT) received from 27671, shutting down\n",
    ),
    detection: Detection::Weight(100),
    configure: |options| {
        let parser = NginxError::new().zone(options.zone()?);
        let framer = ContinuedLines::new(begins).max_bytes(options.max_line_bytes()?);
        Ok(Parser::new(vec![NginxError::schema()], parser, move || framer.clone()))
    },
}];
