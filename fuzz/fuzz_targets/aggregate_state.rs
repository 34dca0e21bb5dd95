//! The state of an aggregate is refused or taken up, and goes on like any other.

#![no_main]

use std::time::Duration;

use dendro_core::{Batch, Event, FlushReason, Timestamp, Transform};
use dendro_transforms::aggregate::{Aggregate, Measure};
use libfuzzer_sys::fuzz_target;

/// The version and what tells one aggregate's state from another's.
const HEADER: usize = 9;

fuzz_target!(|data: &[u8]| {
    let mut fresh = aggregate();
    let mut batch = events();
    assert!(fresh.transform(&mut batch).is_ok());
    let Some(own) = fresh.snapshot("") else { panic!("a stream with open windows has a state") };
    assert!(aggregate().restore("", &own).is_ok(), "its own state is taken up");

    let mut state = own[..HEADER].to_vec();
    state.extend_from_slice(data);
    let mut restored = aggregate();
    if restored.restore("", &state).is_err() {
        return;
    }
    let (mut batch, mut rest) = (events(), Batch::default());
    let _ = restored.transform(&mut batch);
    if let Some(again) = restored.snapshot("") {
        assert!(aggregate().restore("", &again).is_ok(), "what was written reads back");
    }
    let _ = restored.flush(FlushReason::Drain, Timestamp::from_nanos(0), &mut rest);
});

fn aggregate() -> Aggregate {
    let built = Aggregate::sliding(Duration::from_secs(60), Duration::from_secs(20))
        .group_by(["group"])
        .max_groups(8)
        .measure(Measure::count())
        .measure(Measure::sum("n"))
        .measure(Measure::max("n"))
        .measure(Measure::mean("n"))
        .measure(Measure::quantiles("n", [0.5, 0.99]))
        .measure(Measure::distinct("n"))
        .measure(Measure::top("n", 3))
        .build();
    match built {
        Ok(aggregate) => aggregate,
        Err(error) => panic!("{error}"),
    }
}

fn events() -> Batch {
    let event = |n: i64| {
        let at = Timestamp::from_nanos(n * 15_000_000_000);
        Event::new("t").at(at).with("group", n % 3).with("n", n as f64)
    };
    match Batch::from_events(&(0..12).map(event).collect::<Vec<_>>()) {
        Ok(batch) => batch,
        Err(full) => panic!("{full}"),
    }
}
