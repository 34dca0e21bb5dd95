//! What was encoded for writes that may come again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::body::Encoded;

/// More writes than are usually in flight, and no more bytes than that; beyond it a retry encodes again.
const KEPT_WRITES: usize = 16;
const KEPT_BYTES: usize = 32 << 20;
/// Buffers that are kept for the next write, and the most that one may have grown to.
const KEPT_BUFFERS: usize = 4;
const KEPT_BUFFER_BYTES: usize = 8 << 20;

/// The events of a write, encoded.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) events: Arc<Encoded>,
    /// The body of the request, if they are sent in one.
    pub(super) whole: Option<Bytes>,
}

impl Prepared {
    fn bytes(&self) -> usize {
        self.events.text.len() + self.whole.as_ref().map_or(0, Bytes::len)
    }
}

#[derive(Default)]
pub(super) struct Kept {
    writes: Mutex<VecDeque<(String, Prepared)>>,
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl Kept {
    /// What was encoded for an earlier attempt of this write, which has as many events.
    pub(super) fn find(&self, id: &str, events: usize) -> Option<Prepared> {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let found = writes.iter().find(|(known, p)| known == id && p.events.events() as usize == events);
        found.map(|(_, prepared)| prepared.clone())
    }

    pub(super) fn keep(&self, id: &str, prepared: Prepared) {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.retain(|(known, _)| known != id);
        writes.push_back((id.to_owned(), prepared));
        let mut bytes: usize = writes.iter().map(|(_, prepared)| prepared.bytes()).sum();
        while writes.len() > KEPT_WRITES || bytes > KEPT_BYTES {
            let Some((_, oldest)) = writes.pop_front() else { break };
            bytes -= oldest.bytes();
        }
    }

    /// The write is over.
    pub(super) fn forget(&self, id: &str, prepared: Prepared) {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.retain(|(known, _)| known != id);
        drop(writes);
        let Prepared { events, whole } = prepared;
        drop(whole);
        let Some(Ok(text)) = Arc::into_inner(events).map(|events| events.text.try_into_mut()) else { return };
        let mut buffer = Vec::from(text);
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < KEPT_BUFFERS && buffer.capacity() <= KEPT_BUFFER_BYTES {
            buffer.clear();
            buffers.push(buffer);
        }
    }

    pub(super) fn buffer(&self) -> Vec<u8> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use dendro_core::{Batch, Event};

    use super::super::format::Format as _;
    use super::super::json::Json;
    use super::*;

    async fn prepared(kept: &Kept) -> Prepared {
        let batch = Batch::from_events([&Event::new("t").with("text", "x".repeat(100))]);
        let batches = [batch.unwrap_or_default()];
        let events =
            Encoded::new(&batches, &Json::default(), &mut Json::default().encoder(), kept.buffer()).await;
        Prepared { events: Arc::new(events), whole: None }
    }

    #[tokio::test]
    async fn a_write_is_found_by_id_and_number_until_it_is_over() {
        let kept = Kept::default();
        let first = prepared(&kept).await;
        kept.keep("1", first.clone());
        assert!(kept.find("1", 1).is_some() && kept.find("1", 2).is_none() && kept.find("2", 1).is_none());
        kept.forget("1", first);
        assert!(kept.find("1", 1).is_none());
        // Its buffer is used again.
        assert!(kept.buffer().capacity() > 100);
    }

    #[tokio::test]
    async fn no_more_is_kept_than_may_be() {
        let kept = Kept::default();
        for n in 0..100 {
            kept.keep(&n.to_string(), prepared(&kept).await);
        }
        assert!(kept.find("83", 1).is_none() && kept.find("84", 1).is_some());
    }
}
