//! JSON objects as events.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::batch::Reason;
use dendro_core::{Batch, EventWriter, Schema, Transform, TransformError};

use super::members::{Members, Watch};
use super::{Names, Reader};
use crate::Refused;
use crate::record_time::TimeField;

/// Parses records that are a JSON object: its members become the fields of the event.
///
/// - Objects and arrays are kept as they are, or, with [`flatten`](Self::flatten), the members of objects become fields whose names
///   are joined: `{"http":{"status":200}}` is `http_status`. Arrays, what is in them, and empty objects stay whole.
/// - A whole number is exact: `u64`, or `i64` if it is negative. One that fits neither, and a number that is beyond what `f64` reaches, is kept
///   as text. Any other number is the nearest `f64`.
/// - Of members with one name the last counts, as for JavaScript and most libraries.
/// - Escapes are decoded; half of a surrogate pair becomes U+FFFD. A string that is not UTF-8 (nginx writes the bytes from 0x80 on as they
///   are) is bytes; in a name such bytes become U+FFFD. Control characters that should have been escaped are accepted as they are.
/// - A byte order mark before the object is skipped.
/// - The time is that of the first of `@timestamp`, `timestamp`, `time`, `ts`, `@t`, `time_iso8601` in which there is one: a date and time as RFC 3339 and
///   loggers write it, or a number (or text) of seconds, milliseconds, microseconds or nanoseconds since 1970, told
///   by its size. The field stays as it is.
/// - Anything else is refused with the reason and the byte where it goes wrong: what is no JSON (`NaN`, single quotes, a comma at the end,
///   text behind the object), a value that is no object, one that is nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH), an object with
///   more members than an event can have fields.
///
/// ```
/// use bytes::Bytes;
/// use dendro_core::{Batch, RecordRow, Timestamp, Transform};
/// use dendro_parsers::json::Json;
///
/// let line = br#"{"ts":1795206587.5,"level":"info","http":{"status":200}}"#;
/// let mut batch = Batch::new(Bytes::from_static(line)).unwrap();
/// batch.push_record(0..line.len(), 0, RecordRow { ty: 0, origin: 0, observed: Timestamp::EPOCH });
/// Json::new().flatten("_").transform(&mut batch).unwrap();
/// let event = batch.get(0).unwrap();
/// assert_eq!(event.time().unwrap().to_string(), "2026-11-20T20:29:47.500000000Z");
/// assert_eq!(event.get("level").unwrap().as_str(), Some("info"));
/// assert_eq!(event.get("http_status").unwrap().as_u64(), Some(200));
/// ```
#[derive(Clone, Debug)]
pub struct Json {
    schema: Arc<Schema>,
    separator: Option<String>,
    time: TimeField,
    names: Names,
    scratch: Vec<u8>,
}

impl Json {
    /// Events of the type `json`, nested values kept.
    pub fn new() -> Self {
        Self {
            schema: schema("json"),
            separator: None,
            time: TimeField::default(),
            names: Names::new(),
            scratch: Vec::new(),
        }
    }

    /// Gives its events another type.
    pub fn event_type(mut self, name: &str) -> Self {
        self.schema = schema(name);
        self
    }

    /// Makes fields of the members of nested objects, their names joined with this text between.
    pub fn flatten(mut self, separator: &str) -> Self {
        self.separator = Some(separator.to_owned());
        self
    }

    pub(super) fn time(mut self, time: TimeField) -> Self {
        self.time = time;
        self
    }

    /// The schema of its events: it names no fields, the records do.
    pub fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::new()
    }
}

fn schema(name: &str) -> Arc<Schema> {
    let doc = "A JSON object of a log: its members are further fields, which only the record names.";
    Arc::new(Schema::new(name.to_owned()).doc(doc))
}

impl Transform for Json {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let ty = batch.add_type(&self.schema)?;
        self.names.begin_batch();
        batch.parse_each(|event| {
            event.set_type(ty);
            self.parse(event)
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![self.schema()]
    }
}

impl Json {
    #[inline]
    fn parse(&mut self, event: &mut EventWriter<'_>) -> Result<(), Reason> {
        let Self { separator, time, names, scratch, .. } = self;
        let text = event.raw();
        if !event.is_empty() {
            event.keep_last_of_each_name();
        }
        let mut json = Reader::new(text);
        if json.begin_object().is_err() {
            return Err(json.refused("`{`: a JSON object").into());
        }
        time.begin();
        let members = Members::new(text, event, names, scratch, time).join(separator.as_deref());
        let end = members.write(json.position())?;
        if end < text.len() {
            Reader::within(text, end, false).end()?;
        }
        match time.read(text, event.observed()) {
            Ok(Some(time)) => event.set_time(time),
            Ok(None) => {}
            Err(at) => return Err(Refused::new(at, "a time, as a date and time or a number").into()),
        }
        Ok(())
    }
}

impl Watch for TimeField {
    fn note(&self, name: &str) -> u8 {
        self.rank(name)
    }

    fn value(&mut self, note: u8, range: Range<usize>) {
        self.found(note, range);
    }
}
