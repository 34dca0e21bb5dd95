//! What records of syslog are known to hold, each as a test of its own.

use crate::support::{log, parser, text};
use dendro_core::{Event, Timestamp, Value};
use dendro_parsers::formats::Feed;

/// The event of one record.
#[track_caller]
fn of(record: &str) -> Event {
    log("syslog", &[("framing", "nul")], record.as_bytes()).only()
}

#[track_caller]
fn with(options: &[(&str, &str)], record: &str) -> Event {
    let mut all = vec![("framing", "nul")];
    all.extend(options);
    log("syslog", &all, record.as_bytes()).only()
}

/// The event of a record that is read at a time.
fn observed(at: &str, options: &[(&str, &str)], record: &str) -> Event {
    let mut feed = Feed::new(&parser("syslog", options));
    let at = Timestamp::parse_rfc3339(at).unwrap();
    let batch = feed.push(format!("{record}\n").as_bytes(), at).unwrap();
    batch.get(0).unwrap().to_event()
}

#[track_caller]
fn time(event: &Event) -> String {
    event.time.unwrap().to_string().replace(".000000000Z", "Z")
}

#[track_caller]
fn texts(event: &Event, names: [&str; 4]) -> [String; 4] {
    names.map(|name| text(event, name).unwrap_or_else(|| "null".to_owned()))
}

const HEADER: [&str; 4] = ["hostname", "program", "procid", "message"];

#[test]
fn the_year_is_that_of_the_nearest_turn() {
    for (at, record, expected) in [
        ("2027-01-01T00:00:02Z", "<13>Dec 31 23:59:58 h a: x", "2026-12-31T23:59:58Z"),
        ("2026-12-31T23:59:58Z", "<13>Jan  1 00:00:01 h a: x", "2027-01-01T00:00:01Z"),
        ("2026-03-01T12:00:00Z", "<13>Nov  2 00:00:01 h a: x", "2025-11-02T00:00:01Z"),
        ("2026-03-01T12:00:00Z", "<13>Mar  1 13:00:00 h a: x", "2026-03-01T13:00:00Z"),
    ] {
        assert_eq!(time(&observed(at, &[], record)), expected, "{record} at {at}");
    }
}

#[test]
fn a_first_year_turns_with_the_months() {
    let input = b"Dec 31 23:59:58 h a: x\nJan  1 00:00:01 h a: x\nDec 31 23:59:59 h a: late\nFeb 29 00:00:00 h a: x\n";
    let outcome = log("syslog", &[("year", "2019")], input);
    let times: Vec<String> = outcome.events.iter().map(time).collect();
    assert_eq!(
        times,
        ["2019-12-31T23:59:58Z", "2020-01-01T00:00:01Z", "2019-12-31T23:59:59Z", "2020-02-29T00:00:00Z"]
    );
}

#[test]
fn a_day_that_the_calendar_has_not_leaves_no_time_and_loses_nothing() {
    let event = of("<13>Feb 30 12:00:00 host app: x");
    assert_eq!(event.time, None);
    assert_eq!(texts(&event, HEADER), ["host", "app", "null", "x"]);
}

#[test]
fn times_without_a_zone_are_in_the_one_that_was_given() {
    let record = "<13>Nov 20 12:00:00 h a: x";
    assert_eq!(time(&with(&[("zone", "Europe/Berlin")], record)), "2026-11-20T11:00:00Z");
    assert_eq!(time(&with(&[("zone", "+05:30")], record)), "2026-11-20T06:30:00Z");
    let own = "<13>2026-11-20T12:00:00-03:30 h a: x";
    assert_eq!(time(&with(&[("zone", "Europe/Berlin")], own)), "2026-11-20T15:30:00Z");
}

