//! What logs of PostgreSQL in the wild do to their parsers.

use crate::support::{Outcome, bytes, log, number, parser, text};
use dendro_core::{Cut, Event, Records, Timestamp, Value};

const DEBIAN: &str = "%m [%p] %q%u@%d ";

fn stderr(prefix: &str, input: &str) -> Outcome {
    log("postgres", &[("log_line_prefix", prefix)], input.as_bytes())
}

fn csv(input: &str) -> Outcome {
    log("postgres_csv", &[], input.as_bytes())
}

/// The text of a field, also of one that the event does not have.
fn get(event: &Event, name: &str) -> Option<String> {
    event.fields.get(name).filter(|value| !matches!(value, Value::Null)).and_then(|_| text(event, name))
}

fn messages(outcome: &Outcome) -> Vec<String> {
    outcome.events.iter().map(|event| get(event, "message").unwrap_or_default()).collect()
}

fn time(event: &Event) -> String {
    event.time.unwrap().to_string()
}

const AT: &str = "2026-11-20 20:34:00.476 UTC";

// stderr: what belongs together.

#[test]
fn the_lines_of_an_event_are_put_together() {
    let input = format!(
        "{AT} [7] ann@shop ERROR:  duplicate key\n\tvalue\n\
         {AT} [7] ann@shop DETAIL:  Key (id)=(1)\n\t\n\t\tis there.\n\
         {AT} [7] ann@shop HINT:  Take another.\n\
         {AT} [7] ann@shop CONTEXT:  COPY orders, line 1\n\
         {AT} [7] ann@shop STATEMENT:  INSERT\n\n\tINTO orders;\n\
         {AT} [7] ann@shop LOG:  next\n"
    );
    let outcome = stderr(DEBIAN, &input);
    assert_eq!(messages(&outcome), ["duplicate key\nvalue", "next"]);
    let event = &outcome.events[0];
    assert_eq!(get(event, "detail").as_deref(), Some("Key (id)=(1)\n\n\tis there."));
    assert_eq!(get(event, "hint").as_deref(), Some("Take another."));
    assert_eq!(get(event, "context").as_deref(), Some("COPY orders, line 1"));
    assert_eq!(get(event, "query").as_deref(), Some("INSERT\n\nINTO orders;"));
    assert_eq!(get(event, "severity").as_deref(), Some("ERROR"));
    assert_eq!(number(event, "process_id"), 7);
    assert_eq!(outcome.refused, []);
}

#[test]
fn the_events_are_the_same_however_the_input_is_cut() {
    let input = format!(
        "\n{AT} [7] LOG:  a\r\n{AT} [7] a@b ERROR:  b\n\n\tc\n{AT} [7] a@b STATEMENT:  d\n\nbare\n  more\nbare too\n\
         {AT} [8] a@b DETAIL:  e\n{AT} 9 LOG:  no\n\t{}\n{AT} [7] LOG:  {}\n\tgone\n\n{AT} [7] LOG:  last\n\tof all",
        "x".repeat(300),
        "y".repeat(300)
    );
    let parser = parser("postgres", &[("log_line_prefix", DEBIAN), ("max_line_bytes", "200")]);
    let cut = |step: usize| {
        let (mut framer, mut pending, mut out) = (parser.framer(), Vec::new(), Vec::new());
        for piece in input.as_bytes().chunks(step).map(Some).chain([None]) {
            pending.extend_from_slice(piece.unwrap_or_default());
            let mut records = Records::new();
            let how = if piece.is_none() { Cut::End } else { Cut::Open };
            let done = framer.frame(&pending, how, &mut records);
            for record in records.iter() {
                assert!(record.range.end <= done);
                let text = String::from_utf8_lossy(&pending[record.range.clone()]).into_owned();
                out.push((text, record.truncated));
            }
            pending.drain(..done);
        }
        out
    };
    let whole = cut(input.len());
    let heads: Vec<_> = whole.iter().map(|(text, cut)| (text.lines().count(), *cut)).collect();
    assert_eq!(heads, [(1, false), (4, false), (3, false), (1, false), (2, true), (1, true), (2, false)]);
    for step in 1..input.len() {
        assert_eq!(cut(step), whole, "step {step}");
    }
}

