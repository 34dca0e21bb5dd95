//! What is remembered of each file, and its form on disk.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dendro_core::Snapshot;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::FileId;
use super::identity::{BEFORE_BYTES, Birth, HEAD_BYTES, Inode, Mark, Print};

/// The version of the form on disk.
const VERSION: u64 = 1;

/// One file, as far as it has been settled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The name under which it was first read.
    pub(super) stream: Arc<str>,
    /// Where it was seen last.
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    pub(super) mark: Mark,
    /// When it was last written to, in nanoseconds.
    pub(super) modified: i64,
    /// Whether its name belongs to another file by now and it was read to its end.
    pub(super) finished: bool,
    /// Since when it has not been found, in seconds.
    pub(super) gone_since: Option<u64>,
    /// What its positions count in; `None` until something was read.
    pub(super) identity: Option<NonZeroU64>,
    pub(super) birth: Birth,
}

/// All that is remembered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Book {
    pub(super) files: BTreeMap<FileId, Entry>,
    /// The state of transforms, for each stream.
    pub(super) snapshots: BTreeMap<Arc<str>, Vec<Snapshot>>,
    next_id: u64,
}

impl Book {
    pub(super) fn next_id(&mut self) -> FileId {
        self.next_id += 1;
        FileId(self.next_id)
    }

    pub(super) fn put(&mut self, id: FileId, entry: Entry) {
        self.next_id = self.next_id.max(id.0);
        self.files.insert(id, entry);
    }

    pub(super) fn forget(&mut self, id: FileId) {
        let Some(entry) = self.files.remove(&id) else { return };
        if !self.files.values().any(|e| e.stream == entry.stream) {
            self.snapshots.remove(&entry.stream);
        }
    }

    /// Takes over the states that have come with a settlement; what a transform has not told anew stays.
    pub(super) fn take_snapshots(&mut self, stream: &Arc<str>, told: Vec<Snapshot>) {
        if told.is_empty() {
            return;
        }
        let kept = self.snapshots.entry(stream.clone()).or_default();
        for snapshot in told {
            match kept.iter_mut().find(|s| s.component == snapshot.component) {
                Some(slot) => *slot = snapshot,
                None => kept.push(snapshot),
            }
        }
    }

    /// The form on disk: a line with version and checksum, and a line with the rest.
    pub(super) fn encode(&self) -> Vec<u8> {
        let files: Vec<Value> = self.files.values().map(entry_to_json).collect();
        let streams: Vec<Value> = self
            .snapshots
            .iter()
            .map(|(stream, snapshots)| {
                let snapshots: Vec<Value> = snapshots
                    .iter()
                    .map(|s| json!({ "component": s.component, "state": hex(&s.state) }))
                    .collect();
                json!({ "stream": &**stream, "snapshots": snapshots })
            })
            .collect();
        let body = json!({ "files": files, "streams": streams }).to_string();
        sealed(body.as_bytes())
    }

    /// Reads the form on disk.
    ///
    /// # Errors
    /// What is wrong with it. Fields that it does not know are skipped, files that it can't read are too.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
        let (head, body) = text.split_once('\n').ok_or("it has no first line")?;
        let head: Value =
            serde_json::from_str(head).map_err(|e| format!("its first line is not JSON ({e})"))?;
        let version = head["dendro_checkpoints"].as_u64().ok_or("it has no version")?;
        if version > VERSION {
            return Err(format!("its version is {version}, this program knows up to {VERSION}"));
        }
        let body = body.trim_end_matches('\n');
        if head["xxh3"].as_str() != Some(&format!("{:016x}", xxh3_64(body.as_bytes()))) {
            return Err("its checksum is wrong".to_owned());
        }
        let body: Value =
            serde_json::from_str(body).map_err(|e| format!("its second line is not JSON ({e})"))?;
        let mut book = Self::default();
        for entry in body["files"].as_array().into_iter().flatten().filter_map(entry_from_json) {
            let id = book.next_id();
            book.files.insert(id, entry);
        }
        for stream in body["streams"].as_array().into_iter().flatten() {
            let Some(name) = stream["stream"].as_str() else { continue };
            let snapshots = stream["snapshots"].as_array().into_iter().flatten();
            let snapshots = snapshots.filter_map(|s| {
                Some(Snapshot {
                    component: s["component"].as_str()?.to_owned(),
                    state: unhex(s["state"].as_str()?)?,
                })
            });
            book.snapshots.insert(name.into(), snapshots.collect());
        }
        Ok(book)
    }
}

