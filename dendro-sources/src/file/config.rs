//! What the user says about a file source.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dendro_core::storage::{Disk, Storage};
use dendro_core::{Framer, Lines, Schema};

use super::activity::FileActivity;
use super::checkpoint::Book;
use super::discover::Patterns;
use crate::framing::{FramerFactory, lines};
use crate::multiline::Multiline;

/// Where to begin in a file for which there is no checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartAt {
    /// At its beginning.
    #[default]
    Beginning,
    /// At its end, if it is there when the source starts; files that come later are read from their beginning.
    End,
}

/// Reads files and follows them; the [module](super) tells what it promises.
///
/// ```
/// use std::time::Duration;
/// use dendro_sources::file::{FileSource, StartAt};
///
/// let access = FileSource::new("/var/log/nginx/*access.log")
///     .exclude("debug-*")
///     .start(StartAt::End)
///     .checkpoints("/var/lib/agent/access")
///     .ignore_older(Duration::from_secs(7 * 24 * 3600));
/// let once = FileSource::new("access.log.2.gz").follow(false);
/// ```
pub struct FileSource {
    include: Vec<PathBuf>,
    exclude: Vec<String>,
    start: StartAt,
    pub(super) checkpoints: Option<PathBuf>,
    ignore_older: Option<Duration>,
    framing: FramingChoice,
    max_line_bytes: Option<usize>,
    follow: bool,
    read_bytes: usize,
    poll_interval: Duration,
    poll_only: bool,
    finish_after: Duration,
    max_open_files: usize,
    schema: Arc<Schema>,
    pub(super) activity: FileActivity,
    /// What was settled in earlier runs.
    pub(super) book: Option<Book>,
    pub(super) checkpoint_interval: Duration,
    pub(super) storage: Arc<dyn Storage>,
}

enum FramingChoice {
    Lines,
    Multiline(Multiline),
    Custom(FramerFactory),
}

/// The same, checked, for one run.
pub(super) struct Config {
    pub(super) patterns: Patterns,
    pub(super) start: StartAt,
    pub(super) ignore_older: Option<Duration>,
    pub(super) framer: FramerFactory,
    pub(super) follow: bool,
    pub(super) read_bytes: usize,
    pub(super) poll_interval: Duration,
    pub(super) poll_only: bool,
    pub(super) finish_after: Duration,
    pub(super) max_open_files: usize,
    pub(super) schema: Arc<Schema>,
}

impl FileSource {
    /// How much is read at once by default: 256 KiB.
    pub const DEFAULT_READ_BYTES: usize = 256 << 10;
    /// How often files are looked at where changes are not told, by default.
    pub const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(1);
    /// For how long a rotated file is still read after its last line, by default.
    pub const DEFAULT_FINISH_AFTER: Duration = Duration::from_secs(5);
    /// How often checkpoints are stored at most, by default.
    pub const DEFAULT_CHECKPOINT_INTERVAL: Duration = Duration::from_millis(500);
    /// How many files are held open by default.
    pub const DEFAULT_MAX_OPEN_FILES: usize = 512;

    /// Follows a file, or the files that a glob names (`*`, `**`, `?`, `[..]`, `{..}`; a wildcard stays within a
    /// directory, `**` does not), from their beginning on or where the checkpoints say. What is no glob is found out when
    /// the source runs.
    pub fn new(path_or_glob: impl Into<PathBuf>) -> Self {
        Self {
            include: vec![path_or_glob.into()],
            exclude: Vec::new(),
            start: StartAt::default(),
            checkpoints: None,
            ignore_older: None,
            framing: FramingChoice::Lines,
            max_line_bytes: None,
            follow: true,
            read_bytes: Self::DEFAULT_READ_BYTES,
            poll_interval: Self::DEFAULT_POLL_INTERVAL,
            poll_only: false,
            finish_after: Self::DEFAULT_FINISH_AFTER,
            max_open_files: Self::DEFAULT_MAX_OPEN_FILES,
            schema: Arc::new(Schema::new("log").doc("A record as it was read.")),
            activity: FileActivity::default(),
            book: None,
            checkpoint_interval: Self::DEFAULT_CHECKPOINT_INTERVAL,
            storage: Arc::new(Disk),
        }
    }

    /// Adds another path or glob.
    pub fn include(mut self, path_or_glob: impl Into<PathBuf>) -> Self {
        self.include.push(path_or_glob.into());
        self
    }

    /// Leaves out the files that this glob names: by path, or by file name if it has no `/`.
    pub fn exclude(mut self, glob: impl Into<String>) -> Self {
        self.exclude.push(glob.into());
        self
    }

