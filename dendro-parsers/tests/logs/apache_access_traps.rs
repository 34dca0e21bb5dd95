//! What formats and logs of Apache httpd are known to hold, each as a test of its own.

use crate::support::{self, bytes, log, number, text};
use dendro_core::{Event, SignedDuration, Value};
use dendro_parsers::formats;

const TIME: &str = "[20/Nov/2026:17:03:02 -0330]";

#[track_caller]
fn event(log_format: &str, line: &str) -> Event {
    log("apache", &[("log_format", log_format)], line.as_bytes()).only()
}

#[track_caller]
fn combined(line: &str) -> Event {
    log("apache_combined", &[], line.as_bytes()).only()
}

#[track_caller]
fn reason(log_format: &str, line: &str) -> String {
    log("apache", &[("log_format", log_format)], line.as_bytes()).reason()
}

#[track_caller]
fn error(log_format: &str) -> String {
    let options = [("log_format".to_owned(), log_format.to_owned())];
    formats::find("apache").unwrap().configure(&options).unwrap_err().to_string()
}

fn micros(micros: i64) -> Value {
    Value::Duration(SignedDuration::from_nanos(micros * 1_000))
}

#[test]
fn every_escape_of_httpd_is_decoded() {
    let event = combined(&format!(
        r#"::1 - mal\"lory {TIME} "GET /\"p\"?\\ HTTP/1.1" 404 400 "a\tb\nc" "caf\xc3\xa9 \x07 \\x41 \xe9""#
    ));
    assert_eq!(text(&event, "remote_user").as_deref(), Some("mal\"lory"));
    assert_eq!(text(&event, "path").as_deref(), Some("/\"p\""));
    assert_eq!(text(&event, "query").as_deref(), Some("\\"));
    assert_eq!(text(&event, "http_referer").as_deref(), Some("a\tb\nc"));
    assert_eq!(bytes(&event, "http_user_agent").unwrap(), b"caf\xc3\xa9 \x07 \\x41 \xe9");
}

