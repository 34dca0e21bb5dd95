//! Records of syslog as a transform.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::batch::Row;
use dendro_core::{Batch, BatchFull, EventWriter, Key, Schema, Transform, TransformError};

use super::priority::{FACILITIES, Priority, SEVERITIES};
use super::record::{Dialect, Protocol, Record};
use super::schema;
use super::structured_data::StructuredData;
use crate::timestamp::Years;
use crate::{Refused, Zone};

/// Parses records of RFC 3164 and RFC 5424, as datagrams and streams carry them and files keep them.
///
/// - The protocol is told [for each record](Protocol). Anything is a record of RFC 3164: it is a message at least.
/// - A record is taken apart as rsyslog does; [`Dialect::Extended`] reads more. In RFC 3164 the word behind the time is the host
///   if it may be one, and what is behind it, up to a space or with a colon, the tag; without the space between tag and message.
/// - `-` in RFC 5424 is null, and so is what is missing. Without priority, those fields are null if there is a time, as
///   syslog servers write files; without a time too, they are `user` and `notice`, as RFC 3164 demands of
///   relays. A priority above 191 or one that is no number makes facility `invld`, severity `debug` and all of the record the message.
/// - A time without a year is in [the one that suits](crate::timestamp::Reading::near) the time at which the record was read, or counted from
///   [a first year](Self::year); without a zone it is in [the one that is given](Self::zone). Read besides are a year
///   before the month or before the hour, fractions, RFC 3339, and what Cisco's devices write: a number
///   before, `*` or `.` before the month, a zone's name with a colon behind. A day that the calendar does not have leaves the event without a time.
/// - Structured data become an object of objects with the escapes decoded: a parameter that is there more than once is an array.
///   Where they are not well-formed, or not followed by a space, rsyslog cuts them at the next `] ` or before the last byte of the record: so it is here, with the text
///   in `structured_data_text`; [`Dialect::Extended`] needs no space.
/// - A byte order mark before the message, and NULs and newlines behind it, are no part of it.
/// - A line without a priority that begins with a blank goes on with the message of the line before: it is an event with a
///   message alone.
///
/// ```
/// use dendro_parsers::syslog::Syslog;
/// let schema = Syslog::schema();
/// assert_eq!(schema.get("hostname").unwrap().otel.as_deref(), Some("host.name"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Syslog {
    protocol: Protocol,
    dialect: Dialect,
    strict: bool,
    zone: Zone,
    years: Years,
    data: StructuredData,
    tag: Vec<u8>,
}

impl Syslog {
    /// For both protocols, times without a zone in UTC.
    pub fn new() -> Self {
        Self::default()
    }

    /// For one of the protocols.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// For a dialect.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Whether to refuse what has neither a priority nor a time.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// The zone of times that don't tell theirs.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// The year in which each stream begins whose times have none.
    pub fn year(mut self, first: Option<i32>) -> Self {
        self.years = Years::new(first);
        self
    }

    /// The schema of its events, `syslog`.
    pub fn schema() -> Arc<Schema> {
        schema::syslog().clone()
    }
}

impl Transform for Syslog {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let prepared = Prepared::new(batch)?;
        let stream = if self.years.is_stateful() { batch.stream().map(str::to_owned) } else { None };
        let Self { protocol, dialect, strict, zone, years, data, tag } = self;
        let mut year = years.of(stream.as_deref());
        batch.parse_each(|event| {
            let record = Record::parse(event.raw(), *protocol, *dialect, data)?;
            if *strict && record.time.is_none() && !matches!(record.priority, Priority::Valid(_)) {
                return Err(Refused::new(0, "a priority as in `<13>`, or a time").into());
            }
            event.set_type(prepared.ty);
            if let Some(reading) = &record.time
                && let Some(time) = year.resolve(reading, event.observed(), zone)
            {
                event.set_time(time);
            }
            prepared.write(&record, event, data, tag);
            Ok(())
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }

    fn is_stateful(&self) -> bool {
        self.years.is_stateful()
    }

    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        self.years.snapshot(stream)
    }

    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        self.years.restore(stream, state)
    }
}

/// The fields that every event has.
const FIELDS: [&str; 14] = [
    "pri",
    "facility",
    "facility_code",
    "severity",
    "severity_code",
    "version",
    "hostname",
    "syslogtag",
    "program",
    "programname",
    "app_name",
    "procid",
    "msgid",
    "message",
];
const PRI: usize = 0;
const FACILITY: usize = 1;
const FACILITY_CODE: usize = 2;
const SEVERITY: usize = 3;
const SEVERITY_CODE: usize = 4;
const VERSION: usize = 5;
const HOSTNAME: usize = 6;
const SYSLOGTAG: usize = 7;
const PROGRAM: usize = 8;
const PROGRAMNAME: usize = 9;
const APP_NAME: usize = 10;
const PROCID: usize = 11;
const MSGID: usize = 12;
const MESSAGE: usize = 13;

