//! A configured format.
//!
//! httpd writes its items one behind the other. A field, which begins at a space, is left out from there to the next one if a
//! value of it is missing; the message stays. So fields are read one behind the other, each, or, if it may be missing, nothing in its
//! place. The message ends where what stands behind it can be read up to the end of the line, as far to the right as that may be.

use std::ops::Range;

use memchr::memmem;

use super::config::{self, FormatText, Problem};
use super::default::set_message;
use super::directive::{self, Directive, Item, What};
use super::parts::{is_address, leading_level, leading_os_error, leading_source, level};
use super::schema::{Further, Target};
use super::time::leading;
use super::values::{LEVEL, Value, Values};
use crate::Zone;
use crate::numbers::leading_u64;

/// The formats of the lines of a log, those without a message first: they say more.
#[derive(Clone, Debug, Default)]
pub(super) struct Compiled {
    formats: Vec<Format>,
}

impl Compiled {
    /// Adds the formats of a configuration text, and the fields that they have to `further`.
    pub(super) fn add(&mut self, text: &str, further: &mut Further) -> Result<(), Problem> {
        for text in config::formats(text)? {
            further.next_format();
            self.formats.push(Format::new(&text, further)?);
        }
        self.formats.sort_by_key(|format| format.has_message);
        Ok(())
    }

    /// Reads a line of one of them; `false` if it is of none.
    pub(super) fn parse(&self, record: &[u8], zone: &mut Zone, values: &mut Values) -> bool {
        self.formats.iter().any(|format| {
            values.clear();
            format.parse(record, zone, values).is_some()
        })
    }
}

#[derive(Clone, Debug)]
struct Format {
    /// Those before the message; the last one is what its own field begins with.
    before: Vec<Field>,
    has_message: bool,
    /// Those behind the message; the first one is what its own field ends with.
    after: Vec<Field>,
}

#[derive(Clone, Debug, Default)]
struct Field {
    pieces: Vec<Piece>,
    may_be_missing: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Literal(Vec<u8>),
    Value(Slot),
}

/// A value of a format.
#[derive(Clone, Debug)]
struct Slot {
    kind: Kind,
    /// `None` for a time, and for what stands in the format twice.
    target: Option<Target>,
    hyphen: bool,
    min_level: usize,
    /// Where it stands in the text of the format.
    position: usize,
    /// The texts that may stand behind it.
    stops: Vec<Vec<u8>>,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// As `2026-11-20` or as `Nov 20`, and with a fraction of the second or without one.
    Time {
        compact: bool,
        fraction: bool,
    },
    Level,
    Number,
    /// No spaces in it.
    Word,
    Address,
    Source,
    OsError,
    /// Anything, with escapes.
    Text,
}

impl Format {
    fn new(text: &FormatText, further: &mut Further) -> Result<Self, Problem> {
        let items = directive::items(&text.chars, text.end, text.of)?;
        unambiguous(&items)?;
        let (mut before, mut after) = (vec![Field::default()], Vec::new());
        let mut has_message = false;
        for Item { what, separator, at } in items {
            let side = if has_message { &mut after } else { &mut before };
            if separator {
                side.push(Field::default());
            }
            let Some(field) = side.last_mut() else { continue };
            match what {
                What::Literal(text) => field.pieces.push(Piece::Literal(text)),
                What::Value(directive) => {
                    field.may_be_missing |= directive.may_be_missing(text.of);
                    field.pieces.push(Piece::Value(Slot::new(&directive, at, further)));
                }
                What::Message => {
                    has_message = true;
                    after.push(Field::default());
                }
            }
        }
        set_stops(&mut before);
        set_stops(&mut after);
        if has_message {
            let next_to_message =
                after.iter().position(|field| !field.may_be_missing && !field.pieces.is_empty());
            let behind = &after[..next_to_message.unwrap_or(after.len())];
            before.iter().chain(behind).try_for_each(Field::shows_whether_it_is_missing)?;
        }
        Ok(Self { before, has_message, after })
    }

    fn parse(&self, record: &[u8], zone: &mut Zone, values: &mut Values) -> Option<()> {
        let mut at = 0;
        let mut own_field = true;
        for (n, field) in self.before.iter().enumerate() {
            let is_last = n + 1 == self.before.len();
            match field.read(record, at..record.len(), is_last && !self.has_message, zone, values) {
                Some(end) => at = end,
                None if field.may_be_missing => own_field = !is_last,
                None => return None,
            }
        }
        if !self.has_message {
            return (at == record.len()).then_some(());
        }
        let after = if own_field { &self.after[..] } else { &self.after[1..] };
        let end = message_end(after, record, at, zone, values)?;
        set_message(record, at..end, values);
        Some(())
    }
}

