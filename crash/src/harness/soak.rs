//! A pipeline at full load for minutes, with faults all the time: does it grow, does it fall behind, does it lose anything?
//!
//! Nothing is kept for the judge, since it would be gigabytes: what arrives is counted here, by the name of each record.

use std::path::Path;
use std::time::{Duration, Instant};

use dendro_crash::Failure;
use dendro_crash::random::Random;
use dendro_crash::setup::{Buffer, Out, Setup};

use super::child::{Child, End};
use super::mode::Mode;
use super::run::{Bound, Run};
use super::server::Mood;
use super::writer::Pace;

/// More than this is not written ahead of the pipeline: it is what full load means.
const MAX_LAG: u64 = 100_000;
/// What memory may grow by between the second and the last fifth of the time, in bytes and as a part of it.
const MAX_GROWTH: (u64, f64) = (16 << 20, 0.1);
/// Likewise, descriptors.
const MAX_MORE_FILES: u64 = 8;
/// How often the writer is told how far it may go.
const STEER: Duration = Duration::from_millis(50);
/// How long one child lives if children are killed.
const LIFE: Duration = Duration::from_secs(20);

/// As a mode, it can't be asked for.
pub(crate) const SOAK: Mode = Mode { name: "soak", has_judge: false, prepare, ..Mode::PLAIN };

/// Sizes as somebody would have them who does not want everything to happen at once.
fn prepare(setup: &mut Setup, _: &mut Random) -> Pace {
    setup.out = Out::Http;
    setup.buffer = Buffer::DiskInterval;
    setup.buffer_bytes = 64 << 20;
    setup.max_events = 2_000;
    setup.read_bytes = 256 << 10;
    setup.checkpoint_interval = Duration::from_millis(500);
    setup.timeout = Duration::from_secs(2);
    Pace { streams: 4, burst: 1_000, pause_ms: 1, rotate_after: 50_000, records: u64::MAX }
}

/// How long, and how.
pub(crate) struct Length {
    pub(crate) minutes: f64,
    /// How often it is told how things are.
    pub(crate) every: Duration,
    pub(crate) kills: bool,
}

impl Default for Length {
    fn default() -> Self {
        Self { minutes: 10.0, every: Duration::from_secs(5), kills: false }
    }
}

/// The child, looked at from outside.
struct Sample {
    resident_bytes: u64,
    files: u64,
}

