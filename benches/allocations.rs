//! How often a pipeline allocates for an event, from source to sink; `cargo xtask bench` calls this.
//!
//! The same pipeline reads a short and a long log: what both have in common (starting, filling pools, stopping) cancels out,
//! what is left is the price of the further events.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

use std::alloc::System;
use std::path::Path;

use dendro::parsers::formats::{self, Format};
use dendro::sinks::{BlackholeSink, FileSink};
use dendro::sources::FileSource;
use dendro::{Pipeline, Sink};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type Error = Box<dyn std::error::Error>;

const TURNS: usize = 3;
/// So long is the log that is made of the sample of a format.
const SAMPLE_BYTES: usize = 8 << 20;

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some("--input"), Some(input)) = (args.next().as_deref(), args.next()) else {
        return eprintln!("call this as `cargo xtask bench`");
    };
    match run(Path::new(&input)) {
        Ok(figure) => println!("{figure}"),
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
    }
}

fn run(input: &Path) -> Result<serde_json::Value, Error> {
    let dir = tempfile::tempdir()?;
    let log = std::fs::read(input)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let out = dir.path().join("out.ndjson");
    let per_event = |format: &'static Format, log: &[u8], to_file: bool| -> Result<f64, Error> {
        let cut = |bytes: usize| memchr::memrchr(b'\n', &log[..bytes]).map_or(0, |end| end + 1);
        let (short, long) = (dir.path().join("short.log"), dir.path().join("long.log"));
        std::fs::write(&short, &log[..cut(log.len() / 2)])?;
        std::fs::write(&long, log)?;
        let mut measured = Vec::new();
        // A first turn is not counted.
        for turn in 0..=TURNS {
            let mut sides = [(0.0, 0.0); 2];
            for (side, log) in sides.iter_mut().zip([&short, &long]) {
                let sink: Box<dyn Sink> = match to_file {
                    true => Box::new(FileSink::builder(out.display().to_string()).build()?),
                    false => Box::new(BlackholeSink::new()),
                };
                *side = runtime.block_on(allocations(format, log, sink))?;
                let _ = std::fs::remove_file(&out);
            }
            if turn > 0 {
                let [short, long] = sides;
                measured.push((long.0 - short.0) / (long.1 - short.1));
            }
        }
        measured.sort_by(f64::total_cmp);
        measured.get(TURNS / 2).copied().ok_or_else(|| "nothing was measured".into())
    };
    let combined = formats::find("nginx_combined")?;
    let (nothing, file) = (per_event(combined, &log, false)?, per_event(combined, &log, true)?);
    drop(log);
    let mut of_formats = Vec::new();
    for format in formats::formats() {
        let sample = format.sample.repeat(SAMPLE_BYTES / format.sample.len());
        of_formats.push((format.name, per_event(format, sample.as_bytes(), false)?));
    }
    let (most, highest) = of_formats.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
    let values: serde_json::Map<_, _> =
        of_formats.into_iter().map(|(name, figure)| (name.to_owned(), figure.into())).collect();
    Ok(serde_json::json!([
        {
            "id": "allocations",
            "measured": nothing.max(file),
            "detail": format!("{nothing:.4} to nothing, {file:.4} to a file"),
            "values": {"to_nothing": nothing, "to_file": file},
        },
        {
            "id": "allocations_of_formats",
            "measured": highest,
            "detail": format!("to nothing, most for {most}"),
            "values": values,
        },
    ]))
}

/// How often a run allocated, and how many events it had.
async fn allocations(format: &Format, log: &Path, sink: Box<dyn Sink>) -> Result<(f64, f64), Error> {
    let parser = format.configure_example()?;
    let framing = parser.clone();
    let pipeline = Pipeline::line(FileSource::new(log).follow(false).framer(move || framing.framer()))
        .transform(move || parser.transform())
        .sink(sink)
        .drop_rejected()
        .build()?;
    let region = Region::new(ALLOCATOR);
    let report = pipeline.run(std::future::pending()).await?;
    let change = region.change();
    let events = report.component("source").map_or(0, |source| source.events_out);
    Ok(((change.allocations + change.reallocations) as f64, events as f64))
}
