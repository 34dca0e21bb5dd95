//! Comma- and tab-separated values, as people and programs write them.

use crate::support::{Outcome, log, text};
use bytes::Bytes;
use dendro_core::{Batch, Event, Origin, RecordRow, Schema, SignedDuration, Timestamp, Transform, Value};
use dendro_parsers::csv::{Csv, Dialect};
use proptest::prelude::*;

fn csv(options: &[(&str, &str)], input: &str) -> Outcome {
    log("csv", options, input.as_bytes())
}

fn fields(event: &Event) -> Vec<(&str, Value)> {
    event.fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

fn str(text: &str) -> Value {
    Value::Str(text.to_owned())
}

#[test]
fn the_first_record_names_the_columns() {
    let outcome = csv(&[], "\u{feff}a, b ,\"c \"\"d\"\"\"\r\n1,2,3\r\n\r\n4,\"5\n,\",6\n");
    assert_eq!(outcome.events.len(), 2);
    assert_eq!(fields(&outcome.events[0]), [("a", str("1")), ("b", str("2")), ("c \"d\"", str("3"))]);
    assert_eq!(fields(&outcome.events[1]), [("a", str("4")), ("b", str("5\n,")), ("c \"d\"", str("6"))]);
    assert_eq!(outcome.refused, []);
    assert_eq!(outcome.events[0].event_type, "csv");
}

#[test]
fn a_first_record_in_quotes_behind_a_byte_order_mark_is_read() {
    let event = csv(&[], "\u{feff}\"a\nb\",c\n1,2\n").only();
    assert_eq!(fields(&event), [("a\nb", str("1")), ("c", str("2"))]);
}

#[test]
fn columns_without_a_name_or_with_one_that_is_taken_have_their_own() {
    let event = csv(&[], "a,,a\n1,2,3\n").only();
    assert_eq!(fields(&event), [("a", str("1")), ("a_2", str("3")), ("column_2", str("2"))]);
}

#[test]
fn nothing_and_an_empty_text_are_not_the_same() {
    let event = csv(&[], "a,b,c\n,\"\",x\n").only();
    assert_eq!(fields(&event), [("a", Value::Null), ("b", str("")), ("c", str("x"))]);
    let event = csv(&[("null", "NULL")], "a,b,c\nNULL,\"NULL\",\n").only();
    assert_eq!(fields(&event), [("a", Value::Null), ("b", str("NULL")), ("c", Value::Null)]);
}

#[test]
fn columns_can_be_configured_with_types() {
    let columns = "name,size:u64,delta:i64,ratio:f64,ok:bool,at:timestamp";
    let options = [("columns", columns), ("zone", "+01:00")];
    let outcome = csv(
        &options,
        "x,5,-5,0.5,true,2026-11-20T16:59:47\ny,,\"\",,,\nz,\"7\",0,1e3,false,2026-11-20 16:59:47.5Z\n",
    );
    let time = |text| Value::Timestamp(Timestamp::parse_rfc3339(text).unwrap());
    assert_eq!(outcome.events[0].fields["size"], Value::U64(5));
    assert_eq!(outcome.events[0].fields["delta"], Value::I64(-5));
    assert_eq!(outcome.events[0].fields["ratio"], Value::F64(0.5));
    assert_eq!(outcome.events[0].fields["ok"], Value::Bool(true));
    assert_eq!(outcome.events[0].fields["at"], time("2026-11-20T15:59:47Z"));
    assert!(outcome.events[1].fields.iter().all(|(name, value)| name == "name" || *value == Value::Null));
    assert_eq!(outcome.events[2].fields["at"], time("2026-11-20T16:59:47.5Z"));
    assert_eq!(outcome.refused, []);
    for bad in [
        "x,5.5,1,1,true,",
        "x,-5,1,1,true,",
        "x,5,x,1,true,",
        "x,5,1,nan,true,",
        "x,5,1,1,perhaps,",
        "x,5,1,1,true,now",
    ] {
        assert!(csv(&options, bad).reason().starts_with("at byte "), "{bad}");
    }
    // The first record is left out where there is one.
    let event = csv(&[("columns", "b,c:u64"), ("header", "true")], "name,count\nx,5\n").only();
    assert_eq!(fields(&event), [("b", str("x")), ("c", Value::U64(5))]);
}

#[test]
fn without_names_columns_are_numbered() {
    let outcome = csv(&[("header", "false")], "x,y\nz,\n");
    assert_eq!(fields(&outcome.events[0]), [("column_1", str("x")), ("column_2", str("y"))]);
    assert_eq!(fields(&outcome.events[1]), [("column_1", str("z")), ("column_2", Value::Null)]);
}

#[test]
fn types_are_told_by_name_or_by_looks() {
    let input = "name,size,took\nx,5,1.5\n1,\"7\",2\n";
    let outcome = csv(&[("types", "size:u64,took:duration_ms")], input);
    let nanos = |nanos| Value::Duration(SignedDuration::from_nanos(nanos));
    assert_eq!(
        fields(&outcome.events[0]),
        [("name", str("x")), ("size", Value::U64(5)), ("took", nanos(1_500_000))]
    );
    assert_eq!(outcome.events[1].fields["size"], Value::U64(7));
    let outcome = csv(&[("types", "true")], "a,b,c,d,e\n5,-1.5,true,2ms,\"5\"\n");
    assert_eq!(
        fields(&outcome.only()),
        [
            ("a", Value::U64(5)),
            ("b", Value::F64(-1.5)),
            ("c", Value::Bool(true)),
            ("d", nanos(2_000_000)),
            ("e", str("5"))
        ]
    );
    let event = csv(&[("types", "true"), ("columns", "a,b:str")], "5,5\n").only();
    assert_eq!(fields(&event), [("a", Value::U64(5)), ("b", str("5"))]);
}

#[test]
fn a_column_has_the_time_of_the_event() {
    let time = |options: &[(&str, &str)], input| csv(options, input).only().time.map(|time| time.to_string());
    let input = "ts,at\n2026-11-20T16:59:47Z,20.11.2026 17:00:00\n";
    assert_eq!(time(&[], input).as_deref(), Some("2026-11-20T16:59:47.000000000Z"));
    let named = [("time", "at"), ("time_layout", "%d.%m.%Y %H:%M:%S"), ("zone", "+01:00")];
    assert_eq!(time(&named, input).as_deref(), Some("2026-11-20T16:00:00.000000000Z"));
    assert_eq!(time(&[("time", "none")], input), None);
    assert!(csv(&[("time", "at")], "at\nsoon\n").reason().contains("expected a time"));
    let event = csv(&[("type", "orders")], "a\n1\n").only();
    assert_eq!(event.event_type, "orders");
}

#[test]
fn ragged_records_are_refused_with_the_reason() {
    let outcome = csv(&[], "a,b,c\n1,2\n1,2,3,4\n1,\"2\" ,3\n1,2,3\n");
    assert_eq!(outcome.events.len(), 1);
    let reasons: Vec<&str> = outcome.refused.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "at byte 3: expected 3 fields, as there are columns",
            "at byte 6: expected 3 fields, as there are columns",
            "at byte 5: expected the delimiter or the end of the record behind a closing quote",
        ]
    );
}

