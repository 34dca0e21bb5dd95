//! What is redacted is gone: from fields, from the raw text, from frames.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use bytes::Bytes;
use dendro_core::{
    Batch, Event, FieldSchema, Origin, RecordRow, Schema, Timestamp, Transform, Value, ValueType,
};
use dendro_test::conformance::TransformWorld;
use dendro_test::{TransformHarness, batches};
use dendro_transforms::{Redact, Replacement};

fn all() -> Redact {
    Redact::new().emails().unwrap().ip_addresses().unwrap().card_numbers().unwrap().secrets().unwrap()
}

fn redacted(redact: &Redact, text: &str) -> String {
    let mut batch = Batch::from_events([&Event::new("t").with("text", text)]).unwrap();
    redact.clone().transform(&mut batch).unwrap();
    batch.get(0).unwrap().get("text").unwrap().as_str().unwrap().to_owned()
}

fn samples() -> Vec<Event> {
    let nested =
        Value::Array(vec![Value::Object([("mail".to_owned(), "a@b.cd".into())].into()), 1u64.into()]);
    vec![
        Event::new("t").with("text", "ann@example.com").with("user", 7u64).with("nested", nested),
        Event::new("t").with("text", Value::Bytes(b"\xff 192.0.2.1".to_vec())).with("user", Value::Null),
        Event::new("t").with("text", f64::NAN).with("n", (1u64 << 53) + 1),
        Event::new("other"),
    ]
}

dendro_test::transform_conformance!(
    redact,
    TransformWorld::events(|| all().field("user"), samples()).input_schemas(vec![
        Arc::new(
            Schema::new("t")
                .field(FieldSchema::attribute("text", ValueType::Any))
                .field(FieldSchema::attribute("user", ValueType::U64))
                .field(FieldSchema::attribute("n", ValueType::U64))
                .field(FieldSchema::attribute("nested", ValueType::Array))
        ),
        Arc::new(Schema::new("other"))
    ])
);
dendro_test::transform_conformance!(nothing_to_redact, TransformWorld::lines(all, ["a", "", "no address"]));

