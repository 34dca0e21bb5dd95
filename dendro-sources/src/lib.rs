//! Transports into a pipeline. A source knows bytes and where they come from, not what they mean: parsers do.

pub mod demo;
#[cfg(feature = "file")]
pub mod file;
mod framing;
pub mod memory;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod multiline;
pub mod stdin;
#[cfg(feature = "tracing")]
pub mod tracing;
