//! Where checkpoints are stored: one file in a directory of its own, replaced as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dendro_core::storage::Storage;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::checkpoint::Book;

const NAME: &str = "checkpoints.json";
const TEMPORARY: &str = "checkpoints.json.new";
const LOCK: &str = "lock";
/// How often a lock that this process has is tried again.
const HANDOVER: u32 = 25;

/// A directory of checkpoints, locked as long as this lives.
pub(super) struct Store {
    directory: PathBuf,
    storage: Arc<dyn Storage>,
    _lock: File,
}

impl Store {
    /// Makes the directory (for its owner alone) where it is missing, and locks it.
    ///
    /// # Errors
    /// In words for the user.
    pub(super) fn open(directory: &Path, storage: Arc<dyn Storage>) -> Result<Self, String> {
        let shown = directory.display();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|e| format!("the checkpoint directory {shown} can't be made: {e}"))?;
        let path = directory.join(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| {
                format!("the lock of the checkpoint directory, {}, can't be opened: {e}", path.display())
            })?;
        let mut patience = HANDOVER;
        while let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            if error != Errno::WOULDBLOCK {
                return Err(format!("the checkpoint directory {shown} can't be locked: {error}"));
            }
            let owner = fs::read_to_string(&path).unwrap_or_default();
            // A run that was cancelled in this process may still be writing; an owner without a name has just come.
            let may_go = owner.is_empty() || owner.trim() == std::process::id().to_string();
            if may_go && patience > 0 {
                patience -= 1;
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
            return Err(format!(
                "the checkpoint directory {shown} is in use by another source (process {}): give each its own",
                owner.trim()
            ));
        }
        // For the message above; nothing depends on it.
        let _ = lock.set_len(0).and_then(|()| lock.write_all(std::process::id().to_string().as_bytes()));
        Ok(Self { directory: directory.to_owned(), storage, _lock: lock })
    }

    /// What was stored, and what the user should know about it.
    ///
    /// # Errors
    /// In words, if there is something that can't be read at all.
    pub(super) fn load(&self) -> Result<(Book, Option<String>), String> {
        let path = self.directory.join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((Book::default(), None)),
            Err(e) => return Err(format!("the checkpoints in {} can't be read: {e}", path.display())),
        };
        let wrong = match Book::decode(&bytes) {
            Ok(book) => return Ok((book, None)),
            Err(wrong) => wrong,
        };
        let aside = self.free_name();
        let kept = match self.storage.rename(&path, &aside) {
            Ok(()) => format!("it is kept as {}", aside.display()),
            Err(e) => format!("it could not be set aside: {e}"),
        };
        let message = format!(
            "the checkpoints in {} can't be used: {wrong}; {kept}, and files are read as if there were none",
            path.display()
        );
        Ok((Book::default(), Some(message)))
    }

    /// Replaces what is stored.
    ///
    /// # Errors
    /// In words; what was stored before is still there.
    pub(super) fn save(&self, bytes: &[u8]) -> Result<(), String> {
        let (path, temporary) = (self.directory.join(NAME), self.directory.join(TEMPORARY));
        let saved = write_synced(&*self.storage, &temporary, bytes)
            .and_then(|()| self.storage.replace(&temporary, &path))
            .and_then(|()| self.storage.sync_dir(&self.directory));
        saved.map_err(|e| {
            format!("the checkpoints in {} can't be written: {e}; they are tried again", path.display())
        })
    }

    fn free_name(&self) -> PathBuf {
        let name = |n: u32| self.directory.join(format!("{NAME}.bad-{n}"));
        (1..1000).map(name).find(|p| !p.exists()).unwrap_or_else(|| name(1000))
    }
}

