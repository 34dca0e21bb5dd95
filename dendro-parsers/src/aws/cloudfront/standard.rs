//! Standard logs as a transform.

use std::sync::{Arc, LazyLock, OnceLock};

use dendro_core::{Batch, BatchFull, EventRef, EventWriter, Key, Schema, Transform, TransformError};

use super::columns::{ByKey, Column, KNOWN, Kind, STANDARD, STANDARD_LENGTHS, schema};
use super::realtime::{InvalidColumns, split};
use super::row::{Fields, Values};
use crate::Refused;
use crate::json::{Reader, Value};
use crate::streams::Streams;

/// Parses CloudFront's standard logs, of both versions.
///
/// The `#Fields:` line of a log names its columns; it holds for the lines of the stream behind it, up to another. The
/// lines that begin with `#` are no events. Where none stands before a line, the line is read by the columns that were
/// [configured](Self::columns), or else by its number of columns: 12, 15, 18, 19, 23, 24, 26 or 33, which standard logs had over
/// the years, of which the first ones never changed.
///
/// - Columns are separated by tabs. A line without any may have spaces instead, as what is copied from a console has.
/// - A line may also be a JSON object with AWS's names as keys, as logs of version 2 can be.
/// - A field is named as its column is, in snake_case: `cs-uri-stem` becomes `cs_uri_stem`, `cs(User-Agent)` `cs_user_agent`. A
///   column that is not known is text.
/// - `date` and `time`, or `timestamp`, are the time of the event, in UTC. They are no fields.
/// - `-` is null.
/// - CloudFront percent-encodes each text once more than it came, so each is decoded once: of a path or query that leaves
///   the encoding that the viewer sent. User agents in older logs are encoded twice, and decoded so.
/// - A status that is `000` is 0.
/// - Any other line is refused with the reason and the byte where it does not fit.
///
/// Keeps the columns of each stream.
///
/// ```
/// use dendro_parsers::aws::CloudFrontStandard;
/// let schema = CloudFrontStandard::schema();
/// assert_eq!(schema.get("sc_bytes").unwrap().unit.as_deref(), Some("By"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct CloudFrontStandard {
    columns: Option<Arc<Layout>>,
    streams: Streams<Option<Arc<Layout>>>,
    prepared: Prepared,
    keys: ByKey,
    scratch: Vec<u8>,
    text: Vec<u8>,
}

impl CloudFrontStandard {
    /// For logs with `#Fields:` lines, or without and of a known number of columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// The columns of lines before which there is no `#Fields:` line, by AWS's names with commas or spaces between.
    ///
    /// # Errors
    /// [`InvalidColumns`] if there is none, one stands twice, or something is no name.
    pub fn columns(mut self, names: &str) -> Result<Self, InvalidColumns> {
        self.columns = Some(Layout::new(&split(names)?.join(" ")));
        Ok(self)
    }

    /// The schema of its events, `cloudfront_access`.
    pub fn schema() -> Arc<Schema> {
        static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
        SCHEMA.get_or_init(|| Arc::new(build())).clone()
    }
}

fn build() -> Schema {
    let fields = KNOWN.iter().filter_map(|known| schema(known.aws));
    fields.fold(
        Schema::new("cloudfront_access").doc(
            "One request that CloudFront has answered; the time is that of the end of the response. Has the fields that the \
             log has columns for, and further fields for columns that are not known.",
        ),
        Schema::field,
    )
}

/// The columns of a log.
#[derive(Debug)]
struct Layout {
    /// What a `#Fields:` line says.
    names: String,
    columns: Vec<Column>,
}

impl Layout {
    fn new(names: &str) -> Arc<Self> {
        let columns = names.split_ascii_whitespace().map(Column::new).collect();
        Arc::new(Self { names: names.to_owned(), columns })
    }

    /// The columns of all lines that say nothing of theirs.
    fn standard() -> &'static Arc<Self> {
        static LAYOUT: LazyLock<Arc<Layout>> = LazyLock::new(|| Layout::new(&STANDARD.join(" ")));
        &LAYOUT
    }
}

