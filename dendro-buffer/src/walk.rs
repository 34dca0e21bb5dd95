//! Reading a segment record by record, and over what is damaged to the next one.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use dendro_core::storage::{Storage, StoredFile};
use memchr::memmem;

use crate::bytes::crc;
use crate::read_buffers::ReadBuffers;
use crate::record::{self, HEADER, Kind, MAGIC, RecordHeader, Totals};
use crate::segment::{self, NoHeader, SegmentHeader};

/// How much is read at once.
const CHUNK: u64 = 256 << 10;
/// The most that is read at once because the last record was as long.
const AHEAD: u64 = 4 << 20;
/// How much is read at once where bodies are skipped.
const GLANCE: u64 = 4 << 10;

/// An open segment.
pub(crate) struct Walk {
    file: Box<dyn StoredFile>,
    salt: u32,
    chunk: Bytes,
    chunk_at: u64,
    buffers: ReadBuffers,
    /// How long the last record was, and its header and that of the next: they come in like sizes.
    usual: u64,
}

/// What stands at a place of a segment.
#[derive(Debug)]
pub(crate) enum Found {
    Record(Record),
    /// Bytes that are no record, up to the next one or to the end; the second says why.
    Damaged(Range<u64>, &'static str),
    /// Nothing: the place is the end.
    End,
}

/// A record whose header is whole; of its body nobody knows yet.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) at: u64,
    pub(crate) header: RecordHeader,
    /// Empty if it was not asked for.
    pub(crate) body: Bytes,
}

impl Record {
    /// Where the next one begins.
    pub(crate) fn end(&self) -> u64 {
        self.at + self.header.total()
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.body.len() == self.header.body_bytes as usize && crc(&self.body) == self.header.body_crc
    }
}

/// Why a segment can't be walked.
#[derive(Debug)]
pub(crate) enum NoWalk {
    Io(io::Error),
    /// A later version has written it.
    Version(u16),
    /// Neither its header nor a first record is there.
    Damaged,
}

impl From<io::Error> for NoWalk {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Walk {
    /// The segment at `path`, and its header if that is whole.
    ///
    /// # Errors
    /// [`NoWalk`].
    pub(crate) fn open(
        storage: &dyn Storage,
        path: &Path,
        number: u64,
    ) -> Result<(Self, Option<SegmentHeader>), NoWalk> {
        let file = storage.open_to_read(path)?;
        let mut walk = Self {
            file,
            salt: 0,
            chunk: Bytes::new(),
            chunk_at: 0,
            buffers: ReadBuffers::default(),
            usual: 0,
        };
        let wanted = segment::HEADER as usize + HEADER;
        let head = walk.read(0, wanted as u64, 0)?;
        let (own, first) = head.split_at(head.len().min(segment::HEADER as usize));
        match SegmentHeader::decode(own) {
            Ok(header) if header.number == number => {
                walk.salt = header.salt;
                Ok((walk, Some(header)))
            }
            Err(NoHeader::Version(version)) => Err(NoWalk::Version(version)),
            // A file that was renamed, or whose beginning is damaged: the first record knows the salt too.
            Ok(_) | Err(NoHeader::Damaged) => {
                walk.salt = RecordHeader::decode(first, None).ok_or(NoWalk::Damaged)?.salt;
                Ok((walk, None))
            }
        }
    }

    /// Reads into these from now on.
    pub(crate) fn read_into(&mut self, buffers: &ReadBuffers) {
        self.buffers = buffers.clone();
    }

    pub(crate) fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    /// What the segment holds, if it was finished: where its end record stands, the last sequence, the totals.
    pub(crate) fn finished(&mut self) -> io::Result<Option<(u64, u64, Totals)>> {
        let size = self.size()?;
        let Some(at) = size.checked_sub(record::END as u64).filter(|at| *at >= segment::HEADER) else {
            return Ok(None);
        };
        let bytes = self.read(at, record::END as u64, 0)?;
        Ok(record::read_end(&bytes, self.salt).map(|(sequence, totals)| (at, sequence, totals)))
    }

