//! Finding the values of `log_line_prefix` in a line.

use std::ops::Range;

use super::labels::Label;
use super::prefix::{Element, Escape, Kind, Prefix};
use crate::Refused;
use crate::scan::find;

/// Finds the prefix of a line, and the label behind it.
///
/// What ends by itself (times, numbers) is read from front to back. A name may hold anything, also what stands behind it in the
/// prefix; only the label behind the whole prefix is certain, since the list of its words is. So where the first try from front
/// to back does not lead to a label, or names could be cut in several ways, every way is followed at once, and the first
/// label that is reached counts. Of several cuts that lead to the same label the later names are the shorter ones: in `%u@%d` a user may
/// have an `@`, as in the address of a mail, a database has not.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    prefix: Prefix,
    /// Whether spaces may stand before the label that are not in the prefix: those at its end get lost when people copy it.
    lenient: bool,
    /// How far from the beginning of a line a label is looked for.
    reach: usize,
    values: [Option<(u32, u32)>; Escape::COUNT],
    /// The places that each element of the prefix may end at.
    places: Vec<Places>,
}

/// Names have up to 63 bytes, hosts up to 1,025 (`NI_MAXHOST`).
const MAX_VALUES_BYTES: usize = 2_048;

/// What stands behind the prefix of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) label: Label,
    /// Where the text behind the label begins.
    pub(super) text: usize,
}

const LITERAL: &str = "what stands here in log_line_prefix";
const LABEL: &str = "a severity or another word that PostgreSQL begins its texts with, as `LOG:  `, behind what log_line_prefix says";

impl Matcher {
    pub(super) fn new(prefix: Prefix) -> Self {
        let fixed = prefix.elements.iter().map(|element| match element {
            Element::Literal(text) => text.len(),
            Element::Value(_, padding) => padding.unsigned_abs() as usize,
        });
        let reach = fixed.sum::<usize>() + MAX_VALUES_BYTES;
        let spaced = |element: &Element| matches!(element, Element::Literal(text) if text.ends_with(b" "));
        let lenient = !prefix.elements.last().is_some_and(spaced);
        let places = vec![Places::default(); prefix.elements.len() + 1];
        Self { prefix, lenient, reach, values: [None; Escape::COUNT], places }
    }

    pub(super) fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Whether lines may begin with a space or tab, which else only continuations of others do.
    pub(super) fn may_begin_with_space(&self) -> bool {
        matches!(self.prefix.elements.first(), Some(Element::Literal(text)) if text[0].is_ascii_whitespace())
    }

    /// Where the value stands that was found last; `None` if the prefix has none, or this line's was cut off by `%q`.
    #[inline]
    pub(super) fn value(&self, escape: Escape) -> Option<Range<usize>> {
        self.values[escape as usize].map(|(start, end)| start as usize..end as usize)
    }

