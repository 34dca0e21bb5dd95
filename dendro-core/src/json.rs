//! Events as JSON: one object an event.
//!
//! `timestamp` (RFC 3339 with nanoseconds) and `type` come first, then the fields in order; a field that
//! has one of these two names gets a `_` behind it. Durations are seconds, times are RFC 3339, bytes
//! that are not UTF-8 are `{"base64": "..."}`, NaN and the infinities are null. The raw text of an event that no
//! parser has read is `message`.

mod line;
mod scan;

use crate::ValueRef;
use crate::batch::{Batch, EventRef, Key, Stored};
use crate::distribution::{Histogram, Sketch};
use line::{Line, PAD};

/// How much an output buffer grows by at once when many events are written: few enough bytes that they are
/// still in the first cache when they are filled.
const STEP_BYTES: usize = 16 << 10;

/// Writes events as JSON; keeps what is the same for many of them.
#[derive(Debug, Default)]
pub struct JsonEncoder {
    origin: bool,
    /// `,"name":"` of each key, and [`PAD`] bytes behind the last.
    names: Vec<u8>,
    /// Where each name begins, and its length.
    spans: Vec<(u32, u32)>,
    head: line::Head,
    scratch: Vec<u8>,
    dedup: Option<DedupField>,
}

/// The field that has the key of the event.
#[derive(Debug)]
struct DedupField {
    name: String,
    /// The same field of the batch itself.
    own: Option<Key>,
}

impl JsonEncoder {
    /// An encoder that writes the fields of an event and nothing of its origin.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to write the fields of the [`Origin`](crate::Origin) that are set, as far as the event
    /// has no field of the same name.
    pub fn with_origin(mut self, origin: bool) -> Self {
        self.origin = origin;
        self
    }

    /// Whether to write the [`DedupKey`](crate::DedupKey) of each event that has one, as a field of this name behind
    /// the others, where the event has none of that name.
    pub fn with_dedup_key(mut self, name: Option<String>) -> Self {
        self.dedup = name.map(|name| DedupField { name, own: None });
        self
    }

    /// Appends every event of a batch, each with a newline behind it.
    pub fn encode_lines(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        self.prepare(batch);
        self.encode_events(batch.iter(), out);
    }

    /// Gets ready for the events of a batch: has to be called before [`encode_events`](Self::encode_events) and
    /// [`encode_prepared`](Self::encode_prepared) whenever the batch is another or has got new keys.
    pub fn prepare(&mut self, batch: &Batch) {
        self.head.forget_type();
        self.names.clear();
        self.spans.clear();
        for i in 0..batch.key_count() {
            let name = batch.key_name(Key(i as u16));
            let start = self.names.len();
            self.names.extend_from_slice(b",\"");
            write_escaped(name.as_bytes(), &mut self.names);
            if matches!(name, "timestamp" | "type") {
                self.names.push(b'_');
            }
            self.names.extend_from_slice(b"\":\"");
            self.spans.push((start as u32, (self.names.len() - start) as u32));
        }
        self.names.resize(self.names.len() + PAD, 0);
        if let Some(dedup) = &mut self.dedup {
            dedup.own = batch.find_key(&dedup.name);
        }
    }

