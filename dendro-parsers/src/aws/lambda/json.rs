//! Lambda's logs as JSON: events of the Telemetry API, which are also the system log of functions whose log format is JSON, and
//! what the runtimes of such functions write.

use dendro_core::{EventWriter, SignedDuration};

use super::terms::{Kind, TERMS, by_json, of};
use super::text::{FunctionLine, fault};
use super::writer::{Keys, Source, megabytes, write_message, write_text};
use crate::Refused;
use crate::decimal::{milliseconds, rfc3339};
use crate::json::{Number, Reader, Text, Value};

/// Buffers that are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    decoded: Vec<u8>,
    pub(super) message: Vec<u8>,
}

/// An object, as far as it matters here.
struct Object<'a> {
    /// In the object, before its first key.
    inner: Reader<'a>,
    kind: Option<Text>,
    time: Option<Text>,
    /// Before the value of `record`.
    record: Option<Reader<'a>>,
    /// Whether it has a key that only the runtimes of Lambda write.
    is_own: bool,
}

impl<'a> Object<'a> {
    /// Reads an object that nothing follows.
    fn read(raw: &'a [u8], at: usize, scratch: &mut Vec<u8>) -> Result<Self, Refused> {
        let mut json = Reader::starting_at(raw, at);
        json.begin_object()?;
        let mut object = Self { inner: json.clone(), kind: None, time: None, record: None, is_own: false };
        while let Some(key) = json.next_key()? {
            let before = json.clone();
            let value = json.value()?;
            match (json.text(&key, scratch), &value) {
                (b"type", Value::String(text)) => object.kind = Some(*text),
                (b"time", Value::String(text)) => object.time = Some(*text),
                (b"record", _) => object.record = Some(before),
                (key, Value::String(_)) if is_request_key(key) => object.is_own = true,
                _ => {}
            }
            json.skip(value)?;
        }
        json.end()?;
        Ok(object)
    }
}

/// Parses a record that begins with `{` at `at`; says whether it is one of Lambda's own. Any other JSON is a text that a function
/// has written.
pub(super) fn parse(
    event: &mut EventWriter<'_>,
    at: usize,
    keys: &Keys,
    scratch: &mut Scratch,
) -> Result<bool, Refused> {
    let raw = event.raw();
    let Ok(object) = Object::read(raw, at, &mut scratch.decoded) else { return Ok(false) };
    let Some((kind, record)) = object.kind.zip(object.record.clone()) else {
        if object.is_own {
            event.set_type(keys.function);
            event.new_str(keys.kind, b"function");
            function_object(event, object.inner, false, keys, scratch)?;
        }
        return Ok(object.is_own);
    };
    let kind_text = raw.get(kind.range()).unwrap_or_default();
    let is_platform = kind_text.starts_with(b"platform.");
    if !is_platform && !matches!(kind_text, b"function" | b"extension") {
        return Ok(false);
    }
    let time = object.time.and_then(|time| rfc3339(raw.get(time.range())?));
    if let Some(time) = time {
        event.set_time(time);
    }
    event.set_type(if is_platform { keys.platform } else { keys.function });
    event.str(keys.kind, kind.range());
    let mut record = record;
    let start = record.position();
    match record.value()? {
        Value::Object if is_platform => platform(event, record, kind_text, keys, scratch)?,
        Value::Object => function_object(event, record, time.is_some(), keys, scratch)?,
        Value::String(text) => {
            let at = (!text.escaped).then_some(text.start);
            let Scratch { decoded, message } = scratch;
            let source = Source { text: record.text(&text, decoded), at };
            if is_platform {
                platform_text(event, source, keys, message);
            } else {
                function_text(event, source, time.is_some(), keys, message);
            }
        }
        Value::Null => {}
        _ => return Err(Refused::new(start, "a record that is an object or a text")),
    }
    Ok(true)
}

