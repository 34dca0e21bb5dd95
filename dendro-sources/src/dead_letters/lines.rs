//! The lines of files of letters, one by one.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::find;
use super::letter::{InvalidLetter, Letter};
use super::progress::Progress;

/// The longest line that is read: a letter has its event twice, which is at most as long as a batch can be.
const MAX_LINE_BYTES: u64 = 512 << 20;

/// Where a letter stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: Arc<PathBuf>,
    /// The line in it, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)
    }
}

/// The letters that wait in a folder, or in a file, for a replay.
///
/// Blocks: from async code call it on a blocking thread.
///
/// # Errors
/// There is no such path, or it can't be listed.
pub fn read(path: impl AsRef<Path>) -> io::Result<Letters> {
    Ok(Letters { files: find(path.as_ref())?.into(), lines: None })
}

/// Iterates over letters; see [`read`]. Errors name the place; what comes after it is read on where that is possible.
pub struct Letters {
    files: VecDeque<PathBuf>,
    lines: Option<Lines>,
}

impl Iterator for Letters {
    type Item = (Place, Result<Letter, InvalidLetter>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let lines = match &mut self.lines {
                Some(lines) => lines,
                none => {
                    let path = self.files.pop_front()?;
                    match Lines::open(&path) {
                        Ok(lines) => none.insert(lines),
                        Err(e) => {
                            let place = Place { path: Arc::new(path), line: 1 };
                            return Some((place, Err(InvalidLetter::unreadable(&e))));
                        }
                    }
                }
            };
            let path = lines.path.clone();
            let place = |line: u64| Place { path, line: line + 1 };
            match lines.next() {
                Ok(Some(line)) if is_blank(&line.text) => {}
                Ok(Some(line)) => match Letter::parse(&line.text) {
                    Err(_) if !line.is_whole => {}
                    letter => return Some((place(line.number), letter)),
                },
                Ok(None) => self.lines = None,
                Err(e) => {
                    let failed = (place(lines.number), Err(InvalidLetter::unreadable(&e)));
                    self.lines = None;
                    return Some(failed);
                }
            }
        }
    }
}

/// The lines of one file that have still to be replayed.
pub(super) struct Lines {
    pub(super) path: Arc<PathBuf>,
    pub(super) progress: Progress,
    reader: Box<dyn BufRead + Send>,
    /// The next line, from 0.
    number: u64,
}

pub(super) struct Line {
    pub(super) number: u64,
    pub(super) text: Vec<u8>,
    /// It has its end.
    pub(super) is_whole: bool,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let progress = Progress::load(path)?;
        let mut file = File::open(path)?;
        let mut magic = Vec::with_capacity(4);
        file.by_ref().take(4).read_to_end(&mut magic)?;
        file.seek(SeekFrom::Start(0))?;
        let reader: Box<dyn BufRead + Send> = match magic[..] {
            [0x1f, 0x8b, ..] => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file))),
            [0x28, 0xb5, 0x2f, 0xfd] => Box::new(BufReader::new(zstd::stream::read::Decoder::new(file)?)),
            _ => Box::new(BufReader::new(file)),
        };
        Ok(Self { path: Arc::new(path.to_owned()), progress, reader, number: 0 })
    }

    /// The next line; `None` at the end. What is behind the torn end of a compressed file is as good as not there.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let mut text = Vec::new();
            let read = self.reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut text);
            match read {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(e) => return Err(e),
            }
            if text.is_empty() {
                return Ok(None);
            }
            let is_whole = text.last() == Some(&b'\n');
            if !is_whole && text.len() as u64 == MAX_LINE_BYTES {
                let message = format!("the line is longer than {MAX_LINE_BYTES} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            let number = self.number;
            self.number += 1;
            // One that was left and is blank by now was taken out by the user: that has to be told.
            let is_asked_for = !is_blank(&text) || self.progress.left.contains(&number);
            if is_asked_for && self.progress.wants(number) {
                return Ok(Some(Line { number, text, is_whole }));
            }
        }
    }
}

pub(super) fn is_blank(text: &[u8]) -> bool {
    text.trim_ascii().is_empty()
}
