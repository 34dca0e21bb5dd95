//! How the events of a write end: delivered, in the dead letters, or with their source.

use std::collections::HashSet;

use super::Delivery;
use crate::pipeline::dead_letter::LetterWriter;
use crate::pipeline::stats::Counter;
use crate::{Acks, Batch, Outcome, SinkError};

impl Delivery {
    pub(super) fn settle(&self, acks: impl Iterator<Item = Acks>, events: u64, bytes: u64) {
        self.stats.written(events, bytes);
        let outcome = if self.dead_letters.is_some() { Outcome::Delivered } else { Outcome::DeadLettered };
        acks.for_each(|a| a.resolve(outcome));
    }

    /// Settles what a partial failure does not name, refuses what it rejects, drops what it drops, and gives what
    /// is to be written again.
    pub(super) async fn settle_partial(
        &self,
        group: Vec<Batch>,
        error: &SinkError,
        attempt: u32,
    ) -> Vec<Batch> {
        let retry: HashSet<u32> = error.retry_events().iter().copied().collect();
        let drop: HashSet<u32> = error.dropped().iter().copied().collect();
        let mut again = Vec::new();
        let mut first = 0u32;
        for mut batch in group {
            let len = batch.len() as u32;
            let mut letters = LetterWriter::new(&self.stats.name, self.clock.now(), attempt);
            let mut refused = HashSet::new();
            for (event, reason) in error.rejected() {
                let index = event.wrapping_sub(first);
                let new = index < len && !retry.contains(event) && refused.insert(index);
                if new && let Some(event) = batch.get(index as usize) {
                    letters.add(event, reason);
                }
            }
            let dropped = (0..len).filter(|i| {
                let event = first + i;
                drop.contains(&event) && !retry.contains(&event) && !refused.contains(i)
            });
            let dropped = dropped.count() as u64;
            // What can't be refused any further is tried again.
            let to_retry = |i: &u32| {
                retry.contains(&(first + i)) || (self.dead_letters.is_none() && refused.contains(i))
            };
            let part = batch.select((0..len).filter(to_retry).map(|i| i as usize));
            let retried = part.len() as u64;
            let acks = batch.take_acks();
            let mut written = u64::from(len) - retried;
            if let (Some(dead_letters), false) = (&self.dead_letters, refused.is_empty()) {
                self.stats.rejected.add(refused.len() as u64);
                written -= refused.len() as u64;
                // Closed means that the pipeline halts: the clone is dropped, and with it abandoned.
                let _ = dead_letters.send(letters.finish(), acks.clone()).await;
            }
            if dropped > 0 {
                self.stats.dropped.add(dropped);
                written -= dropped;
                acks.clone().resolve(Outcome::Dropped);
            }
            let bytes = batch.raw_bytes().saturating_sub(part.raw_bytes());
            self.settle([acks].into_iter(), written, bytes);
            if retried > 0 {
                again.push(part);
            } else {
                part_without_events(part);
            }
            first += len;
        }
        again
    }

    /// Sends all events of the group to the dead letters. `which` counts them by why, beside all that are rejected.
    pub(super) async fn refuse(
        &self,
        group: Vec<Batch>,
        reason: &str,
        attempt: u32,
        which: Option<&Counter>,
    ) {
        let Some(dead_letters) = &self.dead_letters else { return };
        for mut batch in group {
            let mut letters = LetterWriter::new(&self.stats.name, self.clock.now(), attempt);
            batch.iter().for_each(|event| letters.add(event, reason));
            let events = batch.len() as u64;
            self.stats.rejected.add(events);
            which.into_iter().for_each(|counter| counter.add(events));
            // Closed means that the pipeline halts: the tokens are dropped, and with them abandoned.
            let _ = dead_letters.send(letters.finish(), batch.take_acks()).await;
        }
    }

    pub(super) fn abandon(&self, group: &[Batch]) {
        self.stats.abandoned.add(group.iter().map(|b| b.len() as u64).sum());
    }
}

/// The selected part of a batch that turned out empty: nothing came of it.
fn part_without_events(mut part: Batch) {
    part.take_acks().resolve(Outcome::Delivered);
}
