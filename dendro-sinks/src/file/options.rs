//! What a user chooses.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dendro_core::{Clock, SystemClock};

use super::sink::FileSink;
use super::template::{InvalidFileSink, Template};
use crate::compression::Compression;
use dendro_core::storage::{Disk, Storage};

/// When what was written is made durable, and with that acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fsync {
    /// After each write: acknowledged is what survives a power cut.
    EveryWrite,
    /// At this interval: the same, but it is acknowledged later, all at once. The default, with a second.
    Interval(Duration),
    /// Never: acknowledged after the write. Survives a killed process, not a power cut.
    Never,
}

/// Makes a [`FileSink`].
pub struct FileSinkBuilder {
    path: String,
    pub(super) options: Options,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) clock: Arc<dyn Clock>,
}

#[derive(Clone)]
pub(super) struct Options {
    pub(super) fsync: Fsync,
    pub(super) compression: Compression,
    pub(super) rotate_bytes: u64,
    pub(super) rotate_nanos: Option<i64>,
    pub(super) keep: Option<usize>,
    pub(super) atomic: bool,
    pub(super) file_mode: u32,
    pub(super) dir_mode: u32,
    pub(super) max_open: usize,
    pub(super) idle_nanos: i64,
    pub(super) with_origin: bool,
    pub(super) dedup_key: Option<String>,
    pub(super) on_notice: Arc<dyn Fn(&str) + Send + Sync>,
}

impl FileSinkBuilder {
    pub(super) fn new(path: String) -> Self {
        let options = Options {
            fsync: Fsync::Interval(Duration::from_secs(1)),
            compression: Compression::None,
            rotate_bytes: u64::MAX,
            rotate_nanos: None,
            keep: None,
            atomic: false,
            file_mode: 0o600,
            dir_mode: 0o700,
            max_open: 64,
            idle_nanos: 300_000_000_000,
            with_origin: false,
            dedup_key: None,
            on_notice: Arc::new(|_| {}),
        };
        Self { path, options, storage: Arc::new(Disk), clock: Arc::new(SystemClock) }
    }

    /// When what was written is made durable; every second unless told otherwise.
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.options.fsync = fsync;
        self
    }

    /// How files are compressed; they are not unless told so.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.options.compression = compression;
        self
    }

    /// Begins another file before one would get longer than this. A single event that is longer has a file for
    /// itself. Of a compressed file the bytes on disk count, and it may get longer by what this many bytes
    /// of text become.
    pub fn rotate_bytes(mut self, bytes: u64) -> Self {
        self.options.rotate_bytes = bytes.max(1);
        self
    }

    /// Begins another file whenever the time of day passes a multiple of this, counted from midnight UTC for
    /// what divides a day.
    pub fn rotate_every(mut self, every: Duration) -> Self {
        self.options.rotate_nanos = Some(nanos(every).max(1));
        self
    }

    /// How many rotated files of a path are kept; the oldest are removed. All, unless told otherwise.
    pub fn keep(mut self, files: usize) -> Self {
        self.options.keep = Some(files);
        self
    }

    /// Whether a file has another name until it is finished: `NAME.partial`.
    pub fn atomic_finish(mut self, atomic: bool) -> Self {
        self.options.atomic = atomic;
        self
    }

    /// The permission bits of new files; only their owner may read them (`0o600`) unless told otherwise.
    pub fn file_mode(mut self, mode: u32) -> Self {
        self.options.file_mode = mode;
        self
    }

    /// The permission bits of new directories; `0o700` unless told otherwise.
    pub fn dir_mode(mut self, mode: u32) -> Self {
        self.options.dir_mode = mode;
        self
    }

    /// How many files are open at once, at most; 64 unless told otherwise. The one that was written least recently
    /// is closed for the next, and opened again when it is needed.
    pub fn max_open(mut self, files: usize) -> Self {
        self.options.max_open = files.max(1);
        self
    }

    /// A file to which nothing was written for so long is closed, and finished; five minutes unless told otherwise.
    pub fn close_idle_after(mut self, idle: Duration) -> Self {
        self.options.idle_nanos = nanos(idle);
        self
    }

    /// Whether the fields of the [`Origin`](dendro_core::Origin) are written too; they are not unless told so.
    pub fn with_origin(mut self, with_origin: bool) -> Self {
        self.options.with_origin = with_origin;
        self
    }

    /// The name of a field that has the [`DedupKey`](dendro_core::DedupKey) of each event that has one; there is none unless
    /// told so.
    pub fn dedup_key(mut self, name: impl Into<String>) -> Self {
        self.options.dedup_key = Some(name.into());
        self
    }

    /// Is told what the sink found and did about it: a torn line that was cut off, a file that was put aside,
    /// one that someone else has moved. Called on a blocking thread; it should return soon.
    pub fn on_notice(mut self, notice: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.options.on_notice = Arc::new(notice);
        self
    }

    /// Another file system than the real one, for tests.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = storage;
        self
    }

    /// Another clock than the machine's, for tests: rotation and the names of finished files go by it.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the sink. No file is touched before the first write.
    ///
    /// # Errors
    /// The path can't be one.
    pub fn build(self) -> Result<FileSink, InvalidFileSink> {
        let template = Template::parse(&self.path, self.options.compression.extension())?;
        self.options.compression.check().map_err(InvalidFileSink)?;
        Ok(FileSink::new(template, self))
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl fmt::Debug for FileSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSinkBuilder").field("path", &self.path).finish_non_exhaustive()
    }
}
