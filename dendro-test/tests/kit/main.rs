//! The test kit, tested: what is right passes it, what is broken does not.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod broken_buffers;
mod broken_sinks;
mod broken_sources;
mod broken_transforms;
mod buffers;
mod driver;
mod mocks;
mod shelf;
mod suites;