#[test]
fn other_characters_can_separate_and_quote() {
    let event = csv(&[("delimiter", ";"), ("quote", "'")], "a;b\n'1;''2';\"3\"\n").only();
    assert_eq!(fields(&event), [("a", str("1;'2")), ("b", str("\"3\""))]);
    let event = csv(&[("delimiter", "tab"), ("quote", "none")], "a\tb\n\"1\t2\n").only();
    assert_eq!(fields(&event), [("a", str("\"1")), ("b", str("2"))]);
    let format = dendro_parsers::formats::find("csv").unwrap();
    for (name, value) in [
        ("delimiter", ""),
        ("delimiter", "ab"),
        ("delimiter", "\n"),
        ("quote", "é"),
        ("quote", ","),
        ("header", "x"),
        ("columns", "a:x"),
        ("columns", ""),
    ] {
        let error = format.configure(&[(name.to_owned(), value.to_owned())]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("csv: `{name}`")), "{error}");
    }
}

#[test]
fn in_tsv_a_quote_is_a_character_like_any_other() {
    let event = log("tsv", &[], b"a\tb\n\"1\t2\"\n").only();
    assert_eq!(fields(&event), [("a", str("\"1")), ("b", str("2\""))]);
    assert_eq!(event.event_type, "tsv");
}

