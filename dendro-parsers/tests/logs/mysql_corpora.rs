//! Logs that a real MariaDB wrote, with the rows of its own log table, and what other parsers make of theirs.

use std::fs;

use crate::support::{bytes, corpus, given, log, number, text, vectors};
use dendro_core::{Event, Timestamp, Value};
use serde_json::Value as Json;

/// Compares an event with the server's row of the same statement. The log has whole seconds, the row microseconds.
fn assert_row(event: &Event, row: &Json) {
    let start = row["start_time"].as_str().unwrap().replace(' ', "T") + "Z";
    let start = Timestamp::parse_rfc3339(&start).unwrap();
    assert_eq!(event.time.unwrap().as_secs(), start.as_secs(), "{row}");
    for name in ["user_host", "db"] {
        assert_eq!(bytes(event, name), given(&row[name]), "{name} of {row}");
    }
    for name in ["rows_sent", "rows_examined", "rows_affected", "thread_id"] {
        assert_eq!(number(event, name), row[name].as_u64().unwrap(), "{name} of {row}");
    }
    for name in ["query_time", "lock_time"] {
        assert_eq!(clock(&event.fields[name]), row[name].as_str().unwrap(), "{name} of {row}");
    }
    let (statement, expected) = (text(event, "sql_text").unwrap(), row["sql_text"].as_str().unwrap());
    // The server's table has no characters of four bytes.
    let in_table: String = statement.chars().map(|c| if c.len_utf8() == 4 { '?' } else { c }).collect();
    assert!(statement == expected || in_table == expected, "{row}");
}

/// A duration as `hh:mm:ss.ffffff`.
#[track_caller]
fn clock(value: &Value) -> String {
    let Value::Duration(time) = value else { panic!("{value:?}") };
    let micros = time.as_nanos() / 1_000;
    let (hours, minutes) = (micros / 3_600_000_000, micros / 60_000_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:06}", micros / 1_000_000 % 60, micros % 1_000_000)
}

#[test]
fn every_oracle_of_the_slow_log_is_right_field_by_field() {
    let vectors = vectors("oracle_mdb_slow");
    for vector in &vectors {
        let event = log("mysql_slow", &[], &given(&vector["line"]).unwrap()).only();
        assert_row(&event, &vector["expected"]);
        for (name, logged) in vector["header_as_logged"].as_object().unwrap() {
            let logged = logged.as_str().unwrap();
            match (name.as_str(), &event.fields[&*name.to_lowercase().replace("schema", "db")]) {
                // The vectors end it at the first space.
                ("Schema", Value::Str(value)) => assert!(value.starts_with(logged)),
                (_, Value::U64(value)) => assert_eq!(value.to_string(), logged),
                (_, Value::Bool(value)) => assert_eq!(if *value { "Yes" } else { "No" }, logged),
                (_, Value::Duration(value)) => assert_eq!(format!("{:.6}", value.as_secs_f64()), logged),
                other => panic!("{other:?}"),
            }
        }
    }
    eprintln!("{} vectors", vectors.len());
}

#[test]
fn every_entry_of_a_slow_log_agrees_with_the_server_s_table() {
    let (Some(file), Some(table)) = (
        corpus("generated/mariadb/default/slow.log"),
        corpus("generated/mariadb/default/slow_log_table.jsonl"),
    ) else {
        return;
    };
    let table = fs::read_to_string(table).unwrap();
    let rows: Vec<Json> = table.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcome = log("mysql_slow", &[], &fs::read(file).unwrap());
    assert_eq!(outcome.refused, []);
    assert_eq!(outcome.events.len(), rows.len());
    outcome.events.iter().zip(&rows).for_each(|(event, row)| assert_row(event, row));
    eprintln!("{} entries", rows.len());
}