fn is_request_key(key: &[u8]) -> bool {
    matches!(
        key,
        b"requestId" | b"AWSRequestId" | b"awsRequestId" | b"aws_request_id" | b"function_request_id"
    )
}

/// What the platform says in a text: a fault.
pub(super) fn platform_text(
    event: &mut EventWriter<'_>,
    source: Source<'_>,
    keys: &Keys,
    scratch: &mut Vec<u8>,
) {
    let Some(fault) = fault(source.text) else {
        return write_message(event, keys.message, source, scratch);
    };
    write_text(event, keys.terms[REQUEST_ID], source.part(fault.request_id));
    write_message(event, keys.message, source.part(fault.message), scratch);
    if let Some(error_type) = fault.error_type {
        write_text(event, keys.terms[ERROR_TYPE], source.part(error_type));
    }
}

pub(super) const REQUEST_ID: usize = of("request_id");
const ERROR_TYPE: usize = of("error_type");
const TRACE_ID: usize = of("trace_id");
const SEGMENT_ID: usize = of("segment_id");
const SAMPLED: usize = of("sampled");
const DURATION: usize = of("duration");
const NAME: usize = of("name");

/// What a function says in a text.
pub(super) fn function_text(
    event: &mut EventWriter<'_>,
    source: Source<'_>,
    is_timed: bool,
    keys: &Keys,
    scratch: &mut Vec<u8>,
) {
    let line = FunctionLine::of(source.text);
    if let Some(time) = line.time.filter(|_| !is_timed) {
        event.set_time(time);
    }
    match line.level {
        Some(level) => write_text(event, keys.level, source.part(level)),
        None => event.null(keys.level),
    }
    match line.request_id {
        Some(request_id) => write_text(event, keys.terms[REQUEST_ID], source.part(request_id)),
        None => event.null(keys.terms[REQUEST_ID]),
    }
    write_message(event, keys.message, source.part(line.message..source.text.len()), scratch);
}

/// What a function says in an object: some of it has fields, all else is `record`.
fn function_object(
    event: &mut EventWriter<'_>,
    inner: Reader<'_>,
    is_timed: bool,
    keys: &Keys,
    scratch: &mut Scratch,
) -> Result<(), Refused> {
    let Scratch { decoded, message } = scratch;
    let mut found: [Option<(Text, Text)>; 4] = [None; 4];
    let mut others = false;
    let mut json = inner.clone();
    while let Some(key) = json.next_key()? {
        let value = json.value()?;
        let slot = match &value {
            Value::String(value) => slot_of(&json, &key, value, is_timed, decoded),
            _ => None,
        };
        match (slot.and_then(|slot| found.get_mut(slot)), value) {
            (Some(slot @ None), Value::String(value)) => *slot = Some((key, value)),
            (_, value) => {
                others = true;
                json.skip(value)?;
            }
        }
    }
    let [level, request_id, text, time] = found;
    if let Some(time) = time.and_then(|(_, text)| rfc3339(json.text(&text, decoded))) {
        event.set_time(time);
    }
    for (found, key) in [(level, keys.level), (request_id, keys.terms[REQUEST_ID])] {
        match found {
            Some((_, value)) => json.write_text(&value, event, key, decoded),
            None => event.null(key),
        }
    }
    match text {
        Some((_, value)) => {
            let at = (!value.escaped).then_some(value.start);
            write_message(event, keys.message, Source { text: json.text(&value, decoded), at }, message);
        }
        None => event.null(keys.message),
    }
    if others {
        event.begin_object(keys.record);
        let mut json = inner;
        while let Some(key) = json.next_key()? {
            let value = json.value()?;
            if found.iter().flatten().any(|(known, _)| known.start == key.start) {
                json.skip(value)?;
            } else {
                write_other(event, &mut json, &key, value, decoded)?;
            }
        }
        event.end();
    }
    Ok(())
}

