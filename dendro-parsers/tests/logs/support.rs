//! Logs through the formats by name, and the corpora where they are.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::PathBuf;

use bytes::Bytes;
use dendro_core::{Batch, Event, RecordRow, Schema, Timestamp, Transform, Value, ValueType};
use dendro_parsers::formats::{self, Feed, Parser};
use dendro_parsers::nginx::NginxAccess;
use serde_json::Value as Json;

/// What became of a log.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The events, in the order in which they came out.
    pub(crate) events: Vec<Event>,
    /// The raw text of the refused records, and why.
    pub(crate) refused: Vec<(Vec<u8>, String)>,
}

impl Outcome {
    /// The event, if there is just one and nothing was refused.
    #[track_caller]
    pub(crate) fn only(mut self) -> Event {
        assert!(self.refused.is_empty(), "refused: {self:?}");
        assert_eq!(self.events.len(), 1, "{self:?}");
        self.events.remove(0)
    }

    /// The reason, if just one record was refused and there is no event.
    #[track_caller]
    pub(crate) fn reason(mut self) -> String {
        assert!(self.events.is_empty(), "{self:?}");
        assert_eq!(self.refused.len(), 1, "{self:?}");
        self.refused.remove(0).1
    }
}

/// The parser of a format with these options.
#[track_caller]
pub(crate) fn parser(format: &str, options: &[(&str, &str)]) -> Parser {
    let options: Vec<_> = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    formats::find(format).unwrap().configure(&options).unwrap_or_else(|error| panic!("{error}"))
}

/// A whole log through a format: cut, parsed, flushed.
#[track_caller]
pub(crate) fn log(format: &str, options: &[(&str, &str)], input: &[u8]) -> Outcome {
    through(&parser(format, options), input)
}

/// A whole log through a parser, with this as the time when it was read: 2026-11-20T21:00:00Z.
#[track_caller]
pub(crate) fn through(parser: &Parser, input: &[u8]) -> Outcome {
    let observed = Timestamp::parse_rfc3339("2026-11-20T21:00:00Z").unwrap();
    let mut feed = Feed::new(parser);
    let mut outcome = Outcome::default();
    for batch in [feed.push(input, observed).unwrap(), feed.finish(observed).unwrap()] {
        for event in batch.iter() {
            assert!(!event.is_unparsed(), "an event that nobody has parsed");
            let event = event.to_event();
            assert_published(&event, parser.schemas());
            outcome.events.push(event);
        }
        for rejected in batch.rejected() {
            outcome.refused.push((rejected.event.raw().to_vec(), rejected.reason.to_owned()));
        }
    }
    outcome
}

/// Every field is in the schema of its event, with its type; bytes stand for text that is not UTF-8. Fields that only the
/// input names have none.
#[track_caller]
fn assert_published(event: &Event, schemas: &[std::sync::Arc<Schema>]) {
    let schema = schemas.iter().find(|schema| schema.name == event.event_type);
    let schema = schema.unwrap_or_else(|| panic!("no schema of {}", event.event_type));
    for (name, value) in &event.fields {
        let Some(field) = schema.get(name) else {
            assert!(schema.doc.contains("further fields"), "{name} is not in the schema of {}", schema.name);
            continue;
        };
        if field.value_type == ValueType::Any {
            continue;
        }
        let actual = match value {
            Value::Null => continue,
            Value::Bool(_) => "bool",
            Value::I64(_) => "i64",
            Value::U64(_) => "u64",
            Value::F64(_) => "f64",
            Value::Timestamp(_) => "timestamp",
            Value::Duration(_) => "duration",
            Value::Str(_) | Value::Bytes(_) => "str",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(actual, field.value_type.name(), "{name} of {}", schema.name);
    }
}

/// The event of one line of nginx's `combined`, or why it was refused.
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
            assert_published(&event.to_event(), &[NginxAccess::schema()]);
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

/// The bytes of a field; `None` if it is null.
#[track_caller]
pub(crate) fn bytes(event: &Event, name: &str) -> Option<Vec<u8>> {
    match event.fields.get(name).unwrap_or_else(|| panic!("no field {name}")) {
        Value::Null => None,
        Value::Str(text) => Some(text.clone().into_bytes()),
        Value::Bytes(bytes) => Some(bytes.clone()),
        other => panic!("{name}: {other:?}"),
    }
}

/// The text of a field; `None` if it is null.
#[track_caller]
pub(crate) fn text(event: &Event, name: &str) -> Option<String> {
    bytes(event, name).map(|bytes| String::from_utf8(bytes).unwrap())
}

/// The number of a field.
#[track_caller]
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

/// The vectors of a file of this name in the corpora; none, which is said, if it is not there.
pub(crate) fn vectors(name: &str) -> Vec<Json> {
    let Some(path) = corpus(&format!("vectors/{name}.jsonl")) else { return Vec::new() };
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: there is no {}", path.display());
        return Vec::new();
    };
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The bytes that a vector gives as text or as `{"hex": ..}`.
pub(crate) fn given(value: &Json) -> Option<Vec<u8>> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone().into_bytes()),
        Json::Number(number) => Some(number.to_string().into_bytes()),
        other => {
            let hex = other["hex"].as_str().unwrap();
            Some((0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect())
        }
    }
}

/// Compares the parts of the request with nginx's, where it has split it. After an internal redirect its method is that of
/// the redirected request.
#[track_caller]
pub(crate) fn assert_split(event: &Event, split: &Json) {
    let part = |name: &str| given(&split[name]).unwrap_or_default();
    let (method, uri, protocol) = (part("request_method"), part("request_uri"), part("server_protocol"));
    if uri.is_empty() {
        return;
    }
    if !uri.starts_with(b"/redir/") {
        assert_eq!(bytes(event, "method"), Some(method));
    }
    assert_eq!(target(event), Some(uri));
    assert_eq!(bytes(event, "protocol").unwrap_or_default(), protocol);
}

/// Path and query put together again.
pub(crate) fn target(event: &Event) -> Option<Vec<u8>> {
    let mut target = bytes(event, "path")?;
    if let Some(query) = bytes(event, "query") {
        target.push(b'?');
        target.extend_from_slice(&query);
    }
    Some(target)
}
