//! Sources, transforms and sinks to test pipelines and other components with, and faults to test them against.

mod faults;
mod sink;
mod source;
mod transform;

pub use faults::{Fault, FaultySink, WriteLog, WriteRecord};
pub use sink::{MockSink, Stored};
pub use source::{MockLog, MockSource};
pub use transform::{MockTransform, TransformFault};

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
