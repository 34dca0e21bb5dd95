//! The names of finished files.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dendro_core::Timestamp;

use dendro_core::storage::Storage;
use dendro_core::storage::StorageFault as Fault;

/// How many finished files of one path and second are told apart.
const MAX_NUMBER: u32 = 100_000;

/// Gives a file its final name: `plain` if that is wanted and free, or one with the time and a number.
pub(super) fn rename_finished(
    storage: &dyn Storage,
    from: &Path,
    plain: &Path,
    want_plain: bool,
    now: Timestamp,
) -> Result<PathBuf, Fault> {
    let numbered = (0..MAX_NUMBER).map(|number| finished_path(plain, now, number));
    for to in want_plain.then(|| plain.to_owned()).into_iter().chain(numbered) {
        match storage.rename(from, &to) {
            Ok(()) => return Ok(to),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Fault::new("rename", from)(e)),
        }
    }
    Err(Fault::new("rename", from)(ErrorKind::AlreadyExists.into()))
}

/// Removes the oldest finished files of a path; gives those that were removed.
pub(super) fn prune(storage: &dyn Storage, plain: &Path, keep: usize) -> Result<Vec<PathBuf>, Fault> {
    let dir = plain.parent().unwrap_or(Path::new(""));
    let dir_or_here = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let names = storage.list(dir_or_here).map_err(Fault::new("list", dir_or_here))?;
    let (stem, extension) = split_name(plain);
    let mut found: Vec<(String, u32, PathBuf)> = names
        .into_iter()
        .filter_map(|name| {
            let middle = name.to_str()?.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?;
            let (time, number) = middle.split_once('-')?;
            let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
            let is_time = time.len() == 16
                && time.is_ascii()
                && digits(&time[..8])
                && &time[8..9] == "T"
                && digits(&time[9..15])
                && time.ends_with('Z');
            (is_time && number.len() >= 3 && digits(number)).then_some(())?;
            Some((time.to_owned(), number.parse().ok()?, dir.join(&name)))
        })
        .collect();
    found.sort();
    let surplus = found.len().saturating_sub(keep);
    let mut removed = Vec::with_capacity(surplus);
    for (_, _, path) in found.into_iter().take(surplus) {
        storage.remove(&path).map_err(Fault::new("remove", &path))?;
        removed.push(path);
    }
    Ok(removed)
}

fn finished_path(plain: &Path, now: Timestamp, number: u32) -> PathBuf {
    let c = now.to_civil();
    let (stem, extension) = split_name(plain);
    plain.with_file_name(format!(
        "{stem}-{:04}{:02}{:02}T{:02}{:02}{:02}Z-{number:03}{extension}",
        c.year, c.month, c.day, c.hour, c.minute, c.second
    ))
}

/// `a.b` and `.ndjson.gz`.
fn split_name(path: &Path) -> (String, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let compressed = [".gz", ".zst"].into_iter().find(|e| name.ends_with(e)).unwrap_or("");
    let inner = name.strip_suffix(compressed).unwrap_or(&name);
    let at = inner.rfind('.').filter(|at| *at > 0).unwrap_or(inner.len());
    (name[..at].to_owned(), name[at..].to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::file::Disk;

    #[test]
    fn the_time_stands_before_the_extension() {
        let now = Timestamp::parse_rfc3339("2026-11-20T16:59:47Z").unwrap();
        for (plain, finished) in [
            ("d/access.ndjson", "d/access-20261120T165947Z-002.ndjson"),
            ("a.b.ndjson.gz", "a.b-20261120T165947Z-002.ndjson.gz"),
            ("name", "name-20261120T165947Z-002"),
            (".x", ".x-20261120T165947Z-002"),
            ("x.zst", "x-20261120T165947Z-002.zst"),
        ] {
            assert_eq!(finished_path(Path::new(plain), now, 2), Path::new(finished));
        }
    }

    #[test]
    fn only_own_finished_files_are_removed_and_the_oldest_first() {
        let dir = tempfile::tempdir().unwrap();
        let names = [
            "a-20260101T000000Z-000.ndjson",
            "a-20260101T000000Z-001.ndjson",
            "a-20260101T000000Z-1000.ndjson",
            "a-20260102T000000Z-000.ndjson",
            "a-20260102T000000Z-000.ndjson.gz",
            "a-b-20260101T000000Z-000.ndjson",
            "a-notes.ndjson",
            "a.ndjson",
            "ab-20260101T000000Z-000.ndjson",
        ];
        for name in names {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let removed = prune(&Disk, &dir.path().join("a.ndjson"), 2).unwrap();
        assert_eq!(removed, [dir.path().join(names[0]), dir.path().join(names[1])]);
    }
}
