//! What a message tells of a statement: how long it took, what was done, its name and its text.
//!
//! From `check_log_duration()` and its callers in `src/backend/tcop/postgres.c`, and `contrib/auto_explain`.

use std::ops::Range;

use dendro_core::SignedDuration;

use crate::decimal;

use super::words::{DURATIONS, MILLISECONDS, PARAMETERS, PHASES};

/// What was found in a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) duration: Option<SignedDuration>,
    pub(super) phase: Option<Phase>,
    /// Where the word for it begins.
    pub(super) phase_start: usize,
    pub(super) statement_name: Option<Range<usize>>,
    pub(super) portal_name: Option<Range<usize>>,
    /// The statement, or the plan.
    pub(super) text: Option<Range<usize>>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Statement,
    Parse,
    Bind,
    Execute,
    Fetch,
    Fastpath,
    Plan,
}

impl Phase {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Parse => "parse",
            Self::Bind => "bind",
            Self::Execute => "execute",
            Self::Fetch => "fetch",
            Self::Fastpath => "fastpath",
            Self::Plan => "plan",
        }
    }

    /// Whether the names of a prepared statement and a portal follow.
    fn is_named(self) -> bool {
        matches!(self, Self::Parse | Self::Bind | Self::Execute | Self::Fetch)
    }
}

impl Split {
    /// Takes apart a message of the severity LOG.
    #[inline]
    pub(super) fn of(message: &[u8]) -> Self {
        let mut split = Self::default();
        let rest = match duration(message) {
            Some((duration, end)) => {
                split.duration = Some(duration);
                let rest = message.get(end..).unwrap_or_default();
                end + rest.iter().take_while(|b| matches!(b, b' ' | b',')).count()
            }
            None => 0,
        };
        split.statement(message, rest);
        split
    }

    /// What stands from `start` on: of a duration, or of log_statement.
    fn statement(&mut self, message: &[u8], start: usize) {
        let rest = message.get(start..).unwrap_or_default();
        let Some(first) = rest.first() else { return };
        let known = PHASES.iter().filter(|(text, _)| text.as_bytes().first() == Some(first));
        let Some((text, phase)) = known.into_iter().find(|(text, _)| rest.starts_with(text.as_bytes()))
        else {
            return;
        };
        let logged = self.duration.is_some();
        if !logged && !matches!(phase, Phase::Statement | Phase::Execute | Phase::Fetch) {
            return;
        }
        let at = start + text.len();
        if phase.is_named() {
            // A name ends at the colon; nobody gives it one of its own.
            let Some(colon) = memchr::memmem::find(&message[at..], b": ").map(|more| at + more) else {
                return;
            };
            let names = message[at..colon].trim_ascii();
            if !logged && names.contains(&b' ') {
                return;
            }
            self.names(names, colon - message[at..colon].trim_ascii_start().len());
            self.text = Some(colon + 2..message.len());
        } else if *phase != Phase::Fastpath {
            self.text = Some(at..message.len());
        }
        self.phase = Some(*phase);
        self.phase_start = start;
    }

    fn names(&mut self, names: &[u8], start: usize) {
        let slash = memchr::memchr(b'/', names);
        let statement = start..start + slash.unwrap_or(names.len());
        if !names.starts_with(b"<unnamed>") && !statement.is_empty() {
            self.statement_name = Some(statement);
        }
        self.portal_name = slash.map(|slash| start + slash + 1..start + names.len());
    }
}

/// The duration that a message begins with, and where it ends.
#[inline]
fn duration(message: &[u8]) -> Option<(SignedDuration, usize)> {
    let start = DURATIONS.iter().find(|word| message.starts_with(word.as_bytes()))?.len();
    let number = message.get(start..)?.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let at = start + number;
    let duration = decimal::duration(&message[start..at], decimal::MILLISECOND)?;
    let unit = MILLISECONDS.iter().find(|unit| message[at..].starts_with(unit.as_bytes()))?;
    Some((duration, at + unit.len()))
}

/// The parameters that a detail tells: their values, null or the text between quotes.
pub(super) fn parameters(detail: &[u8]) -> Option<impl Iterator<Item = Option<Range<usize>>> + '_> {
    let word = PARAMETERS.iter().find(|word| detail.starts_with(word.as_bytes()))?;
    let parameters = Parameters { detail, at: word.len(), count: 0 };
    // All of it has to be parameters.
    let mut probe = parameters.clone();
    while probe.next().is_some() {}
    (probe.count > 0 && probe.at >= detail.len()).then_some(parameters)
}

#[derive(Clone)]
struct Parameters<'a> {
    detail: &'a [u8],
    at: usize,
    count: u64,
}

impl Iterator for Parameters<'_> {
    type Item = Option<Range<usize>>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.detail.get(self.at..)?;
        let numbered = rest.strip_prefix(b"$")?;
        let (number, digits) = crate::numbers::leading_u64(numbered)?;
        let value = numbered.get(digits..)?.strip_prefix(b" = ")?;
        if number != self.count + 1 {
            return None;
        }
        let start = self.detail.len() - value.len();
        let (found, end) = if value.starts_with(b"NULL") {
            (None, start + 4)
        } else {
            let end = closing_quote(self.detail, start)?;
            (Some(start + 1..end), end + 1)
        };
        self.at = match self.detail.get(end..)? {
            [] => end,
            [b',', b' ', ..] => end + 2,
            _ => return None,
        };
        self.count = number;
        Some(found)
    }
}

