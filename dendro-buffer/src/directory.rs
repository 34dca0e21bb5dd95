//! The directory of a buffer: what may stand in it, its lock, and the file that is replaced as a whole.
//!
//! | name | what |
//! |---|---|
//! | `NNNNNNNNNNNNNNNNNNNN.segment` | [segments](crate::segment), by number |
//! | `position` | the [position](crate::position); `position.new` while it is written |
//! | `lock` | locked by the process that has the buffer open, whose id it holds |
//! | `NNNNNNNNNNNNNNNNNNNN-OFFSET.quarantine` | damaged bytes that were set aside |
//! | `*.damaged` | whole files that were |
//!
//! No name comes from an event.

use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dendro_core::storage::{Storage, StorageFault, StoredFile};

use crate::segment;

pub(crate) const POSITION: &str = "position";
const POSITION_NEW: &str = "position.new";
pub(crate) const LOCK: &str = "lock";
pub(crate) const QUARANTINE: &str = ".quarantine";
pub(crate) const DAMAGED: &str = ".damaged";
pub(crate) const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;
/// How often a lock that this process has is tried again.
const HANDOVER: u32 = 50;
/// The most that a position file may take.
const MAX_POSITION_BYTES: u64 = 256 << 20;

/// Held as long as the buffer is open.
pub(crate) struct Lock {
    _file: Box<dyn StoredFile>,
}

impl Lock {
    pub(crate) fn held(file: Box<dyn StoredFile>) -> Self {
        Self { _file: file }
    }
}

/// Why a directory can't be used.
#[derive(Clone, Debug)]
pub(crate) enum Refused {
    /// It may go away.
    Retry(String),
    /// It will not.
    Fatal(String),
}

impl From<StorageFault> for Refused {
    fn from(fault: StorageFault) -> Self {
        match fault.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => {
                Self::Fatal(fault.to_string())
            }
            _ => Self::Retry(fault.to_string()),
        }
    }
}

/// Makes the directory, for its owner alone, and its name durable.
pub(crate) fn create(storage: &dyn Storage, dir: &Path, sync: bool) -> Result<(), StorageFault> {
    let missing: Vec<&Path> = dir
        .ancestors()
        .filter(|d| !d.as_os_str().is_empty())
        .take_while(|d| storage.list(d).is_err())
        .collect();
    storage.create_dirs(dir, DIR_MODE).map_err(StorageFault::new("make the directory", dir))?;
    for made in missing.into_iter().filter(|_| sync) {
        if let Some(parent) = made.parent() {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            storage.sync_dir(parent).map_err(StorageFault::new("sync the directory", parent))?;
        }
    }
    Ok(())
}

/// Locks the directory.
///
/// # Errors
/// In words, with the process that has it.
pub(crate) fn lock(storage: &dyn Storage, dir: &Path) -> Result<Lock, Refused> {
    let path = dir.join(LOCK);
    let mut patience = HANDOVER;
    loop {
        let opened = match storage.open(&path, None) {
            Err(e) if e.kind() == ErrorKind::NotFound => storage.open(&path, Some(FILE_MODE)),
            opened => opened,
        };
        match opened {
            Ok(mut file) => {
                // For the message below; nothing depends on it.
                let id = std::process::id().to_string();
                if file.truncate(0).is_ok() {
                    let _ = write_all(&mut *file, id.as_bytes());
                }
                return Ok(Lock { _file: file });
            }
            // Another has made it just now.
            Err(e) if e.kind() == ErrorKind::AlreadyExists && patience > 0 => patience -= 1,
            Err(e) if e.kind() == ErrorKind::ResourceBusy => {
                let owner = read_all(storage, &path, 32).unwrap_or_default();
                let owner = String::from_utf8_lossy(&owner).trim().to_owned();
                // A run that was cancelled in this process may still be writing; an owner without a name has just come.
                if patience > 0 && (owner.is_empty() || owner == std::process::id().to_string()) {
                    patience -= 1;
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
                return Err(Refused::Fatal(format!(
                    "the buffer directory {} is in use by process {owner}, which has locked {}: give each buffer a \
                     directory of its own, or stop that process",
                    dir.display(),
                    path.display()
                )));
            }
            Err(e) => return Err(StorageFault::new("open the lock", &path)(e).into()),
        }
    }
}

/// What stands in a directory.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// By number.
    pub(crate) segments: Vec<u64>,
    pub(crate) foreign: Vec<String>,
    /// What was set aside.
    pub(crate) aside: Vec<String>,
    /// There is something that only a buffer leaves.
    pub(crate) is_buffer: bool,
}

