//! MongoDB's structured log, as its manual shows it and its versions write it.

use crate::support::{log, number, text};
use dendro_core::{SignedDuration, Value};

const SLOW: &str = r#"{"t":{"$date":"2026-11-20T11:59:47.180-05:00"},"s":"I",  "c":"COMMAND",  "id":51803,   "ctx":"conn42","msg":"Slow query","attr":{"type":"command","ns":"shop.orders","appName":"checkout","command":{"find":"orders","filter":{"_id":{"$oid":"65f1c0ffee65f1c0ffee65f1"},"n":{"$gt":9007199254740993}},"$db":"shop"},"planSummary":"COLLSCAN","keysExamined":0,"docsExamined":120000,"numYields":120,"nreturned":3,"reslen":512,"cpuNanos":98765432,"remote":"192.0.2.7:51022","protocol":"op_msg","durationMillis":345},"tags":["slow"]}"#;

#[test]
fn a_message_has_the_servers_own_names_and_its_time() {
    let event = log("mongodb", &[], SLOW.as_bytes()).only();
    assert_eq!(event.event_type, "mongodb");
    assert_eq!(event.time.unwrap().to_string(), "2026-11-20T16:59:47.180000000Z");
    for (name, expected) in [("s", "I"), ("c", "COMMAND"), ("ctx", "conn42"), ("msg", "Slow query")] {
        assert_eq!(text(&event, name).as_deref(), Some(expected));
    }
    assert_eq!(number(&event, "id"), 51_803);
    assert_eq!(event.fields["svc"], Value::Null);
    assert_eq!(event.fields["tags"], Value::Array(vec![Value::from("slow")]));
    assert!(!event.fields.contains_key("truncated"));
}

#[test]
fn what_a_slow_query_took_is_measured() {
    let event = log("mongodb", &[], SLOW.as_bytes()).only();
    assert_eq!(event.fields["duration"], Value::Duration(SignedDuration::from_nanos(345_000_000)));
    assert_eq!(event.fields["cpu"], Value::Duration(SignedDuration::from_nanos(98_765_432)));
    for (name, expected) in
        [("keys_examined", 0), ("docs_examined", 120_000), ("nreturned", 3), ("reslen", 512)]
    {
        assert_eq!(number(&event, name), expected, "{name}");
    }
    for (name, expected) in [
        ("ns", "shop.orders"),
        ("plan_summary", "COLLSCAN"),
        ("app_name", "checkout"),
        ("remote", "192.0.2.7:51022"),
    ] {
        assert_eq!(text(&event, name).as_deref(), Some(expected));
    }
}

#[test]
fn attributes_stay_as_mongodb_writes_them() {
    let event = log("mongodb", &[], SLOW.as_bytes()).only();
    let Value::Object(attr) = &event.fields["attr"] else { panic!("{event:?}") };
    assert_eq!(attr["durationMillis"], Value::U64(345));
    let Value::Object(command) = &attr["command"] else { panic!("{event:?}") };
    let Value::Object(filter) = &command["filter"] else { panic!("{event:?}") };
    assert_eq!(
        filter["_id"],
        Value::from(dendro_core::Object::from([(
            "$oid".to_owned(),
            Value::from("65f1c0ffee65f1c0ffee65f1")
        )]))
    );
    assert_eq!(
        filter["n"],
        Value::from(dendro_core::Object::from([("$gt".to_owned(), Value::U64(9_007_199_254_740_993))]))
    );
}

#[test]
fn an_attribute_that_is_something_else_stays_in_attr_alone() {
    let line = r#"{"t":{"$date":"2026-11-20T16:59:47.180Z"},"s":"W","c":"-","id":1,"svc":"S","ctx":"main","msg":"m","attr":{"ns":{"db":"x"},"remote":"h\u006fst","durationMillis":1.5,"nreturned":-1,"deep":{"ns":"no"}},"truncated":{"ns":{"type":"string","size":9}},"size":{"ns":9},"more":[1]}"#;
    let event = log("mongodb", &[], line.as_bytes()).only();
    for name in ["ns", "duration", "nreturned"] {
        assert!(!event.fields.contains_key(name), "{name}");
    }
    assert_eq!(text(&event, "remote").as_deref(), Some("host"));
    assert_eq!(text(&event, "svc").as_deref(), Some("S"));
    assert_eq!(event.fields["more"], Value::Array(vec![Value::U64(1)]));
    assert!(matches!(event.fields["truncated"], Value::Object(_)));
    assert!(matches!(event.fields["size"], Value::Object(_)));
}

#[test]
fn a_message_without_attributes_or_with_nulls_is_one() {
    let line = r#"{"t":{"$date":"2026-11-20T16:59:47Z"},"s":null,"id":20698,"ctx":"-","msg":"***** SERVER RESTARTED *****"}"#;
    let event = log("mongodb", &[], line.as_bytes()).only();
    for name in ["s", "c", "svc"] {
        assert_eq!(event.fields[name], Value::Null, "{name}");
    }
}

#[test]
fn of_members_with_one_name_the_last_counts() {
    let line = r#"{"t":{"$date":"2026-11-20T16:59:47Z"},"s":"I","msg":"a","attr":{"x":1,"y":2,"x":3},"msg":"b","attr":{"x":4}}"#;
    let event = log("mongodb", &[], line.as_bytes()).only();
    assert_eq!(text(&event, "msg").as_deref(), Some("b"));
    assert_eq!(
        event.fields["attr"],
        Value::from(dendro_core::Object::from([("x".to_owned(), Value::U64(4))]))
    );
}

#[test]
fn the_text_log_before_4_4_is_refused_by_name() {
    let line =
        "2020-05-20T19:17:06.188+0000 I  NETWORK  [listener] connection accepted from 127.0.0.1:51022 #1";
    let reason = log("mongodb", &[], line.as_bytes()).reason();
    assert!(reason.contains("text log of MongoDB before 4.4"), "{reason}");
}

#[test]
fn what_is_no_message_is_refused_where_it_differs() {
    for (line, reason) in [
        ("waiting for connections", "at byte 0: expected `{`: a line of MongoDB's structured log"),
        ("{}", "at byte 2: expected a line with `t`, the time of the message"),
        (r#"{"s":"I"}"#, "at byte 9: expected a line with `t`, the time of the message"),
        (
            r#"{"t":"2026-11-20T16:59:47Z"}"#,
            "at byte 5: expected `{\"$date\":` and a time as in 2026-11-20T16:59:47.180+00:00",
        ),
        (r#"{"t":{"$date":"yesterday"}}"#, "at byte 15: expected a time as in 2026-11-20T16:59:47.180+00:00"),
        (r#"{"t":{"$date":"2026-11-20T16:59:47Z"},"s":1}"#, "at byte 42: expected a string"),
        (
            r#"{"t":{"$date":"2026-11-20T16:59:47Z"},"id":-1}"#,
            "at byte 43: expected a number that is not negative",
        ),
        (r#"{"t":{"$date":"2026-11-20T16:59:47Z"},"attr":[]}"#, "at byte 45: expected an object"),
        (r#"{"t":{"$date":"2026-11-20T16:59:47Z"},"tags":{}}"#, "at byte 45: expected an array"),
        (r#"{"t":{"$date":"2026-11-20T16:59:47Z"}"#, "at byte 37: expected `,` or `}`"),
        (r#"{"t":{"$date":"2026-11-20T16:59:47Z"}} x"#, "at byte 39: expected nothing behind the JSON value"),
    ] {
        assert_eq!(log("mongodb", &[], line.as_bytes()).reason(), reason, "{line}");
    }
}
