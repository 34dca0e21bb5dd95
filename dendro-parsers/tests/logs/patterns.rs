//! Formats that their users describe, and what Logstash makes of its own patterns.

use crate::support::{self, given, log, number, text, vectors};
use dendro_core::{Event, Timestamp, Value};
use dendro_parsers::formats;
use serde_json::Value as Json;

fn error(format: &str, options: &[(&str, &str)]) -> String {
    let options: Vec<_> = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    formats::find(format).unwrap().configure(&options).unwrap_err().to_string()
}

#[test]
fn named_groups_become_fields_of_their_types() {
    let pattern = r"^(?<at>\S+) (?<user>\S+) (?<status>\S+) (?<ratio>\S+) (?<took>\S+) (?<ok>\S+) (?<delta>\S+)(?: (?<more>.*))?$";
    let types = "status:u64,ratio:f64,took:duration_ms,ok:bool,delta:i64";
    let options = [("pattern", pattern), ("types", types), ("time", "at"), ("type", "app_access")];
    let event =
        log("regex", &options, "2026-11-20T16:59:47.5+01:00 ann 404 0.5 12.25 yes -7\n".as_bytes()).only();
    assert_eq!(event.event_type, "app_access");
    assert_eq!(event.time, Timestamp::parse_rfc3339("2026-11-20T15:59:47.5Z"));
    assert_eq!(text(&event, "user").as_deref(), Some("ann"));
    assert_eq!(number(&event, "status"), 404);
    assert_eq!(event.fields["ratio"], Value::F64(0.5));
    assert!(matches!(event.fields["took"], Value::Duration(took) if took.as_nanos() == 12_250_000));
    assert_eq!(event.fields["ok"], Value::Bool(true));
    assert_eq!(event.fields["delta"], Value::I64(-7));
    assert_eq!(event.fields["more"], Value::Null);
    assert!(!event.fields.contains_key("at"));
    let event = log("regex", &options, b"- ann - - - - - \n").only();
    assert_eq!(event.time, None);
    for name in ["status", "ratio", "took", "ok", "delta"] {
        assert_eq!(event.fields[name], Value::Null, "{name}");
    }
    assert_eq!(text(&event, "more").as_deref(), Some(""));
}

#[test]
fn the_first_of_several_patterns_that_matches_counts() {
    let options = [
        ("pattern", r"^(?<level>ERROR) (?<code>\d+)"),
        ("pattern", r"^(?<level>\w+) (?<text>.*)"),
        ("pattern", r"(?<code>\d+)"),
    ];
    let outcome = log("regex", &options, b"INFO 7\nERROR 7\nERROR x\n: 8\n");
    let names: Vec<Vec<&str>> =
        outcome.events.iter().map(|e| e.fields.keys().map(|name| name.as_ref()).collect()).collect();
    assert_eq!(names, [vec!["level", "text"], vec!["code", "level"], vec!["level", "text"], vec!["code"]]);
}

#[test]
fn a_record_that_does_not_match_is_refused_with_the_patterns() {
    let reason = log("regex", &[("pattern", "^(?<a>x)$")], b"y\n").reason();
    assert_eq!(reason, "at byte 0: expected a record that matches `^(?<a>x)$`");
    let reason = log("regex", &[("pattern", "(?<a>x)"), ("pattern", "(?<b>z)")], b"y\n").reason();
    assert_eq!(reason, "at byte 0: expected a record that matches one of 2 patterns: `(?<a>x)`, `(?<b>z)`");
    let reason = log("regex", &[("pattern", "n=(?<n>.*)"), ("types", "n:u64")], b"n=x\n").reason();
    assert_eq!(reason, "at byte 2: expected a whole number of at most 64 bits");
}

#[test]
fn bytes_that_are_not_utf8_can_be_matched() {
    let event = log("regex", &[("pattern", "^(?<a>(?-u:.)+)$")], b"x\xff\n").only();
    assert_eq!(event.fields["a"], Value::Bytes(b"x\xff".to_vec()));
}

