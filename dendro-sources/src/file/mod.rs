//! Files: read once or followed, one by one or by globs, rotated and compressed ones too.
//!
//! # What is promised
//! - Every record that was complete in a file while the source could see it is sent, once its predecessors are; what was not
//!   acknowledged is sent again, in this process or the next one.
//! - Rotation by rename, by copy and truncate, and by delete is followed, also when it happened while nobody was looking,
//!   as long as the rest of the file can still be found beside its old place, compressed or not.
//! - The unit of order is the *stream*: the path under which a file was first read. A rotated file keeps its
//!   stream, and is read to its end before the file that took its name is begun.
//! - Positions and checkpoints are offsets of decompressed bytes.
//!
//! # What is not
//! - What a truncation destroyed before it was read is lost, unless a copy of it is found beside the file.
//! - What is written to a deleted file later than [`finish_after`](FileSource::finish_after) after its last line is not read.
//! - A file on a file system that hangs holds up the other files of the same source: give it a source of its own.
//!
//! # The last line
//! A last line without its end waits while the file may grow. When the pipeline stops it is sent as it
//! is, and the checkpoint lies behind it: if its writer completes it later, the rest is read as a record of its own. So
//! it is with a rotated or deleted file that was quiet for [`finish_after`](FileSource::finish_after).
//!
//! # How
//! One blocking thread of tokio's pool reads all files of a source, each ready one a chunk a turn, cuts records and hands over
//! batches; while the pipeline is full it reads nothing. Changes come from the operating system (inotify); where that is
//! not to be had, files are looked at (not read) at an interval. An idle file costs nothing but its place in a table.

mod activity;
mod checkpoint;
mod config;
mod content;
mod discover;
mod generations;
mod identity;
mod in_flight;
mod reader;
mod reconcile;
mod resumption;
mod source;
mod store;
mod tail;
mod watch;

pub use activity::FileActivity;
pub use config::{FileSource, StartAt};
pub(crate) use store::write_synced;

/// What fuzzing needs to reach, and nobody else.
#[doc(hidden)]
pub mod fuzz {
    pub use super::checkpoint::check as checkpoint;
}

use dendro_core::Batch;

use checkpoint::Entry;
use identity::Mark;

/// A file, for as long as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct FileId(u64);

/// What the reader tells the source's task, in order.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all of them are batches, and a box would be one more allocation each"
)]
enum Message {
    /// Where the file is by now; its mark counts only if there was none.
    Known {
        id: FileId,
        entry: Box<Entry>,
    },
    Batch {
        id: FileId,
        epoch: u32,
        mark: Mark,
        batch: Batch,
    },
    /// There is nothing to send up to the mark.
    Passed {
        id: FileId,
        epoch: u32,
        mark: Mark,
    },
    /// It was read to its end, and will not be read on.
    Finished {
        id: FileId,
        epoch: u32,
    },
    /// It will not be found any more.
    Forget {
        id: FileId,
    },
}