    /// Finds the values in a line.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<Head, Refused> {
        self.values = [None; Escape::COUNT];
        let refused = match self.straight(line) {
            Straight::Found(head) => return Ok(head),
            Straight::Refused(refused) => return Err(refused),
            Straight::Unclear(refused) => refused,
        };
        self.values = [None; Escape::COUNT];
        self.every_way(line).ok_or(refused)
    }

    /// From front to back, each name up to what follows it first.
    #[inline]
    fn straight(&mut self, line: &[u8]) -> Straight {
        let within = line.get(..self.reach).unwrap_or(line);
        let (mut at, mut open) = (0, false);
        let elements = &self.prefix.elements;
        for (index, element) in elements.iter().enumerate() {
            if index == self.prefix.common
                && let Some(head) = Self::head(line, at, true)
            {
                return Straight::Found(head);
            }
            let unclear = |at, expected| {
                let refused = Refused::new(at, expected);
                if open { Straight::Unclear(refused) } else { Straight::Refused(refused) }
            };
            let rest = within.get(at..).unwrap_or_default();
            match element {
                Element::Literal(text) if rest.starts_with(text) => at += text.len(),
                Element::Literal(_) => return unclear(at, LITERAL),
                Element::Value(escape, padding) if !escape.kind().is_open() => {
                    let Some(end) = closed_end(escape.kind(), *padding, within, at) else {
                        return unclear(at, escape.expected());
                    };
                    self.values[*escape as usize] = Some(trimmed(within, at..end));
                    at = end;
                }
                Element::Value(escape, padding) => {
                    let refused = Refused::new(at, escape.expected());
                    let Some(Element::Literal(next)) = elements.get(index + 1) else {
                        return Straight::Unclear(refused);
                    };
                    let start = at + padding.unsigned_abs() as usize;
                    let Some(len) = within.get(start..).and_then(|rest| find_text(next, rest)) else {
                        return Straight::Unclear(refused);
                    };
                    let value = &within[at..start + len];
                    let before = match index.checked_sub(1).map(|before| &elements[before]) {
                        Some(Element::Literal(text)) if open => find_text(text, value).is_some(),
                        _ => false,
                    };
                    let kind = escape.kind();
                    if before || index + 1 == self.prefix.common || !value.iter().all(|b| kind.allows(*b)) {
                        return Straight::Unclear(refused);
                    }
                    self.values[*escape as usize] = Some(trimmed(within, at..start + len));
                    at = start + len;
                    open = true;
                }
            }
        }
        match Self::head(line, at, self.lenient) {
            Some(head) => Straight::Found(head),
            None if open => Straight::Unclear(Refused::new(at, LABEL)),
            None => Straight::Refused(Refused::new(at, LABEL)),
        }
    }

    /// The label at `at`.
    #[inline]
    fn head(line: &[u8], at: usize, lenient: bool) -> Option<Head> {
        let rest = line.get(at..)?;
        let spaces = if lenient { rest.iter().take_while(|b| **b == b' ').count() } else { 0 };
        let (label, len) = Label::read(&rest[spaces..])?;
        Some(Head { label, text: at + spaces + len })
    }

    /// Follows every way to cut the line, and goes the way back from the first label.
    #[cold]
    fn every_way(&mut self, line: &[u8]) -> Option<Head> {
        let within = line.get(..self.reach).unwrap_or(line);
        self.places[0].clear(within.len());
        self.places[0].set(0);
        for (index, element) in self.prefix.elements.iter().enumerate() {
            let (before, after) = self.places.split_at_mut(index + 1);
            after[0].clear(within.len());
            follow(element, within, &before[index], &mut after[0]);
        }
        let (all, common) = (self.prefix.elements.len(), self.prefix.common);
        let (count, end, head) = (0..=within.len()).find_map(|at| {
            let label = |count: usize, lenient| {
                let head = self.places[count].has(at).then(|| Self::head(line, at, lenient)).flatten()?;
                Some((count, at, head))
            };
            label(all, self.lenient).or_else(|| (common < all).then(|| label(common, false)).flatten())
        })?;
        let mut end = end;
        for index in (0..count).rev() {
            let start = self.before(index, within, end)?;
            if let Element::Value(escape, _) = self.prefix.elements[index] {
                self.values[escape as usize] = Some(trimmed(within, start..end));
            }
            end = start;
        }
        Some(head)
    }

    /// Where an element begins that ends at `end`: as late as possible.
    fn before(&self, index: usize, line: &[u8], end: usize) -> Option<usize> {
        let places = &self.places[index];
        match &self.prefix.elements[index] {
            Element::Literal(text) => end.checked_sub(text.len()),
            Element::Value(escape, padding) if !escape.kind().is_open() => (0..=end)
                .rev()
                .find(|at| places.has(*at) && closed_end(escape.kind(), *padding, line, *at) == Some(end)),
            Element::Value(escape, padding) => {
                let longest = line[..end].iter().rev().take_while(|b| escape.kind().allows(**b)).count();
                let last = end.checked_sub(padding.unsigned_abs() as usize)?;
                (end - longest..=last).rev().find(|at| places.has(*at))
            }
        }
    }
}

enum Straight {
    Found(Head),
    /// There is no other way.
    Refused(Refused),
    /// There may be another way.
    Unclear(Refused),
}

