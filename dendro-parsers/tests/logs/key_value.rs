//! Pairs with delimiters of one's choice, and the vectors of VRL.

use crate::support::{given, log, vectors};
use dendro_core::{Event, Value};
use serde_json::Value as Json;

#[track_caller]
fn fields(options: &[(&str, &str)], record: &str, expected: &[(&str, Value)]) {
    let event = log("key_value", options, record.as_bytes()).only();
    assert_eq!(event.fields.len(), expected.len(), "{event:?}");
    for (name, value) in expected {
        assert_eq!(&event.fields[*name], value, "{name} of {record}");
    }
}

fn text(value: &str) -> Value {
    Value::from(value)
}

#[test]
fn values_are_texts_and_keys_alone_are_true() {
    fields(
        &[],
        r#"SerialNum=100018002000001906146520 GenTime="2019-10-24 14:25:03" Port=137 "a key"='x y' on"#,
        &[
            ("SerialNum", text("100018002000001906146520")),
            ("GenTime", text("2019-10-24 14:25:03")),
            ("Port", text("137")),
            ("a key", text("x y")),
            ("on", Value::Bool(true)),
        ],
    );
}

#[test]
fn a_key_that_comes_more_than_once_has_an_array_and_one_alone_adds_nothing() {
    let array = Value::Array(vec![text("dev"), text("x\ny"), text("")]);
    fields(
        &[("whitespace", "strict")],
        r#"tags tags=dev at=1 tags="x\ny" tags= tags at"#,
        &[("tags", array), ("at", text("1"))],
    );
}

#[test]
fn delimiters_can_be_chosen() {
    let options = [("key_value_delimiter", "->"), ("field_delimiter", "||")];
    fields(
        &options,
        "a -> 1 || b->x y  ||c",
        &[("a", text("1")), ("b", text("x y")), ("c", Value::Bool(true))],
    );
    let tabs = [("field_delimiter", "\t")];
    fields(&tabs, "a=1 2\tb = 3\t", &[("a", text("1 2")), ("b", text("3"))]);
    let error = dendro_parsers::formats::find("key_value")
        .unwrap()
        .configure(&[("field_delimiter".to_owned(), String::new())])
        .unwrap_err();
    assert_eq!(error.to_string(), "key_value: `field_delimiter` is ``, expected a text that is not empty");
}

#[test]
fn with_a_newline_as_delimiter_a_record_ends_at_an_empty_line() {
    let options = [("key_value_delimiter", ":"), ("field_delimiter", "\n")];
    let input = "To: tom\r\ntest: \"tom\" test\n\n\nTo: bob\ntest: \"bob test\"  \n";
    let outcome = log("key_value", &options, input.as_bytes());
    let tests: Vec<_> =
        outcome.events.iter().map(|event| (&event.fields["To"], &event.fields["test"])).collect();
    assert_eq!(tests, [(&text("tom"), &text("\"tom\" test")), (&text("bob"), &text("bob test"))]);
}

#[test]
fn keys_alone_can_be_refused() {
    let options = [("accept_standalone_key", "false")];
    assert_eq!(
        log("key_value", &options, b"a=1 on").reason(),
        "at byte 6: expected the delimiter of key and value"
    );
    fields(&[("accept_standalone_key", "true")], "on", &[("on", Value::Bool(true))]);
    fields(&options, "I am=x", &[("I am", text("x"))]);
}

#[test]
fn types_and_the_time_can_be_asked_for() {
    let options = [("types", "true"), ("field_delimiter", ","), ("zone", "+01:00")];
    let record = r#"time: 2026-11-20 21:29:47, n: 5, s: "5", took: 1.5s"#.replace(": ", "=");
    let event = log("key_value", &options, record.as_bytes()).only();
    assert_eq!(event.time.unwrap().to_string(), "2026-11-20T20:29:47.000000000Z");
    assert_eq!((&event.fields["n"], &event.fields["s"]), (&Value::U64(5), &text("5")));
    assert!(matches!(event.fields["took"], Value::Duration(_)));
}

#[test]
fn what_is_no_pair_is_refused() {
    assert_eq!(log("key_value", &[], b"a=1 \"\"=2").reason(), "at byte 4: expected a key");
    assert_eq!(log("key_value", &[], b"a\xff=1").reason(), "at byte 0: expected a key in UTF-8");
    let event = log("key_value", &[], b"a=\xff").only();
    assert_eq!(event.fields["a"], Value::Bytes(vec![0xff]));
}

/// What VRL has of a value.
fn assert_as_peer(value: &Value, expected: &Json, record: &Json) {
    match (value, expected) {
        (Value::Bool(value), Json::Bool(expected)) => assert_eq!(value, expected, "{record}"),
        (Value::Str(value), Json::String(expected)) => assert_eq!(value, expected, "{record}"),
        (Value::Array(values), Json::Array(expected)) => {
            assert_eq!(values.len(), expected.len(), "{record}");
            values.iter().zip(expected).for_each(|(value, expected)| assert_as_peer(value, expected, record));
        }
        other => panic!("{other:?} of {record}"),
    }
}

fn assert_event_as_peer(event: &Event, expected: &Json, record: &Json) {
    let expected = expected.as_object().unwrap();
    assert_eq!(event.fields.len(), expected.len(), "{event:?} of {record}");
    for (name, value) in expected {
        // `{'$id': 'nonk'}` is a name that VRL's tests don't put in quotes.
        let name = name.strip_prefix("{'$id': '").and_then(|name| name.strip_suffix("'}")).unwrap_or(name);
        let field = event.fields.get(name).unwrap_or_else(|| panic!("{name} of {record}"));
        assert_as_peer(field, value, record);
    }
}

#[test]
fn every_vector_of_vrl_is_right() {
    let vectors = vectors("peer_vrl_parse_key_value");
    for vector in &vectors {
        let options = vector["options"].as_object().unwrap().iter();
        let shown = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let options: Vec<(String, String)> =
            options.map(|(name, value)| (name.clone(), shown(value))).collect();
        let options: Vec<(&str, &str)> = options.iter().map(|(name, value)| (&**name, &**value)).collect();
        let outcome = log("key_value", &options, &given(&vector["line"]).unwrap());
        if vector["expected"].get("$err").is_some() {
            outcome.reason();
        } else {
            assert_event_as_peer(&outcome.only(), &vector["expected"], &vector["line"]);
        }
    }
    eprintln!("{} vectors", vectors.len());
}
