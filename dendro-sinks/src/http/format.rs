//! What tells one sink over HTTP from another: how events are written, and what answers say.

use bytes::Bytes;
use dendro_core::{Batch, EventRef};
use hyper::StatusCode;

use super::answer::Partial;
use super::body::Encoded;
use super::client::Answer;
use super::status::StatusAction;

/// How the events of a request are written, and how its answer is read.
pub(crate) trait Format: Send + Sync + 'static {
    /// What is kept from write to write.
    type Encoder: Send;

    fn encoder(&self) -> Self::Encoder;

    /// Gets ready for the events of this batch.
    fn prepare(&self, encoder: &mut Self::Encoder, batch: &Batch);

    /// Appends some events of that batch, each as text that ends with a newline, or refused for a reason.
    fn encode(
        &self,
        encoder: &mut Self::Encoder,
        events: &mut dyn Iterator<Item = EventRef<'_>>,
        out: &mut Encoded,
    );

    /// Makes a body of the texts of one or more events.
    fn body(&self, lines: Bytes) -> Bytes {
        lines
    }

    /// Whether an answer is read to its end, for what it says.
    fn reads_whole(&self, status: StatusCode, is_json: bool) -> bool;

    /// What the answer to a request of so many lines says that its status, which means `action`, does not.
    fn read(&self, answer: &Answer, action: StatusAction, lines: u32) -> Option<Said>;
}

/// What an answer says beyond its status.
#[cfg_attr(not(feature = "influxdb"), expect(dead_code, reason = "not every format has all of it"))]
pub(crate) enum Said {
    /// What is named has failed, by the numbers of the request's lines, and everything else was taken.
    Partial(Partial),
    /// Some have failed and are not named, and others were taken. Sending these again changes nothing.
    SomeFailed,
    /// Some may have failed, and that can't be read, for this reason: all are sent again.
    Unclear(String),
    /// What to do, in the place of what the status means.
    Action(StatusAction),
}
