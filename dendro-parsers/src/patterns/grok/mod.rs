//! Grok patterns.

mod definitions;
mod expand;
mod log;

pub use log::GrokLog;
