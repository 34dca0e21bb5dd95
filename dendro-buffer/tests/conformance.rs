//! The halves of a disk buffer hold what every sink and every source has to hold.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_buffer::offline::OfflineBuffer;
use dendro_buffer::{Compression, DiskBuffer, DiskBufferBuilder, Fsync};
use dendro_core::{Batch, Buffer, CommitReason, Sink, Source, WhenFull, WriteContext};
use dendro_test::conformance::{BufferFixture, Pace, SinkFixture, SourceFixture};
use dendro_test::{SourceHarness, batches, buffer_conformance, sink_conformance, source_conformance};

const SECOND: Fsync = Fsync::Interval(Duration::from_secs(1));

fn builder(dir: &Path) -> DiskBufferBuilder {
    DiskBuffer::builder(dir).max_bytes(256 << 20)
}

struct Written {
    dir: tempfile::TempDir,
    set_up: fn(DiskBufferBuilder) -> DiskBufferBuilder,
}

impl Written {
    fn new(set_up: fn(DiskBufferBuilder) -> DiskBufferBuilder) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), set_up }
    }
}

#[async_trait::async_trait]
impl SinkFixture for Written {
    fn sink(&self) -> Box<dyn Sink> {
        Box::new((self.set_up)(builder(self.dir.path())).build().unwrap()).into_halves().writer
    }
    async fn read_back(&self) -> Option<Vec<String>> {
        let mut ids = Vec::new();
        OfflineBuffer::peek(self.dir.path())
            .unwrap()
            .export(|batch| ids.extend(batches::ids_of(&batch)))
            .unwrap();
        Some(ids)
    }
}

sink_conformance!(every_batch, Written::new(|b| b.fsync(Fsync::EveryBatch)));
sink_conformance!(interval, Written::new(|b| b.fsync(SECOND)));
sink_conformance!(never, Written::new(|b| b.fsync(Fsync::Never)));
sink_conformance!(uncompressed, Written::new(|b| b.compression(Compression::None)));
sink_conformance!(zstd, Written::new(|b| b.compression(Compression::Zstd(1))));
sink_conformance!(small_segments, Written::new(|b| b.segment_bytes(4 << 10)));

/// The reader is the source under test; what is fed goes through the writer beside it.
struct Read {
    dir: tempfile::TempDir,
    writer: Mutex<Option<Arc<dyn Sink>>>,
    fed: AtomicU64,
}

impl Read {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), writer: Mutex::default(), fed: AtomicU64::new(0) }
    }
}

#[async_trait::async_trait]
impl SourceFixture for Read {
    fn source(&self) -> Box<dyn Source> {
        *self.writer.lock().unwrap() = None;
        let halves = Box::new(builder(self.dir.path()).build().unwrap()).into_halves();
        *self.writer.lock().unwrap() = Some(halves.writer.into());
        halves.reader
    }
    async fn feed(&self, stream: usize, records: &[String]) {
        if records.is_empty() {
            return;
        }
        let writer = self.writer.lock().unwrap().clone().unwrap();
        // A buffer gives back what it was given, so that it is given what comes from a source of the harness.
        let first = self.fed.fetch_add(1, Ordering::Relaxed) * 1_000_000;
        let batch = batches::lines_of(SourceHarness::NAME, &format!("stream {stream}"), first, records);
        let cx = WriteContext::new(first.to_string(), 1, Duration::from_secs(60));
        writer.write(std::slice::from_ref(&batch), &cx).await.unwrap();
        writer.commit(CommitReason::Interval).await.unwrap();
    }
    fn can_replay(&self) -> bool {
        true
    }
    fn streams(&self) -> usize {
        3
    }
    fn pace(&self) -> Pace {
        Pace::Real(Duration::from_millis(150))
    }
}

source_conformance!(reader, Read::new());

/// Both halves together.
struct Whole(tempfile::TempDir);

impl BufferFixture for Whole {
    fn buffer(&self) -> Box<dyn Buffer> {
        Box::new(builder(self.0.path()).build().unwrap())
    }
    fn bounded(&self, _events: u64, when_full: WhenFull) -> Option<Box<dyn Buffer>> {
        // The smallest that there is.
        let small = builder(self.0.path()).max_bytes(64 << 10).compression(Compression::None);
        Some(Box::new(small.when_full(when_full).build().unwrap()))
    }
    fn is_durable(&self) -> bool {
        true
    }
}

buffer_conformance!(whole, Whole(tempfile::tempdir().unwrap()));

#[tokio::test]
async fn what_is_written_comes_out_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let halves = Box::new(builder(dir.path()).build().unwrap()).into_halves();
    let batches: Vec<Batch> = (0..5).map(|n| batches::numbered("a", n * 10..n * 10 + 10)).collect();
    let cx = WriteContext::new("1", 1, Duration::from_secs(60));
    halves.writer.write(&batches, &cx).await.unwrap();
    assert_eq!(halves.level.events(), 50);
    let mut harness = SourceHarness::start(halves.reader);
    let came: Vec<String> = (harness.acknowledge_until_quiet(Duration::from_millis(200)).await.iter())
        .flat_map(batches::ids_of)
        .collect();
    assert_eq!(came, batches::ids("a", 0..50));
    assert_eq!((halves.level.events(), halves.level.bytes()), (0, 0));
    harness.stop();
    harness.end().await.unwrap();
}