#[test]
fn the_last_event_waits_only_for_a_while() {
    let parser = parser("postgres", &[("log_line_prefix", DEBIAN)]);
    let mut framer = parser.framer();
    assert!(framer.quiet_after().is_some());
    let input = format!("{AT} [7] LOG:  a\n\tb\n");
    let mut records = Records::new();
    assert_eq!(framer.frame(input.as_bytes(), Cut::Open, &mut records), 0);
    assert_eq!(records.len(), 0);
    assert_eq!(framer.frame(input.as_bytes(), Cut::Quiet, &mut records), input.len());
    assert_eq!(records.len(), 1);
}

#[test]
fn continuation_lines_without_their_tab_are_joined_if_it_is_known_that_tabs_are_lost() {
    let input = format!(
        "{AT} [7] LOG:  duration: 1.5 ms  statement: SELECT 1\nFROM t;\n{AT} [8] LOG:  automatic vacuum of table \"t\": index scans: 0\n\
         pages: 0 removed\n\ntuples: 1 removed\n{AT} [7] a@b ERROR:  x\n{AT} [7] a@b STATEMENT:  SELECT\n x\n"
    );
    let joined = log("postgres", &[("log_line_prefix", DEBIAN), ("lost_tabs", "true")], input.as_bytes());
    assert_eq!(joined.refused, []);
    let [statement, vacuum, error] = &joined.events[..] else { panic!("{joined:?}") };
    assert_eq!(get(statement, "statement").as_deref(), Some("SELECT 1\nFROM t;"));
    let expected = "automatic vacuum of table \"t\": index scans: 0\npages: 0 removed\n\ntuples: 1 removed";
    assert_eq!(get(vacuum, "message").as_deref(), Some(expected));
    assert_eq!(get(error, "query").as_deref(), Some("SELECT\n x"));
    // A server's own log has tabs: a line without is whoever else's.
    let own = log("postgres", &[("log_line_prefix", DEBIAN)], input.as_bytes());
    assert_eq!(get(&own.events[1], "message").as_deref(), Some("FROM t;"));
}

#[test]
fn milliseconds_of_the_epoch_have_a_point_or_none() {
    for epoch in ["1510258541.402", "1510258541402"] {
        let input = format!("{epoch} [8544-1] LOG:  x");
        let event = stderr("%n [%p-%l] ", &input).only();
        assert_eq!(event.time.unwrap().to_string(), "2017-11-09T20:15:41.402000000Z", "{epoch}");
    }
}

#[test]
fn a_prefix_in_a_literal_begins_no_event() {
    let forged = format!("{AT} [1] root@shop FATAL:  forged");
    let input = format!("{AT} [7] a@b LOG:  statement: SELECT '\n\t{forged}\n\t';\n");
    let event = stderr(DEBIAN, &input).only();
    assert_eq!(get(&event, "statement"), Some(format!("SELECT '\n{forged}\n';")));
}

#[test]
fn lines_are_grouped_by_process_and_not_by_time() {
    let input = "2026-11-20 15:34:56 EST:[local]:a@b:[7]:ERROR:  x\n\
                 2026-11-20 15:34:57 EST:[local]:a@b:[7]:STATEMENT:  y\n";
    let event = stderr("%t:%r:%u@%d:[%p]:", input).only();
    assert_eq!(get(&event, "query").as_deref(), Some("y"));
    assert_eq!(time(&event), "2026-11-20T20:34:56.000000000Z");
}

#[test]
fn nothing_is_lost_where_processes_write_in_between() {
    let input = format!(
        "{AT} [7] a@b ERROR:  one\n{AT} [8] a@b ERROR:  two\n\
         {AT} [7] a@b DETAIL:  of one\n{AT} [7] a@b STATEMENT:  first\n{AT} [8] a@b STATEMENT:  second\n"
    );
    let outcome = stderr(DEBIAN, &input);
    assert_eq!(messages(&outcome), ["one", "two", "", ""]);
    let orphan = &outcome.events[2];
    assert_eq!(number(orphan, "process_id"), 7);
    assert_eq!(get(orphan, "detail").as_deref(), Some("of one"));
    assert_eq!(get(orphan, "query").as_deref(), Some("first"));
    assert!(!orphan.fields.contains_key("severity"));
    assert_eq!(get(&outcome.events[3], "query").as_deref(), Some("second"));
}

