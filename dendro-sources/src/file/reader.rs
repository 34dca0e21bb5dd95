//! The blocking loop that reads all files of a source, a chunk a turn.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dendro_core::{Severity, SourceContext};
use tokio::sync::mpsc::Sender;

use super::activity::Counters;
use super::checkpoint::Book;
use super::config::Config;
use super::generations::Archive;
use super::identity::Inode;
use super::resumption::Resumption;
use super::tail::{Kit, Tail, Turn};
use super::watch::{Inbox, News, Rewind, RewoundFile, Wait, Watch};
use super::{FileId, Message};

/// The least time between two looks through the directories.
const SCAN_GAP: Duration = Duration::from_millis(10);
/// How long the news of a removed directory may take.
const REWATCH_AFTER: Duration = Duration::from_millis(100);
/// The longest time until what failed is tried again.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

pub(super) struct Reader {
    pub(super) kit: Kit,
    inbox: Arc<Inbox>,
    pub(super) watch: Watch,
    pub(super) tails: HashMap<FileId, Tail>,
    pub(super) by_path: HashMap<PathBuf, FileId>,
    pub(super) by_inode: HashMap<Inode, FileId>,
    /// The paths behind which the files of symbolic links are, with those of the links.
    pub(super) targets: HashMap<PathBuf, PathBuf>,
    pub(super) archive: Archive,
    /// The streams that have lost their file, and since when.
    pub(super) unnamed: HashMap<Arc<str>, Instant>,
    /// The streams of which a file was not any more where this scan had seen it.
    pub(super) moved: BTreeSet<Arc<str>>,
    ready: VecDeque<FileId>,
    timers: BTreeSet<(Instant, FileId)>,
    /// Open files by when they were read last; some entries are stale.
    idle: VecDeque<FileId>,
    open: usize,
    /// Read to their end, but not settled.
    ending: HashSet<FileId>,
    told: HashMap<PathBuf, String>,
    pub(super) rescan: bool,
    scanned_at: Option<Instant>,
    scan_took: Duration,
    pub(super) next_scan: Instant,
    /// The news of a removal may come after the directory was made and watched anew, and end that watch.
    rewatch: Option<(Instant, Vec<PathBuf>)>,
    stop: bool,
}

impl Reader {
    pub(super) fn new(
        config: Arc<Config>,
        cx: SourceContext,
        inbox: Arc<Inbox>,
        out: Sender<Message>,
        counters: Arc<Counters>,
        book: Book,
    ) -> Self {
        let poll_only = config.poll_only || !config.follow;
        let (watch, told) = Watch::new(&inbox, config.poll_interval, poll_only);
        if let Some(told) = told {
            cx.report(Severity::Warning, told);
        }
        let resumption = Resumption::new(book.snapshots.clone());
        Self {
            archive: Archive::new(book),
            kit: Kit { config, cx, out, counters, spare: None, resumption },
            inbox,
            watch,
            tails: HashMap::new(),
            by_path: HashMap::new(),
            by_inode: HashMap::new(),
            targets: HashMap::new(),
            unnamed: HashMap::new(),
            moved: BTreeSet::new(),
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            idle: VecDeque::new(),
            open: 0,
            ending: HashSet::new(),
            told: HashMap::new(),
            rescan: true,
            scanned_at: None,
            scan_took: Duration::ZERO,
            next_scan: Instant::now(),
            rewatch: None,
            stop: false,
        }
    }

    /// Reads until it is told to stop, or with `follow(false)` until all is read.
    ///
    /// # Errors
    /// In words, if there is nothing to read and never will be.
    pub(super) fn run(mut self) -> Result<(), String> {
        loop {
            let news = self.inbox.take(self.wait());
            if news.stop {
                self.flush();
                return Ok(());
            }
            self.digest(news);
            let now = Instant::now();
            if let Some((_, lost)) = self.rewatch.take_if(|(due, _)| *due <= now) {
                self.watch.lost(lost);
                self.rescan = true;
            }
            if self.scan_due(now) {
                let is_first = self.scanned_at.is_none();
                self.rescan = false;
                let missing = self.scan(is_first);
                if is_first && !self.kit.config.follow && self.tails.is_empty() && !missing.is_empty() {
                    let shown: Vec<String> = missing.iter().map(|p| p.display().to_string()).collect();
                    return Err(format!("there is no file {}", shown.join(", ")));
                }
                let done = Instant::now();
                self.scanned_at = Some(done);
                self.scan_took = done - now;
                if self.next_scan <= done {
                    self.next_scan = done + self.watch.interval();
                }
            }
            while let Some((due, id)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
                self.timers.remove(&(due, id));
                if let Some(tail) = self.tails.get_mut(&id) {
                    tail.wake = None;
                }
                self.queue(id);
            }
            if let Some(id) = self.ready.pop_front() {
                self.turn(id);
            } else if !self.kit.config.follow && !self.rescan && self.tails.values().all(|t| t.ended) {
                return Ok(());
            }
            if self.stop {
                return Ok(());
            }
        }
    }

