//! From the pieces of a log format to its steps.

use dendro_core::FieldSchema;

use super::byte_set::ByteSet;
use super::clock::{Part, Stamp};
use super::error::LogFormatError;
use super::field::{Chars, Escape, Field, Kind, Number, Piece};
use super::literal::Literal;
use super::resolve::MOST_UNCERTAIN;
use super::sink::{NO_SLOT, Slot};
use super::template::{Aside, End, Open, Step, Take, Template};

impl Template {
    /// Compiles a log format. Its lines may end behind the first `optional` values, if that is given.
    pub(crate) fn compile(
        pieces: Vec<Piece>,
        escape: Escape,
        optional: Option<usize>,
    ) -> Result<Self, LogFormatError> {
        let (prefix, parts) = parts(pieces);
        if parts.is_empty() {
            return Err(LogFormatError::new(0, "there is no variable in it"));
        }
        let format = Format { parts: &parts, escape };
        let mut names = Names::default();
        let mut steps = Vec::new();
        let mut uncertain = Vec::new();
        let mut other_time = None;
        for (index, Segment { field, next }) in parts.iter().enumerate() {
            let slot = names.slot(field);
            let end = if field.kind.is_open() { Some(format.end(index, uncertain.len())?) } else { None };
            format.check_closed(index)?;
            if let Some(End::First { .. }) = end {
                uncertain.push(index);
                if uncertain.len() > MOST_UNCERTAIN {
                    return Err(LogFormatError::new(
                        field.at,
                        "more than 16 values may hold what follows them",
                    ));
                }
            }
            if matches!(field.kind, Kind::Time(_, Stamp::Other)) && slot != NO_SLOT {
                other_time = Some(slot);
            }
            steps.push(Step {
                take: take(&field.kind, end),
                slot,
                next: Literal::new(next),
                aside: Box::new(Aside {
                    forbidden: Vec::new(),
                    words: field.kind.words(escape),
                    doubtful: format.doubtful(index),
                    shown: field.shown.clone(),
                }),
            });
        }
        let assembles = settle_times(&mut steps);
        let mut proved = true;
        for index in &uncertain {
            proved &= format.prove(*index, &mut steps);
        }
        Ok(Self {
            prefix: Literal::new(&prefix),
            steps: steps.into(),
            escape,
            published: names.published,
            uncertain: uncertain.into(),
            proved,
            optional: optional.map(|values| values.saturating_sub(1)),
            assembles,
            other_time,
        })
    }
}

/// A value and the literal behind it.
struct Segment {
    field: Field,
    next: Vec<u8>,
}

/// The literal at the front, and the values with what is behind each.
fn parts(pieces: Vec<Piece>) -> (Vec<u8>, Vec<Segment>) {
    let mut prefix = Vec::new();
    let mut parts: Vec<Segment> = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => match parts.last_mut() {
                Some(part) => part.next.extend(text),
                None => prefix.extend(text),
            },
            Piece::Field(field) => parts.push(Segment { field, next: Vec::new() }),
        }
    }
    (prefix, parts)
}

/// The names that are given already.
#[derive(Default)]
struct Names {
    published: Vec<FieldSchema>,
    /// By how they are written in the configuration text.
    shown: Vec<String>,
}

impl Names {
    /// Where a field's values go. What is logged twice is written once; a name that another field has gets a number.
    fn slot(&mut self, field: &Field) -> Slot {
        if field.published.is_empty() || self.shown.contains(&field.shown) {
            return NO_SLOT;
        }
        self.shown.push(field.shown.clone());
        let slot = self.published.len();
        for wanted in &field.published {
            let taken = |name: &str| self.published.iter().any(|known| known.name == name);
            let mut wanted = wanted.clone();
            if taken(&wanted.name) {
                let numbered = (2..).map(|number| format!("{}_{number}", wanted.name));
                let free = numbered.into_iter().find(|name| !taken(name));
                wanted.name = free.unwrap_or_default().into();
            }
            self.published.push(wanted);
        }
        slot
    }
}

fn take(kind: &Kind, end: Option<End>) -> Take {
    let end = end.unwrap_or(End::Line { back: 0 });
    match kind {
        Kind::Text(_) => Take::open(Open::Text, end),
        Kind::Request => Take::open(Open::Request, end),
        Kind::Target => Take::open(Open::Target, end),
        Kind::Byte(bytes) => Take::Byte(bytes),
        Kind::Hex(digits) => Take::Hex(*digits),
        Kind::Number(number, missing) => Take::Number(*number, *missing),
        Kind::Numbers(number) => Take::Numbers(*number),
        Kind::Texts => Take::Texts,
        Kind::Time(part, stamp) => Take::Part(part.clone(), *stamp),
    }
}

