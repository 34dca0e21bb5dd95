//! What load balancers write.

use crate::support::{log, number, text};
use dendro_core::{Event, Timestamp, Value};

/// With all columns that AWS documents.
const LINE: &str = r#"https 2026-11-20T16:59:47.186641Z app/web/50dc6c495c0c9188 192.0.2.131:2817 10.0.0.1:80 0.086 0.048 0.037 200 201 34 57366 "GET https://www.example.com:443/a/b?c=%20d HTTP/1.1" "curl/8.14.1 \x22x\x22" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/t/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678" 1 2026-11-20T16:59:47.100000Z "waf,forward" "-" "-" "10.0.0.2:80 10.0.0.1:80" "502 201" "Ambiguous" "AmbiguousUri" TID_1234abcd5678ef90 "m.example.com" "-" "TransformSuccess""#;

fn only(line: &str) -> Event {
    log("alb", &[], line.as_bytes()).only()
}

fn first(columns: usize) -> String {
    // No column of the first 20 but request and agent holds spaces.
    let words: Vec<&str> = LINE.split(' ').collect();
    words[..columns + 3].join(" ")
}

#[test]
fn every_column_is_typed() {
    let event = only(LINE);
    assert_eq!(event.event_type, "alb_access");
    assert_eq!(event.time, Timestamp::parse_rfc3339("2026-11-20T16:59:47.186641Z"));
    for (name, expected) in [
        ("type", Some("https")),
        ("elb", Some("app/web/50dc6c495c0c9188")),
        ("client_ip", Some("192.0.2.131")),
        ("target_ip", Some("10.0.0.1")),
        ("request", Some("GET https://www.example.com:443/a/b?c=%20d HTTP/1.1")),
        ("method", Some("GET")),
        ("url", Some("https://www.example.com:443/a/b?c=%20d")),
        ("host", Some("www.example.com")),
        ("path", Some("/a/b")),
        ("query", Some("c=%20d")),
        ("protocol", Some("HTTP/1.1")),
        ("user_agent", Some("curl/8.14.1 \"x\"")),
        ("ssl_protocol", Some("TLSv1.2")),
        ("trace_id", Some("Root=1-58337281-1d84f3d73c47ec4e58577259")),
        ("redirect_url", None),
        ("classification_reason", Some("AmbiguousUri")),
        ("conn_trace_id", Some("TID_1234abcd5678ef90")),
        ("transformed_host", Some("m.example.com")),
        ("transformed_uri", None),
        ("request_transform_status", Some("TransformSuccess")),
    ] {
        assert_eq!(text(&event, name).as_deref(), expected, "{name}");
    }
    for (name, expected) in [
        ("client_port", 2817),
        ("target_port", 80),
        ("port", 443),
        ("elb_status_code", 200),
        ("target_status_code", 201),
        ("received_bytes", 34),
        ("sent_bytes", 57366),
    ] {
        assert_eq!(number(&event, name), expected, "{name}");
    }
    assert_eq!(event.fields["matched_rule_priority"], Value::I64(1));
    let created = Timestamp::parse_rfc3339("2026-11-20T16:59:47.1Z").unwrap();
    assert_eq!(event.fields["request_creation_time"], Value::Timestamp(created));
    let list =
        |items: &[&str]| Value::Array(items.iter().map(|item| Value::Str((*item).to_owned())).collect());
    assert_eq!(event.fields["actions_executed"], list(&["waf", "forward"]));
    assert_eq!(event.fields["target_port_list"], list(&["10.0.0.2:80", "10.0.0.1:80"]));
    assert_eq!(event.fields["target_status_code_list"], Value::Array(vec![Value::U64(502), Value::U64(201)]));
    let Value::Duration(taken) = event.fields["target_processing_time"] else { panic!() };
    assert_eq!(taken.as_nanos(), 48_000_000);
    assert!(!event.fields.contains_key("further"));
}

