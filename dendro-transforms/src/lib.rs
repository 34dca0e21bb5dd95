//! General work on Dendro's events, whatever they are about.
//!
//! | transform | what it does |
//! |---|---|
//! | [`aggregate`] | metrics from events: counts, rates, quantiles, ... over windows of event time |
//!
//! All of them work on batches in place, map the schema as they map events, and say in their documentation what they do with fields that
//! are missing or of another type. A [`Field`] names a field, also one within another or by its OpenTelemetry name; a
//! [`Condition`] asks about fields.

pub mod aggregate;
mod compare;
mod condition;
mod config_error;
mod field;
mod pattern;
mod scalar;
mod wire;

pub use condition::{Condition, FieldCondition};
pub use config_error::ConfigError;
pub use field::Field;
