//! Time by CPU and mode, and the figures of the kernel as a whole: `/proc/stat`, `loadavg`, `uptime`.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, counter, dimension, gauge, schema};
use super::files::{Files, pairs};
use super::sample::Sample;

const fn mode(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "s", doc).reads(Reads::Ticks).otel("system.cpu.time")
}

/// In the order of the columns; see proc(5).
const MODES: &[Measure] = &[
    mode("user", "In user mode, `guest` included."),
    mode("nice", "In user mode with low priority, `guest_nice` included."),
    mode("system", "In the kernel."),
    mode("idle", "With nothing to do."),
    mode("iowait", "With nothing to do while input or output was under way."),
    mode("irq", "Serving interrupts."),
    mode("softirq", "Serving soft interrupts."),
    mode("steal", "Ready to run while the hypervisor ran others."),
    mode("guest", "Running a virtual CPU of a guest."),
    mode("guest_nice", "Running a virtual CPU of a guest with low priority."),
];

const CPU: Measure = dimension("cpu", "The CPU's number; null for the sum of all.")
    .reads(Reads::U64)
    .otel("cpu.logical_number");

pub(super) static CPU_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("host_cpu", "How one CPU has spent its time since the start of the host.", &[&[CPU], MODES]).into()
});

const KERNEL: &[Measure] = &[
    counter("ctxt", "{switch}", "Switches from one thread to another.").named("context_switches"),
    counter("intr", "{interrupt}", "Interrupts served.").named("interrupts"),
    counter("softirq", "{interrupt}", "Soft interrupts served.").named("soft_interrupts"),
    counter("processes", "{process}", "Processes and threads created.")
        .named("forks")
        .otel("system.process.created"),
    gauge("procs_running", "{process}", "Threads that run or are ready to."),
    gauge("procs_blocked", "{process}", "Threads that wait for input or output."),
    gauge("btime", "", "When the host was started.").named("boot_time").reads(Reads::UnixSecs),
];

const fn load(name: &'static str, otel: &'static str, doc: &'static str) -> Measure {
    gauge(name, "{thread}", doc).reads(Reads::F64).otel(otel)
}

const LOAD: &[Measure] = &[
    load(
        "load1",
        "system.cpu.load_average.1m",
        "Threads that ran, were ready to or waited for a disk: average of a minute.",
    ),
    load("load5", "system.cpu.load_average.5m", "The same, of five minutes."),
    load("load15", "system.cpu.load_average.15m", "The same, of fifteen minutes."),
];
const THREADS: Measure = gauge("threads", "{thread}", "Threads that there are.");
const UPTIME: Measure =
    gauge("uptime", "s", "How long the host has been running.").reads(Reads::Secs).otel("system.uptime");
const CPUS: Measure = gauge("cpus", "{cpu}", "CPUs that are online.").otel("system.cpu.logical.count");

pub(super) static SYSTEM_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema(
        "host_system",
        "The kernel's figures that are not of one device.",
        &[LOAD, &[THREADS, CPUS, UPTIME], KERNEL],
    )
    .into()
});

/// Time by mode, of each CPU or of all together.
pub(super) fn cpu(files: &Files, per_core: bool, sample: &mut Sample) {
    let Some(stat) = files.proc("stat", sample) else { return };
    for line in stat.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(number) = words.next().and_then(|name| name.strip_prefix("cpu")) else { continue };
        if number.is_empty() == per_core {
            continue;
        }
        sample.event(&CPU_SCHEMA).read(&CPU, number).columns(MODES, words);
    }
}

pub(super) fn system(files: &Files, sample: &mut Sample) {
    let stat = files.proc("stat", sample).unwrap_or_default();
    let load = files.proc("loadavg", sample).unwrap_or_default();
    let uptime = files.proc("uptime", sample).unwrap_or_default();
    if stat.is_empty() && load.is_empty() && uptime.is_empty() {
        return;
    }
    let event = sample.event(&SYSTEM_SCHEMA);
    let mut words = load.split_ascii_whitespace();
    event.columns(LOAD, words.by_ref().take(3));
    if let Some((_, all)) = words.next().and_then(|threads| threads.split_once('/')) {
        event.read(&THREADS, all);
    }
    let cpus = stat
        .lines()
        .filter_map(|line| line.strip_prefix("cpu"))
        .filter(|rest| !rest.starts_with(' '))
        .count();
    event.read(&CPUS, &if cpus > 0 { cpus.to_string() } else { String::new() });
    event.read(&UPTIME, uptime.split_ascii_whitespace().next().unwrap_or_default());
    event.named(KERNEL, pairs(&stat));
}
