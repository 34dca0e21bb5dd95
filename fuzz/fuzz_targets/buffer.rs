//! Arbitrary bytes as the files of a disk buffer: it opens, reads what can be read, sets aside what can't, and ends drained.

#![no_main]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use dendro_buffer::offline::OfflineBuffer;
use dendro_buffer::{Compression, DiskBuffer, Fsync};
use dendro_core::storage::{Storage, StoredFile};
use dendro_core::{Buffer, Outcome, Output, QueueLimits, SourceContext, SystemClock, Timestamp};
use libfuzzer_sys::fuzz_target;

const DIR: &str = "buffer";
const SEGMENT: &str = "buffer/00000000000000000001.segment";
const POSITION: &str = "buffer/position";
/// Where the header of a segment, that of a record and that of a position end.
const SEGMENT_HEADER: usize = 40;
const RECORD_HEADER: usize = 44;
const POSITION_HEADER: usize = 16;

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime: {error}"),
    });

fuzz_target!(|data: &[u8]| {
    // The first byte says how much of the rest is the position, and whether checksums are made right.
    let Some((how, rest)) = data.split_first() else { return };
    let (position, segment) = rest.split_at((usize::from(how >> 1) * 2).min(rest.len()));
    let (mut position, mut segment) = (position.to_vec(), segment.to_vec());
    if how & 1 == 1 {
        seal_position(&mut position);
        seal_segment(&mut segment);
    }
    let disk = Memory::default();
    disk.put(SEGMENT, segment);
    if !position.is_empty() {
        disk.put(POSITION, position);
    }
    let before = disk.files();
    if let Ok(buffer) = OfflineBuffer::peek_at(DIR, Arc::new(disk.clone())) {
        let _ = buffer.inspect();
        let _ = buffer.export(|batch| assert!(batch.end_index() >= batch.len()));
    }
    assert_eq!(disk.files(), before, "looking changes nothing");
    RUNTIME.block_on(drain(&disk));
});

/// Opens it, takes all that comes, and stops.
async fn drain(disk: &Memory) {
    let builder = DiskBuffer::builder(DIR).fsync(Fsync::Never).compression(Compression::None);
    let Ok(buffer) = builder.storage(Arc::new(disk.clone())).build() else { return };
    let mut reader = Box::new(buffer).into_halves().reader;
    let (out, receiver) = Output::for_test(QueueLimits::default());
    let (cx, stop) = SourceContext::for_test(DIR, Arc::new(SystemClock));
    stop.stop();
    let acknowledge = async {
        while let Some(mut batch) = receiver.recv().await {
            batch.take_acks().resolve(Outcome::Delivered);
        }
    };
    let (run, ()) = tokio::join!(reader.run(out, cx), acknowledge);
    if run.is_ok() {
        let left =
            disk.files().keys().filter(|path| path.extension().is_some_and(|e| e == "segment")).count();
        assert_eq!(left, 0, "what is drained leaves no segment");
    }
}

fn seal(bytes: &mut [u8], at: usize, check: u32) {
    if let Some(slot) = bytes.get_mut(at..at + 4) {
        slot.copy_from_slice(&check.to_le_bytes());
    }
}

/// Makes the checksums of a position right.
fn seal_position(bytes: &mut [u8]) {
    if let Some(body) = bytes.get(POSITION_HEADER..) {
        let (len, check) = (body.len() as u32, crc32fast::hash(body));
        bytes[..4].copy_from_slice(b"DNDP");
        seal(bytes, 8, len);
        seal(bytes, 12, check);
    }
}

/// Makes the checksums of a segment and of its records right, as far as their lengths lead from one to the next.
fn seal_segment(bytes: &mut [u8]) {
    if bytes.len() < SEGMENT_HEADER {
        return;
    }
    bytes[..4].copy_from_slice(b"DNDB");
    bytes[8..16].copy_from_slice(&1u64.to_le_bytes());
    let salt = [bytes[32], bytes[33], bytes[34], bytes[35]];
    let check = crc32fast::hash(&bytes[..36]);
    seal(bytes, 36, check);
    let mut at = SEGMENT_HEADER;
    while at + RECORD_HEADER <= bytes.len() {
        let len = u32::from_le_bytes(std::array::from_fn(|i| bytes[at + 8 + i])) as usize;
        let end = (at + RECORD_HEADER).saturating_add(len);
        bytes[at..at + 4].copy_from_slice(b"DNDR");
        bytes[at + 32..at + 36].copy_from_slice(&salt);
        if let Some(body) = bytes.get(at + RECORD_HEADER..end) {
            let check = crc32fast::hash(body);
            seal(bytes, at + 36, check);
        }
        let check = crc32fast::hash(&bytes[at..at + 40]);
        seal(bytes, at + 40, check);
        at = end;
    }
}

/// Files in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, path: &str, bytes: Vec<u8>) {
        self.lock().insert(path.into(), bytes);
    }

    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.lock().clone()
    }
}

impl Storage for Memory {
    fn open(&self, path: &Path, create: Option<u32>) -> io::Result<Box<dyn StoredFile>> {
        let mut files = self.lock();
        match (files.contains_key(path), create) {
            (true, Some(_)) => return Err(ErrorKind::AlreadyExists.into()),
            (false, None) => return Err(ErrorKind::NotFound.into()),
            (false, Some(_)) => drop(files.insert(path.to_owned(), Vec::new())),
            (true, None) => {}
        }
        Ok(Box::new(MemoryFile { disk: self.clone(), path: path.to_owned() }))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.open(path, None)
    }

    fn create_dirs(&self, _path: &Path, _mode: u32) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.lock().contains_key(to) {
            Err(ErrorKind::AlreadyExists.into())
        } else {
            self.replace(from, to)
        }
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.lock();
        let bytes = files.remove(from).ok_or(ErrorKind::NotFound)?;
        files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.lock().remove(path).map(drop).ok_or(ErrorKind::NotFound.into())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        let files = self.lock();
        let inside = files.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| path.file_name()).map(Into::into).collect())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }
}

struct MemoryFile {
    disk: Memory,
    path: PathBuf,
}

impl MemoryFile {
    fn bytes<R>(&self, look: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        look(self.disk.lock().entry(self.path.clone()).or_default())
    }
}

impl StoredFile for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes(|all| all.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.bytes(|all| all.truncate(len as usize));
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes(|all| all.len() as u64))
    }

    fn modified(&self) -> io::Result<Timestamp> {
        Ok(Timestamp::EPOCH)
    }

    fn read_at(&mut self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(self.bytes(|all| {
            let there = all.get(offset as usize..).unwrap_or_default();
            let n = there.len().min(bytes.len());
            bytes[..n].copy_from_slice(&there[..n]);
            n
        }))
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.lock().contains_key(path))
    }
}
