//! The application's end.

use std::fmt;
use std::sync::Arc;

use dendro_core::{Batch, Event, Receipt, Token, Value, acknowledgement};
use tokio::sync::{TryAcquireError, mpsc};

use super::room::{Item, Permits, Room};
use sealed::Content;

/// Sends events to its [`MemorySource`](super::MemorySource). Clones send to the same one, which ends when the last of them is dropped.
#[derive(Clone)]
pub struct MemoryHandle {
    pub(super) sender: mpsc::Sender<Item>,
    pub(super) room: Arc<Room>,
}

impl MemoryHandle {
    /// Sends an [`Event`] or a [`Batch`]; waits while there is no room. Works before the pipeline runs, too.
    ///
    /// The receipt resolves when all that came from it is settled. Single events that were sent at about the same time
    /// share a batch, and so the worst outcome of them; [`Settings::batch_events`](super::Settings::batch_events) changes that. Not to wait for the
    /// receipt is fine: `drop` it, and the pipeline delivers all the same.
    ///
    /// # Errors
    /// [`Stopped`] gives the events back if the pipeline stops or has stopped.
    ///
    /// # Cancel safety
    /// If it is dropped while it waits, nothing was accepted.
    pub async fn send<T: Payload>(&self, events: T) -> Result<Receipt, Stopped<T>> {
        let (count, bytes) = events.weight();
        let Some(permits) = self.room.enter(count, bytes).await else { return Err(Stopped(events)) };
        self.push(events, permits)
    }

    /// [`send`](Self::send), if there is room now.
    ///
    /// ```
    /// use dendro_core::Event;
    /// use dendro_sources::memory::{Settings, TrySendError};
    /// let (handle, _source) = Settings::new().max_events(1).channel();
    /// let _receipt = handle.try_send(Event::new("first")).unwrap();
    /// let Err(TrySendError::Full(event)) = handle.try_send(Event::new("second")) else { panic!() };
    /// assert_eq!(event.event_type, "second");
    /// ```
    ///
    /// # Errors
    /// [`TrySendError`] gives the events back.
    pub fn try_send<T: Payload>(&self, events: T) -> Result<Receipt, TrySendError<T>> {
        let (count, bytes) = events.weight();
        match self.room.try_enter(count, bytes) {
            Ok(permits) => {
                self.push(events, permits).map_err(|Stopped(events)| TrySendError::Stopped(events))
            }
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(events)),
            Err(TryAcquireError::Closed) => Err(TrySendError::Stopped(events)),
        }
    }

    /// Whether the source takes nothing any more.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Resolves when the source takes nothing any more.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }

    fn push<T: Payload>(&self, events: T, permits: Permits) -> Result<Receipt, Stopped<T>> {
        // A slot that was got is honoured even if the source closes now, so the events can't vanish in between.
        let Ok(slot) = self.sender.try_reserve() else { return Err(Stopped(events)) };
        let (token, receipt) = acknowledgement();
        slot.send(Item { content: events.into_content(token), _permits: permits });
        Ok(receipt)
    }
}

impl fmt::Debug for MemoryHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryHandle").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// What a [`MemoryHandle`] sends: an [`Event`] or a [`Batch`].
///
/// A batch goes on as it is, with its own schemas and origins; an event gets the origin of the source, and if its
/// `observed` is the epoch, the time at which the source takes it up.
pub trait Payload: sealed::Sealed {}

impl Payload for Event {}
impl Payload for Batch {}

pub(super) mod sealed {
    use dendro_core::{Batch, Event, Token};

    /// What waits for the source.
    pub enum Content {
        Event(Event, Token),
        Batch(Box<Batch>),
    }

    pub trait Sealed: Sized {
        /// Events and bytes.
        fn weight(&self) -> (usize, usize);
        fn into_content(self, token: Token) -> Content;
    }
}

impl sealed::Sealed for Event {
    fn weight(&self) -> (usize, usize) {
        const HEAD: usize = 48;
        let fields = self.fields.iter().map(|(name, value)| name.len() + value_bytes(value));
        (1, HEAD + self.event_type.len() + fields.sum::<usize>())
    }

    fn into_content(self, token: Token) -> Content {
        Content::Event(self, token)
    }
}

impl sealed::Sealed for Batch {
    fn weight(&self) -> (usize, usize) {
        (self.len(), self.retained_bytes())
    }

    fn into_content(mut self, token: Token) -> Content {
        self.add_acks(token.into());
        Content::Batch(Box::new(self))
    }
}

/// The source has stopped and takes nothing any more; here are the events again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped<T>(pub T);

impl<T> fmt::Display for Stopped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory source has stopped: the events were not accepted")
    }
}

impl<T: fmt::Debug> std::error::Error for Stopped<T> {}

/// Why [`MemoryHandle::try_send`] has not accepted the events; here they are again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// There is no room now.
    Full(T),
    /// The source has stopped and takes nothing any more.
    Stopped(T),
}

impl<T> TrySendError<T> {
    /// The events.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(events) | Self::Stopped(events) => events,
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the memory source is full: the events were not accepted",
            Self::Stopped(_) => "the memory source has stopped: the events were not accepted",
        })
    }
}

impl<T: fmt::Debug> std::error::Error for TrySendError<T> {}

/// About what a value takes in a batch.
fn value_bytes(value: &Value) -> usize {
    const ENTRY: usize = 16;
    ENTRY
        + match value {
            Value::Str(v) => v.len(),
            Value::Bytes(v) => v.len(),
            Value::Histogram(v) => v.encode().len(),
            Value::Sketch(v) => v.encode().len(),
            Value::Array(values) => values.iter().map(value_bytes).sum(),
            Value::Object(object) => object.iter().map(|(k, v)| k.len() + value_bytes(v)).sum(),
            _ => 0,
        }
}
