//! What is measured of the events in a window.

use super::quantile::scale_for;
use crate::{Condition, ConfigError, Field};

/// One thing to measure of the events in a window.
///
/// | measure | field of the result | type, unit |
/// |---|---|---|
/// | [`count`](Self::count) | `count` | u64, a delta |
/// | [`rate`](Self::rate) | `rate` | f64, events a second (`1/s`) |
/// | [`share`](Self::share) | `share` | f64 from 0 to 1: events for which a condition holds, of all in the group |
/// | [`sum`](Self::sum) | `FIELD_sum` | the field's type and unit, a delta; of what is not declared as integer or duration, f64 |
/// | [`per_second`](Self::per_second) | `FIELD_per_second` | f64, the field's unit a second |
/// | [`min`](Self::min), [`max`](Self::max) | `FIELD_min`, `FIELD_max` | the same, a gauge |
/// | [`mean`](Self::mean) | `FIELD_mean` | f64, the field's unit, of durations seconds |
/// | [`quantiles`](Self::quantiles) | `FIELD_p50`, `FIELD_p99_9`, ... | f64, the same |
/// | [`sketch`](Self::sketch) | `FIELD_sketch` | a sketch, from which any quantile can be asked, also over several windows and streams |
/// | [`distinct`](Self::distinct) | `FIELD_distinct` | u64, a gauge |
/// | [`top`](Self::top) | `FIELD_top` | an array of `{value, count, error}`, most frequent first |
///
/// A sum of integers or durations is exact; it stays at the type's limit when it would go beyond. A value that can't be taken (of another type, NaN,
/// negative for a quantile) is left out and counted in the field `skipped_values` of the result; a missing or null one is
/// left out. A measure of a field that the schema does not have at all is left out of the result's schema.
#[derive(Clone, Debug)]
pub struct Measure {
    pub(super) name: Option<String>,
    pub(super) kind: Kind,
    pub(super) when: Option<Condition>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Count,
    Rate,
    Share,
    Sum(Field),
    PerSecond(Field),
    Min(Field),
    Max(Field),
    Mean(Field),
    Quantiles { field: Field, quantiles: Vec<f64>, error: f64 },
    Sketch { field: Field, error: f64 },
    Distinct(Field),
    Top { field: Field, k: usize },
}

/// The relative error of quantiles unless another is asked for.
const ERROR: f64 = 0.01;

impl Measure {
    /// How many events.
    pub fn count() -> Self {
        Self::new(Kind::Count)
    }

    /// How many events a second.
    pub fn rate() -> Self {
        Self::new(Kind::Rate)
    }

    /// The share of events for which a condition holds.
    pub fn share(of: Condition) -> Self {
        Self::new(Kind::Share).when(of)
    }

    /// The sum of a field.
    pub fn sum(field: impl Into<Field>) -> Self {
        Self::new(Kind::Sum(field.into()))
    }

    /// The sum of a field by the seconds of the window: bytes a second. Of how long requests took it is how many were in
    /// progress on average (Little's law).
    pub fn per_second(field: impl Into<Field>) -> Self {
        Self::new(Kind::PerSecond(field.into()))
    }

    /// The least value of a field.
    pub fn min(field: impl Into<Field>) -> Self {
        Self::new(Kind::Min(field.into()))
    }

    /// The greatest value of a field.
    pub fn max(field: impl Into<Field>) -> Self {
        Self::new(Kind::Max(field.into()))
    }

    /// The mean of a field.
    pub fn mean(field: impl Into<Field>) -> Self {
        Self::new(Kind::Mean(field.into()))
    }

    /// Quantiles of a field (0.5 is the median), each within 1% of the exact value unless
    /// [`relative_error`](Self::relative_error) says otherwise. Quantile `q` of `n` values is the one with number
    /// `q * (n - 1)`, rounded down, in ascending order.
    pub fn quantiles(field: impl Into<Field>, quantiles: impl IntoIterator<Item = f64>) -> Self {
        let quantiles = quantiles.into_iter().collect();
        Self::new(Kind::Quantiles { field: field.into(), quantiles, error: ERROR })
    }

    /// A sketch of a field: its quantiles to be asked for later, also after merging.
    pub fn sketch(field: impl Into<Field>) -> Self {
        Self::new(Kind::Sketch { field: field.into(), error: ERROR })
    }

    /// How many different values a field has: exact up to 256, beyond that an estimate with a standard error of 1.6%
    /// (HyperLogLog of 4,096 registers). Such numbers can't be added up over windows, groups or streams.
    pub fn distinct(field: impl Into<Field>) -> Self {
        Self::new(Kind::Distinct(field.into()))
    }

    /// The `k` most frequent values of a field (100 at most), by Space-Saving with `8 k` counters, 64 at least: a count is never too low, and
    /// too high by no more than the `error` beside it.
    pub fn top(field: impl Into<Field>, k: usize) -> Self {
        Self::new(Kind::Top { field: field.into(), k })
    }

    /// Only of events for which this holds.
    pub fn when(mut self, condition: Condition) -> Self {
        self.when = Some(match self.when.take() {
            Some(other) => other.and(condition),
            None => condition,
        });
        self
    }

    /// The name of the field in the result; of quantiles, what their names begin with.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How far a quantile may be from the exact value, relative to it: 0.001 to 0.3. Half the error doubles the memory. It holds for values down to 2^-64 of the greatest.
    pub fn relative_error(mut self, error: f64) -> Self {
        if let Kind::Quantiles { error: slot, .. } | Kind::Sketch { error: slot, .. } = &mut self.kind {
            *slot = error;
        }
        self
    }

    fn new(kind: Kind) -> Self {
        Self { name: None, kind, when: None }
    }

    pub(super) fn scale(&self) -> i32 {
        match self.kind {
            Kind::Quantiles { error, .. } | Kind::Sketch { error, .. } => scale_for(error),
            _ => 0,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match &self.kind {
            Kind::Quantiles { field, quantiles, .. } if quantiles.is_empty() => {
                return Err(ConfigError::new(format!("no quantiles of `{field}` are asked for")));
            }
            Kind::Quantiles { field, quantiles, .. } => {
                if let Some(bad) = quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
                    return Err(ConfigError::new(format!(
                        "{bad} is no quantile of `{field}`: they go from 0 to 1"
                    )));
                }
            }
            Kind::Top { field, k } if !(1..=super::top::MAX_VALUES).contains(k) => {
                let most = super::top::MAX_VALUES;
                return Err(ConfigError::new(format!(
                    "the top {k} of `{field}`: 1 to {most} can be asked for"
                )));
            }
            _ => {}
        }
        match &self.kind {
            Kind::Quantiles { field, error, .. } | Kind::Sketch { field, error }
                if !(0.001..=0.3).contains(error) =>
            {
                let why = format!("a relative error of {error} for `{field}`: it may be 0.001 to 0.3");
                Err(ConfigError::new(why))
            }
            _ => Ok(()),
        }
    }
}

impl Kind {
    pub(super) fn field(&self) -> Option<&Field> {
        match self {
            Self::Count | Self::Rate | Self::Share => None,
            Self::Sum(field)
            | Self::PerSecond(field)
            | Self::Min(field)
            | Self::Max(field)
            | Self::Mean(field)
            | Self::Distinct(field)
            | Self::Quantiles { field, .. }
            | Self::Sketch { field, .. }
            | Self::Top { field, .. } => Some(field),
        }
    }
}