    /// Wants a turn for the file.
    pub(super) fn queue(&mut self, id: FileId) {
        if let Some(tail) = self.tails.get_mut(&id).filter(|t| !t.queued) {
            tail.queued = true;
            self.ready.push_back(id);
        }
    }

    pub(super) fn queue_at(&mut self, id: FileId, when: Instant) {
        let Some(tail) = self.tails.get_mut(&id) else { return };
        if let Some(old) = tail.wake.replace(when) {
            self.timers.remove(&(old, id));
        }
        self.timers.insert((when, id));
    }

    pub(super) fn add(&mut self, tail: Tail) {
        self.open += usize::from(tail.content.is_some());
        self.by_inode.insert(tail.inode, tail.id);
        self.by_path.insert(tail.path.clone(), tail.id);
        self.idle.push_back(tail.id);
        let known = Message::Known { id: tail.id, entry: Box::new(tail.entry()) };
        self.tails.insert(tail.id, tail);
        self.kit.counters.files.store(self.tails.len() as u64, Ordering::Relaxed);
        self.send(known);
        self.limit_open(None);
    }

    pub(super) fn remove(&mut self, id: FileId) -> Option<Tail> {
        self.release(id);
        let tail = self.tails.remove(&id)?;
        self.open -= usize::from(tail.content.is_some());
        if self.by_inode.get(&tail.inode) == Some(&id) {
            self.by_inode.remove(&tail.inode);
        }
        if self.by_path.get(&tail.path) == Some(&id) {
            self.by_path.remove(&tail.path);
        }
        if let Some(wake) = tail.wake {
            self.timers.remove(&(wake, id));
        }
        self.ending.remove(&id);
        self.kit.counters.files.store(self.tails.len() as u64, Ordering::Relaxed);
        Some(tail)
    }

    pub(super) fn send(&mut self, message: Message) {
        if self.kit.send(message).is_err() {
            self.stop = true;
        }
    }

    pub(super) fn send_closed(&mut self) {
        self.stop = true;
    }

    /// Those that wait for this file go on.
    pub(super) fn release(&mut self, id: FileId) {
        let waiting: Vec<FileId> =
            self.tails.values().filter(|t| t.after == Some(id)).map(|t| t.id).collect();
        for id in waiting {
            if let Some(tail) = self.tails.get_mut(&id) {
                tail.after = None;
            }
            self.queue(id);
        }
    }

    /// Tells of what is wrong with a file, once until it has changed.
    pub(super) fn tell(&mut self, path: &Path, severity: Severity, message: String) {
        if self.told.get(path) != Some(&message) {
            self.told.insert(path.to_owned(), message.clone());
            self.kit.cx.report(severity, message);
        }
    }

    pub(super) fn tell_error(&mut self, path: &Path, error: &io::Error) {
        self.tell(path, Severity::Error, describe(path, error));
    }

    /// What was wrong is well again.
    pub(super) fn untell(&mut self, path: &Path) {
        if !self.told.is_empty() {
            self.told.remove(path);
        }
    }

    fn wait(&self) -> Wait {
        if !self.ready.is_empty() {
            return Wait::No;
        }
        if !self.kit.config.follow && !self.rescan && self.timers.is_empty() {
            return if self.tails.values().all(|t| t.ended) { Wait::No } else { Wait::Forever };
        }
        let timer = self.timers.first().map(|(due, _)| *due);
        let timer = timer.into_iter().chain(self.rewatch.as_ref().map(|(due, _)| *due)).min();
        let scan = match self.rescan {
            true => self.scanned_at.map_or_else(Instant::now, |at| at + self.scan_gap()),
            false => self.next_scan,
        };
        Wait::Until(timer.map_or(scan, |t| t.min(scan)))
    }

