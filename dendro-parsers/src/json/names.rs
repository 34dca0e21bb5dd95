//! The names of records that are all alike.

use dendro_core::Key;

/// Remembers which name came after which, as it stood in the text with all its punctuation, so that a record like the ones
/// before costs a comparison for each name, and the names are looked up once a batch.
///
/// For the events of one batch: [`begin_event`](Self::begin_event) tells where a new one begins.
#[derive(Clone, Debug, Default)]
pub struct Names {
    entries: Vec<Entry>,
    text: Vec<u8>,
    /// By key: the entry that was learned last, plus one.
    of_key: Vec<u16>,
    /// Where a name is put together.
    pub(super) joined: String,
    forgetful: bool,
    /// Of the objects that are open, the innermost last.
    open: Vec<Key>,
    /// By key: the object in which it was seen last.
    seen: Vec<u32>,
    object: u32,
}

/// A name in its place.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The text: what is before the quote, the name in quotes, the colon and the white space around it.
    start: u32,
    len: u8,
    /// What the reader has noted for it.
    note: u8,
    key: Key,
    place: Place,
    /// The entries that came after it: the one before last first.
    next: [u16; 2],
    /// Another entry with the same key, plus one.
    other: u16,
}

/// Where a name stands: as the first of its object or not, and in which one where that makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Whether nothing is before it in its object.
    pub(super) first: bool,
    /// The object, where names are joined.
    pub(super) within: Option<Key>,
}

/// A name that was found again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) entry: u16,
    pub(super) key: Key,
    pub(super) note: u8,
    /// Behind its text, where the value begins.
    pub(super) end: usize,
}

/// No entry, or the one before the first.
pub(super) const NONE: u16 = u16::MAX;
/// A log with more different names than that gains nothing from remembering them.
const MAX_ENTRIES: usize = 4_096;
const MAX_LEN: usize = 128;
/// So many entries of one key are looked through.
const MAX_OTHERS: usize = 8;

impl Names {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ones that remember nothing.
    pub(super) fn forgetful() -> Self {
        Self { forgetful: true, ..Self::default() }
    }

    /// Forgets all: another batch begins, which has its own keys.
    pub fn begin_batch(&mut self) {
        self.entries.clear();
        self.text.clear();
        self.of_key.clear();
    }

    /// Another event of the batch begins, which knows so many names: [`EventWriter::key_count`](dendro_core::EventWriter::key_count).
    #[inline]
    pub fn begin_event(&mut self, key_count: usize) {
        self.open.clear();
        // The batch has forgotten those of a refused event.
        if self.of_key.len() > key_count {
            self.begin_batch();
        }
    }

    /// How many keys the objects have that are open.
    #[inline(always)]
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// The innermost object has this key.
    #[inline(always)]
    pub(super) fn push(&mut self, key: Key) {
        self.open.push(key);
    }

    /// The innermost object ends, whose keys begin at `start`.
    #[inline(always)]
    pub(super) fn close(&mut self, start: usize) {
        self.open.truncate(start);
    }

    /// Whether a key of the innermost object has come twice.
    pub(super) fn is_repeated(&mut self, start: usize) -> bool {
        if self.object == u32::MAX {
            self.seen.clear();
            self.object = 0;
        }
        self.object += 1;
        let Self { open, seen, object, .. } = self;
        open.get(start..).unwrap_or_default().iter().any(|key| {
            let index = key.index();
            if seen.len() <= index {
                seen.resize(index + 1, 0);
            }
            std::mem::replace(&mut seen[index], *object) == *object
        })
    }

    /// The name at `at`, if it is one that came after `after` before.
    #[inline(always)]
    pub(super) fn find(&self, text: &[u8], at: usize, after: u16, place: Place) -> Option<Known> {
        let next = match self.entries.get(usize::from(after)) {
            Some(entry) => entry.next,
            // At the beginning of a record: the first there ever was.
            None => [0, NONE],
        };
        self.is_at(next[1], text, at, place).or_else(|| self.is_at(next[0], text, at, place))
    }

    #[inline(always)]
    fn is_at(&self, index: u16, text: &[u8], at: usize, place: Place) -> Option<Known> {
        let entry = self.entries.get(usize::from(index))?;
        let end = at + usize::from(entry.len);
        let same = entry.place == place && text.get(at..end)? == self.text.get(entry.range())?;
        same.then_some(Known { entry: index, key: entry.key, note: entry.note, end })
    }

    /// Remembers the text of a name as one that comes after `after`. Gives the
    /// entry, [`NONE`] if there is no room for it.
    #[cold]
    pub(super) fn learn(&mut self, learned: Learned<'_>, after: u16) -> u16 {
        let entry = self.find_learned(&learned).unwrap_or_else(|| self.add(&learned));
        if let Some(before) = self.entries.get_mut(usize::from(after))
            && entry != NONE
            && before.next[1] != entry
        {
            before.next = [before.next[1], entry];
        }
        entry
    }

    fn find_learned(&self, learned: &Learned<'_>) -> Option<u16> {
        let mut index = *self.of_key.get(learned.key.index())?;
        for _ in 0..MAX_OTHERS {
            let entry = self.entries.get(usize::from(index.checked_sub(1)?))?;
            if entry.place == learned.place && self.text.get(entry.range()) == Some(learned.text) {
                return Some(index - 1);
            }
            index = entry.other;
        }
        None
    }

    fn add(&mut self, learned: &Learned<'_>) -> u16 {
        if self.forgetful || self.entries.len() == MAX_ENTRIES || learned.text.len() > MAX_LEN {
            return NONE;
        }
        let key = learned.key.index();
        if self.of_key.len() <= key {
            self.of_key.resize(key + 1, 0);
        }
        let index = self.entries.len() as u16;
        let other = std::mem::replace(&mut self.of_key[key], index + 1);
        self.entries.push(Entry {
            start: self.text.len() as u32,
            len: learned.text.len() as u8,
            note: learned.note,
            key: learned.key,
            place: learned.place,
            next: [NONE; 2],
            other,
        });
        self.text.extend_from_slice(learned.text);
        index
    }
}

/// What is to be remembered of a name.
#[derive(Clone, Debug)]
pub(super) struct Learned<'a> {
    /// With its punctuation.
    pub(super) text: &'a [u8],
    pub(super) key: Key,
    pub(super) place: Place,
    pub(super) note: u8,
}

impl Entry {
    #[inline]
    fn range(&self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + usize::from(self.len)
    }
}