pub(crate) fn content(storage: &dyn Storage, dir: &Path) -> Result<Content, StorageFault> {
    let mut content = Content::default();
    for name in storage.list(dir).map_err(StorageFault::new("list", dir))? {
        let name = name.to_string_lossy();
        match segment::number_of(&name) {
            Some(number) => content.segments.push(number),
            None if [POSITION, POSITION_NEW, LOCK].contains(&&*name) => content.is_buffer = true,
            None if name.ends_with(QUARANTINE) || name.ends_with(DAMAGED) => {
                content.aside.push(name.into_owned());
            }
            None => content.foreign.push(name.into_owned()),
        }
    }
    content.is_buffer |= !content.segments.is_empty();
    content.segments.sort_unstable();
    content.foreign.sort_unstable();
    Ok(content)
}

/// The stored position; `None` if there is none.
pub(crate) fn read_position(storage: &dyn Storage, dir: &Path) -> Result<Option<Vec<u8>>, StorageFault> {
    let path = dir.join(POSITION);
    match read_all(storage, &path, MAX_POSITION_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StorageFault::new("read", &path)(e)),
    }
}

/// Replaces the stored position; what was stored before is there until then.
pub(crate) fn write_position(
    storage: &dyn Storage,
    dir: &Path,
    bytes: &[u8],
    sync: bool,
) -> Result<(), StorageFault> {
    let (path, new) = (dir.join(POSITION), dir.join(POSITION_NEW));
    // After a failed fsync the kernel may have dropped what was written: always a new file.
    remove(storage, &new).map_err(StorageFault::new("remove", &new))?;
    let mut file = storage.open(&new, Some(FILE_MODE)).map_err(StorageFault::new("create", &new))?;
    write_all(&mut *file, bytes).map_err(|(_, e)| StorageFault::new("write", &new)(e))?;
    if sync {
        file.sync().map_err(StorageFault::new("sync", &new))?;
    }
    drop(file);
    storage.replace(&new, &path).map_err(StorageFault::new("replace", &path))?;
    if sync {
        storage.sync_dir(dir).map_err(StorageFault::new("sync the directory", dir))?;
    }
    Ok(())
}

/// Removes a file that may be gone already.
pub(crate) fn remove(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    match storage.remove(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Renames a file to a free name with this ending; gives that name.
pub(crate) fn set_aside(storage: &dyn Storage, path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for n in 0..1_000 {
        let number = if n == 0 { String::new() } else { format!("-{n}") };
        let aside = path.with_file_name(format!("{name}{number}{DAMAGED}"));
        match storage.rename(path, &aside) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            result => return result.map(|()| aside),
        }
    }
    Err(io::Error::other(
        "there are a thousand damaged files of its name already: look at them and remove them",
    ))
}

/// Writes all of it.
///
/// # Errors
/// How much was written, and what stopped it.
pub(crate) fn write_all(file: &mut dyn StoredFile, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    write_all_parts(file, &mut [IoSlice::new(bytes)])
}

/// [`write_all`] of several, one behind the other.
///
/// # Errors
/// How much was written, and what stopped it.
pub(crate) fn write_all_parts(
    file: &mut dyn StoredFile,
    mut parts: &mut [IoSlice<'_>],
) -> Result<(), (usize, io::Error)> {
    let mut done = 0;
    // Takes those out that are empty.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.write_vectored(parts) {
            Ok(0) => return Err((done, ErrorKind::WriteZero.into())),
            Ok(n) => {
                done += n;
                IoSlice::advance_slices(&mut parts, n);
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err((done, e)),
        }
    }
    Ok(())
}

fn read_all(storage: &dyn Storage, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = storage.open_to_read(path)?;
    let size = file.size()?;
    if size > limit {
        return Err(io::Error::other(format!("it has {size} bytes, more than the {limit} that it may have")));
    }
    let mut bytes = vec![0; size as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
