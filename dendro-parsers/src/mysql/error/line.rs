//! Where the parts of an event of the error log stand.

use std::ops::Range;

use super::super::time::LogTime;

/// An event of the error log as text: what stands before its message, and the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) time: Option<LogTime>,
    pub(super) thread: Option<u64>,
    pub(super) label: Option<Label>,
    pub(super) err_code: Option<Range<usize>>,
    pub(super) subsystem: Option<Range<usize>>,
    /// Where the message begins.
    pub(super) message: usize,
}

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    System,
    Error,
    Warning,
    Note,
}

impl Label {
    /// As MySQL's JSON log names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Note => "Note",
        }
    }

    /// As MySQL numbers it.
    pub(super) fn prio(self) -> u64 {
        match self {
            Self::System => 0,
            Self::Error => 1,
            Self::Warning => 2,
            Self::Note => 3,
        }
    }

    fn read(text: &[u8]) -> Option<Self> {
        [Self::System, Self::Error, Self::Warning, Self::Note]
            .into_iter()
            .find(|label| text.eq_ignore_ascii_case(label.name().as_bytes()))
    }
}

/// Whether a line begins an event.
pub(in crate::mysql) fn begins(line: &[u8]) -> bool {
    is_json(line) || Line::read(line).is_some()
}

/// Whether it is one of MySQL's JSON log, which has an object on each line.
pub(super) fn is_json(line: &[u8]) -> bool {
    matches!(line, [b'{', rest @ ..] if rest.trim_ascii_start().starts_with(b"\""))
}

/// What scripts that start the server write, by the name that stands behind the time.
const SCRIPTS: [&[u8]; 3] = [b"mysqld_safe", b"mariadbd-safe", b"mysqld_multi"];

impl Line {
    /// The beginning of an event: a time and what the servers write behind it. `None` for any other text.
    pub(super) fn read(raw: &[u8]) -> Option<Self> {
        if let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = raw
            && [h1, h2, m1, m2, s1, s2].iter().all(|b| b.is_ascii_digit())
        {
            // MySQL 5.5 to 8.0 begin so what they write when they crash.
            return rest
                .starts_with(b" UTC - ")
                .then(|| Self { message: b"22:15:04 UTC - ".len(), ..Self::default() });
        }
        let time = LogTime::read(raw)?;
        let mut line = Self { time: Some(time), ..Self::default() };
        let mut at = time.len;
        let text = raw.get(at..)?;
        if text.starts_with(b" UTC - ") {
            line.message = at + b" UTC - ".len();
            return Some(line);
        }
        if text.starts_with(b"InnoDB: ") {
            // MySQL 5.5 has no space there.
            line.message = at;
            return Some(line);
        }
        if text.first() != Some(&b' ') {
            return None;
        }
        at += 1;
        if let Some((thread, len)) = thread(&raw[at..]) {
            line.thread = Some(thread);
            at += len;
        }
        let text = &raw[at..];
        if let Some(len) = label(text) {
            line.label = Label::read(&text[1..len - 1]);
            line.message = line.codes(raw, at + len);
            return Some(line);
        }
        if text.starts_with(b"InnoDB: ") || text.starts_with(b"INNODB MONITOR OUTPUT") {
            line.message = at;
            return Some(line);
        }
        if line.thread.is_some() {
            return None;
        }
        let script = SCRIPTS.into_iter().find(|script| {
            text.strip_prefix(*script)
                .is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b':' | b'[')))
        });
        if let Some(script) = script {
            line.subsystem = Some(at..at + script.len());
            line.message = at + script.len();
            line.message += raw[line.message..].iter().take_while(|b| **b == b' ').count();
            return Some(line);
        }
        // Up to MySQL 5.1 an event need not say how grave it is.
        (time.short && text.starts_with(b" ") && !text.trim_ascii().is_empty())
            .then(|| Self { message: at + 1, ..line })
    }

    /// `[MY-013169]` and `[Server]` behind the label, and where the message begins.
    fn codes(&mut self, raw: &[u8], at: usize) -> usize {
        let mut at = at;
        if let Some(len) = bracketed(&raw[at..], |b| b.is_ascii_alphanumeric() || b == b'-')
            && raw[at..].starts_with(b" [MY-")
        {
            self.err_code = Some(at + 2..at + len - 1);
            at += len;
        }
        // Its own log has the subsystem since MySQL 8.0, always in UTC or with an offset.
        let is_new = self.err_code.is_some() || self.time.is_some_and(|time| time.has_zone());
        if let Some(len) = bracketed(&raw[at..], |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            && is_new
        {
            self.subsystem = Some(at + 2..at + len - 1);
            at += len;
        }
        if raw.get(at) == Some(&b' ') { at + 1 } else { at }
    }
}

