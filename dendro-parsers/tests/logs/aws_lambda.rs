//! What Lambda logs.

use std::fs;

use crate::support::{corpus, given, log, number, text, vectors};
use dendro_core::{Event, Timestamp, Value};
use serde_json::Value as Json;

const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";

fn only(input: &str) -> Event {
    log("lambda", &[], input.as_bytes()).only()
}

fn time(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse_rfc3339(text).unwrap())
}

/// The nanoseconds of a length of time.
#[track_caller]
fn nanos(event: &Event, name: &str) -> i64 {
    match event.fields[name] {
        Value::Duration(length) => length.as_nanos(),
        ref other => panic!("{name}: {other:?}"),
    }
}

fn kind(event: &Event) -> (String, String) {
    (event.event_type.to_string(), text(event, "type").unwrap())
}

#[test]
fn a_report_is_tabs_with_odd_spaces_and_a_tab_at_its_end() {
    for report in [
        "REPORT RequestId: {ID}\tDuration: 2.51 ms\tBilled Duration: 100 ms \tMemory Size: 128 MB\tMax Memory Used: 35 MB\tInit Duration: 175.38 ms\t\n",
        "REPORT RequestId: {ID}\tDuration: 2.51 ms\tBilled Duration: 100 ms\tMemory Size: 128 MB\tMax Memory Used: 35 MB\tInit Duration: 175.38 ms",
        "REPORT RequestId: {ID} Duration: 2.51 ms Billed Duration: 100 ms Memory Size: 128 MB Max Memory Used: 35 MB  Init Duration: 175.38 ms ",
        "2026-11-20T16:59:47.123Z REPORT RequestId: {ID}\tDuration: 2.51 ms\tBilled Duration: 100 ms\tMemory Size: 128 MB\tMax Memory Used: 35 MB\tInit Duration: 175.38 ms\t\r\n",
    ] {
        let event = only(&report.replace("{ID}", ID));
        assert_eq!(kind(&event), ("lambda_platform".to_owned(), "platform.report".to_owned()));
        assert_eq!(text(&event, "request_id").as_deref(), Some(ID));
        assert_eq!(nanos(&event, "duration"), 2_510_000);
        assert_eq!(nanos(&event, "billed_duration"), 100_000_000);
        assert_eq!(nanos(&event, "init_duration"), 175_380_000);
        assert_eq!(number(&event, "memory_size"), 128 << 20);
        assert_eq!(number(&event, "max_memory_used"), 35 << 20);
    }
}

#[test]
fn a_report_may_tell_of_a_restore_an_error_and_a_trace_on_a_second_line() {
    let event = only(&format!(
        "REPORT RequestId: {ID}\tDuration: 3.51 ms\tBilled Duration: 164 ms\tMemory Size: 512 MB\tMax Memory Used: 123 MB\tRestore Duration: 609.22 ms\tBilled Restore Duration: 160 ms\tStatus: error\tError Type: Runtime.ExitError\t\nXRAY TraceId: 1-5e34a614-10bdxmplf1fb44f07bc535a1\tSegmentId: 07f5xmpl2d1f6f85\tSampled: true\t\n"
    ));
    assert_eq!(nanos(&event, "restore_duration"), 609_220_000);
    assert_eq!(nanos(&event, "billed_restore_duration"), 160_000_000);
    for (name, expected) in [
        ("status", "error"),
        ("error_type", "Runtime.ExitError"),
        ("trace_id", "1-5e34a614-10bdxmplf1fb44f07bc535a1"),
        ("segment_id", "07f5xmpl2d1f6f85"),
    ] {
        assert_eq!(text(&event, name).as_deref(), Some(expected), "{name}");
    }
    assert_eq!(event.fields["sampled"], Value::Bool(true));
}

