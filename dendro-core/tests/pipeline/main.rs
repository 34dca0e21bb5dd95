//! Pipelines, as their users build and run them.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod buffers;
mod build;
mod common;
mod delivery;
mod lifecycle;
mod policies;
mod replay;
mod transforms;
