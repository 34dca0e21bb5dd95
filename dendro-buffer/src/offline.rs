//! A look into a buffer's directory while no pipeline has it. Nothing there is changed.
//!
//! ```
//! # use dendro_buffer::offline::OfflineBuffer;
//! # let dir = tempfile::tempdir()?;
//! let buffer = OfflineBuffer::open(dir.path())?;
//! let found = buffer.verify()?;
//! assert!(found.is_sound());
//! println!("{} events wait", found.waiting_events);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use dendro_core::storage::{Disk, Storage, StorageFault};
use dendro_core::{Batch, BatchPool};

use crate::directory::{self, Lock, Refused};
use crate::position::{NoPosition, Position};
use crate::read_ahead::{Schemas, batch};
use crate::record::Kind;
use crate::segment;
use crate::walk::{Found, NoWalk, Record, Walk};

/// The directory of a buffer.
pub struct OfflineBuffer {
    directory: PathBuf,
    storage: Arc<dyn Storage>,
    _lock: Option<Lock>,
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// By number, which is the order in which they were written.
    pub segments: Vec<SegmentInspection>,
    /// Events that are not acknowledged.
    pub waiting_events: u64,
    /// What they take on the disk.
    pub waiting_bytes: u64,
    /// What is wrong, each in words that name the place.
    pub damage: Vec<String>,
    /// What is worth knowing and wrong with nothing: a torn tail, a file that is no buffer's.
    pub notes: Vec<String>,
}

/// One segment file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentInspection {
    /// Its number.
    pub number: u64,
    /// How long the file is.
    pub bytes: u64,
    /// Batches in it.
    pub frames: u64,
    /// Their events.
    pub events: u64,
    /// Those of them that are acknowledged.
    pub acknowledged_events: u64,
    /// It was ended in an orderly way.
    pub is_finished: bool,
}

impl Inspection {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

impl OfflineBuffer {
    /// The buffer in this directory; no pipeline can open it meanwhile.
    ///
    /// # Errors
    /// There is none, or a pipeline has it.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, OfflineError> {
        let mut this = Self::peek(directory)?;
        let lock = this.directory.join(directory::LOCK);
        match this.storage.open(&lock, None) {
            Err(e) if e.kind() == ErrorKind::ResourceBusy => {
                match directory::lock(&*this.storage, &this.directory) {
                    Ok(lock) => this._lock = Some(lock),
                    Err(Refused::Fatal(why) | Refused::Retry(why)) => return Err(OfflineError(why)),
                }
            }
            Ok(file) => this._lock = Some(Lock::held(file)),
            // Never opened by a pipeline, or on a medium that can't be written.
            Err(_) => {}
        }
        Ok(this)
    }

