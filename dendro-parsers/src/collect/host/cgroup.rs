//! Limits and usage of cgroups, version 2: the own one, and others by choice.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, counter, dimension, gauge, schema};
use super::files::{Files, pairs, read, read_value};
use super::filter::Filter;
use super::pressure;
use super::sample::{Fields, Sample};

/// How deep below the root cgroups are looked for.
const MAX_DEPTH: usize = 8;
/// The most that are looked at.
const MAX_CGROUPS: usize = 10_000;

const CGROUP: Measure = dimension("cgroup", "Its path below the root that can be seen; `/` for that.");

/// Files of one value each.
const FILES: &[Measure] = &[
    gauge("cpu.weight", "1", "Its share among its siblings; 100 is usual.").named("cpu_weight"),
    gauge("memory.current", "By", "Memory that it uses, caches of its files included.")
        .named("memory_current")
        .otel("container.memory.usage"),
    gauge("memory.peak", "By", "The most that it has used.").named("memory_peak"),
    gauge("memory.min", "By", "Memory that is never taken from it.").named("memory_min"),
    gauge("memory.low", "By", "Memory that is taken from it only in need.").named("memory_low"),
    gauge("memory.high", "By", "Above this it is slowed down; null for no limit.").named("memory_high"),
    gauge("memory.max", "By", "Above this processes are killed; null for no limit.").named("memory_max"),
    gauge("memory.swap.current", "By", "Swap that it uses.").named("swap_current"),
    gauge("memory.swap.max", "By", "Swap that it may use; null for no limit.").named("swap_max"),
    gauge("pids.current", "{process}", "Processes and threads in it.").named("pids_current"),
    gauge("pids.peak", "{process}", "The most that there have been.").named("pids_peak"),
    gauge("pids.max", "{process}", "How many there may be; null for no limit.").named("pids_max"),
];

const CPU_LIMIT: Measure =
    gauge("cpu_limit", "{cpu}", "CPUs that it may use; null for no limit.").reads(Reads::F64);

/// The strictest of its own and its ancestors' that can be seen.
const EFFECTIVE: &[Measure] = &[
    gauge("cpu_limit_effective", "{cpu}", "The least that it and those above it may use; null for no limit.")
        .reads(Reads::F64),
    gauge(
        "memory_max_effective",
        "By",
        "The least `memory_max` of it and those above it; null for no limit.",
    ),
];

const CPU_STAT: &[Measure] = &[
    counter("usage_usec", "s", "CPU time used.")
        .named("cpu_usage")
        .reads(Reads::Micros)
        .otel("container.cpu.time"),
    counter("user_usec", "s", "CPU time used in user mode.").named("cpu_user").reads(Reads::Micros),
    counter("system_usec", "s", "CPU time used in the kernel.").named("cpu_system").reads(Reads::Micros),
    counter("nr_periods", "{period}", "Periods in which it wanted to run.").named("cpu_periods"),
    counter("nr_throttled", "{period}", "Periods in which it used up what it may.")
        .named("cpu_periods_throttled"),
    counter("throttled_usec", "s", "How long it was kept from running.")
        .named("cpu_throttled")
        .reads(Reads::Micros),
];

const MEMORY_STAT: &[Measure] = &[
    gauge("anon", "By", "Memory of no file.").named("memory_anon"),
    gauge("file", "By", "Caches of files, shared memory included.").named("memory_file"),
    gauge("kernel", "By", "The kernel's own for it.").named("memory_kernel"),
    gauge("shmem", "By", "Shared memory and tmpfs.").named("memory_shmem"),
    gauge("sock", "By", "Buffers of network connections.").named("memory_sock"),
    gauge("slab", "By", "The kernel's caches of objects for it.").named("memory_slab"),
    gauge("file_dirty", "By", "Caches that wait to be written.").named("memory_file_dirty"),
    gauge("inactive_file", "By", "Caches of files, not used lately.").named("memory_inactive_file"),
    counter("pgfault", "{fault}", "Page faults, `memory_pgmajfault` included.").named("memory_pgfault"),
    counter("pgmajfault", "{fault}", "Page faults that had to wait for a disk.").named("memory_pgmajfault"),
];

const MEMORY_EVENTS: &[Measure] = &[
    counter("low", "{event}", "Times that memory below `memory_low` was taken.").named("memory_events_low"),
    counter("high", "{event}", "Times that it was slowed down for being above `memory_high`.")
        .named("memory_events_high"),
    counter("max", "{event}", "Times that it was about to go above `memory_max`.").named("memory_events_max"),
    counter("oom", "{event}", "Times that there was no memory for it to have.").named("memory_events_oom"),
    counter("oom_kill", "{process}", "Processes that were killed for want of memory.")
        .named("memory_events_oom_kill"),
];

pub(super) static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let fields = [&[CGROUP, CPU_LIMIT], EFFECTIVE, CPU_STAT, FILES, MEMORY_STAT, MEMORY_EVENTS];
    schema("host_cgroup", "Limits and usage of one cgroup.", &fields).into()
});

