//! What is measured through a whole pipeline, as the `throughput` example runs it in a process of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dendro_core::{QueueLimits, SinkSettings};
use serde_json::Value;

use crate::clock::{Spent, Turns};
use crate::hand_loop::HandLoop;
use crate::in_memory::each_chunk;
use crate::report::Figure;

type Error = Box<dyn std::error::Error>;

/// The example, and where it may write.
pub(crate) struct Throughput {
    pub(crate) program: PathBuf,
    pub(crate) dir: PathBuf,
}

/// One run of it.
pub(crate) struct Run {
    spent: Spent,
    events: f64,
    max_rss_bytes: f64,
}

impl Throughput {
    /// From file to parser to nothing, against the loop over the bytes in memory.
    pub(crate) fn to_nothing(&self, input: &Path, log: &[u8], turns: usize) -> Result<Figure, Error> {
        let mut hand = HandLoop::default();
        self.against_loop("to_nothing", input, "blackhole", turns, || {
            Ok(Spent::on(|| each_chunk(log, |lines| assert!(hand.parse(lines) <= lines.len()))))
        })
    }

    /// From file to parser to a file, against the loop that also writes one. What both have written is compared.
    pub(crate) fn to_file(&self, input: &Path, log: &[u8], turns: usize) -> Result<Figure, Error> {
        // A file system in memory where there is one: on a disk, writing back what earlier turns wrote would count too.
        let dir = [Path::new("/dev/shm"), &self.dir].into_iter().find_map(|dir| {
            let disk = rustix::fs::statvfs(dir).ok()?;
            let has_room = disk.f_bavail.saturating_mul(disk.f_frsize) > 8 * log.len() as u64;
            has_room.then(|| tempfile::tempdir_in(dir).ok()).flatten()
        });
        let dir = dir.ok_or("there is no room for the files to write")?;
        let (ours, by_hand) = (dir.path().join("pipeline.ndjson"), dir.path().join("loop.ndjson"));
        let mut hand = HandLoop::default();
        let mut text = Vec::new();
        let to = format!("ndjson:{}", ours.display());
        let figure = self.against_loop("to_file", input, &to, turns, || {
            remove(&by_hand)?;
            let mut file = File::create(&by_hand)?;
            let mut result = Ok(());
            let spent = Spent::on(|| {
                each_chunk(log, |lines| {
                    hand.parse(lines);
                    text.clear();
                    hand.write_json(lines, &mut text);
                    if let Err(error) = file.write_all(&text) {
                        result = Err(error);
                    }
                });
            });
            result?;
            // Otherwise the next turn of the pipeline would append.
            remove(&ours)?;
            Ok(spent)
        });
        let mut figure = figure?;
        self.run(input, &to)?;
        if let Some(line) = first_difference(&ours, &by_hand)? {
            figure.detail(format!("the pipeline and the loop have NOT written the same line {line}"));
        }
        figure.detail(format!("files in {}", dir.path().parent().unwrap_or(&self.dir).display()));
        Ok(figure)
    }

    fn against_loop(
        &self,
        id: &'static str,
        input: &Path,
        to: &str,
        turns: usize,
        mut by_hand: impl FnMut() -> Result<Spent, Error>,
    ) -> Result<Figure, Error> {
        let mut failed = None;
        let mut events = 0.0;
        let medians = Turns::<2>::take(turns, |contestant| {
            let spent = match contestant {
                0 => self.run(input, to).map(|run| {
                    events = run.events;
                    run.spent
                }),
                _ => by_hand(),
            };
            spent.unwrap_or_else(|error| {
                failed = Some(error);
                Spent::default()
            })
        });
        failed.map_or(Ok(()), Err)?;
        let (pipeline, hand) = (medians.median(0), medians.median(1));
        let (wall, cpu) = (hand.wall_s / pipeline.wall_s, hand.cpu_s / pipeline.cpu_s);
        let rate = events / pipeline.cpu_s;
        // Other work on the machine makes the one look better than it is, waiting makes the other.
        let mut figure = Figure::new(id, wall.min(cpu));
        figure.detail(format!(
            "{wall:.2} by the clock, {cpu:.2} by CPU time; {:.2} M events per CPU second, loop {:.2} M lines",
            rate / 1e6,
            events / hand.cpu_s / 1e6
        ));
        figure.values([
            ("wall_ratio", wall),
            ("cpu_ratio", cpu),
            ("events_per_cpu_s", rate),
            ("events_per_s", events / pipeline.wall_s),
            ("loop_lines_per_cpu_s", events / hand.cpu_s),
            ("loop_lines_per_s", events / hand.wall_s),
        ]);
        Ok(figure)
    }

