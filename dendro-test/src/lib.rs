//! The kit for authors of Dendro components: harnesses, mocks with faults, conformance suites.
//!
//! | to | there is |
//! |---|---|
//! | try one component on a few events | [`TransformHarness`], [`SourceHarness`], [`SinkHarness`] |
//! | test a pipeline, or a component among others | [`mock::MockLog`] and its source, [`mock::MockSink`], [`mock::MockTransform`] |
//! | see what happens when things go wrong | [`mock::FaultySink`] around any sink: slow, failing, panicking, partial, hanging, by script or seed |
//! | fill a disk | [`SmallDisk`] |
//! | show that a component holds what the driver relies on | [`conformance`]: [`source_conformance!`], [`transform_conformance!`], [`sink_conformance!`], [`buffer_conformance!`] |
//!
//! The suites say what a component must do more exactly than prose can; [`conformance`]'s functions are documented
//! one by one. They are outside semver: a new release may ask for more.
//!
//! # Time
//! No test of the kit waits for real time. A harness runs under `#[tokio::test(start_paused = true)]`, where tokio
//! advances its clock whenever all tasks wait; pipelines then have `lanes(0)`, so that transforms run as tasks, too
//! (a thread's work would not hold the clock back). The suites bring such a runtime along. The wall clock that
//! components see is a [`ManualClock`](dendro_core::ManualClock) at [`batches::OBSERVED`]. The exception: a source that reads on
//! a blocking thread of its own holds tokio's clock for ever; its fixture asks for [`Pace::Real`](conformance::Pace::Real), where a slow machine
//! makes the suite weaker but never wrong.
//!
//! # A transform
//! A factory and samples are enough:
//!
//! ```
//! use dendro_core::map;
//! use dendro_test::conformance::TransformWorld;
//!
//! fn count() -> impl dendro_core::Transform {
//!     map(|event| {
//!         let words = event.view().raw().split(|b| *b == b' ').count();
//!         event.insert("words", words as u64)
//!     })
//! }
//!
//! dendro_test::transform_conformance!(words, TransformWorld::lines(count, ["one", "two words", ""]));
//!
//! // In a test:
//! let run = dendro_test::TransformHarness::new(count()).lines(["and now three"]);
//! assert_eq!(run.out[0].event.get("words"), Some(&3u64.into()));
//! ```
//!
//! # A source
//! A [`SourceFixture`](conformance::SourceFixture) stands for the source's outside world and its checkpoints,
//! which stay when the suite kills the source and starts another one:
//!
//! ```
//! use dendro_core::Source;
//! use dendro_test::conformance::SourceFixture;
//! use dendro_test::{batches, mock::MockLog};
//!
//! struct World(MockLog); // in your crate: a directory, a server, ...
//!
//! #[async_trait::async_trait]
//! impl SourceFixture for World {
//!     fn source(&self) -> Box<dyn Source> {
//!         Box::new(self.0.source())
//!     }
//!     async fn feed(&self, stream: usize, records: &[String]) {
//!         self.0.push(batches::lines(&format!("stream {stream}"), 0, records));
//!     }
//!     fn can_replay(&self) -> bool {
//!         true
//!     }
//! }
//!
//! dendro_test::source_conformance!(my_source, World(MockLog::new()));
//!
//! // A property by itself:
//! use dendro_test::conformance::{check, source};
//! check("abandoned", source::abandoned_is_sent_again(|| World(MockLog::new())));
//! ```
//!
//! # A sink
//! A [`SinkFixture`](conformance::SinkFixture) reads back what the destination has durably:
//!
//! ```
//! use dendro_core::Sink;
//! use dendro_test::conformance::SinkFixture;
//! use dendro_test::mock::Stored;
//!
//! struct World(Stored); // in your crate: a table, a directory, ...
//!
//! #[async_trait::async_trait]
//! impl SinkFixture for World {
//!     fn sink(&self) -> Box<dyn Sink> {
//!         Box::new(self.0.sink().staged())
//!     }
//!     async fn read_back(&self) -> Option<Vec<String>> {
//!         Some(self.0.ids())
//!     }
//! }
//!
//! dendro_test::sink_conformance!(my_sink, World(Stored::new()));
//!
//! // A property by itself:
//! use dendro_test::conformance::{check, sink};
//! check("cancelled", sink::cancelled_write_leaves_it_working(|| World(Stored::new())));
//! ```
//!
//! # What this does not prove
//! That a destination keeps what it said it has (power cuts, throttling), that a thread of a component's own is
//! free of races, that anything is fast. A fixture that reads back too kindly proves less than it seems.

pub mod batches;
pub mod conformance;
pub mod harness;
pub mod mock;
mod small_disk;

pub use harness::{SinkHarness, SourceHarness, TransformHarness};
pub use small_disk::SmallDisk;
