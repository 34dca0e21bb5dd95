//! The parsers of this crate hold what every transform has to hold: see `dendro_test::conformance::transform`.

use dendro_parsers::apache::{ApacheAccess, ApacheError};
use dendro_parsers::aws::{
    CloudFrontRealtime, CloudFrontStandard, CloudWatchLogs, LambdaLog, LoadBalancerAccess,
};
use dendro_parsers::json::Json;
use dendro_parsers::key_value::KeyValue;
use dendro_parsers::logfmt::Logfmt;
use dendro_parsers::mongodb::MongoDb;
use dendro_parsers::mysql::{MysqlError, MysqlSlow};
use dendro_parsers::nginx::{NginxAccess, NginxError, NginxLogFormat};
use dendro_parsers::patterns::{GrokLog, RegexLog};
use dendro_test::conformance::TransformWorld;
use dendro_test::transform_conformance;

transform_conformance!(
    nginx_combined,
    TransformWorld::lines(
        NginxAccess::combined,
        [
            &br#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET /a?b HTTP/1.1" 200 153 "-" "curl/8.14.1""#[..],
            br#"2001:db8::7 - ann [20/Nov/2026:16:59:48 +0000] "POST /form HTTP/2.0" 302 0 "https://example.net/" "Mozilla/5.0""#,
            br#"192.0.2.8 - - [20/Nov/2026:16:59:49 +0000] "\x16\x03\x01" 400 157 "-" "-""#,
            br#"192.0.2.8 - - [20/Nov/2026:16:59:49 +0000] "" 400 0 "-" "-""#,
            b"192.0.2.9 - - [20/Nov/2026:16:59:50 +0000] \"GET /\xff HTTP/1.1\" 404 0 \"-\" \"caf\xc3\xa9\"",
            br#"192.0.2.9 - - [20/Nov/2026:16:59:51 +0000] "GET / HTTP/1.1" 200 99999999999999999999 "-" "too large""#,
            b"not of the format",
            b"",
        ]
    )
);

transform_conformance!(
    auto,
    TransformWorld::lines(
        || dendro_parsers::formats::find("auto").unwrap().configure(&[]).unwrap().transform(),
        [
            &br#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET /a?b HTTP/1.1" 200 153 "-" "curl/8.14.1""#[..],
            br#"192.0.2.8 - - [20/Nov/2026:16:59:49 +0000] "\x16\x03\x01" 400 157 "-" "-""#,
            b"not of any format",
            b"",
        ]
    )
);

transform_conformance!(
    nginx_error,
    TransformWorld::lines(
        NginxError::new,
        [
            &br#"2026/11/20 16:59:37 [error] 7#7: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.7, server: a, request: "GET /a?b HTTP/1.1", subrequest: "/c", upstream: "http://192.0.2.1/a", host: "h", referrer: "r""#[..],
            b"2026/11/20 16:59:38 [error] 7#7: *9 FastCGI sent in stderr: \"one\n\xff two\" while reading response header from upstream, client: ::1, server: a\nthree",
            br#"2026/11/20 16:59:38 [error] 7#7: *9 limiting requests, excess: 1.996 by zone "one", client: ::1, server: a"#,
            b"2026/11/20 16:59:39 [info] 7#7: *9 udp timed out, packets from/to client:1/2, bytes from/to client:3/4, bytes from/to upstream:5/6",
            b"2026/11/20 16:59:40 [notice] 7#7: exit",
            b"nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
            b"2026/11/31 16:59:40 [notice] 7#7: no such day",
            b"not of the format",
            b"",
        ]
    )
);

/// Lines of httpd with and without a configured format.
const APACHE_ERROR: [&[u8]; 8] = [
    br"[Fri Nov 20 17:02:25.698931 2026] [proxy:error] [pid 1:tid 2] (70007)Timeout: [client 192.0.2.7:5] AH01102: caf\xc3\xa9, referer: \xff",
    b"[Fri Nov 20 17:02:25 2026] [error] [client ::1] File does not exist: /a",
    b"[2026-11-20 17:02:25.000000] [core:debug] [R:abc] core.c(7): x",
    br"[2026-11-20 17:02:25.000000] [R:abc] UA:'x \\'",
    b"script: \xff",
    b"[Fri Nov 31 17:02:25 2026] [error] no such day",
    b"[Fri Nov 20 17:02:25.698931 2026] no level",
    b"",
];

transform_conformance!(apache_error, TransformWorld::lines(ApacheError::new, APACHE_ERROR));

