//! Apache httpd's error log: what it is known to hold, and what a real server wrote.

use crate::support::{bytes, corpus, log, number, text};
use dendro_core::{Event, Timestamp, Value};
use dendro_parsers::formats;

const HEAD: &str = "[Fri Nov 20 17:02:31.123456 2026] [core:error] [pid 6076:tid 6077] ";

/// The event of a line.
#[track_caller]
fn event(line: &str) -> Event {
    log("apache_error", &[], line.as_bytes()).only()
}

/// The event of a line of a configured format.
#[track_caller]
fn of(format: &str, line: &str) -> Event {
    log("apache_error", &[("error_log_format", format)], line.as_bytes()).only()
}

#[track_caller]
fn assert_fields(event: &Event, expected: &[(&str, Option<&str>)]) {
    for (name, expected) in expected {
        let actual = match &event.fields[*name] {
            Value::U64(number) => Some(number.to_string()),
            _ => text(event, name),
        };
        assert_eq!(actual.as_deref(), *expected, "{name} of {event:?}");
    }
}

#[test]
fn a_line_of_httpd_2_4_has_all_that_it_tells() {
    let line = "[Fri Nov 20 17:02:25.698931 2026] [proxy_http:error] [pid 1756:tid 1779] (70007)The timeout specified has expired: [client 192.0.2.7:55254] AH01102: error reading status line from remote server 192.0.2.1:80, referer: https://example.net/";
    let event = log("apache_error", &[("zone", "-03:30")], line.as_bytes()).only();
    assert_eq!(event.event_type, "apache_error");
    assert_eq!(event.time.unwrap().to_string(), "2026-11-20T20:32:25.698931000Z");
    assert_fields(
        &event,
        &[
            ("level", Some("error")),
            ("module", Some("proxy_http")),
            ("pid", Some("1756")),
            ("tid", Some("1779")),
            ("error_code", Some("70007")),
            ("error_text", Some("The timeout specified has expired")),
            ("client", Some("192.0.2.7")),
            ("client_port", Some("55254")),
            ("code", Some("AH01102")),
            ("message", Some("AH01102: error reading status line from remote server 192.0.2.1:80")),
            ("referer", Some("https://example.net/")),
            ("remote", None),
            ("file", None),
        ],
    );
}

#[test]
fn a_line_of_httpd_2_2_has_neither_module_nor_process() {
    let event = event(
        "[Fri Nov 20 17:02:25 2026] [error] [client 192.0.2.7] (13)Permission denied: access to /a denied, referer: https://example.net/",
    );
    assert_eq!(event.time.unwrap().to_string(), "2026-11-20T17:02:25.000000000Z");
    assert_fields(
        &event,
        &[
            ("level", Some("error")),
            ("module", None),
            ("pid", None),
            ("client", Some("192.0.2.7")),
            ("client_port", None),
            ("error_code", Some("13")),
            ("error_text", Some("Permission denied")),
            ("message", Some("access to /a denied")),
            ("referer", Some("https://example.net/")),
        ],
    );
    let event = self::event(
        "[Fri Nov 20 17:02:25 2026] [notice] Apache/2.2.23 (Unix) configured -- resuming normal operations",
    );
    assert_fields(
        &event,
        &[
            ("level", Some("notice")),
            ("message", Some("Apache/2.2.23 (Unix) configured -- resuming normal operations")),
        ],
    );
    let event =
        self::event("[Fri Nov 20 17:02:25 2026] [debug] proxy_util.c(1506): [client 192.0.2.7] proxy: x");
    assert_fields(
        &event,
        &[
            ("file", Some("proxy_util.c")),
            ("line", Some("1506")),
            ("client", Some("192.0.2.7")),
            ("message", Some("proxy: x")),
        ],
    );
    let event = self::event("[Fri Nov 20 17:02:25 2026] [error] [pid 1000] [client 192.0.2.7] denied");
    assert_fields(
        &event,
        &[("pid", Some("1000")), ("client", Some("192.0.2.7")), ("message", Some("denied"))],
    );
}

