//! What a format keeps of a stream from one batch to the next.

use std::collections::HashMap;

use dendro_core::Batch;

/// A state for each stream: that of a stream that was not seen yet is the default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams<T> {
    names: HashMap<Option<String>, usize>,
    states: Vec<T>,
    /// The state of each origin of the batch at hand; behind them that of events without one.
    rows: Vec<usize>,
}

impl<T: Default> Streams<T> {
    /// Finds the states of a batch's streams.
    pub(crate) fn enter(&mut self, batch: &Batch) {
        self.rows.clear();
        for origin in batch.origins() {
            let state = self.slot(origin.stream.as_deref());
            self.rows.push(state);
        }
        let state = self.slot(None);
        self.rows.push(state);
    }

    /// The state of the stream of an event's [origin](dendro_core::EventWriter::origin).
    #[inline]
    pub(crate) fn of(&mut self, origin: u16) -> &mut T {
        let row = usize::from(origin).min(self.rows.len() - 1);
        &mut self.states[self.rows[row]]
    }

    /// The states of the batch's streams.
    pub(crate) fn current(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().map(|state| &self.states[*state])
    }

    /// The state of the stream of this name, if it was seen.
    pub(crate) fn get(&self, stream: &str) -> Option<&T> {
        self.names.get(&Some(stream.to_owned())).map(|state| &self.states[*state])
    }

    /// Sets the state of the stream of this name.
    pub(crate) fn set(&mut self, stream: &str, state: T) {
        let slot = self.slot(Some(stream));
        self.states[slot] = state;
    }

    fn slot(&mut self, stream: Option<&str>) -> usize {
        let next = self.states.len();
        let slot = *self.names.entry(stream.map(str::to_owned)).or_insert(next);
        if slot == next {
            self.states.push(T::default());
        }
        slot
    }
}
