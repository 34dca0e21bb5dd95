//! Events as JSON, one a line or in an array, and the partial answers to them.

use bytes::Bytes;
use dendro_core::json::JsonEncoder;
use dendro_core::{Batch, EventRef};
use hyper::StatusCode;

use super::answer::Partial;
use super::body::Encoded;
use super::client::Answer;
use super::format::{Format, Said};
use super::status::StatusAction;

/// How the events of a request are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// One JSON object a line.
    #[default]
    Ndjson,
    /// One JSON array of objects.
    JsonArray,
}

impl Encoding {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::JsonArray => "application/json",
        }
    }
}

/// What an [`HttpSink`](super::HttpSink) sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Json {
    pub(super) encoding: Encoding,
    pub(super) with_origin: bool,
    pub(super) dedup_key: Option<String>,
    pub(super) partial_answers: bool,
}

impl Format for Json {
    type Encoder = JsonEncoder;

    fn encoder(&self) -> JsonEncoder {
        JsonEncoder::new().with_origin(self.with_origin).with_dedup_key(self.dedup_key.clone())
    }

    fn prepare(&self, json: &mut JsonEncoder, batch: &Batch) {
        json.prepare(batch);
    }

    fn encode(
        &self,
        json: &mut JsonEncoder,
        events: &mut dyn Iterator<Item = EventRef<'_>>,
        out: &mut Encoded,
    ) {
        // There is no newline within JSON.
        out.lines_of(|text| json.encode_events(events, text));
    }

    fn body(&self, lines: Bytes) -> Bytes {
        match self.encoding {
            Encoding::Ndjson => lines,
            Encoding::JsonArray => array(&lines).into(),
        }
    }

    fn reads_whole(&self, status: StatusCode, is_json: bool) -> bool {
        self.partial_answers && is_json && status.is_success()
    }

    fn read(&self, answer: &Answer, action: StatusAction, lines: u32) -> Option<Said> {
        if !(action == StatusAction::Deliver && self.partial_answers && answer.is_json) {
            return None;
        }
        let read = match answer.is_whole {
            true => Partial::read(&answer.body, lines),
            false => Err("it is longer than 1 MiB, or did not come to its end".to_owned()),
        };
        Some(read.map_or_else(Said::Unclear, Said::Partial))
    }
}

fn array(lines: &[u8]) -> Vec<u8> {
    let mut array = Vec::with_capacity(lines.len() + 2);
    array.push(b'[');
    array.extend_from_slice(lines);
    let mut at = 1;
    while let Some(found) = memchr::memchr(b'\n', &array[at..]) {
        array[at + found] = b',';
        at += found + 1;
    }
    match array.last_mut() {
        Some(last) if *last == b',' => *last = b']',
        _ => array.push(b']'),
    }
    array
}
