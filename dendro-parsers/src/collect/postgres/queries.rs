//! What is asked, and what the columns of the answers become.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, attribute, counter, dimension, gauge, schema};

/// One question: a row of its answer is an event, a column of that a field.
pub(super) struct Query {
    /// From which version on, as in `140000`.
    pub(super) since: u32,
    pub(super) sql: &'static str,
    pub(super) measures: &'static [Measure],
    pub(super) schema: &'static LazyLock<Arc<Schema>>,
}

const fn query(
    since: u32,
    sql: &'static str,
    measures: &'static [Measure],
    schema: &'static LazyLock<Arc<Schema>>,
) -> Query {
    Query { since, sql, measures, schema }
}

pub(super) const QUERIES: &[Query] = &[
    query(0, SERVER_SQL, SERVER, &SERVER_SCHEMA),
    query(0, DATABASE_SQL, DATABASE, &DATABASE_SCHEMA),
    query(0, ACTIVITY_SQL, ACTIVITY, &ACTIVITY_SCHEMA),
    query(0, "SELECT * FROM pg_catalog.pg_stat_bgwriter", BGWRITER, &BGWRITER_SCHEMA),
    query(170_000, "SELECT * FROM pg_catalog.pg_stat_checkpointer", CHECKPOINTER, &CHECKPOINTER_SCHEMA),
    query(140_000, "SELECT * FROM pg_catalog.pg_stat_wal", WAL, &WAL_SCHEMA),
    query(0, ARCHIVER_SQL, ARCHIVER, &ARCHIVER_SCHEMA),
    query(0, REPLICATION_SQL, REPLICATION, &REPLICATION_SCHEMA),
    query(0, SLOT_SQL, SLOT, &SLOT_SCHEMA),
    query(0, STANDBY_SQL, STANDBY, &STANDBY_SCHEMA),
    query(0, LOCKS_SQL, LOCKS, &LOCKS_SCHEMA),
];

/// How far the server's log is: what it has written, or, on a standby, received: by streaming, which begins at the start
/// of a segment that may have been replayed before, or from an archive, of which only what was replayed is known.
macro_rules! wal_end {
    () => {
        "CASE WHEN pg_catalog.pg_is_in_recovery() \
         THEN GREATEST(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) \
         ELSE pg_catalog.pg_current_wal_lsn() END"
    };
}

const DATNAME: Measure =
    dimension("datname", "The database; null for what belongs to all.").otel("db.namespace");

const fn bytes(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "By", doc).reads(Reads::I64)
}
const fn seconds(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "s", doc).reads(Reads::Secs)
}
const fn time(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "s", doc).reads(Reads::Millis)
}

const SERVER_SQL: &str = concat!(
    "SELECT pg_catalog.current_setting('server_version') AS server_version, ",
    "pg_catalog.pg_is_in_recovery() AS in_recovery, ",
    "extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_postmaster_start_time()) AS uptime, ",
    "pg_catalog.current_setting('max_connections') AS max_connections, ",
    "(SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend') AS connections, ",
    "(SELECT count(*) FROM pg_catalog.pg_prepared_xacts) AS prepared_transactions, ",
    "pg_catalog.pg_wal_lsn_diff(",
    wal_end!(),
    ", '0/0') AS wal_position"
);
const SERVER: &[Measure] = &[
    attribute("server_version", "The version.").otel("service.version"),
    dimension("in_recovery", "Whether it is a standby, or recovers.").reads(Reads::Bool),
    seconds("uptime", "How long it has been running."),
    gauge("max_connections", "{connection}", "How many connections there may be."),
    gauge("connections", "{connection}", "Connections of clients; the scrape is one."),
    gauge("prepared_transactions", "{transaction}", "Transactions that are prepared and not ended."),
    counter(
        "wal_position",
        "By",
        "How much log was written, or received by a standby, since the database was made.",
    ),
];
static SERVER_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| schema("postgres_server", "PostgreSQL as a whole.", &[SERVER]).into());

