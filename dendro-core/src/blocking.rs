//! For sinks whose work waits for a device: state that is only touched on blocking threads, by one call at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Batch, SinkError, WriteContext};

/// Runs closures over a state on tokio's blocking threads, one at a time.
///
/// A closure that was begun runs to its end, also when the future that waits for it is dropped; whoever comes
/// next waits for it without holding a thread.
pub struct Exclusive<S>(Arc<Mutex<S>>);

impl<S: Send + 'static> Exclusive<S> {
    /// Over this state.
    pub fn new(state: S) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    /// Runs it, after those that came before.
    ///
    /// # Errors
    /// To be tried again, if the closure panics or the runtime is shutting down.
    pub async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S) -> R + Send + 'static,
    ) -> Result<R, SinkError> {
        let mut state = self.0.clone().lock_owned().await;
        let task = tokio::task::spawn_blocking(move || work(&mut state));
        task.await.map_err(|e| SinkError::retry(format!("writing was interrupted: {e}")).with_source(e))
    }
}

/// What became of the last writes, by their id, so that a write whose outcome did not reach the driver is answered
/// instead of done again.
pub struct Finished<T> {
    kept: VecDeque<(String, usize, T)>,
}

/// More than may sensibly be in flight at once.
const KEPT: usize = 32;

impl<T> Default for Finished<T> {
    fn default() -> Self {
        Self { kept: VecDeque::new() }
    }
}

impl<T> Finished<T> {
    /// What became of the write with this id and as many events.
    pub fn find(&self, id: &str, events: usize) -> Option<&T> {
        self.kept.iter().find(|(i, n, _)| i == id && *n == events).map(|(_, _, outcome)| outcome)
    }

    /// Remembers it; after some dozens of later writes it is forgotten.
    pub fn remember(&mut self, id: &str, events: usize, outcome: T) {
        self.kept.retain(|(i, _, _)| i != id);
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((id.to_owned(), events, outcome));
    }

    /// Corrects what is remembered.
    pub fn update(&mut self, change: impl FnMut(&mut T)) {
        self.kept.iter_mut().map(|(_, _, outcome)| outcome).for_each(change);
    }

    /// Forgets the writes that did not hold after all.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.kept.retain(|(_, _, outcome)| keep(outcome));
    }
}

/// The id of a write and how many events it has.
pub fn identity(batches: &[Batch], cx: &WriteContext) -> (String, usize) {
    (cx.id().to_owned(), batches.iter().map(Batch::len).sum())
}
