//! From bytes as they are read to batches of parsed events, without a pipeline.

use std::sync::{Arc, OnceLock};

use dendro_core::json::{write_string, write_value};
use dendro_core::{
    Batch, BatchFull, BatchPool, Cut, FlushReason, Framer, RecordRow, Records, Schema, Timestamp, Transform,
    ValueRef,
};

use super::Parser;

/// The buffers of batches up to this size are kept for the next one.
const POOLED_BYTES: usize = 16 << 20;

/// Cuts a stream of bytes into records and parses them, for tools and tests.
///
/// Holds no more than the records that are not complete yet, whose length the framer bounds. The [module](super) has
/// an example.
pub struct Feed {
    framer: Box<dyn Framer>,
    transform: Box<dyn Transform>,
    pool: Arc<BatchPool>,
    records: Records,
    pending: Vec<u8>,
    /// Where in the stream the pending bytes begin.
    position: u64,
    /// How many lines end before the pending bytes.
    lines: u64,
    numbered: bool,
}

impl Feed {
    /// The field that holds the number of the line, see [`numbered`](Self::numbered).
    pub const LINE: &'static str = "_line";

    /// At the beginning of a stream.
    pub fn new(parser: &Parser) -> Self {
        Self {
            framer: parser.framer(),
            transform: parser.transform(),
            pool: BatchPool::new(2, POOLED_BYTES),
            records: Records::new(),
            pending: Vec::new(),
            position: 0,
            lines: 0,
            numbered: false,
        }
    }

    /// Whether to set the field `_line` of each event to the number of the line on which it begins, from 1. Lines that
    /// are no records count too.
    pub fn numbered(mut self, numbered: bool) -> Self {
        self.numbered = numbered;
        self
    }

    /// The events of the records that `bytes` completes: those that were parsed are in the batch, the refused ones are its
    /// [rejected](Batch::rejected) ones.
    ///
    /// # Errors
    /// [`BatchFull`] if a record is longer than a batch can hold.
    pub fn push(&mut self, bytes: &[u8], observed: Timestamp) -> Result<Batch, BatchFull> {
        self.pending.extend_from_slice(bytes);
        self.cut(Cut::Open, observed)
    }

    /// The events that are left when nothing follows. The feed is at the beginning of another stream then.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(&mut self, observed: Timestamp) -> Result<Batch, BatchFull> {
        let mut batch = self.cut(Cut::End, observed)?;
        if let Err(error) = self.transform.flush(FlushReason::Drain, observed, &mut batch) {
            batch.reject_all(&error.to_string());
        }
        self.framer.reset();
        self.pending.clear();
        (self.position, self.lines) = (0, 0);
        Ok(batch)
    }

    fn cut(&mut self, cut: Cut, observed: Timestamp) -> Result<Batch, BatchFull> {
        self.records.clear();
        let done = self.framer.frame(&self.pending, cut, &mut self.records).min(self.pending.len());
        if done == 0 {
            return Ok(Batch::default());
        }
        let mut next = self.pool.buffer(0);
        next.extend_from_slice(&self.pending[done..]);
        self.pending.truncate(done);
        let base = self.pool.freeze(std::mem::replace(&mut self.pending, next));

        let mut batch = self.pool.batch(base.clone())?;
        let row = RecordRow { ty: batch.add_type(raw_schema())?, origin: u16::MAX, observed };
        let mut counted = 0;
        let mut lines = self.lines;
        for record in self.records.iter() {
            let start = record.range.start;
            batch.push_record(record.range.clone(), self.position + start as u64, row);
            let index = batch.end_index() - 1;
            if self.numbered {
                lines += newlines(&base[counted..start]);
                counted = start;
                if let Some(mut event) = batch.get_mut(index) {
                    event.insert(Self::LINE, lines + 1)?;
                }
            }
            if record.truncated {
                batch.reject(index, "too long: this is only its head");
            }
        }
        if self.numbered {
            self.lines = lines + newlines(&base[counted..]);
        }
        self.position += done as u64;

        let events = batch.end_index();
        if let Err(error) = self.transform.transform(&mut batch) {
            batch.revert(events);
            batch.reject_all(&error.to_string());
        }
        Ok(batch)
    }
}

