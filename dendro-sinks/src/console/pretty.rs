//! For people.

use dendro_core::{EventRef, ValueRef, json};

use super::logfmt::write_pairs;

const TIME: &str = "\x1b[2m";
const TYPE: &str = "\x1b[1;36m";
const NAME: &str = "\x1b[34m";
const BAD: &str = "\x1b[31m";
const WARN: &str = "\x1b[33m";
const RESET: &str = "\x1b[0m";

/// Appends an event and a newline.
pub(super) fn write_line(event: EventRef<'_>, with_origin: bool, color: bool, out: &mut Vec<u8>) {
    let time = event.timestamp().to_rfc3339();
    painted(TIME, color, out, |out| {
        out.extend_from_slice(&time[..10]);
        out.push(b' ');
        out.extend_from_slice(&time[11..23]);
    });
    out.push(b' ');
    painted(TYPE, color, out, |out| write_clean(event.event_type(), out));
    let pair = |name: &str, value: ValueRef<'_>, out: &mut Vec<u8>| {
        out.extend_from_slice(b"  ");
        painted(NAME, color, out, |out| write_clean(name, out));
        out.push(b'=');
        match paint_of(name, &value) {
            Some(paint) => painted(paint, color, out, |out| write_pretty_value(value, out)),
            None => write_pretty_value(value, out),
        }
    };
    write_pairs(event, with_origin, pair, out);
    out.push(b'\n');
}

/// What catches the eye: errors and warnings by the usual names of a level, and server errors.
fn paint_of(name: &str, value: &ValueRef<'_>) -> Option<&'static str> {
    match name {
        "level" | "severity" => {
            let level = value.as_str()?;
            let is = |names: &[&str]| names.iter().any(|n| level.eq_ignore_ascii_case(n));
            if is(&["error", "err", "fatal", "crit", "critical", "alert", "emerg", "panic"]) {
                Some(BAD)
            } else {
                is(&["warn", "warning"]).then_some(WARN)
            }
        }
        "status" => match value.as_u64()? {
            500..=599 => Some(BAD),
            400..=499 => Some(WARN),
            _ => None,
        },
        _ => None,
    }
}

fn painted(paint: &str, color: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if color {
        out.extend_from_slice(paint.as_bytes());
    }
    write(out);
    if color {
        out.extend_from_slice(RESET.as_bytes());
    }
}

fn write_pretty_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => out.push(b'-'),
        ValueRef::Str(text) => write_clean(text, out),
        ValueRef::Bytes(bytes) => write_clean(&String::from_utf8_lossy(bytes), out),
        ValueRef::Timestamp(time) => out.extend_from_slice(&time.to_rfc3339()),
        other => {
            let mut text = Vec::new();
            json::write_value(other, &mut text);
            write_clean(&String::from_utf8_lossy(&text), out);
        }
    }
}

/// Text without what a terminal would take for a command: C0 and C1 controls, and marks that turn the direction
/// of writing around.
fn write_clean(text: &str, out: &mut Vec<u8>) {
    let turns =
        |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    for c in text.chars() {
        if c.is_control() || turns(c) {
            out.extend(c.escape_default().map(|c| c as u8));
        } else {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use dendro_core::{Batch, Event, Timestamp};

    use super::*;

    fn line(event: &Event, color: bool) -> String {
        let batch = Batch::from_events([event]).unwrap();
        let mut out = Vec::new();
        write_line(batch.get(0).unwrap(), false, color, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let event = Event::new("t").at(Timestamp::EPOCH).with("level", "ERROR").with("status", 503u64);
        let plain = line(&event, false);
        assert_eq!(plain, "1970-01-01 00:00:00.000 t  level=ERROR  status=503\n");
        let mut painted = line(&event, true);
        assert!(painted.contains("\x1b[31mERROR\x1b[0m"));
        for paint in [TIME, TYPE, NAME, BAD, WARN, RESET] {
            painted = painted.replace(paint, "");
        }
        assert_eq!(painted, plain);
    }

    #[test]
    fn no_control_character_of_an_event_reaches_the_terminal() {
        let every: String = (0..0xa0u32).filter_map(char::from_u32).chain("\u{202e}".chars()).collect();
        let event = Event::new(every.clone()).with(every.clone(), every);
        let text = line(&event, false);
        assert_eq!(
            text.chars().filter(|c| c.is_control() || *c == '\u{202e}').count(),
            1,
            "the newline alone"
        );
    }
}
