//! A write that waits for its turn on the disk.

use std::sync::Arc;

use dendro_core::Written;
use tokio::sync::oneshot;

use crate::frame::Frame;
use crate::shared::Shared;

/// A write on its way. Its frames are written in its turn, whether or not someone still waits for the answer.
pub(crate) struct Pending {
    /// The id of the write, and its events.
    pub(crate) identity: (String, usize),
    pub(crate) frames: Vec<Frame>,
    pub(crate) _room: Room,
    pub(crate) sender: Option<oneshot::Sender<Answer>>,
}

/// What became of a write.
#[derive(Debug)]
pub(crate) enum Answer {
    Written(Written),
    /// Nothing of it, and why.
    Retry(String),
}

impl Pending {
    pub(crate) fn answer(&mut self, answer: Answer) {
        if let Some(sender) = self.sender.take() {
            // Who has gone away asks again, by the write's id.
            let _ = sender.send(answer);
        }
    }
}

/// Bytes that are kept free for a write, until it is done or dropped.
pub(crate) struct Room {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Room {
    /// `None` if there are not so many.
    pub(crate) fn take(shared: &Arc<Shared>, bytes: u64) -> Option<Self> {
        let is_free = shared.view().reserve(&shared.options, bytes);
        is_free.then(|| Self { shared: shared.clone(), bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.view().reserved -= self.bytes;
        self.shared.freed.notify_waiters();
    }
}
