//! General work on Dendro's events, whatever they are about.
//!
//! | transform | what it does |
//! |---|---|
//! | [`aggregate`] | metrics from events: counts, rates, quantiles, ... over windows of event time |
//! | [`Filter`] | keeps or drops events by a condition |
//! | [`Map`] | sets, copies, renames, removes and casts fields |
//! | [`Route`] | sends events to named ports by conditions |
//! | [`Sample`] | keeps a share, by event or by key, the same one each time |
//! | [`Throttle`] | no more events or bytes a second, for each key |
//! | [`Dedupe`] | drops what is equal to what came before |
//! | [`Redact`] | takes out what must not be seen, from the raw text too |
//! | [`UrlParts`] | takes URLs apart |
//! | [`Split`] | splits text into an array or fields |
//! | [`Flatten`] | makes fields of what is within objects |
//!
//! All of them work on batches in place, map the schema as they map events, and say in their documentation what they do with fields that
//! are missing or of another type. A [`Field`] names a field, also one within another or by its OpenTelemetry name; a
//! [`Condition`] asks about fields.

pub mod aggregate;
mod cast;
mod compare;
mod condition;
mod config_error;
mod dedupe;
mod field;
mod filter;
mod flatten;
mod map;
mod pattern;
pub mod redact;
pub mod route;
mod sample;
mod scalar;
mod schema_map;
mod split;
mod template;
mod text;
pub mod throttle;
mod url;
mod wire;

pub use cast::CastTo;
pub use condition::{Condition, FieldCondition};
pub use config_error::ConfigError;
pub use dedupe::Dedupe;
pub use field::Field;
pub use filter::Filter;
pub use flatten::Flatten;
pub use map::Map;
pub use redact::{Redact, Replacement};
pub use route::Route;
pub use sample::Sample;
pub use split::Split;
pub use throttle::Throttle;
pub use url::UrlParts;