    /// What stands at `at` of a segment that ends at `end`; with its body, or only its header.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) fn next(&mut self, at: u64, end: u64, with_body: bool) -> io::Result<Found> {
        if at >= end {
            return Ok(Found::End);
        }
        let ahead = if with_body { CHUNK.max(self.usual.min(AHEAD)) } else { GLANCE };
        let head = self.read(at, (HEADER as u64).min(end - at), ahead.min(end - at))?;
        let Some(header) = RecordHeader::decode(&head, Some(self.salt)) else {
            let why = if head.len() < HEADER { "it ends within a header" } else { "no record begins here" };
            return Ok(Found::Damaged(at..self.find(at + 1, end)?, why));
        };
        if header.total() > end - at {
            return Ok(Found::Damaged(at..self.find(at + 1, end)?, "it ends within a record"));
        }
        let body = match with_body {
            true => {
                // With the header of the next, so that a large record is read as a whole and nothing is copied; small ones
                // many at once.
                let own = header.total();
                self.usual = own + HEADER as u64;
                let ahead = if own < CHUNK / 4 { CHUNK } else { own };
                let body_at = at + HEADER as u64;
                self.read(body_at, u64::from(header.body_bytes), ahead.min(end - body_at))?
            }
            false => Bytes::new(),
        };
        if with_body && body.len() < header.body_bytes as usize {
            return Ok(Found::Damaged(at..self.find(at + 1, end)?, "it ends within a record"));
        }
        Ok(Found::Record(Record { at, header, body }))
    }

    /// Gives the schemas before `at`, the latest first, by the chain of their records.
    ///
    /// # Errors
    /// Those of reading. A chain that is broken by damage ends there.
    pub(crate) fn schemas_before(
        &mut self,
        mut at: u64,
        end: u64,
        each: &mut dyn FnMut(&[u8]),
    ) -> io::Result<()> {
        while at >= segment::HEADER {
            let Found::Record(record) = self.next(at, end, true)? else { break };
            if record.header.kind != Kind::Schema || !record.is_whole() {
                break;
            }
            each(&record.body);
            let before = u64::from(record.header.schema_at);
            if before >= at {
                break;
            }
            at = before;
        }
        Ok(())
    }

    /// Where the next record begins from `at` on, by its magic and its header's checksum; `end` if nowhere.
    fn find(&mut self, mut at: u64, end: u64) -> io::Result<u64> {
        let finder = memmem::Finder::new(MAGIC);
        while at + HEADER as u64 <= end {
            // What was read already first, so that each byte is read once however often this is asked.
            let known = (self.chunk_at + self.chunk.len() as u64).saturating_sub(at);
            let known = if at < self.chunk_at { 0 } else { known };
            let len = if known >= HEADER as u64 { known } else { CHUNK };
            let bytes = self.read(at, len.min(end - at), 0)?;
            if bytes.len() < HEADER {
                break;
            }
            let hit = finder
                .find_iter(&bytes)
                .find(|hit| RecordHeader::decode(&bytes[*hit..], Some(self.salt)).is_some());
            match hit {
                Some(hit) => return Ok(at + hit as u64),
                // The last bytes may be the beginning of one that the next chunk has whole.
                None => at += (bytes.len() - (HEADER - 1)) as u64,
            }
        }
        Ok(end)
    }

    /// So many bytes at a place, fewer at the end of the file; reads at least `ahead` on if it has to read.
    pub(crate) fn read(&mut self, at: u64, len: u64, ahead: u64) -> io::Result<Bytes> {
        if let Some(start) = at.checked_sub(self.chunk_at)
            && start + len <= self.chunk.len() as u64
        {
            return Ok(self.chunk.slice(start as usize..(start + len) as usize));
        }
        let wanted = usize::try_from(len.max(ahead)).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
        // What a header says of its length counts only as far as there are bytes.
        let there = self.file.size()?.saturating_sub(at);
        let mut buffer = self.buffers.take(wanted.min(usize::try_from(there).unwrap_or(usize::MAX)));
        let bytes = buffer.as_mut();
        let mut filled = 0;
        if let Some(start) = at.checked_sub(self.chunk_at).filter(|s| *s < self.chunk.len() as u64) {
            let known = &self.chunk[start as usize..];
            filled = known.len().min(bytes.len());
            bytes[..filled].copy_from_slice(&known[..filled]);
        }
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        (self.chunk, self.chunk_at) = (buffer.freeze(filled), at);
        Ok(self.chunk.slice(..self.chunk.len().min(len as usize)))
    }
}