/// Where the text in single quotes ends that begins at `start`; quotes in it are doubled.
fn closing_quote(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    if text.get(start) != Some(&b'\'') {
        return None;
    }
    loop {
        at += memchr::memchr(b'\'', text.get(at..)?)?;
        if text.get(at + 1) != Some(&b'\'') {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Duration in nanoseconds, phase, statement's and portal's name, text.
    fn split(message: &str) -> (i64, &str, &str, &str, &str) {
        let split = Split::of(message.as_bytes());
        let text = |range: Option<Range<usize>>| range.map_or("", |range| &message[range]);
        (
            split.duration.map_or(-1, SignedDuration::as_nanos),
            split.phase.map_or("", Phase::name),
            text(split.statement_name),
            text(split.portal_name),
            text(split.text),
        )
    }

    #[test]
    fn durations_and_statements_are_split_out() {
        let ns = 69_998_000;
        for (message, expected) in [
            ("duration: 69.998 ms", (ns, "", "", "", "")),
            (
                "duration: 69.998 ms  statement: SELECT 'statement: '",
                (ns, "statement", "", "", "SELECT 'statement: '"),
            ),
            ("duration: 69.998 ms  statement: ", (ns, "statement", "", "", "")),
            ("duration: 69.998 ms  execute <unnamed>: SELECT $1", (ns, "execute", "", "", "SELECT $1")),
            (
                "duration: 69.998 ms  execute stmt1: SELECT $1::text",
                (ns, "execute", "stmt1", "", "SELECT $1::text"),
            ),
            (
                "duration: 69.998 ms  execute S_1/C_2: SELECT a: b",
                (ns, "execute", "S_1", "C_2", "SELECT a: b"),
            ),
            ("duration: 69.998 ms  execute fetch from S_1/C_2: S", (ns, "fetch", "S_1", "C_2", "S")),
            ("duration: 69.998 ms  parse <unnamed>: S", (ns, "parse", "", "", "S")),
            ("duration: 69.998 ms  bind <unnamed>/C_1: S", (ns, "bind", "", "C_1", "S")),
            ("duration: 69.998 ms  plan:\nQuery Text: S", (ns, "plan", "", "", "Query Text: S")),
            ("duration: 69.998 ms  fastpath function call: \"f\" (OID 1)", (ns, "fastpath", "", "", "")),
            ("duration: 69.998 ms statement: S", (ns, "statement", "", "", "S")),
            ("durée : 69.998 ms, instruction : S", (ns, "statement", "", "", "S")),
            ("durée : 69.998 ms  exécute stmt1: S", (ns, "execute", "stmt1", "", "S")),
            ("durée : 69.998 ms, analyse p : S", (ns, "parse", "p", "", "S")),
            ("Dauer: 69.998 ms  Anweisung: S", (ns, "statement", "", "", "S")),
            ("Dauer: 69.998 ms  Ausführen Fetch von a/b: S", (ns, "fetch", "a", "b", "S")),
            ("期間: 69.998 ミリ秒  文: S", (ns, "statement", "", "", "S")),
            ("продолжительность: 69.998 мс, оператор: S", (ns, "statement", "", "", "S")),
            ("duración: 69.998 ms  sentencia: S", (ns, "statement", "", "", "S")),
            ("varaktighet 69.998 ms", (ns, "", "", "", "")),
            ("statement: SELECT 1", (-1, "statement", "", "", "SELECT 1")),
            ("execute <unnamed>: SELECT 1", (-1, "execute", "", "", "SELECT 1")),
            ("execute what I say: now", (-1, "", "", "", "")),
            ("parse a: b", (-1, "", "", "", "")),
            ("duration: long", (-1, "", "", "", "")),
            ("duration: 99999999999999999999 ms", (-1, "", "", "", "")),
            ("checkpoint starting: time", (-1, "", "", "", "")),
            ("", (-1, "", "", "", "")),
        ] {
            assert_eq!(split(message), expected, "{message}");
        }
    }

    #[test]
    fn parameters_are_read_with_their_quotes() {
        let read = |detail: &str| {
            let found = parameters(detail.as_bytes())?;
            Some(found.map(|value| value.map(|range| detail[range].to_owned())).collect::<Vec<_>>())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            read("parameters: $1 = 'it''s, $2 = ''x''', $2 = NULL, $3 = ''"),
            Some(vec![some("it''s, $2 = ''x''"), None, some("")])
        );
        assert_eq!(read("Parameters: $1 = 'a\nb...'"), Some(vec![some("a\nb...")]));
        assert_eq!(read("paramètres : $1 = '1'"), Some(vec![some("1")]));
        for detail in [
            "parameters: ",
            "parameters: $2 = '1'",
            "parameters: $1 = '1",
            "parameters: $1 = '1' x",
            "parameters: $1 = 1",
            "other",
        ] {
            assert_eq!(read(detail), None, "{detail}");
        }
    }
}
