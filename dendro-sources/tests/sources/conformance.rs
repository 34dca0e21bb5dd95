//! The sources of this crate hold what every source has to hold: see `dendro_test::conformance::source`.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use dendro_core::{Event, Source};
use dendro_sources::demo::DemoSource;
use dendro_sources::memory::{self, MemoryHandle};
use dendro_sources::stdin::StdinSource;
use dendro_test::conformance::{Pace, SourceFixture};
use dendro_test::source_conformance;

#[derive(Default)]
struct Memory(Mutex<Option<MemoryHandle>>);

#[async_trait::async_trait]
impl SourceFixture for Memory {
    fn source(&self) -> Box<dyn Source> {
        let (handle, source) = memory::channel();
        *self.0.lock().unwrap() = Some(handle);
        Box::new(source)
    }
    async fn feed(&self, _stream: usize, records: &[String]) {
        let handle = self.0.lock().unwrap();
        for record in records {
            // What has no room is left out.
            let _ = handle.as_ref().unwrap().try_send(Event::new("log").with("message", record.as_str()));
        }
    }
    fn can_replay(&self) -> bool {
        false
    }
}

source_conformance!(memory_source, Memory::default());

struct Demo;

#[async_trait::async_trait]
impl SourceFixture for Demo {
    fn source(&self) -> Box<dyn Source> {
        Box::new(DemoSource::new().rate(1_000.0))
    }
    async fn feed(&self, _stream: usize, _records: &[String]) {}
    fn can_replay(&self) -> bool {
        false
    }
    fn feeds_itself(&self) -> bool {
        true
    }
}

source_conformance!(demo_source, Demo);

/// A pipe to a reader that blocks, as standard input is.
#[derive(Clone, Default)]
struct Pipe(Arc<(Mutex<PipeState>, Condvar)>);

#[derive(Default)]
struct PipeState {
    bytes: VecDeque<u8>,
    closed: bool,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        while state.bytes.is_empty() && !state.closed {
            state = changed.wait(state).unwrap();
        }
        state.bytes.read(buffer)
    }
}

struct Stdin(Pipe);

#[async_trait::async_trait]
impl SourceFixture for Stdin {
    fn source(&self) -> Box<dyn Source> {
        Box::new(StdinSource::from_reader(self.0.clone()))
    }
    async fn feed(&self, _stream: usize, records: &[String]) {
        let (state, changed) = &*self.0.0;
        let mut state = state.lock().unwrap();
        records.iter().for_each(|r| state.bytes.extend(format!("{r}\n").as_bytes()));
        changed.notify_all();
    }
    /// It reads on a thread of its own.
    fn pace(&self) -> Pace {
        Pace::Real(Duration::from_millis(250))
    }
    fn can_replay(&self) -> bool {
        false
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        let (state, changed) = &*self.0.0;
        state.lock().unwrap().closed = true;
        changed.notify_all();
    }
}

source_conformance!(stdin_source, Stdin(Pipe::default()));

#[cfg(feature = "file")]
mod file {
    use super::*;
    use dendro_sources::file::FileSource;
    use std::io::Write;

    /// Log files in a directory, and the source's checkpoints beside it.
    struct Files {
        logs: tempfile::TempDir,
        state: tempfile::TempDir,
    }

    impl Files {
        fn new() -> Self {
            Self { logs: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() }
        }
    }

    #[async_trait::async_trait]
    impl SourceFixture for Files {
        fn source(&self) -> Box<dyn Source> {
            let source = FileSource::new(self.logs.path().join("*.log")).checkpoints(self.state.path());
            Box::new(source.poll_interval(Duration::from_millis(5)))
        }
        async fn feed(&self, stream: usize, records: &[String]) {
            let path = self.logs.path().join(format!("stream-{stream}.log"));
            let mut log = std::fs::File::options().create(true).append(true).open(path).unwrap();
            let text: String = records.iter().map(|r| format!("{r}\n")).collect();
            log.write_all(text.as_bytes()).unwrap();
        }
        fn can_replay(&self) -> bool {
            true
        }
        fn streams(&self) -> usize {
            3
        }
        /// The reader waits on a blocking thread, which holds tokio's paused clock.
        fn pace(&self) -> Pace {
            Pace::Real(Duration::from_millis(250))
        }
    }

    source_conformance!(file_source, Files::new());
}

#[cfg(feature = "tracing")]
mod tracing_layer {
    use super::*;
    use dendro_sources::tracing::layer;
    use tracing_subscriber::prelude::*;

    #[derive(Default)]
    struct Application(Mutex<Option<tracing::Dispatch>>);

    #[async_trait::async_trait]
    impl SourceFixture for Application {
        fn source(&self) -> Box<dyn Source> {
            let (layer, source) = layer();
            *self.0.lock().unwrap() =
                Some(tracing::Dispatch::new(tracing_subscriber::registry().with(layer)));
            Box::new(source)
        }
        async fn feed(&self, _stream: usize, records: &[String]) {
            let dispatch = self.0.lock().unwrap().clone().unwrap();
            tracing::dispatcher::with_default(&dispatch, || {
                records.iter().for_each(|r| tracing::info!("{r}"))
            });
        }
        fn can_replay(&self) -> bool {
            false
        }
        fn burst(&self) -> usize {
            500
        }
        fn longest_record(&self) -> usize {
            4 << 10
        }
    }

    source_conformance!(tracing_source, Application::default());
}

#[cfg(feature = "metrics")]
mod metrics_facade {
    use super::*;
    use dendro_sources::metrics::MetricsSource;

    struct Application;

    #[async_trait::async_trait]
    impl SourceFixture for Application {
        fn source(&self) -> Box<dyn Source> {
            let source = MetricsSource::new(Duration::from_secs(1));
            let recorder = source.recorder();
            metrics::with_local_recorder(&recorder, || metrics::counter!("requests_total").increment(1));
            Box::new(source)
        }
        async fn feed(&self, _stream: usize, _records: &[String]) {}
        fn can_replay(&self) -> bool {
            false
        }
        fn feeds_itself(&self) -> bool {
            true
        }
    }

    source_conformance!(metrics_source, Application);
}
