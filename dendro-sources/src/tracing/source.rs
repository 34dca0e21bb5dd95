//! The half that sits in the pipeline.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::{
    Batch, Output, Receipts, Schema, Settlement, Severity, Source, SourceContext, SourceError,
};

use super::buffer::{Buffer, Chunk};
use super::decode::{Decoder, Open};
use super::layer::Local;
use super::{Recorded, TracingStats};

/// When a batch is large enough.
const BATCH_EVENTS: usize = 8_192;
const BATCH_BYTES: usize = 1 << 20;

/// Brings in what its [`TracingLayer`](super::TracingLayer) has recorded, in the order in which it happened.
///
/// Ends when the layer is dropped, or when the pipeline stops: then it sends what was recorded before. It can't
/// replay.
pub struct TracingSource {
    buffer: Arc<Buffer>,
    linger: Duration,
    decoder: Decoder,
    taken: Taken,
    reported_shed: u64,
}

/// Records on their way from the buffer into batches.
#[derive(Default)]
struct Taken {
    chunks: Vec<Chunk>,
    /// Number, chunk and place in it, by the number.
    order: Vec<(u64, u32, u32)>,
    at: usize,
}

impl TracingSource {
    pub(super) fn new(buffer: Arc<Buffer>, linger: Duration, record: Recorded) -> Self {
        Self { buffer, linger, decoder: Decoder::new(record), taken: Taken::default(), reported_shed: 0 }
    }

    /// What its layer has recorded and shed so far.
    pub fn stats(&self) -> TracingStats {
        TracingStats(self.buffer.clone())
    }
}

#[async_trait]
impl Source for TracingSource {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let mut receipts = Receipts::new();
        let mut ending = false;
        while !ending {
            ending = self.wait(&cx, &mut receipts).await;
            if ending {
                self.buffer.close();
            }
            self.taken.take(&self.buffer, ending);
            while let Some((batch, weight)) = self.next_batch(&cx)? {
                let events = batch.len();
                let sent = out.send(batch).await;
                self.buffer.release(weight);
                match sent {
                    Ok(receipt) => receipts.push(receipt, events),
                    Err(closed) => {
                        self.buffer.close();
                        return Err(closed.into());
                    }
                }
                // Not to report for ever what is shed while the reports are sent.
                if self.taken.order.is_empty() {
                    break;
                }
            }
            tokio::task::consume_budget().await;
        }
        receipts.drain(out, |events, settlement| settled(&cx, events, &settlement)).await;
        Ok(())
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.decoder.log.clone(), self.decoder.span.clone()]
    }
}

impl TracingSource {
    /// Waits until there is something to send; says whether it is the last time.
    async fn wait(&self, cx: &SourceContext, receipts: &mut Receipts<usize>) -> bool {
        while self.buffer.pending() == 0 && self.buffer.shed() == self.reported_shed {
            if self.buffer.is_finished() {
                return true;
            }
            tokio::select! {
                () = cx.stopping() => return true,
                () = self.buffer.woken() => {}
                (events, settlement) = receipts.next() => settled(cx, events, &settlement),
            }
        }
        let linger = tokio::time::sleep(self.linger);
        tokio::pin!(linger);
        // A timer takes a millisecond at least.
        while !self.linger.is_zero() && !self.buffer.is_half_full() {
            if self.buffer.is_finished() {
                return true;
            }
            tokio::select! {
                () = cx.stopping() => return true,
                () = &mut linger => return false,
                () = self.buffer.woken() => {}
                (events, settlement) = receipts.next() => settled(cx, events, &settlement),
            }
        }
        // Room that is reserved and not yet written to can't be taken: lets those who write get on.
        tokio::task::yield_now().await;
        cx.is_stopping() || self.buffer.is_finished()
    }

    /// The next batch of what was taken, and what it counts for in the buffer.
    fn next_batch(&mut self, cx: &SourceContext) -> Result<Option<(Batch, usize)>, SourceError> {
        let Self { taken, decoder, .. } = self;
        let mut open: Option<Open> = None;
        let mut lost = 0;
        // Nothing that happens in here is recorded.
        let filled = Local::use_now(|_| {
            while let Some(record) = taken.peek() {
                let batch = match &mut open {
                    Some(batch) => batch,
                    None => open.insert(decoder.open(cx)?),
                };
                if batch.batch.len() >= BATCH_EVENTS || batch.weight >= BATCH_BYTES {
                    break;
                }
                if let Err(full) = decoder.add(record, batch) {
                    if !batch.batch.is_empty() {
                        break;
                    }
                    cx.report(Severity::Error, format!("an event of the application fits no batch: {full}"));
                    lost += record.weight();
                }
                taken.at += 1;
            }
            Ok::<_, SourceError>(())
        });
        filled.transpose()?;
        self.buffer.release(lost);
        if self.taken.peek().is_none() {
            self.taken.finish();
            self.report_shed(cx, &mut open)?;
        }
        Ok(open.filter(|open| !open.batch.is_empty()).map(|open| (open.batch, open.weight)))
    }

    /// Adds an event that says how much was shed since the last one.
    fn report_shed(&mut self, cx: &SourceContext, open: &mut Option<Open>) -> Result<(), SourceError> {
        let shed = self.buffer.shed();
        if shed == self.reported_shed {
            return Ok(());
        }
        let batch = match open {
            Some(batch) => batch,
            None => open.insert(self.decoder.open(cx)?),
        };
        // If there is no room for it now, there will be in the next one.
        if batch.add_shed(shed - self.reported_shed, self.buffer.capacity(), cx.now()).is_ok() {
            self.reported_shed = shed;
        }
        Ok(())
    }
}

impl Taken {
    /// Takes what is in the buffer: all of it at the end, else what has no gaps.
    fn take(&mut self, buffer: &Buffer, all: bool) {
        let complete = buffer.take(&mut self.chunks);
        let complete = if all { u64::MAX } else { complete };
        for (chunk, records) in (0..).zip(&self.chunks) {
            let ready = (0..).zip(records.numbers()).take_while(|(_, seq)| *seq < complete);
            self.order.extend(ready.map(|(place, seq)| (seq, chunk, place)));
        }
        self.order.sort_unstable();
        self.at = 0;
    }

    fn peek(&self) -> Option<super::buffer::Record<'_>> {
        let (_, chunk, place) = *self.order.get(self.at)?;
        self.chunks.get(chunk as usize)?.get(place as usize)
    }

    /// Forgets what is in batches now.
    fn finish(&mut self) {
        let mut used = vec![0; self.chunks.len()];
        for (_, chunk, _) in self.order.drain(..) {
            used[chunk as usize] += 1;
        }
        for (chunk, used) in self.chunks.iter_mut().zip(used) {
            chunk.consume(used);
        }
        self.at = 0;
    }
}

fn settled(cx: &SourceContext, events: usize, settlement: &Settlement) {
    if !settlement.outcome.is_settled() {
        cx.report(
            Severity::Warning,
            format!("{events} events of the application were abandoned and are lost"),
        );
    }
}

impl Drop for TracingSource {
    fn drop(&mut self) {
        self.buffer.close();
    }
}

impl std::fmt::Debug for TracingSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracingSource").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
