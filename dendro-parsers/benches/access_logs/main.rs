//! Access logs in the formats that servers ship and users configure: the parsers on real batches, against compiled
//! regexes with the same typing.
//!
//! `cargo bench -p dendro-parsers --bench access_logs` prints a table, measured in turns within one run; `-- --json` prints
//! figures for `cargo xtask bench`; `-- --hostile` the rates on lines that are made to be slow; `-- --only name` one format.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod aws;
mod baseline;
mod cases;
mod requests;

use std::hint::black_box;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use baseline::Baseline;
use bytes::Bytes;
use cases::{Case, cases};
use dendro_core::{Batch, BatchPool, Cut, Framer, Lines, RecordRow, Records, Schema, Timestamp, Transform};
use dendro_parsers::formats;

/// As many lines as the file source puts into one batch at a time, about.
const LINES: usize = 1_000;
/// So many different batches that their text does not fit the caches next to the core.
const BATCHES: usize = 32;
const TURNS: usize = 10;

static POOL: LazyLock<Arc<BatchPool>> = LazyLock::new(|| BatchPool::new(4, 16 << 20));

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let has = |name: &str| args.iter().any(|arg| arg == name);
    if has("--hostile") {
        return hostile();
    }
    let only = args.iter().position(|arg| arg == "--only").and_then(|at| args.get(at + 1));
    let cases: Vec<Case> =
        cases().into_iter().filter(|case| only.is_none_or(|name| case.name == name)).collect();
    if has("--profile") {
        // For perf: the parser alone, several times.
        for case in cases {
            let (mut parser, log) = (parser(&case), log(&case));
            for text in std::iter::repeat_n(&log, 60).flatten() {
                parse(&mut *parser, &mut batch(text));
            }
        }
        return;
    }
    if !has("--bench") && !has("--json") {
        // As a test: each format reads all of its lines.
        cases.iter().for_each(|case| assert!(Measured::new(case, 1, 1).bytes > 0.0));
        return;
    }
    let (batches, turns) = if has("--quick") { (4, 2) } else { (BATCHES, TURNS) };
    let measured: Vec<_> = cases.iter().map(|case| (case, Measured::new(case, batches, turns))).collect();
    if has("--json") {
        let figures = [("access_logs", 10.0), ("access_logs_of_ten_fields", 5.0)]
            .map(|(id, floor)| figure(id, measured.iter().filter(|(case, _)| case.floor == floor)));
        return println!("{}", serde_json::json!(figures));
    }
    println!(
        "{:24} {:>6} {:>9} {:>9} {:>11} {:>6}",
        "format", "bytes", "regex ns", "parser ns", "over regex", "floor"
    );
    for (case, m) in measured {
        let ratio = m.ratio();
        let Measured { bytes, regex, parser } = m;
        println!("{:24} {bytes:6.0} {regex:9.0} {parser:9.1} {ratio:10.1}x {:5}x", case.name, case.floor);
    }
}

/// The least of the ratios, with all of them.
fn figure<'a>(id: &str, of: impl Iterator<Item = &'a (&'a Case, Measured)>) -> serde_json::Value {
    let mut ratios: Vec<(f64, &str)> = of.map(|(case, measured)| (measured.ratio(), case.name)).collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let detail: Vec<String> = ratios.iter().map(|(ratio, name)| format!("{name} {ratio:.1}")).collect();
    serde_json::json!({"id": id, "measured": ratios.first().map(|(ratio, _)| ratio), "detail": detail.join(", ")})
}

fn parser(case: &Case) -> Box<dyn Transform> {
    let options: Vec<_> =
        case.option.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    formats::find(case.format).unwrap().configure(&options).unwrap().transform()
}

/// The log of a format, a batch's worth each.
fn log(case: &Case) -> Vec<Bytes> {
    let requests = requests::requests(LINES * BATCHES);
    let text = |requests: &[requests::Request]| {
        requests.iter().map(|request| (case.line)(request) + "\n").collect::<String>().into()
    };
    requests.chunks(LINES).map(text).collect()
}

