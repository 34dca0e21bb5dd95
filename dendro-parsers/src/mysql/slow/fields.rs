//! What the header of an entry tells of a statement: names, types and what is published of them.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

/// How a value of the header is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole number.
    Count,
    /// Seconds, with or without a fraction.
    Seconds,
    /// Milliseconds, with or without a fraction.
    Millis,
    /// `Yes` or `No`.
    YesNo,
    /// A time as ISO 8601.
    Time,
    /// As it is.
    Text,
}

/// A value that the header may have. Its name there is that of the field with some letters in upper case, but for
/// [`RENAMED`].
pub(super) struct Value {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    unit: &'static str,
    doc: &'static str,
}

const fn value(name: &'static str, kind: Kind, unit: &'static str, doc: &'static str) -> Value {
    Value { name, kind, unit, doc }
}

/// What is called otherwise in the header: `end` can't be a column without quotes.
const RENAMED: &[(&str, &str)] = &[
    ("id", "thread_id"),
    ("schema", "db"),
    ("start", "start_time"),
    ("end", "end_time"),
    ("stored routine", "stored_routine"),
];

pub(super) const THREAD_ID: usize = 0;
pub(super) const DB: usize = 1;
/// So many of [`VALUES`] every event has, null if the header has none.
pub(super) const ALWAYS: usize = 6;

/// All that the servers are known to write, those first that are in every log.
pub(super) const VALUES: &[Value] = {
    use Kind::*;
    &[
        value("thread_id", Count, "", "The connection; its id in the process list."),
        value(
            "db",
            Text,
            "",
            "The default database: `Schema` of the header, else what the last `use` of the log chose.",
        ),
        value("query_time", Seconds, "s", "How long the statement took."),
        value("lock_time", Seconds, "s", "How long of that it waited for locks."),
        value("rows_sent", Count, "{row}", "Rows sent to the client."),
        value("rows_examined", Count, "{row}", "Rows that the server layer read."),
        value("rows_affected", Count, "{row}", "Rows that the statement changed. MariaDB, Percona Server."),
        value("rows_read", Count, "{row}", "Rows read from the engines. Percona Server 5.1."),
        value("bytes_received", Count, "By", "Bytes received from the client. MySQL 8.0."),
        value("bytes_sent", Count, "By", "Bytes sent to the client."),
        value("errno", Count, "", "The error's number, 0 if there was none. MySQL 8.0."),
        value("last_errno", Count, "", "The error's number, 0 if there was none. Percona Server."),
        value("killed", Count, "", "The number of the error if the statement was killed, else 0."),
        value("qc_hit", YesNo, "", "Whether the query cache had the answer."),
        value("full_scan", YesNo, "", "Whether a table was read as a whole."),
        value("full_join", YesNo, "", "Whether a join went without an index."),
        value("tmp_table", YesNo, "", "Whether there was a temporary table."),
        value("tmp_table_on_disk", YesNo, "", "Whether there was one on disk."),
        value("disk_tmp_table", YesNo, "", "Whether there was one on disk. Percona Server 5.0."),
        value("filesort", YesNo, "", "Whether rows were sorted without an index."),
        value("filesort_on_disk", YesNo, "", "Whether that went over files."),
        value("disk_filesort", YesNo, "", "Whether that went over files. Percona Server 5.0."),
        value("merge_passes", Count, "{pass}", "How often sorted files were merged."),
        value("priority_queue", YesNo, "", "Whether a priority queue did the sorting. MariaDB."),
        value("tmp_tables", Count, "{table}", "Temporary tables."),
        value("tmp_disk_tables", Count, "{table}", "Temporary tables on disk."),
        value("tmp_table_sizes", Count, "By", "The size of all temporary tables."),
        value("read_first", Count, "{read}", "Reads of an index's first entry: Handler_read_first."),
        value("read_last", Count, "{read}", "Reads of an index's last key: Handler_read_last."),
        value("read_key", Count, "{read}", "Reads of a row by its key: Handler_read_key."),
        value("read_next", Count, "{read}", "Reads of the next row in key order: Handler_read_next."),
        value("read_prev", Count, "{read}", "Reads of the previous row in key order: Handler_read_prev."),
        value("read_rnd", Count, "{read}", "Reads of a row at a fixed position: Handler_read_rnd."),
        value("read_rnd_next", Count, "{read}", "Reads of the next row in the file: Handler_read_rnd_next."),
        value("sort_merge_passes", Count, "{pass}", "How often sorted files were merged. MySQL 8.0."),
        value("sort_range_count", Count, "{sort}", "Sorts of ranges."),
        value("sort_rows", Count, "{row}", "Rows sorted."),
        value("sort_scan_count", Count, "{sort}", "Sorts of whole tables."),
        value("created_tmp_disk_tables", Count, "{table}", "Temporary tables on disk. MySQL 8.0."),
        value("created_tmp_tables", Count, "{table}", "Temporary tables. MySQL 8.0."),
        value(
            "count_hit_tmp_table_size",
            Count,
            "{table}",
            "Temporary tables that outgrew memory. MySQL 8.0.",
        ),
        value("start_time", Time, "", "When the statement began: `Start`. MySQL 8.0."),
        value("end_time", Time, "", "When it ended: `End`. MySQL 8.0."),
        value("innodb_trx_id", Text, "", "The transaction, in hexadecimal. Percona Server."),
        value("innodb_io_r_ops", Count, "{read}", "Pages read from disk. Percona Server."),
        value("innodb_io_r_bytes", Count, "By", "Bytes read from disk. Percona Server."),
        value("innodb_io_r_wait", Seconds, "s", "How long it waited for these. Percona Server."),
        value("innodb_rec_lock_wait", Seconds, "s", "How long it waited for row locks. Percona Server."),
        value("innodb_queue_wait", Seconds, "s", "How long it waited to enter InnoDB. Percona Server."),
        value(
            "innodb_pages_distinct",
            Count,
            "{page}",
            "About how many different pages it touched. Percona Server.",
        ),
        value("pages_accessed", Count, "{page}", "Pages it touched. MariaDB."),
        value("pages_read", Count, "{page}", "Pages read from disk. MariaDB."),
        value("pages_prefetched", Count, "{page}", "Pages read ahead. MariaDB."),
        value("pages_updated", Count, "{page}", "Pages changed. MariaDB."),
        value("old_rows_read", Count, "{row}", "Old versions of rows read. MariaDB."),
        value("pages_read_time", Millis, "s", "How long reading pages took. MariaDB."),
        value("engine_time", Millis, "s", "How long the engines took. MariaDB."),
        value(
            "log_slow_rate_type",
            Text,
            "",
            "What the server takes samples of: `query` or `session`. Percona Server.",
        ),
        value("log_slow_rate_limit", Count, "", "It logs one of so many. Percona Server."),
        value("stored_routine", Text, "", "The stored routine that the statement is of."),
    ]
};

