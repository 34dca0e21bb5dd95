//! The budgets of the speed of Dendro, each measured against its limit in the same run; `cargo xtask bench` builds and
//! calls this, and prints its table.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod buffer;
mod buffer_memory;
mod clock;
mod hand_loop;
mod in_memory;
mod input;
mod pipeline;
#[path = "../../dendro-parsers/benches/nginx/regex_baseline.rs"]
#[allow(clippy::unwrap_used)]
mod regex_baseline;
mod report;

use std::path::PathBuf;

use bytes::Bytes;
use pipeline::Throughput;
use report::Figure;

const REAL_LOG: &str = "examples/data/nginx_access.log";
const USAGE: &str = "call this as `cargo xtask bench`";

type Error = Box<dyn std::error::Error>;

struct Args {
    throughput: PathBuf,
    dir: PathBuf,
    input: Option<PathBuf>,
    quick: bool,
    /// In the process that does nothing else.
    fill_buffer: Option<u64>,
}

/// How much is done.
struct Scale {
    lines: usize,
    /// Turns of what takes a fraction of a second each.
    turns: usize,
    /// So much of the log is parsed by a regular expression, too, which takes its time.
    parsed_bytes: usize,
    long_bytes: u64,
    buffer_bytes: u64,
}

const FULL: Scale = Scale {
    lines: 1_000_000,
    turns: 9,
    parsed_bytes: 24 << 20,
    long_bytes: 2_000_000_000,
    buffer_bytes: 1 << 30,
};
const QUICK: Scale = Scale {
    lines: 500_000,
    turns: 3,
    parsed_bytes: 4 << 20,
    long_bytes: 200_000_000,
    buffer_bytes: 256 << 20,
};

fn main() {
    let Some(args) = args() else { return eprintln!("{USAGE}") };
    if let (Some(bytes), Some(input)) = (args.fill_buffer, &args.input) {
        return match buffer_memory::fill_and_drain(input, &args.dir, bytes) {
            Ok(told) => println!("{told}"),
            Err(error) => {
                eprintln!("error: {error}");
                std::process::exit(1);
            }
        };
    }
    match run(&args) {
        Ok(figures) => {
            let figures: Vec<_> = figures.iter().map(Figure::to_json).collect();
            println!("{}", serde_json::Value::from(figures));
        }
        Err(error) => {
            eprintln!("error: {error}");
            std::process::exit(1);
        }
    }
}

/// `None` for a caller that does not know what this needs, as `cargo bench`.
fn args() -> Option<Args> {
    use lexopt::prelude::*;
    let (mut throughput, mut dir, mut input, mut quick, mut fill_buffer) = (None, None, None, false, None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next().ok()? {
        match arg {
            Long("throughput") => throughput = Some(parser.value().ok()?.into()),
            Long("dir") => dir = Some(parser.value().ok()?.into()),
            Long("input") => input = Some(parser.value().ok()?.into()),
            Long("quick") => quick = true,
            Long("fill-buffer") => fill_buffer = Some(parser.value().ok()?.parse().ok()?),
            _ => return None,
        }
    }
    if fill_buffer.is_some() {
        throughput.get_or_insert_with(PathBuf::new);
    }
    Some(Args { throughput: throughput?, dir: dir?, input, quick, fill_buffer })
}

fn run(args: &Args) -> Result<Vec<Figure>, Error> {
    let scale = if args.quick { QUICK } else { FULL };
    std::fs::create_dir_all(&args.dir)?;
    let input = match &args.input {
        Some(input) => input.clone(),
        None => {
            let input = args.dir.join("nginx_combined.log");
            let bytes = input::write(&input, &std::fs::read(REAL_LOG)?, scale.lines)?;
            eprintln!(
                "{}: {} lines, {:.0} MB, from those of {REAL_LOG}",
                input.display(),
                scale.lines,
                bytes as f64 / 1e6
            );
            input
        }
    };
    let log = Bytes::from(std::fs::read(&input).map_err(|e| format!("{}: {e}", input.display()))?);
    let part =
        memchr::memrchr(b'\n', &log[..log.len().min(scale.parsed_bytes)]).map_or(log.len(), |end| end + 1);
    let part = log.slice(..part);

    let mut figures = Vec::new();
    let throughput = Throughput { program: args.throughput.clone(), dir: args.dir.clone() };
    keep(&mut figures, ["split"], || Ok([in_memory::split(&log, scale.turns)?]));
    keep(&mut figures, ["parse", "parse_loop"], || in_memory::parse(&part, scale.turns));
    keep(&mut figures, ["frame", "frame_bytes"], || in_memory::frame(&part, scale.turns));
    keep(&mut figures, buffer::IDS, || buffer::buffer(&part, &args.dir, scale.turns));
    keep(&mut figures, [buffer_memory::ID], || {
        Ok([buffer_memory::memory(&input, &args.dir, scale.buffer_bytes)?])
    });
    keep(&mut figures, ["to_nothing"], || Ok([throughput.to_nothing(&input, &log, scale.turns)?]));
    keep(&mut figures, ["to_file"], || Ok([throughput.to_file(&input, &log, scale.turns)?]));
    keep(&mut figures, ["memory"], || Ok([throughput.memory(&input, scale.long_bytes)?]));
    Ok(figures)
}

/// What can't be measured is no reason to leave the others out.
fn keep<const N: usize>(
    figures: &mut Vec<Figure>,
    ids: [&'static str; N],
    measure: impl FnOnce() -> Result<[Figure; N], Error>,
) {
    eprintln!("measuring {}", ids.join(", "));
    figures.extend(measure().unwrap_or_else(|error| ids.map(|id| Figure::missing(id, &error))));
}
