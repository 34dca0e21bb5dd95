//! Cutting a slow log into entries.

use std::time::Duration;

use dendro_core::{Cut, Framer, Records};

use super::entry::COMMAND;
use super::quotes::Quotes;
use super::shapes::{Ahead, Seen, Set, used};

/// So many whole headers in what looks like one literal, and the quote that opened it is taken for a mistake.
const MOST_HEADERS_IN_A_LITERAL: usize = 16;

/// Cuts a slow query log into its entries: header, statement, all lines of both.
///
/// The server begins an entry with `# Time:` or `# User@Host:` and ends it with `;` and the end of the line. Both may also stand in
/// a statement, so:
///
/// - Inside of a literal, a quoted name or a comment that goes over lines, nothing begins.
/// - Elsewhere an entry begins with these lines behind a line that ends with `;`. Behind any other line, as an entry leaves it that was cut
///   off, and where the `;` is in a comment, the header has to be whole, up to the line with `SET timestamp=`.
/// - Quotes need not be balanced: a statement with a mistake in it is logged too, and there is `NO_BACKSLASH_ESCAPES`. A literal that is
///   still open when the log ends, pauses, or a record grows too long, or that already holds sixteen whole headers behind a `;` each, is taken to
///   end before the first whole header in it.
/// - What the server writes when it opens the file (`..., Version: ... started with:` and two more lines) belongs to no entry and is passed over.
///
/// A `#` comment of a client that looks like a header, behind a line that ends with `;`, can't be told from one.
#[derive(Clone, Debug)]
pub(in crate::mysql) struct SlowFramer {
    max_bytes: usize,
    part: Part,
    /// How far the input has been looked at.
    at: usize,
    line_start: bool,
    /// Where what has been found of the entry ends, white space behind it left out.
    end: usize,
    quotes: Quotes,
    /// Whether the line before ends with `;`, and whether in a comment.
    semicolon: bool,
    commented: bool,
    /// Whether the header has got as far as the line with `Query_time`.
    timed: bool,
    /// Whether the quotes of the line don't count.
    plain: bool,
    /// Whole headers in what seems to be a literal, and where the first one begins.
    headers: usize,
    first_header: usize,
    /// Whether the entry has been given already, as one that is too long.
    given: bool,
}

/// What the framer is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Between entries.
    Nothing,
    /// In something without a header, as where a log begins in the middle of an entry.
    Unknown,
    /// In the lines before a statement.
    Header,
    /// Before a statement, which has to follow what the server sets for it.
    Set,
    /// In a statement.
    Statement,
}

/// What is at the beginning of a line.
enum Here {
    /// The line goes on what was before.
    Line,
    /// An entry begins.
    Entry,
    /// Lines up to here that belong to no entry.
    Banner(usize),
    /// The literal ends before the first whole header in it.
    Mistake,
    /// More of the input is needed.
    More,
}

