//! Errors of the file system: nothing torn, nothing twice, nothing lost.

use std::io::ErrorKind;

use dendro_core::SinkErrorKind;

use super::*;

#[tokio::test]
async fn a_write_that_fails_half_way_leaves_nothing_and_the_retry_is_whole() {
    for compression in [Compression::None, Compression::Gzip(6), Compression::Zstd(3)] {
        for part in [1, 7, 60, 4_000] {
            let bench = Bench::new();
            let sink = bench.builder("a.ndjson").compression(compression).build().unwrap();
            let name = format!("a.ndjson{}", compression.extension());
            write(&sink, "1", &batch(0..200)).await.unwrap();
            let before = std::fs::read(bench.path(&name)).unwrap();
            bench.disk.fail(Op::Write(part), "a.ndjson", 0, 1, ErrorKind::StorageFull);
            let error = write(&sink, "2", &batch(200..400)).await.unwrap_err();
            assert_eq!(error.kind(), SinkErrorKind::Retry);
            let text = error.to_string();
            let dir = bench.dir.path().display().to_string();
            assert!(text.starts_with(&format!("no space left on device under {dir}: free space")), "{text}");
            assert!(std::fs::read(bench.path(&name)).unwrap() == before, "{compression:?}: rolled back");
            // Again, and with another set of events between.
            bench.disk.fail(Op::Write(part), "a.ndjson", 0, 1, ErrorKind::StorageFull);
            write(&sink, "2", &batch(200..400)).await.unwrap_err();
            write(&sink, "2", &batch(200..400)).await.unwrap();
            write(&sink, "3", &batch(400..401)).await.unwrap();
            drain(&sink).await;
            assert_eq!(bench.numbers(&name), (0..401).collect::<Vec<u64>>(), "{compression:?} {part}");
        }
    }
}

#[tokio::test]
async fn a_torn_write_that_could_not_be_cut_off_is_before_anything_else_is_written() {
    let bench = Bench::new();
    let sink = bench.builder("a.ndjson").build().unwrap();
    write(&sink, "1", &batch([1])).await.unwrap();
    bench.disk.fail(Op::Write(20), "a.ndjson", 0, 1, ErrorKind::StorageFull);
    bench.disk.fail(Op::Truncate, "a.ndjson", 0, 2, ErrorKind::Other);
    write(&sink, "2", &batch([2])).await.unwrap_err();
    let error = write(&sink, "2", &batch([2])).await.unwrap_err();
    assert!(error.to_string().contains("cut a torn line off"), "{error}");
    write(&sink, "2", &batch([2])).await.unwrap();
    assert_eq!(bench.numbers("a.ndjson"), [1, 2]);
}

#[tokio::test]
async fn where_some_files_fail_only_their_events_are_tried_again() {
    for fsync in [Fsync::EveryWrite, Fsync::Interval(SECOND), Fsync::Never] {
        let bench = Bench::new();
        let sink = bench.builder("{to}.ndjson").fsync(fsync).build().unwrap();
        bench.disk.fail(Op::Write(3), "b.ndjson", 0, 1, ErrorKind::StorageFull);
        let error =
            write(&sink, "1", &batch_to(&[("a", 0), ("b", 1), ("c", 2), ("b", 3)])).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Partial);
        assert_eq!(error.retry_events(), [1, 3]);
        if fsync != Fsync::Never {
            // The driver acknowledges the others now.
            assert_eq!(bench.disk.count(Op::Sync), 2);
        }
        write(&sink, "2", &batch_to(&[("b", 1), ("b", 3)])).await.unwrap();
        drain(&sink).await;
        assert_eq!(bench.all_numbers(), [0, 1, 3, 2]);
    }
}

#[tokio::test]
async fn a_partial_failure_whose_other_files_cannot_be_synced_is_all_tried_again() {
    let bench = Bench::new();
    let sink = bench.builder("{to}.ndjson").build().unwrap();
    bench.disk.fail(Op::Write(3), "b.ndjson", 0, 1, ErrorKind::StorageFull);
    bench.disk.fail(Op::Sync, "a.ndjson", 0, 1, ErrorKind::Other);
    let both = batch_to(&[("a", 0), ("b", 1)]);
    assert_eq!(write(&sink, "1", &both).await.unwrap_err().kind(), SinkErrorKind::Retry);
    write(&sink, "1", &both).await.unwrap();
    drain(&sink).await;
    let mut numbers = bench.all_numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1]);
}

