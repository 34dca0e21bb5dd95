//! Fields that are set, renamed, removed, cast.

use std::sync::Arc;

use dendro_core::{
    Batch, BatchFull, EventMut, FieldSchema, Key, Schema, Transform, TransformError, Value, ValueRef,
    ValueType,
};

use crate::cast::{Cast, CastTo, cast};
use crate::condition::Matcher;
use crate::field::{Bindings, Bound};
use crate::schema_map::SchemaMap;
use crate::template::Template;
use crate::{Condition, ConfigError, Field};

/// Sets, copies, renames, removes and casts fields, one step behind the other.
///
/// Steps write whole fields; what they read may also be a value within another. A step whose field is missing does nothing.
/// The schema follows: a renamed field keeps its role and unit, a removed one is gone. With [`when`](Self::when), where some events of a type are
/// changed and others are not, it says what may be.
///
/// ```
/// use dendro_core::{Batch, Event, Transform};
/// use dendro_transforms::{CastTo, Map};
///
/// let mut map = Map::new()
///     .set("env", "prod")
///     .cast("took", CastTo::F64)
///     .template("what", "{method} {path}")?
///     .remove("path")
///     .rename("took", "seconds");
/// let event = Event::new("t").with("method", "GET").with("path", "/a").with("took", "0.5");
/// let mut batch = Batch::from_events([&event])?;
/// map.transform(&mut batch)?;
/// let expected = Event::new("t").with("method", "GET").with("env", "prod").with("what", "GET /a").with("seconds", 0.5);
/// assert_eq!(batch.get(0).unwrap().to_event(), expected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Map {
    steps: Vec<Step>,
    when: Option<Matcher>,
    schemas: SchemaMap,
    room: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Step {
    Set { name: String, value: Value },
    Template { name: String, template: Template },
    Copy { from: Field, to: String },
    Rename { from: String, to: String },
    Remove { name: String },
    Cast { name: String, to: CastTo, or_null: bool },
}

/// What a step needs to know of a batch.
enum Ready {
    Key(Key),
    Fields(Key, Bindings),
    Nothing,
}

impl Map {
    /// Without steps: nothing changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only events for which this holds, as they come in.
    pub fn when(mut self, condition: Condition) -> Self {
        self.when = Some(condition.compile());
        self
    }

    /// Sets a field to a value.
    pub fn set(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.step(Step::Set { name: name.into(), value: value.into() })
    }

    /// Sets a field to a text with [fields](Field) in it: `{method} {url.path}`. `{{` and `}}` are the braces themselves, a missing field is nothing.
    ///
    /// # Errors
    /// [`ConfigError`] if the braces don't match.
    pub fn template(self, name: impl Into<String>, template: &str) -> Result<Self, ConfigError> {
        let template = Template::new(template)?;
        Ok(self.step(Step::Template { name: name.into(), template }))
    }

    /// Sets a field to the value of another, or of one within another.
    pub fn copy(self, from: impl Into<Field>, to: impl Into<String>) -> Self {
        self.step(Step::Copy { from: from.into(), to: to.into() })
    }

    /// Renames a field, replacing one that has the new name.
    pub fn rename(self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.step(Step::Rename { from: from.into(), to: to.into() })
    }

    /// Removes a field.
    pub fn remove(self, name: impl Into<String>) -> Self {
        self.step(Step::Remove { name: name.into() })
    }

    /// Casts a field. An event in which that can't be goes to the dead letters; null stays null.
    pub fn cast(self, name: impl Into<String>, to: CastTo) -> Self {
        self.step(Step::Cast { name: name.into(), to, or_null: false })
    }

    /// Casts a field, to null where that can't be.
    pub fn cast_or_null(self, name: impl Into<String>, to: CastTo) -> Self {
        self.step(Step::Cast { name: name.into(), to, or_null: true })
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn output(&self, schema: &Schema) -> Schema {
        let mut schema = schema.clone();
        // Without fields it allows any.
        if !schema.fields.is_empty() {
            let certain = self.when.is_none();
            self.steps.iter().for_each(|step| step.map(&mut schema, certain));
        }
        schema
    }
}

impl Step {
    fn ready(&self, batch: &mut Batch) -> Result<Ready, BatchFull> {
        Ok(match self {
            Self::Set { name, .. } | Self::Cast { name, .. } => Ready::Key(batch.add_key(name)?),
            Self::Template { name, template } => {
                Ready::Fields(batch.add_key(name)?, Bindings::new(&template.fields, batch))
            }
            Self::Copy { from, to } => Ready::Fields(batch.add_key(to)?, Bindings::new([from], batch)),
            Self::Rename { .. } | Self::Remove { .. } => Ready::Nothing,
        })
    }

