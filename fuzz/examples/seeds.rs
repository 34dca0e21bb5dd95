//! Writes the frames that `seeds/frame` begins with: `cargo run --example seeds`, after the layout changed.

use std::sync::Arc;
use std::{fs, io};

use bytes::Bytes;
use dendro_core::{Batch, BatchFull, Event, Origin, SignedDuration, Timestamp, Value};

fn main() -> io::Result<()> {
    fs::create_dir_all("seeds/frame")?;
    for (name, batch) in [("empty", Ok(Batch::default())), ("values", values()), ("records", records())] {
        let mut frame = Vec::new();
        batch.map_err(|full| io::Error::other(format!("{full:?}")))?.write_frame(&mut frame);
        fs::write(format!("seeds/frame/{name}"), frame)?;
    }
    Ok(())
}

/// Two events that hold every kind of value.
fn values() -> Result<Batch, BatchFull> {
    let nested = Value::Array(vec![
        Value::Null,
        "inner".into(),
        Value::Object([("deep".to_owned(), Value::Array(vec![Value::F64(f64::NAN)]))].into()),
    ]);
    let event = Event::new("every_kind")
        .at(Timestamp::EPOCH)
        .with("bool", Value::Bool(true))
        .with("i64", Value::I64(-5))
        .with("u64", Value::U64(u64::MAX))
        .with("f64", Value::F64(0.25))
        .with("time", Value::Timestamp(Timestamp::EPOCH))
        .with("duration", Value::Duration(SignedDuration::from_nanos(1_500)))
        .with("text", "caf\u{e9} \"quoted\"")
        .with("bytes", Value::Bytes(vec![0xff, 0, 0x22]))
        .with("nested", nested);
    Batch::from_events([&event, &Event::new("bare")])
}

/// Records over a base, as a source makes them, with an origin that says everything.
fn records() -> Result<Batch, BatchFull> {
    let mut batch = Batch::new(Bytes::from_static(b"first line\nsecond \xff line\n"))?;
    let some = |text: &str| Some(text.to_owned());
    let origin = batch.add_origin(&Arc::new(Origin {
        host: some("web-1"),
        service: some("shop"),
        source: some("files"),
        tenant: some("acme"),
        stream: some("access.log"),
        identity: std::num::NonZeroU64::new(0xfeed),
        tags: vec![("zone".to_owned(), "b".to_owned())],
    }))?;
    let ty = batch.add_type(&Arc::new(dendro_core::Schema::new("raw")))?;
    for (start, end) in [(0, 10), (11, 24)] {
        batch.push_event(ty, origin, Timestamp::EPOCH).insert("at", start as u64)?;
        batch.push_record(
            start..end,
            start as u64,
            dendro_core::RecordRow { ty, origin, observed: Timestamp::EPOCH },
        );
    }
    Ok(batch)
}
