//! Pairs of keys and values with delimiters of one's choice: `"a b": "c", d: e`.
//!
//! As [VRL's `parse_key_value`](https://vector.dev/docs/reference/vrl/functions/#parse_key_value) reads them, so that who comes from there finds the
//! same options with the same results.

mod events;
mod formats;
mod pairs;
mod paragraphs;

pub use events::KeyValue;
pub(crate) use formats::FORMATS;
pub use pairs::Delimiters;
pub use paragraphs::Paragraphs;
