//! Text that must not be seen further on.

mod hash;
mod rules;
mod transform;

pub use transform::{Redact, Replacement};
