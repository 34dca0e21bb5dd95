//! How much memory a disk buffer takes while much is written to it and read from it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use dendro::buffers::{DiskBuffer, Fsync};
use dendro_core::{
    Buffer, CommitReason, Outcome, Output, QueueLimits, SourceContext, SystemClock, WriteContext,
};
use serde_json::{Value, json};

use crate::in_memory::parsed_batches;
use crate::report::Figure;

type Error = Box<dyn std::error::Error>;

pub(crate) const ID: &str = "buffer_memory";
const MIB: f64 = (1 << 20) as f64;
/// As much of the log as is written over and over.
const LOG_BYTES: usize = 1 << 20;

/// Lets a process of its own do it, whose memory holds nothing else.
pub(crate) fn memory(input: &Path, dir: &Path, bytes: u64) -> Result<Figure, Error> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--fill-buffer").arg(bytes.to_string()).arg("--dir").arg(dir).arg("--input").arg(input);
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| format!("{command:?}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    let result: Value = serde_json::from_slice(&output.stdout)?;
    let number = |key: &str| result[key].as_f64().ok_or_else(|| format!("it told no {key}"));
    let (writing, reading) = (number("writing_bytes")? / MIB, number("reading_bytes")? / MIB);
    let (disk, whole) = (number("disk_bytes")?, number("max_rss_bytes")? / MIB);
    let mut figure = Figure::new(ID, writing.max(reading));
    figure.detail(format!(
        "{writing:.1} MiB while {:.2} GB were written, {reading:.1} while they were read; the whole process {whole:.0}",
        disk / 1e9
    ));
    figure.values([("writing_mib", writing), ("reading_mib", reading), ("max_rss_mib", whole)]);
    Ok(figure)
}

/// Writes until so many bytes are on the disk, then reads all; tells the most memory that either took beyond what there
/// was before.
pub(crate) fn fill_and_drain(input: &Path, dir: &Path, bytes: u64) -> Result<Value, Error> {
    let log = fs::read(input)?;
    let end = memchr::memrchr(b'\n', &log[..log.len().min(LOG_BYTES)]).map_or(0, |end| end + 1);
    let log = Bytes::copy_from_slice(&log[..end]);
    let batches = parsed_batches(&log)?;
    let dir = dir.join("buffer-memory");
    let _ = fs::remove_dir_all(&dir);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(async {
        let before = memory_of_this("VmRSS")?;
        forget_peak()?;
        let buffer = DiskBuffer::builder(&dir).max_bytes(2 * bytes).fsync(Fsync::Never).build()?;
        let monitor = buffer.monitor();
        let halves = Box::new(buffer).into_halves();
        let mut written = 0;
        for (n, batch) in batches.iter().cycle().enumerate() {
            if monitor.stats().disk_bytes >= bytes {
                break;
            }
            let cx = WriteContext::new(n.to_string(), 1, Duration::from_secs(60));
            halves.writer.write(std::slice::from_ref(batch), &cx).await?;
            written += batch.len();
        }
        halves.writer.commit(CommitReason::Drain).await?;
        let disk_bytes = monitor.stats().disk_bytes;
        let writing = memory_of_this("VmHWM")?;
        forget_peak()?;
        let (out, receiver) = Output::for_test(QueueLimits::default());
        let (cx, stop) = SourceContext::for_test("buffer", std::sync::Arc::new(SystemClock));
        stop.stop();
        let mut reader = halves.reader;
        let mut read = 0;
        let acknowledging = async {
            while let Some(mut batch) = receiver.recv().await {
                read += batch.len();
                batch.take_acks().resolve(Outcome::Delivered);
            }
        };
        let (result, ()) = tokio::join!(reader.run(out, cx), acknowledging);
        result?;
        if read != written {
            return Err(format!("{written} events were written, and {read} read").into());
        }
        let reading = memory_of_this("VmHWM")?;
        Ok::<_, Error>(json!({
            "writing_bytes": writing.saturating_sub(before),
            "reading_bytes": reading.saturating_sub(before),
            "max_rss_bytes": writing.max(reading),
            "disk_bytes": disk_bytes,
        }))
    });
    let _ = fs::remove_dir_all(&dir);
    told
}

/// A line of the kernel's account of this process, in bytes.
fn memory_of_this(what: &str) -> Result<u64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")).map(|kib| kib.trim().parse::<u64>());
    Ok(kib.ok_or_else(|| format!("/proc/self/status has no {what}"))?? << 10)
}

/// Lets the highest memory use count from now on (`proc_pid_clear_refs(5)`).
fn forget_peak() -> Result<(), Error> {
    Ok(fs::write("/proc/self/clear_refs", "5")?)
}
