//! A template as a transform.

use std::borrow::Cow;
use std::sync::Arc;

use dendro_core::{Batch, Key, Schema, Transform, TransformError};

use super::field::{Missing, Number};
use super::template::{Scratch, Take, Template};
use super::walk::{Fail, Why};
use crate::Zone;

/// Parses lines by a template. Cheap to clone; keeps nothing of one line that would matter for another.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    template: Arc<Template>,
    schema: Arc<Schema>,
    keys: Vec<Key>,
    scratch: Scratch,
}

impl Access {
    /// Publishes the template's fields in a schema of this name.
    pub(crate) fn new(template: Template, name: &'static str, doc: &'static str) -> Self {
        let schema = Schema::new(name).doc(doc);
        let schema = template.published().iter().cloned().fold(schema, Schema::field);
        Self {
            template: Arc::new(template),
            schema: Arc::new(schema),
            keys: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// For times that don't tell their zone.
    pub(crate) fn zone(mut self, zone: Zone) -> Self {
        self.scratch.clocks.zone = zone;
        self
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }
}

impl Transform for Access {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let ty = batch.add_type(&self.schema)?;
        let Self { template, keys, scratch, .. } = self;
        keys.clear();
        for field in template.published() {
            keys.push(batch.add_key(&field.name)?);
        }
        batch.parse_each(|event| {
            event.set_type(ty);
            template.parse(event, keys, scratch).map_err(|fail| template.reason(fail))
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![self.schema.clone()]
    }
}

impl Template {
    /// Why a line was refused, in the words of the configuration text.
    #[cold]
    fn reason(&self, fail: Fail) -> Cow<'static, str> {
        let step = |index: usize| self.steps.get(index);
        let shown = |index: usize| step(index).map_or("", |step| step.aside.shown.as_str());
        let expected = match fail.why {
            Why::Prefix => format!("`{}` at the beginning", printed(self.prefix.text())),
            Why::Value(index) => {
                let value = step(index).map_or("a value", |step| step.take.expected());
                format!("{value} for {}", shown(index))
            }
            Why::Next(index) => match step(index).map_or(&[][..], |step| step.next.text()) {
                [] => format!("the end of {}", shown(index)),
                next => format!("`{}` behind {}", printed(next), shown(index)),
            },
            Why::End | Why::Assumed => "the end of the line".to_owned(),
            Why::OneEnd(index) => format!("one place where {} may end, and there are several", shown(index)),
            Why::Calendar => {
                "a time that the calendar has and that is between the years 1677 and 2262".to_owned()
            }
        };
        format!("at byte {}: expected {expected}", fail.at).into()
    }
}

impl Take {
    fn expected(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Request(_) | Self::Open(..) => "text",
            Self::Byte(_) => "its letter",
            Self::Hex(_) => "an id in hexadecimal digits",
            Self::Number(Number::Status, Missing::Never) => "a status of three digits",
            Self::Number(Number::Status, Missing::Null) => "a status of three digits or `-`",
            Self::Number(_, Missing::Never) => "a number of at most 64 bits",
            Self::Number(_, Missing::Null) => "a number of at most 64 bits, or none,",
            Self::Numbers(_) => "numbers of at most 64 bits, with `, ` or ` : ` between them,",
            Self::Texts => "texts with `, ` or ` : ` between them",
            Self::Time(_) | Self::Part(..) => {
                "a time that the calendar has and that is between the years 1677 and 2262"
            }
        }
    }
}

/// A literal as it can be shown on one line.
fn printed(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace(char::is_control, " ")
}
