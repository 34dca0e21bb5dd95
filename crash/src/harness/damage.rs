//! What a power cut does to a buffer that syncs nothing: the end of its last file is not what was written.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use dendro_crash::Failure;
use dendro_crash::random::Random;

use super::ledger::Ledger;

/// The file that names what may be lost.
pub(crate) const GIVEN_UP: &str = "given_up";
/// The most that is destroyed, in bytes.
const MOST: u64 = 4 << 10;

/// Cuts the last segment, or writes something else over its end. False if there is none.
pub(crate) fn tail(buffer: &Path, random: &mut Random) -> Result<bool, Failure> {
    let entries = std::fs::read_dir(buffer).map_err(Failure::io(buffer.display()))?;
    let segments = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let last = segments.filter(|path| path.extension().is_some_and(|e| e == "segment")).max();
    let Some(path) = last else { return Ok(false) };
    let mut damage = || {
        let file = File::options().write(true).open(&path)?;
        let length = file.metadata()?.len();
        let from = length - random.below(length.min(MOST) + 1);
        match random.chance(500) {
            true => file.set_len(from),
            false => file.write_all_at(&vec![0; (length - from) as usize], from),
        }
    };
    damage().map_err(Failure::io(path.display()))?;
    Ok(true)
}

/// Adds what was in the buffer before and is not any more.
pub(crate) fn note_given_up(dir: &Path, before: &[u8], after: &[u8]) -> Result<(), Failure> {
    let path = dir.join(GIVEN_UP);
    let mut left = Ledger::default();
    left.note_lines(after);
    let names = before.split(|b| *b == b'\n').filter_map(super::ledger::name);
    let gone = names.filter(|(stream, number)| left.count(*stream, *number as u64) == 0);
    let text: String = gone.map(|(stream, number)| format!("~s{stream}.{number}~\n")).collect();
    let mut file =
        File::options().create(true).append(true).open(&path).map_err(Failure::io(path.display()))?;
    file.write_all(text.as_bytes()).map_err(Failure::io(path.display()))
}
