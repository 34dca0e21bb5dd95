//! Editing events in place.

use bytes::Bytes;

use super::super::layout::MAX_FIELDS_PER_EVENT;
use super::generate::rows;
use crate::{Batch, BatchFull, Event, Object, Value};

fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}

/// Two records, `{"k":1}` and the like, that a parser has read with `k` twice.
fn doubled() -> Batch {
    let mut batch = Batch::new(Bytes::from_static(b"firstlast")).unwrap();
    let rows = rows(&mut batch);
    batch.push_record(0..9, 0, rows);
    let k = batch.add_key("k").unwrap();
    batch.parse_each(|w| {
        w.str(k, 0..5);
        w.str(k, 5..9);
        Ok(())
    });
    batch
}

#[test]
fn where_a_field_was_written_twice_the_first_counts_and_edits_mean_both() {
    let batch = doubled();
    let event = batch.get(0).unwrap();
    assert_eq!(event.get("k").unwrap().as_str(), Some("first"));
    assert_eq!(event.to_event().get("k"), Some(&Value::from("first")));

    for edit in [
        |batch: &mut Batch| batch.get_mut(0).unwrap().insert("k", "***").unwrap(),
        |batch: &mut Batch| batch.get_mut(0).unwrap().insert("k", &Value::Array(vec!["***".into()])).unwrap(),
        |batch: &mut Batch| assert!(batch.get_mut(0).unwrap().rename("k", "l").unwrap()),
        |batch: &mut Batch| assert!(batch.get_mut(0).unwrap().remove_field("k")),
    ] {
        let mut batch = doubled();
        edit(&mut batch);
        assert!(!super::json(&batch).contains("last"), "{}", super::json(&batch));
        assert!(batch.get(0).unwrap().fields().count() <= 1);
    }
}

#[test]
fn the_raw_text_of_an_unparsed_event_can_be_edited_as_message() {
    let unparsed = || {
        let mut batch = Batch::new(Bytes::from_static(b"secret")).unwrap();
        let rows = rows(&mut batch);
        batch.push_record(0..6, 0, rows);
        batch
    };
    let mut batch = unparsed();
    assert!(batch.get_mut(0).unwrap().remove_field("message"));
    assert!(!batch.get_mut(0).unwrap().remove_field("message"));
    assert_eq!(batch.get(0).unwrap().to_event().fields, Object::new());

    let mut batch = unparsed();
    batch.get_mut(0).unwrap().insert("message", "***").unwrap();
    assert_eq!(batch.get(0).unwrap().get("message").unwrap().as_str(), Some("***"));
    batch.get_mut(0).unwrap().retain(|_, _| false);
    assert!(batch.get(0).unwrap().get("message").is_none());

    let mut batch = unparsed();
    assert!(batch.get_mut(0).unwrap().rename("message", "text").unwrap());
    assert_eq!(batch.get(0).unwrap().to_event().fields, Object::from([("text".into(), "secret".into())]));
    assert_eq!(batch.get(0).unwrap().raw(), b"secret");
}

#[test]
fn an_insert_that_fails_midway_leaves_nothing_behind() {
    let mut batch = Batch::from_events([&Event::new("t").with("a", nested(3)).with("b", 1u64)]).unwrap();
    let before = batch.get(0).unwrap().to_event();
    let tail = batch.store.tail.len();
    let too_deep = Value::Array(vec![Value::Str("x".repeat(1000)), nested(64)]);
    for name in ["a", "b", "c"] {
        for _ in 0..3 {
            assert_eq!(batch.get_mut(0).unwrap().insert(name, &too_deep), Err(BatchFull::DEPTH));
        }
        assert_eq!(batch.get(0).unwrap().to_event(), before);
        assert_eq!(batch.store.tail.len(), tail);
    }
    batch.get_mut(0).unwrap().insert("a", &nested(64)).unwrap();
    assert_eq!(batch.get(0).unwrap().get("a").unwrap().to_value(), nested(64));
}

#[test]
fn replacing_a_field_over_and_over_does_not_pile_up() {
    let large = Value::Array(vec![Value::U64(1); 5_000]);
    let mut batch = Batch::from_events([&Event::new("t").with("a", large.clone())]).unwrap();
    for i in 0..1_000u64 {
        let mut event = batch.get_mut(0).unwrap();
        event.insert("n", &Value::Array(vec![Value::U64(i)])).unwrap();
        event.insert("m", i).unwrap();
        event.remove_field("m");
    }
    assert!(batch.store.fields.len() < 50_000, "{}", batch.store.fields.len());
    assert_eq!(batch.get(0).unwrap().get("a").unwrap().to_value(), large);
}

#[test]
fn editing_one_event_leaves_the_others_alone() {
    let events: Vec<Event> = (0..50u64).map(|i| Event::new("t").with("i", i).with("a", nested(2))).collect();
    let mut batch = Batch::from_events(&events).unwrap();
    for round in 0..3 {
        for i in (0..50).rev().step_by(3) {
            batch.get_mut(i).unwrap().insert(&format!("new_{round}"), &nested(3)).unwrap();
        }
    }
    for (i, event) in events.iter().enumerate() {
        let now = batch.get(i).unwrap().to_event();
        assert_eq!(now.get("i"), event.get("i"));
        assert_eq!(now.fields.len(), if (49 - i) % 3 == 0 { 5 } else { 2 });
    }
}

#[test]
fn a_key_of_another_batch_is_refused() {
    let mut other = Batch::default();
    let keys: Vec<_> = (0..3).map(|i| other.add_key(&i.to_string()).unwrap()).collect();
    let mut batch = Batch::from_events([&Event::new("t").with("a", 1u64)]).unwrap();
    let error = batch.get_mut(0).unwrap().insert_key(keys[2], 1u64).unwrap_err();
    assert_eq!(error.to_string(), "a batch holds at most 1 keys, and the one given is not of them");
    assert_eq!(batch.get(0).unwrap().fields().count(), 1);
    assert!(batch.get(0).unwrap().get_key(keys[2]).is_none());
}

#[test]
fn an_event_holds_1024_fields_and_replaces_any_of_them() {
    let mut batch = Batch::from_events([&Event::new("t")]).unwrap();
    let mut event = batch.get_mut(0).unwrap();
    for i in 0..MAX_FIELDS_PER_EVENT {
        event.insert(&i.to_string(), i as u64).unwrap();
    }
    assert_eq!(event.insert("one more", 1u64), Err(BatchFull::FIELDS));
    event.insert("7", "text").unwrap();
    event.insert("7", &nested(2)).unwrap();
    event.insert("7", "text").unwrap();
    assert_eq!(event.insert("one more", 1u64), Err(BatchFull::FIELDS));
    event.rename("7", "one more").unwrap();
    assert!(event.remove_field("8"));
    event.insert("8", 8u64).unwrap();
    assert_eq!(batch.get(0).unwrap().fields().count(), MAX_FIELDS_PER_EVENT);
    assert_eq!(Batch::from_frame(&super::frame(&batch)).map(|b| b.len()), Ok(1));
}
