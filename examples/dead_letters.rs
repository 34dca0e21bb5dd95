//! Dead letters: a pipeline refuses events, they are listed, and when it is mended they are replayed.
//!
//! `cargo run --example dead_letters` does all of it, in `target/dead_letters`; `-- refuse`, `-- list` and `-- replay` do one step. With
//! `--folder FOLDER` they do it there.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::Path;

use dendro::sinks::FileSink;
use dendro::sources::{DeadLetterSource, FileSource, dead_letters};
use dendro::{BatchFull, EventMut, Pipeline, PipelineBuilder, map};

type Failure = Box<dyn std::error::Error>;

const ORDERS: u64 = 10_000;
const CURRENCIES: [&str; 3] = ["EUR", "USD", "JPY"];

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/dead_letters");
    let mut steps: Vec<String> = Vec::new();
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            lexopt::Arg::Long("folder") => folder = args.value()?.into(),
            lexopt::Arg::Value(step) => steps.push(step.to_string_lossy().into_owned()),
            other => return Err(other.unexpected().into()),
        }
    }
    if steps.is_empty() {
        steps = ["refuse", "list", "replay", "list"].map(str::to_owned).to_vec();
    }
    for step in steps {
        match step.as_str() {
            "refuse" => refuse(&folder).await?,
            "list" => list(&folder)?,
            "replay" => replay(&folder).await?,
            other => return Err(format!("`{other}` is none of refuse, list, replay").into()),
        }
    }
    Ok(())
}

/// The pipeline, with the currencies that it knows so far.
fn pipeline(folder: &Path, known: &'static [&'static str]) -> Result<PipelineBuilder, Failure> {
    let path = |name: &str| folder.join(name).display().to_string();
    Ok(Pipeline::builder()
        .source("orders", FileSource::new(folder.join("orders.log")).follow(false))
        .transform("parse", "orders", map(parse))
        .transform("currency", "parse", map(move |event| check(event, known)))
        .sink("table", "currency", FileSink::builder(path("orders.ndjson")).build()?)
        .dead_letters(FileSink::dead_letters(folder.join("dead_letters"))?)
        .on_problem(|p| eprintln!("{}: {}", p.component, p.message)))
}

/// `order 17: 340 EUR`
fn parse(event: &mut EventMut<'_>) -> Result<(), String> {
    let line = String::from_utf8_lossy(event.view().raw()).into_owned();
    let words: Vec<&str> = line.split([' ', ':']).filter(|word| !word.is_empty()).collect();
    let ["order", number, amount, currency] = words[..] else { return Err("not an order".into()) };
    let number: u64 = number.parse().map_err(|e| format!("the number: {e}"))?;
    let amount: u64 = amount.parse().map_err(|e| format!("the amount: {e}"))?;
    let full = |e: BatchFull| e.to_string();
    event.insert("number", number).map_err(full)?;
    event.insert("amount", amount).map_err(full)?;
    event.insert("currency", currency).map_err(full)?;
    event.set_parsed();
    Ok(())
}

/// An event that is refused here has its fields already: they are in the letter.
fn check(event: &mut EventMut<'_>, known: &[&str]) -> Result<(), String> {
    match event.get("currency").and_then(|v| v.as_str()) {
        Some(currency) if known.contains(&currency) => Ok(()),
        other => Err(format!("there is no rate for {}", other.unwrap_or("nothing"))),
    }
}

async fn refuse(folder: &Path) -> Result<(), Failure> {
    // Each run tells of the whole log.
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder)?;
    let order = |n: u64| format!("order {n}: {} {}\n", n * 7 % 1_000, CURRENCIES[(n % 3) as usize]);
    std::fs::write(folder.join("orders.log"), (0..ORDERS).map(order).collect::<String>())?;
    let report = pipeline(folder, &CURRENCIES[..1])?.build()?.run(std::future::pending()).await?;
    let refused = report.component("currency").map_or(0, |c| c.rejected);
    println!("refuse: {ORDERS} orders, {} written, {refused} refused", lines(&folder.join("orders.ndjson"))?);
    Ok(())
}

fn list(folder: &Path) -> Result<(), Failure> {
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for (place, letter) in dead_letters::read(folder.join("dead_letters"))? {
        let letter = letter.map_err(|e| format!("{place}: {e}"))?;
        *reasons.entry(format!("{}: {}", letter.component, letter.reason)).or_default() += 1;
    }
    println!("list: {} dead letters", reasons.values().sum::<u64>());
    for (reason, letters) in reasons {
        println!("  {letters} by {reason}");
    }
    Ok(())
}

async fn replay(folder: &Path) -> Result<(), Failure> {
    let letters = folder.join("dead_letters");
    let waiting = dead_letters::read(&letters)?.count() as u64;
    let before = lines(&folder.join("orders.ndjson"))?;
    // The same pipeline, mended.
    let builder = pipeline(folder, &CURRENCIES)?.replay(DeadLetterSource::new(&letters));
    let report = builder.build()?.run(std::future::pending()).await?;
    let replayed = report.component("replay").map_or(0, |c| c.events_out);
    let written = lines(&folder.join("orders.ndjson"))?;
    println!("replay: {replayed} of {waiting} letters, {before} orders written before, {written} now");
    if replayed != waiting || before + replayed != written {
        return Err("the counts don't match".into());
    }
    Ok(())
}

fn lines(path: &Path) -> Result<u64, Failure> {
    Ok(std::fs::read(path)?.iter().filter(|b| **b == b'\n').count() as u64)
}
