//! Looks into the directory of a disk buffer while no pipeline runs; changes nothing there.
//!
//! ```text
//! cargo run --example buffer -- inspect DIR    what there is, by the records' headers
//! cargo run --example buffer -- verify DIR     the same, with a look at every byte; 1 if anything is damaged
//! cargo run --example buffer -- export DIR     what waits, as NDJSON on stdout, in the order in which it was written
//! ```
//! 0: all is well; 1: something is damaged or can't be read, which is told on stderr; 2: it was called wrongly.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use dendro::buffers::offline::{Inspection, OfflineBuffer};
use dendro::json::JsonEncoder;

const USAGE: &str = "usage: buffer inspect|verify|export DIR (see buffer --help)";
const HELP: &str = "\
Looks into the directory of a disk buffer while no pipeline runs; changes nothing there.

usage: buffer inspect DIR    what there is, by the records' headers
       buffer verify DIR     the same, with a look at every byte
       buffer export DIR     what waits, as NDJSON on stdout, in the order in which it was written

What is damaged is told on stderr. The exit status is 0 if all is well, 1 if something is damaged or can't be read, 2 if it was
called wrongly.";

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let [job, directory] = args.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let job: fn(&OfflineBuffer) -> Result<Inspection, Box<dyn Error>> = match job.to_str() {
        Some("inspect") => |buffer| Ok(print(buffer.inspect()?)?),
        Some("verify") => |buffer| Ok(print(buffer.verify()?)?),
        Some("export") => export,
        _ => {
            eprintln!("buffer: there is no `{}`\n{USAGE}", job.to_string_lossy());
            return ExitCode::from(2);
        }
    };
    let found = OfflineBuffer::open(directory).map_err(Into::into).and_then(|buffer| job(&buffer));
    match found {
        Ok(found) => {
            found.notes.iter().for_each(|note| eprintln!("note: {note}"));
            found.damage.iter().for_each(|damage| eprintln!("damage: {damage}"));
            if found.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        // Whoever read the output has seen enough.
        Err(error)
            if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("buffer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(found: Inspection) -> io::Result<Inspection> {
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(
        out,
        "{:>20} {:>12} {:>8} {:>10} {:>12}",
        "segment", "bytes", "batches", "events", "acknowledged"
    )?;
    for s in &found.segments {
        let end = if s.is_finished { "" } else { "  not finished" };
        writeln!(
            out,
            "{:>20} {:>12} {:>8} {:>10} {:>12}{end}",
            s.number, s.bytes, s.frames, s.events, s.acknowledged_events
        )?;
    }
    writeln!(out, "{} events wait, {} bytes", found.waiting_events, found.waiting_bytes)?;
    out.flush()?;
    Ok(found)
}

fn export(buffer: &OfflineBuffer) -> Result<Inspection, Box<dyn Error>> {
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let (mut json, mut lines) = (JsonEncoder::new().with_origin(true), Vec::new());
    let mut written = Ok(());
    let found = buffer.export(|batch| {
        lines.clear();
        json.encode_lines(&batch, &mut lines);
        if written.is_ok() {
            written = out.write_all(&lines);
        }
    })?;
    written?;
    out.flush()?;
    Ok(found)
}
