//! stderr logs as a transform.

use std::sync::Arc;

use dendro_core::{Batch, EventWriter, Schema, Transform, TransformError};

use super::clock::Clock;
use super::labels::{self, Label, Part, Severity};
use super::matching::Matcher;
use super::out::{Out, Text};
use super::prefix::{EPOCH_MILLIS_DIGITS, Escape, Prefix};
use super::record::{self, Record};
use super::schema::{self, Field, Keys};
use super::syslog;
use crate::{Refused, Zone, decimal};

/// Parses events of PostgreSQL's stderr log, whose lines begin with a `log_line_prefix`.
///
/// - The fields are those of csvlog, as far as the prefix and the lines tell them, so that a table is the same whichever way the server
///   logs. The time of the event is `%m` or `%t`, else `%n`.
/// - DETAIL, HINT, QUERY, CONTEXT, LOCATION, BACKTRACE and STATEMENT become `detail`, `hint`, `internal_query`, `context`, `location`, `backtrace` and `query` of the
///   event, in any of the languages that PostgreSQL speaks. The tabs that the server puts before the second and later lines of a text are not part of it.
/// - ` at character 15` is taken from the message and becomes `query_pos`, or `internal_query_pos` if there is a QUERY; the SQLSTATE of verbose
///   logging becomes `sql_state_code`.
/// - The message of a duration or a logged statement is also split into `duration`, `phase`, `statement` and the names, a detail of
///   parameters into `parameters`, as in csvlog.
/// - `[unknown]`, and nothing, is null.
/// - `error_severity` and `severity` are both in English.
/// - Where a syslog daemon has written the file, the text is put together from its numbered pieces; the process is that of syslog, and the time too, unless the prefix has them.
/// - Lines without the prefix that are no events of PostgreSQL (what a command has printed, the dump of a crash) are events with a `message` alone. Those
///   that look like events of PostgreSQL with another prefix are refused, and so are continuations of what is not there.
///
/// [`StderrRecords`](super::StderrRecords) cuts its records.
///
/// ```
/// use dendro_parsers::postgres::Stderr;
/// assert!(Stderr::new("%m [%p] %q%u@%d ").is_ok());
/// let error = Stderr::new("%u%d").unwrap_err();
/// assert_eq!(error.at, 2);
/// ```
#[derive(Clone, Debug)]
pub struct Stderr {
    matcher: Matcher,
    clock: Clock,
    /// For the times of a syslog daemon.
    zone: Zone,
    /// What was put together from pieces.
    assembled: Vec<u8>,
    joined: Vec<u8>,
    scratch: Vec<u8>,
}

/// A `log_line_prefix` that lines can't be read with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidPrefix {
    /// The byte of the text that is at fault.
    pub at: usize,
    /// What is wrong there, and what to do.
    pub problem: String,
}

impl std::fmt::Display for InvalidPrefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "log_line_prefix at byte {}: {}", self.at, self.problem)
    }
}

impl std::error::Error for InvalidPrefix {}

