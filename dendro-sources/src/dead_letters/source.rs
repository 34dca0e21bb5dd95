//! The source that replays letters.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::pipeline::ReplayError;
use dendro_core::{Output, Receipts, Settlement, Severity, Source, SourceContext, SourceError};
use tokio::time::Instant;

use super::files::{Claimed, claim, finish};
use super::letter::Letter;
use super::lines::{Line, Lines, Place, is_blank};
use super::progress::Progress;

/// Progress is stored when so many letters have settled since, or so much time has passed.
const STORE_LETTERS: u64 = 1_000;
const STORE_EVERY: Duration = Duration::from_secs(1);
/// How much is read at once.
const CHUNK_LINES: usize = 256;
const CHUNK_BYTES: usize = 1 << 20;

/// Replays the dead letters of a folder, or of a file: for
/// [`PipelineBuilder::replay`](dendro_core::PipelineBuilder::replay). The [module](super) tells more.
#[derive(Debug)]
#[must_use]
pub struct DeadLetterSource {
    path: PathBuf,
    remove: bool,
}

impl DeadLetterSource {
    /// The letters that are in this folder, or in this file, when the pipeline begins to run.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), remove: false }
    }

    /// Removes a file whose letters have all settled, instead of renaming it to `NAME.replayed`.
    pub fn remove_replayed(mut self, remove: bool) -> Self {
        self.remove = remove;
        self
    }
}

#[async_trait]
impl Source for DeadLetterSource {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let path = self.path.clone();
        let claimed = blocking(move || claim(&path)).await;
        let claimed: Claimed = claimed.map_err(|e| at(&self.path, "can't be replayed", e))?;
        for path in &claimed.busy {
            let message = format!("{} is being written: replay it when that has ended", path.display());
            cx.report(Severity::Warning, message);
        }
        let mut replay = Replay { cx, files: Vec::new(), unstored: 0, stored: Instant::now() };
        let mut receipts = Receipts::new();
        let mut ended = false;
        for path in &claimed.files {
            ended = replay.file(path, &out, &mut receipts).await?;
            if ended {
                break;
            }
        }
        drop(out);
        while !receipts.is_empty() {
            let (place, settlement) = receipts.next().await;
            replay.settle(place, &settlement);
            replay.store_if_due().await;
        }
        replay.store().await;
        replay.end(self.remove, ended).await
    }

    fn can_replay(&self) -> bool {
        true
    }
}

/// A replay under way.
struct Replay {
    cx: SourceContext,
    files: Vec<OneFile>,
    /// Letters that have settled since progress was stored.
    unstored: u64,
    stored: Instant,
}

struct OneFile {
    path: Arc<PathBuf>,
    progress: Progress,
    read_whole: bool,
    /// A letter was abandoned: nothing behind it counts as settled.
    abandoned: bool,
    changed: bool,
}

/// The number of a file, and that of a line in it.
type Number = (usize, u64);

impl Replay {
    /// Sends the letters of a file; says whether the pipeline has had enough.
    async fn file(
        &mut self,
        path: &Path,
        out: &Output,
        receipts: &mut Receipts<Number>,
    ) -> Result<bool, SourceError> {
        let unreadable = |e| at(path, "can't be read", e);
        let opened = path.to_owned();
        let mut lines = blocking(move || Lines::open(&opened)).await.map_err(unreadable)?;
        let file = self.files.len();
        self.files.push(OneFile {
            path: lines.path.clone(),
            progress: lines.progress.clone(),
            read_whole: false,
            abandoned: false,
            changed: false,
        });
        loop {
            let chunk = blocking(move || read_chunk(lines)).await.map_err(unreadable)?;
            lines = chunk.0;
            if chunk.1.is_empty() {
                self.files[file].read_whole = true;
                return Ok(false);
            }
            for line in chunk.1 {
                if self.cx.is_stopping() {
                    return Ok(true);
                }
                let number = line.number;
                match send(&line, out).await {
                    Ok(receipt) => receipts.push(receipt, (file, number)),
                    Err(Unsent::Closed) => return Ok(true),
                    Err(Unsent::TakenOut) => {
                        self.files[file].progress.left.remove(&number);
                        self.files[file].changed = true;
                    }
                    Err(Unsent::Torn) => self.cx.report(
                        Severity::Warning,
                        format!("{}: a torn line at the end is passed over", self.place(file, number)),
                    ),
                    Err(Unsent::Wrong(why)) => self.leave(file, number, &why),
                }
                while let Some((place, settlement)) = receipts.try_next() {
                    self.settle(place, &settlement);
                }
                self.store_if_due().await;
            }
        }
    }