#[test]
fn the_platform_tells_of_more_than_reports() {
    for (line, kind, fields) in [
        (
            "START RequestId: {ID} Version: $LATEST",
            "platform.start",
            &[("request_id", ID), ("version", "$LATEST")][..],
        ),
        ("END RequestId: {ID}", "platform.end", &[("request_id", ID)]),
        (
            "INIT_START Runtime Version: python:3.12.v36\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:18f0",
            "platform.initStart",
            &[
                ("runtime_version", "python:3.12.v36"),
                ("runtime_version_arn", "arn:aws:lambda:eu-west-1::runtime:18f0"),
            ],
        ),
        (
            "INIT_REPORT Init Duration: 9999.98 ms\tPhase: init\tStatus: timeout",
            "platform.initReport",
            &[("phase", "init"), ("status", "timeout")],
        ),
        (
            "INIT_REPORT Init Duration: 12.5 ms Phase: invoke Status: error Error Type: Extension.Crash",
            "platform.initReport",
            &[("phase", "invoke"), ("status", "error"), ("error_type", "Extension.Crash")],
        ),
        (
            "RESTORE_START Runtime Version: java:21.v30\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:ab",
            "platform.restoreStart",
            &[("runtime_version", "java:21.v30")],
        ),
        ("RESTORE_REPORT Restore Duration: 609.22 ms", "platform.restoreReport", &[]),
        (
            "EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE,SHUTDOWN]",
            "platform.extension",
            &[("name", "agent"), ("state", "Ready")],
        ),
        (
            "TELEMETRY\tName: agent\tState: Subscribed\tTypes: [Platform, Function]",
            "platform.telemetrySubscription",
            &[("name", "agent")],
        ),
        (
            "LOGS\tName: agent\tState: Subscribed\tTypes: [Platform]",
            "platform.logsSubscription",
            &[("state", "Subscribed")],
        ),
        ("XRAY TraceId: 1-2\tSegmentId: 3\tSampled: false", "platform.xray", &[("trace_id", "1-2")]),
    ] {
        let event = only(&line.replace("{ID}", ID));
        assert_eq!(text(&event, "type").as_deref(), Some(kind));
        for (name, expected) in fields {
            assert_eq!(text(&event, name).as_deref(), Some(*expected), "{name} of {line}");
        }
    }
    let list =
        |items: &[&str]| Value::Array(items.iter().map(|item| Value::Str((*item).to_owned())).collect());
    let event = only("EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE, SHUTDOWN]");
    assert_eq!(event.fields["events"], list(&["INVOKE", "SHUTDOWN"]));
    assert_eq!(only("LOGS\tName: a\tState: b\tTypes: []").fields["types"], list(&[]));
}

#[test]
fn labels_that_are_not_known_are_kept() {
    let event = only(&format!("REPORT RequestId: {ID}\tDuration: 1 ms\tNew Thing: 7 units\t"));
    let Value::Object(record) = &event.fields["record"] else { panic!() };
    assert_eq!(record.get("New Thing"), Some(&Value::Str("7 units".to_owned())));
}

#[test]
fn a_value_of_the_platform_that_can_not_be_read_is_refused_where_it_stands() {
    let refused = |line: &str| log("lambda", &[], line.as_bytes()).reason();
    assert_eq!(
        refused("REPORT RequestId: x\tDuration: XXX ms\t"),
        "at byte 30: expected a number of milliseconds, as in `3.51 ms`"
    );
    assert_eq!(
        refused("REPORT RequestId: x\tMemory Size: 128 kB"),
        "at byte 33: expected a number of megabytes, as in `128 MB`"
    );
    assert_eq!(refused("REPORT RequestId: x\tDuration"), "at byte 20: expected a label, `:` and a value");
    assert_eq!(
        refused(
            r#"{"time":"2026-11-20T16:59:47Z","type":"platform.report","record":{"metrics":{"durationMs":"x"}}}"#
        ),
        "at byte 93: expected a number of milliseconds, or null"
    );
}

#[test]
fn a_task_that_timed_out_is_a_fault() {
    let event = only(&format!("2026-11-20T16:59:47.123Z {ID} Task timed out after 30.02 seconds\n\n"));
    assert_eq!(kind(&event), ("lambda_platform".to_owned(), "platform.fault".to_owned()));
    assert_eq!(event.time, time("2026-11-20T16:59:47.123Z"));
    assert_eq!(text(&event, "request_id").as_deref(), Some(ID));
    assert_eq!(text(&event, "status").as_deref(), Some("timeout"));
    assert_eq!(text(&event, "message").as_deref(), Some("Task timed out after 30.02 seconds"));
    assert_eq!(nanos(&event, "timeout"), 30_020_000_000);
}

