//! What a disk buffer keeps in memory does not grow with what is in it. A program of its own, since it counts all that is allocated.

#![allow(clippy::unwrap_used, missing_docs)]

use std::alloc::System;
use std::time::Duration;

use dendro_buffer::{DiskBuffer, Fsync};
use dendro_core::{Batch, Buffer, CommitReason, Outcome, WriteContext};
use dendro_test::{SourceHarness, batches};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn in_use() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// The most that is in use, beyond what was before, while so many batches are written, and then while they are read.
async fn most_in_use(batch: &Batch, count: u64) -> [usize; 2] {
    let dir = tempfile::tempdir().unwrap();
    let builder = DiskBuffer::builder(dir.path()).fsync(Fsync::Never).segment_bytes(8 << 20);
    let before = in_use();
    let mut most = [0; 2];
    let halves = Box::new(builder.build().unwrap()).into_halves();
    for n in 0..count {
        let cx = WriteContext::new(n.to_string(), 1, Duration::from_secs(60));
        halves.writer.write(std::slice::from_ref(batch), &cx).await.unwrap();
        most[0] = most[0].max(in_use().saturating_sub(before));
    }
    halves.writer.commit(CommitReason::Drain).await.unwrap();
    assert!(halves.level.bytes() > count * batch.base().len() as u64);
    let mut harness = SourceHarness::start(halves.reader);
    for _ in 0..count {
        let mut read = harness.recv().await.unwrap();
        assert_eq!(read.len(), batch.len());
        most[1] = most[1].max(in_use().saturating_sub(before));
        read.take_acks().resolve(Outcome::Delivered);
    }
    harness.stop();
    harness.end().await.unwrap();
    most
}

#[tokio::test]
async fn memory_is_the_same_for_a_little_and_for_sixteen_times_as_much() {
    let batch = batches::lines("a", 0, (0..2_000).map(|n| format!("{n:0100}")));
    // So that what is made once is there.
    most_in_use(&batch, 8).await;
    let little = most_in_use(&batch, 32).await;
    let much = most_in_use(&batch, 512).await;
    for (little, much) in little.into_iter().zip(much) {
        assert!(much < 16 << 20, "{much} bytes in use");
        // How many batches are on their way between the threads at once is chance.
        assert!(much < little + (4 << 20), "{little} bytes for 32 batches, {much} for 512");
    }
}