#[test]
fn the_forms_of_the_versions_may_be_mixed() {
    let input = concat!(
        "[Fri Nov 20 17:02:25 2026] [error] one\n",
        "[Fri Nov 20 17:02:25.1 2026] [:error] [pid 7] two\n",
        "[20/Nov/2026:18:02:25 +0100] [ab:alert] [pid 7:tid 8] [client 192.0.2.7:9] three\n",
        "[2026-11-20 17:02:25.000000] [core:notice] [pid 7] four\n",
    );
    let outcome = log("apache_error", &[], input.as_bytes());
    assert!(outcome.refused.is_empty());
    let messages: Vec<_> = outcome.events.iter().map(|event| text(event, "message").unwrap()).collect();
    assert_eq!(messages, ["one", "two", "three", "four"]);
    let seconds: Vec<_> = outcome.events.iter().map(|event| event.time.unwrap().as_secs()).collect();
    assert!(seconds.iter().all(|secs| *secs == seconds[0]));
    assert_eq!(text(&outcome.events[1], "module"), None);
}

#[test]
fn every_level_is_known() {
    for level in [
        "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", "trace1", "trace2", "trace3",
        "trace4", "trace5", "trace6", "trace7", "trace8",
    ] {
        let event = event(&format!("[Fri Nov 20 17:02:31.123456 2026] [core:{level}] [pid 1] x"));
        assert_fields(&event, &[("level", Some(level)), ("message", Some("x"))]);
    }
}

#[test]
fn with_one_thread_there_is_no_thread() {
    let event = event(
        "[Fri Nov 20 17:02:31.123456 2026] [proxy:error] [pid 6076] AH00940: HTTP: disabled connection",
    );
    assert_fields(
        &event,
        &[("pid", Some("6076")), ("tid", None), ("code", Some("AH00940")), ("client", None)],
    );
}

#[test]
fn the_last_colon_of_a_client_is_that_of_its_port() {
    for (logged, client, port) in [
        ("192.0.2.7:55254", "192.0.2.7", Some("55254")),
        ("::1:55254", "::1", Some("55254")),
        ("2001:db8:85a3::8a2e:370:b2:0", "2001:db8:85a3::8a2e:370:b2", Some("0")),
        ("72.15.99.187", "72.15.99.187", None),
    ] {
        let event = event(&format!("{HEAD}[client {logged}] AH00128: x"));
        assert_fields(
            &event,
            &[("client", Some(client)), ("client_port", port), ("message", Some("AH00128: x"))],
        );
    }
    let event = event("[Fri Nov 20 17:02:25 2026] [error] [client 2001:db8::7:80] x");
    assert_fields(&event, &[("client", Some("2001:db8::7:80")), ("client_port", None)]);
}

#[test]
fn the_other_side_of_a_connection_that_is_no_clients_is_remote() {
    let event = event(&format!("{HEAD}[remote 127.0.0.1:55134] AH00128: x, referer: y"));
    assert_fields(
        &event,
        &[
            ("client", None),
            ("remote", Some("127.0.0.1")),
            ("remote_port", Some("55134")),
            ("referer", Some("y")),
        ],
    );
}

#[test]
fn a_client_that_is_missing_may_leave_its_bracket_open() {
    let event = event(
        "[Fri Nov 20 17:02:31.123456 2026] [core:warn] [pid 6076:tid 6076] [client AH00558: httpd: Could not determine [it] fully",
    );
    assert_fields(
        &event,
        &[
            ("client", None),
            ("code", Some("AH00558")),
            ("message", Some("AH00558: httpd: Could not determine [it] fully")),
        ],
    );
}

#[test]
fn the_source_is_told_from_debug_on() {
    let event = event(
        "[Fri Nov 20 17:02:31.123456 2026] [core:trace3] [pid 1:tid 2] request.c(360): (2)No such file or directory: [client 192.0.2.7:1] x.c(1): y",
    );
    assert_fields(
        &event,
        &[
            ("file", Some("request.c")),
            ("line", Some("360")),
            ("error_code", Some("2")),
            ("message", Some("x.c(1): y")),
        ],
    );
    let event = self::event(&format!("{HEAD}core.c(1): x"));
    assert_fields(&event, &[("file", None), ("message", Some("core.c(1): x"))]);
}

#[test]
fn errors_of_name_resolution_have_numbers_of_their_own() {
    let event = event(&format!("{HEAD}(EAI 2)Name or service not known: AH00547: x"));
    assert_fields(
        &event,
        &[
            ("error_class", Some("EAI")),
            ("error_code", Some("2")),
            ("error_text", Some("Name or service not known")),
            ("code", Some("AH00547")),
        ],
    );
}

