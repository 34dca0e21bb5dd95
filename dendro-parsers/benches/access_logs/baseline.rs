//! What one would write with the `regex` crate: compiled once, locations reused, the same typing into the same batch.

use std::ops::Range;

use dendro_core::{Batch, Civil, EventWriter, Key, SignedDuration, Timestamp};
use dendro_parsers::clf_time::ClfTime;
use dendro_parsers::escapes::{decode_apache, decode_hex, decode_percent};
use dendro_parsers::http_request::RequestLine;
use regex::bytes::{CaptureLocations, Regex};

/// What a group of the pattern is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Text without escapes.
    Text,
    /// Text with escapes.
    Hex,
    Apache,
    Json,
    Percent,
    /// A request line, whose parts are fields too.
    HexRequest,
    ApacheRequest,
    JsonRequest,
    Number,
    Seconds,
    NumberList,
    SecondsList,
    TextList,
    /// The time of the event.
    Clf,
    Epoch,
    Iso,
    /// The same with a tab between day and time, and no zone.
    DateAndTime,
    /// Another time.
    IsoField,
    Ignored,
}

pub(crate) struct Baseline {
    regex: Regex,
    locations: CaptureLocations,
    groups: &'static [(&'static str, Group)],
    keys: Vec<[Key; 5]>,
    clock: ClfTime,
    decoded: Vec<u8>,
}

impl Baseline {
    pub(crate) fn new(pattern: &str, groups: &'static [(&'static str, Group)]) -> Self {
        let regex = Regex::new(&format!("(?-u){pattern}")).unwrap();
        assert_eq!(regex.captures_len(), groups.len() + 1, "{pattern}");
        let locations = regex.capture_locations();
        Self { regex, locations, groups, keys: Vec::new(), clock: ClfTime::default(), decoded: Vec::new() }
    }

    pub(crate) fn transform(&mut self, batch: &mut Batch) {
        let Self { regex, locations, groups, keys, clock, decoded } = self;
        keys.clear();
        keys.extend(groups.iter().map(|(name, _)| {
            [name, "method", "path", "query", "protocol"].map(|name| batch.add_key(name).unwrap())
        }));
        batch.parse_each(|event| {
            let line = event.raw();
            regex.captures_read(locations, line).ok_or("not a line of the format")?;
            for (index, ((_, group), keys)) in groups.iter().zip(keys.iter()).enumerate() {
                let range = locations.get(index + 1).map_or(0..0, |(start, end)| start..end);
                write(*group, *keys, range, event, clock, decoded).ok_or("a value that does not fit")?;
            }
            Ok(())
        });
    }
}

fn write(
    group: Group,
    keys: [Key; 5],
    range: Range<usize>,
    event: &mut EventWriter<'_>,
    clock: &mut ClfTime,
    decoded: &mut Vec<u8>,
) -> Option<()> {
    let key = keys[0];
    let text = event.raw().get(range.clone())?;
    match group {
        Group::Ignored => {}
        Group::Clf => event.set_time(clock.read(text.first_chunk()?)?),
        Group::Epoch => event.set_time(Timestamp::from_nanos(nanos(text)?)),
        Group::Iso | Group::DateAndTime => event.set_time(iso(text)?),
        Group::IsoField => event.timestamp(key, iso(text)?),
        Group::Number | Group::Seconds | Group::Text if text == b"-" => event.null(key),
        Group::Text => event.str(key, range),
        Group::Number => event.u64(key, std::str::from_utf8(text).ok()?.parse().ok()?),
        Group::Seconds => event.duration(key, SignedDuration::from_nanos(nanos(text)?)),
        Group::Hex | Group::Apache | Group::Json | Group::Percent => {
            write_text(group, key, range, event, decoded)
        }
        Group::HexRequest | Group::ApacheRequest | Group::JsonRequest => {
            let group = match group {
                Group::HexRequest => Group::Hex,
                Group::ApacheRequest => Group::Apache,
                _ => Group::Json,
            };
            write_text(group, key, range.clone(), event, decoded);
            let parts = RequestLine::split_at(event.raw(), range);
            let part = |choose: fn(RequestLine) -> Option<Range<usize>>| parts.clone().and_then(choose);
            let ranges =
                [part(|p| Some(p.method)), part(|p| Some(p.path)), part(|p| p.query), part(|p| p.protocol)];
            for (key, range) in keys[1..].iter().zip(ranges) {
                match range {
                    Some(range) => write_text(group, *key, range, event, decoded),
                    None => event.null(*key),
                }
            }
        }
        Group::NumberList | Group::SecondsList | Group::TextList => {
            write_list(group, key, range, event)?;
        }
    }
    Some(())
}

fn write_text(
    group: Group,
    key: Key,
    range: Range<usize>,
    event: &mut EventWriter<'_>,
    decoded: &mut Vec<u8>,
) {
    let text = &event.raw()[range.clone()];
    if text == b"-" && group != Group::Json {
        return event.null(key);
    }
    let escape = if group == Group::Percent { b'%' } else { b'\\' };
    if memchr::memchr(escape, text).is_none() {
        return event.str(key, range);
    }
    decoded.clear();
    match group {
        Group::Hex => decode_hex(text, decoded),
        Group::Percent => decode_percent(text, decoded),
        // The few escapes of JSON that are in the log are Apache's too.
        _ => decode_apache(text, decoded),
    }
    event.new_str(key, decoded);
}

fn write_list(group: Group, key: Key, range: Range<usize>, event: &mut EventWriter<'_>) -> Option<()> {
    let text = &event.raw()[range.clone()];
    if text == b"-" || text.is_empty() {
        event.null(key);
        return Some(());
    }
    event.begin_array(key);
    let mut start = 0;
    while start <= text.len() {
        let rest = &text[start..];
        let comma = memchr::memmem::find(rest, b", ").map(|at| (at, 2));
        let colon = memchr::memmem::find(rest, b" : ").map(|at| (at, 3));
        let (len, separator) = [comma, colon].into_iter().flatten().min().unwrap_or((rest.len(), 1));
        let item = &rest[..len];
        match group {
            _ if item == b"-" => event.null(key),
            Group::NumberList => event.u64(key, std::str::from_utf8(item).ok()?.parse().ok()?),
            Group::SecondsList => event.duration(key, SignedDuration::from_nanos(nanos(item)?)),
            _ => event.str(key, range.start + start..range.start + start + len),
        }
        start += len + separator;
    }
    event.end();
    Some(())
}

/// Seconds with three decimals.
fn nanos(text: &[u8]) -> Option<i64> {
    let (secs, millis) = std::str::from_utf8(text).ok()?.split_once('.')?;
    Some((secs.parse::<i64>().ok()? * 1_000 + millis.parse::<i64>().ok()?) * 1_000_000)
}

/// `2026-11-20T16:59:47`, and a fraction.
fn iso(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let number = |range: Range<usize>| text.get(range)?.parse::<u32>().ok();
    let fraction = text.get(20..).map_or("", |rest| rest.trim_end_matches('Z'));
    let nanos = match fraction.len() as u32 {
        0 => 0,
        digits @ 1..=9 => fraction.parse::<u32>().ok()? * 10u32.pow(9 - digits),
        _ => return None,
    };
    let civil = Civil {
        year: number(0..4)? as i32,
        month: number(5..7)? as u8,
        day: number(8..10)? as u8,
        hour: number(11..13)? as u8,
        minute: number(14..16)? as u8,
        second: number(17..19)? as u8,
        nanos,
    };
    Timestamp::from_civil(civil, 0)
}
