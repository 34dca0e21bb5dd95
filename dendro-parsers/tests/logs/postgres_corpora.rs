//! What PostgreSQL wrote in three ways at once, and what others read in its logs.

use std::fs;

use crate::support::{self, Outcome, corpus, given, log, vectors};
use dendro_core::{Event, Timestamp, Value};
use serde_json::Value as Json;

/// A time as PostgreSQL writes it, by the zones of the clusters.
fn time(text: &str) -> Timestamp {
    let (civil, zone) = text.rsplit_once(' ').unwrap();
    let offset = match zone {
        "UTC" => "Z",
        "EST" => "-05:00",
        "CET" => "+01:00",
        "CEST" => "+02:00",
        other => panic!("{other}"),
    };
    Timestamp::parse_rfc3339(&format!("{civil}{offset}")).unwrap()
}

/// A field as text; empty if it is null or not there.
fn plain(event: &Event, name: &str) -> Vec<u8> {
    match event.fields.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::U64(number)) => number.to_string().into_bytes(),
        Some(Value::I64(number)) => number.to_string().into_bytes(),
        Some(_) => support::bytes(event, name).unwrap(),
    }
}

/// The field that holds what jsonlog has under a key.
fn field(key: &str) -> &str {
    match key {
        "user" => "user_name",
        "dbname" => "database_name",
        "pid" => "process_id",
        "line_num" => "session_line_num",
        "ps" => "command_tag",
        "vxid" => "virtual_transaction_id",
        "txid" => "transaction_id",
        "state_code" => "sql_state_code",
        "internal_position" => "internal_query_pos",
        "statement" => "query",
        "cursor_position" => "query_pos",
        other => other,
    }
}

/// What jsonlog tells of every event.
const KEYS: [&str; 27] = [
    "user",
    "dbname",
    "pid",
    "remote_host",
    "remote_port",
    "session_id",
    "line_num",
    "ps",
    "vxid",
    "txid",
    "error_severity",
    "state_code",
    "message",
    "detail",
    "hint",
    "internal_query",
    "internal_position",
    "context",
    "statement",
    "cursor_position",
    "func_name",
    "file_name",
    "file_line_num",
    "application_name",
    "backend_type",
    "leader_pid",
    "query_id",
];

/// Compares these keys of an event with those of jsonlog.
#[track_caller]
fn assert_keys<'k>(event: &Event, json: &Json, keys: impl IntoIterator<Item = &'k str>) {
    for key in keys {
        let expected = given(&json[key]).unwrap_or_default();
        let actual = plain(event, if key == "error_severity" { "severity" } else { field(key) });
        assert_eq!(String::from_utf8_lossy(&actual), String::from_utf8_lossy(&expected), "{key} of {json}");
    }
}

/// What a line of a stderr log with this prefix can tell.
fn told(prefix: &str) -> Vec<&'static str> {
    let mut keys = vec![
        "error_severity",
        "message",
        "detail",
        "hint",
        "internal_query",
        "internal_position",
        "context",
        "statement",
        "cursor_position",
    ];
    let of: [(&str, &[&str]); 15] = [
        ("%u", &["user"]),
        ("%d", &["dbname"]),
        ("%p", &["pid"]),
        ("%a", &["application_name"]),
        ("%r", &["remote_host", "remote_port"]),
        ("%h", &["remote_host"]),
        ("%e", &["state_code"]),
        ("%c", &["session_id"]),
        ("%l", &["line_num"]),
        ("%v", &["vxid"]),
        ("%x", &["txid"]),
        ("%i", &["ps"]),
        ("%b", &["backend_type"]),
        ("%Q", &["query_id"]),
        ("%P", &["leader_pid"]),
    ];
    for (escape, of) in of {
        if prefix.contains(escape) {
            keys.extend(of);
        }
    }
    keys
}

