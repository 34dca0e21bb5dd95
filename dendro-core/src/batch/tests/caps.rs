//! The caps of the layout: at each of them, and one past it.

use std::sync::Arc;

use bytes::Bytes;

use super::super::layout::{MAX_DEPTH, MAX_FIELDS_PER_EVENT, MAX_KEYS, MAX_ROWS, MAX_SECTION_BYTES};
use super::generate::rows;
use super::{events, frame};
use crate::{Batch, BatchFull, BatchPool, Event, EventWriter, Origin, Schema, Value};

fn reread(batch: &Batch) {
    let read = Batch::from_frame(&frame(batch)).unwrap();
    assert_eq!((read.len(), read.key_count()), (batch.len(), batch.key_count()));
}

#[test]
fn a_base_holds_64_mib() {
    let base = Bytes::from(vec![0; MAX_SECTION_BYTES + 1]);
    assert_eq!(Batch::new(base.clone()).err(), Some(BatchFull::BASE));
    assert_eq!(BatchPool::new(1, 1).batch(base.clone()).err(), Some(BatchFull::BASE));
    reread(&Batch::new(base.slice(1..)).unwrap());
}

#[test]
fn a_tail_holds_64_mib() {
    let half = "x".repeat(MAX_SECTION_BYTES / 2);
    let mut batch = Batch::from_events([&Event::new("t").with("a", half.as_str())]).unwrap();
    let rows = rows(&mut batch);
    let mut event = batch.get_mut(0).unwrap();
    event.insert("b", half.as_str()).unwrap();
    assert_eq!(event.insert("b", "x"), Err(BatchFull::TAIL));
    assert_eq!(event.insert("c", &Value::Array(vec![Value::Null, "x".into()])), Err(BatchFull::TAIL));
    event.insert("c", "").unwrap();
    assert_eq!(batch.push_assembled(b"x", 0, rows), Err(BatchFull::TAIL));
    batch.push_assembled(b"", 0, rows).unwrap();
    assert_eq!(batch.get(0).unwrap().get("b").unwrap().as_str(), Some(half.as_str()));
    batch.parse_each(|w| {
        w.new_str(crate::Key(0), b"x");
        Ok(())
    });
    assert_eq!(
        batch.rejected().map(|r| r.reason.to_owned()).collect::<Vec<_>>(),
        [BatchFull::TAIL.to_string()]
    );
    reread(&batch);
}

#[test]
fn a_batch_holds_65535_keys() {
    let mut batch = Batch::from_events([&Event::new("t")]).unwrap();
    for i in 0..MAX_KEYS {
        batch.add_key(&i.to_string()).unwrap();
    }
    let mut event = batch.get_mut(0).unwrap();
    assert_eq!(event.insert("one more", 1u64), Err(BatchFull::KEYS));
    event.insert("65534", 1u64).unwrap();
    assert_eq!(event.rename("65534", "one more"), Err(BatchFull::KEYS));
    assert_eq!(event.get("65534").and_then(|v| v.as_u64()), Some(1));
    let nested = Value::Object([("one more".to_owned(), Value::Null)].into());
    assert_eq!(event.insert("65533", &nested), Err(BatchFull::KEYS));
    reread(&batch);
}

#[test]
fn a_batch_holds_65535_types_and_origins() {
    let mut batch = Batch::new(Bytes::new()).unwrap();
    batch.types = (0..MAX_ROWS).map(|i| Arc::new(Schema::new(i.to_string()))).collect();
    let origin = Arc::new(Origin::default());
    batch.origins = (0..MAX_ROWS).map(|_| origin.clone()).collect();
    assert_eq!(batch.add_type(&Arc::new(Schema::new("one more"))), Err(BatchFull::ROWS));
    let more = Origin { host: Some("one more".into()), ..Origin::default() };
    assert_eq!(batch.add_origin(&Arc::new(more)), Err(BatchFull::ROWS));
    let last = MAX_ROWS as u16 - 1;
    assert_eq!(batch.add_type(&Arc::new(Schema::new("65534"))), Ok(last));
    batch.push_event(last, last, crate::Timestamp::EPOCH);
    reread(&batch);
    assert_eq!(batch.get(0).unwrap().event_type(), "65534");
    assert!(batch.get(0).unwrap().origin().is_some());
}

#[test]
fn values_nest_64_deep() {
    let nested = |depth| (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    let event = |depth| Event::new("t").with("a", nested(depth));
    assert_eq!(Batch::from_events([&event(MAX_DEPTH + 1)]).err(), Some(BatchFull::DEPTH));
    let batch = Batch::from_events([&event(MAX_DEPTH)]).unwrap();
    assert_eq!(events(&Batch::from_frame(&frame(&batch)).unwrap()), [event(MAX_DEPTH)]);
}

/// A record, read by `write`; the reason if it was refused.
fn written(write: impl Fn(&mut EventWriter<'_>)) -> (Batch, Option<String>) {
    let mut batch = Batch::new(Bytes::from_static(b"raw")).unwrap();
    let rows = rows(&mut batch);
    batch.add_key("k").unwrap();
    batch.push_record(0..3, 0, rows);
    batch.parse_each(|w| {
        write(w);
        Ok(())
    });
    let reason = batch.rejected().next().map(|r| r.reason.to_owned());
    (batch, reason)
}

#[test]
fn a_parser_writes_1024_fields_64_deep() {
    let key = crate::Key(0);
    let flat = |count: usize| written(|w| (0..count).for_each(|_| w.null(key)));
    let deep = |depth: usize| written(|w| (0..depth).for_each(|_| w.begin_object(key)));
    let wide = || {
        written(|w| {
            w.begin_array(key);
            (0..100_000).for_each(|i| w.u64(key, i));
        })
    };
    for (batch, reason) in [flat(MAX_FIELDS_PER_EVENT), deep(MAX_DEPTH), wide()] {
        assert_eq!(reason, None);
        reread(&batch);
    }
    assert_eq!(flat(MAX_FIELDS_PER_EVENT + 1).1, Some(BatchFull::FIELDS.to_string()));
    for depth in [MAX_DEPTH + 1, 100_000] {
        let (batch, reason) = deep(depth);
        assert_eq!(reason, Some(BatchFull::DEPTH.to_string()));
        assert_eq!(batch.store.fields.len(), 0, "a refused event leaves no fields");
    }
}
