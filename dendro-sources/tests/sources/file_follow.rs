//! Following files while they grow.

use std::fs;
use std::time::Duration;

use crate::file_support::*;
use dendro_core::Outcome;
use dendro_core::pipeline::QueueLimits;
use dendro_sources::file::{FileSource, StartAt};
use dendro_sources::multiline::{Multiline, indented, prefix};

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_file_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    fs::write(&path, "one\r\ntwo\n").unwrap();
    let run = start(FileSource::new(&path));
    let lines = run.lines(2).await;
    assert_eq!(texts(&lines), ["one", "two"]);
    assert_eq!(lines[1].position, 5);
    assert_eq!(lines[0].stream, path.display().to_string());
    for n in 0..20 {
        append(&path, format!("more {n}\n"));
        assert_eq!(run.texts(1).await, [format!("more {n}")]);
    }
    assert!(run.stop().await.1.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_file_is_followed_by_polling_where_changes_are_not_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let run = start(
        FileSource::new(dir.path().join("*.log")).poll_only(true).poll_interval(Duration::from_millis(5)),
    );
    for n in 0..5 {
        append(&path, format!("more {n}\n"));
        assert_eq!(run.texts(1).await, [format!("more {n}")]);
    }
    fs::rename(&path, dir.path().join("a.log.1")).unwrap();
    append(&path, "new\n");
    assert_eq!(run.texts(1).await, ["new"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_appear_are_found_in_new_directories_too() {
    let dir = tempfile::tempdir().unwrap();
    let run = start(
        FileSource::new(dir.path().join("**/*.log")).include(dir.path().join("x/y/z.txt")).exclude("no*"),
    );
    append(&dir.path().join("a.log"), "a\n");
    append(&dir.path().join("no.log"), "no\n");
    assert_eq!(run.texts(1).await, ["a"]);
    fs::create_dir_all(dir.path().join("d/e")).unwrap();
    append(&dir.path().join("d/e/b.log"), "b\n");
    assert_eq!(run.texts(1).await, ["b"]);
    fs::create_dir_all(dir.path().join("x/y")).unwrap();
    append(&dir.path().join("x/y/z.txt"), "z\n");
    assert_eq!(run.texts(1).await, ["z"]);
    append(&dir.path().join("d/e/b.log"), "b2\n");
    assert_eq!(run.texts(1).await, ["b2"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_made_anew_is_watched_again() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("d");
    fs::create_dir(&inner).unwrap();
    let run = start(FileSource::new(dir.path().join("d/*.log")));
    append(&inner.join("a.log"), "a\n");
    assert_eq!(run.texts(1).await, ["a"]);
    fs::remove_dir_all(&inner).unwrap();
    fs::create_dir(&inner).unwrap();
    append(&inner.join("a.log"), "b\n");
    assert_eq!(run.texts(1).await, ["b"]);
    append(&inner.join("a.log"), "c\n");
    assert_eq!(run.texts(1).await, ["c"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_behind_a_symbolic_link_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    append(&other.path().join("real"), "one\n");
    std::os::unix::fs::symlink(other.path().join("real"), dir.path().join("a.log")).unwrap();
    let run = start(FileSource::new(dir.path().join("*.log")));
    assert_eq!(run.texts(1).await, ["one"]);
    append(&other.path().join("real"), "two\n");
    assert_eq!(run.texts(1).await, ["two"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_waited_for_and_reported_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let run = start(FileSource::new(&path));
    run.problem("there is no file").await;
    for n in 0..5 {
        append(&dir.path().join("other"), "x");
        fs::rename(dir.path().join("other"), dir.path().join(format!("other{n}"))).unwrap();
    }
    append(&path, "here\n");
    assert_eq!(run.texts(1).await, ["here"]);
    assert_eq!(run.problems.lock().unwrap().len(), 1);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_line_without_its_end_waits_is_flushed_on_drain_and_its_rest_is_read_later() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = (dir.path().join("a.log"), dir.path().join("checkpoints"));
    append(&path, "one\npart");
    let run = start(FileSource::new(&path).checkpoints(&store));
    assert_eq!(run.texts(1).await, ["one"]);
    append(&path, " and");
    append(&path, " more\nlast");
    assert_eq!(run.texts(1).await, ["part and more"]);
    let (_, rest) = run.stop().await;
    assert_eq!(texts(&rest), ["last"]);
    append(&path, " word\nnext\n");
    let run = start(FileSource::new(&path).checkpoints(&store));
    assert_eq!(run.texts(2).await, [" word", "next"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_a_backlog_does_not_cut_a_line_in_two() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let text = numbered(0..50_000);
    fs::write(&path, &text).unwrap();
    let mut source = FileSource::new(&path).read_bytes(4096);
    let mut all = Vec::new();
    while all.len() < 50_000 {
        let run = start(source);
        all.extend(run.lines(1).await);
        let (returned, rest) = run.stop().await;
        all.extend(rest);
        source = returned.read_bytes(4096 + all.len() * 16);
    }
    let all: String = all.iter().map(|l| format!("{}\n", l.text)).collect();
    assert!(all == text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlong_line_is_a_dead_letter_with_its_head_and_invalid_utf8_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let mut text = b"ok\n\xff\xfe\x00bytes\n".to_vec();
    text.extend(vec![b'x'; 100_000]);
    text.extend(b"\nafter\n");
    fs::write(&path, &text).unwrap();
    let run = start(FileSource::new(&path).max_line_bytes(1000).read_bytes(4096));
    let (mut raw, mut dead) = (Vec::new(), None);
    while raw.len() < 3 || dead.is_none() {
        tokio::select! {
            batch = run.received.recv() => {
                let mut batch = batch.unwrap();
                raw.extend(batch.iter().map(|e| e.raw().to_vec()));
                batch.take_acks().resolve(Outcome::Delivered);
            }
            letters = run.received.recv_dead_letters() => {
                let mut letters = letters.unwrap();
                letters.take_acks().resolve(Outcome::DeadLettered);
                dead = Some(letters.iter().next().unwrap().to_event());
            }
        }
    }
    assert_eq!(raw, [b"ok".to_vec(), b"\xff\xfe\x00bytes".to_vec(), b"after".to_vec()]);
    let dead = dead.unwrap();
    assert_eq!(dead.get("raw").unwrap(), &"x".repeat(1000).into());
    assert_eq!(dead.get("position").unwrap(), &12u64.into());
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_put_together_by_start_continuation_and_quiet() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    append(&path, "[1] a\n  at x\n[2] b\n");
    let quick = |m: Multiline| m.timeout(Duration::from_millis(20));
    let run = start(FileSource::new(&path).multiline(quick(Multiline::start_with(prefix("[")))));
    assert_eq!(run.texts(1).await, ["[1] a\n  at x"]);
    assert_eq!(run.texts(1).await, ["[2] b"], "after a while of quiet");
    append(&path, "[3] c\n");
    assert_eq!(run.texts(1).await, ["[3] c"]);
    run.stop().await;

    let path = dir.path().join("b.log");
    append(&path, "a\n one\n two\nb\n");
    let run = start(FileSource::new(&path).multiline(Multiline::continues_with(indented)));
    assert_eq!(run.texts(1).await, ["a\n one\n two"]);
    let (_, rest) = run.stop().await;
    assert_eq!(texts(&rest), ["b"], "on drain");
}

#[tokio::test(flavor = "multi_thread")]
async fn start_at_end_reads_only_what_comes_and_new_files_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = (dir.path().join("a.log"), dir.path().join("checkpoints"));
    append(&path, "old\n");
    let source = || FileSource::new(dir.path().join("*.log")).start(StartAt::End).checkpoints(&store);
    let activity_source = source();
    let activity = activity_source.activity();
    let run = start(activity_source);
    until("the file to be known", || (activity.files() == 1).then_some(())).await;
    append(&dir.path().join("b.log"), "b\n");
    assert_eq!(run.texts(1).await, ["b"]);
    run.stop().await;
    append(&path, "while away\n");
    let run = start(source());
    assert_eq!(run.texts(1).await, ["while away"], "there is a checkpoint, so it counts");
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_files_are_left_out_until_they_are_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old.log"), dir.path().join("new.log"));
    append(&old, "old\n");
    let times = fs::FileTimes::new().set_modified(std::time::SystemTime::now() - Duration::from_secs(7200));
    fs::File::options().write(true).open(&old).unwrap().set_times(times).unwrap();
    append(&new, "new\n");
    let run = start(FileSource::new(dir.path().join("*.log")).ignore_older(Duration::from_secs(3600)));
    assert_eq!(run.texts(1).await, ["new"]);
    append(&old, "again\n");
    assert_eq!(run.texts(2).await, ["old", "again"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_file_does_not_starve_the_others() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a_huge.log"), numbered(0..400_000)).unwrap();
    for n in 0..10 {
        fs::write(dir.path().join(format!("small{n}.log")), "small\n").unwrap();
    }
    let run = start_with(FileSource::new(dir.path().join("*.log")).read_bytes(4096), QueueLimits::default());
    let (mut small, mut huge) = (0, 0);
    while small < 10 {
        for line in run.lines(1).await {
            match line.text == "small" {
                true => small += 1,
                false => huge += 1,
            }
        }
    }
    assert!(huge < 10_000, "{huge} lines of the huge file came first");
    run.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_stop_while_the_pipeline_is_full() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.log"), numbered(0..400_000)).unwrap();
    let mut limits = QueueLimits::default();
    limits.max_bytes = 64 << 10;
    let source = FileSource::new(dir.path().join("a.log")).read_bytes(16 << 10);
    let activity = source.activity();
    let run = start_with(source, limits);
    let before = until("a standstill", || {
        let before = activity.reads();
        std::thread::sleep(Duration::from_millis(50));
        (before > 0 && before == activity.reads()).then_some(before)
    })
    .await;
    assert!(before < 20, "{before} reads for a full queue");
    let lines = run.lines(400_000).await;
    assert_eq!(lines.len(), 400_000);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_files_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..2000 {
        fs::write(dir.path().join(format!("{n}.log")), "line\n").unwrap();
    }
    let source = FileSource::new(dir.path().join("*.log")).max_open_files(100);
    let activity = source.activity();
    let run = start(source);
    assert_eq!(run.lines(2000).await.len(), 2000);
    until("quiet", || {
        let before = (activity.reads(), activity.opens());
        std::thread::sleep(Duration::from_millis(50));
        (before == (activity.reads(), activity.opens())).then_some(())
    })
    .await;
    let before = (activity.reads(), activity.opens());
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 300, "{open} open files");
    append(&dir.path().join("7.log"), "more\n");
    assert_eq!(run.texts(1).await, ["more"]);
    assert!(activity.reads() - before.0 <= 12, "{} reads for one change", activity.reads() - before.0);
    assert!(activity.opens() - before.1 <= 3, "{} opens for one change", activity.opens() - before.1);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_one_file_is_told_and_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    // A read of it at 0 is an error, for root too.
    std::os::unix::fs::symlink("/proc/self/mem", dir.path().join("bad.log")).unwrap();
    append(&dir.path().join("good.log"), "one\n");
    let run = start(FileSource::new(dir.path().join("*.log")).poll_interval(Duration::from_millis(5)));
    assert_eq!(run.texts(1).await, ["one"]);
    run.problem("bad.log can't be read").await;
    append(&dir.path().join("good.log"), "two\n");
    assert_eq!(run.texts(1).await, ["two"]);
    assert_eq!(run.problems.lock().unwrap().len(), 1);
    fs::remove_file(dir.path().join("bad.log")).unwrap();
    append(&dir.path().join("bad.log"), "well again\n");
    assert_eq!(run.texts(1).await, ["well again"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_error_names_file_and_user_and_is_tried_again() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret.log");
    append(&path, "one\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        println!("skipped: this user (root) may read everything; the message is tested in file::reader");
        return;
    }
    let run = start(FileSource::new(&path));
    let message = run.problem("secret.log can't be read by").await;
    assert!(message.contains("uid "), "{message}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(run.texts(1).await, ["one"]);
    run.stop().await;
}
