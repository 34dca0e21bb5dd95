//! nginx's error log: what it is known to hold, and what a real server wrote.

use crate::support::{self, bytes, corpus, log, number, text};
use dendro_core::{Event, Value};

const HEAD: &str = "2026/11/20 16:59:37 [error] 27718#27719: *25 ";

/// The event of a message with its tail.
#[track_caller]
fn event(message: &str) -> Event {
    log("nginx_error", &[], format!("{HEAD}{message}\n").as_bytes()).only()
}

#[track_caller]
fn assert_fields(event: &Event, expected: &[(&str, Option<&str>)]) {
    for (name, expected) in expected {
        assert_eq!(text(event, name).as_deref(), *expected, "{name} of {event:?}");
    }
}

#[test]
fn an_event_of_a_request_has_all_that_nginx_tells_of_it() {
    let line = r#"2026/11/20 16:59:37 [error] 27718#27719: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.7, server: example.com, request: "GET /a/b?c=d HTTP/1.1", subrequest: "/auth", upstream: "http://192.0.2.1:80/a/b?c=d", host: "example.com:8080", referrer: "https://example.net/""#;
    let event = log("nginx_error", &[("zone", "-03:30")], line.as_bytes()).only();
    assert_eq!(event.event_type, "nginx_error");
    assert_eq!(event.time.unwrap().to_string(), "2026-11-20T20:29:37.000000000Z");
    for (name, expected) in [("pid", 27718), ("tid", 27719), ("cid", 9), ("error_code", 111)] {
        assert_eq!(number(&event, name), expected, "{name}");
    }
    assert_fields(
        &event,
        &[
            ("level", Some("error")),
            ("message", Some("connect() failed (111: Connection refused) while connecting to upstream")),
            ("error_text", Some("Connection refused")),
            ("client", Some("192.0.2.7")),
            ("server", Some("example.com")),
            ("request", Some("GET /a/b?c=d HTTP/1.1")),
            ("method", Some("GET")),
            ("path", Some("/a/b")),
            ("query", Some("c=d")),
            ("protocol", Some("HTTP/1.1")),
            ("subrequest", Some("/auth")),
            ("upstream", Some("http://192.0.2.1:80/a/b?c=d")),
            ("host", Some("example.com:8080")),
            ("referrer", Some("https://example.net/")),
        ],
    );
}

#[test]
fn an_event_of_a_process_has_neither_connection_nor_client() {
    for level in ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"] {
        let line = format!(
            "2026/11/20 17:00:15 [{level}] 27709#27709: signal 3 (SIGQUIT) received from 27671, shutting down"
        );
        let event = log("nginx_error", &[], line.as_bytes()).only();
        assert_fields(
            &event,
            &[
                ("level", Some(level)),
                ("message", Some("signal 3 (SIGQUIT) received from 27671, shutting down")),
                ("client", None),
                ("request", None),
            ],
        );
        assert_eq!((&event.fields["cid"], &event.fields["error_code"]), (&Value::Null, &Value::Null));
    }
}

