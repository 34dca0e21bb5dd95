//! JSON logs into events, against the fastest JSON parsers into their own trees.
//!
//! `cargo bench -p dendro-parsers --bench json` prints divan's table and then the ratios of the budget, measured in
//! turns within one run; `-- --json` prints only them, as figures for `cargo xtask bench`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod generator;
mod peers;

use std::hint::black_box;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dendro_core::{Batch, BatchPool, Cut, Framer, Lines, RecordRow, Records, Schema, Timestamp, Transform};
use dendro_parsers::json::Json;
use divan::Bencher;
use divan::counter::BytesCount;

use crate::generator::Kind;
use crate::peers::SimdJson;

/// As many lines as the file source puts into one batch at a time, about.
const LINES: usize = 500;
/// So many different batches that their text does not fit the caches next to the core.
const BATCHES: usize = 40;

static POOL: LazyLock<Arc<BatchPool>> = LazyLock::new(|| BatchPool::new(4, 16 << 20));

fn main() {
    if std::env::args().any(|arg| arg == "--json") {
        return println!("{}", to_json(&Kind::ALL.map(Figures::measure)));
    }
    if std::env::args().any(|arg| arg == "--once") {
        // For callgrind: --toggle-collect='json::parse' counts the parser's instructions for 20,000 lines of each kind.
        for kind in Kind::ALL {
            let mut parser = Json::new();
            log(kind).iter().for_each(|text| parse(&mut parser, &mut batch(text)));
        }
        return;
    }
    divan::main();
    if std::env::args().any(|arg| arg == "--bench") {
        for kind in Kind::ALL {
            println!("\n{}", Figures::measure(kind).to_text());
        }
    }
}

fn log(kind: Kind) -> Vec<Bytes> {
    (0..BATCHES)
        .scan(kind.log(LINES * BATCHES), |log, _| {
            let end = memchr::memchr_iter(b'\n', log).nth(LINES - 1)? + 1;
            Some(Bytes::from(log.drain(..end).collect::<Vec<u8>>()))
        })
        .collect()
}

/// A batch of the lines in `text`, none of them parsed.
#[inline(never)]
fn batch(text: &Bytes) -> Batch {
    let mut batch = POOL.batch(text.clone()).unwrap();
    let ty = batch.add_type(&Arc::new(Schema::new("log"))).unwrap();
    let row = RecordRow { ty, origin: 0, observed: Timestamp::EPOCH };
    for record in records(text).iter() {
        batch.push_record(record.range.clone(), record.range.start as u64, row);
    }
    batch
}

fn records(text: &[u8]) -> Records {
    let mut records = Records::new();
    Lines::new().frame(text, Cut::End, &mut records);
    records
}

#[inline(never)]
fn parse(parser: &mut Json, batch: &mut Batch) {
    parser.transform(batch).unwrap();
}

/// Lines that are made to be slow: the rate has to be the same for both lengths.
#[divan::bench(args = HOSTILE.iter().flat_map(|shape| [(*shape, 60_000), (*shape, 960_000)]), sample_count = 20)]
fn hostile(bencher: Bencher<'_, '_>, (shape, len): (&str, usize)) {
    let (head, piece, tail) = match shape {
        "nesting" => ("{\"a\":", "[", ""),
        "objects" => ("{\"a\":[", "{\"a\":1},", "0]}"),
        "backslashes" => ("{\"a\":\"", "\\\\", "\"}"),
        "escapes" => ("{\"a\":\"", "\\u00e9", "\"}"),
        "quotes" => ("{\"a\":[", "\"\",", "0]}"),
        "repeated" => ("{\"a\":{", "\"b\":0,\"a\":0,", "\"c\":0}}"),
        "names" => ("{\"a\":{", "\"NNNNNNN\":0,", "\"b\":0}}"),
        "digits" => ("{\"a\":", "7", "}"),
        "fraction" => ("{\"a\":0.", "7", "}"),
        "spaces" => ("{\"a\":0", " ", "}"),
        _ => ("{\"a\":0", "{", "}"),
    };
    let mut text = head.to_owned();
    for n in 0..len / piece.len() {
        text += &piece.replace("NNNNNNN", &format!("{n:07}"));
    }
    let text = Bytes::from(text + tail);
    let mut parser = Json::new();
    bencher
        .counter(BytesCount::new(text.len()))
        .with_inputs(|| batch(&text))
        .bench_local_refs(|batch| parse(&mut parser, batch));
}

