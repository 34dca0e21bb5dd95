//! The files that are open, and writing to them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dendro_core::{Clock, Committed, SinkError, Stage, Timestamp, Written};

use super::group::Group;
use super::options::{Fsync, Options};
use super::output::Output;
use dendro_core::blocking::Finished;
use dendro_core::storage::Storage;
use dendro_core::storage::StorageFault as Fault;

/// How many closed compressed files are known to be whole, so that they need not be read when they are opened again.
const KNOWN_CLEAN: usize = 4_096;

/// All of a sink that touches the file system. Lives on blocking threads.
pub(super) struct Files {
    pub(super) options: Options,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) clock: Arc<dyn Clock>,
    /// The directory that no file leads out of.
    pub(super) base: PathBuf,
    pub(super) open: HashMap<PathBuf, Output>,
    /// The lengths of files that were closed whole.
    pub(super) clean: HashMap<PathBuf, u64>,
    pub(super) finished: Finished<Outcome>,
    /// What became of stages since the last commit.
    pub(super) settled: Arc<Mutex<Committed>>,
    /// What became of stages since the present write began.
    pub(super) recent: Committed,
    pub(super) next_stage: u64,
    pub(super) tick: u64,
    pub(super) scratch: Vec<u8>,
}

/// What became of a write.
#[derive(Clone)]
pub(super) enum Outcome {
    Written(Written),
    /// Some of it: what to try again, and why.
    Partial(String, Vec<u32>),
}

impl Outcome {
    pub(super) fn into_result(self) -> Result<Written, SinkError> {
        match self {
            Self::Written(written) => Ok(written),
            Self::Partial(message, events) => {
                let error = SinkError::partial(message);
                Err(events.into_iter().fold(error, SinkError::retry_event))
            }
        }
    }
}

/// How far the lines for one file have come.
struct Progress {
    /// Of the bytes.
    done: usize,
    stages: Vec<Stage>,
}

impl Files {
    /// Writes what was encoded; answers from memory if that was done before.
    pub(super) fn write(
        &mut self,
        identity: &(String, usize),
        groups: &[Group],
    ) -> Result<Written, SinkError> {
        if let Some(outcome) = self.finished.find(&identity.0, identity.1) {
            return outcome.clone().into_result();
        }
        let now = self.clock.now();
        self.recent = Committed::default();
        let mut stages = Vec::new();
        let mut failed: Vec<(&Group, usize, Fault)> = Vec::new();
        for group in groups {
            let mut progress = Progress { done: 0, stages: Vec::new() };
            let result = self.write_group(group, now, &mut progress);
            stages.append(&mut progress.stages);
            if let Err(fault) = result {
                let written = group.text.get(..progress.done).unwrap_or_default();
                failed.push((group, written.iter().filter(|b| **b == b'\n').count(), fault));
            }
        }
        self.close_idle(now);
        if stages.iter().any(|stage| self.recent.lost.contains(stage)) {
            // Nobody knows what is there of it.
            return Err(SinkError::retry(
                "a file of this write could not be synced: all of it is written again",
            ));
        }
        stages.retain(|stage| !self.recent.durable.contains(stage));
        let nothing_written = failed.len() == groups.len() && failed.iter().all(|(_, lines, _)| *lines == 0);
        if nothing_written {
            if let Some((_, _, fault)) = failed.into_iter().next() {
                return Err(fault.into_sink_error());
            }
        } else if !failed.is_empty() {
            return self.partly(identity, &failed, &stages);
        }
        let written = match self.options.fsync {
            Fsync::Interval(_) if !stages.is_empty() => Written::Staged(stages),
            _ => Written::Durable,
        };
        self.finished.remember(&identity.0, identity.1, Outcome::Written(written.clone()));
        Ok(written)
    }

