//! The decorations of unified logging: what stands in brackets before the message.

use std::ops::Range;

use super::quantities::nanos;
use crate::timestamp::{Reading, leading_iso};

/// The decorations of a line. HotSpot prints those that were chosen always in the same order: time, UTC time, uptime, milliseconds
/// since 1970, milliseconds of uptime, nanoseconds, nanoseconds of uptime, host, process, thread, level, tags.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Decorations {
    pub(super) time: Option<Reading>,
    /// In nanoseconds.
    pub(super) uptime: Option<i64>,
    pub(super) hostname: Option<Range<usize>>,
    pub(super) pid: Option<u64>,
    pub(super) tid: Option<u64>,
    pub(super) level: Option<Range<usize>>,
    pub(super) tags: Option<Range<usize>>,
    has_nanos: bool,
    /// Where the message begins; 0 if there are no decorations.
    pub(super) end: usize,
}

/// Milliseconds from here on are counted from 1970, less are uptime: more than three years of it.
const EPOCH_MILLIS: i64 = 100_000_000_000;
/// No decoration is longer.
const MOST: usize = 300;

impl Decorations {
    pub(super) fn read(line: &[u8]) -> Self {
        let mut this = Self::default();
        let mut at = 0;
        while line.get(at) == Some(&b'[') {
            let inner = line.get(at + 1..).unwrap_or_default();
            let Some(len) = inner.iter().take(MOST).position(|byte| *byte == b']') else { break };
            let text = inner.get(..len).unwrap_or_default();
            let padding = text.iter().rev().take_while(|byte| **byte == b' ').count();
            if !this.take(line, at + 1..at + 1 + len - padding) {
                break;
            }
            at += len + 2;
        }
        this.end = at + usize::from(at > 0 && line.get(at) == Some(&b' '));
        this
    }

    /// Notes what it is; `false` if it can't be one, at this place.
    fn take(&mut self, line: &[u8], range: Range<usize>) -> bool {
        let Some(text) = line.get(range.clone()) else { return false };
        if text.is_empty() || self.tags.is_some() {
            return false;
        }
        match text {
            b"error" | b"warning" | b"info" | b"debug" | b"trace" if self.level.is_none() => {
                self.level = Some(range);
                return true;
            }
            _ => {}
        }
        if self.level.is_some()
            || matches!(text, [b'g', b'c'] | [b'g', b'c', b',', ..])
            || text.starts_with(b"safepoint")
        {
            let of_tags = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b',' | b'_');
            if text.iter().all(of_tags) {
                self.tags = Some(range);
                return true;
            }
            return false;
        }
        if let Some((reading, len)) = leading_iso(text)
            && len == text.len()
        {
            // The second one is the same in UTC.
            self.time = self.time.or(Some(reading));
            return true;
        }
        if let Some((number, len)) = crate::numbers::leading_u64(text)
            && len == text.len()
        {
            return self.take_id(number);
        }
        match nanos(text) {
            Some(nanos) => self.take_length(text, nanos),
            None if self.hostname.is_none() && self.pid.is_none() && text.iter().all(may_be_of_host) => {
                self.hostname = Some(range);
                true
            }
            None => false,
        }
    }

    /// Whether there is nothing by which a line of a JVM can be told: a word in brackets is what many programs write.
    pub(super) fn say_little(&self) -> bool {
        let said =
            self.time.is_some() || self.uptime.is_some() || self.level.is_some() || self.tags.is_some();
        !said && self.pid.is_none()
    }

    fn take_id(&mut self, number: u64) -> bool {
        let free = if self.pid.is_none() { &mut self.pid } else { &mut self.tid };
        free.replace(number).is_none()
    }

    /// Times in milliseconds may count from 1970. Nanoseconds count from whenever, unless they are the uptime, which comes
    /// last; those that stand alone are taken for it.
    fn take_length(&mut self, text: &[u8], nanos: i64) -> bool {
        let in_nanos = text.ends_with(b"ns");
        if text.ends_with(b"ms") && nanos / 1_000_000 >= EPOCH_MILLIS {
            let epoch = Some(dendro_core::Timestamp::from_nanos(nanos));
            self.time = self.time.or(Some(Reading { epoch, ..Reading::default() }));
        } else if self
            .uptime
            .is_none_or(|uptime| in_nanos && (self.has_nanos || nanos.abs_diff(uptime) < 1_000_000_000))
        {
            self.uptime = Some(nanos);
        }
        self.has_nanos |= in_nanos;
        true
    }
}

fn may_be_of_host(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let read = Decorations::read(line.as_bytes());
        let text = |range: &Option<Range<usize>>| range.clone().map_or("-", |range| &line[range]).to_owned();
        let time =
            read.time.map(|time| time.near(dendro_core::Timestamp::EPOCH, &mut crate::Zone::default()));
        format!(
            "{} {:?} {} {:?} {:?} {} {} {}",
            time.flatten().map_or("-".to_owned(), |time| time.to_string()[..19].to_owned()),
            read.uptime.unwrap_or(-1),
            text(&read.hostname),
            read.pid.unwrap_or(0),
            read.tid.unwrap_or(0),
            text(&read.level),
            text(&read.tags),
            &line[read.end..]
        )
    }

    #[test]
    fn any_choice_of_decorations_is_read() {
        for (line, expected) in [
            ("[2026-11-20T20:35:31.625+0100][info][gc] m", "2026-11-20T19:35:31 -1 - 0 0 info gc m"),
            ("[0.030s][info ][gc,start    ] m", "- 30000000 - 0 0 info gc,start m"),
            (
                "[2026-11-20T20:35:31.625+0000][2026-11-20T20:35:31.625+0000][0.5s][1795208400123ms][500ms][7000000000ns][500000123ns][web-1][4711][4712][info][gc] m",
                "2026-11-20T20:35:31 500000123 web-1 4711 4712 info gc m",
            ),
            ("[1795208400123ms][gc] m", "2026-11-20T21:00:00 -1 - 0 0 - gc m"),
            ("[123ms][42] m", "- 123000000 - 42 0 - - m"),
            ("[500000123ns] m", "- 500000123 - 0 0 - - m"),
            ("[host.example.com][gc,heap,exit] m", "- -1 host.example.com 0 0 - gc,heap,exit m"),
            ("[warning][safepoint] m", "- -1 - 0 0 warning safepoint m"),
            ("[info][gc] [m]", "- -1 - 0 0 info gc [m]"),
            ("[info][gc] ", "- -1 - 0 0 info gc "),
            ("GC(0) m", "- -1 - 0 0 - - GC(0) m"),
            ("[[m", "- -1 - 0 0 - - [[m"),
            ("[]m", "- -1 - 0 0 - - []m"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }
}
