//! The status variables, in lower case, and what they become.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, attribute, counter, dimension, gauge, schema};

const fn bytes(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "By", doc)
}
const fn threads(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "{thread}", doc)
}
const fn pages(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "{page}", doc)
}
const fn operations(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "{operation}", doc)
}
const fn rows(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "{row}", doc)
}
const fn connections(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "{connection}", doc)
}

/// What the server's variables say.
pub(super) const SERVER: &[Measure] = &[
    attribute("version", "The version.").otel("service.version"),
    attribute("version_comment", "What distribution it is."),
    gauge("max_connections", "{connection}", "How many connections there may be."),
    dimension("read_only", "Whether it takes no writes.").reads(Reads::Bool),
];

pub(super) const STATUS: &[Measure] = &[
    gauge("uptime", "s", "How long it has been running.").reads(Reads::Secs),
    // Connections
    connections("connections", "Attempts to connect, successful or not."),
    connections("aborted_clients", "Connections that ended since the client went away."),
    connections("aborted_connects", "Attempts to connect that failed."),
    connections("access_denied_errors", "Attempts that were refused (MariaDB)."),
    connections("connection_errors_accept", "Errors while a connection was accepted."),
    connections("connection_errors_internal", "Connections refused for an error of the server."),
    connections(
        "connection_errors_max_connections",
        "Connections refused since there were `max_connections`.",
    ),
    connections("connection_errors_peer_address", "Errors while the client's address was looked up."),
    connections("connection_errors_select", "Errors while it waited for connections."),
    gauge("max_used_connections", "{connection}", "The most connections at one time."),
    threads("threads_cached", "Threads that wait for a connection."),
    threads("threads_connected", "Open connections; the scrape is one."),
    threads("threads_running", "Connections that run something."),
    counter("threads_created", "{thread}", "Threads made for connections."),
    counter("slow_launch_threads", "{thread}", "Threads that took long to make."),
    // Traffic and statements
    bytes("bytes_received", "Bytes received from clients."),
    bytes("bytes_sent", "Bytes sent to clients."),
    counter("queries", "{statement}", "Statements, those within stored programs included."),
    counter("questions", "{statement}", "Statements sent by clients."),
    counter("slow_queries", "{statement}", "Statements that took longer than `long_query_time`."),
    gauge("prepared_stmt_count", "{statement}", "Prepared statements."),
    counter("busy_time", "s", "How long all threads were busy (MariaDB, with `userstat`).")
        .reads(Reads::Secs),
    counter("cpu_time", "s", "CPU time of all threads (MariaDB, with `userstat`).").reads(Reads::Secs),
    gauge("memory_used", "By", "Memory in use (MariaDB)."),
    // Tables and files
    gauge("open_files", "{file}", "Open files, without those of storage engines that open their own."),
    gauge("open_streams", "{file}", "Open streams."),
    gauge("open_tables", "{table}", "Open tables."),
    gauge("open_table_definitions", "{table}", "Cached definitions of tables."),
    counter("opened_files", "{file}", "Files opened."),
    counter("opened_tables", "{table}", "Tables opened: many if the cache is too small."),
    counter("opened_table_definitions", "{table}", "Definitions of tables read."),
    operations("table_open_cache_hits", "Tables found in the cache."),
    operations("table_open_cache_misses", "Tables not found in the cache."),
    operations("table_open_cache_overflows", "Tables closed since the cache was full."),
    operations("table_locks_immediate", "Table locks that were there at once."),
    operations("table_locks_waited", "Table locks that had to be waited for."),
    counter("created_tmp_tables", "{table}", "Temporary tables that the server made."),
    counter("created_tmp_disk_tables", "{table}", "Those of them on disk."),
    counter("created_tmp_files", "{file}", "Temporary files."),
    // How statements are run
    operations("select_full_join", "Joins that scan a table."),
    operations("select_full_range_join", "Joins that search a range of a table."),
    operations("select_range", "Joins that search a range of their first table."),
    operations("select_range_check", "Joins that look for an index anew for each row."),
    operations("select_scan", "Joins that scan their first table."),
    operations("sort_merge_passes", "Passes of sorting: many if the buffer is too small."),
    operations("sort_range", "Sorts of a range."),
    operations("sort_scan", "Sorts of a table."),
    rows("sort_rows", "Rows sorted."),
    operations("handler_commit", "Commits."),
    operations("handler_rollback", "Rollbacks."),
    rows("handler_delete", "Rows deleted."),
    rows("handler_update", "Rows updated."),
    rows("handler_write", "Rows inserted."),
    operations("handler_read_first", "Reads of an index' first entry: whole scans of it."),
    operations("handler_read_key", "Rows read by key."),
    operations("handler_read_next", "Next rows read in the order of an index."),
    operations("handler_read_prev", "Previous rows read in the order of an index."),
    operations("handler_read_rnd", "Rows read by position: of sorted results."),
    operations("handler_read_rnd_next", "Next rows read of a file: scans of tables."),
    // Binary log
    operations("binlog_cache_use", "Transactions that used the binary log's cache."),
    operations("binlog_cache_disk_use", "Those of them that did not fit."),
    operations("binlog_stmt_cache_use", "Statements outside of transactions that used it."),
    operations("binlog_stmt_cache_disk_use", "Those of them that did not fit."),
    operations("binlog_commits", "Transactions in the binary log (MariaDB)."),
    bytes("binlog_bytes_written", "Bytes written to the binary log (MariaDB)."),
    // InnoDB's buffer pool
    pages("innodb_buffer_pool_pages_total", "Pages of the buffer pool."),
    pages("innodb_buffer_pool_pages_data", "Those with data."),
    pages("innodb_buffer_pool_pages_dirty", "Those with data that are not written yet."),
    pages("innodb_buffer_pool_pages_free", "Those that are free."),
    pages("innodb_buffer_pool_pages_misc", "Those for other ends."),
    counter("innodb_buffer_pool_pages_flushed", "{page}", "Pages written."),
    gauge("innodb_buffer_pool_bytes_data", "By", "Bytes with data."),
    gauge("innodb_buffer_pool_bytes_dirty", "By", "Bytes with data that are not written yet."),
    operations("innodb_buffer_pool_read_requests", "Pages asked for."),
    operations("innodb_buffer_pool_reads", "Those that were not there and were read from disk."),
    counter("innodb_buffer_pool_read_ahead", "{page}", "Pages read ahead."),
    counter("innodb_buffer_pool_read_ahead_evicted", "{page}", "Those that nobody asked for."),
    operations("innodb_buffer_pool_wait_free", "Times that a free page had to be waited for."),
    operations("innodb_buffer_pool_write_requests", "Writes to pages."),
    // InnoDB's input and output
    bytes("innodb_data_read", "Bytes read."),
    bytes("innodb_data_written", "Bytes written."),
    operations("innodb_data_reads", "Reads."),
    operations("innodb_data_writes", "Writes."),
    operations("innodb_data_fsyncs", "Syncs."),
    gauge("innodb_data_pending_reads", "{operation}", "Reads that wait."),
    gauge("innodb_data_pending_writes", "{operation}", "Writes that wait."),
    gauge("innodb_data_pending_fsyncs", "{operation}", "Syncs that wait."),
    operations("innodb_dblwr_writes", "Writes of the doublewrite buffer."),
    counter("innodb_dblwr_pages_written", "{page}", "Pages written to it."),
    operations("innodb_log_waits", "Times that the log buffer was too small."),
    operations("innodb_log_write_requests", "Requests to write to the log."),
    operations("innodb_log_writes", "Writes of the log."),
    bytes("innodb_os_log_written", "Bytes written to the log."),
    operations("innodb_os_log_fsyncs", "Syncs of the log."),
    gauge("innodb_os_log_pending_fsyncs", "{operation}", "Syncs of the log that wait."),
    gauge("innodb_os_log_pending_writes", "{operation}", "Writes of the log that wait."),
    counter("innodb_lsn_current", "By", "How far the log is (MariaDB)."),
    gauge("innodb_checkpoint_age", "By", "Log since the last checkpoint (MariaDB)."),
    gauge("innodb_checkpoint_max_age", "By", "How much that may be (MariaDB)."),
    gauge(
        "innodb_history_list_length",
        "{transaction}",
        "Old versions of rows that wait to be purged (MariaDB).",
    ),
    counter("innodb_pages_created", "{page}", "Pages made."),
    counter("innodb_pages_read", "{page}", "Pages read."),
    counter("innodb_pages_written", "{page}", "Pages written."),
    gauge("innodb_page_size", "By", "The size of a page."),
    gauge("innodb_num_open_files", "{file}", "Open files."),
    // InnoDB's rows and locks
    rows("innodb_rows_deleted", "Rows deleted."),
    rows("innodb_rows_inserted", "Rows inserted."),
    rows("innodb_rows_read", "Rows read."),
    rows("innodb_rows_updated", "Rows updated."),
    gauge("innodb_row_lock_current_waits", "{lock}", "Row locks that are waited for."),
    counter("innodb_row_lock_waits", "{lock}", "Row locks that had to be waited for."),
    counter("innodb_row_lock_time", "s", "How long all of them were waited for.").reads(Reads::Millis),
    gauge("innodb_row_lock_time_avg", "s", "How long on average.").reads(Reads::Millis),
    gauge("innodb_row_lock_time_max", "s", "How long at most.").reads(Reads::Millis),
    counter("innodb_deadlocks", "{deadlock}", "Deadlocks (MariaDB)."),
    // Other caches
    gauge("key_blocks_not_flushed", "{block}", "Blocks of the key cache that are not written yet."),
    gauge("key_blocks_unused", "{block}", "Blocks of the key cache that are free."),
    gauge("key_blocks_used", "{block}", "The most blocks of the key cache in use."),
    operations("key_read_requests", "Blocks asked of the key cache."),
    operations("key_reads", "Those that were read from disk."),
    operations("key_write_requests", "Blocks to be written through the key cache."),
    operations("key_writes", "Blocks written to disk."),
    gauge("qcache_free_blocks", "{block}", "Free blocks of the query cache."),
    gauge("qcache_free_memory", "By", "Free memory of the query cache."),
    operations("qcache_hits", "Answers from the query cache."),
    operations("qcache_inserts", "Answers put into the query cache."),
    operations("qcache_lowmem_prunes", "Answers dropped for want of room."),
    operations("qcache_not_cached", "Answers that could not be cached."),
    gauge("qcache_queries_in_cache", "{query}", "Answers in the query cache."),
    gauge("qcache_total_blocks", "{block}", "Blocks of the query cache."),
    // TLS
    connections("ssl_accepts", "TLS connections accepted."),
    connections("ssl_finished_accepts", "TLS connections that came about."),
    // Replication and clusters
    gauge("slaves_connected", "{replica}", "Replicas (MariaDB)."),
    gauge("slaves_running", "{replica}", "Replication connections that run (MariaDB)."),
    gauge("slave_open_temp_tables", "{table}", "Temporary tables that replication holds open."),
    gauge("replica_open_temp_tables", "{table}", "Temporary tables that replication holds open."),
    gauge("wsrep_cluster_size", "{node}", "Nodes of the Galera cluster."),
    dimension("wsrep_cluster_status", "Whether this node is of the `Primary` part of it."),
    dimension("wsrep_local_state_comment", "Its state, as in `Synced`."),
    dimension("wsrep_ready", "Whether it takes statements.").reads(Reads::Bool),
    dimension("wsrep_connected", "Whether it is connected to the cluster.").reads(Reads::Bool),
    gauge("wsrep_flow_control_paused", "1", "Share of time in which replication was paused.")
        .reads(Reads::F64),
    counter("wsrep_flow_control_sent", "{event}", "Pauses that this node asked for."),
    counter("wsrep_flow_control_recv", "{event}", "Pauses."),
    gauge("wsrep_local_recv_queue", "{transaction}", "Transactions that wait to be applied."),
    gauge("wsrep_local_recv_queue_avg", "{transaction}", "The same, on average.").reads(Reads::F64),
    gauge("wsrep_local_send_queue", "{transaction}", "Transactions that wait to be sent."),
    gauge("wsrep_local_send_queue_avg", "{transaction}", "The same, on average.").reads(Reads::F64),
    counter(
        "wsrep_local_cert_failures",
        "{transaction}",
        "Transactions that failed since they conflicted with others.",
    ),
    counter(
        "wsrep_local_bf_aborts",
        "{transaction}",
        "Transactions that were ended for those of other nodes.",
    ),
    bytes("wsrep_received_bytes", "Bytes received from other nodes."),
    bytes("wsrep_replicated_bytes", "Bytes sent to other nodes."),
];

