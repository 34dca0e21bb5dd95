//! The sink as a whole, on a file system that fails where it is told to.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod acknowledgement;
mod faults;
mod full_disk;
mod reopening;
mod rotation;

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::{
    Batch, CommitReason, Committed, Event, ManualClock, Sink, SinkError, Timestamp, WriteContext, Written,
};

use super::*;

/// An operation that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Open,
    Create,
    CreateDirs,
    Rename,
    Remove,
    List,
    SyncDir,
    /// Fails after so many bytes of the call were written.
    Write(usize),
    Sync,
    Truncate,
}

impl Op {
    fn is(self, other: Op) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// The real file system with faults, and a log of what was done.
#[derive(Clone, Default)]
struct Faulty(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    /// Operation, a part of the path, how many times to let it pass first, how often to fail, with what.
    faults: Vec<(Op, String, usize, usize, io::ErrorKind)>,
    log: Vec<(Op, PathBuf)>,
    gate: Option<std::sync::mpsc::Receiver<()>>,
}

impl Faulty {
    fn fail(&self, op: Op, path: &str, skip: usize, times: usize, kind: io::ErrorKind) {
        self.0.lock().unwrap().faults.push((op, path.to_owned(), skip, times, kind));
    }

    fn count(&self, op: Op) -> usize {
        self.0.lock().unwrap().log.iter().filter(|(o, _)| o.is(op)).count()
    }

    fn check(&self, op: Op, path: &Path) -> Result<(), (Op, io::Error)> {
        let mut plan = self.0.lock().unwrap();
        plan.log.push((op, path.to_owned()));
        for (wanted, part, skip, times, kind) in &mut plan.faults {
            if !wanted.is(op) || !path.to_string_lossy().contains(part.as_str()) || *times == 0 {
                continue;
            }
            if *skip > 0 {
                *skip -= 1;
                continue;
            }
            *times -= 1;
            return Err((*wanted, (*kind).into()));
        }
        Ok(())
    }

    fn plainly(&self, op: Op, path: &Path) -> io::Result<()> {
        self.check(op, path).map_err(|(_, e)| e)
    }
}

impl Storage for Faulty {
    fn open(&self, path: &Path, create: Option<u32>) -> io::Result<Box<dyn StoredFile>> {
        self.plainly(if create.is_some() { Op::Create } else { Op::Open }, path)?;
        let file = Disk.open(path, create)?;
        Ok(Box::new(FaultyFile { file, path: path.to_owned(), plan: self.clone() }))
    }
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        Disk.open_to_read(path)
    }
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.replace(from, to)
    }
    fn create_dirs(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.plainly(Op::CreateDirs, path)?;
        Disk.create_dirs(path, mode)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.plainly(Op::Rename, from)?;
        Disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.plainly(Op::Remove, path)?;
        Disk.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.plainly(Op::List, dir)?;
        Disk.list(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.plainly(Op::SyncDir, dir)?;
        Disk.sync_dir(dir)
    }
}

struct FaultyFile {
    file: Box<dyn StoredFile>,
    path: PathBuf,
    plan: Faulty,
}

impl StoredFile for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gate = self.plan.0.lock().unwrap().gate.take();
        if let Some(gate) = gate {
            gate.recv().unwrap();
        }
        match self.plan.check(Op::Write(0), &self.path) {
            Err((Op::Write(part), _)) if part > 0 => {
                // The next call is the one that fails.
                self.plan.0.lock().unwrap().faults.push((
                    Op::Write(0),
                    self.path.to_string_lossy().into_owned(),
                    0,
                    1,
                    io::ErrorKind::StorageFull,
                ));
                let part = part.min(bytes.len() - 1);
                self.file.write(&bytes[..part])
            }
            Err((_, e)) => Err(e),
            Ok(()) => self.file.write(bytes),
        }
    }
    fn sync(&mut self) -> io::Result<()> {
        self.plan.plainly(Op::Sync, &self.path)?;
        self.file.sync()
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.plan.plainly(Op::Truncate, &self.path)?;
        self.file.truncate(len)
    }
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn modified(&self) -> io::Result<Timestamp> {
        self.file.modified()
    }
    fn read_at(&mut self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(bytes, offset)
    }
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}

/// A sink in a directory of its own.
struct Bench {
    dir: tempfile::TempDir,
    disk: Faulty,
    clock: Arc<ManualClock>,
    notices: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new() -> Self {
        let start = Timestamp::parse_rfc3339("2026-11-20T10:00:00Z").unwrap();
        Self {
            dir: tempfile::tempdir().unwrap(),
            disk: Faulty::default(),
            clock: Arc::new(ManualClock::new(start)),
            notices: Arc::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn builder(&self, path: &str) -> FileSinkBuilder {
        let notices = self.notices.clone();
        FileSink::builder(self.path(path).to_str().unwrap())
            .storage(Arc::new(self.disk.clone()))
            .clock(self.clock.clone())
            .on_notice(move |text| notices.lock().unwrap().push(text.to_owned()))
    }

    fn notices(&self) -> String {
        self.notices.lock().unwrap().join("\n")
    }

    /// The files there are, by their path from the directory.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut dirs = vec![self.dir.path().to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    found.push(path.strip_prefix(self.dir.path()).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }

    /// The numbers of the events in a file, which has to be whole.
    fn numbers(&self, name: &str) -> Vec<u64> {
        let text = decoded(&self.path(name));
        assert!(text.is_empty() || text.ends_with('\n'), "{name} is torn: {text:?}");
        text.lines().map(number).collect()
    }

    /// Those of all files, in the order of the files' names.
    fn all_numbers(&self) -> Vec<u64> {
        self.files().iter().flat_map(|name| self.numbers(name)).collect()
    }
}

fn number(line: &str) -> u64 {
    let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line:?}: {e}"));
    value["n"].as_u64().unwrap()
}

fn decoded(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let name = path.to_str().unwrap().trim_end_matches(".partial");
    let mut text = String::new();
    if name.ends_with(".gz") {
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    } else if name.ends_with(".zst") {
        text = String::from_utf8(zstd::stream::decode_all(&bytes[..]).unwrap()).unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text
}

fn event(n: u64) -> Event {
    Event::new("t").at(Timestamp::from_secs(1_794_000_000).unwrap()).with("n", n)
}

fn batch(numbers: impl IntoIterator<Item = u64>) -> [Batch; 1] {
    let events: Vec<Event> = numbers.into_iter().map(event).collect();
    [Batch::from_events(&events).unwrap()]
}

/// A batch whose events say where they go.
fn batch_to(to: &[(&str, u64)]) -> [Batch; 1] {
    let events: Vec<Event> = to.iter().map(|(to, n)| event(*n).with("to", *to)).collect();
    [Batch::from_events(&events).unwrap()]
}

/// Every call has its own id unless it is a retry.
async fn write(sink: &FileSink, id: &str, batches: &[Batch]) -> Result<Written, SinkError> {
    sink.write(batches, &WriteContext::new(id, 1, Duration::from_secs(60))).await
}

async fn drain(sink: &FileSink) -> Committed {
    sink.commit(CommitReason::Drain).await.unwrap()
}

const SECOND: Duration = Duration::from_secs(1);