    /// Appends some events of the batch that [`prepare`](Self::prepare) was called for, each with a newline
    /// behind it.
    pub fn encode_events<'a>(&mut self, events: impl IntoIterator<Item = EventRef<'a>>, out: &mut Vec<u8>) {
        let mut line = Line::new(std::mem::take(out), STEP_BYTES);
        for event in events {
            self.encode(event, &mut line);
            line.byte(b'\n');
        }
        *out = line.finish();
    }

    /// Appends one event of the batch that [`prepare`](Self::prepare) was called for, without a newline.
    pub fn encode_prepared(&mut self, event: EventRef<'_>, out: &mut Vec<u8>) {
        let mut line = Line::new(std::mem::take(out), 512);
        self.encode(event, &mut line);
        *out = line.finish();
    }

    #[inline]
    fn encode(&mut self, event: EventRef<'_>, line: &mut Line) {
        let (head, len) = self.head.text(event);
        line.padded(head, len);
        // A field of that name comes before the raw text, as it does in `EventRef::get`.
        if event.is_unparsed() && !has_own_message(event) {
            line.generic(|out| {
                out.extend_from_slice(b",\"message\":");
                write_value(ValueRef::from(event.raw()), out);
            });
        }
        for (key, stored) in event.stored_fields() {
            let Some((start, len)) = self.spans.get(usize::from(key.0)) else { continue };
            line.padded(&self.names[*start as usize..], *len as usize);
            match stored {
                Stored::Text { rest, len } => line.text(rest, len, &mut self.scratch),
                Stored::Value(value) => {
                    // The quote that only text needs.
                    line.back(1);
                    match value {
                        ValueRef::Null => line.short(b"null"),
                        ValueRef::U64(v) => line.number(v),
                        other => line.generic(|out| write_value(other, out)),
                    }
                }
            }
        }
        if self.origin {
            line.generic(|out| write_origin(event, out));
        }
        if let Some(dedup) = &self.dedup {
            let key = event.dedup_key().filter(|_| dedup.own.and_then(|own| event.get_key(own)).is_none());
            if let Some(key) = key {
                line.generic(|out| {
                    write_name(false, &dedup.name, out);
                    write_string(&key.to_hex(), out);
                });
            }
        }
        line.byte(b'}');
    }
}

fn has_own_message(event: EventRef<'_>) -> bool {
    event.batch.find_key("message").is_some_and(|key| event.get_key(key).is_some())
}

/// Appends one event, without a newline. For many of a batch, [`JsonEncoder`] is faster.
pub fn write_event(event: EventRef<'_>, out: &mut Vec<u8>) {
    let mut encoder = JsonEncoder::new();
    encoder.prepare(event.batch);
    encoder.encode_prepared(event, out);
}

/// Appends one value.
pub fn write_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => out.extend_from_slice(b"null"),
        ValueRef::Bool(v) => out.extend_from_slice(if v { b"true" } else { b"false" }),
        ValueRef::I64(v) => out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes()),
        ValueRef::U64(v) => out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes()),
        ValueRef::F64(v) => write_f64(v, out),
        ValueRef::Timestamp(v) => {
            out.push(b'"');
            out.extend_from_slice(&v.to_rfc3339());
            out.push(b'"');
        }
        ValueRef::Duration(v) => v.write_secs(out),
        ValueRef::Str(v) => write_string(v.as_bytes(), out),
        ValueRef::Bytes(v) => match std::str::from_utf8(v) {
            Ok(_) => write_string(v, out),
            Err(_) => write_bytes(v, out),
        },
        ValueRef::Array(array) => {
            write_list(array.iter(), out);
        }
        ValueRef::Object(object) => {
            out.push(b'{');
            for (i, (name, v)) in object.iter().enumerate() {
                write_name(i == 0, name, out);
                write_value(v, out);
            }
            out.push(b'}');
        }
        ValueRef::Histogram(v) => match Histogram::decode(v) {
            Some(h) => {
                out.push(b'{');
                write_name(true, "sum", out);
                write_f64(h.sum(), out);
                write_name(false, "bounds", out);
                write_list(h.bounds().into_iter().map(ValueRef::F64), out);
                write_name(false, "counts", out);
                write_list(h.counts().into_iter().map(ValueRef::U64), out);
                out.push(b'}');
            }
            None => write_bytes(v, out),
        },
        ValueRef::Sketch(v) => match Sketch::decode(v) {
            Some(s) => {
                out.push(b'{');
                write_name(true, "sum", out);
                write_f64(s.sum(), out);
                for (name, n) in [("scale", s.scale()), ("offset", s.offset())] {
                    write_name(false, name, out);
                    write_value(ValueRef::I64(n.into()), out);
                }
                write_name(false, "zero_count", out);
                write_value(ValueRef::U64(s.zero_count()), out);
                write_name(false, "counts", out);
                write_list(s.counts().into_iter().map(ValueRef::U64), out);
                out.push(b'}');
            }
            None => write_bytes(v, out),
        },
    }
}