impl Stderr {
    /// For logs whose lines begin with this prefix: the value of `log_line_prefix`, or the line of `postgresql.conf` that sets it.
    ///
    /// # Errors
    /// [`InvalidPrefix`] if values stand beside each other so that nobody can tell where one ends.
    pub fn new(log_line_prefix: &str) -> Result<Self, InvalidPrefix> {
        let prefix =
            Prefix::compile(log_line_prefix).map_err(|(at, problem)| InvalidPrefix { at, problem })?;
        Ok(Self {
            matcher: Matcher::new(prefix),
            clock: Clock::default(),
            zone: Zone::UTC,
            assembled: Vec::new(),
            joined: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Sets the zone of a syslog daemon's times, and the one that is meant by an abbreviation that more than one has (`IST`, `CST`).
    pub fn zone(mut self, zone: Zone) -> Self {
        self.clock = Clock::new(Some(zone.clone()));
        self.zone = zone;
        self
    }

    /// The schema of its events, `postgres`.
    pub fn schema() -> Arc<Schema> {
        schema::schema().clone()
    }

    pub(super) fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    fn parse(&mut self, event: &mut EventWriter<'_>, keys: &Keys) -> Result<(), Refused> {
        let raw = event.raw();
        self.joined.clear();
        event.set_type(keys.ty);
        let refused = match self.event(event, keys, raw, true) {
            Ok(()) => return Ok(()),
            Err(Unread::Refused(refused)) => return Err(refused),
            Err(Unread::NoPrefix(refused)) => refused,
        };
        if let Some(first) = syslog::Line::read(first_line(raw)) {
            return self.assembled(event, keys, raw, &first);
        }
        if raw.first().is_none_or(u8::is_ascii_whitespace) || is_of_another_prefix(first_line(raw)) {
            return Err(refused);
        }
        let end = raw.len() - usize::from(raw.ends_with(b"\r"));
        event.str(keys.of(Field::Message), 0..end);
        Ok(())
    }

    /// Puts an event together from its pieces.
    #[cold]
    fn assembled(
        &mut self,
        event: &mut EventWriter<'_>,
        keys: &Keys,
        raw: &[u8],
        first: &syslog::Line,
    ) -> Result<(), Refused> {
        let mut text = std::mem::take(&mut self.assembled);
        text.clear();
        let whole = raw.strip_suffix(b"\r").unwrap_or(raw);
        for line in whole.split(|byte| *byte == b'\n') {
            match syslog::Line::read(line) {
                Some(found) => {
                    found.piece.join(line.get(found.piece.text.clone()).unwrap_or_default(), &mut text)
                }
                None => {
                    text.push(b'\n');
                    text.extend_from_slice(line);
                }
            }
        }
        // So that places in it are places in what was put together.
        self.joined.extend_from_slice(&text);
        let result = self.event(event, keys, &text, false);
        self.assembled = text;
        result.map_err(|unread| match unread {
            Unread::Refused(refused) => refused,
            Unread::NoPrefix(refused) => Refused::new(first.piece.text.start + refused.at, refused.expected),
        })?;

        let prefix = self.matcher.prefix();
        if !prefix.has(Escape::Time)
            && !prefix.has(Escape::Epoch)
            && let Some(time) = first.time.near(event.observed(), &mut self.zone)
        {
            event.set_time(time);
        }
        if !prefix.has(Escape::Pid) {
            event.u64(keys.of(Field::ProcessId), first.process);
        }
        if let Some(number) = first.piece.event
            && !prefix.has(Escape::Line)
        {
            event.u64(keys.of(Field::SessionLineNum), number);
        }
        Ok(())
    }

    /// Writes the event that `text` is.
    #[inline]
    fn event(
        &mut self,
        event: &mut EventWriter<'_>,
        keys: &Keys,
        text: &[u8],
        in_raw: bool,
    ) -> Result<(), Unread> {
        let Self { matcher, clock, joined, scratch, .. } = self;
        let head = matcher.read(first_line(text)).map_err(Unread::NoPrefix)?;
        let mut out = Out { event, keys, joined, scratch };
        write_prefix(&mut out, matcher, clock, text, in_raw).map_err(Unread::Refused)?;
        let record = record::read(text, in_raw, head, matcher, out.joined).map_err(Unread::Refused)?;
        write_texts(&mut out, &record);
        Ok(())
    }
}

enum Unread {
    /// It does not begin with the prefix.
    NoPrefix(Refused),
    Refused(Refused),
}

impl Transform for Stderr {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let keys = Keys::new(batch)?;
        batch.parse_each(|event| Ok(self.parse(event, &keys)?));
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', text).and_then(|end| text.get(..end)).unwrap_or(text)
}

/// How far into a line a severity is looked for that would stand behind another prefix.
const OTHER_PREFIX_BYTES: usize = 512;

/// Whether a line looks like one of PostgreSQL with another prefix: with a severity and two spaces, or a date and a severity.
pub(super) fn is_of_another_prefix(line: &[u8]) -> bool {
    let within = line.get(..OTHER_PREFIX_BYTES).unwrap_or(line);
    let dated = matches!(within, [b'1' | b'2', b'0' | b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..]);
    memchr::memchr_iter(b':', within).any(|colon| {
        let word = within[..colon].trim_ascii_end();
        let letters = word.iter().rev().take_while(|b| b.is_ascii_uppercase() || **b >= 0x80).count();
        let label = Label::read(&line[word.len() - letters..]);
        let spaced = line.get(colon + 1..colon + 3) == Some(b"  ");
        letters > 0 && (spaced || dated) && matches!(label, Some((Label::Main(_), _)))
    })
}

/// Every value of the prefix, null where there is none.
#[inline]
fn write_prefix(
    out: &mut Out<'_, '_>,
    matcher: &Matcher,
    clock: &mut Clock,
    text: &[u8],
    in_raw: bool,
) -> Result<(), Refused> {
    for element in &matcher.prefix().elements {
        let super::prefix::Element::Value(escape, _) = element else { continue };
        let range = matcher.value(*escape).unwrap_or_default();
        let value = text.get(range.clone()).unwrap_or_default();
        let start = range.start;
        let value_text = if in_raw { Text::raw(range) } else { Text::joined(range) };
        let missing = value.is_empty() || labels::is_unknown(value);
        let field = match escape {
            Escape::Application => Field::ApplicationName,
            Escape::Backend => Field::BackendType,
            Escape::User => Field::UserName,
            Escape::Database => Field::DatabaseName,
            Escape::RemoteAndPort | Escape::Remote => {
                if missing {
                    out.null(Field::RemoteHost)
                } else {
                    out.client(value_text, *escape == Escape::RemoteAndPort)
                }
                continue;
            }
            Escape::Local => Field::LocalHost,
            Escape::CommandTag => Field::CommandTag,
            Escape::State => Field::SqlStateCode,
            Escape::Session => Field::SessionId,
            Escape::VirtualTransaction => Field::VirtualTransactionId,
            Escape::Time => {
                out.event.set_time(clock.read(value).map_err(|expected| Refused::new(start, expected))?);
                continue;
            }
            Escape::Epoch => {
                if !matcher.prefix().has(Escape::Time) {
                    let unit = if value.len() == EPOCH_MILLIS_DIGITS && !value.contains(&b'.') {
                        decimal::MILLISECOND
                    } else {
                        decimal::SECOND
                    };
                    let time = decimal::epoch(value, unit).ok_or(Refused::new(start, escape.expected()))?;
                    out.event.set_time(time);
                }
                continue;
            }
            Escape::SessionStart if missing => Field::SessionStartTime,
            Escape::SessionStart => {
                let time = clock.read(value).map_err(|expected| Refused::new(start, expected))?;
                out.time(Field::SessionStartTime, time);
                continue;
            }
            Escape::Pid | Escape::LeaderPid | Escape::Line | Escape::Transaction => {
                let field = match escape {
                    Escape::Pid => Field::ProcessId,
                    Escape::LeaderPid => Field::LeaderPid,
                    Escape::Line => Field::SessionLineNum,
                    _ => Field::TransactionId,
                };
                match decimal::whole(value) {
                    Some(number) => out.u64(field, number),
                    None if value.is_empty() => out.null(field),
                    None => return Err(Refused::new(start, "a number of at most 64 bits")),
                }
                continue;
            }
            Escape::QueryId => {
                match decimal::signed(value) {
                    Some(number) => out.i64(Field::QueryId, number),
                    None if value.is_empty() => out.null(Field::QueryId),
                    None => return Err(Refused::new(start, "a number of at most 64 bits")),
                }
                continue;
            }
        };
        if missing { out.null(field) } else { out.text(field, value_text) }
    }
    Ok(())
}

#[inline]
fn write_texts(out: &mut Out<'_, '_>, record: &Record) {
    if let Some(severity) = record.severity {
        out.word(Field::ErrorSeverity, severity.name());
        out.word(Field::Severity, severity.name());
    }
    let message = record.message.map(|message| write_message(out, record, message));
    for (part, field) in [
        (Part::Detail, Field::Detail),
        (Part::Hint, Field::Hint),
        (Part::Query, Field::InternalQuery),
        (Part::Context, Field::Context),
        (Part::Location, Field::Location),
        (Part::Backtrace, Field::Backtrace),
        (Part::Statement, Field::Query),
    ] {
        if let Some(text) = record.part(part) {
            out.text(field, text);
        }
    }
    if let Some(location) = record.part(Part::Location) {
        out.location(location);
    }
    out.split(record.severity, message, record.part(Part::Detail));
}

/// The message without what other fields have of it.
#[inline]
fn write_message(out: &mut Out<'_, '_>, record: &Record, message: Text) -> Text {
    let bytes = out.bytes(message);
    let (mut start, mut end, mut place) = (0, bytes.len(), None);
    if has_state(bytes, record.part(Part::Location).is_some()) {
        start = 7;
    }
    if record.severity != Some(Severity::Log)
        && let Some((at, found)) = labels::position(bytes.get(start..).unwrap_or_default())
    {
        (end, place) = (start + at, Some(found));
    }
    if start > 0 {
        out.text(Field::SqlStateCode, message.part(0..5));
    }
    let message = message.part(start..end);
    out.text(Field::Message, message);
    if let Some(place) = place {
        let internal = record.part(Part::Query).is_some();
        out.u64(if internal { Field::InternalQueryPos } else { Field::QueryPos }, place);
    }
    message
}

/// Whether a message begins with the SQLSTATE that verbose logging puts there: it then tells the place in the source too. Without
/// that, only what can be nothing else counts.
#[inline]
fn has_state(message: &[u8], verbose: bool) -> bool {
    let Some([a, b, c, d, e, b':', b' ']) = message.first_chunk() else { return false };
    let code = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    let class = matches!([*a, *b], [b'0'..=b'9', _] | [b'F' | b'P', b'0'] | [b'H', b'V'] | [b'X', b'X']);
    [*a, *b, *c, *d, *e].into_iter().all(code) && (verbose || class)
}
