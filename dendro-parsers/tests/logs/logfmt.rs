//! logfmt: what its readers agree on and what they don't, and the vectors of go-logfmt.

use crate::support::{self, given, log, text, vectors};
use dendro_core::{Event, SignedDuration, Value};
use serde_json::Value as Json;

#[track_caller]
fn event(line: &str) -> Event {
    log("logfmt", &[], line.as_bytes()).only()
}

#[track_caller]
fn fields(line: &str, expected: &[(&str, Option<&str>)]) {
    let event = event(line);
    assert_eq!(event.fields.len(), expected.len(), "{event:?}");
    for (name, value) in expected {
        assert_eq!(text(&event, name).as_deref(), *value, "{name} of {line}");
    }
}

#[test]
fn a_key_alone_and_one_without_value_are_null_and_quotes_without_text_are_empty() {
    fields("alone none= empty=\"\"", &[("alone", None), ("none", None), ("empty", Some(""))]);
    fields("alone", &[("alone", None)]);
}

#[test]
fn of_fields_with_one_name_the_last_counts() {
    fields("a=1 b=2 a=3 b", &[("a", Some("3")), ("b", None)]);
}

#[test]
fn an_equals_sign_in_a_value_without_quotes_belongs_to_it() {
    fields("uri=/q?a=b&c==d next=1", &[("uri", Some("/q?a=b&c==d")), ("next", Some("1"))]);
}

#[test]
fn backticks_and_apostrophes_are_quotes_where_they_come_in_pairs() {
    fields(
        "a=`SELECT \"x\" \\n` b='say \"no\"' c='tis d=`x e=it's",
        &[
            ("a", Some("SELECT \"x\" \\n")),
            ("b", Some("say \"no\"")),
            ("c", Some("'tis")),
            ("d", Some("`x")),
            ("e", Some("it's")),
        ],
    );
}