    fn scan_due(&self, now: Instant) -> bool {
        let Some(at) = self.scanned_at else { return true };
        match self.rescan {
            true => now >= at + self.scan_gap(),
            false => self.kit.config.follow && now >= self.next_scan,
        }
    }

    /// Looking may take a twentieth of the time.
    fn scan_gap(&self) -> Duration {
        SCAN_GAP.max(self.scan_took * 20)
    }

    fn digest(&mut self, news: News) {
        self.rescan |= news.rescan;
        if !news.removed.is_empty() {
            let lost = self.watch.lost(news.removed);
            if !lost.is_empty() {
                self.rewatch = Some((Instant::now() + REWATCH_AFTER, lost));
            }
        }
        for path in news.changed {
            let path = self.targets.get(&path).unwrap_or(&path);
            match self.by_path.get(path).copied() {
                Some(id) => {
                    if let Some(tail) = self.tails.get_mut(&id).filter(|t| t.ended && !t.is_packed()) {
                        tail.ended = !self.kit.config.follow;
                    }
                    self.queue(id);
                }
                None if self.kit.config.patterns.matches(path) => self.rescan = true,
                None => {}
            }
        }
        for (id, offset) in news.settled {
            let Some(tail) = self.tails.get_mut(&id) else { continue };
            tail.settled = offset;
            if tail.ended && tail.is_settled() {
                self.finish(id);
            }
        }
        news.rewinds.into_iter().for_each(|rewind| self.rewind(rewind));
    }

    fn rewind(&mut self, rewind: Rewind) {
        let Rewind { stream, files, restore } = rewind;
        for rewound in files {
            self.rewind_file(rewound);
        }
        // It goes with what is read first, and that is what is oldest.
        self.kit.resumption.rewind(stream.clone(), restore);
        self.line_up(&stream);
    }

    fn rewind_file(&mut self, rewound: RewoundFile) {
        let RewoundFile { file, to, epoch } = rewound;
        let Some(tail) = self.tails.get_mut(&file) else {
            return self.rewind_archived(rewound);
        };
        tail.failures += 1;
        let pause = backoff(Duration::from_millis(20), tail.failures - 1);
        tail.rewind(to, epoch);
        let due = Instant::now() + pause;
        tail.not_before = Some(due);
        self.ending.remove(&file);
        self.queue_at(file, due);
    }

    fn turn(&mut self, id: FileId) {
        let now = Instant::now();
        let Some(tail) = self.tails.get_mut(&id) else { return };
        tail.queued = false;
        if tail.after.is_some() || tail.ended {
            return;
        }
        if let Some(due) = tail.not_before.filter(|due| *due > now) {
            return self.queue_at(id, due);
        }
        tail.not_before = None;
        let was_open = tail.content.is_some();
        let turn = tail.turn(&mut self.kit);
        let is_open = tail.content.is_some();
        // A record that waits for its next line comes before what its successor holds.
        let is_passed = tail.detached.is_some() && !tail.has_open_record();
        self.open = self.open + usize::from(is_open) - usize::from(was_open);
        match turn {
            Turn::More => {
                self.queue(id);
                self.limit_open(Some(id));
            }
            Turn::AtEnd(wake) => {
                self.untell_of(id);
                if let Some(wake) = wake {
                    self.queue_at(id, wake);
                }
                if is_passed {
                    self.release(id);
                }
                self.idle.push_back(id);
                self.limit_open(Some(id));
            }
            Turn::Ended => self.ended(id),
            Turn::Broken(error) => {
                self.broken(id, &error);
                self.ended(id);
            }
            Turn::Truncated => self.truncated(id),
            Turn::Vanished => self.vanished(id),
            Turn::Mistaken => self.mistaken(id),
            Turn::Failed(error) => self.failed(id, &error),
            Turn::Closed => self.stop = true,
        }
    }

