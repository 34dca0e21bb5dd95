//! A sink that breaks the contract on purpose, around one that keeps it: what the harness has to notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use dendro::{Batch, CommitReason, Committed, Sink, SinkError, SinkSettings, WriteContext, Written};
use dendro_crash::setup::Broken;
use tokio::sync::Mutex;

/// For how long an event that is said to be durable is not.
const LATE: Duration = Duration::from_millis(40);
/// Each write of that number has the fault.
const EVERY: u64 = 5;

/// A sink with one of the faults.
pub(crate) struct BrokenSink<S> {
    sink: Arc<S>,
    broken: Broken,
    writes: AtomicU64,
    kept_back: Mutex<Vec<Batch>>,
}

impl<S: Sink> BrokenSink<S> {
    pub(crate) fn new(sink: S, broken: Broken) -> Self {
        Self { sink: Arc::new(sink), broken, writes: AtomicU64::new(0), kept_back: Mutex::default() }
    }

    /// Says that it is done, and does it later.
    fn write_late(&self, batches: &[Batch], cx: &WriteContext) {
        let (sink, batches, cx) = (self.sink.clone(), copies(batches), cx.clone());
        tokio::spawn(async move {
            tokio::time::sleep(LATE).await;
            while sink.write(&batches, &cx).await.is_err() {
                tokio::time::sleep(LATE).await;
            }
        });
    }

    async fn write_all_but_one(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let mut fewer = copies(batches);
        if let Some(last) = fewer.last_mut() {
            *last = last.select(0..last.len().saturating_sub(1));
        }
        fewer.retain(|batch| !batch.is_empty());
        if fewer.is_empty() { Ok(Written::Durable) } else { self.sink.write(&fewer, cx).await }
    }

    async fn write_altered(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let mut others = copies(batches);
        if let Some(mut event) = others.first_mut().and_then(|batch| batch.get_mut(0)) {
            let _ = event.insert("http_user_agent", "somebody else");
        }
        self.sink.write(&others, cx).await
    }

    /// Writes what was kept back, behind what came later.
    async fn release(&self) -> Result<(), SinkError> {
        let late = std::mem::take(&mut *self.kept_back.lock().await);
        if !late.is_empty() {
            let n = self.writes.load(Ordering::Relaxed);
            let cx = WriteContext::new(format!("late-{n}"), 1, LATE);
            self.sink.write(&late, &cx).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl<S: Sink> Sink for BrokenSink<S> {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let has_fault = self.writes.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1;
        if !has_fault {
            let written = self.sink.write(batches, cx).await?;
            self.release().await?;
            return Ok(written);
        }
        match self.broken {
            Broken::EarlyAck => {
                self.write_late(batches, cx);
                Ok(Written::Durable)
            }
            Broken::LostEvent => self.write_all_but_one(batches, cx).await,
            Broken::Twice => {
                self.sink.write(batches, cx).await?;
                let again = WriteContext::new(format!("{}-again", cx.id()), 1, cx.remaining());
                self.sink.write(batches, &again).await
            }
            Broken::Altered => self.write_altered(batches, cx).await,
            Broken::Swapped => {
                self.kept_back.lock().await.extend(copies(batches));
                Ok(Written::Durable)
            }
        }
    }

    async fn commit(&self, reason: CommitReason) -> Result<Committed, SinkError> {
        if reason == CommitReason::Drain {
            self.release().await?;
        }
        self.sink.commit(reason).await
    }

    fn settings(&self) -> SinkSettings {
        self.sink.settings()
    }
}

fn copies(batches: &[Batch]) -> Vec<Batch> {
    batches.iter().map(Batch::without_acks).collect()
}
