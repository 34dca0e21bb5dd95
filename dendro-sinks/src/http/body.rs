//! Events as request bodies.

use std::io::{self, Write as _};
use std::ops::Range;

use bytes::Bytes;
use dendro_core::Batch;

use super::format::Format;
use crate::compression::Compression;
use crate::encode::in_turns;

/// How much is compressed before others get their turn: a millisecond or less at the usual levels.
const BYTES_A_TURN: usize = 32 << 10;

/// The events of a write, one behind the other, each ending with a newline.
pub(crate) struct Encoded {
    pub(super) text: Bytes,
    /// The same while events are added.
    buffer: Vec<u8>,
    /// Where each event ends, behind its newline; one that is refused has no bytes.
    ends: Vec<usize>,
    refused: Vec<(u32, String)>,
}

impl Encoded {
    /// Encodes into `buffer`.
    pub(super) async fn new<F: Format>(
        batches: &[Batch],
        format: &F,
        encoder: &mut F::Encoder,
        buffer: Vec<u8>,
    ) -> Self {
        let ends = Vec::with_capacity(batches.iter().map(Batch::len).sum());
        let mut encoded = Self { text: Bytes::new(), buffer, ends, refused: Vec::new() };
        for batch in batches {
            format.prepare(encoder, batch);
            in_turns(batch, |events| format.encode(encoder, events, &mut encoded)).await;
        }
        encoded.text = std::mem::take(&mut encoded.buffer).into();
        encoded
    }

    /// Adds events of which each is one line.
    pub(super) fn lines_of(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        let seen = self.buffer.len();
        append(&mut self.buffer);
        self.ends.extend(memchr::memchr_iter(b'\n', &self.buffer[seen..]).map(|at| seen + at + 1));
    }

    /// Adds one event, or the reason why it can't be written.
    #[cfg_attr(
        all(not(test), not(feature = "influxdb")),
        expect(dead_code, reason = "JSON can say everything")
    )]
    pub(crate) fn push(&mut self, append: impl FnOnce(&mut Vec<u8>) -> Result<(), String>) {
        let before = self.buffer.len();
        if let Err(reason) = append(&mut self.buffer) {
            self.buffer.truncate(before);
            self.refused.push((self.ends.len() as u32, reason));
        }
        self.ends.push(self.buffer.len());
    }

    pub(super) fn events(&self) -> u32 {
        self.ends.len() as u32
    }

    /// The events that could not be written, in order, and why.
    pub(super) fn refused(&self) -> &[(u32, String)] {
        &self.refused
    }

    /// How many of these events are in a request.
    pub(super) fn lines(&self, events: &Range<u32>) -> u32 {
        let refused = self.refused_before(events.end) - self.refused_before(events.start);
        events.end - events.start - refused as u32
    }

    /// The event that stands in this place of a request with these events.
    pub(super) fn event_of(&self, events: &Range<u32>, line: u32) -> u32 {
        let mut event = events.start + line;
        for (refused, _) in &self.refused[self.refused_before(events.start)..] {
            if *refused > event {
                break;
            }
            event += 1;
        }
        event
    }

    fn refused_before(&self, event: u32) -> usize {
        self.refused.partition_point(|(refused, _)| *refused < event)
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
        format: &impl Format,
        compression: Compression,
    ) -> io::Result<Bytes> {
        let lines = self.text.slice(self.end(events.start)..self.end(events.end));
        compressed(format.body(lines), compression).await
    }

    /// Where the lines before this event end.
    fn end(&self, event: u32) -> usize {
        (event as usize).checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or_default()
    }
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

    use super::super::json::{Encoding, Json};
    use super::*;

    fn json(encoding: Encoding) -> Json {
        Json { encoding, ..Json::default() }
    }

    fn batches() -> Vec<Batch> {
        let event = |n: u64| Event::new("t").with("n", n).with("text", "a\nb, \"c\"]".repeat(n as usize));
        [[0, 1, 2], [3, 4, 5]].map(|ns| Batch::from_events(&ns.map(event)).unwrap()).into()
    }

    async fn encoded() -> Encoded {
        let mut batches = batches();
        batches[1].remove(1);
        let json = Json::default();
        Encoded::new(&batches, &json, &mut json.encoder(), Vec::new()).await
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
                let body =
                    encoded.body(&(from..to), &json(Encoding::Ndjson), Compression::None).await.unwrap();
                assert_eq!(body.len(), encoded.bytes(&(from..to)));
                let lines: Vec<Value> = body
                    .split_inclusive(|b| *b == b'\n')
                    .map(|line| serde_json::from_slice(line).unwrap())
                    .collect();
                assert_eq!(numbers(&lines), expected);
                let body =
                    encoded.body(&(from..to), &json(Encoding::JsonArray), Compression::None).await.unwrap();
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
        let plain = encoded.body(&(0..5), &json(Encoding::Ndjson), Compression::None).await.unwrap();
        for level in [0, 1, 6, 9] {
            let body =
                encoded.body(&(0..5), &json(Encoding::Ndjson), Compression::Gzip(level)).await.unwrap();
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
            assert_eq!(text, plain);
        }
        for level in [1, 3, 19] {
            let body =
                encoded.body(&(0..5), &json(Encoding::Ndjson), Compression::Zstd(level)).await.unwrap();
            assert_eq!(zstd::stream::decode_all(&body[..]).unwrap(), plain);
        }
    }

    #[tokio::test]
    async fn what_is_refused_is_in_no_request_and_lines_are_counted_without_it() {
        let mut encoded = encoded().await;
        encoded.ends.clear();
        encoded.buffer.clear();
        for n in 0..10 {
            encoded.push(|out| {
                out.extend_from_slice(format!("{n}\n").as_bytes());
                if [0, 3, 4, 9].contains(&n) { Err(format!("no {n}")) } else { Ok(()) }
            });
        }
        encoded.text = std::mem::take(&mut encoded.buffer).into();
        assert_eq!(encoded.refused().len(), 4);
        for from in 0..10u32 {
            for to in from + 1..=10 {
                let part = from..to;
                let body = encoded.body(&part, &Json::default(), Compression::None).await.unwrap();
                let lines: Vec<u32> =
                    std::str::from_utf8(&body).unwrap().lines().map(|line| line.parse().unwrap()).collect();
                assert_eq!(encoded.lines(&part) as usize, lines.len());
                let events: Vec<u32> = (0..lines.len()).map(|n| encoded.event_of(&part, n as u32)).collect();
                assert_eq!(events, lines, "{part:?}");
            }
        }
    }
}