#[test]
fn a_missing_quote_takes_no_more_with_it_than_a_record_may_be_long() {
    let rows: String = (0..50).map(|row| format!("{row},x\n")).collect();
    let outcome = csv(&[("max_line_bytes", "64")], &format!("a,b\n1,\"2\n{rows}"));
    assert_eq!(outcome.refused.len(), 1);
    assert!(outcome.refused[0].1.contains("too long"), "{:?}", outcome.refused);
    assert!(outcome.events.len() >= 35, "{}", outcome.events.len());
    assert_eq!(text(outcome.events.last().unwrap(), "a").as_deref(), Some("49"));
}

/// A batch of records of a stream, each at its place in it.
fn batch(stream: &str, position: u64, records: &[&str]) -> Batch {
    let mut batch = Batch::new(Bytes::new()).unwrap();
    let ty = batch.add_type(&Schema::new("log").into()).unwrap();
    let origin = Origin { stream: Some(stream.into()), ..Origin::default() };
    let origin = batch.add_origin(&origin.into()).unwrap();
    let mut at = position;
    for record in records {
        batch
            .push_assembled(record.as_bytes(), at, RecordRow { ty, origin, observed: Timestamp::EPOCH })
            .unwrap();
        at += record.len() as u64 + 1;
    }
    batch
}

#[test]
fn each_stream_has_its_own_columns_also_over_a_restart() {
    let mut transform = Csv::new("csv", Dialect::CSV);
    assert!(transform.is_stateful());
    for (stream, header) in [("s", "a,b"), ("t", "c,d")] {
        let mut first = batch(stream, 0, &[header]);
        transform.transform(&mut first).unwrap();
        assert_eq!((first.len(), first.rejected().count()), (0, 0));
    }
    let state = transform.snapshot("s").unwrap();
    assert!(transform.snapshot("u").is_none());

    let mut next = Csv::new("csv", Dialect::CSV);
    next.restore("s", &state).unwrap();
    assert_eq!(next.snapshot("s").unwrap(), state);
    for transform in [&mut transform, &mut next] {
        let mut more = batch("s", 4, &["1,2"]);
        transform.transform(&mut more).unwrap();
        assert_eq!(more.get(0).unwrap().get("b").unwrap().as_str(), Some("2"));
    }
    // A stream that begins anew has other columns.
    let mut anew = batch("s", 0, &["x,y,z", "1,2,3"]);
    next.transform(&mut anew).unwrap();
    assert_eq!(anew.get(1).unwrap().get("z").unwrap().as_str(), Some("3"));
    for cut in 1..state.len() {
        let whole_names = cut == 5;
        assert_eq!(next.restore("s", &state[..cut]).is_ok(), whole_names, "{cut}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        rows in proptest::collection::vec(proptest::collection::vec(proptest::option::of("[a-c,\"\n\r é]{0,6}"), 3), 1..6),
    ) {
        let field = |value: &Option<String>| match value {
            None => String::new(),
            Some(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        };
        let mut input = String::from("a,b,c\n");
        for row in &rows {
            input += &row.iter().map(field).collect::<Vec<_>>().join(",");
            input += "\r\n";
        }
        let outcome = csv(&[], &input);
        prop_assert!(outcome.refused.is_empty());
        let back: Vec<Vec<Option<String>>> = outcome
            .events
            .iter()
            .map(|event| ["a", "b", "c"].map(|name| text(event, name)).to_vec())
            .collect();
        prop_assert_eq!(back, rows);
    }
}