impl Sample {
    fn of(child: &Child) -> Result<Self, Failure> {
        let dir = Path::new("/proc").join(child.id().to_string());
        let status = std::fs::read_to_string(dir.join("status")).map_err(Failure::io(dir.display()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let files = std::fs::read_dir(dir.join("fd")).map_err(Failure::io(dir.display()))?.count() as u64;
        Ok(Self { resident_bytes: kib.unwrap_or_default() << 10, files })
    }
}

/// Whether nothing was lost and nothing has grown.
pub(crate) fn soak(mut run: Run<'_>, length: &Length) -> Result<bool, Failure> {
    let started = Instant::now();
    let whole = Duration::from_secs_f64(length.minutes * 60.0);
    let mood = Mood { faults: 60, pause_ms: 2, max_bytes: None };
    run.set_mood(mood);
    println!(
        "{:>7} {:>9} {:>6} {:>9} {:>10} {:>9} {:>9} {:>8}",
        "time", "memory", "files", "events/s", "arrived", "lag", "twice", "faults"
    );
    let mut samples = Vec::new();
    let mut child = Child::start(run.setup())?;
    let (mut born, mut before) = (Instant::now(), 0);
    let mut kills = 0;
    while started.elapsed() < whole {
        let at = Instant::now();
        let until = length.every.min(whole.saturating_sub(started.elapsed()));
        let counts = loop {
            if let Some(end) = child.wait(STEER)? {
                return Err(child.complain(end));
            }
            let counts = run.counts()?;
            run.limit(counts.arrived + MAX_LAG);
            if at.elapsed() >= until {
                break counts;
            }
        };
        let sample = Sample::of(&child)?;
        let rate = (counts.arrived - before) as f64 / at.elapsed().as_secs_f64();
        before = counts.arrived;
        println!(
            "{:>5.0} s {:>5.1} MiB {:>6} {rate:>9.0} {:>10} {:>9} {:>9} {:>8}",
            started.elapsed().as_secs_f64(),
            sample.resident_bytes as f64 / f64::from(1 << 20),
            sample.files,
            counts.arrived,
            counts.lag,
            counts.twice,
            counts.faults
        );
        samples.push(sample);
        if length.kills && born.elapsed() > LIFE {
            child.kill()?;
            kills += 1;
            run.after_the_end()?;
            child = Child::start(run.setup())?;
            born = Instant::now();
        }
    }
    let drained = run.drain(&mut child)?;
    let counts = run.counts()?;
    let bound = run.bound();
    println!(
        "\n{} records in {:.0} s, {kills} kills, {} faults: {} lost, {} arrived twice, {} may\n{}",
        counts.written,
        started.elapsed().as_secs_f64(),
        counts.faults,
        counts.lag,
        counts.twice,
        bound.total(),
        Bound::FORMULA
    );
    let mut is_well = true;
    let mut check = |holds: bool, what: String| {
        println!("{} {what}", if holds { "ok    " } else { "FAILED" });
        is_well &= holds;
    };
    check(drained == Some(End::Drained), format!("it has drained at the end: {drained:?}"));
    check(counts.lag == 0, format!("{} lost {}", counts.lag, first(&run.lost())));
    check(counts.twice <= bound.total(), format!("{} twice, at most {}", counts.twice, bound.total()));
    match length.kills {
        true => println!("       growth is not looked at, since no child lives long enough"),
        false => {
            let Growth { memory, files } = Growth::of(&samples);
            let (more, part) = MAX_GROWTH;
            let limit = more + (memory.0 as f64 * part) as u64;
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            check(
                memory.1 <= memory.0 + limit,
                format!(
                    "memory from {:.1} to {:.1} MiB, {:.1} more may be",
                    mib(memory.0),
                    mib(memory.1),
                    mib(limit)
                ),
            );
            check(
                files.1 <= files.0 + MAX_MORE_FILES,
                format!("descriptors from {} to {}, {MAX_MORE_FILES} more may be", files.0, files.1),
            );
        }
    }
    Ok(is_well)
}

/// As many as fit on a line.
fn first(ranges: &[String]) -> String {
    const SHOWN: usize = 6;
    let more = if ranges.len() > SHOWN { ", ..." } else { "" };
    ranges[..ranges.len().min(SHOWN)].join(", ") + more
}

/// The medians of the second and the last fifth of the time.
struct Growth {
    memory: (u64, u64),
    files: (u64, u64),
}

impl Growth {
    fn of(samples: &[Sample]) -> Self {
        let fifth = samples.len() / 5;
        let median = |part: &[Sample], of: fn(&Sample) -> u64| {
            let mut values: Vec<u64> = part.iter().map(of).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        let (early, late) = (&samples[fifth..2 * fifth], &samples[samples.len() - fifth..]);
        let both = |of: fn(&Sample) -> u64| (median(early, of), median(late, of));
        Self { memory: both(|s| s.resident_bytes), files: both(|s| s.files) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_seen_and_what_only_jumps_is_not() {
        let samples = |memory: fn(u64) -> u64| {
            (0..50).map(|i| Sample { resident_bytes: memory(i), files: 10 }).collect::<Vec<_>>()
        };
        assert_eq!(Growth::of(&samples(|i| i * 100)).memory, (1_500, 4_500));
        assert_eq!(Growth::of(&samples(|i| if i % 7 == 0 { 900 } else { 100 })).memory, (100, 100));
        assert_eq!(Growth::of(&samples(|i| i)).files, (10, 10));
    }
}
