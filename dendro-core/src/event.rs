//! The owned event, for tests and application code.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::{Object, Timestamp, Value};

/// An event that owns what it holds. Pipelines move [`Batch`](crate::Batch)es; this is for tests and
/// application code.
///
/// ```
/// use dendro_core::{Batch, Event};
/// let event = Event::new("deploy").with("service", "web").with("took", std::time::Duration::from_millis(5));
/// let batch = Batch::from_events([&event]).unwrap();
/// assert_eq!(batch.get(0).unwrap().to_event(), event);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// The name of its type: the table that it belongs to.
    pub event_type: String,
    /// When it happened, if it says so.
    pub time: Option<Timestamp>,
    /// When Dendro saw it.
    pub observed: Timestamp,
    /// Its fields.
    pub fields: Object,
}

impl Event {
    /// An event without a time and without fields.
    pub fn new(event_type: impl Into<String>) -> Self {
        Self {
            event_type: event_type.into(),
            time: None,
            observed: Timestamp::EPOCH,
            fields: BTreeMap::new(),
        }
    }

    /// Sets a field.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }

    /// Sets when it happened.
    pub fn at(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// The field of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }
}

/// As an object: `timestamp` in RFC 3339, `type`, then the fields; a field that has one of these two
/// names gets a `_` behind it.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &self.time.unwrap_or(self.observed))?;
        map.serialize_entry("type", &self.event_type)?;
        for (name, value) in &self.fields {
            match name.as_str() {
                "timestamp" => map.serialize_entry("timestamp_", value)?,
                "type" => map.serialize_entry("type_", value)?,
                _ => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// As plain data: times in RFC 3339, durations in seconds, bytes as a sequence of numbers,
/// distributions by their parts.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(v) => serializer.serialize_bool(*v),
            Self::I64(v) => serializer.serialize_i64(*v),
            Self::U64(v) => serializer.serialize_u64(*v),
            Self::F64(v) => serializer.serialize_f64(*v),
            Self::Timestamp(v) => v.serialize(serializer),
            Self::Duration(v) => serializer.serialize_f64(v.as_secs_f64()),
            Self::Str(v) => serializer.serialize_str(v),
            Self::Bytes(v) => serializer.serialize_bytes(v),
            Self::Array(values) => {
                let mut seq = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|v| seq.serialize_element(v))?;
                seq.end()
            }
            Self::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.len()))?;
                object.iter().try_for_each(|(k, v)| map.serialize_entry(k, v))?;
                map.end()
            }
            Self::Histogram(h) => {
                let mut map = serializer.serialize_map(Some(3))?;
                map.serialize_entry("bounds", &h.bounds())?;
                map.serialize_entry("counts", &h.counts())?;
                map.serialize_entry("sum", &h.sum())?;
                map.end()
            }
            Self::Sketch(s) => {
                let mut map = serializer.serialize_map(Some(5))?;
                map.serialize_entry("scale", &s.scale())?;
                map.serialize_entry("offset", &s.offset())?;
                map.serialize_entry("zero_count", &s.zero_count())?;
                map.serialize_entry("counts", &s.counts())?;
                map.serialize_entry("sum", &s.sum())?;
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_serialises_with_time_and_type_first_and_no_name_twice() {
        let event = Event::new("t")
            .with("timestamp", "own")
            .with("type", 1u64)
            .with("a", Value::Bytes(vec![1]))
            .with("nan", f64::NAN);
        let expected = concat!(
            r#"{"timestamp":"1970-01-01T00:00:00.000000000Z","type":"t","#,
            r#""a":[1],"nan":null,"timestamp_":"own","type_":1}"#
        );
        assert_eq!(serde_json::to_string(&event).ok().as_deref(), Some(expected));
    }
}