    /// How much more memory a long input takes than the buffers that were configured.
    pub(crate) fn memory(&self, input: &Path, bytes: u64) -> Result<Figure, Error> {
        const MIB: f64 = (1 << 20) as f64;
        let (long, ndjson) = (self.dir.join("long.log"), self.dir.join("long.ndjson"));
        let disk = rustix::fs::statvfs(&self.dir)?;
        let (free, needed) = (disk.f_bavail.saturating_mul(disk.f_frsize), 4 * bytes);
        if free < needed {
            let message = format!("{} MiB free on the disk, {} MiB needed", free >> 20, needed >> 20);
            return Ok(Figure::missing("memory", message));
        }
        repeat(input, &long, bytes)?;
        let to_file = format!("ndjson:{}", ndjson.display());
        let runs = [(input, "blackhole"), (&long, "blackhole"), (&long, &to_file)]
            .map(|(log, to)| self.run(log, to));
        let bytes = fs::metadata(&long)?.len();
        remove(&long)?;
        remove(&ndjson)?;
        let [short, long, to_file] = runs;
        let [short, long, to_file] = [short?, long?, to_file?].map(|run| run.max_rss_bytes / MIB);
        // What waits before the parser and before the sink, and what the sink is being given.
        let configured =
            (2 * QueueLimits::default().max_bytes + SinkSettings::default().max_bytes) as f64 / MIB;
        let mut figure = Figure::new("memory", (long.max(to_file) - configured).max(0.0));
        figure.detail(format!(
            "whole process at most {long:.0} MiB to nothing and {to_file:.0} to a file on {:.1} GB, {short:.0} to nothing on \
             {:.2} GB, less {configured:.0} of buffers: two queues, one write",
            bytes as f64 / 1e9,
            fs::metadata(input)?.len() as f64 / 1e9,
        ));
        figure.values([
            ("max_rss_mib", long),
            ("max_rss_to_file_mib", to_file),
            ("max_rss_short_mib", short),
            ("configured_mib", configured),
        ]);
        Ok(figure)
    }

    fn run(&self, input: &Path, to: &str) -> Result<Run, Error> {
        let mut command = Command::new(&self.program);
        command.arg("--input").arg(input).args(["--format", "nginx_combined", "--to", to]);
        let output = command.stderr(Stdio::inherit()).output().map_err(|e| format!("{command:?}: {e}"))?;
        if !output.status.success() {
            return Err(format!("{command:?}: {}", output.status).into());
        }
        let result: Value = serde_json::from_slice(&output.stdout)?;
        let number = |key: &str| result[key].as_f64().ok_or_else(|| format!("throughput gave no {key}"));
        Ok(Run {
            spent: Spent { wall_s: number("seconds")?, cpu_s: number("cpu_s")? },
            events: number("events")?,
            max_rss_bytes: number("max_rss_bytes")?,
        })
    }
}

/// Writes `input` to `output` as often as it takes for so many bytes.
fn repeat(input: &Path, output: &Path, bytes: u64) -> Result<(), Error> {
    let mut out = File::create(output)?;
    let mut written = 0;
    while written < bytes {
        written += std::io::copy(&mut File::open(input)?, &mut out)?;
    }
    Ok(())
}

/// The number of the first line, from 1, in which the files differ.
fn first_difference(a: &Path, b: &Path) -> Result<Option<usize>, Error> {
    let (mut a, mut b) = (BufReader::new(File::open(a)?), BufReader::new(File::open(b)?));
    let (mut line_a, mut line_b) = (Vec::new(), Vec::new());
    for number in 1.. {
        line_a.clear();
        line_b.clear();
        a.read_until(b'\n', &mut line_a)?;
        b.read_until(b'\n', &mut line_b)?;
        if line_a != line_b {
            return Ok(Some(number));
        }
        if line_a.is_empty() {
            break;
        }
    }
    Ok(None)
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