/// With `%t`, the server looks at the clock anew for the line, and tells whole seconds.
#[track_caller]
fn assert_time(event: &Event, json: &Json, seconds: bool) {
    let expected = time(json["timestamp"].as_str().unwrap());
    let actual = event.time.unwrap();
    if seconds {
        let difference = actual.as_secs() - expected.as_secs();
        assert!(actual.subsec_nanos() == 0 && difference.abs() <= 1, "{actual}: {json}");
    } else {
        assert_eq!(actual, expected, "{json}");
    }
}

#[test]
fn every_oracle_of_csvlog_is_right_field_by_field() {
    for name in ["oracle_pg_m_csv", "oracle_pg_r_csv", "oracle_pg_fr_csv", "oracle_pg_de_csv"] {
        let vectors = vectors(name);
        for vector in &vectors {
            let event = log("postgres_csv", &[], &given(&vector["line"]).unwrap()).only();
            for (name, expected) in vector["expected"].as_object().unwrap() {
                let expected = given(expected).unwrap();
                match name.as_str() {
                    "log_time" => assert_eq!(event.time, Some(time(std::str::from_utf8(&expected).unwrap()))),
                    "session_start_time" => {
                        let expected = time(std::str::from_utf8(&expected).unwrap());
                        assert_eq!(event.fields[name], Value::Timestamp(expected));
                    }
                    _ => assert_eq!(plain(&event, name), expected, "{name} of {}", vector["line"]),
                }
            }
            if vector["jsonlog"].is_object() {
                assert_keys(&event, &vector["jsonlog"], KEYS.into_iter().filter(|key| *key != "state_code"));
            }
        }
        eprintln!("{name}: {} vectors", vectors.len());
    }
}

#[test]
fn every_oracle_of_stderr_is_right_field_by_field() {
    for name in ["oracle_pg_m_stderr", "oracle_pg_r_stderr", "oracle_pg_fr_stderr", "oracle_pg_de_stderr"] {
        let vectors = vectors(name);
        for vector in &vectors {
            let prefix = vector["options"]["log_line_prefix"].as_str().unwrap();
            let outcome = log("postgres", &[("log_line_prefix", prefix)], &given(&vector["line"]).unwrap());
            let event = outcome.only();
            let mut keys = told(prefix);
            if vector["options"]["verbose"] == true {
                keys.extend(["state_code", "func_name", "file_name", "file_line_num"]);
            }
            assert_keys(&event, &vector["expected"], keys);
            assert_time(&event, &vector["expected"], !prefix.contains("%m"));
        }
        eprintln!("{name}: {} vectors", vectors.len());
    }
}

#[test]
fn every_oracle_of_jsonlog_is_right_field_by_field() {
    for name in ["oracle_pg_m_json", "oracle_pg_r_json", "oracle_pg_fr_json"] {
        let vectors = vectors(name);
        for vector in &vectors {
            let event = log("postgres_json", &[], &given(&vector["line"]).unwrap()).only();
            assert_keys(&event, &vector["expected"], KEYS);
        }
        eprintln!("{name}: {} vectors", vectors.len());
    }
}