const HOSTILE: [&str; 11] = [
    "nesting",
    "objects",
    "backslashes",
    "escapes",
    "quotes",
    "repeated",
    "names",
    "digits",
    "fraction",
    "spaces",
    "braces",
];

/// Nanoseconds a line, each the best of several turns: other work on the machine only ever adds to it.
struct Figures {
    kind: Kind,
    line_bytes: f64,
    parser: f64,
    flattened: f64,
    simd_json: f64,
    sonic_rs: f64,
    serde_json: f64,
}

impl Figures {
    fn measure(kind: Kind) -> Self {
        let turns = if std::env::args().any(|arg| arg == "--quick") { 2 } else { 12 };
        let log = log(kind);
        let (mut parser, mut flattening, mut simd) = (Json::new(), Json::new().flatten("_"), SimdJson::new());
        // The best of each batch by itself: a turn is seldom free of other work as a whole.
        let mut best = vec![[Duration::MAX; 5]; log.len()];
        for _ in 0..turns {
            for (text, best) in log.iter().zip(&mut best) {
                let mut note = |kind: usize, time: Duration| best[kind] = best[kind].min(time);
                for (kind, parser) in [&mut parser, &mut flattening].into_iter().enumerate() {
                    let mut prepared = batch(text);
                    note(kind, timed(|| parse(parser, &mut prepared)));
                    assert_eq!((prepared.len(), prepared.rejected().count()), (LINES, 0));
                }
                let records = records(text);
                let lines = || records.iter().map(|record| &text[record.range.clone()]);
                note(2, timed(|| lines().map(|line| simd.parse(line)).sum::<usize>()));
                note(3, timed(|| lines().for_each(|line| drop(black_box(peers::sonic(line))))));
                note(4, timed(|| lines().for_each(|line| drop(black_box(peers::serde(line))))));
            }
        }
        let best: [Duration; 5] = std::array::from_fn(|kind| best.iter().map(|times| times[kind]).sum());
        let lines = (LINES * log.len()) as f64;
        let [parser, flattened, simd_json, sonic_rs, serde_json] =
            best.map(|time| time.as_secs_f64() * 1e9 / lines);
        let line_bytes = log.iter().map(Bytes::len).sum::<usize>() as f64 / lines;
        Self { kind, line_bytes, parser, flattened, simd_json, sonic_rs, serde_json }
    }

    /// The parser's rate over that of the fastest other one.
    fn ratio(&self) -> f64 {
        self.simd_json.min(self.sonic_rs).min(self.serde_json) / self.parser
    }

    fn to_text(&self) -> String {
        let Self { kind, line_bytes, parser, flattened, simd_json, sonic_rs, serde_json } = self;
        format!(
            "JSON {}, {line_bytes:.0} bytes a line on average, best of turns in one run\n\
             serde_json           {serde_json:7.0} ns a line\n\
             sonic-rs             {sonic_rs:7.0} ns a line\n\
             simd-json            {simd_json:7.0} ns a line\n\
             parser, flattening   {flattened:7.0} ns a line\n\
             parser               {parser:7.0} ns a line, {:.2} GB/s, {:.2} of the fastest other's rate",
            kind.name(),
            line_bytes / parser,
            self.ratio(),
        )
    }
}

/// The least of the ratios, with all of them.
fn to_json(figures: &[Figures]) -> String {
    let kind = |f: &Figures| {
        let fastest = f.simd_json.min(f.sonic_rs).min(f.serde_json);
        format!("{} {:.2} ({:.0} of {fastest:.0} ns)", f.kind.name(), f.ratio(), f.parser)
    };
    let detail: Vec<String> = figures.iter().map(kind).collect();
    let worst = figures.iter().map(Figures::ratio).fold(f64::INFINITY, f64::min);
    serde_json::json!([{"id": "json", "measured": worst, "detail": detail.join(", ")}]).to_string()
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}
