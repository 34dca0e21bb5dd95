//! The message of a subscription: where its parts stand.

use std::ops::Range;

use dendro_core::{Object, Timestamp, Value as Owned};

use crate::Refused;
use crate::decimal::MILLISECOND;
use crate::json::{Number, Reader, Text, Value};

/// The messages of one record, read into buffers that are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Envelopes {
    /// What strings stand for, one behind the other.
    texts: Vec<u8>,
    pub(super) envelopes: Vec<Envelope>,
    pub(super) events: Vec<LogEvent>,
    scratch: Vec<u8>,
}

/// One message.
#[derive(Clone, Debug, Default)]
pub(super) struct Envelope {
    pub(super) owner: Option<Range<usize>>,
    pub(super) log_group: Option<Range<usize>>,
    pub(super) log_stream: Option<Range<usize>>,
    pub(super) policy_level: Option<Range<usize>>,
    pub(super) subscription_filters: Vec<Owned>,
    /// Those of its log events.
    pub(super) events: Range<usize>,
    is_control: Option<bool>,
}

/// One log event.
#[derive(Clone, Debug, Default)]
pub(super) struct LogEvent {
    pub(super) id: Option<Range<usize>>,
    pub(super) time: Option<Timestamp>,
    pub(super) message: Range<usize>,
    pub(super) extracted_fields: Option<Object>,
}

const COMPRESSED: &str = "a message that is decompressed: this is gzip in base64";
const TYPE: &str = "the `messageType` `DATA_MESSAGE` or `CONTROL_MESSAGE`";
const TEXT: &str = "a text";
const TEXTS: &str = "an array of texts";
const EVENTS: &str = "an array of log events";
const TIME: &str = "a number of milliseconds since 1970";
const MESSAGE: &str = "a log event with a `message`";

impl Envelopes {
    /// Reads a record: one message, or several one behind the other, as Firehose writes them.
    pub(super) fn read(&mut self, raw: &[u8]) -> Result<(), Refused> {
        self.texts.clear();
        self.envelopes.clear();
        self.events.clear();
        if raw.starts_with(b"H4sI") {
            return Err(Refused::new(0, COMPRESSED));
        }
        let mut json = Reader::new(raw);
        loop {
            self.envelope(&mut json)?;
            if json.end().is_ok() {
                return Ok(());
            }
        }
    }

    /// What a range stands for.
    pub(super) fn text(&self, range: &Range<usize>) -> &[u8] {
        self.texts.get(range.clone()).unwrap_or_default()
    }

    fn envelope(&mut self, json: &mut Reader<'_>) -> Result<(), Refused> {
        let mut envelope = Envelope { events: self.events.len()..self.events.len(), ..Envelope::default() };
        json.begin_object()?;
        while let Some(key) = json.next_key()? {
            let at = json.position();
            match (json.text(&key, &mut self.scratch), json.value()?) {
                (b"messageType", Value::String(text)) => {
                    envelope.is_control = match json.text(&text, &mut self.scratch) {
                        b"DATA_MESSAGE" => Some(false),
                        b"CONTROL_MESSAGE" => Some(true),
                        _ => return Err(Refused::new(at, TYPE)),
                    };
                }
                (b"owner", value) => envelope.owner = self.optional(json, value, at)?,
                (b"logGroup", value) => envelope.log_group = self.optional(json, value, at)?,
                (b"logStream", value) => envelope.log_stream = self.optional(json, value, at)?,
                (b"policyLevel", value) => envelope.policy_level = self.optional(json, value, at)?,
                (b"subscriptionFilters", Value::Array) => {
                    while json.next_element()? {
                        let Value::String(text) = json.value()? else { return Err(Refused::new(at, TEXTS)) };
                        let text = String::from_utf8_lossy(json.text(&text, &mut self.scratch));
                        envelope.subscription_filters.push(text.into_owned().into());
                    }
                }
                (b"logEvents", Value::Array) => {
                    while json.next_element()? {
                        let event = self.log_event(json)?;
                        self.events.push(event);
                    }
                }
                (b"logEvents", _) => return Err(Refused::new(at, EVENTS)),
                (_, value) => json.skip(value)?,
            }
        }
        envelope.events.end = self.events.len();
        match envelope.is_control {
            Some(false) => self.envelopes.push(envelope),
            Some(true) => self.events.truncate(envelope.events.start),
            None => return Err(json.refused(TYPE)),
        }
        Ok(())
    }

    fn log_event(&mut self, json: &mut Reader<'_>) -> Result<LogEvent, Refused> {
        let mut event = LogEvent::default();
        let mut message = None;
        json.begin_object()?;
        while let Some(key) = json.next_key()? {
            let at = json.position();
            match (json.text(&key, &mut self.scratch), json.value()?) {
                (b"id", value) => event.id = self.optional(json, value, at)?,
                (b"message", Value::String(text)) => message = Some(self.keep(json, &text)),
                (b"timestamp", Value::Number(number)) => {
                    let nanos = number.as_i64().and_then(|ms| ms.checked_mul(MILLISECOND as i64));
                    event.time = Some(nanos.map(Timestamp::from_nanos).ok_or(Refused::new(at, TIME))?);
                }
                (b"timestamp", _) => return Err(Refused::new(at, TIME)),
                (b"extractedFields", Value::Object) => event.extracted_fields = Some(self.object(json)?),
                (_, value) => json.skip(value)?,
            }
        }
        event.message = message.ok_or(json.refused(MESSAGE))?;
        Ok(event)
    }

    /// The fields that the filter's pattern has found, which are texts.
    fn object(&mut self, json: &mut Reader<'_>) -> Result<Object, Refused> {
        let mut object = Object::new();
        while let Some(key) = json.next_key()? {
            let name = String::from_utf8_lossy(json.text(&key, &mut self.scratch)).into_owned();
            let value = match json.value()? {
                Value::String(text) => {
                    Owned::Str(String::from_utf8_lossy(json.text(&text, &mut self.scratch)).into_owned())
                }
                Value::Number(Number::U64(number)) => Owned::U64(number),
                Value::Number(Number::I64(number)) => Owned::I64(number),
                Value::Number(Number::F64(number)) => Owned::F64(number),
                Value::Bool(value) => Owned::Bool(value),
                other => {
                    json.skip(other)?;
                    Owned::Null
                }
            };
            object.insert(name, value);
        }
        Ok(object)
    }

    fn optional(
        &mut self,
        json: &Reader<'_>,
        value: Value,
        at: usize,
    ) -> Result<Option<Range<usize>>, Refused> {
        match value {
            Value::String(text) => Ok(Some(self.keep(json, &text))),
            Value::Null => Ok(None),
            _ => Err(Refused::new(at, TEXT)),
        }
    }

    fn keep(&mut self, json: &Reader<'_>, text: &Text) -> Range<usize> {
        let start = self.texts.len();
        self.texts.extend_from_slice(json.text(text, &mut self.scratch));
        start..self.texts.len()
    }
}
