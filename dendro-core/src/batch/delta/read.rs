//! The sections and edits of a delta, read through checked accessors: nothing in it is believed.

use std::sync::Arc;

use super::super::frame::tables::{read_names, read_origins};
use super::super::layout::{MAX_KEYS, MAX_ROWS, Tag};
use super::{DeltaError, HEADER, IN_RAW, MAGIC, VERSION, code};
use crate::Origin;

/// The sections of a delta.
pub(super) struct Delta<'a> {
    pub(super) keys: Vec<&'a str>,
    pub(super) types: Vec<&'a str>,
    pub(super) origins: Vec<Arc<Origin>>,
    pub(super) edits: &'a [u8],
    /// How many events its frame had.
    pub(super) events: usize,
}

impl<'a> Delta<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, DeltaError> {
        let header =
            bytes.get(..HEADER).ok_or(DeltaError::Invalid("shorter than its header", bytes.len()))?;
        if &header[..4] != MAGIC {
            return Err(DeltaError::Invalid("it does not begin with DNDD", 0));
        }
        if header[4..8] != [VERSION.to_le_bytes(), (HEADER as u16).to_le_bytes()].concat()[..] {
            return Err(DeltaError::Invalid("a version that is unknown here", 4));
        }
        let count = |i: usize| u32::from_le_bytes(std::array::from_fn(|n| header[8 + 4 * i + n])) as usize;
        if count(0) > MAX_KEYS || count(2) > MAX_ROWS || count(4) > MAX_ROWS {
            return Err(DeltaError::Invalid("more names or origins than a batch may have", 8));
        }
        let mut rest = &bytes[HEADER..];
        let mut take = |len: usize| {
            let (section, after) = rest
                .split_at_checked(len)
                .ok_or(DeltaError::Invalid("a section beyond the end", bytes.len()))?;
            rest = after;
            Ok::<_, DeltaError>(section)
        };
        let (key_ends, key_text) = (take(count(0) * 4)?, take(count(1))?);
        let (type_ends, type_text) = (take(count(2) * 4)?, take(count(3))?);
        let (origin_bytes, edits) = (take(count(5))?, take(count(6))?);
        if !rest.is_empty() {
            return Err(DeltaError::Invalid("bytes behind the edits", bytes.len() - rest.len()));
        }
        let invalid = |_| DeltaError::Invalid("a name or origin is cut off, or is not UTF-8", HEADER);
        Ok(Self {
            keys: read_names(key_ends, key_text).map_err(invalid)?,
            types: read_names(type_ends, type_text).map_err(invalid)?,
            origins: read_origins(origin_bytes, count(4)).map_err(invalid)?,
            edits,
            events: count(7),
        })
    }
}

/// One edit, without its event.
pub(super) enum Edit<'a> {
    Remove,
    Reject(&'a [u8]),
    Port(u16),
    Time(Option<i64>),
    Type(u16),
    Parsed,
    AboutSelf,
    /// The value follows.
    Set(u16),
    RemoveField(u16),
    Rename(u16, u16),
    Append,
    Event {
        ty: u16,
        origin: u16,
        observed: i64,
    },
    /// So many keys and values follow.
    Write(u16),
    Raw(&'a [u8]),
    AppendRaw(&'a [u8]),
    Compact,
}

/// A value of a delta in place.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    Scalar(Tag, u64),
    Text(Tag, &'a [u8]),
    InRaw(Tag, u32, u32),
    /// An array or object of so many values, which follow.
    Nested(Tag, u32),
}

/// Reads on, or says what is wrong.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

type Read<T> = Result<T, &'static str>;
const CUT_OFF: &str = "an edit is cut off";

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len() }
    }

    pub(super) fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The event and what is to be done to it.
    #[inline]
    pub(super) fn edit(&mut self) -> Read<(u32, Edit<'a>)> {
        let [code] = self.array()?;
        let event = self.u32()?;
        let edit = match code {
            code::REMOVE => Edit::Remove,
            code::REJECT => Edit::Reject(self.text()?),
            code::PORT => Edit::Port(self.u16()?),
            code::TIME => Edit::Time(Some(i64::from_le_bytes(self.array()?))),
            code::NO_TIME => Edit::Time(None),
            code::TYPE => Edit::Type(self.u16()?),
            code::PARSED => Edit::Parsed,
            code::SELF => Edit::AboutSelf,
            code::SET => Edit::Set(self.u16()?),
            code::REMOVE_FIELD => Edit::RemoveField(self.u16()?),
            code::RENAME => Edit::Rename(self.u16()?, self.u16()?),
            code::APPEND => Edit::Append,
            code::EVENT => Edit::Event {
                ty: self.u16()?,
                origin: self.u16()?,
                observed: i64::from_le_bytes(self.array()?),
            },
            code::WRITE => Edit::Write(self.u16()?),
            code::RAW => Edit::Raw(self.text()?),
            code::APPEND_RAW => Edit::AppendRaw(self.text()?),
            code::COMPACT => Edit::Compact,
            _ => return Err("an edit with an unknown code"),
        };
        Ok((event, edit))
    }

    /// A value, of an array or object the beginning.
    #[inline]
    pub(super) fn content(&mut self) -> Read<Content<'a>> {
        let [tag] = self.array()?;
        let in_raw = tag & IN_RAW != 0;
        let tag = Tag::from_byte(tag & !IN_RAW).ok_or("a value with an unknown tag")?;
        Ok(match tag {
            Tag::Str | Tag::Bytes if in_raw => Content::InRaw(tag, self.u32()?, self.u32()?),
            _ if in_raw => return Err("a value with an unknown tag"),
            Tag::Null => Content::Scalar(tag, 0),
            Tag::Bool => match self.array()? {
                [bit @ (0 | 1)] => Content::Scalar(tag, u64::from(bit)),
                _ => return Err("a bool that is neither 0 nor 1"),
            },
            Tag::Str | Tag::Bytes | Tag::Histogram | Tag::Sketch => Content::Text(tag, self.text()?),
            Tag::Array | Tag::Object => Content::Nested(tag, self.u32()?),
            _ => Content::Scalar(tag, u64::from_le_bytes(self.array()?)),
        })
    }

    pub(super) fn u16(&mut self) -> Read<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Read<&'a [u8]> {
        let len = self.u32()? as usize;
        let (text, after) = self.rest.split_at_checked(len).ok_or(CUT_OFF)?;
        self.rest = after;
        Ok(text)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (array, after) = self.rest.split_first_chunk().ok_or(CUT_OFF)?;
        self.rest = after;
        Ok(*array)
    }
}
