//! What the application feeds by hand: a [`MemoryHandle`] to send with, a [`MemorySource`] for the pipeline.
//!
//! ```
//! use dendro_core::pipeline::QueueLimits;
//! use dendro_core::{Event, Outcome, Output, Source, SourceContext, SystemClock};
//! use dendro_sources::memory;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (handle, mut source) = memory::channel();
//! let receipt = handle.send(Event::new("order").with("total", 12.5)).await?; // works before the pipeline runs
//!
//! // In an application the pipeline does this part.
//! let (out, sent) = Output::for_test(QueueLimits::default());
//! let (cx, _stop) = SourceContext::for_test("orders", std::sync::Arc::new(SystemClock));
//! tokio::spawn(async move { source.run(out, cx).await });
//! let mut batch = sent.recv().await.ok_or("no batch")?;
//! batch.take_acks().resolve(Outcome::Delivered);
//!
//! assert!(receipt.await.outcome.is_settled());
//! # Ok(()) }
//! ```

mod handle;
mod room;
mod source;

use std::sync::Arc;

use dendro_core::Schema;
use tokio::sync::{Semaphore, mpsc};

pub use handle::{MemoryHandle, Payload, Stopped, TrySendError};
use room::Room;
pub use source::MemorySource;

/// A handle and its source with the default [`Settings`].
pub fn channel() -> (MemoryHandle, MemorySource) {
    Settings::new().channel()
}

/// How much may wait in front of the source, and how it makes batches.
///
/// ```
/// let (handle, source) = dendro_sources::memory::Settings::new().max_events(1_000).channel();
/// assert!(!handle.is_closed());
/// # drop(source);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Settings {
    max_events: usize,
    max_bytes: usize,
    batch_events: usize,
    schemas: Vec<Arc<Schema>>,
}

impl Settings {
    /// 16,384 events, 4 MiB, batches of at most 1,000 events.
    pub const fn new() -> Self {
        Self { max_events: 16_384, max_bytes: 4 << 20, batch_events: 1_000, schemas: Vec::new() }
    }

    /// The most events that may wait. A batch with more is let in alone.
    pub const fn max_events(mut self, events: usize) -> Self {
        self.max_events = events;
        self
    }

    /// The most bytes that may wait; for owned events, about what they take in a batch. A batch with more is let
    /// in alone.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many single events, at the most, are put into one batch and so share one outcome. With 1 each event has an
    /// outcome of its own, at the price of a batch for each.
    pub const fn batch_events(mut self, events: usize) -> Self {
        self.batch_events = if events == 0 { 1 } else { events };
        self
    }

    /// Publishes the schema of a type of the events that are sent as [`Event`](dendro_core::Event)s.
    pub fn schema(mut self, schema: Schema) -> Self {
        self.schemas.push(Arc::new(schema));
        self
    }

    /// The handle and its source.
    pub fn channel(self) -> (MemoryHandle, MemorySource) {
        // The room is what limits: the channel itself never does.
        let (sender, items) = mpsc::channel(Semaphore::MAX_PERMITS);
        let room = Arc::new(Room::new(self.max_events, self.max_bytes));
        let handle = MemoryHandle { sender, room: room.clone() };
        (handle, MemorySource { items, room, batch_events: self.batch_events, schemas: self.schemas })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
