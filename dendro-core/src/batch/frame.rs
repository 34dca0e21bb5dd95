//! A batch as bytes: on disk in a buffer, in a guest's memory in the sandbox.
//!
//! Little-endian. A header of 64 bytes, then the sections one behind the other:
//!
//! ```text
//!  0  magic "DNDF"         4  version u16 = 1     6  header length u16 = 64   8  flags u32
//! 12  base bytes u32      16  tail bytes u32     20  keys u32                24  key text bytes u32
//! 28  types u32           32  type text bytes u32                            36  origins u32
//! 40  origin bytes u32    44  fields u32         48  heads u32               52  reserved u32 = 0
//! 56  CRC-32 of the body  60  CRC-32 of the 60 bytes before
//!
//! base | tail | key ends u32.. | key text | type ends u32.. | type text | origins | fields | heads
//! ```
//!
//! A field is 16 bytes: payload u64, length u32, key u16, tag u8, flags u8. A head is 48: time i64,
//! observed i64, place u64, then u32: first field, fields, raw start, raw length, then u16: type,
//! origin, port, flags. A place is a position in the upper 48 bits, and in the lower 16 0 for none, 1 and
//! the number of its children for a record, 0x8000 and its own number for a child (0 where that is unknown).
//! An origin is five strings (host, service, source, tenant, stream), its identity u64 (0 for none), a count
//! of tags, and two strings a tag; a string is a u32 length, 0xFFFFFFFF for none, and its bytes.
//!
//! The field tags are 0 null, 1 bool, 2 i64, 3 u64, 4 f64, 5 timestamp, 6 duration, 7 text, 8 bytes,
//! 9 array, 10 object, 11 histogram, 12 sketch. The payload of the first seven is the value, that of text
//! (which reads as bytes where it is not UTF-8), bytes and distributions an offset, with the length, into
//! the base, or into the tail if flag 1 is set. The length of an array or object is the number of entries
//! behind it that belong to it; its payload is 0. A head's flags: 1 raw text in the tail, 2 timed, 4 unparsed,
//! 8 about Dendro itself. A type or origin of 0xFFFF is none.
//!
//! The header's flags are 0, or 1 for a frame without checksums, which are then 0: one that goes into the sandbox, where
//! nothing can damage it on the way.
//!
//! The fields stand in the order of the events with nothing between them, so there is one frame for a
//! batch, and checking one takes time in proportion to its length. What a transform has removed is not in it.
//!
//! A frame from outside is untrusted: [`Batch::from_frame`] checks every count, offset, tag and name
//! once; what it accepts reads without surprises. Schemas are not in it, only the types' names.

mod check;
pub(super) mod tables;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::layout::{
    BatchFull, FIELD_DEAD, Field, Head, MAX_ENTRIES, MAX_KEYS, MAX_ROWS, MAX_SECTION_BYTES, live_runs,
};
use super::{Batch, BatchPool, Store};
use crate::{Origin, Schema};
use tables::{read_fields, read_heads, read_keys, read_names, read_origins, write_names, write_origin};

const MAGIC: &[u8; 4] = b"DNDF";
const VERSION: u16 = 1;
const HEADER: usize = 64;
/// So many fields are still in the nearest cache when they are looked at again.
const SOME: usize = 256;
/// The header's flag of a frame without checksums.
const UNCHECKED: u32 = 1;

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// There are fewer bytes than the frame says it has, or than a header takes: this many.
    Truncated {
        /// How many bytes a whole frame, or its header, takes.
        needed: usize,
    },
    /// It does not begin as a frame does.
    NotAFrame,
    /// It was written by a later version.
    Version(u16),
    /// The header or the body is not what was written.
    Checksum,
    /// It contradicts itself: what, and at which entry.
    Invalid(&'static str, usize),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed } => write!(f, "truncated: {needed} bytes are needed"),
            Self::NotAFrame => f.write_str("not a frame: it does not begin with DNDF"),
            Self::Version(v) => write!(f, "frame version {v} is unknown here: this reads version {VERSION}"),
            Self::Checksum => f.write_str("checksum mismatch: the frame was damaged"),
            Self::Invalid(what, at) => write!(f, "invalid frame: {what} (entry {at})"),
        }
    }
}

impl std::error::Error for FrameError {}

