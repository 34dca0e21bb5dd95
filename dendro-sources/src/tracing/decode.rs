//! From records to the events of a batch.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use dendro_core::{
    Batch, BatchFull, EventMut, FieldSchema, Key, Schema, SignedDuration, SourceContext, Timestamp, Value,
    ValueRef, ValueType,
};
use tracing_core::Level;

use super::Recorded;
use super::buffer::{Kind, Meta, Record};
use super::record::{Ids, Reader, Timing};

/// Reads records; keeps what is the same for many.
pub(super) struct Decoder {
    pub(super) log: Arc<Schema>,
    pub(super) span: Arc<Schema>,
    record: Recorded,
    paths: HashMap<Box<[usize]>, Value>,
    path: Vec<usize>,
}

/// A batch that is being filled. The keys are those of this batch.
pub(super) struct Open {
    pub(super) batch: Batch,
    pub(super) weight: usize,
    location: bool,
    keys: [Key; NAMES.len()],
    log: u16,
    span: u16,
    origin: u16,
    callsites: HashMap<(usize, bool), Vec<Option<Key>>>,
    /// Where in the record the fields of the spans around it are, innermost first.
    spans: Vec<Range<usize>>,
}

const NAMES: [&str; 15] = [
    "level",
    "target",
    "message",
    "span",
    "spans",
    "thread_name",
    "file",
    "line",
    "parent_span_id",
    "trace_id",
    "span_id",
    "duration",
    "busy",
    "idle",
    "shed_events",
];
const LEVEL: usize = 0;
const TARGET: usize = 1;
const MESSAGE: usize = 2;
const SPAN: usize = 3;
const SPANS: usize = 4;
const THREAD_NAME: usize = 5;
const FILE: usize = 6;
const LINE: usize = 7;
const PARENT_SPAN_ID: usize = 8;
const TRACE_ID: usize = 9;
const SPAN_ID: usize = 10;
const DURATION: usize = 11;
const BUSY: usize = 12;
const IDLE: usize = 13;
const SHED_EVENTS: usize = 14;

/// Paths of spans that are kept, at the most.
const MAX_PATHS: usize = 1_024;

impl Decoder {
    pub(super) fn new(record: Recorded) -> Self {
        let schemas = (Arc::new(log_schema()), Arc::new(span_schema()));
        Self { log: schemas.0, span: schemas.1, record, paths: HashMap::new(), path: Vec::new() }
    }

    pub(super) fn open(&self, cx: &SourceContext) -> Result<Open, BatchFull> {
        let mut batch = cx.pool().batch(Bytes::new())?;
        let mut keys = [batch.add_key(NAMES[0])?; NAMES.len()];
        for (key, name) in keys.iter_mut().zip(NAMES) {
            *key = batch.add_key(name)?;
        }
        let (log, span) = (batch.add_type(&self.log)?, batch.add_type(&self.span)?);
        let origin = batch.add_origin(&cx.origin(None))?;
        let location = self.record.location;
        Ok(Open {
            batch,
            weight: 0,
            location,
            keys,
            log,
            span,
            origin,
            callsites: HashMap::new(),
            spans: Vec::new(),
        })
    }

    /// Adds the event of a record.
    pub(super) fn add(&mut self, record: Record<'_>, open: &mut Open) -> Result<(), BatchFull> {
        self.add_event(record, open)?;
        open.weight += record.weight();
        Ok(())
    }

    fn add_event(&mut self, record: Record<'_>, open: &mut Open) -> Result<(), BatchFull> {
        let Some((own, around)) = record.metas.split_first() else { return Ok(()) };
        for meta in record.metas {
            open.know(meta, record.kind)?;
        }
        let mut reader = Reader(record.bytes);
        let Some(head) = Read::from(&mut reader, record.kind) else { return Ok(()) };
        let path = self.path_of(own, around, record.kind);
        let before = open.batch.end_index();
        let filled = open.fill(record, own, around, &head, reader, path);
        if filled.is_err() {
            open.batch.revert(before);
        }
        filled
    }

    /// The names of the spans around, outermost first; for a span its own name too.
    fn path_of(&mut self, own: &Meta, around: &[Meta], kind: Kind) -> Option<&Value> {
        self.path.clear();
        self.path.extend(around.iter().rev().map(address));
        if kind == Kind::Span {
            self.path.push(address(own));
        }
        if self.path.is_empty() {
            return None;
        }
        if !self.paths.contains_key(&self.path[..]) {
            if self.paths.len() >= MAX_PATHS {
                self.paths.clear();
            }
            let own = (kind == Kind::Span).then_some(own);
            let names = around.iter().rev().chain(own).map(|meta| Value::from(meta.name())).collect();
            self.paths.insert(self.path.clone().into(), Value::Array(names));
        }
        self.paths.get(&self.path[..])
    }
}

