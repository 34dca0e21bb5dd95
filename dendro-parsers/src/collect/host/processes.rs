//! How many processes there are in which state, and which programs use most: `/proc/[pid]/stat`.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use dendro_core::Schema;

use super::super::table::{Measure, Reads, dimension, gauge, schema};
use super::files::{Files, read};
use super::sample::Sample;

const fn processes(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "{process}", doc).otel("system.process.count")
}

/// With the letter that the kernel has for the state.
const STATES: &[(u8, Measure)] = &[
    (b'R', processes("running", "That run or are ready to.")),
    (b'S', processes("sleeping", "That wait for something.")),
    (b'D', processes("disk_sleep", "That wait and can't be interrupted, most often for a disk.")),
    (b'I', processes("idle", "Threads of the kernel with nothing to do.")),
    (b'Z', processes("zombie", "That have ended, and whose parent has not looked.")),
    (b'T', processes("stopped", "That were stopped by a signal.")),
    (b't', processes("tracing_stop", "That a debugger has stopped.")),
];
const OTHER: Measure = processes("other", "In any other state.");
const TOTAL: Measure = gauge("processes", "{process}", "All of them.");
const THREADS: Measure = gauge("threads", "{thread}", "The threads of all.");

pub(super) static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let states: Vec<Measure> = STATES.iter().map(|(_, measure)| *measure).collect();
    let doc = "How many processes there are, and in which state.";
    schema("host_processes", doc, &[&states, &[OTHER, TOTAL, THREADS]]).into()
});

const PROGRAM: &[Measure] = &[
    dimension("name", "The program's name, of 15 bytes at most.").otel("process.executable.name"),
    gauge("processes", "{process}", "Processes of this name."),
    gauge("threads", "{thread}", "Their threads.").otel("process.thread.count"),
    gauge(
        "cpu_usage",
        "{cpu}",
        "CPUs that they used since the scrape before, on average; null at the first.",
    )
    .reads(Reads::F64)
    .otel("process.cpu.utilization"),
    gauge("rss", "By", "Memory that they have mapped and that is present; what they share counts for each.")
        .otel("process.memory.usage"),
    gauge("virtual_memory", "By", "Memory that they have mapped.").otel("process.memory.virtual"),
];

pub(super) static PROGRAM_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema(
        "host_program",
        "The processes of one name, of those that use most CPU time or memory.",
        &[PROGRAM],
    )
    .into()
});

/// The CPU time of processes at the scrape before.
#[derive(Debug, Default)]
pub(super) struct Before {
    at: Option<Instant>,
    /// By process id and start, since ids are used again.
    ticks: HashMap<(u32, u64), u64>,
}

#[derive(Default)]
struct Program {
    processes: u64,
    threads: u64,
    ticks: u64,
    rss: u64,
    virtual_memory: u64,
}

/// Counts them by state; gives the `top` programs by CPU time and as many by memory.
pub(super) fn count(files: &Files, top: usize, before: &mut Before, sample: &mut Sample) {
    let entries = match fs::read_dir(&files.proc) {
        Ok(entries) => entries,
        Err(error) => {
            let path = files.proc.display().to_string();
            let message = format!("{path} can't be read: {error}");
            return sample.warn(path, message);
        }
    };
    let now = Instant::now();
    let mut states = [0u64; STATES.len() + 1];
    let (mut total, mut threads) = (0u64, 0u64);
    let mut programs: HashMap<String, Program> = HashMap::new();
    let mut ticks = HashMap::new();
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // It may have ended since.
        let Some(stat) = read(&entry.path().join("stat")).ok() else { continue };
        let Some(process) = Stat::parse(&stat) else { continue };
        let state = STATES.iter().position(|(letter, _)| *letter == process.state).unwrap_or(STATES.len());
        states[state] += 1;
        total += 1;
        threads += process.threads;
        if top > 0 {
            let id = (pid, process.start);
            let used = process.ticks.saturating_sub(before.ticks.get(&id).copied().unwrap_or(0));
            ticks.insert(id, process.ticks);
            let program = programs.entry(process.name.to_owned()).or_default();
            program.processes += 1;
            program.threads += process.threads;
            program.ticks += used;
            program.rss += process.rss_pages.saturating_mul(rustix::param::page_size() as u64);
            program.virtual_memory += process.virtual_memory;
        }
    }
    let event = sample.event(&SCHEMA);
    let names = STATES.iter().map(|(_, measure)| measure.name).chain([OTHER.name]);
    for (name, count) in names.zip(states) {
        event.set(name, count);
    }
    event.set("processes", total).set("threads", threads);
    if top > 0 {
        let since = before.at.map(|at| now.duration_since(at).as_secs_f64()).filter(|secs| *secs > 0.0);
        tell_top(programs, top, since, sample);
        *before = Before { at: Some(now), ticks };
    }
}

fn tell_top(programs: HashMap<String, Program>, top: usize, since: Option<f64>, sample: &mut Sample) {
    let mut programs: Vec<(String, Program)> = programs.into_iter().collect();
    let mut chosen = Vec::new();
    // By name among equals, so that the choice is a steady one.
    programs.sort_by(|a, b| (Reverse(a.1.ticks), &a.0).cmp(&(Reverse(b.1.ticks), &b.0)));
    let rest = programs.split_off(top.min(programs.len()));
    chosen.append(&mut programs);
    let mut by_memory: Vec<(String, Program)> = rest;
    by_memory.sort_by(|a, b| (Reverse(a.1.rss), &a.0).cmp(&(Reverse(b.1.rss), &b.0)));
    by_memory.truncate(top);
    chosen.append(&mut by_memory);
    for (name, program) in chosen {
        let event = sample.event(&PROGRAM_SCHEMA);
        event.set("name", name).set("processes", program.processes).set("threads", program.threads);
        if let Some(seconds) = since {
            // A tick is a hundredth of a second.
            event.set("cpu_usage", program.ticks as f64 / 100.0 / seconds);
        }
        event.set("rss", program.rss).set("virtual_memory", program.virtual_memory);
    }
}

/// What we want of `/proc/[pid]/stat`; see proc(5).
struct Stat<'a> {
    name: &'a str,
    state: u8,
    ticks: u64,
    threads: u64,
    start: u64,
    virtual_memory: u64,
    rss_pages: u64,
}

impl<'a> Stat<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        // The name may hold parentheses and spaces of its own.
        let (head, rest) = text.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let columns: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |n: usize| columns.get(n - 3)?.parse::<u64>().ok();
        Some(Self {
            name,
            state: *columns.first()?.as_bytes().first()?,
            ticks: number(14)?.saturating_add(number(15)?),
            threads: number(20)?,
            start: number(22)?,
            virtual_memory: number(23)?,
            rss_pages: number(24)?,
        })
    }
}
