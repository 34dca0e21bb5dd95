//! What the crash tests' programs have in common: how the harness tells the child what to be, and random numbers.
//!
//! `dendro-crash` is the harness: it writes logs, plays the server that fails, kills and restarts the child, and counts.
//! `dendro-crash-child` is a real pipeline. `dendro-crash-judge` is given what went in and what came out, and shares
//! nothing with either.

pub mod failure;
pub mod random;
pub mod setup;

pub use failure::Failure;