/// Which of level, request, message and time a text of an object is.
fn slot_of(
    json: &Reader<'_>,
    key: &Text,
    value: &Text,
    is_timed: bool,
    decoded: &mut Vec<u8>,
) -> Option<usize> {
    match json.text(key, decoded) {
        b"level" => Some(0),
        key if is_request_key(key) => Some(1),
        b"message" => Some(2),
        b"timestamp" if !is_timed => rfc3339(json.text(value, decoded)).map(|_| 3),
        _ => None,
    }
}

/// Writes what has no field of its own, under the name that it has.
fn write_other(
    event: &mut EventWriter<'_>,
    json: &mut Reader<'_>,
    key: &Text,
    value: Value,
    decoded: &mut Vec<u8>,
) -> Result<(), Refused> {
    let name = String::from_utf8_lossy(json.text(key, decoded)).into_owned();
    let key = event.key(&name);
    json.write(value, event, key, decoded)
}

/// What a key of a platform's record is for.
enum Place {
    Term(usize),
    Metrics,
    Spans,
    Tracing,
    Other,
}

impl Place {
    fn of(key: &[u8], value: &Value, record_type: &[u8]) -> Self {
        match (key, value) {
            (b"metrics", Value::Object) => Self::Metrics,
            (b"spans", Value::Array) => Self::Spans,
            (b"tracing", Value::Object) => Self::Tracing,
            _ => by_json(key, record_type).map_or(Self::Other, Self::Term),
        }
    }
}

/// What the platform says in an object.
fn platform(
    event: &mut EventWriter<'_>,
    inner: Reader<'_>,
    record_type: &[u8],
    keys: &Keys,
    scratch: &mut Scratch,
) -> Result<(), Refused> {
    let decoded = &mut scratch.decoded;
    let mut json = inner.clone();
    let mut others = false;
    while let Some(key) = json.next_key()? {
        let value = json.value()?;
        match Place::of(json.text(&key, decoded), &value, record_type) {
            Place::Term(term) => write_term(event, &mut json, term, value, keys, decoded)?,
            Place::Metrics => {
                while let Some(key) = json.next_key()? {
                    let value = json.value()?;
                    match by_json(json.text(&key, decoded), record_type) {
                        Some(term) => write_term(event, &mut json, term, value, keys, decoded)?,
                        None => {
                            others = true;
                            json.skip(value)?;
                        }
                    }
                }
            }
            Place::Spans => write_spans(event, &mut json, keys, decoded)?,
            Place::Tracing => write_tracing(event, &mut json, keys, decoded)?,
            Place::Other => {
                others = true;
                json.skip(value)?;
            }
        }
    }
    if others {
        event.begin_object(keys.record);
        write_others(event, inner, record_type, decoded)?;
        event.end();
    }
    Ok(())
}

/// Writes what the platform says that is not known.
fn write_others(
    event: &mut EventWriter<'_>,
    inner: Reader<'_>,
    record_type: &[u8],
    decoded: &mut Vec<u8>,
) -> Result<(), Refused> {
    let mut json = inner;
    while let Some(key) = json.next_key()? {
        let value = json.value()?;
        match Place::of(json.text(&key, decoded), &value, record_type) {
            Place::Metrics => {
                while let Some(key) = json.next_key()? {
                    let value = json.value()?;
                    match by_json(json.text(&key, decoded), record_type) {
                        Some(_) => json.skip(value)?,
                        None => write_other(event, &mut json, &key, value, decoded)?,
                    }
                }
            }
            Place::Other => write_other(event, &mut json, &key, value, decoded)?,
            _ => json.skip(value)?,
        }
    }
    Ok(())
}

const EXPECTED: [&str; 6] = [
    "text, or null",
    "a number of milliseconds, or null",
    "a number of megabytes, or null",
    "a whole number, or null",
    "`true` or `false`, or null",
    "an array, or null",
];

