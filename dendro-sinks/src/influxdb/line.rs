//! Events as line protocol.

use std::io::Write as _;
use std::sync::Arc;

use dendro_core::{Batch, EventRef, Key, Origin, Role, Schema, ValueRef, ValueType, json};

use crate::distinct::distinct_time;

/// What a field of that name would be taken for.
const RESERVED: &str = "time";
/// The parts of an origin that are tags; the stream is none, since each file would be a series of its own.
const ORIGIN: [&str; 4] = ["host", "service", "source", "tenant"];

/// What is written of events.
#[derive(Clone, Debug)]
pub(super) struct Points {
    pub(super) origin_tags: bool,
    pub(super) distinct_times: bool,
    /// Whether unsigned integers are written as such (`1u`), and not as signed ones (`1i`).
    pub(super) unsigned: bool,
}

/// Writes events of a batch; keeps what is the same for many of them.
#[derive(Default)]
pub(super) struct LineEncoder {
    types: Vec<(Arc<Schema>, Plan)>,
    origins: Vec<(Arc<Origin>, Vec<Tag>)>,
    /// By slot: the last event that has it.
    seen: Vec<u64>,
    event: u64,
    message: Option<Key>,
    tags: Vec<u8>,
    fields: Vec<u8>,
}

/// How the events of a type are written.
struct Plan {
    measurement: Vec<u8>,
    columns: Vec<Column>,
}

/// How a key is written for a type.
struct Column {
    name: Vec<u8>,
    is_tag: bool,
    is_float: bool,
    /// The same for keys that are written with the same name.
    slot: usize,
}

struct Tag {
    /// As it is written: `,host=a`.
    text: Vec<u8>,
    /// The events' own field of that name, which counts before.
    own: Option<Key>,
}

impl LineEncoder {
    pub(super) fn prepare(&mut self, batch: &Batch) {
        self.types.clear();
        self.origins.clear();
        for schema in batch.schemas() {
            self.types.push((schema.clone(), Plan::new(schema, batch)));
        }
        for origin in batch.origins() {
            self.origins.push((origin.clone(), origin_tags(origin, batch)));
        }
        self.seen.clear();
        self.seen.resize(batch.key_count(), 0);
        self.event = 0;
        self.message = batch.find_key("message");
    }

    /// Appends one event of the batch with its newline.
    ///
    /// # Errors
    /// Why it can't be written.
    pub(super) fn encode(
        &mut self,
        event: EventRef<'_>,
        points: &Points,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let schema = event.schema().ok_or("it has no type, which is the name of its measurement")?;
        let plan = self.types.iter().find(|(known, _)| Arc::ptr_eq(known, schema));
        let Some((_, plan)) = plan.filter(|(_, plan)| !plan.measurement.is_empty()) else {
            return Err("its type, which is the name of its measurement, is empty".into());
        };
        self.event += 1;
        self.tags.clear();
        self.fields.clear();
        for (key, value) in event.keyed_fields() {
            let Some(column) = plan.columns.get(key.index()) else { continue };
            match self.seen.get_mut(column.slot) {
                // Where two have the same name the first one counts.
                Some(seen) if *seen != self.event => *seen = self.event,
                _ => continue,
            }
            match column.is_tag {
                true => write_tag(&column.name, value, &mut self.tags),
                false => write_field(column, value, points, &mut self.fields)?,
            }
        }
        if event.is_unparsed() && !has_own(self.message, &event) {
            self.fields.extend_from_slice(b",message=");
            write_text_of(ValueRef::from(event.raw()), &mut self.fields);
        }
        if self.fields.is_empty() {
            return Err("it has no value but those of its dimensions, and a point needs one".into());
        }
        out.extend_from_slice(&plan.measurement);
        out.extend_from_slice(&self.tags);
        if let Some(origin) = event.origin().filter(|_| points.origin_tags) {
            let tags = self.origins.iter().find(|(known, _)| Arc::ptr_eq(known, origin));
            for tag in tags.into_iter().flat_map(|(_, tags)| tags) {
                if !has_own(tag.own, &event) {
                    out.extend_from_slice(&tag.text);
                }
            }
        }
        // The comma before the first field.
        self.fields[0] = b' ';
        out.extend_from_slice(&self.fields);
        let time = if points.distinct_times { distinct_time(event) } else { event.timestamp() };
        let _ = writeln!(out, " {}", time.as_nanos());
        Ok(())
    }
}

fn has_own(key: Option<Key>, event: &EventRef<'_>) -> bool {
    key.is_some_and(|key| event.get_key(key).is_some())
}

impl Plan {
    fn new(schema: &Schema, batch: &Batch) -> Self {
        let mut measurement = Vec::new();
        escape(&schema.name, b", ", &mut measurement);
        let mut columns: Vec<Column> = Vec::new();
        for (key, text) in batch.keys() {
            let known = schema.get(text);
            let mut name = Vec::new();
            escape(text, b",= ", &mut name);
            if name == RESERVED.as_bytes() {
                name.push(b'_');
            }
            if name.is_empty() {
                name.push(b'_');
            }
            let same = columns.iter().find(|column| column.name == name);
            let slot = same.map_or(key.index(), |column| column.slot);
            columns.push(Column {
                name,
                is_tag: known.is_some_and(|field| field.role == Role::Dimension),
                is_float: known.is_some_and(|field| field.value_type == ValueType::F64),
                slot,
            });
        }
        Self { measurement, columns }
    }
}

