//! What wakes the reader: changes in directories, the pipeline's side of the source, and time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dendro_core::Snapshot;
use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::FileId;
use super::identity::{Inode, Mark};

/// A stream has to be read again from what is settled, since something that was sent of it was abandoned.
#[derive(Debug)]
pub(super) struct Rewind {
    pub(super) stream: Arc<str>,
    pub(super) files: Vec<RewoundFile>,
    /// The state of transforms before all of them.
    pub(super) restore: Vec<Snapshot>,
}

/// From where on one of its files is read again.
#[derive(Clone, Copy, Debug)]
pub(super) struct RewoundFile {
    pub(super) file: FileId,
    pub(super) to: Mark,
    pub(super) epoch: u32,
}

/// What the reader has not yet looked at.
#[derive(Default)]
pub(super) struct News {
    pub(super) changed: HashSet<PathBuf>,
    pub(super) rescan: bool,
    pub(super) rewinds: Vec<Rewind>,
    pub(super) settled: HashMap<FileId, u64>,
    pub(super) removed: Vec<PathBuf>,
    pub(super) stop: bool,
    has_news: bool,
}

/// Where the reader gets its news.
#[derive(Default)]
pub(super) struct Inbox {
    news: Mutex<(News, bool)>,
    wake: Condvar,
}

impl Inbox {
    /// Takes the news; if there are none waits for them, at most until `until`.
    pub(super) fn take(&self, wait: Wait) -> News {
        let mut news = self.lock();
        while !news.0.has_news {
            let until = match wait {
                Wait::No => break,
                Wait::Forever => {
                    news = self.wake.wait(news).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                Wait::Until(until) => until,
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            news = self.wake.wait_timeout(news, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let stop = news.0.stop;
        let taken = std::mem::take(&mut news.0);
        news.0.stop = stop;
        taken
    }

    /// Says whether settlements are news that the reader waits for.
    pub(super) fn want_settled(&self, wanted: bool) {
        self.lock().1 = wanted;
    }

    pub(super) fn stop(&self) {
        self.tell(|news| news.stop = true);
    }

    pub(super) fn rewind(&self, rewind: Rewind) {
        self.tell(|news| news.rewinds.push(rewind));
    }

    pub(super) fn settled(&self, file: FileId, offset: u64) {
        let mut state = self.lock();
        state.0.settled.insert(file, offset);
        if state.1 {
            state.0.has_news = true;
            drop(state);
            self.wake.notify_one();
        }
    }

    fn tell(&self, what: impl FnOnce(&mut News)) {
        let mut state = self.lock();
        what(&mut state.0);
        state.0.has_news = true;
        drop(state);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, (News, bool)> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait for news.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    No,
    Until(Instant),
    Forever,
}

/// Watches directories through the operating system; where that can't be had, says how often to look.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    directories: BTreeMap<PathBuf, Inode>,
    poll_interval: Duration,
}

/// How often to look all the same: network and overlay file systems don't tell of all changes.
const SAFETY_INTERVAL: Duration = Duration::from_secs(10);

impl Watch {
    /// The second is what the user should know.
    pub(super) fn new(
        inbox: &Arc<Inbox>,
        poll_interval: Duration,
        poll_only: bool,
    ) -> (Self, Option<String>) {
        let mut watch = Self { watcher: None, directories: BTreeMap::new(), poll_interval };
        if poll_only {
            return (watch, None);
        }
        let inbox = inbox.clone();
        let tell = move |event: notify::Result<notify::Event>| on_event(&inbox, event);
        match notify::recommended_watcher(tell) {
            Ok(watcher) => {
                watch.watcher = Some(watcher);
                (watch, None)
            }
            Err(error) => {
                let message = watch.fall_back("directories can't be watched", &error);
                (watch, Some(message))
            }
        }
    }

    /// When to look through the directories although nothing was told.
    pub(super) fn interval(&self) -> Duration {
        match self.watcher {
            Some(_) => self.poll_interval.max(SAFETY_INTERVAL),
            None => self.poll_interval,
        }
    }

    /// Watches these and no others. Whether there were new ones, in which something may have changed before they
    /// were watched.
    ///
    /// # Errors
    /// What the user should know: from now on nothing is told.
    pub(super) fn cover(&mut self, directories: &BTreeSet<PathBuf>) -> Result<bool, String> {
        let Some(watcher) = self.watcher.as_mut() else { return Ok(false) };
        // A directory that is gone may have been made anew; as long as a file in it is open its end is not told.
        let now = directories.iter().filter_map(|d| Some((d, Inode::of(&std::fs::metadata(d).ok()?))));
        let now: BTreeMap<PathBuf, Inode> = now.map(|(d, inode)| (d.clone(), inode)).collect();
        for (directory, inode) in &self.directories {
            if now.get(directory) != Some(inode) {
                // It may know already.
                let _ = watcher.unwatch(directory);
            }
        }
        let (mut is_new, mut covered) = (false, BTreeMap::new());
        for (directory, inode) in now {
            if self.directories.get(&directory) != Some(&inode) {
                match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                    Ok(()) => is_new = true,
                    Err(error) if is_gone(&error) => continue,
                    Err(error) => {
                        let what = format!("{} can't be watched", directory.display());
                        return Err(self.fall_back(&what, &error));
                    }
                }
            }
            covered.insert(directory, inode);
        }
        self.directories = covered;
        Ok(is_new)
    }

    /// Some of these may be watched directories that are gone, or whose names belong to others: those are
    /// watched anew. Gives which they are.
    pub(super) fn lost(&mut self, paths: Vec<PathBuf>) -> Vec<PathBuf> {
        let mut lost = paths;
        lost.retain(|path| self.directories.remove(path).is_some());
        if let Some(watcher) = &mut self.watcher {
            // It may know already.
            lost.iter().for_each(|path| drop(watcher.unwatch(path)));
        }
        lost
    }

    fn fall_back(&mut self, what: &str, error: &notify::Error) -> String {
        self.watcher = None;
        self.directories.clear();
        let hint = match error.kind {
            notify::ErrorKind::MaxFilesWatch => "; raise fs.inotify.max_user_watches to have them told",
            _ => "",
        };
        let interval = self.poll_interval;
        format!("{what} ({error}): files are looked at every {interval:?} instead{hint}")
    }
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(e) => e.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn on_event(inbox: &Inbox, event: notify::Result<notify::Event>) {
    let Ok(event) = event else { return inbox.tell(|news| news.rescan = true) };
    let rescan = event.need_rescan();
    match event.kind {
        EventKind::Access(_) => {}
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => {
            inbox.tell(|news| news.changed.extend(event.paths));
        }
        EventKind::Remove(_) => inbox.tell(|news| {
            news.rescan = true;
            news.removed.extend(event.paths);
        }),
        EventKind::Modify(ModifyKind::Name(_)) => inbox.tell(|news| {
            news.rescan = true;
            news.removed.extend(event.paths.into_iter().filter(|p| !is_file(p)));
        }),
        _ if rescan || !event.paths.is_empty() => inbox.tell(|news| news.rescan = true),
        _ => {}
    }
    if rescan {
        inbox.tell(|news| news.rescan = true);
    }
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}
