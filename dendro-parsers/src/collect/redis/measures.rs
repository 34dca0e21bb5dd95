//! The names in the answer to `INFO`, and what they become.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, attribute, counter, dimension, gauge, schema};

const fn bytes(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "By", doc)
}
/// Some differences are negative.
const fn signed_bytes(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "By", doc).reads(Reads::I64)
}
const fn ratio(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "1", doc).reads(Reads::F64)
}
const fn clients(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "{client}", doc)
}
const fn keys(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "{key}", doc)
}
const fn seconds(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    gauge(from, "s", doc).named(name).reads(Reads::Secs)
}
const fn flag(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "1", doc)
}
const fn cpu(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "s", doc).reads(Reads::Secs)
}

pub(super) const INFO: &[Measure] = &[
    // Server
    attribute("redis_version", "The version; that of Redis which it is compatible with, for others.")
        .otel("service.version"),
    attribute("valkey_version", "The version of Valkey."),
    dimension("redis_mode", "`standalone`, `sentinel` or `cluster`."),
    seconds("uptime_in_seconds", "uptime", "How long it has been running."),
    flag("io_threads_active", "Whether it uses threads for input and output."),
    // Clients
    clients("connected_clients", "Connections of clients, without those of replicas."),
    clients("cluster_connections", "Connections of the cluster."),
    clients("maxclients", "How many clients there may be."),
    bytes("client_recent_max_input_buffer", "The largest request that waits."),
    bytes("client_recent_max_output_buffer", "The largest answer that waits."),
    clients("blocked_clients", "Clients that wait in a blocking command."),
    clients("tracking_clients", "Clients that are told of changes."),
    clients("pubsub_clients", "Clients that are subscribed."),
    clients("watching_clients", "Clients that watch keys."),
    clients("clients_in_timeout_table", "Clients that may run into a time-out."),
    gauge("total_watched_keys", "{key}", "Keys that are watched."),
    gauge("total_blocking_keys", "{key}", "Keys that clients wait for."),
    // Memory
    bytes("used_memory", "Memory that its allocator has given."),
    bytes("used_memory_rss", "Memory that it has of the operating system."),
    bytes("used_memory_peak", "The most that `used_memory` has been."),
    bytes("used_memory_overhead", "Memory for its own ends."),
    bytes("used_memory_startup", "Memory that it had when it was started."),
    bytes("used_memory_dataset", "Memory of the data."),
    bytes("used_memory_lua", "Memory of the Lua engine."),
    bytes("used_memory_vm_total", "Memory of the script and function engines."),
    bytes("used_memory_functions", "Memory of functions."),
    bytes("used_memory_scripts", "Memory of scripts and functions outside of their engines."),
    bytes("used_memory_scripts_eval", "Memory of cached scripts."),
    bytes("total_system_memory", "Memory of the host."),
    bytes("maxmemory", "Memory that it may use; 0 for no limit."),
    dimension("maxmemory_policy", "What it does at the limit."),
    bytes("allocator_allocated", "Memory that the allocator has given, its own overhead included."),
    bytes("allocator_active", "Memory in pages of which something is used."),
    bytes("allocator_resident", "Memory that the allocator has of the operating system."),
    ratio("allocator_frag_ratio", "`allocator_active` over `allocator_allocated`."),
    signed_bytes("allocator_frag_bytes", "`allocator_active` less `allocator_allocated`."),
    ratio("allocator_rss_ratio", "`allocator_resident` over `allocator_active`."),
    signed_bytes("allocator_rss_bytes", "`allocator_resident` less `allocator_active`."),
    ratio("rss_overhead_ratio", "`used_memory_rss` over `allocator_resident`."),
    signed_bytes("rss_overhead_bytes", "`used_memory_rss` less `allocator_resident`."),
    ratio("mem_fragmentation_ratio", "`used_memory_rss` over `used_memory`."),
    signed_bytes("mem_fragmentation_bytes", "`used_memory_rss` less `used_memory`."),
    bytes("mem_not_counted_for_evict", "Memory that does not count towards the limit."),
    bytes("mem_replication_backlog", "Memory of the replication backlog."),
    bytes("mem_total_replication_buffers", "Memory of all replication buffers."),
    bytes("mem_clients_slaves", "Memory of replicas' connections."),
    bytes("mem_clients_normal", "Memory of clients' connections."),
    bytes("mem_cluster_links", "Memory of the cluster's connections."),
    bytes("mem_aof_buffer", "Memory of the append-only file's buffer."),
    flag("active_defrag_running", "Whether it defragments, and how hard, in percent of a CPU."),
    gauge("lazyfree_pending_objects", "{object}", "Objects that wait to be freed."),
    counter("lazyfreed_objects", "{object}", "Objects freed in the background."),
    gauge("number_of_cached_scripts", "{script}", "Cached scripts."),
    gauge("number_of_functions", "{function}", "Functions."),
    // Persistence
    flag("loading", "Whether it loads a dump."),
    flag("async_loading", "Whether it loads a dataset while it serves the old one."),
    bytes("current_cow_size", "Memory copied for the child that saves."),
    gauge("rdb_changes_since_last_save", "{change}", "Changes since the last dump."),
    flag("rdb_bgsave_in_progress", "Whether it dumps."),
    gauge("rdb_last_save_time", "", "When it has dumped last.").reads(Reads::UnixSecs),
    dimension("rdb_last_bgsave_status", "Whether the last dump was `ok`."),
    seconds("rdb_last_bgsave_time_sec", "rdb_last_bgsave_duration", "How long the last dump took."),
    seconds("rdb_current_bgsave_time_sec", "rdb_current_bgsave_duration", "How long it dumps already."),
    counter("rdb_saves", "{dump}", "Dumps."),
    bytes("rdb_last_cow_size", "Memory copied for the last dump."),
    flag("aof_enabled", "Whether it writes an append-only file."),
    flag("aof_rewrite_in_progress", "Whether it rewrites that."),
    flag("aof_rewrite_scheduled", "Whether it is going to."),
    seconds("aof_last_rewrite_time_sec", "aof_last_rewrite_duration", "How long the last rewrite took."),
    seconds("aof_current_rewrite_time_sec", "aof_current_rewrite_duration", "How long it rewrites already."),
    dimension("aof_last_bgrewrite_status", "Whether the last rewrite was `ok`."),
    dimension("aof_last_write_status", "Whether the last write was `ok`."),
    counter("aof_rewrites", "{rewrite}", "Rewrites."),
    bytes("aof_last_cow_size", "Memory copied for the last rewrite."),
    bytes("aof_current_size", "The append-only file."),
    bytes("aof_base_size", "The append-only file at the last rewrite or start."),
    gauge("aof_pending_bio_fsync", "{operation}", "Syncs that wait."),
    counter("aof_delayed_fsync", "{operation}", "Writes that had to wait for a sync."),
    // Stats
    counter("total_connections_received", "{connection}", "Connections accepted."),
    counter("total_commands_processed", "{command}", "Commands."),
    gauge("instantaneous_ops_per_sec", "{command}/s", "Commands a second, lately."),
    counter("total_net_input_bytes", "By", "Bytes received."),
    counter("total_net_output_bytes", "By", "Bytes sent."),
    counter("total_net_repl_input_bytes", "By", "Bytes received for replication."),
    counter("total_net_repl_output_bytes", "By", "Bytes sent for replication."),
    gauge("instantaneous_input_kbps", "KiBy/s", "Received a second, lately.").reads(Reads::F64),
    gauge("instantaneous_output_kbps", "KiBy/s", "Sent a second, lately.").reads(Reads::F64),
    counter("rejected_connections", "{connection}", "Connections refused since there were `maxclients`."),
    counter("sync_full", "{operation}", "Full resynchronisations with replicas."),
    counter("sync_partial_ok", "{operation}", "Partial resynchronisations that were possible."),
    counter("sync_partial_err", "{operation}", "Partial resynchronisations that were not."),
    keys("expired_keys", "Keys that expired."),
    gauge("expired_stale_perc", "%", "Keys that have expired and are still there, an estimate.")
        .reads(Reads::F64),
    counter(
        "expired_time_cap_reached_count",
        "{event}",
        "Times that looking for expired keys was cut short.",
    ),
    counter("expire_cycle_cpu_milliseconds", "s", "CPU time for that.")
        .named("expire_cycle_cpu")
        .reads(Reads::Millis),
    keys("evicted_keys", "Keys removed for want of memory."),
    counter("evicted_clients", "{client}", "Clients sent away for want of memory."),
    counter("total_eviction_exceeded_time", "s", "How long it was above `maxmemory`.").reads(Reads::Millis),
    keys("keyspace_hits", "Keys looked for and found."),
    keys("keyspace_misses", "Keys looked for and not found."),
    gauge("pubsub_channels", "{channel}", "Channels with subscribers."),
    gauge("pubsub_patterns", "{pattern}", "Patterns with subscribers."),
    gauge("pubsubshard_channels", "{channel}", "Channels of a shard with subscribers."),
    gauge("latest_fork_usec", "s", "How long the last fork took.")
        .named("latest_fork_duration")
        .reads(Reads::Micros),
    counter("total_forks", "{fork}", "Forks."),
    gauge("migrate_cached_sockets", "{connection}", "Connections open for `MIGRATE`."),
    gauge("slave_expires_tracked_keys", "{key}", "Keys of a writable replica that may expire."),
    counter("active_defrag_hits", "{operation}", "Values moved to defragment."),
    counter("active_defrag_misses", "{operation}", "Values that were to be moved and were not."),
    gauge("tracking_total_keys", "{key}", "Keys whose changes clients are told of."),
    counter("unexpected_error_replies", "{error}", "Errors of other causes than commands."),
    counter("total_error_replies", "{error}", "Errors answered, be it that a command was refused or failed."),
    counter("dump_payload_sanitizations", "{operation}", "Dumps that were checked in depth."),
    counter("total_reads_processed", "{operation}", "Reads of connections."),
    counter("total_writes_processed", "{operation}", "Writes to connections."),
    counter("io_threaded_reads_processed", "{operation}", "Reads by threads."),
    counter("io_threaded_writes_processed", "{operation}", "Writes by threads."),
    counter("acl_access_denied_auth", "{event}", "Log-ins refused."),
    counter("acl_access_denied_cmd", "{event}", "Commands that the user may not run."),
    counter("acl_access_denied_key", "{event}", "Keys that the user may not touch."),
    counter("acl_access_denied_channel", "{event}", "Channels that the user may not use."),
    // Replication
    dimension("role", "`master` or `slave`."),
    gauge("connected_slaves", "{replica}", "Replicas."),
    gauge("min_slaves_good_slaves", "{replica}", "Replicas whose lag is good enough."),
    dimension("master_link_status", "Of a replica: whether its master is `up`."),
    seconds(
        "master_last_io_seconds_ago",
        "master_last_io_ago",
        "Of a replica: how long ago it heard of its master.",
    ),
    flag("master_sync_in_progress", "Of a replica: whether it gets all data."),
    seconds(
        "master_link_down_since_seconds",
        "master_link_down_since",
        "Of a replica: how long its master has been down.",
    ),
    counter("slave_repl_offset", "By", "Of a replica: how far it is."),
    counter("slave_read_repl_offset", "By", "Of a replica: how far it has read."),
    flag("slave_read_only", "Of a replica: whether it takes no writes."),
    counter("master_repl_offset", "By", "How far replication is."),
    flag("repl_backlog_active", "Whether there is a replication backlog."),
    bytes("repl_backlog_size", "How large that is."),
    bytes("repl_backlog_histlen", "How much of that is filled."),
    // CPU
    cpu("used_cpu_sys", "CPU time in the kernel."),
    cpu("used_cpu_user", "CPU time in user mode."),
    cpu("used_cpu_sys_children", "CPU time in the kernel, of its children."),
    cpu("used_cpu_user_children", "CPU time in user mode, of its children."),
    cpu("used_cpu_sys_main_thread", "CPU time in the kernel, of the main thread."),
    cpu("used_cpu_user_main_thread", "CPU time in user mode, of the main thread."),
    // Cluster
    flag("cluster_enabled", "Whether it is part of a cluster."),
];

