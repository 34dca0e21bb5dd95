//! Some of many events.

use dendro_core::{Batch, EventRef, FieldSchema, Schema, Transform, TransformError, ValueType};
use xxhash_rust::xxh3::xxh3_64;

use crate::condition::Matcher;
use crate::field::Bindings;
use crate::schema_map::SchemaMap;
use crate::{Condition, ConfigError, Field, scalar};

/// Keeps a share of the events: the same ones each time, because it is decided by what they are and not by chance.
///
/// Without a key each event is decided by its stream, its position there and its text; with one, all events whose key
/// fields are equal have the same fate, in every process and every stream.
///
/// ```
/// use dendro_core::{Batch, Event, Transform};
/// use dendro_transforms::{Condition, Sample};
///
/// let mut sample = Sample::share(0.1)?
///     .by(["session"])
///     .always(Condition::field("status").at_least(500u64))
///     .rate_field("sample_rate");
/// let event = |n: u64| Event::new("t").with("session", n / 10).with("status", if n == 7 { 500u64 } else { 200 });
/// let mut batch = Batch::from_events(&(0..1_000).map(event).collect::<Vec<_>>())?;
/// sample.transform(&mut batch)?;
/// assert!((40..250).contains(&batch.len()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sample {
    share: f64,
    /// Hashes up to this are kept.
    highest: u64,
    key: Vec<Field>,
    always: Option<Matcher>,
    rate_field: Option<String>,
    schemas: SchemaMap,
    room: Vec<u8>,
}

impl Sample {
    /// Keeps this share of the events, from 0 to 1.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not from 0 to 1.
    pub fn share(share: f64) -> Result<Self, ConfigError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(ConfigError::new(format!(
                "a sample of {share}: it is the share that is kept, from 0 to 1"
            )));
        }
        Ok(Self {
            share,
            // Saturates at the highest hash.
            highest: (share * 2f64.powi(64)) as u64,
            key: Vec::new(),
            always: None,
            rate_field: None,
            schemas: SchemaMap::default(),
            room: Vec::new(),
        })
    }

    /// Events of which these fields are equal are all kept, or none of them.
    pub fn by<F: Into<Field>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.key.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Events for which this holds are kept in any case.
    pub fn always(mut self, condition: Condition) -> Self {
        self.always = Some(condition.compile());
        self
    }

    /// Writes to this field by what share an event was kept, 1 for those that always are: its inverse is how many events it
    /// stands for.
    pub fn rate_field(mut self, name: impl Into<String>) -> Self {
        self.rate_field = Some(name.into());
        self
    }

    fn hash(&mut self, bindings: &Bindings, event: EventRef<'_>) -> u64 {
        self.room.clear();
        if !self.key.is_empty() {
            for (field, bound) in self.key.iter().zip(bindings.of(event)) {
                match field.get(*bound, event) {
                    Some(value) => scalar::write_by_value(value, &mut self.room),
                    None => scalar::write(None, &mut self.room),
                }
            }
            return xxh3_64(&self.room);
        }
        let stream = event.origin().and_then(|o| o.stream.as_deref()).unwrap_or_default();
        self.room.extend_from_slice(stream.as_bytes());
        self.room.extend_from_slice(&event.position().to_le_bytes());
        self.room.extend_from_slice(event.raw());
        if event.raw().is_empty() {
            self.room.extend_from_slice(&event.timestamp().as_nanos().to_le_bytes());
            for (name, value) in event.fields() {
                self.room.extend_from_slice(name.as_bytes());
                scalar::write(Some(value), &mut self.room);
            }
        }
        xxh3_64(&self.room)
    }

    fn output(&self, schema: &Schema) -> Schema {
        match &self.rate_field {
            Some(name) if !schema.fields.is_empty() => schema.clone().field(
                FieldSchema::attribute(name.clone(), ValueType::F64)
                    .unit("1")
                    .doc("The share of such events that was kept."),
            ),
            _ => schema.clone(),
        }
    }
}

impl Transform for Sample {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let bindings = Bindings::new(&self.key, batch);
        let always = self.always.as_ref().map(|matcher| matcher.bind(batch));
        let rate = match &self.rate_field {
            Some(name) => Some(batch.add_key(name)?),
            None => None,
        };
        for index in 0..batch.end_index() {
            let Some(event) = batch.get(index) else { continue };
            let certain = match (&self.always, &always) {
                (Some(matcher), Some(bindings)) => matcher.holds(bindings, event),
                _ => false,
            };
            if !certain && (self.highest == 0 || self.hash(&bindings, event) > self.highest) {
                batch.remove(index);
            } else if let (Some(rate), Some(mut event)) = (rate, batch.get_mut(index)) {
                event.insert_key(rate, if certain { 1.0 } else { self.share })?;
            }
        }
        if self.rate_field.is_some() {
            let mut schemas = std::mem::take(&mut self.schemas);
            schemas.attach(batch, |schema| self.output(schema));
            self.schemas = schemas;
        }
        Ok(())
    }

    fn schemas(&self, input: &[std::sync::Arc<Schema>]) -> Vec<std::sync::Arc<Schema>> {
        SchemaMap::outputs(input, |schema| self.output(schema))
    }
}
