//! Building the benches and calling them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Options;
use crate::failure::Failure;
use crate::process;

/// The benches of the parsers, which measure both sides of their ratios by themselves.
const PARSERS: [&str; 4] = ["access_logs", "csv", "json", "formats"];

/// The figures that the benches of the root package give.
pub(crate) fn run(options: &Options, work: &Path) -> Result<Vec<Value>, Failure> {
    println!("building the benches");
    let programs = Programs::build()?;
    let mut budgets = on_one_core(&programs.find("budgets")?);
    budgets
        .current_dir(process::root()?)
        .arg("--throughput")
        .arg(programs.find("throughput")?)
        .arg("--dir")
        .arg(work);
    if let Some(input) = &options.input {
        budgets.arg("--input").arg(input);
    }
    if options.quick {
        budgets.arg("--quick");
    }
    let mut figures = parse(&process::capture(&mut budgets)?)?;
    println!("counting allocations");
    let input = options.input.clone().unwrap_or_else(|| work.join("nginx_combined.log"));
    let mut allocations = on_one_core(&programs.find("allocations")?);
    figures.extend(parse(&process::capture(allocations.arg("--input").arg(input))?)?);
    for bench in PARSERS {
        println!("measuring {bench}");
        let mut command = on_one_core(&programs.find(bench)?);
        command.arg("--json");
        if options.quick {
            command.arg("--quick");
        }
        figures.extend(parse(&process::capture(&mut command)?)?);
    }
    Ok(figures)
}

/// One core is what the budgets speak of. Threads that share it take turns, so that the time that passes is the
/// time that they all have used.
fn on_one_core(program: &Path) -> Command {
    match process::find_program("taskset") {
        Some(taskset) => {
            let mut command = Command::new(taskset);
            command.args(["--cpu-list", "0"]).arg(program);
            command
        }
        None => {
            println!("there is no `taskset` (util-linux): this runs on all cores, so look at the CPU time");
            Command::new(program)
        }
    }
}

struct Programs(Vec<(String, PathBuf)>);

impl Programs {
    fn build() -> Result<Self, Failure> {
        let mut cargo = process::cargo()?;
        cargo.args(["build", "--release", "--package=dendro", "--package=dendro-parsers"]);
        cargo.args(["--example=throughput", "--bench=budgets", "--bench=allocations"]);
        cargo.args(PARSERS.map(|bench| format!("--bench={bench}")));
        cargo.arg("--message-format=json-render-diagnostics");
        let messages = process::capture(&mut cargo)?;
        let program = |line: &str| {
            let message: Value = serde_json::from_str(line).ok()?;
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        };
        Ok(Self(messages.lines().filter_map(program).collect()))
    }

    fn find(&self, name: &str) -> Result<PathBuf, Failure> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, path)| path.clone()).ok_or_else(|| Failure::new(format!("cargo built no `{name}`")))
    }
}

fn parse(output: &str) -> Result<Vec<Value>, Failure> {
    serde_json::from_str(output)
        .map_err(|error| Failure::new(format!("a bench gave no JSON ({error}): {output}")))
}
