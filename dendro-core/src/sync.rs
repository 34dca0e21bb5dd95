//! The locks of what is modelled: `tests/loom.rs` takes such a module as it is, with loom's locks in the place of these.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard};
