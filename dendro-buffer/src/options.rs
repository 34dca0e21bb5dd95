//! What a user chooses.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dendro_core::WhenFull;
use dendro_core::storage::{Disk, Storage};

use crate::DiskBuffer;
use crate::record;
use crate::segment;

/// When what was written is made durable, and with that acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fsync {
    /// Before each write is acknowledged: what is acknowledged survives a power cut. Writes that wait at the same time
    /// share one `fsync`.
    EveryBatch,
    /// At this interval: the same holds, but it is acknowledged later, all at once. The default, with a second.
    Interval(Duration),
    /// Never: acknowledged after the write. Survives a killed process, not a power cut.
    Never,
}

/// How frames are compressed on the disk, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// They are not: the default, since it is the fastest wherever the disk is faster than the compressor.
    None,
    /// LZ4 blocks: about a quarter of the bytes of parsed access logs.
    Lz4,
    /// zstd frames of this level, 1 to 22.
    #[cfg(feature = "zstd")]
    Zstd(i32),
}

/// The smallest buffer.
const MIN_BYTES: u64 = 64 << 10;
const MIN_SEGMENT_BYTES: u64 = 4 << 10;
const MAX_SEGMENT_BYTES: u64 = 1 << 30;
const USUAL_SEGMENT_BYTES: u64 = 64 << 20;

/// A state takes some hundred bytes, and all of them are written twice a second.
const USUAL_STREAMS: usize = 10_000;

/// Makes a [`DiskBuffer`].
#[derive(Clone)]
#[must_use]
pub struct DiskBufferBuilder {
    options: Options,
    segment_bytes: Option<u64>,
}

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) directory: PathBuf,
    pub(crate) max_bytes: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) fsync: Fsync,
    pub(crate) compression: Compression,
    pub(crate) when_full: WhenFull,
    pub(crate) max_streams: usize,
    pub(crate) storage: Arc<dyn Storage>,
}

impl Options {
    /// The largest write that there can ever be room for.
    pub(crate) fn largest_write(&self) -> u64 {
        let overhead = 2 * (segment::HEADER + record::END as u64);
        self.max_bytes.saturating_sub(overhead)
    }

    /// Whether anything is made durable.
    pub(crate) fn syncs(&self) -> bool {
        self.fsync != Fsync::Never
    }
}

impl DiskBufferBuilder {
    pub(crate) fn new(directory: PathBuf) -> Self {
        let options = Options {
            directory,
            max_bytes: 1 << 30,
            segment_bytes: USUAL_SEGMENT_BYTES,
            fsync: Fsync::Interval(Duration::from_secs(1)),
            compression: Compression::None,
            when_full: WhenFull::Block,
            max_streams: USUAL_STREAMS,
            storage: Arc::new(Disk),
        };
        Self { options, segment_bytes: None }
    }

    /// How many bytes its segments may take on the disk; 1 GiB unless told otherwise, 64 KiB at least. The position file, a
    /// few hundred bytes and the states of transforms, and what was set aside because it is damaged come on top.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.options.max_bytes = bytes;
        self
    }

    /// How long a segment file gets before another is begun; an eighth of [`max_bytes`](Self::max_bytes) unless told
    /// otherwise, 64 MiB at most. Space is free again by whole segments.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = Some(bytes);
        self
    }

    /// When what was written is made durable; every second unless told otherwise.
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.options.fsync = fsync;
        self
    }

    /// How frames are compressed; not at all unless told otherwise.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.options.compression = compression;
        self
    }

    /// What happens when [`max_bytes`](Self::max_bytes) are taken; what is before it waits unless told otherwise.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.options.when_full = when_full;
        self
    }

    /// Of how many streams (files, connections) the states of the transforms behind the buffer are kept over a restart; 10,000
    /// unless told otherwise. Those whose states have changed last are; the others begin as new ones. Without a
    /// transform that keeps state behind the buffer there is nothing to keep.
    pub fn max_streams(mut self, streams: usize) -> Self {
        self.options.max_streams = streams;
        self
    }

    /// Another file system than the machine's, for tests.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.options.storage = storage;
        self
    }

    /// Makes the buffer. No file is touched before the pipeline runs.
    ///
    /// # Errors
    /// A size is out of its bounds.
    pub fn build(mut self) -> Result<DiskBuffer, InvalidDiskBuffer> {
        let options = &mut self.options;
        if options.max_bytes < MIN_BYTES {
            let message = format!("max_bytes is {}: it has to be {MIN_BYTES} at least", options.max_bytes);
            return Err(InvalidDiskBuffer(message));
        }
        let usual = (options.max_bytes / 8).min(USUAL_SEGMENT_BYTES);
        options.segment_bytes = self.segment_bytes.unwrap_or(usual);
        let bounds = MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES.min(options.max_bytes / 2);
        if !bounds.contains(&options.segment_bytes) {
            return Err(InvalidDiskBuffer(format!(
                "segment_bytes is {}: it has to be {} to {}, half of max_bytes",
                options.segment_bytes,
                bounds.start(),
                bounds.end()
            )));
        }
        #[cfg(feature = "zstd")]
        if let Compression::Zstd(level) = options.compression
            && !(1..=22).contains(&level)
        {
            return Err(InvalidDiskBuffer(format!("zstd has the levels 1 to 22, and no {level}")));
        }
        Ok(DiskBuffer::new(self.options))
    }
}

impl fmt::Debug for DiskBufferBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskBufferBuilder")
            .field("directory", &self.options.directory)
            .finish_non_exhaustive()
    }
}

/// Why a buffer can't be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDiskBuffer(String);

impl fmt::Display for InvalidDiskBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid disk buffer: {}", self.0)
    }
}

impl std::error::Error for InvalidDiskBuffer {}
