//! One file that is being read.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use dendro_core::{Cut, Origin, SourceContext};
use tokio::sync::mpsc::Sender;

use super::activity::Counters;
use super::checkpoint::Entry;
use super::config::Config;
use super::content::{Content, Got};
use super::identity::{BEFORE_BYTES, Birth, HEAD_BYTES, Inode, Mark, Passed, Print, is_first_line_whole};
use super::resumption::Resumption;
use super::{FileId, Message};
use crate::framing::{Framing, Target};

/// How many bytes are enough to see whether a file was truncated and written again.
const ENOUGH_BYTES: usize = 64;

/// What every file needs for its turn.
pub(super) struct Kit {
    pub(super) config: Arc<Config>,
    pub(super) cx: SourceContext,
    pub(super) out: Sender<Message>,
    pub(super) counters: Arc<Counters>,
    pub(super) spare: Option<Vec<u8>>,
    pub(super) resumption: Resumption,
}

impl Kit {
    /// The other side is gone.
    pub(super) fn send(&self, message: Message) -> Result<(), Turn> {
        self.out.blocking_send(message).map_err(|_| Turn::Closed)
    }

    fn buffer(&mut self, bytes: usize) -> Vec<u8> {
        self.spare.take().unwrap_or_else(|| self.cx.pool().buffer(bytes))
    }
}

/// How a turn has ended.
#[derive(Debug)]
pub(super) enum Turn {
    /// There is more: it wants another one.
    More,
    /// There is no more now; it wants to be looked at again then.
    AtEnd(Option<Instant>),
    /// It was read to its end, and the last record was sent.
    Ended,
    /// What was read is no longer there.
    Truncated,
    /// Its name belongs to nothing, or to another file.
    Vanished,
    /// It is not the file that the checkpoint is of.
    Mistaken,
    /// It can't be read now.
    Failed(std::io::Error),
    /// Its compressed content is broken: what came before was sent.
    Broken(std::io::Error),
    /// Nobody wants more.
    Closed,
}

pub(super) struct Tail {
    pub(super) id: FileId,
    pub(super) stream: Arc<str>,
    origin: Arc<Origin>,
    pub(super) birth: Birth,
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    pub(super) content: Option<Content>,
    framing: Framing,
    passed: Passed,
    /// Where the stream can be taken up again.
    mark: Mark,
    /// Up to where the pipeline knows of it.
    sent: u64,
    pub(super) settled: u64,
    pub(super) epoch: u32,
    /// What has to lie before the place at which a compressed file is taken up.
    verify: Option<Print>,
    /// Since when its name is not its own any more.
    pub(super) detached: Option<Instant>,
    /// Read only when that one was read to its end.
    pub(super) after: Option<FileId>,
    pub(super) at_end: bool,
    pub(super) ended: bool,
    pub(super) queued: bool,
    pub(super) wake: Option<Instant>,
    pub(super) not_before: Option<Instant>,
    pub(super) failures: u32,
    pub(super) modified: i64,
    pub(super) last_read: Instant,
    /// When the last data came.
    data_at: Instant,
    quiet_done: bool,
}

impl Tail {
    pub(super) fn new(id: FileId, entry: &Entry, content: Option<Content>, kit: &Kit) -> Self {
        let mark = entry.mark;
        let is_packed = content.as_ref().is_some_and(Content::is_packed);
        let passed = content.as_ref().and_then(|c| c.passed(mark.offset).ok()).unwrap_or_default();
        Self {
            id,
            origin: identified(kit.cx.origin(Some(&entry.stream)), entry.identity),
            birth: entry.birth,
            stream: entry.stream.clone(),
            path: entry.path.clone(),
            inode: content.as_ref().map_or(entry.inode, Content::inode),
            content,
            framing: Framing::new((kit.config.framer)(), mark.offset),
            passed,
            mark,
            sent: mark.offset,
            settled: mark.offset,
            epoch: 0,
            verify: (is_packed && mark.offset > 0).then_some(mark.before),
            detached: None,
            after: None,
            at_end: false,
            ended: false,
            queued: false,
            wake: None,
            not_before: None,
            failures: 0,
            modified: entry.modified,
            last_read: Instant::now(),
            data_at: Instant::now(),
            quiet_done: false,
        }
    }

