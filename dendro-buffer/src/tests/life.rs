//! One run of a buffer after the other on a simulated disk, step by step and without threads, so that a seed says it
//! all; and what has to be true of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dendro_core::{Batch, CommitReason, Stage, WhenFull, Written};
use dendro_test::batches;
use tokio::sync::oneshot;

use super::disk::{Random, SimDisk};
use crate::appender::Appender;
use crate::directory::{Lock, Refused};
use crate::frame::Frame;
use crate::options::{Compression, Fsync, Options};
use crate::pending::{Answer, Pending, Room};
use crate::read_ahead::{Item, ReadAhead};
use crate::shared::{Mark, Shared};
use crate::{open, save};

pub(crate) const DIR: &str = "buffer";

/// Never more than this is in the buffer.
pub(crate) const MAX_BYTES: u64 = 1 << 20;

pub(crate) fn options(disk: &SimDisk, fsync: Fsync, compression: Compression) -> Options {
    Options {
        directory: DIR.into(),
        max_bytes: MAX_BYTES,
        segment_bytes: 4 << 10,
        fsync,
        compression,
        max_streams: 100,
        when_full: WhenFull::Block,
        storage: Arc::new(disk.clone()),
    }
}

/// What the world outside knows, over all runs.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) written: u64,
    /// Acknowledged to what is before the buffer.
    pub(crate) acknowledged: BTreeSet<u64>,
    /// Acknowledged by what is behind it.
    pub(crate) delivered: BTreeSet<u64>,
    /// Those of them whose acknowledgement was stored.
    pub(crate) stored: BTreeSet<u64>,
    pub(crate) again: u64,
}

/// One run.
pub(crate) struct Life {
    pub(crate) shared: Arc<Shared>,
    _lock: Lock,
    appender: Appender,
    ahead: ReadAhead,
    ready: VecDeque<(Vec<u64>, Mark)>,
    /// Acknowledged by what is behind it, in this run.
    settled: Vec<u64>,
    staged: BTreeMap<Stage, Vec<u64>>,
    /// Writes that are to be tried again.
    retry: Vec<(String, std::ops::Range<u64>)>,
    fsync: Fsync,
    pub(crate) notices: Vec<String>,
}

impl Life {
    pub(crate) fn begin(disk: &SimDisk, fsync: Fsync, compression: Compression) -> Result<Self, Refused> {
        let options = options(disk, fsync, compression);
        let (lock, view) = open::open(&options)?;
        let shared = Arc::new(Shared::new(options));
        let notices = view.notices.iter().map(|(_, text)| text.clone()).collect();
        *shared.view() = view;
        Ok(Self {
            appender: Appender::new(shared.clone()),
            ahead: ReadAhead::new(shared.clone()),
            ready: VecDeque::new(),
            settled: Vec::new(),
            staged: BTreeMap::new(),
            retry: Vec::new(),
            _lock: lock,
            shared,
            fsync,
            notices,
        })
    }

    /// One step of whichever kind.
    pub(crate) fn step(&mut self, random: &mut Random, ledger: &mut Ledger) {
        match random.below(10) {
            0..=3 => self.write(random, ledger),
            4 => self.commit(ledger, CommitReason::Interval),
            5..=6 => drop(self.read()),
            7..=8 => {
                let n = random.below(4);
                self.deliver(n as usize, ledger);
            }
            _ => self.save(ledger),
        }
    }

    pub(crate) fn write(&mut self, random: &mut Random, ledger: &mut Ledger) {
        let writes = 1 + random.below(3);
        self.write_together(writes, random, ledger);
    }

    pub(crate) fn write_together(&mut self, count: u64, random: &mut Random, ledger: &mut Ledger) {
        let mut writes = std::mem::take(&mut self.retry);
        for _ in 0..count {
            let most = if random.below(8) == 0 { 40 } else { 4 };
            let events = 1 + random.below(most);
            let numbers = ledger.written..ledger.written + events;
            ledger.written += events;
            writes.push((format!("{:032}", numbers.start), numbers));
        }
        self.append(writes, ledger);
    }

    fn append(&mut self, writes: Vec<(String, std::ops::Range<u64>)>, ledger: &mut Ledger) {
        let (mut pending, mut answers) = (Vec::new(), Vec::new());
        for (id, numbers) in writes {
            let frame =
                Frame::new(&batches::numbered("a", numbers.clone()), Vec::new(), Compression::None).unwrap();
            let Some(room) = Room::take(&self.shared, frame.most_bytes()) else {
                self.retry.push((id, numbers));
                continue;
            };
            let (sender, answer) = oneshot::channel();
            let identity = (id.clone(), (numbers.end - numbers.start) as usize);
            pending.push(Pending { identity, frames: vec![frame], _room: room, sender: Some(sender) });
            answers.push((id, numbers, answer));
        }
        self.appender.append_all(pending);
        for (id, numbers, mut answer) in answers {
            match answer.try_recv().unwrap() {
                Answer::Written(Written::Durable) => ledger.acknowledged.extend(numbers),
                Answer::Written(Written::Staged(stages)) => {
                    assert!(matches!(self.fsync, Fsync::Interval(_)));
                    self.staged.entry(stages[0]).or_default().extend(numbers);
                }
                Answer::Written(other) => panic!("{other:?}"),
                Answer::Retry(_) => self.retry.push((id, numbers)),
            }
        }
        self.listen();
    }