/// A body as it stands on disk.
fn sealed(body: &[u8]) -> Vec<u8> {
    let sum = format!("{:016x}", xxh3_64(body));
    let head = json!({ "dendro_checkpoints": VERSION, "xxh3": sum }).to_string();
    [head.as_bytes(), b"\n", body, b"\n"].concat()
}

/// For fuzzing: a body that is whatever someone has written to the disk, under a checksum that is right.
pub fn check(body: &[u8]) {
    let _ = Book::decode(body);
    let Ok(book) = Book::decode(&sealed(body)) else { return };
    for entry in book.files.values() {
        let Mark { offset, head, before } = entry.mark;
        assert!(head.len() <= HEAD_BYTES && before.len() <= BEFORE_BYTES && before.len() as u64 <= offset);
    }
    assert!(Book::decode(&book.encode()).is_ok_and(|again| again == book), "what is written is read again");
}

fn entry_to_json(entry: &Entry) -> Value {
    let print = |p: Print| json!({ "bytes": p.bytes, "xxh3": format!("{:016x}", p.hash) });
    json!({
        "stream": &*entry.stream,
        "path": path_to_json(&entry.path),
        "device": entry.inode.device,
        "inode": entry.inode.inode,
        "offset": entry.mark.offset,
        "head": print(entry.mark.head),
        "before": print(entry.mark.before),
        "modified_ns": entry.modified,
        "finished": entry.finished,
        "gone_since": entry.gone_since,
        "identity": entry.identity.map(|identity| format!("{identity:016x}")),
        "birth": {
            "device": entry.birth.inode.device,
            "inode": entry.birth.inode.inode,
            "created_ns": entry.birth.created,
            "generation": entry.birth.generation,
        },
    })
}

fn entry_from_json(value: &Value) -> Option<Entry> {
    // What is no longer than it ever is: so much is read of a file to compare.
    let print = |v: &Value, most: u64| {
        Some(Print {
            bytes: u32::try_from(v["bytes"].as_u64().filter(|bytes| *bytes <= most)?).ok()?,
            hash: u64::from_str_radix(v["xxh3"].as_str()?, 16).ok()?,
        })
    };
    let offset = value["offset"].as_u64().filter(|offset| *offset <= i64::MAX as u64)?;
    let birth = |name: &str| value["birth"][name].as_u64();
    Some(Entry {
        stream: value["stream"].as_str()?.into(),
        path: path_from_json(&value["path"])?,
        inode: Inode { device: value["device"].as_u64()?, inode: value["inode"].as_u64()? },
        mark: Mark {
            offset,
            head: print(&value["head"], HEAD_BYTES as u64)?,
            before: print(&value["before"], offset.min(BEFORE_BYTES as u64))?,
        },
        modified: value["modified_ns"].as_i64().unwrap_or_default(),
        finished: value["finished"].as_bool().unwrap_or_default(),
        gone_since: value["gone_since"].as_u64(),
        identity: value["identity"]
            .as_str()
            .and_then(|text| u64::from_str_radix(text, 16).ok()?.try_into().ok()),
        birth: Birth {
            inode: Inode { device: birth("device")?, inode: birth("inode")? },
            created: birth("created_ns")?,
            generation: birth("generation")?,
        },
    })
}

/// As text where it is text, else in hexadecimal.
fn path_to_json(path: &Path) -> Value {
    match path.to_str() {
        Some(text) => json!(text),
        None => json!({ "hex": hex(path.as_os_str().as_bytes()) }),
    }
}

