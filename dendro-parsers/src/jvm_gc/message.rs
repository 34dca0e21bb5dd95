//! What stands behind the decorations.

use std::ops::Range;

use super::quantities::{Change, billionths, nanos, size};

/// What a message tells, by places; lengths of time in nanoseconds, sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Message {
    pub(super) gc_id: Option<u64>,
    pub(super) collector: Option<Range<usize>>,
    /// What was done: `Pause Young`, `Concurrent Mark`, `Evacuate Collection Set`.
    pub(super) name: Option<Range<usize>>,
    pub(super) mode: Option<Range<usize>>,
    pub(super) cause: Option<Range<usize>>,
    pub(super) duration: Option<i64>,
    pub(super) heap: Option<Change>,
    pub(super) metaspace: Option<Metaspace>,
    /// User, system and real time.
    pub(super) cpu: Option<[i64; 3]>,
    pub(super) regions: Option<Regions>,
    pub(super) time_to_safepoint: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Metaspace {
    pub(super) before: Option<u64>,
    pub(super) after: u64,
    pub(super) committed: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Regions {
    pub(super) kind: Range<usize>,
    pub(super) before: u64,
    pub(super) after: u64,
    pub(super) target: Option<u64>,
}

/// What collectors call what they do.
const ACTIONS: [&str; 3] = ["Pause ", "Concurrent ", "Garbage Collection "];
/// ZGC by generation, from JDK 21 on.
const COLLECTIONS: [&str; 4] = ["Minor Collection", "Major Collection", "Young Generation", "Old Generation"];

impl Message {
    /// Reads what is known of the message from `at` on; `tags` are those of the line.
    pub(super) fn read(line: &[u8], at: usize, tags: &[u8]) -> Self {
        let mut this = Self::default();
        let at = this.read_id(line, at);
        let Some(text) = line.get(at..) else { return this };
        let blanks = text.iter().take_while(|byte| **byte == b' ').count();
        let (at, text) = (at + blanks, text.trim_ascii());
        if this.gc_id.is_none()
            && let Some(name) = text.strip_prefix(b"Using ")
            && name.first().is_some_and(u8::is_ascii_uppercase)
        {
            this.collector = Some(at + 6..at + text.len());
        } else if text.starts_with(b"User=") {
            this.cpu = cpu(text);
        } else if let Some(rest) = text.strip_prefix(b"Metaspace: ") {
            this.metaspace = metaspace(rest);
        } else if let Some(regions) = regions(text, at) {
            this.regions = Some(regions);
        } else if !this.read_safepoint(text, at) {
            this.read_timed(text, at, tags);
        }
        this
    }

    /// `GC(12) `: where what is behind begins.
    fn read_id(&mut self, line: &[u8], at: usize) -> usize {
        let id = || {
            let rest = line.get(at..)?.strip_prefix(b"GC(")?;
            let (id, len) = crate::numbers::leading_u64(rest)?;
            let space = usize::from(rest.get(len + 1) == Some(&b' '));
            (rest.get(len) == Some(&b')')).then_some((id, at + len + 4 + space))
        };
        match id() {
            Some((id, end)) => {
                self.gc_id = Some(id);
                end
            }
            None => at,
        }
    }

    /// What took a time, has changed the heap, or has a cause.
    fn read_timed(&mut self, text: &[u8], at: usize, tags: &[u8]) {
        if has_tag(tags, b"init") {
            // Settings, of which some are lengths of time.
            return;
        }
        let mut rest = text;
        let last = last_word(rest);
        if (last.ends_with(b"ms") || (last.ends_with(b"s") && last.contains(&b'.')))
            && let Some(nanos) = nanos(last)
        {
            self.duration = Some(nanos);
            rest = before(rest, last);
        }
        let is_action = starts_with_one_of(rest, &ACTIONS) || starts_with_one_of(rest, &COLLECTIONS);
        let last = last_word(rest);
        if is_action
            && let Some((change, len)) = Change::read(last)
            && len == last.len()
        {
            self.heap = Some(change);
            rest = before(rest, last);
        }
        let rest = rest.strip_suffix(b":").unwrap_or(rest);
        let known =
            is_action || self.duration.is_some() || has_tag(tags, b"phases") || has_tag(tags, b"start");
        if !known || rest.is_empty() {
            return;
        }
        let name = rest.windows(2).position(|pair| pair == b" (").unwrap_or(rest.len());
        self.name = Some(at..at + name);
        if is_action {
            let mut groups = Groups { text: rest, at: name + 1 };
            let first = groups.next().map(|group| at + group.start..at + group.end);
            let second = groups.next().map(|group| at + group.start..at + group.end);
            (self.mode, self.cause) = if second.is_some() { (first, second) } else { (None, first) };
        }
    }

    /// The lines of the tag `safepoint`, from JDK 14 on and before.
    fn read_safepoint(&mut self, text: &[u8], at: usize) -> bool {
        let behind = |label: &[u8]| {
            let found = memchr::memmem::find(text, label)? + label.len();
            let (value, len) = billionths(text.get(found..)?)?;
            let unit = text.get(found + len..)?;
            let nanos = if unit.starts_with(b" ns") { value / 1_000_000_000 } else { value };
            i64::try_from(nanos).ok()
        };
        if let Some(rest) = text.strip_prefix(b"Safepoint \"")
            && let Some(len) = memchr::memchr(b'"', rest)
        {
            self.name = Some(at..at + 9);
            self.cause = Some(at + 11..at + 11 + len);
            self.time_to_safepoint = behind(b"Reaching safepoint: ");
            self.duration = behind(b"Total: ");
            return true;
        }
        if text.starts_with(b"Total time for which application threads were stopped: ") {
            self.duration = behind(b"stopped: ");
            self.time_to_safepoint = behind(b"Stopping threads took: ");
        } else if text.starts_with(b"Application time: ") {
            self.duration = behind(b"time: ");
        } else {
            return false;
        }
        let name = memchr::memchr(b':', text).unwrap_or(text.len());
        self.name = Some(at..at + name);
        true
    }
}

pub(super) fn has_tag(tags: &[u8], tag: &[u8]) -> bool {
    tags.split(|byte| *byte == b',').any(|other| other == tag)
}

fn starts_with_one_of(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| text.starts_with(word.as_bytes()))
}