#[test]
fn columns_that_aws_adds_are_kept() {
    let event = only(&format!("{LINE} new \"and newer\""));
    let further = ["new", "and newer"].map(|text| Value::Str(text.to_owned()));
    assert_eq!(event.fields["further"], Value::Array(further.to_vec()));
}

#[test]
fn lines_of_older_load_balancers_are_read_as_far_as_they_go() {
    let event = only(&first(18));
    assert_eq!(text(&event, "trace_id").as_deref(), Some("Root=1-58337281-1d84f3d73c47ec4e58577259"));
    assert!(!event.fields.contains_key("domain_name"));
    assert!(only(&first(19)).fields.contains_key("domain_name"));
    let reason = log("alb", &[], first(17).as_bytes()).reason();
    assert!(reason.ends_with("expected a space and the next column"), "{reason}");
}

#[test]
fn what_did_not_happen_is_null() {
    let line = r#"http 2026-11-20T16:59:47.186641Z app/web/50dc 192.0.2.131:2817 - -1 -1 -1 400 - 0 272 "- http://web.elb.amazonaws.com:80- -" "-" - - - "-" "-" "-" -1 - "-" "-" "-" "-" "-" "-" "-""#;
    let event = only(line);
    for name in [
        "target_ip",
        "target_port",
        "request_processing_time",
        "response_processing_time",
        "target_status_code",
        "method",
        "url",
        "host",
        "port",
        "path",
        "user_agent",
        "ssl_cipher",
        "trace_id",
        "request_creation_time",
        "actions_executed",
        "target_port_list",
        "target_status_code_list",
    ] {
        assert_eq!(event.fields[name], Value::Null, "{name}");
    }
    assert_eq!(text(&event, "request").as_deref(), Some("- http://web.elb.amazonaws.com:80- -"));
    assert_eq!(event.fields["matched_rule_priority"], Value::I64(-1));
}

#[test]
fn ipv6_clients_keep_their_address() {
    for client in ["[2001:db8::7]:443", "2001:db8::7:443"] {
        let event = only(&LINE.replace("192.0.2.131:2817", client));
        assert_eq!(text(&event, "client_ip").as_deref(), Some("2001:db8::7"));
        assert_eq!(number(&event, "client_port"), 443);
    }
}

#[test]
fn classic_load_balancers_have_12_or_15_columns() {
    let line = r#"2026-11-20T16:59:47.945958Z my-loadbalancer 192.0.2.131:2817 10.0.0.1:80 0.000086 0.001048 0.001337 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.38.0" DHE-RSA-AES128-SHA TLSv1.2"#;
    let event = only(line);
    assert_eq!(event.event_type, "elb_access");
    assert_eq!(number(&event, "backend_port"), 80);
    assert_eq!(text(&event, "ssl_cipher").as_deref(), Some("DHE-RSA-AES128-SHA"));
    let Value::Duration(taken) = event.fields["backend_processing_time"] else { panic!() };
    assert_eq!(taken.as_nanos(), 1_048_000);
    let tcp = r#"2026-11-20T16:59:47.945958Z my-loadbalancer 192.0.2.131:2817 10.0.0.1:80 0.001069 0.000028 0.000041 - - 82 305 "- - - ""#;
    let event = log("elb", &[], tcp.as_bytes()).only();
    assert_eq!(event.fields["elb_status_code"], Value::Null);
    assert_eq!(event.fields["method"], Value::Null);
    assert!(!event.fields.contains_key("user_agent"));
}

#[test]
fn what_a_column_can_not_hold_is_refused_where_it_stands() {
    for (from, to, expected) in [
        ("2026-11-20T16:59:47.186641Z", "yesterday", "a time"),
        ("0.086", "0.0.86", "a number of seconds"),
        ("57366", "5e4", "a whole number"),
        ("502 201", "502 x", "statuses"),
    ] {
        let at = LINE.find(from).unwrap();
        let reason = log("alb", &[], LINE.replacen(from, to, 1).as_bytes()).reason();
        assert!(reason.starts_with(&format!("at byte {at}: expected {expected}")), "{reason}");
    }
}
