//! Logs that real servers write while they are being used, against what was done to them.

use crate::live;
use crate::support::{Outcome, bytes, log, number, text};
use dendro_core::{Event, Value};
use dendro_parsers::formats::detect;

/// A request, with the method, path, query and status that it stands for.
type Request = (&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>, u64);

const REQUESTS: [Request; 7] = [
    ("GET /hello?a=b&c HTTP/1.1", Some("GET"), Some("/hello"), Some("a=b&c"), 200),
    ("GET /hello HTTP/1.0", Some("GET"), Some("/hello"), None, 200),
    ("HEAD /hello? HTTP/1.1", Some("HEAD"), Some("/hello"), Some(""), 200),
    ("GET /missing/%22quoted%22 HTTP/1.1", Some("GET"), Some("/missing/%22quoted%22"), None, 404),
    ("GET /a\"b\\c HTTP/1.1", Some("GET"), Some("/a\"b\\c"), None, 404),
    ("GET /caf\u{e9} HTTP/1.1", Some("GET"), Some("/caf\u{e9}"), None, 404),
    ("DELETE /hello HTTP/1.1", Some("DELETE"), Some("/hello"), None, 405),
];
/// What a shell shock, a quote, a tab and a byte that is no UTF-8 make of a header.
const AGENTS: [&[u8]; 4] = [b"() { :; }; echo \"x\"", b"tab\tand \\back\\slash", b"latin \xe9", b"-"];

/// Sends every request with every agent, and gives how many bytes of body were answered, in order.
fn drive(server: &live::Server) -> Vec<usize> {
    let mut bodies = Vec::new();
    for agent in AGENTS {
        for (request, ..) in REQUESTS {
            let mut message = format!("{request}\r\nHost: localhost\r\nReferer: http://a.example/?q=\"\r\nConnection: close\r\nUser-Agent: ").into_bytes();
            message.extend_from_slice(agent);
            message.extend_from_slice(b"\r\n\r\n");
            let answer = server.http(&message);
            let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            bodies.push(answer.len() - head);
        }
    }
    bodies
}

fn done(log: &[u8]) -> bool {
    log.iter().filter(|byte| **byte == b'\n').count() == AGENTS.len() * REQUESTS.len()
}

/// The events of the requests, in the order in which they were sent.
fn assert_requests(outcome: &Outcome, user_agent: &str, status_is_known: bool) {
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    let sent = AGENTS.iter().flat_map(|agent| REQUESTS.iter().map(move |request| (agent, request)));
    assert_eq!(outcome.events.len(), AGENTS.len() * REQUESTS.len());
    for (event, (agent, (request, method, path, query, status))) in outcome.events.iter().zip(sent) {
        assert_eq!(bytes(event, "request").as_deref(), Some(request.as_bytes()));
        assert_eq!(text(event, "method").as_deref(), *method);
        assert_eq!(text(event, "path").as_deref(), *path);
        assert_eq!(text(event, "query").as_deref(), *query);
        if status_is_known {
            assert_eq!(number(event, "status"), *status, "{request}");
        }
        // A lone dash is what a server writes for nothing.
        let expected = if *agent == b"-" { None } else { Some(agent.to_vec()) };
        assert_eq!(bytes(event, user_agent), expected);
        assert!(event.time.is_some());
    }
}

#[test]
fn nginx_access_logs_of_every_escape_tell_what_was_asked() {
    let main = r#"log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
        '"$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_time $upstream_response_time $pipe $connection:$connection_requests';"#;
    let json = r#"log_format json escape=json '{"time":"$time_iso8601","request":"$request","status":$status,"body_bytes_sent":$body_bytes_sent,"http_user_agent":"$http_user_agent","request_time":$request_time}';"#;
    let http = format!(
        "{main} {json} access_log combined.log combined; access_log main.log main; access_log json.log json;"
    );
    let server = "location = /hello { return 200 hello; } location / { return 404 none; } if ($request_method = DELETE) { return 405; }";
    let Some(mut nginx) = live::nginx(&http, server) else { return };
    let bodies = drive(&nginx);
    nginx.wait_for("json.log", done);
    nginx.stop();

    let combined = nginx.read("combined.log");
    assert_eq!(detect(&combined)[0].format.name, "nginx_combined");
    for outcome in [
        log("nginx_combined", &[], &combined),
        log("nginx", &[("log_format", main)], &nginx.read("main.log")),
    ] {
        assert_requests(&outcome, "http_user_agent", true);
        for (event, body) in outcome.events.iter().zip(&bodies) {
            assert_eq!(number(event, "body_bytes_sent"), *body as u64);
            assert_eq!(text(event, "remote_addr").unwrap(), "127.0.0.1");
            assert_eq!(text(event, "remote_user"), None);
            assert_eq!(text(event, "http_referer").unwrap(), "http://a.example/?q=\"");
        }
    }
    let outcome = log("nginx", &[("log_format", json)], &nginx.read("json.log"));
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    for (event, body) in outcome.events.iter().zip(&bodies) {
        assert_eq!(number(event, "body_bytes_sent"), *body as u64);
    }
    assert_eq!(outcome.events.len(), bodies.len());
}

