//! Where the parts of an entry of the slow log stand.

use std::ops::Range;

use super::super::time::LogTime;
use super::shapes::{Set, used};
use crate::Refused;

/// A name and a value of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

/// `priv_user[user] @ host [ip]`: as logged, and its parts as far as it has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UserHost {
    pub(super) text: Range<usize>,
    pub(super) priv_user: Option<Range<usize>>,
    pub(super) user: Option<Range<usize>>,
    pub(super) host: Option<Range<usize>>,
    pub(super) ip: Option<Range<usize>>,
}

/// An entry of the slow log, by the places of its parts. To be used again for the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) time: Option<LogTime>,
    pub(super) user_host: Option<UserHost>,
    /// All pairs of the header, in order.
    pub(super) pairs: Vec<Pair>,
    pub(super) explain: Vec<Range<usize>>,
    pub(super) warnings: Vec<Range<usize>>,
    /// The name in `use name;`.
    pub(super) used: Option<Range<usize>>,
    pub(super) set: Set,
    pub(super) is_command: bool,
    /// Without the last semicolon; `None` if there is none.
    pub(super) sql_text: Option<Range<usize>>,
}

const HEADER: &str = "`# Time:`, `# User@Host:` or another header line of the slow query log";
const TIME: &str = "a time such as `261120 20:35:49` or `2026-11-20T20:35:49.123456Z`";
const PAIRS: &str = "a name, `: ` and a value";
const QUERY_TIME: &str = "a header line with `Query_time`";
/// Names of the servers are far shorter.
const LONGEST_NAME: usize = 64;
/// What stands before the name of a command.
pub(super) const COMMAND: &[u8] = b"# administrator command: ";

impl Entry {
    /// Reads an entry.
    pub(super) fn read(&mut self, raw: &[u8]) -> Result<(), Refused> {
        self.clear();
        let mut lines = Lines { raw, at: 0 };
        let (mut timed, mut warned) = (false, false);
        loop {
            let begin = lines.at;
            let Some(line) = lines.next() else { break };
            let text = &raw[line.clone()];
            if let Some(command) = text.strip_prefix(COMMAND) {
                self.is_command = true;
                self.statement(raw, line.end - command.len());
                break;
            }
            if text.first() != Some(&b'#') || self.set.timestamp.is_some() {
                if begin == 0 {
                    return Err(Refused::new(0, HEADER));
                }
                let before =
                    (self.used.is_none() && self.set == Set::default()).then(|| used(text)).flatten();
                if let Some(name) = before {
                    self.used = Some(begin + name.start..begin + name.end);
                } else if let Some(set) = self.set_by(text) {
                    self.set = set;
                } else {
                    self.statement(raw, begin);
                    break;
                }
                continue;
            }
            let at = line.start + 1;
            match &text[1..] {
                b"" => {}
                rest if rest.starts_with(b" Time: ") => {
                    let value = at + 7;
                    let time = LogTime::read(&raw[value..line.end]);
                    let time = time.filter(|time| raw[value + time.len..line.end].trim_ascii().is_empty());
                    self.time = Some(time.ok_or(Refused::new(value, TIME))?);
                }
                rest if rest.starts_with(b" User@Host: ") => self.user_host(raw, at + 12..line.end),
                rest if rest.starts_with(b" explain: ") => self.explain.push(at + 10..line.end),
                b" explain:" => self.explain.push(line.end..line.end),
                b" Warnings" => warned = true,
                b" No InnoDB statistics available for this query" => {}
                _ if warned => self.warnings.push(trimmed(raw, at..line.end)),
                rest => {
                    let is_routine = rest.starts_with(b" Stored routine: ");
                    if is_routine || rest.starts_with(b" Stored_routine: ") {
                        self.pairs
                            .push(Pair { name: at + 1..at + 15, value: trimmed(raw, at + 17..line.end) });
                        continue;
                    }
                    let before = self.pairs.len();
                    match self.pairs_of(raw, at..line.end) {
                        Ok(()) => {
                            let mut names = self.pairs[before..].iter().map(|pair| &raw[pair.name.clone()]);
                            timed |= names.any(|name| name == b"Query_time");
                        }
                        // A comment of the client: MySQL 5.0 writes nothing between the header and a statement.
                        Err(_) if timed => {
                            self.pairs.truncate(before);
                            self.statement(raw, begin);
                            break;
                        }
                        Err(refused) => return Err(refused),
                    }
                }
            }
        }
        if !timed {
            return Err(Refused::new(lines.at.min(raw.len()), QUERY_TIME));
        }
        if self.sql_text.is_none() && self.set == Set::default() {
            // Nothing follows: it is the statement.
            self.sql_text = self.used.clone().map(|name| name.start - 4..name.end);
        }
        Ok(())
    }

    fn clear(&mut self) {
        let Self { pairs, explain, warnings, .. } = std::mem::take(self);
        *self = Self { pairs, explain, warnings, ..Self::default() };
        self.pairs.clear();
        self.explain.clear();
        self.warnings.clear();
    }

    /// What the server sets for the statement, if this line does, and none before it has set the time.
    fn set_by(&self, line: &[u8]) -> Option<Set> {
        if self.set.timestamp.is_some() {
            return None;
        }
        let set = Set::read(line)?;
        Some(Set {
            timestamp: set.timestamp,
            insert_id: set.insert_id.or(self.set.insert_id),
            last_insert_id: set.last_insert_id.or(self.set.last_insert_id),
        })
    }

