//! What one would write with the `regex` crate: compiled once, locations reused, the same typing into the same batch.

use std::ops::Range;

use dendro_core::{Batch, EventWriter, Key};
use dendro_parsers::clf_time::ClfTime;
use dendro_parsers::escapes::decode_hex;
use dendro_parsers::http_request::RequestLine;
use regex::bytes::{CaptureLocations, Regex};

/// The request is split behind the regex: with groups for its parts the whole is slower.
const PATTERN: &str = concat!(
    r#"(?-u)^(\S+) - (.*?) \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "#,
    r#""([^"]*)" (\d{3}) (\d+) "([^"]*)" "([^"]*)"$"#
);
const NAMES: [&str; 11] = [
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
pub(crate) struct Baseline {
    regex: Regex,
    locations: CaptureLocations,
    clock: ClfTime,
    decoded: Vec<u8>,
}

impl Baseline {
    pub(crate) fn new() -> Self {
        let regex = Regex::new(PATTERN).unwrap();
        Self { locations: regex.capture_locations(), regex, clock: ClfTime::default(), decoded: Vec::new() }
    }

    pub(crate) fn transform(&mut self, batch: &mut Batch) {
        let keys = NAMES.map(|name| batch.add_key(name).unwrap());
        let Self { regex, locations, clock, decoded } = self;
        batch.parse_each(|event| {
            let line = event.raw();
            regex.captures_read(locations, line).ok_or("not a line of the format")?;
            let (start, _) = locations.get(3).ok_or("no time")?;
            let time = line[start..].first_chunk().and_then(|text| clock.read(text)).ok_or("no time")?;
            event.set_time(time);
            let [addr, user, request, method, path, query, protocol, status, sent, referer, agent] = keys;
            let group = |i| locations.get(i).map_or(0..0, |(start, end)| start..end);
            let number = |i| std::str::from_utf8(&line[group(i)]).ok().and_then(|t| t.parse().ok());
            write_text(addr, group(1), event, decoded);
            write_text(user, group(2), event, decoded);
            write_text(request, group(4), event, decoded);
            let parts = RequestLine::split_at(line, group(4));
            let part = |choose: fn(RequestLine) -> Option<Range<usize>>| parts.clone().and_then(choose);
            for (key, range) in [
                (method, part(|p| Some(p.method))),
                (path, part(|p| Some(p.path))),
                (query, part(|p| p.query)),
                (protocol, part(|p| p.protocol)),
            ] {
                match range {
                    Some(range) => write_text(key, range, event, decoded),
                    None => event.null(key),
                }
            }
            event.u64(status, number(5).ok_or("no status")?);
            event.u64(sent, number(6).ok_or("a number that does not fit")?);
            write_text(referer, group(7), event, decoded);
            write_text(agent, group(8), event, decoded);
            Ok(())
        });
    }
}

fn write_text(key: Key, range: Range<usize>, event: &mut EventWriter<'_>, decoded: &mut Vec<u8>) {
    let text = &event.raw()[range.clone()];
    if text == b"-" {
        return event.null(key);
    }
    if memchr::memchr(b'\\', text).is_none() {
        return event.str(key, range);
    }
    decoded.clear();
    decode_hex(text, decoded);
    event.new_str(key, decoded);
}
