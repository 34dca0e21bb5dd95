//! Putting batches together to writes.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::Delivery;
use crate::pipeline::control::{Either, first};
use crate::{Batch, Outcome};

impl Delivery {
    /// The batches of the next write; `None` when there are no more.
    pub(super) async fn collect(&self, waiting: &mut VecDeque<Batch>) -> Option<Vec<Batch>> {
        let (mut group, mut events, mut bytes) = (Vec::new(), 0, 0);
        let mut deadline = None;
        loop {
            let next = match waiting.pop_front() {
                Some(batch) => Some(batch),
                None => match self.next_batch(deadline).await {
                    Either::First(Some(batch)) => {
                        waiting.extend(split(batch, self.settings.max_events));
                        waiting.pop_front()
                    }
                    Either::First(None) | Either::Second(()) => None,
                },
            };
            let Some(batch) = next else { return (!group.is_empty()).then_some(group) };
            let weight = (batch.len(), batch.retained_bytes());
            let full =
                events + weight.0 > self.settings.max_events || bytes + weight.1 > self.settings.max_bytes;
            if full && !group.is_empty() {
                waiting.push_front(batch);
                return Some(group);
            }
            events += weight.0;
            bytes += weight.1;
            group.push(batch);
            if events >= self.settings.max_events || bytes >= self.settings.max_bytes {
                return Some(group);
            }
            deadline = deadline.or(Some(Instant::now() + self.settings.linger));
        }
    }

    /// Cancel safe.
    async fn next_batch(&self, deadline: Option<Instant>) -> Either<Option<Batch>, ()> {
        let pop = async {
            let mut item = self.queue.pop(0).await?;
            while item.batch.is_empty() && !(item.batch.is_resumed() && self.passes_restored) {
                // It has only brought a stream's state past the transforms before.
                item.batch.take_acks().resolve(Outcome::Delivered);
                item = self.queue.pop(0).await?;
            }
            self.stats.events_in.add(item.batch.len() as u64);
            self.stats.bytes_in.add(item.batch.raw_bytes());
            Some(item.batch)
        };
        match deadline {
            None => Either::First(pop.await),
            Some(_) if self.settings.linger.is_zero() => first(pop, std::future::ready(())).await,
            Some(at) => first(pop, tokio::time::sleep_until(at)).await,
        }
    }
}

/// Pieces of at most `max_events`.
fn split(mut batch: Batch, max_events: usize) -> Vec<Batch> {
    let max_events = max_events.max(1);
    if batch.len() <= max_events {
        return vec![batch];
    }
    let indices: Vec<usize> = batch.iter().map(|e| e.index()).collect();
    let mut parts: Vec<Batch> =
        indices.chunks(max_events).map(|chunk| batch.select(chunk.iter().copied())).collect();
    if let Some(first) = parts.first_mut().filter(|_| batch.is_resumed()) {
        first.set_restore(batch.restore().to_vec());
    }
    batch.take_acks().resolve(Outcome::Delivered);
    parts
}
