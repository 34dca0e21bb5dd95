//! `name=value` pairs.

use dendro_core::{EventRef, ValueRef, json};

/// Appends an event and a newline.
pub(super) fn write_line(event: EventRef<'_>, with_origin: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"time=");
    out.extend_from_slice(&event.timestamp().to_rfc3339());
    out.extend_from_slice(b" type=");
    write_text(event.event_type().as_bytes(), out);
    write_pairs(event, with_origin, write_pair, out);
    out.push(b'\n');
}

/// Calls `write` with the fields of an event, and those of its origin that it does not hide.
pub(super) fn write_pairs(
    event: EventRef<'_>,
    with_origin: bool,
    mut write: impl FnMut(&str, ValueRef<'_>, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    if event.is_unparsed() {
        write("message", ValueRef::from(event.raw()), out);
    }
    event.fields().for_each(|(name, value)| write(name, value, out));
    let Some(origin) = event.origin().filter(|_| with_origin) else { return };
    let tags = origin.tags.iter().map(|(name, _)| name.as_str());
    for name in ["host", "service", "source", "tenant", "stream"].into_iter().chain(tags) {
        let own = event.fields().any(|(own, _)| own == name);
        if let Some(value) = origin.get(name).filter(|_| !own) {
            write(name, ValueRef::Str(value), out);
        }
    }
}

fn write_pair(name: &str, value: ValueRef<'_>, out: &mut Vec<u8>) {
    out.push(b' ');
    let plain = |b: u8| if b <= b' ' || matches!(b, b'=' | b'"' | 0x7f) { b'_' } else { b };
    match name {
        "" => out.push(b'_'),
        name => out.extend(name.bytes().map(plain)),
    }
    // Two names are those of the head.
    if matches!(name, "time" | "type") {
        out.push(b'_');
    }
    out.push(b'=');
    write_logfmt_value(value, out);
}

fn write_logfmt_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => {}
        ValueRef::Str(text) => write_text(text.as_bytes(), out),
        ValueRef::Timestamp(time) => out.extend_from_slice(&time.to_rfc3339()),
        ValueRef::Bool(_)
        | ValueRef::I64(_)
        | ValueRef::U64(_)
        | ValueRef::F64(_)
        | ValueRef::Duration(_) => {
            json::write_value(value, out);
        }
        other => {
            let mut text = Vec::new();
            json::write_value(other, &mut text);
            write_text(&text, out);
        }
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    let special = |b: &u8| *b <= b' ' || matches!(*b, b'=' | b'"' | b'\\' | 0x7f);
    if text.is_empty() || text.iter().any(special) {
        json::write_string(text, out);
    } else {
        out.extend_from_slice(text);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use dendro_core::{Batch, Event, Timestamp, Value};

    use super::*;

    fn line(event: Event) -> String {
        let batch = Batch::from_events([&event]).unwrap();
        let mut out = Vec::new();
        write_line(batch.get(0).unwrap(), true, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_quoted_only_where_they_have_to_be() {
        let event = Event::new("t")
            .at(Timestamp::EPOCH)
            .with("a", "plain")
            .with("b", "two words")
            .with("c", "")
            .with("d", Value::Null)
            .with("e", 5u64)
            .with("f", "a=\"b\"\n")
            .with("g h", vec![Value::Bool(true)])
            .with("type", "own");
        assert_eq!(
            line(event),
            "time=1970-01-01T00:00:00.000000000Z type=t a=plain b=\"two words\" c=\"\" d= e=5 \
             f=\"a=\\\"b\\\"\\n\" g_h=[true] type_=own\n"
        );
    }

    #[test]
    fn an_event_is_always_one_line() {
        let hostile = "x\r\n\u{b}\u{c}y\0";
        let text = line(Event::new("t\n").with("a\nb", hostile).with("c", Value::Bytes(vec![0xff, b'\n'])));
        assert_eq!(text.matches(['\n', '\r']).count(), 1, "{text:?}");
    }
}