#[test]
fn days_are_padded_in_any_way() {
    for record in [
        "<13>Jan  1 02:03:04 h a: x",
        "<13>Jan 1 02:03:04 h a: x",
        "<13>Jan 01 2:3:4 h a: x",
        "<13> Jan  1 02:03:04 h a: x",
    ] {
        let event = of(record);
        assert_eq!(time(&event), "2026-01-01T02:03:04Z", "{record}");
        assert_eq!(texts(&event, HEADER), ["h", "a", "null", "x"], "{record}");
    }
}

#[test]
fn a_year_stands_in_either_place() {
    for record in
        ["<13>Jan  1 2025 12:00:00 h a: x", "<13>2025 Jan  1 12:00:00 h a: x", "Jan 1 2025 12:00:00: h a: x"]
    {
        let event = of(record);
        assert_eq!(time(&event), "2025-01-01T12:00:00Z", "{record}");
        assert_eq!(texts(&event, HEADER), ["h", "a", "null", "x"], "{record}");
    }
}

#[test]
fn fractions_of_any_length_are_read() {
    for (fraction, expected) in [
        (".5", "500000000"),
        (".123456", "123456000"),
        (".123456789", "123456789"),
        (".1234567890123", "123456789"),
    ] {
        for record in [
            format!("<13>Nov 20 12:00:00{fraction} h a: x"),
            format!("<13>1 2026-11-20T12:00:00{fraction}Z h a - - - x"),
        ] {
            assert_eq!(
                of(&record).time.unwrap().to_string(),
                format!("2026-11-20T12:00:00.{expected}Z"),
                "{record}"
            );
        }
    }
}

#[test]
fn what_ciscos_devices_write_before_and_behind_the_time_is_read() {
    for (record, sequence, host) in [
        ("<189>000123: *Mar  1 00:00:01.123 UTC: %SYS-5-CONFIG_I: Configured", Value::U64(123), "null"),
        ("<189>123: .Mar  1 00:00:01.123: %SYS-5-CONFIG_I: Configured", Value::U64(123), "null"),
        ("<189>*Mar  1 00:00:01.123: %SYS-5-CONFIG_I: Configured", Value::Null, "null"),
        ("<189>29: sw-1: *Mar  1 01:00:01.123 CET: %SYS-5-CONFIG_I: Configured", Value::U64(29), "sw-1"),
        ("<189>: 2026 Mar  1 00:00:01.123 UTC: %SYS-5-CONFIG_I: Configured", Value::Null, "null"),
    ] {
        let event = of(record);
        assert_eq!(event.fields.get("sequence").cloned().unwrap_or(Value::Null), sequence, "{record}");
        assert_eq!(
            event.time.map(|time| time.to_string()).as_deref(),
            Some("2026-03-01T00:00:01.123000000Z"),
            "{record}"
        );
        assert_eq!(texts(&event, HEADER), [host, "%SYS-5-CONFIG_I", "null", "Configured"], "{record}");
    }
}

#[test]
fn a_missing_host_is_null() {
    let event = of("<133>Jun 13 16:33:35 haproxy[73411]: Proxy started.");
    assert_eq!(texts(&event, HEADER), ["null", "haproxy", "73411", "Proxy started."]);
    assert_eq!(
        texts(&event, ["facility", "severity", "programname", "syslogtag"]),
        ["local0", "notice", "haproxy", "haproxy[73411]:"]
    );
}

#[test]
fn tags_have_slashes_dots_brackets_and_no_spaces() {
    for (tag, program, programname, procid, message) in [
        ("postfix/smtpd[26897]: x", "postfix/smtpd", "postfix", "26897", "x"),
        ("app.with.dots: x", "app.with.dots", "app.with.dots", "null", "x"),
        ("sshd[main]: x", "sshd", "sshd", "main", "x"),
        ("sshd[]: x", "sshd", "sshd", "", "x"),
        ("sshd[: x", "sshd[", "sshd", "null", "x"),
        ("a[1][2]: x", "a", "a", "1", "x"),
        ("tag:x", "tag", "tag", "null", "x"),
        ("no colon", "no", "no", "null", "colon"),
        ("my tag: x", "my", "my", "null", "tag: x"),
        ("tag:", "tag", "tag", "null", ""),
        ("tag:  two", "tag", "tag", "null", " two"),
        (": x", "null", "null", "null", "x"),
    ] {
        let event = of(&format!("<13>Oct 11 22:14:15 host {tag}"));
        assert_eq!(
            texts(&event, ["program", "programname", "procid", "message"]),
            [program, programname, procid, message],
            "{tag}"
        );
    }
}

