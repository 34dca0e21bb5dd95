//! Frames that were written once and have to be read for ever. `tests/golden/v1` holds them with their
//! events as JSON beside; `DENDRO_WRITE_GOLDEN=1` writes those of the present version.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::{frame, json};
use crate::distribution::{Histogram, Sketch};
use crate::{Batch, Event, Object, Origin, RecordRow, Schema, SignedDuration, Timestamp, Value};

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1"))
}

/// Every kind of value, flat and nested.
fn values() -> Batch {
    let object = Object::from([
        ("empty".to_owned(), Value::Object(Object::new())),
        (
            "list".to_owned(),
            Value::Array(vec![Value::Null, "größe".into(), Value::Array(vec![]), Value::I64(-1)]),
        ),
    ]);
    let event = Event::new("values")
        .at(Timestamp::from_nanos(1_700_000_000_123_456_789))
        .with("array", vec![Value::U64(1), Value::Object(object.clone())])
        .with("bool", true)
        .with("bytes", Value::Bytes(vec![0, 255, 128]))
        .with("duration", SignedDuration::from_nanos(-1_500_000_000))
        .with("f64", 0.1)
        .with("histogram", Value::Histogram(Histogram::new(&[0.5, 1.0], &[1, 2, 3], 4.5).unwrap()))
        .with("i64", i64::MIN)
        .with("null", Value::Null)
        .with("object", object)
        .with("sketch", Value::Sketch(Sketch::new(3, 1, 9.5, -2, &[4, 5]).unwrap()))
        .with("str", "a \"quoted\"\nline")
        .with("timestamp", Timestamp::from_nanos(-1))
        .with("u64", u64::MAX);
    Batch::from_events([&event, &Event::new("other"), &event]).unwrap()
}

/// Records: read by a parser, not read, not UTF-8, put together from pieces.
fn records() -> Batch {
    let base = b"GET /a 200\nPOST /\xff 500\nnot read\n\xfe\n";
    let mut batch = Batch::new(Bytes::from_static(base)).unwrap();
    let ty = batch.add_type(&Arc::new(Schema::new("request"))).unwrap();
    let origin = Origin {
        host: Some("web-1".into()),
        service: Some("shop".into()),
        source: Some("access".into()),
        tenant: None,
        stream: Some("/var/log/access.log".into()),
        identity: std::num::NonZeroU64::new(0x0123_4567_89ab_cdef),
        tags: vec![("zone".into(), "eu".into()), ("empty".into(), "".into())],
    };
    let origin = batch.add_origin(&Arc::new(origin)).unwrap();
    let row = RecordRow { ty, origin, observed: Timestamp::from_nanos(1_000_000_000) };
    for (start, end) in [(0, 10), (11, 22), (23, 31), (32, 33)] {
        batch.push_record(start..end, start as u64, row);
    }
    batch.push_assembled(b"PUT /joined 201", 34, row).unwrap();
    let keys = ["method", "path", "status", "decoded", "parts"].map(|k| batch.add_key(k).unwrap());
    batch.parse_each(|w| {
        let raw = w.raw();
        let Some(at) = raw.iter().position(|b| *b == b'/') else { return Err("no path".into()) };
        w.str(keys[0], 0..at - 1);
        w.str(keys[1], at..raw.len() - 4);
        w.u64(keys[2], raw[raw.len() - 3..].iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')));
        w.new_str(keys[3], b"new text");
        w.begin_object(keys[4]);
        w.str(keys[0], 0..1);
        w.end();
        w.set_time(Timestamp::from_nanos(raw.len() as i64));
        Ok(())
    });
    batch.revert(5);
    batch
}

/// What transforms leave: removed events and fields, replaced ones, children, ports, marks, no type.
fn edited() -> Batch {
    let mut batch = records();
    batch.remove(0);
    let mut event = batch.get_mut(1).unwrap();
    event.remove_field("method");
    event.insert("status", "replaced").unwrap();
    event.insert("added", &Value::Array(vec![Value::Bool(false)])).unwrap();
    event.set_port(2);
    event.mark_self();
    batch.append(4).unwrap().insert("child", 1u64).unwrap();
    batch.push_event(9, 9, Timestamp::EPOCH).insert("no_type", 1u64).unwrap();
    batch
}

#[test]
fn golden_frames_are_still_written() {
    let made =
        [("empty", Batch::default()), ("values", values()), ("records", records()), ("edited", edited())];
    for (name, batch) in made {
        let path = directory().join(format!("{name}.frame"));
        if std::env::var_os("DENDRO_WRITE_GOLDEN").is_some() {
            fs::create_dir_all(directory()).unwrap();
            fs::write(&path, frame(&batch)).unwrap();
            fs::write(path.with_extension("ndjson"), json(&batch)).unwrap();
        }
        let golden = fs::read(&path).unwrap();
        assert!(frame(&batch) == golden, "{name}: the format has changed: it needs a new version");
    }
}

#[test]
fn golden_frames_are_still_read() {
    let mut read = 0;
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "frame") {
            let batch = Batch::from_frame(&fs::read(&path).unwrap().into()).unwrap();
            let expected = fs::read_to_string(path.with_extension("ndjson")).unwrap();
            assert_eq!(json(&batch), expected, "{}", path.display());
            read += 1;
        }
    }
    assert_eq!(read, 4);
}
