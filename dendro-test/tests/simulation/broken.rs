//! The simulation finds what is broken on purpose, within some hundred seeds.

use crate::run;
use crate::world::Flaw;

const SEEDS: u64 = 400;

/// A violation of some seed says this.
fn finds(flaw: Flaw, expected: &str) {
    let mut violations = (0..SEEDS).flat_map(|seed| run::run(seed, Some(flaw)).violations);
    let is_found = violations.any(|violation| violation.contains(expected));
    assert!(is_found, "{flaw:?} was not found in {SEEDS} seeds");
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
fn a_sink_that_is_written_to_faster_than_it_may_is_found() {
    finds(Flaw::WritesFast, " was given ");
}

#[test]
fn a_buffer_in_memory_that_settles_what_waits_in_it_is_found() {
    finds(Flaw::BufferSettlesEarly, "was acknowledged");
}

#[test]
fn a_durable_buffer_that_acknowledges_more_than_it_keeps_is_found() {
    finds(Flaw::BufferDrops, "");
}

#[test]
fn a_durable_buffer_that_forgets_what_is_not_settled_is_found() {
    finds(Flaw::BufferForgets, "has left b");
}

#[test]
fn a_stream_that_goes_back_without_saying_so_is_counted_twice_and_found() {
    finds(Flaw::ResumesSilently, "is counted 2 times instead of 1");
}

#[test]
fn a_transform_that_does_not_take_up_its_state_is_found() {
    finds(Flaw::LosesState, "is counted 0 times instead of 1");
}

#[test]
fn a_write_beside_the_one_that_may_be_in_flight_is_found() {
    finds(Flaw::WritesBeside, "");
}
