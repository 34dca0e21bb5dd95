//! syslog: what rsyslog and other parsers make of records, against what comes out here.

use std::fs;

use crate::support::{self, corpus, given, log, text, vectors};
use dendro_core::{Event, Timestamp, Value};
use serde_json::Value as Json;

/// The event of one datagram.
fn datagram(record: &[u8], options: &[(&str, &str)]) -> Event {
    let mut all = vec![("framing", "nul")];
    all.extend(options);
    log("syslog", &all, record).only()
}

fn shown(record: &[u8]) -> String {
    String::from_utf8_lossy(record).into_owned()
}

/// A field of rsyslog's, which has `-` for what is missing.
fn rsyslogs<'a>(expected: &'a Json, name: &str) -> Option<&'a str> {
    expected[name].as_str().filter(|value| *value != "-")
}

/// Compares an event with all that rsyslog says of the same datagram.
fn assert_as_rsyslog(record: &[u8], expected: &Json) {
    let event = datagram(record, &[]);
    let line = shown(record);
    let said = |name: &str| given(&expected[name]).filter(|value| value != b"-");
    let field = |name: &str| support::bytes(&event, name).filter(|value| value != b"-");
    let is_5424 = expected["protocol-version"] == "1";

    assert_eq!(event.fields["version"], if is_5424 { Value::U64(1) } else { Value::Null }, "{line}");
    for (theirs, ours, ours_too) in
        [("facility", "facility_code", "facility"), ("severity", "severity_code", "severity")]
    {
        match expected[theirs].as_str() {
            Some("invld") => assert_eq!(event.fields[ours], Value::Null, "{line}"),
            number => assert_eq!(event.fields[ours], Value::U64(number.unwrap().parse().unwrap()), "{line}"),
        }
        assert_eq!(text(&event, ours_too).as_deref(), expected[&format!("{theirs}-text")].as_str(), "{line}");
    }
    match expected["pri"].as_str() {
        Some("invld") => assert_eq!(event.fields["pri"], Value::Null, "{line}"),
        number => assert_eq!(event.fields["pri"], Value::U64(number.unwrap().parse().unwrap()), "{line}"),
    }

    // rsyslog takes the sender for a host that is missing.
    let sender = "127.0.0.1";
    assert_eq!(
        text(&event, "hostname").as_deref(),
        rsyslogs(expected, "hostname").filter(|host| *host != sender),
        "{line}"
    );
    for (theirs, ours) in [("app-name", "app_name"), ("procid", "procid"), ("msgid", "msgid")] {
        let theirs = said(theirs).filter(|value| !(is_5424 && value.is_empty()));
        assert_eq!(field(ours), theirs, "{ours} of {line}");
    }
    for (theirs, ours) in [("syslogtag", "syslogtag"), ("programname", "programname")] {
        assert_eq!(field(ours), said(theirs).filter(|value| !value.is_empty()), "{ours} of {line}");
    }

    assert_time(&event, expected, &line);
    assert_message(&event, &given(&expected["msg"]).unwrap(), is_5424, &line);
    let data = given(&expected["structured-data"]).unwrap();
    assert_data(&event, &data, &line);
}

/// rsyslog takes the year of the reception: so does a datagram that is read the same day.
fn assert_time(event: &Event, expected: &Json, line: &str) {
    let Some(theirs) = expected["timereported"].as_str() else {
        // More than six digits of a fraction make it print bytes that are no digits; the rest is right.
        let theirs = given(&expected["timereported"]).unwrap();
        let time = event.time.unwrap().to_string();
        assert_eq!(time.as_bytes()[..19], theirs[..19], "{line}");
        assert!(line.contains(".123456789Z") && time.ends_with(".123456789Z"), "{line}");
        return;
    };
    if theirs.contains("T20:46:43.") && !line.contains("T20:46:43.") {
        assert_eq!(event.time, None, "rsyslog takes the time of the reception: {line}");
    } else if theirs.starts_with("2026-02-29") {
        // 2026 has no such day, the last year that had one was 2024.
        assert_eq!(event.time.unwrap().to_string(), "2024-02-29T12:00:00.000000000Z", "{line}");
    } else {
        assert_eq!(event.time, Some(Timestamp::parse_rfc3339(theirs).unwrap()), "{line}");
    }
}

