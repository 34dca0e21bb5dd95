//! A disk buffer on a real file system: in a pipeline, over restarts, when it is full, and when the disk is.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dendro_buffer::offline::OfflineBuffer;
use dendro_buffer::{Compression, DiskBuffer, DiskBufferBuilder, Fsync};
use dendro_core::json::JsonEncoder;
use dendro_core::{
    Batch, Buffer, BufferHalves, CommitReason, Outcome, Pipeline, Schema, Sink, SinkError, SinkErrorKind,
    Snapshot, Timestamp, WhenFull, WriteContext, Written, sink_fn,
};
use dendro_test::mock::{MockLog, MockSink};
use dendro_test::{SmallDisk, SourceHarness, batches};
use proptest::collection::vec;
use proptest::prelude::*;

const QUIET: Duration = Duration::from_millis(150);

fn halves(builder: DiskBufferBuilder) -> BufferHalves {
    Box::new(builder.build().unwrap()).into_halves()
}

fn builder(dir: &Path) -> DiskBufferBuilder {
    DiskBuffer::builder(dir).fsync(Fsync::EveryBatch).compression(Compression::None)
}

async fn write(sink: &dyn Sink, id: u64, batch: Batch) -> Result<Written, SinkError> {
    sink.write(&[batch], &WriteContext::new(id.to_string(), 1, Duration::from_secs(60))).await
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|e| e == "segment")).collect()
}

fn log_of(batches: u64) -> MockLog {
    let log = MockLog::of((0..batches).map(|n| batches::numbered("a", n * 10..n * 10 + 10)));
    log.end();
    log
}

