//! Input and output by block device: `/proc/diskstats`.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, counter, dimension, gauge, schema};
use super::files::Files;
use super::filter::Filter;
use super::sample::Sample;

const DEVICE: Measure = dimension("device", "The device, as in `sda`.").otel("system.device");

const fn operations(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "{operation}", doc)
}
const fn bytes(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "By", doc).reads(Reads::Sectors)
}
const fn time(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "s", doc).reads(Reads::Millis)
}

/// In the order of the columns; named as in the kernel's `Documentation/block/stat.rst`.
const COLUMNS: &[Measure] = &[
    operations("read_ios", "Reads done.").otel("system.disk.operations"),
    operations("read_merges", "Reads that became part of another.").otel("system.disk.merged"),
    bytes("read_bytes", "Bytes read.").otel("system.disk.io"),
    time("read_time", "What all reads have waited, added up.").otel("system.disk.operation_time"),
    operations("write_ios", "Writes done.").otel("system.disk.operations"),
    operations("write_merges", "Writes that became part of another.").otel("system.disk.merged"),
    bytes("write_bytes", "Bytes written.").otel("system.disk.io"),
    time("write_time", "What all writes have waited, added up.").otel("system.disk.operation_time"),
    gauge("in_flight", "{operation}", "Operations under way."),
    time("io_time", "How long the device has had something to do.").otel("system.disk.io_time"),
    time("time_in_queue", "What all operations have waited, added up."),
    operations("discard_ios", "Discards done."),
    operations("discard_merges", "Discards that became part of another."),
    bytes("discard_bytes", "Bytes discarded."),
    time("discard_time", "What all discards have waited, added up."),
    operations("flush_ios", "Flushes done."),
    time("flush_time", "What all flushes have waited, added up."),
];

pub(super) static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema(
        "host_disk",
        "Input and output of one block device since the start of the host.",
        &[&[DEVICE], COLUMNS],
    )
    .into()
});

pub(super) const NO_DISKS: &[&str] = &["loop*", "ram*", "zram*", "fd*", "sr*"];

pub(super) fn disks(files: &Files, devices: &Filter, partitions: bool, sample: &mut Sample) {
    let Some(diskstats) = files.proc("diskstats", sample) else { return };
    for line in diskstats.lines() {
        let mut columns = line.split_ascii_whitespace().skip(2);
        let Some(name) = columns.next() else { continue };
        // A `/` in a device's name stands as `!` in sysfs.
        let is_partition =
            || files.sys.join("class/block").join(name.replace('/', "!")).join("partition").exists();
        if !devices.matches(name) || (!partitions && is_partition()) {
            continue;
        }
        sample.event(&SCHEMA).set("device", name).columns(COLUMNS, columns);
    }
}
