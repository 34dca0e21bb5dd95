//! Results as events.

use std::sync::{Arc, LazyLock};

use dendro_core::{
    Batch, BatchFull, FieldSchema, Origin, Schema, SignedDuration, Timestamp, Value, ValueType,
};

use super::groups::{Group, Groups, Part};
use super::measure::Kind;
use super::number::Numeric;
use super::plan::{OVERFLOW, PANE, Plan, SKIPPED, STREAM, WINDOW};
use super::spec::Spec;
use super::stream::{Dropped, Pane};
use crate::scalar;
use crate::wire::Reader;

/// Tells how many events were dropped.
pub(super) static DROPPED: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let count = |name, doc| FieldSchema::cumulative(name, ValueType::U64).unit("1").doc(doc);
    let schema = Schema::new("aggregate_dropped")
        .doc("Events of a stream that an aggregate has dropped because of their time.")
        .field(FieldSchema::dimension(STREAM, ValueType::Str).doc("The stream that the events came in."))
        .field(count("late", "Events that came after their window was closed, since the stream began."))
        .field(count(
            "ahead",
            "Events whose time was too far ahead of when they were read, since the stream began.",
        ));
    Arc::new(schema)
});

/// Where results go.
pub(super) struct Target<'a> {
    pub(super) out: &'a mut Batch,
    /// The event that made them due, if one did.
    pub(super) parent: Option<usize>,
    pub(super) origin: &'a Arc<Origin>,
    pub(super) now: Timestamp,
}

impl Target<'_> {
    /// An event of this type and time.
    fn event(
        &mut self,
        schema: &Arc<Schema>,
        time: Timestamp,
        fill: impl FnOnce(&mut dendro_core::EventMut<'_>) -> Result<(), BatchFull>,
    ) -> Result<(), BatchFull> {
        let (ty, origin) = (self.out.add_type(schema)?, self.out.add_origin(self.origin)?);
        let appended = match self.parent {
            // Has the parent's position: results follow what they came from.
            Some(parent) => self.out.append(parent).map(|mut event| event.set_type(schema).map(|()| event)),
            None => None,
        };
        let mut event = match appended {
            Some(event) => event?,
            None => self.out.push_event(ty, origin, self.now),
        };
        event.set_time(Some(time));
        event.set_parsed();
        if let Some(stream) = &self.origin.stream {
            event.insert(STREAM, stream)?;
        }
        fill(&mut event)
    }

    pub(super) fn window(
        &mut self,
        spec: &Spec,
        plan: &Plan,
        start: i64,
        pane: Pane,
        groups: &Groups,
    ) -> Result<(), BatchFull> {
        for (group, beyond) in groups.iter() {
            self.event(&plan.out, Timestamp::from_nanos(start), |event| {
                let mut key = Reader::new(&group.key);
                for name in &plan.group {
                    let value = scalar::read(&mut key);
                    if let (false, false, Some(value)) = (beyond, name.is_empty(), value) {
                        event.insert(name, value)?;
                    }
                }
                event.insert(OVERFLOW, beyond)?;
                event.insert(WINDOW, SignedDuration::from_nanos(spec.length))?;
                event.insert(PANE, pane.name())?;
                for (i, planned) in plan.measures.iter().enumerate() {
                    if let Some(numeric) = planned.numeric {
                        measured(spec, i, numeric, group, &planned.names, |name, value| {
                            event.insert(name, &value)
                        })?;
                    }
                }
                event.insert(SKIPPED, group.skipped)
            })?;
        }
        Ok(())
    }

    pub(super) fn dropped(&mut self, time: i64, dropped: Dropped) -> Result<(), BatchFull> {
        self.event(&DROPPED, Timestamp::from_nanos(time), |event| {
            event.insert("late", dropped.late)?;
            event.insert("ahead", dropped.ahead)
        })
    }
}

impl Pane {
    fn name(self) -> &'static str {
        match self {
            Self::OnTime => "on_time",
            Self::Early => "early",
            Self::Late => "late",
        }
    }
}

/// Gives each field of a measure.
fn measured<E>(
    spec: &Spec,
    at: usize,
    numeric: Numeric,
    group: &Group,
    names: &[String],
    mut put: impl FnMut(&str, Value) -> Result<(), E>,
) -> Result<(), E> {
    let (kind, seconds) = (&spec.measures[at].kind, spec.length as f64 / 1e9);
    let value = match (kind, &group.parts[at]) {
        (Kind::Count, Part::Count(count)) => Value::U64(*count),
        (Kind::Rate, Part::Count(count)) => Value::F64(*count as f64 / seconds),
        (Kind::Share, Part::Count(count)) => Value::F64(*count as f64 / group.events.max(1) as f64),
        (Kind::Sum(_), Part::Sum(sum)) => sum.value(numeric),
        (Kind::PerSecond(_), Part::Sum(sum)) => Value::F64(sum.as_f64(numeric) / seconds),
        (Kind::Mean(_), Part::Sum(sum)) => sum.mean(numeric),
        (_, Part::Extreme(extreme)) => extreme.value(numeric),
        (Kind::Quantiles { quantiles, .. }, Part::Buckets(buckets)) => {
            let sketch = buckets.sketch(spec.scales[at]);
            for (name, q) in names.iter().zip(quantiles) {
                let value = sketch.as_ref().and_then(|s| s.quantile(*q));
                put(name, value.map_or(Value::Null, Value::F64))?;
            }
            return Ok(());
        }
        (_, Part::Buckets(buckets)) => buckets.sketch(spec.scales[at]).map_or(Value::Null, Value::Sketch),
        (_, Part::Distinct(distinct)) => Value::U64(distinct.count()),
        (Kind::Top { k, .. }, Part::Top(top)) => {
            let entry = |(value, count, error): (&[u8], u64, u64)| {
                let value = scalar::read(&mut Reader::new(value)).map_or(Value::Null, |v| v.to_value());
                let fields = [("value", value), ("count", count.into()), ("error", error.into())];
                Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).into())
            };
            Value::Array(top.most(*k).into_iter().map(entry).collect())
        }
        _ => Value::Null,
    };
    names.first().map_or(Ok(()), |name| put(name, value))
}