transform_conformance!(
    apache_error_configured,
    TransformWorld::lines(
        || {
            let config = r#"ErrorLogFormat "[%{uc}t] [%-m:%-l] [R:%L] %7F: %E: %M"
                ErrorLogFormat request "[%{uc}t] [R:%L] UA:'%+{User-Agent}i'""#;
            let options = [("error_log_format".to_owned(), config.to_owned())];
            dendro_parsers::formats::find("apache_error").unwrap().configure(&options).unwrap().transform()
        },
        APACHE_ERROR
    )
);

const SLOW_HEADER: &str = "# User@Host: app[app] @ web1 [192.0.2.7]  Id: 7\n# Query_time: 1.5  Lock_time: 0.0  Rows_sent: 1  Rows_examined: 2\n";

transform_conformance!(
    mysql_slow,
    TransformWorld::lines(
        MysqlSlow::default,
        [
            format!("# Time: 261120 20:35:49\n{SLOW_HEADER}use `my db`;\nSET timestamp=1795206949;\nSELECT '\n', 1;"),
            format!("{SLOW_HEADER}# administrator command: Quit;"),
            format!("# Time: 2026-11-20T20:35:50.5Z\n{SLOW_HEADER}# New_time: 0.5  New_count: -3\nSELECT 2;"),
            format!("{SLOW_HEADER}# Schema: shop  Last_errno: 0  Killed: 0\n#\n# explain: a\tb\n#\nSET insert_id=3,timestamp=5;\nSELECT 3;"),
            format!("{SLOW_HEADER}SELECT 4;"),
            "SELECT 5;".to_owned(),
            SLOW_HEADER.replace("Rows_sent: 1", "Rows_sent: many"),
            String::new(),
        ]
    )
    .open_schemas()
);

transform_conformance!(
    mysql_error,
    TransformWorld::lines(
        MysqlError::default,
        [
            &b"2026-11-20  1:15:44 0 [Note] Starting MariaDB\nVersion: '10.11.19'"[..],
            b"2020-08-06T16:25:02.835618+02:00 0 [System] [MY-010116] [Server] starting",
            b"130101 10:00:00 mysqld_safe Starting mysqld daemon",
            b"14:25:03 UTC - mysqld got signal 11 ;\n\xff\nThread pointer: 0x7f0",
            br#"{"prio":3,"err_code":10051,"msg":"a \"b\"","time":"2020-08-06T14:25:03Z","label":"Note","more":[1]}"#,
            br#"{"prio":3}"#,
            b"mysqld: no time",
            b"",
        ]
    )
    .open_schemas()
);

transform_conformance!(
    syslog,
    TransformWorld::lines(
        dendro_parsers::syslog::Syslog::new,
        [
            &b"<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed"[..],
            br#"<165>1 2003-10-11T22:14:15.003Z host app 4711 ID47 [a@1 k="v" k="\"w"][b] started"#,
            br#"<13>1 - h a p m [a@1 k="v"]back\slash"#,
            b"<13>1 - - - - - - caf\xe9",
            b"<189>000123: *Mar  1 00:00:01.123 UTC: %SYS-5-CONFIG_I: Configured",
            b"2026-11-20T16:59:47.123456+05:30 web1 postfix/smtpd[26897]: warning",
            b"<999>no priority",
            b"no priority at all",
            b"\tmore of it",
            b"",
        ]
    )
);

transform_conformance!(
    syslog_from_a_first_year,
    TransformWorld::lines(
        || dendro_parsers::syslog::Syslog::new().year(Some(2019)).strict(true),
        [
            &b"Nov 30 22:14:15 host app: x"[..],
            b"Dec 31 23:59:59 host app: x",
            b"Jan  1 00:00:01 host app: x",
            b"Dec 31 23:59:59 host app: late",
            b"neither priority nor time",
        ]
    )
);

transform_conformance!(
    jvm_gc,
    TransformWorld::lines(
        dendro_parsers::jvm_gc::JvmGc::new,
        [
            &b"[2026-11-20T20:35:31.625+0000][info][gc] Using G1"[..],
            b"[0.5s][web-1][4711][4712][info][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 6M->2M(64M) 35.996ms",
            b"[0.5s][info][gc,cpu] GC(0) User=0.01s Sys=0.00s Real=0.04s",
            b"[0.5s][info][gc,heap] GC(0) Eden regions: 6->0(5)",
            b"[0.5s][info][gc] GC(16) Garbage Collection (Allocation Stall) 64M(100%)->58M(91%)",
            b"[0.5s][info][gc,metaspace] GC(0) Metaspace: 128K(320K)->128K(320K)",
            b"[0.5s][info][safepoint] Safepoint \"Cleanup\", Time since last: 1 ns, Reaching safepoint: 2 ns, Total: 3 ns",
            b"1.5: [Full GC (System.gc()) 2K->1K(5K), 0.5 secs] [Times: user=0.06 sys=0.00, real=0.05 secs]",
            b"[main] no such line",
            b"",
        ]
    )
);

