//! What a parser or collector publishes about the events of its type.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeSeq, SerializeStruct, Serializer};

/// The shape of one event type: the table that its events belong to.
///
/// ```
/// use dendro_core::{FieldSchema, Schema, ValueType};
/// let schema = Schema::new("nginx_access")
///     .doc("One request that nginx has answered.")
///     .field(FieldSchema::dimension("status", ValueType::U64).otel("http.response.status_code"))
///     .field(FieldSchema::gauge("body_bytes_sent", ValueType::U64).unit("By"));
/// assert_eq!(schema.get("status").unwrap().name, "status");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// The event type, in snake_case that needs no quoting in SQL.
    pub name: Cow<'static, str>,
    /// One line for people.
    pub doc: Cow<'static, str>,
    /// The fields, in the order in which documentation prints them.
    pub fields: Vec<FieldSchema>,
}

impl Schema {
    /// A schema without fields.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), doc: Cow::Borrowed(""), fields: Vec::new() }
    }

    /// Sets the line of documentation.
    pub fn doc(mut self, doc: impl Into<Cow<'static, str>>) -> Self {
        self.doc = doc.into();
        self
    }

    /// Adds a field, or replaces the one of the same name.
    pub fn field(mut self, field: FieldSchema) -> Self {
        match self.fields.iter_mut().find(|f| f.name == field.name) {
            Some(slot) => *slot = field,
            None => self.fields.push(field),
        }
        self
    }

    /// The field of this name.
    pub fn get(&self, name: &str) -> Option<&FieldSchema> {
        self.fields.iter().find(|f| f.name == name)
    }
}

/// One field of a [`Schema`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldSchema {
    /// The name, as the server names it, in snake_case.
    pub name: Cow<'static, str>,
    /// What it is for.
    pub role: Role,
    /// What it holds when it is not null.
    pub value_type: ValueType,
    /// The unit in UCUM: `By`, `s`, `%`, `1`.
    pub unit: Option<Cow<'static, str>>,
    /// The attribute name of OpenTelemetry's semantic conventions.
    pub otel: Option<Cow<'static, str>>,
    /// One line for people.
    pub doc: Cow<'static, str>,
}

impl FieldSchema {
    /// A field to group and filter by.
    pub fn dimension(name: impl Into<Cow<'static, str>>, value_type: ValueType) -> Self {
        Self::new(name, Role::Dimension, value_type)
    }

    /// A field that describes an event, with too many values to group by.
    pub fn attribute(name: impl Into<Cow<'static, str>>, value_type: ValueType) -> Self {
        Self::new(name, Role::Attribute, value_type)
    }

    /// A measured value that stands for itself.
    pub fn gauge(name: impl Into<Cow<'static, str>>, value_type: ValueType) -> Self {
        Self::new(name, Role::Measure(MetricKind::Gauge), value_type)
    }

    /// A count since the last event.
    pub fn delta(name: impl Into<Cow<'static, str>>, value_type: ValueType) -> Self {
        Self::new(name, Role::Measure(MetricKind::Counter(Temporality::Delta)), value_type)
    }

    /// A count since some start, that falls only when it starts anew.
    pub fn cumulative(name: impl Into<Cow<'static, str>>, value_type: ValueType) -> Self {
        Self::new(name, Role::Measure(MetricKind::Counter(Temporality::Cumulative)), value_type)
    }

    /// Sets the unit.
    pub fn unit(mut self, ucum: impl Into<Cow<'static, str>>) -> Self {
        self.unit = Some(ucum.into());
        self
    }

    /// Sets OpenTelemetry's name.
    pub fn otel(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.otel = Some(name.into());
        self
    }

    /// Sets the line of documentation.
    pub fn doc(mut self, doc: impl Into<Cow<'static, str>>) -> Self {
        self.doc = doc.into();
        self
    }

    fn new(name: impl Into<Cow<'static, str>>, role: Role, value_type: ValueType) -> Self {
        Self { name: name.into(), role, value_type, unit: None, otel: None, doc: Cow::Borrowed("") }
    }
}

/// What a field is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// To group and filter by: few values.
    Dimension,
    /// A number to compute with.
    Measure(MetricKind),
    /// A description: many values.
    Attribute,
}

/// How the values of a measure relate over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// Each value stands for itself.
    Gauge,
    /// Each value counts.
    Counter(Temporality),
}

