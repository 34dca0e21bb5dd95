//! Comma-separated values as a transform.

use std::borrow::Cow;
use std::sync::Arc;

use dendro_core::{Batch, EventWriter, Key, Schema, Timestamp, Transform, TransformError};

use super::columns::{Column, Kind};
use super::framer::BOM;
use super::{Dialect, Field, Fields, undouble};
use crate::streams::Streams;
use crate::timestamp::leading_iso;
use crate::{Refused, Zone};

/// Parses records of fields, whose columns the first record of a stream names, or the configuration.
///
/// - Columns are fields of the event under the names that they are given, without white space around them. One without a name is `column_3`, if
///   it is the third; the second `name` is `name_2`.
/// - What is empty without quotes is null; `""` is the empty text, and null where the column is a number, a time or a truth value.
/// - A record with more or fewer fields than there are columns is refused, and so is one with a value that is not of its column's type.
/// - The record that names the columns is no event. It is remembered for its stream, over a restart too; a stream that begins anew has
///   its own.
///
/// [`CsvRecords`](super::CsvRecords) cuts its records.
#[derive(Clone, Debug)]
pub struct Csv {
    dialect: Dialect,
    schema: Arc<Schema>,
    configured: Option<Vec<Column>>,
    header: bool,
    null: Option<Vec<u8>>,
    zone: Zone,
    streams: Streams<State>,
    /// The number of the batch at hand.
    batch: u64,
    scratch: Vec<u8>,
}

/// What is known of a stream.
#[derive(Clone, Debug, Default)]
struct State {
    /// None yet.
    columns: Option<Vec<Column>>,
    /// Their keys in the batch of this number.
    keys: Vec<Key>,
    batch: u64,
    /// Where the record before began.
    position: u64,
}

/// Why columns can't be configured so: at which byte of the text, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidColumns {
    /// The byte that is at fault.
    pub at: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

impl std::fmt::Display for InvalidColumns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "columns at byte {}: {}", self.at, self.problem)
    }
}

impl std::error::Error for InvalidColumns {}

impl Csv {
    /// Records whose columns the first one of each stream names. Events have this type.
    pub fn new(event_type: &'static str, dialect: Dialect) -> Self {
        let schema = Schema::new(event_type)
            .doc("One record; its columns are further fields, which the first record of the log names.");
        Self {
            dialect,
            schema: Arc::new(schema),
            configured: None,
            header: true,
            null: None,
            zone: Zone::UTC,
            streams: Streams::default(),
            batch: 0,
            scratch: Vec::new(),
        }
    }

    /// Sets the columns: `name` or `name:type`, with commas between them; types are `str` (the default), `u64`, `i64`, `f64`, `bool` and
    /// `timestamp`. The first record is one like the others then, unless [`header`](Self::header) says otherwise.
    ///
    /// # Errors
    /// [`InvalidColumns`] if there is no such type, or a name is missing or comes twice.
    pub fn columns(mut self, columns: &str) -> Result<Self, InvalidColumns> {
        let columns = Column::list(columns).map_err(|(at, problem)| InvalidColumns { at, problem })?;
        let schema =
            Schema::new(self.schema.name.clone()).doc("One record, with the columns that were configured.");
        let schema = columns.iter().fold(schema, |schema, column| schema.field(column.schema()));
        self.schema = Arc::new(schema);
        self.configured = Some(columns);
        self.header = false;
        Ok(self)
    }

    /// Sets whether the first record of a stream names the columns; if they are configured, it is only left out. Without either they
    /// are `column_1`, `column_2` and so on, as many as the first record has.
    pub fn header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// Sets a text without quotes that means nothing, as `NULL` or `\N`.
    pub fn null(mut self, text: &str) -> Self {
        self.null = Some(text.as_bytes().to_vec());
        self
    }

    /// Sets the zone of times that don't tell theirs.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// The schema of its events.
    pub fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }

    /// Parses a record; whether it was one that names the columns.
    fn parse(&mut self, event: &mut EventWriter<'_>, ty: u16) -> Result<bool, Cow<'static, str>> {
        let state = self.streams.of(event.origin());
        // A stream that begins anew: its file was written anew, or is another one.
        if event.position() == 0 && state.position > 0 {
            state.columns = None;
        }
        state.position = event.position();
        let mut is_header = false;
        if state.columns.is_none() {
            state.columns = Some(match &self.configured {
                Some(columns) => columns.clone(),
                None => first_columns(event, self.dialect, self.header)?,
            });
            state.batch = 0;
            is_header = self.header;
        }
        let State { columns: Some(columns), keys, batch, .. } = state else { return Ok(false) };
        if is_header {
            return Ok(true);
        }
        if *batch != self.batch {
            *batch = self.batch;
            keys.clear();
            keys.extend(columns.iter().map(|column| event.key(&column.name)));
        }
        event.set_type(ty);
        let raw = event.raw();
        let mut fields = fields_of(event, self.dialect);
        for (column, key) in columns.iter().zip(keys.iter()) {
            let at = fields.position();
            let field = fields.next_field().ok_or_else(|| ragged(raw.len(), columns.len()))??;
            write(
                event,
                self.dialect,
                &field,
                column.kind,
                *key,
                self.null.as_deref(),
                &mut self.zone,
                &mut self.scratch,
            )
            .ok_or(Refused::new(at, column.kind.expected()))?;
        }
        if fields.position() <= raw.len() { Err(ragged(fields.position(), columns.len())) } else { Ok(false) }
    }
}

