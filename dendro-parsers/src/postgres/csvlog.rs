//! csvlog as a transform.

use std::sync::Arc;

use dendro_core::batch::Row;
use dendro_core::{Batch, EventWriter, Schema, Transform, TransformError};

use super::clock::Clock;
use super::labels::Severity;
use super::out::{Out, Text};
use super::schema::{self, Field, Keys};
use crate::csv::{Dialect, Fields, undouble};
use crate::{Refused, Zone, decimal};

/// Parses records of PostgreSQL's csvlog.
///
/// - The columns of every version are known by their number: 22 (to 8.4), 23 (9.0 to 12), 24 (13) and 26 (14 and later). A column that the
///   version does not have is null.
/// - The fields have the names of the columns of the table that PostgreSQL's documentation creates for csvlog. `log_time` is the time of the
///   event. `connection_from` is also split into `remote_host` and `remote_port`, `location` into `func_name`, `file_name` and
///   `file_line_num`, the message of a duration or a logged statement into `duration`, `phase`, `statement` and the names, and a detail of
///   parameters into `parameters`.
/// - What is empty without quotes is null, as the server means it; `""` is the empty text.
/// - `error_severity` is as it stands there, in the server's language; `severity` is the same in English.
/// - A record that is cut off or damaged is refused with the reason and the byte where it does not fit.
///
/// Its records span lines: [`CsvLogRecords`](super::CsvLogRecords) cuts them.
///
/// ```
/// let schema = dendro_parsers::postgres::CsvLog::schema();
/// assert_eq!(schema.name, "postgres");
/// ```
#[derive(Clone, Debug, Default)]
pub struct CsvLog {
    clock: Clock,
    /// The sessions' own, since it remembers.
    start_clock: Clock,
    joined: Vec<u8>,
    scratch: Vec<u8>,
}

impl CsvLog {
    /// For logs whose times have a zone that its abbreviation tells; any other is refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the zone that is meant by an abbreviation that more than one has (`IST`, `CST`).
    pub fn zone(mut self, zone: Zone) -> Self {
        self.clock = Clock::new(Some(zone));
        self.start_clock = self.clock.clone();
        self
    }

    /// The schema of its events, `postgres`.
    pub fn schema() -> Arc<Schema> {
        schema::schema().clone()
    }
}

impl Transform for CsvLog {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let keys = Keys::new(batch)?;
        let names = COLUMNS.map(|(column, _)| schema::schema().fields[column as usize].name.as_ref());
        let row = Row::new(&names, batch)?;
        batch.parse_each(|event| Ok(self.parse(event, &keys, &row)?));
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }
}

/// How many columns there are by now.
const MOST: usize = 26;

/// The columns that are texts or numbers without a sign, by their number in the record.
const COLUMNS: [(Field, usize); MOST - 3] = [
    (Field::UserName, 1),
    (Field::DatabaseName, 2),
    (Field::ProcessId, 3),
    (Field::ConnectionFrom, 4),
    (Field::SessionId, 5),
    (Field::SessionLineNum, 6),
    (Field::CommandTag, 7),
    (Field::VirtualTransactionId, 9),
    (Field::TransactionId, 10),
    (Field::ErrorSeverity, 11),
    (Field::SqlStateCode, 12),
    (Field::Message, 13),
    (Field::Detail, 14),
    (Field::Hint, 15),
    (Field::InternalQuery, 16),
    (Field::InternalQueryPos, 17),
    (Field::Context, 18),
    (Field::Query, 19),
    (Field::QueryPos, 20),
    (Field::Location, 21),
    (Field::ApplicationName, 22),
    (Field::BackendType, 23),
    (Field::LeaderPid, 24),
];
const LOG_TIME: usize = 0;
const PROCESS_ID: usize = 3;
const CONNECTION_FROM: usize = 4;
const SESSION_LINE_NUM: usize = 6;
const SESSION_START_TIME: usize = 8;
const TRANSACTION_ID: usize = 10;
const ERROR_SEVERITY: usize = 11;
const MESSAGE: usize = 13;
const DETAIL: usize = 14;
const INTERNAL_QUERY_POS: usize = 17;
const QUERY_POS: usize = 20;
const LOCATION: usize = 21;
const LEADER_PID: usize = 24;
const QUERY_ID: usize = 25;