/// Makes a time of the event that is told by one value alone one that is set at once. Gives whether there are others.
fn settle_times(steps: &mut [Step]) -> bool {
    let told = |step: &Step| matches!(step.take, Take::Part(_, Stamp::Event | Stamp::Other));
    if steps.iter().filter(|step| told(step)).count() == 1 {
        for step in steps.iter_mut() {
            if let Take::Part(part, Stamp::Event) = &step.take
                && !matches!(part, Part::Strftime(_) | Part::Fraction(_))
            {
                step.take = Take::Time(part.clone());
            }
        }
    }
    steps.iter().any(told)
}

struct Format<'a> {
    parts: &'a [Segment],
    escape: Escape,
}

/// Bytes that stand for themselves seldom enough to be good separators.
const RARE: ByteSet = ByteSet::of(b"|^`<>{}~\t\"").with(b"\x01\x1e\x1f");

impl Format<'_> {
    fn may_hold(&self, index: usize) -> ByteSet {
        self.parts[index].field.kind.may_hold(self.escape)
    }

    /// Where a text ends.
    fn end(&self, index: usize, uncertain: usize) -> Result<End, LogFormatError> {
        let Segment { field, next } = &self.parts[index];
        let held = self.may_hold(index);
        if let Some((byte, back)) = self.anchor(index, held) {
            return Ok(self.certain(&field.kind, byte, back));
        }
        if let Some(back) = self.to_line_end(index) {
            return Ok(End::Line { back });
        }
        if next.is_empty() {
            return Err(self.adjacent(index));
        }
        if let Some(other) = self.indistinct(index, held) {
            // A request target has had no spaces since nginx 1.21.1 and Apache 2.4.25.
            if matches!(field.kind, Kind::Text(Chars::Uri) | Kind::Target) && next.first() == Some(&b' ') {
                return Ok(self.certain(&field.kind, b' ', 0));
            }
            if self.often_holds(index) && !self.are_names(index, other) {
                return Err(self.ambiguous(index, other));
            }
        }
        let rare = next.iter().position(|byte| RARE.contains(*byte)).unwrap_or(0);
        Ok(End::First { byte: next[rare], back: rare as u32, number: uncertain as u32 })
    }

    fn certain(&self, kind: &Kind, byte: u8, back: u32) -> End {
        match kind {
            _ if byte == b'"' && self.escape.has_escaped_quote() => End::Quote { byte, back },
            Kind::Text(Chars::Token | Chars::Host | Chars::Word) => End::Word { byte, back },
            _ => End::Byte { byte, back },
        }
    }

    /// The first byte behind a text that can't be in it, and how many bytes stand between. Values of fixed length may, if
    /// they can't hold the byte either.
    fn anchor(&self, index: usize, held: ByteSet) -> Option<(u8, u32)> {
        let mut back = 0;
        let mut between = held;
        for (other, Segment { field, next }) in self.parts.iter().enumerate().skip(index) {
            if other > index {
                if back == 0 {
                    let first = field.kind.first_byte()?;
                    return (!held.contains(first)).then_some((first, 0));
                }
                back += field.kind.fixed_len()?;
                between = between.or(self.may_hold(other));
            }
            if let Some(at) = next.iter().position(|byte| !held.contains(*byte)) {
                return (!between.contains(next[at])).then_some((next[at], (back + at) as u32));
            }
            back += next.len();
        }
        None
    }

    /// How many bytes follow a text to the end of the line, if that is always the same.
    fn to_line_end(&self, index: usize) -> Option<u32> {
        let mut back = self.parts[index].next.len();
        for Segment { field, next } in &self.parts[index + 1..] {
            back += field.kind.fixed_len()? + next.len();
        }
        Some(back as u32)
    }

    /// The next text that could as well hold what separates this one from what follows, if no number, time or other value
    /// that can be told stands between.
    fn indistinct(&self, index: usize, held: ByteSet) -> Option<usize> {
        let separator = self.parts[index].next.first().copied()?;
        for (offset, Segment { field, next }) in self.parts[index + 1..].iter().enumerate() {
            if !field.kind.is_open() && !matches!(field.kind, Kind::Texts | Kind::Byte(_)) {
                return None;
            }
            let other = index + 1 + offset;
            if self.may_hold(other).contains(separator) {
                return Some(other);
            }
            if next.iter().any(|byte| !held.contains(*byte)) {
                return None;
            }
        }
        None
    }

    /// Whether the two texts seldom hold the spaces between them, so that most lines can be read in one way.
    fn are_names(&self, index: usize, other: usize) -> bool {
        let is_name = |index: usize| {
            let kind = &self.parts[index].field.kind;
            matches!(kind, Kind::Text(Chars::Name | Chars::Word | Chars::Host | Chars::Token | Chars::Uri))
        };
        self.parts[index].next.iter().all(|byte| *byte == b' ') && is_name(index) && is_name(other)
    }

    /// Whether values of this kind often hold what separates this one from the next.
    fn often_holds(&self, index: usize) -> bool {
        let Segment { field, next } = &self.parts[index];
        let trimmed = next.trim_ascii();
        let spaced = next.first() == Some(&b' ') && next.last() == Some(&b' ');
        match trimmed {
            [] => !matches!(field.kind, Kind::Text(Chars::Uri) | Kind::Target),
            [byte] => !spaced && !RARE.contains(*byte),
            _ => false,
        }
    }

    /// The length of the separator of a list that begins with what follows the list, where a text comes then that may begin
    /// with the rest of it.
    fn doubtful(&self, index: usize) -> Option<usize> {
        let Segment { field, next } = &self.parts[index];
        let is_list = matches!(field.kind, Kind::Numbers(_) | Kind::Texts);
        let following = &self.parts.get(index + 1)?.field.kind;
        if !is_list || !following.is_open() || matches!(following, Kind::Text(Chars::Token | Chars::Host)) {
            return None;
        }
        [&b", "[..], b" : "]
            .iter()
            .find(|separator| separator.starts_with(next))
            .map(|separator| separator.len())
    }

    /// What ends by itself has to end before what follows.
    fn check_closed(&self, index: usize) -> Result<(), LogFormatError> {
        let Segment { field, next } = &self.parts[index];
        let goes_on = match &field.kind {
            kind if kind.is_open() || kind.fixed_len().is_some() => return Ok(()),
            Kind::Number(Number::F64 | Number::Duration(_), _) => ByteSet::of(b"0123456789"),
            Kind::Number(Number::HexU64, _) => ByteSet::of(b"0123456789abcdefABCDEF"),
            Kind::Number(..) | Kind::Time(..) => ByteSet::of(b"0123456789"),
            Kind::Numbers(_) | Kind::Texts => {
                let separates = [&b", "[..], b" : "].iter().any(|separator| next.starts_with(separator));
                let last = index + 1 == self.parts.len();
                return match next.first() {
                    None if !last => Err(self.adjacent(index)),
                    _ if separates => Err(LogFormatError::new(
                        field.at,
                        format!(
                            "{} is a list with `, ` and ` : ` between its values: where it ends can't be told, \
                             because one of them follows it too; put another separator",
                            field.shown
                        ),
                    )),
                    _ => Ok(()),
                };
            }
            _ => return Ok(()),
        };
        match (next.first(), self.parts.get(index + 1)) {
            (Some(byte), _) if !goes_on.contains(*byte) => Ok(()),
            (None, None) => Ok(()),
            (None, Some(following)) if following.field.kind.first_byte().is_some() => Ok(()),
            (None, Some(_)) => Err(self.adjacent(index)),
            (Some(_), _) => Err(LogFormatError::new(
                field.at,
                format!("{} is a number, and a digit follows it: put a separator between", field.shown),
            )),
        }
    }

    fn adjacent(&self, index: usize) -> LogFormatError {
        let shown = &self.parts[index].field.shown;
        let following = &self.parts[index + 1].field;
        LogFormatError::new(
            following.at,
            format!(
                "{} follows {shown} with nothing between: where {shown} ends can't be told; put a separator, or \
                 quotes around both",
                following.shown
            ),
        )
    }

    fn ambiguous(&self, index: usize, other: usize) -> LogFormatError {
        let Segment { field, next } = &self.parts[index];
        let (shown, other) = (&field.shown, &self.parts[other].field.shown);
        LogFormatError::new(
            field.at,
            format!(
                "where {shown} ends can't be told: both it and {other} may hold the `{}` that follows it; put quotes \
                 around it",
                String::from_utf8_lossy(next)
            ),
        )
    }

    /// Makes sure that what is assumed of an uncertain text is the only way to read a line: its byte must then be in no
    /// value up to the first byte that the text can't hold. Gives whether that could be made sure of.
    fn prove(&self, index: usize, steps: &mut [Step]) -> bool {
        let Some((_, End::First { byte: assumed, .. })) = steps[index].take.as_open() else { return false };
        // What the values up to there can't hold stands at the same place however the line is read.
        let mut held = self.may_hold(index);
        for (other, Segment { field, next }) in self.parts.iter().enumerate().skip(index) {
            held = held.or(self.may_hold(other));
            if other > index {
                let step = &mut steps[other];
                match (step.take.as_open(), &field.kind) {
                    // It ends at the byte, and so does not hold it.
                    (
                        Some((_, End::First { byte, .. } | End::Byte { byte, .. } | End::Word { byte, .. })),
                        _,
                    ) if byte == assumed => {}
                    (Some((open, end)), _) => {
                        step.take = Take::Open(open, end);
                        step.aside.forbidden.push(assumed);
                    }
                    (None, Kind::Texts) => return false,
                    // They hold nothing but what they are made of, and if of fixed length, always as often.
                    (None, kind) => {
                        let time = matches!(kind, Kind::Time(..)) && kind.fixed_len().is_some();
                        if !time && self.may_hold(other).contains(assumed) {
                            return false;
                        }
                    }
                }
            }
            if next.iter().any(|byte| !held.contains(*byte)) {
                return true;
            }
        }
        true
    }
}
