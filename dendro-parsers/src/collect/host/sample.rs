//! What one look at the host gives.

use std::sync::Arc;

use dendro_core::{Schema, Value};

use super::super::table::Measure;

/// Events and warnings, gathered on a blocking thread.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) events: Vec<Fields>,
    /// What could not be read, and why.
    pub(super) warnings: Vec<(String, String)>,
}

impl Sample {
    /// Adds an event without fields.
    pub(super) fn event(&mut self, schema: &Arc<Schema>) -> &mut Fields {
        self.events.push(Fields { schema: schema.clone(), fields: Vec::new() });
        let last = self.events.len() - 1;
        &mut self.events[last]
    }

    /// What can't be read is told once for each subject.
    pub(super) fn warn(&mut self, subject: impl Into<String>, message: impl Into<String>) {
        self.warnings.push((subject.into(), message.into()));
    }
}

/// One event.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) schema: Arc<Schema>,
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Fields {
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<Value>) -> &mut Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Sets the field of a measure, if the text says a value.
    pub(super) fn read(&mut self, measure: &Measure, text: &str) -> &mut Self {
        if let Some(value) = measure.read(text) {
            self.set(measure.name, value);
        }
        self
    }

    /// Reads columns, in the order of the measures; those behind the last are ones that the kernel does not have yet,
    /// or has since.
    pub(super) fn columns<'a>(
        &mut self,
        measures: &[Measure],
        columns: impl Iterator<Item = &'a str>,
    ) -> &mut Self {
        for (measure, text) in measures.iter().zip(columns) {
            self.read(measure, text);
        }
        self
    }

    /// Reads lines of a name and a value, for the measures that are known.
    pub(super) fn named<'a>(
        &mut self,
        measures: &[Measure],
        lines: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> &mut Self {
        for (name, text) in lines {
            if let Some(measure) = measures.iter().find(|measure| measure.from == name) {
                self.read(measure, text);
            }
        }
        self
    }
}
