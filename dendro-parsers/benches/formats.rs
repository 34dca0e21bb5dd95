//! Every format: how fast its sample is read, and that no line makes it slow.
//!
//! `cargo bench -p dendro-parsers --bench formats` prints a table; `-- --json` prints figures for `cargo xtask bench`.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use dendro_core::Timestamp;
use dendro_parsers::formats::{Feed, Format, Parser, formats};

const SAMPLE_BYTES: usize = 4 << 20;
/// Below the longest line that formats let through.
const LONG: usize = 960_000;
const SHORT: usize = LONG / 16;
const LEAST_SECONDS_PER_BYTE: f64 = 0.5e-9;

/// What lines are made of that might be slow to read, behind the beginning of a good one.
const PIECES: [&str; 26] = [
    "\"",
    "\\",
    "\\\"",
    "'",
    " ",
    "\t",
    ",",
    ", ",
    "=",
    "a=",
    ": ",
    "[",
    "]",
    "{\"a\":",
    "}",
    "(",
    "0",
    "-",
    "%",
    "\\x22",
    "\n\t",
    "\n ",
    "# ",
    "/*",
    ", client: ",
    "<1>",
];

struct Row {
    format: &'static Format,
    ns_per_event: f64,
    mb_per_s: f64,
    /// The time of a byte of a long line over that of a short one, where it is highest, and the line.
    worst: (f64, String),
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let json = std::env::args().any(|arg| arg == "--json");
    if !json && !std::env::args().any(|arg| arg == "--bench") {
        // `cargo test` only wants to see it run.
        return;
    }
    let turns = if quick { 2 } else { 5 };
    let rows: Vec<Row> = formats().map(|format| measure(format, turns)).collect();
    if json { print_json(&rows) } else { print_table(&rows) }
}

fn measure(format: &'static Format, turns: usize) -> Row {
    let parser = format.configure_example().unwrap();
    let sample = format.sample.repeat(SAMPLE_BYTES / format.sample.len());
    let (mut best, mut events) = (Duration::MAX, 0);
    for _ in 0..turns {
        let (time, count) = read(&parser, sample.as_bytes());
        (best, events) = (best.min(time), count);
    }
    Row {
        format,
        ns_per_event: best.as_nanos() as f64 / events.max(1) as f64,
        mb_per_s: sample.len() as f64 / 1e6 / best.as_secs_f64(),
        worst: worst(format, &parser, turns),
    }
}

/// Whole records at a time, as from a file: in pieces of 64 KiB.
fn read(parser: &Parser, log: &[u8]) -> (Duration, usize) {
    let mut feed = Feed::new(parser);
    let mut events = 0;
    let start = Instant::now();
    for piece in log.chunks(64 << 10) {
        events += black_box(feed.push(piece, Timestamp::EPOCH).unwrap()).len();
    }
    events += black_box(feed.finish(Timestamp::EPOCH).unwrap()).len();
    (start.elapsed(), events)
}

fn worst(format: &Format, parser: &Parser, turns: usize) -> (f64, String) {
    let line = format.sample.lines().next().unwrap_or_default();
    let heads = ["", line.get(..line.len() / 2).unwrap_or_default(), line];
    let mut worst = (0.0, String::new());
    for head in heads {
        for piece in PIECES {
            let per_byte = |len: usize| {
                let text = format!("{head}{}\n", piece.repeat(len / piece.len()));
                let best = (0..turns).map(|_| read(parser, text.as_bytes()).0).min().unwrap_or_default();
                best.as_secs_f64() / text.len() as f64
            };
            // Faster than this, it is the caches that are measured.
            let ratio = per_byte(LONG) / per_byte(SHORT).max(LEAST_SECONDS_PER_BYTE);
            if ratio > worst.0 {
                worst = (ratio, format!("{:?} behind {head:?}", piece));
            }
        }
    }
    worst
}

fn print_table(rows: &[Row]) {
    println!("{:20} {:>10} {:>9} {:>8}  slowest line", "format", "ns/event", "MB/s", "long/short");
    for Row { format, ns_per_event, mb_per_s, worst: (ratio, line) } in rows {
        println!("{:20} {ns_per_event:>10.1} {mb_per_s:>9.0} {ratio:>8.2}  {line}", format.name);
    }
}

fn print_json(rows: &[Row]) {
    let slowest = rows.iter().max_by(|a, b| a.worst.0.total_cmp(&b.worst.0)).unwrap();
    let rates = rows
        .iter()
        .map(|row| format!("{} {:.0}", row.format.name, row.mb_per_s))
        .collect::<Vec<_>>()
        .join(", ");
    let figures = serde_json::json!([
        {
            "id": "hostile", "measured": slowest.worst.0,
            "detail": format!("{} with {}", slowest.format.name, slowest.worst.1),
        },
        {
            "id": "formats", "measured": rows.iter().map(|row| row.mb_per_s).fold(f64::MAX, f64::min),
            "detail": format!("MB/s, cut and parsed: {rates}"),
        },
    ]);
    println!("{figures}");
}
