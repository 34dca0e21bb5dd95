//! Comma-separated values as a transform.

use std::sync::Arc;

use dendro_core::batch::Reason;
use dendro_core::{Batch, BatchFull, EventWriter, Key, Schema, Timestamp, Transform, TransformError};

use super::columns::{Column, Kind};
use super::framer::BOM;
use super::{Dialect, Field, Fields, undouble};
use crate::record_time::TimeField;
use crate::streams::Streams;
use crate::timestamp::leading_iso;
use crate::{Refused, Zone, decimal, inferred};

/// Parses records of fields, whose columns the first record of a stream names, or the configuration.
///
/// - Columns are fields of the event under the names that they are given, without white space around them. One without a name is `column_3`, if
///   it is the third; the second `name` is `name_2`.
/// - What is empty without quotes is null; `""` is the empty text, and null where the column is a number, a time or a truth value.
/// - A record with more or fewer fields than there are columns is refused, and so is one with a value that is not of its column's type.
/// - The record that names the columns is no event. It is remembered for its stream, over a restart too; a stream that begins anew has
///   its own.
/// - The time is taken as [`Json`](crate::json::Json) does.
///
/// [`CsvRecords`](super::CsvRecords) cuts its records.
#[derive(Clone, Debug)]
pub struct Csv {
    dialect: Dialect,
    schema: Arc<Schema>,
    configured: Option<Vec<Column>>,
    /// Of columns that the log names.
    typed: Vec<Column>,
    infer_types: bool,
    header: bool,
    null: Option<Vec<u8>>,
    zone: Zone,
    time: TimeField,
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
    /// Records whose columns the first one of each stream names, all of them texts. Events have this type.
    pub fn new(event_type: &str, dialect: Dialect) -> Self {
        Self {
            dialect,
            schema: Arc::new(Schema::new(event_type.to_owned()).doc(NAMED_BY_LOG)),
            configured: None,
            typed: Vec::new(),
            infer_types: false,
            header: true,
            null: None,
            zone: Zone::UTC,
            time: TimeField::default(),
            streams: Streams::default(),
            batch: 0,
            scratch: Vec::new(),
        }
    }

    /// Sets the columns: `name` or `name:type`, with commas between them; types are `str`, `u64`, `i64`, `f64`, `bool`, `timestamp` and
    /// `duration_s`, `duration_ms`, `duration_us` and `duration_ns`. The first record is one like the others then, unless
    /// [`header`](Self::header) says otherwise.
    ///
    /// # Errors
    /// [`InvalidColumns`] if there is no such type, or a name is missing or comes twice.
    pub fn columns(mut self, columns: &str) -> Result<Self, InvalidColumns> {
        let columns = Column::list(columns).map_err(|(at, problem)| InvalidColumns { at, problem })?;
        self.configured = Some(columns);
        self.header = false;
        Ok(self.published())
    }

    /// Sets the types of columns that the log names, in the same way: `size:u64,took:duration_ms`.
    ///
    /// # Errors
    /// As [`columns`](Self::columns).
    pub fn types(mut self, types: &str) -> Result<Self, InvalidColumns> {
        let columns = Column::list(types).map_err(|(at, problem)| InvalidColumns { at, problem })?;
        self.typed = columns;
        Ok(self.published())
    }

    /// Whether values without quotes, of columns without a type, that look so become numbers, booleans and durations.
    pub fn infer_types(mut self, infer_types: bool) -> Self {
        self.infer_types = infer_types;
        self.published()
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

    /// Sets the zone of columns with times that don't tell theirs.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    pub(super) fn time(mut self, time: TimeField) -> Self {
        self.time = time;
        self
    }

    /// The schema of its events.
    pub fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }

    fn published(mut self) -> Self {
        let (doc, columns) = match (&self.configured, self.infer_types) {
            (None, _) => (NAMED_BY_LOG, &self.typed),
            (Some(columns), false) => ("One record, with the columns that were configured.", columns),
            (Some(columns), true) => (
                "One record, with the columns that were configured; those whose values tell their type are further fields.",
                columns,
            ),
        };
        let mut schema = Schema::new(self.schema.name.clone()).doc(doc);
        for column in columns.iter().filter(|column| column.kind != Kind::Any || !self.infer_types) {
            schema = schema.field(column.schema());
        }
        self.schema = Arc::new(schema);
        self
    }

    /// Parses a record; whether it was one that names the columns.
    fn parse(&mut self, event: &mut EventWriter<'_>, ty: u16) -> Result<bool, Reason> {
        let state = self.streams.of(event.origin());
        // A stream that begins anew: its file was written anew, or is another one.
        if event.position() == 0 && state.position > 0 {
            state.columns = None;
        }
        state.position = event.position();
        let begins = state.columns.is_none();
        if begins {
            let mut columns = match &self.configured {
                Some(columns) => columns.clone(),
                None => first_columns(event, self.dialect, self.header)?,
            };
            complete(&mut columns, &self.typed, &self.time);
            state.columns = Some(columns);
        }
        let State { columns: Some(columns), keys, batch, .. } = state else { return Ok(false) };
        if *batch != self.batch || begins {
            *batch = self.batch;
            keys.clear();
            keys.extend(columns.iter().map(|column| event.key(&column.name)));
        }
        event.set_type(ty);
        if begins && self.header {
            return Ok(true);
        }
        if !event.is_empty() {
            event.keep_last_of_each_name();
        }
        self.time.begin();
        let raw = event.raw();
        let mut fields = fields_of(event, self.dialect);
        let mut values = Values {
            quote: self.dialect.quote,
            null: self.null.as_deref(),
            infer_types: self.infer_types,
            zone: &mut self.zone,
            scratch: &mut self.scratch,
        };
        for (column, key) in columns.iter().zip(keys.iter()) {
            let at = fields.position();
            let field = fields.next_field().ok_or_else(|| ragged(raw.len(), columns.len()))??;
            if column.time_rank > 0 {
                self.time.found(column.time_rank, field.range.clone());
            }
            let written = values.write(event, field, column.kind, *key);
            written.ok_or_else(|| Refused::new(at, column.kind.expected()))?;
        }
        if fields.position() <= raw.len() {
            return Err(ragged(fields.position(), columns.len()));
        }
        match self.time.read(raw, event.observed()) {
            Ok(Some(time)) => event.set_time(time),
            Ok(None) => {}
            Err(at) => return Err(Refused::new(at, "a time, as a date and time or a number").into()),
        }
        Ok(false)
    }

    /// Makes the keys of columns that are known before the batch: those that an event makes are gone if it is refused.
    fn prepare(&mut self, batch: &mut Batch) -> Result<(), BatchFull> {
        self.batch += 1;
        self.streams.enter(batch);
        for origin in (0..batch.origins().len() as u16).chain([u16::MAX]) {
            let state = self.streams.of(origin);
            let Some(columns) = state.columns.as_ref().or(self.configured.as_ref()) else { continue };
            state.keys =
                columns.iter().map(|column| batch.add_key(&column.name)).collect::<Result<_, _>>()?;
            state.batch = self.batch;
        }
        Ok(())
    }
}

