//! The sink that keeps nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use dendro_core::{Batch, Sink, SinkError, WriteContext, Written};

/// Counts what it is given and lets go of it. A clone reads the same counts.
///
/// ```
/// use dendro_core::{Batch, Event, Sink, WriteContext};
/// use dendro_sinks::BlackholeSink;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sink = BlackholeSink::new();
/// let counts = sink.clone();
/// sink.write(&[Batch::from_events([&Event::new("a")])?], &WriteContext::new("1", 1, std::time::Duration::from_secs(1))).await?;
/// assert_eq!(counts.events(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct BlackholeSink(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    events: AtomicU64,
    bytes: AtomicU64,
}

impl BlackholeSink {
    /// A sink that has counted nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events it was given.
    pub fn events(&self) -> u64 {
        self.0.events.load(Ordering::Relaxed)
    }

    /// How many bytes of raw text they had.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Sink for BlackholeSink {
    async fn write(&self, batches: &[Batch], _cx: &WriteContext) -> Result<Written, SinkError> {
        for batch in batches {
            self.0.events.fetch_add(batch.len() as u64, Ordering::Relaxed);
            self.0.bytes.fetch_add(batch.raw_bytes(), Ordering::Relaxed);
        }
        Ok(Written::Durable)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use dendro_core::{RecordRow, Timestamp};

    use super::*;

    #[tokio::test]
    async fn every_clone_reads_events_and_raw_bytes() {
        let mut batch = Batch::new(Bytes::from_static(b"one\nthree\n")).unwrap();
        let record = RecordRow { ty: 0, origin: 0, observed: Timestamp::EPOCH };
        batch.push_record(0..3, 0, record);
        batch.push_record(4..9, 4, record);
        let sink = BlackholeSink::new();
        let handle = sink.clone();
        let cx = WriteContext::new("a", 1, Duration::from_secs(1));
        assert_eq!(sink.write(&[batch.clone(), batch], &cx).await.unwrap(), Written::Durable);
        assert_eq!((handle.events(), handle.bytes()), (4, 16));
    }
}
