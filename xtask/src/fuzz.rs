//! `cargo xtask fuzz`: libFuzzer on the targets in `fuzz/`, with the toolchain that is in use.
//!
//! What `cargo fuzz` would do on a nightly toolchain is done here with flags, so that nothing has to
//! be installed: coverage instrumentation, AddressSanitizer where the toolchain ships it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lexopt::{Arg, ValueExt};

use crate::failure::Failure;
use crate::process;

const COVERAGE: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
     -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares";

const FINDING_LINES: usize = 40;
const FINDING_WIDTH: usize = 400;

pub(crate) struct Options {
    target: Option<String>,
    seconds: u32,
}

impl Options {
    pub(crate) fn parse(mut args: lexopt::Parser) -> Result<Self, Failure> {
        let mut options = Self { target: None, seconds: 10 };
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("seconds") => options.seconds = args.value()?.parse()?,
                Arg::Value(target) if options.target.is_none() => options.target = Some(target.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let rig = Rig::new()?;
    let known = rig.targets()?;
    let targets = match &options.target {
        None => known,
        Some(target) if known.contains(target) => vec![target.clone()],
        Some(target) => {
            return Err(Failure::Usage(format!(
                "there is no target {target}; known are: {}",
                known.join(", ")
            )));
        }
    };
    rig.build(&targets)?;
    let mut broken = Vec::new();
    for target in &targets {
        match rig.fuzz(target, options.seconds) {
            Ok(outcome) => println!("{target}: {outcome}"),
            Err(failure) => {
                println!("{target}: FAILED\n{}", failure.message());
                broken.push(target.as_str());
            }
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(Failure::new(format!("fuzzing broke {}", broken.join(", ")))) }
}

struct Rig {
    folder: PathBuf,
    target_dir: PathBuf,
    host: String,
    asan: bool,
}

impl Rig {
    fn new() -> Result<Self, Failure> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let about = process::capture(Command::new(&rustc).arg("-vV"))?;
        let host = about
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .ok_or_else(|| Failure::new("`rustc -vV` does not name its host"))?
            .to_owned();
        let libraries = process::capture(Command::new(&rustc).args(["--print", "target-libdir"]))?;
        let asan =
            file_names(Path::new(libraries.trim_end()))?.iter().any(|name| name.ends_with("rt.asan.a"));
        println!(
            "{}, {}",
            about.lines().next().unwrap_or_default(),
            if asan { "with AddressSanitizer" } else { "which has no AddressSanitizer" }
        );
        Ok(Self {
            folder: process::root()?.join("fuzz"),
            target_dir: process::target_dir()?.join("fuzz"),
            host,
            asan,
        })
    }

    fn targets(&self) -> Result<Vec<String>, Failure> {
        let mut targets: Vec<String> = file_names(&self.folder.join("fuzz_targets"))?
            .iter()
            .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
            .collect();
        targets.sort();
        Ok(targets)
    }

    fn build(&self, targets: &[String]) -> Result<(), Failure> {
        let mut flags = COVERAGE.to_owned();
        if self.asan {
            flags += " -Zsanitizer=address";
        }
        let mut command = process::cargo()?;
        command
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target_dir)
            // Sanitizers are a nightly feature that a stable toolchain ships the parts of.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", flags)
            // Naming the target keeps the flags away from build scripts and macros.
            .args(["build", "--release", "--target", &self.host])
            .args(targets.iter().flat_map(|target| ["--bin", target]));
        process::run(&mut command)
    }

    fn fuzz(&self, target: &str, seconds: u32) -> Result<Outcome, Failure> {
        let corpus = self.made("corpus", target)?;
        let artifacts = self.made("artifacts", target)?;
        let binary = self.target_dir.join(&self.host).join("release").join(target);
        let mut command = Command::new(&binary);
        command.current_dir(&self.folder).args([
            format!("-max_total_time={seconds}"),
            // One input that takes longer than this, or more memory, is a finding too.
            "-timeout=10".to_owned(),
            "-rss_limit_mb=2048".to_owned(),
            "-print_final_stats=1".to_owned(),
        ]);
        let dictionary = self.folder.join("dictionaries").join(target).with_extension("dict");
        if dictionary.is_file() {
            command.arg(option("-dict=", &dictionary));
        }
        // The trailing slash makes it a folder: without, libFuzzer takes it for a prefix of file names.
        command.arg(option("-artifact_prefix=", &artifacts.join("")));
        // libFuzzer adds what it finds to the first folder and only reads the others.
        command.arg(&corpus);
        let seeds = self.folder.join("seeds").join(target);
        if seeds.is_dir() {
            command.arg(&seeds);
        }
        let transcript = process::transcribe(&mut command, false)?;
        match transcript.failure {
            None => Ok(Outcome::read(&transcript.text)),
            Some(failure) => Err(Failure::new(format!(
                "{}{}\nThe input is in fuzz/artifacts/{target}; fix what it shows and keep it in fuzz/seeds/{target}.",
                finding(&transcript.text),
                failure.message()
            ))),
        }
    }

    fn made(&self, kind: &str, target: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder.join(kind).join(target);
        fs::create_dir_all(&folder).map_err(Failure::io(folder.display()))?;
        Ok(folder)
    }
}

/// What libFuzzer says about a run that found nothing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    executions: u64,
    covered: u64,
    edges: u64,
    corpus: u64,
}

