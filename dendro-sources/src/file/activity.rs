//! What a file source does to the file system, for whoever wants to see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) opens: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) scans: AtomicU64,
    pub(super) files: AtomicU64,
    pub(super) saves: AtomicU64,
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