#[test]
fn every_event_is_the_same_in_csvlog_jsonlog_and_stderr() {
    let clusters =
        [("pg_m", "%m [%p] %q%u@%d "), ("pg_r", "%t:%r:%u@%d:[%p]: "), ("pg_fr", "%m [%p] %q%u@%d ")];
    for (cluster, prefix) in clusters {
        let read =
            |file: &str| Some(fs::read(corpus(&format!("generated/postgresql/{cluster}/{file}"))?).unwrap());
        let Some(json) = read("postgresql.json") else { return };
        let conf = format!("log_line_prefix = '{prefix}'");
        let csv = log("postgres_csv", &[], &read("postgresql.csv").unwrap());
        let stderr = log("postgres", &[("log_line_prefix", &conf)], &read("postgresql.stderr.log").unwrap());
        let truth: Vec<Json> = json
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        let json = log("postgres_json", &[], &json);
        for outcome in [&csv, &stderr, &json] {
            let Outcome { events, refused } = outcome;
            assert_eq!((events.len(), refused.as_slice()), (truth.len(), [].as_slice()), "{cluster}");
        }
        let mut statements = 0;
        for (index, truth) in truth.iter().enumerate() {
            let (csv, json, stderr) = (&csv.events[index], &json.events[index], &stderr.events[index]);
            assert_keys(json, truth, KEYS);
            assert_time(json, truth, false);
            // csvlog writes 00000 where jsonlog writes nothing.
            assert_keys(csv, truth, KEYS.into_iter().filter(|key| *key != "state_code"));
            assert_time(csv, truth, false);
            assert_keys(stderr, truth, told(prefix));
            assert_time(stderr, truth, !prefix.contains("%m"));
            for name in ["duration", "phase", "statement", "statement_name", "portal_name", "parameters"] {
                assert_eq!(csv.fields.get(name), json.fields.get(name), "{name} of {truth}");
                assert_eq!(stderr.fields.get(name), json.fields.get(name), "{name} of {truth}");
            }
            let duration = ["duration: ", "durée : "]
                .iter()
                .any(|word| plain(json, "message").starts_with(word.as_bytes()));
            assert_eq!(json.fields.contains_key("duration"), duration);
            statements += usize::from(json.fields.contains_key("statement"));
        }
        assert!(statements > 20);
        eprintln!("{cluster}: {} events in three logs, {statements} with a statement", truth.len());
    }
}

#[test]
fn vectors_of_pganalyze_are_right() {
    let vectors = vectors("peer_pganalyze_postgresql_stderr");
    for vector in &vectors {
        let prefix = vector["options"]["log_line_prefix"].as_str().unwrap();
        let outcome = log("postgres", &[("log_line_prefix", prefix)], &given(&vector["line"]).unwrap());
        if vector["expected"]["parse_ok"] == false {
            assert!(outcome.events.is_empty(), "{vector}");
            continue;
        }
        let event = outcome.only();
        for (name, expected) in vector["expected"]["fields"].as_object().unwrap() {
            let name = match name.as_str() {
                "OccurredAt" => {
                    if let Some(text) = expected.as_str() {
                        assert_eq!(event.time, Timestamp::parse_rfc3339(text), "{vector}");
                    }
                    continue;
                }
                "Username" => "user_name",
                "Database" => "database_name",
                "Application" => "application_name",
                "BackendPid" => "process_id",
                "LogLineNumber" => "session_line_num",
                "LogLevel" if expected.is_number() => continue,
                "LogLevel" => "severity",
                "Content" => "message",
                _ => continue,
            };
            let expected = given(expected).unwrap();
            assert_eq!(plain(&event, name), expected.trim_ascii_end(), "{name} of {vector}");
        }
    }
    eprintln!("{} vectors", vectors.len());
}

#[test]
fn public_logs_are_read_whole() {
    let cases = [
        ("begin_end.log", "%t [%p]: db=%d,user=%u,app=%a,client=%h ", 24, 0),
        ("light.postgres.log", "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ", 630, 0),
        ("pg-timezones.log", "%t:%h:%u@%d:[%p]:", 2, 0),
        // What `pg_ctl` printed is an event of its own.
        ("pg_rawcsv.log", "%m [%p] %q%u@%d ", 10, 0),
        ("logplex", " sql_error_code = %e ", 10, 0),
        ("rds.log", "%t:%r:%u@%d:[%p]:", 3_000, 0),
    ];
    for (file, prefix, events, refused) in cases {
        let Some(path) = corpus(&format!("public/pgbadger/{file}")) else { return };
        let outcome = log("postgres", &[("log_line_prefix", prefix)], &fs::read(path).unwrap());
        eprintln!("{file}: {} events, {} refused", outcome.events.len(), outcome.refused.len());
        for refused in &outcome.refused {
            eprintln!("  {}: {}", refused.1, String::from_utf8_lossy(&refused.0));
        }
        assert_eq!((outcome.events.len(), outcome.refused.len()), (events, refused), "{file}");
    }
}
