//! What a replica says of itself.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, attribute, counter, dimension, gauge, schema};

/// The question, for this version: others do not know it.
pub(super) fn question(version: &str) -> &'static str {
    if version.contains("MariaDB") {
        return "SHOW ALL SLAVES STATUS";
    }
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if (next(), next(), next()) >= (8, 0, 22) { "SHOW REPLICA STATUS" } else { "SHOW SLAVE STATUS" }
}

/// By their names in all versions: those of before 8.0.22 and of MariaDB, and those of since then.
const COLUMNS: &[(&str, &str, Measure)] = &[
    (
        "Channel_Name",
        "Connection_name",
        dimension("", "The name of the replication connection; empty for the usual one.").named("channel"),
    ),
    (
        "Source_Host",
        "Master_Host",
        dimension("", "The server that it replicates.").named("source_host").otel("server.address"),
    ),
    ("Source_Port", "Master_Port", dimension("", "Its port.").named("source_port").reads(Reads::U64)),
    (
        "Replica_IO_Running",
        "Slave_IO_Running",
        dimension("", "Whether it receives: `Yes`, `No` or `Connecting`.").named("io_running"),
    ),
    (
        "Replica_SQL_Running",
        "Slave_SQL_Running",
        dimension("", "Whether it applies: `Yes` or `No`.").named("sql_running"),
    ),
    (
        "Seconds_Behind_Source",
        "Seconds_Behind_Master",
        gauge("", "s", "How old what it applies is; null if it does not replicate.")
            .named("seconds_behind")
            .reads(Reads::Secs),
    ),
    (
        "Read_Source_Log_Pos",
        "Read_Master_Log_Pos",
        gauge("", "By", "How far it has received, in the source's current file.")
            .named("read_source_log_pos"),
    ),
    (
        "Exec_Source_Log_Pos",
        "Exec_Master_Log_Pos",
        gauge("", "By", "How far it has applied, in the file that it applies.").named("exec_source_log_pos"),
    ),
    (
        "Relay_Log_Space",
        "Relay_Log_Space",
        gauge("", "By", "What was received and is kept.").named("relay_log_space"),
    ),
    (
        "SQL_Delay",
        "SQL_Delay",
        gauge("", "s", "How long it is meant to lag behind.").named("sql_delay").reads(Reads::Secs),
    ),
    (
        "Last_IO_Errno",
        "Last_IO_Errno",
        gauge("", "1", "The number of the last error while it received; 0 for none.").named("last_io_errno"),
    ),
    ("Last_IO_Error", "Last_IO_Error", attribute("", "That error.").named("last_io_error")),
    (
        "Last_SQL_Errno",
        "Last_SQL_Errno",
        gauge("", "1", "The number of the last error while it applied; 0 for none.").named("last_sql_errno"),
    ),
    ("Last_SQL_Error", "Last_SQL_Error", attribute("", "That error.").named("last_sql_error")),
    (
        "Retried_transactions",
        "Retried_transactions",
        counter("", "{transaction}", "Transactions that had to be tried again.")
            .named("retried_transactions"),
    ),
];

pub(super) static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let measures: Vec<Measure> = COLUMNS.iter().map(|(_, _, measure)| *measure).collect();
    schema("mysql_replica", "One replication connection of a replica.", &[&measures]).into()
});

pub(super) fn measure(column: &str) -> Option<&'static Measure> {
    let named = |(new, old, _): &&(&str, &str, Measure)| {
        [new, old].iter().any(|name| name.eq_ignore_ascii_case(column))
    };
    COLUMNS.iter().find(named).map(|(_, _, measure)| measure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_asked_in_its_own_words() {
        for (version, expected) in [
            ("10.11.19-MariaDB-0+deb12u1-log", "SHOW ALL SLAVES STATUS"),
            ("5.5.5-10.3.39-MariaDB", "SHOW ALL SLAVES STATUS"),
            ("8.4.3", "SHOW REPLICA STATUS"),
            ("9.1.0-commercial", "SHOW REPLICA STATUS"),
            ("8.0.22", "SHOW REPLICA STATUS"),
            ("8.0.21-12", "SHOW SLAVE STATUS"),
            ("5.7.44-log", "SHOW SLAVE STATUS"),
            ("", "SHOW SLAVE STATUS"),
        ] {
            assert_eq!(question(version), expected, "{version}");
        }
        for (old, new) in [("Slave_IO_Running", "Replica_IO_Running"), ("Connection_name", "Channel_Name")] {
            assert_eq!(measure(old).map(|m| m.name), measure(new).map(|m| m.name));
        }
        assert!(measure("Master_User").is_none());
    }
}
