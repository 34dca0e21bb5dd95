use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dendro_core::{
    Acks, Batch, FlushReason, Origin, Receipt, Schema, Timestamp, Transform, TransformError, acknowledgement,
};

use super::emit::{DROPPED, Target};
use super::groups::Binding;
use super::plan::Plan;
use super::snapshot::{self, Refused};
use super::spec::{AggregateBuilder, Late, Spec};
use super::stream::{Added, Dropped, Pane, Stream};

/// A stream of which no window is open is forgotten after so long without an event, in nanoseconds.
const FORGET_AFTER: i64 = 3_600_000_000_000;

/// Metrics from events: see the [module](super).
pub struct Aggregate {
    spec: Arc<Spec>,
    plans: Vec<(Arc<Schema>, Arc<Plan>)>,
    streams: HashMap<String, Stream>,
    flights: Vec<(u64, Receipt)>,
    next_flight: u64,
    /// Room for the key of a group.
    key: Vec<u8>,
}

impl Aggregate {
    /// Measures by windows of this length, one behind the other, aligned to 1970-01-01 00:00 UTC.
    pub fn tumbling(length: Duration) -> AggregateBuilder {
        AggregateBuilder::new(length, length)
    }

    /// Measures by windows of this length, of which one begins every so often: each event is in `length / every` of them.
    pub fn sliding(length: Duration, every: Duration) -> AggregateBuilder {
        AggregateBuilder::new(length, every)
    }

    pub(super) fn of(spec: Arc<Spec>) -> Self {
        Self {
            spec,
            plans: Vec::new(),
            streams: HashMap::new(),
            flights: Vec::new(),
            next_flight: 0,
            key: Vec::new(),
        }
    }

    fn plan(&mut self, schema: &Arc<Schema>) -> Arc<Plan> {
        if let Some((_, plan)) = self.plans.iter().find(|(s, _)| Arc::ptr_eq(s, schema)) {
            return plan.clone();
        }
        if let Some((known, plan)) = self.plans.iter_mut().find(|(s, _)| s == schema) {
            *known = schema.clone();
            return plan.clone();
        }
        let plan = Arc::new(Plan::new(&self.spec, schema));
        self.plans.push((schema.clone(), plan.clone()));
        plan
    }

    /// What has become of the results that left without a batch.
    fn settle_flights(&mut self) {
        let Self { spec, streams, flights, .. } = self;
        flights.retain_mut(|(flight, receipt)| {
            let Some(settlement) = receipt.try_settle() else { return true };
            for stream in streams.values_mut() {
                let Some(at) = stream.unconfirmed.iter().position(|(f, _)| f == flight) else { continue };
                let (_, before) = stream.unconfirmed.remove(at);
                if settlement.outcome.is_settled() {
                    stream.prune(spec);
                } else {
                    // Told anew at the next tick.
                    stream.closed_to = stream.closed_to.min(before);
                }
            }
            false
        });
    }
}

/// With the same settings and nothing measured yet.
impl Clone for Aggregate {
    fn clone(&self) -> Self {
        Self::of(self.spec.clone())
    }
}