    /// What is to be remembered of it; the mark counts only where nothing is remembered yet.
    pub(super) fn entry(&self) -> Entry {
        Entry {
            stream: self.stream.clone(),
            path: self.path.clone(),
            inode: self.inode,
            mark: self.mark,
            modified: self.modified,
            finished: false,
            gone_since: None,
            identity: self.origin.identity,
            birth: self.birth,
        }
    }

    /// Finds out what its content is known by, before anything of it was sent: a file that waits for its predecessor may
    /// be compressed before it is read.
    pub(super) fn learn_head(&mut self) {
        if self.mark == Mark::default()
            && let Some(passed) = self.content.as_ref().and_then(|c| c.passed(0).ok())
        {
            self.mark = passed.mark();
        }
    }

    /// Up to where the content was read.
    pub(super) fn read_at(&self) -> u64 {
        self.framing.position() + self.framing.pending().len() as u64
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled >= self.sent
    }

    /// Whether a record was read in part and waits for the rest.
    pub(super) fn has_open_record(&self) -> bool {
        !self.framing.pending().is_empty()
    }

    pub(super) fn is_packed(&self) -> bool {
        self.content.as_ref().is_some_and(Content::is_packed)
    }

    /// What its content is known by: the place up to which it was sent.
    pub(super) fn known_by(&self) -> Mark {
        let mut mark = self.passed.mark();
        if mark.head == Print::default() {
            let first = self.framing.pending();
            mark.head = Print::of_nonempty(&first[..first.len().min(HEAD_BYTES)]);
        }
        mark
    }

    /// The first bytes, as far as they are known.
    pub(super) fn head(&self) -> &[u8] {
        match self.passed.head() {
            [] => self.framing.pending(),
            head => head,
        }
    }

    /// Reads a chunk and sends what it holds.
    pub(super) fn turn(&mut self, kit: &mut Kit) -> Turn {
        self.read(kit).unwrap_or_else(|turn| turn)
    }

    fn read(&mut self, kit: &mut Kit) -> Result<Turn, Turn> {
        if self.ended {
            return Ok(Turn::Ended);
        }
        self.open(kit)?;
        let chunk = kit.config.read_bytes;
        let mut buffer = kit.buffer(self.framing.pending().len() + chunk);
        self.framing.prepare(&mut buffer, chunk);
        let overlap = self.overlap();
        if overlap == 0 && self.was_truncated()? {
            kit.spare = Some(buffer);
            return Ok(Turn::Truncated);
        }
        // The last bytes that wait are read once more: if they are others the file is another.
        buffer.truncate(buffer.len() - overlap);
        let at = self.read_at() - overlap as u64;
        let Some(content) = &mut self.content else { return Ok(Turn::Vanished) };
        let mut got = content.read(at, &mut buffer, chunk);
        if overlap > 0 && got.is_ok() {
            let pending = self.framing.pending();
            if !buffer.starts_with(pending) {
                kit.spare = Some(buffer);
                return Ok(Turn::Truncated);
            }
            if buffer.len() == pending.len() {
                got = Ok(Got::End);
            }
        }
        self.last_read = Instant::now();
        if self.verify.is_some() && !matches!(got, Ok(Got::Skipped)) {
            self.verified()?;
        }
        match got {
            Ok(Got::Bytes { more }) => {
                self.failures = 0;
                self.quiet_done = false;
                self.at_end = false;
                self.data_at = self.last_read;
                self.send(kit, buffer, Cut::Open)?;
                match more {
                    true => Ok(Turn::More),
                    false => self.end(kit),
                }
            }
            Ok(Got::Skipped) => {
                kit.spare = Some(buffer);
                Ok(Turn::More)
            }
            Ok(Got::End) => {
                kit.spare = Some(buffer);
                self.end(kit)
            }
            Err(error) => {
                kit.spare = Some(buffer);
                if !self.is_packed() {
                    return Ok(Turn::Failed(error));
                }
                self.flush(kit)?;
                self.ended = true;
                Ok(Turn::Broken(error))
            }
        }
    }

