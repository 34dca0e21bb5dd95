//! The budgets of the speed of Dendro, each measured against its limit in the same run; `cargo xtask bench` builds and
//! calls this, and prints its table.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod buffer;
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
}

/// How much is done.
struct Scale {
    lines: usize,
    /// Turns of what takes a fraction of a second each.
    turns: usize,
    /// So much of the log is parsed by a regular expression, too, which takes its time.
    parsed_bytes: usize,
    long_bytes: u64,
}

const FULL: Scale = Scale { lines: 1_000_000, turns: 9, parsed_bytes: 24 << 20, long_bytes: 2_000_000_000 };
const QUICK: Scale = Scale { lines: 500_000, turns: 3, parsed_bytes: 4 << 20, long_bytes: 200_000_000 };

fn main() {
    let Some(args) = args() else { return eprintln!("{USAGE}") };
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
    let (mut throughput, mut dir, mut input, mut quick) = (None, None, None, false);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next().ok()? {
        match arg {
            Long("throughput") => throughput = Some(parser.value().ok()?.into()),
            Long("dir") => dir = Some(parser.value().ok()?.into()),
            Long("input") => input = Some(parser.value().ok()?.into()),
            Long("quick") => quick = true,
            _ => return None,
        }
    }
    Some(Args { throughput: throughput?, dir: dir?, input, quick })
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
