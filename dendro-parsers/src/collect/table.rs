//! Measures by the name under which a service reports them, each with what its schema says.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use dendro_core::{FieldSchema, Schema, SignedDuration, Timestamp, Value, ValueType};

/// One value that a service reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    /// What the service calls it.
    pub(crate) from: &'static str,
    pub(crate) name: &'static str,
    role: Role,
    reads: Reads,
    unit: &'static str,
    otel: &'static str,
    doc: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Role {
    Counter,
    Gauge,
    Dimension,
    Attribute,
}

/// How its text is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reads {
    U64,
    I64,
    F64,
    /// `1`, `on`, `yes`, `t` or `true` is true, whatever the case.
    Bool,
    Str,
    /// Kibibytes, as bytes.
    Kib,
    /// Sectors of 512 bytes, as bytes.
    Sectors,
    Secs,
    Millis,
    Micros,
    /// Hundredths of a second: `USER_HZ`, which is 100 on all platforms of Linux that Rust builds for.
    Ticks,
    /// Seconds since 1970.
    UnixSecs,
    Rfc3339,
}

/// A count that only grows.
pub(crate) const fn counter(from: &'static str, unit: &'static str, doc: &'static str) -> Measure {
    Measure { from, name: from, role: Role::Counter, reads: Reads::U64, unit, otel: "", doc }
}

/// A value that stands for itself.
pub(crate) const fn gauge(from: &'static str, unit: &'static str, doc: &'static str) -> Measure {
    Measure { role: Role::Gauge, ..counter(from, unit, doc) }
}

/// A text to group by.
pub(crate) const fn dimension(from: &'static str, doc: &'static str) -> Measure {
    Measure { role: Role::Dimension, reads: Reads::Str, ..counter(from, "", doc) }
}

/// A text that describes.
pub(crate) const fn attribute(from: &'static str, doc: &'static str) -> Measure {
    Measure { role: Role::Attribute, reads: Reads::Str, ..counter(from, "", doc) }
}

impl Measure {
    /// Gives it another name than the service's, where that one is not in snake_case.
    pub(crate) const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub(crate) const fn reads(self, reads: Reads) -> Self {
        Self { reads, ..self }
    }

    pub(crate) const fn otel(self, otel: &'static str) -> Self {
        Self { otel, ..self }
    }

    /// The value that this text says; `None` if it says none.
    pub(crate) fn read(&self, text: &str) -> Option<Value> {
        let text = text.trim();
        let nanos =
            |each: i64| Some(SignedDuration::from_nanos(text.parse::<i64>().ok()?.checked_mul(each)?));
        let times = |factor: u64| text.parse::<u64>().ok()?.checked_mul(factor);
        Some(match self.reads {
            Reads::U64 => text.parse::<u64>().ok()?.into(),
            Reads::I64 => text.parse::<i64>().ok()?.into(),
            Reads::F64 => finite(text)?.into(),
            Reads::Bool => {
                ["1", "on", "yes", "t", "true"].iter().any(|yes| text.eq_ignore_ascii_case(yes)).into()
            }
            Reads::Str => text.into(),
            Reads::Kib => times(1_024)?.into(),
            Reads::Sectors => times(512)?.into(),
            Reads::Secs => seconds(finite(text)?)?.into(),
            Reads::Millis => nanos(1_000_000).or_else(|| seconds(finite(text)? / 1e3))?.into(),
            Reads::Micros => nanos(1_000)?.into(),
            Reads::Ticks => nanos(10_000_000)?.into(),
            Reads::Rfc3339 => Timestamp::parse_rfc3339(text)?.into(),
            Reads::UnixSecs => {
                Timestamp::from_nanos(text.parse::<i64>().ok()?.checked_mul(1_000_000_000)?).into()
            }
        })
    }

    pub(crate) fn field(&self) -> FieldSchema {
        let value_type = match self.reads {
            Reads::U64 | Reads::Kib | Reads::Sectors => ValueType::U64,
            Reads::I64 => ValueType::I64,
            Reads::F64 => ValueType::F64,
            Reads::Bool => ValueType::Bool,
            Reads::Str => ValueType::Str,
            Reads::Secs | Reads::Millis | Reads::Micros | Reads::Ticks => ValueType::Duration,
            Reads::UnixSecs | Reads::Rfc3339 => ValueType::Timestamp,
        };
        let field = match self.role {
            Role::Counter => FieldSchema::cumulative(self.name, value_type),
            Role::Gauge => FieldSchema::gauge(self.name, value_type),
            Role::Dimension => FieldSchema::dimension(self.name, value_type),
            Role::Attribute => FieldSchema::attribute(self.name, value_type),
        };
        let field = if self.unit.is_empty() { field } else { field.unit(self.unit) };
        let field = if self.otel.is_empty() { field } else { field.otel(self.otel) };
        field.doc(self.doc)
    }
}

/// The schema of these measures.
pub(crate) fn schema(
    name: impl Into<Cow<'static, str>>,
    doc: impl Into<Cow<'static, str>>,
    measures: &[&[Measure]],
) -> Schema {
    measures.iter().copied().flatten().map(Measure::field).fold(Schema::new(name).doc(doc), Schema::field)
}

pub(crate) fn seconds(seconds: f64) -> Option<SignedDuration> {
    let nanos = (seconds * 1e9).round();
    (nanos.abs() < i64::MAX as f64).then_some(SignedDuration::from_nanos(nanos as i64))
}

fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// How many fields may be added to what is known.
const MAX_ADDED: usize = 400;

/// A schema to which a service of another version adds what it tells and is not known: numbers.
#[derive(Debug)]
pub(crate) struct Growing {
    schema: Arc<Schema>,
    added: BTreeSet<String>,
}

impl Growing {
    pub(crate) fn new(schema: Schema) -> Self {
        Self { schema: Arc::new(schema), added: BTreeSet::new() }
    }

    pub(crate) fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }

    /// The field that this name and text give, if any. A name that is not known has to be one in snake_case, and stand
    /// for a number.
    pub(crate) fn read(
        &mut self,
        known: &[Measure],
        name: &str,
        text: &str,
    ) -> Option<(Cow<'static, str>, Value)> {
        self.read_as(known, name, text, false)
    }

    /// The same; what is not known is a counter, or not.
    pub(crate) fn read_as(
        &mut self,
        known: &[Measure],
        name: &str,
        text: &str,
        is_counter: bool,
    ) -> Option<(Cow<'static, str>, Value)> {
        if let Some(measure) = known.iter().find(|measure| measure.from == name) {
            return Some((measure.name.into(), measure.read(text)?));
        }
        let value = finite(text)?;
        if !self.added.contains(name) {
            let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
            if !is_plain || self.added.len() >= MAX_ADDED || self.schema.get(name).is_some() {
                return None;
            }
            self.added.insert(name.to_owned());
            let field = if is_counter { FieldSchema::cumulative } else { FieldSchema::gauge };
            let field =
                field(Cow::Owned(name.to_owned()), ValueType::F64).unit("1").doc("As the service tells it.");
            self.schema = Arc::new(Schema::clone(&self.schema).field(field));
        }
        Some((name.to_owned().into(), value.into()))
    }
}