/// So many places are tried for the end of the message.
const MOST: usize = 8;

/// Where the message that begins at `start` ends, with `after` behind it.
fn message_end(
    after: &[Field],
    record: &[u8],
    start: usize,
    zone: &mut Zone,
    values: &mut Values,
) -> Option<usize> {
    for (first, field) in after.iter().enumerate() {
        let Some(Piece::Literal(text)) = field.pieces.first() else {
            // What the message's own field ends with, if that is nothing.
            continue;
        };
        let mut before = record.len();
        for _ in 0..MOST {
            let Some(at) = memmem::rfind(&record[start..before], text) else { break };
            if read_to_end(&after[first..], record, start + at, zone, values).is_some() {
                return Some(start + at);
            }
            before = start + at + text.len() - 1;
        }
        if !field.may_be_missing {
            return None;
        }
    }
    Some(record.len())
}

/// Reads the first of `fields` and those of the others that are there.
fn read_to_end(
    fields: &[Field],
    record: &[u8],
    start: usize,
    zone: &mut Zone,
    values: &mut Values,
) -> Option<()> {
    let further = values.further.len();
    let mut at = start;
    for (n, field) in fields.iter().enumerate() {
        match field.read(record, at..record.len(), n + 1 == fields.len(), zone, values) {
            Some(end) => at = end,
            None if field.may_be_missing && n > 0 => {}
            None => {
                at = start;
                break;
            }
        }
    }
    if at == record.len() {
        return Some(());
    }
    fields.iter().for_each(|field| field.take_back(further, values));
    None
}

impl Field {
    /// Reads it at the front of `range`, or, if it is `anchored`, as all of it. Gives where it ends.
    fn read(
        &self,
        record: &[u8],
        range: Range<usize>,
        anchored: bool,
        zone: &mut Zone,
        values: &mut Values,
    ) -> Option<usize> {
        let further = values.further.len();
        let read = self.pieces_end(record, range.clone(), anchored, zone, values);
        let read = read.filter(|end| !anchored || *end == range.end);
        if read.is_none() {
            self.take_back(further, values);
        }
        read
    }

    /// Takes back what was set for it before it turned out not to be there.
    fn take_back(&self, further: usize, values: &mut Values) {
        for piece in &self.pieces {
            if let Piece::Value(Slot { target: Some(target), .. }) = piece {
                values.unset(*target);
            }
        }
        values.further.truncate(further);
    }

