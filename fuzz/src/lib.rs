//! What holds for every log format, whatever bytes it gets.

use std::sync::{Arc, OnceLock};

use dendro_core::json::JsonEncoder;
use dendro_core::{Batch, EventRef, Schema, Timestamp, Value, ValueType};
use dendro_parsers::formats::{self, Feed, Format, Parser, write_refused};

/// A fuzz target for the format of this name.
#[macro_export]
macro_rules! format_target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::check($name, data));
    };
}

/// Puts a log through a format: no panic, the same result however the input is cut, events as the schema says, frames
/// and JSON that read back.
///
/// Where the data begins with a NUL, what follows up to the next one is the value of the format's first
/// option, so that the compilers of configuration texts are tried too.
pub fn check(name: &str, data: &[u8]) {
    let Ok(format) = formats::find(name) else { panic!("there is no format {name}") };
    let Some((parser, log)) = configure(format, data) else { return };
    let whole = outcome(&parser, log, log.len().max(1));
    // Few bytes at a time where there are few, so that the cuts fall everywhere; else a dozen pieces.
    let step = 1 + log.len() % 13 + if log.len() > 128 { log.len() / 12 } else { 0 };
    assert_eq!(outcome(&parser, log, step), whole, "in pieces of {step} bytes");
}

fn configure<'a>(format: &'static Format, data: &'a [u8]) -> Option<(Parser, &'a [u8])> {
    static EXAMPLE: OnceLock<Parser> = OnceLock::new();
    if let (Some(option), Some((0, rest))) = (format.options.first(), data.split_first())
        && let Some(end) = rest.iter().position(|byte| *byte == 0)
        && let Ok(value) = std::str::from_utf8(&rest[..end])
    {
        let mut options: Vec<(String, String)> =
            format.example.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        options.retain(|(name, _)| name != option.name);
        options.push((option.name.to_owned(), value.to_owned()));
        return match format.configure(&options) {
            Ok(parser) => Some((parser, &rest[end + 1..])),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                None
            }
        };
    }
    let parser = EXAMPLE.get_or_init(|| match format.configure_example() {
        Ok(parser) => parser,
        Err(error) => panic!("the example of {} can't be configured: {error}", format.name),
    });
    Some((parser.clone(), data))
}

/// The events and the refused records, as JSON.
fn outcome(parser: &Parser, log: &[u8], step: usize) -> (Vec<u8>, Vec<u8>) {
    let mut feed = Feed::new(parser);
    let (mut events, mut refused) = (Vec::new(), Vec::new());
    for piece in log.chunks(step).map(Some).chain([None]) {
        let batch = match piece {
            Some(piece) => feed.push(piece, OBSERVED),
            None => feed.finish(OBSERVED),
        };
        let Ok(batch) = batch else { panic!("a small log does not fit a batch") };
        for event in batch.iter() {
            assert_published(event, parser.schemas());
        }
        assert!(batch.rejected().all(|rejected| !rejected.reason.is_empty()));
        assert_frame(&batch);
        events.extend(json(&batch));
        write_refused(&batch, &mut refused);
    }
    assert_json(&events);
    assert_json(&refused);
    // What is refused when it is cut comes before what is refused when it is parsed, in each batch: that is no order to hold to.
    let mut refused: Vec<&[u8]> = refused.split_inclusive(|byte| *byte == b'\n').collect();
    refused.sort_unstable();
    (events, refused.concat())
}

/// 2026-11-20T21:00:00Z.
const OBSERVED: Timestamp = Timestamp::from_nanos(1_795_208_400_000_000_000);

fn assert_published(event: EventRef<'_>, schemas: &[Arc<Schema>]) {
    assert!(!event.is_unparsed(), "an event that nobody has parsed");
    let event = event.to_event();
    let Some(schema) = schemas.iter().find(|schema| schema.name == event.event_type) else {
        panic!("no schema of {}", event.event_type)
    };
    for (name, value) in &event.fields {
        let Some(field) = schema.get(name) else {
            assert!(schema.doc.contains("further fields"), "{name} is not in the schema");
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
        assert_eq!(actual, field.value_type.name(), "{name}");
    }
}

fn assert_frame(batch: &Batch) {
    let mut frame = Vec::new();
    batch.write_frame(&mut frame);
    match Batch::from_frame(&frame.into()) {
        Ok(again) => assert_eq!(json(&again), json(batch), "a frame changes no event"),
        Err(error) => panic!("a frame that was written here is refused: {error}"),
    }
}

fn json(batch: &Batch) -> Vec<u8> {
    let mut text = Vec::new();
    JsonEncoder::new().encode_lines(batch, &mut text);
    text
}

fn assert_json(lines: &[u8]) {
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(line) {
            panic!("{error}: {}", String::from_utf8_lossy(line));
        }
    }
}