#[test]
fn apache_access_logs_tell_what_was_asked() {
    const TIMED: &str = r#"LogFormat "%v:%p %a %u [%{%Y-%m-%dT%T}t.%{usec_frac}t %{%z}t] \"%r\" %>s %B %D %{ms}T \"%{Referer}i\" \"%{User-Agent}i\" %k %X" timed"#;
    const OWN: &str = r#"LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined"#;
    let logs = format!(
        "HttpProtocolOptions Unsafe\n{OWN}\n{TIMED}\n\
         CustomLog ${{FOLDER}}/combined.log combined\nCustomLog ${{FOLDER}}/timed.log timed\n"
    );
    let Some(mut apache) = live::apache(&logs) else { return };
    let bodies = drive(&apache);
    apache.wait_for("timed.log", done);
    apache.stop();

    let combined = apache.read("combined.log");
    assert_eq!(detect(&combined)[0].format.name, "apache_combined");
    let of_combined = log("apache_combined", &[], &combined);
    assert_requests(&of_combined, "http_user_agent", false);
    let of_timed = log("apache", &[("log_format", TIMED)], &apache.read("timed.log"));
    assert_requests(&of_timed, "http_user_agent", false);
    for ((one, other), body) in of_combined.events.iter().zip(&of_timed.events).zip(&bodies) {
        if text(one, "method").as_deref() != Some("HEAD") {
            assert_eq!(number(other, "body_bytes_sent"), *body as u64);
        }
        assert!(number(one, "bytes_sent") > *body as u64);
        assert_eq!(number(one, "status"), number(other, "status"));
        assert_eq!(one.time.unwrap().as_secs(), other.time.unwrap().as_secs());
        assert!(matches!(other.fields["request_time"], Value::Duration(_)), "{other:?}");
    }
}

#[test]
fn nginx_error_logs_tell_what_failed() {
    let http = "error_log error_info.log info;";
    let server = "location / { try_files $uri =404; log_not_found on; } location /up { proxy_pass http://127.0.0.1:1; }";
    let Some(mut nginx) = live::nginx(http, server) else { return };
    nginx.http_get("/up?x=1");
    nginx.http_get("/..%2f..%2fup");
    nginx.stop();
    let outcome = log("nginx_error", &[], &nginx.read("error_info.log"));
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    let failed: Vec<&Event> =
        outcome.events.iter().filter(|event| text(event, "upstream").is_some()).collect();
    assert_eq!(failed.len(), 1, "{outcome:?}");
    assert_eq!(text(failed[0], "level").unwrap(), "error");
    assert_eq!(text(failed[0], "client").unwrap(), "127.0.0.1");
    assert_eq!(text(failed[0], "request").unwrap(), "GET /up?x=1 HTTP/1.1");
    assert_eq!(text(failed[0], "upstream").unwrap(), "http://127.0.0.1:1/up?x=1");
    assert!(text(failed[0], "message").unwrap().starts_with("connect() failed (111: Connection refused)"));
    assert!(failed[0].time.is_some());
}

/// What PostgreSQL has been made to say, in each of its logs.
fn assert_statements(outcome: &Outcome, origin: &str) {
    assert!(outcome.refused.is_empty(), "{origin}: {:?}", outcome.refused);
    let with = |name: &str, value: &str| -> Vec<&Event> {
        let is = |event: &&Event| event.fields.get(name) == Some(&Value::Str(value.to_owned()));
        outcome.events.iter().filter(is).collect()
    };
    let missing = with("message", "relation \"no_such_table\" does not exist");
    assert_eq!(missing.len(), 1, "{origin}");
    assert_eq!(text(missing[0], "severity").unwrap(), "ERROR", "{origin}");
    assert_eq!(text(missing[0], "query").unwrap(), "SELECT *\n\tFROM no_such_table", "{origin}");
    assert_eq!(number(missing[0], "query_pos"), 16, "{origin}");
    let raised = with("message", "two\nlines");
    assert_eq!(raised.len(), 1, "{origin}");
    assert_eq!(text(raised[0], "severity").unwrap(), "WARNING", "{origin}");
    assert_eq!(text(raised[0], "detail").unwrap(), "of a\n\ndetail", "{origin}");
    assert_eq!(text(raised[0], "hint").unwrap(), "LOG:  not a line of its own", "{origin}");
    assert!(
        text(raised[0], "context").unwrap().starts_with("PL/pgSQL function inline_code_block"),
        "{origin}"
    );
    let slept = with("statement", "SELECT pg_sleep(0.05)");
    assert_eq!(slept.len(), 1, "{origin}");
    let Value::Duration(took) = slept[0].fields["duration"] else { panic!("{origin}: no duration") };
    assert!(took.as_secs_f64() >= 0.05, "{origin}");
}