#[test]
fn without_a_time_there_is_still_a_tag_and_a_message() {
    let event = of("<13>host app[7]: started");
    assert_eq!(event.time, None);
    assert_eq!(texts(&event, HEADER), ["host", "app", "7", "started"]);
}

#[test]
fn lines_of_files_have_no_priority() {
    let event = of("Nov 20 16:59:47 web1 sshd[812]: x");
    assert_eq!((&event.fields["pri"], &event.fields["severity"]), (&Value::Null, &Value::Null));
    let relayed = of("no priority at all");
    assert_eq!(
        (&relayed.fields["pri"], text(&relayed, "severity").as_deref()),
        (&Value::U64(13), Some("notice"))
    );
}

#[test]
fn a_priority_that_is_none_makes_all_a_message() {
    for record in ["<192>Oct 11 22:14:15 h a: x", "<abc>x", "<13", "<-1>x", "<99999999999>x"] {
        let event = of(record);
        assert_eq!(
            texts(&event, ["facility", "severity", "hostname", "message"]),
            ["invld", "debug", "null", record]
        );
    }
    let padded = of("<013>Oct 11 22:14:15 h a: x");
    assert_eq!(padded.fields["pri"], Value::U64(13));
}

#[test]
fn nuls_and_newlines_end_a_datagram() {
    for end in ["", "\n", "\r\n", "\n\0"] {
        let outcome = log("syslog", &[], format!("<13>Oct 11 22:14:15 h a: x{end}").as_bytes());
        assert_eq!(text(&outcome.only(), "message").as_deref(), Some("x"), "{end:?}");
    }
}

#[test]
fn nil_is_null_everywhere_in_rfc5424() {
    let event = of("<13>1 - - - - - - x");
    assert_eq!(event.time, None);
    for name in
        ["hostname", "app_name", "program", "programname", "procid", "msgid", "syslogtag", "structured_data"]
    {
        assert_eq!(event.fields[name], Value::Null, "{name}");
    }
    assert_eq!(text(&event, "message").as_deref(), Some("x"));
}

/// The structured data of a record of RFC 5424, and its message.
fn data(text_of_data: &str) -> (String, Option<String>) {
    let event = of(&format!("<13>1 - h a p m {text_of_data}"));
    let data = match &event.fields["structured_data"] {
        Value::Null => "null".to_owned(),
        other => serde_json::to_string(other).unwrap(),
    };
    (data, text(&event, "message"))
}

