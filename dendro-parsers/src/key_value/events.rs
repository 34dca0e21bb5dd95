//! Pairs as events.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::batch::Reason;
use dendro_core::{Batch, EventWriter, Key, Schema, Transform, TransformError};

use super::pairs::{Delimiters, Pairs, Text, decode};
use crate::record_time::TimeField;
use crate::{Refused, inferred};

/// Parses records of pairs: `level=info msg="no more"`, with the [`Delimiters`] that one chooses.
///
/// - Each key is a field; its value is text, or, with [`infer_types`](Self::infer_types), what it looks like. A key that comes more than once has an
///   array of its values. A key alone is `true`.
/// - Keys and values may be in double quotes or apostrophes, in which `\n`, `\\` and `\"` are escapes and any other backslash stands for itself.
///   Where behind the second quote there is no delimiter, both are characters like any other.
/// - A value without quotes goes up to the next delimiter of fields. White space at both ends does not count.
/// - A value that is not UTF-8 is bytes; a key that is not is refused.
/// - The time is taken as [`Json`](crate::json::Json) does.
/// - With a newline as delimiter of fields, a record is a run of lines up to an empty one: see [`Paragraphs`](super::Paragraphs).
///
/// ```
/// use bytes::Bytes;
/// use dendro_core::{Batch, RecordRow, Timestamp, Transform};
/// use dendro_parsers::key_value::{Delimiters, KeyValue};
///
/// let line = br#"path:"/cart", host: shop.example.com, beta"#;
/// let mut batch = Batch::new(Bytes::from_static(line)).unwrap();
/// batch.push_record(0..line.len(), 0, RecordRow { ty: 0, origin: 0, observed: Timestamp::EPOCH });
/// KeyValue::new(Delimiters::new(":", ",")).transform(&mut batch).unwrap();
/// let event = batch.get(0).unwrap();
/// assert_eq!(event.get("path").unwrap().as_str(), Some("/cart"));
/// assert_eq!(event.get("host").unwrap().as_str(), Some("shop.example.com"));
/// assert_eq!(event.get("beta").unwrap().as_bool(), Some(true));
/// ```
#[derive(Clone, Debug)]
pub struct KeyValue {
    schema: Arc<Schema>,
    delimiters: Delimiters,
    infer_types: bool,
    time: TimeField,
    fields: Fields,
}

impl KeyValue {
    /// Events of the type `key_value`, all values as text.
    pub fn new(delimiters: Delimiters) -> Self {
        Self {
            schema: schema("key_value"),
            delimiters,
            infer_types: false,
            time: TimeField::default(),
            fields: Fields::default(),
        }
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

    /// The schema of its events: it names no fields, the records do.
    pub fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }

    fn parse(&mut self, event: &mut EventWriter<'_>) -> Result<(), Reason> {
        let Self { delimiters, infer_types, time, fields, .. } = self;
        let text = event.raw();
        if !event.is_empty() {
            event.keep_last_of_each_name();
        }
        time.begin();
        fields.begin();
        let mut pairs = Pairs::new(text, delimiters);
        while let Some(pair) = pairs.next()? {
            let start = pair.key.range.start;
            let Ok(name) = std::str::from_utf8(fields.text(text, &pair.key)) else {
                return Err(Refused::new(start, "a key in UTF-8").into());
            };
            let rank = time.rank(name);
            let key = event.key(name);
            if let Some(value) = &pair.value
                && rank > 0
            {
                time.found(rank, value.range.clone());
            }
            fields.add(key, pair.value);
        }
        fields.write(event, *infer_types);
        match time.read(text, event.observed()) {
            Ok(Some(time)) => event.set_time(time),
            Ok(None) => {}
            Err(at) => return Err(Refused::new(at, "a time, as a date and time or a number").into()),
        }
        Ok(())
    }
}

impl Default for KeyValue {
    fn default() -> Self {
        Self::new(Delimiters::default())
    }
}

fn schema(name: &str) -> Arc<Schema> {
    let doc = "A record of pairs: its keys are further fields, which only the record names.";
    Arc::new(Schema::new(name.to_owned()).doc(doc))
}

impl Transform for KeyValue {
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

/// The fields of a record, each with all its values. Its memory is used again.
#[derive(Clone, Debug, Default)]
struct Fields {
    /// In the order of their first values.
    found: Vec<Found>,
    values: Vec<Value>,
    /// By key: the place in `found`, plus one.
    by_key: Vec<u32>,
    scratch: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Found {
    key: Key,
    /// The places of its first and its last value, as long as it has one.
    values: Option<(usize, usize)>,
}

#[derive(Clone, Debug)]
struct Value {
    text: Text,
    /// The place of the next one of its field.
    next: Option<usize>,
}

impl Fields {
    fn begin(&mut self) {
        for found in self.found.drain(..) {
            if let Some(place) = self.by_key.get_mut(found.key.index()) {
                *place = 0;
            }
        }
        self.values.clear();
    }

    fn add(&mut self, key: Key, value: Option<Text>) {
        if self.by_key.len() <= key.index() {
            self.by_key.resize(key.index() + 1, 0);
        }
        let place = &mut self.by_key[key.index()];
        if *place == 0 {
            self.found.push(Found { key, values: None });
            *place = self.found.len() as u32;
        }
        let Some(found) = self.found.get_mut(*place as usize - 1) else { return };
        let Some(text) = value else { return };
        let index = self.values.len();
        self.values.push(Value { text, next: None });
        match &mut found.values {
            None => found.values = Some((index, index)),
            Some((_, last)) => {
                self.values[*last].next = Some(index);
                *last = index;
            }
        }
    }

    fn write(&mut self, event: &mut EventWriter<'_>, infer_types: bool) {
        let Self { found, values, scratch, .. } = self;
        for Found { key, values: of_key } in found {
            let Some((first, last)) = *of_key else {
                event.bool(*key, true);
                continue;
            };
            if first != last {
                event.begin_array(*key);
            }
            let mut next = Some(first);
            while let Some(value) = next.and_then(|index| values.get(index)) {
                write(event, *key, &value.text, infer_types, scratch);
                next = value.next;
            }
            if first != last {
                event.end();
            }
        }
    }

    /// What a text stands for.
    fn text<'t>(&'t mut self, record: &'t [u8], text: &Text) -> &'t [u8] {
        let inner = record.get(text.range.clone()).unwrap_or_default();
        if !text.escaped {
            return inner;
        }
        self.scratch.clear();
        decode(inner, &mut self.scratch);
        &self.scratch
    }
}

fn write(event: &mut EventWriter<'_>, key: Key, text: &Text, infer_types: bool, scratch: &mut Vec<u8>) {
    let range: Range<usize> = text.range.clone();
    if text.escaped {
        scratch.clear();
        decode(event.raw().get(range).unwrap_or_default(), scratch);
        event.new_str(key, scratch);
    } else if infer_types && !text.quoted {
        inferred::write(event, key, range);
    } else {
        event.str(key, range);
    }
}