/// The layouts that lines of a batch can have, with the keys of their columns in it.
#[derive(Clone, Debug, Default)]
struct Prepared {
    layouts: Vec<(Arc<Layout>, Keyed)>,
    last: usize,
}

impl Prepared {
    fn add(&mut self, layout: &Arc<Layout>, batch: &mut Batch) -> Result<(), BatchFull> {
        if !self.layouts.iter().any(|(known, _)| Arc::ptr_eq(known, layout)) {
            self.layouts.push((layout.clone(), with_keys(&layout.columns, batch)?));
        }
        Ok(())
    }

    #[inline]
    fn keys(&mut self, layout: &Arc<Layout>) -> &[(Kind, Key)] {
        let is = |(known, _): &(Arc<Layout>, Keyed)| Arc::ptr_eq(known, layout);
        if !self.layouts.get(self.last).is_some_and(is) {
            self.last = self.layouts.iter().position(is).unwrap_or_default();
        }
        self.layouts.get(self.last).map_or(&[], |(_, keys)| keys)
    }
}

/// A line that begins with `#`: where it is, and the columns that it names.
type Header = (usize, Result<Option<Arc<Layout>>, Refused>);

const COLUMNS: &str = "as many columns as the `#Fields:` line names";
const MORE_COLUMNS: &str = "the end of the line: it has more columns than the `#Fields:` line names";
const UNKNOWN: &str = "a `#Fields:` line before this one, or 12, 15, 18, 19, 23, 24, 26 or 33 columns";
const NAMES: &str = "the names of at most 1024 columns after `#Fields:`";

impl Transform for CloudFrontStandard {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let ty = batch.add_type(&Self::schema())?;
        self.streams.enter(batch);
        let headers: Vec<Header> = batch.iter().filter_map(|event| Self::header(&event)).collect();
        self.prepare(batch, &headers)?;
        let Self { columns, streams, prepared, keys, scratch, text } = self;
        let mut next = headers.iter();
        batch.parse_each(|event| {
            let raw = event.raw();
            let known = streams.of(event.origin());
            if is_header(raw) {
                let Some((_, header)) = next.next() else { return Ok(()) };
                if let Some(layout) = header.as_ref().map_err(|refused| *refused)? {
                    *known = Some(layout.clone());
                }
                return Ok(());
            }
            event.set_type(ty);
            if raw.trim_ascii_start().starts_with(b"{") {
                return Ok(json(event, keys, scratch, text)?);
            }
            Ok(row(event, known.as_ref().or(columns.as_ref()), prepared, scratch)?)
        });
        // Those that were refused stay.
        headers.iter().for_each(|(index, _)| batch.remove(*index));
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }

    fn is_stateful(&self) -> bool {
        true
    }

    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        let layout = self.streams.get(stream)?.as_ref()?;
        Some(layout.names.clone().into_bytes())
    }

    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        let names = std::str::from_utf8(state);
        let names =
            names.map_err(|e| TransformError::new("no columns of a CloudFront log").with_source(e))?;
        self.streams.set(stream, Some(Layout::new(names)));
        Ok(())
    }
}

impl CloudFrontStandard {
    fn header(event: &EventRef<'_>) -> Option<Header> {
        let raw = event.raw();
        (event.is_unparsed() && is_header(raw)).then(|| (event.index(), header(raw)))
    }

    fn prepare(&mut self, batch: &mut Batch, headers: &[Header]) -> Result<(), BatchFull> {
        let Self { columns, streams, prepared, .. } = self;
        *prepared = Prepared::default();
        for layout in columns.iter().chain(streams.current().flatten()) {
            prepared.add(layout, batch)?;
        }
        for (_, header) in headers {
            if let Ok(Some(layout)) = header {
                prepared.add(layout, batch)?;
            }
        }
        prepared.add(Layout::standard(), batch)
    }
}

/// Without a byte order mark.
fn unmarked(raw: &[u8]) -> &[u8] {
    raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw)
}