#[test]
fn mistakes_in_patterns_are_shown_where_they_are() {
    assert_eq!(
        error("regex", &[("pattern", "^(?<a>[x)$")]),
        "regex: `pattern` at byte 6: unclosed character class\n  ^(?<a>[x)$\n        ^"
    );
    assert_eq!(
        error("regex", &[("pattern", "(?<a>x)"), ("pattern", r"(?<b>\p{Nonsense})")]),
        "regex: `pattern` at byte 5: Unicode property not found\n  (?<b>\\p{Nonsense})\n       ^"
    );
    assert!(error("regex", &[("pattern", "^x$")]).contains("it has no named group"));
    assert!(error("regex", &[("pattern", r"(?<a>(?:\w{500}){500})")]).contains("it becomes larger than"));
    assert!(error("regex", &[("pattern", "(?<a>x)(?=y)")]).contains("look-around"));
    assert_eq!(
        error("regex", &[("pattern", "(?<a>x)"), ("types", "b:u64")]),
        "regex: `types` at byte 0: there is no group `b`; there are: a\n  b:u64\n  ^"
    );
    assert!(error("regex", &[("pattern", "(?<a>x)"), ("time", "b")]).contains("there is no group `b`"));
    assert!(error("regex", &[("pattern", "(?<a>x)"), ("type", "My")]).contains("snake_case"));
    assert!(error("regex", &[]).contains("needs the option `pattern`"));
}

#[test]
fn times_in_the_common_layouts_are_read() {
    let options = [("pattern", "^(?<t>.*)$"), ("time", "t"), ("zone", "+01:00")];
    for (line, expected) in [
        ("20/Nov/2026:16:59:47 -0330", "2026-11-20T20:29:47Z"),
        ("2026-11-20 16:59:47,123", "2026-11-20T15:59:47.123Z"),
        ("2026-11-20T16:59:47Z", "2026-11-20T16:59:47Z"),
        ("1795208387.5", "2026-11-20T20:59:47.5Z"),
        ("1795208387500", "2026-11-20T20:59:47.5Z"),
    ] {
        let event = log("regex", &options, line.as_bytes()).only();
        assert_eq!(event.time, Timestamp::parse_rfc3339(expected), "{line}");
    }
    let reason = log("regex", &options, b"yesterday").reason();
    assert_eq!(reason, "at byte 0: expected a time that can be read");
    let options = [("pattern", "^(?<t>.*)$"), ("time", "t"), ("layout", "%d.%m.%Y %H:%M")];
    let event = log("regex", &options, b"20.11.2026 16:59").only();
    assert_eq!(event.time, Timestamp::parse_rfc3339("2026-11-20T16:59:00Z"));
    let message = error("regex", &[("pattern", "(?<t>.*)"), ("layout", "%d %Q")]);
    assert!(message.starts_with("regex: `layout` at byte 3: there is no such directive"), "{message}");
}

fn grok(pattern: &str, line: &str) -> Event {
    log("grok", &[("pattern", pattern)], line.as_bytes()).only()
}

#[test]
fn grok_captures_have_their_types_and_names() {
    let event = grok(
        "%{IP:[source][ip]} %{NUMBER:took:float} %{INT:bytes:int} %{WORD} (?<rest>.*)",
        "2001:db8::7 1.5 -3 word all the rest",
    );
    assert_eq!(text(&event, "source_ip").as_deref(), Some("2001:db8::7"));
    assert_eq!(event.fields["took"], Value::F64(1.5));
    assert_eq!(event.fields["bytes"], Value::I64(-3));
    assert_eq!(text(&event, "rest").as_deref(), Some("all the rest"));
    assert_eq!(event.fields.len(), 4);
}

#[test]
fn a_name_alone_is_its_definition_and_one_that_names_nothing_gives_the_match() {
    let line = r#"192.0.2.7 - ann [20/Nov/2026:16:59:47 -0330] "GET /a HTTP/1.1" - - "-" "curl""#;
    let event = grok("COMBINEDAPACHELOG", line);
    assert_eq!(text(&event, "request").as_deref(), Some("/a"));
    assert_eq!(event.fields["response"], Value::Null);
    assert_eq!(event.fields, grok("%{COMBINEDAPACHELOG}", line).fields);
    assert_eq!(text(&grok("%{INT}", "x 42 y"), "match").as_deref(), Some("42"));
}

