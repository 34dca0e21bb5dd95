//! What was written to the logs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::formats::{Expected, Format};

/// The byte behind each record.
const SEPARATOR: u8 = 0x1e;

/// Which record: its stream, and its number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) stream: u32,
    pub(crate) number: u64,
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "~s{}.{}~", self.stream, self.number)
    }
}

impl Id {
    /// The first name of a record in a text.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let mut rest = text;
        while let Some(at) = rest.find("~s") {
            rest = rest.get(at + 2..)?;
            let parts = rest.split_once('~').and_then(|(name, _)| name.split_once('.'));
            let numbers = parts.map(|(stream, number)| (stream.parse(), number.parse()));
            if let Some((Ok(stream), Ok(number))) = numbers {
                return Some(Self { stream, number });
            }
        }
        None
    }
}

/// A record, and what has to become of it.
pub(crate) struct Record {
    pub(crate) text: String,
    pub(crate) expected: Expected,
}

pub(crate) struct Input {
    pub(crate) records: BTreeMap<Id, Record>,
}

impl Input {
    pub(crate) fn read(dir: &Path, format: Format) -> Result<Self, String> {
        let mut records = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))? {
            let path = entry.map_err(|e| e.to_string())?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            let stream = name.strip_prefix('s').and_then(|n| n.parse().ok());
            let stream = stream.ok_or_else(|| format!("{} is not named like a stream", path.display()))?;
            let bytes = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let text = String::from_utf8(bytes).map_err(|_| format!("{}: no UTF-8", path.display()))?;
            for (number, text) in text.split_terminator(char::from(SEPARATOR)).enumerate() {
                let id = Id { stream, number: number as u64 };
                if Id::find(text) != Some(id) {
                    return Err(format!("record {id} of the input is named otherwise: `{text}`"));
                }
                records.insert(id, Record { text: text.to_owned(), expected: format.read(text) });
            }
        }
        if records.is_empty() { Err("there is no input".to_owned()) } else { Ok(Self { records }) }
    }
}
