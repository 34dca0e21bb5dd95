//! Times of lines and of fields, as a transform.

use std::sync::Arc;

use dendro_core::{Batch, EventMut, Schema, Transform, TransformError, ValueRef};

use super::{Layout, LayoutError, Years, schema};
use crate::{Refused, Zone};

/// Takes the time of events from the front of their lines, or from one of their fields.
///
/// - At the front of a line, the time may stand behind up to six bytes that are capitals, blanks, commas, quotes or opening brackets, as
///   in `[2026-11-20 ..]`, in glog's `I1120 ..` and in Ruby's `I, [2026-..`: the letters are `prefix`. What follows the time is
///   `message`; a bracket or quote that closes that before the time, a colon and blanks between them are not part of it.
/// - In a [`field`](Self::field) the time has to be all there is. The field is a text, or a number if the layout counts
///   from the epoch; an event that does not have it, or whose time is null, is left as it is.
/// - A time without a zone is in the one that is [given](Self::zone), else in UTC. One without a year is in
///   [the one that suits](super::Reading::near) the time at which the line was read, or is counted from [a first year](Self::year).
/// - What is no time of the layout is refused.
///
/// ```
/// use dendro_core::{Batch, Event, Transform};
/// use dendro_parsers::timestamp::Timestamped;
///
/// let event = Event::new("order").with("when", "20 Nov 2026 16:59").with("sum", 12u64);
/// let mut batch = Batch::from_events([&event]).unwrap();
/// let mut times = Timestamped::new("%d %b %Y %H:%M").unwrap().field("when");
/// times.transform(&mut batch).unwrap();
/// assert_eq!(batch.get(0).unwrap().time().unwrap().to_string(), "2026-11-20T16:59:00.000000000Z");
/// ```
#[derive(Clone, Debug)]
pub struct Timestamped {
    layout: Layout,
    field: Option<String>,
    zone: Zone,
    years: Years,
}

impl Timestamped {
    /// For times in a [layout](Layout::compile).
    ///
    /// # Errors
    /// As [`Layout::compile`].
    pub fn new(layout: &str) -> Result<Self, LayoutError> {
        Ok(Self::of(Layout::compile(layout)?))
    }

    /// For times in a layout.
    pub fn of(layout: Layout) -> Self {
        Self { layout, field: None, zone: Zone::UTC, years: Years::default() }
    }

    /// Takes the time from this field.
    pub fn field(mut self, name: impl Into<String>) -> Self {
        self.field = Some(name.into());
        self
    }

    /// The zone of times that don't tell theirs.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// The year in which each stream begins whose times have none.
    pub fn year(mut self, first: Option<i32>) -> Self {
        self.years = Years::new(first);
        self
    }

    /// The schema of lines, `timestamped`.
    pub fn schema() -> Arc<Schema> {
        schema::timestamped().clone()
    }

    fn lines(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let ty = batch.add_type(schema::timestamped())?;
        let (prefix, message) = (batch.add_key("prefix")?, batch.add_key("message")?);
        let stream = batch.stream().map(str::to_owned);
        let Self { layout, zone, years, .. } = self;
        let mut year = years.of(stream.as_deref());
        batch.parse_each(|event| {
            let line = event.raw();
            let start_of =
                |at: &usize| layout.read(line.get(*at..)?).map(|(reading, len)| (*at, reading, len));
            let before = line.iter().take(6).take_while(|byte| may_precede(**byte)).count();
            let Some((start, reading, len)) = (0..=before).find_map(|at| start_of(&at)) else {
                return Err(Refused::new(0, EXPECTED).into());
            };
            let Some(time) = year.resolve(&reading, event.observed(), zone) else {
                return Err(Refused::new(start, CALENDAR).into());
            };
            event.set_type(ty);
            event.set_time(time);
            let front = line.get(..start).unwrap_or_default();
            let letters = front.iter().rposition(u8::is_ascii_uppercase).map_or(0, |last| last + 1);
            match front.iter().position(u8::is_ascii_uppercase) {
                Some(first) => event.str(prefix, first..letters),
                None => event.null(prefix),
            }
            event.str(message, behind(line, start, start + len)..line.len());
            Ok(())
        });
        Ok(())
    }

