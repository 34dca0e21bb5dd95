//! Syncing, closing and finishing files, and what that settles.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use dendro_core::{CommitReason, Committed, Stage, Timestamp, Written};

use super::files::{Files, Outcome};
use super::options::Fsync;
use super::output::sync_dirs;
use super::rotate::{prune, rename_finished};
use dendro_core::storage::StorageFault as Fault;

impl Files {
    /// Syncs what is staged, and finishes what is idle or at the end.
    pub(super) fn commit(&mut self, reason: CommitReason) -> Result<(), Fault> {
        let now = self.clock.now();
        let staged: Vec<PathBuf> =
            self.open.iter().filter(|(_, o)| o.stage.is_some()).map(|(path, _)| path.clone()).collect();
        for path in staged {
            if let Err(fault) = self.sync_path(&path) {
                // The stage is settled as lost; this is why.
                self.notice(&fault.to_string());
            }
        }
        match reason {
            CommitReason::Drain => self.finish_all(),
            _ => {
                self.close_idle(now);
                Ok(())
            }
        }
    }

    /// Finishes every file; the first error after all were tried.
    pub(super) fn finish_all(&mut self) -> Result<(), Fault> {
        let paths: Vec<PathBuf> = self.open.keys().cloned().collect();
        let mut result = Ok(());
        for path in paths {
            let finished = self.close(&path, self.options.atomic);
            result = result.and(finished);
        }
        result
    }

    /// Finishes the files whose interval has passed, and closes those that nobody has written to for long.
    pub(super) fn close_idle(&mut self, now: Timestamp) {
        let (period, idle) = (self.period(now), self.options.idle_nanos);
        let due = |nanos: i64| now.as_nanos().saturating_sub(nanos) > idle;
        let paths: Vec<(PathBuf, bool)> = self
            .open
            .iter()
            .map(|(path, o)| (path.clone(), o.usage.period != period && o.len() > 0, due(o.usage.nanos)))
            .filter(|(_, passed, idle)| *passed || *idle)
            .map(|(path, passed, _)| (path, passed))
            .collect();
        for (path, passed) in paths {
            let result =
                if passed { self.finish(&path, true) } else { self.close(&path, self.options.atomic) };
            if let Err(fault) = result {
                // It stays open, and is tried again the next time.
                self.notice(&fault.to_string());
            }
        }
    }

    /// Makes a file durable, and settles its stage; if that fails, as lost, and the file is given up.
    pub(super) fn sync_path(&mut self, path: &Path) -> Result<(), Fault> {
        let Some(output) = self.open.get_mut(path) else { return Ok(()) };
        match output.sync(&*self.storage, &self.base) {
            Ok(()) => {
                let stage = output.stage.take();
                self.settle_durable(stage);
                Ok(())
            }
            Err(fault) => {
                self.abandon(path);
                Err(fault)
            }
        }
    }

    /// Makes durable what was staged under this number; no error if that was done before.
    pub(super) fn sync_stage(&mut self, stage: Stage) -> Result<(), Fault> {
        let path = self.open.iter().find(|(_, o)| o.stage == Some(stage)).map(|(path, _)| path.clone());
        path.map_or(Ok(()), |path| self.sync_path(&path))
    }

    /// Finishes a file under its final name.
    pub(super) fn finish(&mut self, path: &Path, rotated: bool) -> Result<(), Fault> {
        self.make_whole(path)?;
        let Some(output) = self.open.get(path) else { return Ok(()) };
        let now = self.clock.now();
        if output.len() == 0 && self.options.atomic {
            // Nothing has ever got there.
            self.storage.remove(&output.active).map_err(Fault::new("remove", &output.active))?;
        } else if output.len() > 0 {
            match rename_finished(&*self.storage, &output.active, path, !rotated, now) {
                Err(fault) if output.is_there() => return Err(fault),
                // Someone else has moved it; so it has a name.
                _ => {}
            }
            if self.options.fsync != Fsync::Never {
                sync_dirs(&*self.storage, path, &self.base)?;
            }
        }
        self.open.remove(path);
        if let Some(keep) = self.options.keep.filter(|_| rotated)
            && let Err(fault) = prune(&*self.storage, path, keep)
        {
            self.notice(&fault.to_string());
        }
        Ok(())
    }

    /// Closes a file; with `finish` under its final name, otherwise it will be appended to.
    pub(super) fn close(&mut self, path: &Path, finish: bool) -> Result<(), Fault> {
        if finish {
            return self.finish(path, false);
        }
        self.make_whole(path)?;
        if let Some(output) = self.open.remove(path) {
            self.remember_clean(output.active.clone(), output.len());
        }
        Ok(())
    }

    /// Ends the compressed member, and syncs.
    fn make_whole(&mut self, path: &Path) -> Result<(), Fault> {
        let Some(output) = self.open.get_mut(path) else { return Ok(()) };
        output.end()?;
        if self.options.fsync != Fsync::Never {
            self.sync_path(path)?;
        }
        Ok(())
    }

    /// Closes a file whose sync has failed: what was staged is lost. It is cut back and gets another name, so
    /// that what comes is not written behind pages of which nobody knows whether they are on the disk.
    fn abandon(&mut self, path: &Path) {
        let Some(mut output) = self.open.remove(path) else { return };
        output.salvage();
        if let Some(stage) = output.stage.filter(|_| matches!(self.options.fsync, Fsync::Interval(_))) {
            self.settled().lost.push(stage);
            self.recent.lost.push(stage);
            let holds =
                |written: &Written| matches!(written, Written::Staged(stages) if stages.contains(&stage));
            self.finished.retain(|outcome| !matches!(outcome, Outcome::Written(w) if holds(w)));
        }
        let aside = rename_finished(&*self.storage, &output.active, path, false, self.clock.now());
        let active = output.active.display();
        let then = match aside {
            Ok(aside) => format!("it is {} now, and another is begun", aside.display()),
            Err(fault) => fault.to_string(),
        };
        self.notice(&format!("{active}: sync failed, and what was not yet durable is written again; {then}"));
    }

    fn settle_durable(&mut self, stage: Option<Stage>) {
        // With a sync after every write the answer to the write says it all.
        let Some(stage) = stage.filter(|_| matches!(self.options.fsync, Fsync::Interval(_))) else { return };
        self.settled().durable.push(stage);
        self.recent.durable.push(stage);
        self.finished.update(|outcome| {
            let Outcome::Written(written) = outcome else { return };
            let Written::Staged(stages) = written else { return };
            stages.retain(|s| *s != stage);
            if stages.is_empty() {
                *written = Written::Durable;
            }
        });
    }

    fn settled(&self) -> std::sync::MutexGuard<'_, Committed> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // Drained, there is nothing left to do; otherwise this is the best that can be done.
        if let Err(fault) = self.finish_all() {
            self.notice(&fault.to_string());
        }
    }
}
