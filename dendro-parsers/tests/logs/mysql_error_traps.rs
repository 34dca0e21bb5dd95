//! What real error logs are known to hold, each as a test of its own.

use crate::support::{Outcome, log, number, text};
use dendro_core::{Event, Value};

fn error(input: &str) -> Outcome {
    log("mysql_error", &[], input.as_bytes())
}

/// Time, thread, label, code, subsystem and message, `-` for null.
fn parts(event: &Event) -> String {
    let time = event.time.map_or("-".to_owned(), |time| time.to_string());
    let thread = match event.fields["thread"] {
        Value::Null => "-".to_owned(),
        _ => number(event, "thread").to_string(),
    };
    let rest = ["label", "err_code", "subsystem", "message"];
    let rest = rest.map(|name| text(event, name).unwrap_or_else(|| "-".to_owned()));
    format!("{time}|{thread}|{}", rest.join("|"))
}

fn all(outcome: &Outcome) -> Vec<String> {
    assert_eq!(outcome.refused, []);
    outcome.events.iter().map(parts).collect()
}

#[test]
fn lines_of_each_version_are_read() {
    let outcome = error(concat!(
        "070101  0:00:00 [Note] ready\n",
        "070101  0:00:01  InnoDB: Started; log sequence number 0 43655\n",
        "130101 10:00:00 mysqld_safe Starting mysqld daemon\n",
        "2013-11-12 17:02:15 1234 [Warning] deprecated\n",
        "2013-11-12 17:02:15 7f0d1c InnoDB: Warning: x\n",
        "2015-12-01T10:11:12.123456Z 0 [Note] ready\n",
        "2015-12-01T10:11:12.123456Z mysqld_safe Logging\n",
        "2020-08-06T16:25:02.835618+02:00 0 [System] [MY-010116] [Server] starting\n",
        "2020-08-06T14:25:02.835618Z 7 [ERROR] [MY-012592] [InnoDB] Operating system error\n",
        "2020-08-06T14:25:02.835618Z 0 [Note] InnoDB: without a number\n",
        "2026-11-20  1:15:44 0 [Note] Starting MariaDB\n",
        "2026-11-20 11:15:44 12 [ERROR] mariadbd: Got packets out of order\n",
    ));
    assert_eq!(
        all(&outcome),
        [
            "2007-01-01T00:00:00.000000000Z|-|Note|-|-|ready",
            "2007-01-01T00:00:01.000000000Z|-|-|-|-|InnoDB: Started; log sequence number 0 43655",
            "2013-01-01T10:00:00.000000000Z|-|-|-|mysqld_safe|Starting mysqld daemon",
            "2013-11-12T17:02:15.000000000Z|1234|Warning|-|-|deprecated",
            "2013-11-12T17:02:15.000000000Z|8326428|-|-|-|InnoDB: Warning: x",
            "2015-12-01T10:11:12.123456000Z|0|Note|-|-|ready",
            "2015-12-01T10:11:12.123456000Z|-|-|-|mysqld_safe|Logging",
            "2020-08-06T14:25:02.835618000Z|0|System|MY-010116|Server|starting",
            "2020-08-06T14:25:02.835618000Z|7|Error|MY-012592|InnoDB|Operating system error",
            "2020-08-06T14:25:02.835618000Z|0|Note|-|-|InnoDB: without a number",
            "2026-11-20T01:15:44.000000000Z|0|Note|-|-|Starting MariaDB",
            "2026-11-20T11:15:44.000000000Z|12|Error|-|-|mariadbd: Got packets out of order",
        ]
    );
    let prios: Vec<_> =
        outcome.events.iter().skip(6).take(4).map(|event| event.fields["prio"].clone()).collect();
    assert_eq!(prios, [Value::Null, Value::U64(0), Value::U64(1), Value::U64(3)]);
}

#[test]
fn local_times_are_of_the_zone_that_was_given() {
    let input = "2026-11-20  1:15:44 0 [Note] x\n2020-08-06T14:25:02Z 0 [Note] y\n";
    let outcome = log("mysql_error", &[("zone", "America/New_York")], input.as_bytes());
    let times: Vec<_> = outcome.events.iter().map(|event| event.time.unwrap().to_string()).collect();
    assert_eq!(times, ["2026-11-20T06:15:44.000000000Z", "2020-08-06T14:25:02.000000000Z"]);
}

#[test]
fn lines_without_a_time_belong_to_the_event_before_them() {
    let outcome = error(concat!(
        "2026-11-20 20:35:10 0 [Note] mariadbd: ready for connections.\r\n",
        "Version: '10.11.19-MariaDB'  socket: '/s'  port: 3306  Debian 12\r\n",
        "2026-11-20 20:36:16 163 [Note] InnoDB: \n",
        "*** (1) TRANSACTION:\n",
        "\n",
        "2026-11-20 20:36:16 0x7f12\n",
        "UPDATE o\n SET c='b'\n",
        "\n",
        "2026-11-20 20:36:17 0 [Note] x\n",
    ));
    let messages: Vec<_> = outcome.events.iter().map(|event| text(event, "message").unwrap()).collect();
    assert_eq!(
        messages,
        [
            "mariadbd: ready for connections.\r\nVersion: '10.11.19-MariaDB'  socket: '/s'  port: 3306  Debian 12",
            "InnoDB: \n*** (1) TRANSACTION:\n\n2026-11-20 20:36:16 0x7f12\nUPDATE o\n SET c='b'",
            "x",
        ]
    );
}