/// What a counter's value counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Temporality {
    /// From the event before.
    Delta,
    /// From a start.
    Cumulative,
}

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueType {
    /// True or false.
    Bool,
    /// A signed integer.
    I64,
    /// An unsigned integer.
    U64,
    /// A floating-point number.
    F64,
    /// A point in time.
    Timestamp,
    /// A length of time.
    Duration,
    /// Text.
    Str,
    /// Bytes that need not be UTF-8.
    Bytes,
    /// Values in order.
    Array,
    /// Named values.
    Object,
    /// Counts in buckets with explicit bounds.
    Histogram,
    /// Counts in exponential buckets.
    Sketch,
    /// Not known beforehand.
    Any,
}

impl Role {
    /// Its name in printed schemas: `dimension`, `gauge`, `counter_delta`, `counter_cumulative`,
    /// `attribute`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dimension => "dimension",
            Self::Attribute => "attribute",
            Self::Measure(MetricKind::Gauge) => "gauge",
            Self::Measure(MetricKind::Counter(Temporality::Delta)) => "counter_delta",
            Self::Measure(MetricKind::Counter(Temporality::Cumulative)) => "counter_cumulative",
        }
    }
}

impl ValueType {
    /// Its name in printed schemas: `u64`, `str`, ...
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I64 => "i64",
            Self::U64 => "u64",
            Self::F64 => "f64",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Str => "str",
            Self::Bytes => "bytes",
            Self::Array => "array",
            Self::Object => "object",
            Self::Histogram => "histogram",
            Self::Sketch => "sketch",
            Self::Any => "any",
        }
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Fields<'a>(&'a [FieldSchema]);
        impl Serialize for Fields<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
                self.0.iter().try_for_each(|f| seq.serialize_element(f))?;
                seq.end()
            }
        }
        let mut s = serializer.serialize_struct("Schema", 3)?;
        s.serialize_field("type", &self.name)?;
        s.serialize_field("doc", &self.doc)?;
        s.serialize_field("fields", &Fields(&self.fields))?;
        s.end()
    }
}

impl Serialize for FieldSchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut s = serializer.serialize_struct("FieldSchema", 6)?;
        s.serialize_field("name", &self.name)?;
        s.serialize_field("role", self.role.name())?;
        s.serialize_field("value_type", self.value_type.name())?;
        s.serialize_field("unit", &self.unit)?;
        s.serialize_field("otel", &self.otel)?;
        s.serialize_field("doc", &self.doc)?;
        s.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_prints_as_json() {
        let schema = Schema::new("t")
            .doc("A test.")
            .field(FieldSchema::dimension("status", ValueType::Str))
            .field(FieldSchema::gauge("size", ValueType::U64).unit("By").otel("a.size").doc("How much."))
            .field(FieldSchema::dimension("status", ValueType::U64));
        let expected = concat!(
            r#"{"type":"t","doc":"A test.","fields":["#,
            r#"{"name":"status","role":"dimension","value_type":"u64","unit":null,"otel":null,"doc":""},"#,
            r#"{"name":"size","role":"gauge","value_type":"u64","unit":"By","otel":"a.size","doc":"How much."}]}"#
        );
        assert_eq!(serde_json::to_string(&schema).ok().as_deref(), Some(expected));
        assert_eq!(schema.get("size").map(|f| f.role), Some(Role::Measure(MetricKind::Gauge)));
        assert_eq!(schema.get("nothing"), None);
    }

    #[test]
    fn roles_and_types_have_names_of_their_own() {
        let any = ValueType::Any;
        let roles = [
            FieldSchema::dimension("a", any),
            FieldSchema::attribute("a", any),
            FieldSchema::gauge("a", any),
            FieldSchema::delta("a", any),
            FieldSchema::cumulative("a", any),
        ];
        let names = roles.map(|f| f.role.name());
        assert_eq!(names, ["dimension", "attribute", "gauge", "counter_delta", "counter_cumulative"]);
        let types = [
            ValueType::Bool,
            ValueType::I64,
            ValueType::U64,
            ValueType::F64,
            ValueType::Timestamp,
            ValueType::Duration,
            ValueType::Str,
            ValueType::Bytes,
            ValueType::Array,
            ValueType::Object,
            ValueType::Histogram,
            ValueType::Sketch,
            ValueType::Any,
        ];
        let names = types.map(ValueType::name);
        let expected =
            "bool i64 u64 f64 timestamp duration str bytes array object histogram sketch any".split(' ');
        assert!(names.into_iter().eq(expected));
    }
}