#[test]
fn a_runtime_that_exited_is_a_fault_with_its_type() {
    let event = only(&format!(
        "RequestId: {ID} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n"
    ));
    assert_eq!(text(&event, "type").as_deref(), Some("platform.fault"));
    assert_eq!(text(&event, "message").as_deref(), Some("Error: Runtime exited with error: signal: killed"));
    assert_eq!(text(&event, "error_type").as_deref(), Some("Runtime.ExitError"));
    let event = only(&format!("RequestId: {ID} Process exited before completing request\n"));
    assert_eq!(text(&event, "message").as_deref(), Some("Process exited before completing request"));
    let json = format!(
        r#"{{"time":"2026-11-20T16:59:47Z","type":"platform.fault","record":"RequestId: {ID} Error: Runtime exited\nRuntime.ExitError"}}"#
    );
    let event = only(&json);
    assert_eq!(text(&event, "request_id").as_deref(), Some(ID));
    assert_eq!(text(&event, "error_type").as_deref(), Some("Runtime.ExitError"));
}

#[test]
fn lines_of_the_runtimes_are_split() {
    for (line, level, request_id, message) in [
        ("2026-11-20T16:59:47.123Z\t{ID}\tINFO\thello\tyou", Some("INFO"), Some(ID), "hello\tyou"),
        ("2026-11-20T16:59:47.123Z\tundefined\tERROR\tinit", Some("ERROR"), None, "init"),
        ("2026-11-20T16:59:47.123Z\t{ID}\thello", None, Some(ID), "hello"),
        ("2026-11-20T16:59:47.123Z\t{ID}\tinfo\t", Some("info"), Some(ID), ""),
        ("[INFO]\t2026-11-20T16:59:47.123Z\t{ID}\thello", Some("INFO"), Some(ID), "hello"),
        ("[WARNING]\t2026-11-20T16:59:47.123Z\t\thello", Some("WARNING"), None, "hello"),
        ("2026-11-20T16:59:47.123Z\twhat is this\tINFO\thello", None, None, "what is this\tINFO\thello"),
    ] {
        let event = only(&line.replace("{ID}", ID));
        assert_eq!(kind(&event), ("lambda_function".to_owned(), "function".to_owned()));
        assert_eq!(event.time, time("2026-11-20T16:59:47.123Z"), "{line}");
        assert_eq!(text(&event, "level").as_deref(), level, "{line}");
        assert_eq!(text(&event, "request_id").as_deref(), request_id, "{line}");
        assert_eq!(text(&event, "message").as_deref(), Some(message), "{line}");
    }
}

#[test]
fn any_other_line_is_a_message() {
    for line in [
        "hello",
        "{",
        "}, {",
        "START",
        "START the engine: now",
        "END Duration: XXXX ms (init: XXXX ms) Memory Used: XXXX MB",
        "REPORT: fine",
        "RequestId: what",
        "[ thing ] x",
        "{\"a\":1}",
        "[1,2]",
        "RequestId: a Error",
        "Task timed out after",
        "{\"type\":\"platform.start\"}",
        "{\"type\":\"x\",\"record\":{}}",
        "\u{7f}\t\t",
    ] {
        let event = only(line);
        assert_eq!(kind(&event).0, "lambda_function", "{line}");
        assert_eq!(text(&event, "message").as_deref(), Some(line));
        assert_eq!(event.time, None);
    }
    let event = only("[ERROR] KeyError: 'x'");
    assert_eq!(text(&event, "level").as_deref(), Some("ERROR"));
    assert_eq!(text(&event, "message").as_deref(), Some("KeyError: 'x'"));
}

#[test]
fn line_ends_in_messages_are_put_back() {
    let event =
        only("[ERROR] KeyError: 'x'\rTraceback (most recent call last):\r  File \"a.py\", line 7\r\n");
    let message = "KeyError: 'x'\nTraceback (most recent call last):\n  File \"a.py\", line 7";
    assert_eq!(text(&event, "message").as_deref(), Some(message));
}

