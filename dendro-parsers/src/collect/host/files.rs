//! Where the kernel's files are, and reading them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::sample::Sample;

/// The folders under which a host shows itself.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) proc: PathBuf,
    pub(super) sys: PathBuf,
    pub(super) root: PathBuf,
    /// Whether these are another mount namespace's than our own.
    pub(super) foreign: bool,
}

impl Files {
    pub(super) fn own() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into(), root: "/".into(), foreign: false }
    }

    /// A file below `proc`, or a warning.
    pub(super) fn proc(&self, file: &str, sample: &mut Sample) -> Option<String> {
        read_or_warn(&self.proc.join(file), sample)
    }

    /// A file below `proc` that tells of a namespace: that of the host's first process where `proc` is the host's.
    pub(super) fn proc_of_namespace(&self, file: &str, sample: &mut Sample) -> Option<String> {
        if self.foreign
            && let Ok(text) = read(&self.proc.join("1").join(file))
        {
            return Some(text);
        }
        read_or_warn(&self.proc.join("self").join(file), sample)
    }
}

pub(super) fn read_or_warn(path: &Path, sample: &mut Sample) -> Option<String> {
    read(path)
        .map_err(|error| {
            let path = path.display().to_string();
            let message = format!("{path} can't be read: {error}");
            sample.warn(path, message);
        })
        .ok()
}

/// What the kernel writes is ASCII but for names that users choose.
pub(super) fn read(path: &Path) -> io::Result<String> {
    fs::read(path).map(|bytes| {
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    })
}

/// The file's only value, if it is there.
pub(super) fn read_value(path: &Path) -> Option<String> {
    read(path).ok().map(|text| text.trim_end().to_owned())
}

/// Lines of a name, white space or a colon, and a value.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once([' ', '\t', ':'])).map(|(name, rest)| {
        let value = rest.trim_start_matches([' ', '\t', ':']);
        (name, value.split_ascii_whitespace().next().unwrap_or_default())
    })
}