/// Appends text as a JSON string; it has to be UTF-8 for the result to be JSON.
pub fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

/// Appends bytes as `{"base64": "..."}` (RFC 4648, padded).
pub fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.extend_from_slice(b"{\"base64\":\"");
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let sextet = (word >> (18 - 6 * i)) & 63;
            out.push(if i <= chunk.len() { ALPHABET[sextet as usize] } else { b'=' });
        }
    }
    out.extend_from_slice(b"\"}");
}

fn write_origin(event: EventRef<'_>, out: &mut Vec<u8>) {
    let Some(origin) = event.origin() else { return };
    let named = ["host", "service", "source", "tenant", "stream"];
    let tags = origin.tags.iter().map(|(name, _)| name.as_str());
    for name in named.into_iter().chain(tags) {
        let hidden = event.batch.find_key(name).is_some_and(|key| event.get_key(key).is_some());
        if let Some(value) = origin.get(name).filter(|_| !hidden) {
            write_name(false, name, out);
            write_string(value.as_bytes(), out);
        }
    }
}

fn write_list<'a>(values: impl Iterator<Item = ValueRef<'a>>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, value) in values.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_value(value, out);
    }
    out.push(b']');
}

fn write_name(first: bool, name: &str, out: &mut Vec<u8>) {
    if !first {
        out.push(b',');
    }
    write_string(name.as_bytes(), out);
    out.push(b':');
}

fn write_f64(v: f64, out: &mut Vec<u8>) {
    match v.is_finite() {
        true => out.extend_from_slice(zmij::Buffer::new().format_finite(v).as_bytes()),
        false => out.extend_from_slice(b"null"),
    }
}

fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let plain = scan::plain_prefix(rest);
        let (head, tail) = rest.split_at(plain);
        out.extend_from_slice(head);
        let Some((byte, after)) = tail.split_first() else { return };
        let (escape, len) = scan::escape(*byte);
        out.extend_from_slice(&escape[..len]);
        rest = after;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Event, SignedDuration, Timestamp, Value};

    fn encode(event: &Event) -> String {
        let batch = Batch::from_events([event]).unwrap();
        let mut out = Vec::new();
        write_event(batch.get(0).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_is_one_object_with_time_and_type_first() {
        let event = Event::new("t")
            .at(Timestamp::from_nanos(1))
            .with("a", 1i64)
            .with("b", SignedDuration::from_nanos(5_000_000))
            .with("type", "own");
        assert_eq!(
            encode(&event),
            r#"{"timestamp":"1970-01-01T00:00:00.000000001Z","type":"t","a":1,"b":0.005,"type_":"own"}"#
        );
    }

    #[test]
    fn every_byte_is_escaped_as_json_wants_it() {
        for len in 0..24 {
            for byte in 0..=255u8 {
                let mut text = vec![b'x'; len];
                text.push(byte);
                text.extend_from_slice(b"yz");
                let mut out = Vec::new();
                write_value(ValueRef::from(&text[..]), &mut out);
                let back: serde_json::Value = serde_json::from_slice(&out).unwrap();
                match std::str::from_utf8(&text) {
                    Ok(t) => assert_eq!(back, serde_json::json!(t)),
                    Err(_) => assert!(back["base64"].is_string()),
                }
            }
        }
    }

    #[test]
    fn an_unparsed_event_has_one_message() {
        let schema = std::sync::Arc::new(crate::Schema::new("log"));
        let mut batch = Batch::new(bytes::Bytes::from_static(b"raw")).unwrap();
        let row = crate::RecordRow {
            ty: batch.add_type(&schema).unwrap(),
            origin: batch.add_origin(&std::sync::Arc::default()).unwrap(),
            observed: Timestamp::EPOCH,
        };
        batch.push_record(0..3, 0, row);
        let line = |batch: &Batch| {
            let mut out = Vec::new();
            write_event(batch.get(0).unwrap(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert!(line(&batch).ends_with(r#","message":"raw"}"#));
        batch.get_mut(0).unwrap().insert("message", "own").unwrap();
        assert!(line(&batch).ends_with(r#","type":"log","message":"own"}"#));
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            let mut out = Vec::new();
            write_bytes(bytes.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{{\"base64\":\"{text}\"}}"));
        }
    }

    #[test]
    fn numbers_that_json_lacks_are_null_and_the_rest_is_exact() {
        let event = Event::new("t")
            .with("a", f64::NAN)
            .with("b", u64::MAX)
            .with("c", 0.1)
            .with("d", Value::Array(vec![Value::Null, Value::I64(i64::MIN)]));
        assert!(
            encode(&event)
                .ends_with(r#""a":null,"b":18446744073709551615,"c":0.1,"d":[null,-9223372036854775808]}"#)
        );
    }

    /// What [`write_value`] gives, which knows nothing of blocks.
    fn plainly(event: &Event) -> String {
        let mut out = format!("{{\"timestamp\":\"{}\",\"type\":", event.time.unwrap()).into_bytes();
        write_string(event.event_type.as_bytes(), &mut out);
        for (name, value) in &event.fields {
            write_name(false, name, &mut out);
            write_value(value.into(), &mut out);
        }
        out.extend_from_slice(b"}\n");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_what_the_plain_writer_gives_for_every_kind_and_length_of_text() {
        let pieces: [&[u8]; 8] = [
            b"",
            b"plain ascii text",
            b"\"",
            b"\\\x00\n",
            "\u{e9}\u{1f600}".as_bytes(),
            b"\xff",
            b"\x1f\x7f",
            b"\xf0\x9f",
        ];
        let mut events = Vec::new();
        let mut number = 0u64;
        for fill in [0, 1, 7, 15, 16, 17, 31, 32, 33, 4_095, 4_096, 4_097, 70_000] {
            for a in pieces {
                for b in pieces {
                    let text = [&vec![b'x'; fill][..], a, b"yz", b].concat();
                    number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let time = Timestamp::from_nanos(number as i64 >> (number % 50));
                    let name = format!("long_name_{}", "n".repeat(fill % 100));
                    let event = Event::new(if fill % 2 == 0 { "even" } else { "odd\"" })
                        .at(time)
                        .with("bytes", Value::Bytes(text.clone()))
                        .with("last", "end")
                        .with("n", number >> (number % 64))
                        .with(name, String::from_utf8_lossy(&text).into_owned());
                    events.push(event);
                }
            }
        }
        let batch = Batch::from_events(&events).unwrap();
        let mut lines = b"before".to_vec();
        let mut encoder = JsonEncoder::new();
        encoder.encode_lines(&batch, &mut lines);
        let expected: String = events.iter().map(plainly).collect();
        assert!(lines.starts_with(b"before"));
        assert!(lines[6..] == *expected.as_bytes());
        let mut singly = Vec::new();
        for event in batch.iter() {
            encoder.encode_prepared(event, &mut singly);
            singly.push(b'\n');
        }
        assert!(lines[6..] == singly[..]);
    }

    #[test]
    fn numbers_of_every_length_are_exact() {
        let edges =
            (0..20).flat_map(|p| [10u64.pow(p) - 1, 10u64.pow(p), 10u64.pow(p) + 1]).chain([u64::MAX]);
        for n in edges {
            let line = encode(&Event::new("t").with("n", n));
            assert!(line.ends_with(&format!("\"n\":{n}}}")), "{line}");
        }
    }

    #[test]
    fn the_time_is_right_whatever_came_before() {
        let nanos: Vec<i64> =
            [0, 1, 999_999_999, 86_399_999_999_999, 86_400_000_000_000, -1, 3_661_000_000_000]
                .into_iter()
                .flat_map(|n| [n, n + 1_794_000_000_000_000_000, i64::MIN, i64::MAX])
                .collect();
        let events: Vec<Event> =
            nanos.iter().map(|n| Event::new("t").at(Timestamp::from_nanos(*n))).collect();
        let mut lines = Vec::new();
        JsonEncoder::new().encode_lines(&Batch::from_events(&events).unwrap(), &mut lines);
        let expected: String = events.iter().map(plainly).collect();
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
    }
}