fn last_word(text: &[u8]) -> &[u8] {
    let start = memchr::memrchr(b' ', text).map_or(0, |space| space + 1);
    text.get(start..).unwrap_or_default()
}

/// What stands before the last word.
fn before<'a>(text: &'a [u8], last: &[u8]) -> &'a [u8] {
    text.get(..text.len() - last.len()).unwrap_or_default().trim_ascii_end()
}

/// The texts in brackets one behind the other, brackets within them balanced.
struct Groups<'a> {
    text: &'a [u8],
    at: usize,
}

impl Iterator for Groups<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..)?;
        // Lengths of time in brackets, as JDK 9 has them behind concurrent phases, are no cause.
        if rest.first() != Some(&b'(') || rest.get(1).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let mut depth = 0;
        for (len, byte) in rest.iter().enumerate() {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let group = self.at + 1..self.at + len;
                self.at += len + 2;
                return Some(group);
            }
        }
        None
    }
}

/// `User=0.01s Sys=0.00s Real=0.04s`.
fn cpu(text: &[u8]) -> Option<[i64; 3]> {
    let mut words = text.split(|byte| *byte == b' ');
    let mut next = |name: &[u8]| nanos(words.next()?.strip_prefix(name)?);
    Some([next(b"User=")?, next(b"Sys=")?, next(b"Real=")?])
}

/// `128K(320K)->128K(320K) ..`, `3604K->3604K(1056768K)` or `0M used, 0M committed, 1088M reserved`.
fn metaspace(text: &[u8]) -> Option<Metaspace> {
    if let Some((change, _)) = Change::read(text) {
        // One bracket alone is what was reserved.
        let committed =
            change.capacity.filter(|_| size(text).is_some_and(|(_, len)| text.get(len) == Some(&b'(')));
        return Some(Metaspace { before: Some(change.before), after: change.after, committed });
    }
    let (used, len) = size(text)?;
    let rest = text.get(len..)?.strip_prefix(b" used, ")?;
    let (committed, len) = size(rest)?;
    let is_committed = rest.get(len..)?.starts_with(b" committed");
    Some(Metaspace { before: None, after: used, committed: is_committed.then_some(committed) })
}

/// `Eden regions: 6->0(5)`.
fn regions(text: &[u8], at: usize) -> Option<Regions> {
    let name = memchr::memchr(b' ', text)?;
    let rest = text.get(name..)?.strip_prefix(b" regions: ")?;
    let (before, len) = crate::numbers::leading_u64(rest)?;
    let rest = rest.get(len..)?.strip_prefix(b"->")?;
    let (after, len) = crate::numbers::leading_u64(rest)?;
    let target =
        rest.get(len..)?.strip_prefix(b"(").and_then(crate::numbers::leading_u64).map(|(target, _)| target);
    Some(Regions { kind: at..at + name, before, after, target })
}