impl Batch {
    /// Appends the batch as a frame. Events that are gone, removed fields, the acknowledgement, schemas
    /// and restored state are not in it.
    ///
    /// ```
    /// use dendro_core::{Batch, Event};
    /// let event = Event::new("deploy").with("service", "web");
    /// let mut frame = Vec::new();
    /// Batch::from_events([&event])?.write_frame(&mut frame);
    /// let batch = Batch::from_frame(&frame.into())?;
    /// assert_eq!(batch.get(0).map(|e| e.to_event()), Some(event));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_frame(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(HEADER + self.base.len() + self.needed_behind_base());
        out.extend_from_slice(&[0; HEADER]);
        out.extend_from_slice(&self.base);
        let counts = self.write_behind_base(out);
        let body = crc32fast::hash(&out[start + HEADER..]);
        finish_header(&mut out[start..start + HEADER], counts, body);
    }

    /// [`write_frame`](Self::write_frame) without a copy of the base: appends the frame's header, of
    /// [`FRAME_HEADER_BYTES`](Self::FRAME_HEADER_BYTES), and what stands behind the base. Whoever writes the frame writes the
    /// [`base`](Self::base) between the two. Gives the CRC-32 of the whole, as [`frame_checksum`](Self::frame_checksum).
    ///
    /// ```
    /// use dendro_core::{Batch, Event};
    /// let batch = Batch::from_events([&Event::new("deploy")])?;
    /// let (mut frame, mut around) = (Vec::new(), Vec::new());
    /// batch.write_frame(&mut frame);
    /// let checksum = batch.write_frame_around_base(&mut around);
    /// let (header, behind) = around.split_at(Batch::FRAME_HEADER_BYTES);
    /// assert_eq!([header, batch.base(), behind].concat(), frame);
    /// assert_eq!(Batch::frame_checksum(&frame), Some(checksum));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_frame_around_base(&self, out: &mut Vec<u8>) -> u32 {
        let start = out.len();
        out.reserve(HEADER + self.needed_behind_base());
        out.extend_from_slice(&[0; HEADER]);
        let counts = self.write_behind_base(out);
        let (header, behind) = out[start..].split_at_mut(HEADER);
        let mut body = crc32fast::Hasher::new();
        body.update(&self.base);
        body.update(behind);
        finish_header(header, counts, body.clone().finalize());
        let mut whole = crc32fast::Hasher::new();
        whole.update(header);
        whole.combine(&body);
        whole.finalize()
    }

    /// How long a frame's header is.
    pub const FRAME_HEADER_BYTES: usize = HEADER;

    fn needed_behind_base(&self) -> usize {
        let entries: usize = self.live_heads().map(|h| h.fields_len as usize).sum();
        self.store.tail.len() + entries * Field::BYTES + self.len() * Head::BYTES
    }

    /// Whether its fields, of which the events have so many, stand in the order of the events with nothing between them, as
    /// a parser leaves them.
    fn is_in_order(&self, entries: usize) -> bool {
        let mut end = 0;
        let in_order = self.live_heads().all(|head| {
            let start = std::mem::replace(&mut end, head.fields_start + head.fields_len);
            head.fields_start == start
        });
        in_order && self.store.fields.len() == entries
    }

    /// Appends the sections behind the base; gives the counts of all.
    fn write_behind_base(&self, out: &mut Vec<u8>) -> [usize; 11] {
        out.extend_from_slice(&self.store.tail);
        let (keys, key_text) = write_names(out, self.store.keys.iter());
        let (types, type_text) = write_names(out, self.types.iter().map(|s| s.name.as_ref()));
        let origins_at = out.len();
        self.origins.iter().for_each(|o| write_origin(out, o));
        let origin_bytes = out.len() - origins_at;

        let fields_at = out.len();
        let entries: usize = self.live_heads().map(|h| h.fields_len as usize).sum();
        let heads_at = fields_at + entries * Field::BYTES;
        out.resize(heads_at + self.len() * Head::BYTES, 0);
        let (fields, heads) = out[fields_at..].split_at_mut(entries * Field::BYTES);
        let mut fields = Entries { out: fields, written: 0 };
        let heads = heads.chunks_exact_mut(Head::BYTES).zip(self.live_heads());
        if self.is_in_order(entries) && fields.write_whole(&self.store.fields) {
            heads.for_each(|(slot, head)| slot.copy_from_slice(&head.to_bytes()));
        } else {
            for (slot, head) in heads {
                let fields_start = fields.written as u32;
                fields.write_live(self.store.fields.get(head.fields()).unwrap_or_default());
                let fields_len = fields.written as u32 - fields_start;
                slot.copy_from_slice(&Head { fields_start, fields_len, ..*head }.to_bytes());
            }
        }
        let written = fields.written;
        // Where fields were removed, there is room between the two.
        out.drain(fields_at + written * Field::BYTES..heads_at);
        [
            self.base.len(),
            self.store.tail.len(),
            keys,
            key_text,
            types,
            type_text,
            self.origins.len(),
            origin_bytes,
            written,
            self.len(),
            0,
        ]
    }

    /// How long the frame is that begins `bytes`, by its header alone.
    ///
    /// # Errors
    /// [`FrameError`] if the header is not one, or not whole.
    pub fn frame_len(bytes: &[u8]) -> Result<usize, FrameError> {
        Header::read::<true>(bytes).map(|h| h.total())
    }

    /// The CRC-32 of a whole frame by the checksums that stand in it, without a look at its body: for who keeps
    /// frames among other things, under checksums of its own. `None` if the header is not one, or the length another.
    pub fn frame_checksum(frame: &[u8]) -> Option<u32> {
        let header = Header::read::<true>(frame).ok().filter(|h| h.total() == frame.len())?;
        let mut whole = crc32fast::Hasher::new();
        whole.update(frame.get(..HEADER)?);
        let body = (frame.len() - HEADER) as u64;
        whole.combine(&crc32fast::Hasher::new_with_initial_len(header.body_check, body));
        Some(whole.finalize())
    }

    /// Reads the frame that `bytes` begin with; its base stays a slice of them, and so keeps all of them
    /// in memory.
    ///
    /// # Errors
    /// [`FrameError`] if anything about it is wrong.
    pub fn from_frame(bytes: &Bytes) -> Result<Self, FrameError> {
        from_frame::<true>(bytes, Store::default())
    }
}