const DATABASE_SQL: &str = "SELECT s.*, pg_catalog.age(d.datfrozenxid) AS frozen_xid_age, \
    pg_catalog.mxid_age(d.datminmxid) AS min_mxid_age FROM pg_catalog.pg_stat_database s \
    LEFT JOIN pg_catalog.pg_database d ON d.oid = s.datid";
const DATABASE: &[Measure] = &[
    DATNAME,
    gauge("numbackends", "{connection}", "Connections to it."),
    counter("xact_commit", "{transaction}", "Transactions committed."),
    counter("xact_rollback", "{transaction}", "Transactions rolled back."),
    counter("blks_read", "{block}", "Blocks read from disk or the system's cache."),
    counter("blks_hit", "{block}", "Blocks found in the server's cache."),
    counter("tup_returned", "{row}", "Rows that scans went through."),
    counter("tup_fetched", "{row}", "Rows that index scans fetched."),
    counter("tup_inserted", "{row}", "Rows inserted."),
    counter("tup_updated", "{row}", "Rows updated."),
    counter("tup_deleted", "{row}", "Rows deleted."),
    counter(
        "conflicts",
        "{query}",
        "Queries cancelled since they stood in the way of recovery, on a standby.",
    ),
    counter("temp_files", "{file}", "Temporary files made by queries."),
    counter("temp_bytes", "By", "Bytes written to these."),
    counter("deadlocks", "{deadlock}", "Deadlocks."),
    counter("checksum_failures", "{page}", "Pages whose checksum was wrong."),
    time("blk_read_time", "How long reading blocks took, with `track_io_timing`."),
    time("blk_write_time", "How long writing blocks took, with `track_io_timing`."),
    time("session_time", "How long sessions lasted, added up (14)."),
    time("active_time", "How long they ran statements (14)."),
    time("idle_in_transaction_time", "How long they were idle within a transaction (14)."),
    counter("sessions", "{session}", "Sessions (14)."),
    counter("sessions_abandoned", "{session}", "Sessions whose client went away (14)."),
    counter("sessions_fatal", "{session}", "Sessions that ended with a fatal error (14)."),
    counter("sessions_killed", "{session}", "Sessions that an operator ended (14)."),
    gauge(
        "frozen_xid_age",
        "{transaction}",
        "How many transactions the oldest one lies back: at two thousand million it stops.",
    ),
    gauge("min_mxid_age", "{transaction}", "The same, of multixacts."),
];
static DATABASE_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema(
        "postgres_database",
        "One database, from `pg_stat_database`; counted since its statistics were reset.",
        &[DATABASE],
    )
    .into()
});

const ACTIVITY_SQL: &str = "SELECT datname, backend_type, state, wait_event_type, count(*) AS connections, \
    max(extract(epoch FROM pg_catalog.clock_timestamp() - xact_start)) AS longest_transaction, \
    max(extract(epoch FROM pg_catalog.clock_timestamp() - query_start)) FILTER (WHERE state = 'active') AS longest_query, \
    max(extract(epoch FROM pg_catalog.clock_timestamp() - state_change)) AS longest_in_state \
    FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid() GROUP BY 1, 2, 3, 4";
const ACTIVITY: &[Measure] = &[
    DATNAME,
    dimension("backend_type", "What kind of process it is, as in `client backend`."),
    dimension(
        "state",
        "What it does, as in `active`, `idle`, `idle in transaction`; null for what has no state, or for those that we may not see.",
    ),
    dimension("wait_event_type", "What kind of thing it waits for, as in `Lock`; null if it does not wait."),
    gauge("connections", "{connection}", "How many there are."),
    seconds("longest_transaction", "How long the longest transaction has lasted."),
    seconds("longest_query", "How long the longest statement that still runs has."),
    seconds("longest_in_state", "The longest time in this state."),
];
static ACTIVITY_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let doc = "Processes that do the same, from `pg_stat_activity`, without the scrape's own.";
    schema("postgres_activity", doc, &[ACTIVITY]).into()
});