const DEVICE: Measure = dimension("device", "The device, as major and minor number.").otel("system.device");

const IO_STAT: &[Measure] = &[
    counter("rbytes", "By", "Bytes read.").named("read_bytes"),
    counter("wbytes", "By", "Bytes written.").named("write_bytes"),
    counter("rios", "{operation}", "Reads.").named("read_ios"),
    counter("wios", "{operation}", "Writes.").named("write_ios"),
    counter("dbytes", "By", "Bytes discarded.").named("discard_bytes"),
    counter("dios", "{operation}", "Discards.").named("discard_ios"),
];

pub(super) static IO_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("host_cgroup_io", "Input and output of one cgroup on one device.", &[&[CGROUP, DEVICE], IO_STAT])
        .into()
});

/// The own cgroup, and those whose path `others` matches.
pub(super) fn cgroups(files: &Files, others: Option<&Filter>, sample: &mut Sample) {
    let Some(root) = root(files) else {
        let path = files.sys.join("fs/cgroup").display().to_string();
        let message =
            format!("there is no cgroup file system of version 2 in {path}: no limits are reported");
        return sample.warn(path, message);
    };
    let own = own_path(files, &root);
    tell(&root, &own, sample);
    if let Some(filter) = others {
        let mut left = MAX_CGROUPS;
        walk(&root, Path::new(""), MAX_DEPTH, &mut left, &mut |path| {
            if path != own && filter.matches(&format!("/{}", path.display())) {
                tell(&root, path, sample);
            }
        });
    }
}

/// Where the file system is mounted: beside those of version 1 it has a folder of its own.
fn root(files: &Files) -> Option<PathBuf> {
    ["fs/cgroup", "fs/cgroup/unified"]
        .iter()
        .map(|folder| files.sys.join(folder))
        .find(|folder| folder.join("cgroup.controllers").exists())
}

/// Inside a cgroup namespace the root is the own one. A path that leads out of what is mounted counts as the root.
fn own_path(files: &Files, root: &Path) -> PathBuf {
    let text = read(&files.proc.join("self/cgroup")).unwrap_or_default();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let path = PathBuf::from(path);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    if inside && root.join(&path).is_dir() { path } else { PathBuf::new() }
}

fn walk(root: &Path, path: &Path, depth: usize, left: &mut usize, visit: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(root.join(path)) else { return };
    let mut children: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| path.join(entry.file_name()))
        .collect();
    children.sort();
    for child in children {
        if *left == 0 {
            return;
        }
        *left -= 1;
        visit(&child);
        if depth > 1 {
            walk(root, &child, depth - 1, left, visit);
        }
    }
}

fn tell(root: &Path, path: &Path, sample: &mut Sample) {
    let folder = root.join(path);
    let name = format!("/{}", path.display());
    let event = sample.event(&SCHEMA).set("cgroup", name.as_str());
    let limit = cpu_limit(&folder);
    if let Some(cpus) = limit {
        event.set(CPU_LIMIT.name, cpus);
    }
    tell_effective(root, path, event);
    for (file, measures) in
        [("cpu.stat", CPU_STAT), ("memory.stat", MEMORY_STAT), ("memory.events", MEMORY_EVENTS)]
    {
        if let Ok(text) = read(&folder.join(file)) {
            event.named(measures, pairs(&text));
        }
    }
    for measure in FILES {
        // `max` is no number, and no limit.
        if let Some(text) = read_value(&folder.join(measure.from)) {
            event.read(measure, &text);
        }
    }
    tell_io(&folder, &name, sample);
    pressure::cgroup(&folder, &name, sample);
}

fn tell_effective(root: &Path, path: &Path, event: &mut Fields) {
    let line = || path.ancestors().map(|ancestor| root.join(ancestor));
    if let Some(cpus) = line().filter_map(|folder| cpu_limit(&folder)).min_by(f64::total_cmp) {
        event.set("cpu_limit_effective", cpus);
    }
    let memory = |folder: PathBuf| read_value(&folder.join("memory.max"))?.parse::<u64>().ok();
    if let Some(bytes) = line().filter_map(memory).min() {
        event.set("memory_max_effective", bytes);
    }
}

/// `cpu.max` holds how long it may run in a period, and the period: `200000 100000` are two CPUs.
fn cpu_limit(folder: &Path) -> Option<f64> {
    let text = read_value(&folder.join("cpu.max"))?;
    let (quota, period) = text.split_once(' ')?;
    let (quota, period) = (quota.parse::<f64>().ok()?, period.parse::<f64>().ok()?);
    (period > 0.0).then_some(quota / period)
}

/// `8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353`
fn tell_io(folder: &Path, name: &str, sample: &mut Sample) {
    let Ok(text) = read(&folder.join("io.stat")) else { return };
    for line in text.lines() {
        let Some((device, counts)) = line.split_once(' ') else { continue };
        let event = sample.event(&IO_SCHEMA).set("cgroup", name).set("device", device);
        event.named(IO_STAT, counts.split(' ').filter_map(|count| count.split_once('=')));
    }
}