    fn ended(&mut self, id: FileId) {
        self.release(id);
        let Some(tail) = self.tails.get_mut(&id) else { return };
        if !self.kit.config.follow {
            // It may have to be sent again: then it is opened again.
            if tail.detached.is_none() && tail.content.take().is_some() {
                self.open -= 1;
            }
            let finished = Message::Finished { id, epoch: tail.epoch };
            return self.send(finished);
        }
        if tail.is_settled() {
            return self.finish(id);
        }
        self.ending.insert(id);
        self.inbox.want_settled(true);
    }

    /// All of it is settled: only its entry is kept.
    fn finish(&mut self, id: FileId) {
        if !self.kit.config.follow {
            return;
        }
        if let Some(tail) = self.remove(id) {
            let finished = Message::Finished { id, epoch: tail.epoch };
            let known = Message::Known { id, entry: Box::new(tail.entry()) };
            self.send(known);
            self.send(finished);
            self.archive.finished(tail);
            self.rescan |= self.archive.has_doubt(id);
        }
        self.inbox.want_settled(!self.ending.is_empty());
    }

    fn broken(&mut self, id: FileId, error: &io::Error) {
        let Some(tail) = self.tails.get(&id) else { return };
        let (path, at) = (tail.path.clone(), tail.read_at());
        let message = format!(
            "{} is not a complete compressed file: {error}; its content was read up to byte {at}",
            path.display()
        );
        self.tell(&path, Severity::Error, message);
    }

    fn failed(&mut self, id: FileId, error: &io::Error) {
        self.release(id);
        let Some(tail) = self.tails.get_mut(&id) else { return };
        let pause = backoff(self.kit.config.poll_interval, tail.failures);
        tail.failures += 1;
        let path = tail.path.clone();
        let give_up = !self.kit.config.follow && tail.failures > 3;
        if give_up {
            tail.ended = true;
        }
        self.tell_error(&path, error);
        if !give_up {
            self.queue_at(id, Instant::now() + pause);
        }
    }

    fn untell_of(&mut self, id: FileId) {
        if !self.told.is_empty()
            && let Some(path) = self.tails.get(&id).map(|t| t.path.clone())
        {
            self.told.remove(&path);
        }
    }

    /// Closes idle files where too many are open; `last` was read just now.
    fn limit_open(&mut self, last: Option<FileId>) {
        let max = self.kit.config.max_open_files;
        while self.open > max {
            let Some(id) = self.idle.pop_front().or(last) else { return };
            let closable = |t: &&mut Tail| t.detached.is_none() && !t.is_packed() && t.content.is_some();
            match self.tails.get_mut(&id).filter(closable) {
                Some(tail) => {
                    tail.content = None;
                    self.open -= 1;
                }
                None if Some(id) == last => return,
                None => {}
            }
        }
        if self.idle.len() > 4 * self.tails.len() + 64 {
            let mut seen = HashSet::new();
            let newest: Vec<FileId> = self.idle.iter().rev().copied().filter(|id| seen.insert(*id)).collect();
            self.idle = newest.into_iter().rev().filter(|id| self.tails.contains_key(id)).collect();
        }
    }

    /// Sends the records that wait for their end.
    fn flush(&mut self) {
        let mut ids: Vec<FileId> = self.tails.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some(tail) = self.tails.get_mut(&id) else { continue };
            if tail.flush_at_stop(&mut self.kit).is_err() {
                return;
            }
        }
    }
}

fn backoff(first: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.min(10)).min(MAX_BACKOFF)
}

/// What is wrong with a file, for the user.
fn describe(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("{shown} can't be read by {}: permission denied; it is tried again", user())
        }
        _ => format!("{shown} can't be read: {error}; it is tried again"),
    }
}

fn user() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    });
    match name {
        Some(name) => format!("user {name} (uid {uid})"),
        None => format!("the user with uid {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_error_names_file_and_user() {
        let message = describe(Path::new("/var/log/x"), &io::ErrorKind::PermissionDenied.into());
        assert!(message.contains("/var/log/x") && message.contains("uid "), "{message}");
    }

    #[test]
    fn waiting_grows_to_a_bound() {
        assert_eq!(backoff(Duration::from_secs(1), 0), Duration::from_secs(1));
        assert_eq!(backoff(Duration::from_secs(1), 2), Duration::from_secs(4));
        assert_eq!(backoff(Duration::from_secs(1), 1000), MAX_BACKOFF);
    }
}