#[test]
fn things_of_known_kinds_are_found_and_what_only_looks_like_them_is_not() {
    for (text, expected) in [
        ("mail ann.o'neil+x@mail.example.co.uk!", "mail [email]!"),
        ("?u=ann%40example.com&x", "?u=[email]&x"),
        ("jos\u{e9}@example.com", "[email]"),
        ("a @ b, x@y, @home", "a @ b, x@y, @home"),
        ("from 192.0.2.7:443 and 10.0.0.256 1.2.3 1.2.3.4.5", "from [ip]:443 and 10.0.0.256 1.2.3 1.2.3.4.5"),
        ("[2001:db8::7]:80 ::1 fe80::1: 12:30:45 std::fd", "[[ip]]:80 [ip] [ip]: 12:30:45 std::fd"),
        ("::ffff:192.0.2.11", "[ip]"),
        ("card 4111-1111-1111-1111.", "card [card]."),
        ("5500005555555559 4111111111111112 0000000000000000", "[card] 4111111111111112 0000000000000000"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-1", "jwt [secret]"),
        ("AKIAIOSFODNN7EXAMPLE AKIA", "[secret] AKIA"),
        ("Authorization: Bearer abcdefgh.ijk=", "Authorization: [secret]"),
        ("/login?password=hunter2&next=/a", "/login?[secret]&next=/a"),
        ("{\"api_key\": \"abc\"}", "{\"[secret]\"}"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----x", "[secret]x"),
        ("", ""),
    ] {
        assert_eq!(redacted(&all(), text), expected);
    }
    let order = Redact::new().pattern("order", r"#\d+").unwrap();
    assert_eq!(redacted(&order, "order #17 and #18"), "order [order] and [order]");
}

#[test]
fn overlapping_finds_are_gone_together() {
    let both =
        Redact::new().pattern("a", "abc").unwrap().pattern("b", "bcd").unwrap().pattern("c", "b").unwrap();
    assert_eq!(redacted(&both, "xabcdx"), "x[a][b]x");
}

#[test]
fn hashes_are_equal_for_equal_values_and_need_a_key() {
    let keyed = |key: &str| all().key(key).unwrap().with(Replacement::Hash).unwrap();
    let one = redacted(&keyed("0123456789abcdef"), "a@b.cd a@b.cd c@b.cd");
    let parts: Vec<&str> = one.split(' ').collect();
    assert!(parts[0] == parts[1] && parts[0] != parts[2] && parts[0].starts_with("[email:"), "{one}");
    assert_ne!(one, redacted(&keyed("fedcba9876543210"), "a@b.cd a@b.cd c@b.cd"));
    assert!(all().with(Replacement::Hash).unwrap_err().to_string().contains("need a key"));
    assert!(all().key("short").unwrap_err().to_string().contains("5 bytes"));
    assert!(!format!("{:?}", keyed("0123456789abcdef")).contains("0123456789abcdef"));
    let masked = all().with(Replacement::Mask).unwrap();
    assert_eq!(redacted(&masked, "x a@b.cd"), "x ******");
}

/// A record whose fields are ranges of its raw text, as a parser leaves it.
fn parsed(raw: &'static str, fields: &[(&str, &str)]) -> Batch {
    let mut batch = Batch::new(Bytes::from_static(raw.as_bytes())).unwrap();
    let ty = batch.add_type(&Arc::new(Schema::new("t"))).unwrap();
    let origin = batch.add_origin(&Arc::new(Origin::default())).unwrap();
    batch.push_record(0..raw.len(), 0, RecordRow { ty, origin, observed: Timestamp::EPOCH });
    batch.parse_each(|event| {
        for (name, text) in fields {
            let start = raw.find(text).unwrap();
            let key = event.key(name);
            event.str(key, start..start + text.len());
        }
        Ok(())
    });
    batch
}

fn frame(batch: &Batch) -> Vec<u8> {
    let mut frame = Vec::new();
    batch.write_frame(&mut frame);
    frame
}

#[test]
fn the_raw_text_tells_nothing_and_the_bytes_are_gone_from_the_batch_and_its_frames() {
    let raw = "ann@example.com bob 4111111111111111 kept";
    let mut batch = parsed(raw, &[("mail", "ann@example.com"), ("user", "bob"), ("rest", "kept")]);
    let mut redact = all().field("user");
    redact.transform(&mut batch).unwrap();
    let event = batch.get(0).unwrap();
    assert_eq!(event.raw(), b"[email] [user] [card] kept");
    assert_eq!(event.get("mail").unwrap().as_str(), Some("[email]"));
    assert_eq!(event.get("rest").unwrap().as_str(), Some("kept"));
    let frame = frame(&batch);
    for secret in ["ann@", "bob", "4111"] {
        assert!(memchr::memmem::find(&frame, secret.as_bytes()).is_none(), "{secret} is still there");
    }
    let again = Batch::from_frame(&Bytes::from(frame)).unwrap();
    assert_eq!(again.get(0).unwrap().to_event(), batch.get(0).unwrap().to_event());
}

#[test]
fn raw_text_in_which_a_whole_field_does_not_stand_as_it_is_is_dropped() {
    let mut batch = parsed("user=\\x62ob", &[]);
    batch.get_mut(0).unwrap().insert("user", "bob").unwrap();
    Redact::new().field("user").transform(&mut batch).unwrap();
    assert_eq!(batch.get(0).unwrap().raw(), b"");
}

#[test]
fn lines_that_no_parser_has_read_are_redacted_and_so_are_dead_letters() {
    let run = TransformHarness::new(all()).lines(["from ann@example.com", "plain"]);
    assert_eq!(run.out[0].raw, b"from [email]");
    assert_eq!(run.out[0].event.get("message"), Some(&"from [email]".into()));
    assert_eq!(run.out[1].raw, b"plain");
    let mut batch = batches::lines("s", 0, ["all of it"]);
    Redact::new().field("message").transform(&mut batch).unwrap();
    assert_eq!(batch.get(0).unwrap().get("message").unwrap().as_str(), Some("[message]"));
}

#[test]
fn only_the_chosen_fields_are_looked_at_and_nested_text_too() {
    let mut harness = TransformHarness::new(Redact::new().emails().unwrap().only(["nested"]));
    let inner =
        Value::Object([("mail".to_owned(), Value::from("a@b.cd")), ("n".to_owned(), 1u64.into())].into());
    let event = Event::new("t").with("kept", "a@b.cd").with("nested", Value::Array(vec![inner, Value::Null]));
    let run = harness.events(&[event]);
    assert_eq!(run.out[0].event.get("kept"), Some(&"a@b.cd".into()));
    let expected =
        Value::Object([("mail".to_owned(), Value::from("[email]")), ("n".to_owned(), 1u64.into())].into());
    assert_eq!(run.out[0].event.get("nested"), Some(&Value::Array(vec![expected, Value::Null])));
}
