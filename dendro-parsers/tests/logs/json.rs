//! The format json: what is JSON and what is not, what logs make of it, and logs that real servers wrote.

use crate::support::{bytes, corpus, log, number, text};
use dendro_core::{Event, Object, Value};
use serde_json::Value as Json;

#[track_caller]
fn event(line: &str) -> Event {
    log("json", &[], line.as_bytes()).only()
}

#[track_caller]
fn value(json: &str) -> Value {
    event(&format!("{{\"v\":{json}}}")).fields.remove("v").unwrap()
}

#[test]
fn values_are_of_their_types_and_nested_ones_are_kept() {
    let event = event(r#" { "s" : "x" , "t":true,"f":false,"n":null,"o":{"a":[1,{"b":[]}],"c":{}} } "#);
    assert_eq!(event.event_type, "json");
    assert_eq!(event.fields["s"], Value::from("x"));
    assert_eq!((&event.fields["t"], &event.fields["f"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(event.fields["n"], Value::Null);
    let inner = Object::from([("b".to_owned(), Value::Array(Vec::new()))]);
    let expected = Object::from([
        ("a".to_owned(), Value::Array(vec![Value::U64(1), Value::Object(inner)])),
        ("c".to_owned(), Value::Object(Object::new())),
    ]);
    assert_eq!(event.fields["o"], Value::Object(expected));
    assert!(log("json", &[], b"{}").only().fields.is_empty());
}

#[test]
fn whole_numbers_are_exact_and_those_that_fit_nowhere_are_text() {
    for (json, expected) in [
        ("9007199254740993", Value::U64(9_007_199_254_740_993)),
        ("18446744073709551615", Value::U64(u64::MAX)),
        ("-9223372036854775808", Value::I64(i64::MIN)),
        ("-0", Value::I64(0)),
        ("18446744073709551616", Value::from("18446744073709551616")),
        ("-9223372036854775809", Value::from("-9223372036854775809")),
        ("0.1", Value::F64(0.1)),
        ("-0.0", Value::F64(-0.0)),
        ("1795206577.445", Value::F64(1_795_206_577.445)),
        ("1E5", Value::F64(1e5)),
        ("2.2250738585072014e-308", Value::F64(f64::MIN_POSITIVE)),
        ("1e400", Value::from("1e400")),
    ] {
        assert_eq!(value(json), expected, "{json}");
    }
}

#[test]
fn of_members_with_one_name_the_last_counts_at_every_level() {
    let event = event(r#"{"a":1,"b":2,"a":{"c":3,"d":4,"c":5},"b":[{"e":6,"e":7}]}"#);
    let inner = Object::from([("c".to_owned(), Value::U64(5)), ("d".to_owned(), Value::U64(4))]);
    assert_eq!(event.fields["a"], Value::Object(inner));
    let element = Object::from([("e".to_owned(), Value::U64(7))]);
    assert_eq!(event.fields["b"], Value::Array(vec![Value::Object(element)]));
    // However often the same comes again.
    let input = "{\"a\":1,\"a\":2,\"\\u0061\":3}\n".repeat(5);
    for event in log("json", &[], input.as_bytes()).events {
        assert_eq!(event.fields, Object::from([("a".to_owned(), Value::U64(3))]));
    }
}

#[test]
fn names_in_any_order_keep_their_values() {
    let lines = [
        r#"{"a":1,"b":2,"c":3}"#,
        r#"{"c":3,"b":2,"a":1}"#,
        r#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#,
        r#"{"a": 1, "b": 2, "c": 3}"#,
        r#"{"b":2,"a":1,"c":3}"#,
        r#"{"x":{"a":9,"c":{"b":8}},"a":1,"b":2,"c":3}"#,
    ];
    let input = format!("{}\n", lines.join("\n")).repeat(2);
    let outcome = log("json", &[], input.as_bytes());
    assert_eq!((outcome.events.len(), outcome.refused.len()), (2 * lines.len(), 0));
    for event in outcome.events {
        for (name, expected) in [("a", 1), ("b", 2), ("c", 3)] {
            assert_eq!(number(&event, name), expected);
        }
    }
}

#[test]
fn escapes_are_decoded_and_half_a_pair_is_the_replacement_character() {
    for (json, expected) in [
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u00e9\u20AC\ud83d\ude00\u0000""#, "é€😀\0"),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ude00\ud83dx""#, "\u{fffd}\u{fffd}x"),
        (r#""""#, ""),
        ("\"caf\u{e9} \u{7f}\"", "café \u{7f}"),
    ] {
        assert_eq!(value(json), Value::from(expected), "{json}");
    }
    assert_eq!(event(r#"{"a\u0062":1,"\\":2,"":3}"#).fields.keys().collect::<Vec<_>>(), ["", "\\", "ab"]);
}

#[test]
fn a_string_that_is_not_utf8_is_bytes_as_nginx_writes_it() {
    let event = log("json", &[], b"{\"ua\":\"x\xe9\\n\xff\",\"path\":\"/\x80\",\"k\xff\":1}").only();
    assert_eq!(bytes(&event, "ua").unwrap(), b"x\xe9\n\xff");
    assert_eq!(event.fields["path"], Value::Bytes(b"/\x80".to_vec()));
    assert_eq!(number(&event, "k\u{fffd}"), 1);
}

#[test]
fn control_characters_that_should_be_escaped_are_accepted() {
    assert_eq!(value("\"a\tb\u{1}\""), Value::from("a\tb\u{1}"));
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let outcome = log("json", &[], "\u{feff}{\"a\":1}\r\n\r\n\u{feff}{\"a\":1}".as_bytes());
    assert_eq!((outcome.events.len(), outcome.refused.len()), (2, 0));
}

#[test]
fn a_string_that_holds_json_stays_a_string() {
    assert_eq!(value(r#""{\"a\":1}""#), Value::from(r#"{"a":1}"#));
}

#[test]
fn what_is_no_json_object_is_refused_where_it_goes_wrong() {
    let deep = format!("{{\"a\":{}", "[".repeat(64));
    for (line, at, expected) in [
        ("text", 0, "`{`: a JSON object"),
        ("  ", 2, "`{`: a JSON object"),
        ("[1]", 0, "`{`: a JSON object"),
        ("\"x\"", 0, "`{`: a JSON object"),
        ("{", 1, "a key in quotes"),
        ("{a:1}", 1, "a key in quotes"),
        ("{'a':1}", 1, "a key in quotes"),
        ("{,}", 1, "a key in quotes"),
        ("{\"a\"}", 4, "`:`"),
        ("{\"a\":}", 5, "a value"),
        ("{\"a\":1", 6, "`,` or `}`"),
        ("{\"a\":1]", 6, "`,` or `}`"),
        ("{\"a\":1 \"b\":2}", 7, "`,` or `}`"),
        ("{\"a\":1\"b\":2}", 6, "`,` or `}`"),
        ("{\"a\":1,}", 7, "a value behind `,`"),
        ("{\"a\":1,,}", 7, "a key in quotes"),
        ("{\"a\":[1,]}", 8, "a value behind `,`"),
        ("{\"a\":[1 2]}", 8, "`,` or `]`"),
        ("{\"a\":[}", 6, "a value"),
        ("{\"a\":[1}", 7, "`,` or `]`"),
        ("{\"a\":NaN}", 5, "a value"),
        ("{\"a\":-Infinity}", 6, "a digit"),
        ("{\"a\":+1}", 5, "a value"),
        ("{\"a\":.5}", 5, "a value"),
        ("{\"a\":01}", 5, "a number without a leading zero"),
        ("{\"a\":1.}", 7, "a digit behind `.`"),
        ("{\"a\":1e}", 7, "a digit of the exponent"),
        ("{\"a\":0x1}", 6, "`,` or `}`"),
        ("{\"a\":True}", 5, "a value"),
        ("{\"a\":nul}", 5, "a value"),
        ("{\"a\":truex}", 9, "`,` or `}`"),
        ("{\"a\":\"x}", 8, "the `\"` that ends the string"),
        ("{\"a\":\"\\x\"}", 6, "an escape that JSON knows"),
        ("{\"a\":\"\\u12\"}", 6, "`\\u` and four hexadecimal digits"),
        ("{\"a\":1}}", 7, "nothing behind the JSON value"),
        ("{\"a\":1} // x", 8, "nothing behind the JSON value"),
        ("{\"a\":1}{\"b\":2}", 7, "nothing behind the JSON value"),
        ("{\"a\":1}\0", 7, "nothing behind the JSON value"),
        ("{\"a\":/**/1}", 5, "a value"),
        (&deep, 68, "values that are nested less deep"),
    ] {
        assert_eq!(
            log("json", &[], line.as_bytes()).reason(),
            format!("at byte {at}: expected {expected}"),
            "{line}"
        );
    }
}

#[test]
fn no_line_that_is_cut_short_is_taken_for_a_whole_one() {
    let line = r#"{"a":"x\n","b":[1.5,{"c":null}],"d":{"e":-7e2},"f":true}"#;
    let whole = format!("{line}\n");
    for len in 1..line.len() {
        // After a whole one, so that its names are known.
        let outcome = log("json", &[], format!("{whole}{}\n{whole}", &line[..len]).as_bytes());
        assert_eq!((outcome.events.len(), outcome.refused.len()), (2, 1), "{}", &line[..len]);
        assert_eq!(outcome.events[0].fields, outcome.events[1].fields);
    }
}

#[test]
fn what_is_known_of_the_lines_before_changes_no_answer() {
    // The same text where a name is first in its object and where it is not, well-formed and not.
    let lines = [
        r#"{"a":1,"b":{"a":2,"b":3}}"#,
        r#"{"a":1"b":{"a":2,"b":3}}"#,
        r#"{,"a":1,"b":2}"#,
        r#"{"a":1,"b":{,"b":3}}"#,
        r#"{"b":1,"a":2}"#,
        r#"{"a":1,"b":{"b":3"a":2}}"#,
        r#"{"a":1,"b":[{"a":1,"b":2},{"a":3},{"b":4}]}"#,
        r#"{"a": 1,"b" :2}"#,
        r#"{"a":  ,"b":2}"#,
    ];
    let alone: Vec<_> = lines.iter().map(|line| log("json", &[], line.as_bytes())).collect();
    for first in 0..lines.len() {
        for (second, alone) in alone.iter().enumerate() {
            let outcome =
                log("json", &[], format!("{}\n{}\n{0}\n{1}", lines[first], lines[second]).as_bytes());
            let same = outcome
                .events
                .iter()
                .filter(|event| Some(&event.fields) == alone.events.first().map(|e| &e.fields));
            let refused = outcome
                .refused
                .iter()
                .filter(|(_, reason)| Some(reason) == alone.refused.first().map(|r| &r.1));
            assert!(same.count() + refused.count() >= 2, "{} after {}", lines[second], lines[first]);
        }
    }
}

#[test]
fn members_of_nested_objects_become_fields_when_flattened() {
    let line = r#"{"http":{"status":200,"url":{"path":"/"}},"tags":[{"a":{"b":1}}],"none":{},"http_status":404,"x":1}"#;
    let event = log("json", &[("flatten", "true")], line.as_bytes()).only();
    assert_eq!(
        event.fields.keys().collect::<Vec<_>>(),
        ["http_status", "http_url_path", "none", "tags", "x"]
    );
    // Of fields with one name the last counts.
    assert_eq!(number(&event, "http_status"), 404);
    assert_eq!(event.fields["none"], Value::Object(Object::new()));
    assert!(matches!(&event.fields["tags"], Value::Array(tags) if matches!(&tags[0], Value::Object(_))));
    let dotted = log("json", &[("flatten", "true"), ("separator", ".")], line.as_bytes()).only();
    assert_eq!(text(&dotted, "http.url.path").as_deref(), Some("/"));
}

#[test]
fn flattened_names_are_those_of_their_own_object() {
    let lines = concat!(
        r#"{"a":{"x":1,"y":2},"b":{"x":3,"y":4},"x":5,"y":6}"#,
        "\n",
        r#"{"b":{"x":3,"y":4},"a":{"x":1,"y":2},"x":5,"y":6}"#,
        "\n",
        r#"{"x":5,"b":{"y":4,"x":3},"y":6,"a":{"\u0078":1,"y":2}}"#,
        "\n",
    );
    let outcome = log("json", &[("flatten", "true")], lines.repeat(3).as_bytes());
    assert_eq!(outcome.events.len(), 9);
    for event in outcome.events {
        for (name, expected) in [("a_x", 1), ("a_y", 2), ("b_x", 3), ("b_y", 4), ("x", 5), ("y", 6)] {
            assert_eq!(number(&event, name), expected, "{name}");
        }
    }
}

#[test]
fn the_time_is_where_loggers_put_it() {
    let time = |line: &str| event(line).time.map(|time| time.to_string());
    for line in [
        r#"{"timestamp":"2026-11-20T16:59:47.5-03:30"}"#,
        r#"{"@timestamp":"2026-11-20T20:29:47.5Z","timestamp":"1999-01-01T00:00:00Z"}"#,
        r#"{"ts":1795206587.5}"#,
        r#"{"time":1795206587500}"#,
        r#"{"time":"2026-11-20 20:29:47,500"}"#,
        r#"{"level":"info","@t":"2026-11-20T20:29:47.5Z"}"#,
        r#"{"time":0.012,"ts":"1795206587.500"}"#,
    ] {
        let found = time(line);
        if line.contains("0.012") {
            // A time that it took: the field that is more certain is none, and the other is not looked at.
            assert_eq!(found, None);
        } else {
            assert_eq!(found.as_deref(), Some("2026-11-20T20:29:47.500000000Z"), "{line}");
        }
    }
    for line in
        [r#"{"a":{"time":1795206587}}"#, r#"{"time":null}"#, r#"{"time":"soon"}"#, r#"{"time":{"a":1}}"#]
    {
        assert_eq!(time(line), None, "{line}");
    }
}

#[test]
fn the_field_of_the_time_and_the_zone_can_be_chosen() {
    let options = [("time", "at"), ("zone", "Europe/Berlin")];
    let event = log("json", &options, br#"{"at":"2026-11-20 21:29:47","timestamp":5}"#).only();
    assert_eq!(event.time.unwrap().to_string(), "2026-11-20T20:29:47.000000000Z");
    assert_eq!(log("json", &options, br#"{"at":null}"#).only().time, None);
    assert_eq!(log("json", &options, br#"{"b":1}"#).only().time, None);
    let reason = log("json", &options, br#"{"at":"soon"}"#).reason();
    assert_eq!(reason, "at byte 6: expected a time, as a date and time or a number");
    let options = [("time", "at"), ("time_layout", "%d.%m.%Y %H:%M")];
    let event = log("json", &options, br#"{"at":"20.11.2026 20:29"}"#).only();
    assert_eq!(event.time.unwrap().to_string(), "2026-11-20T20:29:00.000000000Z");
    let layout = [("time_layout".to_owned(), "%Y %Q".to_owned())];
    let error = dendro_parsers::formats::find("json").unwrap().configure(&layout).unwrap_err().to_string();
    assert!(error.starts_with("json: `time_layout` at byte 3: "), "{error}");
    assert_eq!(log("json", &[("time", "none")], br#"{"time":1795206587}"#).only().time, None);
}

#[test]
fn the_type_can_be_chosen() {
    assert_eq!(log("json", &[("type", "app_log")], b"{}").only().event_type, "app_log");
    for name in ["", "1x", "a b", "a-b", "\u{e9}"] {
        let error =
            dendro_parsers::formats::find("json").unwrap().configure(&[("type".to_owned(), name.to_owned())]);
        assert!(error.unwrap_err().to_string().starts_with("json: `type` is `"), "{name}");
    }
}

#[test]
fn objects_over_several_lines_and_several_on_one_are_framed_as_values() {
    let input =
        "{\"a\":1}{\"a\":2} {\"a\":3}\n{\n  \"a\": 4,\n  \"b\": {\n    \"c\": []\n  }\n}\nnone\n{\"a\":5}";
    let outcome = log("json", &[("framing", "values")], input.as_bytes());
    let numbers: Vec<u64> = outcome.events.iter().map(|event| number(event, "a")).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(outcome.refused.len(), 1);
}

#[test]
fn one_hostile_line_does_not_use_up_the_names_of_the_others() {
    let names: Vec<String> = (0..70_000).map(|n| format!("\"n{n}\":0")).collect();
    let hostile = format!("{{\"a\":{{{}}}}}", names.join(","));
    let fields: Vec<String> = (0..1_025).map(|n| format!("\"f{n}\":0")).collect();
    let input = format!("{{\"a\":1}}\n{hostile}\n{{{}}}\n{{\"b\":2,\"n7\":3,\"f9\":4}}\n", fields.join(","));
    let outcome = log("json", &[], input.as_bytes());
    assert_eq!(outcome.refused.len(), 2);
    assert!(outcome.refused[0].1.contains("distinct field names"), "{}", outcome.refused[0].1);
    assert!(outcome.refused[1].1.contains("fields in one event"), "{}", outcome.refused[1].1);
    assert_eq!(outcome.events.len(), 2);
    for (name, expected) in [("b", 2), ("n7", 3), ("f9", 4)] {
        assert_eq!(number(&outcome.events[1], name), expected);
    }
}

/// A log from the corpora, line by line beside what `serde_json` makes of it.
fn assert_as_serde(path: &str) {
    let Some(file) = corpus(path) else { return };
    let input = std::fs::read(file).unwrap();
    let outcome = log("json", &[], &input);
    let mut events = outcome.events.iter();
    let mut refused = outcome.refused.iter();
    let mut compared = 0;
    for line in input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        // Lines with raw bytes are none to `serde_json`.
        match serde_json::from_slice::<Json>(line) {
            Ok(Json::Object(expected)) => {
                let event = events.next().unwrap();
                assert_eq!(event.fields.len(), expected.len());
                expected.iter().for_each(|(name, value)| assert_same(&event.fields[name], value));
                compared += 1;
            }
            Err(_) if std::str::from_utf8(line).is_err() => {
                let lossy = String::from_utf8_lossy(line);
                let Json::Object(expected) = serde_json::from_str(&lossy).unwrap() else { panic!("{lossy}") };
                let event = events.next().unwrap();
                assert!(event.fields.values().any(|value| matches!(value, Value::Bytes(_))), "{lossy}");
                for (name, value) in expected {
                    let field = &event.fields[&name];
                    if !matches!(field, Value::Bytes(_)) {
                        assert_same(field, &value);
                    }
                }
            }
            _ => assert_eq!(refused.next().unwrap().0, line.strip_suffix(b"\r").unwrap_or(line)),
        }
    }
    assert_eq!((events.next(), refused.next()), (None, None));
    assert!(compared > 0);
    eprintln!("{path}: {compared} lines as serde_json reads them");
}

#[track_caller]
fn assert_same(value: &Value, expected: &Json) {
    match (value, expected) {
        (Value::Null, Json::Null) => {}
        (Value::Bool(value), Json::Bool(expected)) => assert_eq!(value, expected),
        (Value::U64(value), expected) => assert_eq!(Some(*value), expected.as_u64()),
        (Value::I64(value), expected) => assert_eq!(Some(*value), expected.as_i64()),
        (Value::F64(value), expected) => assert_eq!(Some(*value), expected.as_f64()),
        (Value::Str(value), Json::String(expected)) => assert_eq!(value, expected),
        (Value::Array(values), Json::Array(expected)) => {
            assert_eq!(values.len(), expected.len());
            values.iter().zip(expected).for_each(|(value, expected)| assert_same(value, expected));
        }
        (Value::Object(object), Json::Object(expected)) => {
            assert_eq!(object.len(), expected.len());
            expected.iter().for_each(|(name, expected)| assert_same(&object[name], expected));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn real_logs_read_as_serde_json_reads_them() {
    for path in [
        "generated/nginx/access_json.log",
        "generated/nginx/access_jsonnum.log",
        "generated/postgresql/pg_m/postgresql.json",
        "public/json/elastic_nginxplus_status.jsonl",
        "public/lnav/logfile_ecs_log.json",
        "public/lnav/logfile_invalid_json.json",
        "public/lnav/logfile_json2.json",
        "public/lnav/logfile_json_subsec.json",
        "public/lnav/logfile_mixed_json2.json",
    ] {
        assert_as_serde(path);
    }
}

mod round_trip {
    use super::*;
    use proptest::prelude::*;

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>()
                .prop_filter_map("finite", |value| serde_json::Number::from_f64(value).map(Json::Number)),
            "\\PC{0,20}|[\\\\\"\\x00-\\x1f]{0,5}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                prop::collection::btree_map("[a-e]{1,2}|\\PC{0,4}", inner, 0..5)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    fn object() -> impl Strategy<Value = serde_json::Map<String, Json>> {
        prop::collection::btree_map("[a-e]{1,2}|\\PC{0,4}", json(), 0..6)
            .prop_map(|members| members.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_comes_back(objects in prop::collection::vec(object(), 1..6), pretty in any::<bool>()) {
            let mut input = String::new();
            for object in &objects {
                let text = if pretty { serde_json::to_string_pretty(object) } else { serde_json::to_string(object) };
                input.push_str(&text.unwrap());
                input.push('\n');
            }
            let framing = if pretty { "values" } else { "lines" };
            let outcome = log("json", &[("framing", framing)], input.as_bytes());
            prop_assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
            prop_assert_eq!(outcome.events.len(), objects.len());
            for (event, object) in outcome.events.iter().zip(&objects) {
                prop_assert_eq!(event.fields.len(), object.len());
                object.iter().for_each(|(name, value)| assert_same(&event.fields[name], value));
            }
        }
    }
}
