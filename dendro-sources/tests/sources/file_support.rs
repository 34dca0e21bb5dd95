//! Runs a source by itself and plays the pipeline behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, unreachable_pub)]

use std::future::Future;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dendro_core::pipeline::{OutputReceiver, QueueLimits, StopSwitch};
use dendro_core::{Batch, Outcome, Output, Source, SourceContext, SourceError, SystemClock};
use tokio::task::JoinHandle;

/// Long enough for any machine: tests wait for what happens, not for time.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Run<S> {
    pub received: OutputReceiver,
    pub stop: StopSwitch,
    pub problems: Arc<Mutex<Vec<String>>>,
    pub task: JoinHandle<(S, Result<(), SourceError>)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub stream: String,
    pub text: String,
    pub position: u64,
}

pub fn start<S: Source>(source: S) -> Run<S> {
    start_with(source, QueueLimits::default())
}

pub fn start_with<S: Source>(mut source: S, limits: QueueLimits) -> Run<S> {
    let problems: Arc<Mutex<Vec<String>>> = Arc::default();
    let (out, received) = Output::for_test(limits);
    let (cx, stop) = SourceContext::for_test("files", Arc::new(SystemClock));
    let told = problems.clone();
    let cx = cx.with_reporter(move |p| told.lock().unwrap().push(p.message.clone()));
    let task = tokio::spawn(async move {
        let result = source.run(out, cx).await;
        (source, result)
    });
    Run { received, stop, problems, task }
}

pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

pub fn lines_of(batch: &Batch) -> Vec<Line> {
    let line = |e: dendro_core::EventRef<'_>| Line {
        stream: e.origin().and_then(|o| o.stream.clone()).unwrap_or_default(),
        text: String::from_utf8_lossy(e.raw()).into_owned(),
        position: e.position(),
    };
    batch.iter().map(line).collect()
}

pub fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|l| l.text.as_str()).collect()
}

impl<S: Source> Run<S> {
    pub async fn batch(&self) -> Batch {
        patiently("a batch", self.received.recv()).await.expect("the source has ended")
    }

    /// The next lines, at least `n` of them, acknowledged.
    pub async fn lines(&self, n: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        while lines.len() < n {
            let mut batch = match tokio::time::timeout(PATIENCE, self.received.recv()).await {
                Ok(batch) => batch.expect("the source has ended"),
                Err(_) => panic!(
                    "waited in vain for {n} lines, got {lines:?}; problems: {:?}",
                    self.problems.lock().unwrap()
                ),
            };
            lines.extend(lines_of(&batch));
            batch.take_acks().resolve(Outcome::Delivered);
        }
        lines
    }

    pub async fn texts(&self, n: usize) -> Vec<String> {
        self.lines(n).await.into_iter().map(|l| l.text).collect()
    }

    /// All lines until the source lets go of its output, acknowledged.
    pub async fn rest(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(mut batch) = patiently("the end", self.received.recv()).await {
            lines.extend(lines_of(&batch));
            batch.take_acks().resolve(Outcome::Delivered);
        }
        lines
    }

    /// Stops it; gives the source and what it still sent, acknowledged.
    pub async fn stop(self) -> (S, Vec<Line>) {
        self.stop.stop();
        let rest = self.rest().await;
        let (source, result) = patiently("the end of the run", self.task).await.unwrap();
        result.unwrap();
        (source, rest)
    }

    /// Waits for its end.
    pub async fn end(self) -> (S, Vec<Line>, Result<(), SourceError>) {
        let rest = self.rest().await;
        let (source, result) = patiently("the end of the run", self.task).await.unwrap();
        (source, rest, result)
    }

    pub async fn problem(&self, part: &str) -> String {
        until(&format!("the problem {part:?}"), || {
            self.problems.lock().unwrap().iter().find(|p| p.contains(part)).cloned()
        })
        .await
    }
}

pub async fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_ref()).unwrap();
}

#[cfg(feature = "file")]
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// What `logrotate` with `copytruncate` does.
pub fn copy_truncate(path: &Path, to: &Path) {
    std::fs::copy(path, to).unwrap();
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
}

pub fn numbered(range: std::ops::Range<u32>) -> String {
    range.map(|n| format!("line number {n:07}\n")).collect()
}

/// A small generator that gives the same numbers for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}
