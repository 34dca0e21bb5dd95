//! The flat entries that a batch is made of, and their byte form in a frame.

use super::place::Place;

/// The most bytes that `base` or `tail` may hold: offsets stay small and a batch stays a batch.
pub const MAX_SECTION_BYTES: usize = 64 << 20;
/// The most distinct field names in a batch.
pub const MAX_KEYS: usize = u16::MAX as usize;
/// The most top-level fields of one event.
pub const MAX_FIELDS_PER_EVENT: usize = 1_024;
/// The most entries of one event, nested ones included.
pub const MAX_ENTRIES_PER_EVENT: usize = 1 << 20;
/// The most entries of one batch.
pub const MAX_ENTRIES: usize = 64 << 20;
/// The deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 64;
/// The most event types, and the most origins, in a batch.
pub const MAX_ROWS: usize = u16::MAX as usize;
/// The row of an event that was given one which its batch does not have: it has no type, or no origin.
pub(crate) const NO_ROW: u16 = u16::MAX;

/// A field name in the key table of one batch. Keys are ordered as the table got them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(crate) u16);

impl Key {
    /// Its place in the table, from 0.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What a [`Field`]'s payload is. The numbers are part of the frame format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    Null = 0,
    Bool = 1,
    I64 = 2,
    U64 = 3,
    F64 = 4,
    Timestamp = 5,
    Duration = 6,
    Str = 7,
    Bytes = 8,
    Array = 9,
    Object = 10,
    Histogram = 11,
    Sketch = 12,
}

impl Tag {
    /// `None` if it is unknown.
    #[inline]
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Null,
            1 => Self::Bool,
            2 => Self::I64,
            3 => Self::U64,
            4 => Self::F64,
            5 => Self::Timestamp,
            6 => Self::Duration,
            7 => Self::Str,
            8 => Self::Bytes,
            9 => Self::Array,
            10 => Self::Object,
            11 => Self::Histogram,
            12 => Self::Sketch,
            _ => return None,
        })
    }

    /// Whether the payload is an offset of `len` bytes into base or tail.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Str | Self::Bytes | Self::Histogram | Self::Sketch)
    }

    /// Whether `len` entries that follow belong to this one.
    pub(crate) fn is_nested(self) -> bool {
        matches!(self, Self::Array | Self::Object)
    }
}

/// The payload is an offset into the tail instead of the base.
pub(crate) const FIELD_IN_TAIL: u8 = 1;
/// The field was removed.
pub(crate) const FIELD_DEAD: u8 = 2;

/// One field of one event: 16 bytes, scalars inline, text by offset, nested values by the entries
/// that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Field {
    pub(crate) payload: u64,
    pub(crate) len: u32,
    pub(crate) key: u16,
    pub(crate) tag: Tag,
    pub(crate) flags: u8,
}

impl Field {
    pub(crate) const BYTES: usize = 16;

    pub(crate) const fn scalar(key: Key, tag: Tag, payload: u64) -> Self {
        Self { payload, len: 0, key: key.0, tag, flags: 0 }
    }

    pub(crate) const fn text(key: Key, tag: Tag, offset: u32, len: u32, in_tail: bool) -> Self {
        Self { payload: offset as u64, len, key: key.0, tag, flags: if in_tail { FIELD_IN_TAIL } else { 0 } }
    }

    pub(crate) fn is_dead(self) -> bool {
        self.flags & FIELD_DEAD != 0
    }

    pub(crate) fn in_tail(self) -> bool {
        self.flags & FIELD_IN_TAIL != 0
    }

    /// How many entries it takes, its own included.
    pub(crate) fn entries(self) -> usize {
        1 + if self.tag.is_nested() { self.len as usize } else { 0 }
    }

    #[inline]
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[0..8].copy_from_slice(&self.payload.to_le_bytes());
        out[8..12].copy_from_slice(&self.len.to_le_bytes());
        out[12..14].copy_from_slice(&self.key.to_le_bytes());
        out[14] = self.tag as u8;
        out[15] = self.flags;
        out
    }

    /// The field of bytes that [are known](Self::is_known).
    #[inline]
    pub(crate) fn from_bytes(b: &[u8; Self::BYTES]) -> Self {
        Self {
            payload: u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
            len: u32::from_le_bytes([b[8], b[9], b[10], b[11]]),
            key: u16::from_le_bytes([b[12], b[13]]),
            tag: Tag::from_byte(b[14]).unwrap_or(Tag::Null),
            flags: b[15],
        }
    }

    /// Whether tag and flags of these bytes are known. Removed fields have no byte form.
    #[inline]
    pub(crate) fn is_known(b: &[u8]) -> bool {
        matches!(b, [.., tag, flags] if (*tag <= Tag::Sketch as u8) & (*flags & !FIELD_IN_TAIL == 0))
    }
}

/// The fields of one event that have not been removed, with what belongs to them, in runs.
pub(crate) fn live_runs(fields: &[Field]) -> impl Iterator<Item = &[Field]> {
    let whole = fields.iter().all(|f| !f.is_dead());
    let mut rest = fields;
    std::iter::from_fn(move || {
        while let Some(first) = rest.first() {
            let entries = if whole { rest.len() } else { first.entries().min(rest.len()) };
            let (run, after) = rest.split_at(entries);
            rest = after;
            if !first.is_dead() {
                return Some(run);
            }
        }
        None
    })
}

