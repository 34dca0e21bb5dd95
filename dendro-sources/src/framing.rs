//! Bytes and a framer in, batches out: what all sources that read bytes share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dendro_core::{
    Batch, BatchFull, BatchPool, Cut, Framer, Lines, Origin, RecordRow, Records, Schema, Timestamp,
};

/// The most bytes that may wait for a framer to find the end of a record.
const MAX_PENDING_BYTES: usize = 32 << 20;

/// Makes the framer of a stream.
pub(crate) type FramerFactory = Arc<dyn Fn() -> Box<dyn Framer> + Send + Sync>;

/// The factory of [`Lines`] of at most `max_bytes`.
pub(crate) fn lines(max_bytes: usize) -> FramerFactory {
    Arc::new(move || Box::new(Lines::new().max_bytes(max_bytes)))
}

/// One stream on its way from bytes to batches: owns the framer, the bytes of the record that is not yet
/// complete, and the position.
pub(crate) struct Framing {
    framer: Box<dyn Framer>,
    records: Records,
    pending: Vec<u8>,
    position: u64,
    at_record: bool,
}

/// What the events of a batch have in common.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) pool: &'a Arc<BatchPool>,
    pub(crate) schema: &'a Arc<Schema>,
    pub(crate) origin: &'a Arc<Origin>,
    pub(crate) observed: Timestamp,
}

/// What came of a buffer: a batch if it held the end of a record, and the buffer itself if nothing keeps it.
pub(crate) struct Framed {
    pub(crate) batch: Option<Batch>,
    pub(crate) spare: Option<Vec<u8>>,
}

/// What a stream needs that can be taken up again.
#[cfg(feature = "file")]
impl Framing {
    /// Where the oldest byte that is not in a batch lies.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether a stream that is taken up again at [`position`](Self::position) goes on as this one does: not while
    /// the framer skips the rest of a record that is too long.
    pub(crate) fn is_at_record(&self) -> bool {
        self.at_record
    }

    /// Goes on elsewhere.
    pub(crate) fn restart(&mut self, position: u64) {
        self.framer.reset();
        self.pending.clear();
        self.position = position;
        self.at_record = true;
    }
}

impl Framing {
    /// A stream that begins at `position`.
    pub(crate) fn new(framer: Box<dyn Framer>, position: u64) -> Self {
        Self { framer, records: Records::new(), pending: Vec::new(), position, at_record: true }
    }

    /// The bytes of the record that is not yet complete.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// See [`Framer::quiet_after`].
    pub(crate) fn quiet_after(&self) -> Option<Duration> {
        self.framer.quiet_after()
    }

    /// Puts the pending bytes into an empty buffer, with room for `chunk` more behind them.
    pub(crate) fn prepare(&self, buffer: &mut Vec<u8>, chunk: usize) {
        buffer.clear();
        buffer.reserve(self.pending.len() + chunk);
        buffer.extend_from_slice(&self.pending);
    }

    /// Cuts a buffer that [`prepare`](Self::prepare) has begun and that now has more behind the pending bytes; `done`
    /// is shown what is not needed again.
    ///
    /// # Errors
    /// [`BatchFull`] if the chunks that it is given are too large.
    pub(crate) fn cut(
        &mut self,
        buffer: Vec<u8>,
        how: Cut,
        target: Target<'_>,
        done: impl FnOnce(&[u8]),
    ) -> Result<Framed, BatchFull> {
        self.records.clear();
        let mut consumed = self.framer.frame(&buffer, how, &mut self.records).min(buffer.len());
        if buffer.len() - consumed > MAX_PENDING_BYTES {
            // A framer that finds no end: no record may hold up the stream for ever.
            self.records.push_truncated(consumed..consumed + MAX_PENDING_BYTES / 32);
            consumed = buffer.len();
            self.framer.reset();
        }
        if how == Cut::End {
            consumed = buffer.len();
        }
        match self.records.iter().last() {
            Some(last) => {
                let has_ended = last.range.end < consumed && buffer[consumed - 1] == b'\n';
                self.at_record = !last.truncated || has_ended || how == Cut::End;
            }
            None if self.at_record => {}
            None => self.at_record = how == Cut::End,
        }
        done(&buffer[..consumed]);
        self.pending.clear();
        self.pending.extend_from_slice(&buffer[consumed..]);
        let start = self.position;
        self.position += consumed as u64;
        if self.records.is_empty() {
            return Ok(Framed { batch: None, spare: Some(buffer) });
        }
        // A batch that holds little must not keep a large buffer.
        let (base, spare) = match buffer.len() * 4 < buffer.capacity() {
            true => (Bytes::copy_from_slice(&buffer[..consumed]), Some(buffer)),
            false => (target.pool.freeze(buffer), None),
        };
        let batch = self.batch(base, start, target)?;
        Ok(Framed { batch: Some(batch), spare })
    }

