//! What one scrape gives.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use dendro_core::{
    Batch, BatchFull, EventMut, FieldSchema, Schema, Severity, SourceContext, Timestamp, ValueType,
};

use super::CollectError;

const BATCH_EVENTS: usize = 4_096;
/// How many different problems are remembered as told.
const MAX_TOLD: usize = 1_000;
/// The field that every event of a collector with a target has.
const TARGET: &str = "target";

/// Takes the events of one scrape, all at one time.
pub struct Scrape {
    cx: SourceContext,
    time: Timestamp,
    target: Option<String>,
    schemas: Schemas,
    told: HashSet<String>,
    done: Vec<Batch>,
    open: Option<Batch>,
}

impl Scrape {
    pub(super) fn new(cx: SourceContext, target: Option<String>) -> Self {
        Self {
            time: cx.now(),
            cx,
            schemas: Schemas::new(target.is_some()),
            target,
            told: HashSet::new(),
            done: Vec::new(),
            open: None,
        }
    }

    /// When the scrape has begun, by the pipeline's clock: the time of its events.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Adds an event. `fill` inserts its fields; it is called once more with a new batch where the open one is full.
    ///
    /// # Errors
    /// [`CollectError`] if the fields are more than an event can hold.
    pub fn event(
        &mut self,
        schema: &Arc<Schema>,
        fill: impl Fn(&mut EventMut<'_>) -> Result<(), BatchFull>,
    ) -> Result<(), CollectError> {
        if self.open.as_ref().is_some_and(|batch| batch.len() >= BATCH_EVENTS) {
            self.close();
        }
        let schema = self.schemas.with_target(schema);
        let first = self.try_event(&schema, &fill);
        if first.is_ok() || !self.close() {
            return Ok(first?);
        }
        Ok(self.try_event(&schema, &fill)?)
    }

    /// Tells the user of something that is missing in this scrape, once for each `subject`.
    pub fn warn(&mut self, subject: &str, message: impl Into<String>) {
        if !self.told.contains(subject) && self.told.len() < MAX_TOLD {
            self.told.insert(subject.to_owned());
            self.cx.report(Severity::Warning, message);
        }
    }

    fn try_event(
        &mut self,
        schema: &Arc<Schema>,
        fill: &impl Fn(&mut EventMut<'_>) -> Result<(), BatchFull>,
    ) -> Result<(), BatchFull> {
        let batch = match &mut self.open {
            Some(batch) => batch,
            None => self.open.insert(self.cx.pool().batch(Bytes::new())?),
        };
        let (ty, origin) = (batch.add_type(schema)?, batch.add_origin(&self.cx.origin(None))?);
        let before = batch.end_index();
        let mut event = batch.push_event(ty, origin, self.time);
        event.set_time(Some(self.time));
        let filled = match &self.target {
            Some(target) => event.insert(TARGET, target.as_str()),
            None => Ok(()),
        };
        let filled = filled.and_then(|()| fill(&mut event));
        if filled.is_err() {
            batch.revert(before);
        }
        filled
    }

    /// Says whether there was anything in the open batch.
    fn close(&mut self) -> bool {
        let closed = self.open.take().filter(|batch| !batch.is_empty());
        let any = closed.is_some();
        self.done.extend(closed);
        any
    }

    /// Begins the next one.
    pub(super) fn begin(&mut self) {
        self.discard();
        self.time = self.cx.now();
    }

    /// Drops what it was given.
    pub(super) fn discard(&mut self) {
        self.open = None;
        self.done.clear();
    }

    pub(super) fn finish(&mut self) -> Vec<Batch> {
        self.close();
        mem::take(&mut self.done)
    }
}

/// The schemas of collectors as they are published: with the field `target`.
struct Schemas {
    targeted: bool,
    known: Vec<(Arc<Schema>, Arc<Schema>)>,
}

impl Schemas {
    fn new(targeted: bool) -> Self {
        Self { targeted, known: Vec::new() }
    }

    fn with_target(&mut self, schema: &Arc<Schema>) -> Arc<Schema> {
        if !self.targeted {
            return schema.clone();
        }
        if let Some((_, published)) = self.known.iter().find(|(given, _)| Arc::ptr_eq(given, schema)) {
            return published.clone();
        }
        let published = Arc::new(with_target(schema));
        // A schema that has grown takes the place of the one before.
        self.known.retain(|(given, _)| given.name != schema.name);
        self.known.push((schema.clone(), published.clone()));
        published
    }
}

/// The schema with `target` as its first field.
pub(super) fn with_target(schema: &Schema) -> Schema {
    let target = FieldSchema::dimension(TARGET, ValueType::Str)
        .otel("server.address")
        .doc("Which one was asked: an address without credentials.");
    let empty = Schema::new(schema.name.clone()).doc(schema.doc.clone()).field(target);
    schema.fields.iter().cloned().fold(empty, Schema::field)
}