    fn fields(&mut self, batch: &mut Batch, field: &str) -> Result<(), TransformError> {
        let stream = batch.stream().map(str::to_owned);
        let Self { layout, zone, years, .. } = self;
        let mut year = years.of(stream.as_deref());
        let mut number = String::new();
        batch.try_for_each(|mut event: EventMut<'_>| {
            let observed = event.view().observed();
            let text: &[u8] = match event.get(field) {
                None | Some(ValueRef::Null) => return Ok(()),
                Some(ValueRef::Timestamp(time)) => {
                    event.set_time(Some(time));
                    return Ok(());
                }
                Some(ValueRef::Str(text)) => text.as_bytes(),
                Some(value) => {
                    use std::fmt::Write as _;
                    number.clear();
                    let _ = match value {
                        ValueRef::I64(value) => write!(number, "{value}"),
                        ValueRef::U64(value) => write!(number, "{value}"),
                        ValueRef::F64(value) => write!(number, "{value}"),
                        _ => Ok(()),
                    };
                    number.as_bytes()
                }
            };
            match time_of(text.trim_ascii(), layout)
                .and_then(|reading| year.resolve(&reading, observed, zone))
            {
                Some(time) => event.set_time(Some(time)),
                None => event.reject(format!("`{field}` is no time of the layout")),
            }
            Ok(())
        })
    }
}

impl Transform for Timestamped {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        match self.field.clone() {
            Some(field) => self.fields(batch, &field),
            None => self.lines(batch),
        }
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        match self.field {
            Some(_) => input.to_vec(),
            None => vec![Self::schema()],
        }
    }

    fn is_stateful(&self) -> bool {
        self.years.is_stateful()
    }

    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        self.years.snapshot(stream)
    }

    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        self.years.restore(stream, state)
    }
}

const EXPECTED: &str = "a time of the layout";
const CALENDAR: &str = "a time that the calendar has and that is between the years 1677 and 2262";

fn may_precede(byte: u8) -> bool {
    byte.is_ascii_uppercase()
        || matches!(byte, b' ' | b'\t' | b',' | b'[' | b'(' | b'<' | b'{' | b'"' | b'\'')
}

/// The time that a text is, all of it.
fn time_of(text: &[u8], layout: &Layout) -> Option<super::Reading> {
    layout.read(text).filter(|(_, len)| *len == text.len()).map(|(reading, _)| reading)
}

/// Where the message begins behind a time.
fn behind(line: &[u8], start: usize, end: usize) -> usize {
    let closing = match start.checked_sub(1).and_then(|at| line.get(at)) {
        Some(b'[') => Some(b']'),
        Some(b'(') => Some(b')'),
        Some(b'<') => Some(b'>'),
        Some(b'{') => Some(b'}'),
        Some(quote @ (b'"' | b'\'')) => Some(*quote),
        _ => None,
    };
    let mut at = end;
    let at_byte = |at: usize| line.get(at).copied();
    if closing.is_some() && at_byte(at) == closing {
        at += 1;
    }
    if at_byte(at) == Some(b':') {
        at += 1;
    }
    while matches!(at_byte(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_core::{Event, Timestamp};

    #[test]
    fn a_field_gives_the_time_whatever_it_is() {
        let epoch = |value: Event| {
            let mut batch = Batch::from_events([&value]).unwrap();
            Timestamped::new("epoch_ms").unwrap().field("t").transform(&mut batch).unwrap();
            let reason = batch.rejected().next().map(|rejected| rejected.reason.to_owned());
            (batch.get(0).and_then(|event| event.time()).map(Timestamp::as_nanos), reason)
        };
        let expected = Some(1_795_208_400_123_000_000);
        assert_eq!(epoch(Event::new("e").with("t", 1_795_208_400_123u64)), (expected, None));
        assert_eq!(epoch(Event::new("e").with("t", 1_795_208_400_123i64)), (expected, None));
        assert_eq!(epoch(Event::new("e").with("t", " 1795208400123 ")), (expected, None));
        assert_eq!(epoch(Event::new("e").with("other", 1u64)), (None, None));
        let no_time = Some("`t` is no time of the layout".to_owned());
        assert_eq!(epoch(Event::new("e").with("t", "soon")), (None, no_time.clone()));
        assert_eq!(epoch(Event::new("e").with("t", "12 h")), (None, no_time.clone()));
        assert_eq!(epoch(Event::new("e").with("t", true)), (None, no_time));
    }
}