/// Appends the [rejected](Batch::rejected) events of a batch as JSON objects, each with a newline behind it: the raw text as
/// `line`, why it was refused as `reason`, and `_line` where the [`Feed`] was told to number.
pub fn write_refused(batch: &Batch, out: &mut Vec<u8>) {
    for rejected in batch.rejected() {
        out.extend_from_slice(b"{\"line\":");
        write_value(ValueRef::from(rejected.event.raw()), out);
        out.extend_from_slice(b",\"reason\":");
        write_string(rejected.reason.as_bytes(), out);
        if let Some(number) = rejected.event.get(Feed::LINE) {
            out.extend_from_slice(b",\"_line\":");
            write_value(number, out);
        }
        out.extend_from_slice(b"}\n");
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// What a record is before it is parsed.
pub(super) fn raw_schema() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(Schema::new("record").doc("A record as it was read.")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_core::json::JsonEncoder;

    const GOOD: &str = r#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET / HTTP/1.1" 200 153 "-" "-""#;

    /// What `parse` prints for `input` in pieces of `step` bytes: events and refusals.
    fn printed(input: &[u8], step: usize, options: &[(String, String)]) -> (String, String) {
        let parser = crate::formats::find("nginx_combined").unwrap().configure(options).unwrap();
        let mut feed = Feed::new(&parser).numbered(true);
        let mut encoder = JsonEncoder::new();
        let (mut events, mut refused) = (Vec::new(), Vec::new());
        for piece in input.chunks(step).map(Some).chain([None]) {
            let batch = match piece {
                Some(piece) => feed.push(piece, Timestamp::EPOCH),
                None => feed.finish(Timestamp::EPOCH),
            }
            .unwrap();
            encoder.encode_lines(&batch, &mut events);
            write_refused(&batch, &mut refused);
        }
        (String::from_utf8(events).unwrap(), String::from_utf8(refused).unwrap())
    }

    #[test]
    fn the_result_is_the_same_however_the_input_is_cut() {
        let input = format!("\n{GOOD}\r\n\n\nbad\n{GOOD}\n\r\n{GOOD}");
        let whole = printed(input.as_bytes(), input.len(), &[]);
        let lines: Vec<&str> =
            whole.0.lines().map(|l| l.split("_line\":").nth(1).unwrap().split(',').next().unwrap()).collect();
        assert_eq!(lines, ["2", "6", "8"]);
        assert!(whole.1.ends_with("\"_line\":5}\n"), "{}", whole.1);
        for step in 1..input.len() {
            assert_eq!(printed(input.as_bytes(), step, &[]), whole, "step {step}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_with_its_head_and_those_after_it_are_numbered_right() {
        let options = [("max_line_bytes".to_owned(), "100".to_owned())];
        let input = format!("{}\n{GOOD}\n", "x".repeat(350));
        for step in [1, 7, 64, 500] {
            let (events, refused) = printed(input.as_bytes(), step, &options);
            assert!(events.contains("\"_line\":2,"), "{events}");
            let head = "x".repeat(100);
            let expected = format!(
                "{{\"line\":\"{head}\",\"reason\":\"too long: this is only its head\",\"_line\":1}}\n"
            );
            assert_eq!(refused, expected);
        }
    }

    #[test]
    fn a_refused_line_that_is_not_utf8_is_base64() {
        let (events, refused) = printed(b"\xff\xfe\n", 3, &[]);
        assert_eq!(events, "");
        assert!(refused.starts_with("{\"line\":{\"base64\":\"//4=\"},\"reason\":\"at byte 2: "), "{refused}");
    }
}
