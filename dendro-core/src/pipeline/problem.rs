//! Telling the user of what a pipeline has to live with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::stats::Stats;

/// Something that went wrong and that the pipeline lives with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The component that has it.
    pub component: Arc<str>,
    /// How bad it is.
    pub severity: Severity,
    /// What, where and what to do.
    pub message: String,
}

/// How bad a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something waits or is tried again.
    Warning,
    /// Something failed.
    Error,
}

/// How many problems the report of a run keeps.
pub(super) const KEPT: usize = 100;

/// Passes problems on: to the user's callback, to the statistics, and with the `tracing` feature as an
/// event.
#[derive(Clone, Default)]
pub(crate) struct Reporter {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    callback: Option<Callback>,
    stats: Vec<Arc<Stats>>,
    told: Mutex<Told>,
}

pub(super) type Callback = Arc<dyn Fn(&Problem) + Send + Sync>;

#[derive(Default)]
struct Told {
    last: HashMap<Arc<str>, String>,
    kept: Vec<Problem>,
}

impl Reporter {
    pub(super) fn new(callback: Option<Callback>, stats: Vec<Arc<Stats>>) -> Self {
        Self { shared: Arc::new(Shared { callback, stats, told: Mutex::default() }) }
    }

    pub(crate) fn report(&self, problem: Problem) {
        let stats = self.shared.stats.iter().find(|s| s.name == problem.component);
        if let Some(stats) = stats.filter(|_| problem.severity >= Severity::Warning) {
            stats.error(&problem.message);
        }
        {
            let mut told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.last.get(&problem.component) == Some(&problem.message) {
                return;
            }
            told.last.insert(problem.component.clone(), problem.message.clone());
            if told.kept.len() < KEPT {
                told.kept.push(problem.clone());
            }
        }
        #[cfg(feature = "tracing")]
        match problem.severity {
            Severity::Info => tracing::info!(component = &*problem.component, "{}", problem.message),
            Severity::Warning => tracing::warn!(component = &*problem.component, "{}", problem.message),
            Severity::Error => tracing::error!(component = &*problem.component, "{}", problem.message),
        }
        if let Some(callback) = &self.shared.callback {
            // A panic there must not take the component's task or thread with it.
            let _ = super::control::catch(|| callback(&problem));
        }
    }

    pub(super) fn kept(&self) -> Vec<Problem> {
        self.shared.told.lock().unwrap_or_else(PoisonError::into_inner).kept.clone()
    }
}
