//! What is acknowledged, and when.

use super::*;

#[tokio::test]
async fn every_write_is_synced_before_it_is_durable() {
    let bench = Bench::new();
    let sink = bench.builder("d/a.ndjson").fsync(Fsync::EveryWrite).build().unwrap();
    for n in 0..3 {
        assert_eq!(write(&sink, &n.to_string(), &batch([n])).await.unwrap(), Written::Durable);
        assert_eq!(bench.disk.count(Op::Sync), n as usize + 1);
    }
    // The file's own directory and the one that holds it, once.
    assert_eq!(bench.disk.count(Op::SyncDir), 2);
    assert_eq!(bench.numbers("d/a.ndjson"), [0, 1, 2]);
}

#[tokio::test]
async fn at_an_interval_writes_are_staged_until_a_commit_names_them() {
    let bench = Bench::new();
    let sink = bench.builder("a.ndjson").fsync(Fsync::Interval(SECOND)).build().unwrap();
    assert_eq!(sink.settings().commit_interval, SECOND);
    let Written::Staged(first) = write(&sink, "1", &batch([1])).await.unwrap() else { panic!() };
    let Written::Staged(second) = write(&sink, "2", &batch([2])).await.unwrap() else { panic!() };
    assert_eq!((bench.disk.count(Op::Sync), &first), (0, &second));
    let committed = sink.commit(CommitReason::Interval).await.unwrap();
    assert_eq!(committed, Committed { durable: first.clone(), lost: vec![] });
    assert_eq!(bench.disk.count(Op::Sync), 1);
    let Written::Staged(third) = write(&sink, "3", &batch([3])).await.unwrap() else { panic!() };
    assert_ne!(first, third);
    assert_eq!(sink.commit(CommitReason::Drain).await.unwrap().durable, third);
    assert_eq!(sink.commit(CommitReason::Drain).await.unwrap(), Committed::default());
}

#[tokio::test]
async fn a_write_to_several_files_waits_for_all_of_them() {
    let bench = Bench::new();
    let sink = bench.builder("{to}.ndjson").build().unwrap();
    let Written::Staged(stages) =
        write(&sink, "1", &batch_to(&[("a", 1), ("b", 2), ("a", 3)])).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(stages.len(), 2);
    let mut durable = sink.commit(CommitReason::Interval).await.unwrap().durable;
    durable.sort();
    assert_eq!(durable, stages);
    assert_eq!((bench.numbers("a.ndjson"), bench.numbers("b.ndjson")), (vec![1, 3], vec![2]));
}

#[tokio::test]
async fn without_fsync_nothing_is_synced_and_the_kernel_has_everything() {
    let bench = Bench::new();
    for (compression, name) in
        [(Compression::None, "n"), (Compression::Gzip(6), "n.gz"), (Compression::Zstd(3), "n.zst")]
    {
        let sink = bench.builder(name).compression(compression).fsync(Fsync::Never).build().unwrap();
        assert_eq!(write(&sink, "1", &batch(0..100)).await.unwrap(), Written::Durable);
        // As a killed process leaves it: all lines can be read, though the member has no end yet.
        let bytes = std::fs::read(bench.path(name)).unwrap();
        let mut text = Vec::new();
        let _ = match compression {
            Compression::Gzip(_) => flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text),
            Compression::Zstd(_) => {
                zstd::stream::read::Decoder::new(&bytes[..]).unwrap().read_to_end(&mut text)
            }
            Compression::None => (&bytes[..]).read_to_end(&mut text),
        };
        assert_eq!(text.iter().filter(|b| **b == b'\n').count(), 100, "{name}");
        drain(&sink).await;
        assert_eq!(bench.numbers(name), (0..100).collect::<Vec<u64>>());
    }
    assert_eq!(bench.disk.count(Op::Sync) + bench.disk.count(Op::SyncDir), 0);
}

#[tokio::test]
async fn a_write_is_one_call_a_file() {
    let bench = Bench::new();
    let sink = bench.builder("{to}.ndjson").build().unwrap();
    let all: Vec<(&str, u64)> = (0..10_000).map(|n| (if n % 3 == 0 { "a" } else { "b" }, n)).collect();
    write(&sink, "1", &[&batch_to(&all)[..], &batch_to(&all)[..]].concat()).await.unwrap();
    assert_eq!(bench.disk.count(Op::Write(0)), 2);
}