/// rsyslog leaves the space between tag and message in the message, and the byte order mark, which RFC 5424 has for a mark.
fn assert_message(event: &Event, theirs: &[u8], is_5424: bool, line: &str) {
    let theirs = match is_5424 {
        true => theirs.strip_prefix(b"\xef\xbb\xbf").unwrap_or(theirs),
        false => theirs.strip_prefix(b" ").unwrap_or(theirs),
    };
    assert_eq!(support::bytes(event, "message").unwrap(), theirs, "{line}");
}

/// The text of the structured data as rsyslog has it, against the elements.
fn assert_data(event: &Event, theirs: &[u8], line: &str) {
    if theirs == b"-" {
        assert_eq!(event.fields["structured_data"], Value::Null, "{line}");
        return;
    }
    let (elements, rest) = elements(theirs);
    assert_eq!(event.fields["structured_data"], elements, "{line}");
    let kept = event
        .fields
        .contains_key("structured_data_text")
        .then(|| support::bytes(event, "structured_data_text"));
    assert_eq!(kept.flatten().as_deref(), (!rest.is_empty()).then_some(theirs), "{line}");
}

/// The elements at the front of structured data, the slow way, and what is behind them.
fn elements(mut text: &[u8]) -> (Value, &[u8]) {
    let mut elements = Vec::new();
    while let Some(inner) = text.strip_prefix(b"[") {
        let mut end = 0;
        let mut quoted = false;
        while quoted || inner[end] != b']' {
            match inner[end] {
                b'\\' if quoted => end += 1,
                b'"' => quoted = !quoted,
                _ => {}
            }
            end += 1;
        }
        let element = std::str::from_utf8(&inner[..end]).unwrap();
        let (id, params) = element.split_once(' ').unwrap_or((element, ""));
        let mut values: Vec<(String, Value)> = Vec::new();
        for param in params.split_inclusive("\" ") {
            let param = param.strip_suffix("\" ").or(param.strip_suffix('"')).unwrap_or(param);
            let Some((name, value)) = param.split_once("=\"") else { continue };
            let value = value.replace("\\]", "]").replace("\\\\", "\\").replace("\\\"", "\"");
            let value = Value::Str(value);
            match values.iter_mut().find(|(known, _)| known == name) {
                Some((_, Value::Array(all))) => all.push(value),
                Some((_, one)) => *one = Value::Array(vec![one.clone(), value]),
                None => values.push((name.to_owned(), value)),
            }
        }
        elements.push((id.to_owned(), Value::Object(values.into_iter().collect())));
        text = &inner[end + 1..];
    }
    (Value::Object(elements.into_iter().collect()), text)
}

/// The record of a vector, whatever bytes it has.
fn record_of(vector: &Json) -> Vec<u8> {
    match vector["line_hex"].as_str() {
        Some(hex) => given(&serde_json::json!({ "hex": hex })).unwrap(),
        None => given(&vector["line"]).unwrap(),
    }
}

#[test]
fn every_oracle_of_rsyslog_is_right_field_by_field() {
    let vectors = vectors("oracle_rsyslog");
    for vector in &vectors {
        assert_as_rsyslog(&record_of(vector), &vector["expected"]);
    }
    eprintln!("{} vectors", vectors.len());
}

/// rsyslog takes another version than 1 for RFC 3164, which has no version. RFC 5424 says what a version may be, and those who write
/// one mean it.
const OTHER_VERSION: &[u8] = b"<13>2 2003-10-11T22:14:15.003Z h a p m - v2";