impl BatchPool {
    /// [`Batch::from_frame`] with buffers from the pool, which come back when the batch is dropped.
    ///
    /// # Errors
    /// As [`Batch::from_frame`].
    pub fn batch_from_frame(self: &Arc<Self>, bytes: &Bytes) -> Result<Batch, FrameError> {
        from_frame::<true>(bytes, self.store())
    }
}

/// Reads a frame that has checksums, or one that has none, into empty buffers.
pub(super) fn from_frame<const CHECKED: bool>(bytes: &Bytes, store: Store) -> Result<Batch, FrameError> {
    let header = Header::read::<CHECKED>(bytes)?;
    let total = header.total();
    if bytes.len() < total {
        return Err(FrameError::Truncated { needed: total });
    }
    let body = bytes.slice(HEADER..total);
    if CHECKED && crc32fast::hash(&body) != header.body_check {
        return Err(FrameError::Checksum);
    }
    let mut at = 0;
    let mut take = |len: usize| {
        at += len;
        &body[at - len..at]
    };
    let base = body.slice_ref(take(header.base));
    let mut batch = Batch { base, base_keeps: total, store, ..Batch::default() };
    let store = &mut batch.store;
    store.tail.extend_from_slice(take(header.tail));
    let (key_ends, key_text) = (take(header.keys * 4), take(header.key_text));
    let (type_ends, type_text) = (take(header.types * 4), take(header.type_text));
    read_keys(&read_names(key_ends, key_text)?, &mut store.keys)?;
    let types = read_names(type_ends, type_text)?;
    batch.types = types.into_iter().map(|name| Arc::new(Schema::new(name.to_owned()))).collect();
    batch.origins = read_origins(take(header.origin_bytes), header.origins)?;
    let sections = [header.base as u64, header.tail as u64];
    let flat = read_fields(take(header.fields * Field::BYTES), &mut store.fields, header.keys, sections)?;
    read_heads(take(header.heads * Head::BYTES), &mut store.heads)?;
    check::check(&batch, flat)?;
    Ok(batch)
}

fn finish_header(header: &mut [u8], counts: [usize; 11], body: u32) {
    write_header(header, 0, counts);
    header[56..60].copy_from_slice(&body.to_le_bytes());
    let check = crc32fast::hash(&header[..60]);
    header[60..64].copy_from_slice(&check.to_le_bytes());
}

/// Everything of the header but the checksums.
fn write_header(header: &mut [u8], flags: u32, counts: [usize; 11]) {
    header[0..4].copy_from_slice(MAGIC);
    header[4..6].copy_from_slice(&VERSION.to_le_bytes());
    header[6..8].copy_from_slice(&(HEADER as u16).to_le_bytes());
    header[8..12].copy_from_slice(&flags.to_le_bytes());
    for (slot, count) in header[12..56].chunks_exact_mut(4).zip(counts) {
        slot.copy_from_slice(&(count as u32).to_le_bytes());
    }
}

/// Writes a frame without checksums piece by piece, everything in its base.
pub(super) struct FrameWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> FrameWriter<'a> {
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        out.resize(start + HEADER, 0);
        Self { out, start }
    }

    /// Where in the base it put the text.
    #[inline]
    pub(super) fn base(&mut self, text: &[u8]) -> u32 {
        let at = self.out.len() - self.start - HEADER;
        self.out.extend_from_slice(text);
        at as u32
    }

    /// Adds the tables, and entries as they are.
    pub(super) fn finish<'k>(
        self,
        keys: impl Iterator<Item = &'k str> + Clone,
        types: &[Arc<Schema>],
        origins: &[Arc<Origin>],
        fields: &[u8],
        heads: &[u8],
    ) -> Result<(), BatchFull> {
        let Self { out, start } = self;
        let base = out.len() - start - HEADER;
        if base > MAX_SECTION_BYTES {
            return Err(BatchFull::BASE);
        }
        let (keys, key_text) = write_names(out, keys);
        let (types, type_text) = write_names(out, types.iter().map(|s| s.name.as_ref()));
        let origins_at = out.len();
        origins.iter().for_each(|o| write_origin(out, o));
        let origin_bytes = out.len() - origins_at;
        out.extend_from_slice(fields);
        out.extend_from_slice(heads);
        let (fields, heads) = (fields.len() / Field::BYTES, heads.len() / Head::BYTES);
        let counts =
            [base, 0, keys, key_text, types, type_text, origins.len(), origin_bytes, fields, heads, 0];
        write_header(&mut out[start..], UNCHECKED, counts);
        Ok(())
    }
}