const NUMBER: &str = "a number of at most 64 bits";
const COUNT: &str = "one more column: csvlog has 22, 23, 24 or 26";
const END: &str = "the end of the record: csvlog has 22, 23, 24 or 26 columns";

/// The fields of a record; nothing is null.
type Columns = [Option<Text>; MOST];

impl CsvLog {
    #[inline]
    fn parse(
        &mut self,
        event: &mut EventWriter<'_>,
        keys: &Keys,
        row: &Row<{ COLUMNS.len() }>,
    ) -> Result<(), Refused> {
        let Self { clock, start_clock, joined, scratch } = self;
        joined.clear();
        let raw = event.raw();
        let columns = split(raw, joined)?;
        let time = columns[LOG_TIME].unwrap_or(Text::raw(0..0));
        event.set_time(clock.read(time.of(raw, joined)).map_err(|expected| Refused::new(0, expected))?);
        event.set_type(keys.ty);

        let mut fields = event.row(row);
        for (field, (_, column)) in COLUMNS.iter().enumerate() {
            let Some(text) = columns[*column] else { continue };
            match *column {
                PROCESS_ID | SESSION_LINE_NUM | TRANSACTION_ID | INTERNAL_QUERY_POS | QUERY_POS
                | LEADER_PID => {
                    let number = decimal::whole(text.of(raw, joined));
                    fields.u64(field, number.ok_or_else(|| Refused::new(text.place(raw), NUMBER))?);
                }
                _ if text.is_joined() => fields.new_str(field, text.of(raw, joined)),
                _ => fields.str(field, text.range()),
            }
        }
        let mut out = Out { event, keys, joined, scratch };
        if let Some(text) = columns[SESSION_START_TIME] {
            let time = start_clock.read(out.bytes(text));
            let time = time.map_err(|expected| Refused::new(text.place(raw), expected))?;
            out.time(Field::SessionStartTime, time);
        }
        if let Some(text) = columns[QUERY_ID] {
            let id = decimal::signed(out.bytes(text));
            out.i64(Field::QueryId, id.ok_or_else(|| Refused::new(text.place(raw), NUMBER))?);
        }
        write_parts(&mut out, &columns);
        Ok(())
    }
}

/// The fields of a record; what is doubled in quotes is put into `joined`.
#[inline]
fn split(raw: &[u8], joined: &mut Vec<u8>) -> Result<Columns, Refused> {
    let mut fields = Fields::new(raw, Dialect::CSV);
    let mut columns: Columns = [None; MOST];
    let mut count = 0;
    for column in &mut columns {
        let Some(field) = fields.next_field() else { break };
        let field = field?;
        count += 1;
        if field.escaped {
            let start = joined.len();
            undouble(raw.get(field.range).unwrap_or_default(), b'"', joined);
            *column = Some(Text::joined(start..joined.len()));
        } else if field.quoted || !field.range.is_empty() {
            *column = Some(Text::raw(field.range));
        }
    }
    if fields.position() <= raw.len() {
        return Err(Refused::new(fields.position(), END));
    }
    if matches!(count, 22 | 23 | 24 | 26) { Ok(columns) } else { Err(Refused::new(raw.len(), COUNT)) }
}

/// What is in parts of the columns.
#[inline]
fn write_parts(out: &mut Out<'_, '_>, columns: &Columns) {
    if let Some(client) = columns[CONNECTION_FROM] {
        out.client(client, true);
    }
    let word = columns[ERROR_SEVERITY];
    let severity = word.and_then(|word| Severity::of(out.bytes(word)));
    if let (Some(word), Some(severity)) = (word, severity) {
        out.severity(severity, word);
    }
    out.split(severity, columns[MESSAGE], columns[DETAIL]);
    if let Some(location) = columns[LOCATION] {
        out.location(location);
    }
}
