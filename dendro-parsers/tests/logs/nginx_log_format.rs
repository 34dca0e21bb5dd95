//! nginx's access log in any format, against what the server itself says of the same requests.

use std::fs;

use crate::support::{self, corpus, given, log, parser, through, vectors};
use dendro_core::{Event, Timestamp, Value};
use serde_json::Value as Json;

/// The event of one line in a format.
#[track_caller]
fn event(log_format: &str, line: &[u8]) -> Event {
    log("nginx", &[("log_format", log_format)], line).only()
}

/// A field as nginx would have logged it, unescaped; `None` if it is null.
fn logged(event: &Event, name: &str) -> Option<Vec<u8>> {
    match event.fields.get(name).unwrap_or_else(|| panic!("no field {name}")) {
        Value::Null => None,
        Value::Array(values) => Some(values.iter().map(plain).collect::<Vec<_>>().join(&b", "[..])),
        value => Some(match name {
            "status" => format!("{:0>3}", String::from_utf8(plain(value)).unwrap()).into_bytes(),
            _ => plain(value),
        }),
    }
}

fn plain(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => b"-".to_vec(),
        Value::Str(text) => text.clone().into_bytes(),
        Value::Bytes(bytes) => bytes.clone(),
        Value::U64(number) => number.to_string().into_bytes(),
        Value::F64(number) => number.to_string().into_bytes(),
        Value::Duration(time) => format!("{:.3}", time.as_secs_f64()).into_bytes(),
        other => panic!("{other:?}"),
    }
}

/// Compares fields with nginx's own variables, as they are without escapes.
#[track_caller]
fn assert_variables<'a>(event: &Event, variables: impl Iterator<Item = (&'a str, Option<Vec<u8>>)>) {
    for (name, expected) in variables {
        let time = match (name, &expected) {
            ("time_local", Some(text)) => {
                let mut clock = dendro_parsers::clf_time::ClfTime::default();
                (clock.read(text[..].first_chunk().unwrap()), 1_000_000_000)
            }
            ("time_iso8601", Some(text)) => {
                (Timestamp::parse_rfc3339(std::str::from_utf8(text).unwrap()), 1_000_000_000)
            }
            ("msec", Some(text)) => {
                let millis: i64 = String::from_utf8(text.clone()).unwrap().replace('.', "").parse().unwrap();
                (Some(Timestamp::from_nanos(millis * 1_000_000)), 1_000_000)
            }
            _ => {
                // Both separators of a list make one array.
                let expected = expected.map(|text| {
                    if name.starts_with("upstream_") {
                        String::from_utf8(text).unwrap().replace(" : ", ", ").into_bytes()
                    } else {
                        text
                    }
                });
                assert_eq!(logged(event, name), expected, "{name}");
                continue;
            }
        };
        let precision = time.1;
        let actual = event.time.unwrap().as_nanos().div_euclid(precision);
        assert_eq!(actual, time.0.unwrap().as_nanos().div_euclid(precision), "{name}");
    }
}

#[test]
fn every_oracle_is_right_field_by_field() {
    for file in ["combined", "main", "timed", "upstreaminfo", "vhost", "pipes"] {
        let vectors = vectors(&format!("oracle_nginx_{file}"));
        for vector in &vectors {
            let line = given(&vector["line"]).unwrap();
            let event = event(vector["options"]["log_format"].as_str().unwrap(), &line);
            let dashes: Vec<&str> =
                vector["literal_dash"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
            let variables = vector["expected"].as_object().unwrap().iter();
            assert_variables(
                &event,
                variables.map(|(name, value)| {
                    (name.as_str(), given(value).filter(|_| !dashes.contains(&name.as_str())))
                }),
            );
            if vector["expected"].get("request").is_some() {
                support::assert_split(&event, &vector["nginx_request_split"]);
            }
        }
        eprintln!("{} vectors of {file}", vectors.len());
    }
}

#[test]
fn vectors_of_crowdsec_are_right_with_a_virtual_host_too() {
    for vector in vectors("peer_crowdsec_nginx") {
        let expected = &vector["expected"]["parsed"];
        let Some(line) = given(&vector["line"]) else { continue };
        let combined = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
        let virtual_host = expected.get("target_fqdn").is_some();
        let format =
            if virtual_host { format!("$server_name:$server_port {combined}") } else { combined.to_owned() };
        let event = event(&format, &line);
        for (peer, name) in [
            ("target_fqdn", "server_name"),
            ("port", "server_port"),
            ("remote_addr", "remote_addr"),
            ("remote_user", "remote_user"),
            ("status", "status"),
            ("body_bytes_sent", "body_bytes_sent"),
            ("http_referer", "http_referer"),
            ("http_user_agent", "http_user_agent"),
            ("verb", "method"),
        ] {
            let Some(expected) = expected.get(peer) else { continue };
            let actual = logged(&event, name).unwrap_or_else(|| b"-".to_vec());
            assert_eq!(Some(actual), given(expected), "{name} of {}", vector["line"]);
        }
        let request =
            if expected.get("verb").is_some() { support::target(&event) } else { logged(&event, "request") };
        assert_eq!(request, given(&expected["request"]));
    }
}

/// The log formats of nginx.conf, by the file that each writes.
fn configured() -> Option<Vec<(String, String)>> {
    let config = fs::read_to_string(corpus("generated/nginx/nginx.conf")?).unwrap();
    let mut formats = Vec::new();
    for directive in config.split("log_format ").skip(1) {
        let (directive, _) = directive.split_once(';').unwrap();
        let name = directive.split_whitespace().next().unwrap();
        let file = if name == "noescape" { "escape_none" } else { name };
        formats.push((format!("access_{file}.log"), format!("log_format {directive};")));
    }
    formats.push(("access_combined.log".to_owned(), "combined".to_owned()));
    Some(formats)
}

#[test]
fn every_line_in_every_format_of_the_configuration_agrees_with_the_json_log() {
    let Some(formats) = configured() else { return };
    assert_eq!(formats.len(), 9);
    let lines = |file: &str| {
        let log = fs::read(corpus(&format!("generated/nginx/{file}")).unwrap()).unwrap();
        log.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    let answers: Vec<_> = lines("access_json.log").iter().map(|line| variables(line)).collect();
    for (file, directive) in formats {
        let parser = parser("nginx", &[("log_format", &directive)]);
        let names: Vec<&str> = directive
            .split('$')
            .skip(1)
            .map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap())
            .collect();
        let escape = directive.contains("escape=");
        let lines = lines(&file);
        assert_eq!(lines.len(), answers.len());
        for (line, answer) in lines.iter().zip(&answers) {
            let event = through(&parser, line).only();
            assert_variables(
                &event,
                names.iter().map(|name| {
                    let value = given_latin1(&answer[*name]);
                    // A time is always there. What is missing is `""` in JSON; without it, it is `-`, and a value may be that too.
                    let missing = match &value[..] {
                        b"" => !matches!(event.fields.get(*name), Some(Value::Str(text)) if text.is_empty()),
                        // In a list it is nginx's own.
                        b"-" => !escape || name.starts_with("upstream_"),
                        _ => false,
                    };
                    (*name, (!missing).then_some(value))
                }),
            );
        }
        eprintln!("{} lines of {file}", lines.len());
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
