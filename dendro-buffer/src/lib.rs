//! Where events wait on disk between two stages of a pipeline, over restarts and power cuts.
//!
//! A [`DiskBuffer`] is a sink to what is before it and a source to what is behind it. What is written to it is acknowledged by
//! the buffer, so that a source can forget it, and leaves the buffer when what is behind it has acknowledged it.
//!
//! # What holds for each policy
//! | [`Fsync`] | acknowledged | survives a killed process | survives a power cut |
//! |---|---|---|---|
//! | `EveryBatch` | when an `fsync` has covered the write; writes that wait together share one | all that is acknowledged | all that is acknowledged |
//! | `Interval` | at the next interval, after an `fsync`; it can be read before | all that is written | all that is acknowledged |
//! | `Never` | when the file system has it | all that is acknowledged | nothing is promised |
//!
//! A new file is acknowledged as its content is: after an `fsync` of the directory too. A disk that lies about `fsync` can
//! break every one of these promises.
//!
//! **Sent again** after a crash is what was sent and whose acknowledgement was not yet stored: it is stored twice a second, and
//! whenever a segment has been acknowledged as a whole. So duplicates are bounded by what passes in half a second, or in the
//! time that one `fsync` takes where that is longer, and what was in flight behind the buffer. After an orderly stop
//! nothing is sent again. Under `Never` the same holds for a killed process.
//!
//! **Order** is the order in which it was written, with [`Sink::settings`](dendro_core::Sink::settings) as they are (one write in flight).
//!
//! **Memory** does not grow with the buffer: the reader holds at most two reads of about half a mebibyte, or two records
//! where those are longer, and a few hundred bytes for each batch that was sent and is not yet acknowledged.
//!
//! **States** of transforms behind the buffer are stored with the position, by stream, and given back with the first batch of each
//! stream in the next run: of the [`max_streams`](DiskBufferBuilder::max_streams) whose states have changed last, and of those as
//! many as take 64 MiB. A stream beyond that which goes on after a restart (or is sent again because its batches
//! were abandoned) is not told what it was: a window that was open in it begins anew, a header has to come again. No event is lost.
//!
//! # When it is full
//! [`max_bytes`](DiskBufferBuilder::max_bytes) bounds the segment files. Beyond it a write waits, or its events are dropped and
//! counted, or they go to the dead letters: [`when_full`](DiskBufferBuilder::when_full). Room comes back by whole segments.
//! A buffer that is drained has no segment left. A write fits as a whole or not at all.
//!
//! # What it finds when it opens
//! Nothing that stands in the directory keeps a pipeline from starting, but for a buffer that another process has locked, and
//! one that a later version has written. Everything else is told as a problem of the reader, and counted by the [monitor](DiskBuffer::monitor):
//!
//! - A torn tail, which a crash leaves of a write that was not acknowledged, is cut off.
//! - A damaged record is copied into a `.quarantine` file with a line that says where it stood and why, and the next record is found by
//!   its magic and checksum. If it can't be copied, its segment is kept as a `.damaged` file.
//! - A damaged position is kept as a `.damaged` file, and all that is there is sent.
//! - A missing segment and files that are no buffer's are named.
//!
//! A write that fails (a full disk, say) is cut back to its beginning, and tried again. After a failed `fsync` nobody
//! knows what the disk has: the segment is cut back to what was durable, and what is lost of it is written again, by the driver or by
//! the source, to another. Damage is told when the reader gets there; [`offline`] finds it beforehand.
//!
//! # On the disk
//! Segments of records, each with magic, length, sequence and checksums of header and body; a record is a
//! [frame](dendro_core::Batch::write_frame), compressed by itself, or the schema of a type. Everything has a version: a version of this
//! crate reads what the one before it has written. Files are for their owner alone (0600, the directory 0700), and no name
//! comes from an event. What is read is untrusted: lengths are checked before they are used, frames as every frame is.

mod appender;
mod buffer;
mod bytes;
mod codec;
mod directory;
mod frame;
pub mod offline;
mod open;
mod options;
mod pending;
mod position;
mod quarantine;
mod read_ahead;
mod read_buffers;
mod reader;
mod record;
mod save;
mod schema;
mod segment;
mod shared;
mod states;
mod stats;
mod walk;
mod writer;

pub use buffer::{DiskBuffer, DiskBufferMonitor};
pub use options::{Compression, DiskBufferBuilder, Fsync, InvalidDiskBuffer};
pub use stats::DiskBufferStats;

#[cfg(test)]
mod tests;
