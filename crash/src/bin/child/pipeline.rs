//! The pipeline that a setup describes.

use std::sync::Arc;
use std::time::Duration;

use dendro::buffers::{DiskBuffer, Fsync as BufferFsync};
use dendro::parsers::nginx::NginxAccess;
use dendro::parsers::postgres::{Stderr, StderrRecords};
use dendro::pipeline::MemoryBuffer;
use dendro::sinks::file::{FileSink, Fsync};
use dendro::sinks::http::HttpSink;
use dendro::sources::FileSource;
use dendro::sources::multiline::{Multiline, prefix};
use dendro::transforms::aggregate::{Aggregate, Measure};
use dendro::{Pipeline, PipelineBuilder, Sink, SinkSettings};
use dendro_crash::Failure;
use dendro_crash::setup::{Buffer, Format, Out, Setup};

use crate::broken::BrokenSink;
use crate::clock::OffsetClock;
use crate::points::Points;
use crate::storage::Files;

/// A record of several lines is complete when the next begins. Longer than the writer ever pauses within one.
const RECORD_PAUSE: Duration = Duration::from_secs(5);
/// How long a rotated file has to be quiet: its writer never comes back to it.
const FINISH_AFTER: Duration = Duration::from_millis(100);
/// How soon is tried again what failed.
const RETRY: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(20));
/// How soon what was written to a file or a buffer is made durable.
const SYNC_INTERVAL: Duration = Duration::from_millis(10);
/// What the server writes in front of each line of the PostgreSQL log.
const LINE_PREFIX: &str = "%m [%p] ";

pub(crate) fn build(setup: &Setup) -> Result<Pipeline, Failure> {
    let points = Points::open(&setup.dir.join("points"), setup.fault.clone())?;
    let clock = Arc::new(OffsetClock { nanos: setup.clock_offset_seconds.saturating_mul(1_000_000_000) });
    let builder = Pipeline::builder()
        .clock(clock.clone())
        .tick(Duration::from_millis(20))
        .drain_deadline(setup.drain_deadline)
        .on_problem(|problem| eprintln!("{problem:?}"));
    let files = |name| Arc::new(Files { points: points.clone(), name });
    let mut builder = read(builder, setup, files("checkpoint"))?;
    let last = match setup.buffer {
        Buffer::None => "parsed",
        Buffer::Memory => {
            builder = builder.buffer("buffer", "parsed", MemoryBuffer::new().max_events(2_000));
            "buffer"
        }
        Buffer::DiskEveryBatch | Buffer::DiskInterval | Buffer::DiskNever => {
            let fsync = match setup.buffer {
                Buffer::DiskEveryBatch => BufferFsync::EveryBatch,
                Buffer::DiskInterval => BufferFsync::Interval(SYNC_INTERVAL),
                _ => BufferFsync::Never,
            };
            let buffer = DiskBuffer::builder(setup.disk().join("buffer"))
                .fsync(fsync)
                .max_bytes(setup.buffer_bytes)
                .storage(files("buffer"))
                .build()
                .map_err(said)?;
            builder = builder.buffer_with("buffer", "parsed", buffer, fast_retry);
            "buffer"
        }
    };
    if setup.out.has_server() {
        let server = setup.server.as_deref().ok_or_else(|| Failure::new("the setup names no server"))?;
        let sink =
            HttpSink::builder(format!("http://{server}/")).partial_answers(true).build().map_err(said)?;
        builder = add(builder, ("server", last), sink, setup);
    }
    if setup.out.has_file() {
        let sink = file_sink(setup, "out/events.ndjson", files("out"))?;
        builder = add(builder, ("file", last), sink, setup);
    }
    if setup.out == Out::Windows {
        let sink = file_sink(setup, "windows/windows.ndjson", files("windows"))?;
        let aggregate = Aggregate::tumbling(Duration::from_secs(1))
            .group_by(["status"])
            .measure(Measure::count())
            .lateness(Duration::from_secs(2))
            .build()
            .map_err(said)?;
        builder = builder.transform("counted", last, aggregate);
        builder = add(builder, ("windows", "counted"), sink, setup);
    }
    let dead = FileSink::builder(setup.disk().join("dead/letters.ndjson").display().to_string())
        .fsync(Fsync::EveryWrite)
        .storage(files("dead"))
        .clock(clock)
        .on_notice(|notice| eprintln!("dead letters: {notice}"))
        .build()
        .map_err(said)?;
    builder.dead_letters_with(dead, fast_retry).build().map_err(said)
}

/// The source and the parser: `parsed` is what they end in.
fn read(builder: PipelineBuilder, setup: &Setup, storage: Arc<Files>) -> Result<PipelineBuilder, Failure> {
    let source = FileSource::new(setup.dir.join("logs/*.log"))
        .checkpoints(setup.disk().join("checkpoints"))
        .checkpoint_interval(setup.checkpoint_interval)
        .storage(storage)
        .read_bytes(setup.read_bytes)
        .poll_interval(Duration::from_millis(50))
        .finish_after(FINISH_AFTER);
    Ok(match setup.format {
        Format::Access => builder.source("logs", source).transform("parsed", "logs", NginxAccess::combined()),
        Format::Traces => {
            let records = Multiline::start_with(prefix("2026-")).timeout(RECORD_PAUSE);
            let same = dendro::filter(|_| true);
            builder.source("logs", source.multiline(records)).transform("parsed", "logs", same)
        }
        Format::Postgres => {
            let log = Stderr::new(LINE_PREFIX).map_err(said)?;
            let records = StderrRecords::new(&log);
            let source = source.framer(move || records.clone());
            builder.source("logs", source).transform("parsed", "logs", log)
        }
    })
}

fn file_sink(setup: &Setup, path: &str, storage: Arc<Files>) -> Result<FileSink, Failure> {
    FileSink::builder(setup.disk().join(path).display().to_string())
        .fsync(Fsync::Interval(SYNC_INTERVAL))
        .storage(storage)
        .on_notice(|notice| eprintln!("file: {notice}"))
        .build()
        .map_err(said)
}

fn add(
    builder: PipelineBuilder,
    (name, input): (&str, &str),
    sink: impl Sink,
    setup: &Setup,
) -> PipelineBuilder {
    let change = |settings: &mut SinkSettings| {
        fast_retry(settings);
        settings.max_events = setup.max_events;
        settings.in_flight = setup.in_flight;
        settings.timeout = setup.timeout;
    };
    match setup.broken {
        None => builder.sink_with(name, input, sink, change),
        Some(broken) => builder.sink_with(name, input, BrokenSink::new(sink, broken), change),
    }
}

fn fast_retry(settings: &mut SinkSettings) {
    (settings.retry.initial, settings.retry.max) = RETRY;
}

fn said(error: impl std::fmt::Display) -> Failure {
    Failure::new(error.to_string())
}
