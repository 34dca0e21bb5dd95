//! csvlog into typed batches, against `csv-core` that only reads the fields of the same text.
//!
//! `cargo bench -p dendro-parsers --bench csv` prints figures for `cargo xtask bench`; both sides are measured in turns within one run.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod generator;

use std::hint::black_box;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use csv_core::{ReadRecordResult, Reader};
use dendro_core::{Batch, BatchPool, Cut, Framer, RecordRow, Records, Schema, Timestamp, Transform};
use dendro_parsers::postgres::{CsvLog, CsvLogRecords};

/// As many records as a source puts into one batch at a time, about.
const RECORDS: usize = 1_000;
const BATCHES: usize = 32;

static LOG: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let log = generator::log(RECORDS * BATCHES);
    let mut records = Records::new();
    CsvLogRecords::new().frame(&log, Cut::End, &mut records);
    assert_eq!(records.len(), RECORDS * BATCHES);
    let starts: Vec<usize> = records.iter().step_by(RECORDS).map(|record| record.range.start).collect();
    let ends = starts.iter().skip(1).copied().chain([log.len()]);
    starts.iter().zip(ends).map(|(start, end)| Bytes::copy_from_slice(&log[*start..end])).collect()
});
static POOL: LazyLock<Arc<BatchPool>> = LazyLock::new(|| BatchPool::new(4, 16 << 20));

fn main() {
    if !std::env::args().any(|arg| arg == "--bench" || arg == "--json") {
        // `cargo test` only wants to see it run.
        return;
    }
    let [parser, cut_and_parser, csv_core] = measure();
    let bytes = LOG.iter().map(Bytes::len).sum::<usize>() as f64 / (RECORDS * BATCHES) as f64;
    let detail = format!(
        "{bytes:.0} bytes a record: {cut_and_parser:.0} ns cut and parsed, {parser:.0} ns parsed alone ({:.2} x), csv-core {csv_core:.0} ns",
        csv_core / parser
    );
    let figure = serde_json::json!({"id": "csvlog", "measured": csv_core / cut_and_parser, "detail": detail});
    println!("{}", serde_json::json!([figure]));
}

/// Nanoseconds a record, each the best of several turns: parsed, cut and parsed, fields read by `csv-core`.
fn measure() -> [f64; 3] {
    let turns = if std::env::args().any(|arg| arg == "--quick") { 2 } else { 12 };
    let (mut parser, mut fields) = (CsvLog::new(), FieldReader::default());
    let mut best = vec![[Duration::MAX; 3]; LOG.len()];
    for _ in 0..turns {
        for (text, best) in LOG.iter().zip(&mut best) {
            let mut note = |kind: usize, time: Duration| best[kind] = best[kind].min(time);
            let mut prepared = batch(text);
            note(0, timed(|| parser.transform(&mut prepared).unwrap()));
            assert_eq!(prepared.len(), RECORDS);
            drop(prepared);
            note(
                1,
                timed(|| {
                    let mut batch = batch(text);
                    parser.transform(&mut batch).unwrap();
                }),
            );
            note(2, timed(|| assert_eq!(fields.read(text), RECORDS)));
        }
    }
    std::array::from_fn(|kind| {
        let total: Duration = best.iter().map(|times| times[kind]).sum();
        total.as_secs_f64() * 1e9 / (RECORDS * BATCHES) as f64
    })
}

/// A batch of the records in `text`, none of them parsed.
fn batch(text: &Bytes) -> Batch {
    let mut batch = POOL.batch(text.clone()).unwrap();
    let ty = batch.add_type(&Arc::new(Schema::new("log"))).unwrap();
    let mut records = Records::new();
    CsvLogRecords::new().frame(text, Cut::End, &mut records);
    batch.push_records(&records, 0, RecordRow { ty, origin: 0, observed: Timestamp::EPOCH });
    batch
}

/// `csv-core` with its buffers.
struct FieldReader {
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl Default for FieldReader {
    fn default() -> Self {
        Self { output: vec![0; 64 << 10], ends: vec![0; 64] }
    }
}

impl FieldReader {
    /// How many records there are; their fields are read one record after the other.
    fn read(&mut self, mut text: &[u8]) -> usize {
        let (mut reader, mut records) = (Reader::new(), 0);
        loop {
            let (result, read, _, _) = reader.read_record(text, &mut self.output, &mut self.ends);
            text = &text[read..];
            match result {
                ReadRecordResult::Record => records += 1,
                ReadRecordResult::End => return records,
                // At the end of the input it is called once more, with nothing.
                ReadRecordResult::InputEmpty => {}
                other => panic!("{other:?}"),
            }
            black_box(&self.ends);
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}
