//! The sink that keeps everything, for tests and for applications that read it themselves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use dendro_core::{Batch, Event, Sink, SinkError, WriteContext, Written};
use tokio::sync::watch;

/// Collects events. A clone is a handle to the same ones.
///
/// It grows as long as nobody [takes](Self::take) from it, unless it is [`bounded`](Self::bounded).
///
/// ```
/// use dendro_core::{Batch, Event, Sink, WriteContext};
/// use dendro_sinks::MemorySink;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sink = MemorySink::new();
/// let handle = sink.clone();
/// let cx = WriteContext::new("1", 1, std::time::Duration::from_secs(1));
/// sink.write(&[Batch::from_events([&Event::new("deploy").with("ok", true)])?], &cx).await?;
/// assert_eq!(handle.wait_for(1).await[0].event_type, "deploy");
/// assert_eq!(handle.take().len(), 1);
/// assert!(handle.is_empty());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct MemorySink {
    shared: Arc<Shared>,
    max_events: usize,
}

#[derive(Debug)]
struct Shared {
    batches: Mutex<Vec<Batch>>,
    len: watch::Sender<usize>,
}

impl Default for MemorySink {
    fn default() -> Self {
        Self::new()
    }
}

impl MemorySink {
    /// A sink that keeps all it is given.
    pub fn new() -> Self {
        Self::bounded(usize::MAX)
    }

    /// A sink that keeps at most `max_events` until some are taken: the pipeline waits, and tries again.
    pub fn bounded(max_events: usize) -> Self {
        let shared = Shared { batches: Mutex::default(), len: watch::Sender::new(0) };
        Self { shared: Arc::new(shared), max_events }
    }

    /// How many events are there.
    pub fn len(&self) -> usize {
        *self.shared.len.borrow()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies of the events, in the order in which they came.
    pub fn events(&self) -> Vec<Event> {
        owned(&self.lock())
    }

    /// Takes the events out.
    pub fn take(&self) -> Vec<Event> {
        owned(&self.take_batches())
    }

    /// Takes the events out in the batches in which they came, without acknowledgements.
    pub fn take_batches(&self) -> Vec<Batch> {
        let mut batches = self.lock();
        self.shared.len.send_replace(0);
        std::mem::take(&mut *batches)
    }

    /// Copies of the events, as soon as there are at least `events` of them.
    ///
    /// # Cancel safety
    /// Nothing is taken out, so nothing is lost.
    pub async fn wait_for(&self, events: usize) -> Vec<Event> {
        let mut len = self.shared.len.subscribe();
        // The sender lives as long as `self`, so this is no error.
        let _ = len.wait_for(|len| *len >= events).await.is_ok();
        self.events()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.shared.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn owned(batches: &[Batch]) -> Vec<Event> {
    batches.iter().flat_map(|batch| batch.iter().map(|event| event.to_event())).collect()
}

#[async_trait]
impl Sink for MemorySink {
    async fn write(&self, batches: &[Batch], _cx: &WriteContext) -> Result<Written, SinkError> {
        let mut kept = self.lock();
        let mut room = self.max_events.saturating_sub(self.len());
        let mut number = 0;
        let mut full: Option<SinkError> = None;
        for batch in batches {
            let fits = room.min(batch.len());
            if fits == batch.len() {
                kept.push(batch.without_acks());
            } else {
                if fits > 0 {
                    let first = batch.iter().take(fits).map(|event| event.index());
                    kept.push(batch.select(first).without_acks());
                }
                let error = full.take().unwrap_or_else(|| SinkError::partial(self.full_message()));
                let late = number + fits..number + batch.len();
                full = Some(late.fold(error, |error, event| error.retry_event(event as u32)));
            }
            room -= fits;
            number += batch.len();
            self.shared.len.send_modify(|len| *len += fits);
        }
        full.map_or(Ok(Written::Durable), Err)
    }
}

impl MemorySink {
    fn full_message(&self) -> String {
        format!("the memory sink holds {} events, its most: take() makes room", self.max_events)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::time::Duration;

    use dendro_core::SinkErrorKind;

    use super::*;

    fn batch(names: &[&str]) -> Batch {
        let events: Vec<Event> = names.iter().map(|n| Event::new(*n)).collect();
        Batch::from_events(&events).unwrap()
    }

    fn cx() -> WriteContext {
        WriteContext::new("id", 1, Duration::from_secs(1))
    }

    fn types(events: &[Event]) -> Vec<&str> {
        events.iter().map(|e| e.event_type.as_str()).collect()
    }

    #[tokio::test]
    async fn events_are_kept_in_order_until_they_are_taken() {
        let sink = MemorySink::new();
        let handle = sink.clone();
        sink.write(&[batch(&["a", "b"]), batch(&["c"])], &cx()).await.unwrap();
        assert_eq!(types(&handle.events()), ["a", "b", "c"]);
        assert_eq!(types(&handle.take()), ["a", "b", "c"]);
        assert!(handle.events().is_empty());
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_last_event() {
        let sink = MemorySink::new();
        let handle = sink.clone();
        let waiting = tokio::spawn(async move { handle.wait_for(3).await.len() });
        sink.write(&[batch(&["a", "b"])], &cx()).await.unwrap();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        sink.write(&[batch(&["c"])], &cx()).await.unwrap();
        assert_eq!(waiting.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_full_sink_names_what_did_not_fit_and_takes_it_later() {
        let sink = MemorySink::bounded(3);
        let all = [batch(&["a", "b"]), batch(&["c", "d"]), batch(&["e"])];
        let error = sink.write(&all, &cx()).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Partial);
        assert_eq!(error.retry_events(), [3, 4]);
        assert_eq!(types(&sink.take()), ["a", "b", "c"]);
        sink.write(&[batch(&["d", "e"])], &cx()).await.unwrap();
        assert_eq!(types(&sink.events()), ["d", "e"]);
    }
}