fn origin_tags(origin: &Origin, batch: &Batch) -> Vec<Tag> {
    let named = ORIGIN.into_iter().filter_map(|name| Some((name, origin.get(name)?)));
    let own = origin.tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut tags = Vec::new();
    for (name, value) in named.chain(own.filter(|(name, _)| !ORIGIN.contains(name))) {
        let mut key = Vec::new();
        escape(name, b",= ", &mut key);
        if key == RESERVED.as_bytes() || key.is_empty() {
            key.push(b'_');
        }
        let mut text = Vec::new();
        write_tag(&key, ValueRef::Str(value), &mut text);
        tags.push(Tag { text, own: batch.find_key(name) });
    }
    tags
}

/// Appends `,name=value`; nothing for an empty value, which no tag can have.
fn write_tag(name: &[u8], value: ValueRef<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(b',');
    out.extend_from_slice(name);
    out.push(b'=');
    let before = out.len();
    match value {
        ValueRef::Null => {}
        ValueRef::Str(text) => escape(text, b",= ", out),
        other => {
            let mut text = Vec::new();
            json::write_value(other, &mut text);
            let text = String::from_utf8_lossy(&text);
            // A time is text in JSON.
            escape(text.trim_matches('"'), b",= ", out);
        }
    }
    if out.len() == before {
        out.truncate(start);
    }
}

/// Appends `,name=value`; nothing for what has no value.
fn write_field(
    column: &Column,
    value: ValueRef<'_>,
    points: &Points,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let start = out.len();
    out.push(b',');
    out.extend_from_slice(&column.name);
    out.push(b'=');
    let integer = |n: i64, out: &mut Vec<u8>| {
        let _ = match column.is_float {
            true => write!(out, "{:?}", n as f64),
            false => write!(out, "{n}i"),
        };
    };
    match value {
        ValueRef::Null => out.truncate(start),
        ValueRef::Bool(v) => out.extend_from_slice(if v { b"true" } else { b"false" }),
        ValueRef::I64(v) => integer(v, out),
        ValueRef::U64(v) if points.unsigned && !column.is_float => {
            let _ = write!(out, "{v}u");
        }
        ValueRef::U64(v) => match i64::try_from(v) {
            Ok(v) => integer(v, out),
            Err(_) if column.is_float => {
                let _ = write!(out, "{:?}", v as f64);
            }
            Err(_) => {
                let name = String::from_utf8_lossy(&column.name);
                return Err(format!(
                    "its field `{name}` is {v}, more than a signed integer can be: see `unsigned`"
                ));
            }
        },
        ValueRef::F64(v) if v.is_finite() => {
            let _ = write!(out, "{v:?}");
        }
        // Neither NaN nor an infinity is a value there.
        ValueRef::F64(_) => out.truncate(start),
        ValueRef::Duration(v) => {
            let _ = write!(out, "{:?}", v.as_secs_f64());
        }
        ValueRef::Timestamp(v) => {
            let _ = write!(out, "{}i", v.as_nanos());
        }
        other => write_text_of(other, out),
    }
    Ok(())
}

fn write_text_of(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Str(text) => write_text(text.as_bytes(), out),
        other => {
            let mut text = Vec::new();
            json::write_value(other, &mut text);
            write_text(&text, out);
        }
    }
}

