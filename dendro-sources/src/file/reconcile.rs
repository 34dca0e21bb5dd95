//! From what there is to what is read: new files, and files that have lost their name.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dendro_core::Severity;

use super::FileId;
use super::checkpoint::Entry;
use super::config::StartAt;
use super::content::Content;
use super::discover::{Found, Seen};
use super::generations::{is_rotated, seen_at};
use super::identity::{Birth, Inode};
use super::reader::Reader;
use super::tail::Tail;

/// For how long files are looked for that were rotated before they were seen, where the name has no file.
const UNNAMED_FOR: Duration = Duration::from_secs(60);

impl Reader {
    /// Looks through the directories; gives what the user has named and is not there.
    pub(super) fn scan(&mut self, is_first: bool) -> Vec<PathBuf> {
        self.kit.counters.scans.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut found = self.kit.config.patterns.scan();
        self.watch_and_tell(&mut found);
        let before = if is_first { self.archive.newest_by_stream() } else { HashMap::new() };

        self.moved.clear();
        let mut rotated = self.detach_renamed(&found);
        // An entry belongs to the file with its inode; only then to one that looks like it.
        let unknown: Vec<Seen> =
            found.files.iter().filter(|s| !self.by_inode.contains_key(&s.inode)).cloned().collect();
        for seen in &unknown {
            if !self.archive.is_read(seen) {
                self.claim_by_inode(seen);
            }
        }
        self.search();
        for seen in
            unknown.iter().filter(|s| !self.by_inode.contains_key(&s.inode) && !self.archive.is_read(s))
        {
            let stream: Arc<str> = seen.path.to_string_lossy().into();
            if self.is_known(&stream) {
                rotated.insert(stream);
            }
        }
        for stream in before.keys() {
            if !self.goes_on_by_name(stream) {
                rotated.insert(stream.clone());
            }
        }
        // Whole generations may come and go until there is a file of that name again.
        let now = Instant::now();
        self.unnamed.retain(|_, since| now.duration_since(*since) < UNNAMED_FOR);
        for stream in &rotated {
            self.unnamed.entry(stream.clone()).or_insert(now);
        }
        rotated.extend(self.unnamed.keys().cloned());
        for stream in &rotated {
            // What was moved while it was looked for comes before its successors, and is found by the next look.
            if !self.moved.contains(stream) {
                self.succeed(stream, before.get(stream).copied());
            }
        }
        // What comes before a file may have got another name while it was looked for: it is found first, so that the order is
        // kept, and that nobody takes the file for all there is of its stream.
        let moved = std::mem::take(&mut self.moved);
        for stream in &moved {
            self.unnamed.entry(stream.clone()).or_insert(now);
            self.rescan = true;
        }
        for seen in unknown.iter().filter(|seen| !moved.iter().any(|s| Path::new(&**s) == seen.path)) {
            self.discover(seen, is_first);
        }
        self.rescan |= !self.moved.is_empty();
        for stream in rotated {
            self.line_up(&stream);
            if self.goes_on_by_name(&stream) {
                self.unnamed.remove(&stream);
            }
        }
        self.expire();
        found.missing
    }

