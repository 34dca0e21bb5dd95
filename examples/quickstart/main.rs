//! From an access log to an answer: `cargo run --release --example quickstart [--follow] [LOG]`.
//!
//! Reads an nginx access log in the `combined` format (the one that ships with the example, unless told otherwise),
//! writes its requests as NDJSON under `target/quickstart/`, and says what one would want to know.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod summary;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dendro::parsers::nginx::NginxAccess;
use dendro::sinks::FileSink;
use dendro::sources::FileSource;
use dendro::{Pipeline, PipelineHandle};
use summary::{Summarize, Summary};

/// One line that is written over, on a terminal only.
async fn show_progress(pipeline: PipelineHandle) {
    while std::io::stderr().is_terminal() {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let source = &pipeline.stats()[0];
        eprint!("\r{} lines, {} MB ", source.events_out, source.bytes_out / 1_000_000);
    }
    std::future::pending().await
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let (mut follow, mut log) =
        (false, Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/nginx_access.log"));
    for arg in std::env::args_os().skip(1) {
        match arg.to_str() {
            Some("--follow") => follow = true,
            Some(flag) if flag.starts_with('-') => {
                eprintln!("unknown option {flag}\nusage: quickstart [--follow] [LOG]");
                std::process::exit(2);
            }
            _ => log = PathBuf::from(arg),
        }
    }
    if !follow && !log.exists() {
        return Err(format!(
            "{}: no such file; give an access log, or --follow to wait for it",
            log.display()
        )
        .into());
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/quickstart");
    let (events, letters) = (target.join("events.ndjson"), target.join("dead_letters.ndjson"));
    // Each run tells of the whole log.
    for file in [&events, &letters] {
        let _ = std::fs::remove_file(file);
    }

    let summary = Arc::new(Mutex::new(Summary::default()));
    let pipeline = Pipeline::builder()
        .source("log", FileSource::new(&log).follow(follow))
        .transform("nginx", "log", NginxAccess::combined())
        .sink("events", "nginx", FileSink::builder(events.display().to_string()).build()?)
        .sink("summary", "nginx", Summarize(summary.clone()))
        .dead_letters(FileSink::builder(letters.display().to_string()).build()?)
        .on_problem(|p| eprintln!("{}: {}", p.component, p.message))
        .build()?;
    let handle = pipeline.handle();
    let stop = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => eprintln!("\nstopping: what was read is written first"),
            () = show_progress(handle) => {}
        }
    };
    let report = pipeline.run(stop).await?;

    summary::print(&mut summary.lock().unwrap_or_else(PoisonError::into_inner));
    println!("parsed events: {}", events.display());
    let refused = report.component("dead_letters").map_or(0, |c| c.events_out);
    println!(
        "dead letters:  {} ({refused})",
        if refused > 0 { letters.display().to_string() } else { "none".into() }
    );
    Ok(())
}