#[test]
fn a_crash_is_an_event_of_its_own() {
    let outcome = error(concat!(
        "2020-08-06T14:25:02.835618Z 0 [Note] [MY-010000] [Server] fine\n",
        "14:25:03 UTC - mysqld got signal 11 ;\n",
        "Most likely, you have hit a bug.\n",
        "Thread pointer: 0x7f0\n",
        "2021-08-06T14:25:03Z UTC - mysqld got signal 6 ;\n",
        "stack_bottom = 0 thread_stack 0x100000\n",
        "261120 20:35:10 [ERROR] mysqld got signal 11 ;\n",
    ));
    assert_eq!(
        all(&outcome)[1..],
        [
            "-|-|-|-|-|mysqld got signal 11 ;\nMost likely, you have hit a bug.\nThread pointer: 0x7f0",
            "2021-08-06T14:25:03.000000000Z|-|-|-|-|mysqld got signal 6 ;\nstack_bottom = 0 thread_stack 0x100000",
            "2026-11-20T20:35:10.000000000Z|-|Error|-|-|mysqld got signal 11 ;",
        ]
    );
}

#[test]
fn what_stands_before_the_first_event_is_an_event_with_a_message_alone() {
    let outcome = error("mysqld: Can't create directory\nand more\n2026-11-20 20:36:17 0 [Note] x\n");
    assert_eq!(all(&outcome)[0], "-|-|-|-|-|mysqld: Can't create directory\nand more");
    assert_eq!(outcome.events.len(), 2);
}

#[test]
fn json_is_read_as_the_text_would_be() {
    let outcome = error(concat!(
        r#"{ "prio" : 0, "err_code" : 10116, "source_line" : 6321, "source_file" : "mysqld.cc", "function" : "main", "msg" : "starting \"x\"\nand on", "time" : "2020-08-06T14:25:02.835618Z", "ts" : 1596723902835, "thread" : 0, "err_symbol" : "ER_STARTING_AS", "SQL_state" : "HY000", "subsystem" : "Server", "buffered" : 1596723902835618, "label" : "System", "Query-Id": {"a": [1]}, "message": null }"#,
        "\n",
        r#"{"log_type":1,"prio":2,"err_code":"MY-000067","msg":"[ERROR] x","time":"2020-08-06T14:25:03+02:00","label":"Warning","OS_errno":-2}"#,
        "\r\n",
        "2020-08-06T14:25:04Z 0 [Note] text between\n",
        r#"{"msg":"no more","thread":null}"#,
        "\n",
        r#"{"msg":"a\tb"}"#,
        "\nmysqld: x.cc:7: Assertion `y' failed.\n",
    ));
    assert_eq!(
        all(&outcome),
        [
            "2020-08-06T14:25:02.835618000Z|0|System|MY-010116|Server|starting \"x\"\nand on",
            "2020-08-06T12:25:03.000000000Z|-|Warning|MY-000067|-|[ERROR] x",
            "2020-08-06T14:25:04.000000000Z|0|Note|-|-|text between",
            "-|-|-|-|-|no more",
            "-|-|-|-|-|a\tb\nmysqld: x.cc:7: Assertion `y' failed.",
        ]
    );
    let first = &outcome.events[0];
    assert_eq!(text(first, "err_symbol").as_deref(), Some("ER_STARTING_AS"));
    assert_eq!(text(first, "sql_state").as_deref(), Some("HY000"));
    assert_eq!((number(first, "source_line"), number(first, "ts")), (6321, 1_596_723_902_835));
    assert!(matches!(first.fields["query_id"], Value::Object(_)));
    assert_eq!(outcome.events[1].fields["os_errno"], Value::I64(-2));
}

#[test]
fn json_that_is_not_of_the_log_is_refused_with_its_place() {
    for (line, reason) in [
        (r#"{"prio":3,"label":"Note"}"#, "at byte 25: expected a key `msg`, as MySQL's JSON log has it"),
        (r#"{"msg":"x","time":"yesterday"}"#, "at byte 18: expected a time as ISO 8601"),
        (r#"{"msg":"x","thread":"seven"}"#, "at byte 20: expected the thread's number"),
        (r#"{"msg":"x","ts":"now"}"#, "at byte 16: expected a value of the type that this key has"),
        (r#"{"msg":"x",}"#, "at byte 11: expected a value behind `,`"),
    ] {
        assert_eq!(error(line).reason(), reason, "{line}");
    }
}

#[test]
fn a_message_that_begins_with_a_bracket_is_whole() {
    let event = error("2026-11-20 20:36:17 0 [Warning] [1] x").only();
    assert_eq!(text(&event, "message").as_deref(), Some("[1] x"));
    let event = error("2015-12-01T10:11:12.123456Z 0 [Warning] [a b] x").only();
    assert_eq!(text(&event, "message").as_deref(), Some("[a b] x"));
    assert_eq!(text(&event, "subsystem"), None);
}
