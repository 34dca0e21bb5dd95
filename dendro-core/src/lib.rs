//! What flows in a Dendro pipeline and how it moves.
#![doc = ""]

pub mod ack;
pub mod batch;
#[cfg(feature = "runtime")]
pub mod blocking;
#[cfg(feature = "runtime")]
pub mod buffer;
#[cfg(feature = "runtime")]
pub mod clock;
mod dedup_key;
pub mod distribution;
pub mod event;
pub mod framer;
pub mod json;
mod origin;
pub mod own_work;
#[cfg(feature = "runtime")]
pub mod pipeline;
pub mod schema;
mod secret;
#[cfg(feature = "runtime")]
pub mod sink;
#[cfg(feature = "runtime")]
pub mod source;
#[cfg(feature = "storage")]
pub mod storage;
mod sync;
mod time;
pub mod transform;
mod value;

pub use ack::{Acks, Outcome, Receipt, Settlement, Snapshot, Token, acknowledgement};
pub use batch::{Batch, BatchFull, BatchPool, EventMut, EventRef, EventWriter, FrameError, Key, RecordRow};
pub use dedup_key::DedupKey;
pub use event::Event;
pub use framer::{Cut, Framer, Lines, Record, Records};
pub use origin::Origin;
pub use schema::{FieldSchema, MetricKind, Role, Schema, Temporality, ValueType};
pub use secret::Secret;
pub use time::{Civil, SignedDuration, Timestamp, days_from_civil};
pub use transform::{FlushReason, Transform, TransformError, filter, filter_map, from_fn, map};
pub use value::{Object, Value, ValueRef};

#[cfg(feature = "runtime")]
pub use buffer::{Buffer, BufferHalves, Level, WhenFull};
#[cfg(feature = "runtime")]
pub use clock::{Clock, ManualClock, SystemClock};
#[cfg(feature = "runtime")]
pub use pipeline::{
    BuildError, CircuitState, Closed, ComponentKind, ComponentStats, MemoryBudget, Output, Pipeline,
    PipelineBuilder, PipelineHandle, Problem, QueueLimits, RunError, RunReport, Severity, TrySendError,
};
#[cfg(feature = "runtime")]
pub use secret::SecretError;
#[cfg(feature = "runtime")]
pub use sink::{
    AdaptiveConcurrency, CircuitBreaker, CommitReason, Committed, Order, Retry, Sink, SinkError,
    SinkErrorKind, SinkSettings, Stage, WriteContext, Written, sink_fn,
};
#[cfg(feature = "rate_limit")]
pub use sink::{RateLimit, RateLimits};
#[cfg(feature = "runtime")]
pub use source::{Receipts, Source, SourceContext, SourceError};
