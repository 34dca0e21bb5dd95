//! What went wrong with a file, in words that name the file and the way out.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::SinkError;

/// A failed operation on a file.
#[derive(Debug)]
pub struct StorageFault {
    doing: &'static str,
    path: PathBuf,
    error: io::Error,
}

impl StorageFault {
    /// For `map_err`: what was being done to which file.
    pub fn new(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self { doing, path: path.to_owned(), error }
    }

    /// The error of the file system.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// All events of the write are to be written again.
    pub fn into_sink_error(self) -> SinkError {
        SinkError::retry(self.to_string()).with_source(self.error)
    }
}

impl std::error::Error for StorageFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl fmt::Display for StorageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, path, error } = self;
        let path = path.display();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                let what = if error.kind() == ErrorKind::StorageFull {
                    "no space left on device"
                } else {
                    "disk quota exceeded"
                };
                let dir = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let dir = dir.display();
                write!(
                    f,
                    "{what} under {dir}: free space there; what could not be written to {path} is tried again"
                )
            }
            ErrorKind::PermissionDenied => {
                write!(f, "cannot {doing} {path}: permission denied for {}: give that user the right", user())
            }
            ErrorKind::ReadOnlyFilesystem => {
                write!(f, "cannot {doing} {path}: the file system is read-only (as {})", user())
            }
            ErrorKind::NotADirectory => {
                write!(
                    f,
                    "cannot {doing} {path}: a part of the path is a file, not a directory (as {})",
                    user()
                )
            }
            _ => write!(f, "cannot {doing} {path}: {error}"),
        }
    }
}

/// The effective user, by name where it has one.
#[cfg(unix)]
fn user() -> String {
    let id = rustix::process::geteuid().as_raw();
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = known.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)? == id.to_string()).then(|| name.to_owned())
    });
    named.map_or_else(|| format!("user {id}"), |name| format!("user {name} ({id})"))
}

#[cfg(not(unix))]
fn user() -> String {
    format!("user {}", std::env::var("USERNAME").unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_path_the_user_and_the_way_out() {
        let text =
            |kind: ErrorKind| StorageFault::new("open", Path::new("/a/b.ndjson"))(kind.into()).to_string();
        assert!(text(ErrorKind::StorageFull).starts_with("no space left on device under /a: free space"));
        assert!(text(ErrorKind::QuotaExceeded).starts_with("disk quota exceeded under /a"));
        for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem, ErrorKind::NotADirectory] {
            let text = text(kind);
            assert!(text.contains("/a/b.ndjson") && text.contains("user "), "{text}");
        }
        assert!(text(ErrorKind::TimedOut).starts_with("cannot open /a/b.ndjson: "));
    }
}
