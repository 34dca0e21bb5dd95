//! The access logs as a transform.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::{Batch, BatchFull, EventWriter, Key, Schema, Transform, TransformError};

use super::columns::{
    APPLICATION, APPLICATION_LEAST, CLASSIC, CLASSIC_LEAST, Column, FURTHER, Kind, REQUEST, application,
    classic, port_of,
};
use super::line::{Value, Values, address, request};
use crate::Refused;
use crate::decimal::{SECOND, duration, rfc3339, signed, whole};
use crate::escapes::decode_hex;

/// Parses the access logs of Application Load Balancers and of Classic ones.
///
/// A line that begins with a digit is of a classic load balancer (event type `elb_access`), any other of an application
/// load balancer (`alb_access`).
///
/// - Lines of older load balancers have fewer columns: at least 18, or 12 of a classic one. Columns that AWS has added since are texts in
///   the array `further`.
/// - Fields are named as AWS names the columns; `client:port` is split into `client_ip` and `client_port`, `target:port` and
///   `backend:port` likewise, and `request` also into `method`, `url`, `host`, `port`, `path`, `query` and `protocol`.
/// - `time` is the time of the event.
/// - `-` is null, and so are negative processing times, which stand for none.
/// - `\xHH` in quoted texts is decoded.
/// - `actions_executed`, `target_port_list` and `target_status_code_list` are arrays.
/// - Any other line is refused with the reason and the byte where it does not fit.
///
/// Keeps nothing of one line that would matter for another, so batches may be spread over clones.
#[derive(Clone, Debug, Default)]
pub struct LoadBalancerAccess {
    decoded: Vec<u8>,
}

impl LoadBalancerAccess {
    /// For both kinds of load balancers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The schemas of its events, `alb_access` and `elb_access`.
    pub fn schemas() -> Vec<Arc<Schema>> {
        vec![application().clone(), classic().clone()]
    }
}

impl Transform for LoadBalancerAccess {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let application = Prepared::new(batch, application(), &APPLICATION, APPLICATION_LEAST)?;
        let classic = Prepared::new(batch, classic(), &CLASSIC, CLASSIC_LEAST)?;
        batch.parse_each(|event| {
            let is_classic = event.raw().first().is_some_and(u8::is_ascii_digit);
            let prepared = if is_classic { &classic } else { &application };
            Ok(write(prepared, event, &mut self.decoded)?)
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        Self::schemas()
    }
}

/// What is made once a batch for one kind of load balancer.
struct Prepared {
    ty: u16,
    columns: &'static [Column],
    /// How many columns a line has at least.
    least: usize,
    /// Of each column, and of the port of those that have one.
    keys: Vec<(Key, Key)>,
    request: [Key; REQUEST.len()],
    further: Key,
}

impl Prepared {
    fn new(
        batch: &mut Batch,
        schema: &Arc<Schema>,
        columns: &'static [Column],
        least: usize,
    ) -> Result<Self, BatchFull> {
        let mut keys = Vec::with_capacity(columns.len());
        for (kind, name) in columns {
            let key = batch.add_key(name)?;
            keys.push((key, if *kind == Kind::Address { batch.add_key(port_of(name))? } else { key }));
        }
        let further = batch.add_key(FURTHER)?;
        let mut request = [further; REQUEST.len()];
        for (key, name) in request.iter_mut().zip(REQUEST) {
            *key = batch.add_key(name)?;
        }
        Ok(Self { ty: batch.add_type(schema)?, columns, least, keys, request, further })
    }
}

const FEWER: &str = "a space and the next column";
const TIME: &str = "a time, as in `2026-11-20T16:59:47.186641Z`";
const SECONDS: &str = "a number of seconds, `-1` or `-`";
const COUNT: &str = "a whole number of at most 64 bits, or `-`";
const STATUSES: &str = "statuses with spaces between, or `-`";

fn write(prepared: &Prepared, event: &mut EventWriter<'_>, decoded: &mut Vec<u8>) -> Result<(), Refused> {
    event.set_type(prepared.ty);
    let raw = event.raw();
    let mut values = Values::new(raw);
    for (index, ((kind, _), keys)) in prepared.columns.iter().zip(&prepared.keys).enumerate() {
        match values.next()? {
            Some(value) => write_column(*kind, *keys, &prepared.request, value, event, decoded)?,
            None if index < prepared.least => return Err(Refused::new(raw.len(), FEWER)),
            None => return Ok(()),
        }
    }
    if let Some(first) = values.next()? {
        event.begin_array(prepared.further);
        let mut next = Some(first);
        while let Some(value) = next {
            text(prepared.further, value, event, decoded);
            next = values.next()?;
        }
        event.end();
    }
    Ok(())
}

#[inline]
fn write_column(
    kind: Kind,
    (key, port_key): (Key, Key),
    request_keys: &[Key; REQUEST.len()],
    Value { range, escaped }: Value,
    event: &mut EventWriter<'_>,
    decoded: &mut Vec<u8>,
) -> Result<(), Refused> {
    let value = event.raw().get(range.clone()).unwrap_or_default();
    let refused = |expected| Refused::new(range.start, expected);
    if value == b"-" && kind != Kind::Time {
        event.null(key);
        match kind {
            Kind::Address => event.null(port_key),
            Kind::Request => request_keys.iter().for_each(|key| event.null(*key)),
            _ => {}
        }
        return Ok(());
    }
    match kind {
        Kind::Time => event.set_time(rfc3339(value).ok_or(refused(TIME))?),
        Kind::Timestamp => event.timestamp(key, rfc3339(value).ok_or(refused(TIME))?),
        Kind::Text => text(key, Value { range, escaped }, event, decoded),
        Kind::Address => {
            let (ip, port) = address(value, range.start);
            event.str(key, ip);
            match port {
                Some(port) => event.u64(port_key, port),
                None => event.null(port_key),
            }
        }
        Kind::Seconds => {
            let (negative, digits) = match value {
                [b'-', digits @ ..] => (true, digits),
                digits => (false, digits),
            };
            match duration(digits, SECOND).ok_or(refused(SECONDS))? {
                _ if negative => event.null(key),
                taken => event.duration(key, taken),
            }
        }
        Kind::Count => event.u64(key, whole(value).ok_or(refused(COUNT))?),
        Kind::Signed => event.i64(key, signed(value).ok_or(refused(COUNT))?),
        Kind::Request => {
            text(key, Value { range: range.clone(), escaped }, event, decoded);
            write_request(request_keys, Value { range, escaped }, event, decoded);
        }
        Kind::Texts | Kind::Addresses => {
            let separator = if kind == Kind::Texts { b',' } else { b' ' };
            let write = |event: &mut EventWriter<'_>, part| {
                text(key, Value { range: part, escaped }, event, decoded);
                Some(())
            };
            array(key, range.start, value, separator, event, write).unwrap_or_default();
        }
        Kind::Statuses => {
            let written = array(key, range.start, value, b' ', event, |event, part| {
                match event.raw().get(part).unwrap_or_default() {
                    b"-" => event.null(key),
                    digits => event.u64(key, whole(digits)?),
                }
                Some(())
            });
            written.ok_or(refused(STATUSES))?;
        }
    }
    Ok(())
}