const BGWRITER: &[Measure] = &[
    counter("checkpoints_timed", "{checkpoint}", "Checkpoints that were due by time (up to 16)."),
    counter("checkpoints_req", "{checkpoint}", "Checkpoints for other reasons (up to 16)."),
    time("checkpoint_write_time", "How long checkpoints wrote (up to 16)."),
    time("checkpoint_sync_time", "How long checkpoints synced (up to 16)."),
    counter("buffers_checkpoint", "{block}", "Blocks written by checkpoints (up to 16)."),
    counter("buffers_clean", "{block}", "Blocks written by the background writer."),
    counter("maxwritten_clean", "{event}", "Times that it stopped since it had written enough."),
    counter("buffers_backend", "{block}", "Blocks that backends had to write themselves (up to 16)."),
    counter("buffers_backend_fsync", "{operation}", "Syncs that backends had to do themselves (up to 16)."),
    counter("buffers_alloc", "{block}", "Blocks of the cache given out."),
];
static BGWRITER_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("postgres_bgwriter", "The background writer, from `pg_stat_bgwriter`.", &[BGWRITER]).into()
});

const CHECKPOINTER: &[Measure] = &[
    counter("num_timed", "{checkpoint}", "Checkpoints that were due by time."),
    counter("num_requested", "{checkpoint}", "Checkpoints for other reasons."),
    counter("num_done", "{checkpoint}", "Checkpoints done (18)."),
    counter("restartpoints_timed", "{checkpoint}", "Restartpoints that were due by time."),
    counter("restartpoints_req", "{checkpoint}", "Restartpoints for other reasons."),
    counter("restartpoints_done", "{checkpoint}", "Restartpoints done."),
    time("write_time", "How long they wrote."),
    time("sync_time", "How long they synced."),
    counter("buffers_written", "{block}", "Blocks that they wrote."),
    counter("slru_written", "{block}", "Blocks of status caches that they wrote (18)."),
];
static CHECKPOINTER_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("postgres_checkpointer", "Checkpoints, from `pg_stat_checkpointer` (17).", &[CHECKPOINTER]).into()
});

const WAL: &[Measure] = &[
    counter("wal_records", "{record}", "Records written to the log."),
    counter("wal_fpi", "{block}", "Whole pages written to the log."),
    counter("wal_bytes", "By", "Bytes written to the log."),
    counter(
        "wal_buffers_full",
        "{event}",
        "Times that the log had to be written since its buffers were full.",
    ),
    counter("wal_write", "{operation}", "Writes of the log (up to 17)."),
    counter("wal_sync", "{operation}", "Syncs of the log (up to 17)."),
    time("wal_write_time", "How long writing took, with `track_wal_io_timing` (up to 17)."),
    time("wal_sync_time", "How long syncing took, with `track_wal_io_timing` (up to 17)."),
];
static WAL_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| schema("postgres_wal", "The write-ahead log, from `pg_stat_wal` (14).", &[WAL]).into());

const ARCHIVER_SQL: &str = "SELECT archived_count, failed_count, \
    extract(epoch FROM pg_catalog.clock_timestamp() - last_archived_time) AS last_archived_ago, \
    extract(epoch FROM pg_catalog.clock_timestamp() - last_failed_time) AS last_failed_ago FROM pg_catalog.pg_stat_archiver";
const ARCHIVER: &[Measure] = &[
    counter("archived_count", "{file}", "Files of the log that were archived."),
    counter("failed_count", "{attempt}", "Attempts that failed."),
    seconds("last_archived_ago", "How long ago the last one was archived."),
    seconds("last_failed_ago", "How long ago the last attempt failed."),
];
static ARCHIVER_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("postgres_archiver", "Archiving the log, from `pg_stat_archiver`.", &[ARCHIVER]).into()
});