#[test]
fn an_orphan_does_not_join_an_event_that_has_such_a_part() {
    let input =
        format!("{AT} [7] a@b ERROR:  x\n{AT} [7] a@b STATEMENT:  y\n{AT} [7] a@b DETAIL:  of another\n");
    let outcome = stderr(DEBIAN, &input);
    assert_eq!(messages(&outcome), ["x", ""]);
    assert_eq!(get(&outcome.events[1], "detail").as_deref(), Some("of another"));
}

#[test]
fn lines_without_a_prefix_are_messages() {
    let input = format!(
        "pg_ctl: could not start server\nExamine the log output.\n{AT} [7] LOG:  a\n\
         cp: cannot stat 'x': No such file\nTopMemoryContext: 68688 total\n  pgstat: 1 total\n{AT} [7] LOG:  b\n"
    );
    let outcome = stderr(DEBIAN, &input);
    assert_eq!(
        messages(&outcome),
        [
            "pg_ctl: could not start server\nExamine the log output.",
            "a",
            "cp: cannot stat 'x': No such file\nTopMemoryContext: 68688 total\n  pgstat: 1 total",
            "b"
        ]
    );
    assert_eq!(outcome.events[0].time, None);
    assert_eq!(outcome.refused, []);
}

#[test]
fn lines_of_a_crash_are_events_of_the_postmaster() {
    let input = format!(
        "{AT} [1] LOG:  server process (PID 9) was terminated by signal 9: Killed\n\
         {AT} [1] DETAIL:  Failed process was running: SELECT 1;\n\
         {AT} [1] LOG:  terminating any other active server processes\n"
    );
    let outcome = stderr(DEBIAN, &input);
    assert_eq!(outcome.events.len(), 2);
    assert_eq!(get(&outcome.events[0], "detail").as_deref(), Some("Failed process was running: SELECT 1;"));
    assert_eq!(outcome.events[0].fields["user_name"], Value::Null);
}

#[test]
fn what_has_another_prefix_or_no_beginning_is_refused() {
    for (prefix, line) in [
        ("%m [%p] ", "2026-11-20 20:34:00 UTC-5eefe116.22f4-LOG:  x"),
        ("%m [%p] ", "LOG:  x"),
        ("%m [%p] ", "2026-11-20 20:34:00.1 UTC [7] a@b LOG: x"),
        ("%t [%p]: ", "2026-11-20 20:34:00.1 UTC [7]: "),
        ("%m [%p] ", "\tFROM orders;"),
        ("%m [%p] ", "2026-11-31 20:34:00.1 UTC [7] LOG:  x"),
        ("%m [%p] ", "2026-11-20 20:34:00.1 IST [7] LOG:  x"),
        ("%m [%p] ", "2026-11-20 20:34:00.1 UTC [99999999999999999999] LOG:  x"),
    ] {
        let outcome = stderr(prefix, line);
        if line.ends_with("[7]: ") {
            // No severity anywhere: text like any other.
            assert_eq!(messages(&outcome), [line]);
            continue;
        }
        assert!(outcome.reason().starts_with("at byte "), "{line}");
    }
}

// stderr: the prefix.

#[test]
fn background_processes_have_the_prefix_up_to_q() {
    let event = stderr(DEBIAN, &format!("{AT} [7] LOG:  checkpoint starting: time")).only();
    assert_eq!(get(&event, "message").as_deref(), Some("checkpoint starting: time"));
    for name in ["user_name", "database_name"] {
        assert_eq!(event.fields[name], Value::Null);
    }
}

#[test]
fn names_that_are_not_known_yet_are_null() {
    for unknown in ["[unknown]", "[unbekannt]", "[inconnu]", "[不明]", "[desconocido]"] {
        let event = stderr(DEBIAN, &format!("{AT} [7] {unknown}@{unknown} LOG:  x")).only();
        assert_eq!((get(&event, "user_name"), get(&event, "database_name")), (None, None), "{unknown}");
    }
}