/// From the places where an element may begin to those where it may end.
fn follow(element: &Element, line: &[u8], starts: &Places, ends: &mut Places) {
    match element {
        Element::Literal(text) => {
            for at in starts.iter() {
                if line[at..].starts_with(text) {
                    ends.set(at + text.len());
                }
            }
        }
        Element::Value(escape, padding) if !escape.kind().is_open() => {
            for at in starts.iter() {
                if let Some(end) = closed_end(escape.kind(), *padding, line, at) {
                    ends.set(end);
                }
            }
        }
        Element::Value(escape, padding) => {
            let width = padding.unsigned_abs() as usize;
            // The earliest place from which all bytes up to here can be of the value.
            let mut earliest = None;
            for at in 0..=line.len() {
                if at > 0 && !escape.kind().allows(line[at - 1]) {
                    earliest = None;
                }
                if starts.has(at) && earliest.is_none() {
                    earliest = Some(at);
                }
                if earliest.is_some_and(|start| at - start >= width) {
                    ends.set(at);
                }
            }
        }
    }
}

/// Where a value ends that begins at `at` and whose end shows by itself, the spaces that fill it included.
#[inline]
fn closed_end(kind: Kind, padding: i32, line: &[u8], at: usize) -> Option<usize> {
    if padding == 0 {
        return kind.len(line.get(at..)?).map(|len| at + len);
    }
    let width = padding.unsigned_abs() as usize;
    let spaces = |at: usize, most: usize| {
        line.get(at..).unwrap_or_default().iter().take(most).take_while(|b| **b == b' ').count()
    };
    let left = if padding > 0 { spaces(at, width) } else { 0 };
    let len = match kind.len(line.get(at + left..)?) {
        Some(len) => len,
        // Nothing but the filling.
        None if left == width || spaces(at, width) == width => 0,
        None => return None,
    };
    let end = at + left + len;
    let missing = (at + width).saturating_sub(end);
    (spaces(end, missing) == missing).then_some(end + missing)
}

/// Without the spaces that fill it, and short.
#[inline]
fn trimmed(line: &[u8], range: Range<usize>) -> (u32, u32) {
    let text = line.get(range.clone()).unwrap_or_default();
    let left = text.iter().take_while(|b| **b == b' ').count();
    let right = text[left..].iter().rev().take_while(|b| **b == b' ').count();
    ((range.start + left) as u32, (range.end - right) as u32)
}

