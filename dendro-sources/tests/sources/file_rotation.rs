//! Rotated files, while they are read and while nobody looks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::file_support::*;
use dendro_core::Outcome;
use dendro_core::pipeline::QueueLimits;
use dendro_sources::file::FileSource;
use dendro_sources::multiline::{Multiline, indented};

fn two(name: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (path, rotated) = (dir.path().join("a.log"), dir.path().join(name));
    (dir, path, rotated)
}

fn source(path: &Path) -> FileSource {
    FileSource::new(path)
        .checkpoints(path.with_file_name("checkpoints"))
        .finish_after(Duration::from_millis(100))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_file_is_read_to_its_end_before_its_successor() {
    let (_dir, path, rotated) = two("a.log.1");
    append(&path, "one\n");
    let run = start(source(&path));
    assert_eq!(run.texts(1).await, ["one"]);
    for n in 0..5 {
        append(&path, format!("last {n}\n"));
        fs::rename(&path, &rotated).unwrap();
        append(&path, format!("first {n}\n"));
        append(&path, "second\n");
        let lines = run.lines(3).await;
        assert_eq!(texts(&lines), [&format!("last {n}"), &format!("first {n}"), "second"]);
        assert!(lines.iter().all(|l| l.stream == path.display().to_string()));
    }
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_daemon_writes_to_the_renamed_file_is_read() {
    let (_dir, path, rotated) = two("a.log.1");
    append(&path, "one\n");
    let run = start(source(&path).finish_after(Duration::from_secs(3600)));
    assert_eq!(run.texts(1).await, ["one"]);
    fs::rename(&path, &rotated).unwrap();
    append(&rotated, "late\n");
    assert_eq!(run.texts(1).await, ["late"]);
    append(&path, "new\n");
    assert_eq!(run.texts(1).await, ["new"]);
    append(&rotated, "later\n");
    assert_eq!(run.texts(1).await, ["later"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_line_of_a_rotated_file_is_sent_though_it_has_no_end() {
    let (_dir, path, rotated) = two("a.log.1");
    append(&path, "one\nno end");
    let run = start(source(&path));
    assert_eq!(run.texts(1).await, ["one"]);
    fs::rename(&path, &rotated).unwrap();
    assert_eq!(run.texts(1).await, ["no end"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_record_of_a_rotated_file_comes_before_those_of_its_successor() {
    let (_dir, path, rotated) = two("a.log.1");
    append(&path, "1\n a\n2\n b\n");
    let records = Multiline::continues_with(indented).timeout(Duration::from_secs(3600));
    let run = start(source(&path).multiline(records));
    assert_eq!(run.texts(1).await, ["1\n a"]);
    fs::rename(&path, &rotated).unwrap();
    append(&path, "3\n4\n5\n");
    assert_eq!(run.texts(3).await, ["2\n b", "3", "4"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_file_is_read_to_its_end_and_its_successor_whole() {
    let (_dir, path, _) = two("");
    append(&path, "one\n");
    let run = start(source(&path));
    assert_eq!(run.texts(1).await, ["one"]);
    for n in 0..5 {
        append(&path, format!("last {n}\n"));
        fs::remove_file(&path).unwrap();
        append(&path, format!("first {n}\n"));
        assert_eq!(run.texts(2).await, [format!("last {n}"), format!("first {n}")]);
    }
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_is_read_from_its_beginning() {
    let (_dir, path, rotated) = two("a.log.1");
    append(&path, numbered(0..100));
    let run = start(source(&path));
    run.lines(100).await;
    copy_truncate(&path, &rotated);
    append(&path, "new\n");
    assert_eq!(run.texts(1).await, ["new"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_truncated_file_is_read_from_its_copy_also_when_it_has_grown_again() {
    let (_dir, path, rotated) = two("a.log.1");
    append(&path, numbered(0..2000));
    let mut limits = QueueLimits::default();
    limits.max_bytes = 8 << 10;
    let run = start_with(source(&path).read_bytes(4096), limits);
    let mut read = run.lines(100).await;
    // The pipeline is full: the reader is somewhere in the middle, and the file is soon longer than that again.
    copy_truncate(&path, &rotated);
    append(&path, numbered(2000..5000));
    read.extend(run.lines(5000 - read.len()).await);
    let read: String = read.iter().map(|l| format!("{}\n", l.text)).collect();
    assert!(read == numbered(0..5000));
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncation_without_a_copy_is_reported() {
    let (_dir, path, _) = two("");
    append(&path, "one\n");
    let run = start(source(&path));
    assert_eq!(run.texts(1).await, ["one"]);
    fs::write(&path, "").unwrap();
    run.problem("was truncated").await;
    append(&path, "two\n");
    assert_eq!(run.texts(1).await, ["two"]);
    run.stop().await;
}

/// Reads some lines, rotates as it is told while nobody looks, and reads on.
async fn over_a_restart(glob: &str, rotate: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    append(&path, numbered(0..1000));
    let source = || {
        FileSource::new(dir.path().join(glob))
            .checkpoints(dir.path().join("checkpoints"))
            .finish_after(Duration::from_millis(100))
    };
    let run = start(source());
    let read = run.lines(1000).await;
    assert_eq!(read.len(), 1000);
    run.stop().await;
    append(&path, numbered(1000..2000));
    rotate(&path);
    append(&path, numbered(2000..3000));
    let run = start(source());
    let read = run.lines(2000).await;
    let text: String = read.iter().map(|l| format!("{}\n", l.text)).collect();
    assert!(text == numbered(1000..3000), "{glob}: {:?}...", &text[..200]);
    assert!(read.iter().all(|l| l.stream == path.display().to_string()));
    append(&path, "more\n");
    assert_eq!(run.texts(1).await, ["more"], "and nothing twice");
    let (_, rest) = run.stop().await;
    assert!(rest.is_empty());
    let run = start(source());
    append(&path, "again\n");
    assert_eq!(run.texts(1).await, ["again"]);
    run.stop().await;
}

fn pack(path: &Path, to: &Path, zstd: bool) {
    let text = fs::read(path).unwrap();
    let packed = if zstd { zstd::encode_all(&text[..], 1).unwrap() } else { gzip(&text) };
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(to, packed).unwrap();
    fs::File::options().write(true).open(to).unwrap().set_modified(modified).unwrap();
    fs::remove_file(path).unwrap();
}

fn is_stored_as_finished(path: &Path) -> bool {
    let stored = fs::read_to_string(path.with_file_name("checkpoints").join("checkpoints.json"));
    stored.unwrap_or_default().contains("\"finished\":true")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_idle_is_read_on_when_it_has_grown_and_was_compressed_while_nobody_looked() {
    let (_dir, path, _) = two("a.log.1");
    append(&path, numbered(0..100));
    let source = || source(&path).poll_only(true).poll_interval(Duration::from_millis(2));
    let followed = source();
    let activity = followed.activity();
    let run = start(followed.finish_after(Duration::ZERO));
    assert_eq!(run.lines(100).await.len(), 100);
    let before = activity.scans();
    until("the directory to be looked through", || (activity.scans() > before + 20).then_some(())).await;
    run.stop().await;
    assert!(!is_stored_as_finished(&path), "nobody has rotated it");
    append(&path, numbered(100..200));
    pack(&path, &path.with_file_name("a.log.1.gz"), false);
    append(&path, numbered(200..300));
    let run = start(source());
    let read = run.lines(200).await;
    let text: String = read.iter().map(|l| format!("{}\n", l.text)).collect();
    assert_eq!(text, numbered(100..300));
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_to_a_rotated_file_before_it_was_compressed_is_read() {
    let (_dir, path, rotated) = two("a.log.1");
    append(&path, numbered(0..100));
    let run = start(source(&path));
    assert_eq!(run.lines(100).await.len(), 100);
    fs::rename(&path, &rotated).unwrap();
    append(&path, "new\n");
    assert_eq!(run.texts(1).await, ["new"]);
    until("the end of the rotated file", || is_stored_as_finished(&path).then_some(())).await;
    run.stop().await;
    append(&rotated, "late\n");
    pack(&rotated, &path.with_file_name("a.log.1.gz"), false);
    let run = start(source(&path));
    assert_eq!(run.texts(1).await, ["late"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_which_nothing_was_settled_is_known_again_after_it_was_compressed() {
    let (dir, path, rotated) = two("a.log.1");
    append(&path, numbered(0..100));
    let run = start(source(&path));
    let _unsettled = run.batch().await;
    fs::rename(&path, &rotated).unwrap();
    append(&path, numbered(100..200));
    let _neither = run.batch().await;
    until("both files to be noted", || {
        let stored = fs::read_to_string(dir.path().join("checkpoints/checkpoints.json")).ok()?;
        (stored.matches("\"bytes\":1024").count() == 2).then_some(())
    })
    .await;
    // As if by a crash: nothing is settled, nothing is stored any more.
    run.task.abort();
    drop(run.task.await);
    pack(&rotated, &path.with_file_name("a.log.1.gz"), false);
    let run = start(source(&path));
    let read = run.lines(200).await;
    let text: String = read.iter().map(|l| format!("{}\n", l.text)).collect();
    assert_eq!(text, numbered(0..200));
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_file_renamed_while_nobody_looked_is_read() {
    for glob in ["a.log", "a.log*", "*.log"] {
        over_a_restart(glob, |path| fs::rename(path, path.with_file_name("a.log.1")).unwrap()).await;
        over_a_restart(glob, |path| fs::rename(path, path.with_file_name("a.log-20261120")).unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_file_compressed_while_nobody_looked_is_read() {
    for glob in ["a.log", "a.log*"] {
        over_a_restart(glob, |path| pack(path, &path.with_file_name("a.log.2.gz"), false)).await;
        over_a_restart(glob, |path| pack(path, &path.with_file_name("a.log-20261120.zst"), true)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_file_truncated_after_a_copy_while_nobody_looked_is_read() {
    for glob in ["a.log", "a.log*"] {
        over_a_restart(glob, |path| copy_truncate(path, &path.with_file_name("a.log.1"))).await;
        over_a_restart(glob, |path| {
            let copy = path.with_file_name("a.log.1");
            copy_truncate(path, &copy);
            pack(&copy, &path.with_file_name("a.log.1.gz"), false);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn generations_that_came_and_went_while_nobody_looked_are_read_in_order() {
    for glob in ["a.log", "a.log*"] {
        over_a_restart(glob, |path| {
            let at = |n: u32| path.with_file_name(format!("a.log.{n}"));
            let pause = || std::thread::sleep(Duration::from_millis(15));
            // Lines 1000 to 2000 are spread over three rotated files.
            fs::write(path, numbered(0..1200)).unwrap();
            pause();
            fs::rename(path, at(3)).unwrap();
            append(path, numbered(1200..1700));
            pause();
            fs::rename(path, at(2)).unwrap();
            append(path, numbered(1700..2000));
            pause();
            fs::rename(path, at(1)).unwrap();
            pack(&at(3), &path.with_file_name("a.log.3.gz"), false);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_files_that_were_there_before_are_not_read() {
    let (dir, path, rotated) = two("a.log.1");
    append(&rotated, "before\n");
    append(&path, "one\n");
    let run = start(source(&path));
    assert_eq!(run.texts(1).await, ["one"]);
    fs::rename(&rotated, dir.path().join("a.log.2")).unwrap();
    fs::rename(&path, &rotated).unwrap();
    append(&path, "two\n");
    assert_eq!(run.texts(1).await, ["two"]);
    run.stop().await;
    append(&path, "three\n");
    let run = start(source(&path));
    assert_eq!(run.texts(1).await, ["three"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rotation_does_to_files_of_the_glob_is_not_read_twice() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let source = || {
        FileSource::new(at("a.log*")).checkpoints(at("checkpoints")).finish_after(Duration::from_millis(50))
    };
    append(&at("a.log"), numbered(0..500));
    let run = start(source());
    run.lines(500).await;
    copy_truncate(&at("a.log"), &at("a.log.1"));
    append(&at("a.log"), numbered(500..1000));
    let read = run.lines(500).await;
    assert_eq!(read[0].text, "line number 0000500");
    fs::rename(at("a.log"), at("a.log.2")).unwrap();
    append(&at("a.log"), "next\n");
    assert_eq!(run.texts(1).await, ["next"]);
    // The rotated file is let go after a while, and then compressed.
    let activity = run.stop().await.0.activity();
    assert!(activity.scans() > 0);
    pack(&at("a.log.2"), &at("a.log.2.gz"), false);
    pack(&at("a.log.1"), &at("a.log.1.gz"), false);
    let run = start(source());
    append(&at("a.log"), "last\n");
    assert_eq!(run.texts(1).await, ["last"]);
    let (_, rest) = run.stop().await;
    assert!(rest.is_empty(), "{rest:?}");
}

async fn next_lines(run: &mut Run<FileSource>, story: &str) -> Vec<Line> {
    let batch = tokio::time::timeout(PATIENCE, run.received.recv()).await;
    let batch = batch.unwrap_or_else(|_| panic!("{story}; {:?}", run.problems.lock().unwrap()));
    let Some(mut batch) = batch else {
        panic!("the source has ended: {:?}; {story}", (&mut run.task).await.unwrap().1)
    };
    let lines = lines_of(&batch);
    batch.take_acks().resolve(Outcome::Delivered);
    lines
}

/// Shorter than all of them.
fn ranges<'a>(numbers: impl Iterator<Item = &'a u32>) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for n in numbers {
        match ranges.last_mut() {
            Some(last) if last.1 + 1 == *n => last.1 = *n,
            _ => ranges.push((*n, *n)),
        }
    }
    ranges
}

fn tree(path: &Path) -> String {
    fs::read_dir(path)
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|p| format!("{}: {} B, ", p.display(), fs::metadata(&p).unwrap().len()))
        .collect()
}

/// Writes numbered lines, rotates at random, stops and kills the reader at random. What was acknowledged
/// must cover all lines but those that a truncation destroyed, in order within each generation.
async fn random_rotation(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let mut random = Random(seed * 2_654_435_761 + 1);
    let (mut next, mut generation) = (0u32, 0u32);
    let mut expected = BTreeSet::new();
    let mut acknowledged: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let make = || {
        FileSource::new(&path)
            .checkpoints(dir.path().join("checkpoints"))
            .finish_after(Duration::from_millis(20))
            .read_bytes(4096)
    };
    append(&path, "");
    let first = make();
    let activity = first.activity();
    let mut run = Some(start(first));
    // What was never seen can't be known again.
    until("the first checkpoint", || (activity.saves() > 0).then_some(())).await;
    let mut shift = 0;
    let take = |lines: Vec<Line>, acknowledged: &mut BTreeMap<u32, Vec<u32>>, seen: &mut BTreeSet<u32>| {
        for line in lines {
            let mut numbers = line.text.split(' ').map(|n| n.parse::<u32>().unwrap());
            let (generation, number) = (numbers.next().unwrap(), numbers.next().unwrap());
            acknowledged.entry(generation).or_default().push(number);
            seen.insert(number);
        }
    };
    let mut restart_marks: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let (mut of, mut first) = (u32::MAX, 0);
    let mut story = Vec::new();
    for _ in 0..60 {
        let lines = 1 + random.below(400) as u32;
        let text: String = (next..next + lines).map(|n| format!("{generation} {n}\n")).collect();
        append(&path, text);
        expected.extend(next..next + lines);
        next += lines;
        let what = random.below(8);
        if generation != of {
            (of, first) = (generation, next - lines);
        }
        story.push((what, next, run.is_some()));
        match what {
            0 | 1 => {
                shift += 1;
                fs::rename(&path, path.with_file_name(format!("a.log.{shift}"))).unwrap();
                if random.below(2) == 0 && run.is_none() {
                    let from = path.with_file_name(format!("a.log.{shift}"));
                    pack(&from, &path.with_file_name(format!("a.log.{shift}.gz")), random.below(2) == 0);
                }
                generation += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            2 => {
                // A truncation of what was never seen leaves no trace.
                let begun = |seen: &BTreeSet<u32>| expected.iter().any(|n| *n >= first && seen.contains(n));
                while let Some(run) = run.as_mut().filter(|_| !begun(&seen)) {
                    take(
                        next_lines(run, &format!("seed {seed}: {first} is not begun; {story:?}")).await,
                        &mut acknowledged,
                        &mut seen,
                    );
                }
                shift += 1;
                copy_truncate(&path, &path.with_file_name(format!("a.log.{shift}")));
                generation += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            3 => {
                // Only what the reader holds open can be read after it was deleted.
                if let Some(run) = &mut run {
                    while !expected.is_subset(&seen) {
                        take(
                            next_lines(
                                run,
                                &format!(
                                    "seed {seed}: {:?} missing; {story:?} {}",
                                    ranges(expected.difference(&seen)),
                                    tree(dir.path())
                                ),
                            )
                            .await,
                            &mut acknowledged,
                            &mut seen,
                        );
                    }
                    fs::remove_file(&path).unwrap();
                    generation += 1;
                }
            }
            4 | 5 => match run.take() {
                Some(running) if random.below(2) == 0 => {
                    take(running.stop().await.1, &mut acknowledged, &mut seen);
                    for (g, n) in &acknowledged {
                        restart_marks.entry(*g).or_default().push(n.len());
                    }
                }
                Some(running) => {
                    running.task.abort();
                    let _ = running.task.await;
                    drop(running.received);
                    for (g, n) in &acknowledged {
                        restart_marks.entry(*g).or_default().push(n.len());
                    }
                }
                None => run = Some(start(make())),
            },
            _ => {
                if let Some(run) = &mut run
                    && !expected.is_subset(&seen)
                {
                    take(
                        next_lines(
                            run,
                            &format!(
                                "seed {seed}: {:?} missing; {story:?} {}",
                                ranges(expected.difference(&seen)),
                                tree(dir.path())
                            ),
                        )
                        .await,
                        &mut acknowledged,
                        &mut seen,
                    );
                }
            }
        }
    }
    let mut run = run.unwrap_or_else(|| start(make()));
    while !expected.is_subset(&seen) {
        let story = format!(
            "seed {seed}: {:?} missing; {story:?} {}",
            ranges(expected.difference(&seen)),
            tree(dir.path())
        );
        take(next_lines(&mut run, &story).await, &mut acknowledged, &mut seen);
    }
    let (_, rest) = run.stop().await;
    take(rest, &mut acknowledged, &mut seen);
    assert_eq!(seen, expected, "seed {seed}");
    // Within a generation lines come in order; only a restart may go back.
    for (generation, numbers) in &acknowledged {
        let marks = restart_marks.get(generation);
        for (at, pair) in numbers.windows(2).enumerate() {
            let restarted = marks.is_some_and(|m| m.contains(&(at + 1)));
            assert!(pair[0] < pair[1] || restarted, "seed {seed}, generation {generation}: {pair:?} at {at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_lost_however_files_rotate_and_readers_restart() {
    let number = |name: &str| std::env::var(name).ok().and_then(|s| s.parse::<u64>().ok());
    let first = number("DENDRO_ROTATION_FIRST").unwrap_or(1);
    for seed in first..first + number("DENDRO_ROTATION_SEEDS").unwrap_or(12) {
        println!("seed {seed}");
        random_rotation(seed).await;
    }
}