#[test]
fn clients_are_split_into_host_and_port() {
    for (client, host, port) in [
        ("[local]", "[local]", None),
        ("127.0.0.1(37318)", "127.0.0.1", Some(37_318)),
        ("::1(55254)", "::1", Some(55_254)),
        ("db-1.example.net(5432)", "db-1.example.net", Some(5_432)),
        ("fe80::1%eth0(1)", "fe80::1%eth0", Some(1)),
    ] {
        let event = stderr("%m %r [%p] ", &format!("{AT} {client} [7] LOG:  x")).only();
        assert_eq!(get(&event, "remote_host").as_deref(), Some(host));
        assert_eq!(event.fields.get("remote_port"), port.map(Value::U64).as_ref());
        let record = format!(
            "{AT},\"a\",\"b\",7,\"{}\",6b.7,1,,,,,LOG,00000,\"x\",,,,,,,,",
            client.replace('(', ":").replace(')', "")
        );
        let event = csv(&record).only();
        assert_eq!(get(&event, "remote_host").as_deref(), Some(host));
        assert_eq!(event.fields.get("remote_port"), port.map(Value::U64).as_ref());
    }
    let event = stderr("%m %h [%p] ", &format!("{AT} ::1 [7] LOG:  x")).only();
    assert_eq!(get(&event, "remote_host").as_deref(), Some("::1"));
    assert!(!event.fields.contains_key("remote_port"));
}

#[test]
fn names_hold_what_they_like() {
    for name in ["we ird", "per%cent", "app,with,commas", "a@b", "\"q\"", "café", "web[1]", "a-b", "LOG"] {
        let line = format!("{AT} [7]: [3-1] user={name},db={name},app={name},client=::1 ERROR:  x");
        let event = stderr("%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ", &line).only();
        for field in ["user_name", "database_name", "application_name"] {
            assert_eq!(get(&event, field).as_deref(), Some(name));
        }
        assert_eq!(number(&event, "session_line_num"), 3);
    }
    let event = log("postgres", &[("log_line_prefix", "%u@%d ")], b"caf\xe9@shop LOG:  \xff").only();
    assert_eq!(bytes(&event, "user_name"), Some(b"caf\xe9".to_vec()));
    assert_eq!(bytes(&event, "message"), Some(b"\xff".to_vec()));
}

#[test]
fn prefixes_of_clouds_are_read() {
    let rds = "2026-11-20 20:34:00 UTC:10.1.91.65(4):ann@shop:[24743]:LOG:  x";
    let event = stderr("%t:%r:%u@%d:[%p]:", rds).only();
    assert_eq!(get(&event, "database_name").as_deref(), Some("shop"));
    let azure = "2026-11-20 20:34:00 UTC-5eefe116.22f4-LOG:  x";
    assert_eq!(get(&stderr("%t-%c-", azure).only(), "session_id").as_deref(), Some("5eefe116.22f4"));
    let heroku = " sql_error_code = 28000 FATAL:  x";
    assert_eq!(
        get(&stderr(" sql_error_code = %e ", heroku).only(), "sql_state_code").as_deref(),
        Some("28000")
    );
    let event = stderr("%m [%p]", &format!("{AT} [7] LOG:  x")).only();
    assert_eq!(get(&event, "message").as_deref(), Some("x"));
}

#[test]
fn the_line_of_postgresql_conf_can_be_pasted() {
    let event =
        stderr("log_line_prefix = '%m [%p] %q%u@%d '\t\t# special values:", &format!("{AT} [7] a@b LOG:  x"))
            .only();
    assert_eq!(get(&event, "user_name").as_deref(), Some("a"));
}

#[test]
fn a_prefix_that_can_not_be_read_back_is_an_error_with_its_place() {
    let format = dendro_parsers::formats::find("postgres").unwrap();
    let configure = |value: &str| format.configure(&[("log_line_prefix".to_owned(), value.to_owned())]);
    let error = configure("%m %u%d ").unwrap_err().to_string();
    assert!(error.starts_with("postgres: `log_line_prefix` at byte 5: nothing stands between"), "{error}");
    assert!(error.ends_with("\n  %m %u%d \n       ^"), "{error}");
    let missing = format.configure(&[]).unwrap_err().to_string();
    assert!(missing.starts_with("postgres needs the option `log_line_prefix`"), "{missing}");
    assert!(configure("").is_ok());
}