#[test]
fn definitions_can_be_given() {
    let options = [
        ("pattern", "%{CODE:code} %{PAIR}"),
        ("define", "CODE [A-Z]{3}"),
        ("define", "PAIR %{INT:a:int}-%{INT:b:int}"),
    ];
    let event = log("grok", &options, b"ABC 1-2").only();
    assert_eq!(text(&event, "code").as_deref(), Some("ABC"));
    assert_eq!(event.fields["b"], Value::I64(2));
    assert!(error("grok", &[("pattern", "%{X}"), ("define", "X")]).contains("no pattern behind the name"));
}

#[test]
fn alternatives_of_one_definition_share_their_fields() {
    let new = grok(
        "HTTPD_ERRORLOG",
        "[Fri Nov 20 16:59:47.123456 2026] [core:error] [pid 7:tid 8] [client 192.0.2.7:99] AH00037: gone",
    );
    let old = grok("HTTPD_ERRORLOG", "[Fri Nov 20 16:59:47 2026] [error] [client 192.0.2.7] gone");
    for event in [&new, &old] {
        assert_eq!(text(event, "message").as_deref(), Some("gone"));
        assert_eq!(text(event, "clientip").as_deref(), Some("192.0.2.7"));
    }
    assert_eq!(text(&new, "errorcode").as_deref(), Some("AH00037"));
}

#[test]
fn logs_of_tomcat_old_and_new_are_read() {
    for (line, class, level) in [
        (
            "Nov 20, 2026 4:59:47 PM org.apache.catalina.core.StandardService startInternal\nINFO: Starting service",
            "org.apache.catalina.core.StandardService",
            "INFO",
        ),
        (
            "20-Nov-2026 16:59:47.123 SEVERE [main] org.apache.catalina.core.StandardService.startInternal Starting service",
            "org.apache.catalina.core.StandardService",
            "SEVERE",
        ),
        (
            "2026-11-20 16:59:47,123 -0800 | ERROR | com.example.Service - Starting service",
            "com.example.Service",
            "ERROR",
        ),
    ] {
        // A record of two lines, as a codec for them cuts.
        let mut batch = support::batch(line.as_bytes());
        let mut parser = support::parser("grok", &[("pattern", "TOMCATLOG")]).transform();
        parser.transform(&mut batch).unwrap();
        let event = batch.get(0).unwrap().to_event();
        assert_eq!(text(&event, "class").as_deref(), Some(class));
        assert_eq!(text(&event, "level").as_deref(), Some(level));
        assert_eq!(text(&event, "logmessage").as_deref(), Some("Starting service"));
    }
}

#[test]
fn what_grok_can_not_match_is_refused_with_the_reason() {
    let reason = log("grok", &[("pattern", "^%{IP:a}$")], b"x\n").reason();
    assert_eq!(reason, "at byte 0: expected a record that matches `^%{IP:a}$`");
    let reason = log("grok", &[("pattern", "%{DATA:a}")], b"x\xff\n").reason();
    assert_eq!(reason, "at byte 1: expected text in UTF-8");
    let reason =
        log("grok", &[("pattern", r"^(?<a>(?:(?!y)(?:x|xx))*)z$")], "x".repeat(60).as_bytes()).reason();
    assert_eq!(reason, "at byte 0: expected a record that a pattern matches within 100000 steps back");
}

#[test]
fn mistakes_in_grok_patterns_are_shown_where_they_are() {
    assert_eq!(
        error("grok", &[("pattern", "%{IP:a} %{NOTHING:b}")]),
        "grok: `pattern` at byte 8: there is no pattern `NOTHING`\n  %{IP:a} %{NOTHING:b}\n          ^"
    );
    let message = error("grok", &[("pattern", "%{IP:a} (x")]);
    assert!(message.starts_with("grok: `pattern` at byte "), "{message}");
}

#[test]
fn vectors_of_logstash_are_right() {
    let vectors = vectors("peer_logstash_java");
    for vector in &vectors {
        let pattern = vector["options"]["grok"].as_str().unwrap();
        let line = String::from_utf8(given(&vector["line"]).unwrap()).unwrap();
        let event = grok(pattern, &line);
        let values: Vec<String> = event.fields.values().map(plain).collect();
        for pair in vector["expected"]["leaf_pairs"].as_array().unwrap() {
            let expected = match &pair[1] {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert!(expected == line || values.contains(&expected), "{pair} of {values:?}");
        }
    }
    eprintln!("{} vectors", vectors.len());
}

fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        Value::I64(number) => number.to_string(),
        Value::F64(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}