#[test]
fn escapes_in_structured_data_are_decoded_and_a_lone_backslash_stays() {
    let (data, message) = data(r#"[a@1 q="say \"hi\"" b="C:\\x" s="[y\]" n="a\nb" l="end\\"] x\"y"#);
    assert_eq!(data, r#"{"a@1":{"b":"C:\\x","l":"end\\","n":"a\\nb","q":"say \"hi\"","s":"[y]"}}"#);
    assert_eq!(message.as_deref(), Some(r#"x\"y"#));
}

#[test]
fn structured_data_come_in_every_shape() {
    for (given, expected, message) in [
        ("[empty] x", r#"{"empty":{}}"#, "x"),
        (r#"[a k="1"][b][c k=""] x"#, r#"{"a":{"k":"1"},"b":{},"c":{"k":""}}"#, "x"),
        (r#"[o ip="1" ip="2" x="3" ip="4"] x"#, r#"{"o":{"ip":["1","2","4"],"x":"3"}}"#, "x"),
        (r#"[id a="1"][x][id b="2" a="3"] x"#, r#"{"id":{"a":["1","3"],"b":"2"},"x":{}}"#, "x"),
        (r#"[e s= "1"  t="2" ] x"#, r#"{"e":{"s":"1","t":"2"}}"#, "x"),
        (
            r#"[e nl="a
b"] x"#,
            r#"{"e":{"nl":"a\nb"}}"#,
            "x",
        ),
        (r#"[e u="caf\u00e9] ]" t="1"]"#, r#"{"e":{"t":"1","u":"caf\\u00e9] ]"}}"#, ""),
        ("- x", "null", "x"),
        ("-", "null", ""),
        ("- ", "null", ""),
        ("no data at all", "null", "no data at all"),
        ("[no data] at all", "null", "at all"),
        (r#"[id x=1] y"#, "null", "y"),
        ("[never closed", "null", "[never closed"),
        ("-  x", "null", " x"),
    ] {
        assert_eq!(data(given), (expected.to_owned(), Some(message.to_owned())), "{given}");
    }
}

#[test]
fn structured_data_that_are_not_well_formed_are_kept_as_text() {
    for dialect in ["rsyslog", "extended"] {
        let event = with(&[("dialect", dialect)], "<13>1 - h a p m [meta sequenceId=10] x");
        assert_eq!(text(&event, "message").as_deref(), Some("x"));
        assert_eq!(text(&event, "structured_data_text").as_deref(), Some("[meta sequenceId=10]"));
        assert_eq!(event.fields["structured_data"], Value::Null);
    }
}

#[test]
fn without_a_space_behind_structured_data_the_message_begins_where_rsyslog_says() {
    let record = r#"<13>1 - h a p m [a@1 k="v"]back\slash"#;
    let event = of(record);
    assert_eq!(text(&event, "message").as_deref(), Some("h"));
    assert_eq!(text(&event, "structured_data_text").as_deref(), Some(r#"[a@1 k="v"]back\slas"#));
    let event = with(&[("dialect", "extended")], record);
    assert_eq!(text(&event, "message").as_deref(), Some(r"back\slash"));
    assert!(!event.fields.contains_key("structured_data_text"));
    assert_eq!(serde_json::to_string(&event.fields["structured_data"]).unwrap(), r#"{"a@1":{"k":"v"}}"#);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_message() {
    for data in ["-", "[a]"] {
        let event = of(&format!("<13>1 - h a p m {data} \u{feff}caf\u{e9}"));
        assert_eq!(text(&event, "message").as_deref(), Some("café"));
    }
}

#[test]
fn newlines_stay_in_messages_that_are_counted_or_end_with_a_nul() {
    let record = "<13>1 - h a p m - line1\nline2";
    for (framing, input) in [("auto", format!("{} {record}", record.len())), ("nul", format!("{record}\0"))] {
        let event = log("syslog", &[("framing", framing)], input.as_bytes()).only();
        assert_eq!(text(&event, "message").as_deref(), Some("line1\nline2"));
    }
}

#[test]
fn second_60_is_the_first_of_the_next_minute() {
    assert_eq!(time(&of("<13>1 2026-12-31T23:59:60Z h a - - - x")), "2027-01-01T00:00:00Z");
    assert_eq!(time(&of("<13>Jun 30 23:59:60 h a: x")), "2026-07-01T00:00:00Z");
}

#[test]
fn a_time_that_is_none_is_the_message_of_rfc5424() {
    let event = of("<13>1 2026-11-20 20:00:00Z h a p m - x");
    assert_eq!(event.fields["version"], Value::U64(1));
    assert_eq!(texts(&event, HEADER), ["null", "null", "null", "2026-11-20 20:00:00Z h a p m - x"]);
    assert_eq!(event.time, None);
}

#[test]
fn another_version_is_believed_if_a_time_follows() {
    assert_eq!(of("<1>102 - host app proc - -").fields["version"], Value::U64(102));
    let event = of("<13>12 bottles: x");
    assert_eq!((&event.fields["version"], text(&event, "hostname").as_deref()), (&Value::Null, Some("12")));
}

#[test]
fn files_of_rfc5424_need_neither_priority_nor_version() {
    let header = |event: &Event| texts(event, ["hostname", "app_name", "procid", "message"]);
    for (record, expected) in [
        ("1 2020-05-22T14:59:09.250-03:00 h a:rpd 6589 - - x", ["h", "a:rpd", "6589", "x"]),
        ("2017-02-06T13:14:15.003Z 192.0.2.1 fluentd - - - Hi, x", ["192.0.2.1", "fluentd", "null", "Hi, x"]),
        ("2017-02-06T13:14:15.003Z h a 11 ID2 [s@1 i=\"3\"] x", ["h", "a", "11", "x"]),
        ("2017-02-06T13:14:15.003Z h a - - -", ["h", "a", "null", ""]),
    ] {
        let event = of(record);
        assert_eq!(header(&event), expected, "{record}");
        assert_eq!((&event.fields["pri"], event.time.is_some()), (&Value::Null, true), "{record}");
    }
    // What goes on otherwise is a line of RFC 3164.
    for (record, message) in [
        ("2017-02-06T13:14:15.003Z h a: - - - x", "- - - x"),
        ("2017-02-06T13:14:15.003Z h a b c - x", "b c - x"),
        ("2017-02-06T13:14:15.003Z h a[11]: x", "x"),
    ] {
        assert_eq!(text(&of(record), "message").as_deref(), Some(message), "{record}");
    }
}

#[test]
fn a_protocol_that_is_asked_for_is_insisted_on() {
    let rfc5424 =
        |record: &str| log("syslog", &[("protocol", "rfc5424"), ("framing", "nul")], record.as_bytes());
    assert_eq!(text(&rfc5424("<13>1 - h a p m [x] y").only(), "message").as_deref(), Some("y"));
    for (record, reason) in [
        ("Oct 11 22:14:15 h a: x", "at byte 0: expected a priority from `<0>` to `<191>`"),
        ("<192>1 - h a p m - x", "at byte 0: expected a priority from `<0>` to `<191>`"),
        ("<13>Oct 11 22:14:15 h a: x", "at byte 4: expected a version of one to three digits, and a space"),
        ("<13>1 now h a p m - x", "at byte 6: expected a time as RFC 5424 has it, or `- `"),
        (
            "<13>1 - h a p",
            "at byte 13: expected four words with a space behind each: host, application, process, message id",
        ),
        ("<13>1 - h a p m [x]y", "at byte 19: expected structured data or `-`, then a space or the end"),
        ("<13>1 - h a p m [\"]", "at byte 16: expected structured data or `-`, then a space or the end"),
    ] {
        assert_eq!(rfc5424(record).reason(), reason, "{record}");
    }
    let event = with(&[("protocol", "rfc3164")], "<13>1 - h a p m - x");
    assert_eq!(event.fields["version"], Value::Null);
}

#[test]
fn the_extended_dialect_reads_zones_years_and_hosts_that_rsyslog_does_not() {
    for (record, at, host) in [
        ("<13>Oct 11 22:14:15 UTC host a: x", "2026-10-11T22:14:15Z", "host"),
        ("<165>Aug 24 05:34:00 CST 1987 mymachine a: x", "1987-08-24T11:34:00Z", "mymachine"),
        ("<13>Oct 11 22:14:15 2001:db8::1 a: x", "2026-10-11T22:14:15Z", "2001:db8::1"),
        ("<13>Oct 11 22:14:15 - a: x", "2026-10-11T22:14:15Z", "null"),
    ] {
        let event = with(&[("dialect", "extended")], record);
        assert_eq!(time(&event), at, "{record}");
        assert_eq!(texts(&event, HEADER), [host, "a", "null", "x"], "{record}");
    }
    let as_rsyslog = of("<13>Oct 11 22:14:15 UTC host a: x");
    assert_eq!(texts(&as_rsyslog, HEADER), ["UTC", "host", "null", "a: x"]);
}

#[test]
fn a_line_that_goes_on_with_the_one_before_is_a_message_alone() {
    let outcome =
        log("syslog", &[], b"Aug 16 00:32:15 Tims-Air syslogd[314]: Notice:\n\tModule \"x\" claims: all\n");
    assert_eq!(outcome.events.len(), 2);
    assert_eq!(texts(&outcome.events[1], HEADER), ["null", "null", "null", "\tModule \"x\" claims: all"]);
    assert_eq!(outcome.events[1].fields["pri"], Value::Null);
}

#[test]
fn other_formats_inside_are_the_message() {
    let inner = r#"192.0.2.7 - - [20/Nov/2026:16:59:47 +0000] "GET / HTTP/1.1" 200 1 "-" "-""#;
    assert_eq!(
        text(&of(&format!("<190>Nov 20 16:59:47 web1 nginx: {inner}")), "message").as_deref(),
        Some(inner)
    );
}

#[test]
fn text_that_is_not_utf8_is_bytes() {
    let outcome = log("syslog", &[], b"<14>Oct 11 22:14:15 h a: \xe9 latin1");
    assert_eq!(outcome.only().fields["message"], Value::Bytes(b"\xe9 latin1".to_vec()));
}

#[test]
fn what_has_neither_priority_nor_time_is_refused_if_asked_for() {
    let outcome =
        log("syslog", &[("strict", "true")], b"Header: abc\nNov 20 16:59:47 h a: x\n<13>x\n<999>x\n");
    assert_eq!(outcome.events.len(), 2);
    let reasons: Vec<&str> = outcome.refused.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(reasons, ["at byte 0: expected a priority as in `<13>`, or a time"; 2]);
}

#[test]
fn an_option_that_can_not_be_is_a_clear_error() {
    for (option, value, expected) in [
        ("protocol", "rfc5425", "`auto`, `rfc3164` or `rfc5424`"),
        ("framing", "tcp", "`auto`, `lines`, `octet_counting` or `nul`"),
        ("dialect", "bsd", "`rsyslog` or `extended`"),
        ("year", "26", "a year from 1678 to 2261"),
    ] {
        let options = [(option.to_owned(), value.to_owned())];
        let error = dendro_parsers::formats::find("syslog").unwrap().configure(&options).unwrap_err();
        assert_eq!(error.to_string(), format!("syslog: `{option}` is `{value}`, expected {expected}"));
    }
}

#[test]
fn a_hostile_megabyte_is_read_in_linear_time() {
    // Each of them took minutes if one byte were looked at for each other one.
    let mib = 1 << 20;
    for record in [
        format!("<13>1 - h a p m {}", "[a k=\"v\"".repeat(mib / 8)),
        format!("<13>1 - h a p m {}", "[a][b".repeat(mib / 5)),
        format!("<13>1 - h a p m [a {}", "k=\"v\" ".repeat(mib / 6)),
        format!("<13>1 - h a p m {}x", "[a]".repeat(mib / 3)),
        format!("<13>1 - h a p m [a k=\"{}", "\\\"".repeat(mib / 2)),
        format!("<13>Oct 11 22:14:15 {}", "[".repeat(mib)),
        "1".repeat(mib),
    ] {
        for framing in ["auto", "nul", "octet_counting"] {
            let options = [("framing", framing), ("max_line_bytes", "2097152")];
            let outcome = log("syslog", &options, record.as_bytes());
            assert_eq!(outcome.events.len() + outcome.refused.len(), 1);
        }
    }
}
