//! The windows of one stream.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dendro_core::{EventRef, Origin, Timestamp};

use super::groups::{Binding, Groups};
use super::plan::Plan;
use super::spec::{Late, Spec};

/// Before any time.
const NEVER: i64 = i64::MIN;
/// Times are between this and its negative, so that no window's end is beyond what can be told.
const BEYOND: i64 = i64::MAX / 8 * 7;

/// What is kept of a stream. Times are nanoseconds of event time.
///
/// A window is made of panes, as long as the step between windows: one if windows don't overlap.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) origin: Option<Arc<Origin>>,
    /// The highest time of an event.
    pub(super) latest: i64,
    /// Windows that end by then have been told.
    pub(super) closed_to: i64,
    /// By the plans that they were measured with, and by where they begin.
    pub(super) panes: Vec<(Arc<Plan>, BTreeMap<i64, Groups>)>,
    /// The ends of windows to which events came after they had been told.
    pub(super) changed: BTreeSet<i64>,
    pub(super) dropped: Dropped,
    /// What was closed by time and has not been delivered yet: which flight it was, and what `closed_to` was before.
    pub(super) unconfirmed: Vec<(u64, i64)>,
    /// The tick since which nothing has come.
    pub(super) idle_since: Option<Timestamp>,
}

/// How many events were dropped since the stream began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) late: u64,
    pub(super) ahead: u64,
    /// Whether that has been told.
    pub(super) told: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    Counted,
    Late,
    Ahead,
}

/// What a result is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pane {
    OnTime,
    Early,
    Late,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            origin: None,
            latest: NEVER,
            closed_to: NEVER,
            panes: Vec::new(),
            changed: BTreeSet::new(),
            dropped: Dropped::default(),
            unconfirmed: Vec::new(),
            idle_since: None,
        }
    }
}

impl Stream {
    /// Adds an event to its pane, as far as a window that is to be told has it.
    pub(super) fn add(
        &mut self,
        spec: &Spec,
        plan: &Arc<Plan>,
        binding: &Binding,
        event: EventRef<'_>,
        key: &mut Vec<u8>,
    ) -> Added {
        let (time, observed) = (event.timestamp().as_nanos(), event.observed().as_nanos());
        // Events that nobody has observed are made up, in tests.
        if (observed != 0 && time.saturating_sub(spec.ahead) > observed) || !(-BEYOND..BEYOND).contains(&time)
        {
            return Added::Ahead;
        }
        let start = floor(time, spec.every);
        if start.saturating_add(spec.length) <= self.closed_to {
            match spec.late {
                Late::Update { .. } if !self.is_forgotten(spec, start) => {}
                _ => return Added::Late,
            }
        }
        if let Late::Update { .. } = spec.late {
            let mut end = start.saturating_add(spec.every);
            while end <= self.closed_to.min(start.saturating_add(spec.length)) {
                self.changed.insert(end);
                end = end.saturating_add(spec.every);
            }
        }
        let at =
            self.panes.iter().position(|(p, _)| Arc::ptr_eq(p, plan)).unwrap_or_else(|| self.take_plan(plan));
        self.panes[at].1.entry(start).or_default().add(spec, plan, binding, event, key);
        self.latest = self.latest.max(time);
        Added::Counted
    }

    /// Where panes of this plan are, or of one that is the same (a state that was taken up brings its own).
    fn take_plan(&mut self, plan: &Arc<Plan>) -> usize {
        match self.panes.iter().position(|(p, _)| p == plan) {
            Some(at) => {
                self.panes[at].0 = plan.clone();
                at
            }
            None => {
                self.panes.push((plan.clone(), BTreeMap::new()));
                self.panes.len() - 1
            }
        }
    }

    /// Event time up to which all events have come, as far as can be told.
    pub(super) fn watermark(&self, spec: &Spec) -> i64 {
        self.latest.saturating_sub(spec.lateness)
    }

    /// Whether windows end by `limit` that are not closed.
    #[inline]
    pub(super) fn is_due(&self, spec: &Spec, limit: i64) -> bool {
        limit >= self.closed_to.saturating_add(spec.every)
    }

    /// Closes the windows that end by `limit`, each with what it is called for: its end and its kind.
    pub(super) fn close<E>(
        &mut self,
        spec: &Spec,
        limit: i64,
        pane: Pane,
        mut tell: impl FnMut(&Self, i64, Pane) -> Result<(), E>,
    ) -> Result<(), E> {
        for end in std::mem::take(&mut self.changed) {
            tell(self, end, Pane::Late)?;
        }
        while let Some(end) = self.next_end(spec).filter(|end| *end <= limit) {
            tell(self, end, pane)?;
            self.closed_to = end;
        }
        self.closed_to = self.closed_to.max(floor(limit, spec.every));
        Ok(())
    }

    /// Where the first window ends that has events and is not closed.
    fn next_end(&self, spec: &Spec) -> Option<i64> {
        let after = self.closed_to.saturating_sub(spec.length).saturating_add(1);
        let first = |panes: &BTreeMap<i64, Groups>| panes.range(after..).next().map(|(start, _)| *start);
        let start = self.panes.iter().filter_map(|(_, panes)| first(panes)).min()?;
        Some(start.saturating_add(spec.every).max(self.closed_to.saturating_add(spec.every)))
    }

    /// What was measured in the window that ends at `end`, for each plan.
    pub(super) fn window(&self, spec: &Spec, end: i64, mut f: impl FnMut(&Arc<Plan>, &Groups)) {
        for (plan, panes) in &self.panes {
            let mut within = panes.range(end.saturating_sub(spec.length)..end).map(|(_, groups)| groups);
            let Some(first) = within.next() else { continue };
            match within.next() {
                None => f(plan, first),
                Some(second) => {
                    let mut all = first.clone();
                    std::iter::once(second).chain(within).for_each(|g| all.merge(spec, plan, g));
                    f(plan, &all);
                }
            }
        }
    }

    /// Up to where everything told has been delivered, or travels with a batch that will be read again if it is not.
    pub(super) fn confirmed_to(&self) -> i64 {
        self.unconfirmed.iter().map(|(_, before)| *before).min().unwrap_or(self.closed_to).min(self.closed_to)
    }

    /// Forgets what no window needs any more.
    pub(super) fn prune(&mut self, spec: &Spec) {
        let confirmed = self.confirmed_to();
        for at in 0..self.panes.len() {
            while let Some(start) = self.panes[at].1.first_key_value().map(|(start, _)| *start) {
                if start.saturating_add(spec.length) > confirmed || !self.is_forgotten(spec, start) {
                    break;
                }
                self.panes[at].1.pop_first();
            }
        }
        self.panes.retain(|(_, panes)| !panes.is_empty());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    /// Whether a pane is not kept any more for events that come late.
    fn is_forgotten(&self, spec: &Spec, start: i64) -> bool {
        start.saturating_add(spec.length).saturating_add(spec.keep)
            <= self.closed_to.max(self.watermark(spec))
    }
}

/// The beginning of the step that a time is in.
pub(super) fn floor(time: i64, every: i64) -> i64 {
    time.div_euclid(every).saturating_mul(every)
}
