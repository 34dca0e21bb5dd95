//! Events in files: one JSON object a line, as [`dendro_core::json`] defines it.
//!
//! ```
//! use std::time::Duration;
//! use dendro_core::{Batch, CommitReason, Event, Sink, WriteContext};
//! use dendro_sinks::file::{Compression, FileSink, Fsync};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?; let logs = dir.path().display();
//! let sink = FileSink::builder(format!("{logs}/{{type}}/%Y-%m-%d.ndjson"))
//!     .fsync(Fsync::Interval(Duration::from_secs(1)))
//!     .compression(Compression::Zstd(3))
//!     .rotate_bytes(256 << 20)
//!     .build()?;
//! # let batch = Batch::from_events([&Event::new("deploy")])?;
//! # let cx = WriteContext::new("1", 1, Duration::from_secs(1));
//! sink.write(&[batch], &cx).await?;             // A pipeline does both.
//! sink.commit(CommitReason::Drain).await?;
//! # assert!(dir.path().join("deploy/1970-01-01.ndjson.zst").exists());
//! # Ok(()) }
//! ```
//!
//! # Paths
//! A path has places for parts of the event's time in UTC (the time when Dendro saw it, where the event has none of
//! its own) and for fields:
//!
//! | | |
//! |---|---|
//! | `%Y` `%m` `%d` `%H` `%M` | year (four digits), month, day, hour, minute (two each); nothing else of `strftime` |
//! | `{name}` | the event's field of this name, or that of its [`Origin`](dendro_core::Origin) (`host`, `service`, `source`, `tenant`, `stream`, a tag) |
//! | `{type}` | the event's type |
//! | `%%` `{{` `}}` | `%` `{` `}` |
//!
//! A value is always part of one name, whoever wrote the event: `/`, `\`, control characters and a leading dot become
//! `_`, what is missing, null or empty is `_`, and what is longer than 48 bytes is cut and gets a hash of the
//! whole. So every file is below the directory that stands before the first place for a value. `.gz` or
//! `.zst` is put behind the path unless it ends that way.
//!
//! # Rotation
//! By [size](FileSinkBuilder::rotate_bytes) and by [time](FileSinkBuilder::rotate_every). A finished
//! `access.ndjson` is renamed to `access-20261120T165947Z-000.ndjson`, by the time of the rotation and a number that
//! keeps those of one second apart; nothing is ever replaced. [`keep`](FileSinkBuilder::keep) removes the oldest.
//! With [`atomic_finish`](FileSinkBuilder::atomic_finish) a file is `NAME.partial` until it is finished (by rotation,
//! because nothing was written to it for a while, or at the end), so that whoever takes files away never sees
//! half of one. Time is looked at when something is written or committed.
//!
//! # What is acknowledged when
//! [`Fsync`] tells. A failed `fsync` means that nobody knows what is on the disk: the file is cut back to what was
//! known to be there, closed and put aside, another one is begun, and what was lost is written again.
//!
//! # Faults
//! A write is in a file with all of its lines or with none: after an error (a full disk, say) the file is cut back
//! to its last whole line, so that the retry neither tears nor doubles one. Where a write goes to several files
//! and some fail, only the events of those are tried again. A write whose future was dropped goes on to its end;
//! the next one with the same id waits for it and is answered by its outcome.
//!
//! A file that is there is appended to. A last line without its newline, as a crash leaves it, is cut off if it
//! is the beginning of an event, and otherwise ended. A compressed file gets another gzip member or zstd frame,
//! which decoders read as one; if its last one was torn by a crash, the file is put aside as it is and
//! another is begun: to know that, it is read once. What was done is told to
//! [`on_notice`](FileSinkBuilder::on_notice).
//!
//! One writer has a file at a time, by an advisory lock.

mod codec;
mod commit;
mod files;
mod group;
mod open;
mod options;
mod output;
mod rotate;
mod sink;
mod template;
#[cfg(test)]
mod tests;

pub use crate::compression::Compression;
pub use dendro_core::storage::{Disk, Storage, StoredFile};
pub use options::{FileSinkBuilder, Fsync};
pub use sink::FileSink;
pub use template::InvalidFileSink;