/// A string: only quotes and backslashes are escaped, and it may have line ends in it.
fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// A name, or the value of a tag. No line end can be in one, and no backslash at its end, where it would escape what comes behind:
/// the one is written as a space, and the other gets one behind it.
fn escape(text: &str, special: &[u8], out: &mut Vec<u8>) {
    for byte in text.bytes() {
        let byte = if byte < b' ' { b' ' } else { byte };
        if special.contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    if text.ends_with('\\') {
        out.extend_from_slice(b"\\ ");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use dendro_core::{Event, FieldSchema, SignedDuration, Timestamp, Value};

    use super::*;

    const POINTS: Points = Points { origin_tags: true, distinct_times: true, unsigned: false };

    fn line_of(batch: &Batch, points: &Points) -> Result<String, String> {
        let mut encoder = LineEncoder::default();
        encoder.prepare(batch);
        let mut out = Vec::new();
        encoder.encode(batch.get(0).unwrap(), points, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn line(event: &Event) -> Result<String, String> {
        line_of(&Batch::from_events([event]).unwrap(), &POINTS)
    }

    fn at(name: &str) -> Event {
        Event::new(name).at(Timestamp::from_nanos(1_700_000_000_000_000_001))
    }

    /// An event with a schema and an origin.
    fn placed(schema: Schema, origin: Origin, fields: &[(&str, Value)]) -> Batch {
        let mut batch = Batch::new(bytes::Bytes::from_static(b"raw text")).unwrap();
        let ty = batch.add_type(&Arc::new(schema)).unwrap();
        let origin = batch.add_origin(&Arc::new(origin)).unwrap();
        let mut event = batch.push_event(ty, origin, Timestamp::from_nanos(5_000_000_001));
        for (name, value) in fields {
            event.insert(name, value).unwrap();
        }
        batch
    }

    #[test]
    fn each_kind_of_value_is_written_as_what_it_is() {
        let event = at("t")
            .with("a_bool", true)
            .with("b_int", -3i64)
            .with("c_uint", 3u64)
            .with("d_float", 0.1)
            .with("e_whole", 2.0)
            .with("f_big", 1e300)
            .with("g_text", "say \"hi\" \\ on\ntwo lines")
            .with("h_duration", SignedDuration::from_nanos(1_500_000_000))
            .with("i_time", Timestamp::from_nanos(7))
            .with("j_list", Value::Array(vec![Value::I64(1), Value::Str("x".into())]))
            .with("k_null", Value::Null)
            .with("l_nan", f64::NAN)
            .with("m_bytes", Value::Bytes(vec![0xff]));
        let expected = concat!(
            "t a_bool=true,b_int=-3i,c_uint=3i,d_float=0.1,e_whole=2.0,f_big=1e300,",
            "g_text=\"say \\\"hi\\\" \\\\ on\ntwo lines\",h_duration=1.5,i_time=7i,j_list=\"[1,\\\"x\\\"]\",",
            "m_bytes=\"{\\\"base64\\\":\\\"/w==\\\"}\" 1700000000000000001\n"
        );
        assert_eq!(line(&event).unwrap(), expected);
    }

    #[test]
    fn dimensions_and_the_origin_are_tags_and_an_events_own_field_counts_before() {
        let schema = Schema::new("nginx access")
            .field(FieldSchema::dimension("status", ValueType::U64))
            .field(FieldSchema::dimension("host", ValueType::Str))
            .field(FieldSchema::gauge("size", ValueType::F64));
        let origin = Origin {
            host: Some("web 1".into()),
            service: Some("a,b=c\\".into()),
            stream: Some("/var/log/x".into()),
            tags: vec![("env".into(), "prod\n".into()), ("service".into(), "hidden".into())],
            ..Origin::default()
        };
        let fields = [("status", Value::U64(200)), ("size", Value::U64(7)), ("path", Value::Str("/".into()))];
        let batch = placed(schema.clone(), origin.clone(), &fields);
        assert_eq!(
            line_of(&batch, &POINTS).unwrap(),
            "nginx\\ access,status=200,host=web\\ 1,service=a\\,b\\=c\\\\ ,env=prod\\  size=7.0,path=\"/\" 5000000001\n"
        );
        let own = placed(schema, origin, &[("host", Value::Str("named".into())), ("size", Value::F64(1.0))]);
        let text = line_of(&own, &POINTS).unwrap();
        assert!(text.starts_with("nginx\\ access,host=named,service="), "{text}");
        let without = Points { origin_tags: false, ..POINTS };
        assert_eq!(line_of(&own, &without).unwrap(), "nginx\\ access,host=named size=1.0 5000000001\n");
    }

    #[test]
    fn names_are_escaped_and_the_reserved_one_is_renamed() {
        let event = at("a,b c").with("time", 1i64).with("time_", 2i64).with("x = y", 3i64).with("", 4i64);
        // The first of two that come to the same counts: fields of an owned event are sorted.
        assert_eq!(line(&event).unwrap(), "a\\,b\\ c _=4i,time_=1i,x\\ \\=\\ y=3i 1700000000000000001\n");
    }

    #[test]
    fn the_raw_text_of_an_event_that_nobody_has_read_is_its_message() {
        let mut batch = Batch::new(bytes::Bytes::from_static(b"raw text")).unwrap();
        let row = dendro_core::RecordRow {
            ty: batch.add_type(&Arc::new(Schema::new("log"))).unwrap(),
            origin: batch.add_origin(&Arc::default()).unwrap(),
            observed: Timestamp::from_nanos(1_000_000_000),
        };
        batch.push_record(0..8, 0, row);
        assert_eq!(line_of(&batch, &POINTS).unwrap(), "log message=\"raw text\" 1000000000\n");
        batch.get_mut(0).unwrap().insert("message", "own").unwrap();
        assert_eq!(line_of(&batch, &POINTS).unwrap(), "log message=\"own\" 1000000000\n");
    }

    #[test]
    fn what_is_no_point_is_refused_with_the_reason() {
        assert!(line(&at("").with("a", 1i64)).unwrap_err().contains("type"));
        assert!(line(&at("t").with("a", Value::Null)).unwrap_err().contains("no value"));
        let large = at("t").with("n", u64::MAX);
        assert!(line(&large).unwrap_err().contains("`n` is 18446744073709551615"));
        let batch = Batch::from_events([&large]).unwrap();
        let unsigned = Points { unsigned: true, ..POINTS };
        assert_eq!(line_of(&batch, &unsigned).unwrap(), "t n=18446744073709551615u 1700000000000000001\n");
    }
}