#[test]
fn zones_are_honoured() {
    for (zone, option, expected) in [
        ("UTC", None, "2026-11-20T20:34:00.476000000Z"),
        ("CEST", None, "2026-11-20T18:34:00.476000000Z"),
        ("-03", None, "2026-11-20T23:34:00.476000000Z"),
        ("+0530", Some("Europe/Berlin"), "2026-11-20T15:04:00.476000000Z"),
        ("IST", Some("Asia/Kolkata"), "2026-11-20T15:04:00.476000000Z"),
        ("CST", Some("America/Chicago"), "2026-11-21T02:34:00.476000000Z"),
    ] {
        let line = format!("2026-11-20 20:34:00.476 {zone} [7] LOG:  x");
        let mut options = vec![("log_line_prefix", "%m [%p] ")];
        options.extend(option.map(|zone| ("zone", zone)));
        assert_eq!(time(&log("postgres", &options, line.as_bytes()).only()), expected, "{zone}");
    }
    let event = stderr("%n [%p] ", "1795206840.476 [7] LOG:  x").only();
    assert_eq!(time(&event), "2026-11-20T20:34:00.476000000Z");
    assert_eq!(stderr("[%p] ", "[7] LOG:  x").only().time, None);
    let reason = stderr("%m ", "2026-11-20 20:34:00.476 IST LOG:  x").reason();
    assert!(reason.contains("the option `zone`"), "{reason}");
}

// stderr: the texts.

#[test]
fn the_place_in_a_query_is_split_from_the_message() {
    let input = format!(
        "{AT} [7] a@b ERROR:  relation \"x\" does not exist at character 15\n{AT} [7] a@b STATEMENT:  SELECT * FROM x"
    );
    let event = stderr(DEBIAN, &input).only();
    assert_eq!(get(&event, "message").as_deref(), Some("relation \"x\" does not exist"));
    assert_eq!(number(&event, "query_pos"), 15);
    let input = format!(
        "{AT} [7] a@b ERROR:  syntax error at character 8\n{AT} [7] a@b QUERY:  SELECT x y\n{AT} [7] a@b CONTEXT:  PL/pgSQL\n"
    );
    let event = stderr(DEBIAN, &input).only();
    assert_eq!(number(&event, "internal_query_pos"), 8);
    assert_eq!(get(&event, "internal_query").as_deref(), Some("SELECT x y"));
    assert!(!event.fields.contains_key("query_pos"));
}

#[test]
fn verbose_logs_tell_the_sqlstate_and_the_place_in_the_source() {
    let input = format!(
        "{AT} [7] a@b ERROR:  42P01: relation \"x\" does not exist at character 15\n\
         {AT} [7] a@b LOCATION:  parserOpenTable, parse_relation.c:1392\n{AT} [7] a@b STATEMENT:  SELECT * FROM x\n"
    );
    let event = stderr(DEBIAN, &input).only();
    assert_eq!(get(&event, "sql_state_code").as_deref(), Some("42P01"));
    assert_eq!(get(&event, "message").as_deref(), Some("relation \"x\" does not exist"));
    assert_eq!(get(&event, "location").as_deref(), Some("parserOpenTable, parse_relation.c:1392"));
    assert_eq!(get(&event, "func_name").as_deref(), Some("parserOpenTable"));
    assert_eq!(get(&event, "file_name").as_deref(), Some("parse_relation.c"));
    assert_eq!(number(&event, "file_line_num"), 1_392);
    // A message that only looks so is one.
    let event = stderr(DEBIAN, &format!("{AT} [7] LOG:  HTTPS: off")).only();
    assert_eq!(get(&event, "message").as_deref(), Some("HTTPS: off"));
}

