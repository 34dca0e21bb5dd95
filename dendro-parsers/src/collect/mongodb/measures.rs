//! What stands where in the answers to `serverStatus` and `replSetGetStatus`.

use super::super::table::{Measure, Reads, attribute, counter, dimension, gauge};

const fn count(from: &'static str, name: &'static str, unit: &'static str, doc: &'static str) -> Measure {
    counter(from, unit, doc).named(name)
}
const fn now(from: &'static str, name: &'static str, unit: &'static str, doc: &'static str) -> Measure {
    gauge(from, unit, doc).named(name)
}
const fn bytes(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "By", doc).named(name)
}
const fn operations(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "{operation}", doc).named(name).otel("mongodb.operation.count")
}
const fn replicated(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "{operation}", doc).named(name).otel("mongodb.operation.repl.count")
}
/// Microseconds.
const fn took(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "s", doc).named(name).reads(Reads::Micros)
}
const fn pages(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "{page}", doc).named(name)
}
const fn documents(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "{document}", doc).named(name).otel("mongodb.document.operation.count")
}

pub(super) const SERVER: &[Measure] = &[
    attribute("version", "The version of the server.").otel("service.version"),
    attribute("host", "What the server calls itself."),
    dimension("process", "`mongod` or `mongos`."),
    dimension("storageEngine.name", "The storage engine.").named("storage_engine"),
    gauge("uptime", "s", "How long it has been running.").reads(Reads::Secs).otel("mongodb.uptime"),
    // Asserts
    count("asserts.regular", "asserts_regular", "{assert}", "Assertions that failed."),
    count("asserts.warning", "asserts_warning", "{assert}", "Warnings."),
    count("asserts.msg", "asserts_msg", "{assert}", "Messages of assertions."),
    count("asserts.user", "asserts_user", "{assert}", "Errors of users."),
    // Connections and network
    now("connections.current", "connections_current", "{connection}", "Open connections.")
        .otel("mongodb.connection.count"),
    now("connections.available", "connections_available", "{connection}", "How many more there may be.")
        .otel("mongodb.connection.count"),
    now("connections.active", "connections_active", "{connection}", "Those that do something.")
        .otel("mongodb.connection.count"),
    count("connections.totalCreated", "connections_total_created", "{connection}", "Connections."),
    count(
        "connections.rejected",
        "connections_rejected",
        "{connection}",
        "Connections refused for want of room.",
    ),
    bytes("network.bytesIn", "network_bytes_in", "Bytes received.").otel("mongodb.network.io.receive"),
    bytes("network.bytesOut", "network_bytes_out", "Bytes sent.").otel("mongodb.network.io.transmit"),
    count("network.numRequests", "network_num_requests", "{request}", "Requests.")
        .otel("mongodb.network.request.count"),
    // Operations
    operations("opcounters.insert", "opcounters_insert", "Inserts."),
    operations("opcounters.query", "opcounters_query", "Queries."),
    operations("opcounters.update", "opcounters_update", "Updates."),
    operations("opcounters.delete", "opcounters_delete", "Deletes."),
    operations("opcounters.getmore", "opcounters_getmore", "Fetches of more from a cursor."),
    operations("opcounters.command", "opcounters_command", "Other commands."),
    replicated("opcountersRepl.insert", "opcounters_repl_insert", "Inserts that came by replication."),
    replicated("opcountersRepl.update", "opcounters_repl_update", "Updates that came by replication."),
    replicated("opcountersRepl.delete", "opcounters_repl_delete", "Deletes that came by replication."),
    replicated(
        "opcountersRepl.command",
        "opcounters_repl_command",
        "Other commands that came by replication.",
    ),
    took("opLatencies.reads.latency", "reads_latency", "Time taken by reads.")
        .otel("mongodb.operation.latency.time"),
    count("opLatencies.reads.ops", "reads_ops", "{operation}", "Reads."),
    took("opLatencies.writes.latency", "writes_latency", "Time taken by writes.")
        .otel("mongodb.operation.latency.time"),
    count("opLatencies.writes.ops", "writes_ops", "{operation}", "Writes."),
    took("opLatencies.commands.latency", "commands_latency", "Time taken by commands.")
        .otel("mongodb.operation.latency.time"),
    count("opLatencies.commands.ops", "commands_ops", "{operation}", "Commands."),
    documents("metrics.document.inserted", "document_inserted", "Documents inserted."),
    documents("metrics.document.updated", "document_updated", "Documents updated."),
    documents("metrics.document.deleted", "document_deleted", "Documents deleted."),
    documents("metrics.document.returned", "document_returned", "Documents returned."),
    count("metrics.queryExecutor.scanned", "query_executor_scanned", "{key}", "Keys of indexes looked at."),
    count(
        "metrics.queryExecutor.scannedObjects",
        "query_executor_scanned_objects",
        "{document}",
        "Documents looked at.",
    ),
    count(
        "metrics.queryExecutor.collectionScans.total",
        "collection_scans",
        "{query}",
        "Queries without an index.",
    ),
    count(
        "metrics.operation.scanAndOrder",
        "operation_scan_and_order",
        "{query}",
        "Queries that sort without an index.",
    ),
    count(
        "metrics.operation.writeConflicts",
        "operation_write_conflicts",
        "{operation}",
        "Writes that met another.",
    ),
    now("metrics.cursor.open.total", "cursor_open", "{cursor}", "Open cursors.").otel("mongodb.cursor.count"),
    now("metrics.cursor.open.pinned", "cursor_open_pinned", "{cursor}", "Those that are in use."),
    now(
        "metrics.cursor.open.noTimeout",
        "cursor_open_no_timeout",
        "{cursor}",
        "Those that stay open when idle.",
    ),
    count("metrics.cursor.timedOut", "cursor_timed_out", "{cursor}", "Cursors closed since they were idle.")
        .otel("mongodb.cursor.timeout.count"),
    documents("metrics.ttl.deletedDocuments", "ttl_deleted_documents", "Documents deleted for their age."),
    count("metrics.ttl.passes", "ttl_passes", "{pass}", "Looks for documents that are too old."),
    // Locks and queues
    now("globalLock.currentQueue.readers", "queue_readers", "{operation}", "Reads that wait for a lock."),
    now("globalLock.currentQueue.writers", "queue_writers", "{operation}", "Writes that wait for a lock."),
    now("globalLock.activeClients.readers", "active_readers", "{operation}", "Reads under way.")
        .otel("mongodb.active.reads"),
    now("globalLock.activeClients.writers", "active_writers", "{operation}", "Writes under way.")
        .otel("mongodb.active.writes"),
    now(
        "wiredTiger.concurrentTransactions.read.out",
        "read_tickets_out",
        "{ticket}",
        "Tickets for reads that are in use; up to version 7.",
    ),
    now(
        "wiredTiger.concurrentTransactions.read.available",
        "read_tickets_available",
        "{ticket}",
        "Tickets for reads that are free; up to version 7.",
    ),
    now(
        "wiredTiger.concurrentTransactions.write.out",
        "write_tickets_out",
        "{ticket}",
        "Tickets for writes that are in use; up to version 7.",
    ),
    now(
        "wiredTiger.concurrentTransactions.write.available",
        "write_tickets_available",
        "{ticket}",
        "Tickets for writes that are free; up to version 7.",
    ),
    now(
        "queues.execution.read.out",
        "execution_read_out",
        "{ticket}",
        "Tickets for reads that are in use; from version 8 on.",
    ),
    now(
        "queues.execution.read.available",
        "execution_read_available",
        "{ticket}",
        "Tickets for reads that are free; from version 8 on.",
    ),
    now(
        "queues.execution.write.out",
        "execution_write_out",
        "{ticket}",
        "Tickets for writes that are in use; from version 8 on.",
    ),
    now(
        "queues.execution.write.available",
        "execution_write_available",
        "{ticket}",
        "Tickets for writes that are free; from version 8 on.",
    ),
    took(
        "flowControl.timeAcquiringMicros",
        "flow_control_time_acquiring",
        "Time that writes were held back, so that members can follow.",
    ),
    // Memory and cache
    now("mem.resident", "mem_resident", "MiBy", "Memory in use.").otel("mongodb.memory.usage"),
    now("mem.virtual", "mem_virtual", "MiBy", "Address space in use.").otel("mongodb.memory.usage"),
    count("extra_info.page_faults", "page_faults", "{fault}", "Page faults.").otel("mongodb.page_faults"),
    now("wiredTiger.cache.bytes currently in the cache", "cache_bytes", "By", "What the cache holds."),
    now("wiredTiger.cache.maximum bytes configured", "cache_max_bytes", "By", "What it may hold."),
    now(
        "wiredTiger.cache.tracked dirty bytes in the cache",
        "cache_dirty_bytes",
        "By",
        "What of it is not on disk yet.",
    ),
    bytes("wiredTiger.cache.bytes read into cache", "cache_bytes_read", "Read into it."),
    bytes("wiredTiger.cache.bytes written from cache", "cache_bytes_written", "Written from it."),
    pages("wiredTiger.cache.pages read into cache", "cache_pages_read", "Pages read into it.")
        .otel("mongodb.cache.operations"),
    pages(
        "wiredTiger.cache.pages requested from the cache",
        "cache_pages_requested",
        "Pages that were needed.",
    )
    .otel("mongodb.cache.operations"),
    pages("wiredTiger.cache.pages written from cache", "cache_pages_written", "Pages written from it."),
    pages(
        "wiredTiger.cache.unmodified pages evicted",
        "cache_unmodified_evicted",
        "Unchanged pages removed from it.",
    ),
    pages(
        "wiredTiger.cache.modified pages evicted",
        "cache_modified_evicted",
        "Changed pages removed from it.",
    ),
    count("wiredTiger.transaction.transaction checkpoints", "checkpoints", "{checkpoint}", "Checkpoints."),
    bytes("wiredTiger.log.log bytes written", "log_bytes_written", "Written to the journal."),
    // Transactions
    now("transactions.currentOpen", "transactions_current_open", "{transaction}", "Open transactions."),
    now(
        "transactions.currentActive",
        "transactions_current_active",
        "{transaction}",
        "Those that do something.",
    ),
    count("transactions.totalStarted", "transactions_total_started", "{transaction}", "Transactions."),
    count("transactions.totalCommitted", "transactions_total_committed", "{transaction}", "Those committed."),
    count("transactions.totalAborted", "transactions_total_aborted", "{transaction}", "Those aborted."),
    // Replication
    dimension("repl.setName", "The replica set.").named("repl_set_name"),
    dimension("repl.isWritablePrimary", "Whether it is the primary.")
        .named("repl_is_writable_primary")
        .reads(Reads::Bool),
    count("metrics.repl.apply.ops", "repl_apply_ops", "{operation}", "Operations that came by replication."),
    now(
        "metrics.repl.buffer.count",
        "repl_buffer_count",
        "{operation}",
        "Operations that wait to be applied.",
    ),
    now("metrics.repl.buffer.sizeBytes", "repl_buffer_bytes", "By", "What these take."),
    bytes("metrics.repl.network.bytes", "repl_network_bytes", "Read from the one that it follows."),
];

pub(super) const OPTIME: Measure =
    gauge("", "s", "How far it is behind the primary.").named("optime_lag").reads(Reads::Secs);

pub(super) const MEMBER: &[Measure] = &[
    dimension("name", "The member.").named("member").otel("network.peer.address"),
    dimension("stateStr", "Its state, as in `PRIMARY` or `SECONDARY`.").named("state"),
    dimension("self", "Whether it is the one that was asked.").named("is_self").reads(Reads::Bool),
    dimension("syncSourceHost", "Whom it follows.").named("sync_source_host"),
    gauge("health", "1", "1 if it is up, else 0.").otel("mongodb.health"),
    gauge("uptime", "s", "How long it has been up.").reads(Reads::Secs),
    gauge("pingMs", "s", "How long it took to reach it.").named("ping").reads(Reads::Millis),
    OPTIME,
];