    /// The same, also while a pipeline has it: what is seen then may be of different moments.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn peek(directory: impl Into<PathBuf>) -> Result<Self, OfflineError> {
        Self::peek_at(directory, Arc::new(Disk))
    }

    /// The same on another file system than the machine's, for tests.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn peek_at(directory: impl Into<PathBuf>, storage: Arc<dyn Storage>) -> Result<Self, OfflineError> {
        let directory = directory.into();
        storage.list(&directory).map_err(StorageFault::new("list", &directory))?;
        Ok(Self { directory, storage, _lock: None })
    }

    /// What there is, by the headers of the records.
    ///
    /// # Errors
    /// A file can't be read, or there are files and none is a buffer's.
    pub fn inspect(&self) -> Result<Inspection, OfflineError> {
        self.scan(false, &mut |_| {})
    }

    /// The same, with a look at every byte.
    ///
    /// # Errors
    /// As [`inspect`](Self::inspect).
    pub fn verify(&self) -> Result<Inspection, OfflineError> {
        self.scan(true, &mut |_| {})
    }

    /// Gives what waits, in order; then what there is.
    ///
    /// # Errors
    /// As [`inspect`](Self::inspect).
    pub fn export(&self, mut each: impl FnMut(Batch)) -> Result<Inspection, OfflineError> {
        self.scan(true, &mut each)
    }

    fn scan(&self, with_bodies: bool, each: &mut dyn FnMut(Batch)) -> Result<Inspection, OfflineError> {
        let mut found = Inspection::default();
        let position = self.position(&mut found)?;
        let content = directory::content(&*self.storage, &self.directory)?;
        if let Some(first) = content.foreign.first()
            && !content.is_buffer
        {
            return Err(OfflineError(format!(
                "{} is no directory of a buffer: it holds no segment, position or lock, but {first} and {} others",
                self.directory.display(),
                content.foreign.len() - 1
            )));
        }
        found.notes.extend(content.foreign.iter().map(|name| format!("{name} is no file of a buffer")));
        found.notes.extend(content.aside.iter().map(|name| format!("{name} was set aside, damaged")));
        let mut previous = None;
        for number in content.segments {
            self.segment(number, &position, with_bodies, &mut previous, &mut found, each)?;
        }
        Ok(found)
    }

    fn position(&self, found: &mut Inspection) -> Result<Option<Position>, OfflineError> {
        let Some(bytes) = directory::read_position(&*self.storage, &self.directory)? else { return Ok(None) };
        match Position::decode(&bytes) {
            Ok(position) => Ok(Some(position)),
            Err(NoPosition::Damaged) => {
                found.damage.push("the position is damaged: nobody knows what is acknowledged".to_owned());
                Ok(None)
            }
            Err(NoPosition::Version(version)) => Err(later("the position", version)),
        }
    }

    fn segment(
        &self,
        number: u64,
        position: &Option<Position>,
        with_bodies: bool,
        previous: &mut Option<u64>,
        found: &mut Inspection,
        each: &mut dyn FnMut(Batch),
    ) -> Result<(), OfflineError> {
        let path = segment::path(&self.directory, number);
        let before = previous.replace(number);
        let (mut walk, header) = match Walk::open(&*self.storage, &path, number) {
            Ok(opened) => opened,
            Err(NoWalk::Version(version)) => return Err(later(&format!("segment {number}"), version)),
            // The pipeline has removed it just now.
            Err(NoWalk::Io(e)) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(NoWalk::Io(e)) => return Err(StorageFault::new("read", &path)(e).into()),
            Err(NoWalk::Damaged) => {
                found.damage.push(format!("segment {number}: damaged from its beginning"));
                return Ok(());
            }
        };
        let place = position.as_ref().map(|p| p.place).unwrap_or_default();
        match header {
            None => found.damage.push(format!("segment {number}: its header is damaged")),
            Some(header)
                if header.previous > 0
                    && header.previous >= place.segment
                    && Some(header.previous) != before =>
            {
                let missing = header.previous;
                found.damage.push(format!("segment {missing}, written before segment {number}, is missing"));
            }
            Some(_) => {}
        }
        let io = |e| OfflineError::from(StorageFault::new("read", &path)(e));
        let size = walk.size().map_err(io)?;
        let finished = walk.finished().map_err(io)?;
        let end = finished.map_or(size, |(end, ..)| end);
        let mut seen =
            SegmentInspection { number, bytes: size, is_finished: finished.is_some(), ..Default::default() };
        let mut schemas = Schemas::default();
        let mut at = segment::HEADER;
        loop {
            let record = match walk.next(at, end, with_bodies).map_err(io)? {
                Found::End => break,
                Found::Damaged(range, why) => {
                    at = range.end;
                    let bytes = range.end - range.start;
                    let what =
                        format!("segment {number}: {bytes} bytes at {} are damaged: {why}", range.start);
                    if range.end == end && finished.is_none() {
                        found.notes.push(format!("{what} (a write that was not finished)"));
                    } else {
                        found.damage.push(what);
                    }
                    continue;
                }
                Found::Record(record) => record,
            };
            at = record.end();
            let is_acknowledged = number < place.segment
                || (number == place.segment && at <= place.offset.max(segment::HEADER));
            if record.header.kind == Kind::Frame {
                seen.frames += 1;
                let events = u64::from(record.header.events);
                seen.events += events;
                if is_acknowledged {
                    seen.acknowledged_events += events;
                } else {
                    found.waiting_events += events;
                    found.waiting_bytes += record.header.total();
                }
            }
            if with_bodies
                && let Err(why) = look(&record, &mut schemas, &mut walk, end, is_acknowledged, each)
            {
                found.damage.push(format!("segment {number}: the record at {} is damaged: {why}", record.at));
            }
        }
        found.segments.push(seen);
        Ok(())
    }
}

fn look(
    record: &Record,
    schemas: &mut Schemas,
    walk: &mut Walk,
    end: u64,
    is_acknowledged: bool,
    each: &mut dyn FnMut(Batch),
) -> Result<(), String> {
    match record.header.kind {
        Kind::End => Ok(()),
        Kind::Schema => match record.is_whole() && schemas.add(&record.body) {
            true => Ok(()),
            false => Err("its checksum is wrong".to_owned()),
        },
        Kind::Frame => {
            let known = schemas.complete(walk, u64::from(record.header.schema_at), end);
            known.map_err(|e| e.to_string())?;
            let batch =
                batch(record, &schemas.known, &BatchPool::new(0, 0)).map_err(|why| why.into_owned())?;
            if !is_acknowledged {
                each(batch);
            }
            Ok(())
        }
    }
}

fn later(what: &str, version: u16) -> OfflineError {
    OfflineError(format!(
        "{what} was written by a later version of this program (format {version}; this one reads {}): look at it with that",
        segment::VERSION
    ))
}

/// Why a buffer can't be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineError(String);

impl fmt::Display for OfflineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OfflineError {}

impl From<StorageFault> for OfflineError {
    fn from(fault: StorageFault) -> Self {
        Self(fault.to_string())
    }
}

impl fmt::Debug for OfflineBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfflineBuffer").field("directory", &self.directory).finish_non_exhaustive()
    }
}
