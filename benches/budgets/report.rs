//! What was measured, for `cargo xtask bench` to read.

use serde_json::{Map, Value, json};

/// A measured value; its id is that of a budget in `xtask/src/bench/budgets.rs`.
pub(crate) struct Figure {
    id: &'static str,
    measured: Option<f64>,
    details: Vec<String>,
    values: Map<String, Value>,
}

impl Figure {
    pub(crate) fn new(id: &'static str, measured: f64) -> Self {
        Self { id, measured: Some(measured), details: Vec::new(), values: Map::new() }
    }

    /// For what could not be measured, and why.
    pub(crate) fn missing(id: &'static str, why: impl std::fmt::Display) -> Self {
        Self { id, measured: None, details: vec![why.to_string()], values: Map::new() }
    }

    /// Adds to what a reader is told beside the value.
    pub(crate) fn detail(&mut self, detail: String) {
        self.details.push(detail);
    }

    pub(crate) fn values<const N: usize>(&mut self, values: [(&str, f64); N]) {
        self.values.extend(values.map(|(name, value)| (name.to_owned(), json!(value))));
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "measured": self.measured,
            "detail": self.details.join("; "),
            "values": self.values,
        })
    }
}
