//! What the file source has stored: how far each file is settled.

use std::fs;
use std::path::Path;

use dendro_crash::Failure;
use xxhash_rust::xxh3::xxh3_64;

/// The settled bytes of each file; all of them where it was read to its end.
#[derive(Default)]
pub(crate) struct Checkpoints {
    files: Vec<Stored>,
    streams: Vec<String>,
}

struct Stored {
    /// Of the first bytes of the content: a file is known by them, since inodes are used again.
    head: (usize, u64),
    settled: u64,
}

impl Checkpoints {
    /// What is there; nothing if there is none.
    ///
    /// # Errors
    /// It is there and is no checkpoint file: then it was not replaced as a whole.
    pub(crate) fn read(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join("checkpoints/checkpoints.json");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Failure::io(path.display())(e)),
        };
        let wrong = || Failure::new(format!("{} is torn: `{text}`", path.display()));
        let (_, body) = text.split_once('\n').ok_or_else(wrong)?;
        let body: serde_json::Value = serde_json::from_str(body).map_err(|_| wrong())?;
        let mut found = Self::default();
        for file in body["files"].as_array().into_iter().flatten() {
            let hash = file["head"]["xxh3"].as_str().and_then(|hash| u64::from_str_radix(hash, 16).ok());
            let bytes = file["head"]["bytes"].as_u64().and_then(|bytes| bytes.try_into().ok());
            let head = (bytes.ok_or_else(wrong)?, hash.ok_or_else(wrong)?);
            let settled = match file["finished"].as_bool() {
                Some(true) => u64::MAX,
                _ => file["offset"].as_u64().ok_or_else(wrong)?,
            };
            found.files.push(Stored { head, settled });
            found.streams.extend(file["stream"].as_str().map(str::to_owned));
        }
        Ok(found)
    }

    /// How many bytes of the file that begins so are settled.
    pub(crate) fn settled(&self, head: &[u8]) -> u64 {
        let is_of = |stored: &&Stored| {
            let (bytes, hash) = stored.head;
            bytes > 0 && head.get(..bytes).is_some_and(|head| xxh3_64(head) == hash)
        };
        self.files.iter().filter(is_of).map(|stored| stored.settled).max().unwrap_or_default()
    }

    /// Whether it knows of the file that is written to as this.
    pub(crate) fn knows(&self, path: &Path) -> bool {
        self.streams.iter().any(|s| Path::new(s) == path)
    }
}
