//! The access log as a transform.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::batch::{Row, RowWriter};
use dendro_core::{Batch, BatchFull, EventWriter, Key, Schema, Transform, TransformError};

use super::combined::{Combined, Text};
use super::schema;
use crate::clf_time::ClfTime;
use crate::escapes::decode_hex;
use crate::http_request::RequestLine;

/// Parses lines of nginx's access log.
///
/// The format is `combined`, which nginx writes unless it is told otherwise:
///
/// ```text
/// $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"
/// ```
///
/// - `$time_local` becomes the time of the event; its zone is honoured.
/// - `$request` is kept and also split into `method`, `path`, `query` and `protocol`; they are null as far as it
///   [can't be split](RequestLine).
/// - `-` is null: nginx writes it for a value that is missing, so that a header whose value is `-` can't be told
///   from one that was not sent. A header that was sent empty is the empty string.
/// - `\xHH` is decoded; a value that is not UTF-8 then is bytes. The text as logged is the
///   [raw text](dendro_core::EventRef::raw) of the event.
/// - `remote_user` may hold spaces and brackets: the quote of the request, which can't be part of a user, and the
///   time before it tell where it ends.
/// - A ninth field in quotes is accepted, since logs of the two longer formats that nginx's documentation and
///   packages ship are often called combined too: a plain decimal number (`2.75`) is `gzip_ratio`, anything else is
///   `http_x_forwarded_for`. Events of lines without it don't have these fields.
/// - Any other line is refused with the reason and the byte where it does not fit.
///
/// Keeps nothing of one line that would matter for another, so batches may be spread over clones.
///
/// ```
/// use dendro_core::{Batch, Event, Transform};
/// use dendro_parsers::nginx::NginxAccess;
/// let schema = NginxAccess::schema();
/// assert_eq!(schema.get("status").unwrap().otel.as_deref(), Some("http.response.status_code"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct NginxAccess {
    clock: ClfTime,
    decoded: Vec<u8>,
}

impl NginxAccess {
    /// For the format `combined`.
    pub fn combined() -> Self {
        Self::default()
    }

    /// The schema of its events, `nginx_access`.
    pub fn schema() -> Arc<Schema> {
        schema::combined().clone()
    }
}

impl Transform for NginxAccess {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let prepared = Prepared::new(batch)?;
        let Self { clock, decoded } = self;
        batch.parse_each(|event| {
            let line = Combined::parse(event.raw(), clock)?;
            write(&line, &prepared, event, decoded);
            Ok(())
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }
}

/// The fields that every event has, in the order of the line.
const FIELDS: [&str; 11] = [
    "remote_addr",
    "remote_user",
    "request",
    "method",
    "path",
    "query",
    "protocol",
    "status",
    "body_bytes_sent",
    "http_referer",
    "http_user_agent",
];
const REMOTE_ADDR: usize = 0;
const REMOTE_USER: usize = 1;
const REQUEST: usize = 2;
const METHOD: usize = 3;
const PATH: usize = 4;
const QUERY: usize = 5;
const PROTOCOL: usize = 6;
const STATUS: usize = 7;
const BODY_BYTES_SENT: usize = 8;
const HTTP_REFERER: usize = 9;
const HTTP_USER_AGENT: usize = 10;

/// What is made once a batch.
struct Prepared {
    row: Row<{ FIELDS.len() }>,
    ty: u16,
    http_x_forwarded_for: Key,
    gzip_ratio: Key,
}

impl Prepared {
    fn new(batch: &mut Batch) -> Result<Self, BatchFull> {
        Ok(Self {
            row: Row::new(&FIELDS, batch)?,
            ty: batch.add_type(schema::combined())?,
            http_x_forwarded_for: batch.add_key("http_x_forwarded_for")?,
            gzip_ratio: batch.add_key("gzip_ratio")?,
        })
    }
}

#[inline]
fn write(line: &Combined, prepared: &Prepared, event: &mut EventWriter<'_>, decoded: &mut Vec<u8>) {
    event.set_type(prepared.ty);
    event.set_time(line.time);
    let mut fields = Fields { raw: event.raw(), row: event.row(&prepared.row), decoded };
    fields.row.str(REMOTE_ADDR, line.remote_addr.range());
    fields.unless_dash(REMOTE_USER, line.remote_user);
    fields.unless_dash(REQUEST, line.request);
    if let Some(parts) = RequestLine::split_at(fields.raw, line.request.range()) {
        let escaped = line.request.escaped;
        fields.row.str(METHOD, parts.method);
        fields.text(PATH, parts.path, escaped);
        if let Some(query) = parts.query {
            fields.text(QUERY, query, escaped);
        }
        if let Some(protocol) = parts.protocol {
            fields.row.str(PROTOCOL, protocol);
        }
    }
    fields.row.u64(STATUS, line.status.into());
    fields.row.u64(BODY_BYTES_SENT, line.body_bytes_sent);
    fields.unless_dash(HTTP_REFERER, line.http_referer);
    fields.unless_dash(HTTP_USER_AGENT, line.http_user_agent);
    if let Some(further) = line.further {
        write_further(further, prepared, event, decoded);
    }
}

/// Sets fields of one line to texts in it.
struct Fields<'w> {
    raw: &'w [u8],
    row: RowWriter<'w, { FIELDS.len() }>,
    decoded: &'w mut Vec<u8>,
}

impl Fields<'_> {
    /// Leaves it null for `-`.
    #[inline]
    fn unless_dash(&mut self, field: usize, text: Text) {
        if self.raw.get(text.range()) != Some(b"-") {
            self.text(field, text.range(), text.escaped);
        }
    }

    #[inline]
    fn text(&mut self, field: usize, range: Range<usize>, escaped: bool) {
        if escaped { self.decode(field, range) } else { self.row.str(field, range) }
    }

    #[cold]
    fn decode(&mut self, field: usize, range: Range<usize>) {
        let text = self.raw.get(range.clone()).unwrap_or_default();
        if memchr::memchr(b'\\', text).is_none() {
            return self.row.str(field, range);
        }
        self.decoded.clear();
        decode_hex(text, self.decoded);
        self.row.new_str(field, self.decoded);
    }
}

/// The ninth field of the line: see [`NginxAccess`].
#[cold]
fn write_further(further: Text, prepared: &Prepared, event: &mut EventWriter<'_>, decoded: &mut Vec<u8>) {
    let text = event.raw().get(further.range()).unwrap_or_default();
    if let Some(ratio) = gzip_ratio(text) {
        return event.f64(prepared.gzip_ratio, ratio);
    }
    let key = prepared.http_x_forwarded_for;
    match text {
        b"-" => event.null(key),
        _ if further.escaped => {
            decoded.clear();
            decode_hex(text, decoded);
            event.new_str(key, decoded);
        }
        _ => event.str(key, further.range()),
    }
}

/// A number as nginx writes `$gzip_ratio`: digits, a point, digits.
fn gzip_ratio(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits(whole) && digits(fraction) { text.parse().ok() } else { None }
}
