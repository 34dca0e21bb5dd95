//! The largest tables and indexes of the database that we are connected to, and the size of all databases.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, counter, dimension, gauge, schema};

/// The largest are found by what the last vacuum has written down; only those are measured, since that needs a lock of each.
pub(super) fn tables_sql(top: usize) -> String {
    format!(
        "SELECT s.*, pg_catalog.current_database() AS datname, \
         pg_catalog.pg_total_relation_size(s.relid) AS total_size, pg_catalog.pg_table_size(s.relid) AS table_size, \
         pg_catalog.pg_indexes_size(s.relid) AS indexes_size, \
         extract(epoch FROM pg_catalog.clock_timestamp() - s.last_vacuum) AS last_vacuum_ago, \
         extract(epoch FROM pg_catalog.clock_timestamp() - s.last_autovacuum) AS last_autovacuum_ago, \
         extract(epoch FROM pg_catalog.clock_timestamp() - s.last_autoanalyze) AS last_autoanalyze_ago \
         FROM (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_stat_user_tables u ON u.relid = c.oid \
         ORDER BY c.relpages DESC, c.oid LIMIT {top}) AS largest JOIN pg_catalog.pg_stat_user_tables s ON s.relid = largest.oid"
    )
}

pub(super) fn indexes_sql(top: usize) -> String {
    format!(
        "SELECT s.*, pg_catalog.current_database() AS datname, pg_catalog.pg_relation_size(s.indexrelid) AS size \
         FROM (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_stat_user_indexes u ON u.indexrelid = c.oid \
         ORDER BY c.relpages DESC, c.oid LIMIT {top}) AS largest \
         JOIN pg_catalog.pg_stat_user_indexes s ON s.indexrelid = largest.oid"
    )
}

/// Of those that we may connect to: others can't be measured.
pub(super) const SIZES_SQL: &str = "SELECT datname, pg_catalog.pg_database_size(oid) AS size FROM pg_catalog.pg_database \
     WHERE pg_catalog.has_database_privilege(oid, 'CONNECT')";

const NAMES: &[Measure] = &[
    dimension("datname", "The database.").otel("db.namespace"),
    dimension("schemaname", "The schema."),
    dimension("relname", "The table.").otel("db.collection.name"),
];
const fn ago(name: &'static str, doc: &'static str) -> Measure {
    gauge(name, "s", doc).reads(Reads::Secs)
}
const fn rows(name: &'static str, doc: &'static str) -> Measure {
    counter(name, "{row}", doc)
}

const TABLE: &[Measure] = &[
    gauge("total_size", "By", "The table with its indexes and large values."),
    gauge("table_size", "By", "The table with its large values."),
    gauge("indexes_size", "By", "Its indexes."),
    counter("seq_scan", "{scan}", "Scans of the whole table."),
    rows("seq_tup_read", "Rows that these read."),
    counter("idx_scan", "{scan}", "Scans of its indexes."),
    rows("idx_tup_fetch", "Rows that these fetched."),
    rows("n_tup_ins", "Rows inserted."),
    rows("n_tup_upd", "Rows updated."),
    rows("n_tup_del", "Rows deleted."),
    rows("n_tup_hot_upd", "Rows updated without a change of indexes."),
    gauge("n_live_tup", "{row}", "Rows, an estimate."),
    gauge("n_dead_tup", "{row}", "Rows that wait for a vacuum, an estimate."),
    gauge("n_mod_since_analyze", "{row}", "Rows changed since its statistics were made, an estimate."),
    counter("vacuum_count", "{vacuum}", "Vacuums by hand."),
    counter("autovacuum_count", "{vacuum}", "Vacuums by the server."),
    counter("analyze_count", "{analyze}", "Statistics made by hand."),
    counter("autoanalyze_count", "{analyze}", "Statistics made by the server."),
    ago("last_vacuum_ago", "How long ago the last vacuum by hand was."),
    ago("last_autovacuum_ago", "How long ago the last vacuum by the server was."),
    ago("last_autoanalyze_ago", "How long ago the server made its statistics."),
];
pub(super) const TABLE_MEASURES: &[&[Measure]] = &[NAMES, TABLE];
pub(super) static TABLE_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("postgres_table", "One of the largest tables, from `pg_stat_user_tables`.", TABLE_MEASURES).into()
});

const INDEX: &[Measure] = &[
    dimension("indexrelname", "The index."),
    gauge("size", "By", "Its size."),
    counter("idx_scan", "{scan}", "Scans of it."),
    counter("idx_tup_read", "{entry}", "Entries that these gave."),
    rows("idx_tup_fetch", "Rows that these fetched."),
];
pub(super) const INDEX_MEASURES: &[&[Measure]] = &[NAMES, INDEX];
pub(super) static INDEX_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    schema("postgres_index", "One of the largest indexes, from `pg_stat_user_indexes`.", INDEX_MEASURES)
        .into()
});

const SIZE: &[Measure] =
    &[dimension("datname", "The database.").otel("db.namespace"), gauge("size", "By", "Its size on disk.")];
pub(super) const SIZE_MEASURES: &[&[Measure]] = &[SIZE];
pub(super) static SIZE_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| schema("postgres_database_size", "The size of one database.", SIZE_MEASURES).into());
