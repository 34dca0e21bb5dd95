//! The pipeline's end.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use dendro_core::{
    Acks, Batch, BatchFull, Event, Outcome, Output, Receipts, Schema, Severity, Source, SourceContext,
    SourceError, Timestamp,
};
use tokio::sync::mpsc;

use super::handle::sealed::Content;
use super::room::{Item, Permits, Room};

/// Brings in what its [`MemoryHandle`](super::MemoryHandle)s send.
///
/// Ends when all handles are dropped, or when the pipeline stops: then it takes nothing more, and sends on what it had
/// accepted. What it has to leave behind resolves as [abandoned](Outcome::Abandoned). It can't replay:
/// the application has the receipts, and knows what to send again.
pub struct MemorySource {
    pub(super) items: mpsc::Receiver<Item>,
    pub(super) room: Arc<Room>,
    pub(super) batch_events: usize,
    pub(super) schemas: Vec<Arc<Schema>>,
}

#[async_trait]
impl Source for MemorySource {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let mut receipts = Receipts::new();
        let mut items = Vec::new();
        let mut stopping = false;
        loop {
            tokio::select! {
                () = cx.stopping(), if !stopping => {
                    stopping = true;
                    self.close();
                }
                _ = receipts.next() => {}
                taken = self.items.recv_many(&mut items, self.batch_events) => {
                    if taken == 0 {
                        break;
                    }
                    for (batch, _permits) in self.pack(&mut items, &cx) {
                        match out.send(batch).await {
                            Ok(receipt) => receipts.push(receipt, ()),
                            Err(closed) => {
                                self.abandon();
                                return Err(closed.into());
                            }
                        }
                    }
                }
            }
        }
        self.close();
        receipts.drain(out, |(), _| {}).await;
        Ok(())
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        self.schemas.clone()
    }
}

impl MemorySource {
    fn close(&mut self) {
        self.room.close();
        self.items.close();
    }

    /// Drops what waits: its tokens say so.
    fn abandon(&mut self) {
        self.close();
        while self.items.try_recv().is_ok() {}
    }

    /// The items as batches in order: neighbouring events share one.
    fn pack(&self, items: &mut Vec<Item>, cx: &SourceContext) -> Vec<(Batch, Vec<Permits>)> {
        let mut packed = Vec::new();
        let mut open = Open::default();
        for Item { content, _permits: permits } in items.drain(..) {
            match content {
                Content::Batch(batch) => {
                    open.finish(&mut packed);
                    packed.push((*batch, vec![permits]));
                }
                Content::Event(event, token) => {
                    let mut added = open.add(&event, &self.schemas, cx);
                    if added.is_err() && !open.batch.is_empty() {
                        open.finish(&mut packed);
                        added = open.add(&event, &self.schemas, cx);
                    }
                    match added {
                        Ok(()) => {
                            open.acks.push(token);
                            open.permits.push(permits);
                        }
                        Err(full) => {
                            cx.report(
                                Severity::Error,
                                format!("an event of type {} fits no batch: {full}", event.event_type),
                            );
                            token.resolve(Outcome::Abandoned);
                        }
                    }
                }
            }
        }
        open.finish(&mut packed);
        packed
    }
}

impl Drop for MemorySource {
    fn drop(&mut self) {
        // Wakes those that wait for room.
        self.room.close();
    }
}

impl fmt::Debug for MemorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySource").field("waiting", &self.items.len()).finish_non_exhaustive()
    }
}

/// The batch that single events are put into.
#[derive(Default)]
struct Open {
    batch: Batch,
    acks: Acks,
    permits: Vec<Permits>,
}

impl Open {
    fn add(&mut self, event: &Event, schemas: &[Arc<Schema>], cx: &SourceContext) -> Result<(), BatchFull> {
        let batch = &mut self.batch;
        let origin = batch.add_origin(&cx.origin(None))?;
        let is_named = |s: &&Arc<Schema>| s.name == event.event_type;
        let schema = batch.schemas().iter().chain(schemas).find(is_named).cloned();
        let schema = schema.unwrap_or_else(|| Arc::new(Schema::new(event.event_type.clone())));
        let ty = batch.add_type(&schema)?;
        let observed = if event.observed == Timestamp::EPOCH { cx.now() } else { event.observed };
        let before = batch.end_index();
        let mut target = batch.push_event(ty, origin, observed);
        target.set_time(event.time);
        let filled = event.fields.iter().try_for_each(|(name, value)| target.insert(name, value));
        if filled.is_err() {
            batch.revert(before);
        }
        filled
    }

    fn finish(&mut self, packed: &mut Vec<(Batch, Vec<Permits>)>) {
        let Self { mut batch, acks, permits } = std::mem::take(self);
        if !batch.is_empty() {
            batch.add_acks(acks);
            packed.push((batch, permits));
        }
    }
}
