//! From value to value through a line: the hot path.

use std::ops::Range;

use super::clock::{Clocks, Stamp};
use super::field::Missing;
use super::sink::{NO_SLOT, Sink};
use super::template::{End, Open, Step, Take, Template};
use super::value::{Value, listed_text_end, number, separator};
use crate::scan::{find_either, search2};

/// A line is not of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fail {
    /// How many bytes of it fit.
    pub(super) at: usize,
    pub(super) why: Why,
}

/// What was expected; numbers are those of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Prefix,
    Value(usize),
    /// The literal behind the value.
    Next(usize),
    End,
    /// That the value ends in one place.
    OneEnd(usize),
    /// A time that there is.
    Calendar,
    /// What was assumed: tried again in another way, never reported.
    Assumed,
}

impl Template {
    /// A whole line. Where it is known, `ends` tells the ends of the uncertain texts.
    #[inline(always)]
    pub(super) fn line<S: Sink>(
        &self,
        line: &[u8],
        ends: &[usize],
        clocks: &mut Clocks,
        sink: &mut S,
    ) -> Result<(), Fail> {
        if !self.prefix.is_at(line, 0) {
            return Err(Fail { at: 0, why: Why::Prefix });
        }
        if self.assembles {
            clocks.begin();
        }
        let end = self.walk(line, 0..self.steps.len(), self.prefix.len(), ends, clocks, sink)?;
        if end != line.len() {
            return Err(Fail { at: end, why: Why::End });
        }
        if self.assembles {
            let fail = Fail { at: clocks.first_part.unwrap_or_default(), why: Why::Calendar };
            sink.time(clocks.whole(Stamp::Event).ok_or(fail)?);
            if let Some(slot) = self.other_time {
                let time = clocks.whole(Stamp::Other).ok_or(fail)?;
                sink.timestamp(slot, time);
            }
        }
        Ok(())
    }

    /// Some steps, from byte `at` on; gives where the last ends.
    #[inline(always)]
    pub(super) fn walk<S: Sink>(
        &self,
        line: &[u8],
        steps: Range<usize>,
        mut at: usize,
        ends: &[usize],
        clocks: &mut Clocks,
        sink: &mut S,
    ) -> Result<usize, Fail> {
        let first = steps.start;
        for (index, step) in self.steps.get(steps).unwrap_or_default().iter().enumerate() {
            at = match step.take {
                Take::Text(end @ End::Word { .. }) => {
                    let (stop, escaped) = text_end(end, line, at, step, first + index)?;
                    if S::TRIES {
                        step.check_words(line, at..stop, first + index)?;
                    }
                    sink.text(step.slot, at..stop, escaped);
                    stop
                }
                Take::Text(end) => {
                    let (stop, escaped) = text_end(end, line, at, step, first + index)?;
                    sink.text(step.slot, at..stop, escaped);
                    stop
                }
                Take::Request(end) => {
                    let (stop, escaped) = text_end(end, line, at, step, first + index)?;
                    sink.request(step.slot, at..stop, escaped);
                    stop
                }
                Take::Number(kind, missing) => {
                    let read = number(kind, missing, line, at, &step.next);
                    let (value, stop) = read.ok_or(Fail { at, why: Why::Value(first + index) })?;
                    sink.value(step.slot, value);
                    stop
                }
                Take::Time(ref part) => {
                    let read = clocks.instant(part, line, at);
                    let (time, len) = read.ok_or(Fail { at, why: Why::Value(first + index) })?;
                    sink.time(time);
                    at + len
                }
                _ => step.unusual(line, at, ends, first + index, clocks, sink)?,
            };
            if !step.next.is_at(line, at) {
                return self.cut(line, first + index, at, sink);
            }
            at += step.next.len();
        }
        Ok(at)
    }

    /// A line that does not go on as the format does: it may end there if that is allowed.
    #[cold]
    fn cut<S: Sink>(&self, line: &[u8], step: usize, at: usize, sink: &mut S) -> Result<usize, Fail> {
        if at != line.len() || self.optional != Some(step) {
            return Err(Fail { at, why: Why::Next(step) });
        }
        let rest = self.steps.get(step + 1..).unwrap_or_default();
        let written = rest.iter().map(|step| step.slot).find(|slot| *slot != NO_SLOT);
        (written.unwrap_or(NO_SLOT)..self.published.len()).for_each(|slot| sink.value(slot, Value::Null));
        Ok(at)
    }
}

