//! What transforms behind the buffer have to be told of each stream in the next run, for a bounded number of streams.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dendro_core::Snapshot;

/// The states of transforms, by stream, in the order in which they have changed. Those that have not for the longest time are
/// forgotten where there are too many.
#[derive(Clone, Debug, Default)]
pub(crate) struct States {
    by_stream: HashMap<Arc<str>, Kept>,
    /// The streams by when their state has changed last.
    by_age: BTreeMap<u64, Arc<str>>,
    next_age: u64,
    bytes: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Kept {
    age: u64,
    snapshots: Vec<Snapshot>,
}

impl States {
    /// Takes over the states that have come with a settlement; what a transform has not told anew stays.
    pub(crate) fn take_over(&mut self, stream: &str, told: Vec<Snapshot>) {
        if told.is_empty() {
            return;
        }
        let (stream, mut snapshots) = match self.by_stream.remove_entry(stream) {
            Some((stream, kept)) => {
                self.by_age.remove(&kept.age);
                self.bytes -= bytes_of(&stream, &kept.snapshots);
                (stream, kept.snapshots)
            }
            None => (Arc::from(stream), Vec::new()),
        };
        for snapshot in told {
            match snapshots.iter_mut().find(|s| s.component == snapshot.component) {
                Some(slot) => *slot = snapshot,
                None => snapshots.push(snapshot),
            }
        }
        let age = self.next_age;
        self.next_age += 1;
        self.bytes += bytes_of(&stream, &snapshots);
        self.by_age.insert(age, stream.clone());
        self.by_stream.insert(stream, Kept { age, snapshots });
    }

    /// Forgets the oldest until there are no more than these, but never the latest one; gives how many that were.
    pub(crate) fn forget_beyond(&mut self, max_streams: usize, max_bytes: usize) -> u64 {
        let mut forgotten = 0;
        while self.by_age.len() > 1 && (self.by_age.len() > max_streams || self.bytes > max_bytes) {
            let Some((_, stream)) = self.by_age.pop_first() else { break };
            if let Some(kept) = self.by_stream.remove(&stream) {
                self.bytes -= bytes_of(&stream, &kept.snapshots);
            }
            forgotten += 1;
        }
        forgotten
    }

    /// The oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[Snapshot])> {
        self.by_age.values().filter_map(|stream| {
            self.by_stream.get(stream).map(|kept| (&**stream, kept.snapshots.as_slice()))
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.by_age.len()
    }

    /// To begin a run with.
    pub(crate) fn to_restore(&self) -> HashMap<Arc<str>, Vec<Snapshot>> {
        self.by_stream.iter().map(|(stream, kept)| (stream.clone(), kept.snapshots.clone())).collect()
    }
}

/// The same states in the same order.
impl PartialEq for States {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// About what it takes in memory and in the file.
fn bytes_of(stream: &str, snapshots: &[Snapshot]) -> usize {
    let each = |s: &Snapshot| s.component.len() + s.state.len() + 8;
    stream.len() + 8 + snapshots.iter().map(each).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(component: &str, bytes: usize) -> Vec<Snapshot> {
        vec![Snapshot { component: component.to_owned(), state: vec![7; bytes] }]
    }

    fn streams(states: &States) -> Vec<&str> {
        states.iter().map(|(stream, _)| stream).collect()
    }

    #[test]
    fn beyond_the_limit_the_streams_are_forgotten_that_have_been_quiet_the_longest() {
        let mut states = States::default();
        for stream in ["a", "b", "c", "d", "b"] {
            states.take_over(stream, told("x", 10));
        }
        states.take_over("a", Vec::new());
        assert_eq!(states.forget_beyond(3, usize::MAX), 1, "news of nothing make no stream younger");
        assert_eq!(streams(&states), ["c", "d", "b"]);
        assert_eq!(states.forget_beyond(3, usize::MAX), 0);
        states.take_over("c", told("y", 1_000));
        assert_eq!(states.forget_beyond(3, 1_080), 1);
        assert_eq!(streams(&states), ["b", "c"]);
        assert_eq!(states.forget_beyond(0, 0), 1, "the latest stays, however large");
        assert_eq!(streams(&states), ["c"]);
        let components: Vec<_> = states.iter().flat_map(|(_, all)| all).map(|s| &*s.component).collect();
        assert_eq!(components, ["x", "y"]);
        assert_eq!(states.bytes, bytes_of("c", &states.by_stream["c"].snapshots));
    }
}