#[test]
fn every_datagram_that_rsyslog_got_is_read_as_it_read_it() {
    let Some(path) = corpus("generated/syslog/oracle.jsonl") else { return };
    let mut count = 0;
    for line in fs::read(path).unwrap().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        // Its JSON holds bytes that are no UTF-8, and control characters.
        let expected = latin1(line);
        let record = given(&expected["rawmsg"]).unwrap();
        if record == OTHER_VERSION {
            let event = datagram(&record, &[]);
            assert_eq!(
                (text(&event, "hostname").as_deref(), &event.fields["version"]),
                (Some("h"), &Value::U64(2))
            );
            let event = datagram(&record, &[("protocol", "rfc3164")]);
            assert_eq!(text(&event, "syslogtag").as_deref(), expected["syslogtag"].as_str());
            assert_eq!(text(&event, "message").as_deref(), expected["msg"].as_str());
        } else {
            assert_as_rsyslog(&record, &expected);
        }
        count += 1;
    }
    assert_eq!(count, 276);
}

/// Reads JSON that may hold any bytes: text that is no UTF-8 as `{"hex": ..}`.
fn latin1(line: &[u8]) -> Json {
    let mut text = String::new();
    for byte in line {
        match byte {
            0..0x20 => text.push_str(&format!("\\u{byte:04x}")),
            _ => text.push(char::from(*byte)),
        }
    }
    let mut json: Json = serde_json::from_str(&text).unwrap();
    for value in json.as_object_mut().unwrap().values_mut() {
        let bytes: Vec<u8> =
            value.as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        *value = match String::from_utf8(bytes.clone()) {
            Ok(text) => text.into(),
            Err(_) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                serde_json::json!({ "hex": hex })
            }
        };
    }
    json
}

/// The log files that rsyslog wrote of the same records, in three formats.
#[test]
fn every_line_that_rsyslog_wrote_tells_what_it_knew() {
    let read = |name: &str| corpus(&format!("generated/syslog/{name}")).map(|path| fs::read(path).unwrap());
    let (Some(iso), Some(traditional), Some(rfc5424)) =
        (read("fileformat_iso.log"), read("traditional.log"), read("syslogprotocol23.log"))
    else {
        return;
    };
    let events = |input: &[u8]| {
        let outcome = log("syslog", &[], input);
        assert!(outcome.refused.is_empty());
        outcome.events
    };
    let lines = |input: &[u8]| input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    let (iso_events, traditional_events, rfc5424_events) =
        (events(&iso), events(&traditional), events(&rfc5424));
    assert_eq!(iso_events.len(), lines(&iso));
    assert_eq!(traditional_events.len(), lines(&traditional));
    assert_eq!(rfc5424_events.len(), lines(&rfc5424));
    assert_eq!(iso_events.len(), traditional_events.len());

    let mut compared = 0;
    for (iso, traditional) in iso_events.iter().zip(&traditional_events) {
        let Some(time) = iso.time else { continue };
        assert_eq!(iso.fields["pri"], Value::Null, "files have no priority");
        for name in ["hostname", "syslogtag", "procid", "message"] {
            assert_eq!(iso.fields[name], traditional.fields[name], "{name}");
        }
        // The year, the fraction of a second and the zone are lost.
        assert_eq!(time.to_civil().second, traditional.time.unwrap().to_civil().second);
        compared += 1;
    }
    assert!(compared > 240, "{compared}");
    let with_priority = rfc5424_events.iter().filter(|event| event.fields["pri"] != Value::Null).count();
    assert!(with_priority > 270, "{with_priority}");
}

/// go-syslog keeps the backslash before a backslash in the vectors, which RFC 5424, 6.3.3, has for an escape; VRL's vectors have it so too.
const GO_SYSLOG_DEVIATIONS: &[(&str, &str)] =
    &[("[meta es=\"in \\\\middle", "`\\\\` stands for one backslash: RFC 5424, 6.3.3")];

