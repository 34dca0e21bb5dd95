//! What crosses the border of the sandbox: a frame of the declared fields goes in, a delta comes out.
//!
//! [`Projection`] is the host's side. It writes a [frame](super) that holds only the fields that a transform has
//! [declared](Access), and applies the delta that comes back. The guest reads the frame with
//! [`Batch::from_projection`]; from then on the batch notes what is done to it, and
//! [`Batch::write_delta`] gives the notes.
//!
//! A delta is little-endian, unaligned, and has everything in the order in which it was done:
//!
//! ```text
//!  0  magic "DNDD"         4  version u16 = 1     6  header length u16 = 40
//!  8  keys u32            12  key text bytes u32  16  types u32          20  type text bytes u32
//! 24  origins u32         28  origin bytes u32    32  bytes of edits u32 36  events of the frame u32
//!
//! key ends u32.. | key text | type ends u32.. | type text | origins | edits
//! ```
//!
//! Keys, types and origins are those that the frame does not have; they are numbered behind its own. An edit is a code u8,
//! an event u32, and what the code wants:
//!
//! ```text
//!  1 remove                      2 reject: length u32, reason     3 port: u16
//!  4 time: i64                   5 no time                        6 type: row u16
//!  7 parsed                      8 about Dendro itself            9 set: key u16, value
//! 10 remove field: key u16      11 rename: from u16, to u16      12 append: the event is the parent
//! 13 new event: the event counts for nothing; type row u16, origin row u16, observed i64
//! 14 write: count u16, then key u16 and value each: fields behind those that are there, and the raw text is read
//! 15 raw text: length u32, bytes   16 append with raw text: the event is the parent; length u32, bytes
//! 17 compact: the event counts for nothing
//! ```
//!
//! An appended or new event has the next number behind those of the frame. A value is a tag u8 as in a frame, then: of null
//! nothing, of bool u8, of the other scalars 8 bytes, of text, bytes and distributions a length u32 and the bytes, of an
//! array a count u32 and the values, of an object a count u32 and key u16 and value each. Tag 0x87 is text and 0x88 bytes that
//! stand in the event's raw text: offset u32 from its beginning, length u32.

mod apply;
mod check;
mod declared;
mod journal;
mod projection;
mod read;

pub use declared::Declared;
pub(super) use journal::Journal;
pub use projection::{Access, Names, Projection};

use std::fmt;

use super::Batch;
use super::frame::tables::{write_names, write_origin};

const MAGIC: &[u8; 4] = b"DNDD";
const VERSION: u16 = 1;
const HEADER: usize = 40;

/// The codes of edits.
mod code {
    pub(super) const REMOVE: u8 = 1;
    pub(super) const REJECT: u8 = 2;
    pub(super) const PORT: u8 = 3;
    pub(super) const TIME: u8 = 4;
    pub(super) const NO_TIME: u8 = 5;
    pub(super) const TYPE: u8 = 6;
    pub(super) const PARSED: u8 = 7;
    pub(super) const SELF: u8 = 8;
    pub(super) const SET: u8 = 9;
    pub(super) const REMOVE_FIELD: u8 = 10;
    pub(super) const RENAME: u8 = 11;
    pub(super) const APPEND: u8 = 12;
    pub(super) const EVENT: u8 = 13;
    pub(super) const WRITE: u8 = 14;
    pub(super) const RAW: u8 = 15;
    pub(super) const APPEND_RAW: u8 = 16;
    pub(super) const COMPACT: u8 = 17;
}

/// Marks the tag of text or bytes that stand in the raw text.
const IN_RAW: u8 = 0x80;

/// Why a delta is refused. Nothing of it has been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeltaError {
    /// It contradicts itself or the frame: what, and at which byte.
    Invalid(&'static str, usize),
    /// It edits a field that was not declared as written.
    Undeclared(String),
    /// It gives an event a type that was neither declared nor in the frame.
    UnknownType(String),
    /// It speaks of an origin that no event had.
    UnknownOrigin,
    /// The batch has no room for it.
    Full(super::BatchFull),
}

impl fmt::Display for DeltaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what, at) => write!(f, "invalid delta: {what} (byte {at})"),
            Self::Undeclared(name) => write!(f, "it edits the field `{name}`, which it has not declared"),
            Self::UnknownType(name) => {
                write!(f, "it gives events the type `{name}`, which it has not declared")
            }
            Self::UnknownOrigin => f.write_str("it speaks of an origin that no event had"),
            Self::Full(full) => full.fmt(f),
        }
    }
}

impl std::error::Error for DeltaError {}

impl From<super::BatchFull> for DeltaError {
    fn from(full: super::BatchFull) -> Self {
        Self::Full(full)
    }
}

impl Batch {
    /// An empty batch that notes what is done to it: what a transform in the sandbox flushes into.
    pub fn noted() -> Self {
        let mut batch = Self::default();
        batch.journal = Some(Box::new(Journal::new(&batch)));
        batch
    }

    /// Appends what was done to the batch since [`from_projection`](Self::from_projection) or
    /// [`noted`](Self::noted), as a delta, and ends the notes.
    ///
    /// # Errors
    /// [`DeltaError::Invalid`] if the batch took no notes, or was given events in a way that only sources use.
    pub fn write_delta(&mut self, out: &mut Vec<u8>) -> Result<(), DeltaError> {
        let Some(journal) = self.journal.take() else {
            return Err(DeltaError::Invalid("the batch took no notes", 0));
        };
        if journal.events + journal.appended != self.end_index() {
            return Err(DeltaError::Invalid(
                "a transform adds events by `append`, `append_assembled` and `push_event`",
                0,
            ));
        }
        let start = out.len();
        out.reserve(HEADER + journal.edits.len());
        out.resize(start + HEADER, 0);
        let (keys, key_text) = write_names(out, self.store.keys.iter().skip(journal.keys));
        let (types, type_text) =
            write_names(out, self.types.iter().skip(journal.types).map(|s| s.name.as_ref()));
        let origins_at = out.len();
        let origins = self.origins.get(journal.origins..).unwrap_or_default();
        origins.iter().for_each(|o| write_origin(out, o));
        let origin_bytes = out.len() - origins_at;
        let counts = [
            keys,
            key_text,
            types,
            type_text,
            origins.len(),
            origin_bytes,
            journal.edits.len(),
            journal.events,
        ];
        out.extend_from_slice(&journal.edits);
        let header = &mut out[start..start + HEADER];
        header[0..4].copy_from_slice(MAGIC);
        header[4..6].copy_from_slice(&VERSION.to_le_bytes());
        header[6..8].copy_from_slice(&(HEADER as u16).to_le_bytes());
        for (slot, count) in header[8..].chunks_exact_mut(4).zip(counts) {
            slot.copy_from_slice(&(count as u32).to_le_bytes());
        }
        Ok(())
    }
}
