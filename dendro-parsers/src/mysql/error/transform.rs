//! The error log as a transform.

use std::io::Write as _;
use std::sync::Arc;

use dendro_core::{Batch, BatchFull, EventWriter, Key, Schema, Transform, TransformError};

use super::json::{self, Code};
use super::line::{self, Line};
use super::schema::{self, JSON_ONLY};
use crate::json::Reader;
use crate::{Refused, Zone};

/// Parses events of the error log of MySQL 5.0 to 8.4 (as text or as JSON), Percona Server and MariaDB, and what `mysqld_safe` writes into
/// it, as the format's framer joins their lines.
///
/// - **Time**: with its own zone since MySQL 5.7 and in JSON; else local time of the zone that was given.
/// - **Label** is one of System, Error, Warning and Note however it is written, `prio` its number.
/// - **Code** and **subsystem** as MySQL 8.0 writes them; in JSON, where it is a number, the code too is as in `MY-010116`.
/// - **Message**: what follows, with all lines up to the next event: InnoDB's monitor output, deadlocks, backtraces. These quote statements, so that
///   a line in them may look like an event, and becomes one.
/// - A crash in MySQL 5.5 to 8.0 tells no more than the time of day, which is left out: such an event has no time.
/// - A text that begins the log before any event is an event that has nothing but a message.
/// - Only a JSON object that is not of the log is refused, and a time out of range.
///
/// Keeps nothing of one event that would matter for another.
#[derive(Clone, Debug, Default)]
pub struct MysqlError {
    zone: Zone,
    name: Vec<u8>,
    scratch: Vec<u8>,
}

impl MysqlError {
    /// For logs whose local times are of this zone.
    pub fn new(zone: Zone) -> Self {
        Self { zone, ..Self::default() }
    }

    /// The schema of its events, `mysql_error`.
    pub fn schema() -> Arc<Schema> {
        schema::error().clone()
    }
}

impl Transform for MysqlError {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let keys = Keys::new(batch)?;
        batch.parse_each(|event| {
            event.set_type(keys.ty);
            if line::is_json(event.raw()) {
                self.json(event, &keys)?
            } else {
                self.text(event, &keys)?
            }
            Ok(())
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }
}

/// What is made once a batch.
struct Keys {
    ty: u16,
    thread: Key,
    prio: Key,
    label: Key,
    err_code: Key,
    subsystem: Key,
    message: Key,
    json_only: Vec<Key>,
}

impl Keys {
    fn new(batch: &mut Batch) -> Result<Self, BatchFull> {
        Ok(Self {
            ty: batch.add_type(schema::error())?,
            thread: batch.add_key("thread")?,
            prio: batch.add_key("prio")?,
            label: batch.add_key("label")?,
            err_code: batch.add_key("err_code")?,
            subsystem: batch.add_key("subsystem")?,
            message: batch.add_key("message")?,
            json_only: JSON_ONLY.iter().map(|(_, name, ..)| batch.add_key(name)).collect::<Result<_, _>>()?,
        })
    }
}

const TIME: &str = "a time between the years 1677 and 2262";

impl MysqlError {
    fn text(&mut self, event: &mut EventWriter<'_>, keys: &Keys) -> Result<(), Refused> {
        let raw = event.raw();
        let line = Line::read(raw).unwrap_or_default();
        if let Some(time) = line.time {
            event.set_time(time.resolve(&mut self.zone).ok_or(Refused::new(0, TIME))?);
        }
        write_number(line.thread, event, keys.thread);
        write_number(line.label.map(line::Label::prio), event, keys.prio);
        match line.label {
            Some(label) => event.new_str(keys.label, label.name().as_bytes()),
            None => event.null(keys.label),
        }
        for (part, key) in [(line.err_code, keys.err_code), (line.subsystem, keys.subsystem)] {
            match part {
                Some(range) => event.str(key, range),
                None => event.null(key),
            }
        }
        event.str(keys.message, line.message..raw.len());
        Ok(())
    }

    fn json(&mut self, event: &mut EventWriter<'_>, keys: &Keys) -> Result<(), Refused> {
        let Self { zone, name, scratch } = self;
        let raw = event.raw();
        let (line, rest) = raw.split_at(memchr::memchr(b'\n', raw).unwrap_or(raw.len()));
        let found = json::read(line, event, &keys.json_only, name, scratch)?;
        let texts = Reader::new(line);
        if let Some(time) = found.time {
            event.set_time(time.resolve(zone).ok_or(Refused::new(0, TIME))?);
        }
        write_number(found.thread, event, keys.thread);
        write_number(found.prio, event, keys.prio);
        match found.err_code {
            Some(Code::Number(number)) => {
                scratch.clear();
                // Writing into memory does not fail.
                let _ = write!(scratch, "MY-{number:06}");
                event.new_str(keys.err_code, scratch);
            }
            Some(Code::Text(text)) => texts.write_text(&text, event, keys.err_code, scratch),
            None => event.null(keys.err_code),
        }
        for (part, key) in [(found.label, keys.label), (found.subsystem, keys.subsystem)] {
            match part {
                Some(text) => texts.write_text(&text, event, key, scratch),
                None => event.null(key),
            }
        }
        if rest.is_empty() {
            texts.write_text(&found.message, event, keys.message, scratch);
        } else {
            // What the server wrote past its log.
            let mut message = texts.text(&found.message, scratch).to_vec();
            message.extend_from_slice(rest);
            event.new_str(keys.message, &message);
        }
        Ok(())
    }
}

fn write_number(number: Option<u64>, event: &mut EventWriter<'_>, key: Key) {
    match number {
        Some(number) => event.u64(key, number),
        None => event.null(key),
    }
}