    /// What is wrong with the event, if something is.
    fn apply(
        &self,
        ready: &Ready,
        event: &mut EventMut<'_>,
        room: &mut Vec<u8>,
    ) -> Result<Option<String>, BatchFull> {
        room.clear();
        match (self, ready) {
            (Self::Set { value, .. }, Ready::Key(key)) => event.insert_key(*key, value)?,
            (Self::Template { template, .. }, Ready::Fields(key, bindings)) => {
                let view = event.view();
                template.write(bindings.of(view), view, room);
                event.insert_key(*key, ValueRef::from(&room[..]))?;
            }
            (Self::Copy { from, .. }, Ready::Fields(key, bindings)) => {
                let bound: Bound = bindings.of(event.view())[0];
                let value = from.get(bound, event.view()).map(|v| v.to_value());
                if let Some(value) = value {
                    event.insert_key(*key, &value)?;
                }
            }
            (Self::Rename { from, to }, _) => drop(event.rename(from, to)?),
            (Self::Remove { name }, _) => drop(event.remove_field(name)),
            (Self::Cast { name, to, or_null }, Ready::Key(key)) => {
                let Some(value) = event.get(name) else { return Ok(None) };
                match cast(value, *to, room) {
                    Cast::Scalar(value) => event.insert_key(*key, &value)?,
                    Cast::Text => event.insert_key(*key, ValueRef::from(&room[..]))?,
                    Cast::Impossible if *or_null => event.insert_key(*key, ValueRef::Null)?,
                    Cast::Impossible => {
                        crate::text::write(value, room);
                        room.truncate(100);
                        let (value, to) = (String::from_utf8_lossy(room), to.value_type().name());
                        return Ok(Some(format!("its field `{name}` is no {to}: {value:?}")));
                    }
                }
            }
            _ => {}
        }
        Ok(None)
    }

    fn map(&self, schema: &mut Schema, certain: bool) {
        let set = |schema: &mut Schema, new: FieldSchema| match schema
            .fields
            .iter_mut()
            .find(|f| f.name == new.name)
        {
            Some(known) => {
                let is_same = known.value_type == new.value_type;
                known.value_type = if certain || is_same { new.value_type } else { ValueType::Any };
            }
            None => schema.fields.push(new),
        };
        match self {
            Self::Set { name, value } => set(schema, FieldSchema::attribute(name.clone(), type_of(value))),
            Self::Template { name, .. } => set(schema, FieldSchema::attribute(name.clone(), ValueType::Str)),
            Self::Copy { from, to } => {
                let mut copy = from.schema_in(schema).cloned();
                if let Some(copy) = &mut copy {
                    copy.name = to.clone().into();
                    // Two of one name in OpenTelemetry would be one.
                    copy.otel = None;
                }
                set(schema, copy.unwrap_or_else(|| FieldSchema::attribute(to.clone(), ValueType::Any)));
            }
            Self::Rename { from, to } => {
                let Some(at) = schema.fields.iter().position(|f| f.name == *from) else { return };
                let mut renamed = schema.fields[at].clone();
                renamed.name = to.clone().into();
                if certain && from != to {
                    schema.fields[at] = renamed;
                    let kept = schema.fields[at].clone();
                    schema.fields.retain(|f| f.name != *to || *f == kept);
                } else {
                    set(schema, renamed);
                }
            }
            Self::Remove { name } if certain => schema.fields.retain(|f| f.name != *name),
            Self::Remove { .. } => {}
            Self::Cast { name, to, .. } => {
                if schema.get(name).is_some() {
                    set(schema, FieldSchema::attribute(name.clone(), to.value_type()));
                }
            }
        }
    }
}

fn type_of(value: &Value) -> ValueType {
    match value {
        Value::Bool(_) => ValueType::Bool,
        Value::I64(_) => ValueType::I64,
        Value::U64(_) => ValueType::U64,
        Value::F64(_) => ValueType::F64,
        Value::Timestamp(_) => ValueType::Timestamp,
        Value::Duration(_) => ValueType::Duration,
        Value::Str(_) => ValueType::Str,
        Value::Bytes(_) => ValueType::Bytes,
        Value::Array(_) => ValueType::Array,
        Value::Object(_) => ValueType::Object,
        Value::Histogram(_) => ValueType::Histogram,
        Value::Sketch(_) => ValueType::Sketch,
        _ => ValueType::Any,
    }
}

impl Transform for Map {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let when = self.when.as_ref().map(|matcher| matcher.bind(batch));
        let mut chosen = Vec::new();
        if let (Some(matcher), Some(bindings)) = (&self.when, &when) {
            chosen = batch.iter().filter(|e| matcher.holds(bindings, *e)).map(|e| e.index()).collect();
        }
        // Step by step, so that each finds the fields that the ones before it have made.
        for step in &self.steps {
            let ready = step.ready(batch)?;
            let mut apply = |batch: &mut Batch, index: usize| -> Result<(), BatchFull> {
                let Some(mut event) = batch.get_mut(index) else { return Ok(()) };
                if let Some(wrong) = step.apply(&ready, &mut event, &mut self.room)? {
                    event.reject(wrong);
                }
                Ok(())
            };
            match &when {
                Some(_) => chosen.iter().try_for_each(|index| apply(batch, *index))?,
                None => (0..batch.end_index()).try_for_each(|index| apply(batch, index))?,
            }
        }
        let mut schemas = std::mem::take(&mut self.schemas);
        schemas.attach(batch, |schema| self.output(schema));
        self.schemas = schemas;
        Ok(())
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        SchemaMap::outputs(input, |schema| self.output(schema))
    }
}