    /// Sets where to begin in files for which there is no checkpoint.
    pub fn start(mut self, start: StartAt) -> Self {
        self.start = start;
        self
    }

    /// Stores checkpoints in this directory, which belongs to this source alone and is made if it is missing.
    /// Without one they are kept as long as the process lives.
    pub fn checkpoints(mut self, directory: impl Into<PathBuf>) -> Self {
        self.checkpoints = Some(directory.into());
        self
    }

    /// Sets how soon after something was settled its checkpoint is stored, for all files at once. What was settled since the
    /// last time is sent again after a crash: a shorter interval means fewer duplicates and more writes.
    pub fn checkpoint_interval(mut self, interval: Duration) -> Self {
        self.checkpoint_interval = interval;
        self
    }

    /// Stores checkpoints through another file system than the machine's, for tests.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = storage;
        self
    }

    /// Calls this before each file is opened, on the thread that reads, for tests: what another program does to a file between
    /// its being found and its being opened.
    #[doc(hidden)]
    pub fn before_open(self, hook: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        self.activity.counters.before_open.set(hook);
        self
    }

    /// Leaves out files that have no checkpoint and were not written to for longer than this, until they are.
    pub fn ignore_older(mut self, age: Duration) -> Self {
        self.ignore_older = Some(age);
        self
    }

    /// Sets the longest line, or record of several lines, without its end; by default that of [`Lines`]. The
    /// head of a longer one goes to the dead letters. Says nothing to a [`framer`](Self::framer).
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = Some(bytes);
        self
    }

    /// Cuts records with these framers, one for each file; by default [`Lines`].
    pub fn framer<F: Framer + 'static>(mut self, factory: impl Fn() -> F + Send + Sync + 'static) -> Self {
        self.framing = FramingChoice::Custom(Arc::new(move || Box::new(factory())));
        self
    }

    /// Puts lines together.
    pub fn multiline(mut self, multiline: Multiline) -> Self {
        self.framing = FramingChoice::Multiline(multiline);
        self
    }

    /// With `false` reads each file that is there to its end, and finishes. A path that is not there is an error then.
    pub fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Sets how much is read at once, and so about the size of a batch; from 4 KiB to 16 MiB.
    pub fn read_bytes(mut self, bytes: usize) -> Self {
        self.read_bytes = bytes.clamp(4 << 10, 16 << 20);
        self
    }

    /// Sets how often files are looked at where the operating system does not tell of changes, and how soon
    /// what failed is tried again.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// With `true` does not ask the operating system to tell of changes: for network file systems.
    pub fn poll_only(mut self, poll_only: bool) -> Self {
        self.poll_only = poll_only;
        self
    }

    /// Sets for how long a rotated, deleted or compressed file is still read after its last data, before
    /// its last line counts as complete.
    pub fn finish_after(mut self, quiet: Duration) -> Self {
        self.finish_after = quiet;
        self
    }

    /// Sets how many files are held open. Where there are more, those that are idle are closed, and opened again when
    /// they change; what is written to one of those and deleted before it was opened is missed.
    pub fn max_open_files(mut self, files: usize) -> Self {
        self.max_open_files = files.max(1);
        self
    }

    /// Sets the type of the events; by default `log`, without fields.
    pub fn schema(mut self, schema: impl Into<Arc<Schema>>) -> Self {
        self.schema = schema.into();
        self
    }

    /// What it does to the file system, live.
    pub fn activity(&self) -> FileActivity {
        self.activity.clone()
    }

    pub(super) fn event_schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    pub(super) fn config(&self) -> Result<Config, String> {
        let framer = match &self.framing {
            FramingChoice::Lines => lines(self.max_line_bytes.unwrap_or(Lines::DEFAULT_MAX_BYTES)),
            FramingChoice::Custom(factory) => factory.clone(),
            FramingChoice::Multiline(multiline) => {
                let multiline = match self.max_line_bytes {
                    Some(bytes) => multiline.clone().max_bytes(bytes),
                    None => multiline.clone(),
                };
                Arc::new(move || Box::new(multiline.framer()) as Box<dyn Framer>)
            }
        };
        Ok(Config {
            patterns: Patterns::new(&self.include, &self.exclude)?,
            start: self.start,
            ignore_older: self.ignore_older,
            framer,
            follow: self.follow,
            read_bytes: self.read_bytes,
            poll_interval: self.poll_interval,
            poll_only: self.poll_only,
            finish_after: self.finish_after,
            max_open_files: self.max_open_files,
            schema: self.schema.clone(),
        })
    }
}
