//! The error log as a transform.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::batch::Row;
use dendro_core::{Batch, BatchFull, EventWriter, Key, Schema, Transform, TransformError};

use super::compiled::Compiled;
use super::config::Problem;
use super::schema::Further;
use super::values::{FIELDS, Value, Values};
use super::{default, schema};
use crate::Zone;
use crate::escapes::decode_apache;

/// Parses lines of Apache httpd's error log.
///
/// ```text
/// [Fri Nov 20 17:02:25.698931 2026] [proxy_http:error] [pid 1756:tid 1779] (70007)The timeout specified has expired: [client 192.0.2.7:55254] AH01102: error reading status line from remote server 192.0.2.1:80, referer: https://example.net/
/// [Fri Nov 20 17:02:25 2026] [error] [client 192.0.2.7] File does not exist: /srv/www/a
/// ```
///
/// - Lines of httpd 2.4 and of 2.2 are read wherever they stand, and those of configured formats.
/// - The time has no zone: it is one of the zone that is given.
/// - The last colon of a client is the one before its port, for IPv6 too.
/// - The escapes that httpd writes (`\n`, `\\`, `\xhh`) are decoded; a value that is not UTF-8 then is bytes.
/// - A line without all that is an event with nothing but a message, taken as it is: scripts, libraries and httpd itself, while it starts, write
///   such lines. If it has a time and no level, as those of many scripts, it has a time.
/// - A line with a time that the calendar does not have, or of httpd 2.4 without a level, is refused with the reason and the byte where
///   it does not fit.
///
/// Keeps nothing of one line that would matter for another, so batches may be spread over clones.
#[derive(Clone, Debug)]
pub struct ApacheError {
    zone: Zone,
    formats: Arc<Compiled>,
    names: Arc<[String]>,
    schema: Arc<Schema>,
    values: Values,
    decoded: Vec<u8>,
}

impl ApacheError {
    /// For the lines that httpd writes if no `ErrorLogFormat` is configured, with times in UTC.
    pub fn new() -> Self {
        Self {
            zone: Zone::UTC,
            formats: Arc::default(),
            names: Arc::default(),
            schema: schema::default().clone(),
            values: Values::default(),
            decoded: Vec::new(),
        }
    }

    /// For lines of these configuration texts too: each one or more `ErrorLogFormat` directives, or a format.
    pub(super) fn with_formats<'t>(texts: impl Iterator<Item = &'t str>) -> Result<Self, (&'t str, Problem)> {
        let (mut formats, mut further) = (Compiled::default(), Further::default());
        for text in texts {
            formats.add(text, &mut further).map_err(|problem| (text, problem))?;
        }
        Ok(Self {
            formats: formats.into(),
            names: further.names().map(str::to_owned).collect(),
            schema: further.schema(),
            ..Self::new()
        })
    }

    /// Sets the zone of the server's times.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// The schema of its events, `apache_error`.
    pub fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }
}

impl Default for ApacheError {
    fn default() -> Self {
        Self::new()
    }
}

impl Transform for ApacheError {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let prepared = Prepared::new(batch, &self.schema, &self.names)?;
        let Self { zone, formats, values, decoded, .. } = self;
        batch.parse_each(|event| {
            let record = event.raw();
            if !formats.parse(record, zone, values) {
                values.clear();
                default::parse(record, zone, values)?;
            }
            write(values, &prepared, event, decoded);
            Ok(())
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![self.schema()]
    }
}

/// What is made once a batch.
struct Prepared {
    row: Row<{ FIELDS.len() }>,
    ty: u16,
    further: Vec<Key>,
}

impl Prepared {
    fn new(batch: &mut Batch, schema: &Arc<Schema>, names: &[String]) -> Result<Self, BatchFull> {
        Ok(Self {
            row: Row::new(&FIELDS, batch)?,
            ty: batch.add_type(schema)?,
            further: names.iter().map(|name| batch.add_key(name)).collect::<Result<_, _>>()?,
        })
    }
}

fn write(values: &Values, prepared: &Prepared, event: &mut EventWriter<'_>, decoded: &mut Vec<u8>) {
    event.set_type(prepared.ty);
    if let Some(time) = values.time {
        event.set_time(time);
    }
    let raw = event.raw();
    let mut row = event.row(&prepared.row);
    for (field, value) in values.fields.iter().enumerate() {
        match value {
            Value::Missing => {}
            Value::Number(number) => row.u64(field, *number),
            Value::Escaped(range) if is_escaped(raw, range) => {
                row.new_str(field, decode(raw, range, decoded))
            }
            Value::Plain(range) | Value::Escaped(range) => row.str(field, range.clone()),
        }
    }
    for (n, key) in prepared.further.iter().copied().enumerate() {
        match values.further.iter().find(|(field, _)| *field == n).map(|(_, value)| value) {
            None | Some(Value::Missing) => event.null(key),
            Some(Value::Number(number)) => event.u64(key, *number),
            Some(Value::Escaped(range)) if is_escaped(raw, range) => {
                event.new_str(key, decode(raw, range, decoded))
            }
            Some(Value::Plain(range) | Value::Escaped(range)) => event.str(key, range.clone()),
        }
    }
}

fn is_escaped(raw: &[u8], range: &Range<usize>) -> bool {
    raw.get(range.clone()).is_some_and(|text| memchr::memchr(b'\\', text).is_some())
}

fn decode<'d>(raw: &[u8], range: &Range<usize>, decoded: &'d mut Vec<u8>) -> &'d [u8] {
    decoded.clear();
    decode_apache(raw.get(range.clone()).unwrap_or_default(), decoded);
    decoded
}
