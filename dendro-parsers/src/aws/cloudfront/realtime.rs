//! Real-time logs as a transform.

use std::collections::HashSet;
use std::sync::Arc;

use dendro_core::{Batch, Schema, Transform, TransformError};

use super::columns::{Column, REALTIME, field_name, schema};
use super::standard::{with_keys, write_row};

/// Parses CloudFront's real-time logs.
///
/// Their lines say nothing of their columns: these are the fields that were chosen for the real-time log configuration,
/// in AWS's order. All else is as in [standard logs](super::CloudFrontStandard), except that
///
/// - `timestamp`, seconds since 1970 with three decimals, is the time of the event,
/// - `cs_uri_stem` has the query in it, `cs_host` is the viewer's header Host, and `x_host_header` is the distribution's domain name.
#[derive(Clone, Debug)]
pub struct CloudFrontRealtime {
    columns: Arc<[Column]>,
    schema: Arc<Schema>,
    scratch: Vec<u8>,
}

impl CloudFrontRealtime {
    /// For lines with these columns, by AWS's names. A name that is not known is a column of text.
    ///
    /// # Errors
    /// [`InvalidColumns`] if there is none, one stands twice, or something is no name.
    pub fn new(names: &str) -> Result<Self, InvalidColumns> {
        let names = split(names)?;
        let columns = names.iter().map(|name| Column::new(name)).collect();
        Ok(Self { columns, schema: Arc::new(build(&names)), scratch: Vec::new() })
    }

    /// For lines with all columns that AWS documents, in its order.
    pub fn all() -> Self {
        let columns = REALTIME.iter().map(|name| Column::new(name)).collect();
        Self { columns, schema: Arc::new(build(&REALTIME)), scratch: Vec::new() }
    }

    /// The schema of its events, `cloudfront_realtime`.
    pub fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }
}

/// Names of columns can't be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidColumns {
    /// The byte at fault.
    pub at: usize,
    /// What is wrong there.
    pub problem: String,
}

impl std::fmt::Display for InvalidColumns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at byte {}: {}", self.at, self.problem)
    }
}

impl std::error::Error for InvalidColumns {}

/// How many columns a log can have: as many as an event can have fields.
const MAX_COLUMNS: usize = 1024;

/// The names in a text, with spaces, commas, quotes and brackets between them.
pub(super) fn split(text: &str) -> Result<Vec<&str>, InvalidColumns> {
    let separates = |c: char| c.is_whitespace() || matches!(c, ',' | '"' | '[' | ']');
    let invalid = |at, problem: String| Err(InvalidColumns { at, problem });
    let (mut names, mut fields) = (Vec::new(), HashSet::new());
    let mut at = 0;
    for part in text.split_inclusive(separates) {
        let name = part.trim_end_matches(separates);
        if let Some((bad, c)) = name.char_indices().find(|(_, c)| !is_name(*c)) {
            let problem = "can't be part of a column's name; put commas or spaces between names";
            return invalid(at + bad, format!("`{c}` {problem}"));
        }
        if !name.is_empty() {
            if !fields.insert(field_name(name)) {
                return invalid(at, format!("the column `{name}` stands twice"));
            }
            names.push(name);
        }
        if names.len() > MAX_COLUMNS {
            return invalid(at, format!("there are more than {MAX_COLUMNS} columns"));
        }
        at += part.len();
    }
    if names.is_empty() { invalid(0, "there is no name of a column".to_owned()) } else { Ok(names) }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_()".contains(c)
}

fn build(names: &[&str]) -> Schema {
    let base = Schema::new("cloudfront_realtime")
        .doc("One request that CloudFront has answered; the time is that of the end of the response.");
    names.iter().filter_map(|name| schema(name)).fold(base, |all, mut field| {
        if field.name == "cs_uri_stem" {
            // It has the query in it.
            field.otel = None;
        }
        all.field(field)
    })
}

const COLUMNS: &str = "as many columns as fields are configured";
const MORE_COLUMNS: &str = "the end of the line: it has more columns than fields are configured";

impl Transform for CloudFrontRealtime {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let Self { columns, schema, scratch } = self;
        let ty = batch.add_type(schema)?;
        let columns = with_keys(columns, batch)?;
        batch.parse_each(|event| {
            event.set_type(ty);
            Ok(write_row(event, &columns, scratch, (COLUMNS, MORE_COLUMNS))?)
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![self.schema()]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_from_lists_of_any_kind() {
        for text in
            ["timestamp,c-ip", "timestamp, c-ip\n", "[\n  \"timestamp\",\n  \"c-ip\"\n]", " timestamp c-ip "]
        {
            assert_eq!(split(text).unwrap(), ["timestamp", "c-ip"], "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_names_is_an_error_at_its_place() {
        for (text, at, problem) in [
            ("", 0, "there is no name of a column"),
            (" , ", 0, "there is no name of a column"),
            ("c-ip;sc-bytes", 4, "`;` can't be part of a column's name; put commas or spaces between names"),
            ("c-ip, cs-method, c-ip", 17, "the column `c-ip` stands twice"),
        ] {
            assert_eq!(split(text), Err(InvalidColumns { at, problem: problem.to_owned() }), "{text}");
        }
    }

    #[test]
    fn the_schema_has_the_chosen_columns_alone() {
        let schema = CloudFrontRealtime::new("timestamp,sc-bytes,x-new").unwrap().schema();
        let names: Vec<_> = schema.fields.iter().map(|field| field.name.to_string()).collect();
        assert_eq!(names, ["sc_bytes", "x_new"]);
    }
}