transform_conformance!(
    timestamp,
    TransformWorld::lines(
        || dendro_parsers::timestamp::Timestamped::new("auto").unwrap(),
        [
            &b"2026-11-20T16:59:47.123-03:30 x"[..],
            b"[20/Nov/2026:16:59:47 -0330] x",
            b"I1120 16:59:47.123456   123 main.go:1] caf\xe9",
            b"Nov 20 16:59:47 host x",
            b"no time",
            b"",
        ]
    )
);

transform_conformance!(
    timestamp_of_a_field,
    TransformWorld::events(
        || dendro_parsers::timestamp::Timestamped::new("epoch_ms").unwrap().field("when"),
        [
            dendro_core::Event::new("order").with("when", 1_795_208_400_123u64).with("sum", 1u64),
            dendro_core::Event::new("order").with("when", "1795208400123"),
            dendro_core::Event::new("order").with("when", "soon"),
            dendro_core::Event::new("order").with("sum", 2u64),
        ]
    )
);

transform_conformance!(
    json,
    TransformWorld::lines(
        Json::new,
        [
            &br#"{"ts":1795206587.5,"level":"info","http":{"status":200,"path":"/"},"tags":["a",{"b":null}]}"#[..],
            br#"{"ts":1795206588,"level":"warn","http":{"status":503,"path":"/\u00e9\n"},"tags":[]}"#,
            br#"{"level":"warn","level":"error","more":{"x":1,"x":2},"n":18446744073709551616}"#,
            b"{\"ua\":\"\xff\"}",
            b"{}",
            br#"{"a":1,}"#,
            b"not of the format",
            b"",
        ]
    )
    .open_schemas()
);

transform_conformance!(
    json_flattened,
    TransformWorld::lines(
        || Json::new().flatten("_"),
        [
            &br#"{"a":{"x":1,"y":{"z":2}},"b":{"x":3},"x":4}"#[..],
            br#"{"b":{"x":3},"a":{"x":1},"a_x":5,"none":{}}"#,
            br#"{"a":{"x":1},"#,
        ]
    )
    .open_schemas()
);

transform_conformance!(
    mongodb,
    TransformWorld::lines(
        MongoDb::new,
        [
            &br#"{"t":{"$date":"2026-11-20T16:59:47.180+00:00"},"s":"I",  "c":"COMMAND",  "id":51803,   "ctx":"conn42","msg":"Slow query","attr":{"ns":"shop.orders","durationMillis":345}}"#[..],
            br#"{"t":{"$date":"2026-11-20T16:59:48.180+00:00"},"s":"W","c":"CONTROL","id":22120,"svc":"S","ctx":"initandlisten","msg":"Access control is not enabled","tags":["startupWarnings"]}"#,
            br#"{"t":{"$date":"2026-11-20T16:59:48.180+00:00"},"s":"I","more":[1]}"#,
            b"2020-05-20T19:17:06.188+0000 I  NETWORK  [listener] connection accepted",
            b"{}",
            b"",
        ]
    )
    .open_schemas()
);

transform_conformance!(
    logfmt,
    TransformWorld::lines(
        Logfmt::new,
        [
            &br#"ts=2026-11-20T16:59:47Z level=info msg="a \"b\"" alone none= empty="""#[..],
            br"level=info level=warn uri=/?a=b",
            b"level=\xff",
            b"not of the format",
            b"a=\"1",
            b"",
        ]
    )
    .open_schemas()
);

transform_conformance!(
    key_value,
    TransformWorld::lines(
        KeyValue::default,
        [
            &br#"level=info msg="a \"b\"" on tags=a tags=b"#[..],
            br#"'a key' = 1 b=\n"#,
            b"level=\xff",
            b"\"\"=1",
            b"",
        ]
    )
    .open_schemas()
);

