//! nginx `combined`: the parser on real batches, against a compiled regex and against a plain loop.
//!
//! `cargo bench -p dendro-parsers --bench nginx` prints divan's table and then the ratios of the budget, measured in
//! turns within one run; `-- --ratios` prints only them, as one JSON object.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod generator;
mod hand_loop;
mod regex_baseline;

use std::hint::black_box;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dendro_core::{Batch, BatchPool, Cut, Framer, Lines, RecordRow, Records, Schema, Timestamp, Transform};
use dendro_parsers::nginx::NginxAccess;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

/// As many lines as the file source puts into one batch at a time, about.
const LINES: usize = 1_000;
/// So many different batches that their text does not fit the caches next to the core.
const BATCHES: usize = 64;

static LOG: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let log = generator::log(LINES * BATCHES);
    let mut pieces = Vec::new();
    let (mut start, mut lines) = (0, 0);
    for newline in memchr::memchr_iter(b'\n', &log) {
        lines += 1;
        if lines % LINES == 0 {
            pieces.push(Bytes::copy_from_slice(&log[start..=newline]));
            start = newline + 1;
        }
    }
    pieces
});
static POOL: LazyLock<Arc<BatchPool>> = LazyLock::new(|| BatchPool::new(4, 16 << 20));

fn main() {
    if std::env::args().any(|arg| arg == "--ratios") {
        return println!("{}", Ratios::measure().to_json());
    }
    if std::env::args().any(|arg| arg == "--once") {
        // For callgrind: --toggle-collect='nginx::parse' counts the parser's instructions for 64,000 lines.
        let mut parser = NginxAccess::combined();
        return LOG.iter().for_each(|text| parse(&mut parser, &mut batch(text)));
    }
    divan::main();
    if std::env::args().any(|arg| arg == "--bench") {
        println!("\n{}", Ratios::measure().to_text());
    }
}

/// A batch of the lines in `text`, none of them parsed.
#[inline(never)]
fn batch(text: &Bytes) -> Batch {
    let mut batch = POOL.batch(text.clone()).unwrap();
    let ty = batch.add_type(&Arc::new(Schema::new("log"))).unwrap();
    let row = RecordRow { ty, origin: 0, observed: Timestamp::EPOCH };
    let mut records = Records::new();
    Lines::new().frame(text, Cut::End, &mut records);
    for record in records.iter() {
        batch.push_record(record.range.clone(), record.range.start as u64, row);
    }
    batch
}

#[inline(never)]
fn parse(parser: &mut NginxAccess, batch: &mut Batch) {
    parser.transform(batch).unwrap();
}

#[divan::bench(sample_count = 200, sample_size = 8)]
fn parser(bencher: Bencher<'_, '_>) {
    let mut parser = NginxAccess::combined();
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::new(LOG[0].len()))
        .with_inputs(next_batch)
        .bench_local_refs(|batch| parse(&mut parser, batch));
}

#[divan::bench(sample_count = 200, sample_size = 8)]
fn split_and_parser(bencher: Bencher<'_, '_>) {
    let mut parser = NginxAccess::combined();
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::new(LOG[0].len()))
        .with_inputs(next_text)
        .bench_local_refs(|text| {
            let mut batch = batch(text);
            parse(&mut parser, &mut batch);
        });
}

#[divan::bench(sample_count = 20, sample_size = 4)]
fn regex(bencher: Bencher<'_, '_>) {
    let mut baseline = regex_baseline::Baseline::new();
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::new(LOG[0].len()))
        .with_inputs(next_batch)
        .bench_local_refs(|batch| baseline.transform(batch));
}

#[divan::bench(sample_count = 200, sample_size = 8)]
fn hand_loop_with_split(bencher: Bencher<'_, '_>) {
    let mut entries = Vec::new();
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::new(LOG[0].len()))
        .with_inputs(next_text)
        .bench_local_refs(|text| loop_once(text, &mut entries));
}

