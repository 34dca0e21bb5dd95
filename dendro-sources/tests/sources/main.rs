//! The sources, each over the real thing that it reads.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod conformance;
#[cfg(feature = "file")]
mod dead_letters;
mod demo;
#[cfg(feature = "file")]
mod file_checkpoint;
#[cfg(feature = "file")]
mod file_dedup;
#[cfg(feature = "file")]
mod file_follow;
#[cfg(feature = "file")]
mod file_moved;
#[cfg(feature = "file")]
mod file_once;
#[cfg(feature = "file")]
mod file_rotation;
mod file_support;
mod memory;
#[cfg(feature = "metrics")]
mod metrics;
mod stdin;
#[cfg(feature = "tracing")]
mod tracing;