transform_conformance!(
    cloudfront,
    TransformWorld::lines(
        CloudFrontStandard::new,
        [
            "#Version: 1.0",
            "#Fields: date time sc-bytes cs(User-Agent) x-new time-taken",
            "2026-11-20\t16:59:47\t2390\tcurl/8%20x\ta%2520b\t0.002",
            "2026-11-20\t16:59:48\t-\t-\t-\t-",
            "2026-11-20\t16:59:48\t-\t-\t-",
            "2026-11-20 16:59:48 7 curl - 1",
            r#"{"date":"2026-11-20","time":"16:59:49","sc-bytes":"7","asn":64500}"#,
            "#Fields: date time c-ip",
            "2026-11-20\t16:59:50\t2001:db8::7",
            "#Fields:",
            "",
        ]
    )
    .open_schemas()
);

transform_conformance!(
    cloudfront_realtime,
    TransformWorld::lines(
        || CloudFrontRealtime::new("timestamp,c-ip,sc-status,cs-uri-stem,x-new").unwrap(),
        [
            "1795208387.123\t192.0.2.7\t200\t/a?b%2520\tx",
            "-\t-\t-\t-\t-",
            "1795208387.123\t192.0.2.7\t200\t/a",
            "soon\t192.0.2.7\t200\t/a\tx",
            "",
        ]
    )
);

transform_conformance!(
    lambda,
    TransformWorld::lines(
        LambdaLog::new,
        [
            "START RequestId: r Version: 1",
            "REPORT RequestId: r\tDuration: 1.5 ms\tMemory Size: 128 MB\tNew: 7\t\nXRAY TraceId: 1-2\tSampled: true\t",
            "REPORT RequestId: r\tDuration: XXX ms",
            "EXTENSION\tName: a\tState: Ready\tEvents: [INVOKE,SHUTDOWN]",
            "2026-11-20T16:59:47.123Z r Task timed out after 3.00 seconds",
            "RequestId: r Error: Runtime exited\nRuntime.ExitError",
            "2026-11-20T16:59:47.123Z\t8f507cfc-1234-4697-b07a-ac58fc914c95\tINFO\ta\rb",
            "[ERROR] x",
            r#"{"time":"2026-11-20T16:59:47Z","type":"platform.report","record":{"requestId":"r","metrics":{"durationMs":1.5,"new":1},"spans":[{"name":"a","start":"2026-11-20T16:59:47Z","durationMs":1}],"tracing":{"value":"Root=1;Sampled=1"}}}"#,
            r#"{"time":"2026-11-20T16:59:47Z","type":"function","record":{"message":"a\nb","extra":[1,{"b":null}]}}"#,
            r#"{"time":"2026-11-20T16:59:47Z","type":"function","record":7}"#,
            r#"{"timestamp":"2026-11-20T16:59:47Z","level":"INFO","message":"m","requestId":"r"}"#,
            "free text",
            "",
        ]
    )
);

transform_conformance!(
    alb,
    TransformWorld::lines(
        LoadBalancerAccess::new,
        [
            r#"http 2026-11-20T16:59:47.186641Z app/web/50 192.0.2.7:2817 10.0.0.1:80 0.000 0.001 -1 200 200 34 366 "GET http://www.example.com:80/a?b HTTP/1.1" "curl \x22" - - arn "Root=1" "-" "-" 0 2026-11-20T16:59:47.1Z "waf,forward" "-" "-" "10.0.0.1:80" "200 -" "-" "-" TID_1 "-" "-" "-" new"#,
            r#"h2 2026-11-20T16:59:47.186641Z app/web/50 192.0.2.7:2817 - -1 -1 -1 400 - 0 272 "- http://lb:80- -" "-" - - - "-""#,
            r#"2026-11-20T16:59:47.945958Z lb [2001:db8::7]:2817 10.0.0.1:80 0.000086 0.001048 0.001337 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1""#,
            r#"2026-11-20T16:59:47.945958Z lb"#,
            r#"http then "nothing"#,
            "",
        ]
    )
);

// All but `raw_text_is_untouched`: an envelope's log events have their messages as raw text, for the parser behind.
dendro_test::__tests_of!(
    cloudwatch,
    TransformWorld::lines(
        CloudWatchLogs::new,
        [
            r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1795208387123,"message":"a\n"},{"id":"2","timestamp":1795208387124,"message":"b","extractedFields":{"x":"y"}}]}"#,
            r#"{"messageType":"CONTROL_MESSAGE","logEvents":[]}"#,
            r#"{"messageType":"DATA_MESSAGE","logEvents":[]}"#,
            r#"{"messageType":"DATA_MESSAGE","logEvents":[{}]}"#,
            "H4sIAAAAAAAAA",
            "",
        ]
    ),
    transform,
    [
        empty_batch_gives_nothing
        largest_batches_are_handled
        every_event_is_accounted_for
        order_is_kept
        instances_are_independent
        streams_are_independent
        schema_says_what_is_emitted
        snapshot_restores_at_any_point
        batch_boundaries_do_not_matter
        every_token_resolves
        failure_dead_letters_the_raw_text
    ]
);