#[test]
fn logs_in_other_languages_are_read() {
    for (severity, statement, message, place) in [
        ("FEHLER:  ", "ANWEISUNG:  ", "Relation »x« existiert nicht", " bei Zeichen 15"),
        ("ERREUR:  ", "INSTRUCTION :  ", "la relation « x » n'existe pas", " au caractère 15"),
        ("ERROR:  ", "文:  ", "リレーション\"x\"は存在しません", "(15文字目)"),
        ("ERROR:  ", "SENTENCIA:  ", "no existe la relación «x»", " en carácter 15"),
        ("ERRORE:  ", "ISTRUZIONE:  ", "la relazione \"x\" non esiste", " al carattere 15"),
        ("ОШИБКА:  ", "ОПЕРАТОР:  ", "отношение \"x\" не существует", " (символ 15)"),
        ("错误:  ", "语句:  ", "关系 \"x\" 不存在", " 第 15 个字符处"),
        ("오류:  ", "명령 구문:  ", "\"x\" 이름의 릴레이션이 없습니다", " 15 번째 문자 부근"),
        ("FEL:  ", "SATS:  ", "relationen \"x\" existerar inte", " vid tecken 15"),
        ("BŁĄD:  ", "WYRAŻENIE:  ", "relacja \"x\" nie istnieje", " przy znaku 15"),
        ("ERRO:  ", "COMANDO:  ", "relação \"x\" não existe", " no caracter 15"),
    ] {
        let input = format!("{AT} [7] a@b {severity}{message}{place}\n{AT} [7] a@b {statement}SELECT x\n");
        let event = stderr(DEBIAN, &input).only();
        assert_eq!(get(&event, "severity").as_deref(), Some("ERROR"));
        assert_eq!(get(&event, "error_severity").as_deref(), Some("ERROR"));
        assert_eq!(get(&event, "message").as_deref(), Some(message));
        assert_eq!(get(&event, "query").as_deref(), Some("SELECT x"));
        assert_eq!(number(&event, "query_pos"), 15);
    }
}

#[test]
fn durations_and_statements_are_split_out() {
    for (message, statement) in [
        ("duration: 3668.685 ms  statement: SELECT 'statement: x';", "SELECT 'statement: x';"),
        ("durée : 3668.685 ms, instruction : SELECT 1", "SELECT 1"),
        ("Dauer: 3668.685 ms  Anweisung: SELECT 1", "SELECT 1"),
        ("期間: 3668.685 ミリ秒  文: SELECT 1", "SELECT 1"),
        ("duración: 3668.685 ms  sentencia: SELECT 1", "SELECT 1"),
    ] {
        let event = stderr(DEBIAN, &format!("{AT} [7] a@b LOG:  {message}")).only();
        assert_eq!(get(&event, "message").as_deref(), Some(message));
        assert_eq!(get(&event, "statement").as_deref(), Some(statement));
        assert_eq!(get(&event, "phase").as_deref(), Some("statement"));
        assert_eq!(
            event.fields["duration"],
            Value::Duration(dendro_core::SignedDuration::from_nanos(3_668_685_000))
        );
    }
    // Only the server says so, in a message of the severity LOG.
    let event = stderr(DEBIAN, &format!("{AT} [7] a@b NOTICE:  duration: 1 ms  statement: x")).only();
    assert!(!event.fields.contains_key("duration"));
}

#[test]
fn parameters_are_read_with_their_newlines_and_quotes() {
    let input = format!(
        "{AT} [7] a@b LOG:  duration: 61.513 ms  execute stmt1/C_1: SELECT $1::text, $2::int, $3\n\
         {AT} [7] a@b DETAIL:  parameters: $1 = 'it''s a \"test\", ok\n\tline 2', $2 = NULL, $3 = '5'\n"
    );
    let event = stderr(DEBIAN, &input).only();
    let parameters =
        vec![Value::Str("it's a \"test\", ok\nline 2".to_owned()), Value::Null, Value::Str("5".to_owned())];
    assert_eq!(event.fields["parameters"], Value::Array(parameters));
    assert_eq!(get(&event, "phase").as_deref(), Some("execute"));
    assert_eq!(get(&event, "statement_name").as_deref(), Some("stmt1"));
    assert_eq!(get(&event, "portal_name").as_deref(), Some("C_1"));
}

