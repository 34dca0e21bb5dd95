//! The disk buffer against a plain file that is written and read from one end to the other.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dendro::buffers::{Compression, DiskBuffer, Fsync};
use dendro::pipeline::OutputReceiver;
use dendro_core::{
    Batch, Buffer, CommitReason, Outcome, Output, QueueLimits, SourceContext, SystemClock, WriteContext,
};

use crate::clock::{Spent, Turns};
use crate::in_memory::parsed_batches;
use crate::report::Figure;

type Error = Box<dyn std::error::Error>;

/// What is measured here.
pub(crate) const IDS: [&str; 4] = ["buffer_every_batch", "buffer_interval", "buffer_never", "buffer_bytes"];

/// How often the batches are written, so that what is done once (opening, storing the position) does not count.
const ROUNDS: usize = 4;

/// How much the plain file is read and written at once.
const PIECE: usize = 512 << 10;

/// Write and read back, over plain sequential write and read of the frames' bytes under the same policy, for each; and what the
/// buffer takes on the disk over the raw bytes.
pub(crate) fn buffer(log: &Bytes, dir: &Path, turns: usize) -> Result<[Figure; 4], Error> {
    let batches = parsed_batches(log)?;
    let frames: Vec<Vec<u8>> = batches
        .iter()
        .map(|batch| {
            let mut frame = Vec::new();
            batch.write_frame(&mut frame);
            frame
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let dir = dir.join("buffer");
    let (mut disk_bytes, mut lz4_bytes) = (0, 0);
    let mut measure = |id, fsync| -> Result<Figure, Error> {
        let mut failed = None;
        let turns = Turns::<4>::take(turns, |contestant| {
            let compression = match contestant {
                0 => Compression::None,
                1 => Compression::Lz4,
                2 => Compression::Zstd(1),
                _ => {
                    return Spent::on(|| {
                        if let Err(error) = plain(&frames, &dir.with_extension("plain"), fsync) {
                            failed = Some(error);
                        }
                    });
                }
            };
            let _ = std::fs::remove_dir_all(&dir);
            Spent::on(|| match runtime.block_on(through(&batches, &dir, fsync, compression)) {
                Ok(bytes) if contestant == 0 => disk_bytes = bytes,
                Ok(bytes) if contestant == 1 => lz4_bytes = bytes,
                Ok(_) => {}
                Err(error) => failed = Some(error),
            })
        });
        failed.map_or(Ok(()), Err)?;
        let medians = [0, 1, 2, 3].map(|contestant| turns.median(contestant));
        let [none, lz4, zstd, plain] = medians.map(|spent| spent.wall_s);
        let cpu = medians[3].cpu_s / medians[0].cpu_s;
        let mut figure = Figure::new(id, plain / none);
        let megabytes = (ROUNDS * frames.iter().map(Vec::len).sum::<usize>()) as f64 / 1e6;
        figure.detail(format!(
            "uncompressed, which is the default; {:.2} x with LZ4, {:.2} x with zstd 1; {:.0} MB of frames at {:.0} MB/s, \
             plain {:.0} MB/s; by CPU time alone {cpu:.2} x",
            plain / lz4,
            plain / zstd,
            megabytes,
            megabytes / none,
            megabytes / plain
        ));
        figure.values([("lz4", plain / lz4), ("none", plain / none), ("zstd", plain / zstd), ("cpu", cpu)]);
        Ok(figure)
    };
    let every_batch = measure("buffer_every_batch", Fsync::EveryBatch)?;
    let interval = measure("buffer_interval", Fsync::Interval(Duration::from_secs(1)))?;
    let never = measure("buffer_never", Fsync::Never)?;
    let raw_bytes = (ROUNDS * log.len()) as f64;
    let mut bytes = Figure::new("buffer_bytes", disk_bytes as f64 / raw_bytes);
    bytes.detail(format!(
        "{:.0} MB on the disk, uncompressed; with LZ4 {:.2} of the raw bytes",
        disk_bytes as f64 / 1e6,
        lz4_bytes as f64 / raw_bytes
    ));
    let _ = std::fs::remove_dir_all(&dir);
    Ok([every_batch, interval, never, bytes])
}

/// Writes all, then reads all; gives the bytes that were on the disk in between.
async fn through(
    batches: &[Batch],
    dir: &Path,
    fsync: Fsync,
    compression: Compression,
) -> Result<u64, Error> {
    let buffer = DiskBuffer::builder(dir).max_bytes(8 << 30).fsync(fsync).compression(compression).build()?;
    let monitor = buffer.monitor();
    let halves = Box::new(buffer).into_halves();
    let mut committed = Instant::now();
    let all = std::iter::repeat_n(batches, ROUNDS).flatten();
    for (n, batch) in all.enumerate() {
        let cx = WriteContext::new(n.to_string(), 1, Duration::from_secs(60));
        halves.writer.write(std::slice::from_ref(batch), &cx).await?;
        if committed.elapsed() >= Duration::from_secs(1) {
            halves.writer.commit(CommitReason::Interval).await?;
            committed = Instant::now();
        }
    }
    halves.writer.commit(CommitReason::Drain).await?;
    let bytes = monitor.stats().disk_bytes;
    let (out, receiver) = Output::for_test(QueueLimits::default());
    let (cx, stop) = SourceContext::for_test("buffer", std::sync::Arc::new(SystemClock));
    stop.stop();
    let mut reader = halves.reader;
    let (read, events) = tokio::join!(reader.run(out, cx), acknowledged(receiver));
    read?;
    let written = ROUNDS * batches.iter().map(Batch::len).sum::<usize>();
    if events != written {
        return Err(format!("{written} events were written, and {events} read").into());
    }
    Ok(bytes)
}

async fn acknowledged(receiver: OutputReceiver) -> usize {
    let mut events = 0;
    while let Some(mut batch) = receiver.recv().await {
        events += batch.len();
        batch.take_acks().resolve(Outcome::Delivered);
    }
    events
}

fn plain(frames: &[Vec<u8>], path: &Path, fsync: Fsync) -> Result<(), Error> {
    let mut file = File::create(path)?;
    let mut synced = Instant::now();
    for frame in std::iter::repeat_n(frames, ROUNDS).flatten() {
        file.write_all(frame)?;
        let is_due = match fsync {
            Fsync::EveryBatch => true,
            Fsync::Interval(every) => synced.elapsed() >= every,
            _ => false,
        };
        if is_due {
            file.sync_data()?;
            synced = Instant::now();
        }
    }
    if fsync != Fsync::Never {
        file.sync_data()?;
    }
    let mut file = File::open(path)?;
    let mut piece = vec![0; PIECE];
    while file.read(&mut piece)? > 0 {
        std::hint::black_box(&piece);
    }
    std::fs::remove_file(path)?;
    Ok(())
}