impl Outcome {
    fn read(transcript: &str) -> Self {
        let mut outcome = Self::default();
        for line in transcript.lines() {
            if let Some(rest) = line.strip_prefix("stat::number_of_executed_units:") {
                outcome.executions = number(rest);
            } else if let Some((_, rest)) = line.split_once(" PC tables (") {
                outcome.edges = number(rest);
            } else if let Some((_, rest)) = line.split_once(" cov: ") {
                outcome.covered = number(rest);
                outcome.corpus =
                    rest.split_once(" corp: ").map_or(outcome.corpus, |(_, corpus)| number(corpus));
            }
        }
        outcome
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { executions, covered, edges, corpus } = self;
        write!(
            f,
            "{executions} executions, {covered} of {edges} edges covered, {corpus} inputs in the corpus"
        )
    }
}

fn number(text: &str) -> u64 {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or_default()
}

/// The part of a failed run that says what happened: from the panic or the sanitizer's report on.
fn finding(text: &str) -> String {
    let all: Vec<&str> = text.lines().collect();
    let start = all
        .iter()
        .position(|line| line.contains("panicked at") || line.contains("ERROR: "))
        .unwrap_or(all.len().saturating_sub(FINDING_LINES));
    let lines = all[start..].iter().take(FINDING_LINES);
    // A failed comparison prints both sides in full.
    lines.map(|line| line.chars().take(FINDING_WIDTH).collect::<String>() + "\n").collect()
}

fn option(name: &str, value: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(value);
    option
}

fn file_names(folder: &Path) -> Result<Vec<String>, Failure> {
    fs::read_dir(folder)
        .and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        })
        .map_err(Failure::io(folder.display()))
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn the_outcome_is_read_from_libfuzzers_closing_lines() {
        let transcript = "INFO: Loaded 1 PC tables (4632 PCs): 4632 [0x1,0x2),\n\
             #2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 40Mb\n\
             #900\tNEW    cov: 310 ft: 402 corp: 29/3Kb lim: 21 exec/s: 0 rss: 40Mb L: 5/21 MS: 1 CopyPart-\n\
             #131072\tDONE   cov: 311 ft: 402 corp: 30/3Kb lim: 4096 exec/s: 13107 rss: 146Mb\n\
             stat::number_of_executed_units: 131072\n";
        let outcome = Outcome { executions: 131_072, covered: 311, edges: 4632, corpus: 30 };
        assert_eq!(Outcome::read(transcript), outcome);
    }
}