    /// The statement is what is from `start` on, without its last semicolon.
    fn statement(&mut self, raw: &[u8], start: usize) {
        let text = trimmed(raw, start..raw.len());
        let end =
            if raw[..text.end].ends_with(b";") && text.end > text.start { text.end - 1 } else { text.end };
        if end > text.start {
            self.sql_text = Some(trimmed(raw, text.start..end)).filter(|text| !text.is_empty());
        }
    }

    /// `priv_user[user] @ host [ip]  Id:     7`. User names may hold any of these characters.
    fn user_host(&mut self, raw: &[u8], range: Range<usize>) {
        // Behind the last bracket no user name is left.
        let line = &raw[range.clone()];
        let closed = memchr::memrchr(b']', line).map_or(line.len(), |at| at + 1);
        let text = match memchr::memmem::find(&line[closed..], b" Id:") {
            Some(at) => {
                let name = range.start + closed + at + 1;
                self.pairs.push(Pair { name: name..name + 2, value: trimmed(raw, name + 3..range.end) });
                trimmed(raw, range.start..name)
            }
            None => trimmed(raw, range),
        };
        let line = &raw[text.clone()];
        let mut parts = UserHost { text: text.clone(), ..UserHost::default() };
        if let Some(at) = memchr::memmem::rfind(line, b"] @") {
            let (user, client) = (text.start..text.start + at, text.start + at + 3..text.end);
            if let Some(at) = between(&raw[user.clone()]) {
                parts.priv_user = some(user.start..user.start + at);
                parts.user = some(user.start + at + 1..user.end);
            }
            let address = memchr::memrchr(b'[', &raw[client.clone()]);
            let host = client.start..address.map_or(client.end, |at| client.start + at);
            parts.host = some(trimmed(raw, host));
            if let Some(at) = address {
                let end = if raw[client.clone()].ends_with(b"]") { client.end - 1 } else { client.end };
                parts.ip = some(client.start + at + 1..end);
            }
        }
        self.user_host = Some(parts);
    }

    /// The pairs of a line: `Query_time: 0.000136  Lock_time: 0.000000 Rows_sent: 0`.
    fn pairs_of(&mut self, raw: &[u8], range: Range<usize>) -> Result<(), Refused> {
        let first = trimmed(raw, range.clone());
        let Some(mut name) = name_at(raw, first.start, range.end) else {
            return Err(Refused::new(first.start, PAIRS));
        };
        let mut schema = false;
        loop {
            let start = name.end + 1;
            // Once a line, all of which it looks at.
            let is_schema = !schema && &raw[name.clone()] == b"Schema";
            schema |= is_schema;
            let (end, next) =
                if is_schema { last_pair(raw, start..range.end) } else { next_pair(raw, start..range.end) };
            self.pairs.push(Pair { name, value: trimmed(raw, start..end) });
            match next {
                Some(next) => name = next,
                None => return Ok(()),
            }
        }
    }
}

/// Where the bracket is that divides `priv_user[user`: in the middle if both are the same, which they mostly are.
fn between(text: &[u8]) -> Option<usize> {
    let middle = text.len() / 2;
    if text.len() % 2 == 1 && text[middle] == b'[' && text[..middle] == text[middle + 1..] {
        return Some(middle);
    }
    memchr::memchr(b'[', text)
}

/// Where the value ends that is at the front of `range`, and the name behind it.
fn next_pair(raw: &[u8], range: Range<usize>) -> (usize, Option<Range<usize>>) {
    let mut at = range.start;
    while let Some(space) = memchr::memchr2(b' ', b'\t', &raw[at..range.end]) {
        let end = at + space;
        at = end + raw[end..range.end].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if let Some(name) = name_at(raw, at, range.end) {
            return (end, Some(name));
        }
    }
    (range.end, None)
}

/// The same behind the name of a database, which may hold anything: only known names follow it.
fn last_pair(raw: &[u8], range: Range<usize>) -> (usize, Option<Range<usize>>) {
    for name in [&b"  QC_hit: "[..], b"  Last_errno: "] {
        // An empty name leaves but two spaces of three.
        if let Some(at) = memchr::memmem::rfind(&raw[range.clone()], name) {
            let end = range.start + at;
            return (end, Some(end + 2..end + name.len() - 2));
        }
    }
    next_pair(raw, range)
}

/// The name at `at`, if one is there: letters, digits and `_`, and a colon with a space or the end behind it.
fn name_at(raw: &[u8], at: usize, end: usize) -> Option<Range<usize>> {
    let text = raw.get(at..end)?;
    if !text.first()?.is_ascii_alphabetic() {
        return None;
    }
    let window = &text[..text.len().min(LONGEST_NAME + 1)];
    let len = window.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_'))?;
    let named = text[len] == b':' && matches!(text.get(len + 1), None | Some(b' ' | b'\t'));
    named.then(|| at..at + len)
}

fn trimmed(raw: &[u8], range: Range<usize>) -> Range<usize> {
    let text = &raw[range.clone()];
    let start = range.end - text.trim_ascii_start().len();
    start..start + raw[start..range.end].trim_ascii_end().len()
}

fn some(range: Range<usize>) -> Option<Range<usize>> {
    (!range.is_empty()).then_some(range)
}

/// Lines without their ends.
struct Lines<'a> {
    raw: &'a [u8],
    at: usize,
}

impl Lines<'_> {
    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.raw.get(self.at..)?;
        if rest.is_empty() {
            return None;
        }
        let start = self.at;
        let end = memchr::memchr(b'\n', rest).map_or(self.raw.len(), |at| start + at);
        self.at = end + 1;
        let end = if self.raw[start..end].ends_with(b"\r") { end - 1 } else { end };
        Some(start..end)
    }
}