/// What stands before the own fields of a record.
struct Read<'a> {
    thread: &'a str,
    ids: Option<Ids>,
    timing: Timing,
}

impl<'a> Read<'a> {
    fn from(reader: &mut Reader<'a>, kind: Kind) -> Option<Self> {
        let thread = reader.thread()?;
        let ids = reader.ids()?;
        let timing = if kind == Kind::Span { reader.timing()? } else { Timing::default() };
        Some(Self { thread, ids, timing })
    }
}

impl Open {
    /// An event about what was shed.
    pub(super) fn add_shed(&mut self, shed: u64, capacity: usize, now: Timestamp) -> Result<(), BatchFull> {
        let before = self.batch.end_index();
        let keys = self.keys;
        let mut event = self.batch.push_event(self.log, self.origin, now);
        event.set_time(Some(now));
        event.mark_self();
        let message = format!("{shed} events were shed: the buffer of {capacity} bytes was full");
        let filled = event
            .insert_key(keys[LEVEL], "warn")
            .and_then(|()| event.insert_key(keys[TARGET], module_path!()))
            .and_then(|()| event.insert_key(keys[MESSAGE], &message))
            .and_then(|()| event.insert_key(keys[SHED_EVENTS], shed));
        if filled.is_err() {
            self.batch.revert(before);
        }
        filled
    }

    /// Has the keys of a callsite's fields ready. `None` is a field that is left out.
    fn know(&mut self, meta: &Meta, kind: Kind) -> Result<(), BatchFull> {
        let id = (address(meta), kind == Kind::Span);
        if self.callsites.contains_key(&id) {
            return Ok(());
        }
        // A record of `log` that came through `tracing-log` says what it is in fields of this name.
        let of_log = meta.target() == "log" && meta.fields().field("log.target").is_some();
        let mut keys = Vec::with_capacity(meta.fields().len());
        for field in meta.fields() {
            let key = match field.name() {
                "log.target" if of_log => Some(self.keys[TARGET]),
                "log.file" if of_log => self.location.then_some(self.keys[FILE]),
                "log.line" if of_log => self.location.then_some(self.keys[LINE]),
                "log.module_path" if of_log => None,
                name if is_taken(name, meta.is_span(), kind) => {
                    Some(self.batch.add_key(&format!("field_{name}"))?)
                }
                // A raw identifier, as in `r#type`.
                name => Some(self.batch.add_key(name.strip_prefix("r#").unwrap_or(name))?),
            };
            keys.push(key);
        }
        self.callsites.insert(id, keys);
        Ok(())
    }

    fn fill(
        &mut self,
        record: Record<'_>,
        own: &Meta,
        around: &[Meta],
        head: &Read<'_>,
        mut fields: Reader<'_>,
        path: Option<&Value>,
    ) -> Result<(), BatchFull> {
        let is_span = record.kind == Kind::Span;
        let Self { batch, keys, callsites, location, spans, .. } = self;
        spans.clear();
        for _ in around {
            let Some(span) = fields.span() else { return Ok(()) };
            let end = record.bytes.len() - fields.0.len();
            spans.push(end - span.0.len()..end);
        }
        let time = Timestamp::from_nanos(record.time);
        let total = SignedDuration::from_nanos(head.timing.busy.saturating_add(head.timing.idle));
        let ty = if is_span { self.span } else { self.log };
        let mut event = batch.push_event(ty, self.origin, time.saturating_add(total));
        event.set_time(Some(time));
        event.insert_key(keys[LEVEL], level(*own.level()))?;
        event.insert_key(keys[TARGET], own.target())?;
        let keys_of = |meta: &Meta| callsites.get(&(address(meta), is_span)).map_or(&[][..], Vec::as_slice);

        // The message first, for those who read the output.
        let own_keys = keys_of(own);
        let mut rest = fields;
        if let Some((index, value)) = rest.field()
            && own_keys.get(index) == Some(&Some(keys[MESSAGE]))
        {
            event.insert_key(keys[MESSAGE], value)?;
            fields = rest;
        }
        if is_span {
            event.insert_key(keys[DURATION], total)?;
            event.insert_key(keys[BUSY], SignedDuration::from_nanos(head.timing.busy))?;
            event.insert_key(keys[IDLE], SignedDuration::from_nanos(head.timing.idle))?;
        }
        let innermost = if is_span { Some(own) } else { around.first() };
        if let Some((span, path)) = innermost.zip(path) {
            event.insert_key(keys[SPAN], span.name())?;
            event.insert_key(keys[SPANS], path)?;
        }
        if let Some(ids) = head.ids {
            put_ids(&mut event, keys, ids, is_span)?;
        }
        if !head.thread.is_empty() {
            event.insert_key(keys[THREAD_NAME], head.thread)?;
        }
        if *location {
            if let Some(file) = own.file() {
                event.insert_key(keys[FILE], file)?;
            }
            if let Some(line) = own.line() {
                event.insert_key(keys[LINE], line)?;
            }
        }
        for (meta, span) in around.iter().zip(&*spans).rev() {
            let fields = Reader(record.bytes.get(span.clone()).unwrap_or_default());
            put_fields(&mut event, keys_of(meta), fields)?;
        }
        put_fields(&mut event, own_keys, fields)
    }
}

