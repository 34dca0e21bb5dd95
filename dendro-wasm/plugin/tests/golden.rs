//! Frames and deltas that every SDK has to read and write as they are. `dendro-wasm/tests/golden` holds them, with what they come to as
//! JSON beside; `DENDRO_WRITE_GOLDEN=1` writes those of the present version.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use dendro_core::batch::delta::{Access, Projection};
use dendro_core::json::JsonEncoder;
use dendro_core::{Batch, Event, Object, Origin, RecordRow, Schema, SignedDuration, Timestamp, Value};

struct Case {
    name: &'static str,
    batch: fn() -> Batch,
    access: Access,
    /// What a guest does to what it sees.
    edit: fn(&mut Batch),
}

fn cases() -> Vec<Case> {
    let some =
        Access::default().reads("message").reads("host").reads("status").writes("status").writes("method");
    vec![
        Case { name: "nothing", batch: Batch::default, access: Access::all(), edit: |_| {} },
        Case { name: "values", batch: values, access: Access::all(), edit: set_values },
        Case { name: "heads", batch: records, access: Access::all(), edit: edit_heads },
        Case { name: "declared", batch: records, access: some, edit: parse },
    ]
}

fn values() -> Batch {
    let object = Object::from([("list".to_owned(), Value::Array(vec![Value::Null, "größe".into()]))]);
    let event = Event::new("values")
        .at(Timestamp::from_nanos(1_700_000_000_123_456_789))
        .with("array", vec![Value::U64(1), Value::Object(object.clone())])
        .with("bool", true)
        .with("bytes", Value::Bytes(vec![0, 255, 128]))
        .with("duration", SignedDuration::from_nanos(-1_500_000_000))
        .with("f64", 0.1)
        .with("i64", i64::MIN)
        .with("null", Value::Null)
        .with("object", object)
        .with("str", "a \"quoted\"\nline")
        .with("timestamp", Timestamp::from_nanos(-1))
        .with("u64", u64::MAX);
    Batch::from_events([&event, &Event::new("other")]).unwrap()
}

/// Gives the second event all that the first one has, renames one field and removes another.
fn set_values(batch: &mut Batch) {
    let first = batch.get(0).unwrap().to_event();
    let mut second = batch.get_mut(1).unwrap();
    first.fields.iter().for_each(|(name, value)| second.insert(name, value).unwrap());
    second.insert("new", &Value::Object(Object::from([("inner".to_owned(), Value::Bool(false))]))).unwrap();
    let mut first = batch.get_mut(0).unwrap();
    first.rename("str", "text").unwrap();
    first.remove_field("null");
}

fn records() -> Batch {
    let mut batch = Batch::new(Bytes::from_static(b"GET /a 200\nnot read\nPOST /b 500\n")).unwrap();
    let ty = batch.add_type(&Arc::new(Schema::new("request"))).unwrap();
    let origin = Origin {
        host: Some("web-1".into()),
        tenant: Some("hidden".into()),
        stream: Some("/var/log/access.log".into()),
        tags: vec![("zone".into(), "eu".into())],
        ..Origin::default()
    };
    let origin = batch.add_origin(&Arc::new(origin)).unwrap();
    let row = RecordRow { ty, origin, observed: Timestamp::from_nanos(1_000_000_000) };
    for range in [0..10, 11..19, 20..31] {
        batch.push_record(range.clone(), range.start as u64, row);
    }
    batch.get_mut(0).unwrap().insert("hidden", "not declared").unwrap();
    batch.get_mut(1).unwrap().insert("status", 404u64).unwrap();
    batch
}

fn edit_heads(batch: &mut Batch) {
    batch.remove(0);
    batch.reject(1, "größe: too large");
    let mut third = batch.get_mut(2).unwrap();
    third.set_port(2);
    third.set_time(Some(Timestamp::from_nanos(5)));
    third.set_type(&Arc::new(Schema::new("made"))).unwrap();
    third.set_parsed();
    third.mark_self();
    third.set_raw(b"POST /b ***").unwrap();
    let mut child = batch.append(2).unwrap();
    child.insert("child", 1u64).unwrap();
    child.set_time(None);
    let origin = batch.add_origin(&Arc::default()).unwrap();
    batch.push_event(0, origin, Timestamp::from_nanos(9)).insert("child", 2u64).unwrap();
    batch.append_assembled(2, b"part of the third").unwrap();
    batch.compact();
}

fn parse(batch: &mut Batch) {
    let (method, status) = (batch.add_key("method").unwrap(), batch.add_key("status").unwrap());
    batch.parse_each(|writer| {
        let raw = writer.raw();
        let Some(at) = raw.iter().position(|byte| *byte == b'/') else { return Err("no path".into()) };
        writer.str(method, 0..at - 1);
        writer.new_str(status, raw[raw.len() - 3..].to_vec().as_slice());
        Ok(())
    });
}

fn json(batch: &Batch) -> String {
    let mut out = Vec::new();
    JsonEncoder::new().with_origin(true).encode_lines(batch, &mut out);
    let mut text = String::from_utf8(out).unwrap();
    batch.iter().for_each(|e| text += &format!("{} leaves by {}\n", e.index(), e.port()));
    batch.rejected().for_each(|r| text += &format!("{} is rejected: {}\n", r.event.index(), r.reason));
    text
}

/// Compares with the golden file, or writes it.
fn golden(path: &Path, made: &[u8]) {
    if std::env::var_os("DENDRO_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, made).unwrap();
    }
    assert!(
        fs::read(path).unwrap() == made,
        "{}: the format has changed: it needs a new version",
        path.display()
    );
}

#[test]
fn golden_frames_are_written_and_golden_deltas_come_of_them() {
    for Case { name, batch, access, edit } in cases() {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1")).join(name);
        let mut batch = batch();
        let (mut projection, mut frame, mut delta) = (Projection::default(), Vec::new(), Vec::new());
        projection.write(&batch, &access, &mut frame).unwrap();
        golden(&path.with_extension("frame"), &frame);
        let mut guest = Batch::from_projection(&Bytes::from(frame)).unwrap();
        golden(&path.with_extension("shown.txt"), json(&guest).as_bytes());
        edit(&mut guest);
        guest.write_delta(&mut delta).unwrap();
        golden(&path.with_extension("delta"), &delta);
        projection.apply(&delta, &mut batch, &access, &[Arc::new(Schema::new("made"))]).unwrap();
        golden(&path.with_extension("applied.txt"), json(&batch).as_bytes());
    }
}
