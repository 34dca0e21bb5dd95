//! What is acknowledged, what is not, and what is remembered of it.

use std::fs;

use crate::file_support::*;
use dendro_core::{Batch, Outcome, Snapshot};
use dendro_sources::file::FileSource;

fn settle(mut batch: Batch, outcome: Outcome) {
    batch.take_acks().resolve(outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_batches_are_sent_again_with_all_that_came_behind_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    append(&path, numbered(0..2000));
    let run = start(FileSource::new(&path).read_bytes(4096));
    let mut delivered: Vec<Line> = Vec::new();
    let mut bad = 0;
    while delivered.last().is_none_or(|l| l.text != "line number 0001999") {
        let batch = run.batch().await;
        let lines = lines_of(&batch);
        let expected = delivered.last().map_or(0, |l| l.position + 20);
        if lines[0].position != expected {
            // It was on its way when the one before was abandoned.
            settle(batch, Outcome::Delivered);
            continue;
        }
        if bad < 5 && lines[0].position >= bad * 8000 {
            bad += 1;
            settle(batch, Outcome::Abandoned);
            continue;
        }
        delivered.extend(lines);
        settle(batch, Outcome::Delivered);
    }
    assert_eq!(bad, 5);
    let text: String = delivered.iter().map(|l| format!("{}\n", l.text)).collect();
    assert!(text == numbered(0..2000));
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_batch_of_one_file_does_not_hold_up_the_others() {
    let dir = tempfile::tempdir().unwrap();
    append(&dir.path().join("a.log"), "a\n");
    append(&dir.path().join("b.log"), "b\n");
    let run = start(FileSource::new(dir.path().join("*.log")));
    let (first, second) = (run.batch().await, run.batch().await);
    let (a, b) = if first.stream().unwrap().ends_with("a.log") { (first, second) } else { (second, first) };
    settle(a, Outcome::Abandoned);
    settle(b, Outcome::Delivered);
    assert_eq!(run.texts(1).await, ["a"]);
    assert!(run.stop().await.1.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_never_ahead_of_the_acknowledgements() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = (dir.path().join("a.log"), dir.path().join("checkpoints"));
    append(&path, numbered(0..2000));
    let source = || FileSource::new(&path).checkpoints(&store).read_bytes(4096);
    let mut settled = 0;
    for round in 0..6 {
        let source = source();
        let activity = source.activity();
        let run = start(source);
        let (first, second, third) = (run.batch().await, run.batch().await, run.batch().await);
        let start = lines_of(&first)[0].position;
        assert_eq!(
            start, settled,
            "round {round}: reading goes on at the oldest record that was not settled"
        );
        let end_of = |b: &Batch| lines_of(b).last().unwrap().position + 20;
        match round % 3 {
            0 => {
                // The later ones do not count as long as the first is not settled.
                settle(second, Outcome::Delivered);
                settle(third, Outcome::Delivered);
                drop(run.task);
                continue;
            }
            1 => {
                settled = end_of(&first);
                settle(third, Outcome::Delivered);
                settle(first, Outcome::DeadLettered);
                drop(second);
            }
            _ => {
                settled = end_of(&second);
                settle(second, Outcome::Dropped);
                settle(first, Outcome::Delivered);
                drop(third);
            }
        }
        let saves = activity.saves();
        until("the checkpoint", || (activity.saves() > saves).then_some(())).await;
        let offset = || {
            let text = fs::read_to_string(store.join("checkpoints.json")).unwrap();
            let body: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
            body["files"][0]["offset"].as_u64().unwrap()
        };
        until("the offset", || (offset() == settled).then_some(())).await;
        run.task.abort();
        let _ = run.task.await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_transforms_is_stored_and_given_back_with_the_first_batch() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = (dir.path().join("a.log"), dir.path().join("checkpoints"));
    append(&path, "one\n");
    let state = |n: u8| Snapshot { component: "csv".into(), state: vec![n, 0, 255] };
    let run = start(FileSource::new(&path).checkpoints(&store));
    let batch = run.batch().await;
    assert!(batch.restore().is_empty());
    batch.acks().attach_snapshot(&state(1));
    settle(batch, Outcome::Delivered);
    run.stop().await;

    append(&path, "two\n");
    let run = start(FileSource::new(&path).checkpoints(&store));
    let batch = run.batch().await;
    assert_eq!(batch.restore(), [state(1)]);
    batch.acks().attach_snapshot(&state(2));
    settle(batch, Outcome::Delivered);
    append(&path, "three\n");
    let batch = run.batch().await;
    assert!(batch.restore().is_empty());
    settle(batch, Outcome::Abandoned);
    let batch = run.batch().await;
    assert_eq!(lines_of(&batch)[0].text, "three");
    assert_eq!(batch.restore(), [state(2)], "what is sent again begins with the state before it");
    settle(batch, Outcome::Delivered);
    run.stop().await;

    fs::rename(&path, dir.path().join("a.log.1")).unwrap();
    append(&path, "four\n");
    let run = start(FileSource::new(&path).checkpoints(&store));
    let batch = run.batch().await;
    assert_eq!(batch.restore(), [state(2)], "the state is that of the stream");
    settle(batch, Outcome::Delivered);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_stored_when_all_before_it_is_settled_also_in_the_rotated_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = (dir.path().join("a.log"), dir.path().join("checkpoints"));
    let state = |n: u8| Snapshot { component: "counts".into(), state: vec![n] };
    let source = || FileSource::new(&path).checkpoints(&store);
    append(&path, "one\n");
    let run = start(source());
    let first = run.batch().await;
    first.acks().attach_snapshot(&state(1));
    fs::rename(&path, dir.path().join("a.log.1")).unwrap();
    append(&path, "two\n");
    let second = run.batch().await;
    second.acks().attach_snapshot(&state(2));
    settle(second, Outcome::Delivered);
    settle(first, Outcome::Delivered);
    run.stop().await;
    append(&path, "three\n");
    let run = start(source());
    let batch = run.batch().await;
    assert_eq!(lines_of(&batch)[0].text, "three");
    assert_eq!(batch.restore(), [state(2)], "the state of the rotated file is older");
    settle(batch, Outcome::Delivered);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_abandoned_takes_what_its_stream_has_sent_since_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = (dir.path().join("a.log"), dir.path().join("checkpoints"));
    let state = |n: u8| Snapshot { component: "counts".into(), state: vec![n] };
    append(&path, "zero\n");
    let run = start(FileSource::new(&path).checkpoints(&store));
    let batch = run.batch().await;
    batch.acks().attach_snapshot(&state(0));
    settle(batch, Outcome::Delivered);
    append(&path, "one\n");
    let first = run.batch().await;
    first.acks().attach_snapshot(&state(1));
    fs::rename(&path, dir.path().join("a.log.1")).unwrap();
    append(&path, "two\n");
    let second = run.batch().await;
    second.acks().attach_snapshot(&state(2));
    settle(second, Outcome::Delivered);
    settle(first, Outcome::Abandoned);
    let again = run.batch().await;
    assert_eq!(lines_of(&again)[0].text, "one");
    assert_eq!(again.restore(), [state(0)]);
    settle(again, Outcome::Delivered);
    let again = run.batch().await;
    assert_eq!(lines_of(&again)[0].text, "two", "the state that was restored has not seen it");
    assert!(again.restore().is_empty());
    settle(again, Outcome::Delivered);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_before_any_state_was_stored_says_that_transforms_begin_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    append(&path, "one\n");
    let run = start(FileSource::new(&path).checkpoints(dir.path().join("checkpoints")));
    let batch = run.batch().await;
    assert!(batch.is_resumed());
    batch.acks().attach_snapshot(&Snapshot { component: "counts".into(), state: vec![1] });
    append(&path, "two\n");
    let next = run.batch().await;
    assert!(!next.is_resumed(), "it goes on from the one before");
    settle(next, Outcome::Delivered);
    settle(batch, Outcome::Abandoned);
    let mut again = Vec::new();
    while again.len() < 2 {
        let batch = run.batch().await;
        // The state of the one that was abandoned counts it already.
        assert_eq!((batch.is_resumed(), batch.restore()), (again.is_empty(), &[][..]));
        again.extend(lines_of(&batch));
        settle(batch, Outcome::Delivered);
    }
    assert_eq!(texts(&again), ["one", "two"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_directory_checkpoints_live_as_long_as_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    append(&path, "one\n");
    let run = start(FileSource::new(&path));
    assert_eq!(run.texts(1).await, ["one"]);
    let (source, _) = run.stop().await;
    append(&path, "two\n");
    let run = start(source);
    assert_eq!(run.texts(1).await, ["two"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_source_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    append(&path, "one\n");
    let source = || FileSource::new(&path).checkpoints(dir.path().join("c"));
    let run = start(source());
    assert_eq!(run.texts(1).await, ["one"]);
    let (_, _, result) = start(source()).end().await;
    let error = result.unwrap_err();
    assert!(!error.is_retry() && error.to_string().contains("is in use"), "{error}");
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_checkpoint_is_set_aside_and_reported_and_the_source_starts() {
    let dir = tempfile::tempdir().unwrap();
    let (path, store) = (dir.path().join("a.log"), dir.path().join("c"));
    append(&path, "one\n");
    fs::create_dir(&store).unwrap();
    fs::write(store.join("checkpoints.json"), "\u{0}garbage").unwrap();
    let run = start(FileSource::new(&path).checkpoints(&store));
    assert_eq!(run.texts(1).await, ["one"]);
    run.problem("can't be used").await;
    assert!(store.join("checkpoints.json.bad-1").exists());
    run.stop().await;
    let run = start(FileSource::new(&path).checkpoints(&store));
    append(&path, "two\n");
    assert_eq!(run.texts(1).await, ["two"]);
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_that_refuses_what_comes_ends_the_run_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    append(&path, numbered(0..2000));
    let run = start(FileSource::new(&path).read_bytes(4096));
    let first = run.lines(1).await;
    run.received.close();
    let (source, result) = patiently("the end", run.task).await.unwrap();
    assert!(result.is_err());
    let run = start(source);
    let rest = run.lines(2000 - first.len()).await;
    assert_eq!(rest[0].position, first.last().unwrap().position + 20);
    run.stop().await;
}
