//! The sessions of one stream.

use std::collections::BTreeMap;

/// One session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    /// The times of its first and last event, in nanoseconds.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) events: u64,
}

#[derive(Default)]
pub(crate) struct Sessions {
    /// The latest time that the stream has had.
    latest: i64,
    open: BTreeMap<String, Session>,
}

/// What a state begins with: its name and version.
const MAGIC: &[u8] = b"DSM1";
/// Length of the name, and three numbers.
const ENTRY: usize = 4 + 24;

impl Sessions {
    pub(crate) fn see(&mut self, name: &str, time: i64) {
        self.latest = self.latest.max(time);
        match self.open.get_mut(name) {
            Some(session) => {
                session.first = session.first.min(time);
                session.last = session.last.max(time);
                session.events += 1;
            }
            None => {
                self.open.insert(name.to_owned(), Session { first: time, last: time, events: 1 });
            }
        }
    }

    /// Takes out those that have ended, or all.
    pub(crate) fn ended(&mut self, idle: i64, all: bool) -> Vec<(String, Session)> {
        let before = self.latest.saturating_sub(idle);
        self.open.extract_if(.., |_, session| all || session.last < before).collect()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.latest.to_le_bytes());
        for (name, session) in &self.open {
            out.extend_from_slice(&(name.len() as u32).to_le_bytes());
            out.extend_from_slice(&session.first.to_le_bytes());
            out.extend_from_slice(&session.last.to_le_bytes());
            out.extend_from_slice(&session.events.to_le_bytes());
            out.extend_from_slice(name.as_bytes());
        }
        out
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (latest, mut rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        let mut sessions = Self { latest: i64::from_le_bytes(*latest), open: BTreeMap::new() };
        while !rest.is_empty() {
            let (entry, after) = rest.split_first_chunk::<ENTRY>()?;
            let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| entry[at + i]));
            let len = u32::from_le_bytes(std::array::from_fn(|i| entry[i])) as usize;
            let (name, after) = after.split_at_checked(len)?;
            let session = Session { first: number(4) as i64, last: number(12) as i64, events: number(20) };
            sessions.open.insert(std::str::from_utf8(name).ok()?.to_owned(), session);
            rest = after;
        }
        Some(sessions)
    }
}
