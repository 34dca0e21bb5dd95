//! The judge can say no: each fault that it looks for is put into journals that are well otherwise.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What the judge is given, as text.
struct Journals {
    input: Vec<String>,
    delivered: Vec<String>,
    dead: Vec<String>,
    left: Option<Vec<String>>,
    turned_away: Option<String>,
    given_up: Option<String>,
    bound: u64,
    refuses: bool,
}

/// A line of the access log, and what becomes of it.
fn line(n: u32, status: u16) -> (String, String) {
    let raw = format!(
        "10.0.0.{n} - alice [20/Nov/2026:01:02:{n:02} +0000] \"GET /item/~s0.{n}~?a=b HTTP/1.1\" {status} 17 \"-\" \"curl\""
    );
    let json = format!(
        "{{\"timestamp\":\"2026-11-20T01:02:{n:02}.000000000Z\",\"type\":\"nginx_access\",\"remote_addr\":\"10.0.0.{n}\",\
         \"remote_user\":\"alice\",\"request\":\"GET /item/~s0.{n}~?a=b HTTP/1.1\",\"method\":\"GET\",\"path\":\"/item/~s0.{n}~\",\
         \"query\":\"a=b\",\"protocol\":\"HTTP/1.1\",\"status\":{status},\"body_bytes_sent\":17,\"http_user_agent\":\"curl\"}}"
    );
    (raw, json)
}

fn letter(raw: &str) -> String {
    let raw = raw.replace('"', "\\\"");
    format!(r#"{{"type":"dead_letter","raw":"{raw}","component":"parsed","reason":"it does not fit"}}"#)
}

impl Journals {
    /// Ten lines, of which the last is none.
    fn well() -> Self {
        let (mut input, delivered): (Vec<_>, Vec<_>) = (0..9).map(|n| line(n, 200)).unzip();
        let bad = "~s0.9~ no access log".to_owned();
        let dead = vec![letter(&bad)];
        input.push(bad);
        Self {
            input,
            delivered,
            dead,
            left: None,
            turned_away: None,
            given_up: None,
            bound: 1,
            refuses: false,
        }
    }

    /// What the judge says, and whether all is well.
    fn judge(&self) -> (bool, String) {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, lines: &[String], end: &str| -> PathBuf {
            let mut text = String::new();
            lines.iter().for_each(|line| write!(text, "{line}{end}").unwrap());
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        file("input/s0", &self.input, "\x1e");
        let delivered = file("delivered", &self.delivered, "\n");
        let dead = file("dead", &self.dead, "\n");
        let mut command = Command::new(env!("CARGO_BIN_EXE_dendro-crash-judge"));
        command.arg("--input").arg(dir.path().join("input")).args(["--format", "access"]);
        command.arg("--destination").arg(format!("out={}", delivered.display()));
        command.arg("--dead").arg(dead).args(["--bound", &self.bound.to_string()]);
        if self.refuses {
            command.args(["--refused-by", "out"]);
        }
        if let Some(left) = &self.left {
            command.arg("--left").arg(format!("out={}", file("left", left, "\n").display()));
        }
        if let Some(names) = &self.turned_away {
            command.arg("--turned-away").arg(file("away", std::slice::from_ref(names), "\n"));
        }
        if let Some(names) = &self.given_up {
            command.arg("--given-up").arg(file("given_up", std::slice::from_ref(names), "\n"));
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{text}");
        (output.status.success(), text)
    }

    fn assert_well(&self) {
        let (is_well, text) = self.judge();
        assert!(is_well, "{text}");
    }

    fn assert_found(&self, fault: &str) {
        let (is_well, text) = self.judge();
        assert!(!is_well && text.contains(&format!("\n{fault}\n")), "{text}");
    }
}

#[test]
fn journals_that_are_well_pass() {
    Journals::well().assert_well();
}

#[test]
fn a_lost_line_is_found() {
    let mut journals = Journals::well();
    journals.delivered.remove(4);
    journals.assert_found("lost 1");
}

#[test]
fn a_lost_line_that_is_left_in_the_buffer_is_not_lost() {
    let mut journals = Journals::well();
    journals.left = Some(vec![journals.delivered.remove(8)]);
    journals.assert_well();
}

#[test]
fn a_lost_dead_letter_is_found() {
    let mut journals = Journals::well();
    journals.dead.clear();
    journals.assert_found("lost 1");
}

#[test]
fn duplicates_pass_up_to_the_bound_and_no_further() {
    let mut journals = Journals::well();
    journals.delivered.push(journals.delivered[3].clone());
    journals.assert_well();
    journals.dead.push(journals.dead[0].clone());
    journals.assert_found("duplicates_beyond_bound 1");
}

#[test]
fn two_that_have_changed_places_are_found() {
    let mut journals = Journals::well();
    journals.delivered.swap(2, 3);
    journals.assert_found("out_of_order 1");
}

#[test]
fn one_that_was_turned_away_may_come_later() {
    let mut journals = Journals::well();
    journals.delivered.swap(2, 3);
    journals.turned_away = Some("~s0.2~".to_owned());
    journals.assert_well();
}

#[test]
fn a_duplicate_behind_later_lines_is_in_order() {
    let mut journals = Journals::well();
    journals.delivered.push(journals.delivered[0].clone());
    journals.assert_well();
}

#[test]
fn every_field_that_is_altered_or_missing_is_found() {
    for (from, to) in [
        ("10.0.0.3", "10.0.0.4"),
        ("alice", "bob"),
        ("\"method\":\"GET\"", "\"method\":\"PUT\""),
        ("\"query\":\"a=b\"", "\"query\":\"a=c\""),
        ("\"status\":200", "\"status\":201"),
        ("\"body_bytes_sent\":17", "\"body_bytes_sent\":\"17\""),
        (",\"http_user_agent\":\"curl\"", ""),
        ("01:02:03", "01:02:04"),
        ("nginx_access", "log"),
    ] {
        let mut journals = Journals::well();
        journals.delivered[3] = journals.delivered[3].replacen(from, to, 1);
        journals.assert_found("altered 1");
    }
}

#[test]
fn an_altered_dead_letter_is_found() {
    let mut journals = Journals::well();
    journals.dead[0] = journals.dead[0].replace("no access log", "no access lo");
    journals.assert_found("altered 1");
}

#[test]
fn what_nobody_has_written_is_found() {
    let mut journals = Journals::well();
    journals.delivered.push(line(9, 200).1.replace("~s0.9~", "~s0.10~"));
    journals.assert_found("invented 1");
    let mut journals = Journals::well();
    journals.delivered.push("{\"message\":\"hello\"}".to_owned());
    journals.assert_found("invented 1");
}

#[test]
fn a_good_line_among_the_dead_letters_is_found() {
    let mut journals = Journals::well();
    journals.delivered.remove(4);
    journals.dead.push(letter(&journals.input[4]));
    journals.assert_found("wrongly_dead_lettered 1");
    journals.assert_found("lost 1");
}

#[test]
fn what_is_refused_has_to_be_dead_lettered_and_not_delivered() {
    let mut journals = Journals::well();
    let (raw, json) = line(4, 418);
    journals.input[4] = raw;
    journals.refuses = true;
    journals.delivered[4] = json.clone();
    journals.assert_found("not_refused 1");
    journals.delivered.remove(4);
    journals.assert_found("lost 1");
    journals.dead.push(letter(&journals.input[4]));
    journals.assert_well();
}

#[test]
fn the_judge_shares_no_code_with_what_it_judges() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/judge");
    for entry in fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("use ")) {
            let root = line.split(':').next().unwrap();
            let is_own = ["std", "crate", "super", "arguments", "verdict"].contains(&root);
            assert!(is_own, "{}: {line}", path.display());
        }
        let foreign = text.lines().any(|l| !l.trim().starts_with("//") && l.contains("dendro"));
        assert!(!foreign, "{}", path.display());
    }
}

