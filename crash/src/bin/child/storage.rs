//! The storage seam of the components, with the failure points in it.

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use dendro::Timestamp;
use dendro::storage::{Disk, Storage, StoredFile};

use crate::points::{Fate, Points, die, error};

/// The machine's file system, for one component.
pub(crate) struct Files {
    pub(crate) points: Arc<Points>,
    /// What its points begin with.
    pub(crate) name: &'static str,
}

impl Files {
    fn pass<T>(&self, call: &str, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.points.pass(&format!("{}.{call}", self.name), work)
    }

    fn stored(&self, file: Box<dyn StoredFile>) -> Box<dyn StoredFile> {
        Box::new(Stored { points: self.points.clone(), name: self.name, file })
    }
}

impl Storage for Files {
    fn open(&self, path: &Path, create: Option<u32>) -> io::Result<Box<dyn StoredFile>> {
        let call = if create.is_some() { "create" } else { "open" };
        self.pass(call, || Disk.open(path, create)).map(|file| self.stored(file))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>> {
        self.pass("open_to_read", || Disk.open_to_read(path)).map(|file| self.stored(file))
    }

    fn create_dirs(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.pass("create_dirs", || Disk.create_dirs(path, mode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass("rename", || Disk.rename(from, to))
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass("replace", || Disk.replace(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.pass("remove", || Disk.remove(path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.pass("list", || Disk.list(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.pass("sync_dir", || Disk.sync_dir(dir))
    }
}

struct Stored {
    points: Arc<Points>,
    name: &'static str,
    file: Box<dyn StoredFile>,
}

impl Stored {
    fn point(&self, call: &str) -> String {
        format!("{}.{call}", self.name)
    }
}

impl StoredFile for Stored {
    /// A failed one has written half of it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        match self.points.reach(&self.point("write")) {
            Fate::Goes => self.file.write(bytes),
            Fate::Fails => {
                write_all(&mut *self.file, half)?;
                Err(error())
            }
            Fate::DiesBefore => {
                let _ = write_all(&mut *self.file, half);
                die()
            }
            Fate::DiesAfter => {
                let _ = write_all(&mut *self.file, bytes);
                die()
            }
        }
    }

    /// One call to the file system, and so one point.
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(&parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>())
    }

    fn sync(&mut self) -> io::Result<()> {
        let point = self.point("sync");
        self.points.pass(&point, || self.file.sync())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let point = self.point("truncate");
        self.points.pass(&point, || self.file.truncate(len))
    }

    fn size(&self) -> io::Result<u64> {
        self.points.pass(&self.point("size"), || self.file.size())
    }

    fn modified(&self) -> io::Result<Timestamp> {
        self.file.modified()
    }

    fn read_at(&mut self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let point = self.point("read");
        self.points.pass(&point, || self.file.read_at(bytes, offset))
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}

fn write_all(file: &mut dyn StoredFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = file.write(bytes)?;
        bytes = bytes.get(n..).unwrap_or_default();
    }
    Ok(())
}
