//! A sink that collects.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dendro_core::{
    Batch, CommitReason, Committed, Event, Sink, SinkError, SinkSettings, Stage, WriteContext, Written,
};

use super::lock;
use crate::batches;

/// Collects events in memory, at once or staged. Faults come from a [`FaultySink`](super::FaultySink) around it.
///
/// ```
/// use dendro_test::mock::{Fault, FaultySink, MockSink};
/// let (sink, stored) = MockSink::new();
/// let sink = FaultySink::new(sink).then([Fault::Retry, Fault::Hang]);
/// # assert!(stored.ids().is_empty());
/// # fn is_sink(_: impl dendro_core::Sink) {}
/// # is_sink(sink);
/// ```
pub struct MockSink {
    stored: Stored,
    staged: bool,
    settings: SinkSettings,
}

/// What a [`MockSink`] holds; outlives it as a destination does.
#[derive(Clone, Default)]
pub struct Stored {
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    durable: Vec<Event>,
    staged: Vec<Event>,
    stage: u64,
    to_lose: usize,
}

impl Stored {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sink that writes here.
    pub fn sink(&self) -> MockSink {
        MockSink { stored: self.clone(), staged: false, settings: SinkSettings::default() }
    }

    /// The durable events, in the order in which they came.
    pub fn events(&self) -> Vec<Event> {
        lock(&self.shared).durable.clone()
    }

    /// The ids of the durable events; see [`batches::id`].
    pub fn ids(&self) -> Vec<String> {
        lock(&self.shared).durable.iter().map(batches::id_of).collect()
    }

    /// How many events are staged and not durable.
    pub fn staged_events(&self) -> usize {
        lock(&self.shared).staged.len()
    }

    /// Makes the next `commits` that have something to commit lose it.
    pub fn lose_commits(&self, commits: usize) {
        lock(&self.shared).to_lose = commits;
    }
}

impl MockSink {
    /// One that is durable at once, and what it holds.
    pub fn new() -> (Self, Stored) {
        let stored = Stored::new();
        (stored.sink(), stored)
    }

    /// Makes its writes durable only by a commit.
    pub fn staged(mut self) -> Self {
        self.staged = true;
        self
    }

    /// Changes the settings that it asks for.
    pub fn with_settings(mut self, change: impl FnOnce(&mut SinkSettings)) -> Self {
        change(&mut self.settings);
        self
    }
}

#[async_trait]
impl Sink for MockSink {
    async fn write(&self, batches: &[Batch], _cx: &WriteContext) -> Result<Written, SinkError> {
        // Lets others run, so that a write can be cancelled before anything has happened.
        tokio::task::yield_now().await;
        let events = batches.iter().flat_map(Batch::iter).map(|e| e.to_event());
        let mut state = lock(&self.stored.shared);
        if self.staged {
            state.staged.extend(events);
            Ok(Written::Staged(vec![Stage(state.stage)]))
        } else {
            state.durable.extend(events);
            Ok(Written::Durable)
        }
    }

    async fn commit(&self, _reason: CommitReason) -> Result<Committed, SinkError> {
        let mut state = lock(&self.stored.shared);
        let mut committed = Committed::default();
        if state.staged.is_empty() {
            return Ok(committed);
        }
        // A stage that was named is never used again: a write that comes back late can't be taken for part of it.
        let stage = Stage(state.stage);
        state.stage += 1;
        let events = std::mem::take(&mut state.staged);
        if state.to_lose > 0 {
            state.to_lose -= 1;
            committed.lost.push(stage);
        } else {
            state.durable.extend(events);
            committed.durable.push(stage);
        }
        Ok(committed)
    }

    fn settings(&self) -> SinkSettings {
        self.settings.clone()
    }
}
