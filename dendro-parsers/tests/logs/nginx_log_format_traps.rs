//! What formats and logs of nginx are known to hold, each as a test of its own.

use crate::support::{self, bytes, log, text};
use dendro_core::{Event, SignedDuration, Value};
use dendro_parsers::formats;

#[track_caller]
fn event(log_format: &str, line: &str) -> Event {
    log("nginx", &[("log_format", log_format)], line.as_bytes()).only()
}

#[track_caller]
fn reason(log_format: &str, line: &str) -> String {
    log("nginx", &[("log_format", log_format)], line.as_bytes()).reason()
}

#[track_caller]
fn error(log_format: &str) -> String {
    let options = [("log_format".to_owned(), log_format.to_owned())];
    formats::find("nginx").unwrap().configure(&options).unwrap_err().to_string()
}

fn millis(millis: i64) -> Value {
    Value::Duration(SignedDuration::from_nanos(millis * 1_000_000))
}

fn strings(values: &[&str]) -> Value {
    Value::Array(values.iter().map(|value| Value::Str((*value).to_owned())).collect())
}

#[test]
fn the_format_combined_gives_what_the_parser_of_combined_gives() {
    let named = support::parser("nginx", &[("log_format", "combined")]);
    for line in [
        r#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET /a?b HTTP/1.1" 200 153 "-" "curl/8.14.1""#,
        r#"unix: - a] [b [20/Nov/2026:16:59:47 -0330] "GET http://h/p\x22?q HTTP/2.0" 499 0 "" "caf\xC3\xA9 \xFF""#,
        r#"::1 -  [20/Nov/2026:16:59:47 -0330] "" 000 0 "-" "-""#,
        r#"::1 - - [20/Nov/2026:16:59:47 -0330] "\x16\x03" 400 0 "-" "-""#,
        r#"::1 - -x [20/Nov/2026:16:59:47 -0330] "HELP" 400 18446744073709551615 "-" "-""#,
        // Neither reads these.
        r#"::1 - - [31/Nov/2026:16:59:47 -0330] "HELP" 400 0 "-" "-""#,
        r#"::1 - - [20/Nov/2026:16:59:47 -0330] "HELP" 400 18446744073709551616 "-" "-""#,
        r#"::1 - - [20/Nov/2026:16:59:47 -0330] "HELP" - 0 "-" "-""#,
        r#"::1 - - [20/Nov/2026:16:59:47 -0330] "HELP" 400 - "-" "-""#,
        r#"::1 - - [20/Nov/2026:16:59:47 -0330] "HELP" 400 0 "-" "-"#,
        "",
    ] {
        let outcome = support::through(&named, line.as_bytes());
        assert_eq!(outcome.events, log("nginx_combined", &[], line.as_bytes()).events, "{line}");
        assert_eq!(outcome.events.len() + outcome.refused.len(), usize::from(!line.is_empty()));
    }
}

