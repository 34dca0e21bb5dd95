//! The error logs of a running nginx and a running Apache httpd.

use crate::live;
use crate::support::{log, number, text};
use dendro_core::{Event, Value};

/// The events with this path in their message.
fn about(events: &[Event], path: &str) -> Vec<Event> {
    let is_about = |event: &&Event| text(event, "message").is_some_and(|message| message.contains(path));
    events.iter().filter(is_about).cloned().collect()
}

fn has(log: &[u8], what: &str) -> bool {
    log.windows(what.len()).any(|window| window == what.as_bytes())
}

#[test]
fn nginx_is_not_made_to_say_what_a_client_wants() {
    let Some(nginx) = live::nginx("", "") else { return };
    for request in [
        r#"GET /path%22%20failed%20(2:%20No),%20client:%206.6.6.6,%20server:%20x,%20request:%20%22GET%20/%20HTTP/1.1%22,%20host:%20%22y HTTP/1.0"#,
        "GET /lines%0A%0Aof?q HTTP/1.0\r\nReferer: r\", client: 6.6.6.6, server: x, request: \"GET / HTTP/1.1\", host: \"evil\r\nHost: h",
    ] {
        nginx.http(format!("{request}\r\n\r\n").as_bytes());
    }
    let input = nginx.wait_for("error.log", |log| has(log, "referrer: \"r\", client: "));
    let outcome = log("nginx_error", &[], &input);
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    let [path] = &about(&outcome.events, "/www/path")[..] else { panic!("{outcome:?}") };
    let [lines] = &about(&outcome.events, "/www/lines\n\nof\"")[..] else { panic!("{outcome:?}") };
    for event in [path, lines] {
        assert_eq!(text(event, "level").as_deref(), Some("error"));
        assert_eq!(text(event, "client").as_deref(), Some("127.0.0.1"));
        assert_eq!(number(event, "error_code"), 2);
        assert_eq!(text(event, "protocol").as_deref(), Some("HTTP/1.0"));
        assert!(event.time.is_some());
    }
    assert_eq!(text(path, "host"), None);
    assert_eq!(text(lines, "host").as_deref(), Some("h"));
    assert_eq!(text(lines, "query").as_deref(), Some("q"));
    let referrer = "r\", client: 6.6.6.6, server: x, request: \"GET / HTTP/1.1\", host: \"evil";
    assert_eq!(text(lines, "referrer").as_deref(), Some(referrer));
}

#[test]
fn apache_writes_its_own_and_any_configured_format() {
    const FORMATS: &str = r#"ErrorLogFormat "[%{uc}t] [%-m:%-l] [R:%L] [C:%{C}L] %7F: %E: [client %a] %M v=%v% <%{X-H}i>"
ErrorLogFormat request "[%{uc}t] [R:%L] Request %k on C:%{c}L pid:%P tid:%T"
ErrorLogFormat connection "[%{uc}t] [C:%{c}L] local\ %a remote\ %A""#;
    let request = "GET /a%0A%22%5C HTTP/1.0\r\nReferer: r, \"\\\r\nX-H: \u{e9}>\\\r\n\r\n";
    let message = |apache: &live::Server| {
        format!("AH00128: File does not exist: {}/www/a\n\"\\", apache.folder().display())
    };

    let Some(apache) = live::apache("LogLevel info") else { return };
    apache.http(request.as_bytes());
    let input = apache.wait_for("error.log", |log| has(log, "AH00128") && log.ends_with(b"\n"));
    let outcome = log("apache_error", &[], &input);
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    let [event] = &about(&outcome.events, "AH00128")[..] else { panic!("{outcome:?}") };
    assert_eq!(text(event, "message"), Some(message(&apache)));
    assert_eq!(text(event, "referer").as_deref(), Some("r, \"\\"));
    assert_eq!(text(event, "client").as_deref(), Some("127.0.0.1"));
    assert_eq!(text(event, "module").as_deref(), Some("core"));
    assert!(matches!(event.fields["tid"], Value::U64(_)) && event.time.is_some());

    let Some(apache) = live::apache(&format!("LogLevel info\n{FORMATS}")) else { return };
    apache.http(request.as_bytes());
    let input = apache.wait_for("error.log", |log| has(log, "AH00128") && log.ends_with(b"\n"));
    let outcome = log("apache_error", &[("error_log_format", FORMATS)], &input);
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    assert!(outcome.events.iter().all(|event| event.time.is_some()));
    let [event] = &about(&outcome.events, "AH00128")[..] else { panic!("{outcome:?}") };
    assert_eq!(text(event, "message"), Some(message(&apache)));
    assert_eq!(text(event, "http_x_h").as_deref(), Some("\u{e9}>\\"));
    assert_eq!(text(event, "server_name").as_deref(), Some("localhost"));
    let id = text(event, "request_log_id").unwrap();
    let [request] =
        &outcome.events.iter().filter(|event| event.fields["keepalives"] != Value::Null).collect::<Vec<_>>()
            [..]
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(text(request, "request_log_id"), Some(id));
    let of_connection: Vec<_> =
        outcome.events.iter().filter(|event| event.fields["local_port"] != Value::Null).collect();
    assert_eq!(number(of_connection[0], "local_port"), u64::from(apache.port()));
    assert_eq!(text(of_connection[0], "connection_log_id"), text(request, "connection_log_id"));
    // Without a client, its bracket is left open.
    let [start] = &about(&outcome.events, "AH00489")[..] else { panic!("{outcome:?}") };
    assert_eq!((text(start, "code").as_deref(), text(start, "client")), (Some("AH00489"), None));
}
