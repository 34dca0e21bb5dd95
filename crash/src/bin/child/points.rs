//! The failure points: every call that the pipeline makes of a file system through its storage seams.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dendro_crash::Failure;
use dendro_crash::setup::{Fault, FaultKind};

/// Counts the calls, tells the harness of each, and fails the one that is to fail.
pub(crate) struct Points {
    fault: Option<Fault>,
    state: Mutex<State>,
}

struct State {
    log: File,
    calls: HashMap<String, u64>,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Goes,
    Fails,
    DiesBefore,
    DiesAfter,
}

impl Points {
    /// `log` is appended to: a line for each call, and `! point` for the one that fails.
    pub(crate) fn open(log: &Path, fault: Option<Fault>) -> Result<Arc<Self>, Failure> {
        let log = File::options().create(true).append(true).open(log).map_err(Failure::io(log.display()))?;
        Ok(Arc::new(Self { fault, state: Mutex::new(State { log, calls: HashMap::new() }) }))
    }

    /// The next call of a point.
    pub(crate) fn reach(&self, point: &str) -> Fate {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = state.calls.entry(point.to_owned()).or_default();
        *calls += 1;
        let nth = *calls;
        let fate = self.fault.as_ref().filter(|f| f.point == point).map_or(Fate::Goes, |f| match f.kind {
            FaultKind::Errors if nth >= f.nth => Fate::Fails,
            FaultKind::Error if nth == f.nth => Fate::Fails,
            FaultKind::DieBefore if nth == f.nth => Fate::DiesBefore,
            FaultKind::DieAfter if nth == f.nth => Fate::DiesAfter,
            _ => Fate::Goes,
        });
        let mark = if fate == Fate::Goes { "" } else { "! " };
        // What can't be told is not counted; the run goes on.
        let _ = state.log.write_all(format!("{mark}{point}\n").as_bytes());
        fate
    }

    /// Does the work of a point that has no half of it.
    pub(crate) fn pass<T>(&self, point: &str, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.reach(point) {
            Fate::Goes => work(),
            Fate::Fails => Err(error()),
            Fate::DiesBefore => die(),
            Fate::DiesAfter => {
                let _ = work();
                die()
            }
        }
    }
}

/// What a disk says that is on its way out.
pub(crate) fn error() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

/// As if by `kill -9`, here and now.
pub(crate) fn die() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}
