//! What a file source does to the file system, for whoever wants to see it.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

#[derive(Debug, Default)]
pub(super) struct Counters {
    /// For tests of what happens between a look through the directories and the opening of what was found.
    pub(super) before_open: BeforeOpen,
    pub(super) opens: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) scans: AtomicU64,
    pub(super) files: AtomicU64,
    pub(super) saves: AtomicU64,
}

type Hook = Box<dyn Fn(&Path) + Send + Sync>;

#[derive(Default)]
pub(super) struct BeforeOpen(OnceLock<Hook>);

impl BeforeOpen {
    /// Only the first one counts.
    pub(super) fn set(&self, hook: impl Fn(&Path) + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(hook));
    }

    pub(super) fn tell(&self, path: &Path) {
        if let Some(hook) = self.0.get() {
            hook(path);
        }
    }
}

impl fmt::Debug for BeforeOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BeforeOpen").field(&self.0.get().is_some()).finish()
    }
}

/// What a [`FileSource`](super::FileSource) has done to the file system so far; live, and cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct FileActivity {
    pub(super) counters: Arc<Counters>,
}

impl FileActivity {
    /// How often a file was opened.
    pub fn opens(&self) -> u64 {
        self.counters.opens.load(Ordering::Relaxed)
    }

    /// How often content was asked for, whether or not there was any. Looking at names and sizes is no read.
    pub fn reads(&self) -> u64 {
        self.counters.reads.load(Ordering::Relaxed)
    }

    /// How often the directories were looked through.
    pub fn scans(&self) -> u64 {
        self.counters.scans.load(Ordering::Relaxed)
    }

    /// How many files are followed now.
    pub fn files(&self) -> u64 {
        self.counters.files.load(Ordering::Relaxed)
    }

    /// How often checkpoints were written.
    pub fn saves(&self) -> u64 {
        self.counters.saves.load(Ordering::Relaxed)
    }
}
