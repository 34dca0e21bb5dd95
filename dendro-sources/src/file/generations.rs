//! What a file was before: entries without a file, and where their content is now.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use dendro_core::Severity;

use super::checkpoint::{Book, Entry};
use super::content::Content;
use super::discover::{Seen, is_rotated_name, modified, siblings};
use super::identity::{Inode, Print};
use super::reader::Reader;
use super::tail::{Tail, Turn};
use super::watch::RewoundFile;
use super::{FileId, Message};

/// How often the content of an entry is looked for.
const SEARCHES: u8 = 5;
/// How much of a file has to be the same for it to be taken for another with the same name.
const ENOUGH_BYTES: u32 = 256;
/// How long an entry is kept whose file is gone, in seconds.
const KEPT_SECONDS: u64 = 24 * 3600;

/// The entries that no file is being read for: not found, or read to their end.
pub(super) struct Archive {
    pub(super) entries: BTreeMap<FileId, Archived>,
    by_inode: HashMap<Inode, FileId>,
    /// The files beside a stream that were there before it was read.
    ignored: HashMap<Arc<str>, HashSet<Inode>>,
    next_id: u64,
    next_expiry: Option<Instant>,
}

pub(super) struct Archived {
    pub(super) entry: Entry,
    /// How often it is still to be looked for.
    searches: u8,
    /// The size and time at which its file held nothing more.
    looked: Option<(u64, i64)>,
    /// The files that looked like it and are not.
    refused: Vec<Inode>,
    epoch: u32,
}

impl Archive {
    pub(super) fn new(book: Book) -> Self {
        let mut archive = Self {
            entries: BTreeMap::new(),
            by_inode: HashMap::new(),
            ignored: HashMap::new(),
            next_id: 0,
            next_expiry: None,
        };
        for (id, entry) in book.files {
            archive.next_id = archive.next_id.max(id.0);
            archive
                .put(id, Archived { entry, searches: SEARCHES, looked: None, refused: Vec::new(), epoch: 0 });
        }
        archive
    }

    pub(super) fn next_id(&mut self) -> FileId {
        self.next_id += 1;
        FileId(self.next_id)
    }

    /// Keeps what is known of a file that was read to its end.
    pub(super) fn finished(&mut self, tail: Tail) {
        let metadata = tail.content.as_ref().and_then(|c| c.metadata().ok());
        let looked = metadata.filter(|m| m.nlink() > 0).map(|m| (m.len(), modified(&m)));
        let mut entry = tail.entry();
        entry.finished = true;
        // In a file that grew since its end was seen there is more to read.
        let looked = looked.filter(|(size, _)| tail.is_packed() || *size == tail.read_at());
        self.put(tail.id, Archived { entry, searches: 0, looked, refused: Vec::new(), epoch: tail.epoch });
    }

    /// Whether there may be more in the file of this entry.
    pub(super) fn has_doubt(&self, id: FileId) -> bool {
        self.entries.get(&id).is_some_and(|a| a.looked.is_none())
    }

    /// Whether the file is known, and was looked at as it is.
    pub(super) fn is_read(&self, seen: &Seen) -> bool {
        let id = self.by_inode.get(&seen.inode);
        let archived = id.and_then(|id| self.entries.get(id));
        archived.is_some_and(|a| a.looked == Some((seen.size, seen.modified)))
    }

    pub(super) fn is_ignored(&self, stream: &Arc<str>, inode: Inode) -> bool {
        self.ignored.get(stream).is_some_and(|i| i.contains(&inode))
    }

    pub(super) fn ignore(&mut self, stream: &Arc<str>, inodes: impl Iterator<Item = Inode>) {
        self.ignored.entry(stream.clone()).or_default().extend(inodes);
    }

    pub(super) fn has_stream(&self, stream: &str) -> bool {
        self.entries.values().any(|a| &*a.entry.stream == stream)
    }