#[tokio::test]
async fn a_pipeline_sends_through_it_and_leaves_no_segment() {
    let dir = tempfile::tempdir().unwrap();
    let (sink, stored) = MockSink::new();
    let log = log_of(20);
    let buffer = builder(dir.path()).build().unwrap();
    let monitor = buffer.monitor();
    let line = Pipeline::line(log.source()).buffer(buffer).sink(sink).drop_rejected();
    line.build().unwrap().run(std::future::pending()).await.unwrap();
    assert_eq!(stored.ids(), batches::ids("a", 0..200));
    assert_eq!(log.checkpoint(), 20);
    assert_eq!(segments(dir.path()), Vec::<PathBuf>::new());
    assert_eq!(monitor.stats().disk_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_deadline_is_sent_by_the_next_run_and_the_source_has_its_acknowledgement() {
    tokio::time::resume();
    let dir = tempfile::tempdir().unwrap();
    let log = log_of(20);
    let hanging = sink_fn(|_| std::future::pending());
    let line = Pipeline::line(log.source()).buffer(builder(dir.path()).build().unwrap()).sink(hanging);
    let pipeline = line.drop_rejected().drain_deadline(Duration::from_millis(300)).build().unwrap();
    let all_written = async {
        while log.checkpoint() < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let report = pipeline.run(all_written).await.unwrap();
    assert_eq!(log.outcomes(), vec![Some(Outcome::Delivered); 20], "{report}");
    assert_eq!(OfflineBuffer::open(dir.path()).unwrap().verify().unwrap().waiting_events, 200);

    let (sink, stored) = MockSink::new();
    let nothing = MockLog::new();
    nothing.end();
    let line = Pipeline::line(nothing.source()).buffer(builder(dir.path()).build().unwrap()).sink(sink);
    line.drop_rejected().build().unwrap().run(std::future::pending()).await.unwrap();
    assert_eq!(stored.ids(), batches::ids("a", 0..200));
    assert_eq!(segments(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_single_event_can_be_read_at_once_whatever_the_policy() {
    for fsync in [Fsync::EveryBatch, Fsync::Interval(Duration::from_secs(3_600)), Fsync::Never] {
        let dir = tempfile::tempdir().unwrap();
        let halves = halves(builder(dir.path()).fsync(fsync));
        let harness = SourceHarness::start(halves.reader);
        let mut held = Vec::new();
        for n in 0..3 {
            write(&*halves.writer, n, batches::numbered("a", n..n + 1)).await.unwrap();
            let batch = harness.recv_within(Duration::from_secs(20)).await.unwrap();
            assert_eq!(batches::ids_of(&batch), batches::ids("a", n..n + 1));
            held.push(batch);
        }
        harness.kill().await;
    }
}

/// Writes until there is no room: how many were taken, and what was answered then.
async fn fill(sink: &dyn Sink) -> (u64, SinkError) {
    for n in 0..1_000 {
        if let Err(error) = write(sink, n, batches::numbered("a", n * 10..n * 10 + 10)).await {
            return (n, error);
        }
    }
    panic!("it is never full");
}

fn small(dir: &Path) -> DiskBufferBuilder {
    builder(dir).max_bytes(64 << 10).segment_bytes(8 << 10)
}

fn used(dir: &Path) -> u64 {
    // One may go while it is looked at.
    segments(dir).iter().map(|path| std::fs::metadata(path).map_or(0, |found| found.len())).sum()
}

#[tokio::test]
async fn when_it_is_full_it_does_what_it_was_told_and_never_takes_more_than_it_may() {
    for when_full in [WhenFull::DropNewest, WhenFull::DeadLetter] {
        let dir = tempfile::tempdir().unwrap();
        let halves = halves(small(dir.path()).when_full(when_full));
        let (taken, error) = fill(&*halves.writer).await;
        assert!(taken > 20, "{taken}");
        assert!(error.to_string().contains("is full (max_bytes is 65536)"), "{error}");
        match when_full {
            WhenFull::DropNewest => {
                assert_eq!(error.kind(), SinkErrorKind::Partial);
                assert_eq!(error.dropped(), (0..10).collect::<Vec<u32>>());
            }
            _ => {
                assert_eq!(error.kind(), SinkErrorKind::Partial);
                assert_eq!(error.rejected().len(), 10);
                assert!(error.rejected()[9].1.contains("is full"), "{error:?}");
            }
        }
        assert!(used(dir.path()) <= 64 << 10);
        assert_eq!(halves.level.events(), taken * 10);
    }
}

#[tokio::test]
async fn a_write_waits_for_room_and_goes_on_when_what_is_behind_has_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let halves = halves(small(dir.path()));
    let writing = async {
        for n in 0..200 {
            write(&*halves.writer, n, batches::numbered("a", n * 10..n * 10 + 10)).await.unwrap();
            assert!(used(dir.path()) <= 64 << 10);
        }
        halves.writer.commit(CommitReason::Drain).await.unwrap();
    };
    let harness = SourceHarness::start(halves.reader);
    let reading = async {
        let mut came = Vec::new();
        while came.len() < 2_000 {
            let Some(mut batch) = harness.recv().await else { break };
            batch.take_acks().resolve(Outcome::Delivered);
            came.extend(batches::ids_of(&batch));
        }
        came
    };
    let both = async { tokio::join!(writing, reading) };
    let ((), came) =
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("nobody waits for ever");
    assert_eq!(came, batches::ids("a", 0..2_000));
}

#[tokio::test]
async fn a_write_that_can_never_fit_is_rejected_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let halves = halves(small(dir.path()));
    let error = write(&*halves.writer, 1, batches::numbered("a", 0..5_000)).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Rejected);
    assert!(error.to_string().contains("raise max_bytes"), "{error}");
}

#[tokio::test]
async fn states_are_stored_with_the_position_and_come_back_with_the_first_batch_of_their_stream() {
    let dir = tempfile::tempdir().unwrap();
    let state = |component: &str, state: u8| Snapshot { component: component.to_owned(), state: vec![state] };
    {
        let halves = halves(builder(dir.path()));
        for (n, stream) in ["a", "b", "a", "a"].into_iter().enumerate() {
            let n = n as u64;
            write(&*halves.writer, n, batches::numbered(stream, n * 10..n * 10 + 10)).await.unwrap();
        }
        let mut harness = SourceHarness::start(halves.reader);
        let mut held = Vec::new();
        for n in 0..4u8 {
            let mut batch = harness.recv().await.unwrap();
            assert!(batch.restore().is_empty());
            let acks = batch.take_acks();
            acks.attach_snapshot(&state("sum", n));
            if n < 3 {
                acks.resolve(Outcome::Delivered);
            } else {
                held.push(acks);
            }
        }
        harness.stop();
        // The last is abandoned: it was not delivered, and its state counts for nothing.
        harness.refuse();
        drop(held);
        harness.end().await.unwrap();
    }
    let halves = halves(builder(dir.path()));
    write(&*halves.writer, 9, batches::numbered("b", 90..95)).await.unwrap();
    let mut harness = SourceHarness::start(halves.reader);
    let came = harness.acknowledge_until_quiet(QUIET).await;
    let restored: Vec<_> = came.iter().map(|b| (b.stream().unwrap(), b.restore().to_vec())).collect();
    assert_eq!(restored, [("a", vec![state("sum", 2)]), ("b", vec![state("sum", 1)])]);
    harness.stop();
    harness.end().await.unwrap();
}

#[tokio::test]
async fn what_is_sent_again_before_any_state_was_stored_says_that_transforms_begin_anew() {
    let dir = tempfile::tempdir().unwrap();
    let halves = halves(builder(dir.path()));
    for (n, stream) in ["a", "b"].into_iter().enumerate() {
        write(&*halves.writer, n as u64, batches::numbered(stream, 0..10)).await.unwrap();
    }
    let mut harness = SourceHarness::start(halves.reader);
    let first = [harness.recv().await.unwrap(), harness.recv().await.unwrap()];
    assert!(first.iter().all(|batch| !batch.is_resumed()), "no transform has seen anything");
    drop(first);
    write(&*halves.writer, 2, batches::numbered("a", 10..20)).await.unwrap();
    let came = harness.acknowledge_until_quiet(QUIET).await;
    let resumed: Vec<_> = came.iter().map(|b| (b.stream().unwrap(), b.is_resumed(), b.restore())).collect();
    assert_eq!(resumed[..2], [("a", true, &[][..]), ("b", true, &[])]);
    assert!(resumed[2..].iter().all(|(_, is_resumed, _)| !is_resumed), "{resumed:?}");
    harness.stop();
    harness.end().await.unwrap();
}

#[tokio::test]
async fn a_commit_that_nobody_waited_for_is_told_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let interval = Fsync::Interval(Duration::from_secs(1));
    let halves = halves(builder(dir.path()).fsync(interval));
    let Written::Staged(stages) = write(&*halves.writer, 1, batches::numbered("a", 0..10)).await.unwrap()
    else {
        panic!("it is synced at an interval")
    };
    {
        let mut commit = std::pin::pin!(halves.writer.commit(CommitReason::Interval));
        // Polled once: the sync is under way.
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(commit.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
    }
    let committed = halves.writer.commit(CommitReason::Drain).await.unwrap();
    assert!(stages.iter().all(|stage| committed.durable.contains(stage)), "{committed:?}");
}

#[tokio::test]
async fn only_the_owner_may_read() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("a/b");
    let halves = halves(builder(&inner));
    write(&*halves.writer, 1, batches::numbered("a", 0..10)).await.unwrap();
    let mut harness = SourceHarness::start(halves.reader);
    let held = harness.recv().await.unwrap();
    harness.stop();
    drop(held);
    harness.refuse();
    harness.end().await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    let files: Vec<_> = std::fs::read_dir(&inner).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(files.len() >= 3, "a segment, a position, a lock: {files:?}");
    files.iter().for_each(|path| assert_eq!(mode(path), 0o600, "{}", path.display()));
}

#[tokio::test]
async fn a_second_process_is_told_who_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    // Another process, as far as this one can tell: its id is that of nobody here.
    let lock = dir.path().join("lock");
    std::fs::write(&lock, "4194304").unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&lock).unwrap();
    file.lock().unwrap();
    let error =
        write(&*halves(builder(dir.path())).writer, 1, batches::numbered("a", 0..1)).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Fatal);
    let text = error.to_string();
    assert!(text.contains("in use by process 4194304") && text.contains("lock"), "{text}");
    let error = OfflineBuffer::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("in use by process 4194304"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_waited_for_and_loses_tears_and_doubles_nothing() {
    for fsync in [Fsync::EveryBatch, Fsync::Interval(Duration::from_secs(1)), Fsync::Never] {
        let Some(small) = SmallDisk::mount("1m") else { return };
        let ballast = small.path().join("ballast");
        std::fs::write(&ballast, vec![0; 850 << 10]).unwrap();
        let dir = small.path().join("buffer");
        let sized = |b: DiskBufferBuilder| b.fsync(fsync).max_bytes(4 << 20).segment_bytes(64 << 10);
        {
            let halves = halves(sized(builder(&dir)));
            let mut failures = 0;
            for n in 0..60 {
                let batch = || batches::numbered("a", n * 30..n * 30 + 30);
                while let Err(error) = write(&*halves.writer, n, batch()).await {
                    let text = error.to_string();
                    assert!(text.starts_with("no space left on device under /"), "{text}");
                    assert_eq!(error.kind(), SinkErrorKind::Retry);
                    failures += 1;
                    if failures > 3 && ballast.exists() {
                        std::fs::remove_file(&ballast).unwrap();
                    }
                    assert!(failures < 10);
                }
            }
            assert!(failures > 3, "the disk was never full");
            halves.writer.commit(CommitReason::Drain).await.unwrap();
        }
        let halves = halves(sized(builder(&dir)));
        let mut harness = SourceHarness::start(halves.reader);
        let came = harness.acknowledge_until_quiet(QUIET).await;
        assert_eq!(came.iter().flat_map(batches::ids_of).collect::<Vec<_>>(), batches::ids("a", 0..1_800));
        harness.stop();
        harness.end().await.unwrap();
        assert_eq!(harness.problems(), []);
        assert_eq!(segments(&dir), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_directory_that_is_no_buffers_is_told_from_one_that_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let buffer = OfflineBuffer::open(dir.path()).unwrap();
    assert_eq!(buffer.inspect().unwrap().waiting_events, 0);
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let error = buffer.inspect().unwrap_err().to_string();
    assert!(error.contains("is no directory of a buffer") && error.contains("notes.txt"), "{error}");
    std::fs::write(dir.path().join("lock"), "").unwrap();
    assert_eq!(buffer.inspect().unwrap().notes, ["notes.txt is no file of a buffer"]);
}

/// A batch of an event for each of these: its type, and the version of the type's schema.
fn versions(events: &[(usize, usize)]) -> Batch {
    let mut batch = Batch::default();
    let origin = batch.add_origin(&Arc::default()).unwrap();
    for (ty, version) in events {
        let schema = Schema::new(format!("type_{ty}")).doc(format!("Version {version}."));
        let row = batch.add_type(&Arc::new(schema)).unwrap();
        batch.push_event(row, origin, Timestamp::EPOCH);
    }
    batch
}

fn schemas_of(batches: &[Batch]) -> Vec<(String, String)> {
    let all = batches.iter().flat_map(Batch::iter).map(|event| event.schema().unwrap().clone());
    all.map(|schema| (schema.name.clone().into_owned(), schema.doc.clone().into_owned())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_has_its_schema_again_however_many_its_type_has_and_wherever_reading_goes_on(
        written in vec(vec((0_usize..2, 0_usize..4), 1..8), 1..10),
        acknowledged in 0_usize..10,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let expected: Vec<_> = written.iter().map(|events| versions(events)).collect();
            let acknowledged = acknowledged.min(written.len() - 1);
            {
                let halves = halves(builder(dir.path()));
                for (n, events) in written.iter().enumerate() {
                    write(&*halves.writer, n as u64, versions(events)).await.unwrap();
                }
                let mut harness = SourceHarness::start(halves.reader);
                let mut held = Vec::new();
                for n in 0..written.len() {
                    let mut batch = harness.recv().await.unwrap();
                    assert_eq!(schemas_of(std::slice::from_ref(&batch)), schemas_of(&expected[n..=n]));
                    match n < acknowledged {
                        true => batch.take_acks().resolve(Outcome::Delivered),
                        false => held.push(batch),
                    }
                }
                harness.stop();
                harness.refuse();
                drop(held);
                harness.end().await.unwrap();
            }
            let mut harness = SourceHarness::start(halves(builder(dir.path())).reader);
            let mut came = Vec::new();
            for _ in acknowledged..written.len() {
                let mut batch = harness.recv().await.unwrap();
                batch.take_acks().resolve(Outcome::Delivered);
                came.push(batch);
            }
            assert_eq!(schemas_of(&came), schemas_of(&expected[acknowledged..]));
            harness.stop();
            harness.end().await.unwrap();
            assert_eq!(harness.problems(), []);
        });
    }
}

#[tokio::test]
async fn a_batch_of_more_schemas_of_one_type_than_are_remembered_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let halves = halves(builder(dir.path()));
    let events = |count: usize| (0..count).map(|version| (0, version)).collect::<Vec<_>>();
    let error = write(&*halves.writer, 0, versions(&events(65))).await.unwrap_err();
    assert!(error.to_string().contains("more than 64 schemas of the type `type_0`"), "{error}");
    write(&*halves.writer, 1, versions(&events(64))).await.unwrap();
    let harness = SourceHarness::start(halves.reader);
    let came = harness.recv().await.unwrap();
    assert_eq!(schemas_of(&[came]), schemas_of(&[versions(&events(64))]));
    harness.kill().await;
}

#[tokio::test]
async fn of_too_many_streams_those_begin_anew_after_a_restart_that_were_quiet_the_longest() {
    let dir = tempfile::tempdir().unwrap();
    let builder = || builder(dir.path()).max_streams(3);
    let buffer = builder().build().unwrap();
    let monitor = buffer.monitor();
    let first = Box::new(buffer).into_halves();
    let mut harness = SourceHarness::start(first.reader);
    for (n, stream) in ["a", "b", "c", "a", "d", "e"].into_iter().enumerate() {
        let n = n as u64;
        write(&*first.writer, n, batches::numbered(stream, n..n + 1)).await.unwrap();
        let mut batch = harness.recv().await.unwrap();
        let acks = batch.take_acks();
        acks.attach_snapshot(&Snapshot { component: "sum".to_owned(), state: vec![n as u8] });
        acks.resolve(Outcome::Delivered);
    }
    harness.stop();
    harness.end().await.unwrap();
    assert_eq!(monitor.stats().forgotten_streams, 2);
    let problems = harness.problems();
    assert_eq!(problems.len(), 1, "told once: {problems:?}");
    assert!(problems[0].message.contains("max_streams"), "{problems:?}");
    drop(first.writer);

    let second = halves(builder());
    let mut harness = SourceHarness::start(second.reader);
    let expected = [("a", Some(3)), ("b", None), ("c", None), ("d", Some(4)), ("e", Some(5))];
    for (n, (stream, state)) in expected.into_iter().enumerate() {
        write(&*second.writer, n as u64, batches::numbered(stream, 0..1)).await.unwrap();
        let mut batch = harness.recv().await.unwrap();
        assert_eq!(batch.restore().first().map(|s| s.state[0]), state, "{stream}");
        batch.take_acks().resolve(Outcome::Delivered);
    }
    harness.stop();
    harness.end().await.unwrap();
}

/// What version 1 has written: `tests/golden/v1`. With `DENDRO_WRITE_GOLDEN` it is written anew.
#[tokio::test]
async fn golden_buffers_are_still_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
    for (name, compression) in
        [("plain", Compression::None), ("lz4", Compression::Lz4), ("zstd", Compression::Zstd(1))]
    {
        let from = golden.join(name);
        let expected = golden.join(format!("{name}.ndjson"));
        if std::env::var_os("DENDRO_WRITE_GOLDEN").is_some() {
            let _ = std::fs::remove_dir_all(&from);
            write_golden(&from, compression).await;
            std::fs::write(&expected, exported(&from)).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(&from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
        }
        let expected = std::fs::read_to_string(expected).unwrap();
        assert_eq!(exported(dir.path()), expected, "{name}");
        assert!(OfflineBuffer::open(dir.path()).unwrap().verify().unwrap().is_sound(), "{name}");

        let mut harness = SourceHarness::start(halves(builder(dir.path())).reader);
        let came = harness.acknowledge_until_quiet(QUIET).await;
        assert_eq!(lines(&came), expected, "{name}");
        let restored = vec![Snapshot { component: "sum".to_owned(), state: vec![1, 2, 3] }];
        assert_eq!(came[0].restore(), restored, "{name}");
        harness.stop();
        harness.end().await.unwrap();
        assert_eq!(harness.problems(), [], "{name}");
    }
}

/// Three batches, of which one is acknowledged, with the state of a transform.
async fn write_golden(dir: &Path, compression: Compression) {
    let halves = halves(builder(dir).compression(compression));
    for n in 0..3 {
        write(&*halves.writer, n, batches::numbered("golden", n * 40..n * 40 + 40)).await.unwrap();
    }
    halves.writer.commit(CommitReason::Drain).await.unwrap();
    let mut harness = SourceHarness::start(halves.reader);
    let mut first = harness.recv().await.unwrap();
    let held = [harness.recv().await.unwrap(), harness.recv().await.unwrap()];
    let acks = first.take_acks();
    acks.attach_snapshot(&Snapshot { component: "sum".to_owned(), state: vec![1, 2, 3] });
    acks.resolve(Outcome::Delivered);
    harness.stop();
    tokio::time::sleep(QUIET).await;
    drop(held);
    harness.refuse();
    harness.end().await.unwrap();
    std::fs::remove_file(dir.join("lock")).unwrap();
}

fn exported(dir: &Path) -> String {
    let mut all = Vec::new();
    OfflineBuffer::open(dir).unwrap().export(|batch| all.push(batch)).unwrap();
    lines(&all)
}

fn lines(batches: &[Batch]) -> String {
    let mut out = Vec::new();
    let mut json = JsonEncoder::new().with_origin(true);
    batches.iter().for_each(|batch| json.encode_lines(batch, &mut out));
    String::from_utf8(out).unwrap()
}