#[test]
fn a_backslash_at_the_end_of_a_quoted_value_is_told_from_an_escaped_quote() {
    fields(
        r#"path="C:\\" next="a\\\"" x=1"#,
        &[("path", Some("C:\\")), ("next", Some("a\\\"")), ("x", Some("1"))],
    );
    assert!(log("logfmt", &[], br#"path="C:\" x=1"#).reason().contains("the `\"` that ends the value"));
}

#[test]
fn escapes_are_decoded_in_double_quotes_alone() {
    fields(
        r#"a="\n\t\u00e9\ud83d\ude00\x1b[0m \d" b=\n\t"#,
        &[("a", Some("\n\té😀\u{1b}[0m \\d")), ("b", Some(r"\n\t"))],
    );
}

#[test]
fn control_characters_separate() {
    fields("a=1\tb=2\u{1e}c=3\u{0}d", &[("a", Some("1")), ("b", Some("2")), ("c", Some("3")), ("d", None)]);
}

#[test]
fn a_text_that_is_not_logfmt_does_not_become_keys() {
    for line in [
        "server is listening on port 80",
        "panic: out of memory",
        "{\"a\": 1}",
        "say \"hello\"",
        "don't panic",
    ] {
        assert!(!log("logfmt", &[], line.as_bytes()).reason().is_empty());
    }
    let reason = log("logfmt", &[], b"listening on port 80").reason();
    assert_eq!(reason, "at byte 9: expected `=`: a key with a value");
    assert_eq!(log("logfmt", &[], b" \x1e ").reason(), "at byte 3: expected a key");
}

#[test]
fn bytes_that_are_not_utf8_stay_in_values_and_are_refused_in_keys() {
    let event = log("logfmt", &[], b"a=x\xff b=\"\\n\xff\"").only();
    assert_eq!(event.fields["a"], Value::Bytes(b"x\xff".to_vec()));
    assert_eq!(event.fields["b"], Value::Bytes(b"\n\xff".to_vec()));
    assert_eq!(log("logfmt", &[], b"a=1 b\xff=2").reason(), "at byte 4: expected a key in UTF-8");
    assert_eq!(log("logfmt", &[], "b\u{fffd}=2".as_bytes()).reason(), "at byte 0: expected a key in UTF-8");
}

#[test]
fn values_are_texts_unless_types_are_asked_for() {
    let line = br#"n=42 neg=-7 f=1.5 t=true no=false d=1h2m3.5s us=250us id=007 big=18446744073709551616 v=1.2.3 q="5" s=x e="#;
    let plain = log("logfmt", &[], line).only();
    assert!(plain.fields.values().all(|value| matches!(value, Value::Str(_) | Value::Null)));
    let typed = log("logfmt", &[("types", "true")], line).only();
    for (name, expected) in [
        ("n", Value::U64(42)),
        ("neg", Value::I64(-7)),
        ("f", Value::F64(1.5)),
        ("t", Value::Bool(true)),
        ("no", Value::Bool(false)),
        ("d", Value::Duration(SignedDuration::from_nanos(3_723_500_000_000))),
        ("us", Value::Duration(SignedDuration::from_nanos(250_000))),
        ("id", Value::from("007")),
        ("big", Value::from("18446744073709551616")),
        ("v", Value::from("1.2.3")),
        ("q", Value::from("5")),
        ("s", Value::from("x")),
        ("e", Value::Null),
    ] {
        assert_eq!(typed.fields[name], expected, "{name}");
    }
}

#[test]
fn the_time_is_where_loggers_put_it() {
    for line in [
        "time=\"2026-11-20T16:59:47.5-03:30\" level=info",
        "ts=2026-11-20T20:29:47.5Z",
        "level=info time=1795206587.5 ts=never",
    ] {
        assert_eq!(event(line).time.unwrap().to_string(), "2026-11-20T20:29:47.500000000Z", "{line}");
    }
    assert_eq!(event("time=15ms").time, None);
    let options = [("time", "at"), ("zone", "+05:30")];
    let event = log("logfmt", &options, b"at=\"2026-11-20 00:00:00\"").only();
    assert_eq!(event.time.unwrap().to_string(), "2026-11-19T18:30:00.000000000Z");
    assert_eq!(
        log("logfmt", &options, b"a=1 at=soon").reason(),
        "at byte 7: expected a time, as a date and time or a number"
    );
}

/// What go-logfmt has of a line, with the last value of each key; an empty one is none to it.
fn as_peer(event: &Event) -> Vec<(String, Option<Vec<u8>>)> {
    let field = |name: &String| (name.clone(), support::bytes(event, name).filter(|value| !value.is_empty()));
    event.fields.keys().map(field).collect()
}

#[test]
fn every_vector_of_go_logfmt_is_right() {
    let (mut right, mut different) = (0, Vec::new());
    for vector in vectors("peer_gologfmt_logfmt") {
        let line = given(&vector["line"]).unwrap();
        let outcome = log("logfmt", &[], &line);
        let records = &vector["expected"]["records"];
        let same = match records {
            Json::Null => outcome.events.is_empty() && outcome.refused.is_empty(),
            Json::Array(records) => {
                // Empty lines are no records here.
                let records: Vec<_> = records.iter().filter(|record| !record.is_null()).collect();
                let found: Vec<_> = outcome.events.iter().map(as_peer).collect();
                let expected: Vec<_> = records
                    .iter()
                    .map(|record| {
                        let pairs = record.as_array().unwrap().iter();
                        let pairs = pairs.map(|pair| (pair[0].as_str().unwrap().to_owned(), given(&pair[1])));
                        let last: std::collections::BTreeMap<_, _> = pairs.collect();
                        last.into_iter().collect::<Vec<_>>()
                    })
                    .collect();
                outcome.refused.is_empty() && found == expected
            }
            // A syntax error, at a line and a position from 1.
            Json::Object(error) => {
                let line = error["Line"].as_u64().unwrap() as usize;
                outcome.refused.len() == 1 && outcome.events.len() == line - 1
            }
            _ => false,
        };
        right += usize::from(same);
        if !same {
            different.push(String::from_utf8(line).unwrap());
        }
    }
    // go-logfmt's test of its longest line, which the vector does not carry, and an `=` inside a value: see `Logfmt`.
    different.retain(|line| !["a=1\nb=2", "a=1\nk=b=ar"].contains(&line.as_str()));
    assert!(different.is_empty(), "{different:?}");
    eprintln!("{right} vectors");
}

mod round_trip {
    use super::*;
    use proptest::prelude::*;

    /// As loggers write a value.
    fn quoted(value: &str) -> String {
        let plain = |c: char| c > ' ' && !matches!(c, '"' | '=' | '\'' | '`' | '\\' | '\u{7f}');
        if !value.is_empty() && value.chars().all(plain) {
            value.to_owned()
        } else {
            serde_json::to_string(value).unwrap()
        }
    }

    proptest! {
        #[test]
        fn what_a_logger_writes_comes_back(
            pairs in prop::collection::btree_map("[a-z_.@\u{e9}]{1,8}", "\\PC{0,12}|[\\x00-\\x7f]{0,12}", 1..6)
        ) {
            let line: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", quoted(value))).collect();
            let event = log("logfmt", &[("time", "none")], line.join(" ").as_bytes()).only();
            prop_assert_eq!(event.fields.len(), pairs.len());
            for (key, value) in &pairs {
                prop_assert_eq!(&event.fields[key], &Value::from(value.as_str()));
            }
        }
    }
}
