//! Apache httpd's access log, against what the server itself says of the same requests.

use std::fs;

use crate::support::{self, bytes, corpus, given, log, parser, target, through, vectors};
use dendro_core::{Event, Timestamp, Value};
use dendro_parsers::escapes::decode_apache;

/// The field that a directive becomes.
fn field(directive: &str) -> &'static str {
    match directive {
        "%h" => "remote_host",
        "%a" => "remote_addr",
        "%l" => "remote_logname",
        "%u" => "remote_user",
        "%r" => "request",
        "%s" => "original_status",
        "%>s" => "status",
        "%O" => "bytes_sent",
        "%b" | "%B" => "body_bytes_sent",
        "%I" => "bytes_received",
        "%v" => "server_name",
        "%p" => "server_port",
        "%m" => "request_method",
        "%U" => "uri",
        "%q" => "query_string",
        "%H" => "server_protocol",
        "%X" => "connection_status",
        "%k" => "keepalive_requests",
        "%L" => "request_log_id",
        "%D" | "%T" | "%{ms}T" => "request_time",
        "%{Referer}i" => "http_referer",
        "%{User-Agent}i" => "http_user_agent",
        "%{X-Forwarded-For}i" => "http_x_forwarded_for",
        other => panic!("{other}"),
    }
}

/// A value as httpd would have logged it, without escapes; `None` if it is null.
fn logged(event: &Event, directive: &str) -> Option<Vec<u8>> {
    let name = field(directive);
    match event.fields.get(name).unwrap_or_else(|| panic!("no field {name}")) {
        Value::Null => None,
        Value::U64(number) => Some(number.to_string().into_bytes()),
        Value::Duration(time) => Some((time.as_nanos() / 1_000).to_string().into_bytes()),
        _ => bytes(event, name),
    }
}

/// The time of `%t`.
fn clf(text: &[u8]) -> Option<Timestamp> {
    dendro_parsers::clf_time::ClfTime::default().read(text.first_chunk()?)
}

#[test]
fn every_oracle_is_right_field_by_field() {
    for file in ["common", "common_b", "combined", "combined_b", "combinedio", "vhost_combined"] {
        let vectors = vectors(&format!("oracle_apache_{file}"));
        for vector in &vectors {
            let line = given(&vector["line"]).unwrap();
            let log_format = vector["options"]["log_format"].as_str().unwrap();
            let event = log("apache", &[("log_format", log_format)], &line).only();
            for (directive, expected) in vector["expected"].as_object().unwrap() {
                if directive == "%t" {
                    assert_eq!(event.time, clf(&given(expected).unwrap()));
                    let secs: i64 = vector["extra"]["epoch_s"].as_str().unwrap().parse().unwrap();
                    assert_eq!(event.time, Timestamp::from_secs(secs));
                    continue;
                }
                assert_eq!(logged(&event, directive), given(expected), "{directive} of {}", vector["line"]);
            }
        }
        eprintln!("{} vectors of {file}", vectors.len());
    }
}