#[test]
fn files_of_windows_lose_their_carriage_returns() {
    let input = format!(
        "{AT} [7] a@b ERROR:  x\r\n\ty\r\n{AT} [7] a@b STATEMENT:  a\r\n\tb\r\n{AT} [7] a@b LOG:  z\r\n"
    );
    let outcome = stderr(DEBIAN, &input);
    assert_eq!(messages(&outcome), ["x\ny", "z"]);
    assert_eq!(get(&outcome.events[0], "query").as_deref(), Some("a\nb"));
    // Those of a statement in a file that has none are its own.
    let input = format!("{AT} [7] a@b LOG:  statement: a\r\n\tb\n");
    assert_eq!(get(&stderr(DEBIAN, &input).only(), "statement").as_deref(), Some("a\r\nb"));
}

// syslog.

#[test]
fn events_from_syslog_are_put_together() {
    let long = "x".repeat(880);
    let input = format!(
        "Feb  1 21:48:31 db1 postgres[9076]: [3-1] user=a,db=b ERROR:  syntax error\n\
         Feb  1 21:48:31 db1 postgres[9076]: [3-2] user=a,db=b STATEMENT:  SELECT '{long}\n\
         Feb  1 21:48:31 db1 postgres[9076]: [3-3]  yy\n\
         Feb  1 21:48:31 db1 postgres[9076]: [3-4] #011 FROM x;\n\
         Feb  1 21:48:32 db1 postgres[9076]: [4-1] user=a,db=b LOG:  next\n"
    );
    let outcome = stderr("user=%u,db=%d ", &input);
    assert_eq!(messages(&outcome), ["syntax error", "next"]);
    let event = &outcome.events[0];
    assert_eq!(get(event, "query"), Some(format!("SELECT '{long} yy\n FROM x;")));
    assert_eq!(number(event, "process_id"), 9_076);
    assert_eq!(number(event, "session_line_num"), 3);
    assert_eq!(time(event), "2026-02-01T21:48:31.000000000Z");
    assert_eq!(outcome.refused, []);
}

#[test]
fn syslog_without_numbers_and_with_an_empty_prefix_is_read() {
    let input = "Feb  1 21:48:31 db1 postgres[7]: LOG:  a\nFeb  1 21:48:31 db1 postgres[7]: #011b\n\
                 Feb  1 21:48:31 db1 postgres[7]: DETAIL:  c\nFeb  1 21:48:31 db1 postgres[8]: LOG:  d\n\
                 Feb  1 21:48:31 db1 sshd[8]: Accepted\n";
    let outcome = stderr("", input);
    assert_eq!(messages(&outcome), ["a\nb", "d", "Feb  1 21:48:31 db1 sshd[8]: Accepted"]);
    assert_eq!(get(&outcome.events[0], "detail").as_deref(), Some("c"));
}

// csvlog.

/// A record with this many columns; the fourteenth is the message.
fn record(columns: usize, message: &str) -> String {
    let all = format!(
        "{AT},\"ann\",\"shop\",7,\"[local]\",6b.7,4,\"SELECT\",2026-11-20 20:33:56 UTC,3/65,0,LOG,00000,MESSAGE,,,,,,,,,\"psql\",\"client backend\",12,-9007199254740993"
    );
    let fields: Vec<&str> = all.split(',').take(columns).collect();
    fields.join(",").replace("MESSAGE", message)
}

#[test]
fn csvlog_of_every_version_is_known_by_its_columns() {
    for columns in [22, 23, 24, 26] {
        let event = csv(&record(columns, "\"x\"")).only();
        assert_eq!(get(&event, "message").as_deref(), Some("x"));
        assert_eq!(get(&event, "application_name").is_some(), columns > 22);
        assert_eq!(get(&event, "backend_type").is_some(), columns > 23);
    }
    let event = csv(&record(26, "\"x\"")).only();
    assert_eq!(event.fields["query_id"], Value::I64(-9_007_199_254_740_993));
    assert_eq!(number(&event, "leader_pid"), 12);
    assert_eq!(number(&event, "transaction_id"), 0);
    let started = Timestamp::parse_rfc3339("2026-11-20T20:33:56Z").unwrap();
    assert_eq!(event.fields["session_start_time"], Value::Timestamp(started));
    for columns in [13, 21, 25] {
        let reason = csv(&record(columns, "\"x\"")).reason();
        assert!(reason.contains("22, 23, 24 or 26"), "{reason}");
    }
    assert!(csv(&(record(26, "\"x\"") + ",")).reason().contains("the end of the record"));
}

