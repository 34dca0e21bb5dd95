//! Text in pieces.

use std::sync::Arc;

use dendro_core::{
    Batch, BatchFull, FieldSchema, Schema, Transform, TransformError, Value, ValueRef, ValueType,
};

use crate::field::Bindings;
use crate::schema_map::SchemaMap;
use crate::{ConfigError, Field};

/// Splits a text at a separator, into an array or into fields. Spaces around a piece are cut off. An event whose field is missing or no
/// text passes unchanged.
///
/// ```
/// use dendro_core::{Batch, Event, Transform, Value};
/// use dendro_transforms::Split;
///
/// let mut split = Split::at("x_forwarded_for", ",")?.into_array("addresses");
/// let mut pair = Split::at("user", ":")?.into_fields(["name", "role"]);
/// let event = Event::new("t").with("x_forwarded_for", "192.0.2.1, 10.0.0.1").with("user", "ann:admin:x");
/// let mut batch = Batch::from_events([&event])?;
/// split.transform(&mut batch)?;
/// pair.transform(&mut batch)?;
/// let event = batch.get(0).unwrap().to_event();
/// assert_eq!(event.get("addresses"), Some(&Value::Array(vec!["192.0.2.1".into(), "10.0.0.1".into()])));
/// assert_eq!(event.get("role"), Some(&"admin:x".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Split {
    field: Field,
    separator: String,
    into: Pieces,
    schemas: SchemaMap,
}

#[derive(Clone, Debug)]
enum Pieces {
    Array(String),
    Fields(Vec<String>),
}

impl Split {
    /// The text in this field, at each place where the separator stands. The pieces replace it, as an array.
    ///
    /// # Errors
    /// [`ConfigError`] if the separator is empty.
    pub fn at(field: impl Into<Field>, separator: impl Into<String>) -> Result<Self, ConfigError> {
        let (field, separator) = (field.into(), separator.into());
        if separator.is_empty() {
            return Err(ConfigError::new(format!("`{field}` can't be split at an empty separator")));
        }
        let into = Pieces::Array(field.as_str().to_owned());
        Ok(Self { field, separator, into, schemas: SchemaMap::default() })
    }

    /// The pieces become an array in this field.
    pub fn into_array(mut self, name: impl Into<String>) -> Self {
        self.into = Pieces::Array(name.into());
        self
    }

    /// The pieces become these fields, in order; the last one has all that is left. Fields for which there is no piece are not set.
    pub fn into_fields<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.into = Pieces::Fields(names.into_iter().map(Into::into).collect());
        self
    }

    fn output(&self, schema: &Schema) -> Schema {
        let mut schema = schema.clone();
        if schema.fields.is_empty() {
            return schema;
        }
        let doc = || format!("From {}, at each {:?}.", self.field, self.separator);
        match &self.into {
            Pieces::Array(name) => {
                // An event that passes unchanged has what it had.
                let value_type = if schema.get(name).is_some() { ValueType::Any } else { ValueType::Array };
                schema = schema.field(FieldSchema::attribute(name.clone(), value_type).doc(doc()));
            }
            Pieces::Fields(names) => {
                for name in names {
                    let known = schema.get(name).map(|f| f.value_type);
                    let value_type = if known.is_none_or(|t| t == ValueType::Str) {
                        ValueType::Str
                    } else {
                        ValueType::Any
                    };
                    schema = schema.field(FieldSchema::attribute(name.clone(), value_type).doc(doc()));
                }
            }
        }
        schema
    }
}

impl Transform for Split {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let bindings = Bindings::new([&self.field], batch);
        let mut room = Vec::new();
        batch.try_for_each(|mut event| {
            let view = event.view();
            let Some(text) = self.field.get(bindings.of(view)[0], view).and_then(|v| v.as_str()) else {
                return Ok(());
            };
            match &self.into {
                Pieces::Array(name) => {
                    let pieces = text.split(&*self.separator).map(|piece| Value::from(piece.trim()));
                    let pieces = Value::Array(pieces.collect());
                    if let Err(full) = event.insert(name, &pieces) {
                        event.reject(full.to_string());
                    }
                }
                Pieces::Fields(names) => {
                    room.clear();
                    room.extend_from_slice(text.as_bytes());
                    let text = std::str::from_utf8(&room).unwrap_or_default();
                    for (name, piece) in names.iter().zip(text.splitn(names.len().max(1), &*self.separator)) {
                        event.insert(name, ValueRef::Str(piece.trim()))?;
                    }
                }
            }
            Ok::<(), BatchFull>(())
        })?;
        let mut schemas = std::mem::take(&mut self.schemas);
        schemas.attach(batch, |schema| self.output(schema));
        self.schemas = schemas;
        Ok(())
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        SchemaMap::outputs(input, |schema| self.output(schema))
    }
}
