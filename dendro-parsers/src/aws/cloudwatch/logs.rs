//! The messages of subscriptions as a transform.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use dendro_core::{
    Batch, BatchFull, EventMut, EventRef, FieldSchema, FlushReason, Key, Schema, Timestamp, Transform,
    TransformError, Value, ValueRef, ValueType,
};

use super::envelope::{Envelope, Envelopes, LogEvent};

/// Takes the messages that subscriptions of CloudWatch Logs send apart: each of their log events becomes an event.
///
/// An event has the message of the log event as its raw text, which no parser has read yet: the parser of what the log group holds
/// may come next. Its time is that of the log event; `owner`, `log_group`, `log_stream`, `subscription_filters` and `policy_level` are those of the
/// message, `log_event_id` (AWS's `id`) and `extracted_fields` those of the log event. Fields that the source has set for the message are the event's too.
///
/// - A record is the message's JSON, decompressed: subscriptions send gzip, and Kinesis and Lambda hand it on as base64.
///   Several may stand one behind the other, as Firehose writes them.
/// - Control messages, with which CloudWatch Logs tries whether it reaches its destination, are filtered out.
/// - Any other record is refused with the reason and the byte where it does not fit.
///
/// ```
/// use dendro_core::{Batch, Transform};
/// use dendro_parsers::aws::{CloudWatchLogs, LambdaLog};
/// # let mut batch = Batch::default();
/// CloudWatchLogs::new().transform(&mut batch)?;
/// LambdaLog::new().transform(&mut batch)?;
/// # Ok::<(), dendro_core::TransformError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CloudWatchLogs {
    envelopes: Envelopes,
}

impl CloudWatchLogs {
    /// For messages of any log group.
    pub fn new() -> Self {
        Self::default()
    }

    /// The schema of its events, `cloudwatch_log`.
    pub fn schema() -> Arc<Schema> {
        static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
        let build = || {
            let doc = "A log event of CloudWatch Logs.";
            let message = FieldSchema::attribute("message", ValueType::Str).doc("What was logged.");
            Arc::new(own_fields(Schema::new("cloudwatch_log").doc(doc)).field(message))
        };
        SCHEMA.get_or_init(build).clone()
    }
}

/// Adds the fields that each event has, whatever parses its message.
pub(super) fn own_fields(schema: Schema) -> Schema {
    let dimension = |name| FieldSchema::dimension(name, ValueType::Str);
    let attribute = FieldSchema::attribute;
    schema
        .field(dimension("owner").otel("cloud.account.id").doc("The account that the log group is of."))
        .field(dimension("log_group").otel("aws.log.group.names").doc("The log group."))
        .field(attribute("log_stream", ValueType::Str).otel("aws.log.stream.names").doc("The log stream."))
        .field(
            attribute("subscription_filters", ValueType::Array).doc("The subscription filters that matched."),
        )
        .field(
            dimension("policy_level").doc("Whether the subscription is of the account or of the log group."),
        )
        .field(attribute("log_event_id", ValueType::Str).doc("The log event, which no other has."))
        .field(
            attribute("extracted_fields", ValueType::Object)
                .doc("What the filter's pattern has found in the message."),
        )
}

/// The keys of a batch.
struct Keys {
    owner: Key,
    log_group: Key,
    log_stream: Key,
    subscription_filters: Key,
    policy_level: Key,
    id: Key,
    extracted_fields: Key,
}

/// What a log event takes over from the event of the message.
struct Parent {
    index: usize,
    fields: Vec<(Key, Value)>,
}

impl Parent {
    fn of(event: &EventRef<'_>) -> Self {
        Self {
            index: event.index(),
            fields: event.keyed_fields().map(|(key, value)| (key, value.to_value())).collect(),
        }
    }
}

