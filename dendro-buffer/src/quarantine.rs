//! Setting damaged bytes aside.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use dendro_core::storage::Storage;

use crate::directory::{FILE_MODE, QUARANTINE, write_all};
use crate::segment;

const PIECE: usize = 256 << 10;

/// Copies damaged bytes of a segment into a file of their own, behind a line that says where they stood and why; gives
/// its name. What was set aside before is not set aside again.
pub(crate) fn set_aside(
    storage: &dyn Storage,
    dir: &Path,
    number: u64,
    range: &Range<u64>,
    why: &str,
    sync: bool,
) -> io::Result<PathBuf> {
    let path = dir.join(format!("{number:020}-{}{QUARANTINE}", range.start));
    let line = format!(
        "dendro-buffer quarantine 1: {} bytes at {} of segment {number}: {why}\n",
        range.end - range.start,
        range.start
    );
    let whole = line.len() as u64 + (range.end - range.start);
    let mut from = storage.open_to_read(&segment::path(dir, number))?;
    let mut to = match storage.open(&path, Some(FILE_MODE)) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let mut begun = storage.open(&path, None)?;
            if begun.size()? >= whole {
                return Ok(path);
            }
            begun.truncate(0)?;
            begun
        }
        opened => opened?,
    };
    let mut copy = || {
        write_all(&mut *to, line.as_bytes()).map_err(|(_, e)| e)?;
        let mut at = range.start;
        let mut piece = vec![0; PIECE.min((range.end - range.start) as usize)];
        while at < range.end {
            let wanted = piece.len().min((range.end - at) as usize);
            let n = from.read_at(&mut piece[..wanted], at)?;
            if n == 0 {
                break;
            }
            write_all(&mut *to, &piece[..n]).map_err(|(_, e)| e)?;
            at += n as u64;
        }
        if sync {
            to.sync()?;
            storage.sync_dir(dir)?;
        }
        Ok(())
    };
    let copied: io::Result<()> = copy();
    if copied.is_err() {
        drop(to);
        let _ = storage.remove(&path);
    }
    copied.map(|()| path)
}
