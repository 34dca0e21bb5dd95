//! A simulation of the driver: random pipelines, faults and moments of stopping, with paused time on one thread, so that a seed
//! always gives the same run. A plain model judges what the simulated components have seen:
//!
//! - an event that is acknowledged to its source is durable in every sink that it was meant for, filtered and counted, or in the
//!   dead letters, at that moment; no checkpoint runs ahead, and in the end every source that can send again has its at the end;
//! - a stream's events are given to a sink in order; with `Order::Strict` nothing new while something has still to be written;
//! - a sink has an event no more often than it was sent to it, but for writes whose outcome was not known;
//! - the same write id is never of other events; no more writes are in flight than may be, no more events in one, and no more
//!   of either in any time than the rate allows;
//! - what a buffer has acknowledged is in it, dropped by choice and counted, or as above behind it; in the end it is empty;
//! - a state that is stored with a checkpoint counts each event before it once, and no other;
//! - a checkpoint has only such events before it when a run has ended;
//! - every run ends within two hours of the paused clock, and what the statistics say is what the components have seen.
//!
//! `DENDRO_SIM_SEED=7` runs one seed and prints its plan, `DENDRO_SIM_SEEDS=100000` runs more than the usual ones.
//! What it does not show: races between threads, since there is one; what a real destination does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

mod broken;
mod buffer;
mod model;
mod plan;
mod rng;
mod run;
mod sink;
mod source;
mod transform;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

/// How many seeds run when nobody says how many.
const SEEDS: u64 = 8_000;

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn no_schedule_loses_an_event_or_hangs() {
    if let Some(seed) = variable("DENDRO_SIM_SEED") {
        println!("{:#?}", plan::Plan::new(seed));
        let verdict = run::run(seed, None);
        assert!(verdict.violations.is_empty(), "seed {seed}:\n{}", verdict.violations.join("\n"));
        return;
    }
    let seeds = variable("DENDRO_SIM_SEEDS").unwrap_or(SEEDS);
    let (next, events) = (AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds {
                            return;
                        }
                        let verdict = run::run(seed, None);
                        events.fetch_add(verdict.events, Ordering::Relaxed);
                        if !verdict.violations.is_empty() {
                            next.store(seeds, Ordering::Relaxed);
                            panic!(
                                "seed {seed}:\n{}\nDENDRO_SIM_SEED={seed} cargo nextest run -p dendro-test \
                                 --test simulation --no-capture runs just this one",
                                verdict.violations.join("\n")
                            );
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    println!("{seeds} seeds, {} events sent", events.into_inner());
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 0..40 {
        assert_eq!(run::run(seed, None), run::run(seed, None), "seed {seed}");
    }
}
