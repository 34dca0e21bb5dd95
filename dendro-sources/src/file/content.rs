//! The decompressed content of a file, read from any place on.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::MultiGzDecoder;
use rustix::buffer::spare_capacity;

use super::activity::Counters;
use super::identity::{BEFORE_BYTES, HEAD_BYTES, Inode, Mark, Passed, Print};

/// How much of a compressed file is read at once.
const PACKED_CHUNK: usize = 64 << 10;

/// An open file.
pub(super) struct Content {
    file: Arc<File>,
    inode: Inode,
    packed: Option<Packed>,
    counters: Arc<Counters>,
}

/// What a read has given.
#[derive(Debug, PartialEq)]
pub(super) enum Got {
    /// Bytes were added to the buffer; `true` if there is more for sure.
    Bytes { more: bool },
    /// None yet: what lies before the place was passed over, as far as one turn goes.
    Skipped,
    /// There are no more now. A compressed file that may be incomplete says so too, until it
    /// [can't grow](Content::will_not_grow).
    End,
}

impl Content {
    /// Opens a regular file, without waiting for anything.
    pub(super) fn open(path: &Path, counters: &Arc<Counters>) -> io::Result<Self> {
        counters.before_open.tell(path);
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
        counters.opens.fetch_add(1, Ordering::Relaxed);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let mut content = Self {
            file: Arc::new(file),
            inode: Inode::of(&metadata),
            packed: None,
            counters: counters.clone(),
        };
        content.detect()?;
        Ok(content)
    }

    pub(super) fn inode(&self) -> Inode {
        self.inode
    }