impl Step {
    #[inline(never)]
    fn unusual<S: Sink>(
        &self,
        line: &[u8],
        at: usize,
        ends: &[usize],
        index: usize,
        clocks: &mut Clocks,
        sink: &mut S,
    ) -> Result<usize, Fail> {
        let fail = Fail { at, why: Why::Value(index) };
        match &self.take {
            Take::Open(open, end) => {
                let known = match end {
                    End::First { number, .. } => ends.get(*number as usize),
                    _ => None,
                };
                let (stop, escaped) = match known {
                    Some(end) => (*end, true),
                    None => text_end(*end, line, at, self, index)?,
                };
                if S::TRIES {
                    self.check_words(line, at..stop, index)?;
                }
                if ends.is_empty() && holds_forbidden(line, at..stop, self) {
                    return Err(Fail { at, why: Why::Assumed });
                }
                match open {
                    Open::Text => sink.text(self.slot, at..stop, escaped),
                    Open::Request => sink.request(self.slot, at..stop, escaped),
                    Open::Target => sink.target(self.slot, at..stop, escaped),
                }
                Ok(stop)
            }
            Take::Byte(bytes) => {
                line.get(at).filter(|byte| bytes.contains(byte)).ok_or(fail)?;
                sink.byte(self.slot, at);
                Ok(at + 1)
            }
            Take::Hex(digits) => {
                let text = line.get(at..).unwrap_or_default();
                let stop = match text.get(..*digits) {
                    Some(id) if id.iter().fold(true, |all, byte| all & byte.is_ascii_hexdigit()) => {
                        at + digits
                    }
                    _ if text.first() == Some(&b'-') => at + 1,
                    _ => return Err(fail),
                };
                sink.text(self.slot, at..stop, false);
                Ok(stop)
            }
            Take::Numbers(kind) => self.list(line, at, index, sink, |at| {
                let (value, stop) = number(*kind, Missing::Null, line, at, &self.next)?;
                Some((Item::Value(value), stop))
            }),
            Take::Texts => self.list(line, at, index, sink, |at| {
                let stop = listed_text_end(line, at, &self.next);
                let missing = stop == at || (stop == at + 1 && line.get(at) == Some(&b'-'));
                Some((if missing { Item::Value(Value::Null) } else { Item::Text(at..stop) }, stop))
            }),
            Take::Part(part, stamp) => Ok(at + clocks.part(part, *stamp, line, at).ok_or(fail)?),
            // What is usual is not handled here.
            Take::Text(_) | Take::Request(_) | Take::Number(..) | Take::Time(_) => Err(fail),
        }
    }

    /// Whether a text is made of the bytes that it can have.
    #[cold]
    pub(super) fn check_words(&self, line: &[u8], text: Range<usize>, index: usize) -> Result<(), Fail> {
        let Some(words) = &self.aside.words else { return Ok(()) };
        let other =
            line.get(text.clone()).and_then(|bytes| bytes.iter().position(|byte| !words.contains(*byte)));
        match other {
            Some(len) => Err(Fail { at: text.start + len, why: Why::Next(index) }),
            None => Ok(()),
        }
    }

    /// Values with separators between; a single missing one means that there is no list.
    #[inline(always)]
    fn list<S: Sink>(
        &self,
        line: &[u8],
        at: usize,
        index: usize,
        sink: &mut S,
        item: impl Fn(usize) -> Option<(Item, usize)>,
    ) -> Result<usize, Fail> {
        let mut read = item(at).ok_or(Fail { at, why: Why::Value(index) })?;
        let mut more = separator(line, read.1);
        if more.is_none() && matches!(read.0, Item::Value(Value::Null)) {
            sink.value(self.slot, Value::Null);
            return Ok(read.1);
        }
        sink.begin_list(self.slot);
        loop {
            match read.0 {
                Item::Value(value) => sink.value(self.slot, value),
                Item::Text(range) => {
                    let escaped = line.get(range.clone()).is_some_and(|text| text.contains(&b'\\'));
                    sink.text(self.slot, range, escaped);
                }
            }
            let Some(len) = more else { break };
            if self.aside.doubtful == Some(len) {
                return Err(Fail { at: read.1, why: Why::OneEnd(index) });
            }
            let at = read.1 + len;
            read = item(at).ok_or(Fail { at, why: Why::Value(index) })?;
            more = separator(line, read.1);
        }
        sink.end_list(self.slot);
        Ok(read.1)
    }
}

