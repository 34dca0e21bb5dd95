//! jsonlog as a transform.

use std::sync::Arc;

use dendro_core::{Batch, Schema, Transform, TransformError};

use super::clock::Clock;
use super::labels::Severity;
use super::out::{Out, Text};
use super::schema::{self, Field, Keys};
use crate::json::{self, Number, Reader, Value};
use crate::{Refused, Zone};

/// Parses lines of PostgreSQL's jsonlog (version 15 and later).
///
/// - The fields are those of csvlog, with the names of its columns, so that a table is the same whichever way the server logs; the keys of jsonlog
///   stand beside them in the [module's table](super#the-vocabulary). `timestamp` is the time of the event. A key that is not there, because the server knows
///   nothing for it, is no field of the event.
/// - Messages are split as those of csvlog.
/// - Keys that this version does not know become further fields of the event under their own name.
///
/// ```
/// let schema = dendro_parsers::postgres::JsonLog::schema();
/// assert_eq!(schema.name, "postgres");
/// ```
#[derive(Clone, Debug, Default)]
pub struct JsonLog {
    clock: Clock,
    joined: Vec<u8>,
    scratch: Vec<u8>,
}

impl JsonLog {
    /// For logs whose times have a zone that its abbreviation tells; any other is refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the zone that is meant by an abbreviation that more than one has (`IST`, `CST`).
    pub fn zone(mut self, zone: Zone) -> Self {
        self.clock = Clock::new(Some(zone));
        self
    }

    /// The schema of its events, `postgres`.
    pub fn schema() -> Arc<Schema> {
        schema::schema().clone()
    }
}

impl Transform for JsonLog {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let keys = Keys::new(batch)?;
        let Self { clock, joined, scratch } = self;
        batch.parse_each(|event| {
            joined.clear();
            event.set_type(keys.ty);
            Ok(parse(&mut Out { event, keys: &keys, joined, scratch }, clock)?)
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }
}

/// What a key is.
enum Key {
    Time,
    Text(Field),
    Number(Field),
    Signed(Field),
    SessionStart,
}

impl Key {
    /// The field that it becomes; that of the time stands for itself.
    fn field(&self) -> u64 {
        match self {
            Self::Time => 63,
            Self::SessionStart => Field::SessionStartTime as u64,
            Self::Text(field) | Self::Number(field) | Self::Signed(field) => *field as u64,
        }
    }
}

fn key(name: &[u8]) -> Option<Key> {
    use Key::{Number, SessionStart, Signed, Text, Time};
    Some(match name {
        b"timestamp" => Time,
        b"user" => Text(Field::UserName),
        b"dbname" => Text(Field::DatabaseName),
        b"pid" => Number(Field::ProcessId),
        b"remote_host" => Text(Field::RemoteHost),
        b"remote_port" => Number(Field::RemotePort),
        b"session_id" => Text(Field::SessionId),
        b"line_num" => Number(Field::SessionLineNum),
        b"ps" => Text(Field::CommandTag),
        b"session_start" => SessionStart,
        b"vxid" => Text(Field::VirtualTransactionId),
        b"txid" => Number(Field::TransactionId),
        b"error_severity" => Text(Field::ErrorSeverity),
        b"state_code" => Text(Field::SqlStateCode),
        b"message" => Text(Field::Message),
        b"detail" => Text(Field::Detail),
        b"hint" => Text(Field::Hint),
        b"internal_query" => Text(Field::InternalQuery),
        b"internal_position" => Number(Field::InternalQueryPos),
        b"context" => Text(Field::Context),
        b"statement" => Text(Field::Query),
        b"cursor_position" => Number(Field::QueryPos),
        b"func_name" => Text(Field::FuncName),
        b"file_name" => Text(Field::FileName),
        b"file_line_num" => Number(Field::FileLineNum),
        b"application_name" => Text(Field::ApplicationName),
        b"backend_type" => Text(Field::BackendType),
        b"leader_pid" => Number(Field::LeaderPid),
        b"query_id" => Signed(Field::QueryId),
        b"backtrace" => Text(Field::Backtrace),
        _ => return None,
    })
}

const NUMBER: &str = "a number of at most 64 bits";

fn parse(out: &mut Out<'_, '_>, clock: &mut Clock) -> Result<(), Refused> {
    let mut json = Reader::new(out.event.raw());
    json.begin_object()?;
    let (mut timed, mut severity, mut message, mut detail) = (false, None, None, None);
    let mut seen = 0u64;
    while let Some(name) = json.next_key()? {
        let at = json.position();
        let known = key(json.text(&name, out.scratch));
        if let Some(known) = &known {
            let bit = 1 << known.field();
            if seen & bit != 0 {
                return Err(Refused::new(at, "no key a second time before this"));
            }
            seen |= bit;
        }
        let start = json.position();
        match (known, json.value()?) {
            (Some(Key::Time), Value::String(text)) => {
                let time = time(&json, &text, clock, out.scratch);
                out.event.set_time(time.map_err(|expected| Refused::new(start, expected))?);
                timed = true;
            }
            (Some(Key::SessionStart), Value::String(text)) => {
                let time = time(&json, &text, clock, out.scratch);
                out.time(Field::SessionStartTime, time.map_err(|expected| Refused::new(start, expected))?);
            }
            (Some(Key::Text(field)), Value::String(text)) => {
                let text = read_text(&json, &text, out);
                out.text(field, text);
                match field {
                    Field::ErrorSeverity => {
                        severity = Severity::of(out.bytes(text)).map(|severity| (severity, text))
                    }
                    Field::Message => message = Some(text),
                    Field::Detail => detail = Some(text),
                    _ => {}
                }
            }
            (Some(Key::Number(field)), Value::Number(Number::U64(number))) => out.u64(field, number),
            (Some(Key::Signed(field)), Value::Number(number)) => {
                out.i64(field, number.as_i64().ok_or(Refused::new(start, NUMBER))?);
            }
            (Some(_), _) => return Err(Refused::new(start, "a value as jsonlog has it for this key")),
            (None, value) => {
                let key = match std::str::from_utf8(json.text(&name, out.scratch)) {
                    Ok(name) if schema::schema().get(name).is_none() => out.event.key(name),
                    Ok(_) => return Err(Refused::new(start, "another key than that of a field before this")),
                    Err(_) => return Err(Refused::new(start, "a key of UTF-8 before this")),
                };
                out.event.keep_last_of_each_name();
                json.write(value, out.event, key, out.scratch)?;
            }
        }
    }
    json.end()?;
    if !timed {
        return Err(Refused::new(json.position(), "the key `timestamp` in the object"));
    }
    if let Some((severity, text)) = severity {
        out.severity(severity, text);
    }
    out.split(severity.map(|(severity, _)| severity), message, detail);
    Ok(())
}

fn time(
    json: &Reader<'_>,
    text: &json::Text,
    clock: &mut Clock,
    scratch: &mut Vec<u8>,
) -> Result<dendro_core::Timestamp, &'static str> {
    let text = json.text(text, scratch);
    if Clock::len(text) != Some(text.len()) {
        return Err(Clock::SHAPE);
    }
    clock.read(text)
}

/// Where a string stands, decoded if it has to be.
#[inline]
fn read_text(json: &Reader<'_>, text: &json::Text, out: &mut Out<'_, '_>) -> Text {
    if !text.escaped {
        return Text::raw(text.range());
    }
    let decoded = json.text(text, out.scratch);
    let start = out.joined.len();
    out.joined.extend_from_slice(decoded);
    Text::joined(start..out.joined.len())
}