/// Which of [`VALUES`] a name of the header is.
pub(super) fn find(logged: &[u8]) -> Option<usize> {
    let renamed = RENAMED.iter().find(|(from, _)| logged.eq_ignore_ascii_case(from.as_bytes()));
    let name = renamed.map_or(logged, |(_, to)| to.as_bytes());
    VALUES.iter().position(|value| name.eq_ignore_ascii_case(value.name.as_bytes()))
}

/// Whether a name that the servers are not known to write would be that of a field which is no value of the header.
pub(super) fn is_taken(name: &str) -> bool {
    schema().get(name).is_some()
}

pub(super) fn schema() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build()))
}

#[rustfmt::skip]
fn build() -> Schema {
    use ValueType::{Array, Bool, Str, Timestamp, U64};
    let dimension = FieldSchema::dimension;
    let attribute = FieldSchema::attribute;
    let mut schema = Schema::new("mysql_slow")
        .doc("One statement of the slow query log. Values of the header that are not listed here are further fields, named as there in lower case.")
        .field(attribute("user_host", Str).doc("User and host as logged."))
        .field(dimension("user", Str).otel("user.name").doc("The user as whom the client logged in."))
        .field(dimension("priv_user", Str).doc("The account whose privileges it has."))
        .field(attribute("host", Str).doc("The client's name, if the server resolves names; `localhost` through a socket."))
        .field(attribute("ip", Str).otel("client.address").doc("The client's address."));
    for value in VALUES {
        schema = schema.field(published(value));
    }
    schema
        .field(attribute("set_timestamp", Timestamp).doc("The time that the server sets before the statement, to the second: when it began in MySQL 8.0.14 and later and in MariaDB, when it ended before."))
        .field(attribute("insert_id", U64).doc("The first AUTO_INCREMENT value that the statement made."))
        .field(attribute("last_insert_id", U64).doc("What LAST_INSERT_ID() was in the statement."))
        .field(attribute("explain", Array).doc("The lines of the plan, columns divided by tabs. MariaDB."))
        .field(attribute("warnings", Array).doc("The warnings of the statement, each as level, number and text. MariaDB."))
        .field(dimension("is_command", Bool).doc("Whether this is an administrator command, such as Quit or Ping, and no statement."))
        .field(attribute("sql_text", Str).otel("db.query.text").doc("The statement without its last semicolon, or the name of the command."))
}

fn published(value: &Value) -> FieldSchema {
    let field = match value.kind {
        Kind::Count if value.unit.is_empty() => match value.name {
            "thread_id" | "log_slow_rate_limit" => FieldSchema::attribute(value.name, ValueType::U64),
            _ => FieldSchema::dimension(value.name, ValueType::U64),
        },
        Kind::Count => FieldSchema::delta(value.name, ValueType::U64),
        Kind::Seconds | Kind::Millis => FieldSchema::gauge(value.name, ValueType::Duration),
        Kind::YesNo => FieldSchema::dimension(value.name, ValueType::Bool),
        Kind::Time => FieldSchema::attribute(value.name, ValueType::Timestamp),
        Kind::Text if value.name == "innodb_trx_id" => FieldSchema::attribute(value.name, ValueType::Str),
        Kind::Text => FieldSchema::dimension(value.name, ValueType::Str),
    };
    let field = match value.name {
        "db" => field.otel("db.namespace"),
        "rows_sent" => field.otel("db.response.returned_rows"),
        _ => field,
    };
    let field = if value.unit.is_empty() { field } else { field.unit(value.unit) };
    field.doc(value.doc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_of_the_servers_is_found() {
        for (logged, name) in [
            ("Id", "thread_id"),
            ("Thread_id", "thread_id"),
            ("Schema", "db"),
            ("QC_hit", "qc_hit"),
            ("QC_Hit", "qc_hit"),
            ("InnoDB_IO_r_wait", "innodb_io_r_wait"),
            ("End", "end_time"),
        ] {
            assert_eq!(find(logged.as_bytes()).map(|at| VALUES[at].name), Some(name));
        }
        assert_eq!(find(b"Profile_total"), None);
        assert_eq!((VALUES[THREAD_ID].name, VALUES[DB].name), ("thread_id", "db"));
        assert_eq!(VALUES[ALWAYS - 1].name, "rows_examined");
    }
}
