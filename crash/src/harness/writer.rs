//! The program whose logs are read: it writes records to several files, rotates and compresses them, and keeps a journal for
//! the judge.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use dendro_crash::Failure;
use dendro_crash::random::Random;
use dendro_crash::setup::Format;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::workload;

/// The byte behind each record in the journal.
const SEPARATOR: u8 = 0x1e;
/// More of a file is not needed to know it by.
const HEAD_BYTES: usize = 4 << 10;

/// So many files of a stream are kept, whatever has arrived of them.
const KEPT: usize = 4;

/// How it writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) streams: u32,
    /// The most records of a stream that are written at once.
    pub(crate) burst: u64,
    /// Between two bursts, in milliseconds.
    pub(crate) pause_ms: u64,
    /// A file may be rotated after this many records.
    pub(crate) rotate_after: u64,
    /// No more are written of each stream.
    pub(crate) records: u64,
}

/// All files, between two bursts of it.
pub(crate) struct Writer {
    pub(crate) streams: Vec<Stream>,
    pub(crate) rotations: u64,
    pub(crate) compressed: u64,
    seed: u64,
    format: Format,
    pace: Pace,
    dated: bool,
    random: Random,
}

/// One file that is written to, and those that it was before.
pub(crate) struct Stream {
    number: u32,
    path: PathBuf,
    file: File,
    /// `None`: nobody is going to read it.
    journal: Option<BufWriter<File>>,
    /// How many records were written.
    pub(crate) written: u64,
    /// Whether the pipeline has noted down that it knows of this stream. What was rotated before that, nobody has seen.
    pub(crate) is_known: bool,
    /// The oldest first; the last is the one that is written to.
    pub(crate) generations: Vec<Generation>,
}

/// What was written to one file.
pub(crate) struct Generation {
    /// The beginning of its content.
    pub(crate) head: Vec<u8>,
    /// Where it is now.
    path: PathBuf,
    /// The number of its first record.
    pub(crate) first: u64,
    /// Where each record ends.
    pub(crate) ends: Vec<u64>,
}

impl Writer {
    pub(crate) fn open(
        dir: &Path,
        seed: u64,
        format: Format,
        pace: Pace,
        has_judge: bool,
    ) -> Result<Self, Failure> {
        let mut random = Random::new(seed, "writer");
        let logs = make_dir(dir.join("logs"))?;
        let input = make_dir(dir.join("input"))?;
        let open = |number: u32| {
            let path = logs.join(format!("app{number}.log"));
            let journal = input.join(format!("s{number}"));
            Ok(Stream {
                number,
                file: create(&path)?,
                journal: if has_judge { Some(BufWriter::new(create(&journal)?)) } else { None },
                written: 0,
                is_known: false,
                generations: vec![Generation::new(&path, 0)],
                path,
            })
        };
        let streams = (0..pace.streams).map(open).collect::<Result<_, Failure>>()?;
        let dated = random.chance(400);
        Ok(Self { streams, rotations: 0, compressed: 0, seed, format, pace, dated, random })
    }

    /// Writes something to each file, and perhaps rotates it.
    fn step(&mut self) -> Result<(), Failure> {
        let Self { streams, rotations, compressed, seed, format, pace, dated, random } = self;
        for stream in streams {
            let burst =
                random.between(1, pace.burst + 1).min(pace.records - stream.written.min(pace.records));
            let text = stream.next(burst, *seed, *format)?;
            // Now and then a reader sees half a line.
            let at =
                if random.chance(150) { random.below(text.len() as u64 + 1) as usize } else { text.len() };
            let (first, rest) = text.split_at(at);
            stream.append(first)?;
            if !rest.is_empty() {
                std::thread::sleep(random.millis(0, 2));
                stream.append(rest)?;
            }
            let since = stream.written - stream.generations.last().map_or(0, |g| g.first);
            if stream.is_known && since >= pace.rotate_after && random.chance(150) {
                stream.rotate(*dated, *rotations)?;
                *rotations += 1;
                if random.chance(500) {
                    *compressed += u64::from(stream.compress(random)?);
                }
            }
        }
        Ok(())
    }

    /// One more record on each file: what a child holds of a stream's past it takes up with what comes next.
    pub(crate) fn last_words(&mut self) -> Result<(), Failure> {
        for stream in &mut self.streams {
            let text = stream.next(1, self.seed, self.format)?;
            stream.append(&text)?;
        }
        self.flush()
    }

    /// How many records there are.
    pub(crate) fn written(&self) -> u64 {
        self.streams.iter().map(|s| s.written).sum()
    }

    /// Removes rotated files that have arrived as a whole.
    pub(crate) fn remove_old(&mut self, has_arrived: impl Fn(usize, u64) -> bool) -> Result<(), Failure> {
        for (s, stream) in self.streams.iter_mut().enumerate() {
            let keep = stream.generations.len().saturating_sub(KEPT);
            let is_done =
                |g: &Generation| (g.first..g.first + g.ends.len() as u64).all(|n| has_arrived(s, n));
            let done = stream.generations[..keep].iter().take_while(|g| is_done(g)).count();
            for generation in stream.generations.drain(..done) {
                fs::remove_file(&generation.path).map_err(Failure::io(generation.path.display()))?;
            }
        }
        Ok(())
    }

    /// What the judge reads is complete.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        for journal in self.streams.iter_mut().filter_map(|stream| stream.journal.as_mut()) {
            journal.flush().map_err(Failure::io("the input's journal"))?;
        }
        Ok(())
    }
}

