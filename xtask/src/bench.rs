//! `cargo xtask bench`: the budgets of speed and size (docs/ARCHITECTURE.md), measured and put beside their floors.
//!
//! Everything is a ratio to a limit that is measured in the same run, in turns, on one core. A slow figure is
//! reported and is no failure: the machine may be at fault.

mod budgets;
mod machine;
mod measure;
mod size;
mod table;

use std::fs;
use std::path::PathBuf;

use lexopt::Arg;
use serde_json::json;

use crate::failure::Failure;
use crate::process;

pub(crate) struct Options {
    quick: bool,
    input: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(mut args: lexopt::Parser) -> Result<Self, Failure> {
        let mut options = Self { quick: false, input: None };
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("quick") => options.quick = true,
                Arg::Long("input") => {
                    let input = std::path::absolute(args.value()?).map_err(Failure::io("--input"))?;
                    options.input = Some(input);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let target = process::target_dir()?;
    let work = target.join("bench");
    fs::create_dir_all(&work).map_err(Failure::io(work.display()))?;

    let mut figures = measure::run(options, &work)?;
    figures.extend(size::crates()?);
    figures.push(size::clean_build(options, &work));

    let machine = machine::Machine::this()?;
    let rows = table::rows(&figures);
    println!(
        "\n{machine}{}",
        if options.quick { ", --quick: a smoke run, its figures mean little" } else { "" }
    );
    print!("{}", table::to_text(&rows));

    let file = target.join("bench.json");
    let document =
        json!({"machine": machine.to_json(), "quick": options.quick, "budgets": table::to_json(&rows)});
    fs::write(&file, format!("{document:#}\n")).map_err(Failure::io(file.display()))?;
    println!("\nin full: {}", file.display());
    Ok(())
}