/// A batch of the lines in `text`, none of them parsed.
#[inline(never)]
fn batch(text: &Bytes) -> Batch {
    let mut batch = POOL.batch(text.clone()).unwrap();
    let ty = batch.add_type(&Arc::new(Schema::new("log"))).unwrap();
    let row = RecordRow { ty, origin: 0, observed: Timestamp::EPOCH };
    let mut records = Records::new();
    Lines::new().max_bytes(usize::MAX).frame(text, Cut::End, &mut records);
    for record in records.iter() {
        batch.push_record(record.range.clone(), record.range.start as u64, row);
    }
    batch
}

#[inline(never)]
fn parse(parser: &mut dyn Transform, batch: &mut Batch) {
    parser.transform(batch).unwrap();
}

/// Nanoseconds a line, each the best of several turns: other work on the machine only ever adds to it.
struct Measured {
    bytes: f64,
    regex: f64,
    parser: f64,
}

impl Measured {
    fn new(case: &Case, batches: usize, turns: usize) -> Self {
        let log = &log(case)[..batches];
        let (mut parser, mut baseline) = (parser(case), Baseline::new(&case.pattern, case.groups));
        // The best of each batch by itself: a turn is seldom free of other work as a whole.
        let mut best = vec![[Duration::MAX; 2]; log.len()];
        for _ in 0..turns {
            for (text, best) in log.iter().zip(&mut best) {
                let mut note = |kind: usize, time: Duration| best[kind] = best[kind].min(time);
                let mut prepared = batch(text);
                note(0, timed(|| parse(&mut *parser, &mut prepared)));
                assert_eq!(prepared.rejected().count(), 0, "{}: {:?}", case.name, first_refusal(&prepared));
                drop(prepared);
                let mut prepared = batch(text);
                note(1, timed(|| baseline.transform(&mut prepared)));
                assert_eq!(prepared.rejected().count(), 0, "{}: the regex refuses", case.name);
            }
        }
        let best: [Duration; 2] = std::array::from_fn(|kind| best.iter().map(|times| times[kind]).sum());
        let lines = (LINES * batches) as f64;
        let [parser, regex] = best.map(|time| time.as_secs_f64() * 1e9 / lines);
        Self { bytes: log.iter().map(Bytes::len).sum::<usize>() as f64 / lines, regex, parser }
    }
}

impl Measured {
    /// How many times the regex's rate.
    fn ratio(&self) -> f64 {
        self.regex / self.parser
    }
}

fn first_refusal(batch: &Batch) -> Option<String> {
    batch.rejected().next().map(|r| format!("{}: {}", r.reason, String::from_utf8_lossy(r.event.raw())))
}

/// Lines that are made to be slow, of 64 KiB and of 1 MiB: the nanoseconds a byte have to be about the same (what is decoded goes
/// into memory that is new, which costs some), where quadratic work would make them sixteen times as many.
fn hostile() {
    const LENGTHS: [usize; 2] = [64 << 10, 1 << 20];
    println!("{:24} {:12} {:>14} {:>14}", "format", "line of", "64 KiB ns/B", "1 MiB ns/B");
    for case in cases() {
        let sample = (case.line)(&requests::requests(1)[0]);
        for piece in ["|", " ", "\"", "\\", "\\\"", "\\x22", ", ", " - ", ":", "0", "-", "] ", "|0", &sample]
        {
            let mut parser = parser(&case);
            let rates = LENGTHS.map(|length| {
                // Alone, and in the middle of a line that is right elsewhere.
                let repeated = piece.repeat(length / piece.len());
                let middle = sample.find("/").map_or(0, |at| at + 1);
                let inside = format!("{}{repeated}{}", &sample[..middle], &sample[middle..]);
                let text: Bytes = format!("{repeated}\n{inside}\n").into();
                let best = (0..5).map(|_| {
                    let mut batch = batch(&text);
                    timed(|| parse(&mut *parser, &mut batch))
                });
                best.min().unwrap_or_default().as_secs_f64() * 1e9 / text.len() as f64
            });
            let [short, long] = rates;
            let shown: String = piece.chars().take(10).collect();
            let mark = if long > 5.0 * short + 2.0 { "  NOT LINEAR" } else { "" };
            println!("{:24} {shown:12} {short:14.2} {long:14.2}{mark}", case.name);
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}
