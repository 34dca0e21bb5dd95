//! Reading records and making batches of them, a bounded number of bytes ahead. Lives on blocking threads.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use dendro_core::storage::StorageFault as Fault;
use dendro_core::{Batch, BatchPool, Schema, Severity};

use crate::codec::decompress;
use crate::directory;
use crate::position::Place;
use crate::quarantine;
use crate::read_buffers::ReadBuffers;
use crate::record::{Encoding, Kind};
use crate::schema::{self, MAX_OF_A_NAME};
use crate::segment;
use crate::shared::{Mark, Shared};
use crate::walk::{Found, NoWalk, Record, Walk};

/// How much is read ahead of what was sent, unless a single record is longer.
const AHEAD: u64 = 512 << 10;

/// Buffers of batches that are kept for the next ones, and the most that one may have grown to.
const KEPT_STORES: usize = 8;
const KEPT_STORE_BYTES: usize = 1 << 20;

/// Reads on from a place.
pub(crate) struct ReadAhead {
    shared: Arc<Shared>,
    at: Place,
    open: Option<Open>,
    buffers: ReadBuffers,
    pool: Arc<BatchPool>,
}

struct Open {
    walk: Walk,
    number: u64,
    schemas: Schemas,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Item {
    Batch(Box<Batch>, Mark),
    /// Nothing that could be sent, up to here.
    Passed(Mark),
}

/// What is known of types at a place of a segment.
#[derive(Default)]
pub(crate) struct Schemas {
    /// In the order in which they stand there.
    pub(crate) known: Vec<Arc<Schema>>,
    /// What stands before the place where reading has begun is known too.
    is_complete: bool,
}

impl Schemas {
    /// Of a place in the middle of a segment, when a frame comes.
    pub(crate) fn complete(&mut self, walk: &mut Walk, schema_at: u64, end: u64) -> std::io::Result<()> {
        if !std::mem::replace(&mut self.is_complete, true) {
            // The chain has those too that were read since.
            self.known.clear();
            let known = &mut self.known;
            walk.schemas_before(schema_at, end, &mut |body| {
                if let Some(schema) = schema::decode(body)
                    && known.iter().filter(|s| s.name == schema.name).count() < MAX_OF_A_NAME
                {
                    known.push(Arc::new(schema));
                }
            })?;
            self.known.reverse();
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, body: &[u8]) -> bool {
        let Some(schema) = schema::decode(body) else { return false };
        let mut same = self.known.iter().enumerate().filter(|(_, s)| s.name == schema.name);
        let first = same.next().map(|(at, _)| at);
        if same.count() + 1 >= MAX_OF_A_NAME
            && let Some(first) = first
        {
            self.known.remove(first);
        }
        self.known.push(Arc::new(schema));
        true
    }
}

impl ReadAhead {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let at = shared.view().position.place;
        let pool = BatchPool::new(KEPT_STORES, KEPT_STORE_BYTES);
        Self { shared, at, open: None, buffers: ReadBuffers::default(), pool }
    }

    /// Appends what comes next, as much as is read at once; nothing if there is nothing.
    ///
    /// # Errors
    /// Of reading: to be tried again, behind what was appended until then.
    pub(crate) fn read(&mut self, items: &mut Vec<Item>) -> Result<(), Fault> {
        let mut bytes = 0;
        while bytes < AHEAD {
            let Some((end, is_last)) = self.end() else { break };
            let number = self.at.segment;
            let offset = self.at.offset.max(segment::HEADER);
            let path = segment::path(&self.shared.options.directory, number);
            let io = |e| Fault::new("read", &path)(e);
            if offset >= end {
                if is_last {
                    break;
                }
                self.at = Place { segment: number + 1, offset: 0, ..self.at };
                continue;
            }
            if self.open.as_ref().is_none_or(|o| o.number != number) {
                match Walk::open(&*self.shared.options.storage, &path, number) {
                    Ok((mut walk, _)) => {
                        walk.read_into(&self.buffers);
                        let is_complete = offset == segment::HEADER;
                        let schemas = Schemas { known: Vec::new(), is_complete };
                        self.open = Some(Open { walk, number, schemas });
                    }
                    Err(NoWalk::Io(e)) if e.kind() != ErrorKind::NotFound => return Err(io(e)),
                    Err(_) => {
                        items.push(self.vanished(end));
                        continue;
                    }
                }
            }
            let Some(open) = &mut self.open else { break };
            match open.walk.next(offset, end, true).map_err(io)? {
                Found::End => break,
                Found::Damaged(range, why) => {
                    self.set_aside(&range, why)?;
                    items.push(self.pass(range.end, 0));
                }
                Found::Record(record) => {
                    bytes += record.header.total();
                    items.extend(self.record(record, end)?);
                }
            }
        }
        Ok(())
    }

