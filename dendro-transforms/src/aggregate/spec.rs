//! What an aggregate is told to do.

use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::measure::Measure;
use super::transform::Aggregate;
use crate::condition::Matcher;
use crate::{ConfigError, Field};

/// What becomes of an event that comes after its window was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Late {
    /// It goes to the dead letters.
    #[default]
    DeadLetter,
    /// It is dropped, and counted in an event of the type `aggregate_dropped`.
    Drop,
    /// It is added to its window, which is kept for so long, in event time, and told anew (`pane` = `late`) when the next one
    /// closes. What comes later still goes to the dead letters.
    Update {
        /// How long a window is kept after it was closed.
        keep: Duration,
    },
}

#[derive(Debug)]
pub(super) struct Spec {
    /// In nanoseconds.
    pub(super) length: i64,
    pub(super) every: i64,
    pub(super) lateness: i64,
    pub(super) keep: i64,
    pub(super) ahead: i64,
    pub(super) idle: i64,
    pub(super) late: Late,
    pub(super) suffix: String,
    pub(super) group_by: Vec<Field>,
    pub(super) measures: Vec<Measure>,
    pub(super) matchers: Vec<Option<Matcher>>,
    /// Of quantiles and sketches, for each measure.
    pub(super) scales: Vec<i32>,
    pub(super) max_groups: usize,
    /// Tells whether a state belongs to it.
    pub(super) fingerprint: u64,
}

/// Says what an [`Aggregate`] measures.
#[derive(Clone, Debug)]
pub struct AggregateBuilder {
    length: Duration,
    every: Duration,
    lateness: Duration,
    ahead: Duration,
    idle: Duration,
    late: Late,
    suffix: String,
    group_by: Vec<Field>,
    measures: Vec<Measure>,
    max_groups: usize,
}

/// The most windows that one event may be in.
const MAX_OVERLAP: i64 = 1_000;
/// The most groups that may be asked for.
const MAX_GROUPS: usize = 100_000;

impl AggregateBuilder {
    pub(super) fn new(length: Duration, every: Duration) -> Self {
        Self {
            length,
            every,
            lateness: Duration::from_secs(30),
            ahead: Duration::from_secs(3_600),
            idle: Duration::from_secs(60),
            late: Late::default(),
            suffix: "metrics".to_owned(),
            group_by: Vec::new(),
            measures: Vec::new(),
            max_groups: 1_000,
        }
    }

    /// Measures by the values of these fields, each combination by itself.
    pub fn group_by<F: Into<Field>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.group_by.extend(fields.into_iter().map(Into::into));
        self
    }

    /// Adds a measure.
    pub fn measure(mut self, measure: Measure) -> Self {
        self.measures.push(measure);
        self
    }

    /// How much later than an event with a later time one may come, and still be on time: the watermark of a stream is its
    /// highest event time less this. 30 seconds by default.
    pub fn lateness(mut self, lateness: Duration) -> Self {
        self.lateness = lateness;
        self
    }

    /// What becomes of what comes later. By default it goes to the dead letters.
    pub fn late(mut self, late: Late) -> Self {
        self.late = late;
        self
    }

    /// How far an event's time may be ahead of when it was read; beyond that its clock is taken for wrong, and the event
    /// treated as late. Else a single one would close all windows. An hour by default.
    pub fn max_ahead(mut self, ahead: Duration) -> Self {
        self.ahead = ahead;
        self
    }

    /// After so long without an event of a stream its windows that have ended by the pipeline's clock are closed. A minute by
    /// default.
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// The most groups of a window: events of any further one are measured together, with `overflow` true. 1,000 by
    /// default, 100,000 at most.
    pub fn max_groups(mut self, groups: usize) -> Self {
        self.max_groups = groups;
        self
    }

    /// Results of events of the type `T` have the type `T_SUFFIX`. By default it is `metrics`.
    pub fn suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// The transform.
    ///
    /// # Errors
    /// [`ConfigError`] if nothing is measured, or something can't be.
    pub fn build(self) -> Result<Aggregate, ConfigError> {
        let nanos = |what: &str, duration: Duration| {
            i64::try_from(duration.as_nanos()).ok().filter(|n| *n <= i64::MAX / 8).ok_or_else(|| {
                ConfigError::new(format!("{what} of {duration:?} is too long: 36 years are the most"))
            })
        };
        let (length, every) = (nanos("a window", self.length)?, nanos("a step between windows", self.every)?);
        if length < 1_000_000 || every < 1_000_000 {
            return Err(ConfigError::new(
                "a window, and the step between two, has to be a millisecond long at least",
            ));
        }
        if length % every != 0 || length / every > MAX_OVERLAP {
            let why = format!(
                "windows of {:?} every {:?}: the length has to be a multiple of the step, {MAX_OVERLAP} times it at most",
                self.length, self.every
            );
            return Err(ConfigError::new(why));
        }
        if self.measures.is_empty() {
            return Err(ConfigError::new(
                "an aggregate without a measure: add `Measure::count()`, for instance",
            ));
        }
        self.measures.iter().try_for_each(Measure::check)?;
        if !(1..=MAX_GROUPS).contains(&self.max_groups) {
            return Err(ConfigError::new(format!(
                "{} groups at most: it may be 1 to {MAX_GROUPS}",
                self.max_groups
            )));
        }
        if self.suffix.is_empty() {
            return Err(ConfigError::new("an empty suffix: the results would have the type of the events"));
        }
        let keep = match self.late {
            Late::Update { keep } => nanos("keeping windows", keep)?,
            _ => 0,
        };
        let state = format!("{length} {every} {:?} {:?} {}", self.group_by, self.measures, self.suffix);
        let spec = Spec {
            length,
            every,
            lateness: nanos("a lateness", self.lateness)?,
            keep,
            ahead: nanos("being ahead", self.ahead)?,
            idle: nanos("an idle time-out", self.idle)?,
            late: self.late,
            matchers: self.measures.iter().map(|m| m.when.as_ref().map(|c| c.compile())).collect(),
            scales: self.measures.iter().map(Measure::scale).collect(),
            suffix: self.suffix,
            group_by: self.group_by,
            measures: self.measures,
            max_groups: self.max_groups,
            fingerprint: xxh3_64(state.as_bytes()),
        };
        Ok(Aggregate::of(Arc::new(spec)))
    }
}
