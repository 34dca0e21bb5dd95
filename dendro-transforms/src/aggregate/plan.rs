//! What an aggregate makes of the events of one type: the schema of its results, and how values are taken.

use std::sync::Arc;

use dendro_core::{FieldSchema, Schema, ValueType};

use super::measure::Kind;
use super::number::Numeric;
use super::spec::Spec;
use crate::Field;

/// The fields of a result beside the group's and the measures'.
pub(super) const STREAM: &str = "stream";
pub(super) const OVERFLOW: &str = "overflow";
pub(super) const WINDOW: &str = "window";
pub(super) const PANE: &str = "pane";
pub(super) const SKIPPED: &str = "skipped_values";

#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    /// The type of the events that it is for.
    pub(super) input: String,
    pub(super) out: Arc<Schema>,
    /// For each field to group by, its name in the result; empty if the events can't have it.
    pub(super) group: Vec<String>,
    pub(super) measures: Vec<PlannedMeasure>,
}

#[derive(Debug, PartialEq)]
pub(super) struct PlannedMeasure {
    /// `None` if the events can't have its field: it is left out.
    pub(super) numeric: Option<Numeric>,
    /// The names of its fields in the result.
    pub(super) names: Vec<String>,
}

impl Plan {
    pub(super) fn new(spec: &Spec, input: &Schema) -> Self {
        let mut out = Schema::new(format!("{}_{}", input.name, spec.suffix)).doc(format!(
            "Events of the type {} by windows of {}.",
            input.name,
            shown(spec.length)
        ));
        let mut add = |mut field: FieldSchema| {
            // Two of one name would be one column.
            while out.get(&field.name).is_some() {
                field.name = format!("{}_", field.name).into();
            }
            let name = field.name.to_string();
            out.fields.push(field);
            name
        };
        add(FieldSchema::dimension(STREAM, ValueType::Str)
            .doc("The stream that the events came in: results are for each stream by itself."));
        let mut group = Vec::new();
        for field in &spec.group_by {
            group.push(match field.may_be_in(input) {
                true => add(dimension(field, input)),
                false => String::new(),
            });
        }
        add(FieldSchema::dimension(OVERFLOW, ValueType::Bool)
            .doc("Whether these are all the groups beyond the highest number of them, as one."));
        add(FieldSchema::attribute(WINDOW, ValueType::Duration)
            .unit("s")
            .doc("The length of the window that begins at the event's time."));
        add(FieldSchema::attribute(PANE, ValueType::Str).doc(
            "`on_time`, `early` (the pipeline stopped before the window ended) or `late` (events came after it). A later result of \
             the same window, stream and group is for all of its events, and replaces the earlier one.",
        ));
        let mut measures = Vec::new();
        for measure in &spec.measures {
            let field = measure.kind.field();
            if field.is_some_and(|f| !f.may_be_in(input) || is_closed_without(f, input)) {
                measures.push(PlannedMeasure { numeric: None, names: Vec::new() });
                continue;
            }
            let declared = field.and_then(|f| f.schema_in(input));
            let numeric = Numeric::of(declared.map(|d| d.value_type));
            let fields = results(measure.name.as_deref(), &measure.kind, input, numeric);
            measures.push(PlannedMeasure {
                numeric: Some(numeric),
                names: fields.into_iter().map(&mut add).collect(),
            });
        }
        add(FieldSchema::delta(SKIPPED, ValueType::U64).unit("1").doc(
            "Values that a measure could not take: of another type, not finite, negative for a quantile.",
        ));
        Self { input: input.name.to_string(), out: Arc::new(out), group, measures }
    }
}

/// Whether the schema names its fields, and this is none of them. Values within fields are not named.
fn is_closed_without(field: &Field, input: &Schema) -> bool {
    !input.fields.is_empty() && field.is_top() && field.schema_in(input).is_none()
}

fn dimension(field: &Field, input: &Schema) -> FieldSchema {
    let name = result_name(field, input);
    match field.schema_in(input) {
        Some(declared) => {
            let value_type = match declared.value_type {
                // Kept as the JSON text.
                ValueType::Array | ValueType::Object => ValueType::Str,
                ValueType::Histogram | ValueType::Sketch => ValueType::Bytes,
                other => other,
            };
            let mut dimension = FieldSchema::dimension(name, value_type).doc(declared.doc.clone());
            (dimension.unit, dimension.otel) = (declared.unit.clone(), declared.otel.clone());
            dimension
        }
        None => FieldSchema::dimension(name, ValueType::Any),
    }
}

