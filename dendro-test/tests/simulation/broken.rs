//! The simulation finds what is broken on purpose, within some hundred seeds.

use crate::run;
use crate::world::Flaw;

const SEEDS: u64 = 400;

/// What the first violation of any seed says.
fn found(flaw: Flaw) -> Option<String> {
    (0..SEEDS).find_map(|seed| run::run(seed, Some(flaw)).violations.into_iter().next())
}

fn finds(flaw: Flaw, expected: &str) {
    let violation = found(flaw).unwrap_or_else(|| panic!("{flaw:?} was not found in {SEEDS} seeds"));
    assert!(violation.contains(expected), "{flaw:?}: {violation}");
}

#[test]
fn a_sink_that_says_durable_and_drops_is_found() {
    finds(Flaw::SinkDrops, "is neither durable");
}

#[test]
fn a_commit_that_names_what_it_has_not_stored_is_found() {
    finds(Flaw::CommitNamesTooMuch, "is neither durable");
}

#[test]
fn a_transform_that_settles_early_is_found() {
    finds(Flaw::SettlesEarly, "was acknowledged");
}

#[test]
fn a_transform_that_forgets_an_event_is_found() {
    finds(Flaw::ForgetsEvent, "");
}

#[test]
fn a_token_that_is_never_resolved_is_found() {
    finds(Flaw::KeepsToken, "");
}

#[test]
fn a_transform_that_passes_events_on_twice_is_found() {
    finds(Flaw::Duplicates, "");
}

#[test]
fn a_transform_that_changes_the_order_is_found() {
    finds(Flaw::Reorders, "behind");
}

#[test]
fn a_checkpoint_that_runs_ahead_is_found() {
    finds(Flaw::ChecksPointEarly, "before the checkpoint");
}

#[test]
fn a_write_beside_the_one_that_may_be_in_flight_is_found() {
    finds(Flaw::WritesBeside, "");
}