enum Item {
    Value(Value),
    Text(Range<usize>),
}

/// Where a text that begins at byte `at` ends, and whether it may hold escapes.
#[inline(always)]
fn text_end(end: End, line: &[u8], at: usize, step: &Step, index: usize) -> Result<(usize, bool), Fail> {
    if let End::Byte { byte, back } | End::Quote { back, byte } = end
        && line.get(at) == Some(&b'-')
        && line.get(at + 1 + back as usize) == Some(&byte)
        && step.next.is_at(line, at + 1)
    {
        // Mostly a missing value. If the byte were before that place too, what stands there would not fit.
        return Ok((at + 1, false));
    }
    let found = match end {
        End::Word { byte, back } => word(line, at, byte).map(|(found, escaped)| (found, escaped, back)),
        End::Byte { byte, back } => first(line, at, byte).map(|(found, escaped)| (found, escaped, back)),
        End::Quote { back, .. } => unescaped_quote(line, at).map(|(found, escaped)| (found, escaped, back)),
        End::Line { back } => Some((line.len(), true, back)),
        End::First { byte, back, .. } => first(line, at, byte).map(|(found, escaped)| (found, escaped, back)),
    };
    // What is counted back may reach before the text.
    let stop = found.and_then(|(found, _, back)| found.checked_sub(back as usize)).filter(|stop| *stop >= at);
    let (Some((_, escaped, _)), Some(stop)) = (found, stop) else {
        // An empty user of Apache's, which is the only text that has quotes of its own.
        let quotes = line.get(at..).is_some_and(|rest| rest.starts_with(b"\"\""));
        if quotes && matches!(end, End::Quote { .. }) && step.next.is_at(line, at + 2) {
            return Ok((at + 2, false));
        }
        let at = if found.is_some() { at } else { line.len().max(at) };
        return Err(Fail { at, why: Why::Next(index) });
    };
    Ok((stop, escaped))
}

fn holds_forbidden(line: &[u8], range: Range<usize>, step: &Step) -> bool {
    let text = line.get(range).unwrap_or_default();
    step.aside.forbidden.iter().any(|byte| memchr::memchr(*byte, text).is_some())
}

/// The same as [`first`], for a byte that is mostly near.
#[inline(always)]
fn word(line: &[u8], at: usize, byte: u8) -> Option<(usize, bool)> {
    let rest = line.get(at..)?;
    let found = find_either(byte, b'\\', rest, 0)?;
    if rest.get(found) == Some(&byte) {
        return Some((at + found, false));
    }
    first_behind(line, at + found, byte)
}

/// The first such byte, and whether a backslash stands before it.
#[inline(always)]
fn first(line: &[u8], at: usize, byte: u8) -> Option<(usize, bool)> {
    let rest = line.get(at..)?;
    let found = search2(byte, b'\\', rest)?;
    if rest.get(found) == Some(&byte) {
        return Some((at + found, false));
    }
    first_behind(line, at + found, byte)
}

#[cold]
fn first_behind(line: &[u8], at: usize, byte: u8) -> Option<(usize, bool)> {
    memchr::memchr(byte, line.get(at..)?).map(|found| (at + found, true))
}

/// The first quote that no backslash escapes, and whether a backslash stands before it.
#[inline(always)]
fn unescaped_quote(line: &[u8], at: usize) -> Option<(usize, bool)> {
    let rest = line.get(at..)?;
    let found = search2(b'"', b'\\', rest)?;
    if rest.get(found) == Some(&b'"') {
        return Some((at + found, false));
    }
    unescaped_quote_behind(line, at + found)
}

#[cold]
fn unescaped_quote_behind(line: &[u8], mut at: usize) -> Option<(usize, bool)> {
    loop {
        // Behind the backslash and what it escapes.
        let rest = line.get(at + 2..)?;
        let found = memchr::memchr2(b'"', b'\\', rest)?;
        at += 2 + found;
        if rest.get(found) == Some(&b'"') {
            return Some((at, true));
        }
    }
}
