//! Reading files once, plain and compressed.

use std::fs;

use crate::file_support::*;
use dendro_core::Outcome;
use dendro_sources::file::FileSource;

#[tokio::test(flavor = "multi_thread")]
async fn each_file_is_read_to_its_end_once() {
    let dir = tempfile::tempdir().unwrap();
    let text = numbered(0..30_000);
    fs::write(dir.path().join("a.log"), &text).unwrap();
    fs::write(dir.path().join("b.log"), "one\nlast without end").unwrap();
    fs::write(dir.path().join("c.log"), "").unwrap();
    let run = start(FileSource::new(dir.path().join("*.log")).follow(false));
    let (_, lines, result) = run.end().await;
    result.unwrap();
    let of = |name: &str| -> Vec<String> {
        let stream = dir.path().join(name).display().to_string();
        lines.iter().filter(|l| l.stream == stream).map(|l| l.text.clone()).collect()
    };
    assert!(of("a.log").join("\n") + "\n" == text);
    assert_eq!(of("b.log"), ["one", "last without end"]);
    assert!(of("c.log").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_reads_only_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    append(&path, "one\n");
    let source = || FileSource::new(&path).follow(false).checkpoints(dir.path().join("c"));
    assert_eq!(texts(&start(source()).end().await.1), ["one"]);
    append(&path, "two\n");
    let (source, lines, _) = start(source()).end().await;
    assert_eq!(texts(&lines), ["two"]);
    append(&path, "three\n");
    assert_eq!(texts(&start(source).end().await.1), ["three"], "the same source again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_there_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let run = start(FileSource::new(dir.path().join("none.log")).follow(false));
    let (_, _, result) = run.end().await;
    assert!(result.unwrap_err().to_string().contains("none.log"));
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_files_are_read_by_what_they_hold_not_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let text = numbered(0..100_000);
    let (first, second) = text.as_bytes().split_at(777_777);
    fs::write(dir.path().join("gzip"), [gzip(first), gzip(second)].concat()).unwrap();
    fs::write(dir.path().join("zstd"), zstd::encode_all(text.as_bytes(), 1).unwrap()).unwrap();
    fs::write(dir.path().join("plain.gz"), &text).unwrap();
    let run = start(FileSource::new(dir.path().join("*")).follow(false));
    let (_, lines, result) = run.end().await;
    result.unwrap();
    for name in ["gzip", "zstd", "plain.gz"] {
        let stream = dir.path().join(name).display().to_string();
        let mut position = 0;
        let mut read = String::new();
        for line in lines.iter().filter(|l| l.stream == stream) {
            assert_eq!(line.position, position);
            position += line.text.len() as u64 + 1;
            read += &line.text;
            read += "\n";
        }
        assert!(read == text, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_compressed_file_is_reported_and_what_was_read_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let text = numbered(0..100_000);
    let packed = gzip(text.as_bytes());
    fs::write(dir.path().join("a.gz"), &packed[..packed.len() / 2]).unwrap();
    fs::write(dir.path().join("b.log"), "fine\n").unwrap();
    let run = start(FileSource::new(dir.path().join("*")).follow(false));
    let problems = run.problems.clone();
    let (_, lines, result) = run.end().await;
    result.unwrap();
    assert!(lines.iter().any(|l| l.text == "fine"));
    let read: Vec<_> = lines.iter().filter(|l| l.stream.ends_with("a.gz")).collect();
    assert!(read.len() > 10_000, "{}", read.len());
    for (n, line) in read.iter().enumerate().take(read.len() - 1) {
        assert_eq!(line.text, format!("line number {n:07}"));
    }
    let problems = problems.lock().unwrap();
    assert!(
        problems.len() == 1 && problems[0].contains("a.gz is not a complete compressed file"),
        "{problems:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_file_goes_on_where_it_was_settled() {
    let dir = tempfile::tempdir().unwrap();
    let text = numbered(0..100_000);
    let path = dir.path().join("a.log.gz");
    fs::write(&path, gzip(text.as_bytes())).unwrap();
    let source =
        || FileSource::new(&path).follow(false).checkpoints(dir.path().join("c")).read_bytes(64 << 10);
    let run = start(source());
    let mut all = run.lines(1).await;
    all.extend(run.lines(1).await);
    until("the checkpoint", || {
        let stored = fs::read_to_string(dir.path().join("c/checkpoints.json")).unwrap_or_default();
        (!stored.contains("\"offset\":0") && stored.contains("offset")).then_some(())
    })
    .await;
    // As if it had been killed.
    run.task.abort();
    let _ = run.task.await;
    drop(run.received);
    let settled = all.len();
    let run = until("the lock", || Some(start(source()))).await;
    let (_, rest, result) = run.end().await;
    result.unwrap();
    assert!(rest.len() < 100_000);
    all.truncate(100_000 - rest.len());
    assert!(all.len() <= settled, "nothing is missing");
    all.extend(rest);
    let read: String = all.iter().map(|l| format!("{}\n", l.text)).collect();
    assert!(read == text);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_abandoned_at_the_end_are_an_error_and_sent_again_by_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    append(&path, "one\n");
    let run = start(FileSource::new(&path).follow(false));
    let mut batch = run.batch().await;
    assert!(run.received.recv().await.is_none());
    batch.take_acks().resolve(Outcome::Abandoned);
    let (source, result) = patiently("the end", run.task).await.unwrap();
    assert!(result.unwrap_err().is_retry());
    let (_, lines, result) = start(source).end().await;
    result.unwrap();
    assert_eq!(texts(&lines), ["one"]);
}
