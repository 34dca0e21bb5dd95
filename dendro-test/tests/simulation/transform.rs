//! Transforms that filter, refuse, route, hold and fail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use dendro_core::{Batch, FlushReason, Timestamp, Transform, TransformError};

use crate::plan::{Fate, Kind};
use crate::rng::mix;
use crate::world::{Flaw, World, id_of, ids_of};

pub(crate) struct SimTransform {
    pub(crate) world: Arc<World>,
    pub(crate) at: usize,
    pub(crate) held: BTreeMap<String, VecDeque<Batch>>,
    /// How often each event of a stream was counted.
    pub(crate) counted: BTreeMap<String, BTreeMap<u64, u64>>,
}

impl Transform for SimTransform {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let ids = ids_of(batch);
        self.break_on_purpose(batch, &ids);
        self.fail(batch, &ids)?;
        if let Kind::Hold(depth) = self.kind() {
            let stream = batch.stream().unwrap_or_default().to_owned();
            let held = self.held.entry(stream).or_default();
            held.push_back(std::mem::take(batch));
            if held.len() > depth {
                *batch = held.pop_front().unwrap_or_default();
            }
            return Ok(());
        }
        if self.kind() == Kind::Count {
            let stream = batch.stream().unwrap_or_default().to_owned();
            let counted = self.counted.entry(stream).or_default();
            ids.iter().for_each(|id| *counted.entry(*id).or_default() += 1);
        }
        batch.try_for_each(|mut event| {
            let id = id_of(event.view());
            match self.world.plan.fate(self.at, id) {
                Fate::Pass(port) => event.set_port(port),
                Fate::Filtered => {
                    let mut state = self.world.lock();
                    state.filtered.insert((self.at, id));
                    *state.this_run.filtered.entry(self.at).or_default() += 1;
                    event.remove();
                }
                Fate::Rejected => {
                    let mut state = self.world.lock();
                    state.refused.insert((name(self.at), id));
                    *state.this_run.rejected.entry(self.at).or_default() += 1;
                    event.reject("simulated");
                }
            }
            Ok(())
        })
    }

    fn ports(&self) -> Vec<String> {
        match self.kind() {
            Kind::Route(ports) => (0..ports).map(|port| format!("p{port}")).collect(),
            _ => vec!["p0".to_owned()],
        }
    }

    fn is_stateful(&self) -> bool {
        matches!(self.kind(), Kind::Hold(_) | Kind::Count)
    }

    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        let pairs = self.counted.get(stream)?.iter();
        Some(pairs.flat_map(|(id, n)| [id.to_le_bytes(), n.to_le_bytes()]).flatten().collect())
    }

    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        let state = if self.world.has(Flaw::LosesState) { BTreeMap::new() } else { decode(state) };
        self.counted.insert(stream.to_owned(), state);
        Ok(())
    }

    fn flush(
        &mut self,
        _reason: FlushReason,
        _now: Timestamp,
        out: &mut Batch,
    ) -> Result<(), TransformError> {
        if self.held.values().all(VecDeque::is_empty) {
            return Ok(());
        }
        self.fail(out, &[])?;
        for mut batch in std::mem::take(&mut self.held).into_values().flatten() {
            for event in batch.iter() {
                let (Some(schema), Some(origin)) = (event.schema(), event.origin()) else { continue };
                let (ty, origin) = (out.add_type(schema)?, out.add_origin(origin)?);
                let id = id_of(event).to_string();
                out.push_event(ty, origin, event.observed()).insert("message", id.as_str())?;
            }
            out.add_acks(batch.take_acks());
        }
        Ok(())
    }
}

impl SimTransform {
    fn kind(&self) -> Kind {
        self.world.plan.transforms[self.at].kind
    }

    /// Now and then fails on a batch that it has half changed, with an error or a panic.
    fn fail(&mut self, batch: &mut Batch, ids: &[u64]) -> Result<(), TransformError> {
        let plan = &self.world.plan;
        let mut state = self.world.lock();
        state.calls[self.at] += 1;
        let random = mix(mix(plan.seed ^ (self.at as u64 + 77)) ^ state.calls[self.at]);
        if random % 100 >= plan.transforms[self.at].fails {
            return Ok(());
        }
        state.note(20 + self.at as u64, ids);
        state.refused.extend(ids.iter().map(|id| (name(self.at), *id)));
        *state.this_run.rejected.entry(self.at).or_default() += ids.len() as u64;
        state.this_run.dropped_held |= matches!(self.kind(), Kind::Hold(_));
        drop(state);
        if !ids.is_empty() {
            batch.remove(0);
        }
        if random & 0x1000 == 0 {
            return Err(TransformError::new("simulated"));
        }
        // Without the hook that would print it.
        std::panic::resume_unwind(Box::new("simulated"))
    }

    fn break_on_purpose(&self, batch: &mut Batch, ids: &[u64]) {
        match self.world.flaw {
            Some(Flaw::SettlesEarly) => batch.take_acks().resolve(dendro_core::Outcome::Delivered),
            Some(Flaw::KeepsToken) => std::mem::forget(batch.acks().clone()),
            Some(Flaw::ForgetsEvent) if ids.len() > 1 => {
                let acks = batch.take_acks();
                *batch = batch.select(1..ids.len());
                batch.take_acks();
                batch.add_acks(acks);
            }
            Some(Flaw::Reorders) if ids.len() > 1 => {
                let acks = batch.take_acks();
                *batch = batch.select((0..ids.len()).rev());
                batch.take_acks();
                batch.add_acks(acks);
            }
            Some(Flaw::Duplicates) => {
                let acks = batch.take_acks();
                let texts = ids.iter().chain(ids).map(u64::to_string);
                let stream = batch.stream().unwrap_or_default().to_owned();
                *batch = dendro_test::batches::lines(&stream, 0, texts);
                batch.add_acks(acks);
            }
            _ => {}
        }
    }
}

pub(crate) fn name(transform: usize) -> String {
    format!("t{transform}")
}

/// A state, as it was stored.
pub(crate) fn decode(state: &[u8]) -> BTreeMap<u64, u64> {
    let numbers: Vec<u64> = state.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    numbers.as_chunks::<2>().0.iter().map(|[id, n]| (*id, *n)).collect()
}