/// Writes an array of the parts of `value`, which stands at `start`.
fn array(
    key: Key,
    start: usize,
    value: &[u8],
    separator: u8,
    event: &mut EventWriter<'_>,
    mut write: impl FnMut(&mut EventWriter<'_>, Range<usize>) -> Option<()>,
) -> Option<()> {
    event.begin_array(key);
    let mut at = start;
    for part in value.split(|b| *b == separator) {
        if !part.is_empty() {
            write(event, at..at + part.len())?;
        }
        at += part.len() + 1;
    }
    event.end();
    Some(())
}

/// Writes a text, part of one that has a backslash in it or not.
#[inline]
fn text(key: Key, Value { range, escaped }: Value, event: &mut EventWriter<'_>, decoded: &mut Vec<u8>) {
    let text = event.raw().get(range.clone()).unwrap_or_default();
    if text == b"-" {
        event.null(key);
    } else if !escaped || memchr::memchr(b'\\', text).is_none() {
        event.str(key, range);
    } else {
        decoded.clear();
        decode_hex(text, decoded);
        event.new_str(key, decoded);
    }
}

fn write_request(
    keys: &[Key; REQUEST.len()],
    Value { range, escaped }: Value,
    event: &mut EventWriter<'_>,
    decoded: &mut Vec<u8>,
) {
    let Some((parts, url)) = request(event.raw(), range) else {
        return keys.iter().for_each(|key| event.null(*key));
    };
    let [method, whole, host, port, path, query, protocol] = *keys;
    let mut optional = |key, range: Option<Range<usize>>, event: &mut EventWriter<'_>| match range {
        Some(range) => text(key, Value { range, escaped }, event, decoded),
        None => event.null(key),
    };
    optional(method, Some(parts.method), event);
    optional(whole, Some(url.whole), event);
    optional(host, url.host, event);
    match url.port {
        Some(number) => event.u64(port, number),
        None => event.null(port),
    }
    optional(path, Some(parts.path), event);
    optional(query, parts.query, event);
    optional(protocol, parts.protocol, event);
}
