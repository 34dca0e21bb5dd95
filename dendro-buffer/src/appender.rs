//! Writing to the segments: what is written, when it is durable, and what happens when the file system fails.
//!
//! Lives on blocking threads.

use std::collections::{HashMap, VecDeque};
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;

use dendro_core::blocking::Finished;
use dendro_core::storage::{StorageFault as Fault, StoredFile};
use dendro_core::{CommitReason, Committed, Schema, Severity, Stage, Written};

use crate::codec::compress;
use crate::directory::{FILE_MODE, write_all, write_all_parts};
use crate::frame::Frame;
use crate::options::Fsync;
use crate::pending::{Answer, Pending};
use crate::record::{self, Encoding, HEADER, Kind, RecordHeader, Totals};
use crate::segment::{self, SegmentHeader};
use crate::shared::{Segment, Shared};
use crate::{bytes::crc, schema};

/// The half that writes, as far as it touches the file system.
pub(crate) struct Appender {
    shared: Arc<Shared>,
    active: Option<Active>,
    finished: Finished<Written>,
    settled: Committed,
    next_stage: u64,
    scratch: Vec<u8>,
}

/// The segment that is being written.
struct Active {
    file: Box<dyn StoredFile>,
    path: PathBuf,
    number: u64,
    salt: u32,
    /// Where the next record begins.
    len: u64,
    /// How much of it is durable.
    synced: u64,
    /// Its name is.
    is_named: bool,
    stage: Option<Stage>,
    schemas: Schemas,
    totals: Totals,
    last_sequence: u64,
    /// The ends and events of frames that are not yet durable.
    unsynced: Vec<(u64, u64)>,
}

/// What the segment knows of types.
#[derive(Default)]
struct Schemas {
    /// By name, in the order in which they were written, as far as a reader remembers them.
    known: HashMap<String, VecDeque<Arc<Schema>>>,
    /// Where the last one stands.
    at: u32,
}

impl Schemas {
    /// Whether who reads a frame with these types of one name here finds their schemas.
    fn has(&self, of_name: &[&Arc<Schema>]) -> bool {
        let known = of_name.first().and_then(|first| self.known.get(&*first.name));
        let last = known.map_or(0, VecDeque::len).checked_sub(of_name.len());
        let last = known.zip(last).map(|(known, at)| known.range(at..));
        last.is_some_and(|mut last| last.by_ref().zip(of_name).all(|(a, b)| Arc::ptr_eq(a, b) || a == *b))
    }

    fn remember(&mut self, schema: &Arc<Schema>, at: u32) {
        let of_name = self.known.entry(schema.name.clone().into_owned()).or_default();
        if of_name.len() >= schema::MAX_OF_A_NAME {
            of_name.pop_front();
        }
        of_name.push_back(schema.clone());
        self.at = at;
    }
}

/// A write that is in a segment, and not yet answered.
struct Appended {
    pending: Pending,
    segment: u64,
    stage: Option<Stage>,
}