const REPLICATION_SQL: &str = concat!(
    "SELECT application_name, client_addr, state, sync_state, ",
    "pg_catalog.pg_wal_lsn_diff(",
    wal_end!(),
    ", sent_lsn) AS sent_lag_bytes, ",
    "pg_catalog.pg_wal_lsn_diff(",
    wal_end!(),
    ", write_lsn) AS write_lag_bytes, ",
    "pg_catalog.pg_wal_lsn_diff(",
    wal_end!(),
    ", flush_lsn) AS flush_lag_bytes, ",
    "pg_catalog.pg_wal_lsn_diff(",
    wal_end!(),
    ", replay_lsn) AS replay_lag_bytes, ",
    "extract(epoch FROM write_lag) AS write_lag, extract(epoch FROM flush_lag) AS flush_lag, ",
    "extract(epoch FROM replay_lag) AS replay_lag FROM pg_catalog.pg_stat_replication"
);
const REPLICATION: &[Measure] = &[
    dimension("application_name", "The standby's name."),
    dimension("client_addr", "The standby's address; null on a socket.").otel("client.address"),
    dimension("state", "As in `streaming`, `catchup`, `backup`."),
    dimension("sync_state", "As in `async`, `sync`, `quorum`, `potential`."),
    bytes("sent_lag_bytes", "Log that was not sent yet."),
    bytes("write_lag_bytes", "Log that it has not written yet; null until it has said so."),
    bytes("flush_lag_bytes", "Log that it has not synced yet."),
    bytes("replay_lag_bytes", "Log that it has not replayed yet."),
    seconds("write_lag", "How long it took from here until it had written; null when nothing was lately."),
    seconds("flush_lag", "How long it took until it had synced."),
    seconds("replay_lag", "How long it took until it had replayed."),
];
static REPLICATION_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema(
        "postgres_replication",
        "One standby, as its primary sees it, from `pg_stat_replication`.",
        &[REPLICATION],
    )
    .into()
});

const SLOT_SQL: &str = concat!(
    "SELECT *, pg_catalog.pg_wal_lsn_diff(",
    wal_end!(),
    ", restart_lsn) AS retained_bytes FROM pg_catalog.pg_replication_slots"
);
const SLOT: &[Measure] = &[
    dimension("slot_name", "Its name."),
    dimension("slot_type", "`physical` or `logical`."),
    dimension("database", "The database of a logical one.").otel("db.namespace"),
    dimension("active", "Whether somebody uses it.").reads(Reads::Bool),
    dimension(
        "wal_status",
        "Whether what it needs is still there: `reserved`, `extended`, `unreserved` or `lost` (13).",
    ),
    bytes("retained_bytes", "Log that is kept for it."),
    bytes("safe_wal_size", "Log that may be written until it is lost, where there is a limit (13)."),
];
static SLOT_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| schema("postgres_replication_slot", "One replication slot.", &[SLOT]).into());

/// Without new transactions on the primary the time of the last one grows, and there is no lag.
const STANDBY_SQL: &str = "SELECT \
    CASE WHEN pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn() THEN 0 \
    ELSE pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) END \
    AS replay_lag_bytes, \
    CASE WHEN pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn() THEN 0 \
    ELSE extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) END AS replay_lag, \
    pg_catalog.pg_is_wal_replay_paused() AS replay_paused, \
    (SELECT status FROM pg_catalog.pg_stat_wal_receiver) AS receiver_status \
    WHERE pg_catalog.pg_is_in_recovery()";
const STANDBY: &[Measure] = &[
    bytes("replay_lag_bytes", "Log received and not replayed yet; null if nothing was streamed."),
    seconds("replay_lag", "How old the last replayed transaction is; 0 if there is nothing to replay."),
    dimension("replay_paused", "Whether replaying is paused.").reads(Reads::Bool),
    dimension("receiver_status", "As in `streaming`; null if it receives nothing."),
];
static STANDBY_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| schema("postgres_standby", "A standby, as it sees itself.", &[STANDBY]).into());

const LOCKS_SQL: &str = "SELECT d.datname, l.locktype, l.mode, l.granted, count(*) AS locks \
    FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_database d ON d.oid = l.database \
    WHERE l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() GROUP BY 1, 2, 3, 4";
const LOCKS: &[Measure] = &[
    DATNAME,
    dimension("locktype", "What is locked, as in `relation`."),
    dimension("mode", "How, as in `AccessShareLock`."),
    dimension("granted", "Whether they have it, or wait for it.").reads(Reads::Bool),
    gauge("locks", "{lock}", "How many there are."),
];
static LOCKS_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("postgres_locks", "Locks of one kind, from `pg_locks`, without the scrape's own.", &[LOCKS]).into()
});
