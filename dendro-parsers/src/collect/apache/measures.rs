//! The keys of the page, and what they become.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, attribute, counter, dimension, gauge, schema};

const fn workers(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    gauge(from, "{worker}", doc).named(name)
}
const fn connections(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    gauge(from, "{connection}", doc).named(name)
}
const fn cpu(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "s", doc).named(name).reads(Reads::Secs)
}
const fn average(from: &'static str, name: &'static str, unit: &'static str, doc: &'static str) -> Measure {
    gauge(from, unit, doc).named(name).reads(Reads::F64)
}

/// Without `ExtendedStatus` those of requests and CPU time are missing.
pub(super) const STATUS: &[Measure] = &[
    attribute("ServerVersion", "Its version and those of its modules.").named("server_version"),
    dimension("ServerMPM", "How it spreads its work: `event`, `worker` or `prefork`.").named("server_mpm"),
    counter("ParentServerConfigGeneration", "{reload}", "How often its configuration was loaded.")
        .named("config_generation"),
    gauge("ServerUptimeSeconds", "s", "How long it has been running.").named("uptime").reads(Reads::Secs),
    average("Load1", "load1", "{thread}", "The host's load, average of a minute."),
    average("Load5", "load5", "{thread}", "The same, of five minutes."),
    average("Load15", "load15", "{thread}", "The same, of fifteen minutes."),
    counter("Total Accesses", "{request}", "Requests.").named("accesses"),
    counter("Total kBytes", "By", "Bytes sent, to a kibibyte.").named("bytes_sent").reads(Reads::Kib),
    counter("Total Duration", "s", "How long all requests took, added up.")
        .named("duration")
        .reads(Reads::Millis),
    cpu("CPUUser", "cpu_user", "CPU time in user mode, of the workers that run."),
    cpu("CPUSystem", "cpu_system", "CPU time in the kernel, of the workers that run."),
    cpu("CPUChildrenUser", "cpu_children_user", "CPU time in user mode, of their ended children."),
    cpu("CPUChildrenSystem", "cpu_children_system", "CPU time in the kernel, of their ended children."),
    average("CPULoad", "cpu_load", "%", "Its share of a CPU since it started."),
    average("ReqPerSec", "requests_per_second", "{request}/s", "Requests a second since it started."),
    average("BytesPerSec", "bytes_per_second", "By/s", "Bytes sent a second since it started."),
    average("BytesPerReq", "bytes_per_request", "By", "Bytes sent for a request since it started."),
    gauge("DurationPerReq", "s", "How long a request took since it started.")
        .named("duration_per_request")
        .reads(Reads::Millis),
    workers("BusyWorkers", "busy_workers", "Workers that have a request."),
    workers("GracefulWorkers", "graceful_workers", "Workers that have a request and end with it."),
    workers("IdleWorkers", "idle_workers", "Workers that wait for one."),
    gauge("Processes", "{process}", "Its processes.").named("processes"),
    gauge("Stopping", "{process}", "Those that are about to end.").named("processes_stopping"),
    connections("ConnsTotal", "connections", "Open connections."),
    connections(
        "ConnsAsyncWaitIO",
        "connections_wait_io",
        "Those that wait for input or output, without a worker.",
    ),
    connections(
        "ConnsAsyncWriting",
        "connections_writing",
        "Those whose answer is being written, without a worker.",
    ),
    connections(
        "ConnsAsyncKeepAlive",
        "connections_keep_alive",
        "Those that wait for the next request, without a worker.",
    ),
    connections("ConnsAsyncClosing", "connections_closing", "Those that are being closed, without a worker."),
];

/// By the letter of the scoreboard.
pub(super) const SCOREBOARD: &[(u8, Measure)] = &[
    (b'_', workers("", "scoreboard_waiting", "Workers that wait for a connection.")),
    (b'S', workers("", "scoreboard_starting", "Workers that start.")),
    (b'R', workers("", "scoreboard_reading", "Workers that read a request.")),
    (b'W', workers("", "scoreboard_sending", "Workers that make and send an answer; the scrape is one.")),
    (b'K', workers("", "scoreboard_keep_alive", "Workers that wait for the next request of a connection.")),
    (b'D', workers("", "scoreboard_dns", "Workers that look up a name.")),
    (b'C', workers("", "scoreboard_closing", "Workers that close a connection.")),
    (b'L', workers("", "scoreboard_logging", "Workers that write to a log.")),
    (b'G', workers("", "scoreboard_finishing", "Workers that end with their request.")),
    (b'I', workers("", "scoreboard_idle_cleanup", "Workers that end since they have nothing to do.")),
    (b'.', workers("", "scoreboard_open", "Places without a worker.")),
];

pub(super) static STATUS_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let scoreboard: Vec<Measure> = SCOREBOARD.iter().map(|(_, measure)| *measure).collect();
    let doc = "What Apache says of itself; what needs `ExtendedStatus` is missing without it.";
    schema("apache_status", doc, &[STATUS, &scoreboard]).into()
});

pub(super) const BALANCER: Measure =
    dimension("Name", "The balancer, as in `balancer://name`.").named("balancer");
pub(super) const WORKER: &[Measure] = &[
    dimension("Name", "The server behind it.").named("worker"),
    dimension("Status", "Its state, as in `Init Ok`.").named("status"),
    counter("Elected", "{request}", "Requests that it was chosen for.").named("elected"),
    gauge("Busy", "{request}", "Requests that it works on.").named("busy"),
    counter("Sent", "By", "Bytes sent to it, to a kibibyte.").named("sent").reads(Reads::Kib),
    counter("Rcvd", "By", "Bytes received from it, to a kibibyte.").named("received").reads(Reads::Kib),
];
pub(super) static WORKER_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let doc = "One server behind a balancer of `mod_proxy_balancer`, with `ProxyStatus On`.";
    schema("apache_balancer_worker", doc, &[&[BALANCER], WORKER]).into()
});

const fn sessions(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "{session}", doc).named(name)
}
pub(super) const CACHE: &[Measure] = &[
    gauge("CacheSharedMemory", "By", "The memory that it has.").named("shared_memory"),
    gauge("CacheCurrentEntries", "{session}", "Sessions in it.").named("entries"),
    gauge("CacheIndexUsage", "%", "How full its index is.").named("index_usage"),
    gauge("CacheUsage", "%", "How full it is.").named("usage"),
    sessions("CacheStoreCount", "stored", "Sessions put in."),
    sessions("CacheReplaceCount", "replaced", "Sessions put in in place of themselves."),
    sessions("CacheExpireCount", "expired", "Sessions that expired."),
    sessions("CacheDiscardCount", "discarded", "Sessions dropped for want of room."),
    sessions("CacheRetrieveHitCount", "hits", "Sessions looked for and found."),
    sessions("CacheRetrieveMissCount", "misses", "Sessions looked for and not found."),
    sessions("CacheRemoveHitCount", "removed", "Sessions taken out."),
    sessions(
        "CacheRemoveMissCount",
        "removed_misses",
        "Sessions that were to be taken out and were not there.",
    ),
];
pub(super) static CACHE_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("apache_tls_session_cache", "The cache of TLS sessions, where it is `shmcb`.", &[CACHE]).into()
});
