//! A disk that can be filled: a small tmpfs.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use dendro_crash::Failure;

/// Enough for what a run writes.
const SIZE_MIB: u64 = 64;

/// Mounted as long as this lives.
pub(crate) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// In a folder of this one.
    ///
    /// # Errors
    /// [`Failure::NotRun`] if the machine does not permit it.
    pub(crate) fn mount(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join("disk");
        std::fs::create_dir_all(&path).map_err(Failure::io(path.display()))?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o"]).arg(format!("size={SIZE_MIB}m,mode=0700")).arg("dendro-crash");
        let output = command.arg(&path).output();
        let why = match output {
            Ok(output) if output.status.success() => return Ok(Self { path }),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => format!("mount: {error}"),
        };
        Err(Failure::NotRun(format!("a full disk can't be tried, since no tmpfs can be mounted here: {why}")))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    /// Nothing more fits on it.
    pub(crate) fn fill(&mut self) -> Result<(), Failure> {
        let path = self.ballast();
        let mut file = File::create(&path).map_err(Failure::io(path.display()))?;
        // Ever smaller pieces, so that not even a byte is left.
        for size in [1 << 20, 4 << 10, 1] {
            let piece = vec![0; size];
            loop {
                match file.write_all(&piece) {
                    Ok(()) => {}
                    Err(e) if e.kind() == ErrorKind::StorageFull => break,
                    Err(e) => return Err(Failure::io(path.display())(e)),
                }
            }
        }
        Ok(())
    }

    /// There is room again.
    pub(crate) fn free(&mut self) -> Result<(), Failure> {
        match std::fs::remove_file(self.ballast()) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Failure::io(self.ballast().display())(e)),
            _ => Ok(()),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(&self.path);
    }
}

/// Unmounts what a harness has left in this folder that was killed itself.
pub(crate) fn release(dir: &Path) {
    let path = dir.join("disk");
    if path.is_dir() {
        unmount(&path);
    }
}

/// Lazily: a child that was killed just now may not be gone for the kernel. Where nothing is mounted, all is well.
fn unmount(path: &Path) {
    let _ = Command::new("umount").arg("-l").arg(path).output();
}