    /// Begins to read a file; `None` if it can't be opened now.
    pub(super) fn begin(
        &mut self,
        seen: &Seen,
        stream: Arc<str>,
        offset: u64,
        detached: bool,
    ) -> Option<FileId> {
        let content = match Content::open(&seen.path, &self.kit.counters) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.moved.insert(stream);
                return None;
            }
            Err(error) => {
                self.tell_error(&seen.path, &error);
                let again = Instant::now() + self.kit.config.poll_interval.max(Duration::from_millis(100));
                self.next_scan = self.next_scan.min(again);
                return None;
            }
        };
        self.untell(&seen.path);
        if content.inode() != seen.inode {
            self.moved.insert(stream);
            return None;
        }
        let metadata = content.metadata().ok()?;
        let id = self.archive.next_id();
        let mark = match (content.passed(offset), offset) {
            (Ok(passed), _) => passed.mark(),
            // It is told when it is read.
            (Err(_), 0) => Default::default(),
            (Err(_), _) => return None,
        };
        let entry = Entry {
            stream,
            path: seen.path.clone(),
            inode: seen.inode,
            mark,
            modified: seen.modified,
            finished: false,
            gone_since: None,
            identity: None,
            birth: Birth::of(&metadata, self.generation_at(seen.inode)),
        };
        let mut tail = Tail::new(id, &entry, Some(content), &self.kit);
        tail.detached = detached.then(Instant::now);
        tail.at_end = !detached && self.kit.config.follow && seen.size == offset;
        let has_more = !tail.at_end;
        self.add(tail);
        if has_more {
            self.queue(id);
        }
        Some(id)
    }

    /// How often what has this inode has begun anew, as far as it is remembered.
    fn generation_at(&self, inode: Inode) -> u64 {
        let tails = self.tails.values().map(|tail| tail.birth);
        let births = tails.chain(self.archive.entries.values().map(|archived| archived.entry.birth));
        births.filter(|b| b.inode == inode).map(|b| b.generation.saturating_add(1)).max().unwrap_or_default()
    }

    fn watch_and_tell(&mut self, found: &mut Found) {
        for (path, error) in std::mem::take(&mut found.errors) {
            self.tell_error(&path, &error);
            self.next_scan = self.next_scan.min(Instant::now() + self.kit.config.poll_interval);
        }
        if self.kit.config.follow {
            match self.watch.cover(&found.directories) {
                Ok(is_new) => self.rescan |= is_new,
                Err(told) => {
                    self.kit.cx.report(Severity::Warning, told);
                    self.rescan = true;
                }
            }
            for path in &found.missing {
                self.tell(
                    path,
                    Severity::Warning,
                    format!("there is no file {} yet: it is waited for", path.display()),
                );
            }
        }
        self.targets = std::mem::take(&mut found.targets).into_iter().collect();
    }

    /// Finds the files whose name is gone or belongs to another; gives their streams.
    fn detach_renamed(&mut self, found: &Found) -> BTreeSet<Arc<str>> {
        let by_path: HashMap<&PathBuf, &Seen> = found.files.iter().map(|s| (&s.path, s)).collect();
        let (mut changed, mut lost) = (Vec::new(), Vec::new());
        for tail in self.tails.values() {
            match by_path.get(&tail.path) {
                Some(seen) if seen.inode == tail.inode && (seen.size == tail.read_at() || tail.ended) => {}
                Some(seen) if seen.inode == tail.inode => changed.push(tail.id),
                _ if tail.detached.is_none() => lost.push(tail.id),
                _ => {}
            }
        }
        changed.into_iter().for_each(|id| self.queue(id));
        if lost.is_empty() {
            return BTreeSet::new();
        }
        let inodes: HashMap<Inode, PathBuf> = found.files.iter().map(|s| (s.inode, s.path.clone())).collect();
        let mut streams = BTreeSet::new();
        for id in lost {
            if let Some(tail) = self.tails.get(&id) {
                streams.insert(tail.stream.clone());
            }
            self.detach(id, &inodes);
        }
        streams
    }

    /// A file that is not being read: is it new, or is there a reason not to read it?
    fn discover(&mut self, seen: &Seen, is_first: bool) {
        if self.by_inode.contains_key(&seen.inode) || self.archive.is_read(seen) {
            return;
        }
        let stream: Arc<str> = seen.path.to_string_lossy().into();
        if let Some(of) = self.rotated_of(seen) {
            // What rotation makes of a file that is read already.
            if self.is_copy(&of, seen) {
                return;
            }
        }
        let is_known = self.is_known(&stream);
        if !is_known && self.is_too_old(seen) {
            return;
        }
        let at_end = is_first && !is_known && self.kit.config.start == StartAt::End;
        let offset = if at_end { seen.size } else { 0 };
        self.begin(seen, stream.clone(), offset, false);
        if !is_known {
            self.ignore_older_generations(&stream);
        }
    }

    /// The stream whose file this was before a rotation.
    fn rotated_of(&self, seen: &Seen) -> Option<Arc<str>> {
        let name = seen.path.to_str()?;
        // A rotated name is longer than the one it comes from.
        let known = self.tails.values().map(|t| &t.stream);
        let known = known.chain(self.archive.entries.values().map(|a| &a.entry.stream));
        known.filter(|s| name.len() > s.len()).find(|s| is_rotated(s.as_ref().as_ref(), &seen.path)).cloned()
    }

    fn is_known(&self, stream: &Arc<str>) -> bool {
        self.tails.values().any(|t| t.stream == *stream) || self.archive.has_stream(stream)
    }

    fn is_too_old(&self, seen: &Seen) -> bool {
        let age = self.kit.cx.now().as_nanos().saturating_sub(seen.modified);
        let limit = self.kit.config.ignore_older.map(|d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX));
        limit.is_some_and(|limit| age > limit)
    }

    /// Whether the file with the stream's name is known to be the one that was read for it.
    fn goes_on_by_name(&self, stream: &Arc<str>) -> bool {
        let id = self.by_path.get(Path::new(&**stream));
        let tail = id.and_then(|id| self.tails.get(id));
        tail.is_some_and(|t| {
            t.stream == *stream
                && t.detached.is_none()
                && t.read_at() > 0
                && seen_at(&t.path).is_some_and(|s| s.inode == t.inode)
        })
    }

    /// Puts the files of a stream in the order of their age: each is begun when the one before was read to its end.
    pub(super) fn line_up(&mut self, stream: &Arc<str>) {
        let mut line: Vec<(bool, i64, FileId)> = self
            .tails
            .values()
            .filter(|t| t.stream == *stream && !t.ended)
            .map(|t| (t.detached.is_none(), t.modified, t.id))
            .collect();
        line.sort_unstable();
        for pair in line.windows(2) {
            let (before, id) = (pair[0].2, pair[1].2);
            let waits = self.tails.get(&before).is_some_and(|t| !t.at_end || t.has_open_record());
            if let Some(tail) = self.tails.get_mut(&id).filter(|_| waits) {
                tail.after = Some(before);
            }
        }
    }
}