/// Lines that are made to be slow: the rate has to be the same for both lengths.
#[divan::bench(args = HOSTILE.iter().flat_map(|shape| [(*shape, 60_000), (*shape, 960_000)]), sample_count = 20)]
fn hostile(bencher: Bencher<'_, '_>, (shape, len): (&str, usize)) {
    let (head, piece, tail) = match shape {
        "quotes" => ("", "\"", ""),
        "backslashes" => (PREFIX, "\\", "\" 200 1 \"-\" \"-\""),
        "escapes" => (PREFIX, "\\x22", "\" 200 1 \"-\" \"-\""),
        "spaces" => (PREFIX, " ", "\" 200 1 \"-\" \"-\""),
        "questions" => (PREFIX, "?", " HTTP/1.1\" 200 1 \"-\" \"-\""),
        "times" => ("192.0.2.7 - ", " [20/Nov/2026:16:59:47 -0330] ", "\""),
        _ => ("192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] \"GET / HTTP/1.1\" 200 ", "1", " \"-\" \"-\""),
    };
    let text = Bytes::from(format!("{head}{}{tail}", piece.repeat(len / piece.len())));
    let mut parser = NginxAccess::combined();
    bencher
        .counter(BytesCount::new(text.len()))
        .with_inputs(|| batch(&text))
        .bench_local_refs(|batch| parse(&mut parser, batch));
}

const HOSTILE: [&str; 7] = ["quotes", "backslashes", "escapes", "spaces", "questions", "times", "digits"];
const PREFIX: &str = "192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] \"GET /";

fn next_text() -> Bytes {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    LOG[NEXT.fetch_add(1, Ordering::Relaxed) % BATCHES].clone()
}

fn next_batch() -> Batch {
    batch(&next_text())
}

fn loop_once(text: &Bytes, entries: &mut Vec<hand_loop::Entry>) -> usize {
    entries.clear();
    let parsed = hand_loop::parse(text, entries);
    // What a reader would look at is not to be optimised away.
    black_box(entries.iter().map(|e| e.value ^ u64::from(e.len) ^ u64::from(e.key)).next());
    black_box(entries.last().map(|e| e.kind ^ e.flags));
    parsed
}

/// Nanoseconds a line, each the best of several turns: other work on the machine only ever adds to it.
struct Ratios {
    parser: f64,
    split_and_parser: f64,
    regex: f64,
    hand_loop: f64,
}

impl Ratios {
    fn measure() -> Self {
        const TURNS: usize = 12;
        let (mut parser, mut baseline) = (NginxAccess::combined(), regex_baseline::Baseline::new());
        let mut entries = Vec::new();
        // The best of each batch by itself: a turn is seldom free of other work as a whole.
        let mut best = vec![[Duration::MAX; 4]; LOG.len()];
        for _ in 0..TURNS {
            for (text, best) in LOG.iter().zip(&mut best) {
                let mut note = |kind: usize, time: Duration| best[kind] = best[kind].min(time);
                let mut prepared = batch(text);
                note(0, timed(|| parse(&mut parser, &mut prepared)));
                drop(prepared);
                note(
                    1,
                    timed(|| {
                        let mut batch = batch(text);
                        parse(&mut parser, &mut batch);
                    }),
                );
                let mut prepared = batch(text);
                note(2, timed(|| baseline.transform(&mut prepared)));
                drop(prepared);
                note(3, timed(|| loop_once(text, &mut entries)));
            }
        }
        let best: [Duration; 4] = std::array::from_fn(|kind| best.iter().map(|times| times[kind]).sum());
        let [parser, split_and_parser, regex, hand_loop] =
            best.map(|time| time.as_secs_f64() * 1e9 / (LINES * BATCHES) as f64);
        Self { parser, split_and_parser, regex, hand_loop }
    }

    fn to_text(&self) -> String {
        let Self { parser, split_and_parser, regex, hand_loop } = self;
        format!(
            "nginx combined, {:.0} bytes a line on average, best of turns in one run\n\
             regex                {regex:7.0} ns a line\n\
             hand loop + split    {hand_loop:7.1} ns a line\n\
             parser               {parser:7.1} ns a line, {:.1} M events/s, {:.1} x the regex\n\
             parser + split       {split_and_parser:7.1} ns a line, {:.1} M events/s, {:.2} of the hand loop's rate",
            LOG.iter().map(Bytes::len).sum::<usize>() as f64 / (LINES * BATCHES) as f64,
            1e3 / parser,
            regex / parser,
            1e3 / split_and_parser,
            hand_loop / split_and_parser,
        )
    }

    fn to_json(&self) -> String {
        let Self { parser, split_and_parser, regex, hand_loop } = self;
        format!(
            "{{\"bench\":\"nginx_combined\",\"parser_ns\":{parser:.1},\"split_and_parser_ns\":{split_and_parser:.1},\
             \"regex_ns\":{regex:.1},\"hand_loop_ns\":{hand_loop:.1},\"parser_over_regex\":{:.2},\
             \"parser_over_hand_loop\":{:.3}}}",
            regex / parser,
            hand_loop / split_and_parser,
        )
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}
