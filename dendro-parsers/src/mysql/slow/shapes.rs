//! The lines that the server writes around statements.

/// Longer lines are none of the server's own, statements apart.
const LONGEST: usize = 4 << 10;
/// So many lines after `# User@Host:` the line with `Query_time` has come.
const MOST_BEFORE_QUERY_TIME: usize = 5;
/// So many lines behind that one the statement begins; a plan may stand there.
const MOST_BEFORE_SET: usize = 64;

/// Whether something stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It does, up to here.
    Yes(usize),
    /// It does not.
    No,
    /// So far it does, and more of the input is needed.
    More,
}

/// Looks at whole lines from a place on.
#[derive(Clone, Copy)]
pub(super) struct Ahead<'a> {
    pub(super) input: &'a [u8],
    pub(super) at: usize,
    /// Whether nothing follows the input.
    pub(super) last: bool,
}

/// A line ahead.
enum Line<'a> {
    /// Without its end.
    Whole(&'a [u8]),
    /// Longer than [`LONGEST`].
    Long,
    /// Its end has not come yet.
    Part,
}

impl<'a> Ahead<'a> {
    /// The next line, which is passed over if it is whole.
    fn line(&mut self) -> Line<'a> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        let window = &rest[..rest.len().min(LONGEST)];
        match memchr::memchr(b'\n', window) {
            Some(end) => {
                self.at += end + 1;
                Line::Whole(window[..end].strip_suffix(b"\r").unwrap_or(&window[..end]))
            }
            None if window.len() == LONGEST => Line::Long,
            None if self.last => {
                self.at = self.input.len();
                Line::Whole(window.strip_suffix(b"\r").unwrap_or(window))
            }
            None => Line::Part,
        }
    }

    /// The next line, if the server may have written it; it is not passed over.
    pub(super) fn peek(mut self) -> Result<Option<&'a [u8]>, Seen> {
        match self.line() {
            Line::Whole(line) => Ok(Some(line)),
            Line::Long => Ok(None),
            Line::Part => Err(Seen::More),
        }
    }

    /// The three lines that the server writes when it opens the file:
    ///
    /// ```text
    /// /usr/sbin/mysqld, Version: 8.4.3 (Source distribution). started with:
    /// Tcp port: 3306  Unix socket: /run/mysqld/mysqld.sock
    /// Time                 Id Command    Argument
    /// ```
    pub(super) fn banner(mut self) -> Seen {
        match self.line() {
            Line::Whole(line) if is_banner(line) => {}
            Line::Part => return Seen::More,
            _ => return Seen::No,
        }
        let first = self.at;
        match self.next_is(|line| line.len() > 9 && line[..9].eq_ignore_ascii_case(b"tcp port:")) {
            Seen::Yes(_) => {}
            // The server may have died behind the first line.
            _ if self.last && first == self.input.len() => return Seen::Yes(first),
            other => return other,
        }
        let second = self.at;
        match self.next_is(|line| line.starts_with(b"Time") && line.ends_with(b"Argument")) {
            Seen::No => Seen::Yes(second),
            other => other,
        }
    }

    /// Whether the next line is of this kind, and passes over it then.
    fn next_is(&mut self, fits: impl Fn(&[u8]) -> bool) -> Seen {
        let mut ahead = *self;
        match ahead.line() {
            Line::Whole(line) if fits(line) => {
                *self = ahead;
                Seen::Yes(self.at)
            }
            Line::Part => Seen::More,
            _ => Seen::No,
        }
    }

    /// The first lines of an entry, believed where an entry can begin: `# Time:` or `# User@Host:` and another line with `# `.
    pub(super) fn header(self) -> Seen {
        self.begins_header(|line| is_time(line) || is_user_host(line))
    }

    /// The first lines of an entry that may have been written with `--log-short-format`, without the time and the user.
    pub(super) fn short_header(self) -> Seen {
        self.begins_header(|line| {
            is_time(line)
                || is_user_host(line)
                || is_query_time(line)
                || is_digits_after(line, b"# Thread_id: ")
        })
    }

    fn begins_header(mut self, fits: impl Fn(&[u8]) -> bool) -> Seen {
        let begin = self.at;
        let first = match self.line() {
            Line::Whole(line) => line,
            Line::Part if self.input[begin..].starts_with(b"#") => return Seen::More,
            _ => return Seen::No,
        };
        if !fits(first) {
            return Seen::No;
        }
        if is_query_time(first) || self.last && self.at == self.input.len() {
            return Seen::Yes(begin);
        }
        match self.input.get(self.at..self.at + 2) {
            Some(b"# ") => Seen::Yes(begin),
            None if !self.last => Seen::More,
            _ => Seen::No,
        }
    }

    /// The first lines of an entry as a whole, up to and with the line that has `Query_time` and `Lock_time`.
    pub(super) fn whole_header(mut self) -> Seen {
        let begin = self.at;
        match self.pass_whole_header() {
            Seen::Yes(_) => Seen::Yes(begin),
            other => other,
        }
    }

    /// All lines up to the statement, the last of which sets the time: no client can have the like logged outside of literals
    /// unless it ends another statement before it.
    pub(super) fn header_and_set(mut self) -> Seen {
        let begin = self.at;
        match self.pass_whole_header() {
            Seen::Yes(_) => {}
            other => return other,
        }
        for _ in 0..MOST_BEFORE_SET {
            let line = match self.line() {
                Line::Whole(line) => line,
                Line::Part => return Seen::More,
                Line::Long => return Seen::No,
            };
            if Set::read(line).is_some_and(|set| set.timestamp.is_some()) {
                return Seen::Yes(begin);
            }
            if !line.starts_with(b"#") && used(line).is_none() {
                return Seen::No;
            }
        }
        Seen::No
    }

    fn pass_whole_header(&mut self) -> Seen {
        let (mut timed, mut named) = (false, false);
        let mut others = 0;
        loop {
            let rest = self.input.get(self.at..).unwrap_or_default();
            if !rest.starts_with(b"# ") && (rest.len() > 1 || self.last || !b"# ".starts_with(rest)) {
                return Seen::No;
            }
            let line = match self.line() {
                Line::Whole(line) => line,
                Line::Part => return Seen::More,
                Line::Long => return Seen::No,
            };
            if is_time(line) && !timed && !named {
                timed = true;
            } else if is_user_host(line) && !named {
                named = true;
            } else if named && is_query_time(line) {
                return Seen::Yes(self.at);
            } else {
                others += 1;
                if !named || others > MOST_BEFORE_QUERY_TIME {
                    return Seen::No;
                }
            }
        }
    }
}

