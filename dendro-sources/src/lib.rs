//! Transports into a pipeline. A source knows bytes and where they come from, not what they mean: parsers do.
//!
//! | source | reads | can send again |
//! |---|---|---|
//! | [`FileSource`] | files, as `tail -F` does: rotated, compressed, over restarts | yes, from checkpoints |
//! | [`StdinSource`] | the standard input | no |
//! | [`MemorySource`] | what the application gives to a handle | no, but the handle's receipt tells |
//! | [`TracingSource`] | the application's own `tracing` events and spans, and `log` records | no |
//! | [`MetricsSource`] | the `metrics` facade's registry, sampled | no |
//! | [`DeadLetterSource`] | dead letters from files, to replay them | yes, from its progress |
//! | [`DemoSource`] | nothing: makes access-log lines up | no |
//!
//! Bytes are cut into records by the [`Framer`](dendro_core::Framer) that a source is given: lines unless told otherwise,
//! [`multiline`] for records that go on over several.

#[cfg(feature = "file")]
pub mod dead_letters;
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

#[cfg(feature = "file")]
pub use dead_letters::DeadLetterSource;
pub use demo::DemoSource;
#[cfg(feature = "file")]
pub use file::FileSource;
pub use memory::MemorySource;
#[cfg(feature = "metrics")]
pub use metrics::MetricsSource;
pub use stdin::StdinSource;
#[cfg(feature = "tracing")]
pub use tracing::{TracingLayer, TracingSource};