    fn settle(&mut self, (file, line): Number, settlement: &Settlement) {
        let file = &mut self.files[file];
        file.abandoned |= !settlement.outcome.is_settled();
        if !file.abandoned {
            file.progress.settle(line);
            file.changed = true;
            self.unstored += 1;
        }
    }

    fn leave(&mut self, file: usize, line: u64, why: &str) {
        let message = format!("{}: {why}; it is left there", self.place(file, line));
        self.cx.report(Severity::Error, message);
        self.files[file].progress.left.insert(line);
        self.files[file].changed = true;
    }

    fn place(&self, file: usize, line: u64) -> Place {
        Place { path: self.files[file].path.clone(), line: line + 1 }
    }

    async fn store_if_due(&mut self) {
        if self.unstored >= STORE_LETTERS || (self.unstored > 0 && self.stored.elapsed() >= STORE_EVERY) {
            self.store().await;
        }
    }

    async fn store(&mut self) {
        (self.unstored, self.stored) = (0, Instant::now());
        for file in self.files.iter_mut().filter(|file| file.changed) {
            file.changed = false;
            let (path, progress) = (file.path.clone(), file.progress.clone());
            if let Err(e) = blocking(move || progress.store(&path)).await {
                // The letters have settled all the same; it is the next replay that would repeat them.
                let message = format!("{}: its progress can't be stored: {e}", file.path.display());
                self.cx.report(Severity::Warning, message);
                file.changed = true;
            }
        }
    }

    /// Puts away what was replayed whole, and says what was not.
    async fn end(self, remove: bool, ended: bool) -> Result<(), SourceError> {
        let mut left = Vec::new();
        let mut abandoned = false;
        for file in self.files {
            abandoned |= file.abandoned;
            if file.abandoned || !file.read_whole {
                continue;
            }
            if !file.progress.left.is_empty() {
                left.push(format!("{} in {}", file.progress.left.len(), file.path.display()));
                continue;
            }
            let path = file.path.clone();
            blocking(move || finish(&path, remove)).await.map_err(|e| {
                at(&file.path, "has been replayed, but can't be put away: move it by hand", e)
            })?;
        }
        if ended {
            return Ok(());
        }
        if abandoned {
            return Err(SourceError::fatal("some letters were not settled: replay them again"));
        }
        match left.is_empty() {
            true => Ok(()),
            false => {
                let message = format!("letters that can't be replayed are left: {}", left.join(", "));
                Err(SourceError::fatal(message))
            }
        }
    }
}

enum Unsent {
    /// It is no letter, or of no component; why.
    Wrong(String),
    /// It was left by an earlier replay, and the user has removed it.
    TakenOut,
    /// The last line of a file that was cut off in the middle of it.
    Torn,
    /// The pipeline takes nothing any more.
    Closed,
}

async fn send(line: &Line, out: &Output) -> Result<dendro_core::Receipt, Unsent> {
    if is_blank(&line.text) {
        return Err(Unsent::TakenOut);
    }
    let letter = match Letter::parse(&line.text) {
        Ok(letter) => letter,
        Err(_) if !line.is_whole => return Err(Unsent::Torn),
        Err(e) => return Err(Unsent::Wrong(e.to_string())),
    };
    let batch = letter.to_batch().map_err(|e| Unsent::Wrong(e.to_string()))?;
    out.send_to(&letter.component, batch).await.map_err(|e| match e {
        ReplayError::Closed => Unsent::Closed,
        e => Unsent::Wrong(e.to_string()),
    })
}

/// Some lines; none at the end.
fn read_chunk(mut lines: Lines) -> io::Result<(Lines, Vec<Line>)> {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    while chunk.len() < CHUNK_LINES && bytes < CHUNK_BYTES {
        let Some(line) = lines.next()? else { break };
        bytes += line.text.len();
        chunk.push(line);
    }
    Ok((lines, chunk))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(io::Error::other(e)),
    }
}

fn at(path: &Path, what: &str, error: io::Error) -> SourceError {
    SourceError::fatal(format!("{} {what}", path.display())).with_source(error)
}