    /// Names the events that are to be tried again. The driver takes all others for written, so they have to be
    /// durable before it is told.
    fn partly(
        &mut self,
        identity: &(String, usize),
        failed: &[(&Group, usize, Fault)],
        stages: &[Stage],
    ) -> Result<Written, SinkError> {
        for stage in stages {
            if let Err(fault) = self.sync_stage(*stage) {
                // Nobody knows what is there: all of it once more.
                return Err(fault.into_sink_error());
            }
        }
        let late = failed.iter().flat_map(|(group, lines, _)| group.events.iter().skip(*lines));
        let late: Vec<u32> = late.copied().collect();
        let why = failed.first().map(|(_, _, fault)| fault.to_string()).unwrap_or_default();
        let message = format!("{why} ({} events for {} files)", late.len(), failed.len());
        let outcome = Outcome::Partial(message, late);
        self.finished.remember(&identity.0, identity.1, outcome.clone());
        outcome.into_result()
    }

    fn write_group(&mut self, group: &Group, now: Timestamp, progress: &mut Progress) -> Result<(), Fault> {
        while let Some(rest) = group.text.get(progress.done..).filter(|rest| !rest.is_empty()) {
            let piece = self.make_room(&group.path, rest, now)?;
            let Some(output) = self.open.get_mut(&group.path) else { continue };
            output.append(rest.get(..piece).unwrap_or(rest), &mut self.scratch)?;
            if self.options.fsync != Fsync::Never {
                let next = &mut self.next_stage;
                let stage = *output.stage.get_or_insert_with(|| {
                    *next += 1;
                    Stage(*next)
                });
                if self.options.fsync == Fsync::EveryWrite {
                    self.sync_path(&group.path)?;
                } else if !progress.stages.contains(&stage) {
                    progress.stages.push(stage);
                }
            }
            progress.done += piece;
        }
        Ok(())
    }

    /// Has a file open for the path that takes the first so many bytes, which are whole lines.
    fn make_room(&mut self, path: &Path, text: &[u8], now: Timestamp) -> Result<usize, Fault> {
        self.tick += 1;
        if self.open.get(path).is_some_and(|output| !output.is_there()) {
            self.notice(&format!("{}: was moved or deleted; another is begun", path.display()));
            self.close(path, false)?;
            self.clean.remove(&self.active_path(path));
        }
        let (max, period) = (self.options.rotate_bytes, self.period(now));
        loop {
            if !self.open.contains_key(path) {
                self.close_least_used()?;
                let output = self.open_output(path, now)?;
                self.open.insert(path.to_owned(), output);
            }
            let Some(output) = self.open.get_mut(path) else { continue };
            let room = if output.is_plain() { max.saturating_sub(output.len()) } else { max };
            let piece = lines_within(text, room);
            let empty = output.len() == 0;
            let full = piece == 0 || (!output.is_plain() && output.len() >= max);
            if !empty && (full || output.usage.period != period) {
                self.finish(path, true)?;
                continue;
            }
            output.usage.tick = self.tick;
            output.usage.nanos = now.as_nanos();
            output.usage.period = period;
            return Ok(if piece == 0 { first_line(text) } else { piece });
        }
    }

    /// Closes one if there are as many as there may be.
    fn close_least_used(&mut self) -> Result<(), Fault> {
        while self.open.len() >= self.options.max_open {
            let oldest =
                self.open.iter().min_by_key(|(_, output)| output.usage.tick).map(|(path, _)| path.clone());
            let Some(path) = oldest else { break };
            self.close(&path, false)?;
        }
        Ok(())
    }

    /// Remembers that a closed file need not be read to know that it is whole.
    pub(super) fn remember_clean(&mut self, active: PathBuf, len: u64) {
        if self.clean.len() >= KNOWN_CLEAN {
            self.clean.clear();
        }
        self.clean.insert(active, len);
    }

    /// Which interval of rotation a time is in.
    pub(super) fn period(&self, time: Timestamp) -> i64 {
        self.options.rotate_nanos.map_or(0, |every| time.as_nanos().div_euclid(every))
    }

    pub(super) fn notice(&self, text: &str) {
        (self.options.on_notice)(text);
    }
}

/// The length of the lines that fit.
fn lines_within(text: &[u8], room: u64) -> usize {
    match usize::try_from(room).ok().and_then(|room| text.get(..room)) {
        None => text.len(),
        Some(head) => head.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1),
    }
}

fn first_line(text: &[u8]) -> usize {
    text.iter().position(|b| *b == b'\n').map_or(text.len(), |at| at + 1)
}