#[test]
fn a_missing_header_is_null_an_empty_one_empty_and_a_dash_looks_like_none() {
    let format = r#""$http_referer" "$http_user_agent" "$http_x_a""#;
    let event = event(format, r#""-" "" "--""#);
    assert_eq!(text(&event, "http_referer"), None);
    assert_eq!(text(&event, "http_user_agent").as_deref(), Some(""));
    assert_eq!(text(&event, "http_x_a").as_deref(), Some("--"));
}

#[test]
fn default_escapes_are_decoded_and_what_is_not_utf8_is_bytes() {
    let event = event(r#"$status "$http_user_agent" $http_x"#, r#"200 "\x22\x5C\xE9" caf\xC3\xA9"#);
    assert_eq!(bytes(&event, "http_user_agent").unwrap(), b"\"\\\xe9");
    assert_eq!(text(&event, "http_x").as_deref(), Some("café"));
}

#[test]
fn json_escapes_are_decoded_and_bytes_that_are_not_utf8_pass() {
    let format = r#"log_format j escape=json '{"ua":"$http_user_agent","u":"$remote_user","s":$status}';"#;
    let line = b"{\"ua\":\"a\\\"b\\\\c\\n\\u001f/\xe9\",\"u\":\"\",\"s\":200}";
    let event = log("nginx", &[("log_format", format)], line).only();
    assert_eq!(bytes(&event, "http_user_agent").unwrap(), b"a\"b\\c\n\x1f/\xe9");
    assert_eq!(text(&event, "remote_user").as_deref(), Some(""));
    assert_eq!(event.fields["status"], Value::U64(200));
}

#[test]
fn a_json_log_with_missing_numbers_is_read_though_it_is_no_json() {
    let format = r#"{"len":$upstream_response_length,"rt":$request_time,"urt":$upstream_response_time,"port":$proxy_port}"#;
    let event_ = event(format, r#"{"len":,"rt":0.005,"urt":0.001, 0.002,"port":}"#);
    assert_eq!(event_.fields["upstream_response_length"], Value::Null);
    assert_eq!(event_.fields["request_time"], millis(5));
    assert_eq!(event_.fields["upstream_response_time"], Value::Array(vec![millis(1), millis(2)]));
    assert_eq!(event_.fields["proxy_port"], Value::Null);
    // A dash is a value there, where the value is text.
    let event = event(r#"{"a":"$http_a"}"#, r#"{"a":"-"}"#);
    assert_eq!(text(&event, "http_a").as_deref(), Some("-"));
}

#[test]
fn a_text_alone_can_be_told_its_escapes() {
    for (escape, line, expected) in [
        ("json", r#"<a\"b\u0001>"#, "a\"b\u{1}"),
        ("none", r#"<a\"b\u0001>"#, "a\\\"b\\u0001"),
        ("default", r#"<a\x22b>"#, "a\"b"),
    ] {
        let options = [("log_format", "<$http_a>"), ("escape", escape)];
        assert_eq!(
            text(&log("nginx", &options, line.as_bytes()).only(), "http_a").as_deref(),
            Some(expected)
        );
    }
    let options = [("log_format".to_owned(), "$a".to_owned()), ("escape".to_owned(), "xml".to_owned())];
    let error = formats::find("nginx").unwrap().configure(&options).unwrap_err().to_string();
    assert_eq!(error, "nginx: `escape` is `xml`, expected `default`, `json` or `none`");
}

#[test]
fn without_escapes_quotes_in_values_are_told_from_those_around_by_what_follows() {
    let format =
        r#"log_format x escape=none '$remote_addr [$time_local] "$request" $status "$http_user_agent"';"#;
    let line = r#"::1 [20/Nov/2026:16:59:47 -0330] "GET /"><script> HTTP/1.1" 404 "say "hi" \x""#;
    let event = event(format, line);
    assert_eq!(text(&event, "request").as_deref(), Some("GET /\"><script> HTTP/1.1"));
    assert_eq!(text(&event, "http_user_agent").as_deref(), Some("say \"hi\" \\x"));
    // Where a client has written what could be the rest of the line, nobody can tell.
    let forged = r#"::1 [20/Nov/2026:16:59:47 -0330] "GET /" 200 "x" HTTP/1.1" 404 "y""#;
    assert_eq!(
        reason(format, forged),
        "at byte 34: expected one place where $request may end, and there are several"
    );
}

#[test]
fn lists_of_upstream_servers_are_arrays_with_both_separators_and_dashes() {
    let format = r#"$upstream_addr $upstream_response_length $upstream_response_time $upstream_status "$upstream_connect_time" end"#;
    for (line, addr, length, time, status, connect) in [
        (r#"- - - - "-" end"#, Value::Null, Value::Null, Value::Null, Value::Null, Value::Null),
        (
            r#"10.0.0.1:80, unix:/tmp/x.sock 0, 37 0.001, - 502, 200 "-, 0.003" end"#,
            strings(&["10.0.0.1:80", "unix:/tmp/x.sock"]),
            Value::Array(vec![Value::U64(0), Value::U64(37)]),
            Value::Array(vec![millis(1), Value::Null]),
            Value::Array(vec![Value::U64(502), Value::U64(200)]),
            Value::Array(vec![Value::Null, millis(3)]),
        ),
        (
            r#"[::1]:80 : app 7 0.100 : 0.200 502, - : 200 "0.000 : 1.5" end"#,
            strings(&["[::1]:80", "app"]),
            Value::Array(vec![Value::U64(7)]),
            Value::Array(vec![millis(100), millis(200)]),
            Value::Array(vec![Value::U64(502), Value::Null, Value::U64(200)]),
            Value::Array(vec![millis(0), millis(1_500)]),
        ),
    ] {
        let event = event(format, line);
        assert_eq!(event.fields["upstream_addr"], addr, "{line}");
        assert_eq!(event.fields["upstream_response_length"], length, "{line}");
        assert_eq!(event.fields["upstream_response_time"], time, "{line}");
        assert_eq!(event.fields["upstream_status"], status, "{line}");
        assert_eq!(event.fields["upstream_connect_time"], connect, "{line}");
    }
    let event = event("[$upstream_addr] $status", "[[::1]:80, 10.0.0.1:80] 200");
    assert_eq!(event.fields["upstream_addr"], strings(&["[::1]:80", "10.0.0.1:80"]));
}

#[test]
fn text_without_quotes_that_holds_spaces_ends_where_the_rest_fits() {
    let event_ = event(
        "$sent_http_content_type $status $http_user_agent $request_time",
        "text/html; charset=utf-8 200 Mozilla/5.0 (X11; rv 1.0) 0.007",
    );
    assert_eq!(text(&event_, "sent_http_content_type").as_deref(), Some("text/html; charset=utf-8"));
    assert_eq!(text(&event_, "http_user_agent").as_deref(), Some("Mozilla/5.0 (X11; rv 1.0)"));
    assert_eq!(event_.fields["request_time"], millis(7));
    let event_ = event(
        r#"$http_x_forwarded_for - $remote_user [$time_local] "$request""#,
        r#"203.0.113.9, 10.0.0.1 - a [b [20/Nov/2026:16:59:47 -0330] "GET / HTTP/1.1""#,
    );
    assert_eq!(text(&event_, "http_x_forwarded_for").as_deref(), Some("203.0.113.9, 10.0.0.1"));
    assert_eq!(text(&event_, "remote_user").as_deref(), Some("a [b"));
}

#[test]
fn a_separator_that_a_client_has_used_too_is_told_by_what_follows_or_refused() {
    let format = "$request_method|$request_uri|$server_protocol|$status|$http_user_agent";
    let event = event(format, "GET|/css?family=Open+Sans|Roboto|HTTP/1.1|200|a|b");
    assert_eq!(text(&event, "request_uri").as_deref(), Some("/css?family=Open+Sans|Roboto"));
    assert_eq!(text(&event, "http_user_agent").as_deref(), Some("a|b"));
    let forged = "GET|/a|HTTP/1.1|200|x|HTTP/1.1|404|-";
    assert_eq!(
        reason(format, forged),
        "at byte 4: expected one place where $request_uri may end, and there are several"
    );
}

#[test]
fn a_request_with_bytes_of_tls_one_word_or_nothing_is_an_event() {
    for request in [r"\x16\x03\x01", "HELP", "", "-", "PRI * HTTP/2.0"] {
        let event = event(
            r#"[$time_local] "$request" $status"#,
            &format!("[20/Nov/2026:16:59:47 +0545] \"{request}\" 400"),
        );
        assert_eq!(event.fields["status"], Value::U64(400));
        assert_eq!(text(&event, "method").is_some(), request.starts_with("PRI"));
    }
}

#[test]
fn the_most_precise_time_is_that_of_the_event() {
    let iso = "2026-11-20T16:59:47+05:45";
    for (format, line, expected) in [
        ("$time_local", "20/Nov/2026:16:59:47 +0545", "2026-11-20T11:14:47.000000000Z"),
        ("$time_iso8601", iso, "2026-11-20T11:14:47.000000000Z"),
        ("$time_iso8601 $msec", "2026-11-20T16:59:47+05:45 1795173287.758", "2026-11-20T11:14:47.758000000Z"),
        ("$msec $time_local", "1795173287.758 20/Nov/2026:16:59:47 +0545", "2026-11-20T11:14:47.758000000Z"),
    ] {
        let event = event(format, line);
        assert_eq!(event.time.unwrap().to_string(), expected);
        assert!(event.fields.is_empty(), "{:?}", event.fields);
    }
    assert_eq!(
        reason("$time_iso8601 $msec", "2026-11-31T16:59:47+05:45 1795173287.758"),
        "at byte 0: expected a time that the calendar has and that is between the years 1677 and 2262 for $time_iso8601"
    );
}

#[test]
fn clients_and_hosts_are_of_any_family() {
    let format = "$host:$server_port $remote_addr:$remote_port $status";
    for (line, host, addr) in [
        ("www.example.com:80 192.0.2.7:4711 200", "www.example.com", "192.0.2.7"),
        ("[::1]:80 192.0.2.7:4711 200", "[::1]", "192.0.2.7"),
        ("[2001:db8::1]:80 2001:db8::7:4711 200", "[2001:db8::1]", "2001:db8::7"),
        ("x:80 unix::- 200", "x", "unix:"),
    ] {
        let event = event(format, line);
        assert_eq!(text(&event, "host").as_deref(), Some(host), "{line}");
        assert_eq!(text(&event, "remote_addr").as_deref(), Some(addr), "{line}");
        assert_eq!(event.fields["server_port"], Value::U64(80));
    }
}

#[test]
fn values_that_begin_or_end_by_themselves_need_no_separator() {
    let event_ = event("\"$scheme://$host$request_uri\" $status", "\"https://[::1]:8443/a?b=/c\" 200");
    assert_eq!(text(&event_, "host").as_deref(), Some("[::1]:8443"));
    assert_eq!(text(&event_, "request_uri").as_deref(), Some("/a?b=/c"));
    let event_ = event("$status$time_local$pipe$http_a", "20020/Nov/2026:16:59:47 +0545.x");
    assert_eq!(event_.fields["status"], Value::U64(200));
    assert_eq!(text(&event_, "pipe").as_deref(), Some("."));
    assert_eq!(text(&event_, "http_a").as_deref(), Some("x"));
    let event_ = event("$request_id$http_a", "00112233445566778899aabbccddeeffg");
    assert_eq!(text(&event_, "request_id").as_deref(), Some("00112233445566778899aabbccddeeff"));
    assert_eq!(text(&event_, "http_a").as_deref(), Some("g"));
}

#[test]
fn a_path_and_its_arguments_side_by_side_are_told_apart_by_the_question_mark() {
    for format in ["$uri$is_args$args $status", "\"$uri$is_args$query_string\" $status"] {
        let args = if format.contains("$args") { "args" } else { "query_string" };
        // Without arguments nginx writes `-` for them.
        for (target, path, query) in [
            ("/a?b=c?d", "/a", Some("b=c?d")),
            ("/a-", "/a", None),
            ("/a--", "/a-", None),
            ("/a", "/a", None),
        ] {
            let line =
                if format.starts_with('"') { format!("\"{target}\" 200") } else { format!("{target} 200") };
            let event = event(format, &line);
            assert_eq!(text(&event, "uri").as_deref(), Some(path), "{line}");
            assert_eq!(text(&event, args).as_deref(), query, "{line}");
        }
    }
    let event = event("$uri?$args $status", "/a?- 200");
    assert_eq!(text(&event, "uri").as_deref(), Some("/a"));
    assert_eq!(text(&event, "args"), None);
}

#[test]
fn every_field_has_a_name_of_its_own() {
    let event =
        event(r#""$request" "$path" "$path" $Status $status $1"#, r#""GET /a HTTP/1.1" "x" "x" 200 200 y"#);
    assert_eq!(text(&event, "path").as_deref(), Some("/a"));
    assert_eq!(text(&event, "path_2").as_deref(), Some("x"));
    assert_eq!(event.fields["status"], Value::U64(200));
    assert_eq!(text(&event, "capture_1").as_deref(), Some("y"));
    assert_eq!(event.fields.len(), 8);
}

#[test]
fn numbers_that_are_missing_are_null_and_others_are_what_they_are() {
    let event = event(
        "$gzip_ratio $tcpinfo_rtt $connection_time $request_length $request_time|$geoip_latitude",
        "2.75 1500 - 99 12.345|-33.8688",
    );
    assert_eq!(event.fields["gzip_ratio"], Value::F64(2.75));
    assert_eq!(event.fields["tcpinfo_rtt"], Value::Duration(SignedDuration::from_nanos(1_500_000)));
    assert_eq!(event.fields["connection_time"], Value::Null);
    assert_eq!(event.fields["request_time"], millis(12_345));
    assert_eq!(event.fields["geoip_latitude"], Value::F64(-33.8688));
}

#[test]
fn a_format_that_can_not_be_read_back_is_refused_with_the_place() {
    assert_eq!(
        error("$remote_addr $http_a$http_b"),
        "nginx: `log_format` at byte 20: $http_b follows $http_a with nothing between: where $http_a ends can't be \
         told; put a separator, or quotes around both\n  $remote_addr $http_a$http_b\n                      ^"
    );
    assert_eq!(
        error("$http_referer $http_user_agent $status"),
        "nginx: `log_format` at byte 0: where $http_referer ends can't be told: both it and $http_user_agent may hold \
         the ` ` that follows it; put quotes around it\n  $http_referer $http_user_agent $status\n  ^"
    );
    for (format, at) in [
        ("$bytes_sent$request_length", 11),
        ("${bytes_sent}0", 0),
        ("$status $request_time$msec", 21),
        ("$upstream_status, $status", 0),
        ("$upstream_status$status", 16),
        ("$http_user_agent,$http_referer", 0),
        ("$http_user_agent $host $http_referer", 0),
        ("$http_a $remote_user $status", 0),
        ("no variable", 0),
        ("", 0),
        ("$", 0),
        ("log_format x '$a$b';", 16),
    ] {
        let error = error(format);
        assert!(error.starts_with(&format!("nginx: `log_format` at byte {at}: ")), "{format}: {error}");
    }
}

#[test]
fn a_line_of_another_format_is_refused_with_the_place_where_it_differs() {
    let format = r#"<$remote_addr> [$time_local] "$request" $status $upstream_response_time "$http_a""#;
    let good = r#"<::1> [20/Nov/2026:16:59:47 +0545] "GET /" 200 0.001 "x""#;
    event(format, good);
    for (line, expected) in [
        (good[1..].to_owned(), "at byte 0: expected `<` at the beginning"),
        (good.replace('>', ""), "at byte 55: expected `> [` behind $remote_addr"),
        (
            good.replace("47 +", "97 +"),
            "at byte 7: expected a time that the calendar has and that is between the years 1677 and 2262 for $time_local",
        ),
        (good.replace(" 200", " 20"), "at byte 43: expected a status of three digits for $status"),
        (good.replace(" 200", " 2000"), "at byte 46: expected ` ` behind $status"),
        (
            good.replace("0.001", "x"),
            "at byte 47: expected numbers of at most 64 bits, with `, ` or ` : ` between them, for $upstream_response_time",
        ),
        (good.replace("\"x\"", "\"x"), "at byte 55: expected `\"` behind $http_a"),
        (good.to_owned() + " ", "at byte 56: expected the end of the line"),
        (good.to_owned() + " \"-\"", "at byte 56: expected the end of the line"),
    ] {
        assert_eq!(reason(format, &line), expected, "{line}");
    }
}

#[test]
fn names_with_a_space_between_are_read_unless_one_of_them_holds_one() {
    let format = r#"$remote_addr $http_x_real_ip $remote_user [$time_local] "$request""#;
    let line = r#"::1 10.0.0.1 - [20/Nov/2026:16:59:47 +0545] "GET /""#;
    let event = event(format, line);
    assert_eq!(text(&event, "http_x_real_ip").as_deref(), Some("10.0.0.1"));
    assert_eq!(text(&event, "remote_user"), None);
    assert_eq!(
        reason(format, &line.replace(" - ", " bob smith ")),
        "at byte 4: expected one place where $http_x_real_ip may end, and there are several"
    );
}

#[test]
fn the_log_of_ingress_nginx_is_known() {
    let log = br#"10.0.0.9 - - [20/Nov/2026:16:59:47 +0000] "GET /a HTTP/2.0" 503 190 "-" "kube-probe/1.28" 512 1.004 [shop-web-80] [] 10.1.0.7:80, 10.1.0.8:80 0, 190 1.001, 0.003 502, 503 c19e98b32c91bc715656eb537f55d8f3
"#;
    let guess = formats::detect(log).remove(0);
    assert_eq!(guess.format.name, "nginx");
    let parser = guess.format.configure(&guess.options).unwrap();
    let event = support::through(&parser, log).only();
    assert_eq!(text(&event, "proxy_upstream_name").as_deref(), Some("shop-web-80"));
    assert_eq!(text(&event, "proxy_alternative_upstream_name").as_deref(), Some(""));
    assert_eq!(text(&event, "req_id").as_deref(), Some("c19e98b32c91bc715656eb537f55d8f3"));
}

#[test]
fn a_line_that_ends_with_a_carriage_return_is_read() {
    let event = event("$remote_addr $status", "::1 200\r\n");
    assert_eq!(event.fields["status"], Value::U64(200));
}

#[test]
fn no_line_that_is_cut_short_is_taken_for_a_whole_one() {
    let format = r#"$remote_addr|$http_user_agent|$status "$upstream_addr" {$request_id}"#;
    let line = r#"::1|a|b|200 "10.0.0.1:80, 10.0.0.2:80" {00112233445566778899aabbccddeeff}"#;
    event(format, line);
    for len in 1..line.len() {
        reason(format, &line[..len]);
    }
}
