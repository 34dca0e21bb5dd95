//! Dead letters that were written to NDJSON files, read again: to list them, or to replay them.
//!
//! A pipeline replays with the parts that it is made of, mended, and a [`DeadLetterSource`] in
//! [`PipelineBuilder::replay`](dendro_core::PipelineBuilder::replay):
//!
//! ```
//! use dendro_core::{Pipeline, filter, sink_fn};
//! use dendro_sources::dead_letters::DeadLetterSource;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?; let folder = dir.path().join("dead_letters");
//! # std::fs::create_dir(&folder)?;
//! # let logs = dendro_sources::DemoSource::new();
//! # let sink = sink_fn(|_| async { Ok(()) });
//! let pipeline = Pipeline::line(logs)
//!     .transform(filter(|_| true))
//!     .sink(sink)
//!     .drop_rejected() // or `.dead_letters(..)`: what is refused again goes to another file than the one that is read
//!     .replay(DeadLetterSource::new(&folder))
//!     .build()?;
//! let report = pipeline.run(std::future::pending()).await?;
//! println!("{} letters replayed", report.component("replay").map_or(0, |c| c.events_out));
//! # Ok(()) }
//! ```
//!
//! # Files
//! Those of a folder whose names end in `.ndjson`, with `.gz` or `.zst` behind it or not, and `.partial` ones that nobody writes
//! any more; or one file. Rotated, compressed (told by their first bytes) and torn ones are read as the file source reads them. A
//! file that a pipeline has open is locked; it is left alone, and said so.
//!
//! A file is first renamed to `NAME.replaying`, so that a pipeline which refuses something anew begins another one. While it is
//! replayed, `NAME.replaying.progress` says how far its letters have settled: stored at least every second and every thousand
//! letters. When all have settled it is renamed to `NAME.replayed`, or
//! [removed](DeadLetterSource::remove_replayed).
//!
//! After a crash the next replay goes on there. Letters that had settled behind the last stored progress come again:
//! those of a second, a thousand at the most, and what was under way.
//!
//! # What can't be replayed
//! A line that is no letter, or one of a component that the pipeline does not have, is told with file, line and reason, the run
//! ends with an error, and the line stays in `NAME.replaying` for the next replay. A last line without its end, as a
//! crash leaves it, is passed over: it was never acknowledged, so its source has it still.

mod files;
mod letter;
mod lines;
mod progress;
mod source;

pub use letter::{InvalidLetter, Letter};
pub use lines::{Letters, Place, read};
pub use source::DeadLetterSource;
