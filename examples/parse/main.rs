//! Parses a log of a format that Dendro knows: its events as NDJSON on stdout, the lines that are refused as NDJSON on
//! stderr.
//!
//! ```text
//! cargo run --release --example parse -- --format nginx_combined access.log
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;

use dendro::json::JsonEncoder;
use dendro::parsers::formats::{self, Feed, write_refused};
use dendro::{Batch, Clock, SystemClock};
use lexopt::{Arg, ValueExt};

const USAGE: &str = "usage: parse --format NAME [--opt KEY=VALUE]... [--number] [--schema] [FILE|-]\n       parse --list | --reference";
const CHUNK_BYTES: usize = 256 << 10;

enum Job {
    Print(String),
    Parse(Feed, Option<OsString>),
}

fn main() -> ExitCode {
    let job = match job() {
        Ok(job) => job,
        Err(error) => {
            eprintln!("parse: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let result = match job {
        Job::Print(text) => io::stdout().write_all(text.as_bytes()),
        Job::Parse(feed, path) => parse(feed, path),
    };
    match result {
        // Whoever read the output has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("parse: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn job() -> Result<Job, Box<dyn Error>> {
    let (mut format, mut options, mut input) = (None, Vec::new(), None);
    let (mut number, mut schema) = (false, false);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("list") => return Ok(Job::Print(formats::list())),
            Arg::Long("reference") => return Ok(Job::Print(formats::reference()?)),
            Arg::Long("format") => format = Some(args.value()?.string()?),
            Arg::Long("opt") => {
                let option = args.value()?.string()?;
                let (key, value) = option.split_once('=').ok_or("--opt takes KEY=VALUE")?;
                options.push((key.to_owned(), value.to_owned()));
            }
            Arg::Long("number") => number = true,
            Arg::Long("schema") => schema = true,
            Arg::Value(path) if input.is_none() => input = Some(path),
            other => return Err(other.unexpected().into()),
        }
    }
    let format = format.ok_or("--format NAME is missing; --list prints the names")?;
    let parser = formats::find(&format)?.configure(&options)?;
    if schema {
        let text: Result<Vec<_>, _> =
            parser.schemas().iter().map(|s| serde_json::to_string_pretty(&**s)).collect();
        return Ok(Job::Print(text?.join("\n") + "\n"));
    }
    Ok(Job::Parse(Feed::new(&parser).numbered(number), input))
}

fn parse(mut feed: Feed, path: Option<OsString>) -> io::Result<()> {
    let path = path.filter(|path| path != "-");
    let name = path.as_ref().map_or("standard input".into(), |path| path.to_string_lossy().into_owned());
    let named = |e: io::Error| io::Error::new(e.kind(), format!("{name}: {e}"));
    let mut input: Box<dyn Read> = match &path {
        None => Box::new(io::stdin()),
        Some(path) => Box::new(File::open(path).map_err(named)?),
    };
    let (mut encoder, mut text, mut chunk) = (JsonEncoder::new(), Vec::new(), vec![0; CHUNK_BYTES]);
    loop {
        let len = match input.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result.map_err(named)?,
        };
        let now = SystemClock.now();
        let batch = if len > 0 { feed.push(&chunk[..len], now) } else { feed.finish(now) };
        write(&batch.map_err(io::Error::other)?, &mut encoder, &mut text)?;
        if len == 0 {
            return Ok(());
        }
    }
}

fn write(batch: &Batch, encoder: &mut JsonEncoder, text: &mut Vec<u8>) -> io::Result<()> {
    encoder.encode_lines(batch, text);
    io::stdout().write_all(text)?;
    text.clear();
    write_refused(batch, text);
    io::stderr().write_all(text)?;
    text.clear();
    Ok(())
}
