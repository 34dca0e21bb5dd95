//! A disk that is soon full.

use std::path::Path;
use std::process::Command;

/// A file system in memory, of a size that a test can fill; unmounted when it is dropped.
///
/// Mounting takes rights that not every machine gives: a test that gets none has not run, which
/// [`mount`](Self::mount) says on standard error.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Mounts one of this size, as `mount` writes it: `1m`. `None`, and why on standard error, where that is not allowed.
    ///
    /// # Panics
    /// If there can be no temporary folder.
    #[allow(clippy::print_stderr)]
    #[allow(clippy::expect_used, reason = "a test kit: without a folder there is no test")]
    pub fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary folder for the test");
        let options = format!("size={size}");
        let made =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).output();
        match made {
            Ok(out) if out.status.success() => Some(Self(dir)),
            other => {
                eprintln!("NOT RUN: a full disk needs a tmpfs, and mounting it did not work: {other:?}");
                None
            }
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}
