//! Measures out of JSON documents.

use std::borrow::Cow;

use dendro_core::{BatchFull, EventMut};
use serde_json::Value;

use super::CollectError;
use super::table::Measure;

pub(crate) fn parse(path: &str, body: &[u8]) -> Result<Value, CollectError> {
    serde_json::from_slice(body)
        .map_err(|error| CollectError::new(format!("{path} was not answered with JSON")).with_source(error))
}

/// Inserts those measures that the document has; `from` is the path to each, with dots.
pub(crate) fn insert(
    event: &mut EventMut<'_>,
    measures: &[Measure],
    document: &Value,
) -> Result<(), BatchFull> {
    for measure in measures {
        let found = measure.from.split('.').try_fold(document, |value, name| value.get(name));
        if let Some(value) = found.and_then(text).and_then(|text| measure.read(&text)) {
            event.insert(measure.name, &value)?;
        }
    }
    Ok(())
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        _ => None,
    }
}
