//! The error log as a transform.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::batch::Row;
use dendro_core::{Batch, BatchFull, EventWriter, Key, Schema, Transform, TransformError};

use super::line::Line;
use super::tail::{CLIENT_BYTES, CLIENT_PACKETS, Tail, UPSTREAM_BYTES};
use super::{message, schema};
use crate::Zone;
use crate::http_request::RequestLine;

/// Parses events of nginx's error log.
///
/// ```text
/// 2026/11/20 16:59:37 [error] 27718#27718: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.7, server: example.com, request: "GET /a HTTP/1.1", upstream: "http://192.0.2.1:80/a", host: "example.com"
/// ```
///
/// - The time has no zone: it is one of the zone that is given.
/// - What is appended to the message becomes fields: client, server, request and so on. Nothing in it is escaped, nor in the message, so text
///   that a client has sent may look like it: what nginx itself has written is told apart by the order of its parts and by
///   where a client's text can stand.
/// - `request` is split as that of an access log. A value that is not UTF-8 is bytes.
/// - An event may have several lines, if a message holds newlines, such as those of FastCGI's standard error: lines that don't begin with a
///   time belong to the event before them.
/// - `nginx: [emerg] ...`, which nginx writes to standard error while it starts, is an event without a time.
/// - nginx cuts an event at 2,047 bytes. What is left of a value is its value then.
/// - Any other record is refused with the reason and the byte where it does not fit.
///
/// Keeps nothing of one event that would matter for another, so batches may be spread over clones.
#[derive(Clone, Debug, Default)]
pub struct NginxError {
    zone: Zone,
    joined: Vec<u8>,
}

impl NginxError {
    /// With times in UTC.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the zone of the server's times.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// The schema of its events, `nginx_error`.
    pub fn schema() -> Arc<Schema> {
        schema::error().clone()
    }
}

impl Transform for NginxError {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let prepared = Prepared::new(batch)?;
        let Self { zone, joined } = self;
        batch.parse_each(|event| {
            let line = Line::parse(event.raw(), zone)?;
            let tail = Tail::find(event.raw(), line.message);
            write(&line, tail, &prepared, event, joined);
            Ok(())
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }
}

/// The fields that every event has.
const FIELDS: [&str; 17] = [
    "level",
    "pid",
    "tid",
    "cid",
    "message",
    "error_code",
    "error_text",
    "client",
    "server",
    "request",
    "method",
    "path",
    "query",
    "protocol",
    "upstream",
    "host",
    "referrer",
];
const LEVEL: usize = 0;
const PID: usize = 1;
const TID: usize = 2;
const CID: usize = 3;
const MESSAGE: usize = 4;
const ERROR_CODE: usize = 5;
const ERROR_TEXT: usize = 6;
const CLIENT: usize = 7;
const SERVER: usize = 8;
const REQUEST: usize = 9;
const METHOD: usize = 10;
const PATH: usize = 11;
const QUERY: usize = 12;
const PROTOCOL: usize = 13;
const UPSTREAM: usize = 14;
const HOST: usize = 15;
const REFERRER: usize = 16;

/// The counters of the stream module by their number in [`Tail::counters`], each from and to.
const COUNTERS: [[&str; 2]; 3] = {
    let mut names = [[""; 2]; 3];
    names[CLIENT_PACKETS] = ["packets_from_client", "packets_to_client"];
    names[CLIENT_BYTES] = ["bytes_from_client", "bytes_to_client"];
    names[UPSTREAM_BYTES] = ["bytes_from_upstream", "bytes_to_upstream"];
    names
};

/// What is made once a batch.
struct Prepared {
    row: Row<{ FIELDS.len() }>,
    ty: u16,
    subrequest: Key,
    login: Key,
    resolver: Key,
    excess: Key,
    zone: Key,
    counters: [[Key; 2]; 3],
}

impl Prepared {
    fn new(batch: &mut Batch) -> Result<Self, BatchFull> {
        let mut pair = |[from, to]: [&str; 2]| Ok([batch.add_key(from)?, batch.add_key(to)?]);
        let [packets, client, upstream] = COUNTERS;
        Ok(Self {
            counters: [pair(packets)?, pair(client)?, pair(upstream)?],
            subrequest: batch.add_key("subrequest")?,
            login: batch.add_key("login")?,
            resolver: batch.add_key("resolver")?,
            excess: batch.add_key("excess")?,
            zone: batch.add_key("zone")?,
            row: Row::new(&FIELDS, batch)?,
            ty: batch.add_type(schema::error())?,
        })
    }
}

fn write(
    line: &Line,
    mut tail: Tail,
    prepared: &Prepared,
    event: &mut EventWriter<'_>,
    joined: &mut Vec<u8>,
) {
    let raw = event.raw();
    event.set_type(prepared.ty);
    if let Some(time) = line.time {
        event.set_time(time);
    }
    let start = tail.message.start;
    let message = &raw[tail.message.clone()];
    let error = message::os_error(message);
    let excess = message::excess(message);
    if let Some((end, ..)) = &excess {
        tail.message.end = start + end;
    }

    let mut row = event.row(&prepared.row);
    let mut text = |field: usize, range: Option<Range<usize>>| {
        if let Some(range) = range {
            row.str(field, range);
        }
    };
    text(LEVEL, line.level.clone());
    text(CLIENT, tail.client);
    text(SERVER, tail.server);
    text(UPSTREAM, tail.upstream);
    text(HOST, tail.host);
    text(REFERRER, tail.referrer);
    if let Some(request) = tail.request {
        text(REQUEST, Some(request.clone()));
        if let Some(parts) = RequestLine::split_at(raw, request) {
            text(METHOD, Some(parts.method));
            text(PATH, Some(parts.path));
            text(QUERY, parts.query);
            text(PROTOCOL, parts.protocol);
        }
    }
    for (field, number) in [(PID, line.pid), (TID, line.tid), (CID, line.cid)] {
        if let Some(number) = number {
            row.u64(field, number);
        }
    }
    if let Some((code, range)) = error {
        row.u64(ERROR_CODE, code);
        row.str(ERROR_TEXT, start + range.start..start + range.end);
    }
    if tail.after.is_empty() {
        row.str(MESSAGE, tail.message);
    } else {
        joined.clear();
        joined.extend_from_slice(&raw[tail.message]);
        joined.extend_from_slice(&raw[tail.after]);
        row.new_str(MESSAGE, joined);
    }

    for (key, range) in [
        (prepared.subrequest, tail.subrequest),
        (prepared.login, tail.login),
        (prepared.resolver, tail.resolver),
    ] {
        if let Some(range) = range {
            event.str(key, range);
        }
    }
    if let Some((_, value, zone)) = excess {
        event.f64(prepared.excess, value);
        event.str(prepared.zone, start + zone.start..start + zone.end);
    }
    for ([from, to], pair) in prepared.counters.into_iter().zip(tail.counters) {
        if let Some(pair) = pair {
            event.u64(from, pair.0);
            event.u64(to, pair.1);
        }
    }
}
