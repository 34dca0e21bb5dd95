//! One file that is being written.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use dendro_core::Stage;

use super::codec::{Codec, Member};
use dendro_core::storage::StorageFault as Fault;
use dendro_core::storage::{Storage, StoredFile};

/// A file that holds whole writes, and nothing behind them.
pub(super) struct Output {
    file: Box<dyn StoredFile>,
    /// Where it is now.
    pub(super) active: PathBuf,
    codec: Codec,
    /// Behind the last whole write.
    good: Mark,
    /// As far as it is known to be durable, or was when it was opened.
    synced: Mark,
    /// There may be something behind `good`.
    torn: bool,
    /// Whether the directories know it durably.
    named: bool,
    /// What was written since the last sync.
    pub(super) stage: Option<Stage>,
    /// Of the last write.
    pub(super) usage: Usage,
}

/// When a file was used.
#[derive(Clone, Copy, Default)]
pub(super) struct Usage {
    /// Which interval of rotation its content belongs to.
    pub(super) period: i64,
    /// A number that grows with each use.
    pub(super) tick: u64,
    /// The time of day, in nanoseconds.
    pub(super) nanos: i64,
}

#[derive(Clone)]
struct Mark {
    len: u64,
    member: Member,
}

impl Output {
    pub(super) fn new(
        file: Box<dyn StoredFile>,
        active: PathBuf,
        len: u64,
        codec: Codec,
        usage: Usage,
    ) -> Self {
        let mark = Mark { len, member: codec.member() };
        Self {
            file,
            active,
            codec,
            good: mark.clone(),
            synced: mark,
            torn: false,
            named: false,
            stage: None,
            usage,
        }
    }

    /// How long it is, as far as it is good.
    pub(super) fn len(&self) -> u64 {
        self.good.len
    }

    pub(super) fn is_plain(&self) -> bool {
        self.codec.is_plain()
    }

    /// Whether its path still leads to it.
    pub(super) fn is_there(&self) -> bool {
        // Where that can't be found out, a write will tell.
        self.file.is_at(&self.active).unwrap_or(true)
    }

    /// Appends all of the text, or leaves the file as it was.
    pub(super) fn append(&mut self, text: &[u8], scratch: &mut Vec<u8>) -> Result<(), Fault> {
        self.repair()?;
        let bytes = if self.codec.is_plain() {
            text
        } else {
            scratch.clear();
            self.codec.encode(text, scratch).map_err(Fault::new("compress", &self.active))?;
            &scratch[..]
        };
        self.put(bytes)?;
        self.codec.accept();
        self.good.member = self.codec.member();
        Ok(())
    }

    /// Makes what was written durable. After an error the file has to be [abandoned](Self::salvage).
    pub(super) fn sync(&mut self, storage: &dyn Storage, base: &Path) -> Result<(), Fault> {
        self.file.sync().map_err(Fault::new("sync", &self.active))?;
        if !self.named {
            sync_dirs(storage, &self.active, base)?;
            self.named = true;
        }
        self.synced = self.good.clone();
        Ok(())
    }

    /// Writes the end of the compressed member, so that the file is whole.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        self.repair()?;
        let mut end = Vec::new();
        self.codec.end(&self.good.member, &mut end);
        self.put(&end)?;
        self.codec.reset().map_err(Fault::new("compress", &self.active))?;
        self.good.member = self.codec.member();
        Ok(())
    }

    /// After a failed sync: cuts the file back to what is known to be in it, as far as that still works.
    pub(super) fn salvage(&mut self) {
        if self.file.truncate(self.synced.len).is_ok() {
            self.good = self.synced.clone();
            let mut end = Vec::new();
            self.codec.end(&self.good.member, &mut end);
            // The worst that can happen is a compressed file without its last bytes.
            let _ = self.put(&end);
        }
    }

    /// All of the bytes or none.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let result = write_all(&mut *self.file, bytes);
        match result {
            Ok(()) => self.good.len += bytes.len() as u64,
            Err(_) => {
                self.torn = true;
                // If it doesn't work now, it has to before anything else is written.
                let _ = self.repair();
            }
        }
        result.map_err(Fault::new("write", &self.active))
    }

    fn repair(&mut self) -> Result<(), Fault> {
        if self.torn {
            self.file.truncate(self.good.len).map_err(Fault::new("cut a torn line off", &self.active))?;
            self.torn = false;
        }
        Ok(())
    }
}

fn write_all(file: &mut dyn StoredFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The directory of a file and those above it, up to the one that holds the base: any of them may be new.
pub(super) fn sync_dirs(storage: &dyn Storage, file: &Path, base: &Path) -> Result<(), Fault> {
    for dir in file.ancestors().skip(1) {
        let dir_or_here = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        match storage.sync_dir(dir_or_here) {
            Ok(()) => {}
            // There are directories that one may write to and not open, and file systems that can't do this:
            // it is as durable as it can be.
            Err(e) if matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::InvalidInput) => {}
            Err(e) => return Err(Fault::new("sync the directory", dir_or_here)(e)),
        }
        if !dir.starts_with(base) || dir.as_os_str().is_empty() {
            break;
        }
    }
    Ok(())
}
