//! The half that is written: a sink.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::blocking::{Exclusive, identity};
use dendro_core::{
    Batch, CommitReason, Committed, Severity, Sink, SinkError, SinkSettings, WhenFull, WriteContext, Written,
};
use tokio::sync::oneshot;

use crate::appender::Appender;
use crate::directory::Refused;
use crate::frame::Frame;
use crate::options::Fsync;
use crate::pending::{Answer, Pending, Room};
use crate::shared::Shared;

/// How long a write may wait for room: for ever, as far as anybody can tell.
const PATIENCE: Duration = Duration::from_secs(100 * 365 * 86_400);
/// The most that a write takes together: what waits behind an `fsync` goes with the next.
const MAX_WRITE_BYTES: usize = 8 << 20;
/// Buffers that are kept for the next write, and the most that one may have grown to.
const KEPT_BUFFERS: usize = 16;
const KEPT_BYTES: usize = 16 << 20;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    appender: Exclusive<Appender>,
    /// Writes in the order in which they came.
    queue: Arc<Mutex<Vec<Pending>>>,
    /// Held by the write that waits for room, so that none overtakes it.
    turn: tokio::sync::Mutex<()>,
    buffers: Arc<Mutex<Vec<Vec<u8>>>>,
    /// For a commit to name, of which one that nobody waited for any more has not.
    settled: Arc<Mutex<Committed>>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            appender: Exclusive::new(Appender::new(shared.clone())),
            shared,
            queue: Arc::default(),
            turn: tokio::sync::Mutex::new(()),
            buffers: Arc::default(),
            settled: Arc::default(),
        }
    }

    async fn open(&self) -> Result<(), SinkError> {
        self.shared.open().await.map_err(|refused| match refused {
            Refused::Retry(why) => SinkError::retry(why),
            Refused::Fatal(why) => SinkError::fatal(why),
        })
    }

    async fn frames(&self, batches: &[Batch]) -> Result<Vec<Frame>, SinkError> {
        let mut frames = Vec::with_capacity(batches.len());
        for batch in batches {
            let kept = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let compression = self.shared.options.compression;
            let frame =
                Frame::new(batch, kept.unwrap_or_default(), compression).map_err(SinkError::reject_all)?;
            frames.push(frame);
            // Copying a batch takes about as long as a task should.
            tokio::task::yield_now().await;
        }
        Ok(frames)
    }

    /// Room for a write; waits for it where that is the user's choice.
    async fn room(&self, bytes: u64, events: usize, cx: &WriteContext) -> Result<Room, SinkError> {
        let options = &self.shared.options;
        if bytes > options.largest_write() {
            return Err(SinkError::reject_all(format!(
                "{events} events of {bytes} bytes are larger than the whole buffer {}: raise max_bytes ({}), or have the \
                 source make smaller batches",
                options.directory.display(),
                options.max_bytes
            )));
        }
        let mut waiting = None;
        loop {
            let freed = self.shared.freed.notified();
            let mut freed = std::pin::pin!(freed);
            freed.as_mut().enable();
            if let Some(room) = Room::take(&self.shared, bytes) {
                return Ok(room);
            }
            match options.when_full {
                WhenFull::DropNewest => {
                    cx.report(Severity::Warning, format!("{}: what comes is dropped", self.full()));
                    let dropped = SinkError::partial(self.full());
                    return Err((0..events as u32).fold(dropped, SinkError::drop_event));
                }
                WhenFull::DeadLetter => {
                    let refused = SinkError::partial(self.full());
                    return Err((0..events as u32).fold(refused, |error, n| error.reject(n, self.full())));
                }
                // Whatever else there will be to choose: waiting loses nothing.
                _ => {}
            }
            if waiting.is_none() {
                cx.report(Severity::Warning, format!("{}: what is before it waits", self.full()));
                waiting = Some(Waiting::new(&self.shared));
            }
            freed.await;
        }
    }

    fn full(&self) -> String {
        let options = &self.shared.options;
        format!("buffer {} is full (max_bytes is {})", options.directory.display(), options.max_bytes)
    }
}

#[async_trait]
impl Sink for Writer {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        self.open().await?;
        let identity = identity(batches, cx);
        if cx.attempt() > 1 {
            // It may have been done when nobody waited any more, and then there is no need for room.
            let known = identity.clone();
            if let Some(written) = self.appender.run(move |appender| appender.find(&known)).await? {
                return Ok(written);
            }
        }
        let frames = self.frames(batches).await?;
        let bytes = frames.iter().map(Frame::most_bytes).sum();
        let (sender, answer) = oneshot::channel();
        let queue = self.queue.clone();
        {
            let _turn = self.turn.lock().await;
            let room = self.room(bytes, identity.1, cx).await?;
            let pending = Pending { identity, frames, _room: room, sender: Some(sender) };
            queue.lock().unwrap_or_else(PoisonError::into_inner).push(pending);
        }
        // Whoever comes first takes all that waits with it, so that they share one sync; the others find nothing to do.
        let buffers = self.buffers.clone();
        let work = self.appender.run(move |appender| {
            let waiting = std::mem::take(&mut *queue.lock().unwrap_or_else(PoisonError::into_inner));
            if !waiting.is_empty() {
                let spent = appender.append_all(waiting);
                keep(&buffers, spent);
            }
        });
        work.await?;
        match answer.await {
            Ok(Answer::Written(written)) => Ok(written),
            Ok(Answer::Retry(why)) => Err(SinkError::retry(why)),
            Err(_) => Err(SinkError::retry("writing was interrupted")),
        }
    }

    async fn commit(&self, reason: CommitReason) -> Result<Committed, SinkError> {
        self.open().await?;
        let settled = self.settled.clone();
        let commit = move |appender: &mut Appender| {
            let committed = appender.commit(reason);
            let mut settled = settled.lock().unwrap_or_else(PoisonError::into_inner);
            settled.durable.extend(committed.durable);
            settled.lost.extend(committed.lost);
        };
        self.appender.run(commit).await?;
        // Nothing waits between here and the return, so what is taken gets to the driver.
        Ok(std::mem::take(&mut *self.settled.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn settings(&self) -> SinkSettings {
        let mut settings = SinkSettings::default();
        settings.max_bytes = MAX_WRITE_BYTES.min((self.shared.options.max_bytes / 16) as usize);
        settings.timeout = PATIENCE;
        if let Fsync::Interval(every) = self.shared.options.fsync {
            settings.commit_interval = every;
        }
        settings
    }
}

/// Keeps the buffers of frames for the next ones.
fn keep(buffers: &Mutex<Vec<Vec<u8>>>, spent: Vec<Frame>) {
    let mut kept = buffers.lock().unwrap_or_else(PoisonError::into_inner);
    let room = KEPT_BUFFERS.saturating_sub(kept.len());
    let small = spent.into_iter().map(Frame::into_buffer).filter(|b| b.capacity() <= KEPT_BYTES);
    kept.extend(small.take(room));
}

/// Counts a write that waits, so that the reader makes room soon.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.view().waiting += 1;
        shared.written.notify_one();
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.view().waiting -= 1;
    }
}
