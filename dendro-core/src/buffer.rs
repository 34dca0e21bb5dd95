//! The buffer's side of the contract: where events wait between two stages.

use std::sync::Arc;

use crate::{Sink, Source};

/// Where events wait between two stages: a sink to what is before it, a source to what is behind it.
///
/// The driver runs the two halves as it runs any sink and any source, so that both may use what those are given:
///
/// - The **writer** answers [`Durable`](crate::Written::Durable) or stages its writes; that is the acknowledgement to what is
///   before the buffer. When there is no room it does what its [`WhenFull`] says: it waits in
///   [`write`](Sink::write), which may be dropped there; or it answers with a
///   [partial failure](crate::SinkError::partial) that names the events which it
///   [drops](crate::SinkError::drop_event) or [rejects](crate::SinkError::reject). Its [settings](Sink::settings) should
///   have a time-out that leaves time to wait.
/// - The **reader** sends what was written, once and in order, with receipts; what is settled is gone from the buffer.
///   [`stopping`](crate::SourceContext::stopping) resolves when nothing will be written any more, not when the
///   pipeline begins to stop: the reader then sends what is left, lets go of its output, waits for its receipts and
///   returns. When the drain's deadline has passed, sending gives [`Closed`](crate::Closed) and receipts
///   settle as abandoned: what is left stays, for the next run.
/// - [`can_replay`](Source::can_replay) of the reader says whether the content outlives the run.
///
/// A buffer between transforms that keep state has to store the [snapshots](crate::Settlement::snapshots) of its receipts with
/// its position, as every source does, and give them [back](crate::Batch::set_restore).
pub trait Buffer: Send + 'static {
    /// The half that is written and the half that is read. Does no I/O.
    fn into_halves(self: Box<Self>) -> BufferHalves;
}

impl Buffer for Box<dyn Buffer> {
    fn into_halves(self: Box<Self>) -> BufferHalves {
        (*self).into_halves()
    }
}

/// The two halves of a [`Buffer`], and how much is between them.
#[non_exhaustive]
pub struct BufferHalves {
    /// What is before the buffer writes here.
    pub writer: Box<dyn Sink>,
    /// What is behind the buffer gets its events from here.
    pub reader: Box<dyn Source>,
    /// How much waits, for the statistics and the report.
    pub level: Arc<dyn Level>,
    /// See [`passing_acknowledgements`](Self::passing_acknowledgements).
    pub passes_acknowledgements: bool,
}

impl BufferHalves {
    /// Of a buffer that acknowledges what is written to it.
    pub fn new(writer: impl Sink, reader: impl Source, level: Arc<dyn Level>) -> Self {
        Self { writer: Box::new(writer), reader: Box::new(reader), level, passes_acknowledgements: false }
    }

    /// The acknowledgement that comes with a batch goes on with it to what is behind the buffer: the content is not
    /// durable, and its sources have it still.
    pub fn passing_acknowledgements(mut self) -> Self {
        self.passes_acknowledgements = true;
        self
    }
}

/// How much waits in a buffer: what was written to it and has not left it. Cheap, and callable from any
/// thread at any time.
pub trait Level: Send + Sync + 'static {
    /// Events.
    fn events(&self) -> u64;

    /// Bytes that they take, in memory or on disk.
    fn bytes(&self) -> u64;
}

/// What a buffer does with what comes when it is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// What is before it waits.
    #[default]
    Block,
    /// What comes is dropped, and counted.
    DropNewest,
    /// What comes goes to the dead letters.
    DeadLetter,
}