/// The fields that a measure becomes.
fn results(name: Option<&str>, kind: &Kind, input: &Schema, numeric: Numeric) -> Vec<FieldSchema> {
    let field = kind.field();
    let unit = field.and_then(|f| f.schema_in(input)).and_then(|d| d.unit.clone());
    let of = field.map(|f| result_name(f, input)).unwrap_or_default();
    let named = |suffix: &str| name.map_or_else(|| format!("{of}_{suffix}"), str::to_owned);
    let plain = |default: &str| name.unwrap_or(default).to_owned();
    let with_unit = |mut field: FieldSchema| {
        field.unit = unit.clone();
        field
    };
    let float = |name: String| with_unit(FieldSchema::gauge(name, ValueType::F64));
    match kind {
        Kind::Count => {
            vec![FieldSchema::delta(plain("count"), ValueType::U64).unit("1").doc("How many events.")]
        }
        Kind::Rate => {
            vec![FieldSchema::gauge(plain("rate"), ValueType::F64).unit("1/s").doc("Events a second.")]
        }
        Kind::Share => vec![
            FieldSchema::gauge(plain("share"), ValueType::F64)
                .unit("1")
                .doc("A share of the events, 0 to 1."),
        ],
        Kind::Sum(_) => {
            vec![
                with_unit(FieldSchema::delta(named("sum"), numeric.value_type()))
                    .doc(format!("The sum of {of}.")),
            ]
        }
        Kind::PerSecond(_) => {
            let per_second = match unit.as_deref() {
                None | Some("1") => "1/s".to_owned(),
                Some("s") => "1".to_owned(),
                Some(unit) => format!("{unit}/s"),
            };
            let field = FieldSchema::gauge(named("per_second"), ValueType::F64).unit(per_second);
            vec![field.doc(format!("The sum of {of} by the seconds of the window."))]
        }
        Kind::Min(_) => vec![
            with_unit(FieldSchema::gauge(named("min"), numeric.value_type())).doc(format!("The least {of}.")),
        ],
        Kind::Max(_) => {
            vec![
                with_unit(FieldSchema::gauge(named("max"), numeric.value_type()))
                    .doc(format!("The greatest {of}.")),
            ]
        }
        Kind::Mean(_) => vec![float(named("mean")).doc(format!("The mean of {of}."))],
        Kind::Quantiles { quantiles, error, .. } => quantiles
            .iter()
            .map(|q| {
                let percent = format!("p{}", (q * 100.0 * 1e9).round() / 1e9).replace('.', "_");
                let doc = format!("Quantile {q} of {of}, within {}%.", error * 100.0);
                float(format!("{}_{percent}", name.unwrap_or(&of))).doc(doc)
            })
            .collect(),
        Kind::Sketch { error, .. } => {
            let doc = format!("The distribution of {of}; quantiles within {}%.", error * 100.0);
            vec![with_unit(FieldSchema::gauge(named("sketch"), ValueType::Sketch)).doc(doc)]
        }
        Kind::Distinct(_) => vec![
            FieldSchema::gauge(named("distinct"), ValueType::U64)
                .unit("1")
                .doc(format!("How many different {of}.")),
        ],
        Kind::Top { k, .. } => {
            vec![
                FieldSchema::attribute(named("top"), ValueType::Array)
                    .doc(format!("The {k} most frequent {of}: value, count, error of the count.")),
            ]
        }
    }
}

/// The name of a field in the result: its own, of a value within another the way to it with underscores.
fn result_name(field: &Field, input: &Schema) -> String {
    let name =
        if field.is_top() { field.name_in(Some(input)).unwrap_or(field.as_str()) } else { field.as_str() };
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
        if c != '_' || !out.ends_with('_') {
            out.push(c);
        }
    }
    if out.len() > 1 { out.trim_end_matches('_').to_owned() } else { out }
}

fn shown(nanos: i64) -> String {
    format!("{:?}", std::time::Duration::from_nanos(nanos.unsigned_abs()))
}