const NAMED_BY_LOG: &str =
    "One record; its columns are further fields, which the first record of the log names.";

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

/// As many fields as an event may have.
const MOST_COLUMNS: usize = 1_024;

/// The columns that a first record names, or that it has.
fn first_columns(event: &EventWriter<'_>, dialect: Dialect, header: bool) -> Result<Vec<Column>, Reason> {
    let raw = event.raw();
    let mut all = fields_of(event, dialect);
    let fields: Vec<Field> = all.by_ref().take(MOST_COLUMNS).collect::<Result<_, _>>()?;
    if all.position() <= raw.len() {
        let expected = "the end of the record: an event can't have more columns";
        return Err(Refused::new(all.position(), expected).into());
    }
    let names = fields.iter().map(|field| {
        let text = if header { raw.get(field.range.clone()).unwrap_or_default() } else { b"" };
        let mut name = Vec::new();
        match dialect.quote {
            Some(quote) if field.escaped => undouble(text, quote, &mut name),
            _ => name.extend_from_slice(text),
        }
        String::from_utf8_lossy(&name).into_owned()
    });
    Ok(Column::of_header(names))
}

/// Adds what is configured of the columns.
fn complete(columns: &mut [Column], typed: &[Column], time: &TimeField) {
    for column in columns {
        if let Some(typed) = typed.iter().find(|typed| typed.name == column.name) {
            column.kind = typed.kind;
        }
        column.time_rank = time.rank(&column.name);
    }
}

#[cold]
fn ragged(at: usize, columns: usize) -> Reason {
    format!("at byte {at}: expected {columns} fields, as there are columns").into()
}

/// How values are written.
struct Values<'a> {
    quote: Option<u8>,
    null: Option<&'a [u8]>,
    infer_types: bool,
    zone: &'a mut Zone,
    scratch: &'a mut Vec<u8>,
}

impl Values<'_> {
    /// Writes a field; `None` if it is not of its kind.
    #[inline]
    fn write(&mut self, event: &mut EventWriter<'_>, field: Field, kind: Kind, key: Key) -> Option<()> {
        let text = event.raw().get(field.range.clone()).unwrap_or_default();
        let is_text = matches!(kind, Kind::Any | Kind::Str);
        let missing = text.is_empty() && (!field.quoted || !is_text);
        if missing || (!field.quoted && self.null == Some(text)) {
            event.null(key);
            return Some(());
        }
        match kind {
            Kind::Any | Kind::Str if field.escaped => {
                self.scratch.clear();
                undouble(text, self.quote?, self.scratch);
                event.new_str(key, self.scratch);
            }
            Kind::Any if self.infer_types && !field.quoted => inferred::write(event, key, field.range),
            Kind::Any | Kind::Str => event.str(key, field.range),
            Kind::U64 => event.u64(key, decimal::whole(text)?),
            Kind::I64 => event.i64(key, decimal::signed(text)?),
            Kind::F64 => event.f64(key, decimal::float(text)?),
            Kind::Bool => event.bool(key, truth(text)?),
            Kind::Timestamp => event.timestamp(key, time(text, event.observed(), self.zone)?),
            Kind::Duration(unit) => event.duration(key, decimal::duration(text, unit)?),
        }
        Some(())
    }
}

fn truth(text: &[u8]) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(["true", "yes", "t", "1"]) { Some(true) } else { is(["false", "no", "f", "0"]).then_some(false) }
}

fn time(text: &[u8], observed: Timestamp, zone: &mut Zone) -> Option<Timestamp> {
    let (reading, len) = leading_iso(text)?;
    if len == text.len() { reading.near(observed, zone) } else { None }
}

impl Transform for Csv {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let ty = batch.add_type(&self.schema)?;
        self.prepare(batch)?;
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
        let mut columns = match &self.configured {
            Some(columns) => columns.clone(),
            None => names.into_iter().map(|name| Column::new(name, Kind::Any)).collect(),
        };
        complete(&mut columns, &self.typed, &self.time);
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
