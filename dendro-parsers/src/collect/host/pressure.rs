//! How long tasks had to wait for a resource: the kernel's pressure stall information.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, counter, dimension, gauge, schema};
use super::files::{Files, read};
use super::sample::Sample;

const NAMES: &[Measure] = &[
    dimension("resource", "What was waited for: `cpu`, `memory`, `io` or `irq`."),
    dimension("cgroup", "The cgroup whose tasks waited; null for the whole host."),
];

const fn average(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "%", doc).reads(Reads::F64)
}
const fn total(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "s", doc).reads(Reads::Micros)
}

const SOME: &[Measure] = &[
    average("some_avg10", "Share of the last 10 seconds in which at least one task waited."),
    average("some_avg60", "The same, of 60 seconds."),
    average("some_avg300", "The same, of 300 seconds."),
    total("some_total", "How long at least one task has waited in all."),
];
const FULL: &[Measure] = &[
    average("full_avg10", "Share of the last 10 seconds in which all tasks that were not idle waited."),
    average("full_avg60", "The same, of 60 seconds."),
    average("full_avg300", "The same, of 300 seconds."),
    total("full_total", "How long all tasks that were not idle have waited in all."),
];

pub(super) static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("host_pressure", "How long tasks have waited for one resource.", &[NAMES, SOME, FULL]).into()
});

/// Of the host. A kernel may be built or started without it.
pub(super) fn host(files: &Files, sample: &mut Sample) {
    let mut missing = None;
    let before = sample.events.len();
    for resource in ["cpu", "memory", "io", "irq"] {
        missing = tell(&files.proc.join("pressure").join(resource), resource, None, sample).or(missing);
    }
    if sample.events.len() == before
        && let Some(error) = missing
    {
        let path = files.proc.join("pressure").display().to_string();
        let message =
            format!("there is no pressure information in {path} (a kernel with `psi=1` has it): {error}");
        sample.warn(path, message);
    }
}

/// Of a cgroup, in whose folder the files are.
pub(super) fn cgroup(folder: &Path, cgroup: &str, sample: &mut Sample) {
    for resource in ["cpu", "memory", "io", "irq"] {
        tell(&folder.join(format!("{resource}.pressure")), resource, Some(cgroup), sample);
    }
}

/// Gives the error if there is nothing to read.
fn tell(path: &Path, resource: &str, cgroup: Option<&str>, sample: &mut Sample) -> Option<std::io::Error> {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => return Some(error),
    };
    let event = sample.event(&SCHEMA).set("resource", resource);
    if let Some(cgroup) = cgroup {
        event.set("cgroup", cgroup);
    }
    for line in text.lines() {
        // `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`
        let mut words = line.split_ascii_whitespace();
        let measures = match words.next() {
            Some("some") => SOME,
            Some("full") => FULL,
            _ => continue,
        };
        event.columns(measures, words.filter_map(|word| Some(word.split_once('=')?.1)));
    }
    None
}
