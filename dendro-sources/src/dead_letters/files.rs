//! Which files have letters, and whose turn it is to have them.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::progress::Progress;

const REPLAYING: &str = ".replaying";
const REPLAYED: &str = ".replayed";
const LOCK: &str = ".replay.lock";

/// The files of letters at a path, a folder or one file, by name, which is by age for rotated ones; those whose
/// replay has begun, too.
pub(super) fn find(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (folder, only) = split(path)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !entry.file_type()?.is_file() {
            continue;
        }
        if only.as_deref().is_none_or(|only| belongs_to(&name, only)) && is_of_letters(&name) {
            found.push(folder.join(name));
        }
    }
    found.sort();
    Ok(found)
}

/// The letters at a path, for one replay at a time.
pub(super) struct Claimed {
    /// Renamed for the replay.
    pub(super) files: Vec<PathBuf>,
    /// Files that somebody writes.
    pub(super) busy: Vec<PathBuf>,
    /// Locked as long as this lives.
    _lock: File,
}

/// Takes the files for a replay.
pub(super) fn claim(path: &Path) -> io::Result<Claimed> {
    let (folder, _) = split(path)?;
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    let lock = options.open(folder.join(LOCK))?;
    if is_locked(&lock)? {
        let message = format!("another replay is running in {}", folder.display());
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, message));
    }
    let mut claimed = Claimed { files: Vec::new(), busy: Vec::new(), _lock: lock };
    for path in find(path)? {
        if path.as_os_str().as_encoded_bytes().ends_with(REPLAYING.as_bytes()) {
            claimed.files.push(path);
            continue;
        }
        // The file sink has what it writes locked. It looks whether a file is still there before it writes.
        let file = File::open(&path)?;
        if is_locked(&file)? {
            claimed.busy.push(path);
            continue;
        }
        let to = free_name(&path, REPLAYING);
        fs::rename(&path, &to)?;
        claimed.files.push(to);
    }
    Ok(claimed)
}

/// Gives a file whose letters have all settled its last name, or removes it.
pub(super) fn finish(replaying: &Path, remove: bool) -> io::Result<()> {
    if remove {
        fs::remove_file(replaying)?;
    } else {
        fs::rename(replaying, free_name(&replaying.with_extension(""), REPLAYED))?;
    }
    Progress::forget(replaying)
}

/// The folder, and the name of the file if it is one.
fn split(path: &Path) -> io::Result<(PathBuf, Option<OsString>)> {
    if path.is_dir() {
        return Ok((path.to_owned(), None));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    match path.file_name() {
        Some(name) if folder.is_dir() => Ok((folder, Some(name.to_owned()))),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// The name itself, or one that the file has got for its replay.
fn belongs_to(name: &OsStr, only: &OsStr) -> bool {
    let (name, only) = (name.as_encoded_bytes(), only.as_encoded_bytes());
    name == only || (name.starts_with(only) && name.ends_with(REPLAYING.as_bytes()))
}

fn is_of_letters(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let name = match name.strip_suffix(REPLAYING.as_bytes()) {
        // A number may stand before it.
        Some(name) => {
            let digits = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
            let name = &name[..name.len() - digits];
            name.strip_suffix(b"~").unwrap_or(name)
        }
        None => name,
    };
    let name = name.strip_suffix(b".partial").unwrap_or(name);
    let name = name.strip_suffix(b".gz").or_else(|| name.strip_suffix(b".zst")).unwrap_or(name);
    name.ends_with(b".ndjson")
}

/// The name with `suffix`, and a number before that if there is such a file already.
fn free_name(path: &Path, suffix: &str) -> PathBuf {
    let mut number = 0u64;
    loop {
        let mut name = path.as_os_str().to_owned();
        if number > 0 {
            name.push(format!("~{number}"));
        }
        name.push(suffix);
        let name = PathBuf::from(name);
        if !name.exists() {
            return name;
        }
        number += 1;
    }
}

fn is_locked(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        // Some network file systems have no locks.
        Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => Ok(false),
        Err(TryLockError::Error(e)) => Err(e),
    }
}