#[tokio::test]
async fn what_cannot_be_opened_is_tried_again_and_says_who_and_what() {
    for (op, kind, word) in [
        (Op::Open, ErrorKind::PermissionDenied, "permission denied for user"),
        (Op::Create, ErrorKind::PermissionDenied, "permission denied for user"),
        (Op::CreateDirs, ErrorKind::ReadOnlyFilesystem, "read-only (as user"),
        (Op::CreateDirs, ErrorKind::NotADirectory, "not a directory (as user"),
        (Op::Create, ErrorKind::StorageFull, "no space left"),
        (Op::Create, ErrorKind::QuotaExceeded, "quota"),
        (Op::Open, ErrorKind::ResourceBusy, "cannot open"),
    ] {
        let bench = Bench::new();
        let sink = bench.builder("d/a.ndjson").build().unwrap();
        bench.disk.fail(op, "d", 0, 1, kind);
        let error = write(&sink, "1", &batch([1])).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Retry);
        let text = error.to_string();
        assert!(text.contains(word) && text.contains(&bench.path("d").display().to_string()), "{text}");
        write(&sink, "1", &batch([1])).await.unwrap();
        assert_eq!(bench.numbers("d/a.ndjson"), [1]);
    }
}

#[tokio::test]
async fn a_rotation_that_fails_is_tried_again_and_loses_nothing() {
    for op in [Op::Rename, Op::SyncDir, Op::Sync, Op::List] {
        for fsync in [Fsync::EveryWrite, Fsync::Interval(SECOND)] {
            let bench = Bench::new();
            let sink = bench.builder("a.ndjson").fsync(fsync).rotate_bytes(100).keep(100).build().unwrap();
            write(&sink, "0", &batch([0])).await.unwrap();
            sink.commit(CommitReason::Interval).await.unwrap();
            bench.disk.fail(op, "", 0, 1, ErrorKind::Other);
            for n in 1..4 {
                while write(&sink, &n.to_string(), &batch([n])).await.is_err() {}
            }
            let lost = drain(&sink).await.lost;
            assert!(lost.is_empty());
            let mut numbers = bench.all_numbers();
            numbers.sort_unstable();
            assert_eq!(numbers, [0, 1, 2, 3], "{op:?} {fsync:?}");
        }
    }
}

#[tokio::test]
async fn a_failed_end_makes_the_drain_ask_again() {
    let bench = Bench::new();
    let sink = bench.builder("a.ndjson").compression(Compression::Gzip(6)).build().unwrap();
    let Written::Staged(stages) = write(&sink, "1", &batch([1])).await.unwrap() else { panic!() };
    bench.disk.fail(Op::Write(2), "a.ndjson", 0, 1, ErrorKind::StorageFull);
    let error = sink.commit(CommitReason::Drain).await.unwrap_err();
    assert!(error.to_string().contains("no space left"), "{error}");
    assert_eq!(drain(&sink).await.durable, stages);
    assert_eq!(bench.numbers("a.ndjson.gz"), [1]);
}

#[tokio::test]
async fn a_file_that_someone_moves_or_deletes_is_begun_anew() {
    let bench = Bench::new();
    let sink = bench.builder("a.ndjson").build().unwrap();
    write(&sink, "1", &batch([1])).await.unwrap();
    std::fs::rename(bench.path("a.ndjson"), bench.path("a.ndjson.1")).unwrap();
    write(&sink, "2", &batch([2])).await.unwrap();
    std::fs::remove_file(bench.path("a.ndjson")).unwrap();
    write(&sink, "3", &batch([3])).await.unwrap();
    assert_eq!((bench.numbers("a.ndjson.1"), bench.numbers("a.ndjson")), (vec![1], vec![3]));
    assert!(bench.notices().contains("moved or deleted"));
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_without_hanging() {
    let bench = Bench::new();
    let pipe = bench.path("a.ndjson");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    let sink = bench.builder("a.ndjson").build().unwrap();
    let error = write(&sink, "1", &batch([1])).await.unwrap_err();
    assert!(error.to_string().contains("cannot open"), "{error}");
}

#[tokio::test]
async fn two_writers_never_share_a_file() {
    let bench = Bench::new();
    let one = bench.builder("a.ndjson").build().unwrap();
    let two = bench.builder("a.ndjson").build().unwrap();
    write(&one, "1", &batch([1])).await.unwrap();
    let error = write(&two, "1", &batch([2])).await.unwrap_err();
    assert!(error.to_string().contains("another process or sink"), "{error}");
    drain(&one).await;
    write(&two, "1", &batch([2])).await.unwrap();
    assert_eq!(bench.numbers("a.ndjson"), [1, 2]);
}