#[tokio::test]
async fn a_failed_fsync_loses_the_stage_and_the_file_is_never_trusted_again() {
    for compression in [Compression::None, Compression::Gzip(6), Compression::Zstd(3)] {
        let bench = Bench::new();
        let sink = bench.builder("a.ndjson").compression(compression).build().unwrap();
        write(&sink, "1", &batch([1])).await.unwrap();
        sink.commit(CommitReason::Interval).await.unwrap();
        let Written::Staged(staged) = write(&sink, "2", &batch([2])).await.unwrap() else { panic!() };
        bench.disk.fail(Op::Sync, "a.ndjson", 0, 1, io::ErrorKind::Other);
        let committed = sink.commit(CommitReason::Interval).await.unwrap();
        assert_eq!(committed, Committed { durable: vec![], lost: staged.clone() });
        assert!(bench.notices().contains("sync failed"), "{}", bench.notices());
        // The driver writes it again, with the same id or another.
        let Written::Staged(again) = write(&sink, "2", &batch([2])).await.unwrap() else { panic!() };
        assert_ne!(staged, again);
        assert_eq!(drain(&sink).await.durable, again);
        // The first file was cut back to what was durable; nothing is there twice.
        assert_eq!(bench.files().len(), 2);
        assert_eq!(bench.all_numbers(), [1, 2], "{compression:?}");
    }
}

#[tokio::test]
async fn a_failed_fsync_after_a_write_is_a_retry_without_doubles() {
    for op in [Op::Sync, Op::SyncDir] {
        let bench = Bench::new();
        let sink = bench.builder("d/a.ndjson").fsync(Fsync::EveryWrite).build().unwrap();
        bench.disk.fail(op, "", 0, 1, io::ErrorKind::Other);
        let error = write(&sink, "1", &batch([1])).await.unwrap_err();
        assert_eq!(error.kind(), dendro_core::SinkErrorKind::Retry);
        write(&sink, "1", &batch([1])).await.unwrap();
        assert_eq!(bench.all_numbers(), [1], "{op:?}");
        assert_eq!(sink.commit(CommitReason::Interval).await.unwrap(), Committed::default());
    }
}

#[tokio::test]
async fn a_dropped_write_goes_on_and_its_retry_is_answered() {
    for fsync in [Fsync::EveryWrite, Fsync::Interval(SECOND), Fsync::Never] {
        let bench = Bench::new();
        let (open, gate) = std::sync::mpsc::channel();
        bench.disk.0.lock().unwrap().gate = Some(gate);
        let sink = bench.builder("a.ndjson").fsync(fsync).build().unwrap();
        let all = batch(0..1_000);
        let dropped = tokio::time::timeout(Duration::from_millis(50), write(&sink, "1", &all)).await;
        assert!(dropped.is_err());
        open.send(()).unwrap();
        let written = write(&sink, "1", &all).await.unwrap();
        assert_eq!(write(&sink, "1", &all).await.unwrap(), written);
        assert_eq!(bench.disk.count(Op::Write(0)), 1);
        let committed = drain(&sink).await;
        match written {
            Written::Staged(stages) => assert_eq!(stages, committed.durable),
            _ => assert_eq!(committed, Committed::default()),
        }
        assert_eq!(bench.numbers("a.ndjson").len(), 1_000);
    }
}

#[tokio::test]
async fn a_retry_of_what_was_committed_meanwhile_is_durable() {
    let bench = Bench::new();
    let sink = bench.builder("a.ndjson").build().unwrap();
    write(&sink, "1", &batch([1])).await.unwrap();
    sink.commit(CommitReason::Interval).await.unwrap();
    assert_eq!(write(&sink, "1", &batch([1])).await.unwrap(), Written::Durable);
    assert_eq!(bench.numbers("a.ndjson"), [1]);
}

#[tokio::test]
async fn a_dropped_commit_says_what_it_settled_the_next_time() {
    let bench = Bench::new();
    let sink = bench.builder("a.ndjson").build().unwrap();
    let Written::Staged(stages) = write(&sink, "1", &batch([1])).await.unwrap() else { panic!() };
    let mut commit = Box::pin(sink.commit(CommitReason::Interval));
    // Polled once: the closure is under way.
    tokio::select! { biased; _ = &mut commit => panic!("on one thread it can't be done yet"), () = std::future::ready(()) => {} }
    drop(commit);
    assert_eq!(drain(&sink).await.durable, stages);
}

#[tokio::test]
async fn a_sink_that_is_dropped_without_a_drain_leaves_whole_files() {
    let bench = Bench::new();
    let sink =
        bench.builder("a.ndjson").compression(Compression::Gzip(6)).atomic_finish(true).build().unwrap();
    write(&sink, "1", &batch([1])).await.unwrap();
    drop(sink);
    assert_eq!(bench.files(), ["a.ndjson.gz"]);
    assert_eq!(bench.all_numbers(), [1]);
}