impl Stream {
    /// Under which it is written to.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next records, noted in the journal, as they are to be written.
    fn next(&mut self, records: u64, seed: u64, format: Format) -> Result<Vec<u8>, Failure> {
        let mut text = Vec::new();
        for _ in 0..records {
            let record = workload::record(seed, format, self.number, self.written);
            self.note(&record)?;
            text.extend_from_slice(record.as_bytes());
            text.push(b'\n');
            if let Some(now) = self.generations.last_mut() {
                now.push(&record);
            }
            self.written += 1;
        }
        Ok(text)
    }

    fn note(&mut self, record: &str) -> Result<(), Failure> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let noted = journal.write_all(record.as_bytes()).and_then(|()| journal.write_all(&[SEPARATOR]));
        noted.map_err(Failure::io("the input's journal"))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(Failure::io(self.path.display()))
    }

    /// By renaming, as logrotate does it: numbers that grow with age, or the date.
    fn rotate(&mut self, dated: bool, count: u64) -> Result<(), Failure> {
        let name = |suffix: &str| PathBuf::from(format!("{}{suffix}", self.path.display()));
        let packed = |path: &Path| if path.extension().is_some_and(|e| e == "gz") { ".gz" } else { "" };
        let n = self.generations.len();
        for (i, generation) in self.generations.iter_mut().enumerate() {
            let is_newest = i + 1 == n;
            let to = match dated {
                true if is_newest => name(&format!("-20261120-{count:04}")),
                true => continue,
                false => name(&format!(".{}{}", n - i, packed(&generation.path))),
            };
            fs::rename(&generation.path, &to).map_err(Failure::io(to.display()))?;
            generation.path = to;
        }
        self.file = create(&self.path)?;
        self.generations.push(Generation::new(&self.path, self.written));
        Ok(())
    }

    /// Compresses a rotated file as gzip does it: the copy grows under its final name, then the original goes.
    fn compress(&mut self, random: &mut Random) -> Result<bool, Failure> {
        let rotated = self.generations.len() - 1;
        // The last one as a rule is not yet read to its end: that is what should be tried.
        let back = random.below(2).min(rotated as u64 - 1) as usize;
        let generation = &mut self.generations[rotated - 1 - back];
        if generation.path.extension().is_some_and(|e| e == "gz") {
            return Ok(false);
        }
        let plain = fs::read(&generation.path).map_err(Failure::io(generation.path.display()))?;
        let to = PathBuf::from(format!("{}.gz", generation.path.display()));
        let shown = || to.display();
        let file = create(&to)?;
        let mut encoder = GzEncoder::new(file, Compression::fast());
        let (head, tail) = plain.split_at(plain.len() / 2);
        for half in [head, tail] {
            encoder.write_all(half).and_then(|()| encoder.flush()).map_err(Failure::io(shown()))?;
            std::thread::sleep(random.millis(0, 3));
        }
        let file = encoder.finish().map_err(Failure::io(shown()))?;
        let written_at = fs::metadata(&generation.path).and_then(|m| m.modified());
        written_at.and_then(|at| file.set_modified(at)).map_err(Failure::io(shown()))?;
        fs::remove_file(&generation.path).map_err(Failure::io(generation.path.display()))?;
        generation.path = to;
        Ok(true)
    }
}

impl Generation {
    fn new(path: &Path, first: u64) -> Self {
        Self { head: Vec::new(), path: path.to_owned(), first, ends: Vec::new() }
    }

    /// Notes what is going to be written to it.
    fn push(&mut self, record: &str) {
        let end = self.ends.last().copied().unwrap_or_default();
        self.ends.push(end + record.len() as u64 + 1);
        if self.head.len() < HEAD_BYTES {
            self.head.extend_from_slice(record.as_bytes());
            self.head.push(b'\n');
        }
    }
}

/// A writer that writes by itself.
pub(crate) struct Writing {
    writer: Arc<Mutex<Writer>>,
    stop: Arc<AtomicBool>,
    /// No record is written beyond so many.
    limit: Arc<AtomicU64>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Writing {
    pub(crate) fn start(writer: Writer) -> Self {
        let (writer, stop) = (Arc::new(Mutex::new(writer)), Arc::new(AtomicBool::new(false)));
        let limit = Arc::new(AtomicU64::new(u64::MAX));
        let thread = std::thread::spawn({
            let (writer, stop, limit) = (writer.clone(), stop.clone(), limit.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let pause = {
                        let mut writer = lock(&writer);
                        if writer.written() < limit.load(Ordering::Relaxed) {
                            writer.step()?;
                        }
                        writer.pace.pause_ms
                    };
                    std::thread::sleep(Duration::from_millis(pause));
                }
                Ok(())
            }
        });
        Self { writer, stop, limit, thread }
    }

    /// The writer, which waits meanwhile: all records are whole.
    pub(crate) fn pause(&self) -> MutexGuard<'_, Writer> {
        lock(&self.writer)
    }

    /// Not more than so many records are written until this is called again.
    pub(crate) fn limit(&self, records: u64) {
        self.limit.store(records, Ordering::Relaxed);
    }

    pub(crate) fn writer(&self) -> Arc<Mutex<Writer>> {
        self.writer.clone()
    }

    /// Nothing more is written.
    pub(crate) fn stop(self) -> Result<Arc<Mutex<Writer>>, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| Failure::new("the writer has panicked"))??;
        lock(&self.writer).flush()?;
        Ok(self.writer)
    }
}

pub(crate) fn lock(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create_new(path).map_err(Failure::io(path.display()))
}

fn make_dir(path: PathBuf) -> Result<PathBuf, Failure> {
    fs::create_dir_all(&path).map_err(Failure::io(path.display()))?;
    Ok(path)
}
