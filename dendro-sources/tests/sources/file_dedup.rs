//! What is read again has the keys it had, and nothing else has them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::file_support::*;
use dendro_core::{Batch, DedupKey, Outcome};
use dendro_sources::file::FileSource;

type Keys = HashMap<String, DedupKey>;

fn keys_of(batch: &Batch, keys: &mut Keys) {
    for event in batch.iter() {
        let text = String::from_utf8_lossy(event.raw()).into_owned();
        let key = event.dedup_key().unwrap_or_else(|| panic!("{text:?} has no key"));
        assert!(keys.insert(text.clone(), key).is_none_or(|known| known == key), "{text:?} has two keys");
    }
}

fn source(dir: &Path) -> FileSource {
    FileSource::new(dir.join("*.log")).checkpoints(dir.join("checkpoints")).read_bytes(4_096)
}

/// How a run ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// All is acknowledged.
    Stop,
    /// Nothing is; whatever is on disk by then.
    Crash,
    /// The first batch is, which is on disk by then; only the others count.
    CrashOnceStored,
}

/// Reads so many lines.
async fn read(dir: &Path, lines: usize, end: End) -> Keys {
    let run = start(source(dir));
    let mut keys = Keys::new();
    let (mut held, mut seen) = (Vec::new(), 0);
    while seen < lines {
        let mut batch = run.batch().await;
        let is_first = seen == 0;
        seen += batch.len();
        if end == End::CrashOnceStored && is_first {
            batch.take_acks().resolve(Outcome::Delivered);
            continue;
        }
        keys_of(&batch, &mut keys);
        match end {
            End::Stop => batch.take_acks().resolve(Outcome::Delivered),
            _ => held.push(batch),
        }
    }
    if end == End::Stop {
        run.stop().await;
        return keys;
    }
    if end == End::CrashOnceStored {
        until("a checkpoint", || fs::read_dir(dir.join("checkpoints")).ok()?.flatten().find(is_stored)).await;
    }
    run.task.abort();
    let _ = run.task.await;
    keys
}

fn is_stored(file: &fs::DirEntry) -> bool {
    let text = fs::read_to_string(file.path()).unwrap_or_default();
    text.contains("\"identity\":\"") && !text.contains("\"offset\":0")
}

fn assert_equal(again: &Keys, before: &Keys) {
    let common: Vec<&String> = again.keys().filter(|text| before.contains_key(*text)).collect();
    assert_eq!(common.len(), before.len(), "not all was read again");
    for text in common {
        assert_eq!(again[text], before[text], "{text}");
    }
    let mut all: Vec<DedupKey> = again.values().copied().collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), again.len(), "two lines have the same key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_read_again_after_a_crash_has_its_key() {
    let dir = tempfile::tempdir().unwrap();
    append(&dir.path().join("a.log"), numbered(0..100));
    let before = read(dir.path(), 100, End::Crash).await;
    append(&dir.path().join("a.log"), numbered(100..200));
    let again = read(dir.path(), 200, End::Crash).await;
    assert_equal(&again, &before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_outlasts_rotation_by_rename_and_compression() {
    for packed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        append(&path, numbered(0..2_000));
        let before = read(dir.path(), 2_000, End::CrashOnceStored).await;
        match packed {
            false => fs::rename(&path, dir.path().join("a.log.1")).unwrap(),
            true => {
                fs::write(dir.path().join("a.log.1.gz"), gzip(&fs::read(&path).unwrap())).unwrap();
                fs::remove_file(&path).unwrap();
            }
        }
        append(&path, numbered(2_000..2_100));
        assert!(before.len() > 1_000);
        let again = read(dir.path(), before.len() + 100, End::Crash).await;
        assert_equal(&again, &before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_of_the_same_file_and_name_has_other_keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    // All begin with the same line, as CSV does.
    let content = |n: u32| format!("#Fields: a b c\n{}", numbered(n..n + 10));
    let mut all: Vec<DedupKey> = Vec::new();
    for round in 0..6u32 {
        match round {
            0 => {}
            // Truncated while nobody looks; with a copy beside, and without.
            1 => copy_truncate(&path, &dir.path().join("a.log.1")),
            2 => fs::write(&path, "").unwrap(),
            // Another file, which may get the inode of the last one.
            _ => fs::remove_file(&path).unwrap(),
        }
        append(&path, content(round * 100));
        let keys = read(dir.path(), 11, End::Stop).await;
        all.extend(keys.values());
    }
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((all.len(), count), (66, 66));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_same_content_have_keys_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    append(&dir.path().join("a.log"), "same\n");
    append(&dir.path().join("b.log"), "same\n");
    let run = start(source(dir.path()));
    let (first, second) = (run.batch().await, run.batch().await);
    let key = |batch: &Batch| batch.get(0).unwrap().dedup_key().unwrap();
    assert_ne!(key(&first), key(&second));
    run.task.abort();
}
