//! The error log as MySQL's `log_sink_json` writes it.

use dendro_core::{EventWriter, Key, ValueType};

use super::super::time::LogTime;
use super::schema::{self, JSON_ONLY};
use crate::Refused;
use crate::json::{Number, Reader, Text, Value};

/// What every event has, whichever way it was logged.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) time: Option<LogTime>,
    pub(super) thread: Option<u64>,
    pub(super) prio: Option<u64>,
    pub(super) label: Option<Text>,
    pub(super) err_code: Option<Code>,
    pub(super) subsystem: Option<Text>,
    pub(super) message: Text,
}

/// The number of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Code {
    Number(u64),
    Text(Text),
}

/// Reads an event from its first line. What only JSON has is written at once, by `keys` in the order of [`JSON_ONLY`].
pub(super) fn read(
    line: &[u8],
    event: &mut EventWriter<'_>,
    keys: &[Key],
    name: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) -> Result<Event, Refused> {
    let mut json = Reader::new(line);
    let (mut time, mut thread, mut prio, mut label) = (None, None, None, None);
    let (mut err_code, mut subsystem, mut message) = (None, None, None);
    let mut written = 0u32;
    json.begin_object()?;
    while let Some(key) = json.next_key()? {
        let at = json.position();
        let value = json.value()?;
        let own = json.text(&key, scratch);
        let refused = |expected| Refused::new(at, expected);
        match own {
            _ if value == Value::Null => {}
            b"time" => {
                let text = string(value).ok_or(refused("the time in quotes"))?;
                let text = json.text(&text, scratch);
                let read = LogTime::read(text).filter(|time| time.len == text.len());
                time = Some(read.ok_or(refused("a time as ISO 8601"))?);
            }
            b"thread" => thread = Some(number(value).ok_or(refused("the thread's number"))?),
            b"prio" => prio = Some(number(value).ok_or(refused("the priority's number"))?),
            b"label" => label = Some(string(value).ok_or(refused("the label in quotes"))?),
            b"subsystem" => subsystem = Some(string(value).ok_or(refused("the subsystem in quotes"))?),
            b"msg" => message = Some(string(value).ok_or(refused("the message in quotes"))?),
            b"err_code" => {
                err_code = Some(match value {
                    Value::Number(Number::U64(number)) => Code::Number(number),
                    Value::String(text) => Code::Text(text),
                    _ => return Err(refused("the message's number")),
                });
            }
            _ => match JSON_ONLY.iter().position(|(key, ..)| key.as_bytes() == own) {
                Some(index) if written & 1 << index == 0 => {
                    written |= 1 << index;
                    write_known(&json, value, event, keys[index], JSON_ONLY[index].2, scratch)
                        .ok_or(refused("a value of the type that this key has"))?;
                }
                Some(_) => json.skip(value)?,
                None => {
                    field_name(own, name);
                    let key = event.key(std::str::from_utf8(name).unwrap_or_default());
                    json.write(value, event, key, scratch)?;
                }
            },
        }
    }
    json.end()?;
    let Some(message) = message else {
        return Err(Refused::new(line.len(), "a key `msg`, as MySQL's JSON log has it"));
    };
    Ok(Event { time, thread, prio, label, err_code, subsystem, message })
}

fn write_known(
    json: &Reader<'_>,
    value: Value,
    event: &mut EventWriter<'_>,
    key: Key,
    ty: ValueType,
    scratch: &mut Vec<u8>,
) -> Option<()> {
    match (value, ty) {
        (Value::String(text), ValueType::Str) => json.write_text(&text, event, key, scratch),
        (Value::Number(number), ValueType::U64) => event.u64(key, number.as_u64()?),
        (Value::Number(number), ValueType::I64) => event.i64(key, number.as_i64()?),
        _ => return None,
    }
    Some(())
}

fn string(value: Value) -> Option<Text> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn number(value: Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

/// A key as the name of a field: in lower case, and with `_` for what else needs quotes in SQL.
fn field_name(key: &[u8], name: &mut Vec<u8>) {
    name.clear();
    name.extend(key.iter().map(|b| if b.is_ascii_alphanumeric() { b.to_ascii_lowercase() } else { b'_' }));
    let taken = std::str::from_utf8(name).is_ok_and(|name| schema::error().get(name).is_some());
    if taken || name.is_empty() {
        name.push(b'_');
    }
}
