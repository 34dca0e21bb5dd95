//! How a file is known again: device and inode, and what it holds.

use std::fs::Metadata;
use std::num::NonZeroU64;
use std::os::unix::fs::MetadataExt;

use xxhash_rust::xxh3::xxh3_64;

/// How much of the beginning is kept as a fingerprint.
pub(super) const HEAD_BYTES: usize = 1024;
/// How much of what lies before a checkpoint is.
pub(super) const BEFORE_BYTES: usize = 256;

/// Where a file is on its device; the same after a rename.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Inode {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Inode {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// What makes the content that begins at a file's first byte another one than any that was read before; events are told
/// apart by it, for ever and elsewhere, so that it must never be taken for that of another.
///
/// Device and inode are not enough: both are used again. The time of creation is new then; where the file system knows none,
/// chance is, which the checkpoint keeps. What was truncated and written again is told by `generation`, and where nobody
/// has seen that happen by the first line, as far as the files of an application do not all begin with the same one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Birth {
    /// Where the content was first, whatever rotation does to it then.
    pub(super) inode: Inode,
    /// In nanoseconds; or by chance.
    pub(super) created: u64,
    /// How often what has this inode had begun anew before.
    pub(super) generation: u64,
}

/// How much of the first line counts.
const FIRST_LINE_BYTES: usize = 256;

/// Whether what is there of a file is enough to tell its [identity](Birth::identity), which growing does not change then.
pub(super) fn is_first_line_whole(first: &[u8]) -> bool {
    first.len() >= FIRST_LINE_BYTES || first.contains(&b'\n')
}

impl Birth {
    pub(super) fn of(metadata: &Metadata, generation: u64) -> Self {
        let since = metadata.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let created = since.map_or_else(chance, |since| since.as_nanos() as u64);
        Self { inode: Inode::of(metadata), created, generation }
    }

    /// The identity of what `first` is the beginning of, to the source of this name.
    pub(super) fn identity(self, source: &str, first: &[u8]) -> NonZeroU64 {
        let first = &first[..first.len().min(FIRST_LINE_BYTES)];
        let line = first.iter().position(|b| *b == b'\n').map_or(first, |end| &first[..end]);
        let mut told = Vec::with_capacity(source.len() + line.len() + 5 * size_of::<u64>());
        let numbers = [self.inode.device, self.inode.inode, self.created, self.generation];
        numbers.iter().for_each(|n| told.extend_from_slice(&n.to_le_bytes()));
        told.extend_from_slice(&(source.len() as u64).to_le_bytes());
        told.extend_from_slice(source.as_bytes());
        told.extend_from_slice(line);
        NonZeroU64::new(xxh3_64(&told)).unwrap_or(NonZeroU64::MIN)
    }
}

/// A number that is another one each time.
fn chance() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// The hash of some bytes, with their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Print {
    pub(super) bytes: u32,
    pub(super) hash: u64,
}

impl Print {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u32, hash: xxh3_64(bytes) }
    }

    pub(super) fn len(self) -> usize {
        self.bytes as usize
    }
}

/// A place in the decompressed content of a file, with what makes it known again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) offset: u64,
    /// Of the first bytes of the file, as many as were known.
    pub(super) head: Print,
    /// Of the bytes before `offset`.
    pub(super) before: Print,
}

impl Mark {
    /// With the head of a later mark, as long as this one is at the beginning and has none or a shorter one.
    pub(super) fn or_head_of(self, later: Self) -> Self {
        let learns = self.offset == 0 && later.head.bytes > self.head.bytes;
        Self { head: if learns { later.head } else { self.head }, ..self }
    }
}

/// What has gone by: the first bytes of a file and the last ones before a place in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Passed {
    head: Vec<u8>,
    head_print: Print,
    before: Vec<u8>,
    offset: u64,
}

impl Passed {
    /// At `offset`, with what is known of the file there.
    pub(super) fn new(offset: u64, head: Vec<u8>, before: Vec<u8>) -> Self {
        let head_print = if head.is_empty() { Print::default() } else { Print::of(&head) };
        Self { head, head_print, before, offset }
    }

    /// `bytes` follow.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let known = self.head.len() as u64;
        if known < HEAD_BYTES as u64 && known >= self.offset {
            let from = (known - self.offset) as usize;
            let new = bytes.get(from..).unwrap_or_default();
            let take = new.len().min(HEAD_BYTES - self.head.len());
            if take > 0 {
                self.head.extend_from_slice(&new[..take]);
                self.head_print = Print::of(&self.head);
            }
        }
        self.offset += bytes.len() as u64;
        match bytes.len().checked_sub(BEFORE_BYTES) {
            Some(skip) => {
                self.before.clear();
                self.before.extend_from_slice(&bytes[skip..]);
            }
            None => {
                let excess = (self.before.len() + bytes.len()).saturating_sub(BEFORE_BYTES);
                self.before.drain(..excess);
                self.before.extend_from_slice(bytes);
            }
        }
    }

    /// The last bytes.
    pub(super) fn before(&self) -> &[u8] {
        &self.before
    }

    /// The first bytes.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(super) fn mark(&self) -> Mark {
        let before = if self.before.is_empty() { Print::default() } else { Print::of(&self.before) };
        Mark { offset: self.offset, head: self.head_print, before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_same_however_the_bytes_came() {
        let bytes: Vec<u8> = (0..3000u32).flat_map(u32::to_le_bytes).collect();
        let at = |n: usize, step: usize| {
            let mut passed = Passed::default();
            bytes[..n].chunks(step).for_each(|c| passed.push(c));
            passed.mark()
        };
        for n in [0, 1, 255, 256, 257, 1023, 1024, 1025, 5000] {
            let whole = at(n, 100_000);
            assert_eq!(whole.head.len(), n.min(HEAD_BYTES));
            assert_eq!(whole.before.len(), n.min(BEFORE_BYTES));
            for step in [1, 7, 256, 1000] {
                assert_eq!(at(n, step), whole, "{n} by {step}");
            }
        }
    }

    #[test]
    fn an_identity_is_that_of_one_content_for_one_source() {
        let birth = Birth { inode: Inode { device: 1, inode: 2 }, created: 3, generation: 4 };
        let identity = birth.identity("a", b"first line\nsecond");
        assert_eq!(identity, birth.identity("a", b"first line\nsecond line\nthird"), "it has grown");
        let others = [
            Birth { inode: Inode { device: 2, inode: 2 }, ..birth },
            Birth { inode: Inode { device: 1, inode: 1 }, ..birth },
            Birth { created: 4, ..birth },
            Birth { generation: 5, ..birth },
        ];
        for other in others {
            assert_ne!(identity, other.identity("a", b"first line\nsecond"), "{other:?}");
        }
        assert_ne!(identity, birth.identity("b", b"first line\nsecond"));
        assert_ne!(identity, birth.identity("a", b"another line\nsecond"));
        assert_ne!(birth.identity("a", b"b"), birth.identity("ab", b""));
    }

    #[test]
    fn a_head_that_was_read_beforehand_is_not_taken_twice() {
        let bytes: Vec<u8> = (0..=255).cycle().take(2000).collect();
        let mut passed = Passed::new(100, bytes[..300].to_vec(), bytes[..100].to_vec());
        passed.push(&bytes[100..250]);
        passed.push(&bytes[250..]);
        assert_eq!(passed.head(), &bytes[..HEAD_BYTES]);
        assert_eq!(passed.before(), &bytes[2000 - BEFORE_BYTES..]);
    }
}
