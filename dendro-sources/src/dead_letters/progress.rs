//! How far the letters of a file have settled.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use dendro_core::storage::{Disk, Storage as _};
use serde_json::{Value, json};

use crate::file::write_synced;

const VERSION: u32 = 1;

/// Which lines of a file have still to be replayed. Lines are counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// All lines before this one have settled, but for those that are left.
    pub(super) settled: u64,
    /// Lines that could not be replayed.
    pub(super) left: BTreeSet<u64>,
}

impl Progress {
    /// Whether a line has still to be replayed.
    pub(super) fn wants(&self, line: u64) -> bool {
        line >= self.settled || self.left.contains(&line)
    }

    pub(super) fn settle(&mut self, line: u64) {
        self.left.remove(&line);
        self.settled = self.settled.max(line + 1);
    }

    /// That of a file; none if there is nothing stored.
    ///
    /// # Errors
    /// It can't be read, or is none of ours: replaying all of the file would repeat what had settled.
    pub(super) fn load(letters: &Path) -> io::Result<Self> {
        let path = path_of(letters);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(e),
        };
        let invalid = |why: String| {
            let message = format!("{}: {why}: remove it to replay all of the file", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let stored: Value = serde_json::from_slice(&text).map_err(|e| invalid(e.to_string()))?;
        if stored["version"] != VERSION {
            return Err(invalid(format!("version {} is unknown here", stored["version"])));
        }
        let left = stored["left"].as_array().map(|left| left.iter().map(Value::as_u64).collect());
        match (stored["settled"].as_u64(), left.flatten()) {
            (Some(settled), Some(left)) => Ok(Self { settled, left }),
            _ => Err(invalid("it does not say which lines have settled".to_owned())),
        }
    }

    /// Stores it, as a whole or not at all.
    pub(super) fn store(&self, letters: &Path) -> io::Result<()> {
        let stored = json!({ "version": VERSION, "settled": self.settled, "left": self.left });
        let (path, text) = (path_of(letters), stored.to_string());
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        write_synced(&Disk, &new, text.as_bytes())?;
        Disk.replace(&new, &path)
    }

    pub(super) fn forget(letters: &Path) -> io::Result<()> {
        match std::fs::remove_file(path_of(letters)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }
}

fn path_of(letters: &Path) -> PathBuf {
    let mut path = letters.as_os_str().to_owned();
    path.push(".progress");
    path.into()
}
