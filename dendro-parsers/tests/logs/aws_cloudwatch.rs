//! What subscriptions of CloudWatch Logs send.

use crate::support::{batch, log, text};
use dendro_core::{Timestamp, Transform, Value};
use dendro_parsers::aws::{CloudWatchLogs, LambdaLog};

const DATA: &str = r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/lambda/f","logStream":"2026/11/20/[1]ab","subscriptionFilters":["all","errors"],"logEvents":[{"id":"1","timestamp":1795208387123,"message":"REPORT RequestId: r\tDuration: 1.5 ms\t\n"},{"id":"2","timestamp":1795208387124,"message":"hello","extractedFields":{"word":"hello","n":7}}]}"#;
const CONTROL: &str = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1795208387123,"message":"CWL CONTROL MESSAGE: Checking health of destination."}]}"#;

#[test]
fn each_log_event_is_an_event_with_the_fields_of_its_message() {
    let outcome = log("cloudwatch", &[], DATA.as_bytes());
    assert!(outcome.refused.is_empty());
    assert_eq!(outcome.events.len(), 2);
    for (event, (id, message)) in
        outcome.events.iter().zip([("1", "REPORT RequestId: r\tDuration: 1.5 ms\t\n"), ("2", "hello")])
    {
        assert_eq!(event.event_type, "cloudwatch_log");
        assert_eq!(text(event, "log_event_id").as_deref(), Some(id));
        assert_eq!(text(event, "message").as_deref(), Some(message));
        assert_eq!(text(event, "owner").as_deref(), Some("123456789012"));
        assert_eq!(text(event, "log_group").as_deref(), Some("/aws/lambda/f"));
        assert_eq!(text(event, "log_stream").as_deref(), Some("2026/11/20/[1]ab"));
        let filters = ["all", "errors"].map(|name| Value::Str(name.to_owned()));
        assert_eq!(event.fields["subscription_filters"], Value::Array(filters.to_vec()));
    }
    assert_eq!(outcome.events[0].time, Timestamp::parse_rfc3339("2026-11-20T20:59:47.123Z"));
    let Value::Object(found) = &outcome.events[1].fields["extracted_fields"] else { panic!() };
    assert_eq!(found.get("n"), Some(&Value::U64(7)));
}

#[test]
fn control_messages_are_filtered_out() {
    let outcome = log("cloudwatch", &[], format!("{CONTROL}\n{DATA}\n").as_bytes());
    assert!(outcome.refused.is_empty());
    assert_eq!(outcome.events.len(), 2);
}

#[test]
fn messages_may_stand_one_behind_the_other() {
    let outcome = log("cloudwatch", &[], format!("{DATA}{CONTROL} {DATA}").as_bytes());
    assert!(outcome.refused.is_empty());
    assert_eq!(outcome.events.len(), 4);
}

#[test]
fn the_messages_may_be_parsed_by_a_format_of_their_own() {
    let outcome = log("cloudwatch", &[("format", "lambda")], DATA.as_bytes());
    assert!(outcome.refused.is_empty());
    let report = &outcome.events[0];
    assert_eq!(report.event_type, "lambda_platform");
    assert_eq!(text(report, "log_group").as_deref(), Some("/aws/lambda/f"));
    let Value::Duration(took) = report.fields["duration"] else { panic!() };
    assert_eq!(took.as_nanos(), 1_500_000);
    assert_eq!(report.time, Timestamp::parse_rfc3339("2026-11-20T20:59:47.123Z"));
    assert_eq!(outcome.events[1].event_type, "lambda_function");
}

#[test]
fn what_the_next_parser_refuses_is_the_message_alone() {
    let outcome = log("cloudwatch", &[("format", "alb")], DATA.as_bytes());
    assert!(outcome.events.is_empty());
    assert_eq!(outcome.refused[1].0, b"hello");
}

#[test]
fn the_messages_wait_unparsed_for_a_parser_behind() {
    let mut batch = batch(DATA.as_bytes());
    CloudWatchLogs::new().transform(&mut batch).unwrap();
    assert_eq!(batch.len(), 2);
    assert!(batch.iter().all(|event| event.is_unparsed()));
    assert_eq!(batch.get(2).unwrap().get("message").unwrap().as_str(), Some("hello"));
    LambdaLog::new().transform(&mut batch).unwrap();
    let types: Vec<_> = batch.iter().map(|event| event.event_type().to_owned()).collect();
    assert_eq!(types, ["lambda_platform", "lambda_function"]);
}

#[test]
fn what_is_no_message_is_refused() {
    for (line, reason) in [
        ("H4sIAAAAAAAAA", "at byte 0: expected a message that is decompressed: this is gzip in base64"),
        ("hello", "at byte 0: expected `{`"),
        ("{}", "at byte 2: expected the `messageType` `DATA_MESSAGE` or `CONTROL_MESSAGE`"),
        (
            r#"{"messageType":"OTHER"}"#,
            "at byte 15: expected the `messageType` `DATA_MESSAGE` or `CONTROL_MESSAGE`",
        ),
        (
            r#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1"}]}"#,
            "at byte 53: expected a log event with a `message`",
        ),
        (r#"{"messageType":"DATA_MESSAGE","logEvents":7}"#, "at byte 42: expected an array of log events"),
        (
            r#"{"messageType":"DATA_MESSAGE","logEvents":[{"message":"","timestamp":"x"}]}"#,
            "at byte 69: expected a number of milliseconds since 1970",
        ),
        (r#"{"messageType":"DATA_MESSAGE"} x"#, "at byte 31: expected `{`"),
    ] {
        assert_eq!(log("cloudwatch", &[], line.as_bytes()).reason(), reason, "{line}");
    }
}

#[test]
fn a_format_that_can_not_parse_messages_is_an_error() {
    let format = dendro_parsers::formats::find("cloudwatch").unwrap();
    let error =
        |name: &str| format.configure(&[("format".to_owned(), name.to_owned())]).unwrap_err().to_string();
    assert!(error("lamda").starts_with("there is no format `lamda`"));
    assert_eq!(
        error("cloudfront_realtime"),
        "cloudwatch: `format` is `cloudfront_realtime`, expected a format that needs no option"
    );
}