    fn batch(&self, base: Bytes, start: u64, target: Target<'_>) -> Result<Batch, BatchFull> {
        let mut batch = target.pool.batch(base)?;
        let row = RecordRow {
            ty: batch.add_type(target.schema)?,
            origin: batch.add_origin(target.origin)?,
            observed: target.observed,
        };
        batch.push_records(&self.records, start, row);
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    type Cuts = Vec<(String, u64)>;

    fn run(framing: &mut Framing, chunk: &[u8], how: Cut) -> (Cuts, usize) {
        let pool = BatchPool::new(4, 1 << 20);
        let (schema, origin) = (Arc::new(Schema::new("log")), Arc::default());
        let target = Target { pool: &pool, schema: &schema, origin: &origin, observed: Timestamp::EPOCH };
        let mut buffer = Vec::new();
        framing.prepare(&mut buffer, chunk.len());
        buffer.extend_from_slice(chunk);
        let batch = framing.cut(buffer, how, target, |_| {}).unwrap().batch;
        let Some(batch) = batch else { return (Vec::new(), 0) };
        let cuts =
            batch.iter().map(|e| (String::from_utf8_lossy(e.raw()).into_owned(), e.position())).collect();
        (cuts, batch.rejected().count())
    }

    #[test]
    fn records_and_positions_are_the_same_however_the_input_comes() {
        let input = b"one\ntwo\r\n\nthree\nlast";
        let whole = {
            let mut framing = Framing::new(lines(100)(), 7);
            let mut cuts = run(&mut framing, input, Cut::Open).0;
            cuts.extend(run(&mut framing, b"", Cut::End).0);
            cuts
        };
        let expected = [("one", 7), ("two", 11), ("three", 17), ("last", 23)].map(|(t, p)| (t.to_owned(), p));
        assert_eq!(whole, expected);
        for step in 1..input.len() {
            let mut framing = Framing::new(lines(100)(), 7);
            let mut cuts: Cuts = input.chunks(step).flat_map(|c| run(&mut framing, c, Cut::Open).0).collect();
            cuts.extend(run(&mut framing, b"", Cut::End).0);
            assert_eq!(cuts, expected, "step {step}");
            assert_eq!(framing.position(), 7 + input.len() as u64);
        }
    }

    #[test]
    fn within_a_record_that_is_too_long_there_is_no_place_to_resume() {
        let mut framing = Framing::new(lines(4)(), 0);
        assert_eq!(run(&mut framing, b"ok\nthis is long", Cut::Open).1, 1);
        assert!(!framing.is_at_record());
        assert_eq!(run(&mut framing, b" and longer", Cut::Open).1, 0);
        assert!(!framing.is_at_record());
        assert_eq!(run(&mut framing, b" end\nok\n", Cut::Open).0, [("ok".to_owned(), 31)]);
        assert!(framing.is_at_record());
        assert_eq!(run(&mut framing, b"long again\n", Cut::Open).1, 1);
        assert!(framing.is_at_record());
    }

    #[test]
    fn a_framer_that_finds_no_end_does_not_hold_up_the_stream() {
        struct Never;
        impl Framer for Never {
            fn frame(&mut self, _: &[u8], _: Cut, _: &mut Records) -> usize {
                0
            }
            fn reset(&mut self) {}
        }
        let mut framing = Framing::new(Box::new(Never), 0);
        let rejected: usize = (0..3).map(|_| run(&mut framing, &vec![b'x'; 20 << 20], Cut::Open).1).sum();
        assert_eq!(rejected, 1);
        assert_eq!(framing.position(), 40 << 20);
    }

    #[test]
    fn a_small_batch_keeps_no_large_buffer() {
        let pool = BatchPool::new(4, 1 << 20);
        let (schema, origin) = (Arc::new(Schema::new("log")), Arc::default());
        let target = Target { pool: &pool, schema: &schema, origin: &origin, observed: Timestamp::EPOCH };
        let mut framing = Framing::new(lines(100)(), 0);
        let mut buffer = Vec::with_capacity(1 << 16);
        buffer.extend_from_slice(b"line\n");
        let framed = framing.cut(buffer, Cut::Open, target, |_| {}).unwrap();
        assert!(framed.spare.is_some_and(|s| s.capacity() == 1 << 16));
        assert_eq!(framed.batch.unwrap().base().len(), 5);
    }
}
