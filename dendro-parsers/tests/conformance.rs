//! The parsers of this crate hold what every transform has to hold: see `dendro_test::conformance::transform`.

#![allow(clippy::unwrap_used)]

use dendro_parsers::nginx::NginxAccess;
use dendro_test::conformance::TransformWorld;
use dendro_test::transform_conformance;

transform_conformance!(
    nginx_combined,
    TransformWorld::lines(
        NginxAccess::combined,
        [
            &br#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET /a?b HTTP/1.1" 200 153 "-" "curl/8.14.1""#[..],
            br#"2001:db8::7 - ann [20/Nov/2026:16:59:48 +0000] "POST /form HTTP/2.0" 302 0 "https://example.net/" "Mozilla/5.0""#,
            br#"192.0.2.8 - - [20/Nov/2026:16:59:49 +0000] "\x16\x03\x01" 400 157 "-" "-""#,
            br#"192.0.2.8 - - [20/Nov/2026:16:59:49 +0000] "" 400 0 "-" "-""#,
            b"192.0.2.9 - - [20/Nov/2026:16:59:50 +0000] \"GET /\xff HTTP/1.1\" 404 0 \"-\" \"caf\xc3\xa9\"",
            br#"192.0.2.9 - - [20/Nov/2026:16:59:51 +0000] "GET / HTTP/1.1" 200 99999999999999999999 "-" "too large""#,
            b"not of the format",
            b"",
        ]
    )
);

transform_conformance!(
    auto,
    TransformWorld::lines(
        || dendro_parsers::formats::find("auto").unwrap().configure(&[]).unwrap().transform(),
        [
            &br#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET /a?b HTTP/1.1" 200 153 "-" "curl/8.14.1""#[..],
            br#"192.0.2.8 - - [20/Nov/2026:16:59:49 +0000] "\x16\x03\x01" 400 157 "-" "-""#,
            b"not of any format",
            b"",
        ]
    )
);
