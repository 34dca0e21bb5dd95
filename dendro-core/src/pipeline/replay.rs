//! Where dead letters enter a pipeline again: at the component that refused them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::graph::nearest;
use super::output::Fanout;
use super::queue::Closed;
use crate::{Batch, Schema};

/// The places at which events can enter, by the name of the component that is to see them first.
#[derive(Default)]
pub(super) struct Entries {
    by_name: HashMap<String, Entry>,
}

pub(super) struct Entry {
    /// Behind a source, or before one component alone.
    pub(super) to: Fanout,
    /// The schemas of what enters there.
    pub(super) schemas: Vec<Arc<Schema>>,
}

impl Entries {
    pub(super) fn insert(&mut self, name: &str, entry: Entry) {
        self.by_name.insert(name.to_owned(), entry);
    }

    pub(super) fn find(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name)
    }

    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        nearest(name, self.by_name.keys())
    }
}

/// Why a batch could not enter a pipeline at a component.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is no such component.
    UnknownComponent {
        /// The name that was given.
        component: String,
        /// What may have been meant.
        nearest: Option<String>,
        /// The batch.
        batch: Box<Batch>,
    },
    /// The source is not one that was given to [`PipelineBuilder::replay`](super::PipelineBuilder::replay).
    NotReplaying(Box<Batch>),
    /// The pipeline takes nothing any more.
    Closed,
}

impl From<Closed> for ReplayError {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownComponent { component, nearest, .. } => {
                write!(f, "the pipeline has no component `{component}`")?;
                nearest.as_ref().map_or(Ok(()), |name| write!(f, ": did you mean `{name}`?"))
            }
            Self::NotReplaying(_) => f.write_str(
                "only a source that was given to `.replay(source)` can send to a component by name",
            ),
            Self::Closed => Closed.fmt(f),
        }
    }
}

impl std::error::Error for ReplayError {}
