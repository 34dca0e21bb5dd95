//! What a run has done, and what stopped it.

use std::time::Duration;

use super::control::Failure;
use super::problem::Problem;
use super::stats::ComponentStats;

/// What a run has done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunReport {
    /// Each component's statistics: sources, transforms, buffers, sinks, dead letters.
    pub components: Vec<ComponentStats>,
    /// Events that could not be settled before the deadline: their source has them still, if it can send again.
    pub abandoned: u64,
    /// Events that are left in durable buffers: the next run delivers them. Which buffers have them,
    /// [`left_in_buffers`](Self::left_in_buffers) tells.
    pub left: u64,
    /// Whether everything was settled in time.
    pub drained: bool,
    /// How long it ran.
    pub elapsed: Duration,
    /// What went wrong on the way, the first hundred.
    pub problems: Vec<Problem>,
}

impl RunReport {
    /// One component's statistics.
    pub fn component(&self, name: &str) -> Option<&ComponentStats> {
        self.components.iter().find(|c| c.name == name)
    }

    /// The durable buffers in which events are left: the next run delivers them.
    pub fn left_in_buffers(&self) -> impl Iterator<Item = &ComponentStats> {
        left_in_buffers(&self.components)
    }
}

pub(super) fn left_in_buffers(components: &[ComponentStats]) -> impl Iterator<Item = &ComponentStats> {
    components.iter().filter(|c| c.durable && c.buffer_events > 0)
}

impl std::fmt::Display for RunReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in &self.components {
            write!(f, "{} {}: {} in, {} out", c.kind.name(), c.name, c.events_in, c.events_out)?;
            let parts = [
                ("filtered", c.filtered),
                ("rejected", c.rejected),
                ("dropped", c.dropped),
                ("retried", c.retried),
                ("abandoned", c.abandoned),
            ];
            for (what, n) in parts.into_iter().filter(|(_, n)| *n > 0) {
                write!(f, ", {n} {what}")?;
            }
            writeln!(f)?;
        }
        for c in self.left_in_buffers() {
            let (events, bytes) = (c.buffer_events, c.buffer_bytes);
            writeln!(
                f,
                "{events} events ({bytes} bytes) are left in buffer {}: the next run delivers them",
                c.name
            )?;
        }
        let state = if self.drained { "drained" } else { "stopped at the drain deadline" };
        write!(f, "{state} after {:.3} s", self.elapsed.as_secs_f64())
    }
}

/// Components that could not go on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunError {
    /// Which, and why.
    pub failures: Vec<Failure>,
    /// What the run has done all the same.
    pub report: Box<RunReport>,
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, failure) in self.failures.iter().enumerate() {
            let separator = if i > 0 { "; " } else { "" };
            write!(f, "{separator}`{}` failed: {}", failure.component, failure.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for RunError {}
