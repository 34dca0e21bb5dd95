//! What every source, transform, sink and buffer has to hold: a property each is a plain async function over a factory of
//! fixtures, and a macro makes a test of each for an implementation.
//!
//! A fixture stands for the outside world of a component: the files that a source reads, the table that a sink
//! writes to. It outlives the component, so that a suite can restart one over it. Every call of the factory makes a
//! new world.
//!
//! These functions are outside semver: a new release may ask for more.

pub mod buffer;
#[doc(hidden)]
pub mod erased;
mod macros;
pub mod sink;
pub mod source;
pub mod transform;

pub use buffer::BufferFixture;
pub use sink::SinkFixture;
pub use source::{Pace, SourceFixture};
pub use transform::{Sample, TransformFixture, TransformWorld};

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

/// How a property ends: what was wrong.
pub type Verdict = Result<(), String>;

/// Runs a property on a runtime of its own with paused time, and panics if it does not hold.
///
/// # Panics
/// With what was wrong.
pub fn check(property: &str, verdict: impl Future<Output = Verdict>) {
    if let Err(wrong) = judge(verdict) {
        panic!("{property}: {wrong}");
    }
}

/// Runs a property on a runtime of its own with paused time.
///
/// # Errors
/// What was wrong.
///
/// # Panics
/// If there can be no runtime, or the component panics on the test's own thread.
#[allow(clippy::expect_used, reason = "a test kit: without a runtime there is no test")]
pub fn judge(verdict: impl Future<Output = Verdict>) -> Verdict {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().expect("a runtime for the test");
    let verdict = runtime.block_on(verdict);
    // A component may have left a blocking call behind that never returns.
    runtime.shutdown_background();
    verdict
}

/// The longest that anything may take, of the paused clock.
const LIMIT: Duration = Duration::from_secs(60);
/// When nothing has come for so long, nothing comes any more.
const QUIET: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(LIMIT, future).await.map_err(|_| format!("{what} took longer than {LIMIT:?}"))
}

/// A property that the component, or its fixture, gives nothing to look at for: it holds, and the test's output says
/// that nothing was looked at.
#[allow(clippy::print_stderr)]
fn nothing_to_check(why: &str) -> Verdict {
    eprintln!("NOT CHECKED: {why}");
    Ok(())
}

fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(wrong()) }
}

/// That all of `wanted` are among `found`.
fn ensure_all(wanted: &[String], found: &[String], what: &str) -> Verdict {
    let found_set: HashSet<&String> = found.iter().collect();
    let missing: Vec<&String> = wanted.iter().filter(|w| !found_set.contains(w)).collect();
    ensure(missing.is_empty(), || {
        let shown = &missing[..missing.len().min(5)];
        format!("{what}: {} of {} are missing, such as {shown:?}", missing.len(), wanted.len())
    })
}

/// The first occurrence of each.
fn first_deliveries(ids: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    ids.iter().filter(|id| seen.insert(*id)).cloned().collect()
}

/// That the first occurrences of `wanted` in `found` come in this order.
fn ensure_order(wanted: &[String], found: &[String], what: &str) -> Verdict {
    let wanted_set: HashSet<&String> = wanted.iter().collect();
    let found: Vec<String> = first_deliveries(found).into_iter().filter(|f| wanted_set.contains(f)).collect();
    match wanted.iter().zip(&found).find(|(w, f)| w != f) {
        Some((w, f)) => Err(format!("{what}: out of order, {f:?} came where {w:?} was due")),
        None => ensure_all(wanted, &found, what),
    }
}
