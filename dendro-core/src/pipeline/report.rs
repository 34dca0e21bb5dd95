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
    /// Events that the sources have sent and that were not settled when the run ended: the sum of what
    /// [`remaining`](Self::remaining) tells of sources.
    pub abandoned: u64,
    /// Events that are left in durable buffers: the next run delivers them. Which buffers have them,
    /// [`left_in_buffers`](Self::left_in_buffers) tells.
    pub left: u64,
    /// Where the events are that are neither delivered, nor filtered out, nor dropped, nor in the dead letters.
    pub remaining: Vec<Remaining>,
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

/// Events that a run has left, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remaining {
    /// The component that has them, or had them last.
    pub component: String,
    /// How many.
    pub events: u64,
    /// Where they are.
    pub place: Place,
}

/// Where events are that a run has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Unacknowledged at this source, which sends them again in the next run. Batches of which only a part was delivered
    /// are counted whole; what was sent again in this run is counted as often.
    Source,
    /// In this durable buffer: the next run delivers them.
    Buffer,
    /// Nowhere: this source can't send again. What had not reached a sink by then is lost.
    Nowhere,
}

impl std::fmt::Display for Remaining {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { component, events, place } = self;
        let s = if *events == 1 { "" } else { "s" };
        match place {
            Place::Source => write!(
                f,
                "{events} event{s} not acknowledged to source `{component}`, which sends them again in the next run"
            ),
            Place::Buffer => {
                write!(f, "{events} event{s} left in buffer `{component}`, the next run delivers them")
            }
            Place::Nowhere => write!(
                f,
                "{events} event{s} not acknowledged to source `{component}`, which can't send again: lost unless written"
            ),
        }
    }
}

impl RunReport {
    pub(super) fn new(
        components: Vec<ComponentStats>,
        replays: &[bool],
        drained: bool,
        elapsed: Duration,
        problems: Vec<Problem>,
    ) -> Self {
        let remains =
            |c: &ComponentStats, events, place| Remaining { component: c.name.clone(), events, place };
        // Sources come first.
        let sources = components.iter().zip(replays).filter(|(c, _)| c.unacknowledged() > 0);
        let mut remaining: Vec<Remaining> = sources
            .map(|(c, replays)| {
                remains(c, c.unacknowledged(), if *replays { Place::Source } else { Place::Nowhere })
            })
            .collect();
        let abandoned = remaining.iter().map(|r| r.events).sum();
        let left = left_in_buffers(&components).map(|c| c.buffer_events).sum();
        remaining.extend(left_in_buffers(&components).map(|c| remains(c, c.buffer_events, Place::Buffer)));
        Self { components, abandoned, left, remaining, drained, elapsed, problems }
    }
}

fn left_in_buffers(components: &[ComponentStats]) -> impl Iterator<Item = &ComponentStats> {
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
                ("abandoned", c.abandoned),
                ("attempts repeated", c.retried),
                ("attempts throttled", c.throttled),
            ];
            for (what, n) in parts.into_iter().filter(|(_, n)| *n > 0) {
                write!(f, ", {n} {what}")?;
            }
            writeln!(f)?;
        }
        for remaining in &self.remaining {
            writeln!(f, "{remaining}")?;
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