#[test]
fn a_tail_ends_wherever_nginx_knows_no_more() {
    let event = event(
        "client timed out (110: Connection timed out) while waiting for request, client: ::1, server: [::]:443",
    );
    assert_fields(
        &event,
        &[
            ("client", Some("::1")),
            ("server", Some("[::]:443")),
            ("request", None),
            ("error_text", Some("Connection timed out")),
        ],
    );
    let event = self::event(r#"no "ssl_certificate" is defined, client: unix:, server: "#);
    assert_fields(&event, &[("client", Some("unix:")), ("server", Some(""))]);
    let event = self::event(r#"x, client: 192.0.2.7, server: , request: "GET / HTTP/1.0""#);
    assert_fields(&event, &[("server", Some("")), ("request", Some("GET / HTTP/1.0")), ("host", None)]);
    let event =
        self::event(r#"x, client: 192.0.2.7, server: a, request: "GET / HTTP/1.1", host: "", referrer: """#);
    assert_fields(&event, &[("host", Some("")), ("referrer", Some(""))]);
}

#[test]
fn quotes_and_binary_stand_in_values_as_they_came() {
    let mut line = format!(r#"{HEAD}open() "/www/"><script>" failed (2: No such file or directory), client: ::1, server: s, request: "GET /"><script> HTTP/1.1", host: "a"b", referrer: "http://x/"quoted"""#).into_bytes();
    let event = log("nginx_error", &[], &line).only();
    assert_fields(
        &event,
        &[
            ("message", Some(r#"open() "/www/"><script>" failed (2: No such file or directory)"#)),
            ("request", Some(r#"GET /"><script> HTTP/1.1"#)),
            ("path", Some(r#"/"><script>"#)),
            ("host", Some("a\"b")),
            ("referrer", Some("http://x/\"quoted\"")),
        ],
    );
    line = format!("{HEAD}client sent invalid method while reading client request line, client: ::1, server: s, request: \"").into_bytes();
    line.extend_from_slice(b"\x16\x03\x01\0\xff\"");
    let event = log("nginx_error", &[], &line).only();
    assert_eq!(event.fields["request"], Value::Bytes(b"\x16\x03\x01\0\xff".to_vec()));
    assert_eq!(event.fields["method"], Value::Null);
}

#[test]
fn a_client_in_the_path_that_a_message_quotes_is_not_believed() {
    let event = event(
        r#"open() "/www/a" failed (2: No), client: 6.6.6.6, server: x, request: "GET / HTTP/1.1", host: "y" failed (2: No such file or directory), client: 192.0.2.7, server: s.example, request: "GET /a%22%20failed%20(2:%20No),%20client:%206.6.6.6,%20server:%20x,%20request:%20%22GET%20/%20HTTP/1.1%22,%20host:%20%22y HTTP/1.1", host: "h""#,
    );
    assert_fields(
        &event,
        &[
            ("client", Some("192.0.2.7")),
            ("server", Some("s.example")),
            ("host", Some("h")),
            ("error_text", Some("No such file or directory")),
        ],
    );
    assert!(text(&event, "message").unwrap().ends_with(r#"host: "y" failed (2: No such file or directory)"#));

    let event = self::event(
        r#"open() "/www/a, client: 6.6.6.6, server: evil" failed (2: No such file or directory), client: 192.0.2.7, server: s, request: "GET /a,%20client:%206.6.6.6,%20server:%20evil HTTP/1.1", host: "h""#,
    );
    assert_fields(&event, &[("client", Some("192.0.2.7")), ("server", Some("s"))]);
}

#[test]
fn a_client_in_a_request_is_not_believed() {
    // Refused while it was read: nothing stands behind its last quote.
    let event = event(
        r#"client sent invalid request while reading client request line, client: 192.0.2.7, server: s, request: "GET /x", client: 6.6.6.6, server: z, request: "GET / HTTP/1.1", host: "evil""#,
    );
    assert_fields(
        &event,
        &[
            ("client", Some("192.0.2.7")),
            ("server", Some("s")),
            (
                "request",
                Some(r#"GET /x", client: 6.6.6.6, server: z, request: "GET / HTTP/1.1", host: "evil"#),
            ),
            ("host", None),
        ],
    );
    // Before nginx 1.21.1 spaces were taken, so that the path has it too.
    let event = self::event(
        r#"open() "/www/x, client: 6.6.6.6, server: evil" failed (2: No such file or directory), client: 192.0.2.7, server: s, request: "GET /x, client: 6.6.6.6, server: evil HTTP/1.1", host: "h""#,
    );
    assert_fields(
        &event,
        &[
            ("client", Some("192.0.2.7")),
            ("request", Some("GET /x, client: 6.6.6.6, server: evil HTTP/1.1")),
            ("host", Some("h")),
        ],
    );
    let event = self::event(
        r#"open() "/www/x", client: 6.6.6.6, server: z, request: "GET / HTTP/1.1" failed (2: No such file or directory), client: 192.0.2.7, server: s, request: "GET /x", client: 6.6.6.6, server: z, request: "GET / HTTP/1.1 HTTP/1.1", host: "h""#,
    );
    assert_fields(
        &event,
        &[
            ("client", Some("192.0.2.7")),
            ("request", Some(r#"GET /x", client: 6.6.6.6, server: z, request: "GET / HTTP/1.1 HTTP/1.1"#)),
        ],
    );
    let event = self::event(
        r#"access forbidden by rule, client: 192.0.2.7, server: s, request: "GET /x HTTP/1.1", host: "evil HTTP/1.1", host: "h""#,
    );
    assert_fields(
        &event,
        &[("request", Some(r#"GET /x HTTP/1.1", host: "evil HTTP/1.1"#)), ("host", Some("h"))],
    );
}

#[test]
fn a_client_in_a_referrer_is_not_believed() {
    for message in [r#"open() "/www/mm" failed (2: No such file or directory)"#, "access forbidden by rule"] {
        let event = event(&format!(
            r#"{message}, client: 192.0.2.7, server: s, request: "GET /mm HTTP/1.1", host: "h", referrer: "r", client: 6.6.6.6, server: x, request: "GET / HTTP/1.1", host: "evil", referrer: "z""#
        ));
        assert_fields(
            &event,
            &[
                ("message", Some(message)),
                ("client", Some("192.0.2.7")),
                ("request", Some("GET /mm HTTP/1.1")),
                ("host", Some("h")),
                (
                    "referrer",
                    Some(
                        r#"r", client: 6.6.6.6, server: x, request: "GET / HTTP/1.1", host: "evil", referrer: "z"#,
                    ),
                ),
            ],
        );
    }
}

#[test]
fn a_request_without_protocol_ends_at_its_quote() {
    let event = event(
        r#"directory index of "/www/" is forbidden, client: 192.0.2.7, server: s, request: "GET http://example.com/", upstream: "http://192.0.2.1/", host: "example.com""#,
    );
    assert_fields(
        &event,
        &[
            ("request", Some("GET http://example.com/")),
            ("path", Some("/")),
            ("protocol", None),
            ("upstream", Some("http://192.0.2.1/")),
        ],
    );
}

#[test]
fn what_fastcgi_sent_to_standard_error_is_one_event_of_many_lines() {
    let input = concat!(
        "2026/11/20 16:59:37 [error] 1#1: *1 FastCGI sent in stderr: \"PHP message: one\n",
        "PHP message: two \"x\", client: 6.6.6.6, server: evil, request: \"GET /f HTTP/1.1\", host: \"e\"\n",
        "\n",
        "Stack trace:\r\n",
        "#0 {main}\" while reading response header from upstream, client: 192.0.2.7, server: s, request: \"GET /p HTTP/1.1\", upstream: \"fastcgi://unix:/run/php.sock:\", host: \"h\"\n",
        "2026/11/20 16:59:38 [info] 1#1: *1 client 192.0.2.7 closed keepalive connection\n",
    );
    for step in 1..input.len() {
        let parser = support::parser("nginx_error", &[]);
        let mut feed = dendro_parsers::formats::Feed::new(&parser);
        let mut events = Vec::new();
        let observed = dendro_core::Timestamp::EPOCH;
        for piece in input.as_bytes().chunks(step) {
            events.extend(feed.push(piece, observed).unwrap().iter().map(|event| event.to_event()));
        }
        events.extend(feed.finish(observed).unwrap().iter().map(|event| event.to_event()));
        assert_eq!(events.len(), 2, "in pieces of {step}");
        let message = text(&events[0], "message").unwrap();
        assert!(
            message.ends_with("\n\nStack trace:\r\n#0 {main}\" while reading response header from upstream")
        );
        assert_fields(
            &events[0],
            &[
                ("client", Some("192.0.2.7")),
                ("upstream", Some("fastcgi://unix:/run/php.sock:")),
                ("host", Some("h")),
            ],
        );
    }
}

#[test]
fn lines_behind_an_event_that_is_complete_are_part_of_its_message() {
    let event = event(
        "[lua] a.lua:7: one\ntwo, client: 192.0.2.7, server: s, request: \"GET / HTTP/1.1\", host: \"h\"\r\nthree\nfour",
    );
    assert_fields(
        &event,
        &[
            ("message", Some("[lua] a.lua:7: one\ntwo\nthree\nfour")),
            ("client", Some("192.0.2.7")),
            ("host", Some("h")),
        ],
    );
}

#[test]
fn lines_before_the_first_event_are_refused() {
    let outcome = log("nginx_error", &[], format!("the end of a message\n{HEAD}x\n").as_bytes());
    assert_eq!(outcome.events.len(), 1);
    assert_eq!(
        outcome.refused,
        [(
            b"the end of a message".to_vec(),
            "at byte 0: expected a time as in `2026/11/20 16:59:37 [`, or `nginx: `".to_owned()
        )]
    );
}

#[test]
fn what_is_said_before_the_log_is_open_has_a_level_and_no_time() {
    let outcome = log(
        "nginx_error",
        &[],
        b"nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\nnginx: configuration file /etc/nginx/nginx.conf test failed\n",
    );
    let [first, second] = &outcome.events[..] else { panic!("{outcome:?}") };
    assert_eq!(first.time, None);
    assert_fields(
        first,
        &[
            ("level", Some("emerg")),
            ("message", Some("bind() to 0.0.0.0:80 failed (98: Address already in use)")),
            ("error_text", Some("Address already in use")),
        ],
    );
    assert_fields(
        second,
        &[("level", None), ("message", Some("configuration file /etc/nginx/nginx.conf test failed"))],
    );
}

#[test]
fn an_event_that_nginx_has_cut_keeps_what_is_left_of_its_values() {
    let whole = r#"open() "/www/a" failed (2: No such file or directory), client: 192.0.2.7, server: example.com, request: "GET /a HTTP/1.1", upstream: "http://192.0.2.1/", host: "example.com", referrer: "https://example.net/""#;
    let message_len = whole.find(", client").unwrap();
    for len in 0..=whole.len() {
        let event = event(&whole[..len]);
        let message = text(&event, "message").unwrap();
        assert!(message.len() <= len.min(message_len + ", client: ".len()), "{message}");
        for (name, value) in [
            ("client", "192.0.2.7"),
            ("server", "example.com"),
            ("request", "GET /a HTTP/1.1"),
            ("upstream", "http://192.0.2.1/"),
            ("host", "example.com"),
            ("referrer", "https://example.net/"),
        ] {
            if let Some(actual) = text(&event, name) {
                assert!(value.starts_with(&actual), "{name} is {actual:?} of {:?}", &whole[..len]);
            }
        }
    }
}

#[test]
fn the_stream_module_counts_packets_and_bytes() {
    let event = event(
        r#"upstream timed out (110: Connection timed out) while proxying connection, udp client: 10.1.1.100, server: 0.0.0.0:53, upstream: "10.1.1.110:53", bytes from/to client:51/0, bytes from/to upstream:0/51"#,
    );
    assert_fields(
        &event,
        &[
            ("message", Some("upstream timed out (110: Connection timed out) while proxying connection")),
            ("client", Some("10.1.1.100")),
            ("server", Some("0.0.0.0:53")),
            ("upstream", Some("10.1.1.110:53")),
        ],
    );
    assert_eq!((number(&event, "bytes_from_client"), number(&event, "bytes_to_upstream")), (51, 51));

    let event = self::event(
        "udp timed out, packets from/to client:1/2, bytes from/to client:78/160, bytes from/to upstream:160/78",
    );
    assert_fields(&event, &[("message", Some("udp timed out")), ("client", None)]);
    for (name, expected) in [
        ("packets_from_client", 1),
        ("packets_to_client", 2),
        ("bytes_from_client", 78),
        ("bytes_to_client", 160),
        ("bytes_from_upstream", 160),
        ("bytes_to_upstream", 78),
    ] {
        assert_eq!(number(&event, name), expected, "{name}");
    }
    let event = self::event("client disconnected, bytes from/to client:78/x");
    assert_fields(&event, &[("message", Some("client disconnected, bytes from/to client:78/x"))]);
}

#[test]
fn the_mail_module_names_the_login() {
    let event = event(
        r#"client logged in, client: 192.0.2.7, server: 0.0.0.0:143, login: "ann "x"", upstream: 192.0.2.1:143"#,
    );
    assert_fields(
        &event,
        &[
            ("message", Some("client logged in")),
            ("server", Some("0.0.0.0:143")),
            ("login", Some("ann \"x\"")),
            ("upstream", Some("192.0.2.1:143")),
        ],
    );
}

#[test]
fn what_limits_requests_tells_by_how_much_and_in_which_zone() {
    let event = event(
        r#"limiting requests, excess: 50.416 by zone "api", client: 10.244.0.0, server: s, request: "GET / HTTP/2.0", host: "h""#,
    );
    assert_fields(
        &event,
        &[("message", Some("limiting requests")), ("zone", Some("api")), ("client", Some("10.244.0.0"))],
    );
    assert_eq!(event.fields["excess"], Value::F64(50.416));
}

#[test]
fn the_resolver_and_the_syslog_have_an_address_of_their_own() {
    let event = event("send() failed (111: Connection refused) while resolving, resolver: 127.0.0.1:53");
    assert_fields(
        &event,
        &[
            ("message", Some("send() failed (111: Connection refused) while resolving")),
            ("resolver", Some("127.0.0.1:53")),
        ],
    );
    let event =
        self::event("send() failed (111: Connection refused) while logging to syslog, server: unix:/dev/log");
    assert_fields(&event, &[("server", Some("unix:/dev/log")), ("client", None)]);
}

#[test]
fn a_long_hostile_line_is_read_in_linear_time() {
    // Quadratic time would take hours.
    for piece in [
        ", client: 1.1.1.1, server: x",
        "\", host: \"",
        ", client: 1.1.1.1, server: x, request: \"GET /, client: ",
        "\n, client: ",
        " (2: ",
        ", client: 1.1.1.1, server: \"",
        "%2C%20client:%20",
        "\"",
    ] {
        let message = piece.repeat((1 << 20) / piece.len() - 100);
        for message in [message.clone(), format!("\"{message}\"")] {
            let outcome = log("nginx_error", &[], format!("{HEAD}{message}").as_bytes());
            assert_eq!((outcome.events.len(), outcome.refused.len()), (1, 0), "{piece}");
        }
    }
}

/// A plain reading of the lines that the corpus has: no quoted value in it holds a key.
fn plainly(line: &[u8], key: &str) -> Option<Vec<u8>> {
    let find =
        |text: &[u8], what: &str| text.windows(what.len()).position(|window| window == what.as_bytes());
    let quoted = !matches!(key, "client" | "server");
    let start = format!(", {key}: {}", if quoted { "\"" } else { "" });
    let value = &line[find(line, &start)? + start.len()..];
    let ends: &[&str] =
        if quoted { &["\", upstream: \"", "\", host: \"", "\", referrer: \""] } else { &[", "] };
    let end = ends.iter().filter_map(|end| find(value, end)).min();
    let value = &value[..end.unwrap_or(value.len())];
    let value = if quoted && end.is_none() { value.strip_suffix(b"\"").unwrap_or(value) } else { value };
    Some(value.to_vec())
}

#[test]
fn every_line_that_a_real_server_wrote_is_right() {
    let Some(path) = corpus("generated/nginx/error.log") else { return };
    let input = std::fs::read(path).unwrap();
    let lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let outcome = log("nginx_error", &[("zone", "America/St_Johns")], &input);
    assert!(outcome.refused.is_empty());
    assert_eq!((lines.len(), outcome.events.len()), (829, 829));
    for (line, event) in lines.iter().zip(&outcome.events) {
        let shown = String::from_utf8_lossy(line);
        let words: Vec<&str> = shown.split(' ').take(5).collect();
        let time = format!("{}T{}.000000000-03:30", words[0].replace('/', "-"), words[1]);
        assert_eq!(event.time, dendro_core::Timestamp::parse_rfc3339(&time), "{shown}");
        assert_eq!(text(event, "level").unwrap(), words[2].trim_matches(['[', ']']));
        let (pid, tid) = words[3].trim_end_matches(':').split_once('#').unwrap();
        assert_eq!(
            (number(event, "pid").to_string(), number(event, "tid").to_string()),
            (pid.into(), tid.into())
        );
        match words[4].strip_prefix('*') {
            Some(cid) => assert_eq!(number(event, "cid").to_string(), cid),
            None => assert_eq!(event.fields["cid"], Value::Null),
        }
        for key in ["client", "server", "request", "upstream", "host", "referrer"] {
            assert_eq!(bytes(event, key), plainly(line, key), "{key} of {shown}");
        }
        let client = line.windows(10).position(|window| window == b", client: ").unwrap_or(line.len());
        assert!(line[..client].ends_with(&bytes(event, "message").unwrap()), "{shown}");
        let code = shown.split(" (").find_map(|part| part.split_once(": ")?.0.parse::<u64>().ok());
        let logged = match event.fields["error_code"] {
            Value::U64(code) => Some(code),
            _ => None,
        };
        assert_eq!(logged, code, "{shown}");
    }
}
