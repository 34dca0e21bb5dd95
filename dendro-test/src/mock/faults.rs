//! Faults around a sink.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::{Batch, CommitReason, Committed, Sink, SinkError, SinkSettings, WriteContext, Written};

use super::lock;
use crate::batches;

/// What goes wrong with one write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    None,
    /// It takes this long.
    Slow(Duration),
    /// Nothing is written: try again.
    Retry,
    /// Nothing is written: try again, not before this much time has passed.
    RetryAfter(Duration),
    /// All is written, but the answer says to try again.
    WriteThenRetry,
    /// Nothing is written, and the call does not come back until it is cancelled.
    Hang,
    /// All is written, and the call does not come back until it is cancelled.
    WriteThenHang,
    /// Panics before anything is written.
    Panic,
    /// Panics in the midst of the write: after it was polled once.
    PanicMidway,
    /// These events, numbered across the write, are to be tried again, those are rejected, the others are written.
    Partial {
        /// To be tried again.
        retry: Vec<u32>,
        /// Rejected.
        reject: Vec<u32>,
    },
    /// All events are rejected.
    Reject,
    /// The sink can't go on.
    Fatal,
}

/// One call of [`Sink::write`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRecord {
    /// [`WriteContext::id`].
    pub id: String,
    /// [`WriteContext::attempt`].
    pub attempt: u32,
    /// The [`id`](batches::id)s of the events.
    pub events: Vec<String>,
    /// What went wrong.
    pub fault: Fault,
}

/// The calls that a [`FaultySink`] has had, in order.
#[derive(Clone, Default)]
pub struct WriteLog {
    records: Arc<Mutex<Vec<WriteRecord>>>,
}

impl WriteLog {
    /// So far.
    pub fn records(&self) -> Vec<WriteRecord> {
        lock(&self.records).clone()
    }
}

/// Puts faults around a sink, one for each write: by a script, and when that has ended by a seed.
pub struct FaultySink<S> {
    inner: S,
    plan: Mutex<Plan>,
    log: WriteLog,
}

struct Plan {
    script: VecDeque<Fault>,
    seeded: Option<Seeded>,
}

struct Seeded {
    state: u64,
    percent: u64,
    faults: Vec<Fault>,
}

impl<S: Sink> FaultySink<S> {
    /// Without faults so far.
    pub fn new(inner: S) -> Self {
        let plan = Plan { script: VecDeque::new(), seeded: None };
        Self { inner, plan: Mutex::new(plan), log: WriteLog::default() }
    }

    /// The next writes have these faults, one each.
    pub fn then(self, faults: impl IntoIterator<Item = Fault>) -> Self {
        lock(&self.plan).script.extend(faults);
        self
    }

    /// The next `n` writes have this fault.
    pub fn times(self, n: usize, fault: Fault) -> Self {
        self.then(std::iter::repeat_n(fault, n))
    }

    /// Behind the script, about `percent` of the writes have one of `faults`: the same ones for the same seed.
    pub fn seeded(self, seed: u64, percent: u64, faults: impl IntoIterator<Item = Fault>) -> Self {
        let faults = faults.into_iter().collect();
        lock(&self.plan).seeded = Some(Seeded { state: seed, percent, faults });
        self
    }

    /// The calls that it will have.
    pub fn log(&self) -> WriteLog {
        self.log.clone()
    }

    fn next_fault(&self) -> Fault {
        let mut plan = lock(&self.plan);
        plan.script.pop_front().or_else(|| plan.seeded.as_mut().and_then(Seeded::next)).unwrap_or(Fault::None)
    }
}

impl Seeded {
    fn next(&mut self) -> Option<Fault> {
        let happens = self.random() % 100 < self.percent;
        let which = self.random() as usize % self.faults.len().max(1);
        self.faults.get(which).filter(|_| happens).cloned()
    }

    /// `splitmix64`.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[async_trait]
impl<S: Sink> Sink for FaultySink<S> {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let fault = self.next_fault();
        lock(&self.log.records).push(WriteRecord {
            id: cx.id().to_owned(),
            attempt: cx.attempt(),
            events: batches.iter().flat_map(batches::ids_of).collect(),
            fault: fault.clone(),
        });
        match fault {
            Fault::None => self.inner.write(batches, cx).await,
            Fault::Slow(time) => {
                tokio::time::sleep(time).await;
                self.inner.write(batches, cx).await
            }
            Fault::Retry => Err(SinkError::retry("a fault: try again")),
            Fault::RetryAfter(delay) => Err(SinkError::retry("a fault: try again later").after(delay)),
            Fault::WriteThenRetry => {
                let _ = self.inner.write(batches, cx).await?;
                Err(SinkError::retry("a fault: the answer was lost"))
            }
            Fault::Hang => std::future::pending().await,
            Fault::WriteThenHang => {
                let _ = self.inner.write(batches, cx).await?;
                std::future::pending().await
            }
            Fault::Panic => panic!("a fault: panic in a write"),
            Fault::PanicMidway => {
                let mut write = self.inner.write(batches, cx);
                let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(write.as_mut().poll(cx))).await;
                drop((polled.is_ready(), write));
                panic!("a fault: panic in the midst of a write")
            }
            Fault::Partial { retry, reject } => self.partial(batches, cx, &retry, &reject).await,
            Fault::Reject => Err(SinkError::reject_all("a fault: rejected")),
            Fault::Fatal => Err(SinkError::fatal("a fault: the sink can't go on")),
        }
    }

    async fn commit(&self, reason: CommitReason) -> Result<Committed, SinkError> {
        self.inner.commit(reason).await
    }

    fn settings(&self) -> SinkSettings {
        self.inner.settings()
    }
}

impl<S: Sink> FaultySink<S> {
    async fn partial(
        &self,
        batches: &[Batch],
        cx: &WriteContext,
        retry: &[u32],
        reject: &[u32],
    ) -> Result<Written, SinkError> {
        let (mut first, mut rest) = (0u32, Vec::new());
        for batch in batches {
            let len = batch.len() as u32;
            let kept = (first..first + len).filter(|n| !retry.contains(n) && !reject.contains(n));
            let part = batch.without_acks().select(kept.map(|n| (n - first) as usize));
            rest.extend((!part.is_empty()).then_some(part));
            first += len;
        }
        if !rest.is_empty() {
            let written = self.inner.write(&rest, cx).await?;
            assert_eq!(
                written,
                Written::Durable,
                "a partial failure can't say what is staged: use a durable sink"
            );
        }
        let mut error = SinkError::partial("a fault: some events failed");
        for n in retry.iter().filter(|n| **n < first) {
            error = error.retry_event(*n);
        }
        for n in reject.iter().filter(|n| **n < first) {
            error = error.reject(*n, "a fault: rejected");
        }
        Err(error)
    }
}