/// As many fields as an event may have.
const MOST_COLUMNS: usize = 1_024;

#[cold]
fn ragged(at: usize, columns: usize) -> Cow<'static, str> {
    format!("at byte {at}: expected {columns} fields, as there are columns").into()
}

/// A stream may begin with a byte order mark.
#[inline]
fn fields_of<'a>(event: &EventWriter<'a>, dialect: Dialect) -> Fields<'a> {
    let raw = event.raw();
    if event.position() == 0 && raw.starts_with(BOM) {
        Fields::behind(raw, dialect, BOM.len())
    } else {
        Fields::new(raw, dialect)
    }
}

/// The columns that a first record names, or that it has.
fn first_columns(
    event: &EventWriter<'_>,
    dialect: Dialect,
    header: bool,
) -> Result<Vec<Column>, Cow<'static, str>> {
    let raw = event.raw();
    let mut all = fields_of(event, dialect);
    let fields: Vec<Field> = all.by_ref().take(MOST_COLUMNS).collect::<Result<_, _>>()?;
    if all.position() <= raw.len() {
        return Err(
            Refused::new(all.position(), "the end of the record: an event can't have more columns").into()
        );
    }
    let names = fields.iter().map(|field| {
        let mut name = Vec::new();
        if header {
            undouble_if(raw, field, dialect, &mut name);
        }
        String::from_utf8_lossy(&name).into_owned()
    });
    Ok(Column::of_header(names))
}

fn undouble_if(raw: &[u8], field: &Field, dialect: Dialect, out: &mut Vec<u8>) {
    let text = raw.get(field.range.clone()).unwrap_or_default();
    match dialect.quote {
        Some(quote) if field.escaped => undouble(text, quote, out),
        _ => out.extend_from_slice(text),
    }
}

/// Writes a field; `None` if it is not of its kind.
#[inline]
#[allow(clippy::too_many_arguments, reason = "what is known of a field")]
fn write(
    event: &mut EventWriter<'_>,
    dialect: Dialect,
    field: &Field,
    kind: Kind,
    key: Key,
    null: Option<&[u8]>,
    zone: &mut Zone,
    scratch: &mut Vec<u8>,
) -> Option<()> {
    let text = event.raw().get(field.range.clone()).unwrap_or_default();
    let missing = text.is_empty() && (!field.quoted || kind != Kind::Str);
    if missing || (!field.quoted && null == Some(text)) {
        event.null(key);
        return Some(());
    }
    if kind == Kind::Str {
        if field.escaped {
            scratch.clear();
            undouble_if(event.raw(), field, dialect, scratch);
            event.new_str(key, scratch);
        } else {
            event.str(key, field.range.clone());
        }
        return Some(());
    }
    let text = std::str::from_utf8(text).ok()?;
    match kind {
        Kind::U64 => event.u64(key, text.parse().ok()?),
        Kind::I64 => event.i64(key, text.parse().ok()?),
        Kind::F64 => event.f64(key, text.parse().ok().filter(|value: &f64| value.is_finite())?),
        Kind::Bool => event.bool(
            key,
            match text {
                "true" | "TRUE" | "True" | "t" | "1" => true,
                "false" | "FALSE" | "False" | "f" | "0" => false,
                _ => return None,
            },
        ),
        Kind::Timestamp => event.timestamp(key, time(text.as_bytes(), zone)?),
        Kind::Str => {}
    }
    Some(())
}

fn time(text: &[u8], zone: &mut Zone) -> Option<Timestamp> {
    let (reading, len) = leading_iso(text)?;
    if len == text.len() { reading.near(Timestamp::EPOCH, zone) } else { None }
}

impl Transform for Csv {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let ty = batch.add_type(&self.schema)?;
        self.streams.enter(batch);
        self.batch += 1;
        let unparsed = |index: &usize| batch.get(*index).is_some_and(|event| event.is_unparsed());
        let indices: Vec<usize> = (0..batch.end_index()).filter(unparsed).collect();
        let (mut index, mut headers) = (0, Vec::new());
        batch.parse_each(|event| {
            index += 1;
            if self.parse(event, ty)? {
                headers.push(index - 1);
            }
            Ok(())
        });
        headers.into_iter().for_each(|header| batch.remove(indices[header]));
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![self.schema()]
    }

    fn is_stateful(&self) -> bool {
        self.header || self.configured.is_none()
    }

    /// The names of the columns, each behind its length.
    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        let columns = self.streams.get(stream)?.columns.as_ref()?;
        let mut state = Vec::new();
        for Column { name, .. } in columns {
            state.extend_from_slice(&(name.len() as u32).to_le_bytes());
            state.extend_from_slice(name.as_bytes());
        }
        Some(state)
    }

    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        let names = read_names(state).ok_or_else(|| TransformError::new("these are no names of columns"))?;
        let columns = match &self.configured {
            Some(columns) => columns.clone(),
            None => names.into_iter().map(|name| Column { name, kind: Kind::Str }).collect(),
        };
        self.streams.set(stream, State { columns: Some(columns), position: 1, ..State::default() });
        Ok(())
    }
}

/// What [`Csv::snapshot`] has written.
fn read_names(mut state: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    while let Some((len, rest)) = state.split_first_chunk() {
        let (name, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        names.push(std::str::from_utf8(name).ok()?.to_owned());
        state = rest;
    }
    (state.is_empty() && !names.is_empty()).then_some(names)
}
