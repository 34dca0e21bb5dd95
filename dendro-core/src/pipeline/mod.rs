//! The driver: owns policy, so that components hold only mechanism.

mod build_error;
mod builder;
mod control;
mod dead_letter;
mod deliver;
mod drive_source;
mod graph;
mod lane;
mod memory_buffer;
mod output;
mod problem;
mod queue;
mod random;
mod replay;
mod report;
mod run;
mod stats;

pub use build_error::{BuildError, BuildProblem};
pub use builder::{ByCall, ByClone, Inputs, IntoTransform, Line, PipelineBuilder, TransformFactory};
pub use control::Failure;
pub use dead_letter::dead_letter_schema;
pub use memory_buffer::MemoryBuffer;
pub use output::{MemoryBudget, Output, OutputReceiver, StopSwitch, TrySendError};
pub use problem::{Problem, Severity};
pub use queue::{Closed, QueueLimits};
pub use replay::ReplayError;
pub use report::{Place, Remaining, RunError, RunReport};
pub use run::{Pipeline, PipelineHandle};
pub use stats::{CircuitState, ComponentKind, ComponentStats, Settled};

pub(crate) use control::Switch;
pub(crate) use problem::Reporter;