pub(super) fn info() -> Schema {
    schema(
        "redis_info",
        "What Redis says of itself; versions other than those known may add further fields.",
        &[INFO],
    )
}

/// Names of hosts, paths, and what stands elsewhere in another form.
pub(super) const LEFT_OUT: &[&str] = &[
    "redis_git_sha1",
    "redis_git_dirty",
    "arch_bits",
    "process_id",
    "tcp_port",
    "server_time_usec",
    "uptime_in_days",
    "hz",
    "configured_hz",
    "lru_clock",
    "master_port",
    "second_repl_offset",
    "repl_backlog_first_byte_offset",
    "slave_priority",
    "slave_announced",
    "replica_announced",
];

pub(super) const KEYSPACE: &[Measure] = &[
    dimension("db", "The number of the database.").reads(Reads::U64).otel("db.namespace"),
    gauge("keys", "{key}", "Its keys."),
    gauge("expires", "{key}", "Those that expire."),
    gauge("avg_ttl", "s", "How long those have, on average.").reads(Reads::Millis),
    gauge("subexpiry", "{key}", "Hashes with fields that expire."),
];
pub(super) static KEYSPACE_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("redis_keyspace", "One database of Redis that is not empty.", &[KEYSPACE]).into()
});

pub(super) const REPLICA: &[Measure] = &[
    dimension("ip", "Its address."),
    dimension("port", "Its port.").reads(Reads::U64),
    dimension("state", "Its state, as in `online`."),
    counter("offset", "By", "How far it is."),
    gauge("lag", "s", "How long ago it was heard of.").reads(Reads::Secs),
];
pub(super) static REPLICA_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| schema("redis_replica", "One replica, as its master sees it.", &[REPLICA]).into());

pub(super) const COMMAND: &[Measure] = &[
    dimension("command", "The command.").otel("db.operation.name"),
    counter("calls", "{call}", "How often it was called and run."),
    counter("usec", "s", "How long that took.").named("duration").reads(Reads::Micros),
    counter("rejected_calls", "{call}", "How often it was refused before it ran."),
    counter("failed_calls", "{call}", "How often it failed while it ran."),
];
pub(super) static COMMAND_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| schema("redis_command", "How one command was used.", &[COMMAND]).into());

pub(super) const ERROR: &[Measure] = &[
    dimension("error", "The error's first word, as in `WRONGTYPE`.").otel("error.type"),
    counter("count", "{error}", "How often it was answered."),
];
pub(super) static ERROR_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| schema("redis_error", "How often one kind of error was answered.", &[ERROR]).into());
