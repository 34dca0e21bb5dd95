//! The seam between components and the file system, which tests replace to inject faults and power cuts.

mod disk;
mod fault;

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::path::Path;

use crate::Timestamp;

pub use disk::Disk;
pub use fault::StorageFault;

/// What a component that keeps data on a disk wants of a file system.
pub trait Storage: Send + Sync + 'static {
    /// Opens a file to append to and to read. With `create`, makes it with these permission bits, and fails
    /// with [`AlreadyExists`](io::ErrorKind::AlreadyExists) if it is there; without, fails with
    /// [`NotFound`](io::ErrorKind::NotFound) if it is not.
    ///
    /// # Errors
    /// Those of the file system; [`ResourceBusy`](io::ErrorKind::ResourceBusy) if another writer has it.
    fn open(&self, path: &Path, create: Option<u32>) -> io::Result<Box<dyn StoredFile>>;

    /// Opens a file to read, whoever writes it.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound), and those of the file system.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn StoredFile>>;

    /// Makes a directory and those above it as far as they are missing, with these permission bits.
    ///
    /// # Errors
    /// Those of the file system.
    fn create_dirs(&self, path: &Path, mode: u32) -> io::Result<()>;

    /// Renames a file; never replaces another.
    ///
    /// # Errors
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists), and those of the file system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Renames a file, in the place of another where there is one: whoever looks sees the one or the other.
    ///
    /// # Errors
    /// Those of the file system.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Those of the file system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory.
    ///
    /// # Errors
    /// Those of the file system.
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>>;

    /// Makes what was created, renamed and removed in a directory durable.
    ///
    /// # Errors
    /// Those of the file system.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// A file that is open.
pub trait StoredFile: Send {
    /// Appends some of the bytes, and says how many.
    ///
    /// # Errors
    /// Those of the file system.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Appends some of the bytes of these, one behind the other as if they were one, and says how many.
    ///
    /// # Errors
    /// Those of the file system.
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(parts.iter().find(|part| !part.is_empty()).map_or(&[], |part| part))
    }

    /// Makes all that was written durable.
    ///
    /// # Errors
    /// Those of the file system: what was written since the last time may be lost.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file.
    ///
    /// # Errors
    /// Those of the file system.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// How long it is.
    ///
    /// # Errors
    /// Those of the file system.
    fn size(&self) -> io::Result<u64>;

    /// When it was last written.
    ///
    /// # Errors
    /// Those of the file system.
    fn modified(&self) -> io::Result<Timestamp>;

    /// Reads at an offset; 0 at the end.
    ///
    /// # Errors
    /// Those of the file system.
    fn read_at(&mut self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Whether `path` still leads to this file: someone else may have moved or deleted it.
    ///
    /// # Errors
    /// Those of the file system, but for a file that is not there.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}