impl SlowFramer {
    pub(in crate::mysql) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            part: Part::Nothing,
            at: 0,
            line_start: true,
            end: 0,
            quotes: Quotes::Code,
            semicolon: false,
            commented: false,
            timed: false,
            plain: false,
            headers: 0,
            first_header: 0,
            given: false,
        }
    }

    /// Begins anew at `at`, between entries.
    fn begin(&mut self, at: usize) {
        *self = Self { at, end: at, ..Self::new(self.max_bytes) };
    }

    /// Gives what has been found from `start` to `end`.
    fn give(&self, start: usize, end: usize, records: &mut Records) {
        if self.given || self.part == Part::Nothing || end <= start {
            return;
        }
        if end - start > self.max_bytes {
            records.push_truncated(start..start + self.max_bytes);
        } else {
            records.push(start..end);
        }
    }

    /// Ends the literal before the first whole header in it: the entry is what is before, and the next begins there.
    fn mistake(&mut self, input: &[u8], start: &mut usize, records: &mut Records) {
        let before = input.get(*start..self.first_header).unwrap_or_default();
        self.give(*start, *start + before.trim_ascii_end().len(), records);
        *start = self.first_header;
        self.begin(self.first_header);
    }

    /// What is at the beginning of the line at `at`, and what that changes.
    fn look(&mut self, input: &[u8], last: bool) -> Here {
        let ahead = Ahead { input, at: self.at, last };
        let rest = input.get(self.at..).unwrap_or_default();
        let hash = match rest.first() {
            None => return Here::More,
            Some(byte) => *byte == b'#',
        };
        if self.part == Part::Statement && self.quotes.is_open() {
            return self.look_in_literal(ahead, hash);
        }
        if !hash {
            match ahead.banner() {
                Seen::Yes(end) => return Here::Banner(end),
                Seen::More => return Here::More,
                Seen::No => {}
            }
        }
        match self.part {
            Part::Nothing if hash => match ahead.short_header() {
                Seen::More => Here::More,
                Seen::Yes(_) => Here::Entry,
                Seen::No => Here::Line,
            },
            Part::Nothing => Here::Line,
            Part::Header if !hash => match ahead.peek() {
                Err(_) => Here::More,
                Ok(line) => {
                    let line = line.unwrap_or_default();
                    let set = Set::read(line);
                    self.plain = used(line).is_some() || set.is_some();
                    if set.is_some_and(|set| set.timestamp.is_some()) {
                        self.part = Part::Set;
                    } else if !self.plain {
                        self.part = Part::Statement;
                    }
                    Here::Line
                }
            },
            Part::Header => match ahead.peek() {
                Err(_) => Here::More,
                Ok(line) => {
                    let line = line.unwrap_or_default();
                    let ends = self.timed && line.starts_with(b"# ");
                    self.timed |= line.starts_with(b"# Query_time: ");
                    if line.starts_with(COMMAND) {
                        return self.command();
                    }
                    if ends { Self::entry_if(ahead.header()) } else { Here::Line }
                }
            },
            // The statement follows, and may begin with comments.
            Part::Set if hash => match ahead.peek() {
                Err(_) => Here::More,
                Ok(Some(line)) if line.starts_with(COMMAND) => self.command(),
                Ok(_) => Self::entry_if(ahead.header_and_set()),
            },
            Part::Set => {
                self.part = Part::Statement;
                Here::Line
            }
            Part::Unknown if hash && !self.semicolon => Self::entry_if(ahead.whole_header()),
            Part::Statement if hash && (!self.semicolon || self.commented) => {
                Self::entry_if(ahead.header_and_set())
            }
            Part::Unknown | Part::Statement if hash => Self::entry_if(ahead.short_header()),
            Part::Unknown | Part::Statement => Here::Line,
        }
    }

    fn command(&mut self) -> Here {
        self.part = Part::Statement;
        self.plain = true;
        Here::Line
    }

    fn entry_if(seen: Seen) -> Here {
        match seen {
            Seen::Yes(_) => Here::Entry,
            Seen::More => Here::More,
            Seen::No => Here::Line,
        }
    }

    fn look_in_literal(&mut self, ahead: Ahead<'_>, hash: bool) -> Here {
        let seen = if !hash {
            ahead.banner()
        } else if self.semicolon {
            ahead.whole_header()
        } else {
            Seen::No
        };
        match seen {
            Seen::More => return Here::More,
            Seen::No => return Here::Line,
            Seen::Yes(_) => {}
        }
        if self.headers == 0 {
            self.first_header = ahead.at;
        }
        self.headers += 1;
        if self.headers == MOST_HEADERS_IN_A_LITERAL { Here::Mistake } else { Here::Line }
    }

    /// Passes over the rest of the line, as far as it is there; whether its end is.
    fn pass(&mut self, input: &[u8]) -> bool {
        let rest = input.get(self.at..).unwrap_or_default();
        let newline = memchr::memchr(b'\n', rest);
        let line = &rest[..newline.map_or(rest.len(), |at| at + 1)];
        if matches!(self.part, Part::Set | Part::Statement) && !self.plain {
            self.quotes = self.quotes.behind(line.strip_suffix(b"\n").unwrap_or(line));
        }
        let text = line.trim_ascii_end();
        if let Some(byte) = text.last() {
            self.semicolon = *byte == b';';
            self.commented = self.quotes == Quotes::LineComment;
            self.end = self.at + text.len();
        }
        if newline.is_some() {
            self.quotes = self.quotes.behind(b"\n");
        }
        self.at += line.len();
        self.line_start = newline.is_some();
        self.plain &= !self.line_start;
        self.line_start
    }

    /// Looks at the input from where it has got to, up to its end or until more is needed.
    fn advance(&mut self, input: &[u8], last: bool, start: &mut usize, records: &mut Records) {
        loop {
            if self.line_start {
                match self.look(input, last) {
                    Here::More => return,
                    Here::Line => {}
                    Here::Mistake => {
                        self.mistake(input, start, records);
                        continue;
                    }
                    Here::Banner(end) => {
                        self.give(*start, self.end, records);
                        *start = end;
                        self.begin(end);
                        continue;
                    }
                    Here::Entry => {
                        self.give(*start, self.end, records);
                        *start = self.at;
                        self.begin(self.at);
                        self.part = Part::Header;
                        // The line itself may have it.
                        self.timed = input[self.at..].starts_with(b"# Query_time: ");
                    }
                }
            }
            let whole = self.pass(input);
            if self.part == Part::Nothing {
                if self.end > *start {
                    self.part = Part::Unknown;
                } else {
                    *start = self.at;
                    self.end = self.at;
                }
            }
            if self.end - *start > self.max_bytes {
                self.too_long(input, start, records);
            } else if self.given && self.headers == 0 {
                *start = self.at;
                self.end = self.at;
            }
            if !whole && self.at == input.len() {
                return;
            }
        }
    }

    fn too_long(&mut self, input: &[u8], start: &mut usize, records: &mut Records) {
        if self.headers > 0 {
            return self.mistake(input, start, records);
        }
        self.give(*start, self.end, records);
        self.given = true;
        *start = self.at;
        self.end = self.at;
    }
}