/// `/usr/sbin/mysqld, Version: 5.7.44-log (MySQL Community Server (GPL)). started with:`
///
/// It may stand behind half a line that a server could not end any more, which has to be kept: the line must begin with a path or a
/// server's name.
fn is_banner(line: &[u8]) -> bool {
    let program = match memchr::memmem::find(line, b", Version: ") {
        Some(at) if line.ends_with(b"started with:") => &line[..at],
        _ => return false,
    };
    match program {
        [b'a'..=b'z' | b'A'..=b'Z', b':', b'\\', ..] => true,
        name => {
            let known = [&b"/"[..], b"mysql", b"mariadb"].into_iter().any(|begin| name.starts_with(begin));
            known && !name.iter().any(u8::is_ascii_whitespace)
        }
    }
}

fn is_time(line: &[u8]) -> bool {
    is_digits_after(line, b"# Time: ")
}

fn is_user_host(line: &[u8]) -> bool {
    line.strip_prefix(b"# User@Host: ").is_some_and(|text| {
        memchr::memmem::find(text, b"] @").is_some_and(|at| memchr::memchr(b'[', &text[..at]).is_some())
    })
}

fn is_query_time(line: &[u8]) -> bool {
    is_digits_after(line, b"# Query_time: ") && memchr::memmem::find(line, b" Lock_time: ").is_some()
}

fn is_digits_after(line: &[u8], begin: &[u8]) -> bool {
    line.strip_prefix(begin).and_then(|rest| rest.trim_ascii_start().first()).is_some_and(u8::is_ascii_digit)
}

/// `use db;`, and where the name stands in the line.
pub(super) fn used(line: &[u8]) -> Option<std::ops::Range<usize>> {
    let name = line.strip_prefix(b"use ")?.trim_ascii_end().strip_suffix(b";")?;
    (!name.is_empty()).then(|| 4..4 + name.len())
}

/// What the server sets before a statement: `SET last_insert_id=..,insert_id=..,timestamp=..;`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) timestamp: Option<u64>,
    pub(super) insert_id: Option<u64>,
    pub(super) last_insert_id: Option<u64>,
}

impl Set {
    /// What a line sets, if it sets these alone.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let text = line.strip_prefix(b"SET ")?.trim_ascii_end().strip_suffix(b";")?;
        let mut set = Self::default();
        for assignment in text.split(|b| *b == b',') {
            let equals = memchr::memchr(b'=', assignment)?;
            let value = std::str::from_utf8(&assignment[equals + 1..]).ok()?;
            // Signed as the server prints it; a fraction of the second, which some append, does not count.
            let whole = value.split_once('.').map_or(value, |(whole, _)| whole);
            let value = whole.parse::<i128>().ok().map(|value| value as u64);
            match assignment[..equals].trim_ascii() {
                b"timestamp" => set.timestamp = value,
                b"insert_id" => set.insert_id = value,
                b"last_insert_id" => set.last_insert_id = value,
                _ => return None,
            }
            value?;
        }
        Some(set)
    }
}