/// The raw text is in the tail instead of the base.
pub(crate) const HEAD_RAW_IN_TAIL: u16 = 1;
/// The event has a time of its own.
pub(crate) const HEAD_TIMED: u16 = 2;
/// No parser has read the raw text yet: it reads as the field `message`.
pub(crate) const HEAD_UNPARSED: u16 = 4;
/// The event is about Dendro itself: in-process sources skip what caused it.
pub(crate) const HEAD_SELF: u16 = 8;
/// A transform has removed the event.
pub(crate) const HEAD_REMOVED: u16 = 16;
/// A transform has sent the event to the dead letters.
pub(crate) const HEAD_REJECTED: u16 = 32;
/// Not to be processed further.
pub(crate) const HEAD_GONE: u16 = HEAD_REMOVED | HEAD_REJECTED;
const HEAD_KEPT: u16 = HEAD_RAW_IN_TAIL | HEAD_TIMED | HEAD_UNPARSED | HEAD_SELF;

/// One event: 48 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Head {
    pub(crate) time: i64,
    pub(crate) observed: i64,
    pub(crate) place: Place,
    pub(crate) fields_start: u32,
    pub(crate) fields_len: u32,
    pub(crate) raw_start: u32,
    pub(crate) raw_len: u32,
    pub(crate) ty: u16,
    pub(crate) origin: u16,
    pub(crate) port: u16,
    pub(crate) flags: u16,
}

impl Head {
    pub(crate) const BYTES: usize = 48;

    pub(crate) fn has(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    pub(crate) fn fields(&self) -> std::ops::Range<usize> {
        let start = self.fields_start as usize;
        start..start + self.fields_len as usize
    }

    pub(crate) fn raw(&self) -> std::ops::Range<usize> {
        let start = self.raw_start as usize;
        start..start + self.raw_len as usize
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[0..8].copy_from_slice(&self.time.to_le_bytes());
        out[8..16].copy_from_slice(&self.observed.to_le_bytes());
        out[16..24].copy_from_slice(&self.place.to_bits().to_le_bytes());
        for (slot, v) in out[24..40].chunks_exact_mut(4).zip([
            self.fields_start,
            self.fields_len,
            self.raw_start,
            self.raw_len,
        ]) {
            slot.copy_from_slice(&v.to_le_bytes());
        }
        for (slot, v) in out[40..48].chunks_exact_mut(2).zip([self.ty, self.origin, self.port, self.flags]) {
            slot.copy_from_slice(&v.to_le_bytes());
        }
        out
    }

    /// The head, whose flags may be [unknown](Self::unknown_flags).
    #[inline]
    pub(crate) fn from_bytes(b: &[u8; Self::BYTES]) -> Self {
        let long = |i: usize| u64::from_le_bytes(std::array::from_fn(|n| b[i + n]));
        let int = |i: usize| u32::from_le_bytes(std::array::from_fn(|n| b[i + n]));
        let short = |i: usize| u16::from_le_bytes(std::array::from_fn(|n| b[i + n]));
        Self {
            time: long(0) as i64,
            observed: long(8) as i64,
            place: Place::from_bits(long(16)),
            fields_start: int(24),
            fields_len: int(28),
            raw_start: int(32),
            raw_len: int(36),
            ty: short(40),
            origin: short(42),
            port: short(44),
            flags: short(46),
        }
    }

    /// The flags that it may not have: events that are gone have no byte form.
    #[inline]
    pub(crate) fn unknown_flags(&self) -> u16 {
        self.flags & !HEAD_KEPT
    }
}

/// A batch is at one of its caps: who fills it starts a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchFull {
    /// What there is too much of.
    pub what: &'static str,
    /// How much of it a batch holds at the most.
    pub limit: usize,
}

impl BatchFull {
    pub(crate) const BASE: Self = Self { what: "bytes of input", limit: MAX_SECTION_BYTES };
    pub(crate) const TAIL: Self = Self { what: "bytes of added values", limit: MAX_SECTION_BYTES };
    pub(crate) const KEYS: Self = Self { what: "distinct field names", limit: MAX_KEYS };
    pub(crate) const FIELDS: Self = Self { what: "fields in one event", limit: MAX_FIELDS_PER_EVENT };
    pub(crate) const ENTRIES: Self =
        Self { what: "nested values in one event", limit: MAX_ENTRIES_PER_EVENT };
    pub(crate) const DEPTH: Self = Self { what: "levels of nesting", limit: MAX_DEPTH };
    pub(crate) const ENTRIES_IN_ALL: Self = Self { what: "values", limit: MAX_ENTRIES };
    pub(crate) const ROWS: Self = Self { what: "event types or origins", limit: MAX_ROWS };

    /// For a key of another batch, where this one has `keys`.
    pub(crate) fn foreign_key(keys: usize) -> Self {
        Self { what: "keys, and the one given is not of them", limit: keys }
    }
}

impl std::fmt::Display for BatchFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a batch holds at most {} {}", self.limit, self.what)
    }
}

impl std::error::Error for BatchFull {}