#[test]
fn a_value_that_ends_with_a_backslash_ends_at_its_quote() {
    let event = combined(&format!(r#"::1 - - {TIME} "GET / HTTP/1.1" 404 400 "\\" "ends with \\""#));
    assert_eq!(text(&event, "http_referer").as_deref(), Some("\\"));
    assert_eq!(text(&event, "http_user_agent").as_deref(), Some("ends with \\"));
}

#[test]
fn bytes_may_be_a_dash_or_a_number_whether_percent_b_or_percent_o() {
    let event_ = combined(&format!(r#"::1 - - {TIME} "GET / HTTP/1.1" 304 - "-" "-""#));
    assert_eq!(event_.fields["bytes_sent"], Value::Null);
    let event_ = event("%b %B %O", "- 0 153");
    assert_eq!(event_.fields["body_bytes_sent"], Value::Null);
    assert_eq!(event_.fields["body_bytes_sent_2"], Value::U64(0));
    assert_eq!(number(&event_, "bytes_sent"), 153);
}

#[test]
fn a_user_may_be_two_quotes_hold_spaces_or_brackets() {
    for (user, expected) in [
        (r#""""#, Some("\"\"")),
        ("bob smith", Some("bob smith")),
        ("a]b", Some("a]b")),
        ("a] [x", Some("a] [x")),
        (r#"\"\""#, Some("\"\"")),
        ("x [20/Nov/2026:17:03:02 -0330]", Some("x [20/Nov/2026:17:03:02 -0330]")),
        ("-", None),
    ] {
        for line in [
            format!(r#"::1 - {user} {TIME} "GET / HTTP/1.1" 200 1 "-" "-""#),
            format!(r#"::1 - {user} {TIME} "GET / HTTP/1.1" 200 1"#),
        ] {
            let event = combined(&line);
            assert_eq!(text(&event, "remote_user").as_deref(), expected, "{line}");
            assert_eq!(number(&event, "status"), 200);
        }
    }
}

#[test]
fn a_request_that_timed_out_is_empty_or_binary_is_an_event() {
    for (request, status, expected) in [
        ("-", 408, None),
        ("", 400, Some(&b""[..])),
        (r"\x16\x03\x01\x02", 400, Some(b"\x16\x03\x01\x02")),
        ("HELP", 400, Some(b"HELP")),
    ] {
        let event = combined(&format!(r#"::1 - - {TIME} "{request}" {status} 0 "-" "-""#));
        assert_eq!(bytes(&event, "request").as_deref(), expected);
        assert_eq!(number(&event, "status"), status);
        assert_eq!(event.fields["method"], Value::Null);
    }
    let event = combined(&format!(r#"::1 - - {TIME} "GET /a" 200 0 "-" "-""#));
    assert_eq!(text(&event, "path").as_deref(), Some("/a"));
    assert_eq!(event.fields["protocol"], Value::Null);
}

#[test]
fn lines_of_common_are_read_as_combined_without_headers() {
    let event = combined(&format!(r#"::1 - - {TIME} "GET / HTTP/1.1" 200 12"#));
    assert_eq!(number(&event, "bytes_sent"), 12);
    assert_eq!(event.fields["http_referer"], Value::Null);
    assert_eq!(event.fields["http_user_agent"], Value::Null);
    let reason =
        log("apache_combined", &[], format!(r#"::1 - - {TIME} "GET / HTTP/1.1" 200"#).as_bytes()).reason();
    assert_eq!(reason, "at byte 57: expected ` ` behind %>s");
}

#[test]
fn a_line_with_a_further_field_is_refused_with_its_place() {
    let line = format!(r#"::1 - - {TIME} "GET / HTTP/1.1" 200 12 "-" "x""#);
    combined(&line);
    for more in [" 1", " \"-\"", " "] {
        let reason = log("apache_combined", &[], format!("{line}{more}").as_bytes()).reason();
        assert_eq!(reason, format!("at byte {}: expected the end of the line", line.len()));
    }
}

#[test]
fn two_addresses_in_a_row_and_a_virtual_host_are_told_apart() {
    let event_ = event("%h %a %u", "host.example.com 2001:db8::7 bob smith");
    assert_eq!(text(&event_, "remote_host").as_deref(), Some("host.example.com"));
    assert_eq!(text(&event_, "remote_addr").as_deref(), Some("2001:db8::7"));
    assert_eq!(text(&event_, "remote_user").as_deref(), Some("bob smith"));
    let rest = format!(r#"2001:db8::7 - - {TIME} "GET / HTTP/1.1" 200 1 "-" "-""#);
    let event = event("vhost_combined", &format!("www.example.com:80 {rest}"));
    assert_eq!(text(&event, "server_name").as_deref(), Some("www.example.com"));
    assert_eq!(number(&event, "server_port"), 80);
    assert_eq!(text(&event, "remote_host").as_deref(), Some("2001:db8::7"));
    // Some sites write no port.
    assert_eq!(
        reason("vhost_combined", &format!("www.example.com {rest}")),
        "at byte 21: expected a number of at most 64 bits, or none, for %p"
    );
}

#[test]
fn times_taken_are_durations_in_the_unit_of_the_directive_and_the_finest_is_kept() {
    for (format, line, expected) in [
        ("%D", "339", micros(339)),
        ("%T", "12", micros(12_000_000)),
        ("%{ms}T", "15", micros(15_000)),
        ("%{us}T", "15", micros(15)),
        ("%{s}T", "15", micros(15_000_000)),
        ("%T/%D", "12/12000339", micros(12_000_339)),
        ("%D %{ms}T %T", "1500 1 0", micros(1_500)),
        ("%D", "-", Value::Null),
        ("%D", "-20", micros(-20)),
    ] {
        let event = event(format, line);
        assert_eq!(event.fields["request_time"], expected, "{format}");
        assert_eq!(event.fields.len(), 1);
    }
    assert_eq!(event("%^FB", "250").fields["first_byte_time"], micros(250));
}

#[test]
fn statuses_of_both_requests_have_names_and_may_be_missing() {
    assert_eq!(number(&event("%s", "200"), "status"), 200);
    assert_eq!(number(&event("%>s", "200"), "status"), 200);
    let both = event("%s>%>s", "302>200");
    assert_eq!(number(&both, "status"), 200);
    assert_eq!(number(&both, "original_status"), 302);
    assert_eq!(event("%>s %b", "- -").fields["status"], Value::Null);
    let users = event("%u|%<u|%>r", "a|b|GET / HTTP/1.1");
    assert_eq!(text(&users, "remote_user").as_deref(), Some("a"));
    assert_eq!(text(&users, "original_remote_user").as_deref(), Some("b"));
    assert_eq!(text(&users, "final_request").as_deref(), Some("GET / HTTP/1.1"));
}

#[test]
fn a_time_is_put_together_from_its_parts() {
    let in_berlin = |format: &str, line: &str| {
        let options = [("log_format", format), ("zone", "Europe/Berlin")];
        log("apache", &options, line.as_bytes()).only().time.unwrap().to_string()
    };
    for (format, line, expected) in [
        ("%t", "[20/Nov/2026:17:03:02 -0330]", "2026-11-20T20:33:02.000000000Z"),
        ("%t %{msec_frac}t", "[20/Nov/2026:17:03:02 -0330] 071", "2026-11-20T20:33:02.071000000Z"),
        (
            "%{%Y-%m-%dT%H:%M:%S}t.%{usec_frac}t%{%z}t",
            "2026-11-20T17:03:02.000071-0330",
            "2026-11-20T20:33:02.000071000Z",
        ),
        ("%{%d/%b/%Y %T}t.%{msec_frac}t", "20/Nov/2026 17:03:02.999", "2026-11-20T16:03:02.999000000Z"),
        ("%{sec}t", "1795206782", "2026-11-20T20:33:02.000000000Z"),
        ("%{sec}t.%{msec_frac}t", "1795206782.250", "2026-11-20T20:33:02.250000000Z"),
        ("%{msec}t", "1795206782250", "2026-11-20T20:33:02.250000000Z"),
        ("%{begin:usec}t", "1795206782250001", "2026-11-20T20:33:02.250001000Z"),
        ("%{end:sec}t", "1795206782", "2026-11-20T20:33:02.000000000Z"),
        ("%{%c}t", "Fri Nov 20 17:03:02 2026", "2026-11-20T16:03:02.000000000Z"),
    ] {
        assert_eq!(in_berlin(format, line), expected, "{format}");
    }
}

#[test]
fn the_end_of_a_request_is_a_field_beside_its_beginning() {
    let event_ = event("%t %{end:msec}t %>s", "[20/Nov/2026:17:03:02 -0330] 1795206783250 200");
    assert_eq!(event_.time.unwrap().to_string(), "2026-11-20T20:33:02.000000000Z");
    let Value::Timestamp(end) = event_.fields["request_end_time"] else { panic!("{event_:?}") };
    assert_eq!(end.to_string(), "2026-11-20T20:33:03.250000000Z");
    // What tells no day tells no time.
    let event_ = event("%{%H:%M}t %>s", "17:03 200");
    assert_eq!(event_.time, None);
    assert_eq!(event_.fields.len(), 1);
    assert_eq!(
        reason("%{%F %T}t", "2026-02-29 17:03:02"),
        "at byte 0: expected a time that the calendar has and that is between the years 1677 and 2262"
    );
}

#[test]
fn what_is_named_in_a_directive_names_its_field() {
    let format = r#"%{Referer}i|%{X-Request-Id}i|%{Content-Type}o|%{sid}C|%{UNIQUE_ID}e|%{mod_php.memory}n|%{X-T}^ti|%{X-T}^to|%{SSL_PROTOCOL}x|%{version}c"#;
    let event = event(format, "a|b|text/html; charset=utf-8|c|d|e|f|g|TLSv1.3|-");
    for (name, expected) in [
        ("http_referer", "a"),
        ("http_x_request_id", "b"),
        ("sent_http_content_type", "text/html; charset=utf-8"),
        ("cookie_sid", "c"),
        ("env_unique_id", "d"),
        ("note_mod_php_memory", "e"),
        ("trailer_x_t", "f"),
        ("sent_trailer_x_t", "g"),
        ("ssl_protocol", "TLSv1.3"),
    ] {
        assert_eq!(text(&event, name).as_deref(), Some(expected), "{name}");
    }
    assert_eq!(text(&event, "ssl_version"), None);
    let parser = support::parser("apache", &[("log_format", format)]);
    let schema = &parser.schemas()[0];
    assert!(schema.fields.iter().all(|field| field.doc.starts_with("`%{")), "{schema:?}");
    assert_eq!(
        schema.get("http_x_request_id").unwrap().otel.as_deref(),
        Some("http.request.header.x-request-id")
    );
}

#[test]
fn a_header_that_is_written_for_some_statuses_only_is_null_for_the_others() {
    for format in ["%400,501{User-agent}i %>s", "%!200,304,302{User-agent}i %>s"] {
        assert_eq!(text(&event(format, "- 200"), "http_user_agent"), None);
        assert_eq!(text(&event(format, "a b 400"), "http_user_agent").as_deref(), Some("a b"));
    }
}

#[test]
fn every_directive_is_typed() {
    let format = "%A %{c}a %{c}h %f|%H %k %L %{c}L %m %p %{local}p %{remote}p %P %{tid}P %{hextid}P %q|%R %U|%V %X %I %S";
    let line = "10.0.0.1 10.0.0.2 h /var/www/a b.html|HTTP/1.1 2 aBc/1 - GET 443 8443 51234 17 18 7f1a ?a=b c|cgi-script /a b|www.example.com - 200 300";
    let event = event(format, line);
    for (name, expected) in [
        ("local_addr", "10.0.0.1"),
        ("peer_addr", "10.0.0.2"),
        ("peer_host", "h"),
        ("filename", "/var/www/a b.html"),
        ("server_protocol", "HTTP/1.1"),
        ("request_log_id", "aBc/1"),
        ("request_method", "GET"),
        ("query_string", "?a=b c"),
        ("handler", "cgi-script"),
        ("uri", "/a b"),
        ("host", "www.example.com"),
        // Not a missing value: the connection was closed.
        ("connection_status", "-"),
    ] {
        assert_eq!(text(&event, name).as_deref(), Some(expected), "{name}");
    }
    for (name, expected) in [
        ("keepalive_requests", 2),
        ("server_port", 443),
        ("local_port", 8443),
        ("remote_port", 51_234),
        ("pid", 17),
        ("tid", 18),
        ("tid_2", 0x7f1a),
        ("bytes_received", 200),
        ("bytes_transferred", 300),
    ] {
        assert_eq!(number(&event, name), expected, "{name}");
    }
    assert_eq!(text(&event, "connection_log_id"), None);
}

#[test]
fn the_path_and_the_query_side_by_side_are_told_apart_by_the_question_mark() {
    let format = r#""%m %U%q %H" %>s"#;
    let event_ = event(format, r#""GET /a b?c=d HTTP/1.1" 200"#);
    assert_eq!(text(&event_, "uri").as_deref(), Some("/a b"));
    assert_eq!(text(&event_, "query_string").as_deref(), Some("?c=d"));
    let event_ = event(format, r#""GET /a HTTP/1.1" 200"#);
    assert_eq!(text(&event_, "uri").as_deref(), Some("/a"));
    assert_eq!(text(&event_, "query_string").as_deref(), Some(""));
}

#[test]
fn a_format_that_can_not_be_read_back_is_refused_with_the_place() {
    assert_eq!(
        error(r#"LogFormat "%h %{Referer}i %{User-Agent}i" x"#),
        "apache: `log_format` at byte 14: where %{Referer}i ends can't be told: both it and %{User-Agent}i may hold the \
         ` ` that follows it; put quotes around it\n  LogFormat \"%h %{Referer}i %{User-Agent}i\" x\n                ^"
    );
    for (format, at) in [("%h%u", 2), ("%b%O", 2), ("%{a}n %u %>s", 0), ("%h %Z", 3), ("nickname", 0)] {
        let error = error(format);
        assert!(error.starts_with(&format!("apache: `log_format` at byte {at}: ")), "{format}: {error}");
    }
}

#[test]
fn a_line_of_another_format_is_refused_with_the_place_where_it_differs() {
    for (line, expected) in [
        ("::1", "at byte 3: expected ` ` behind %h"),
        ("::1 - - 20/Nov/2026", "at byte 19: expected ` [` behind %u"),
        (
            r#"::1 - - [20/Nov/2026:17:03:02] "GET /" 200 1"#,
            "at byte 9: expected a time that the calendar has and that is between the years 1677 and 2262 for %t",
        ),
        (
            r#"::1 - - [31/Nov/2026:17:03:02 +0000] "GET /" 200 1"#,
            "at byte 9: expected a time that the calendar has and that is between the years 1677 and 2262 for %t",
        ),
        (r#"::1 - - [20/Nov/2026:17:03:02 +0000] "GET / 200 1"#, "at byte 49: expected `\" ` behind %r"),
        (
            r#"::1 - - [20/Nov/2026:17:03:02 +0000] "GET /" x 1"#,
            "at byte 45: expected a status of three digits or `-` for %>s",
        ),
        (
            r#"::1 - - [20/Nov/2026:17:03:02 +0000] "GET /" 200 18446744073709551616"#,
            "at byte 49: expected a number of at most 64 bits, or none, for %O or %b",
        ),
    ] {
        assert_eq!(reason("common", line), expected, "{line}");
    }
}
