//! What all runs came to.

use std::collections::BTreeSet;
use std::fmt;

use super::run::{Bound, Outcome};

/// The sum of the runs that went well.
#[derive(Default)]
pub(crate) struct Summary {
    runs: u64,
    total: Outcome,
    not_run: BTreeSet<&'static str>,
}

impl Summary {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.runs += 1;
        self.total.add(outcome);
    }

    pub(crate) fn not_run(&mut self, mode: &'static str) {
        self.not_run.insert(mode);
    }

    /// One line about one run.
    pub(crate) fn line(outcome: &Outcome) -> String {
        let judged = |name: &str| outcome.judgement.numbers.get(name).copied().unwrap_or_default();
        format!(
            "{} kills, {} drains, {} rotations; {} lines: {} delivered, {} dead-lettered, {} lost, {} duplicated (bound {})",
            outcome.kills,
            outcome.drains,
            outcome.rotations,
            judged("records"),
            judged("delivered"),
            judged("dead_lettered"),
            judged("lost"),
            judged("duplicates"),
            outcome.bound.total(),
        )
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = &self.total;
        let judged = |name: &str| total.judgement.numbers.get(name).copied().unwrap_or_default();
        for (name, value) in [
            ("runs", self.runs),
            ("kills survived", total.kills),
            ("drains", total.drains),
            ("drains cut short", total.cut_drains),
            ("clock jumps", total.clock_jumps),
            ("disks filled", total.full_disks),
            ("buffers damaged", total.damages),
            ("rotations", total.rotations),
            ("files compressed", total.compressed),
            ("lines in", judged("records")),
            ("delivered", judged("delivered")),
            ("dead-lettered", judged("dead_lettered")),
            ("lost", judged("lost")),
            ("lost by damage", judged("given_up")),
            ("altered or invented", judged("altered") + judged("invented")),
            ("out of order", judged("out_of_order")),
            ("duplicated", judged("duplicates")),
            ("duplicates bound", total.bound.total()),
            ("without a bound", judged("duplicates_without_bound")),
        ] {
            writeln!(f, "{name:<20} {value:>9}")?;
        }
        let Bound { uncovered, in_flight, untold } = total.bound;
        writeln!(f, "{}\n= {uncovered} + {in_flight} + {untold}", Bound::FORMULA)?;
        if !total.faults.is_empty() {
            writeln!(f, "faults injected by the server, {} in all:", total.faults.values().sum::<u64>())?;
        }
        for (fault, n) in &total.faults {
            writeln!(f, "  {fault:<26} {n:>7}")?;
        }
        writeln!(f, "failure points: calls, and how many of them were made to fail")?;
        for (point, (calls, failures)) in &total.points {
            writeln!(f, "  {point:<26} {calls:>7} {failures:>7}")?;
        }
        for mode in &self.not_run {
            writeln!(f, "NOT RUN on this machine: {mode}")?;
        }
        Ok(())
    }
}