    pub(crate) fn commit(&mut self, ledger: &mut Ledger, reason: CommitReason) {
        let committed = self.appender.commit(reason);
        for stage in committed.durable {
            ledger.acknowledged.extend(self.staged.remove(&stage).unwrap_or_default());
        }
        for stage in committed.lost {
            // The driver writes them again, one by one here.
            for n in self.staged.remove(&stage).unwrap_or_default() {
                self.retry.push((format!("again {n}"), n..n + 1));
            }
        }
        self.listen();
    }

    /// What has come, or why nothing more can.
    pub(crate) fn read(&mut self) -> Result<usize, String> {
        let mut items = Vec::new();
        let read = self.ahead.read(&mut items);
        let n = items.len();
        self.ready.extend(items.into_iter().map(|item| match item {
            Item::Batch(batch, mark) => (numbers(&batch), mark),
            Item::Passed(mark) => (Vec::new(), mark),
        }));
        self.listen();
        read.map(|()| n).map_err(|fault| fault.to_string())
    }

    pub(crate) fn deliver(&mut self, batches: usize, ledger: &mut Ledger) {
        for (numbers, mark) in self.ready.drain(..batches.min(self.ready.len())) {
            for n in numbers {
                ledger.again += u64::from(!ledger.delivered.insert(n));
                self.settled.push(n);
            }
            self.shared.view().settle(&mark);
        }
    }

    pub(crate) fn save(&mut self, ledger: &mut Ledger) {
        if save::save(&self.shared).is_empty() {
            ledger.stored.extend(self.settled.drain(..));
        }
    }

    /// What has not failed, or was tried again until it did not.
    pub(crate) fn drain(&mut self, ledger: &mut Ledger) {
        for _ in 0..100 {
            let writes = std::mem::take(&mut self.retry);
            self.append(writes, ledger);
            self.commit(ledger, CommitReason::Drain);
            while self.read().is_ok_and(|n| n > 0) {}
            self.deliver(usize::MAX, ledger);
            self.save(ledger);
            let view = self.shared.view();
            let is_empty = view.segments.is_empty() && view.done.is_empty();
            drop(view);
            if self.retry.is_empty() && self.staged.is_empty() && is_empty {
                return;
            }
        }
        panic!("it does not drain: {} writes are tried again, {:?}", self.retry.len(), self.notices);
    }

    /// What an earlier run has left.
    pub(crate) fn recover(&mut self) -> Result<Vec<u64>, String> {
        let mut found = Vec::new();
        while self.read()? > 0 {
            for (numbers, mark) in self.ready.drain(..) {
                found.extend(numbers);
                self.shared.view().settle(&mark);
            }
        }
        Ok(found)
    }

    fn listen(&mut self) {
        let told = std::mem::take(&mut self.shared.view().notices);
        self.notices.extend(told.into_iter().map(|(_, text)| text));
    }
}

pub(crate) fn numbers(batch: &Batch) -> Vec<u64> {
    batch.iter().map(|e| e.get("n").and_then(|v| v.as_u64()).unwrap()).collect()
}

/// A second look that leaves the disk as it is: what a run that began now would find.
pub(crate) fn found(disk: &SimDisk, fsync: Fsync) -> Result<Vec<u64>, String> {
    let mut life = Life::begin(&disk.after_kill(), fsync, Compression::None).map_err(|e| format!("{e:?}"))?;
    life.recover()
}

/// What is true after every crash.
///
/// # Errors
/// What is not.
pub(crate) fn judge(ledger: &Ledger, found: &[u64]) -> Result<(), String> {
    let there: BTreeSet<u64> = found.iter().copied().collect();
    let lost: Vec<u64> = ledger
        .acknowledged
        .iter()
        .filter(|n| !there.contains(n) && !ledger.delivered.contains(n))
        .copied()
        .collect();
    if !lost.is_empty() {
        return Err(format!("acknowledged and lost: {lost:?}"));
    }
    let again: Vec<u64> = there.intersection(&ledger.stored).copied().collect();
    if !again.is_empty() {
        return Err(format!("acknowledged, stored and sent again: {again:?}"));
    }
    Ok(())
}

pub(crate) fn interval() -> Fsync {
    Fsync::Interval(Duration::from_secs(1))
}

pub(crate) fn path(number: u64) -> std::path::PathBuf {
    crate::segment::path(Path::new(DIR), number)
}