impl Framer for SlowFramer {
    fn frame(&mut self, input: &[u8], cut: Cut, records: &mut Records) -> usize {
        let mut start = 0;
        loop {
            self.advance(input, cut == Cut::End, &mut start, records);
            let quiet = cut == Cut::Quiet
                && self.at == input.len()
                && self.line_start
                && self.part == Part::Statement
                && self.semicolon;
            if !quiet && cut != Cut::End {
                break;
            }
            if self.part == Part::Statement && self.quotes.is_open() && self.headers > 0 {
                self.mistake(input, &mut start, records);
                continue;
            }
            self.give(start, self.end, records);
            start = self.at;
            self.begin(self.at);
            break;
        }
        // The rest is given again from `start` on.
        self.at -= start;
        self.end = self.end.saturating_sub(start);
        self.first_header = self.first_header.saturating_sub(start);
        if cut == Cut::End {
            self.reset();
            return input.len();
        }
        start
    }

    fn quiet_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }

    fn reset(&mut self) {
        self.begin(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "# User@Host: a[a] @ h []\n# Query_time: 1.5  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 2\nSET timestamp=5;\n";

    fn entry(statement: &str) -> String {
        format!("{HEADER}{statement};\n")
    }

    /// Feeds `input` in pieces of `step` bytes, as a source does.
    fn cut(mut framer: SlowFramer, input: &[u8], step: usize) -> Vec<(String, bool)> {
        let (mut pending, mut out) = (Vec::new(), Vec::new());
        for piece in input.chunks(step).map(Some).chain([None]) {
            pending.extend_from_slice(piece.unwrap_or_default());
            let how = if piece.is_none() { Cut::End } else { Cut::Open };
            let mut records = Records::new();
            let done = framer.frame(&pending, how, &mut records);
            for record in records.iter() {
                let text = String::from_utf8_lossy(&pending[record.range.clone()]).into_owned();
                out.push((text, record.truncated));
            }
            pending.drain(..done);
        }
        assert!(pending.is_empty());
        out
    }

    #[test]
    fn the_last_entry_does_not_wait_for_another() {
        let mut framer = SlowFramer::new(1 << 20);
        let mut records = Records::new();
        let input = entry("SELECT 1") + &entry("SELECT 2");
        let first = entry("SELECT 1").len();
        assert_eq!(framer.frame(input.as_bytes(), Cut::Open, &mut records), first);
        assert_eq!(framer.frame(&input.as_bytes()[first..], Cut::Quiet, &mut records), input.len() - first);
        assert_eq!(records.len(), 2);
        // What follows begins anew.
        let more = entry("SELECT 3");
        assert_eq!(framer.frame(more.as_bytes(), Cut::Quiet, &mut records), more.len());
        assert_eq!(records.len(), 3);
    }

    #[test]
    fn an_entry_that_is_being_written_waits_through_a_pause() {
        for part in [
            "# User@Host: a[a] @ h []\n",
            HEADER,
            &format!("{HEADER}SELECT 1,\n"),
            &format!("{HEADER}SELECT 1;"),
        ] {
            let mut records = Records::new();
            assert_eq!(
                SlowFramer::new(1 << 20).frame(part.as_bytes(), Cut::Quiet, &mut records),
                0,
                "{part}"
            );
            assert_eq!(records.len(), 0);
        }
    }

    #[test]
    fn a_pause_ends_a_literal_before_the_first_header_in_it() {
        let input = entry("SELECT 'abc") + &entry("SELECT 1");
        let (mut framer, mut records) = (SlowFramer::new(1 << 20), Records::new());
        assert_eq!(framer.frame(input.as_bytes(), Cut::Open, &mut records), 0);
        assert_eq!(framer.frame(input.as_bytes(), Cut::Quiet, &mut records), input.len());
        assert_eq!(records.len(), 2);
    }

    /// Pieces that a log may be made of, in any order.
    fn piece() -> impl Strategy<Value = &'static str> {
        prop::sample::select(
            &[
                "# Time: 261120 20:35:49\n",
                "# Time: x\n",
                "# User@Host: a[a] @ h []\n",
                "# Query_time: 1.5  Lock_time: 0.0\n",
                "# Thread_id: 3  Schema: s  QC_hit: No\n",
                "use d;\n",
                "SET timestamp=5;\n",
                "# administrator command: Quit;\n",
                "SELECT 1;\n",
                "SELECT '",
                "';\n",
                "\"",
                "`",
                "/* ",
                "*/",
                "-- x\n",
                ";\n",
                "\n",
                "\r\n",
                " ",
                "mysqld, Version: 1 (y). started with:\n",
                "Tcp port: 1\n",
                "Time Id Command Argument\n",
            ][..],
        )
    }

    proptest! {
        #[test]
        fn records_are_the_same_however_the_input_is_cut(
            pieces in prop::collection::vec(piece(), 0..60),
            max in prop::sample::select(&[1usize, 40, 200, 1 << 20][..]),
            step in 1usize..300,
        ) {
            let input = pieces.concat();
            let whole = cut(SlowFramer::new(max), input.as_bytes(), input.len().max(1));
            prop_assert!(whole.iter().all(|(text, _)| text.len() <= max));
            prop_assert_eq!(cut(SlowFramer::new(max), input.as_bytes(), step), whole);
        }

        #[test]
        fn nothing_but_white_space_and_what_the_server_says_of_itself_is_left_out(
            pieces in prop::collection::vec(piece(), 0..60),
        ) {
            let input = pieces.concat();
            let mut rest = input.as_str();
            let mut left_out = String::new();
            for (text, truncated) in cut(SlowFramer::new(1 << 20), input.as_bytes(), 64) {
                prop_assert!(!truncated);
                let Some((before, after)) = rest.split_once(text.as_str()) else { panic!("not in the input: {text}") };
                left_out.push_str(before);
                rest = after;
            }
            left_out.push_str(rest);
            for banner in ["mysqld, Version: 1 (y). started with:", "Tcp port: 1", "Time Id Command Argument"] {
                left_out = left_out.replace(banner, "");
            }
            prop_assert_eq!(left_out.trim(), "");
        }

        #[test]
        fn balanced_statements_come_back(
            statements in prop::collection::vec(
                prop::collection::vec(
                    prop::sample::select(
                        &["SELECT 1", "'a;\n'", "\"b\n\"", "`c`", "/* ;\n */", " -- it's\n", "'it''s'", "\n", "# x\n", "'\\''", "' -- '"][..],
                    ),
                    1..12,
                ),
                1..8,
            ),
            step in 1usize..200,
        ) {
            let statements: Vec<String> = statements.iter().map(|parts| parts.concat()).collect();
            let input: String = statements.iter().map(|statement| entry(statement)).collect();
            let found = cut(SlowFramer::new(1 << 20), input.as_bytes(), step);
            let expected: Vec<_> = statements.iter().map(|s| (format!("{HEADER}{s};"), false)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