#[test]
fn postgres_says_the_same_in_each_of_its_logs() {
    let prefix = "%m [%p] %q%u@%d ";
    let settings = format!(
        "logging_collector = on\nlog_directory = 'log'\nlog_filename = 'postgresql'\n\
         log_destination = 'stderr,csvlog,jsonlog'\nlog_line_prefix = '{prefix}'\nlog_timezone = 'America/St_Johns'\n\
         log_min_duration_statement = 40\nlog_connections = on\n"
    );
    let Some(mut postgres) = live::postgres(&settings, "") else { return };
    let raise = "DO $$ BEGIN RAISE WARNING E'two\\nlines' USING DETAIL = E'of a\\n\\ndetail', HINT = 'LOG:  not a line of its own'; END $$";
    live::psql(&postgres, &["SELECT *\n\tFROM no_such_table", raise, "SELECT pg_sleep(0.05)"]);
    postgres.stop();
    let log_file = |file: &str| postgres.read(&format!("data/log/{file}"));
    let zone = ("zone", "America/St_Johns");
    let stderr = log("postgres", &[("log_line_prefix", prefix), zone], &log_file("postgresql"));
    let csv = log("postgres_csv", &[zone], &log_file("postgresql.csv"));
    let json = log("postgres_json", &[zone], &log_file("postgresql.json"));
    assert_statements(&stderr, "stderr");
    assert_statements(&csv, "csvlog");
    assert_statements(&json, "jsonlog");
    let told = |outcome: &Outcome| -> Vec<_> {
        let both = |event: &Event| (event.time, text(event, "message"));
        outcome.events.iter().map(both).collect()
    };
    assert_eq!(told(&csv), told(&json));
    assert_eq!(told(&stderr), told(&json));
    assert_eq!(detect(&log_file("postgresql.csv"))[0].format.name, "postgres_csv");
    assert_eq!(detect(&log_file("postgresql.json"))[0].format.name, "postgres_json");
}

#[test]
fn mariadb_logs_what_was_slow_and_what_failed() {
    let options = "slow-query-log=1\nslow-query-log-file=slow.log\nlong-query-time=0.04\nlog-slow-verbosity=query_plan,explain\n";
    let Some(mut mariadb) = live::mariadb(options) else { return };
    let forged = "SELECT SLEEP(0.05), '\n# Time: 261120 17:00:00\n# User@Host: evil[evil] @ localhost []\n'";
    live::mysql(&mariadb, &["CREATE DATABASE shop", "USE shop; SELECT SLEEP(0.05)", forged, "SELECT 1"]);
    mariadb.stop();
    let outcome = log("mysql_slow", &[], &mariadb.read("data/slow.log"));
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    let statements: Vec<&Event> = outcome
        .events
        .iter()
        .filter(|event| bytes(event, "sql_text").is_some_and(|sql| sql.starts_with(b"SELECT SLEEP")))
        .collect();
    assert_eq!(statements.len(), 2, "{outcome:?}");
    assert_eq!(text(statements[0], "sql_text").unwrap(), "SELECT SLEEP(0.05)");
    assert_eq!(text(statements[0], "db").unwrap(), "shop");
    assert_eq!(text(statements[1], "sql_text").unwrap(), forged);
    for event in statements {
        let Value::Duration(took) = event.fields["query_time"] else { panic!("no duration") };
        assert!(took.as_secs_f64() >= 0.05);
        assert_eq!(text(event, "user").unwrap(), "root");
        assert_eq!(number(event, "rows_sent"), 1);
    }
    let errors = log("mysql_error", &[], &mariadb.read("error.log"));
    assert!(errors.refused.is_empty(), "{:?}", errors.refused);
    let ready = |event: &Event| text(event, "message").is_some_and(|m| m.contains("ready for connections"));
    assert_eq!(errors.events.iter().filter(|event| ready(event)).count(), 1, "{errors:?}");
}
