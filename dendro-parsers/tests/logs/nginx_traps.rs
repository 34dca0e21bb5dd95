//! What real logs are known to hold, each as a test of its own.

use crate::support::{self, bytes, number, parse, text};
use dendro_core::Value;

/// A line with this request, and the rest as usual.
fn with_request(request: &str) -> String {
    format!(r#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "{request}" 400 157 "-" "-""#)
}

fn with_user(user: &str) -> String {
    format!(r#"192.0.2.7 - {user} [20/Nov/2026:16:59:47 -0330] "GET / HTTP/1.1" 200 1 "-" "-""#)
}

fn with_client(client: &str) -> String {
    format!(r#"{client} - - [20/Nov/2026:16:59:47 -0330] "GET / HTTP/1.1" 200 1 "-" "-""#)
}

fn with_tail(tail: &str) -> String {
    format!(r#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET / HTTP/1.1" {tail}"#)
}

fn with_time(time: &str) -> String {
    format!(r#"192.0.2.7 - - [{time}] "GET / HTTP/1.1" 200 1 "-" "-""#)
}

#[test]
fn a_missing_header_is_null_and_an_empty_one_is_empty() {
    let event = parse(with_tail(r#"200 1 "-" """#).as_bytes()).unwrap();
    assert_eq!(text(&event, "http_referer"), None);
    assert_eq!(text(&event, "http_user_agent").as_deref(), Some(""));
}

#[test]
fn hex_escapes_are_decoded_in_every_quoted_field_and_the_user() {
    let line = r#"192.0.2.7 - mal\x22lory [20/Nov/2026:16:59:47 -0330] "GET /p\x22?q=\x5C HTTP/1.1" 404 153 "back\x5Cslash" "caf\xC3\xA9 \x22x\x22""#;
    let event = parse(line.as_bytes()).unwrap();
    for (name, expected) in [
        ("remote_user", "mal\"lory"),
        ("request", "GET /p\"?q=\\ HTTP/1.1"),
        ("method", "GET"),
        ("path", "/p\""),
        ("query", "q=\\"),
        ("protocol", "HTTP/1.1"),
        ("http_referer", "back\\slash"),
        ("http_user_agent", "café \"x\""),
    ] {
        assert_eq!(text(&event, name).as_deref(), Some(expected), "{name}");
    }
}

#[test]
fn a_value_that_is_not_utf8_is_bytes() {
    let event = parse(with_tail(r#"200 1 "\x80w\x01" "\x7F\x80\xFF""#).as_bytes()).unwrap();
    assert_eq!(event.fields["http_referer"], Value::Bytes(b"\x80w\x01".to_vec()));
    assert_eq!(bytes(&event, "http_user_agent").unwrap(), b"\x7f\x80\xff");
    // As `escape=none` and other servers write them.
    let mut line = with_tail(r#"200 1 "-" "x"#).into_bytes();
    line.extend_from_slice(b"\xe9\"");
    assert_eq!(parse(&line).unwrap().fields["http_user_agent"], Value::Bytes(b"x\xe9".to_vec()));
}

#[test]
fn a_request_that_is_empty_binary_or_one_word_is_kept_and_not_split() {
    for (logged, expected) in [
        ("", Some(&b""[..])),
        ("-", None),
        (r"\x16\x03\x01\x02\x00\x01\x00", Some(b"\x16\x03\x01\x02\0\x01\0")),
        ("HELP", Some(b"HELP")),
        ("GET", Some(b"GET")),
        ("SSH-2.0-Go", Some(b"SSH-2.0-Go")),
        (
            r"{\x22id\x22:1,\x22method\x22:\x22mining.subscribe\x22}",
            Some(br#"{"id":1,"method":"mining.subscribe"}"#),
        ),
    ] {
        let event = parse(with_request(logged).as_bytes()).unwrap();
        assert_eq!(bytes(&event, "request").as_deref(), expected, "{logged}");
        for part in ["method", "path", "query", "protocol"] {
            assert_eq!(event.fields[part], Value::Null, "{logged}: {part}");
        }
    }
}

#[test]
fn a_request_with_spaces_in_its_uri_or_without_protocol_is_split_as_far_as_it_goes() {
    for (request, method, path, query, protocol) in [
        ("GET /a b HTTP/1.1", "GET", "/a b", None, Some("HTTP/1.1")),
        ("GET  /two  HTTP/1.1", "GET", "/two", None, Some("HTTP/1.1")),
        ("PRI * HTTP/2.0", "PRI", "*", None, Some("HTTP/2.0")),
        ("GET /", "GET", "/", None, None),
        ("GET /q?a=b?c HTTP/3.0", "GET", "/q", Some("a=b?c"), Some("HTTP/3.0")),
        ("GET http://www.example.com/proxy?x=1 HTTP/1.1", "GET", "/proxy", Some("x=1"), Some("HTTP/1.1")),
    ] {
        let event = parse(with_request(request).as_bytes()).unwrap();
        assert_eq!(text(&event, "request").as_deref(), Some(request));
        assert_eq!(text(&event, "method").as_deref(), Some(method));
        assert_eq!(text(&event, "path").as_deref(), Some(path));
        assert_eq!(text(&event, "query").as_deref(), query);
        assert_eq!(text(&event, "protocol").as_deref(), protocol);
    }
}

#[test]
fn a_user_with_spaces_brackets_or_a_time_is_split_off_at_the_time() {
    for user in [
        "bob smith",
        "a]b",
        "a] [x",
        " ",
        "",
        " - ",
        "[",
        "-x",
        "x [20/Nov/2026:16:59:47 -0330] y",
        "x [20/Nov/2026:16:59:47 -0330] ",
    ] {
        let event = parse(with_user(user).as_bytes()).unwrap_or_else(|e| panic!("{user}: {e}"));
        assert_eq!(text(&event, "remote_user").as_deref(), Some(user));
        assert_eq!(text(&event, "path").as_deref(), Some("/"));
    }
    assert_eq!(text(&parse(with_user("-").as_bytes()).unwrap(), "remote_user"), None);
}

#[test]
fn a_ninth_field_is_the_forwarded_for_or_the_gzip_ratio() {
    for (logged, expected) in
        [("-", None), ("", Some("")), ("203.0.113.207, 10.1.2.3", Some("203.0.113.207, 10.1.2.3"))]
    {
        let event = parse(with_tail(&format!(r#"200 1 "-" "x" "{logged}""#)).as_bytes()).unwrap();
        assert_eq!(text(&event, "http_x_forwarded_for").as_deref(), expected);
        assert!(!event.fields.contains_key("gzip_ratio"));
    }
    let event = parse(with_tail(r#"200 1 "-" "x" "\x22y\x22""#).as_bytes()).unwrap();
    assert_eq!(text(&event, "http_x_forwarded_for").as_deref(), Some("\"y\""));
    let event = parse(with_tail(r#"200 1 "-" "x" "2.75""#).as_bytes()).unwrap();
    assert_eq!(event.fields["gzip_ratio"], Value::F64(2.75));
    assert!(!event.fields.contains_key("http_x_forwarded_for"));
    let event = parse(with_tail(r#"200 1 "-" "x""#).as_bytes()).unwrap();
    assert!(!event.fields.contains_key("http_x_forwarded_for"));
    assert_eq!(
        parse(with_tail(r#"200 1 "-" "x" "y" "z""#).as_bytes()).unwrap_err(),
        format!("at byte {}: expected the end of the line", with_tail(r#"200 1 "-" "x" "y""#).len())
    );
}

#[test]
fn clients_are_of_any_family() {
    for client in ["::1", "::ffff:192.0.2.1", "2001:db8:85a3::8a2e:370:23", "unix:", "proxy.example.com"] {
        let event = parse(with_client(client).as_bytes()).unwrap();
        assert_eq!(text(&event, "remote_addr").as_deref(), Some(client));
    }
}

#[test]
fn statuses_that_nginx_alone_knows_are_numbers() {
    for (logged, status) in [("499", 499), ("444", 444), ("000", 0), ("009", 9)] {
        let event = parse(with_tail(&format!(r#"{logged} 0 "-" "-""#)).as_bytes()).unwrap();
        assert_eq!(number(&event, "status"), status);
    }
}

#[test]
fn the_zone_of_the_line_is_honoured() {
    for (logged, expected) in [
        ("20/Nov/2026:16:59:47 -0330", "2026-11-20T20:29:47.000000000Z"),
        ("20/Nov/2026:16:59:47 +0545", "2026-11-20T11:14:47.000000000Z"),
        ("01/Mar/2028:00:00:00 +0100", "2028-02-29T23:00:00.000000000Z"),
    ] {
        assert_eq!(parse(with_time(logged).as_bytes()).unwrap().time.unwrap().to_string(), expected);
    }
}

#[test]
fn a_line_of_another_format_is_refused_with_the_place_where_it_differs() {
    const TIME: &str =
        "expected `[` and the time after remote_user, as in ` [20/Nov/2026:16:59:47 -0330] \"`";
    const CALENDAR: &str =
        "expected a time that the calendar has and that is between the years 1677 and 2262";
    let bytes = "expected a space and the body bytes as a number of at most 64 bits after the status";
    let status = "expected a space and a status of three digits after the request";
    // Where the request has ended.
    let tail = with_tail("").len() - 1;
    let user = "expected ` - ` and remote_user after remote_addr";
    for (line, at, reason) in [
        (" - - [", 0, "expected remote_addr"),
        ("192.0.2.7", 9, user),
        ("www.example.com:80 192.0.2.7 - - [", 18, user),
        ("not a line", 3, user),
        (r#"192.0.2.7 - - 20/Nov/2026:16:59:47 -0330 "GET /""#, 12, TIME),
        (r#"192.0.2.7 - - [20/Nov/2026:16:59:47] "GET /""#, 12, TIME),
        ("192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] GET /", 12, TIME),
        (&with_time("31/Nov/2026:16:59:47 -0330"), 15, CALENDAR),
        (&with_time("20/Nov/2026:24:59:47 -0330"), 15, CALENDAR),
        (&with_time("20/Nov/1066:16:59:47 -0330"), 15, CALENDAR),
        (
            r#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET /"#,
            49,
            "expected a quote at the end of the request",
        ),
        (&with_tail(r#"20 1 "-" "-""#), tail, status),
        (&with_tail(r#"2000 1 "-" "-""#), tail + 4, bytes),
        (&with_tail(r#"- 1 "-" "-""#), tail, status),
        (&with_tail(r#"200 - "-" "-""#), tail + 4, bytes),
        (&with_tail(r#"200 18446744073709551616 "-" "-""#), tail + 4, bytes),
        (&with_tail("200 1"), tail + 6, "expected ` \"` and the referer after the body bytes"),
        (&with_tail("200 1.5 \"-\""), tail + 6, "expected ` \"` and the referer after the body bytes"),
        (&with_tail("200 1 \"x"), tail + 9, "expected a quote at the end of the referer"),
        (&with_tail("200 1 \"-\""), tail + 10, "expected ` \"` and the user agent after the referer"),
        (&with_tail("200 1 \"-\" \"x"), tail + 13, "expected a quote at the end of the user agent"),
        (
            &with_tail("200 1 \"-\" \"x\" "),
            tail + 14,
            "expected the end of the line or one more quoted field after the user agent",
        ),
        (
            &with_tail("200 1 \"-\" \"x\" \"y"),
            tail + 17,
            "expected a quote at the end of the field after the user agent",
        ),
    ] {
        assert_eq!(parse(line.as_bytes()).unwrap_err(), format!("at byte {at}: {reason}"), "{line}");
    }
}

#[test]
fn no_line_that_is_cut_short_is_taken_for_a_whole_one() {
    let line =
        r#"192.0.2.7 - a\x22b [20/Nov/2026:16:59:47 -0330] "GET /\x22 HTTP/1.1" 200 153 "\x5C" "x\x22""#;
    for len in 0..line.len() {
        assert!(parse(&line.as_bytes()[..len]).is_err(), "{}", &line[..len]);
    }
    assert!(parse(line.as_bytes()).is_ok());
}

#[test]
fn what_a_source_has_set_stays_and_a_parsed_event_is_left_alone() {
    use dendro_core::Transform;
    use dendro_parsers::nginx::NginxAccess;
    for (line, fields) in [(with_user("x"), 12), ("bad".to_owned(), 1)] {
        let mut batch = support::batch(line.as_bytes());
        batch.get_mut(0).unwrap().insert("_line", 7u64).unwrap();
        NginxAccess::combined().transform(&mut batch).unwrap();
        NginxAccess::combined().transform(&mut batch).unwrap();
        let event = batch.get(0).or_else(|| batch.rejected().next().map(|r| r.event)).unwrap();
        assert_eq!(event.get("_line").unwrap().as_u64(), Some(7));
        assert_eq!(event.fields().count(), fields);
    }
}
