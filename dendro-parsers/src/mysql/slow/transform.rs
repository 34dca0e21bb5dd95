//! The slow log as a transform.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::{Batch, BatchFull, EventWriter, Key, Schema, Timestamp, Transform, TransformError};

use super::entry::{Entry, UserHost};
use super::fields::{self, ALWAYS, DB, THREAD_ID, VALUES};
use super::values::Typed;
use crate::streams::Streams;
use crate::{Refused, Zone};

/// Parses entries of the slow query log of MySQL 5.0 to 8.4, Percona Server and MariaDB, as the format's framer cuts them.
///
/// - **Time.** `# Time:` where it tells its zone (MySQL 5.7 and later: when the statement ended, to the microsecond). Else `SET timestamp=`, which is
///   to the second and independent of zones: when the statement ended in MySQL, began in MariaDB. Else `# Time:` as local time of the
///   zone that was given, also that of an entry before, since it is only written when the second has changed.
/// - **Database.** `Schema` of the header; else the last `use` of the log: the server writes one when the database is another than
///   before. An entry of a connection without a database can't be told from one that uses the same again.
/// - **Values of the header** are fields of the same name in lower case, typed: times taken as durations, `Yes` and `No` as truth values,
///   numbers as numbers. Those that every server writes are null where missing; others are only in events whose entry has them. `Id` is
///   `thread_id`, `Schema` is `db`, `Start` and `End` are `start_time` and `end_time`.
/// - **User and host** as logged, `priv_user[user] @ host [ip]`, and split; null where the server left them empty.
/// - **Statement**: `sql_text`, as it stands, without the semicolon that the server puts behind it, and without `use` and `SET timestamp` before it.
///   `# administrator command: Quit` is the command's name, with `is_command`.
/// - Any other record is refused with the reason and the byte where it does not fit, so is one whose values are not of their type.
///
/// Keeps for each stream the last time and database.
#[derive(Clone, Debug, Default)]
pub struct MysqlSlow {
    zone: Zone,
    streams: Streams<Before>,
    entry: Entry,
    values: Vec<Typed>,
    scratch: Vec<u8>,
}

/// What an entry takes from those before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Before {
    time: Option<Timestamp>,
    db: Vec<u8>,
}

impl MysqlSlow {
    /// For logs whose local times are of this zone.
    pub fn new(zone: Zone) -> Self {
        Self { zone, ..Self::default() }
    }

    /// The schema of its events, `mysql_slow`.
    pub fn schema() -> Arc<Schema> {
        fields::schema().clone()
    }
}

impl Transform for MysqlSlow {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let keys = Keys::new(batch)?;
        self.streams.enter(batch);
        batch.parse_each(|event| {
            self.entry.read(event.raw())?;
            self.write(event, &keys)?;
            Ok(())
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }

    fn is_stateful(&self) -> bool {
        true
    }

    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        self.streams.get(stream).map(Before::to_bytes)
    }

    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        let Some(before) = Before::from_bytes(state) else {
            return Err(TransformError::new("this is no state of `mysql_slow`"));
        };
        self.streams.set(stream, before);
        Ok(())
    }
}

impl Before {
    /// Whether there is a time, the time, the database.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.time.is_some())];
        bytes.extend_from_slice(&self.time.unwrap_or_default().as_nanos().to_le_bytes());
        bytes.extend_from_slice(&self.db);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (timed, rest) = bytes.split_first()?;
        let (nanos, db) = rest.split_first_chunk()?;
        let time = Timestamp::from_nanos(i64::from_le_bytes(*nanos));
        let time = match timed {
            0 => None,
            1 => Some(time),
            _ => return None,
        };
        Some(Self { time, db: db.to_vec() })
    }
}

/// What is made once a batch.
struct Keys {
    ty: u16,
    user_host: [Key; 5],
    values: Vec<Key>,
    set_timestamp: Key,
    insert_id: Key,
    last_insert_id: Key,
    explain: Key,
    warnings: Key,
    is_command: Key,
    sql_text: Key,
}

impl Keys {
    fn new(batch: &mut Batch) -> Result<Self, BatchFull> {
        let mut user_host = [batch.add_key("user_host")?; 5];
        for (key, name) in user_host.iter_mut().zip(["user_host", "user", "priv_user", "host", "ip"]) {
            *key = batch.add_key(name)?;
        }
        Ok(Self {
            ty: batch.add_type(fields::schema())?,
            user_host,
            values: VALUES.iter().map(|value| batch.add_key(value.name)).collect::<Result<_, _>>()?,
            set_timestamp: batch.add_key("set_timestamp")?,
            insert_id: batch.add_key("insert_id")?,
            last_insert_id: batch.add_key("last_insert_id")?,
            explain: batch.add_key("explain")?,
            warnings: batch.add_key("warnings")?,
            is_command: batch.add_key("is_command")?,
            sql_text: batch.add_key("sql_text")?,
        })
    }
}

