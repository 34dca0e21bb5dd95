//! What another program does to a file between the look that has found it and its being opened: through a hook before each
//! opening, since no timing would hit it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::file_support::*;
use dendro_sources::file::FileSource;

/// Another rotation: each file gets the next number.
fn shift(dir: &Path) {
    fs::rename(dir.join("a.log.1"), dir.join("a.log.2")).unwrap();
    fs::rename(dir.join("a.log"), dir.join("a.log.1")).unwrap();
    append(&dir.join("a.log"), numbered(300..400));
}

fn compress(dir: &Path, name: &str) {
    let (plain, packed) = (dir.join(name), dir.join(format!("{name}.gz")));
    let modified = fs::metadata(&plain).unwrap().modified().unwrap();
    fs::write(&packed, gzip(&fs::read(&plain).unwrap())).unwrap();
    fs::File::options().write(true).open(&packed).unwrap().set_modified(modified).unwrap();
    fs::remove_file(&plain).unwrap();
}

fn compress_rotated(dir: &Path) {
    compress(dir, "a.log.1");
}

fn shift_and_compress(dir: &Path) {
    shift(dir);
    compress(dir, "a.log.2");
}

/// Lines 100 to 200 are in a file that was rotated while nobody looked, 200 to 300 in the one that has its name now. In the run
/// that comes to them this `happens` before the `nth` opening of a file. Gives how many openings there were.
async fn before_the_nth_opening(nth: usize, glob: &str, happens: fn(&Path), end: u32) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let source = || {
        FileSource::new(dir.path().join(glob))
            .checkpoints(dir.path().join("checkpoints"))
            .poll_interval(Duration::from_millis(5))
            .finish_after(Duration::from_millis(20))
    };
    append(&path, numbered(0..100));
    let run = start(source());
    assert_eq!(run.lines(100).await.len(), 100);
    run.stop().await;
    append(&path, numbered(100..200));
    fs::rename(&path, dir.path().join("a.log.1")).unwrap();
    append(&path, numbered(200..300));

    let openings = Arc::new(AtomicUsize::new(0));
    let (count, at) = (openings.clone(), dir.path().to_owned());
    let run = start(source().before_open(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            happens(&at);
        }
    }));
    let mut read = run.lines(200).await;
    let has_happened = openings.load(Ordering::SeqCst) >= nth;
    let end = if has_happened { end } else { 300 };
    while read.len() < end as usize - 100 {
        read.extend(run.lines(1).await);
    }
    let (_, rest) = run.stop().await;
    read.extend(rest);
    let text: String = read.iter().map(|l| format!("{}\n", l.text)).collect();
    // Another rotation may come later than the check, and then its lines are in the rest.
    let is_whole = text == numbered(100..end) || !has_happened && text == numbered(100..400);
    let every_tenth: Vec<&str> = text.lines().step_by(10).collect();
    assert!(is_whole, "before opening {nth} of {glob}: {every_tenth:?}");
    openings.load(Ordering::SeqCst)
}

/// Before each of the openings in turn.
async fn before_any_opening(happens: fn(&Path), end: u32) {
    for glob in ["a.log", "a.log*"] {
        let mut nth = 1;
        while before_the_nth_opening(nth, glob, happens, end).await >= nth && nth < 20 {
            nth += 1;
        }
        assert!(nth > 2, "{glob}: only {nth} openings were tried");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_renamed_between_being_listed_and_being_opened_is_read_in_its_order() {
    before_any_opening(shift, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_compressed_between_being_listed_and_being_opened_is_read_in_its_order() {
    before_any_opening(compress_rotated, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_renamed_and_compressed_between_being_listed_and_being_opened_is_read_in_its_order() {
    before_any_opening(shift_and_compress, 400).await;
}