/// Directives with what was logged.
type Row = Vec<(&'static str, Vec<u8>)>;

/// The rows of the server's own table of the same requests: its columns by directive, as logged.
fn oracle() -> Option<Vec<Row>> {
    const COLUMNS: [&str; 28] = [
        "%v",
        "%p",
        "%h",
        "%a",
        "%l",
        "%u",
        "sec",
        "%t",
        "%r",
        "%m",
        "%U",
        "%q",
        "%H",
        "%s",
        "%>s",
        "%b",
        "%B",
        "%O",
        "%I",
        "%D",
        "%{ms}T",
        "%T",
        "%{Referer}i",
        "%{User-Agent}i",
        "%{X-Forwarded-For}i",
        "%X",
        "%k",
        "%L",
    ];
    let table = fs::read(corpus("generated/apache/access_oracle.tsv")?).unwrap();
    let rows = table.split(|byte| *byte == b'\n').filter(|row| !row.is_empty());
    Some(
        rows.map(|row| {
            let cells = row.split(|byte| *byte == b'\t').map(<[u8]>::to_vec);
            let row: Row = COLUMNS.into_iter().zip(cells).collect();
            assert_eq!(row.len(), COLUMNS.len());
            row
        })
        .collect(),
    )
}

/// A cell without its escapes; `None` for `-`.
fn value(directive: &str, cell: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    decode_apache(cell, &mut decoded);
    Some(decoded).filter(|text| text != b"-" || directive == "%X")
}

#[test]
fn the_servers_own_table_is_read_as_what_it_says() {
    let Some(rows) = oracle() else { return };
    let config = fs::read_to_string(corpus("generated/apache/apache.conf").unwrap()).unwrap();
    let directive =
        config.lines().find(|line| line.starts_with("LogFormat") && line.ends_with("oracle")).unwrap();
    let table = fs::read(corpus("generated/apache/access_oracle.tsv").unwrap()).unwrap();
    let outcome = log("apache", &[("log_format", directive)], &table);
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    assert_eq!(outcome.events.len(), rows.len());
    for (event, row) in outcome.events.iter().zip(&rows) {
        for (directive, cell) in row {
            match *directive {
                "sec" | "%t" => continue,
                // The finest of the three is kept.
                "%{ms}T" | "%T" => continue,
                // Both are the body's bytes: the first is.
                "%B" => continue,
                _ => {}
            }
            assert_eq!(logged(event, directive), value(directive, cell), "{directive} of {row:?}");
        }
        assert_eq!(event.time, clf(&row[7].1));
    }
    eprintln!("{} rows", rows.len());
}

#[test]
fn every_line_in_every_format_of_the_configuration_is_of_a_row_of_the_servers_table() {
    let Some(rows) = oracle() else { return };
    let config = fs::read_to_string(corpus("generated/apache/apache.conf").unwrap()).unwrap();
    for directive in config.lines().filter(|line| line.starts_with("LogFormat")) {
        let name = directive.rsplit(' ').next().unwrap();
        if name == "oracle" {
            continue;
        }
        let text = fs::read(corpus(&format!("generated/apache/access_{name}.log")).unwrap()).unwrap();
        let outcome = through(&parser("apache", &[("log_format", directive)]), &text);
        assert!(outcome.refused.is_empty(), "{name}: {:?}", outcome.refused);
        let directives: Vec<&str> = rows[0]
            .iter()
            .map(|(column, _)| *column)
            .filter(|column| {
                directive.contains(&format!("{}\\\"", column))
                    || directive.contains(&format!("{column} "))
                    || directive.contains(&format!("{column}:"))
                    || directive.contains(&format!("{column}\""))
                    || directive.contains(&format!("{column}>"))
            })
            .filter(|column| !matches!(*column, "sec" | "%t" | "%T" | "%{ms}T" | "%H"))
            .collect();
        assert!(directives.len() > 4, "{directives:?}");
        let row = |row: &Row| {
            let of = |directive: &&str| {
                let (_, cell) = row.iter().find(|(column, _)| column == directive).unwrap();
                value(directive, cell)
            };
            (clf(&row[7].1).unwrap(), directives.iter().map(of).collect::<Vec<_>>())
        };
        let event = |event: &Event| {
            let whole = Timestamp::from_secs(event.time.unwrap().as_secs()).unwrap();
            (whole, directives.iter().map(|directive| logged(event, directive)).collect::<Vec<_>>())
        };
        // The logs need not be in the same order.
        let mut expected: Vec<_> = rows.iter().map(row).collect();
        let mut actual: Vec<_> = outcome.events.iter().map(event).collect();
        expected.sort();
        actual.sort();
        assert_eq!(actual.len(), expected.len());
        for (actual, expected) in actual.iter().zip(&expected) {
            assert_eq!(actual, expected, "{name} {directives:?}");
        }
        eprintln!("{} lines of {name}: {directives:?}", actual.len());
    }
}

#[test]
fn vectors_of_kassner_are_right() {
    for vector in vectors("peer_kassner_apache") {
        let log_format = vector["options"]["log_format"].as_str().unwrap();
        let event = log("apache", &[("log_format", log_format)], &given(&vector["line"]).unwrap()).only();
        for (name, expected) in vector["expected"].as_object().unwrap() {
            let directive = match name.as_str() {
                "host" => "%h",
                "logname" => "%l",
                "user" => "%u",
                "request" => "%r",
                "status" => "%>s",
                "sentBytes" => "%O",
                "HeaderReferer" => "%{Referer}i",
                "HeaderUserAgent" | "HeaderUseragent" => "%{User-Agent}i",
                "time" => {
                    assert_eq!(event.time, clf(&given(expected).unwrap()));
                    continue;
                }
                other => panic!("{other}"),
            };
            let actual = logged(&event, directive).unwrap_or_else(|| b"-".to_vec());
            assert_eq!(Some(actual), given(expected), "{name} of {}", vector["line"]);
        }
    }
}

#[test]
fn vectors_of_crowdsec_are_right() {
    for vector in vectors("peer_crowdsec_apache") {
        let event = log("apache_combined", &[], &given(&vector["line"]).unwrap()).only();
        for (name, expected) in vector["expected"]["parsed"].as_object().unwrap() {
            let directive = match name.as_str() {
                "clientip" => "%h",
                "ident" => "%l",
                "auth" => "%u",
                "response" => "%>s",
                "bytes" => "%O",
                "referrer" => "%{Referer}i",
                "http_user_agent" => "%{User-Agent}i",
                "timestamp" => {
                    assert_eq!(event.time, clf(&given(expected).unwrap()));
                    continue;
                }
                // It keeps the escapes.
                "rawrequest" => {
                    assert_eq!(logged(&event, "%r"), value("%r", &given(expected).unwrap()));
                    continue;
                }
                "request" => {
                    assert_eq!(target(&event), given(expected));
                    continue;
                }
                "verb" => {
                    assert_eq!(bytes(&event, "method"), given(expected));
                    continue;
                }
                "httpversion" => {
                    let protocol = support::text(&event, "protocol").unwrap();
                    assert_eq!(protocol.strip_prefix("HTTP/"), expected.as_str());
                    continue;
                }
                "program" => continue,
                other => panic!("{other}"),
            };
            let actual = logged(&event, directive).unwrap_or_else(|| b"-".to_vec());
            assert_eq!(Some(actual), given(expected), "{name} of {}", vector["line"]);
        }
    }
}

#[test]
fn public_logs_are_read() {
    for (file, format, options, refused) in [
        ("apache/elastic_examples_apache_logs.log", "apache_combined", &[][..], 1),
        ("lnav/logfile_access_log.0", "apache_combined", &[], 0),
        ("lnav/logfile_bad_access_log.0", "apache_combined", &[], 1),
        ("mtail/apache-combined.log", "apache_combined", &[], 0),
        (
            "mtail/lighttpd_access.log",
            "apache",
            &[("log_format", r#"%h %V %u %t "%r" %>s %b %I %O %T "%{Referer}i" "%{User-Agent}i""#)],
            0,
        ),
    ] {
        let Some(path) = corpus(&format!("public/{file}")) else { return };
        let text = fs::read(path).unwrap();
        let outcome = log(format, options, &text);
        for (line, reason) in &outcome.refused {
            eprintln!("{file}: {reason}: {}", String::from_utf8_lossy(line));
        }
        assert_eq!(outcome.refused.len(), refused, "{file}");
        eprintln!("{} events of {file}", outcome.events.len());
    }
}