#[test]
fn vectors_of_honeytail_are_right() {
    for vector in vectors("peer_honeytail_mysql_slow") {
        let outcome = log("mysql_slow", &[], &given(&vector["line"]).unwrap());
        let Some(expected) = vector["expected"].as_object().filter(|expected| !expected.is_empty()) else {
            assert!(outcome.events.is_empty() && outcome.refused.is_empty());
            continue;
        };
        let event = outcome.only();
        for (name, expected) in expected {
            let name = match name.as_str() {
                // What it makes of the statement.
                "normalized_query" | "statement" | "tables" | "comments" => continue,
                "client" => {
                    let client = format!(
                        "{}[{}]",
                        text(&event, "host").unwrap_or_default(),
                        text(&event, "ip").unwrap()
                    );
                    assert_eq!(client, expected.as_str().unwrap());
                    continue;
                }
                "" | "query" => "sql_text",
                "transaction_id" => "innodb_trx_id",
                "query_cache_hit" => "qc_hit",
                "IO_r_ops" => "innodb_io_r_ops",
                "IO_r_bytes" => "innodb_io_r_bytes",
                "IO_r_wait_sec" => "innodb_io_r_wait",
                "rec_lock_wait_sec" => "innodb_rec_lock_wait",
                "queue_wait_sec" => "innodb_queue_wait",
                "pages_distinct" => "innodb_pages_distinct",
                other => other,
            };
            match &event.fields[name] {
                Value::Duration(time) => assert_eq!(time.as_secs_f64(), expected.as_f64().unwrap(), "{name}"),
                Value::U64(value) => assert_eq!(*value, expected.as_u64().unwrap(), "{name}"),
                Value::Bool(value) => assert_eq!(*value, expected.as_bool().unwrap(), "{name}"),
                _ => assert_eq!(bytes(&event, name), given(expected), "{name}"),
            }
        }
    }
}

#[test]
fn vectors_of_go_mysql_are_right() {
    for vector in vectors("peer_gomysql_mysql_slow") {
        let outcome = log("mysql_slow", &[], &given(&vector["line"]).unwrap());
        assert_eq!(outcome.refused, []);
        let expected = vector["expected"].as_array().unwrap();
        assert_eq!(outcome.events.len(), expected.len());
        for (event, expected) in outcome.events.iter().zip(expected) {
            for (key, name) in [("User", "user"), ("Host", "host"), ("Db", "db"), ("Query", "sql_text")] {
                let expected = expected[key].as_str().unwrap_or_default();
                assert!(expected.is_empty() || text(event, name).as_deref() == Some(expected), "{name}");
            }
            for kind in ["TimeMetrics", "NumberMetrics", "BoolMetrics"] {
                for (name, expected) in expected[kind].as_object().into_iter().flatten() {
                    match &event.fields[&*name.to_lowercase()] {
                        Value::Duration(time) => assert_eq!(time.as_secs_f64(), expected.as_f64().unwrap()),
                        Value::U64(value) => assert_eq!(*value, expected.as_u64().unwrap()),
                        Value::Bool(value) => assert_eq!(*value, expected.as_bool().unwrap()),
                        other => panic!("{name}: {other:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn every_line_of_an_error_log_is_in_an_event() {
    let Some(file) = corpus("generated/mariadb/default/error.log") else { return };
    let file = fs::read_to_string(file).unwrap();
    let outcome = log("mysql_error", &[], file.as_bytes());
    assert_eq!(outcome.refused, []);
    let begins = |line: &&str| line.starts_with("2026-11-20 ");
    assert_eq!(outcome.events.len(), file.lines().filter(begins).count());
    let mut lines = file.lines().filter(|line| !line.is_empty());
    for event in &outcome.events {
        let first = lines.next().unwrap();
        let time = first[..19].replace(' ', "T") + "Z";
        assert_eq!(event.time, Timestamp::parse_rfc3339(&time));
        let (thread, rest) = first[20..].split_once(' ').unwrap();
        assert_eq!(number(event, "thread").to_string(), thread);
        let (label, head) = rest.split_once("] ").unwrap();
        assert_eq!(text(event, "label").unwrap().to_lowercase(), label[1..].to_lowercase());
        let message = text(event, "message").unwrap();
        let mut own = message.lines();
        assert_eq!(own.next().unwrap_or_default().trim_end(), head.trim_end());
        for line in own.filter(|line| !line.is_empty()) {
            assert_eq!(line, lines.next().unwrap());
        }
    }
    assert_eq!(lines.next(), None);
    eprintln!("{} events of {} lines", outcome.events.len(), file.lines().count());
}