fn path_from_json(value: &Value) -> Option<PathBuf> {
    match value.as_str() {
        Some(text) => Some(text.into()),
        None => Some(OsString::from_vec(unhex(value["hex"].as_str()?)?).into()),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|p| Some((digit(*p.first()?)? << 4 | digit(*p.get(1)?)?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn book() -> Book {
        let mut book = Book::default();
        let paths =
            [PathBuf::from("/var/log/a.log"), OsString::from_vec(b"/var/log/\xff.log".to_vec()).into()];
        for path in paths {
            let id = book.next_id();
            let entry = Entry {
                stream: path.to_string_lossy().into(),
                path,
                inode: Inode { device: 1, inode: u64::MAX },
                mark: Mark { offset: 17, head: Print::of(b"head"), before: Print::of(b"before") },
                modified: -5,
                finished: true,
                gone_since: Some(3),
                identity: NonZeroU64::new(0xfeed),
                birth: Birth { inode: Inode { device: 1, inode: 7 }, created: u64::MAX, generation: 2 },
            };
            book.files.insert(id, entry);
        }
        let state = Snapshot { component: "csv".into(), state: vec![0, 255, 16] };
        book.take_snapshots(&"/var/log/a.log".into(), vec![state]);
        book
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(Book::decode(&book().encode()).unwrap(), book());
    }

    #[test]
    fn every_damage_is_an_error_and_never_a_panic() {
        let good = book().encode();
        for at in 0..good.len() {
            for bit in [1, 4, 128] {
                let mut bad = good.clone();
                bad[at] ^= bit;
                if let Ok(read) = Book::decode(&bad) {
                    assert_eq!(read, book(), "byte {at}");
                }
            }
            assert!(Book::decode(&good[..at]).is_err() || at + 1 == good.len());
        }
    }

    #[test]
    fn an_entry_that_no_file_can_have_is_left_out() {
        let good = book().encode();
        let good = String::from_utf8(good).unwrap();
        let body = good.split_once('\n').unwrap().1.trim_end();
        for (was, is) in [
            // Before the beginning of the file, and more than is ever read at once.
            ("\"offset\":17", "\"offset\":3"),
            ("\"offset\":17", "\"offset\":18446744073709551615"),
            ("\"bytes\":4", "\"bytes\":4294967295"),
            ("\"bytes\":6", "\"bytes\":257"),
            ("\"bytes\":6", "\"bytes\":-1"),
            ("\"device\":1", "\"device\":1.5"),
        ] {
            let bad = body.replace(was, is);
            assert_ne!(bad, body, "{was}");
            let read = Book::decode(&sealed(bad.as_bytes())).unwrap();
            assert!(read.files.is_empty() && !read.snapshots.is_empty(), "{is}");
        }
    }

    #[test]
    fn unknown_fields_are_skipped_and_newer_versions_refused() {
        let body = r#"{"files":[{"what":1}],"new":2}"#;
        let sum = format!("{:016x}", xxh3_64(body.as_bytes()));
        let file = |v: u32| format!("{{\"dendro_checkpoints\":{v},\"xxh3\":\"{sum}\",\"x\":0}}\n{body}\n");
        assert_eq!(Book::decode(file(1).as_bytes()).unwrap(), Book::default());
        assert!(Book::decode(file(2).as_bytes()).unwrap_err().contains("version is 2"));
    }

    #[test]
    fn a_state_that_was_not_told_anew_stays() {
        let mut book = book();
        let stream: Arc<str> = "/var/log/a.log".into();
        book.take_snapshots(&stream, vec![Snapshot { component: "other".into(), state: vec![] }]);
        book.take_snapshots(&stream, vec![Snapshot { component: "csv".into(), state: vec![9] }]);
        let states: Vec<_> =
            book.snapshots[&stream].iter().map(|s| (s.component.as_str(), s.state.clone())).collect();
        assert_eq!(states, [("csv", vec![9]), ("other", vec![])]);
    }
}
