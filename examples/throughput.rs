//! How fast a file goes through a whole pipeline, on this machine.
//!
//! `cargo run --release --example throughput -- --input FILE --format F --to blackhole|ndjson:PATH [--lanes N]`
//! reads the file once to its end through the real `file` source and prints one JSON object.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::time::Instant;

use dendro::parsers::formats;
use dendro::sinks::BlackholeSink;
use dendro::sinks::file::{FileSink, Fsync};
use dendro::sources::FileSource;
use dendro::{Pipeline, Sink};

const USAGE: &str = "usage: throughput --input FILE --format F --to blackhole|ndjson:PATH [--lanes N]";

struct Args {
    input: PathBuf,
    format: String,
    to: String,
    lanes: usize,
}

fn args() -> Result<Args, Box<dyn std::error::Error>> {
    use lexopt::prelude::*;
    let (mut input, mut format, mut to, mut lanes) = (None, None, None, 1);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("input") => input = Some(PathBuf::from(parser.value()?)),
            Long("format") => format = Some(parser.value()?.string()?),
            Long("to") => to = Some(parser.value()?.string()?),
            Long("lanes") => lanes = parser.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Args {
        input: input.ok_or("--input is missing")?,
        format: format.ok_or("--format is missing")?,
        to: to.ok_or("--to is missing")?,
        lanes,
    })
}

fn sink(to: &str) -> Result<Box<dyn Sink>, Box<dyn std::error::Error>> {
    match to.split_once(':') {
        None if to == "blackhole" => Ok(Box::new(BlackholeSink::new())),
        Some(("ndjson", path)) => {
            // A path as it is, without places for times and fields.
            let path = path.replace('%', "%%").replace('{', "{{").replace('}', "}}");
            // What is measured is Dendro, not the disk: the page cache has to take it, as from `cat`.
            Ok(Box::new(FileSink::builder(path).fsync(Fsync::Never).build()?))
        }
        _ => Err(format!("--to {to}: expected blackhole or ndjson:PATH").into()),
    }
}

/// User and system time of this process, in seconds.
fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The most memory that this process had, where the system tells it as Linux does.
fn max_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
    Some(peak.parse::<u64>().ok()? << 10)
}

#[tokio::main]
async fn main() {
    let args = args().unwrap_or_else(|e| {
        eprintln!("{e}\n{USAGE}");
        std::process::exit(2)
    });
    if let Err(e) = run(args).await {
        eprintln!("throughput: {e}");
        std::process::exit(1);
    }
}

async fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let parser = formats::find(&args.format)?.configure(&[])?;
    let framing = parser.clone();
    let bytes = std::fs::metadata(&args.input).map_err(|e| format!("{}: {e}", args.input.display()))?.len();
    let pipeline =
        Pipeline::line(FileSource::new(&args.input).follow(false).framer(move || framing.framer()))
            .transform(move || parser.transform())
            .sink(sink(&args.to)?)
            .drop_rejected()
            .on_problem(|p| eprintln!("{}: {}", p.component, p.message))
            .lanes(args.lanes)
            .build()?;
    let started = Instant::now();
    let report = pipeline.run(std::future::pending()).await?;
    let seconds = started.elapsed().as_secs_f64();
    let events = report.component("sink").map_or(0, |s| s.events_out);
    let result = serde_json::json!({
        "events": events, "bytes": bytes, "seconds": seconds,
        "events_per_s": events as f64 / seconds, "mb_per_s": bytes as f64 / 1e6 / seconds,
        "cpu_s": cpu_s(), "max_rss_bytes": max_rss_bytes(),
    });
    println!("{result}");
    Ok(())
}