/// Writes the value of a term.
fn write_term(
    event: &mut EventWriter<'_>,
    json: &mut Reader<'_>,
    term: usize,
    value: Value,
    keys: &Keys,
    decoded: &mut Vec<u8>,
) -> Result<(), Refused> {
    let (Some(key), Some(kind)) = (keys.terms.get(term).copied(), TERMS.get(term).map(|term| term.kind))
    else {
        return Ok(());
    };
    let refused = json.refused(EXPECTED[kind as usize]);
    match (kind, value) {
        (_, Value::Null) => event.null(key),
        (Kind::Text, Value::String(text)) => json.write_text(&text, event, key, decoded),
        (Kind::Duration, Value::Number(number)) => event.duration(key, took(&number).ok_or(refused)?),
        (Kind::Megabytes, Value::Number(number)) => {
            event.u64(key, whole(&number).and_then(megabytes).ok_or(refused)?);
        }
        (Kind::Count, Value::Number(number)) => event.u64(key, whole(&number).ok_or(refused)?),
        (Kind::Flag, Value::Bool(flag)) => event.bool(key, flag),
        (Kind::List, Value::Array) => json.write(Value::Array, event, key, decoded)?,
        _ => return Err(refused),
    }
    Ok(())
}

fn took(number: &Number) -> Option<SignedDuration> {
    number.as_f64().map(milliseconds)
}

/// A whole number, also where it is written as a float.
fn whole(number: &Number) -> Option<u64> {
    match number {
        Number::F64(value) if value.fract() == 0.0 && (0.0..9e15).contains(value) => Some(*value as u64),
        number => number.as_u64(),
    }
}

/// Writes spans as objects with `name`, `start` and `duration`, and what else they have.
fn write_spans(
    event: &mut EventWriter<'_>,
    json: &mut Reader<'_>,
    keys: &Keys,
    decoded: &mut Vec<u8>,
) -> Result<(), Refused> {
    event.begin_array(keys.spans);
    while json.next_element()? {
        let value = json.value()?;
        if value != Value::Object {
            json.write(value, event, keys.spans, decoded)?;
            continue;
        }
        event.begin_object(keys.spans);
        while let Some(key) = json.next_key()? {
            let value = json.value()?;
            match (json.text(&key, decoded), value) {
                (b"name", Value::String(text)) => json.write_text(&text, event, keys.terms[NAME], decoded),
                (b"start", Value::String(text)) => match rfc3339(json.text(&text, decoded)) {
                    Some(start) => event.timestamp(keys.start, start),
                    None => json.write_text(&text, event, keys.start, decoded),
                },
                (b"durationMs", Value::Number(number)) => match took(&number) {
                    Some(took) => event.duration(keys.terms[DURATION], took),
                    None => event.null(keys.terms[DURATION]),
                },
                (_, value) => write_other(event, json, &key, value, decoded)?,
            }
        }
        event.end();
    }
    event.end();
    Ok(())
}

/// Writes the trace context as it is, and what the text of a report would tell of it.
fn write_tracing(
    event: &mut EventWriter<'_>,
    json: &mut Reader<'_>,
    keys: &Keys,
    decoded: &mut Vec<u8>,
) -> Result<(), Refused> {
    let mut inner = json.clone();
    json.write(Value::Object, event, keys.tracing, decoded)?;
    while let Some(key) = inner.next_key()? {
        let value = inner.value()?;
        match (inner.text(&key, decoded), value) {
            (b"spanId", Value::String(text)) => {
                inner.write_text(&text, event, keys.terms[SEGMENT_ID], decoded);
            }
            (b"value", Value::String(text)) => {
                for part in inner.text(&text, decoded).split(|b| *b == b';') {
                    match part {
                        [b'R', b'o', b'o', b't', b'=', root @ ..] => {
                            event.new_str(keys.terms[TRACE_ID], root)
                        }
                        b"Sampled=1" => event.bool(keys.terms[SAMPLED], true),
                        b"Sampled=0" => event.bool(keys.terms[SAMPLED], false),
                        _ => {}
                    }
                }
            }
            (_, value) => inner.skip(value)?,
        }
    }
    Ok(())
}