/// What RFC 3164 has a relay take for the priority of a record that has none: user.notice.
const RELAYS_PRIORITY: u8 = 13;

/// What is made once a batch.
struct Prepared {
    row: Row<{ FIELDS.len() }>,
    ty: u16,
    structured_data: Key,
    structured_data_text: Key,
    sequence: Key,
}

impl Prepared {
    fn new(batch: &mut Batch) -> Result<Self, BatchFull> {
        Ok(Self {
            row: Row::new(&FIELDS, batch)?,
            ty: batch.add_type(schema::syslog())?,
            structured_data: batch.add_key("structured_data")?,
            structured_data_text: batch.add_key("structured_data_text")?,
            sequence: batch.add_key("sequence")?,
        })
    }

    fn write(
        &self,
        record: &Record,
        event: &mut EventWriter<'_>,
        data: &mut StructuredData,
        tag: &mut Vec<u8>,
    ) {
        let raw = event.raw();
        let mut row = event.row(&self.row);
        let priority = match record.priority {
            Priority::Valid(priority) => Some(priority),
            Priority::Missing if record.time.is_none() && record.tag.is_some() => Some(RELAYS_PRIORITY),
            Priority::Missing | Priority::Invalid => None,
        };
        let mut severity = (record.priority == Priority::Invalid).then_some(7);
        if let Some(priority) = priority {
            let facility = priority / 8;
            row.u64(PRI, priority.into());
            row.u64(FACILITY_CODE, facility.into());
            row.new_str(
                FACILITY,
                FACILITIES.get(usize::from(facility)).copied().unwrap_or_default().as_bytes(),
            );
            severity = Some(priority % 8);
        } else if severity.is_some() {
            row.new_str(FACILITY, b"invld");
        }
        if let Some(severity) = severity {
            row.u64(SEVERITY_CODE, severity.into());
            row.new_str(
                SEVERITY,
                SEVERITIES.get(usize::from(severity)).copied().unwrap_or_default().as_bytes(),
            );
        }
        if let Some(version) = record.version {
            row.u64(VERSION, version);
        }
        let ranges = [
            (HOSTNAME, &record.hostname),
            (PROGRAM, &record.program),
            (PROCID, &record.procid),
            (MSGID, &record.msgid),
            (SYSLOGTAG, &record.tag),
        ];
        for (field, range) in ranges {
            if let Some(range) = range {
                row.str(field, range.clone());
            }
        }
        let program = record.program.clone().unwrap_or_default();
        let short = program.start..program.start + short_len(raw.get(program.clone()).unwrap_or_default());
        if !short.is_empty() {
            row.str(PROGRAMNAME, short.clone());
        }
        if record.version.is_none() {
            if !short.is_empty() {
                row.str(APP_NAME, short);
            }
        } else if !program.is_empty() {
            row.str(APP_NAME, program.clone());
            row.str(SYSLOGTAG, program.clone());
        }
        if let (Some(_), Some(procid)) = (record.version, &record.procid) {
            let name = if program.is_empty() { b"-" } else { raw.get(program).unwrap_or_default() };
            joined(name, raw, procid, tag);
            row.new_str(SYSLOGTAG, tag);
        }
        row.str(MESSAGE, record.message.clone());

        data.write(event, self.structured_data);
        if let Some(text) = &record.odd_data {
            event.str(self.structured_data_text, text.clone());
        }
        if let Some(sequence) = record.sequence {
            event.u64(self.sequence, sequence);
        }
    }
}

/// How long the name is that rsyslog calls `programname`: up to the first slash, bracket or colon, or what is not printable.
fn short_len(name: &[u8]) -> usize {
    let of_name = |byte: &&u8| (b' '..=b'~').contains(*byte) && !matches!(byte, b':' | b'[' | b'/');
    name.iter().take_while(of_name).count()
}

/// The tag that RFC 3164 would have.
fn joined(name: &[u8], raw: &[u8], procid: &Range<usize>, tag: &mut Vec<u8>) {
    tag.clear();
    tag.extend_from_slice(name);
    tag.push(b'[');
    tag.extend_from_slice(raw.get(procid.clone()).unwrap_or_default());
    tag.push(b']');
}