#[inline]
fn is_header(raw: &[u8]) -> bool {
    match raw.first() {
        Some(b'#') => true,
        Some(0xef) => unmarked(raw).starts_with(b"#"),
        _ => false,
    }
}

#[cold]
fn header(raw: &[u8]) -> Result<Option<Arc<Layout>>, Refused> {
    let Some(names) = unmarked(raw).strip_prefix(b"#Fields:") else { return Ok(None) };
    let refused = Refused::new(raw.len() - names.len(), NAMES);
    let names = std::str::from_utf8(names).map_err(|_| refused)?.trim();
    let count = names.split_ascii_whitespace().take(1025).count();
    if (1..=1024).contains(&count) { Ok(Some(Layout::new(names))) } else { Err(refused) }
}

fn row(
    event: &mut EventWriter<'_>,
    layout: Option<&Arc<Layout>>,
    prepared: &mut Prepared,
    scratch: &mut Vec<u8>,
) -> Result<(), Refused> {
    let (layout, len) = match layout {
        Some(layout) => (layout, layout.columns.len()),
        None => (Layout::standard(), by_count(event.raw())?),
    };
    let keys = prepared.keys(layout);
    write_row(event, keys.get(..len).unwrap_or_default(), scratch, (COLUMNS, MORE_COLUMNS))
}

#[cold]
fn by_count(raw: &[u8]) -> Result<usize, Refused> {
    let len = Values::new(raw).count();
    if STANDARD_LENGTHS.contains(&len) { Ok(len) } else { Err(Refused::new(0, UNKNOWN)) }
}

/// How columns are read, and their keys in a batch.
type Keyed = Vec<(Kind, Key)>;

pub(super) fn with_keys(columns: &[Column], batch: &mut Batch) -> Result<Keyed, BatchFull> {
    columns.iter().map(|column| Ok((column.kind, batch.add_key(&column.name)?))).collect()
}

/// Writes the values of a line; `fewer` and `more` tell what was expected where there are not as many as columns.
#[inline]
pub(super) fn write_row(
    event: &mut EventWriter<'_>,
    columns: &[(Kind, Key)],
    scratch: &mut Vec<u8>,
    (fewer, more): (&'static str, &'static str),
) -> Result<(), Refused> {
    let raw = event.raw();
    let mut values = Values::new(raw);
    let mut fields = Fields::new(event, scratch);
    for (kind, key) in columns {
        if fields.write_next(*kind, *key, &mut values) {
            continue;
        }
        let range = values.next().ok_or(Refused::new(raw.len(), fewer))?;
        let text = raw.get(range.clone()).unwrap_or_default();
        fields.write(*kind, *key, text, Some(range.clone()), range.start)?;
    }
    if !values.are_all_given() {
        return Err(Refused::new(values.position(), more));
    }
    fields.finish();
    Ok(())
}

/// A line of a log that is written as JSON.
fn json(
    event: &mut EventWriter<'_>,
    columns: &mut ByKey,
    scratch: &mut Vec<u8>,
    decoded: &mut Vec<u8>,
) -> Result<(), Refused> {
    let raw = event.raw();
    let mut json = Reader::new(raw);
    let mut fields = Fields::new(event, scratch);
    json.begin_object()?;
    while let Some(name) = json.next_key()? {
        let column = columns.column(json.text(&name, decoded));
        let key = fields.event.key(&column.name);
        let at = json.position();
        let (text, range): (&[u8], _) = match json.value()? {
            Value::Null => (b"-", None),
            Value::String(text) => (json.text(&text, decoded), (!text.escaped).then(|| text.range())),
            Value::Number(_) => (raw.get(at..json.position()).unwrap_or_default().trim_ascii(), None),
            Value::Bool(true) => (b"true", None),
            Value::Bool(false) => (b"false", None),
            Value::Array | Value::Object => return Err(Refused::new(at, "a text or a number")),
        };
        fields.write(column.kind, key, text, range, at)?;
    }
    json.end()?;
    fields.finish();
    Ok(())
}
