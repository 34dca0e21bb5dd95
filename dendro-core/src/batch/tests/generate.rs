//! Random values, events and batches.

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::distribution::{Histogram, Sketch};
use crate::{Batch, Event, Object, Origin, RecordRow, Schema, SignedDuration, Timestamp, Value};

/// Few names, so that they meet again; `message` is the one that the raw text has.
pub(super) fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "message", "type", "host", "größe", ""]).prop_map(str::to_owned)
}

pub(super) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        prop::num::f64::ANY.prop_filter("NaN equals nothing", |v| !v.is_nan()).prop_map(Value::F64),
        any::<i64>().prop_map(|n| Value::Timestamp(Timestamp::from_nanos(n))),
        any::<i64>().prop_map(|n| Value::Duration(SignedDuration::from_nanos(n))),
        ".{0,12}".prop_map(Value::Str),
        vec(any::<u8>(), 0..12).prop_map(Value::Bytes),
        vec(any::<u64>(), 1..4).prop_map(|counts| {
            let bounds: Vec<f64> = (1..counts.len()).map(|i| i as f64).collect();
            Value::Histogram(Histogram::new(&bounds, &counts, 1.5).unwrap())
        }),
        (-10i32..20, vec(any::<u64>(), 0..4))
            .prop_map(|(scale, counts)| Value::Sketch(Sketch::new(scale, 1, 2.5, -3, &counts).unwrap())),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            btree_map(name(), inner, 0..4).prop_map(Value::Object),
        ]
    })
}

pub(super) fn fields() -> impl Strategy<Value = Object> {
    btree_map(name(), value(), 0..5)
}

pub(super) fn time() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of(any::<i64>().prop_map(Timestamp::from_nanos))
}

fn event() -> impl Strategy<Value = Event> {
    (prop::sample::select(vec!["t", "u", ""]), time(), any::<i64>(), fields()).prop_map(
        |(event_type, time, observed, fields)| Event {
            event_type: event_type.to_owned(),
            time,
            observed: Timestamp::from_nanos(observed),
            fields,
        },
    )
}

/// A batch in which everything occurs that there is: events from nothing, records of the base and put
/// together, read by a parser, refused and not read, edited, with ports, removed fields and events.
pub(super) fn batch() -> impl Strategy<Value = Batch> {
    let records = vec((vec(any::<u8>(), 0..16), any::<bool>()), 0..6);
    (vec(event(), 0..4), records, vec((any::<prop::sample::Index>(), name(), value()), 0..6), any::<u64>())
        .prop_map(|(events, records, inserts, bits)| {
            let mut base = b"head".to_vec();
            records.iter().for_each(|(raw, _)| base.extend_from_slice(raw));
            let mut batch = Batch::new(Bytes::from(base)).unwrap();
            let rows = rows(&mut batch);
            assert_eq!((batch.add_key("a"), batch.add_key("b")), (Ok(crate::Key(0)), Ok(crate::Key(1))));
            let mut at = 4;
            for (raw, in_base) in &records {
                match in_base {
                    true => batch.push_record(at..at + raw.len(), at as u64, rows),
                    false => batch.push_assembled(raw, at as u64, rows).unwrap(),
                }
                at += raw.len();
            }
            for event in &events {
                push(&mut batch, event);
            }
            batch.parse_each(super::model::parse);
            for (index, name, value) in &inserts {
                let at = index.index(batch.end_index().max(1));
                if let Some(mut event) = batch.get_mut(at) {
                    event.insert(name, value).unwrap();
                    event.set_port((bits % 3) as u16);
                }
            }
            for index in 0..batch.end_index().min(16) {
                match bits >> (4 * index) & 15 {
                    0 => batch.remove(index),
                    1 => batch.reject(index, "by chance"),
                    2 => batch.append(index).into_iter().for_each(|mut e| e.insert("a", "appended").unwrap()),
                    3 => batch.get_mut(index).into_iter().for_each(|mut e| e.retain(|name, _| name != "a")),
                    4 => batch.get_mut(index).into_iter().for_each(|mut e| e.mark_self()),
                    _ => {}
                }
            }
            batch
        })
}

/// Rows of a type and an origin that are in the batch from now on.
pub(super) fn rows(batch: &mut Batch) -> RecordRow {
    let origin = Origin {
        host: Some("web-1".into()),
        stream: Some("größe".into()),
        identity: std::num::NonZeroU64::new(u64::MAX),
        tags: vec![("tag".into(), "".into())],
        ..Origin::default()
    };
    RecordRow {
        ty: batch.add_type(&Arc::new(Schema::new("line"))).unwrap(),
        origin: batch.add_origin(&Arc::new(origin)).unwrap(),
        observed: Timestamp::from_nanos(7),
    }
}

pub(super) fn push(batch: &mut Batch, event: &Event) {
    let ty = batch.add_type(&Arc::new(Schema::new(event.event_type.clone()))).unwrap();
    let origin = batch.add_origin(&Arc::default()).unwrap();
    let mut target = batch.push_event(ty, origin, event.observed);
    target.set_time(event.time);
    event.fields.iter().for_each(|(name, value)| target.insert(name, value).unwrap());
}