impl Appender {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            active: None,
            finished: Finished::default(),
            settled: Committed::default(),
            next_stage: 0,
            scratch: Vec::new(),
        }
    }

    /// What became of a write that may have been done before.
    pub(crate) fn find(&self, identity: &(String, usize)) -> Option<Written> {
        self.finished.find(&identity.0, identity.1).cloned()
    }

    /// Writes all that waits, makes it durable at once where each write has to be, and answers; gives back the frames.
    pub(crate) fn append_all(&mut self, pending: Vec<Pending>) -> Vec<Frame> {
        let mut spent = Vec::new();
        self.begin_appending();
        let mut appended: Vec<Appended> = Vec::new();
        let mut failed: Option<String> = None;
        for mut write in pending {
            if let Some(written) = self.find(&write.identity) {
                write.answer(Answer::Written(written));
                continue;
            }
            // Where one has found no room, those behind it don't overtake it.
            if let Some(why) = &failed {
                write.answer(Answer::Retry(why.clone()));
                continue;
            }
            match self.append(&mut write) {
                Ok((segment, stage)) => {
                    spent.append(&mut write.frames);
                    appended.push(Appended { pending: write, segment, stage });
                }
                Err(fault) => {
                    let why = fault.to_string();
                    write.answer(Answer::Retry(why.clone()));
                    failed = Some(why);
                }
            }
        }
        if self.shared.options.fsync == Fsync::EveryBatch {
            // A failure is settled as a stage that is lost.
            let _ = self.sync();
        }
        self.publish();
        let settled = std::mem::take(&mut self.settled);
        for Appended { mut pending, segment, stage } in appended {
            let is_lost = stage.is_some_and(|stage| settled.lost.contains(&stage));
            let written = match stage {
                _ if is_lost => None,
                Some(stage) if self.shared.options.fsync != Fsync::EveryBatch => {
                    Some(Written::Staged(vec![stage]))
                }
                _ => Some(Written::Durable),
            };
            match written {
                Some(written) => {
                    self.finished.remember(&pending.identity.0, pending.identity.1, written.clone());
                    pending.answer(Answer::Written(written));
                }
                None => pending.answer(Answer::Retry(format!(
                    "segment {segment} could not be made durable: it is written again, to another"
                ))),
            }
        }
        if self.shared.options.fsync != Fsync::EveryBatch {
            // For the commit to name.
            self.settled = settled;
        }
        spent
    }

    /// Makes durable what is not; at the drain the last segment is finished.
    pub(crate) fn commit(&mut self, reason: CommitReason) -> Committed {
        self.begin_appending();
        if self.shared.options.syncs() {
            // A failure is settled as a stage that is lost.
            let _ = self.sync();
        }
        if reason == CommitReason::Drain {
            self.finish();
        }
        self.publish();
        let settled = std::mem::take(&mut self.settled);
        self.finished.update(|written| {
            if let Written::Staged(stages) = written
                && stages.iter().all(|stage| settled.durable.contains(stage))
            {
                *written = Written::Durable;
            }
        });
        let is_lost = |written: &Written| matches!(written, Written::Staged(stages) if stages.iter().any(|s| settled.lost.contains(s)));
        self.finished.retain(|written| !is_lost(written));
        settled
    }

    /// Keeps the reader from ending the segment, and looks whether it has.
    fn begin_appending(&mut self) {
        let mut view = self.shared.view();
        view.is_appending = true;
        let is_gone = self.active.as_ref().is_some_and(|a| !view.is_writable(a.number));
        drop(view);
        if is_gone && let Some(active) = self.active.take() {
            // All that was in it is acknowledged by those behind the buffer.
            self.settled.durable.extend(active.stage);
        }
    }

    /// Lets the reader see what was written.
    fn publish(&mut self) {
        let mut view = self.shared.view();
        view.is_appending = false;
        if let Some(active) = &self.active {
            view.set_size(active.number, active.len);
            if let Some(segment) = view.segments.get_mut(&active.number) {
                segment.end = active.len;
            }
        }
        drop(view);
        self.shared.written.notify_one();
    }

    /// Writes one write to one segment: all of it, or nothing.
    fn append(&mut self, write: &mut Pending) -> Result<(u64, Option<Stage>), Fault> {
        let needed: u64 = write.frames.iter().map(Frame::most_bytes).sum();
        let limit = self.shared.options.segment_bytes;
        if self.active.as_ref().is_some_and(|a| a.len > segment::HEADER && a.len + needed > limit) {
            self.finish();
        }
        if self.active.is_none() {
            self.active = Some(self.begin()?);
        }
        let stage = match self.shared.options.syncs() {
            true => Some(self.stage()),
            false => None,
        };
        let options = &self.shared.options;
        let Some(active) = &mut self.active else { return Ok((0, None)) };
        let before = (active.len, active.schemas.at, active.totals, active.unsynced.len());
        let first_sequence = self.shared.view().next_sequence;
        let mut sequence = first_sequence;
        let mut events = 0;
        let mut result = Ok(());
        for frame in &mut write.frames {
            result = active.append(frame, sequence, options.compression, &mut self.scratch);
            if result.is_err() {
                break;
            }
            sequence += 1;
            events += u64::from(frame.events);
        }
        let number = active.number;
        match result {
            Ok(()) => {
                active.last_sequence = sequence - 1;
                let mut view = self.shared.view();
                view.next_sequence = sequence;
                if let Some(segment) = view.segments.get_mut(&number) {
                    segment.events += events;
                }
                Ok((number, stage))
            }
            Err(fault) => {
                let len;
                (len, active.schemas.at, active.totals, _) = before;
                // What was written of them is cut off: they are written again.
                active.schemas.known.clear();
                active.unsynced.truncate(before.3);
                let written = active.len;
                active.len = len;
                if let Err(error) = active.file.truncate(len) {
                    self.give_up(written, &error);
                }
                Err(fault)
            }
        }
    }

    fn stage(&mut self) -> Stage {
        let next = &mut self.next_stage;
        let mut new = || {
            *next += 1;
            Stage(*next)
        };
        match &mut self.active {
            Some(active) => *active.stage.get_or_insert_with(new),
            None => new(),
        }
    }

    /// Begins a segment.
    fn begin(&self) -> Result<Active, Fault> {
        let options = &self.shared.options;
        let (next, first_sequence, previous) = {
            let view = self.shared.view();
            (view.next_number, view.next_sequence, view.last_number)
        };
        let mut number = next;
        let (mut file, path) = loop {
            let path = segment::path(&options.directory, number);
            match options.storage.open(&path, Some(FILE_MODE)) {
                // The rest of one that could not be begun.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && number < next + 1_000 => {
                    number += 1
                }
                Err(e) => return Err(Fault::new("create", &path)(e)),
                Ok(file) => break (file, path),
            }
        };
        let header = SegmentHeader { number, first_sequence, previous, salt: salt() };
        if let Err((_, error)) = write_all(&mut *file, &header.encode()) {
            drop(file);
            let _ = options.storage.remove(&path);
            return Err(Fault::new("write", &path)(error));
        }
        let mut view = self.shared.view();
        let new = Segment { end: segment::HEADER, size: 0, is_sealed: false, events: 0, keep: false };
        view.segments.insert(number, new);
        view.set_size(number, segment::HEADER);
        (view.next_number, view.last_number) = (number + 1, number);
        Ok(Active {
            file,
            path,
            number,
            salt: header.salt,
            len: segment::HEADER,
            synced: 0,
            is_named: false,
            stage: None,
            schemas: Schemas::default(),
            totals: Totals::default(),
            last_sequence: first_sequence.saturating_sub(1),
            unsynced: Vec::new(),
        })
    }

    /// Makes what is in the segment durable, and settles its stage; if that fails, as lost, and the segment is given up.
    fn sync(&mut self) -> Result<(), Fault> {
        let Some(active) = &mut self.active else { return Ok(()) };
        if active.synced == active.len {
            return Ok(());
        }
        let mut result = active.file.sync().map_err(Fault::new("sync", &active.path));
        if result.is_ok() && !active.is_named {
            let dir = &*self.shared.options.directory;
            result = self.shared.options.storage.sync_dir(dir).map_err(Fault::new("sync the directory", dir));
        }
        match result {
            Ok(()) => {
                (active.synced, active.is_named) = (active.len, true);
                active.unsynced.clear();
                self.settled.durable.extend(active.stage.take());
                Ok(())
            }
            Err(fault) => {
                self.lose(&fault);
                Err(fault)
            }
        }
    }

    /// Ends the segment; the next write begins another.
    fn finish(&mut self) {
        let Some(active) = &mut self.active else { return };
        if active.len > segment::HEADER {
            let end = record::end(active.salt, active.last_sequence, active.totals);
            let data = active.len;
            match write_all(&mut *active.file, &end) {
                Ok(()) => active.len += end.len() as u64,
                // Without it the next start has to read the segment, no more.
                Err(_) => {
                    let _ = active.file.truncate(data);
                }
            }
            let whole = active.len;
            if self.shared.options.syncs() && self.sync().is_err() {
                return;
            }
            let Some(active) = self.active.take() else { return };
            let mut view = self.shared.view();
            view.set_size(active.number, whole);
            if let Some(segment) = view.segments.get_mut(&active.number) {
                (segment.end, segment.is_sealed) = (data, true);
            }
            view.advance();
        }
    }

    /// After a sync that has failed nobody knows what of the segment is on the disk beyond what was there before. It is cut
    /// back to that, and nothing more is written to it.
    fn lose(&mut self, fault: &Fault) {
        let Some(mut active) = self.active.take() else { return };
        let kept = active.synced.max(segment::HEADER);
        let cut = active.file.truncate(kept);
        let size = if cut.is_ok() { kept } else { active.file.size().unwrap_or(active.len) };
        self.settled.lost.extend(active.stage);
        let mut view = self.shared.view();
        view.stats.failed_syncs += 1;
        view.set_size(active.number, size);
        let place = view.position.place;
        let is_acknowledged = |end: u64| {
            active.number < place.segment || (active.number == place.segment && end <= place.offset)
        };
        let lost: u64 =
            active.unsynced.iter().filter(|(end, _)| !is_acknowledged(*end)).map(|(_, n)| n).sum();
        if let Some(segment) = view.segments.get_mut(&active.number) {
            segment.end = segment.end.min(kept);
            segment.is_sealed = true;
            segment.events = segment.events.saturating_sub(lost);
        }
        view.advance();
        view.notices.push((
            Severity::Error,
            format!("{fault}: what was not yet durable there is written again, to another segment"),
        ));
    }

    /// The rest of a write could not be cut off: nothing more is written behind it.
    fn give_up(&mut self, written: u64, error: &std::io::Error) {
        // What is whole in it has to be durable before it is let go of.
        if self.shared.options.syncs() && self.sync().is_err() {
            return;
        }
        let Some(active) = self.active.take() else { return };
        let mut view = self.shared.view();
        view.set_size(active.number, active.file.size().unwrap_or(written));
        if let Some(segment) = view.segments.get_mut(&active.number) {
            (segment.end, segment.is_sealed) = (active.len, true);
        }
        view.advance();
        let path = active.path.display();
        view.notices.push((
            Severity::Warning,
            format!(
                "cannot cut off what a failed write has left in {path}: {error}; another segment is begun"
            ),
        ));
    }
}

