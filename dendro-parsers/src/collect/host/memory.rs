//! Memory and swap: `/proc/meminfo`, and paging: `/proc/vmstat`.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, counter, gauge, schema};
use super::files::{Files, pairs};
use super::sample::Sample;

const fn kib(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    gauge(from, "By", doc).named(name).reads(Reads::Kib)
}

const fn pages(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    gauge(from, "{page}", doc).named(name)
}

/// As the kernel's `Documentation/filesystems/proc.rst` explains them.
const MEMINFO: &[Measure] = &[
    kib("MemTotal", "mem_total", "Memory that the kernel can use.").otel("system.memory.limit"),
    kib("MemFree", "mem_free", "Memory that nothing uses."),
    kib("MemAvailable", "mem_available", "An estimate of what new programs can have without swapping.")
        .otel("system.linux.memory.available"),
    kib("Buffers", "buffers", "Cache of block devices."),
    kib("Cached", "cached", "Cache of files, shared memory included."),
    kib("SwapCached", "swap_cached", "In memory again, and still in the swap."),
    kib("Active", "active", "Used lately."),
    kib("Inactive", "inactive", "Not used lately."),
    kib("Active(anon)", "active_anon", "Of no file, used lately."),
    kib("Inactive(anon)", "inactive_anon", "Of no file, not used lately."),
    kib("Active(file)", "active_file", "Of files, used lately."),
    kib("Inactive(file)", "inactive_file", "Of files, not used lately."),
    kib("Unevictable", "unevictable", "Can't be taken back."),
    kib("Mlocked", "mlocked", "Locked by programs."),
    kib("SwapTotal", "swap_total", "Swap that there is."),
    kib("SwapFree", "swap_free", "Swap that nothing uses.").otel("system.paging.usage"),
    kib("Zswap", "zswap", "Memory that compressed swap takes."),
    kib("Zswapped", "zswapped", "What compressed swap holds."),
    kib("Dirty", "dirty", "Waits to be written to disk."),
    kib("Writeback", "writeback", "Is being written to disk."),
    kib("AnonPages", "anon_pages", "Of no file, mapped by programs."),
    kib("Mapped", "mapped", "Of files, mapped by programs."),
    kib("Shmem", "shmem", "Shared memory and tmpfs."),
    kib("KReclaimable", "k_reclaimable", "The kernel's own, which it gives back when asked."),
    kib("Slab", "slab", "The kernel's caches of objects."),
    kib("SReclaimable", "s_reclaimable", "The part of `slab` that can be given back."),
    kib("SUnreclaim", "s_unreclaim", "The part of `slab` that can't."),
    kib("KernelStack", "kernel_stack", "The stacks of threads in the kernel."),
    kib("PageTables", "page_tables", "Page tables of programs."),
    kib("SecPageTables", "sec_page_tables", "Page tables of virtual machines and devices."),
    kib("Bounce", "bounce", "Copies for devices that can't reach all memory."),
    kib(
        "CommitLimit",
        "commit_limit",
        "How much may be promised to programs, if the kernel is strict about it.",
    ),
    kib("Committed_AS", "committed_as", "How much is promised to programs."),
    kib("VmallocUsed", "vmalloc_used", "What `vmalloc` has given."),
    kib("Percpu", "percpu", "The kernel's own for each CPU."),
    kib("HardwareCorrupted", "hardware_corrupted", "Broken, and not used any more."),
    kib("AnonHugePages", "anon_huge_pages", "Of no file, in huge pages."),
    kib("ShmemHugePages", "shmem_huge_pages", "Shared memory in huge pages."),
    kib("FileHugePages", "file_huge_pages", "Of files, in huge pages."),
    kib("CmaTotal", "cma_total", "Set aside for devices."),
    kib("CmaFree", "cma_free", "Set aside for devices, and not used by one."),
    kib("Balloon", "balloon", "Given back to the hypervisor."),
    kib("Hugepagesize", "hugepagesize", "The size of a reserved huge page."),
    kib("Hugetlb", "hugetlb", "What reserved huge pages take, of all sizes."),
    pages("HugePages_Total", "hugepages_total", "Reserved huge pages."),
    pages("HugePages_Free", "hugepages_free", "Reserved huge pages that nothing uses."),
    pages("HugePages_Rsvd", "hugepages_rsvd", "Huge pages that are promised."),
    pages("HugePages_Surp", "hugepages_surp", "Huge pages above what was reserved."),
];

pub(super) static MEMORY_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| schema("host_memory", "How the host's memory and swap are used.", &[MEMINFO]).into());

const fn events(name: &'static str, unit: &'static str, doc: &'static str) -> Measure {
    counter(name, unit, doc)
}

const VMSTAT: &[Measure] = &[
    events("pgpgin", "By", "Read from disks.").reads(Reads::Kib).named("paged_in"),
    events("pgpgout", "By", "Written to disks.").reads(Reads::Kib).named("paged_out"),
    events("pswpin", "{page}", "Pages read from the swap.").otel("system.paging.operations"),
    events("pswpout", "{page}", "Pages written to the swap.").otel("system.paging.operations"),
    events("pgfault", "{fault}", "Page faults, `pgmajfault` included.").otel("system.paging.faults"),
    events("pgmajfault", "{fault}", "Page faults that had to wait for a disk.").otel("system.paging.faults"),
    events("pgscan_kswapd", "{page}", "Pages that the kernel looked at in the background to take them back."),
    events("pgscan_direct", "{page}", "Pages that it looked at while a program waited for memory."),
    events("pgsteal_kswapd", "{page}", "Pages that it took back in the background."),
    events("pgsteal_direct", "{page}", "Pages that it took back while a program waited for memory."),
    events(
        "workingset_refault_anon",
        "{page}",
        "Pages of no file that were needed again soon after they were taken.",
    ),
    events(
        "workingset_refault_file",
        "{page}",
        "Pages of files that were needed again soon after they were taken.",
    ),
    events("oom_kill", "{process}", "Processes that were killed for want of memory."),
];

pub(super) static PAGING_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("host_paging", "Pages that moved since the start of the host.", &[VMSTAT]).into()
});

pub(super) fn memory(files: &Files, sample: &mut Sample) {
    if let Some(meminfo) = files.proc("meminfo", sample) {
        sample.event(&MEMORY_SCHEMA).named(MEMINFO, pairs(&meminfo));
    }
}

pub(super) fn paging(files: &Files, sample: &mut Sample) {
    if let Some(vmstat) = files.proc("vmstat", sample) {
        sample.event(&PAGING_SCHEMA).named(VMSTAT, pairs(&vmstat));
    }
}