/// Writes a file that only its owner may read, and waits until it is on the disk.
pub(crate) fn write_synced(storage: &dyn Storage, path: &Path, mut bytes: &[u8]) -> io::Result<()> {
    // After a failed fsync the kernel may have dropped what was written: always a new file.
    if let Err(error) = storage.remove(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = storage.open(path, Some(0o600))?;
    while !bytes.is_empty() {
        match file.write(bytes)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => bytes = bytes.get(n..).unwrap_or_default(),
        }
    }
    file.sync()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::ffi::OsString;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicU8, Ordering};

    use dendro_core::Timestamp;
    use dendro_core::storage::{Disk, StoredFile};

    use super::*;

    /// Fails at the step that `fail` names.
    struct Faulty {
        fail: Arc<AtomicU8>,
    }

    struct FaultyFile {
        fail: Arc<AtomicU8>,
        file: Box<dyn StoredFile>,
    }

    const STEPS: [u8; 6] = [1, 2, 3, 4, 5, 6];

    fn check(fail: &AtomicU8, step: u8) -> io::Result<()> {
        match fail.load(Ordering::Relaxed) == step {
            true => Err(io::Error::other("no space left on the test's device")),
            false => Ok(()),
        }
    }

    impl Storage for Faulty {
        fn open(&self, path: &Path, create: Option<u32>) -> io::Result<Box<dyn StoredFile>> {
            check(&self.fail, 1)?;
            Ok(Box::new(FaultyFile { fail: self.fail.clone(), file: Disk.open(path, create)? }))
        }
        fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
            Disk.open_to_read(path)
        }
        fn create_dirs(&self, path: &Path, mode: u32) -> io::Result<()> {
            Disk.create_dirs(path, mode)
        }
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            Disk.rename(from, to)
        }
        fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
            check(&self.fail, 4)?;
            Disk.replace(from, to)
        }
        fn remove(&self, path: &Path) -> io::Result<()> {
            check(&self.fail, 5)?;
            Disk.remove(path)
        }
        fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
            Disk.list(dir)
        }
        fn sync_dir(&self, dir: &Path) -> io::Result<()> {
            check(&self.fail, 6)?;
            Disk.sync_dir(dir)
        }
    }

    impl StoredFile for FaultyFile {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let written = self.file.write(&bytes[..bytes.len().div_ceil(2)]);
            check(&self.fail, 2).and(written)
        }
        fn sync(&mut self) -> io::Result<()> {
            check(&self.fail, 3)?;
            self.file.sync()
        }
        fn truncate(&mut self, len: u64) -> io::Result<()> {
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

    fn book(offset: u64) -> Book {
        let mut book = Book::default();
        let id = book.next_id();
        let entry = super::super::checkpoint::Entry {
            stream: "s".into(),
            path: "/s".into(),
            inode: Default::default(),
            mark: super::super::identity::Mark { offset, ..Default::default() },
            modified: 0,
            finished: false,
            gone_since: None,
            identity: None,
            birth: Default::default(),
        };
        book.files.insert(id, entry);
        book
    }

    #[test]
    fn a_failed_write_leaves_what_was_stored_and_the_next_one_goes_through() {
        for step in STEPS {
            let directory = tempfile::tempdir().unwrap();
            let fail = Arc::new(AtomicU8::new(0));
            let store = Store::open(directory.path(), Arc::new(Faulty { fail: fail.clone() })).unwrap();
            store.save(&book(1).encode()).unwrap();
            fail.store(step, Ordering::Relaxed);
            let message = store.save(&book(2).encode()).unwrap_err();
            assert!(message.contains("no space left"), "{message}");
            let found = store.load().unwrap().0;
            assert!(found == book(1) || (step == 6 && found == book(2)), "step {step}");
            fail.store(0, Ordering::Relaxed);
            store.save(&book(3).encode()).unwrap();
            assert_eq!(store.load().unwrap(), (book(3), None));
        }
    }

    #[test]
    fn a_corrupt_file_is_set_aside_and_reported() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), Arc::new(Disk)).unwrap();
        for n in 1..3 {
            fs::write(directory.path().join(NAME), "{\"half").unwrap();
            let (found, message) = store.load().unwrap();
            assert_eq!(found, Book::default());
            assert!(message.unwrap().contains(&format!("{NAME}.bad-{n}")));
            assert!(directory.path().join(format!("{NAME}.bad-{n}")).exists());
        }
        assert_eq!(store.load().unwrap(), (Book::default(), None));
    }

    #[test]
    fn a_second_owner_is_refused_until_the_first_lets_go() {
        let directory = tempfile::tempdir().unwrap();
        let first = Store::open(directory.path(), Arc::new(Disk)).unwrap();
        let refused = Store::open(directory.path(), Arc::new(Disk)).err().unwrap();
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        drop(first);
        assert!(Store::open(directory.path(), Arc::new(Disk)).is_ok());
    }

    #[test]
    fn only_the_owner_may_read() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("a/b");
        let store = Store::open(&inner, Arc::new(Disk)).unwrap();
        store.save(&book(1).encode()).unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&inner), 0o700);
        assert_eq!(mode(&inner.join(NAME)), 0o600);
        assert_eq!(mode(&inner.join(LOCK)), 0o600);
    }
}