#[test]
fn records_of_csvlog_span_lines_and_double_their_quotes() {
    let outcome = csv(&format!("{}\n{}\n", record(26, "\"a \"\"b\"\"\n\n, c\""), record(26, "\"d\"")));
    assert_eq!(messages(&outcome), ["a \"b\"\n\n, c", "d"]);
    assert_eq!(outcome.refused, []);
}

#[test]
fn nothing_and_an_empty_text_are_not_the_same_in_csvlog() {
    assert_eq!(csv(&record(26, "")).only().fields["message"], Value::Null);
    assert_eq!(csv(&record(26, "\"\"")).only().fields["message"], Value::Str(String::new()));
}

#[test]
fn a_damaged_record_of_csvlog_takes_no_other_with_it() {
    let whole = record(26, "\"a \"\"b\"\"\nc\"");
    for at in 1..whole.len() {
        for newline in ["", "\n"] {
            let input = format!("{whole}\n{}{newline}{whole}\n{whole}\n", &whole[..at]);
            let outcome = csv(&input);
            // A record that is only short of its last columns may be of an older version.
            let lost = outcome.refused.len();
            assert_eq!(
                (outcome.events.len() + lost, lost <= 1),
                (4, true),
                "cut at {at}: {:?}",
                outcome.refused
            );
            let columns = whole[..at].split(',').count();
            assert!(lost == 1 || matches!(columns, 22 | 23 | 24 | 26), "cut at {at}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_stay_as_they_are() {
    let mut input = record(26, "\"caf@\"").into_bytes();
    let at = input.iter().position(|byte| *byte == b'@').unwrap();
    input[at] = 0xe9;
    let event = log("postgres_csv", &[], &input).only();
    assert_eq!(event.fields["message"], Value::Bytes(b"caf\xe9".to_vec()));
}

#[test]
fn the_severity_of_csvlog_is_as_it_stands_and_in_english() {
    let event = csv(&record(26, "\"x\"").replace(",LOG,", ",ERREUR,")).only();
    assert_eq!(get(&event, "error_severity").as_deref(), Some("ERREUR"));
    assert_eq!(get(&event, "severity").as_deref(), Some("ERROR"));
}

// jsonlog.

#[test]
fn keys_of_jsonlog_are_left_out_and_numbers_are_exact() {
    let line = format!(
        r#"{{"timestamp":"{AT}","pid":7,"remote_host":"::1","remote_port":5,"error_severity":"ERROR","state_code":"42P01","message":"a\n\u00e9","statement":"SELECT","cursor_position":3,"func_name":"f","query_id":-9007199254740993,"later":[1]}}"#
    );
    let event = log("postgres_json", &[], line.as_bytes()).only();
    assert_eq!(get(&event, "message").as_deref(), Some("a\né"));
    assert_eq!(event.fields["query_id"], Value::I64(-9_007_199_254_740_993));
    assert_eq!(number(&event, "remote_port"), 5);
    assert_eq!(get(&event, "query").as_deref(), Some("SELECT"));
    assert_eq!(number(&event, "query_pos"), 3);
    assert_eq!(event.fields["later"], Value::Array(vec![Value::U64(1)]));
    assert!(!event.fields.contains_key("user_name"));
}

#[test]
fn what_is_no_jsonlog_is_refused() {
    for line in [
        "",
        "x",
        "{}",
        r#"{"timestamp":"2026-11-20T20:34:00Z"}"#,
        r#"{"timestamp":"2026-11-20 20:34:00.1 UTC","pid":"7"}"#,
        r#"{"timestamp":"2026-11-20 20:34:00.1 UTC","pid":7,"pid":8}"#,
        r#"{"timestamp":"2026-11-20 20:34:00.1 UTC","severity":1}"#,
        r#"{"timestamp":"2026-11-20 20:34:00.1 UTC""#,
    ] {
        if line.is_empty() {
            continue;
        }
        assert!(log("postgres_json", &[], line.as_bytes()).reason().starts_with("at byte "), "{line}");
    }
}
