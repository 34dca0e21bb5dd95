//! A failure at every storage call of the pipeline, in turn.

use std::path::Path;

use dendro_crash::Failure;
use dendro_crash::setup::{Fault, FaultKind};

use super::mode::Mode;
use super::run::{Outcome, Run, fresh};
use crate::options::Options;

/// Which calls of a point fail: the first ones are those at the start, the later ones those of the steady state.
const CALLS: [u64; 2] = [1, 5];

/// Finds out which points there are by a run without a failure, then has a run for each.
pub(crate) fn each_in_turn(
    mode: &Mode,
    seed: u64,
    dir: &Path,
    options: &Options,
) -> Result<Outcome, Failure> {
    let plain = dir.join("plain");
    fresh(&plain)?;
    let mut total = Run::new(mode, seed, &plain, options)?.go(1)?;
    let points: Vec<(String, u64)> = total.points.iter().map(|(p, (calls, _))| (p.clone(), *calls)).collect();
    for (point, calls) in points {
        for nth in CALLS.into_iter().filter(|nth| *nth <= calls) {
            for kind in FaultKind::ALL {
                let fault = Fault { point: point.clone(), nth, kind: *kind };
                let dir = dir.join(format!("{point}-{nth}-{}", kind.word()));
                fresh(&dir)?;
                let run = Run::new(mode, seed, &dir, options)?;
                let outcome = run.go_with_fault(fault).map_err(|failure| {
                    Failure::new(format!("{point}, call {nth}, {}: {failure}", kind.word()))
                })?;
                total.add(outcome);
                if !options.keep {
                    let _ = std::fs::remove_dir_all(&dir);
                }
            }
        }
    }
    Ok(total)
}
