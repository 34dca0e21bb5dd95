//! A schema as bytes: frames have only the names of their types.
//!
//! A version u8 = 1; name and documentation of the type; a count u32 of fields, each a name, a role u8 (0 dimension,
//! 1 gauge, 2 delta, 3 cumulative, 4 attribute), a value type u8, unit, OpenTelemetry name and documentation. A text is its
//! length u32 and its bytes; an empty unit or OpenTelemetry name is none.
//!
//! A frame's types have the schemas that were written last before it, by name. Where several of its types have one name, they have as
//! many of the last ones of that name, in the order of its table.

use std::borrow::Cow;

use dendro_core::{FieldSchema, MetricKind, Role, Schema, Temporality, ValueType};

use crate::bytes::{Input, put_bytes};

const VERSION: u8 = 1;
/// How many types of one name a batch may have: so many schemas of each are remembered by who reads.
pub(crate) const MAX_OF_A_NAME: usize = 64;

const TYPES: [ValueType; 13] = [
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

pub(crate) fn encode(schema: &Schema) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_bytes(&mut out, schema.name.as_bytes());
    put_bytes(&mut out, schema.doc.as_bytes());
    out.extend_from_slice(&(schema.fields.len() as u32).to_le_bytes());
    for field in &schema.fields {
        put_bytes(&mut out, field.name.as_bytes());
        out.push(match field.role {
            Role::Dimension => 0,
            Role::Measure(MetricKind::Gauge) => 1,
            Role::Measure(MetricKind::Counter(Temporality::Delta)) => 2,
            Role::Measure(MetricKind::Counter(Temporality::Cumulative)) => 3,
            _ => 4,
        });
        // What this does not know yet may hold anything.
        let any = TYPES.len() - 1;
        out.push(TYPES.iter().position(|t| *t == field.value_type).unwrap_or(any) as u8);
        put_bytes(&mut out, field.unit.as_deref().unwrap_or_default().as_bytes());
        put_bytes(&mut out, field.otel.as_deref().unwrap_or_default().as_bytes());
        put_bytes(&mut out, field.doc.as_bytes());
    }
    out
}

/// `None` if the bytes are none, or of a later version.
pub(crate) fn decode(bytes: &[u8]) -> Option<Schema> {
    let mut input = Input(bytes);
    if input.u8()? != VERSION {
        return None;
    }
    let mut schema = Schema::new(input.text()?.to_owned()).doc(input.text()?.to_owned());
    for _ in 0..input.u32()? {
        let name = input.text()?.to_owned();
        let (role, value_type) = (input.u8()?, *TYPES.get(usize::from(input.u8()?))?);
        let field = match role {
            0 => FieldSchema::dimension(name, value_type),
            1 => FieldSchema::gauge(name, value_type),
            2 => FieldSchema::delta(name, value_type),
            3 => FieldSchema::cumulative(name, value_type),
            4 => FieldSchema::attribute(name, value_type),
            _ => return None,
        };
        let (unit, otel, doc) = (input.text()?, input.text()?, input.text()?);
        let some = |text: &str| (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        let mut field = field.doc(doc.to_owned());
        (field.unit, field.otel) = (some(unit), some(otel));
        // Not through `Schema::field`, which looks at all others each time.
        schema.fields.push(field);
    }
    input.0.is_empty().then_some(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_schema_comes_back() {
        let mut schema = Schema::new("t").doc("A type.");
        for (n, value_type) in TYPES.into_iter().enumerate() {
            let name = format!("field_{n}");
            schema = schema.field(match n % 5 {
                0 => FieldSchema::dimension(name, value_type),
                1 => FieldSchema::gauge(name, value_type).unit("By"),
                2 => FieldSchema::delta(name, value_type).otel("a.b"),
                3 => FieldSchema::cumulative(name, value_type).doc("Words."),
                _ => FieldSchema::attribute(name, value_type),
            });
        }
        let bytes = encode(&schema);
        assert_eq!(decode(&bytes), Some(schema));
        for len in 0..bytes.len() {
            assert_eq!(decode(&bytes[..len]), None, "{len} bytes");
        }
        let mut later = bytes;
        later[0] = 2;
        assert_eq!(decode(&later), None);
    }
}
