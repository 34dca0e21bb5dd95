//! A source with several streams: sends, waits, rewinds what was abandoned, fails now and then.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use dendro_core::{Output, Receipt, Settlement, Snapshot, Source, SourceContext, SourceError};
use dendro_test::batches;

use crate::model;
use crate::plan::Node;
use crate::rng::Rng;
use crate::world::{Flaw, Snapshots, World, id};

pub(crate) struct SimSource {
    pub(crate) world: Arc<World>,
    pub(crate) at: usize,
    pub(crate) rng: Rng,
    /// Errors that may still happen in this run: a source that never gets on has no end.
    pub(crate) errors_left: u32,
}

struct Stream {
    next: u64,
    waiting: VecDeque<(Receipt, Range<u64>)>,
    /// Something of it was abandoned and can't be sent again in this run.
    broken: bool,
    /// Its next batch is the first behind the checkpoint.
    is_resumed: bool,
}

#[async_trait::async_trait]
impl Source for SimSource {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let world = self.world.clone();
        let plan = &world.plan.sources[self.at];
        let mut streams: Vec<Stream> = (0..plan.streams.len())
            .map(|stream| {
                let state = &world.lock().streams[&(self.at, stream)];
                let next = if plan.replays { state.checkpoint } else { state.sent };
                Stream { next, waiting: VecDeque::new(), broken: false, is_resumed: plan.replays }
            })
            .collect();
        while !cx.is_stopping() {
            for (number, stream) in streams.iter_mut().enumerate() {
                while let Some((settlement, range)) = stream.try_next() {
                    self.settled(number, stream, range, settlement, true);
                }
            }
            let unsent: Vec<usize> =
                (0..streams.len()).filter(|n| streams[*n].next < plan.streams[*n]).collect();
            if unsent.is_empty() {
                if streams.iter().all(|s| s.waiting.is_empty()) {
                    break;
                }
                if let Some((number, settlement, range)) = settlement(&mut streams, &cx).await {
                    self.settled(number, &mut streams[number], range, settlement, true);
                }
                continue;
            }
            if plan.pause_millis > 0 && self.rng.chance(50) {
                let pause = tokio::time::sleep(self.rng.millis(0, plan.pause_millis));
                let _ = race(pause, cx.stopping()).await;
            }
            if self.errors_left > 0 && self.rng.chance(plan.errors) {
                self.errors_left -= 1;
                return Err(SourceError::retry("simulated"));
            }
            let number = unsent[self.rng.below(unsent.len() as u64) as usize];
            let first = streams[number].next;
            let end = (first + self.rng.between(1, plan.max_batch)).min(plan.streams[number]);
            self.sent(number, first..end);
            let ids = (first..end).map(|n| id(self.at, number, n).to_string());
            let mut batch = batches::lines(&format!("s{}/{number}", self.at), first, ids);
            if std::mem::take(&mut streams[number].is_resumed) {
                let snapshots = resumed(&world.lock().streams[&(self.at, number)].snapshots);
                if !snapshots.is_empty() || !self.world.has(Flaw::ResumesSilently) {
                    batch.set_restore(snapshots);
                }
            }
            let Ok(receipt) = out.send(batch).await else { break };
            streams[number].next = end;
            streams[number].waiting.push_back((receipt, first..end));
        }
        drop(out);
        for (number, stream) in streams.iter_mut().enumerate() {
            while let Some((receipt, range)) = stream.waiting.pop_front() {
                let settlement = receipt.await;
                self.settled(number, stream, range, settlement, false);
            }
        }
        Ok(())
    }

    fn can_replay(&self) -> bool {
        self.world.plan.sources[self.at].replays
    }
}

impl SimSource {
    fn sent(&self, stream: usize, range: Range<u64>) {
        let mut state = self.world.lock();
        let ids: Vec<u64> = range.clone().map(|n| id(self.at, stream, n)).collect();
        state.note(10, &ids);
        ids.iter().for_each(|id| *state.sends.entry(*id).or_default() += 1);
        if let Some(stream) = state.streams.get_mut(&(self.at, stream)) {
            stream.sent = stream.sent.max(range.end);
            if self.world.has(Flaw::ChecksPointEarly) {
                stream.checkpoint = stream.checkpoint.max(range.end);
            }
        }
    }

    fn settled(
        &self,
        number: usize,
        stream: &mut Stream,
        range: Range<u64>,
        settlement: Settlement,
        may_send_again: bool,
    ) {
        let outcome = settlement.outcome;
        let mut state = self.world.lock();
        let ids: Vec<u64> = range.clone().map(|n| id(self.at, number, n)).collect();
        state.settled(&ids, outcome);
        if outcome.is_settled() {
            ids.iter().for_each(|id| model::accounted_for(&self.world, &mut state, self.at, *id, outcome));
            let Some(known) = state.streams.get_mut(&(self.at, number)).filter(|_| !stream.broken) else {
                return;
            };
            if range.start <= known.checkpoint {
                known.checkpoint = known.checkpoint.max(range.end);
                let told = settlement.snapshots.into_iter();
                known.snapshots.extend(told.map(|snapshot| (snapshot.component, snapshot.state)));
                let before = (0..known.checkpoint).map(|n| (id(self.at, number, n), 1)).collect();
                let stored = known.snapshots.clone();
                let feeder = (Node::Source(self.at), self.at);
                model::states_are_stored(&self.world, &mut state, feeder, &stored, &before);
            } else if self.world.plan.sources[self.at].replays {
                let text = format!("s{}/{number}: {range:?} came before its turn", self.at);
                state.violation(text);
            }
        } else if self.world.plan.sources[self.at].replays {
            match may_send_again {
                true => {
                    stream.next = range.start;
                    stream.is_resumed = true;
                    stream.waiting.clear();
                }
                false => stream.broken = true,
            }
        }
    }
}

impl Stream {
    fn try_next(&mut self) -> Option<(Settlement, Range<u64>)> {
        let settlement = self.waiting.front_mut()?.0.try_settle()?;
        self.waiting.pop_front().map(|(_, range)| (settlement, range))
    }
}

/// The next settlement of any stream; `None` if the source is to stop.
async fn settlement(streams: &mut [Stream], cx: &SourceContext) -> Option<(usize, Settlement, Range<u64>)> {
    let mut stopping = std::pin::pin!(cx.stopping());
    std::future::poll_fn(|task| {
        for (number, stream) in streams.iter_mut().enumerate() {
            let Some((receipt, _)) = stream.waiting.front_mut() else { continue };
            if let Poll::Ready(settlement) = Pin::new(receipt).poll(task) {
                let range = stream.waiting.pop_front().map(|(_, range)| range).unwrap_or_default();
                return Poll::Ready(Some((number, settlement, range)));
            }
        }
        stopping.as_mut().poll(task).map(|()| None)
    })
    .await
}

/// Stored states, as they go with a batch.
pub(crate) fn resumed(snapshots: &Snapshots) -> Vec<Snapshot> {
    let snapshot = |(component, state): (&String, &Vec<u8>)| Snapshot {
        component: component.clone(),
        state: state.clone(),
    };
    snapshots.iter().map(snapshot).collect()
}

/// Until one of the two is ready.
pub(crate) async fn race(a: impl Future<Output = ()>, b: impl Future<Output = ()>) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    std::future::poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => b.as_mut().poll(cx),
    })
    .await
}
