//! Logs that real servers wrote, with answers from the same servers, and what other parsers make of theirs.

use std::fs;

use crate::support::{self, bytes, corpus, given, parse, text, vectors};
use dendro_core::{Event, Timestamp, Value};
use serde_json::Value as Json;

/// The line of a vector, parsed.
fn parsed(vector: &Json) -> Event {
    let line = given(&vector["line"]).unwrap();
    parse(&line).unwrap_or_else(|reason| panic!("{reason}: {}", String::from_utf8_lossy(&line)))
}

/// Compares fields with nginx's own variables.
fn assert_variables(event: &Event, vector: &Json) {
    let literal_dash: Vec<&str> =
        vector["literal_dash"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    for (name, expected) in vector["expected"].as_object().unwrap() {
        let expected = given(expected).filter(|_| !literal_dash.contains(&name.as_str()));
        let actual = match name.as_str() {
            "time_local" => {
                let clf = given(&vector["as_logged"]["time_local"]).unwrap();
                let time = dendro_parsers::clf_time::ClfTime::default().read(clf[..].first_chunk().unwrap());
                assert_eq!(event.time, time);
                continue;
            }
            "status" => Some(format!("{:03}", support::number(event, "status")).into_bytes()),
            "body_bytes_sent" => Some(support::number(event, name).to_string().into_bytes()),
            _ => bytes(event, name),
        };
        assert_eq!(actual, expected, "{name} of {}", vector["line"]);
    }
    support::assert_split(event, &vector["nginx_request_split"]);
}

#[test]
fn every_oracle_of_combined_is_right_field_by_field() {
    let vectors = vectors("oracle_nginx_combined");
    vectors.iter().for_each(|vector| assert_variables(&parsed(vector), vector));
    eprintln!("{} vectors", vectors.len());
}

#[test]
fn every_oracle_of_main_is_right_field_by_field() {
    let vectors = vectors("oracle_nginx_main");
    vectors.iter().for_each(|vector| assert_variables(&parsed(vector), vector));
    eprintln!("{} vectors", vectors.len());
}

#[test]
fn every_line_that_nginx_wrote_agrees_with_its_json_log() {
    for (file, forwarded) in [("access_combined.log", false), ("access_main.log", true)] {
        let (Some(log), Some(json)) =
            (corpus(&format!("generated/nginx/{file}")), corpus("generated/nginx/access_json.log"))
        else {
            return;
        };
        let (log, json) = (fs::read(log).unwrap(), fs::read(json).unwrap());
        let lines = || log.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let answers = || json.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        assert_eq!(lines().count(), answers().count());
        for (line, answer) in lines().zip(answers()) {
            let event =
                parse(line).unwrap_or_else(|reason| panic!("{reason}: {}", String::from_utf8_lossy(line)));
            let variables = variables(answer);
            let mut names = vec!["remote_addr", "remote_user", "request", "http_referer", "http_user_agent"];
            if forwarded {
                names.push("http_x_forwarded_for");
            }
            for name in names {
                // JSON has `""` for missing and empty, the log `-` for missing and for a dash.
                let expected =
                    Some(given_latin1(&variables[name])).filter(|value| value != b"-").unwrap_or_default();
                assert_eq!(bytes(&event, name).unwrap_or_default(), expected, "{name}");
            }
            assert_eq!(format!("{:03}", support::number(&event, "status")), variables["status"]);
            assert_eq!(support::number(&event, "body_bytes_sent").to_string(), variables["body_bytes_sent"]);
            let time = Timestamp::parse_rfc3339(variables["time_iso8601"].as_str().unwrap());
            assert_eq!(event.time, time);
            let mut split = Json::Null;
            for name in ["request_method", "request_uri", "server_protocol"] {
                let hex: String = given_latin1(&variables[name]).iter().map(|b| format!("{b:02x}")).collect();
                split[name]["hex"] = hex.into();
            }
            support::assert_split(&event, &split);
        }
        eprintln!("{} lines of {file}", lines().count());
    }
}

/// nginx's `escape=json` leaves bytes from 0x80 on as they are, so a line need not be UTF-8: it is read as Latin-1, and
/// [`given_latin1`] takes that back.
fn variables(line: &[u8]) -> Json {
    let latin1: String = line.iter().map(|byte| char::from(*byte)).collect();
    serde_json::from_str(&latin1).unwrap()
}

fn given_latin1(value: &Json) -> Vec<u8> {
    value.as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

#[test]
fn vectors_of_vrl_are_right() {
    for vector in vectors("peer_vrl_parse_nginx_log") {
        let format = vector["options"]["format"].as_str().unwrap();
        if !matches!(format, "combined" | "main") {
            continue;
        }
        if vector["expected"].get("$err").is_some() {
            assert!(parse(&given(&vector["line"]).unwrap()).is_err(), "{}", vector["line"]);
            continue;
        }
        let event = parsed(&vector);
        for (name, expected) in vector["expected"].as_object().unwrap() {
            let name = match name.as_str() {
                "timestamp" => {
                    assert_eq!(event.time, Timestamp::parse_rfc3339(expected.as_str().unwrap()));
                    continue;
                }
                "client" => "remote_addr",
                "user" => "remote_user",
                "size" | "body_bytes_size" => "body_bytes_sent",
                "referer" => "http_referer",
                "agent" => "http_user_agent",
                "compression" => "gzip_ratio",
                other => other,
            };
            assert_eq!(plain(&event, name), given(expected), "{name} of {}", vector["line"]);
        }
    }
}

#[test]
fn vectors_of_crowdsec_are_right_where_they_are_combined() {
    for vector in vectors("peer_crowdsec_nginx") {
        let expected = &vector["expected"]["parsed"];
        if expected.get("target_fqdn").is_some() || given(&vector["line"]).is_none() {
            // A virtual host stands before the client: another format.
            assert!(parse(&given(&vector["line"]).unwrap()).is_err());
            continue;
        }
        let event = parsed(&vector);
        for name in
            ["remote_addr", "remote_user", "status", "body_bytes_sent", "http_referer", "http_user_agent"]
        {
            let Some(expected) = expected.get(name) else { continue };
            let actual = plain(&event, name).unwrap_or_else(|| b"-".to_vec());
            assert_eq!(Some(actual), given(expected), "{name} of {}", vector["line"]);
        }
        match expected.get("verb") {
            Some(verb) => {
                assert_eq!(bytes(&event, "method"), given(verb));
                assert_eq!(support::target(&event), given(&expected["request"]));
                let version = text(&event, "protocol").map(|protocol| protocol.replace("HTTP/", ""));
                assert_eq!(version.as_deref(), expected["http_version"].as_str());
            }
            None => assert_eq!(bytes(&event, "request"), given(&expected["request"])),
        }
    }
}

/// A field as text, numbers too.
fn plain(event: &Event, name: &str) -> Option<Vec<u8>> {
    match &event.fields[name] {
        Value::U64(number) => Some(number.to_string().into_bytes()),
        Value::F64(number) => Some(number.to_string().into_bytes()),
        _ => bytes(event, name),
    }
}
