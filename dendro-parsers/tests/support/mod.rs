//! One line through the parser, and the corpora where they are.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::PathBuf;

use bytes::Bytes;
use dendro_core::{Batch, Event, RecordRow, Schema, Timestamp, Transform, Value};
use dendro_parsers::nginx::NginxAccess;

/// The event of one line, or why it was refused.
pub(crate) fn parse(line: &[u8]) -> Result<Event, String> {
    let mut batch = batch(line);
    NginxAccess::combined().transform(&mut batch).unwrap();
    let refused = batch.rejected().next().map(|rejected| {
        assert_eq!(rejected.event.raw(), line);
        rejected.reason.to_owned()
    });
    match refused {
        Some(reason) => {
            assert_eq!(batch.len(), 0);
            Err(reason)
        }
        None => {
            let event = batch.get(0).unwrap();
            assert_eq!(event.raw(), line);
            assert!(!event.is_unparsed());
            assert_published(&event.to_event());
            Ok(event.to_event())
        }
    }
}

/// A batch of one record that is not parsed.
pub(crate) fn batch(line: &[u8]) -> Batch {
    let mut batch = Batch::new(Bytes::copy_from_slice(line)).unwrap();
    let ty = batch.add_type(&Schema::new("log").into()).unwrap();
    batch.push_record(0..line.len(), 0, RecordRow { ty, origin: 0, observed: Timestamp::EPOCH });
    batch
}

/// Every field is in the schema, with its type; bytes stand for text that is not UTF-8.
fn assert_published(event: &Event) {
    let schema = NginxAccess::schema();
    assert_eq!(event.event_type, schema.name);
    for (name, value) in &event.fields {
        let field = schema.get(name).unwrap_or_else(|| panic!("{name} is not in the schema"));
        let actual = match value {
            Value::Null => continue,
            Value::Str(_) | Value::Bytes(_) => "str",
            Value::U64(_) => "u64",
            Value::F64(_) => "f64",
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(actual, field.value_type.name(), "{name}");
    }
}

/// The bytes of a field; `None` if it is null.
pub(crate) fn bytes(event: &Event, name: &str) -> Option<Vec<u8>> {
    match event.fields.get(name).unwrap_or_else(|| panic!("no field {name}")) {
        Value::Null => None,
        Value::Str(text) => Some(text.clone().into_bytes()),
        Value::Bytes(bytes) => Some(bytes.clone()),
        other => panic!("{name}: {other:?}"),
    }
}

/// The text of a field; `None` if it is null.
pub(crate) fn text(event: &Event, name: &str) -> Option<String> {
    bytes(event, name).map(|bytes| String::from_utf8(bytes).unwrap())
}

/// The number of a field.
pub(crate) fn number(event: &Event, name: &str) -> u64 {
    match event.fields[name] {
        Value::U64(number) => number,
        ref other => panic!("{name}: {other:?}"),
    }
}

/// The file of this path in the corpora; `None`, which is said, if `DENDRO_CORPORA` does not tell where they are.
pub(crate) fn corpus(path: &str) -> Option<PathBuf> {
    match std::env::var_os("DENDRO_CORPORA") {
        Some(root) => Some(PathBuf::from(root).join(path)),
        None => {
            eprintln!("SKIPPED: {path} was not read, because DENDRO_CORPORA is not set");
            None
        }
    }
}
