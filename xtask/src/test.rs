//! `cargo xtask test`: everything that the tests need, then all of them.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use lexopt::Arg;

use crate::counts::Counts;
use crate::failure::Failure;
use crate::needs::NEEDS;
use crate::process;

/// Names the folder of real logs with known answers, which is not part of the project.
const CORPORA: &str = "DENDRO_CORPORA";
/// Tells a test that its server is there, so that not finding it is a failure and not a skip.
const REQUIRE_SERVERS: &str = "DENDRO_REQUIRE_SERVERS";

/// Builds that no test makes, since tests switch everything on.
const FEATURE_CHECKS: &[&[&str]] = &[
    &["-p", "dendro-core", "--no-default-features"],
    &["-p", "dendro-sources", "--no-default-features"],
    &["-p", "dendro-sinks", "--no-default-features"],
    &["-p", "dendro-sinks", "--no-default-features", "--features", "http"],
    &["-p", "dendro-parsers", "--no-default-features"],
    &["-p", "dendro-parsers", "--features", "host_metrics"],
    &["-p", "dendro-parsers", "--features", "apache_metrics"],
    &["-p", "dendro-parsers", "--features", "mysql_metrics"],
    &["-p", "dendro", "--no-default-features"],
    &["-p", "dendro"],
];

#[derive(Clone, Copy)]
pub(crate) struct Options {
    offline: bool,
}

impl Options {
    pub(crate) fn parse(mut args: lexopt::Parser) -> Result<Self, Failure> {
        let mut options = Self { offline: false };
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("offline") => options.offline = true,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    let mut report = Report::default();
    let servers = report.stage("needs", |skipped| meet_needs(options, skipped)).is_ok();
    if env::var_os(CORPORA).is_none() {
        let users = corpora_users()?;
        if !users.is_empty() {
            report
                .skipped
                .push(format!("tests on real logs, since {CORPORA} is not set: {}", users.join(", ")));
        }
    }
    let servers = servers && NEEDS.iter().all(super::needs::Need::is_met);

    report.tests(
        "tests",
        test_command(servers)?,
        if has_nextest() { Counts::from_nextest } else { Counts::from_libtest },
    )?;
    let mut doc = process::cargo()?;
    doc.args(["test", "--workspace", "--all-features", "--doc", "--no-fail-fast"]);
    report.tests("doc tests", doc, Counts::from_libtest)?;
    // Its failure is in the report, which ends the run.
    let _ = report.stage("feature sets", |_| check_feature_sets());
    report.finish()
}

fn meet_needs(options: Options, skipped: &mut Vec<String>) -> Result<(), Failure> {
    let mut missing = Vec::new();
    for need in NEEDS.iter().filter(|need| !need.is_met()) {
        let left_out = format!("{}, since there is no {}", need.needed_by, need.what);
        if options.offline {
            skipped.push(left_out);
        } else if let Err(failure) = need.install() {
            missing.push(format!("could not be run: {left_out} ({})", failure.message()));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(Failure::new(missing.join("\n"))) }
}

fn check_feature_sets() -> Result<(), Failure> {
    let mut broken = Vec::new();
    for set in FEATURE_CHECKS {
        if let Err(failure) = process::run(process::cargo()?.args(["check", "--quiet"]).args(*set)) {
            broken.push(failure.message().to_owned());
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(Failure::new(broken.join("\n"))) }
}

fn has_nextest() -> bool {
    process::find_program("cargo-nextest").is_some()
}

/// Unit and integration tests; building them builds the examples as well.
fn test_command(servers: bool) -> Result<Command, Failure> {
    let mut command = process::cargo()?;
    if has_nextest() {
        command.args(["nextest", "run", "--no-tests=pass"]);
    } else {
        println!("cargo-nextest is not installed: using `cargo test`");
        // Naming the kinds of targets leaves out the doc tests, which have a stage of their own.
        command.args(["test", "--lib", "--bins", "--tests", "--examples"]);
    }
    command.args(["--workspace", "--all-features", "--no-fail-fast"]);
    if servers {
        command.env(REQUIRE_SERVERS, "1");
    }
    Ok(command)
}

/// The test files that read the corpora, found by the variable's name so that no list can grow stale.
fn corpora_users() -> Result<Vec<String>, Failure> {
    let root = process::root()?;
    let mut users = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Failure::io(folder.display()))? {
            let path = entry.map_err(Failure::io(folder.display()))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if !name.starts_with('.') && !["target", "xtask", "fuzz"].contains(&&*name) {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") && mentions_corpora(&path)? {
                users.push(path.strip_prefix(&root).unwrap_or(&path).display().to_string());
            }
        }
    }
    users.sort();
    Ok(users)
}

fn mentions_corpora(file: &Path) -> Result<bool, Failure> {
    let text = fs::read(file).map_err(Failure::io(file.display()))?;
    Ok(String::from_utf8_lossy(&text).contains(CORPORA))
}

#[derive(Default)]
struct Report {
    counts: Counts,
    stages: Vec<(&'static str, Duration)>,
    failures: Vec<String>,
    skipped: Vec<String>,
}

impl Report {
    /// A stage that fails and has no test to blame counts as one failure, so that the closing line
    /// never reads as a success.
    fn stage(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Vec<String>) -> Result<(), Failure>,
    ) -> Result<(), ()> {
        let start = Instant::now();
        let result = work(&mut self.skipped);
        self.stages.push((name, start.elapsed()));
        result.map_err(|failure| {
            self.counts.failed += 1;
            self.failures.push(format!("{name}: {}", failure.message()));
        })
    }

    fn tests(
        &mut self,
        name: &'static str,
        mut command: Command,
        count: fn(&str) -> Counts,
    ) -> Result<(), Failure> {
        // The closing lines are read back: colour codes would be in the way.
        command.env("CARGO_TERM_COLOR", "never");
        let start = Instant::now();
        let transcript = process::transcribe(&mut command, true)?;
        self.stages.push((name, start.elapsed()));
        let mut counts = count(&transcript.text);
        if let Some(failure) = transcript.failure {
            counts.failed = counts.failed.max(1);
            self.failures.push(format!("{name}: {}", failure.message()));
        }
        self.counts += counts;
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        println!();
        for (name, took) in &self.stages {
            println!("{name:<14} {:>7.1} s", took.as_secs_f64());
        }
        for skipped in &self.skipped {
            println!("not run: {skipped}");
        }
        for failure in &self.failures {
            println!("failed: {failure}");
        }
        println!("{} passed, {} failed", self.counts.passed, self.counts.failed);
        if self.failures.is_empty() && self.counts.failed == 0 {
            Ok(())
        } else {
            Err(Failure::new("the tests did not pass"))
        }
    }
}
