//! Texts that may hold what follows them: where they end, and that they can't end elsewhere.

use super::clock::Clocks;
use super::sink::Nowhere;
use super::template::{End, Template};
use super::walk::{Fail, Why};

impl Template {
    /// The ends of the uncertain texts of a line.
    ///
    /// From the last to the first, each place where a text could end is tried, from the right: whether the line fits
    /// from there up to the next uncertain text, which then may still end. The two last such places tell whether there
    /// is just one. What all tries read is bounded by the length of the line.
    pub(super) fn resolve(
        &self,
        line: &[u8],
        ends: &mut Vec<usize>,
        clocks: &mut Clocks,
    ) -> Result<(), Fail> {
        let Some(first) = self.uncertain.first() else { return Ok(()) };
        if !self.prefix.is_at(line, 0) {
            return Err(Fail { at: 0, why: Why::Prefix });
        }
        // Behind all that is certain before the first.
        let start = self.walk(line, 0..*first, self.prefix.len(), UNKNOWN, clocks, &mut Nowhere)?;
        let mut places = [Place::NONE; MOST_UNCERTAIN];
        let mut budget = BUDGET_FACTOR * line.len() + BUDGET;
        let mut next = None;
        for (number, step) in self.uncertain.iter().enumerate().rev() {
            let place = self.last_places(line, start, number, next, clocks, &mut budget)?;
            if let Some(slot) = places.get_mut(number) {
                *slot = place;
            }
            next = Some((*step, place));
        }
        self.choose(line, start, &places, ends, clocks)
    }

    /// The two last places where an uncertain text can end; `next` is the next one, and those of it.
    fn last_places(
        &self,
        line: &[u8],
        start: usize,
        number: usize,
        next: Option<(usize, Place)>,
        clocks: &mut Clocks,
        budget: &mut usize,
    ) -> Result<Place, Fail> {
        let index = self.uncertain.get(number).copied().unwrap_or_default();
        let Some(step) = self.steps.get(index) else { return Ok(Place::NONE) };
        let Some((_, End::First { byte, back, .. })) = step.take.as_open() else { return Ok(Place::NONE) };
        let mut furthest = Fail { at: start, why: Why::Next(index) };
        let mut place = Place::NONE;
        let mut limit = line.len();
        if let (0, Some(words)) = (number, &step.aside.words) {
            // It begins at `start`, and goes no further than what it can be made of.
            let text = line.get(start..).unwrap_or_default();
            let len = text.iter().position(|byte| !words.contains(*byte)).unwrap_or(text.len());
            limit = limit.min(start + len + back as usize + 1);
        }
        while let Some(found) = line.get(start..limit).and_then(|text| memchr::memrchr(byte, text)) {
            limit = start + found;
            *budget = budget.saturating_sub(1);
            let Some(end) = limit.checked_sub(back as usize).filter(|end| *end >= start) else { continue };
            if !step.next.is_at(line, end) {
                continue;
            }
            let from = end + step.next.len();
            let fits = match next {
                Some((stop, later)) => self
                    .walk(line, index + 1..stop, from, UNKNOWN, clocks, &mut Nowhere)
                    .and_then(|at| match later.last {
                        Some(last) if at <= last => Ok(at),
                        _ => Err(Fail { at, why: Why::Next(stop) }),
                    }),
                None => self
                    .walk(line, index + 1..self.steps.len(), from, UNKNOWN, clocks, &mut Nowhere)
                    .and_then(|at| if at == line.len() { Ok(at) } else { Err(Fail { at, why: Why::End }) }),
            };
            let read = match fits {
                Ok(at) => at,
                Err(fail) => {
                    if fail.at > furthest.at {
                        furthest = fail;
                    }
                    fail.at
                }
            };
            *budget = budget.saturating_sub(read.saturating_sub(end));
            if fits.is_ok() && place.add(end) {
                break;
            }
            if *budget == 0 {
                return Err(Fail { at: end, why: Why::OneEnd(index) });
            }
        }
        if place.last.is_some() { Ok(place) } else { Err(furthest) }
    }

    /// From the first to the last, the only place where each can end.
    fn choose(
        &self,
        line: &[u8],
        mut start: usize,
        places: &[Place],
        ends: &mut Vec<usize>,
        clocks: &mut Clocks,
    ) -> Result<(), Fail> {
        ends.clear();
        for (number, index) in self.uncertain.iter().enumerate() {
            let place = places.get(number).copied().unwrap_or(Place::NONE);
            let Some(end) = place.last.filter(|end| *end >= start) else {
                return Err(Fail { at: start, why: Why::Next(*index) });
            };
            if place.before.is_some_and(|before| before >= start) {
                return Err(Fail { at: start, why: Why::OneEnd(*index) });
            }
            if let Some(step) = self.steps.get(*index) {
                step.check_words(line, start..end, *index)?;
            }
            ends.push(end);
            if let Some(next) = self.uncertain.get(number + 1) {
                let from = end + self.steps.get(*index).map_or(0, |step| step.next.len());
                start = self.walk(line, index + 1..*next, from, UNKNOWN, clocks, &mut Nowhere)?;
            }
        }
        Ok(())
    }
}

/// So that nothing is assumed or proved while trying.
const UNKNOWN: &[usize] = &[usize::MAX];
/// How many uncertain texts a format can have.
pub(super) const MOST_UNCERTAIN: usize = 16;
/// What all tries together may read: so many times the line, and so many bytes.
const BUDGET_FACTOR: usize = 32;
const BUDGET: usize = 4_096;

/// The two last places where a text can end.
#[derive(Clone, Copy, Debug)]
struct Place {
    last: Option<usize>,
    before: Option<usize>,
}

impl Place {
    const NONE: Self = Self { last: None, before: None };

    /// Adds one that is further to the left; whether there are two now.
    fn add(&mut self, end: usize) -> bool {
        if self.last.is_none() {
            self.last = Some(end);
            return false;
        }
        self.before = Some(end);
        true
    }
}