/// The connection, or in MySQL 5.6 the process, and how many bytes there are up to what follows: `0 `, or `7f0d1c ` and `0x7f0d1c `
/// as InnoDB writes it.
fn thread(text: &[u8]) -> Option<(u64, usize)> {
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    let len = digits.iter().take(17).position(|b| !b.is_ascii_hexdigit())?;
    let number = std::str::from_utf8(&digits[..len]).ok()?;
    let after = text.len() - digits.len() + len;
    let rest = &text[after..];
    // MySQL 5.6 leaves no space behind some.
    let end = if rest.starts_with(b"InnoDB: ") { after } else { after + 1 };
    if rest.first() != Some(&b' ') && end != after {
        return None;
    }
    // InnoDB alone writes it in hexadecimal.
    let is_decimal = digits.len() == text.len() && label(&text[end..]).is_some();
    let thread = if is_decimal { number.parse().ok()? } else { u64::from_str_radix(number, 16).ok()? };
    Some((thread, end))
}

/// How many bytes the label at the front of `text` has with its brackets.
fn label(text: &[u8]) -> Option<usize> {
    let inner = text.strip_prefix(b"[")?;
    let len = inner.iter().take(8).position(|b| *b == b']')?;
    Label::read(&inner[..len])?;
    Some(len + 2)
}

/// How many bytes ` [...]` at the front of `text` has, if all between is of this kind.
fn bracketed(text: &[u8], fits: impl Fn(u8) -> bool) -> Option<usize> {
    let inner = text.strip_prefix(b" [")?;
    let len = inner.iter().take(64).position(|b| !fits(*b))?;
    (len > 0 && inner[len] == b']').then_some(len + 3)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Thread, label, code, subsystem and message.
    type Parts<'a> = (Option<u64>, Option<&'a str>, Option<&'a str>, Option<&'a str>, &'a str);

    fn parts(text: &str) -> Option<Parts<'_>> {
        let line = Line::read(text.as_bytes())?;
        assert!(begins(text.as_bytes()));
        Some((
            line.thread,
            line.label.map(Label::name),
            line.err_code.map(|range| &text[range]),
            line.subsystem.map(|range| &text[range]),
            &text[line.message..],
        ))
    }

    #[test]
    fn each_server_s_lines_are_read() {
        for (text, expected) in [
            ("070101  0:00:00 [Note] x y", (None, Some("Note"), None, None, "x y")),
            ("070101  0:00:00 [ERROR] x", (None, Some("Error"), None, None, "x")),
            ("070101  0:00:00  mysqld started", (None, None, None, None, "mysqld started")),
            ("070101  0:00:00  InnoDB: Started", (None, None, None, None, "InnoDB: Started")),
            ("130101  0:00:00InnoDB: deadlock", (None, None, None, None, "InnoDB: deadlock")),
            ("130101 10:00:00 mysqld_safe Starting", (None, None, None, Some("mysqld_safe"), "Starting")),
            ("2013-11-12 17:02:15 1234 [Note] Plugin", (Some(1234), Some("Note"), None, None, "Plugin")),
            ("2013-11-12 17:02:15 7f0d1 InnoDB: x", (Some(0x7f0d1), None, None, None, "InnoDB: x")),
            ("2013-11-12 17:02:15 7f0d1InnoDB: x", (Some(0x7f0d1), None, None, None, "InnoDB: x")),
            (
                "2026-11-20  1:15:44 0x7f1 INNODB MONITOR OUTPUT",
                (Some(0x7f1), None, None, None, "INNODB MONITOR OUTPUT"),
            ),
            ("2026-11-20T01:15:44.123456Z 0 [Note] x", (Some(0), Some("Note"), None, None, "x")),
            (
                "2026-11-20T01:15:44.123456Z 0 [System] [MY-013169] [Server] x",
                (Some(0), Some("System"), Some("MY-013169"), Some("Server"), "x"),
            ),
            (
                "2026-11-20T01:15:44.123456+02:00 12 [Warning] [Server] x",
                (Some(12), Some("Warning"), None, Some("Server"), "x"),
            ),
            ("2026-11-20 11:15:44 0 [Note] [x] y", (Some(0), Some("Note"), None, None, "[x] y")),
            ("2026-11-20 11:15:44 0 [Note] ", (Some(0), Some("Note"), None, None, "")),
            ("2026-11-20 11:15:44 0 [Note]", (Some(0), Some("Note"), None, None, "")),
            ("2026-11-20T01:15:44.123456Z mysqld_safe A", (None, None, None, Some("mysqld_safe"), "A")),
            (
                "2026-11-20T01:15:44Z UTC - mysqld got signal 11 ;",
                (None, None, None, None, "mysqld got signal 11 ;"),
            ),
            ("22:15:04 UTC - mysqld got signal 11 ;", (None, None, None, None, "mysqld got signal 11 ;")),
        ] {
            assert_eq!(parts(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_text_begins_no_event() {
        for text in [
            "",
            "Version: '10.11.19-MariaDB'  socket: '/run/mysqld/mysqld.sock'  port: 3306",
            "2026-11-20 11:15:44 0x7f1",
            "2026-11-20 11:15:44",
            "130101 10:00:00",
            "2026-11-20 11:15:44 INFO an application's",
            "2026-11-20 11:15:44 12 [Info] x",
            "2026-11-20 11:15:44 99999999999999999999 [Note] x",
            "22:15:04 up 3 days",
            "*** (1) TRANSACTION:",
            "{}",
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}