#[test]
fn a_time_and_a_log_stream_may_stand_before_a_line() {
    let event = only(&format!(
        "2026-11-20T16:59:47.123000+00:00 2026/11/20/[$LATEST]0123456789abcdef START RequestId: {ID} Version: 7"
    ));
    assert_eq!(event.time, time("2026-11-20T16:59:47.123Z"));
    assert_eq!(text(&event, "log_stream").as_deref(), Some("2026/11/20/[$LATEST]0123456789abcdef"));
    assert_eq!(text(&event, "version").as_deref(), Some("7"));
    let event = only("2026-11-20T16:59:47.123Z hello");
    assert_eq!(text(&event, "message").as_deref(), Some("hello"));
    let event = only(&format!(
        "2026-11-20T16:59:48Z {{\"time\":\"2026-11-20T16:59:47Z\",\"type\":\"platform.start\",\"record\":{{\"requestId\":\"{ID}\",\"version\":\"1\"}}}}"
    ));
    assert_eq!(event.time, time("2026-11-20T16:59:47Z"));
    assert_eq!(text(&event, "request_id").as_deref(), Some(ID));
}

#[test]
fn text_and_json_of_a_report_have_the_same_fields() {
    let from_text = only(&format!(
        "REPORT RequestId: {ID}\tDuration: 693.92 ms\tBilled Duration: 694 ms\tMemory Size: 128 MB\tMax Memory Used: 84 MB\tInit Duration: 397.68 ms\tStatus: timeout\t\nXRAY TraceId: 1-62e900b2-710d76f009d6e7785905449a\tSegmentId: 54565fb41ac79632\tSampled: true\t\n"
    ));
    let from_json = only(&format!(
        r#"{{"time":"2026-11-20T16:59:47.123456Z","type":"platform.report","record":{{"requestId":"{ID}","status":"timeout","metrics":{{"durationMs":693.92,"billedDurationMs":694,"memorySizeMB":128,"maxMemoryUsedMB":84.0,"initDurationMs":397.68}},"tracing":{{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id","value":"Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1"}}}}}}"#
    ));
    assert_eq!(from_json.time, time("2026-11-20T16:59:47.123456Z"));
    for (name, value) in &from_text.fields {
        assert_eq!(from_json.fields.get(name), Some(value), "{name}");
    }
    let Value::Object(tracing) = &from_json.fields["tracing"] else { panic!() };
    assert_eq!(tracing.get("type"), Some(&Value::Str("X-Amzn-Trace-Id".to_owned())));
}