#[test]
fn vectors_of_go_syslog_are_right_where_they_are_valid() {
    let (mut valid, mut lenient, mut strict) = (0, 0, 0);
    for vector in vectors("peer_gosyslog_syslog_rfc5424") {
        let record = record_of(&vector);
        let line = shown(&record);
        if vector["expected"]["valid"] == false {
            // Each is an event for who is lenient, but for the empty one; that it is not RFC 5424 can be asked for.
            lenient += log("syslog", &[("framing", "nul")], &record).events.len();
            strict += log("syslog", &[("framing", "nul"), ("protocol", "rfc5424")], &record).refused.len();
            continue;
        }
        valid += 1;
        for options in [&[][..], &[("protocol", "rfc5424")]] {
            let event = datagram(&record, options);
            let expected = &vector["expected"]["message"];
            for (theirs, ours) in [("Version", "version"), ("Priority", "pri")] {
                assert_eq!(event.fields[ours], Value::U64(expected[theirs].as_u64().unwrap()), "{line}");
            }
            for (theirs, ours) in
                [("Hostname", "hostname"), ("Appname", "app_name"), ("ProcID", "procid"), ("MsgID", "msgid")]
            {
                assert_eq!(text(&event, ours).as_deref(), expected[theirs].as_str(), "{line}");
            }
            let message = expected["Message"].as_str().unwrap_or_default().trim_start_matches('\u{feff}');
            assert_eq!(text(&event, "message").as_deref(), Some(message), "{line}");
            let time = expected["Timestamp"].as_str().map(|time| Timestamp::parse_rfc3339(time).unwrap());
            assert_eq!(event.time, time, "{line}");
            let deviates = GO_SYSLOG_DEVIATIONS.iter().any(|(part, _)| line.contains(part));
            for param in expected["Parameter"].as_array().into_iter().flatten() {
                let [id, name, value] = [0, 1, 2].map(|at| param[at].as_str().unwrap());
                let Value::Object(elements) = &event.fields["structured_data"] else { panic!("{line}") };
                let Some(Value::Object(element)) = elements.get(id) else { panic!("{line}") };
                let value = if deviates { value.replace("\\\\", "\\") } else { value.to_owned() };
                assert_eq!(element.get(name), Some(&Value::Str(value)), "{line}");
            }
        }
    }
    eprintln!("{valid} valid, of the others {lenient} read and {strict} refused if RFC 5424 is asked for");
}

#[test]
fn vectors_of_telegraf_are_cut_and_read() {
    for vector in vectors("peer_telegraf_syslog_framing") {
        if !vector["expected"]["errors"].is_null() {
            continue;
        }
        let outcome = log("syslog", &[], &record_of(&vector));
        let expected = vector["expected"]["influx_lines"].as_str().unwrap();
        assert_eq!(outcome.events.len(), expected.lines().count());
        for (event, line) in outcome.events.iter().zip(expected.lines()) {
            let expected = influx(line);
            for (theirs, ours) in [
                ("appname", "app_name"),
                ("facility", "facility"),
                ("hostname", "hostname"),
                ("severity", "severity"),
                ("message", "message"),
                ("msgid", "msgid"),
                ("procid", "procid"),
            ] {
                let ours = text(event, ours).filter(|text| !text.is_empty());
                assert_eq!(ours.as_ref(), expected.get(theirs), "{theirs}");
            }
            for (theirs, ours) in [
                ("facility_code", "facility_code"),
                ("severity_code", "severity_code"),
                ("version", "version"),
            ] {
                let number =
                    expected.get(theirs).map(|number| number.trim_end_matches(['i', 'u']).parse().unwrap());
                assert_eq!(event.fields[ours], number.map_or(Value::Null, Value::U64), "{theirs}");
            }
            let nanos = expected.get("timestamp").map(|nanos| nanos.trim_end_matches('i').parse().unwrap());
            assert_eq!(event.time, nanos.map(Timestamp::from_nanos));
        }
    }
}

/// The tags and fields of a line of InfluxDB's, as text.
fn influx(line: &str) -> std::collections::HashMap<String, String> {
    let mut pairs = std::collections::HashMap::new();
    let mut rest = line;
    while let Some((name, behind)) = rest.split_once('=') {
        let name = name.rsplit([',', ' ']).next().unwrap().to_owned();
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap(),
            None => behind.split_at(behind.find([',', ' ']).unwrap_or(behind.len())),
        };
        pairs.insert(name, value.to_owned());
        rest = behind;
    }
    pairs
}

