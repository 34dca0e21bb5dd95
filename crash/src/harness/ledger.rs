//! What a destination has so far, by record.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use dendro_crash::Failure;

/// How often each record of each stream has arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    streams: Vec<Vec<u16>>,
    pub(crate) arrivals: u64,
    /// Those that had not come before.
    pub(crate) different: u64,
}

impl Ledger {
    /// Notes what each line names.
    pub(crate) fn note_lines(&mut self, lines: &[u8]) {
        for line in lines.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            self.note(line);
        }
    }

    /// Notes an arrival, by the name in the text; false if there is none in it.
    pub(crate) fn note(&mut self, text: &[u8]) -> bool {
        let Some((stream, number)) = name(text) else { return false };
        if stream > 1_000 || number > 100_000_000 {
            return false;
        }
        if self.streams.len() <= stream {
            self.streams.resize_with(stream + 1, Vec::new);
        }
        let records = &mut self.streams[stream];
        if records.len() <= number {
            records.resize(number + 1, 0);
        }
        self.different += u64::from(records[number] == 0);
        records[number] = records[number].saturating_add(1);
        self.arrivals += 1;
        true
    }

    /// How often it has arrived.
    pub(crate) fn count(&self, stream: usize, number: u64) -> u16 {
        let records = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        usize::try_from(number).ok().and_then(|n| records.get(n)).copied().unwrap_or_default()
    }
}

/// The first `~s<stream>.<number>~` of a text.
pub(crate) fn name(text: &[u8]) -> Option<(usize, usize)> {
    let at = text.windows(2).position(|w| w == b"~s")?;
    let rest = text.get(at + 2..at + 42).or_else(|| text.get(at + 2..))?;
    let end = rest.iter().position(|b| *b == b'~')?;
    let (stream, number) = std::str::from_utf8(rest.get(..end)?).ok()?.split_once('.')?;
    Some((stream.parse().ok()?, number.parse().ok()?))
}

/// A folder of files of lines that another process appends to and puts aside under other names.
pub(crate) struct Followed {
    dir: PathBuf,
    /// How far each file was read, by inode.
    read: HashMap<u64, u64>,
    pub(crate) ledger: Ledger,
}

impl Followed {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, read: HashMap::new(), ledger: Ledger::default() }
    }

    /// The files, those that were written last at the end.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, Failure> {
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Failure::io(self.dir.display())(e)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(Failure::io(self.dir.display()))?.path();
            // One that is put aside meanwhile has another name the next time.
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            files.push((metadata.modified().map_err(Failure::io(path.display()))?, path));
        }
        files.sort();
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }

    /// Reads the whole lines that have come. What was cut back and written anew is counted again.
    pub(crate) fn read_on(&mut self) -> Result<(), Failure> {
        for path in self.files()? {
            let shown = path.display();
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => return Err(Failure::io(shown)(e)),
            };
            let metadata = file.metadata().map_err(Failure::io(&shown))?;
            let at = self.read.entry(metadata.ino()).or_default();
            *at = metadata.len().min(*at);
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(*at))
                .and_then(|_| file.read_to_end(&mut bytes))
                .map_err(Failure::io(&shown))?;
            let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
            self.ledger.note_lines(&bytes[..whole]);
            *at += whole as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_nothing_else() {
        assert_eq!(name(b"{\"path\":\"/item/~s3.17~\"}"), Some((3, 17)));
        for text in ["", "~s", "~s1~", "~s1.~", "~sx.1~", "~s1.2"] {
            assert_eq!(name(text.as_bytes()), None, "{text}");
        }
    }
}