/// The field section of a frame that is being written.
struct Entries<'a> {
    out: &'a mut [u8],
    written: usize,
}

impl Entries<'_> {
    /// Writes all fields of a batch, and says whether none of them has been removed: if one has, nothing counts as written.
    fn write_whole(&mut self, fields: &[Field]) -> bool {
        // Copied first and looked at then, some at a time, so that the copy is a plain one.
        let slots = self.out.chunks_mut(SOME * Field::BYTES);
        let is_whole = slots.zip(fields.chunks(SOME)).all(|(slots, fields)| {
            let slots = slots.chunks_exact_mut(Field::BYTES);
            slots.zip(fields).for_each(|(slot, field)| slot.copy_from_slice(&field.to_bytes()));
            fields.iter().fold(0, |flags, field| flags | field.flags) & FIELD_DEAD == 0
        });
        self.written = if is_whole { fields.len() } else { 0 };
        is_whole
    }

    /// Writes the fields of one event that have not been removed.
    fn write_live(&mut self, fields: &[Field]) {
        for run in live_runs(fields) {
            let start = self.written * Field::BYTES;
            let slots = self.out[start..].chunks_exact_mut(Field::BYTES);
            slots.zip(run).for_each(|(slot, field)| slot.copy_from_slice(&field.to_bytes()));
            self.written += run.len();
        }
    }
}

struct Header {
    base: usize,
    tail: usize,
    keys: usize,
    key_text: usize,
    types: usize,
    type_text: usize,
    origins: usize,
    origin_bytes: usize,
    fields: usize,
    heads: usize,
    body_check: u32,
}

impl Header {
    fn read<const CHECKED: bool>(bytes: &[u8]) -> Result<Self, FrameError> {
        let known = &bytes[..bytes.len().min(4)];
        if known != &MAGIC[..known.len()] {
            return Err(FrameError::NotAFrame);
        }
        let header = bytes.get(..HEADER).ok_or(FrameError::Truncated { needed: HEADER })?;
        let int = |i: usize| u32::from_le_bytes(std::array::from_fn(|n| header[i + n]));
        let version = u16::from_le_bytes([header[4], header[5]]);
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
        if CHECKED && crc32fast::hash(&header[..60]) != int(60) {
            return Err(FrameError::Checksum);
        }
        let this = Self {
            base: int(12) as usize,
            tail: int(16) as usize,
            keys: int(20) as usize,
            key_text: int(24) as usize,
            types: int(28) as usize,
            type_text: int(32) as usize,
            origins: int(36) as usize,
            origin_bytes: int(40) as usize,
            fields: int(44) as usize,
            heads: int(48) as usize,
            body_check: int(56),
        };
        let flags = if CHECKED { 0 } else { UNCHECKED };
        let caps = [
            (this.base, MAX_SECTION_BYTES),
            (this.tail, MAX_SECTION_BYTES),
            (this.keys, MAX_KEYS),
            (this.key_text, MAX_SECTION_BYTES),
            (this.types, MAX_ROWS),
            (this.type_text, MAX_SECTION_BYTES),
            (this.origins, MAX_ROWS),
            (this.origin_bytes, MAX_SECTION_BYTES),
            (this.fields, MAX_ENTRIES),
            (this.heads, MAX_ENTRIES),
        ];
        if let Some(i) = caps.iter().position(|(n, cap)| n > cap) {
            return Err(FrameError::Invalid("a section is larger than a batch may be", i));
        }
        if u16::from_le_bytes([header[6], header[7]]) as usize != HEADER || int(8) != flags || int(52) != 0 {
            return Err(FrameError::Invalid("unknown header fields", 0));
        }
        Ok(this)
    }

    fn total(&self) -> usize {
        // Saturating for the sake of 32 bits; each product is within them.
        [
            self.base,
            self.tail,
            self.keys * 4,
            self.key_text,
            self.types * 4,
            self.type_text,
            self.origin_bytes,
            self.fields * Field::BYTES,
            self.heads * Head::BYTES,
        ]
        .into_iter()
        .fold(HEADER, usize::saturating_add)
    }
}