#[inline]
fn find_text(needle: &[u8], text: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    loop {
        let at = from + find(first, text.get(from..)?)?;
        if text[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// A set of places in a line.
#[derive(Clone, Debug, Default)]
struct Places(Vec<u64>);

impl Places {
    /// None, of those from 0 to `last`.
    fn clear(&mut self, last: usize) {
        self.0.clear();
        self.0.resize(last / 64 + 1, 0);
    }

    fn set(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                word &= word.wrapping_sub(1);
                (bit < 64).then_some(index * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::labels::{Part, Severity};
    use super::*;

    fn read(prefix: &str, line: &str) -> Result<(Label, Vec<String>, String), Refused> {
        let mut matcher = Matcher::new(Prefix::compile(prefix).unwrap());
        let head = matcher.read(line.as_bytes())?;
        let values = matcher.prefix.elements.iter().filter_map(|element| match element {
            Element::Value(escape, _) => matcher.value(*escape).map(|range| line[range].to_owned()),
            Element::Literal(_) => None,
        });
        Ok((head.label, values.collect(), line[head.text..].to_owned()))
    }

    #[track_caller]
    fn values(prefix: &str, line: &str, expected: &[&str]) {
        let (_, values, text) = read(prefix, line).unwrap();
        assert_eq!(values, expected, "{prefix}: {line}");
        assert_eq!(text, "x");
    }

    const TIME: &str = "2026-11-20 20:33:56.970 UTC";

    #[test]
    fn the_usual_prefixes() {
        values("%m [%p] ", &format!("{TIME} [14] LOG:  x"), &[TIME, "14"]);
        let debian = "%m [%p] %q%u@%d ";
        values(debian, &format!("{TIME} [14] LOG:  x"), &[TIME, "14"]);
        values(debian, &format!("{TIME} [14] ann@shop LOG:  x"), &[TIME, "14", "ann", "shop"]);
        let rds = "%t:%r:%u@%d:[%p]:";
        values(rds, &format!("{TIME}::@:[9]:LOG:  x"), &[TIME, "", "", "", "9"]);
        values(rds, &format!("{TIME}:::1(4):a@d:[9]:LOG:  x"), &[TIME, "::1(4)", "a", "d", "9"]);
        values(rds, &format!("{TIME}:[local]:a@d:[9]:LOG: x"), &[TIME, "[local]", "a", "d", "9"]);
        values("%t-%c-", &format!("{TIME}-5eefe116.22f4-LOG:  x"), &[TIME, "5eefe116.22f4"]);
        values("", "LOG:  x", &[]);
        values(" sql_error_code = %e ", " sql_error_code = 42P01 LOG:  x", &["42P01"]);
    }

    #[test]
    fn names_may_hold_what_stands_behind_them() {
        let debian = "%m [%p] %q%u@%d ";
        for (user, database) in [
            ("we ird", "my db"),
            ("ann@example.net", "shop"),
            ("per%cent", "a,b"),
            ("LOG", "x:y"),
            ("\"q\"", "café"),
            ("", ""),
        ] {
            values(debian, &format!("{TIME} [14] {user}@{database} LOG:  x"), &[TIME, "14", user, database]);
        }
        let long = "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ";
        let line = format!("{TIME} [1]: [3-1] user=a,b,db=c,app=app,with,commas,client=::1 LOG:  x");
        values(long, &line, &[TIME, "1", "3", "a,b", "c", "app,with,commas", "::1"]);
        values("%a: ", "puma: cluster worker 2: LOG:  x", &["puma: cluster worker 2"]);
        values("[%a] ", "[[x] LOG] LOG:  x", &["[x] LOG"]);
    }

    #[test]
    fn the_first_label_counts() {
        let (label, _, text) = read("%u@%d ", "a@b LOG:  c@d ERROR:  x").unwrap();
        assert_eq!((label, text.as_str()), (Label::Main(Severity::Log), "c@d ERROR:  x"));
        let (label, _, _) = read("%u@%d ", "a@b DETAIL:  c@d ERROR:  x").unwrap();
        assert_eq!(label, Label::Further(Part::Detail));
    }

    #[test]
    fn spaces_at_the_end_of_a_prefix_may_be_lost() {
        values("%t [%p-%l] %u@%d", &format!("{TIME} [1-2] a@b LOG:  x"), &[TIME, "1", "2", "a", "b"]);
        values("%m [%p]", &format!("{TIME} [1] LOG:  x"), &[TIME, "1"]);
    }

    #[test]
    fn values_are_filled_with_spaces() {
        let prefix = "[%6p] %-10u|%5d|%-4l|%3P ";
        values(prefix, "[    12] ann       |shop |7   |    LOG:  x", &["12", "ann", "shop", "7", ""]);
        values(
            prefix,
            "[1234567] a very long name|a longer one|12345|1234 LOG:  x",
            &["1234567", "a very long name", "a longer one", "12345", "1234"],
        );
        values("%-10u ", "           LOG:  x", &[""]);
    }

    #[test]
    fn every_escape_is_read() {
        let prefix = "%a|%b|%u|%d|%r|%h|%L|%p|%P|%t|%n|%s|%i|%e|%c|%l|%v|%x|%Q|%%|";
        let line = "app|client backend|u|d|h(1)|h|127.0.0.1|1||2026-11-20 20:33:56 -03|1795208036.123|2026-11-20 20:33:56 UTC|CREATE TABLE|00000|6b00.1|2|3/353|0|-5|%|LOG:  x";
        let expected: Vec<&str> = line.split('|').take(19).collect();
        values(prefix, line, &expected);
        values("%v ", " LOG:  x", &[""]);
    }

    #[test]
    fn a_line_without_the_prefix_is_refused_at_the_place_where_it_ends() {
        for (line, at) in [
            ("", 0),
            ("x", 0),
            (&format!("{TIME} [x"), TIME.len() + 2),
            (&format!("{TIME} [1] x"), TIME.len() + 5),
            (&format!("{TIME} [1] a@b"), TIME.len() + 7),
            (&format!("{TIME} [1] a@b LINE 1"), TIME.len() + 9),
        ] {
            assert_eq!(read("%m [%p] %q%u@%d ", line).unwrap_err().at, at, "{line}");
        }
    }
}