impl Transform for CloudWatchLogs {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let keys = Keys {
            owner: batch.add_key("owner")?,
            log_group: batch.add_key("log_group")?,
            log_stream: batch.add_key("log_stream")?,
            subscription_filters: batch.add_key("subscription_filters")?,
            policy_level: batch.add_key("policy_level")?,
            id: batch.add_key("log_event_id")?,
            extracted_fields: batch.add_key("extracted_fields")?,
        };
        for index in 0..batch.end_index() {
            let Some(event) = batch.get(index).filter(|event| event.is_unparsed()) else { continue };
            match self.envelopes.read(event.raw()) {
                Ok(()) => {
                    let parent = Parent::of(&event);
                    self.append(batch, &keys, &parent)?;
                    batch.remove(index);
                }
                Err(refused) => batch.reject(index, refused),
            }
        }
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }
}

impl CloudWatchLogs {
    fn append(&self, batch: &mut Batch, keys: &Keys, parent: &Parent) -> Result<(), BatchFull> {
        for envelope in &self.envelopes.envelopes {
            for log_event in self.envelopes.events.get(envelope.events.clone()).unwrap_or_default() {
                let raw = self.envelopes.text(&log_event.message);
                let Some(event) = batch.append_assembled(parent.index, raw)? else { continue };
                self.set(event, envelope, log_event, keys, parent)?;
            }
        }
        Ok(())
    }

    fn set(
        &self,
        mut event: EventMut<'_>,
        envelope: &Envelope,
        log_event: &LogEvent,
        keys: &Keys,
        parent: &Parent,
    ) -> Result<(), BatchFull> {
        event.set_type(&Self::schema())?;
        event.set_time(log_event.time);
        for (key, value) in &parent.fields {
            event.insert_key(*key, value)?;
        }
        let mut text = |key, range: &Option<Range<usize>>| match range {
            Some(range) => event.insert_key(key, self.envelopes.text(range)),
            None => Ok(()),
        };
        text(keys.owner, &envelope.owner)?;
        text(keys.log_group, &envelope.log_group)?;
        text(keys.log_stream, &envelope.log_stream)?;
        text(keys.policy_level, &envelope.policy_level)?;
        text(keys.id, &log_event.id)?;
        if !envelope.subscription_filters.is_empty() {
            let filters = Value::Array(envelope.subscription_filters.clone());
            event.insert_key(keys.subscription_filters, ValueRef::from(&filters))?;
        }
        if let Some(fields) = &log_event.extracted_fields {
            let fields = Value::Object(fields.clone());
            event.insert_key(keys.extracted_fields, ValueRef::from(&fields))?;
        }
        Ok(())
    }
}

/// [`CloudWatchLogs`], and what comes next in a format of its own.
pub(crate) struct CloudWatchThen {
    envelope: CloudWatchLogs,
    /// The parser of the messages; without one they become the field `message`.
    next: Option<Box<dyn Transform>>,
}

impl CloudWatchThen {
    pub(crate) fn new(next: Option<Box<dyn Transform>>) -> Self {
        Self { envelope: CloudWatchLogs::new(), next }
    }

    /// The schemas of the next parser with the fields of the log events.
    pub(crate) fn schemas_of(next: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        next.iter().map(|schema| Arc::new(own_fields(Schema::clone(schema)))).collect()
    }
}

impl Transform for CloudWatchThen {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        self.envelope.transform(batch)?;
        if let Some(next) = &mut self.next {
            return next.transform(batch);
        }
        let message = batch.add_key("message")?;
        batch.parse_each(|event| {
            event.str(message, 0..event.raw().len());
            Ok(())
        });
        Ok(())
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        match &self.next {
            Some(next) => Self::schemas_of(&next.schemas(input)),
            None => self.envelope.schemas(input),
        }
    }

    fn is_stateful(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.is_stateful())
    }

    fn flush(&mut self, reason: FlushReason, now: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        self.next.as_mut().map_or(Ok(()), |next| next.flush(reason, now, out))
    }

    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        self.next.as_ref()?.snapshot(stream)
    }

    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        self.next.as_mut().map_or(Ok(()), |next| next.restore(stream, state))
    }
}