#[test]
fn every_event_of_the_telemetry_api_is_read() {
    for (kind, record, fields) in [
        (
            "platform.initStart",
            r#"{"initializationType":"on-demand","phase":"init","runtimeVersion":"nodejs-14.v3","runtimeVersionArn":"arn","functionName":"f","functionVersion":"$LATEST","instanceId":"i"}"#,
            &[
                ("initialization_type", "on-demand"),
                ("runtime_version", "nodejs-14.v3"),
                ("function_name", "f"),
                ("instance_id", "i"),
            ][..],
        ),
        (
            "platform.initRuntimeDone",
            r#"{"initializationType":"on-demand","status":"error","errorType":"Runtime.X","spans":[]}"#,
            &[("status", "error"), ("error_type", "Runtime.X")],
        ),
        (
            "platform.initReport",
            r#"{"initializationType":"snap-start","phase":"init","metrics":{"durationMs":125}}"#,
            &[("phase", "init")],
        ),
        (
            "platform.start",
            r#"{"requestId":"r","version":"$LATEST"}"#,
            &[("request_id", "r"), ("version", "$LATEST")],
        ),
        ("platform.end", r#"{"requestId":"r"}"#, &[("request_id", "r")]),
        (
            "platform.runtimeDone",
            r#"{"requestId":"r","status":"timeout","internalMetrics":null}"#,
            &[("status", "timeout")],
        ),
        (
            "platform.restoreStart",
            r#"{"functionName":"f","functionVersion":"1","instanceId":"i","instanceMaxMemory":256,"runtimeVersion":"v","runtimeVersionArn":"a"}"#,
            &[("function_version", "1")],
        ),
        ("platform.restoreRuntimeDone", r#"{"status":"success"}"#, &[("status", "success")]),
        (
            "platform.restoreReport",
            r#"{"status":"success","metrics":{"durationMs":15.19}}"#,
            &[("status", "success")],
        ),
        (
            "platform.extension",
            r#"{"events":["INVOKE"],"name":"agent","state":"Ready"}"#,
            &[("name", "agent"), ("state", "Ready")],
        ),
        (
            "platform.telemetrySubscription",
            r#"{"name":"agent","state":"Subscribed","types":["platform","function"]}"#,
            &[("state", "Subscribed")],
        ),
        (
            "platform.logsDropped",
            r#"{"droppedBytes":12345,"droppedRecords":123,"reason":"slow"}"#,
            &[("reason", "slow")],
        ),
    ] {
        let event =
            only(&format!(r#"{{"time":"2026-11-20T16:59:47.123Z","type":"{kind}","record":{record}}}"#));
        assert_eq!(
            (event.event_type.as_ref(), text(&event, "type").as_deref()),
            ("lambda_platform", Some(kind))
        );
        assert_eq!(event.time, time("2026-11-20T16:59:47.123Z"));
        for (name, expected) in fields {
            assert_eq!(text(&event, name).as_deref(), Some(*expected), "{name} of {kind}");
        }
        match kind {
            "platform.initReport" => assert_eq!(nanos(&event, "init_duration"), 125_000_000),
            "platform.restoreReport" => assert_eq!(nanos(&event, "restore_duration"), 15_190_000),
            "platform.restoreStart" => assert_eq!(number(&event, "instance_max_memory"), 256 << 20),
            "platform.logsDropped" => assert_eq!(number(&event, "dropped_records"), 123),
            "platform.runtimeDone" => assert!(event.fields.contains_key("record")),
            _ => assert!(!event.fields.contains_key("record"), "{event:?}"),
        }
    }
}

#[test]
fn what_the_platform_tells_and_is_not_known_is_kept() {
    let event = only(
        r#"{"time":"2026-11-20T16:59:47Z","type":"platform.new","record":{"requestId":"r","metrics":{"durationMs":1,"newMs":2},"new":{"a":[1]}}}"#,
    );
    let Value::Object(record) = &event.fields["record"] else { panic!() };
    assert_eq!(record.get("newMs"), Some(&Value::U64(2)));
    assert!(matches!(record.get("new"), Some(Value::Object(_))));
    assert_eq!(nanos(&event, "duration"), 1_000_000);
    assert_eq!(text(&event, "request_id").as_deref(), Some("r"));
}

#[test]
fn records_of_functions_are_texts_or_objects() {
    let event = only(&format!(
        r#"{{"time":"2026-11-20T16:59:47.5Z","type":"function","record":"[INFO]\t2026-11-20T16:59:47.123Z\t{ID}\ta \"b\"\n"}}"#
    ));
    assert_eq!(event.time, time("2026-11-20T16:59:47.5Z"));
    assert_eq!(text(&event, "message").as_deref(), Some("a \"b\""));
    assert_eq!(text(&event, "request_id").as_deref(), Some(ID));
    let event = only(r#"{"time":"2026-11-20T16:59:47Z","type":"extension","record":"plain"}"#);
    assert_eq!(kind(&event), ("lambda_function".to_owned(), "extension".to_owned()));
    assert_eq!(text(&event, "message").as_deref(), Some("plain"));
    let event = only(
        r#"{"time":"2026-11-20T16:59:47Z","type":"function","record":{"timestamp":"2026-11-20T16:59:46Z","level":"INFO","message":"m","requestId":"r","extra":{"a":1}}}"#,
    );
    assert_eq!(event.time, time("2026-11-20T16:59:47Z"));
    let Value::Object(record) = &event.fields["record"] else { panic!() };
    assert_eq!(record.len(), 2);
    assert_eq!(text(&event, "message").as_deref(), Some("m"));
}

#[test]
fn json_of_the_runtimes_is_split_and_other_json_is_a_message() {
    let event = only(
        r#"{"timestamp":"2026-11-20T16:59:46.123Z","level":"INFO","message":"a\nb","logger":"root","requestId":"r"}"#,
    );
    assert_eq!(kind(&event), ("lambda_function".to_owned(), "function".to_owned()));
    assert_eq!(event.time, time("2026-11-20T16:59:46.123Z"));
    assert_eq!(text(&event, "message").as_deref(), Some("a\nb"));
    assert_eq!(text(&event, "level").as_deref(), Some("INFO"));
    let Value::Object(record) = &event.fields["record"] else { panic!() };
    assert_eq!(record.get("logger"), Some(&Value::Str("root".to_owned())));
    let event = only(r#"{"message":{"a":1},"AWSRequestId":"r"}"#);
    assert_eq!(text(&event, "message"), None);
    assert_eq!(text(&event, "request_id").as_deref(), Some("r"));
    let line = r#"{"timestamp":"2026-11-20T16:59:46.123Z","level":"INFO"}"#;
    assert_eq!(text(&only(line), "message").as_deref(), Some(line));
}

#[test]
fn vectors_of_the_telemetry_api_are_right() {
    let mut seen = 0;
    for file in ["peer_datadog_lambda_telemetry", "peer_powertuning_lambda_report"] {
        for vector in vectors(file) {
            let line = given(&vector["line"]).unwrap();
            let event = log("lambda", &[], &line).only();
            let original: Json = serde_json::from_slice(&line).unwrap();
            assert_eq!(text(&event, "type").as_deref(), original["type"].as_str());
            assert_eq!(event.time, time(original["time"].as_str().unwrap()));
            if let Some(kind) = vector["expected"]["record_type"].as_str() {
                assert_eq!(camel_case(kind), camel_case(original["type"].as_str().unwrap()));
            }
            assert_record(&event, &vector["expected"]["record"], original["type"].as_str().unwrap());
            seen += 1;
        }
    }
    eprintln!("{seen} vectors");
}

/// `platform.initRuntimeDone`, `PlatformInitRuntimeDone` and `platform_init_runtime_done` alike.
fn camel_case(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Compares what the record tells, under whichever spelling of its names, with the fields.
#[track_caller]
fn assert_record(event: &Event, expected: &Json, kind: &str) {
    for (name, expected) in expected.as_object().into_iter().flatten() {
        let name = camel_case(name);
        if name == "metrics" {
            assert_record(event, expected, kind);
            continue;
        }
        let field = match (name.as_str(), kind) {
            ("durationms", "platform.initReport") => "initduration",
            ("durationms", "platform.restoreReport") => "restoreduration",
            (name, _) => name.strip_suffix("ms").or(name.strip_suffix("mb")).unwrap_or(name),
        };
        let actual = event.fields.iter().find(|(name, _)| camel_case(name) == field).map(|(_, value)| value);
        match (expected, actual) {
            (Json::Null, actual) => assert!(actual.is_none_or(|value| *value == Value::Null)),
            (Json::String(expected), Some(Value::Str(actual))) => {
                assert_eq!(camel_case(actual), camel_case(expected))
            }
            (Json::Number(expected), Some(Value::Duration(actual))) => {
                assert_eq!(actual.as_nanos(), (expected.as_f64().unwrap() * 1e6).round() as i64);
            }
            (Json::Number(expected), Some(Value::U64(actual))) => {
                let unit = if name.ends_with("mb") { 1 << 20 } else { 1 };
                assert_eq!(*actual as f64, expected.as_f64().unwrap() * f64::from(unit));
            }
            (Json::Array(expected), Some(Value::Array(actual))) => {
                assert_eq!(actual.len(), expected.len());
                for (expected, actual) in expected.iter().zip(actual) {
                    let Value::Object(span) = actual else { panic!("{actual:?}") };
                    assert_eq!(
                        span.get("name"),
                        Some(&Value::Str(expected["name"].as_str().unwrap().to_owned()))
                    );
                    let took = (expected["durationMs"].as_f64().unwrap() * 1e6).round() as i64;
                    assert!(
                        matches!(span.get("duration"), Some(Value::Duration(actual)) if actual.as_nanos() == took)
                    );
                    let start = time(expected["start"].as_str().unwrap());
                    assert!(
                        matches!(span.get("start"), Some(Value::Timestamp(actual)) if Some(*actual) == start)
                    );
                }
            }
            (expected, actual) => panic!("{name}: {expected:?} and {actual:?}"),
        }
    }
}

#[test]
fn a_real_log_is_read_to_its_last_line() {
    let Some(path) = corpus("public/lambda/datadog_async-metrics_python312.log") else { return };
    let input = fs::read(path).unwrap();
    let outcome = log("lambda", &[], &input);
    assert!(outcome.refused.is_empty());
    let lines = input.split(|b| *b == b'\n').filter(|line| !line.is_empty() && *line != b"\r").count();
    assert_eq!(outcome.events.len(), lines);
    assert_eq!(kind(&outcome.events[0]), ("lambda_platform".to_owned(), "platform.initStart".to_owned()));
    assert_eq!(text(&outcome.events[0], "runtime_version").as_deref(), Some("python:3.12.vX"));
}