    /// When the files of each stream were last known to be written to.
    pub(super) fn newest_by_stream(&self) -> HashMap<Arc<str>, i64> {
        let mut newest = HashMap::new();
        for entry in self.entries.values().map(|a| &a.entry) {
            let slot = newest.entry(entry.stream.clone()).or_insert(entry.modified);
            *slot = entry.modified.max(*slot);
        }
        newest
    }

    fn put(&mut self, id: FileId, archived: Archived) {
        self.by_inode.insert(archived.entry.inode, id);
        self.entries.insert(id, archived);
    }

    pub(super) fn take(&mut self, id: FileId) -> Option<Archived> {
        let archived = self.entries.remove(&id)?;
        if self.by_inode.get(&archived.entry.inode) == Some(&id) {
            self.by_inode.remove(&archived.entry.inode);
        }
        Some(archived)
    }
}

impl Reader {
    /// Takes up the entry that this file is known by, if its content is what the entry says.
    pub(super) fn claim_by_inode(&mut self, seen: &Seen) -> bool {
        let Some(id) = self.archive.by_inode.get(&seen.inode).copied() else { return false };
        self.claim(id, seen)
    }

    /// Takes up the entry with this file, if its content is what the entry says.
    pub(super) fn claim(&mut self, id: FileId, seen: &Seen) -> bool {
        let Some(archived) = self.archive.entries.get(&id) else { return false };
        if archived.refused.contains(&seen.inode) {
            return false;
        }
        let content = match Content::open(&seen.path, &self.kit.counters) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.moved.insert(archived.entry.stream.clone());
                return false;
            }
            Err(error) => {
                self.tell_error(&seen.path, &error);
                return false;
            }
        };
        if content.inode() != seen.inode {
            self.moved.insert(archived.entry.stream.clone());
            return false;
        }
        if !content.is_marked(&archived.entry.mark).unwrap_or(false) {
            return false;
        }
        // Of its content nothing is known, and inodes are used again: it has to be where the stream's files are.
        let entry = &archived.entry;
        let is_beside = seen.path == entry.path || is_rotated(Path::new(&*entry.stream), &seen.path);
        if entry.mark.head.bytes == 0 && !is_beside {
            return false;
        }
        let is_packed = content.is_packed();
        let is_same = match is_packed {
            // What compresses keeps the time: with another one, something was written since the end was read.
            true => seen.modified == archived.entry.modified,
            false => seen.size == archived.entry.mark.offset,
        };
        if archived.entry.finished && is_same {
            // Read to its end before, whatever form and name it had then.
            if let Some(mut archived) = self.archive.take(id) {
                archived.entry.path = seen.path.clone();
                archived.entry.inode = seen.inode;
                archived.entry.gone_since = None;
                archived.looked = Some((seen.size, seen.modified));
                archived.searches = 0;
                let known = Message::Known { id, entry: Box::new(archived.entry.clone()) };
                self.archive.put(id, archived);
                self.send(known);
            }
            return true;
        }
        let Some(mut archived) = self.archive.take(id) else { return false };
        archived.entry.path = seen.path.clone();
        archived.entry.modified = seen.modified;
        archived.entry.gone_since = None;
        let mut tail = Tail::new(id, &archived.entry, Some(content), &self.kit);
        tail.epoch = archived.epoch;
        let is_named = Path::new(&*archived.entry.stream) == seen.path
            || self.kit.config.patterns.matches(&seen.path)
                && !is_rotated(Path::new(&*archived.entry.stream), &seen.path);
        tail.detached = (!is_named).then(Instant::now);
        tail.at_end =
            !is_packed && !archived.entry.finished && is_named && seen.size == archived.entry.mark.offset;
        let has_more = !tail.at_end;
        self.add(tail);
        if has_more {
            self.queue(id);
        }
        true
    }

    /// Looks for the content of entries whose file is not where it was.
    pub(super) fn search(&mut self) {
        let wanted: Vec<FileId> =
            self.archive.entries.iter().filter(|(_, a)| a.searches > 0).map(|(id, _)| *id).collect();
        for id in wanted {
            let Some(archived) = self.archive.entries.get_mut(&id) else { continue };
            archived.searches -= 1;
            let (entry, again) = (archived.entry.clone(), archived.searches > 0);
            if again && !entry.finished {
                // A copy may still be in the making.
                self.next_scan = self.next_scan.min(Instant::now() + self.kit.config.poll_interval);
            }
            let stream = PathBuf::from(&*entry.stream);
            let mut beside = siblings(&entry.path, false);
            beside.extend(seen_at(&entry.path));
            beside.retain(|s| !self.by_inode.contains_key(&s.inode) && !self.archive.is_read(s));
            if let Some(same) = beside.iter().find(|s| s.inode == entry.inode)
                && self.claim(id, &same.clone())
            {
                continue;
            }
            // A few bytes from which nothing was settled could be those of any file.
            let is_known = entry.mark.offset > 0 || entry.mark.head.bytes >= ENOUGH_BYTES;
            if entry.mark.head.bytes == 0 || !is_known {
                continue;
            }
            let is_likely = |s: &Seen| {
                let is_same_name = s.path == entry.path && entry.mark.head.bytes >= ENOUGH_BYTES;
                is_same_name || is_rotated(&stream, &s.path) || is_rotated(&entry.path, &s.path)
            };
            beside.retain(is_likely);
            beside.sort_by_key(|s| (s.modified.abs_diff(entry.modified), s.path.clone()));
            for seen in beside {
                if self.claim(id, &seen) {
                    break;
                }
            }
        }
    }

    /// Reads the rotated files of a stream that came and went while nobody was looking: those that are newer than all
    /// that is known of it.
    pub(super) fn succeed(&mut self, stream: &Arc<str>, known: Option<i64>) {
        let path = PathBuf::from(&**stream);
        let newest = known.or_else(|| {
            let archived =
                self.archive.entries.values().filter(|a| a.entry.stream == *stream).map(|a| a.entry.modified);
            let tails = self
                .tails
                .values()
                .filter(|t| t.stream == *stream && t.detached.is_some())
                .map(|t| t.modified);
            archived.chain(tails).max()
        });
        let Some(newest) = newest else { return };
        let mut beside = siblings(&path, true);
        beside.retain(|s| is_rotated(&path, &s.path) && s.modified >= newest);
        beside.retain(|s| !self.by_inode.contains_key(&s.inode) && !self.archive.is_ignored(stream, s.inode));
        beside.retain(|s| !self.archive.is_read(s));
        beside.sort_by(|a, b| (a.modified, &b.path).cmp(&(b.modified, &a.path)));
        for seen in beside {
            // An inode may be that of an older file, and an entry may be of this one.
            if self.claim_by_inode(&seen) || self.is_copy(stream, &seen) {
                continue;
            }
            self.begin(&seen, stream.clone(), 0, true);
            if self.moved.contains(stream) {
                // Those behind it wait until it is found again.
                return;
            }
        }
    }

    /// Notes which rotated files there are, so that they are not taken for new ones.
    pub(super) fn ignore_older_generations(&mut self, stream: &Arc<str>) {
        let beside = siblings(Path::new(&**stream), true);
        let unknown = beside.iter().map(|s| s.inode).filter(|i| !self.by_inode.contains_key(i));
        self.archive.ignore(stream, unknown);
    }

    /// Whether the file holds what is known of the stream already: a copy, a compressed one, or one in the making.
    pub(super) fn is_copy(&mut self, stream: &Arc<str>, seen: &Seen) -> bool {
        let Ok(content) = Content::open(&seen.path, &self.kit.counters) else { return false };
        let Ok(head) = content.head(super::identity::HEAD_BYTES) else { return false };
        if head.is_empty() {
            return true;
        }
        let of_tails = self.tails.values().filter(|t| t.stream == *stream).any(|t| {
            let common = t.head().len().min(head.len());
            common > 0 && t.head()[..common] == head[..common]
        });
        of_tails
            || self.archive.entries.values().filter(|a| a.entry.stream == *stream).any(|a| {
                let known = a.entry.mark.head;
                known.bytes > 0 && head.get(..known.len()).is_some_and(|h| Print::of(h) == known)
            })
    }

    /// The name of the file is no longer its own: it is read to its end where it is now.
    pub(super) fn detach(&mut self, id: FileId, inodes: &HashMap<Inode, PathBuf>) {
        let Some(tail) = self.tails.get_mut(&id) else { return };
        if self.by_path.get(&tail.path) == Some(&id) {
            self.by_path.remove(&tail.path);
        }
        let now_at = inodes.get(&tail.inode).cloned().or_else(|| {
            siblings(&tail.path, false).into_iter().find(|s| s.inode == tail.inode).map(|s| s.path)
        });
        if let Some(metadata) = tail.content.as_ref().and_then(|c| c.metadata().ok()) {
            tail.modified = modified(&metadata);
        }
        tail.learn_head();
        tail.detached = Some(Instant::now());
        tail.at_end = false;
        if let Some(path) = now_at {
            tail.path = path.clone();
            self.by_path.insert(path, id);
        }
        let known = Message::Known { id, entry: Box::new(tail.entry()) };
        self.send(known);
        self.queue(id);
    }

    /// The file was truncated: its rest is read from a copy, if there is one, and what it holds now is another file.
    pub(super) fn truncated(&mut self, id: FileId) {
        let Some(tail) = self.tails.get(&id) else { return };
        let (path, stream, inode) = (tail.path.clone(), tail.stream.clone(), tail.inode);
        let was_named = tail.detached.is_none();
        let (mark, read_at) = (tail.known_by(), tail.read_at());
        let mut beside = siblings(&path, true);
        beside.retain(|s| !self.by_inode.contains_key(&s.inode));
        beside.sort_by_key(|s| std::cmp::Reverse(s.modified));
        let copy = beside.into_iter().find_map(|s| {
            let content = Content::open(&s.path, &self.kit.counters).ok()?;
            (mark.head.bytes > 0 && content.is_marked(&mark).ok()?).then_some((s, content))
        });
        self.by_inode.remove(&inode);
        self.by_path.remove(&path);
        let mut after = None;
        match copy {
            Some((seen, content)) => {
                after = Some(id);
                if let Some(tail) = self.tails.get_mut(&id) {
                    tail.move_to(seen.path.clone(), content);
                    tail.modified = seen.modified;
                    let known = Message::Known { id, entry: Box::new(tail.entry()) };
                    self.by_inode.insert(seen.inode, id);
                    self.by_path.insert(seen.path, id);
                    self.send(known);
                }
                self.queue(id);
            }
            None => {
                let message = format!(
                    "{} was truncated when {read_at} bytes of it had been read, and no copy of it is beside it: it is read from its beginning",
                    path.display()
                );
                self.tell(&path, Severity::Warning, message);
                let flushed = self.tails.get_mut(&id).map(|t| t.flush(&mut self.kit));
                if let Some(Err(Turn::Closed)) = flushed {
                    return self.send_closed();
                }
                if let Some(tail) = self.remove(id) {
                    let mut entry = tail.entry();
                    // What has its inode now is another file.
                    entry.inode = Inode::default();
                    self.send(Message::Known { id, entry: Box::new(entry.clone()) });
                    let orphan = Archived {
                        entry,
                        searches: SEARCHES,
                        looked: None,
                        refused: Vec::new(),
                        epoch: tail.epoch,
                    };
                    self.archive.put(id, orphan);
                    self.rescan = true;
                }
            }
        }
        if was_named
            && let Some(seen) = seen_at(&path).filter(|s| s.inode == inode)
            && let Some(new) = self.begin(&seen, stream, 0, false)
            && let Some(tail) = self.tails.get_mut(&new)
        {
            tail.after = after;
        }
    }

    /// What was to be opened is not there.
    pub(super) fn vanished(&mut self, id: FileId) {
        let Some(tail) = self.tails.get(&id) else { return };
        if tail.detached.is_none() && self.kit.config.follow {
            // The look through the directories finds out where it is.
            self.rescan = true;
            return self.queue_at(id, Instant::now() + self.kit.config.poll_interval);
        }
        let Some(tail) = self.remove(id) else { return };
        if !tail.at_end || !tail.is_settled() {
            let message = format!(
                "{} is gone: what lay behind byte {} was not read",
                tail.path.display(),
                tail.read_at()
            );
            self.tell(&tail.path, Severity::Warning, message);
        }
        let entry = tail.entry();
        let orphan = Archived { entry, searches: 1, looked: None, refused: Vec::new(), epoch: tail.epoch };
        self.archive.put(id, orphan);
    }

    /// The file has the beginning of the entry, and is not it.
    pub(super) fn mistaken(&mut self, id: FileId) {
        let Some(tail) = self.remove(id) else { return };
        let mut entry = tail.entry();
        let inode = entry.inode;
        entry.inode = Inode::default();
        let archived =
            Archived { entry, searches: SEARCHES, looked: None, refused: vec![inode], epoch: tail.epoch };
        self.archive.put(id, archived);
        self.rescan = true;
    }

    /// Something is to be sent again of a file that is not being read.
    pub(super) fn rewind_archived(&mut self, rewound: RewoundFile) {
        let RewoundFile { file, to, epoch } = rewound;
        let Some(archived) = self.archive.entries.get_mut(&file) else { return };
        archived.entry.mark = to;
        archived.entry.finished = false;
        archived.searches = SEARCHES;
        archived.looked = None;
        archived.epoch = epoch;
        let (path, at) = (archived.entry.path.clone(), to.offset);
        self.rescan = true;
        let message =
            format!("{}: what lies behind byte {at} has to be sent again and is looked for", path.display());
        self.tell(&path, Severity::Warning, message);
    }

    /// Forgets entries whose file is gone for long.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        if self.archive.next_expiry.is_some_and(|at| now < at) {
            return;
        }
        self.archive.next_expiry = Some(now + std::time::Duration::from_secs(60));
        let seconds = u64::try_from(self.kit.cx.now().as_nanos() / 1_000_000_000).unwrap_or_default();
        let (mut messages, mut gone) = (Vec::new(), Vec::new());
        for (id, archived) in &mut self.archive.entries {
            let entry = &mut archived.entry;
            let is_there = fs::metadata(&entry.path).is_ok_and(|m| Inode::of(&m) == entry.inode)
                || siblings(&entry.path, false).iter().any(|s| s.inode == entry.inode);
            match (is_there, entry.gone_since) {
                (true, None) => continue,
                (false, Some(since)) if seconds.saturating_sub(since) > KEPT_SECONDS => {
                    gone.push(*id);
                    continue;
                }
                (false, Some(_)) => continue,
                (true, Some(_)) => entry.gone_since = None,
                (false, None) => entry.gone_since = Some(seconds),
            }
            messages.push(Message::Known { id: *id, entry: Box::new(entry.clone()) });
        }
        for id in gone {
            if let Some(archived) = self.archive.take(id)
                && !self.archive.has_stream(&archived.entry.stream)
                && !self.tails.values().any(|tail| tail.stream == archived.entry.stream)
            {
                self.kit.resumption.forget(&archived.entry.stream);
            }
            messages.push(Message::Forget { id });
        }
        messages.into_iter().for_each(|m| self.send(m));
    }
}

/// Whether the second may be what the first was before a rotation.
pub(super) fn is_rotated(path: &Path, other: &Path) -> bool {
    let (Some(name), Some(other_name)) = (path.file_name(), other.file_name()) else { return false };
    path.parent() == other.parent() && is_rotated_name(name, other_name, true)
}

pub(super) fn seen_at(path: &Path) -> Option<Seen> {
    let metadata = fs::metadata(path).ok()?;
    metadata.is_file().then(|| Seen {
        path: path.to_owned(),
        inode: Inode::of(&metadata),
        size: metadata.len(),
        modified: modified(&metadata),
    })
}