transform_conformance!(
    regex,
    TransformWorld::lines(
        || {
            let patterns = [r"^(?<at>\S+) took (?<took>\S+) ms(?: (?<more>.*))?$", r"^(?<word>\w+)$"];
            RegexLog::new(patterns).unwrap().types("took:duration_ms").unwrap().time("at").unwrap()
        },
        [
            "2026-11-20T16:59:47Z took 1.5 ms",
            "2026-11-20T16:59:47Z took - ms more",
            "2026-11-20T16:59:47Z took long ms",
            "soon took 1 ms",
            "word",
            "no match",
            "",
        ]
    )
);

transform_conformance!(
    grok,
    TransformWorld::lines(
        || GrokLog::new(["%{IP:client} %{NUMBER:bytes:int} %{GREEDYDATA:text}"], []).unwrap(),
        [
            &b"192.0.2.7 7 text"[..],
            b"2001:db8::7 -1 ",
            b"192.0.2.7 1.5 text",
            b"192.0.2.7 1 \xff",
            b"no match",
            b""
        ]
    )
);

transform_conformance!(
    postgres,
    TransformWorld::lines(
        || postgres_stderr("%m [%p] %q%u@%d "),
        [
            &b"2026-11-20 20:34:09.433 UTC [14046] LOG:  checkpoint starting: time"[..],
            b"2026-11-20 20:34:09.496 UTC [14866] ann@shop LOG:  duration: 87.065 ms  execute a/b: SELECT $1\n2026-11-20 20:34:09.496 UTC [14866] ann@shop DETAIL:  parameters: $1 = 'it''s\n\tall', $2 = NULL",
            "2026-11-20 20:34:14.615 UTC [7] a@b@c ERREUR:  42P01: x au caractère 13\n2026-11-20 20:34:14.615 UTC [7] a@b@c INSTRUCTION :  SELECT\n\n\t1".as_bytes(),
            b"2026-11-20 20:34:14.615 UTC [7] a@b DETAIL:  alone",
            b"2026-11-20 20:34:14.615 IST [7] a@b LOG:  x",
            b"Feb  1 21:48:31 db1 postgres[9]: [3-1] 2026-11-20 20:34:14.615 UTC [7] a@b LOG:  x\nFeb  1 21:48:31 db1 postgres[9]: [3-2] #011y",
            b"cp: cannot stat 'x'\n  \xff",
            b"LOG:  without the prefix",
            b"\tmore of what is not there",
            b"",
        ]
    )
);

fn postgres_stderr(prefix: &str) -> dendro_parsers::postgres::Stderr {
    dendro_parsers::postgres::Stderr::new(prefix).unwrap_or_else(|error| panic!("{error}"))
}

transform_conformance!(
    postgres_csv,
    TransformWorld::lines(
        dendro_parsers::postgres::CsvLog::new,
        [
            &br#"2026-11-20 20:34:09.433 UTC,,,7,,6b.7,3,,2026-11-20 20:33:56 UTC,,0,LOG,00000,"checkpoint starting: time",,,,,,,,,"","checkpointer",,0"#[..],
            br#"2026-11-20 20:34:09.496 UTC,"ann","shop",7,"127.0.0.1:5","6b.7",5,"SELECT",2026-11-20 20:34:09 UTC,3/0,0,LOG,00000,"duration: 87.065 ms  execute a: SELECT ""x""","parameters: $1 = 'it''s'",,,,,,,"exec_simple_query, postgres.c:1","psql","client backend",1,-5"#,
            b"2026-11-20 20:34:09.496 EST,\"caf\xe9\",,7,,6b.7,5,\"\",,,,ERREUR,42P01,\"x\",,,,1,,\"q\",2,",
            br#"2026-11-20 20:34:09.496 UTC,"ann","shop",7,"127.0.0.1:5",6b.7,5,"SEL"#,
            b"2026-11-20 20:34:09.496 UTC,,,x,,,,,,,,,,,,,,,,,,",
            b"log_time,user_name",
            b"",
        ]
    )
);