pub(super) fn status() -> Schema {
    let doc = "The server's status variables, counted since it was started; those that are not known become further fields, \
               as counters unless their name says otherwise.";
    schema("mysql_status", doc, &[SERVER, STATUS])
}

/// Whether a variable that is not known is a gauge, by the words of its name: most count.
pub(super) fn is_gauge(name: &str) -> bool {
    const WORDS: &[&str] = &[
        "acl",
        "active",
        "age",
        "available",
        "average",
        "avg",
        "cached",
        "capacity",
        "clients",
        "connected",
        "current",
        "default",
        "depth",
        "dirty",
        "entries",
        "free",
        "id",
        "idle",
        "index",
        "interval",
        "last",
        "length",
        "longest",
        "max",
        "mem",
        "memory",
        "mode",
        "old",
        "oldest",
        "open",
        "pct",
        "pending",
        "percent",
        "period",
        "position",
        "queue",
        "ratio",
        "running",
        "segment",
        "size",
        "state",
        "status",
        "tablespaces",
        "thread",
        "threads",
        "total",
        "unused",
        "usage",
        "used",
        "window",
    ];
    const COUNTS: &[&str] = &["exceeded", "loops", "lost", "reused", "timeouts", "waits"];
    let mut words = name.split('_');
    !words.clone().next_back().is_some_and(|last| COUNTS.contains(&last))
        && words.any(|word| WORDS.contains(&word))
}

pub(super) const COMMAND: &[Measure] = &[
    dimension("command", "The command, as in `select`.").otel("db.operation.name"),
    counter("count", "{statement}", "How often it was run."),
];
pub(super) static COMMAND_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("mysql_command", "How often one command was run, of those that were.", &[COMMAND]).into()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_are_not_known_are_told_apart_by_their_words() {
        for gauge in [
            "acl_users",
            "innodb_mem_dictionary",
            "ssl_default_timeout",
            "threadpool_idle_threads",
            "stack_usage",
        ] {
            assert!(is_gauge(gauge), "{gauge}");
        }
        for counter in [
            "innodb_buffer_pool_pages_lru_freed",
            "performance_schema_index_stat_lost",
            "innodb_master_thread_idle_loops",
            "ssl_session_cache_timeouts",
            "max_statement_time_exceeded",
            "feature_json",
            "rows_sent",
        ] {
            assert!(!is_gauge(counter), "{counter}");
        }
    }
}
