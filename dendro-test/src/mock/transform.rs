//! A transform that does what a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dendro_core::{Batch, EventRef, Transform, TransformError};

/// What a [`MockTransform`] does with a chosen event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransformFault {
    /// Panics.
    Panic,
    /// Fails the batch.
    Fail,
    /// Sends the event to the dead letters.
    Reject,
    /// Removes the event.
    Remove,
    /// Keeps its thread for this long: a transform is synchronous, so this is real time.
    Slow(Duration),
}

/// Passes events on, but for those that it has a rule for.
///
/// ```
/// use dendro_core::Event;
/// use dendro_test::{TransformHarness, mock::{MockTransform, TransformFault}};
///
/// let mock = MockTransform::new().on(|e| e.get("n").is_some_and(|v| v.as_u64() == Some(2)), TransformFault::Panic);
/// let mut harness = TransformHarness::new(mock);
/// assert_eq!(harness.events(&[Event::new("a").with("n", 1u64)]).out.len(), 1);
/// let failed = harness.events(&[Event::new("a").with("n", 2u64)]);
/// assert!(failed.error.unwrap().contains("panic"));
/// ```
#[derive(Clone, Default)]
pub struct MockTransform {
    rules: Vec<(Arc<Choice>, TransformFault)>,
    calls: Arc<AtomicUsize>,
}

type Choice = dyn Fn(EventRef<'_>) -> bool + Send + Sync;

impl MockTransform {
    /// Without rules so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does `fault` on the events that `choose` says yes to.
    pub fn on(
        mut self,
        choose: impl Fn(EventRef<'_>) -> bool + Send + Sync + 'static,
        fault: TransformFault,
    ) -> Self {
        self.rules.push((Arc::new(choose), fault));
        self
    }

    /// How often it and its clones were called.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Transform for MockTransform {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        for index in 0..batch.end_index() {
            for (choose, fault) in &self.rules {
                match fault {
                    _ if !batch.get(index).is_some_and(|e| choose(e)) => {}
                    TransformFault::Panic => panic!("a fault: panic on event {index}"),
                    TransformFault::Fail => {
                        return Err(TransformError::new(format!("a fault: failed on event {index}")));
                    }
                    TransformFault::Reject => batch.reject(index, "a fault: rejected"),
                    TransformFault::Remove => batch.remove(index),
                    TransformFault::Slow(time) => std::thread::sleep(*time),
                }
            }
        }
        Ok(())
    }
}
