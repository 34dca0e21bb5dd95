//! The sinks of this crate hold what every sink has to hold: see `dendro_test::conformance::sink`.

use std::io::Write;
use std::sync::{Arc, Mutex};

use dendro_core::Sink;
use dendro_sinks::console::Encoding;
use dendro_sinks::{BlackholeSink, ConsoleSink, MemorySink};
use dendro_test::conformance::SinkFixture;
use dendro_test::{batches, sink_conformance};

struct Memory(MemorySink);

#[async_trait::async_trait]
impl SinkFixture for Memory {
    fn sink(&self) -> Box<dyn Sink> {
        Box::new(self.0.clone())
    }
    async fn read_back(&self) -> Option<Vec<String>> {
        Some(self.0.events().iter().map(batches::id_of).collect())
    }
}

sink_conformance!(memory, Memory(MemorySink::new()));

struct Blackhole(BlackholeSink);

#[async_trait::async_trait]
impl SinkFixture for Blackhole {
    fn sink(&self) -> Box<dyn Sink> {
        Box::new(self.0.clone())
    }
    async fn read_back(&self) -> Option<Vec<String>> {
        None
    }
}

sink_conformance!(blackhole, Blackhole(BlackholeSink::new()));

/// A terminal that others read.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Console {
    screen: Screen,
    encoding: Encoding,
}

impl Console {
    fn new(encoding: Encoding) -> Self {
        Self { screen: Screen::default(), encoding }
    }
}

#[async_trait::async_trait]
impl SinkFixture for Console {
    fn sink(&self) -> Box<dyn Sink> {
        Box::new(ConsoleSink::writer(self.screen.clone()).encoding(self.encoding))
    }
    async fn read_back(&self) -> Option<Vec<String>> {
        let text = String::from_utf8(self.screen.0.lock().unwrap().clone()).unwrap();
        Some(text.lines().map(|line| found_id(line).unwrap_or_else(|| panic!("no id in {line:?}"))).collect())
    }
}

/// The id that stands in a line of any encoding: a stream's name and a number of eight digits.
fn found_id(line: &str) -> Option<String> {
    let names = ["a", "b", "long"];
    let ids = names.iter().filter_map(|name| {
        let at = line.match_indices(&format!("{name} 0")).map(|(at, _)| at).next()?;
        line.get(at..at + name.len() + 9).map(str::to_owned)
    });
    ids.max_by_key(String::len)
}

sink_conformance!(console_json, Console::new(Encoding::Json));
sink_conformance!(console_logfmt, Console::new(Encoding::Logfmt));
sink_conformance!(console_pretty, Console::new(Encoding::Pretty));

#[cfg(feature = "file")]
mod file {
    use super::*;
    use dendro_sinks::FileSink;
    use dendro_sinks::file::{Compression, Fsync};
    use std::io::Read;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    struct Files {
        dir: tempfile::TempDir,
        fsync: Fsync,
        compression: Compression,
        rotate_bytes: u64,
    }

    impl Files {
        fn new(fsync: Fsync, compression: Compression, rotate_bytes: u64) -> Self {
            Self { dir: tempfile::tempdir().unwrap(), fsync, compression, rotate_bytes }
        }
    }

    #[async_trait::async_trait]
    impl SinkFixture for Files {
        fn sink(&self) -> Box<dyn Sink> {
            let path = format!("{}/{{stream}}/events.ndjson", self.dir.path().display());
            let builder = FileSink::builder(path).fsync(self.fsync).compression(self.compression);
            Box::new(builder.rotate_bytes(self.rotate_bytes).build().unwrap())
        }
        async fn read_back(&self) -> Option<Vec<String>> {
            Some(all_files(self.dir.path()).iter().flat_map(|path| ids(path)).collect())
        }
        /// A file of its own for every few events takes its time.
        fn largest_write(&self) -> usize {
            if self.rotate_bytes < u64::MAX { 2_000 } else { 65_536 }
        }
    }

    /// Finished files by their names' times and numbers, then the open one.
    fn all_files(dir: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(all_files(&path));
            } else {
                files.push(path);
            }
        }
        let name = |p: &PathBuf| p.file_name().unwrap().to_string_lossy().into_owned();
        files.sort_by_key(|p| {
            (p.parent().map(Path::to_owned), name(p).starts_with("events.ndjson"), p.clone())
        });
        files
    }

    fn ids(path: &Path) -> Vec<String> {
        let bytes = std::fs::read(path).unwrap();
        let mut text = Vec::new();
        match path.extension().and_then(|e| e.to_str()) {
            Some("gz") => drop(flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text)),
            Some("zst") => drop(zstd::stream::read::Decoder::new(&bytes[..]).unwrap().read_to_end(&mut text)),
            _ => text = bytes,
        }
        let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let id = |line: &[u8]| {
            serde_json::from_slice::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
        };
        text[..whole].split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(id).collect()
    }

    const SECOND: Fsync = Fsync::Interval(Duration::from_secs(1));

    sink_conformance!(every_write, Files::new(Fsync::EveryWrite, Compression::None, u64::MAX));
    sink_conformance!(interval, Files::new(SECOND, Compression::None, u64::MAX));
    sink_conformance!(never, Files::new(Fsync::Never, Compression::None, u64::MAX));
    sink_conformance!(rotated, Files::new(SECOND, Compression::None, 2_000));
    sink_conformance!(gzip, Files::new(SECOND, Compression::Gzip(1), u64::MAX));
    sink_conformance!(zstd_rotated, Files::new(SECOND, Compression::Zstd(1), 2_000));
}