impl MysqlSlow {
    /// Writes the entry that was read.
    fn write(&mut self, event: &mut EventWriter<'_>, keys: &Keys) -> Result<(), Refused> {
        let Self { zone, streams, entry, values, scratch } = self;
        let raw = event.raw();
        values.clear();
        values.resize(VALUES.len(), Typed::Null);
        let mut has_schema = false;
        for pair in &entry.pairs {
            let Some(index) = fields::find(&raw[pair.name.clone()]) else { continue };
            has_schema |= index == DB;
            if values[index] == Typed::Null {
                values[index] = Typed::read(raw, pair.value.clone(), VALUES[index].kind, zone)?;
            }
        }

        let own_time = match entry.time {
            Some(time) => {
                Some(time.resolve(zone).ok_or(Refused::new(0, "a time between the years 1677 and 2262"))?)
            }
            None => None,
        };
        let set_timestamp =
            entry.set.timestamp.and_then(|secs| i64::try_from(secs).ok()).and_then(Timestamp::from_secs);
        let before = streams.of(event.origin());
        before.time = own_time.or(before.time);
        let zoned = own_time.filter(|_| entry.time.is_some_and(|time| time.has_zone()));
        if let Some(time) = zoned.or(set_timestamp).or(before.time) {
            event.set_time(time);
        }
        event.set_type(keys.ty);

        write_user_host(entry.user_host.as_ref(), event, &keys.user_host);
        values[THREAD_ID].write(event, keys.values[THREAD_ID]);
        if let Some(name) = entry.used.clone() {
            before.db.clear();
            unquote(&raw[name], &mut before.db);
        }
        if let Typed::Text(name) = &values[DB] {
            raw[name.clone()].clone_into(&mut before.db);
            event.str(keys.values[DB], name.clone());
        } else if has_schema || before.db.is_empty() {
            event.null(keys.values[DB]);
        } else {
            event.new_str(keys.values[DB], &before.db);
        }
        for (index, value) in values.iter().enumerate().skip(DB + 1) {
            if index < ALWAYS || *value != Typed::Null {
                value.write(event, keys.values[index]);
            }
        }
        write_others(entry, event, scratch);

        if let Some(time) = set_timestamp {
            event.timestamp(keys.set_timestamp, time);
        }
        if let Some(id) = entry.set.insert_id {
            event.u64(keys.insert_id, id);
        }
        if let Some(id) = entry.set.last_insert_id {
            event.u64(keys.last_insert_id, id);
        }
        write_lines(&entry.explain, event, keys.explain);
        write_lines(&entry.warnings, event, keys.warnings);
        event.bool(keys.is_command, entry.is_command);
        write_part(entry.sql_text.clone(), event, keys.sql_text);
        Ok(())
    }
}

fn write_user_host(user_host: Option<&UserHost>, event: &mut EventWriter<'_>, keys: &[Key; 5]) {
    let parts = match user_host.cloned() {
        Some(UserHost { text, user, priv_user, host, ip }) => [Some(text), user, priv_user, host, ip],
        None => [const { None }; 5],
    };
    for (part, key) in parts.into_iter().zip(keys) {
        write_part(part, event, *key);
    }
}

fn write_part(part: Option<Range<usize>>, event: &mut EventWriter<'_>, key: Key) {
    match part {
        Some(range) => event.str(key, range),
        None => event.null(key),
    }
}

/// The pairs whose names the servers are not known to write.
fn write_others(entry: &Entry, event: &mut EventWriter<'_>, name: &mut Vec<u8>) {
    let raw = event.raw();
    for pair in &entry.pairs {
        let logged = &raw[pair.name.clone()];
        if fields::find(logged).is_some() {
            continue;
        }
        name.clear();
        name.extend(logged.iter().map(u8::to_ascii_lowercase));
        let Ok(mut text) = std::str::from_utf8(name) else { continue };
        if fields::is_taken(text) {
            name.push(b'_');
            text = std::str::from_utf8(name).unwrap_or_default();
        }
        let key = event.key(text);
        Typed::guess(raw, pair.value.clone()).write(event, key);
    }
}

fn write_lines(lines: &[Range<usize>], event: &mut EventWriter<'_>, key: Key) {
    if lines.is_empty() {
        return;
    }
    event.begin_array(key);
    for line in lines {
        event.str(key, line.clone());
    }
    event.end();
}

/// The name of a database: as it is, or in backticks as MariaDB writes it.
fn unquote(name: &[u8], out: &mut Vec<u8>) {
    let inner = match name {
        [b'`', inner @ .., b'`'] if name.len() > 2 => inner,
        _ => return out.extend_from_slice(name),
    };
    let mut quoted = false;
    for byte in inner {
        quoted = *byte == b'`' && !quoted;
        if !quoted {
            out.push(*byte);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back() {
        for before in [
            Before::default(),
            Before { time: Some(Timestamp::from_nanos(-5)), db: b"my db".to_vec() },
            Before { time: Some(Timestamp::EPOCH), db: vec![0xff] },
        ] {
            assert_eq!(Before::from_bytes(&before.to_bytes()), Some(before));
        }
        for bytes in [&b""[..], &[0; 8], &[2; 9]] {
            assert_eq!(Before::from_bytes(bytes), None);
        }
    }

    #[test]
    fn a_name_in_backticks_is_what_it_quotes() {
        for (logged, expected) in [
            ("shop", "shop"),
            ("`my db`", "my db"),
            ("`a``b`", "a`b"),
            ("``", "``"),
            ("`", "`"),
            ("it's", "it's"),
        ] {
            let mut name = Vec::new();
            unquote(logged.as_bytes(), &mut name);
            assert_eq!(name, expected.as_bytes());
        }
    }
}
