//! What real slow logs are known to hold, each as a test of its own.

use crate::support::{self, Outcome, bytes, log, number, text};
use dendro_core::{Event, SignedDuration, Timestamp, Value};

const HEADER: &str = "# User@Host: app[app] @ web1 [192.0.2.7]\n# Query_time: 1.5  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 2\n";

fn slow(input: &str) -> Outcome {
    log("mysql_slow", &[], input.as_bytes())
}

/// An entry with this statement, as the server writes it.
fn entry(statement: &str) -> String {
    format!("{HEADER}SET timestamp=1795206918;\n{statement};\n")
}

fn statements(outcome: &Outcome) -> Vec<String> {
    assert_eq!(outcome.refused, []);
    outcome.events.iter().map(|event| text(event, "sql_text").unwrap_or_default()).collect()
}

fn time(event: &Event) -> String {
    event.time.unwrap().to_string()
}

fn seconds(event: &Event, name: &str) -> f64 {
    match event.fields[name] {
        Value::Duration(time) => time.as_secs_f64(),
        ref other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn statements_come_back_whatever_they_hold() {
    let forged =
        format!("SELECT ';\n# Time: 261120 20:35:49\n{HEADER}SET timestamp=1;\nSELECT forged', sleep(1)");
    let texts = [
        "SELECT 1",
        "SELECT 'a;b;'",
        "SELECT '\n# User@Host: fake[fake] @ localhost []\n# Query_time: 9.9  Lock_time: 0 Rows_sent: 1  Rows_examined: 1\nSET timestamp=1;\nSELECT forged', sleep(0.052)",
        &forged,
        &forged.replace('\'', "\""),
        &forged.replace('\'', "`"),
        "SELECT '# Time: 700101  0:00:00'",
        "SELECT 'x;\n# Time: 700101  0:00:00\n# User@Host: a[a] @ b []\n'",
        "SELECT 'x;\n/usr/sbin/mysqld, Version: 8.4.3 (x). started with:\nTcp port: 3306  Unix socket: /s\nTime                 Id Command    Argument\n'",
        "SELECT 1 /* ;\n# Time: 700101  0:00:00\n# User@Host: a[a] @ b []\n# Query_time: 1  Lock_time: 0\n */",
        "SELECT 1 -- it's;",
        "SELECT 1 # it's;",
        "SELECT 'it''s', 'it\\'s', \"it's\", `it's`",
        "CREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\n  SELECT 2;\nEND",
        "SELECT 1;\n\n-- and a last word",
        "# Time: 700101  0:00:00\n# User@Host: a[a] @ b []\n# Query_time: 1  Lock_time: 0\nSELECT 1",
        "SELECT 1\n# Time: 700101  0:00:00\n# User@Host: a[a] @ b []\n# Query_time: 1  Lock_time: 0\nFROM dual",
        "SELECT 1 -- ;\n# Time: 700101  0:00:00\n# User@Host: a[a] @ b []\n# Query_time: 1  Lock_time: 0\nFROM dual",
        "use other",
        "SET timestamp=5",
        "SET insert_id=7",
        "SELECT 'café 日本語 😀'",
        "INSERT INTO t VALUES ('\n\n\n')",
    ];
    let input: String = texts.iter().map(|text| entry(text)).collect();
    assert_eq!(statements(&slow(&input)), texts);
    // And with the other server's way to divide lines.
    let crlf = slow(&input.replace('\n', "\r\n"));
    assert_eq!(statements(&crlf), texts.map(|text| text.replace('\n', "\r\n")));
}

#[test]
fn the_result_is_the_same_however_the_input_is_cut() {
    let input = format!(
        "garbage\n/usr/sbin/mysqld, Version: 8.4.3 (x). started with:\nTcp port: 3306  Unix socket: /s\nTime                 Id Command    Argument\n{}# Time: 261120 20:35:49\n{}{}{}",
        entry("SELECT 'x;\n# User@Host: a[a] @ b []\n# Query_time: 1  Lock_time: 0\n'"),
        entry("SELECT 'open"),
        entry("SELECT 2"),
        entry("SELECT 'three'"),
    );
    let whole = slow(&input);
    assert_eq!(whole.refused.len(), 1);
    assert_eq!(whole.events.len(), 4);
    for step in 1..100 {
        assert_eq!(
            in_pieces(input.as_bytes(), step),
            (whole.events.clone(), whole.refused.len()),
            "step {step}"
        );
    }
}

/// The events, and how many records were refused.
fn in_pieces(input: &[u8], step: usize) -> (Vec<Event>, usize) {
    let mut feed = dendro_parsers::formats::Feed::new(&support::parser("mysql_slow", &[]));
    let (mut events, mut refused) = (Vec::new(), 0);
    let observed = Timestamp::parse_rfc3339("2026-11-20T21:00:00Z").unwrap();
    for piece in input.chunks(step).map(Some).chain([None]) {
        let batch = match piece {
            Some(piece) => feed.push(piece, observed).unwrap(),
            None => feed.finish(observed).unwrap(),
        };
        events.extend(batch.iter().map(|event| event.to_event()));
        refused += batch.rejected().count();
    }
    (events, refused)
}

#[test]
fn a_statement_with_unbalanced_quotes_swallows_no_other() {
    let texts =
        ["SELECT 'abc", "SELECT 1", "SELECT 'x', 2", "SELECT \"y", "SELECT `z`", "SELECT 'C:\\'", "SELECT 5"];
    let input: String = texts.iter().map(|text| entry(text)).collect();
    assert_eq!(statements(&slow(&input)), texts);
    // Neither where the log goes on for long.
    let mut many = vec!["SELECT 'abc".to_owned()];
    many.extend((0..1_000).map(|n| format!("SELECT 'x', {n}")));
    let input: String = many.iter().map(|text| entry(text)).collect();
    assert_eq!(statements(&slow(&input)), many);
}

#[test]
fn an_entry_that_was_cut_off_swallows_no_other() {
    let input = format!("{HEADER}SET timestamp=1795206918;\nSELECT half of\n{}", entry("SELECT 1"));
    assert_eq!(statements(&slow(&input)), ["SELECT half of", "SELECT 1"]);
    let outcome = slow(&format!("# Time: 261120 20:35:49\n# User@Host: a[a] @ b []\n{}", entry("SELECT 1")));
    assert_eq!(outcome.events.len(), 1);
    let outcome = slow(&format!("{}# Time: 261120 20:35:49\n# User@Host: a[a] @ b []\n", entry("SELECT 1")));
    assert_eq!(outcome.events.len(), 1);
    assert_eq!(outcome.refused[0].1, "at byte 48: expected a header line with `Query_time`");
}

#[test]
fn a_log_that_begins_in_the_middle_of_an_entry_loses_none_but_that() {
    let outcome = slow(&format!("  FROM t WHERE a = 'b';\n{}", entry("SELECT 1")));
    assert_eq!(outcome.events.len(), 1);
    assert_eq!(outcome.refused.len(), 1);
    assert_eq!(outcome.refused[0].0, b"  FROM t WHERE a = 'b';");
    assert!(outcome.refused[0].1.starts_with("at byte 0: expected `# Time:`"), "{}", outcome.refused[0].1);
}

#[test]
fn what_the_server_writes_when_it_opens_the_file_is_passed_over() {
    let banners = [
        "/usr/sbin/mysqld, Version: 5.0.45 (Source distribution). started with:\nTcp port: 3306  Unix socket: /s\nTime                 Id Command    Argument\n",
        "mariadbd, Version: 10.11.19-MariaDB-log (Debian 12). started with:\nTcp port: 3306  Unix socket: /s\nTime\t\t    Id Command\tArgument\n",
        "C:\\Program Files\\MySQL\\mysqld.exe, Version: 8.4.3 (MySQL Community Server - GPL). started with:\r\nTCP Port: 3306, Named Pipe: MySQL\r\nTime                 Id Command    Argument\r\n",
    ];
    for banner in banners {
        let input = format!("{banner}{}{banner}{banner}{}{banner}", entry("SELECT 1"), entry("SELECT 2"));
        assert_eq!(statements(&slow(&input)), ["SELECT 1", "SELECT 2"]);
        assert_eq!(slow(banner).events, []);
        assert_eq!(slow(banner).refused, []);
    }
}

#[test]
fn the_time_of_an_entry_is_that_of_one_before_where_it_has_none() {
    let bare = |statement: &str| format!("{HEADER}{statement};\n");
    let input = format!("# Time: 071015  1:43:52\n{}{}", bare("SELECT 1"), bare("SELECT 2"));
    let outcome = slow(&input);
    assert_eq!(outcome.events.iter().map(time).collect::<Vec<_>>(), ["2007-10-15T01:43:52.000000000Z"; 2]);
    let berlin = log("mysql_slow", &[("zone", "Europe/Berlin")], input.as_bytes());
    assert_eq!(berlin.events.iter().map(time).collect::<Vec<_>>(), ["2007-10-14T23:43:52.000000000Z"; 2]);
    assert_eq!(slow(&bare("SELECT 1")).only().time, None);
}

#[test]
fn the_time_is_the_one_that_tells_its_zone() {
    for (header, expected) in [
        ("# Time: 2026-11-20T20:35:20.123456Z\n", "2026-11-20T20:35:20.123456000Z"),
        ("# Time: 2026-11-20T20:35:20.123456+01:00\n", "2026-11-20T19:35:20.123456000Z"),
        // Local time of an unknown zone; what is set tells seconds since 1970.
        ("# Time: 261120 15:35:18\n", "2026-11-20T20:35:18.000000000Z"),
        ("", "2026-11-20T20:35:18.000000000Z"),
    ] {
        let event = slow(&format!("{header}{}", entry("SELECT 1"))).only();
        assert_eq!(time(&event), expected);
        let set = Timestamp::parse_rfc3339("2026-11-20T20:35:18Z").unwrap();
        assert_eq!(event.fields["set_timestamp"], Value::Timestamp(set));
    }
}

#[test]
fn the_database_is_that_of_one_before_where_it_has_not_changed() {
    let used = |db: &str| entry("SELECT 1").replace("SET", &format!("use {db};\nSET"));
    let input = format!(
        "{}{}{}{}{}{}",
        entry("SELECT 0"),
        used("shop"),
        entry("SELECT 2"),
        used("`my db`"),
        used("it's"),
        entry("SELECT 3"),
    );
    let outcome = slow(&input);
    let dbs: Vec<_> = outcome.events.iter().map(|event| text(event, "db").unwrap_or_default()).collect();
    assert_eq!(dbs, ["", "shop", "shop", "my db", "it's", "it's"]);
    assert!(outcome.events.iter().all(|event| !text(event, "sql_text").unwrap().contains("use")));
}

#[test]
fn an_empty_schema_is_no_database() {
    let with = |schema: &str| {
        format!(
            "# User@Host: a[a] @ h []\n# Thread_id: 3  Schema: {schema}  QC_hit: No\n# Query_time: 1.5  Lock_time: 0.0  Rows_sent: 1  Rows_examined: 2\nSET timestamp=5;\nSELECT 1;\n"
        )
    };
    let outcome = slow(&format!("{}{}{}", with("shop"), with(""), with("a  QC_hit: Yes: b")));
    let dbs: Vec<_> = outcome.events.iter().map(|event| text(event, "db")).collect();
    assert_eq!(dbs, [Some("shop".to_owned()), None, Some("a  QC_hit: Yes: b".to_owned())]);
    assert!(outcome.events.iter().all(|event| event.fields["qc_hit"] == Value::Bool(false)));
}

#[test]
fn user_and_host_are_split_whatever_they_hold() {
    for (logged, user, priv_user, host, ip) in [
        ("root[root] @ localhost []", "root", "root", "localhost", ""),
        ("root[root] @  [1.2.3.4]", "root", "root", "", "1.2.3.4"),
        ("a[b][a[b]] @ localhost []", "a[b]", "a[b]", "localhost", ""),
        ("[SQL_SLAVE] @  []", "SQL_SLAVE", "", "", ""),
        ("[SQL_SLAVE] @", "SQL_SLAVE", "", "", ""),
        ("rdsadmin[rdsadmin] @ localhost [127.0.0.1]", "rdsadmin", "rdsadmin", "localhost", "127.0.0.1"),
        ("app user[app user] @ localhost []", "app user", "app user", "localhost", ""),
        ("café[café] @ web-1.example.com [2001:db8::7]", "café", "café", "web-1.example.com", "2001:db8::7"),
        ("proxied[login] @ h [::1]", "login", "proxied", "h", "::1"),
        ("x] @ y [x] @ y ] @ h [::1]", "x] @ y ", "x] @ y ", "h", "::1"),
        ("skip-grants user[root] @ localhost []", "root", "skip-grants user", "localhost", ""),
    ] {
        for (id, expected) in
            [("", None), ("  Id: 7", Some(7)), ("  Id:     7", Some(7)), ("  Id:\t7", Some(7))]
        {
            let line = format!(
                "# User@Host: {logged}{id}\n# Query_time: 1  Lock_time: 0\nSET timestamp=5;\nSELECT 1;\n"
            );
            let event = slow(&line).only();
            assert_eq!(text(&event, "user_host").as_deref(), Some(logged));
            for (name, expected) in [("user", user), ("priv_user", priv_user), ("host", host), ("ip", ip)] {
                assert_eq!(text(&event, name).unwrap_or_default(), expected, "{name} of {logged}");
            }
            match expected {
                Some(id) => assert_eq!(number(&event, "thread_id"), id),
                None => assert_eq!(event.fields["thread_id"], Value::Null),
            }
        }
    }
}

#[test]
fn all_of_mysql_s_log_slow_extra_is_on_one_line() {
    let event = slow(concat!(
        "# Time: 2026-11-20T20:35:20.123456Z\n",
        "# User@Host: root[root] @ localhost []  Id:     8\n",
        "# Query_time: 0.000136  Lock_time: 0.000004 Rows_sent: 1  Rows_examined: 2 Thread_id: 8 Errno: 1064 Killed: 0 ",
        "Bytes_received: 40 Bytes_sent: 57 Read_first: 1 Read_last: 2 Read_key: 3 Read_next: 4 Read_prev: 5 Read_rnd: 6 ",
        "Read_rnd_next: 7 Sort_merge_passes: 8 Sort_range_count: 9 Sort_rows: 10 Sort_scan_count: 11 ",
        "Created_tmp_disk_tables: 12 Created_tmp_tables: 13 Count_hit_tmp_table_size: 14  ",
        "Start: 2026-11-20T20:35:20.123320Z End: 2026-11-20T20:35:20.123456Z\n",
        "SET timestamp=1795206920;\nselect 1;\n",
    ))
    .only();
    for (name, expected) in [
        ("thread_id", 8),
        ("errno", 1064),
        ("killed", 0),
        ("bytes_received", 40),
        ("read_rnd_next", 7),
        ("created_tmp_tables", 13),
        ("count_hit_tmp_table_size", 14),
    ] {
        assert_eq!(number(&event, name), expected, "{name}");
    }
    assert_eq!(event.fields["query_time"], Value::Duration(SignedDuration::from_nanos(136_000)));
    let start = Timestamp::parse_rfc3339("2026-11-20T20:35:20.123320Z").unwrap();
    assert_eq!(event.fields["start_time"], Value::Timestamp(start));
    assert_eq!(event.fields["end_time"], Value::Timestamp(event.time.unwrap()));
}

#[test]
fn all_of_mariadb_s_verbosity_is_read() {
    let event = slow(concat!(
        "# Time: 261121  1:15:44\n",
        "# User@Host: root[root] @ localhost []\n",
        "# Thread_id: 3  Schema: d1  QC_hit: No\n",
        "# Query_time: 0.000077  Lock_time: 0.000012  Rows_sent: 2  Rows_examined: 7\n",
        "# Rows_affected: 0  Bytes_sent: 108\n",
        "# Pages_accessed: 1  Pages_read: 0  Pages_prefetched: 0  Pages_updated: 0  Old_rows_read: 0\n",
        "# Pages_read_time: 0.0000  Engine_time: 0.0011\n",
        "# Tmp_tables: 1  Tmp_disk_tables: 0  Tmp_table_sizes: 1310656\n",
        "# Stored_routine: d1.p q\n",
        "# Full_scan: Yes  Full_join: No  Tmp_table: Yes  Tmp_table_on_disk: No\n",
        "# Filesort: Yes  Filesort_on_disk: No  Merge_passes: 0  Priority_queue: No\n",
        "#\n",
        "# explain: id\tselect_type\ttable\n",
        "# explain: 1\tSIMPLE\tt\n",
        "#\n",
        "# Warnings\n",
        "# Warning 1365 Division by 0\n",
        "# Note 1051 Unknown table: 'x'\n",
        "SET timestamp=1795223744;\n",
        "select 1/0;\n",
    ))
    .only();
    assert_eq!(time(&event), "2026-11-21T01:15:44.000000000Z");
    assert_eq!(number(&event, "tmp_table_sizes"), 1_310_656);
    assert_eq!(event.fields["full_scan"], Value::Bool(true));
    assert_eq!(event.fields["priority_queue"], Value::Bool(false));
    assert_eq!(event.fields["engine_time"], Value::Duration(SignedDuration::from_nanos(1_100)));
    assert_eq!(text(&event, "stored_routine").as_deref(), Some("d1.p q"));
    let lines =
        |lines: &[&str]| Value::Array(lines.iter().map(|line| Value::Str((*line).to_owned())).collect());
    assert_eq!(event.fields["explain"], lines(&["id\tselect_type\ttable", "1\tSIMPLE\tt"]));
    assert_eq!(
        event.fields["warnings"],
        lines(&["Warning 1365 Division by 0", "Note 1051 Unknown table: 'x'"])
    );
    assert_eq!(text(&event, "sql_text").as_deref(), Some("select 1/0"));
}

#[test]
fn all_of_percona_server_s_extensions_are_read() {
    let event = slow(concat!(
        "# Time: 160907  3:10:22.123456\n",
        "# User@Host: rw[rw] @  [192.0.2.7]  Id: 1394495950\n",
        "# Schema: our index  Last_errno: 1062  Killed: 0\n",
        "# Query_time: 1.294391  Lock_time: 0.000119  Rows_sent: 4049  Rows_examined: 4049  Rows_affected: 1  Rows_read: 9\n",
        "# Bytes_sent: 153824  Tmp_tables: 1  Tmp_disk_tables: 2  Tmp_table_sizes: 3\n",
        "# Profile_starting: 0.000043 Profile_total: 0.002\n",
        "# Stored routine: db.sp\n",
        "# InnoDB_trx_id: A569C193C7\n",
        "# QC_Hit: Yes  Full_scan: Yes  Full_join: No  Tmp_table: Yes  Tmp_table_on_disk: No\n",
        "# Filesort: Yes  Filesort_on_disk: Yes  Merge_passes: 42\n",
        "#   InnoDB_IO_r_ops: 1  InnoDB_IO_r_bytes: 2  InnoDB_IO_r_wait: 3.000000\n",
        "#   InnoDB_rec_lock_wait: 4.000000  InnoDB_queue_wait: 5.000000\n",
        "#   InnoDB_pages_distinct: 6756\n",
        "# Log_slow_rate_type: query  Log_slow_rate_limit: 2\n",
        "SET timestamp=1473217822;\n",
        "SELECT 1;\n",
    ))
    .only();
    assert_eq!(text(&event, "db").as_deref(), Some("our index"));
    assert_eq!(text(&event, "innodb_trx_id").as_deref(), Some("A569C193C7"));
    assert_eq!(text(&event, "log_slow_rate_type").as_deref(), Some("query"));
    assert_eq!(text(&event, "stored_routine").as_deref(), Some("db.sp"));
    for (name, expected) in [
        ("thread_id", 1_394_495_950),
        ("last_errno", 1062),
        ("rows_read", 9),
        ("merge_passes", 42),
        ("innodb_pages_distinct", 6756),
        ("log_slow_rate_limit", 2),
    ] {
        assert_eq!(number(&event, name), expected, "{name}");
    }
    assert_eq!(seconds(&event, "innodb_io_r_wait"), 3.0);
    assert_eq!(event.fields["qc_hit"], Value::Bool(true));
    assert_eq!(event.fields["profile_total"], Value::F64(0.002));
    // As older ones write it.
    let older = slow(concat!(
        "# User@Host: rw[rw] @  [192.0.2.7]\n# Thread_id: 7  Schema: x  Last_errno: 0  Killed: 0\n",
        "# Query_time: 1  Lock_time: 0  Rows_sent: 0  Rows_examined: 0\n",
        "# No InnoDB statistics available for this query\nSET timestamp=5;\nSELECT 1;\n",
    ));
    assert_eq!(number(&older.only(), "thread_id"), 7);
}

#[test]
fn an_administrator_command_is_its_name() {
    let input = format!(
        "{}{}{}",
        entry("# administrator command: Quit"),
        entry("# administrator command: Prepare"),
        entry("SELECT 1")
    );
    let outcome = slow(&input);
    assert_eq!(statements(&outcome), ["Quit", "Prepare", "SELECT 1"]);
    let commands: Vec<_> = outcome.events.iter().map(|event| event.fields["is_command"].clone()).collect();
    assert_eq!(commands, [true, true, false].map(Value::Bool));
    // MySQL 5.0 sets nothing.
    let event = slow(&format!("{HEADER}# administrator command: Quit;\n")).only();
    assert_eq!(text(&event, "sql_text").as_deref(), Some("Quit"));
}

#[test]
fn what_the_server_sets_is_no_part_of_the_statement() {
    let event =
        slow(&format!("{HEADER}SET last_insert_id=5,insert_id=7,timestamp=1795206918;\nINSERT 1;\n")).only();
    assert_eq!((number(&event, "last_insert_id"), number(&event, "insert_id")), (5, 7));
    assert_eq!(text(&event, "sql_text").as_deref(), Some("INSERT 1"));
    let event = slow(&format!("{HEADER}use shop;\nSET insert_id=7;\nINSERT 1;\n")).only();
    assert_eq!(number(&event, "insert_id"), 7);
    assert_eq!(text(&event, "db").as_deref(), Some("shop"));
}

#[test]
fn use_alone_is_the_statement() {
    let event = slow(&format!("{HEADER}use shop;\n")).only();
    assert_eq!(text(&event, "sql_text").as_deref(), Some("use shop"));
    assert_eq!(text(&event, "db").as_deref(), Some("shop"));
}

#[test]
fn an_entry_without_a_statement_is_an_event() {
    let set = format!("{HEADER}SET timestamp=5;\n");
    let outcome = slow(&format!("{set};\n{set}{HEADER}# Time: 261120 20:35:49\n{}", entry("SELECT 1")));
    assert_eq!(statements(&outcome), ["", "", "", "SELECT 1"]);
}

#[test]
fn entries_of_the_short_format_have_neither_time_nor_user() {
    let input = "# Query_time: 1.5  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 2\nSET timestamp=1795206918;\nSELECT 1;\n".repeat(2);
    let outcome = slow(&input);
    assert_eq!(statements(&outcome), ["SELECT 1", "SELECT 1"]);
    assert_eq!(text(&outcome.events[1], "user_host"), None);
}

#[test]
fn a_statement_that_is_not_utf8_is_bytes() {
    let mut input = entry("SELECT 'x'").into_bytes();
    let at = input.len() - 4;
    input[at] = 0xe9;
    let event = log("mysql_slow", &[], &input).only();
    assert_eq!(bytes(&event, "sql_text").unwrap(), b"SELECT '\xe9'");
}

#[test]
fn a_time_taken_that_went_below_nothing_is_negative() {
    let event = slow(&entry("SELECT 1").replace("1.5", "18446744073709.550781")).only();
    assert_eq!(seconds(&event, "query_time"), -0.000_835);
}

#[test]
fn a_value_that_is_not_of_its_type_is_refused_with_its_place() {
    let reason = slow(&entry("SELECT 1").replace("Rows_sent: 1", "Rows_sent: many")).reason();
    assert_eq!(reason, "at byte 86: expected a number of at most 64 bits");
    let reason = slow(&format!("# Time: 2026-02-30T00:00:00Z\n{}", entry("SELECT 1"))).refused.remove(0).1;
    assert!(reason.starts_with("at byte 8: expected a time such as"), "{reason}");
}

#[test]
fn an_entry_that_is_too_long_is_refused_with_its_head_and_those_after_it_are_read() {
    let long = format!("SELECT '{}'", "x\n# y;\n".repeat(100));
    let input = format!("{}{}{}", entry("SELECT 1"), entry(&long), entry("SELECT 2"));
    let outcome = log("mysql_slow", &[("max_line_bytes", "300")], input.as_bytes());
    assert_eq!(outcome.events.len(), 2);
    assert_eq!(outcome.refused.len(), 1);
    assert_eq!(outcome.refused[0].0.len(), 300);
    assert_eq!(outcome.refused[0].1, "too long: this is only its head");
}

#[test]
fn hostile_lines_take_no_longer_than_their_length() {
    // Each of these would take minutes if it were looked at anew for each of its parts.
    for (head, piece) in [
        ("# User@Host: ", "] @ ["),
        ("# Query_time: 1 ", "Schema: "),
        ("# Query_time: 1  Lock_time: 0 ", "a: "),
        ("SELECT ", "'"),
        ("SELECT 1;\n", "# Time: 261120 20:35:49\n"),
        ("SELECT 'x;\n", "# User@Host: a[a] @ b []\n"),
        ("SELECT 'x;\n", "# User@Host: a[a] @ b []\n# Query_time: 1  Lock_time: 0\n;\n"),
        ("SELECT 1;\n", "mysqld, Version: x. started with:\n"),
        ("# ", "\n#"),
    ] {
        let input = format!("{HEADER}{head}{}", piece.repeat((1 << 20) / piece.len()));
        let outcome = slow(&input);
        assert!(outcome.events.len() + outcome.refused.len() > 0);
    }
}