fn put_fields(
    event: &mut EventMut<'_>,
    names: &[Option<Key>],
    mut fields: Reader<'_>,
) -> Result<(), BatchFull> {
    while let Some((index, value)) = fields.field() {
        if let Some(key) = names.get(index).copied().flatten() {
            event.insert_key(key, value)?;
        }
    }
    Ok(())
}

fn put_ids(
    event: &mut EventMut<'_>,
    keys: &[Key; NAMES.len()],
    ids: Ids,
    is_span: bool,
) -> Result<(), BatchFull> {
    let trace = hex::<32>(ids.trace);
    let span = hex::<16>(ids.span.into());
    let parent = hex::<16>(ids.parent.into());
    event.insert_key(keys[TRACE_ID], ValueRef::from(&trace[..]))?;
    event.insert_key(keys[SPAN_ID], ValueRef::from(&span[..]))?;
    if is_span && ids.parent != 0 {
        event.insert_key(keys[PARENT_SPAN_ID], ValueRef::from(&parent[..]))?;
    }
    Ok(())
}

/// Whether a field of this name would hide one of ours.
fn is_taken(name: &str, of_span: bool, kind: Kind) -> bool {
    match NAMES.iter().position(|n| *n == name) {
        None | Some(TRACE_ID | SPAN_ID | SHED_EVENTS) => false,
        Some(MESSAGE) => of_span,
        Some(DURATION | BUSY | IDLE) => kind == Kind::Span,
        Some(_) => true,
    }
}

fn address(meta: &Meta) -> usize {
    std::ptr::from_ref(*meta).addr()
}

fn level(level: Level) -> &'static str {
    match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    }
}

fn hex<const N: usize>(n: u128) -> [u8; N] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|i| DIGITS[(n >> (4 * (N - 1 - i)) & 15) as usize])
}

fn log_schema() -> Schema {
    common(Schema::new("log").doc("One event of the application, from tracing or log."))
        .field(FieldSchema::attribute("message", ValueType::Str).doc("What it says."))
        .field(
            FieldSchema::delta("shed_events", ValueType::U64)
                .unit("{event}")
                .doc("Events that were shed since the last report: on the source's own events only."),
        )
}

fn span_schema() -> Schema {
    let seconds = |name, doc: &'static str| FieldSchema::gauge(name, ValueType::Duration).unit("s").doc(doc);
    common(Schema::new("span").doc("One span of the application, when it has closed; its time is its start."))
        .field(seconds("duration", "From its start to its end."))
        .field(seconds("busy", "How long it was entered."))
        .field(seconds("idle", "How long it was not entered."))
        .field(
            FieldSchema::attribute("parent_span_id", ValueType::Str)
                .otel("parent_span_id")
                .doc("The id of the span around it, 16 hex digits."),
        )
}

fn common(schema: Schema) -> Schema {
    schema
        .field(
            FieldSchema::dimension("level", ValueType::Str)
                .otel("severity_text")
                .doc("trace, debug, info, warn or error."),
        )
        .field(
            FieldSchema::dimension("target", ValueType::Str)
                .doc("The module, or what else was given as target."),
        )
        .field(FieldSchema::dimension("span", ValueType::Str).doc("The name of the current span."))
        .field(
            FieldSchema::attribute("spans", ValueType::Array).doc("The names of the spans, outermost first."),
        )
        .field(
            FieldSchema::attribute("thread_name", ValueType::Str)
                .otel("thread.name")
                .doc("The thread on which it happened."),
        )
        .field(FieldSchema::attribute("file", ValueType::Str).otel("code.file.path").doc("The source file."))
        .field(FieldSchema::attribute("line", ValueType::U64).otel("code.line.number").doc("The line in it."))
        .field(
            FieldSchema::attribute("trace_id", ValueType::Str)
                .otel("trace_id")
                .doc("The id of the outermost span's trace, 32 hex digits."),
        )
        .field(
            FieldSchema::attribute("span_id", ValueType::Str)
                .otel("span_id")
                .doc("The id of the current span, 16 hex digits."),
        )
}
