//! Rotation, keeping, finishing.

use dendro_core::SignedDuration;

use super::*;

fn minutes(n: u64) -> SignedDuration {
    Duration::from_secs(n * 60).into()
}

#[tokio::test]
async fn no_file_gets_longer_than_it_may_and_none_is_torn() {
    for compression in [Compression::None, Compression::Gzip(1), Compression::Zstd(1)] {
        let bench = Bench::new();
        let sink = bench.builder("a.ndjson").compression(compression).rotate_bytes(1_000).build().unwrap();
        for n in 0..20 {
            write(&sink, &n.to_string(), &batch(n * 50..n * 50 + 50)).await.unwrap();
        }
        drain(&sink).await;
        let files = bench.files();
        assert!(files.len() >= 3, "{files:?}");
        for name in &files {
            let len = std::fs::metadata(bench.path(name)).unwrap().len();
            let most = if compression == Compression::None { 1_000 } else { 2_000 };
            assert!(len <= most, "{name}: {len}");
        }
        // The one without a time is the last.
        let (last, finished) = files.split_last().unwrap();
        assert!(finished.iter().all(|f| f.starts_with("a-20261120T100000Z-")), "{files:?}");
        assert!(last.starts_with("a.ndjson"));
        assert_eq!(bench.all_numbers(), (0..1_000).collect::<Vec<u64>>(), "{compression:?}");
    }
}

#[tokio::test]
async fn an_event_that_is_longer_than_a_file_may_be_has_one_for_itself() {
    let bench = Bench::new();
    let sink = bench.builder("a.ndjson").rotate_bytes(200).build().unwrap();
    let long = Batch::from_events([&event(1), &event(2).with("text", "x".repeat(5_000)), &event(3)]).unwrap();
    write(&sink, "1", &[long]).await.unwrap();
    assert_eq!(bench.files().len(), 3);
    assert_eq!(bench.all_numbers(), [1, 2, 3]);
}

#[tokio::test]
async fn the_time_of_day_rotates_also_a_file_that_nobody_writes_to() {
    let bench = Bench::new();
    let sink = bench.builder("a.ndjson").rotate_every(Duration::from_secs(3_600)).build().unwrap();
    write(&sink, "1", &batch([1])).await.unwrap();
    bench.clock.advance(minutes(59));
    write(&sink, "2", &batch([2])).await.unwrap();
    bench.clock.advance(minutes(1));
    write(&sink, "3", &batch([3])).await.unwrap();
    assert_eq!(bench.files(), ["a-20261120T110000Z-000.ndjson", "a.ndjson"]);
    assert_eq!(bench.all_numbers(), [1, 2, 3]);
    bench.clock.advance(minutes(60));
    sink.commit(CommitReason::Interval).await.unwrap();
    assert_eq!(bench.files(), ["a-20261120T110000Z-000.ndjson", "a-20261120T120000Z-000.ndjson"]);
}

#[tokio::test]
async fn only_so_many_finished_files_are_kept() {
    let bench = Bench::new();
    let sink = bench.builder("a.ndjson").rotate_bytes(100).keep(2).build().unwrap();
    for n in 0..10 {
        write(&sink, &n.to_string(), &batch([n])).await.unwrap();
        bench.clock.advance(minutes(1));
    }
    assert_eq!(bench.all_numbers(), [7, 8, 9]);
}

#[tokio::test]
async fn with_atomic_finish_nobody_sees_half_a_file() {
    for compression in [Compression::None, Compression::Gzip(6), Compression::Zstd(3)] {
        let bench = Bench::new();
        let name = format!("a.ndjson{}", compression.extension());
        let partial = format!("{name}.partial");
        let builder = || bench.builder("a.ndjson").compression(compression).atomic_finish(true);
        let sink = builder().build().unwrap();
        write(&sink, "1", &batch([1])).await.unwrap();
        assert_eq!(bench.files(), [&*partial]);
        drain(&sink).await;
        assert_eq!(bench.files(), [&*name]);
        // A finished file is not touched again.
        let sink = builder().build().unwrap();
        write(&sink, "2", &batch([2])).await.unwrap();
        drain(&sink).await;
        assert_eq!(bench.files().len(), 2);
        assert_eq!(bench.numbers(&name), [1]);
        // What was left by a crash is taken up, if it can be.
        if compression == Compression::None {
            let line = decoded(&bench.path(&name)).replace(":1}", ":3}");
            std::fs::write(bench.path(&partial), format!("{line}{{\"time")).unwrap();
            let sink = builder().build().unwrap();
            write(&sink, "2", &batch([4])).await.unwrap();
            drain(&sink).await;
            assert_eq!(bench.all_numbers(), [2, 3, 4, 1]);
        }
    }
}

#[tokio::test]
async fn a_file_that_nobody_writes_to_is_closed_and_finished() {
    let bench = Bench::new();
    let sink = bench
        .builder("{to}.ndjson")
        .atomic_finish(true)
        .close_idle_after(Duration::from_secs(60))
        .build()
        .unwrap();
    write(&sink, "1", &batch_to(&[("a", 1), ("b", 2)])).await.unwrap();
    bench.clock.advance(minutes(2));
    write(&sink, "2", &batch_to(&[("b", 3)])).await.unwrap();
    assert_eq!(bench.files(), ["a.ndjson", "b.ndjson.partial"]);
}

#[tokio::test]
async fn a_rotated_file_was_synced_and_its_name_too() {
    let bench = Bench::new();
    let sink = bench.builder("a.ndjson").rotate_bytes(100).build().unwrap();
    write(&sink, "1", &batch([1])).await.unwrap();
    let Written::Staged(second) = write(&sink, "2", &batch([2])).await.unwrap() else { panic!() };
    let log: Vec<Op> = bench.disk.0.lock().unwrap().log.iter().map(|(op, _)| *op).collect();
    let renamed = log.iter().position(|op| *op == Op::Rename).unwrap();
    assert!(log[..renamed].contains(&Op::Sync));
    assert!(log[renamed..].contains(&Op::SyncDir));
    // The first stage is durable without a sync of its own.
    let durable = sink.commit(CommitReason::Interval).await.unwrap().durable;
    assert_eq!(durable.len(), 2);
    assert!(durable.contains(&second[0]));
}