impl fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aggregate").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Transform for Aggregate {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        self.settle_flights();
        let Some(origin) = batch.iter().next().map(|e| e.origin().cloned().unwrap_or_default()) else {
            return Ok(());
        };
        let schemas: Vec<Arc<Schema>> = batch.schemas().to_vec();
        let plans: Vec<(Arc<Schema>, Arc<Plan>)> =
            schemas.into_iter().map(|schema| (schema.clone(), self.plan(&schema))).collect();
        let spec = &*self.spec;
        let bindings: Vec<Binding> =
            plans.iter().map(|(schema, plan)| Binding::new(spec, plan, batch, Some(schema))).collect();
        let stream = match self.streams.get_mut(origin.stream.as_deref().unwrap_or_default()) {
            Some(stream) => stream,
            None => self.streams.entry(origin.stream.clone().unwrap_or_default()).or_default(),
        };
        stream.idle_since = None;
        if !stream.origin.as_ref().is_some_and(|known| Arc::ptr_eq(known, &origin)) {
            stream.origin = Some(origin.clone());
        }
        for index in 0..batch.end_index() {
            let Some(event) = batch.get(index) else { continue };
            let of = event.schema().and_then(|s| plans.iter().position(|(schema, _)| Arc::ptr_eq(schema, s)));
            let Some(of) = of else {
                batch.reject(index, "an event without a type can't be aggregated");
                continue;
            };
            let now = event.observed();
            match (stream.add(spec, &plans[of].1, &bindings[of], event, &mut self.key), spec.late) {
                (Added::Counted, _) => batch.remove(index),
                (Added::Late, Late::Drop) => {
                    stream.dropped = Dropped { late: stream.dropped.late + 1, told: false, ..stream.dropped };
                    batch.remove(index);
                }
                (Added::Ahead, Late::Drop) => {
                    stream.dropped =
                        Dropped { ahead: stream.dropped.ahead + 1, told: false, ..stream.dropped };
                    batch.remove(index);
                }
                (Added::Late, _) => batch.reject(index, "it came after its window was closed"),
                (Added::Ahead, _) => batch.reject(index, "its time is too far ahead of when it was read"),
            }
            let limit = stream.watermark(spec);
            if stream.is_due(spec, limit) {
                let mut target = Target { out: batch, parent: Some(index), origin: &origin, now };
                tell(stream, spec, limit, Pane::OnTime, &mut target)?;
                stream.prune(spec);
            }
        }
        Ok(())
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        let results = input.iter().map(|schema| Plan::new(&self.spec, schema).out);
        let dropped = (self.spec.late == Late::Drop).then(|| DROPPED.clone());
        results.chain(dropped).collect()
    }

    fn is_stateful(&self) -> bool {
        true
    }

    fn flush(&mut self, reason: FlushReason, now: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        self.settle_flights();
        let Self { spec, streams, next_flight, .. } = self;
        let flight = *next_flight;
        // In an order that is always the same.
        let mut names: Vec<String> = streams.keys().cloned().collect();
        names.sort_unstable();
        for name in names {
            let Some(stream) = streams.get_mut(&name) else { continue };
            let before = stream.closed_to;
            let (limit, pane) = match reason {
                FlushReason::Drain => (i64::MAX - spec.every, Pane::Early),
                _ => {
                    let since = *stream.idle_since.get_or_insert(now);
                    let idle = now.since(since).as_nanos();
                    if stream.is_empty() && idle >= FORGET_AFTER {
                        streams.remove(&name);
                        continue;
                    }
                    if idle < spec.idle || (stream.is_empty() && stream.dropped.told) {
                        continue;
                    }
                    (now.as_nanos().max(stream.watermark(spec)), Pane::OnTime)
                }
            };
            let events = out.len();
            let origin = stream.origin.clone().unwrap_or_else(|| {
                Arc::new(Origin { stream: Some(name.clone()).filter(|n| !n.is_empty()), ..Origin::default() })
            });
            let mut target = Target { out, parent: None, origin: &origin, now };
            tell(stream, spec, limit, pane, &mut target)?;
            if out.len() > events {
                stream.unconfirmed.push((flight, before));
            }
            stream.prune(spec);
        }
        if !out.is_empty() {
            // The source knows nothing of these results, so that whether they have arrived is for us to know.
            let (token, receipt) = acknowledgement();
            out.add_acks(Acks::from(token));
            self.flights.push((flight, receipt));
            self.next_flight += 1;
        }
        Ok(())
    }

    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        self.streams.get(stream).map(|state| snapshot::encode(state, &self.spec))
    }

    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        let state = snapshot::decode(state, &self.spec).map_err(|refused| {
            TransformError::new(match refused {
                Refused::Version(version) => {
                    format!("its version is {version}, and this program knows version 1: windows begin anew")
                }
                Refused::OtherAggregate => {
                    "what is measured, by which fields or windows, is no longer what it was: \
                                            windows begin anew"
                        .to_owned()
                }
                Refused::Malformed => "it is damaged: windows begin anew".to_owned(),
            })
        })?;
        self.streams.insert(stream.to_owned(), state);
        Ok(())
    }
}

/// Closes what is due, and tells of it.
fn tell(
    stream: &mut Stream,
    spec: &Spec,
    limit: i64,
    pane: Pane,
    target: &mut Target<'_>,
) -> Result<(), TransformError> {
    stream.close(spec, limit, pane, |stream, end, pane| {
        let start = end.saturating_sub(spec.length);
        let mut result = Ok(());
        stream.window(spec, end, |plan, groups| {
            if result.is_ok() {
                result = target.window(spec, plan, start, pane, groups);
            }
        });
        result
    })?;
    if !stream.dropped.told && stream.dropped != Dropped::default() {
        target.dropped(stream.latest, stream.dropped)?;
        stream.dropped.told = true;
    }
    Ok(())
}