transform_conformance!(
    postgres_json,
    TransformWorld::lines(
        dendro_parsers::postgres::JsonLog::new,
        [
            &br#"{"timestamp":"2026-11-20 20:34:09.433 UTC","pid":7,"session_start":"2026-11-20 20:33:56 UTC","txid":0,"error_severity":"LOG","message":"checkpoint starting: time","query_id":0}"#[..],
            br#"{"timestamp":"2026-11-20 20:34:09.496 UTC","user":"ann","error_severity":"LOG","message":"duration: 1 ms  statement: \"x\"","detail":"Parameters: $1 = 'a\nb'","later":{"a":[1]}}"#,
            br#"{"timestamp":"2026-11-20 20:34:09.496 UTC","pid":"7"}"#,
            br#"{"pid":7}"#,
            b"not of the format",
            b"",
        ]
    )
    .open_schemas()
);

transform_conformance!(
    csv,
    TransformWorld::lines(
        || dendro_parsers::csv::Csv::new("csv", dendro_parsers::csv::Dialect::CSV),
        [&b"a,b"[..], b"1,\"2 \"\"\n\"", b",\"\"", b"1", b"1,2,3", b"\xff,x", b"\"1\"x,2", b""]
    )
    .open_schemas()
);

const UPSTREAM: &str = r#"log_format x '$remote_addr "$request" $status $request_time "$upstream_addr" $upstream_status $msec';"#;

transform_conformance!(
    nginx,
    TransformWorld::lines(
        || NginxLogFormat::new(UPSTREAM).unwrap(),
        [
            &br#"192.0.2.7 "GET /a?b HTTP/1.1" 200 0.012 "10.0.0.1:80" 200 1795206594.475"#[..],
            br#"2001:db8::7 "POST /form HTTP/2.0" 503 1.004 "10.0.0.1:80, 10.0.0.2:80" 502, 503 1795206594.500"#,
            br#"192.0.2.8 "\x16\x03\x01" 400 0.000 "-" - 1795206595.000"#,
            b"192.0.2.9 \"GET /\xff HTTP/1.1\" 404 0.000 \"-\" - 1795206595.001",
            br#"192.0.2.9 "GET / HTTP/1.1" 200 0.000 "-" - 99999999999999999999.0"#,
            b"not of the format",
            b"",
        ]
    )
);

transform_conformance!(
    nginx_where_texts_hold_the_separator,
    TransformWorld::lines(
        || NginxLogFormat::new("$request_uri|$status|$http_user_agent").unwrap(),
        [&b"/a|200|curl"[..], b"/a|b|200|x|y", b"/a|200|x|404|y", b"/a|20|x", b"|||||||", b"",]
    )
);

transform_conformance!(
    apache_combined,
    TransformWorld::lines(
        ApacheAccess::combined,
        [
            &br#"192.0.2.7 - - [20/Nov/2026:17:03:02 -0330] "GET /a?b HTTP/1.1" 200 411 "-" "curl/8.14.1""#[..],
            br#"2001:db8::7 - "" [20/Nov/2026:17:03:03 -0330] "GET /\"x\" HTTP/1.1" 304 - "" "caf\xc3\xa9 \xe9""#,
            br#"192.0.2.8 - bob smith [20/Nov/2026:17:03:04 -0330] "-" 408 - "-" "-""#,
            br#"192.0.2.8 - - [20/Nov/2026:17:03:05 -0330] "GET / HTTP/1.1" 200 12"#,
            br#"192.0.2.8 - - [20/Nov/2026:17:03:05 -0330] "GET / HTTP/1.1" 200 12 "-" "-" 7"#,
            b"not of the format",
            b"",
        ]
    )
);

transform_conformance!(
    apache,
    TransformWorld::lines(
        || {
            let format = r#"%h %u %{%F %T}t.%{msec_frac}t "%r" %>s %D %{end:usec}t"#;
            ApacheAccess::log_format(format).unwrap().zone("Europe/Berlin".parse().unwrap())
        },
        [
            &br#"192.0.2.7 - 2026-11-20 17:03:02.071 "GET /a?b HTTP/1.1" 200 411 1795206782999999"#[..],
            br#"192.0.2.8 bob smith 2026-11-20 17:03:03.000 "-" 408 - 1795206783000001"#,
            br#"192.0.2.8 - 2026-02-29 17:03:03.000 "-" 408 - 1795206783000001"#,
            b"not of the format",
            b"",
        ]
    )
);