    /// Where what can be read of the present segment ends, and whether nothing is behind it yet.
    fn end(&mut self) -> Option<(u64, bool)> {
        let view = self.shared.view();
        let (number, segment) = view.segments.range(self.at.segment..).next()?;
        if *number != self.at.segment {
            self.at = Place { segment: *number, offset: 0, ..self.at };
        }
        let is_last = !segment.is_sealed && view.segments.range(number + 1..).next().is_none();
        Some((segment.end, is_last))
    }

    fn record(&mut self, record: Record, end: u64) -> Result<Option<Item>, Fault> {
        let next = record.end();
        let Some(open) = &mut self.open else { return Ok(None) };
        match record.header.kind {
            Kind::End => Ok(self.pass_on(next, end)),
            Kind::Schema => {
                if record.is_whole() && open.schemas.add(&record.body) {
                    return Ok(self.pass_on(next, end));
                }
                self.set_aside(&(record.at..next), "a schema's checksum is wrong")?;
                Ok(Some(self.pass(next, 0)))
            }
            Kind::Frame => {
                let io = |e| {
                    let path = segment::path(&self.shared.options.directory, open.number);
                    Fault::new("read", &path)(e)
                };
                open.schemas.complete(&mut open.walk, u64::from(record.header.schema_at), end).map_err(io)?;
                let events = u64::from(record.header.events);
                match batch(&record, &open.schemas.known, &self.pool) {
                    Ok(batch) => {
                        let mark = self.mark(next, record.header.sequence + 1, events);
                        (self.at.offset, self.at.sequence) = (next, record.header.sequence + 1);
                        Ok(Some(Item::Batch(Box::new(batch), mark)))
                    }
                    Err(why) => {
                        self.set_aside(&(record.at..next), &why)?;
                        Ok(Some(self.pass(next, events)))
                    }
                }
            }
        }
    }

    /// Someone has taken the file away, or destroyed its beginning.
    fn vanished(&mut self, end: u64) -> Item {
        let path = segment::path(&self.shared.options.directory, self.at.segment);
        let mut view = self.shared.view();
        view.stats.missing_segments += 1;
        view.notices.push((
            Severity::Error,
            format!(
                "{} can't be read any more: someone has removed it, and what waited there is lost",
                path.display()
            ),
        ));
        drop(view);
        self.pass(end, 0)
    }

    /// Sets damaged bytes aside, and has it told. If that can't be done the whole file is kept.
    fn set_aside(&mut self, range: &Range<u64>, why: &str) -> Result<(), Fault> {
        let options = &self.shared.options;
        let number = self.at.segment;
        let aside =
            quarantine::set_aside(&*options.storage, &options.directory, number, range, why, options.syncs());
        let bytes = range.end - range.start;
        let mut view = self.shared.view();
        let kept = match aside {
            Ok(aside) => format!("set aside as {}", aside.display()),
            Err(e) => {
                if let Some(segment) = view.segments.get_mut(&number) {
                    segment.keep = true;
                }
                format!(
                    "could not be set aside ({e}): the whole file is kept, with the ending {}",
                    directory::DAMAGED
                )
            }
        };
        view.stats.damaged += 1;
        view.stats.damaged_bytes += bytes;
        let path = segment::path(&options.directory, number);
        view.notices.push((
            Severity::Error,
            format!("{bytes} bytes at {} of {} are damaged ({why}): {kept}", range.start, path.display()),
        ));
        Ok(())
    }

    /// Over a record that is no batch: it is passed together with the frame behind it, if there is one.
    fn pass_on(&mut self, next: u64, end: u64) -> Option<Item> {
        self.at.offset = next;
        (next >= end).then(|| self.pass(next, 0))
    }

    fn pass(&mut self, end: u64, events: u64) -> Item {
        self.at.offset = end;
        Item::Passed(self.mark(end, self.at.sequence, events))
    }

    fn mark(&self, end: u64, sequence: u64, events: u64) -> Mark {
        Mark { segment: self.at.segment, end, sequence, events }
    }
}

/// The batch of a frame.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn batch(
    record: &Record,
    schemas: &[Arc<Schema>],
    pool: &Arc<BatchPool>,
) -> Result<Batch, Cow<'static, str>> {
    let header = &record.header;
    let frame = match header.encoding {
        // What the frame's own checksums say of its body is looked at when it is read.
        Encoding::Plain if Batch::frame_checksum(&record.body) != Some(header.body_crc) => {
            return Err("its checksum is wrong".into());
        }
        Encoding::Plain => record.body.clone(),
        _ if !record.is_whole() => return Err("its checksum is wrong".into()),
        encoding => match decompress(&record.body, encoding, header.plain_bytes as usize)? {
            Some(plain) => Bytes::from(plain),
            None => record.body.clone(),
        },
    };
    let mut batch = pool.batch_from_frame(&frame).map_err(|e| Cow::Owned(e.to_string()))?;
    batch.attach_schemas(schemas);
    Ok(batch)
}
