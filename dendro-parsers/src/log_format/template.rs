//! A compiled log format.

use dendro_core::{EventWriter, FieldSchema, Key};

use super::byte_set::ByteSet;
use super::clock::{Clocks, Part, Stamp};
use super::field::{Escape, Missing, Number};
use super::literal::Literal;
use super::sink::{Fields, Slot};
use super::walk::{Fail, Why};

/// A log format, compiled: how to find, type and name each value of a line. See the [module](super).
#[derive(Debug)]
pub(crate) struct Template {
    pub(super) prefix: Literal,
    pub(super) steps: Box<[Step]>,
    pub(super) escape: Escape,
    /// What it writes, by [`Slot`].
    pub(super) published: Vec<FieldSchema>,
    /// The steps whose end is [assumed](End::First).
    pub(super) uncertain: Box<[usize]>,
    /// Whether a line that fits what is assumed can't be read in another way.
    pub(super) proved: bool,
    /// A line may end before this step's literal.
    pub(super) optional: Option<usize>,
    /// Whether the times of a line are [put together](Stamp) at its end.
    pub(super) assembles: bool,
    /// Where the other time goes.
    pub(super) other_time: Option<Slot>,
}

/// Finds a value, and what is behind it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) take: Take,
    pub(super) slot: Slot,
    pub(super) next: Literal,
    /// What is seldom looked at.
    pub(super) aside: Box<Aside>,
}

/// What a step has that is seldom looked at.
#[derive(Debug)]
pub(super) struct Aside {
    /// Bytes that a text must not hold for what is assumed before it to be [proved](Template::proved); it is
    /// [`Take::Open`] then.
    pub(super) forbidden: Vec<u8>,
    /// The bytes that a text has to be made of, if they are only some: looked at where a line may be read in several ways.
    pub(super) words: Option<ByteSet>,
    /// The length of the separator of a list that may as well be its end and the beginning of the text behind it.
    pub(super) doubtful: Option<usize>,
    /// How the value is written in the configuration text.
    pub(super) shown: String,
}

#[derive(Debug)]
pub(super) enum Take {
    Text(End),
    Request(End),
    /// The same, and whatever else ends where what follows begins, where it takes more to find that out.
    Open(Open, End),
    Byte(&'static [u8]),
    Hex(usize),
    Number(Number, Missing),
    Numbers(Number),
    Texts,
    /// The time of the event, told as a whole.
    Time(Part),
    /// A part of a time.
    Part(Part, Stamp),
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Text,
    Request,
    Target,
}

impl Take {
    /// How to find a text.
    pub(super) fn open(open: Open, end: End) -> Self {
        match (open, end) {
            (_, End::Line { .. } | End::First { .. }) | (Open::Target, _) => Self::Open(open, end),
            (Open::Text, _) => Self::Text(end),
            (Open::Request, _) => Self::Request(end),
        }
    }

    /// What text it is and where it ends, if it is one.
    pub(super) fn as_open(&self) -> Option<(Open, End)> {
        match *self {
            Self::Text(end) => Some((Open::Text, end)),
            Self::Request(end) => Some((Open::Request, end)),
            Self::Open(open, end) => Some((open, end)),
            _ => None,
        }
    }
}

/// Where a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// So many bytes before the first such byte: the text can't hold it.
    Byte { byte: u8, back: u32 },
    /// The same, of a text that is mostly short.
    Word { byte: u8, back: u32 },
    /// So many bytes before the first such byte, a quote, that is not escaped.
    Quote { byte: u8, back: u32 },
    /// So many bytes before the end of the line.
    Line { back: u32 },
    /// So many bytes before the first such byte, it is assumed; the number is that in [`Template::uncertain`].
    First { byte: u8, back: u32, number: u32 },
}

/// What parsing lines needs, used again for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    pub(super) clocks: Clocks,
    pub(super) decoded: Vec<u8>,
    pub(super) ends: Vec<usize>,
}

impl Template {
    /// What it publishes, in the order in which events have it.
    pub(crate) fn published(&self) -> &[FieldSchema] {
        &self.published
    }

    /// Writes the fields of a line; `keys` are those of [`published`](Self::published).
    #[inline]
    pub(super) fn parse(
        &self,
        event: &mut EventWriter<'_>,
        keys: &[Key],
        scratch: &mut Scratch,
    ) -> Result<(), Fail> {
        if !self.proved {
            return self.parse_uncertain(event, keys, scratch, None);
        }
        let Scratch { clocks, decoded, .. } = scratch;
        let line = event.raw();
        let mut fields = Fields { event, keys, escape: self.escape, decoded };
        match self.line(line, &[], clocks, &mut fields) {
            Err(fail) if !self.uncertain.is_empty() => self.parse_uncertain(event, keys, scratch, Some(fail)),
            done => done,
        }
    }

    /// Where what was assumed is not so, or proves nothing.
    #[cold]
    fn parse_uncertain(
        &self,
        event: &mut EventWriter<'_>,
        keys: &[Key],
        scratch: &mut Scratch,
        assumed: Option<Fail>,
    ) -> Result<(), Fail> {
        event.clear();
        let Scratch { clocks, decoded, ends } = scratch;
        let line = event.raw();
        if let Err(fail) = self.resolve(line, ends, clocks) {
            // Where the line differs from what it mostly looks like tells more than the end of some other try.
            let plain =
                assumed.filter(|plain| plain.why != Why::Assumed && !matches!(fail.why, Why::OneEnd(_)));
            return Err(plain.unwrap_or(fail));
        }
        let mut fields = Fields { event, keys, escape: self.escape, decoded };
        self.line(line, ends, clocks, &mut fields)
    }
}