#[test]
fn escapes_are_decoded_where_httpd_writes_them() {
    let event = event(&format!(
        r#"{HEAD}[client ::1:1] AH01618: user mal"lory\\ \xc3\xa9\n\t: /x, referer: http://x/\xff"q""#
    ));
    assert_fields(&event, &[("message", Some("AH01618: user mal\"lory\\ é\n\t: /x"))]);
    assert_eq!(event.fields["referer"], Value::Bytes(b"http://x/\xff\"q\"".to_vec()));
    // As httpd 2.2 writes a quote.
    let event = self::event(r#"[Fri Nov 20 17:02:25 2026] [error] [client ::1] say \"x\""#);
    assert_fields(&event, &[("message", Some("say \"x\""))]);
}

#[test]
fn the_referer_is_behind_the_last_of_its_keys_and_only_a_clients() {
    let event =
        event(&format!("{HEAD}[client ::1:1] AH00128: /x, referer: y, referer: https://example.net/"));
    assert_fields(
        &event,
        &[("message", Some("AH00128: /x, referer: y")), ("referer", Some("https://example.net/"))],
    );
    let event = self::event(&format!("{HEAD}said x, referer: y"));
    assert_fields(&event, &[("message", Some("said x, referer: y")), ("referer", None)]);
}

#[test]
fn a_bare_line_is_a_message_as_it_is() {
    for line in [
        r#"cgi said: something "bad" \n happened"#,
        "PHP Warning:  x in /y.php on line 3",
        "[client 192.0.2.7] x",
        "[notice] x",
        "[Fri Nov 20 17:02:31.123456 2026]",
        "httpd: Syntax error on line 80 of /etc/httpd.conf",
        "(x)",
        " ",
    ] {
        let event = event(line);
        assert_eq!(event.time, None);
        for (name, value) in &event.fields {
            let expected = if name == "message" { Value::Str(line.to_owned()) } else { Value::Null };
            assert_eq!(value, &expected, "{name} of {line}");
        }
    }
}

#[test]
fn what_httpd_says_while_it_starts_has_a_code_and_no_time() {
    let event = event("(98)Address already in use: AH00072: make_sock: could not bind to address \\xff");
    assert_eq!(event.time, None);
    assert_fields(
        &event,
        &[
            ("error_code", Some("98")),
            ("error_text", Some("Address already in use")),
            ("code", Some("AH00072")),
        ],
    );
    assert_eq!(bytes(&event, "message").unwrap(), b"AH00072: make_sock: could not bind to address \xff");
}

#[test]
fn a_line_with_a_time_of_another_program_has_that_time() {
    let event = event("[Fri Nov  6 17:02:31 2026] form.cgi: Use of uninitialized value \\n at x line 7.");
    assert_eq!(event.time, Timestamp::parse_rfc3339("2026-11-06T17:02:31Z"));
    assert_fields(
        &event,
        &[("level", None), ("message", Some("form.cgi: Use of uninitialized value \\n at x line 7."))],
    );
}

#[test]
fn what_only_looks_like_a_line_of_httpd_is_refused_with_its_place() {
    const LEVEL: &str = "the module and the level after the time, as in `[core:error] `";
    const PROCESS: &str = "the process and the thread, as in `[pid 6076:tid 6077] `";
    let time = "[Fri Nov 20 17:02:31.123456 2026] ";
    for (line, at, expected) in [
        (
            "[Fri Nov 31 17:02:31.123456 2026] [core:error] [pid 1] x".to_owned(),
            1,
            "a time that the calendar has",
        ),
        ("[Fri Nov 20 25:02:31 2026] [error] x".to_owned(), 1, "a time that the calendar has"),
        (format!("{time}x"), 34, LEVEL),
        (format!("{time}[core:er"), 34, LEVEL),
        (format!("{time}[core:errors] x"), 34, LEVEL),
        (format!("{time}[core:error] [pid x] y"), 47, PROCESS),
        (format!("{time}[core:error] [pid 1:tid] y"), 47, PROCESS),
        (format!("{time}[core:error] [pid 99999999999999999999] y"), 47, PROCESS),
    ] {
        let reason = log("apache_error", &[], line.as_bytes()).reason();
        assert_eq!(reason, format!("at byte {at}: expected {expected}"), "{line}");
    }
}

/// The formats that the documentation shows.
const DOCUMENTED: &str = r#"ErrorLogFormat "[%{uc}t] [%-m:%-l] [R:%L] [C:%{C}L] %7F: %E: %M"
ErrorLogFormat request "[%{uc}t] [R:%L] Request %k on C:%{c}L pid:%P tid:%T"
ErrorLogFormat request "[%{uc}t] [R:%L] UA:'%+{User-Agent}i'"
ErrorLogFormat request "[%{uc}t] [R:%L] Referer:'%+{Referer}i'"
ErrorLogFormat connection "[%{uc}t] [C:%{c}L] local\ %a remote\ %A"
"#;

#[test]
fn the_documented_formats_with_log_ids_are_read() {
    let time = "[2026-11-20 17:02:31.123456]";
    let event =
        of(DOCUMENTED, &format!("{time} [-:error] [R:a8sKc/w+xyz] [C:b] core.c(7): (2)No such file: x: y"));
    assert_eq!(event.time, Timestamp::parse_rfc3339("2026-11-20T17:02:31.123456Z"));
    // An error is not of a level that has a source.
    assert_fields(
        &event,
        &[
            ("module", None),
            ("level", Some("error")),
            ("request_log_id", Some("a8sKc/w+xyz")),
            ("file", None),
        ],
    );
    let event = of(DOCUMENTED, &format!("{time} [core:debug] [R:a8s] core.c(7): (2)No such file: x: y"));
    assert_fields(
        &event,
        &[
            ("module", Some("core")),
            ("request_log_id", Some("a8s")),
            ("file", Some("core.c")),
            ("line", Some("7")),
            ("error_code", Some("2")),
            ("error_text", Some("No such file")),
            ("message", Some("x: y")),
        ],
    );
    let event = of(DOCUMENTED, &format!("{time} [R:a8s] Request 3 on C:b7 pid:12 tid:34"));
    assert_fields(
        &event,
        &[
            ("keepalives", Some("3")),
            ("connection_log_id", Some("b7")),
            ("pid", Some("12")),
            ("tid", Some("34")),
            ("message", None),
        ],
    );
    let event = of(DOCUMENTED, &format!("{time} [R:a8s] UA:'it's \\\\ x'"));
    assert_fields(&event, &[("http_user_agent", Some("it's \\ x")), ("request_log_id", Some("a8s"))]);
    let event = of(DOCUMENTED, &format!("{time} [C:b7] local 192.0.2.7:1 remote ::1:80"));
    assert_fields(
        &event,
        &[("client", Some("192.0.2.7")), ("local_addr", Some("::1")), ("local_port", Some("80"))],
    );
    // What is written before the configuration is read.
    let event = of(DOCUMENTED, &format!("{HEAD}AH00163: configured"));
    assert_fields(&event, &[("code", Some("AH00163")), ("pid", Some("6076"))]);
}

#[test]
fn the_default_as_it_is_documented_reads_what_the_default_reads() {
    let format = r"[%{u}t] [%-m:%l] [pid %P:tid %T] %7F: %E: [client\ %a] %M% ,\ referer\ %{Referer}i";
    for (line, expected) in [
        (
            "[core:info] [pid 1:tid 2] [client ::1:3] AH00128: x, referer http://y/",
            ["::1", "AH00128: x", "http://y/"],
        ),
        ("[core:info] [pid 1:tid 2] AH00128: [client x] y", ["", "AH00128: [client x] y", ""]),
        ("[core:info] [pid 1:tid 2] (2)No: [client ::1:3] z", ["::1", "z", ""]),
        ("[core:debug] [pid 1:tid 2] a.c(3): (2)No: [client ::1:3] z", ["::1", "z", ""]),
        ("[-:info] [pid 1:tid (2)No: [client ::1:3] z", ["::1", "z", ""]),
    ] {
        let event = of(format, &format!("[Fri Nov 20 17:02:31.123456 2026] {line}"));
        let actual = ["client", "message", "referer"].map(|name| text(&event, name).unwrap_or_default());
        assert_eq!(actual, expected, "{line}");
        assert_fields(
            &event,
            &[("level", Some(if line.contains("debug") { "debug" } else { "info" })), ("pid", Some("1"))],
        );
    }
}

#[test]
fn a_field_without_its_value_is_left_out_up_to_the_next_space() {
    let format = "[%{cu}t] [%m:%l] [client %a] %M";
    let time = "[2026-11-20 17:02:31.123456]";
    let event = of(format, &format!("{time} [core:info] [client 192.0.2.7:55254] x"));
    assert_fields(&event, &[("client", Some("192.0.2.7")), ("message", Some("x"))]);
    let event = of(format, &format!("{time} [core:info] [client AH00558: x] y"));
    assert_fields(&event, &[("client", None), ("message", Some("AH00558: x] y")), ("code", Some("AH00558"))]);
    // Without its module the whole field is missing, the level too.
    let event = of(format, &format!("{time} [client 192.0.2.7:55254] x"));
    assert_fields(&event, &[("level", None), ("client", Some("192.0.2.7")), ("message", Some("x"))]);
    // What stands in the message's own field before it is left out with all that is behind it.
    let event = of("%t <%a|%M>", "Fri Nov 20 17:02:31 2026 <::1:7|x>");
    assert_fields(&event, &[("client", Some("::1")), ("message", Some("x"))]);
    let event = of("%t <%a|%M>", "Fri Nov 20 17:02:31 2026x>");
    assert_fields(&event, &[("client", None), ("message", Some("x>"))]);
}

#[test]
fn every_directive_has_a_field() {
    let format = r"%%|%{c}a|%A|%{MY-Env}e|%E|%F|%{X-Request-Id}i|%k|%l|%L|%{c}L|%m|%{a.note}n|%P|%T|%{g}T|%t|%v|%V|%M|%{Later}i|%a";
    let line = r"%|192.0.2.7:1|2001:db8::1:2|e\n|(OS 5)x y|a.c(9)|id 7|3|warn|L1|C2|ssl|no\\te|11|22|33|Fri Nov 20 17:02:31 2026|v.example|V.example|the | message|later|::1:4";
    let event = of(format, line);
    assert_fields(
        &event,
        &[
            ("peer", Some("192.0.2.7")),
            ("peer_port", Some("1")),
            ("local_port", Some("2")),
            ("env_my_env", Some("e\n")),
            ("error_class", Some("OS")),
            ("error_code", Some("5")),
            ("error_text", Some("x y")),
            ("file", Some("a.c")),
            ("http_x_request_id", Some("id 7")),
            ("keepalives", Some("3")),
            ("level", Some("warn")),
            ("request_log_id", Some("L1")),
            ("connection_log_id", Some("C2")),
            ("module", Some("ssl")),
            ("note_a_note", Some("no\\te")),
            ("pid", Some("11")),
            ("tid", Some("22")),
            ("system_tid", Some("33")),
            ("server_name", Some("v.example")),
            ("request_server_name", Some("V.example")),
            ("message", Some("the | message")),
            ("http_later", Some("later")),
            ("client", Some("::1")),
            ("client_port", Some("4")),
        ],
    );
    assert_eq!(event.time, Timestamp::parse_rfc3339("2026-11-20T17:02:31Z"));
}

#[test]
fn what_stands_behind_the_message_is_read_up_to_the_end_of_the_line() {
    let format = "[%t] [%m:%l] [client %a] %M v=%v V=%-V% <%{MYENV}e> %{X-H}i";
    let line = "[Fri Nov 20 17:02:31 2026] [core:info] [client ::1:7] AH00128: a v=b c v=localhost V=";
    for (end, name, env, header) in [
        ("-", None, None, None),
        ("127.0.0.1", Some("127.0.0.1"), None, None),
        ("v.example<e f>", Some("v.example"), Some("e f"), None),
        (r#"v.example<e> a "b" \xe2\x98\x83 \\"#, Some("v.example"), Some("e"), Some("a \"b\" ☃ \\")),
        ("- v=x", None, None, Some("v=x")),
    ] {
        let event = of(format, &format!("{line}{end}"));
        assert_fields(&event, &[("message", Some("AH00128: a v=b c")), ("server_name", Some("localhost"))]);
        for (field, expected) in [("request_server_name", name), ("env_myenv", env), ("http_x_h", header)] {
            assert_eq!(text(&event, field).as_deref(), expected, "{field} of {end}");
        }
    }
}

#[test]
fn a_format_that_can_not_be_read_is_an_error_with_its_place() {
    for (format, at, problem) in [
        ("[%t] %m", 7, "the message, %M, is missing"),
        ("[%t] %x %M", 6, "there is no directive %x in an error log"),
        ("ErrorLogFormat \"[%t] %m%P %M\"", 23, "nothing tells where the value before this one ends"),
        ("%L %M", 0, "nothing tells whether this value is missing"),
        ("%t %M %{X}e", 6, "nothing tells whether this value is missing"),
        ("%M%a", 2, "nothing tells where the value before this one ends"),
        ("%E%M", 2, "nothing tells where the value before this one ends"),
        ("ErrorLogFormat \"%M", 15, "the quote is not closed"),
        ("ErrorLogFormat request \"%M\"", 24, "%M is not for formats of connections and requests"),
    ] {
        let given = [("error_log_format".to_owned(), format.to_owned())];
        let error = formats::find("apache_error").unwrap().configure(&given).unwrap_err().to_string();
        let start = format!("apache_error: `error_log_format` at byte {at}: {problem}");
        assert!(error.starts_with(&start), "{error}");
    }
}

#[test]
fn a_long_hostile_line_is_read_in_linear_time() {
    let formats = [
        "%M",
        r"[%{u}t] [%-m:%l] [pid %P:tid %T] %7F: %E: [client\ %a] %M% ,\ referer\ %{Referer}i",
        "%E: %{a}i, %{b}i, %{c}i; %M [%{d}i] [%{e}i] [%F]",
    ];
    for piece in [
        "[client ",
        ", referer: ",
        "(2)x",
        "\\x",
        "[",
        "a, ",
        ": ",
        " [",
        "; ",
        "[Fri Nov 20 17:02:31.123456 2026] ",
    ] {
        for head in ["", HEAD, "[Fri Nov 20 17:02:31 2026] ", "(2)"] {
            let line = format!("{head}{}", piece.repeat((1 << 20) / piece.len() - 100));
            for format in formats {
                let outcome = log("apache_error", &[("error_log_format", format)], line.as_bytes());
                assert_eq!(outcome.events.len() + outcome.refused.len(), 1, "{piece}");
            }
        }
    }
}

#[test]
fn every_line_that_a_real_server_wrote_is_right() {
    let Some(path) = corpus("generated/apache/error.log") else { return };
    let input = std::fs::read_to_string(path).unwrap();
    let outcome = log("apache_error", &[("zone", "America/St_Johns")], input.as_bytes());
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    assert_eq!((input.lines().count(), outcome.events.len()), (780, 780));
    let mut bare = 0;
    for (line, event) in input.lines().zip(&outcome.events) {
        let Some((time, rest)) =
            line.strip_prefix("[Fri Nov 20 ").and_then(|rest| rest.split_once(" 2026] ["))
        else {
            bare += 1;
            assert_fields(event, &[("message", Some(line)), ("level", None), ("client", None)]);
            continue;
        };
        assert_eq!(event.time, Timestamp::parse_rfc3339(&format!("2026-11-20T{time}-03:30")), "{line}");
        let (module, rest) = rest.split_once(':').unwrap();
        let (level, rest) = rest.split_once("] [pid ").unwrap();
        let (pid, rest) = rest.split_once(":tid ").unwrap();
        let (tid, mut rest) = rest.split_once("] ").unwrap();
        let mut error = (None, None);
        if let Some((code, text)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            let (text, after) = text.split_once(": ").unwrap();
            error = (Some(code), Some(text));
            rest = after;
        }
        let mut sides = [("client", None, None), ("remote", None, None)];
        for (name, address, port) in &mut sides {
            if let Some((side, after)) =
                rest.strip_prefix(&format!("[{name} ")).and_then(|rest| rest.split_once("] "))
            {
                (*address, *port) = side.rsplit_once(':').map_or((None, None), |(a, p)| (Some(a), Some(p)));
                rest = after;
            }
        }
        let (message, referer) = rest.split_once(", referer: ").map_or((rest, None), |(m, r)| (m, Some(r)));
        // All that is escaped in this log, but for UTF-8.
        let plain = |text: &str| text.replace("\\\\", "\\");
        let referer = referer.filter(|referer| !referer.contains("\\x"));
        let code = message.split(": ").next().filter(|code| code.len() == 7 && code.starts_with("AH"));
        assert_fields(
            event,
            &[
                ("module", Some(module)),
                ("level", Some(level)),
                ("pid", Some(pid)),
                ("tid", Some(tid)),
                ("error_code", error.0),
                ("error_text", error.1),
                ("client", sides[0].1),
                ("client_port", sides[0].2),
                ("remote", sides[1].1),
                ("remote_port", sides[1].2),
                ("code", code),
            ],
        );
        if !message.contains("\\x") {
            assert_fields(event, &[("message", Some(&plain(message)))]);
        }
        if let Some(referer) = referer {
            assert_fields(event, &[("referer", Some(&plain(referer)))]);
        }
        assert!(text(event, "referer").is_none_or(|referer| !referer.contains("\\x")));
        assert_eq!(number(event, "pid").to_string(), pid);
    }
    assert_eq!(bare, 66);
}
