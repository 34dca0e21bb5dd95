//! Metrics from events, over windows of event time.
//!
//! Events are measured by the stream that they come in (one file, one connection), their type, the window that their
//! time is in and the fields that they are grouped by. When the **watermark** of the stream, its highest event time less
//! the [lateness](AggregateBuilder::lateness), passes the end of a window, an event for each group leaves: its time is the
//! window's beginning, its type that of the events with a suffix (`nginx_access_metrics`), its schema tells dimensions and measures
//! with their units. The events themselves go no further; who wants them too lets another branch of the pipeline have them.
//!
//! ```
//! use std::time::Duration;
//!
//! use dendro_core::{Batch, Event, FlushReason, Timestamp, Transform};
//! use dendro_transforms::aggregate::{Aggregate, Measure};
//!
//! let mut aggregate = Aggregate::tumbling(Duration::from_secs(60))
//!     .group_by(["status"])
//!     .measure(Measure::count())
//!     .measure(Measure::quantiles("took", [0.5, 0.99]))
//!     .build()?;
//!
//! let at = |seconds: i64| Timestamp::from_secs(seconds).unwrap();
//! let request = |seconds, status: u64, took: f64| {
//!     Event::new("request").at(at(seconds)).with("status", status).with("took", took)
//! };
//! let mut batch = Batch::from_events([
//!     &request(0, 200, 0.1),
//!     &request(59, 200, 0.3),
//!     &request(30, 500, 2.0),
//!     // An event of a later window, by more than the lateness of 30 seconds, closes the first.
//!     &request(95, 200, 0.2),
//! ])?;
//! aggregate.transform(&mut batch)?;
//! batch.purge();
//! let results: Vec<Event> = batch.iter().map(|e| e.to_event()).collect();
//! assert_eq!(results.len(), 2);
//! assert_eq!(results[0].event_type, "request_metrics");
//! assert_eq!(results[0].time, Some(at(0)));
//! assert_eq!(results[0].get("status"), Some(&200u64.into()));
//! assert_eq!(results[0].get("count"), Some(&2u64.into()));
//!
//! // What is still open leaves when the pipeline stops.
//! let mut rest = Batch::default();
//! aggregate.flush(FlushReason::Drain, at(100), &mut rest)?;
//! assert_eq!(rest.get(0).unwrap().get("pane").unwrap().as_str(), Some("early"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//! - **A result is for all events of its window**, stream and group so far, never for those since the last result. Whenever one is told
//!   again it replaces the one before: a destination that keeps the last by time, type and dimensions is always right, and one that
//!   keeps all can tell by `pane`.
//! - **Nothing is lost over a restart, and nothing counted twice.** The state of a stream travels with the acknowledgement of each batch and is stored
//!   together with the checkpoint: a restart goes on with exactly the events that lie before the checkpoint counted. Results that a
//!   batch made due are acknowledged with it; those that time made due are kept until they have arrived. What a restart
//!   repeats is results that left after the last stored checkpoint, with the same time and dimensions.
//!   This needs a source that stores states with its checkpoints, as the file source does. With one that has no checkpoints (a push source), what open windows hold
//!   is lost with a process that is killed; one that stops in order has told all of it.
//!   A state is taken up with the first batch that its stream brings after the restart: windows that were open in a stream when its process was
//!   killed, and that never gets another event, stay in the checkpoint and are not told.
//! - **When the pipeline stops**, what is open is told with `pane` = `early`. If it goes on later, so do the windows, and their result comes
//!   again, for all events.
//! - **Streams don't mix**: each has its own watermark, windows and results, with the stream's name as a dimension, because only so
//!   does a state belong to one checkpoint. Counts and sums of streams add up, sketches merge; means, quantiles and distinct counts don't.
//! - **Time goes by events.** A stream that has stopped has its windows closed after the
//!   [idle time-out](AggregateBuilder::idle_timeout). An event whose clock runs [far ahead](AggregateBuilder::max_ahead) does not close others' windows.
//! - **Late events** follow the [policy](Late); nothing disappears without a dead letter, a count or an update.
//! - **Bounded**: groups by [`max_groups`](AggregateBuilder::max_groups), windows by lateness and length, each measure by itself (a quantile up to 32 KiB, a distinct
//!   count 4 KiB, a top-k by its values). A stream that has been silent for an hour without an open window is forgotten.
//! - A changed configuration does not fit an old state: windows begin anew, which is reported.
//!
//! # Cost
//! Each batch ends with a snapshot of the stream's open windows: a few bytes for each count, some hundred for a quantile. With
//! thousands of groups and many quantiles larger batches pay.

mod distinct;
mod emit;
mod groups;
mod measure;
mod number;
mod plan;
mod quantile;
mod ready_made;
mod snapshot;
mod spec;
mod stream;
mod top;
mod transform;

pub use measure::Measure;
pub use spec::{AggregateBuilder, Late};
pub use transform::Aggregate;