impl Active {
    /// Writes a frame, behind the schemas of its types as far as the segment has them not.
    fn append(
        &mut self,
        frame: &mut Frame,
        sequence: u64,
        compression: crate::options::Compression,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let mut types: Vec<&Arc<Schema>> = frame.schemas.iter().collect();
        types.sort_by_key(|s| &s.name);
        for of_name in types.chunk_by(|a, b| a.name == b.name) {
            if !self.schemas.has(of_name) {
                of_name.iter().try_for_each(|schema| self.append_schema(schema, sequence))?;
            }
        }
        scratch.clear();
        scratch.resize(HEADER, 0);
        let encoding = frame.plain().map_or(Encoding::Plain, |plain| compress(plain, compression, scratch));
        let (body_bytes, body_crc) = match encoding {
            Encoding::Plain => (frame.plain_bytes(), frame.checksum()),
            _ => (scratch.len() - HEADER, crc(&scratch[HEADER..])),
        };
        let header = RecordHeader {
            kind: Kind::Frame,
            encoding,
            body_bytes: body_bytes as u32,
            plain_bytes: frame.plain_bytes() as u32,
            sequence,
            events: frame.events,
            schema_at: self.schemas.at,
            salt: self.salt,
            body_crc,
        };
        match encoding {
            Encoding::Plain => self.write(&mut frame.record(&header.encode()))?,
            _ => {
                scratch[..HEADER].copy_from_slice(&header.encode());
                self.write(&mut [IoSlice::new(scratch)])?;
            }
        }
        self.totals.frames += 1;
        self.totals.events += u64::from(frame.events);
        self.unsynced.push((self.len, u64::from(frame.events)));
        Ok(())
    }

    fn append_schema(&mut self, schema: &Arc<Schema>, sequence: u64) -> Result<(), Fault> {
        let body = schema::encode(schema);
        let header = RecordHeader {
            kind: Kind::Schema,
            encoding: Encoding::Plain,
            body_bytes: body.len() as u32,
            plain_bytes: body.len() as u32,
            sequence,
            events: 0,
            schema_at: self.schemas.at,
            salt: self.salt,
            body_crc: crc(&body),
        };
        let at = self.len as u32;
        self.write(&mut [IoSlice::new(&header.encode()), IoSlice::new(&body)])?;
        self.schemas.remember(schema, at);
        Ok(())
    }

    fn write(&mut self, parts: &mut [IoSlice<'_>]) -> Result<(), Fault> {
        let whole: usize = parts.iter().map(|part| part.len()).sum();
        match write_all_parts(&mut *self.file, parts) {
            Ok(()) => {
                self.len += whole as u64;
                Ok(())
            }
            Err((done, e)) => {
                self.len += done as u64;
                Err(Fault::new("write", &self.path)(e))
            }
        }
    }
}

/// Random: nobody who writes into events may know it.
fn salt() -> u32 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() as u32
}