    pub(super) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.file.metadata()
    }

    pub(super) fn is_packed(&self) -> bool {
        self.packed.is_some()
    }

    /// Says by the first bytes whether it is compressed; again, for a file that was empty.
    pub(super) fn detect(&mut self) -> io::Result<()> {
        let mut magic = Vec::with_capacity(4);
        self.pread(&mut magic, 0)?;
        self.packed = match magic[..] {
            [0x1f, 0x8b, ..] => Some(Packed::gzip(self.input())),
            [0x28, 0xb5, 0x2f, 0xfd] => Some(Packed::zstd(self.input())?),
            _ => None,
        };
        Ok(())
    }

    /// From now on the end of a compressed file is its end: if it is not complete then that is an error.
    pub(super) fn will_not_grow(&mut self) {
        if let Some(packed) = &self.packed {
            packed.complete.store(true, Ordering::Relaxed);
        }
    }

    /// Whether [`will_not_grow`](Self::will_not_grow) was said of it.
    pub(super) fn is_complete(&self) -> bool {
        self.packed.as_ref().is_some_and(|p| p.complete.load(Ordering::Relaxed))
    }

    /// Adds up to `chunk` bytes of content from `at` on to `buffer`.
    ///
    /// # Errors
    /// That of the read, or of the decompression: then what came before it was given already.
    pub(super) fn read(&mut self, at: u64, buffer: &mut Vec<u8>, chunk: usize) -> io::Result<Got> {
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        if self.packed.as_ref().is_some_and(|p| p.at > at) {
            let complete = self.is_complete();
            self.detect()?;
            if complete {
                self.will_not_grow();
            }
        }
        match &mut self.packed {
            Some(packed) => packed.read(at, buffer, chunk),
            None => {
                buffer.reserve(chunk);
                let wanted = buffer.capacity() - buffer.len();
                match self.pread(buffer, at)? {
                    0 => Ok(Got::End),
                    n => Ok(Got::Bytes { more: n == wanted }),
                }
            }
        }
    }

    /// The bytes before the place that [`read`](Self::read) has just passed over to, in a compressed file.
    pub(super) fn before(&self) -> Option<&[u8]> {
        self.packed.as_ref().map(|p| p.passed.before())
    }

    /// Up to `bytes` from `at` on, in a file that is not compressed.
    pub(super) fn peek(&self, at: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut buffer = Vec::with_capacity(bytes);
        while buffer.len() < bytes {
            let from = at + buffer.len() as u64;
            if self.pread(&mut buffer, from)? == 0 {
                break;
            }
        }
        buffer.truncate(bytes);
        Ok(buffer)
    }

    /// The first bytes of the content, at most `bytes` of them; the place in the file is not changed.
    pub(super) fn head(&self, bytes: usize) -> io::Result<Vec<u8>> {
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        if self.packed.is_none() {
            return self.peek(0, bytes);
        }
        let mut other = Self {
            file: self.file.clone(),
            inode: self.inode,
            packed: None,
            counters: self.counters.clone(),
        };
        other.detect()?;
        let mut head = Vec::new();
        while head.len() < bytes {
            let at = head.len() as u64;
            match other.read(at, &mut head, bytes) {
                Ok(Got::Bytes { .. }) => {}
                Ok(Got::Skipped | Got::End) => break,
                Err(_) if !head.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        head.truncate(bytes);
        Ok(head)
    }

    /// Whether this is the file that was read up to `mark`. Of a compressed one only the head is looked at:
    /// what lies before the mark is known when it was passed over.
    pub(super) fn is_marked(&self, mark: &Mark) -> io::Result<bool> {
        if self.packed.is_none() && self.metadata()?.len() < mark.offset {
            return Ok(false);
        }
        if Print::of_nonempty(&self.head(mark.head.len())?) != mark.head {
            return Ok(false);
        }
        if self.packed.is_some() {
            return Ok(true);
        }
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
        let before = self.peek(mark.offset - mark.before.len() as u64, mark.before.len())?;
        Ok(Print::of_nonempty(&before) == mark.before)
    }

    /// What is known of the content when it is read from `offset` on.
    pub(super) fn passed(&self, offset: u64) -> io::Result<Passed> {
        let head = self.head(HEAD_BYTES)?;
        let before = match self.packed {
            Some(_) => Vec::new(),
            None => {
                let bytes = offset.min(BEFORE_BYTES as u64);
                self.peek(offset - bytes, bytes as usize)?
            }
        };
        Ok(Passed::new(offset, head, before))
    }

    fn pread(&self, buffer: &mut Vec<u8>, at: u64) -> io::Result<usize> {
        loop {
            match rustix::io::pread(&*self.file, spare_capacity(buffer), at) {
                Ok(n) => return Ok(n),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn input(&self) -> Input {
        Input { file: self.file.clone(), at: 0, complete: Arc::default() }
    }
}

impl Print {
    /// Of nothing: the default.
    pub(super) fn of_nonempty(bytes: &[u8]) -> Self {
        if bytes.is_empty() { Self::default() } else { Self::of(bytes) }
    }
}

struct Packed {
    decoder: Box<dyn Read + Send>,
    complete: Arc<AtomicBool>,
    /// The next byte that the decoder gives.
    at: u64,
    passed: Passed,
    failed: Option<io::Error>,
}

impl Packed {
    fn gzip(input: Input) -> Self {
        let complete = input.complete.clone();
        Self::new(Box::new(MultiGzDecoder::new(input)), complete)
    }

    fn zstd(input: Input) -> io::Result<Self> {
        let complete = input.complete.clone();
        let input = BufReader::with_capacity(PACKED_CHUNK, input);
        Ok(Self::new(Box::new(zstd::stream::read::Decoder::with_buffer(input)?), complete))
    }

    fn new(decoder: Box<dyn Read + Send>, complete: Arc<AtomicBool>) -> Self {
        Self { decoder, complete, at: 0, passed: Passed::default(), failed: None }
    }

    fn read(&mut self, at: u64, buffer: &mut Vec<u8>, chunk: usize) -> io::Result<Got> {
        let start = buffer.len();
        let ended = self.fill(buffer, chunk)?;
        let given = (buffer.len() - start) as u64;
        let skip = (at - self.at).min(given) as usize;
        self.at += given;
        if skip > 0 {
            self.passed.push(&buffer[start..start + skip]);
            buffer.drain(start..start + skip);
        }
        Ok(match (buffer.len() > start, skip > 0, ended) {
            (true, _, ended) => Got::Bytes { more: !ended },
            (false, true, _) => Got::Skipped,
            (false, false, _) => Got::End,
        })
    }

    /// Whether there is no more now.
    fn fill(&mut self, buffer: &mut Vec<u8>, chunk: usize) -> io::Result<bool> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let start = buffer.len();
        buffer.resize(start + chunk, 0);
        let mut filled = start;
        let ended = loop {
            if filled == buffer.len() {
                break Ok(false);
            }
            match self.decoder.read(&mut buffer[filled..]) {
                Ok(0) => break Ok(true),
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break Ok(true),
                Err(e) => break Err(e),
            }
        };
        buffer.truncate(filled);
        match ended {
            Err(error) if filled > start => {
                self.failed = Some(error);
                Ok(false)
            }
            other => other,
        }
    }
}

/// The compressed bytes. Says "not now" at the end of a file that may still grow, so that the decoder goes on there.
struct Input {
    file: Arc<File>,
    at: u64,
    complete: Arc<AtomicBool>,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = rustix::io::pread(&*self.file, &mut *buffer, self.at)?;
        if n == 0 && !buffer.is_empty() && !self.complete.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::io::Write;

    use super::*;

    fn text() -> Vec<u8> {
        (0..200_000u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn open(bytes: &[u8]) -> (tempfile::NamedTempFile, Content) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let content = Content::open(file.path(), &Arc::default()).unwrap();
        (file, content)
    }

    fn read_all(content: &mut Content, from: u64) -> io::Result<Vec<u8>> {
        let (mut all, mut ends) = (Vec::new(), 0);
        while ends < 2 {
            let at = from + all.len() as u64;
            match content.read(at, &mut all, 10_000)? {
                Got::End => ends += 1,
                Got::Bytes { .. } | Got::Skipped => ends = 0,
            }
        }
        Ok(all)
    }

    #[test]
    fn content_is_the_same_however_it_is_packed_and_from_any_place() {
        let text = text();
        let (first, second) = text.split_at(1_000_000);
        let members = [gzip(first), gzip(second)].concat();
        let frames = [zstd::encode_all(first, 1).unwrap(), zstd::encode_all(second, 1).unwrap()].concat();
        for bytes in [&text, &members, &frames] {
            for from in [0, 1, 999_999, 1_000_000, 1_000_001, text.len()] {
                let (_file, mut content) = open(bytes);
                content.will_not_grow();
                assert!(read_all(&mut content, from as u64).unwrap() == text[from..]);
                // And back again.
                assert!(read_all(&mut content, 0).unwrap() == text);
                assert_eq!(content.head(100).unwrap(), &text[..100]);
            }
        }
    }

    #[test]
    fn a_packed_file_that_grows_is_read_on() {
        let text = text();
        for packed in [gzip(&text), zstd::encode_all(&text[..], 1).unwrap()] {
            let (mut file, mut content) = open(&packed[..10]);
            let mut read = Vec::new();
            for piece in packed[10..].chunks(packed.len() / 7) {
                read.extend(read_all(&mut content, read.len() as u64).unwrap());
                file.write_all(piece).unwrap();
            }
            read.extend(read_all(&mut content, read.len() as u64).unwrap());
            assert!(read == text);
            content.will_not_grow();
            assert_eq!(content.read(read.len() as u64, &mut Vec::new(), 10).unwrap(), Got::End);
        }
    }

    #[test]
    fn a_truncated_packed_file_gives_what_there_is_and_then_an_error() {
        let text = text();
        for packed in [gzip(&text), zstd::encode_all(&text[..], 1).unwrap()] {
            let (_file, mut content) = open(&packed[..packed.len() / 2]);
            content.will_not_grow();
            let mut read = Vec::new();
            let error = loop {
                let at = read.len() as u64;
                match content.read(at, &mut read, 10_000) {
                    Ok(Got::End) => panic!("no error"),
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
            assert!(read.len() > text.len() / 10 && text.starts_with(&read));
        }
    }

    #[test]
    fn a_file_is_known_by_its_mark() {
        let text = text();
        let mut passed = Passed::default();
        passed.push(&text[..500_000]);
        let mark = passed.mark();
        for bytes in [text.clone(), gzip(&text)] {
            assert!(open(&bytes).1.is_marked(&mark).unwrap());
        }
        let mut other = text.clone();
        other[499_990] ^= 1;
        assert!(!open(&other).1.is_marked(&mark).unwrap());
        other = text.clone();
        other[0] ^= 1;
        assert!(!open(&other).1.is_marked(&mark).unwrap());
        assert!(!open(&gzip(&other)).1.is_marked(&mark).unwrap());
        assert!(!open(&text[..499_999]).1.is_marked(&mark).unwrap());
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Content::open(directory.path(), &Arc::default()).is_err());
    }
}
