//! The harness of the crash tests; `cargo xtask crash` builds and runs it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks on them")]

mod harness;
mod options;

use std::collections::VecDeque;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use dendro_crash::Failure;
use harness::mode::Mode;
use harness::run::{Outcome, Run};
use harness::summary::Summary;
use harness::{points, run, soak};
use options::Options;

fn main() -> ExitCode {
    let run = |options: Options| match &options.soak {
        None => crash(&options),
        Some(length) => {
            let dir = options.dir.join("soak");
            run::fresh(&dir)?;
            let is_well = soak::soak(Run::new(&soak::SOAK, options.seed, &dir, &options)?, length)?;
            if is_well && !options.keep {
                std::fs::remove_dir_all(&dir).map_err(Failure::io(dir.display()))?;
            }
            Ok(is_well)
        }
    };
    match Options::parse(lexopt::Parser::from_env()).and_then(run) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether all went well.
fn crash(options: &Options) -> Result<bool, Failure> {
    let started = Instant::now();
    let work = Mutex::new(work(options));
    let results = Mutex::new((Summary::default(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                while let Some((mode, seed)) = lock(&work).pop_front() {
                    let dir = options.dir.join(format!("{}-{seed}", mode.name));
                    let result = one(mode, seed, &dir, options);
                    let (summary, failed) = &mut *lock(&results);
                    if let Err(Failure::NotRun(why)) = &result {
                        println!("{:<14} seed {seed}: NOT RUN: {why}", mode.name);
                        summary.not_run(mode.name);
                        continue;
                    }
                    match result {
                        Ok(outcome) => {
                            println!("{:<14} seed {seed}: {}", mode.name, Summary::line(&outcome));
                            summary.add(outcome);
                            if !options.keep {
                                let _ = std::fs::remove_dir_all(&dir);
                            }
                        }
                        Err(failure) => {
                            let again = mode.reproduce(seed, options.rounds);
                            println!(
                                "{:<14} seed {seed}: FAILED: {failure}\n  again with: {again}\n  kept: {}",
                                mode.name,
                                dir.display()
                            );
                            failed.push(again);
                        }
                    }
                }
            });
        }
    });
    let (summary, failed) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("\n{summary}in {:.1} s", started.elapsed().as_secs_f64());
    if !failed.is_empty() {
        println!("\n{} runs FAILED:\n  {}", failed.len(), failed.join("\n  "));
    }
    Ok(failed.is_empty())
}

/// What takes longest comes first; where every call fails in turn, another seed would show nothing else.
fn work(options: &Options) -> VecDeque<(&'static Mode, u64)> {
    let (in_turn, others): (Vec<&'static Mode>, Vec<&'static Mode>) =
        options.modes.iter().copied().partition(|mode| mode.fails_storage);
    let first = in_turn.into_iter().map(|mode| (mode, options.seed));
    let seeds = options.seed..options.seed + options.seeds;
    let others = seeds.flat_map(|seed| others.iter().map(move |mode| (*mode, seed)));
    first.chain(others).collect()
}

fn one(mode: &Mode, seed: u64, dir: &Path, options: &Options) -> Result<Outcome, Failure> {
    if mode.fails_storage {
        return points::each_in_turn(mode, seed, dir, options);
    }
    run::fresh(dir)?;
    Run::new(mode, seed, dir, options)?.go(options.rounds.unwrap_or(mode.rounds))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
