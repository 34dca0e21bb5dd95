//! The transform's side of the contract.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::{Batch, EventMut, EventRef, Schema, Timestamp};

/// Changes batches in place: parses, filters, edits, routes, summarises.
///
/// Synchronous and without I/O, so that the same code runs natively, fused with its neighbours on a
/// thread of the pipeline, or as a plugin in the sandbox. Policy is the driver's: an author can't
/// forget to acknowledge, because returning `Ok` is the acknowledgement.
///
/// - Removing an event means that it was filtered out.
/// - [`Batch::reject`] sends an event to the dead letters.
/// - [`EventMut::set_port`] chooses the output that an event leaves by.
/// - `Err`, or a panic: the driver takes back what was done to the set of events, sends all of them to the
///   dead letters with their raw text, and makes a new instance.
///
/// ```
/// use dendro_core::{Batch, Event, Transform, TransformError};
///
/// #[derive(Clone)]
/// struct Shout;
///
/// impl Transform for Shout {
///     fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
///         batch.try_for_each(|mut event| {
///             let Some(text) = event.get("message").and_then(|v| v.as_str()) else { return Ok(()) };
///             let loud = text.to_uppercase();
///             event.insert("message", loud.as_str())?;
///             Ok(())
///         })
///     }
/// }
///
/// let mut batch = Batch::from_events([&Event::new("log").with("message", "hello")]).unwrap();
/// Shout.transform(&mut batch).unwrap();
/// assert_eq!(batch.get(0).unwrap().get("message").unwrap().as_str(), Some("HELLO"));
/// ```
pub trait Transform: Send + 'static {
    /// Changes a batch in place.
    ///
    /// # Errors
    /// [`TransformError`] if the batch as a whole can't be handled; a single event is
    /// [rejected](Batch::reject) instead.
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError>;

    /// The schemas that leave, for those that come in. By default they are the same.
    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        input.to_vec()
    }

    /// The names of the output ports; events leave by the first unless
    /// [`set_port`](EventMut::set_port) chose another. An edge names one as `component.port`; the
    /// first port needs no name.
    fn ports(&self) -> Vec<String> {
        vec!["out".to_owned()]
    }

    /// Whether it keeps something from one batch to the next. If so, the batches of a stream always meet
    /// the same instance, in order.
    fn is_stateful(&self) -> bool {
        false
    }

    /// Emits what is due: called on each tick of the pipeline and, with [`FlushReason::Drain`], when no
    /// more batches will come. What it emits goes to `out`, with the acknowledgements
    /// ([`Batch::take_acks`]) of what it came from.
    ///
    /// # Errors
    /// As [`transform`](Self::transform).
    fn flush(&mut self, reason: FlushReason, now: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        let _ = (reason, now, out);
        Ok(())
    }

    /// Its state for a stream, to be stored together with the checkpoint of the batch that it has
    /// just seen: what a format needs from earlier in the stream. `None` if there is nothing to keep.
    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        let _ = stream;
        None
    }

    /// Takes up a state that [`snapshot`](Self::snapshot) gave, before the first batch of the stream.
    ///
    /// # Errors
    /// [`TransformError`] if it is not one; the stream then begins without.
    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        let _ = (stream, state);
        Ok(())
    }
}

/// Why [`Transform::flush`] is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushReason {
    /// Time has passed.
    Tick,
    /// No more batches will come: emit everything.
    Drain,
}

/// Why a transform could not handle a batch.
#[derive(Debug)]
pub struct TransformError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl TransformError {
    /// With a message for people.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// Adds the error behind it.
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for TransformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for TransformError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn Error + 'static))
    }
}

impl From<crate::BatchFull> for TransformError {
    fn from(full: crate::BatchFull) -> Self {
        Self::new(full.to_string()).with_source(full)
    }
}

/// A transform that keeps the events for which `keep` says yes.
///
/// ```
/// use dendro_core::{Batch, Event, Transform, filter};
/// let mut errors = filter(|e| e.get("status").and_then(|v| v.as_u64()).is_some_and(|s| s >= 500));
/// let (ok, bad) = (Event::new("t").with("status", 200u64), Event::new("t").with("status", 503u64));
/// let mut batch = Batch::from_events([&ok, &bad]).unwrap();
/// errors.transform(&mut batch).unwrap();
/// assert_eq!(batch.len(), 1);
/// ```
pub fn filter<F>(keep: F) -> impl Transform + Clone
where
    F: FnMut(EventRef<'_>) -> bool + Clone + Send + 'static,
{
    let mut keep = keep;
    from_fn(move |batch| {
        batch.retain(&mut keep);
        Ok(())
    })
}

/// A transform that edits each event; one for which `edit` gives an error goes to the dead letters with
/// its message.
pub fn map<F, E>(edit: F) -> impl Transform + Clone
where
    F: FnMut(&mut EventMut<'_>) -> Result<(), E> + Clone + Send + 'static,
    E: fmt::Display,
{
    let mut edit = edit;
    filter_map(move |event| edit(event).map(|()| true))
}

/// A transform that edits each event and removes those for which `edit` says `false`.
pub fn filter_map<F, E>(edit: F) -> impl Transform + Clone
where
    F: FnMut(&mut EventMut<'_>) -> Result<bool, E> + Clone + Send + 'static,
    E: fmt::Display,
{
    let mut edit = edit;
    from_fn(move |batch| {
        batch.try_for_each(|mut event| {
            match edit(&mut event) {
                Ok(true) => {}
                Ok(false) => event.remove(),
                Err(e) => event.reject(e.to_string()),
            }
            Ok(())
        })
    })
}

/// A stateless transform of whole batches.
pub fn from_fn<F>(f: F) -> impl Transform + Clone
where
    F: FnMut(&mut Batch) -> Result<(), TransformError> + Clone + Send + 'static,
{
    FromFn(f)
}

#[derive(Clone)]
struct FromFn<F>(F);

impl<F> Transform for FromFn<F>
where
    F: FnMut(&mut Batch) -> Result<(), TransformError> + Clone + Send + 'static,
{
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        (self.0)(batch)
    }
}

impl Transform for Box<dyn Transform> {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        (**self).transform(batch)
    }
    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        (**self).schemas(input)
    }
    fn ports(&self) -> Vec<String> {
        (**self).ports()
    }
    fn is_stateful(&self) -> bool {
        (**self).is_stateful()
    }
    fn flush(&mut self, reason: FlushReason, now: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        (**self).flush(reason, now, out)
    }
    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        (**self).snapshot(stream)
    }
    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        (**self).restore(stream, state)
    }
}