    /// A value that may be missing has to have more around it than spaces, unless it is written in a way of its own.
    fn shows_whether_it_is_missing(&self) -> Result<(), Problem> {
        let values = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(slot) => Some(slot),
            Piece::Literal(_) => None,
        });
        let is_space =
            |piece: &Piece| matches!(piece, Piece::Literal(text) if text.iter().all(|byte| *byte == b' '));
        let shown = values.clone().count() < self.pieces.iter().filter(|piece| !is_space(piece)).count();
        match values.clone().next() {
            Some(slot) if self.may_be_missing && !shown && matches!(slot.kind, Kind::Word | Kind::Text) => {
                let problem = "nothing tells whether this value is missing: put a text next to it, or `-` behind its `%`";
                Err((slot.position, problem.to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn pieces_end(
        &self,
        record: &[u8],
        range: Range<usize>,
        anchored: bool,
        zone: &mut Zone,
        values: &mut Values,
    ) -> Option<usize> {
        let mut at = range.start;
        for (n, piece) in self.pieces.iter().enumerate() {
            let text = &record[at..range.end];
            at += match piece {
                Piece::Literal(literal) => text.starts_with(literal).then_some(literal.len())?,
                Piece::Value(slot) => {
                    let len = match &self.pieces[n + 1..] {
                        [] if anchored => Some(text.len()),
                        [Piece::Literal(last)] if anchored => Some(text.strip_suffix(&last[..])?.len()),
                        _ => None,
                    };
                    slot.read(text, at, len, record, zone, values)?
                }
            };
        }
        Some(at)
    }
}

impl Slot {
    fn new(directive: &Directive, position: usize, further: &mut Further) -> Self {
        let kind = match directive.letter {
            b't' => {
                let option = |letter| directive.name.as_deref().is_some_and(|name| name.contains(letter));
                Kind::Time { compact: option('c'), fraction: option('u') }
            }
            b'l' => Kind::Level,
            b'P' | b'T' | b'k' => Kind::Number,
            b'a' | b'A' => Kind::Address,
            b'F' => Kind::Source,
            b'E' => Kind::OsError,
            b'e' | b'i' | b'n' => Kind::Text,
            _ => Kind::Word,
        };
        Self {
            kind,
            target: further.target(directive),
            hyphen: directive.hyphen,
            min_level: directive.min_level,
            position,
            stops: Vec::new(),
        }
    }

    /// Reads it at the front of `text`, which stands at `at`; `len` is its length if that is known. Gives its length.
    fn read(
        &self,
        text: &[u8],
        at: usize,
        len: Option<usize>,
        record: &[u8],
        zone: &mut Zone,
        values: &mut Values,
    ) -> Option<usize> {
        if self.hyphen && text.starts_with(b"-") && self.may_end(&text[1..], len.map(|len| len == 1)) {
            return Some(1);
        }
        if self.min_level > 0
            && let Value::Plain(known) = &values.fields[LEVEL]
            && level(record.get(known.clone())?)? < self.min_level
        {
            return None;
        }
        match self.kind {
            Kind::Time { compact, fraction } => {
                let found = leading(text, zone).filter(|found| found.fraction == fraction)?;
                if text[0].is_ascii_digit() != compact {
                    return None;
                }
                values.time = Some(values.time.unwrap_or(found.time?));
                Some(found.len)
            }
            Kind::Level => {
                let (_, len) = leading_level(text)?;
                self.set(0, Value::Plain(at..at + len), values);
                Some(len)
            }
            Kind::Number => {
                let (number, len) = leading_u64(text)?;
                self.set(0, Value::Number(number), values);
                Some(len)
            }
            Kind::Word | Kind::Address => {
                let word = &text[..memchr::memchr(b' ', text).unwrap_or(text.len())];
                let len = len.unwrap_or_else(|| self.stop(word));
                let word = word.get(..len).filter(|word| !word.is_empty())?;
                if self.kind == Kind::Word {
                    self.set(0, Value::Plain(at..at + len), values);
                } else if !is_address(word) {
                    return None;
                } else if let Some(target) = self.target {
                    values.set_address(target.first, record, at..at + len, true);
                }
                Some(len)
            }
            Kind::Source => {
                let (file, line, len) = leading_source(text)?;
                self.set(0, Value::Plain(at..at + file), values);
                self.set(1, Value::Number(line), values);
                Some(len)
            }
            Kind::OsError => {
                let error = leading_os_error(text)?;
                let len = len.unwrap_or_else(|| error.text + self.stop(&text[error.text..]));
                if self.target.is_some() {
                    values.set_error(error, at, at + len);
                }
                Some(len)
            }
            Kind::Text => {
                let len = len.unwrap_or_else(|| self.stop(text));
                self.set(0, Value::Escaped(at..at + len), values);
                (len > 0).then_some(len)
            }
        }
    }

    fn set(&self, n: usize, value: Value, values: &mut Values) {
        if let Some(target) = self.target {
            values.set(target.first + n, value);
        }
    }

    /// Where the first of the texts that may stand behind it begins; the end if there is none.
    fn stop(&self, text: &[u8]) -> usize {
        let first = self.stops.iter().filter_map(|stop| memmem::find(text, stop)).min();
        first.unwrap_or(text.len())
    }

    fn may_end(&self, behind: &[u8], known: Option<bool>) -> bool {
        known.unwrap_or_else(|| behind.is_empty() || self.stops.iter().any(|stop| behind.starts_with(stop)))
    }
}

/// Notes behind each value what may stand there: the next text of its field, or the first ones of the next fields up to one that
/// is always there.
fn set_stops(fields: &mut [Field]) {
    for n in 0..fields.len() {
        let mut next = Vec::new();
        for field in &fields[n + 1..] {
            if let Some(Piece::Literal(text)) = field.pieces.first() {
                next.push(text.clone());
            }
            if !field.may_be_missing {
                break;
            }
        }
        for piece in fields[n].pieces.iter_mut().rev() {
            match piece {
                Piece::Literal(text) => next = vec![text.clone()],
                Piece::Value(slot) => slot.stops.clone_from(&next),
            }
        }
    }
}

/// A value has to have a text behind it that tells where it ends, unless it is always written in the same way; so has the message.
fn unambiguous(items: &[Item]) -> Result<(), Problem> {
    let mut after_message = false;
    for [item, next] in items.array_windows() {
        after_message |= item.what == What::Message;
        let ends_by_itself = match &item.what {
            What::Literal(_) => true,
            What::Value(directive) => matches!(directive.letter, b't' | b'l' | b'F'),
            What::Message => false,
        };
        if matches!(next.what, What::Literal(_)) || ends_by_itself && !(after_message && next.separator) {
            continue;
        }
        let problem = "nothing tells where the value before this one ends: put a text between them";
        return Err((next.at, problem.to_owned()));
    }
    Ok(())
}