    /// Goes on from `to`, since what came behind it was abandoned.
    pub(super) fn rewind(&mut self, to: Mark, epoch: u32) {
        self.framing.restart(to.offset);
        self.mark = to;
        self.sent = to.offset;
        self.epoch = epoch;
        self.ended = false;
        self.at_end = false;
        self.verify = (self.is_packed() && to.offset > 0).then_some(to.before);
        self.passed = self.content.as_ref().and_then(|c| c.passed(to.offset).ok()).unwrap_or_default();
    }

    /// Goes on in a copy of its content.
    pub(super) fn move_to(&mut self, path: PathBuf, content: Content) {
        self.verify = (content.is_packed() && self.framing.position() > 0).then(|| self.passed.mark().before);
        self.framing.restart(self.framing.position());
        self.inode = content.inode();
        self.path = path;
        self.content = Some(content);
        self.detached = Some(Instant::now());
        self.at_end = false;
    }

    /// Sends the record that is not complete, if the file has no more: the pipeline stops.
    pub(super) fn flush_at_stop(&mut self, kit: &mut Kit) -> Result<(), Turn> {
        let size =
            self.content.as_ref().filter(|c| !c.is_packed()).and_then(|c| c.metadata().ok()).map(|m| m.len());
        if self.at_end && !self.ended && size.is_none_or(|s| s == self.read_at()) {
            self.flush(kit)?;
        }
        Ok(())
    }

    /// Sends the record that is not complete.
    pub(super) fn flush(&mut self, kit: &mut Kit) -> Result<(), Turn> {
        self.cut_pending(kit, Cut::End)?;
        self.pass(kit)
    }

