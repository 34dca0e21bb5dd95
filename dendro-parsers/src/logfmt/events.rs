//! Lines of logfmt as events.

use std::sync::Arc;

use dendro_core::batch::Reason;
use dendro_core::{Batch, EventWriter, Schema, Transform, TransformError};

use super::pairs::{Pairs, Value, decode};
use crate::record_time::TimeField;
use crate::{Refused, inferred};

/// Parses lines of logfmt: `level=info msg="user logged in" took=1.5ms retry`.
///
/// - Each key is a field; its value is text, or, with [`infer_types`](Self::infer_types), what it looks like.
/// - A key alone and one with nothing behind its `=` are null; `key=""` is the empty text. Of fields with one name the last counts.
/// - In double quotes the escapes of JSON and of Go's `%q` are decoded; a backslash before anything else stands for itself. Between apostrophes and
///   backticks there are no escapes; they are quotes if a space or the end of the line is behind the second one.
/// - A value without quotes ends at a space or control character. It may hold `=`, as URLs do, but not begin with it, and no `"`.
/// - A value that is not UTF-8 is bytes; a key that is not, or that holds U+FFFD (something was lost there), is refused.
/// - The time is taken as [`Json`](crate::json::Json) does.
/// - A line of several words without a single `=` is refused: it is a text, not keys.
///
/// ```
/// use bytes::Bytes;
/// use dendro_core::{Batch, RecordRow, Timestamp, Transform};
/// use dendro_parsers::logfmt::Logfmt;
///
/// let line = br#"ts=2026-11-20T16:59:47Z level=info msg="user \"ann\" logged in" took=1.5ms"#;
/// let mut batch = Batch::new(Bytes::from_static(line)).unwrap();
/// batch.push_record(0..line.len(), 0, RecordRow { ty: 0, origin: 0, observed: Timestamp::EPOCH });
/// Logfmt::new().infer_types(true).transform(&mut batch).unwrap();
/// let event = batch.get(0).unwrap();
/// assert_eq!(event.time().unwrap().to_string(), "2026-11-20T16:59:47.000000000Z");
/// assert_eq!(event.get("msg").unwrap().as_str(), Some("user \"ann\" logged in"));
/// ```
#[derive(Clone, Debug)]
pub struct Logfmt {
    schema: Arc<Schema>,
    infer_types: bool,
    time: TimeField,
    scratch: Vec<u8>,
}

impl Logfmt {
    /// Events of the type `logfmt`, all values as text.
    pub fn new() -> Self {
        Self { schema: schema("logfmt"), infer_types: false, time: TimeField::default(), scratch: Vec::new() }
    }

    /// Gives its events another type.
    pub fn event_type(mut self, name: &str) -> Self {
        self.schema = schema(name);
        self
    }

    /// Whether values without quotes that look so become numbers, booleans and durations.
    pub fn infer_types(mut self, infer_types: bool) -> Self {
        self.infer_types = infer_types;
        self
    }

    pub(super) fn time(mut self, time: TimeField) -> Self {
        self.time = time;
        self
    }

    /// The schema of its events: it names no fields, the lines do.
    pub fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }

    fn parse(&mut self, event: &mut EventWriter<'_>) -> Result<(), Reason> {
        let line = event.raw();
        if !event.is_empty() {
            event.keep_last_of_each_name();
        }
        self.time.begin();
        let mut pairs = Pairs::new(line);
        let (mut words, mut values, mut first_end) = (0, 0, 0);
        // As long as keys come in order, none comes twice.
        let mut least = 0;
        while let Some(pair) = pairs.next()? {
            let name = line.get(pair.key.clone()).and_then(|name| std::str::from_utf8(name).ok());
            let Some(name) = name.filter(|name| !name.contains(char::REPLACEMENT_CHARACTER)) else {
                return Err(Refused::new(pair.key.start, "a key in UTF-8").into());
            };
            let key = event.key(name);
            if key.index() < least {
                event.keep_last_of_each_name();
            }
            least = key.index() + 1;
            if words == 0 {
                first_end = pair.key.end;
            }
            words += 1;
            values += u32::from(pair.value != Value::Missing);
            let plain = matches!(pair.value, Value::Plain(_));
            match pair.value {
                Value::Missing | Value::Empty => event.null(key),
                Value::Escaped(range) => {
                    self.scratch.clear();
                    decode(line.get(range).unwrap_or_default(), &mut self.scratch);
                    event.new_str(key, &self.scratch);
                }
                Value::Plain(range) | Value::Quoted(range) => {
                    let rank = self.time.rank(name);
                    if rank > 0 {
                        self.time.found(rank, range.clone());
                    }
                    if self.infer_types && plain {
                        inferred::write(event, key, range);
                    } else {
                        event.str(key, range);
                    }
                }
            }
        }
        match (words, values) {
            (0, _) => return Err(Refused::new(line.len(), "a key").into()),
            (2.., 0) => return Err(Refused::new(first_end, "`=`: a key with a value").into()),
            _ => {}
        }
        match self.time.read(line, event.observed()) {
            Ok(Some(time)) => event.set_time(time),
            Ok(None) => {}
            Err(at) => return Err(Refused::new(at, "a time, as a date and time or a number").into()),
        }
        Ok(())
    }
}

impl Default for Logfmt {
    fn default() -> Self {
        Self::new()
    }
}

fn schema(name: &str) -> Arc<Schema> {
    let doc = "A line of logfmt: its pairs are further fields, which only the line names.";
    Arc::new(Schema::new(name.to_owned()).doc(doc))
}

impl Transform for Logfmt {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let ty = batch.add_type(&self.schema)?;
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
