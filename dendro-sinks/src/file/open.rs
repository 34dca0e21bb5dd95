//! Opening a file: a new one, or one that an earlier run has left, perhaps torn.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use dendro_core::Timestamp;

use super::codec::{Codec, is_whole};
use super::files::Files;
use super::output::{Output, Usage};
use super::rotate::rename_finished;
use crate::compression::Compression;
use dendro_core::storage::StorageFault as Fault;
use dendro_core::storage::StoredFile;

/// What every event begins with.
const BEGINNING: &[u8] = b"{\"timestamp\":\"";

impl Files {
    /// The name of a file while it is written.
    pub(super) fn active_path(&self, plain: &Path) -> PathBuf {
        if !self.options.atomic {
            return plain.to_owned();
        }
        let mut name = plain.as_os_str().to_owned();
        name.push(".partial");
        name.into()
    }

    pub(super) fn open_output(&mut self, plain: &Path, now: Timestamp) -> Result<Output, Fault> {
        let active = self.active_path(plain);
        let fault = |doing| Fault::new(doing, &active);
        let codec = Codec::new(self.options.compression).map_err(fault("compress"))?;
        let usage = Usage { period: self.period(now), tick: 0, nanos: now.as_nanos() };
        if let Some((file, len, modified)) = self.adopt(plain, &active, now)? {
            let usage = Usage { period: self.period(modified), ..usage };
            return Ok(Output::new(file, active, len, codec, usage));
        }
        if let Some(dir) = plain.parent().filter(|d| !d.as_os_str().is_empty()) {
            self.storage.create_dirs(dir, self.options.dir_mode).map_err(Fault::new("create", dir))?;
        }
        let file = self.storage.open(&active, Some(self.options.file_mode)).map_err(fault("create"))?;
        Ok(Output::new(file, active, 0, codec, usage))
    }

    /// The file that is there, with its length and when it was written, ready to be appended to. `None` if there is
    /// none, or none any more.
    fn adopt(&mut self, plain: &Path, active: &Path, now: Timestamp) -> Result<Option<Adopted>, Fault> {
        let mut file = match self.storage.open(active, None) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Fault::new("open", active)(e)),
        };
        let read = |e| Fault::new("read", active)(e);
        let mut len = file.size().map_err(read)?;
        let modified = file.modified().map_err(read)?;
        let known = self.clean.remove(active) == Some(len);
        match self.options.compression {
            Compression::None => match heal(&mut *file, len).map_err(read)? {
                Healed::Whole => {}
                Healed::Cut(new_len) => {
                    let cut = len - new_len;
                    self.notice(&format!("{}: cut off {cut} bytes of a torn last line", active.display()));
                    len = new_len;
                }
                Healed::Ended => {
                    self.notice(&format!("{}: the last line had no newline, now it has", active.display()));
                    len += 1;
                }
            },
            compression => {
                if len > 0 && !known && !is_whole(compression, Reading { file: &mut *file, at: 0 }) {
                    drop(file);
                    let aside = rename_finished(&*self.storage, active, plain, false, now)?;
                    let (active, aside) = (active.display(), aside.display());
                    self.notice(&format!(
                        "{active}: its end is torn; it is {aside} now, and another is begun"
                    ));
                    return Ok(None);
                }
            }
        }
        Ok(Some((file, len, modified)))
    }
}

type Adopted = (Box<dyn StoredFile>, u64, Timestamp);

enum Healed {
    Whole,
    /// To this length.
    Cut(u64),
    Ended,
}

/// Makes a file of lines end with a newline. What is behind the last one is cut off if it can be the beginning of
/// an event; what can't be one was not written by us, and nothing of it is lost.
fn heal(file: &mut dyn StoredFile, len: u64) -> io::Result<Healed> {
    const STEP: u64 = 64 << 10;
    let mut chunk = Vec::new();
    let mut end = len;
    let mut last_line = 0;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        chunk.resize((end - start) as usize, 0);
        read_exact_at(file, &mut chunk, start)?;
        if end == len && chunk.last() == Some(&b'\n') {
            return Ok(Healed::Whole);
        }
        if let Some(at) = chunk.iter().rposition(|b| *b == b'\n') {
            last_line = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    chunk.resize(BEGINNING.len().min((len - last_line) as usize), 0);
    read_exact_at(file, &mut chunk, last_line)?;
    if BEGINNING.starts_with(&chunk) {
        file.truncate(last_line)?;
        return Ok(Healed::Cut(last_line));
    }
    match file.write(b"\n")? {
        1 => Ok(Healed::Ended),
        _ => Err(ErrorKind::WriteZero.into()),
    }
}

fn read_exact_at(file: &mut dyn StoredFile, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.read_at(bytes, offset) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                bytes = bytes.get_mut(n..).unwrap_or_default();
                offset += n as u64;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// A file from its beginning.
struct Reading<'a> {
    file: &'a mut dyn StoredFile,
    at: u64,
}

impl io::Read for Reading<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(bytes, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}