#[test]
fn vectors_of_crowdsec_are_right() {
    for vector in vectors("peer_crowdsec_syslog_rfc3164_file") {
        let record = record_of(&vector);
        let event = log("syslog", &[("framing", "lines")], &record).only();
        let line = shown(&record);
        let expected = &vector["expected"]["parsed"];
        for (theirs, ours) in [("pid", "procid"), ("program", "program"), ("message", "message")] {
            if expected.get(theirs).is_some() || theirs != "message" {
                assert_eq!(text(&event, ours).as_deref(), expected[theirs].as_str(), "{ours} of {line}");
            }
        }
        assert_eq!(
            text(&event, "hostname").as_deref(),
            vector["expected"]["meta"]["machine"].as_str(),
            "{line}"
        );
        if let Some(time) = expected["timestamp8601"].as_str() {
            assert_eq!(event.time, Timestamp::parse_rfc3339(time), "{line}");
        } else {
            assert!(line.contains(expected["timestamp"].as_str().unwrap()) && event.time.is_some(), "{line}");
        }
        if let Some(priority) = expected["syslog_priority"].as_str() {
            assert_eq!(event.fields["pri"], Value::U64(priority.parse().unwrap()));
            assert_eq!(
                event.fields["version"],
                Value::U64(expected["syslog_version"].as_str().unwrap().parse().unwrap())
            );
            let Value::Object(data) = &event.fields["structured_data"] else { panic!("{line}") };
            let Some(Value::Object(meta)) = data.get("meta") else { panic!("{line}") };
            assert_eq!(
                meta.get("sequenceId"),
                Some(&Value::Str(expected["seq_id"].as_str().unwrap().into()))
            );
        }
    }
}

#[test]
fn vectors_of_vrl_are_right() {
    for vector in vectors("peer_vrl_parse_syslog") {
        let record = record_of(&vector);
        let line = shown(&record);
        if vector["expected"].get("$err").is_some() {
            // What is no record for VRL has neither priority nor time: whether that is one can be chosen.
            assert!(!log("syslog", &[("strict", "true")], &record).refused.is_empty(), "{line}");
            continue;
        }
        let event = datagram(&record, &[]);
        for (name, expected) in vector["expected"].as_object().unwrap() {
            match (name.as_str(), expected) {
                ("timestamp", time) => {
                    assert_eq!(event.time, Timestamp::parse_rfc3339(time.as_str().unwrap()), "{line}")
                }
                ("version", number) => {
                    assert_eq!(event.fields["version"], Value::U64(number.as_u64().unwrap()))
                }
                (id, Json::Object(params)) => {
                    let Value::Object(data) = &event.fields["structured_data"] else { panic!("{line}") };
                    let Some(Value::Object(element)) = data.get(id) else { panic!("no {id}: {line}") };
                    for (name, value) in params {
                        assert_eq!(
                            element.get(name),
                            Some(&Value::Str(value.as_str().unwrap().into())),
                            "{line}"
                        );
                    }
                }
                (name, expected) => {
                    let name = if name == "appname" { "program" } else { name };
                    let expected = String::from_utf8(given(expected).unwrap()).unwrap();
                    assert_eq!(text(&event, name), Some(expected), "{name} of {line}");
                }
            }
        }
    }
}

/// Files that syslog servers wrote, without priorities.
#[test]
fn public_logs_are_read_whole_and_the_year_turns() {
    for name in
        ["lnav/logfile_syslog.0", "lnav/logfile_syslog.3", "lnav/logfile_rollover.1", "mtail/sftp_chroot.log"]
    {
        let Some(path) = corpus(&format!("public/{name}")) else { return };
        let input = fs::read(path).unwrap();
        let lines = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let outcome = log("syslog", &[("year", "2018")], &input);
        assert_eq!((outcome.events.len(), outcome.refused.len()), (lines.clone().count(), 0), "{name}");
        for (event, line) in outcome.events.iter().zip(lines) {
            let goes_on = line.first().is_some_and(u8::is_ascii_whitespace);
            assert_eq!(event.time.is_none() || text(event, "program").is_none(), goes_on, "{}", shown(line));
        }
        if name == "lnav/logfile_rollover.1" {
            let years: Vec<i32> =
                outcome.events.iter().map(|event| event.time.unwrap().to_civil().year).collect();
            assert_eq!((years.first(), years.last()), (Some(&2018), Some(&2019)), "{years:?}");
        }
    }
}
