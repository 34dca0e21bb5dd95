//! One component by itself.

mod sink;
mod source;
mod transform;

pub use sink::{SinkHarness, SinkRun};
pub(crate) use sink::{paused, raws};
pub use source::{SourceHarness, SourceHarnessBuilder};
pub use transform::{OutEvent, RejectedEvent, TransformHarness, TransformRun};