/// Three records of one second and one of another, as an aggregate counts them, and what of it is told.
fn judge_windows(results: &[(u32, u32, u32)]) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("input")).unwrap();
    let mut input = String::new();
    for (n, second) in [1, 1, 2, 1].into_iter().enumerate() {
        let (raw, _) = line(n as u32, 200);
        write!(input, "{}\x1e", raw.replace(&format!("01:02:{n:02}"), &format!("01:02:{second:02}")))
            .unwrap();
    }
    fs::write(dir.path().join("input/s0"), input).unwrap();
    let mut windows = String::new();
    for (second, status, count) in results {
        let time = format!("2026-11-20T01:02:{second:02}.000000000Z");
        writeln!(
            windows,
            "{{\"timestamp\":\"{time}\",\"type\":\"nginx_access_metrics\",\"stream\":\"/logs/app0.log\",\"status\":{status},\"count\":{count}}}"
        )
        .unwrap();
    }
    fs::write(dir.path().join("windows"), windows).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dendro-crash-judge"));
    command.arg("--input").arg(dir.path().join("input")).args(["--format", "access"]);
    let output = command.arg("--windows").arg(dir.path().join("windows")).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn windows_are_right_when_their_last_result_is() {
    let (is_well, text) = judge_windows(&[(1, 200, 2), (2, 200, 1), (1, 200, 3)]);
    assert!(is_well, "{text}");
}

#[test]
fn a_record_that_was_counted_twice_is_found_also_when_a_later_result_is_right() {
    let (is_well, text) = judge_windows(&[(1, 200, 4), (2, 200, 1), (1, 200, 3)]);
    assert!(!is_well && text.contains("\ncounted_twice 1\n") && text.contains("\nmiscounted 0\n"), "{text}");
}

#[test]
fn a_record_that_was_not_counted_is_found() {
    for results in [&[(1, 200, 2), (2, 200, 1)][..], &[(1, 200, 3)], &[(1, 200, 3), (2, 404, 1)]] {
        let (is_well, text) = judge_windows(results);
        assert!(!is_well && text.contains("\nmiscounted 1\n"), "{text}");
    }
}

#[test]
fn what_was_given_up_may_be_lost_and_nothing_else() {
    let mut journals = Journals::well();
    journals.delivered.remove(4);
    journals.given_up = Some("~s0.4~".to_owned());
    journals.assert_well();
    journals.delivered.remove(3);
    journals.assert_found("lost 1");
}