    fn open(&mut self, kit: &Kit) -> Result<(), Turn> {
        match &mut self.content {
            None => {
                let opened = Content::open(&self.path, &kit.counters);
                let content = opened.map_err(|e| match e.kind() {
                    std::io::ErrorKind::NotFound => Turn::Vanished,
                    _ => Turn::Failed(e),
                })?;
                if content.inode() != self.inode {
                    return Err(Turn::Vanished);
                }
                self.verify =
                    (content.is_packed() && self.read_at() > 0).then_some(self.passed.mark().before);
                if self.passed.head().is_empty() && self.framing.position() > 0 {
                    self.passed = content.passed(self.framing.position()).unwrap_or_default();
                }
                self.content = Some(content);
            }
            Some(content)
                if self.framing.position() == 0
                    && self.framing.pending().is_empty()
                    && !content.is_packed() =>
            {
                content.detect().map_err(Turn::Failed)?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// How many of the bytes that wait are to be read once more, to see that the file is still the same: none if
    /// they are too few to tell.
    fn overlap(&self) -> usize {
        match self.framing.pending().len().min(BEFORE_BYTES) {
            n if n < ENOUGH_BYTES || self.is_packed() => 0,
            n => n,
        }
    }

    /// Whether the file holds something else than what was read from it.
    fn was_truncated(&self) -> Result<bool, Turn> {
        let Some(content) = &self.content else { return Ok(false) };
        let at = self.read_at();
        if content.is_packed() {
            return Ok(false);
        }
        if at == 0 {
            let head = self.passed.head();
            let found = content.peek(0, head.len()).map_err(Turn::Failed)?;
            return Ok(found != head);
        }
        if content.metadata().map_err(Turn::Failed)?.len() < at {
            return Ok(true);
        }
        let (before, pending) = (self.passed.before(), self.framing.pending());
        let pending = &pending[..pending.len().min(BEFORE_BYTES)];
        let from = self.framing.position() - before.len() as u64;
        let found = content.peek(from, before.len() + pending.len()).map_err(Turn::Failed)?;
        Ok(!found.starts_with(before) || !found.ends_with(pending))
    }

    /// A compressed file was passed over up to the place where it is taken up.
    fn verified(&mut self) -> Result<(), Turn> {
        let (Some(expected), Some(content)) = (self.verify.take(), &self.content) else { return Ok(()) };
        let before = content.before().unwrap_or_default();
        if Print::of_nonempty(before) != expected {
            return Err(Turn::Mistaken);
        }
        let head = content.head(HEAD_BYTES).unwrap_or_default();
        self.passed = Passed::new(self.framing.position(), head, before.to_vec());
        Ok(())
    }

    /// There is no more now.
    fn end(&mut self, kit: &mut Kit) -> Result<Turn, Turn> {
        self.at_end = true;
        let now = Instant::now();
        let mut wake = None;
        if let Some(quiet) =
            self.framing.quiet_after().filter(|_| !self.framing.pending().is_empty() && !self.quiet_done)
        {
            let due = self.data_at + quiet;
            match now >= due {
                true => {
                    self.quiet_done = true;
                    self.cut_pending(kit, Cut::Quiet)?;
                }
                false => wake = Some(due),
            }
        }
        let once = !kit.config.follow;
        if once || self.detached.is_some() || self.is_packed() {
            let quiet_since = self.detached.map_or(self.data_at, |d| d.max(self.data_at));
            let due = quiet_since + kit.config.finish_after;
            if once || now >= due || self.is_packed() && self.is_old(kit) {
                if let Some(content) = self.content.as_mut().filter(|c| c.is_packed())
                    && !content.is_complete()
                {
                    content.will_not_grow();
                    return Ok(Turn::More);
                }
                self.flush(kit)?;
                self.ended = true;
                return Ok(Turn::Ended);
            }
            wake = Some(wake.map_or(due, |w| w.min(due)));
        }
        self.pass(kit)?;
        Ok(Turn::AtEnd(wake))
    }

    /// Whether nothing was written to it for long enough.
    fn is_old(&self, kit: &Kit) -> bool {
        let Some(metadata) = self.content.as_ref().and_then(|c| c.metadata().ok()) else { return true };
        let age = kit.cx.now().as_nanos().saturating_sub(super::discover::modified(&metadata));
        age >= i64::try_from(kit.config.finish_after.as_nanos()).unwrap_or(i64::MAX)
    }

    fn cut_pending(&mut self, kit: &mut Kit, how: Cut) -> Result<(), Turn> {
        if self.framing.pending().is_empty() {
            return Ok(());
        }
        let mut buffer = kit.buffer(self.framing.pending().len());
        self.framing.prepare(&mut buffer, 0);
        self.send(kit, buffer, how)
    }

    fn send(&mut self, kit: &mut Kit, buffer: Vec<u8>, how: Cut) -> Result<(), Turn> {
        if self.origin.identity.is_none() {
            let first = if self.framing.position() == 0 { &buffer[..] } else { self.passed.head() };
            if how != Cut::Open || is_first_line_whole(first) {
                let identity = self.birth.identity(kit.cx.name(), first);
                self.origin = identified(self.origin.clone(), Some(identity));
                // It is remembered before any event has it.
                kit.send(Message::Known { id: self.id, entry: Box::new(self.entry()) })?;
            }
        }
        let target = Target {
            pool: kit.cx.pool(),
            schema: &kit.config.schema,
            origin: &self.origin,
            observed: kit.cx.now(),
        };
        let passed = &mut self.passed;
        let framed = self.framing.cut(buffer, how, target, |done| passed.push(done));
        let framed = framed.map_err(|e| Turn::Failed(std::io::Error::other(e)))?;
        if framed.spare.is_some() {
            kit.spare = framed.spare;
        }
        if self.framing.is_at_record() {
            self.mark = self.passed.mark();
        }
        let Some(mut batch) = framed.batch else { return Ok(()) };
        if let Some(snapshots) = kit.resumption.next(&self.stream) {
            batch.set_restore(snapshots);
        }
        self.sent = self.mark.offset;
        kit.send(Message::Batch { id: self.id, epoch: self.epoch, mark: self.mark, batch })
    }

    /// Tells of what holds no record.
    fn pass(&mut self, kit: &Kit) -> Result<(), Turn> {
        if self.sent < self.mark.offset {
            self.sent = self.mark.offset;
            kit.send(Message::Passed { id: self.id, epoch: self.epoch, mark: self.mark })?;
        }
        // With the time goes the content: what came since has not been read.
        let metadata = self.content.as_ref().and_then(|c| c.metadata().ok());
        if let Some(metadata) = metadata.filter(|m| self.is_packed() || m.len() == self.read_at()) {
            self.modified = super::discover::modified(&metadata);
        }
        Ok(())
    }
}

fn identified(origin: Arc<Origin>, identity: Option<NonZeroU64>) -> Arc<Origin> {
    if origin.identity == identity { origin } else { Arc::new(Origin { identity, ..(*origin).clone() }) }
}
