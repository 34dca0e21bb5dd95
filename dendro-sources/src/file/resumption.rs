//! The states of transforms with which streams are resumed.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use dendro_core::Snapshot;

/// Knows which streams are sent on from their checkpoints, so that their next batch says so, and with which states.
pub(super) struct Resumption {
    states: BTreeMap<Arc<str>, Vec<Snapshot>>,
    /// The streams whose next batch goes on from one that was sent in this run.
    going_on: HashSet<Arc<str>>,
}

impl Resumption {
    /// Of a run: all streams are resumed.
    pub(super) fn new(states: BTreeMap<Arc<str>, Vec<Snapshot>>) -> Self {
        Self { states, going_on: HashSet::new() }
    }

    /// A batch of the stream is sent: what it is to bring if it is the first one since the stream was resumed. That is no state where
    /// none was stored, for transforms have to forget what they had of what is sent again.
    pub(super) fn next(&mut self, stream: &Arc<str>) -> Option<Vec<Snapshot>> {
        if self.going_on.contains(stream) {
            return None;
        }
        self.going_on.insert(stream.clone());
        Some(self.states.remove(stream).unwrap_or_default())
    }

    /// The stream goes back to its checkpoint.
    pub(super) fn rewind(&mut self, stream: Arc<str>, states: Vec<Snapshot>) {
        self.going_on.remove(&stream);
        self.states.insert(stream, states);
    }

    /// Nothing is known of the stream any more.
    pub(super) fn forget(&mut self, stream: &str) {
        self.going_on.remove(stream);
        self.states.remove(stream);
    }
}
