//! The harness can fail: with a sink that breaks the contract in one way, it does, and says in which.

#![allow(clippy::unwrap_used)]

use std::process::Command;

/// Runs a few rounds; gives what the harness says and whether all was well.
fn crash(broken: Option<&str>, rounds: u32) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dendro-crash"));
    command.args(["--mode", "file", "--seed", "7", "--jobs", "1", "--rounds", &rounds.to_string()]);
    command.arg("--dir").arg(dir.path().join("runs"));
    if let Some(broken) = broken {
        command.args(["--broken", broken]);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.success(), text)
}

fn assert_found(broken: &str, rounds: u32, fault: &str) {
    let (is_well, text) = crash(Some(broken), rounds);
    let line = text.lines().find(|line| line.trim().starts_with(fault));
    let count = line.and_then(|line| line.rsplit(' ').next()).and_then(|n| n.parse::<u64>().ok());
    assert!(!is_well && count.is_some_and(|n| n > 0), "{text}");
    assert!(text.contains("again with: cargo xtask crash --mode file --seed 7"), "{text}");
}

#[test]
fn a_sink_that_keeps_the_contract_passes() {
    let (is_well, text) = crash(None, 3);
    assert!(is_well, "{text}");
}

#[test]
fn a_sink_that_acknowledges_too_early_loses_lines_when_it_is_killed() {
    assert_found("early-ack", 8, "lost");
}

#[test]
fn a_sink_that_forgets_an_event_is_found() {
    assert_found("lost-event", 1, "lost");
}

#[test]
fn a_sink_that_writes_twice_goes_beyond_the_bound() {
    assert_found("twice", 1, "duplicates_beyond_bound");
}

#[test]
fn a_sink_that_changes_events_is_found() {
    assert_found("altered", 1, "altered");
}

#[test]
fn a_sink_that_lets_later_writes_pass_is_found() {
    assert_found("swapped", 1, "out_of_order");
}
