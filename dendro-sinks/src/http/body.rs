//! Events as request bodies.

use std::io::{self, Write as _};
use std::ops::Range;

use bytes::Bytes;
use dendro_core::Batch;
use dendro_core::json::JsonEncoder;

use crate::compression::Compression;
use crate::encode::in_turns;

/// How much is compressed before others get their turn: a millisecond or less at the usual levels.
const BYTES_A_TURN: usize = 32 << 10;

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

/// The events of a write, one a line.
pub(super) struct Encoded {
    pub(super) text: Bytes,
    /// Where each line ends, behind its newline.
    ends: Vec<usize>,
}

impl Encoded {
    /// Encodes into `buffer`.
    pub(super) async fn new(batches: &[Batch], json: &mut JsonEncoder, buffer: Vec<u8>) -> Self {
        let mut text = buffer;
        let mut ends = Vec::with_capacity(batches.iter().map(Batch::len).sum());
        let mut seen = 0;
        for batch in batches {
            json.prepare(batch);
            in_turns(batch, |events| {
                json.encode_events(events, &mut text);
                // There is no newline within JSON.
                ends.extend(memchr::memchr_iter(b'\n', &text[seen..]).map(|at| seen + at + 1));
                seen = text.len();
            })
            .await;
        }
        Self { text: text.into(), ends }
    }

    pub(super) fn events(&self) -> u32 {
        self.ends.len() as u32
    }

    /// How many bytes the lines of these events have.
    pub(super) fn bytes(&self, events: &Range<u32>) -> usize {
        self.end(events.end) - self.end(events.start)
    }

    /// As many of these events as have no more than `limit` bytes together, but at least one.
    pub(super) fn fitting(&self, events: Range<u32>, limit: usize) -> Range<u32> {
        let most = self.end(events.start).saturating_add(limit);
        let ends = self.ends.get(events.start as usize..events.end as usize).unwrap_or_default();
        let fit = ends.partition_point(|end| *end <= most) as u32;
        events.start..events.start + fit.max(1).min(events.end - events.start)
    }

    /// The body of a request with these events.
    ///
    /// # Errors
    /// Compression failed.
    pub(super) async fn body(
        &self,
        events: &Range<u32>,
        encoding: Encoding,
        compression: Compression,
    ) -> io::Result<Bytes> {
        let lines = self.text.slice(self.end(events.start)..self.end(events.end));
        let body = match encoding {
            Encoding::Ndjson => lines,
            Encoding::JsonArray => array(&lines).into(),
        };
        compressed(body, compression).await
    }

    /// Where the lines before this event end.
    fn end(&self, event: u32) -> usize {
        (event as usize).checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or_default()
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

async fn compressed(text: Bytes, compression: Compression) -> io::Result<Bytes> {
    // What logs usually come to.
    let buffer = || Vec::with_capacity(text.len() / 6 + 1_024);
    match compression {
        Compression::None => Ok(text),
        Compression::Gzip(level) => {
            let mut encoder = flate2::write::GzEncoder::new(buffer(), flate2::Compression::new(level));
            for piece in text.chunks(BYTES_A_TURN) {
                encoder.write_all(piece)?;
                tokio::task::yield_now().await;
            }
            Ok(encoder.finish()?.into())
        }
        Compression::Zstd(level) => {
            let mut encoder = zstd::stream::write::Encoder::new(buffer(), level)?;
            for piece in text.chunks(BYTES_A_TURN) {
                encoder.write_all(piece)?;
                tokio::task::yield_now().await;
            }
            Ok(encoder.finish()?.into())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read as _;

    use dendro_core::Event;
    use serde_json::Value;

    use super::*;

    fn batches() -> Vec<Batch> {
        let event = |n: u64| Event::new("t").with("n", n).with("text", "a\nb, \"c\"]".repeat(n as usize));
        [[0, 1, 2], [3, 4, 5]].map(|ns| Batch::from_events(&ns.map(event)).unwrap()).into()
    }

    async fn encoded() -> Encoded {
        let mut batches = batches();
        batches[1].remove(1);
        Encoded::new(&batches, &mut JsonEncoder::new(), Vec::new()).await
    }

    fn numbers(values: &[Value]) -> Vec<u64> {
        values.iter().map(|v| v["n"].as_u64().unwrap()).collect()
    }

    #[tokio::test]
    async fn every_range_is_a_body_of_its_events_in_both_encodings() {
        let encoded = encoded().await;
        let all = [0, 1, 2, 3, 5];
        assert_eq!(encoded.events(), 5);
        for from in 0..5u32 {
            for to in from + 1..=5 {
                let expected = &all[from as usize..to as usize];
                let body = encoded.body(&(from..to), Encoding::Ndjson, Compression::None).await.unwrap();
                assert_eq!(body.len(), encoded.bytes(&(from..to)));
                let lines: Vec<Value> = body
                    .split_inclusive(|b| *b == b'\n')
                    .map(|line| serde_json::from_slice(line).unwrap())
                    .collect();
                assert_eq!(numbers(&lines), expected);
                let body = encoded.body(&(from..to), Encoding::JsonArray, Compression::None).await.unwrap();
                let array: Vec<Value> = serde_json::from_slice(&body).unwrap();
                assert_eq!(array, lines);
            }
        }
    }

    #[tokio::test]
    async fn as_many_events_as_fit_are_taken_and_at_least_one() {
        let encoded = encoded().await;
        for limit in 0..encoded.text.len() + 10 {
            let (mut from, mut parts) = (0, 0);
            while from < 5 {
                let part = encoded.fitting(from..5, limit);
                assert!(part.start == from && !part.is_empty());
                assert!(encoded.bytes(&part) <= limit || part.len() == 1);
                assert!(part.end == 5 || encoded.bytes(&(part.start..part.end + 1)) > limit);
                (from, parts) = (part.end, parts + 1);
            }
            assert!(parts <= 5);
        }
    }

    #[tokio::test]
    async fn compressed_bodies_hold_the_same() {
        let encoded = encoded().await;
        let plain = encoded.body(&(0..5), Encoding::Ndjson, Compression::None).await.unwrap();
        for level in [0, 1, 6, 9] {
            let body = encoded.body(&(0..5), Encoding::Ndjson, Compression::Gzip(level)).await.unwrap();
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
            assert_eq!(text, plain);
        }
        for level in [1, 3, 19] {
            let body = encoded.body(&(0..5), Encoding::Ndjson, Compression::Zstd(level)).await.unwrap();
            assert_eq!(zstd::stream::decode_all(&body[..]).unwrap(), plain);
        }
    }
}
