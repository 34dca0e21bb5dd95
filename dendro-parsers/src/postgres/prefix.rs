//! `log_line_prefix`, compiled.

use super::clock::Clock;

/// A `log_line_prefix`.
///
/// From the documentation of [`log_line_prefix`](https://www.postgresql.org/docs/current/runtime-config-logging.html) and
/// `log_status_format()` in `src/backend/utils/error/elog.c`, PostgreSQL 9.0 to 18.
#[derive(Clone, Debug)]
pub(super) struct Prefix {
    pub(super) elements: Vec<Element>,
    /// How many elements background processes write too: those before `%q`.
    pub(super) common: usize,
}

/// A piece of the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Literal(Vec<u8>),
    /// What an escape stands for, filled with spaces to at least so many bytes: at its left, or, if negative, at its right.
    Value(Escape, i32),
}

/// What a prefix can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Escape {
    Application,
    Backend,
    User,
    Database,
    RemoteAndPort,
    Remote,
    Local,
    Pid,
    LeaderPid,
    Time,
    Epoch,
    SessionStart,
    CommandTag,
    State,
    Session,
    Line,
    VirtualTransaction,
    Transaction,
    QueryId,
}

impl Escape {
    pub(super) const COUNT: usize = Self::QueryId as usize + 1;

    fn of(letter: u8) -> Option<Self> {
        Some(match letter {
            b'a' => Self::Application,
            b'b' => Self::Backend,
            b'u' => Self::User,
            b'd' => Self::Database,
            b'r' => Self::RemoteAndPort,
            b'h' => Self::Remote,
            b'L' => Self::Local,
            b'p' => Self::Pid,
            b'P' => Self::LeaderPid,
            b't' | b'm' => Self::Time,
            b'n' => Self::Epoch,
            b's' => Self::SessionStart,
            b'i' => Self::CommandTag,
            b'e' => Self::State,
            b'c' => Self::Session,
            b'l' => Self::Line,
            b'v' => Self::VirtualTransaction,
            b'x' => Self::Transaction,
            b'Q' => Self::QueryId,
            _ => return None,
        })
    }

    /// What its value is made of.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Application | Self::Backend | Self::User | Self::Database | Self::CommandTag => Kind::Text,
            Self::RemoteAndPort | Self::Remote | Self::Local => Kind::Host,
            Self::Pid | Self::Line | Self::Transaction => Kind::Digits,
            Self::LeaderPid => Kind::OptionalDigits,
            Self::Time | Self::SessionStart => Kind::Time,
            Self::Epoch => Kind::Epoch,
            Self::State => Kind::State,
            Self::Session => Kind::Session,
            Self::VirtualTransaction => Kind::VirtualTransaction,
            Self::QueryId => Kind::Signed,
        }
    }

    /// For refusals.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Application => "the application name of `%a` and what follows it in log_line_prefix",
            Self::Backend => "the kind of process of `%b` and what follows it in log_line_prefix",
            Self::User => "the user of `%u` and what follows it in log_line_prefix",
            Self::Database => "the database of `%d` and what follows it in log_line_prefix",
            Self::RemoteAndPort => "the client of `%r` and what follows it in log_line_prefix",
            Self::Remote => "the client of `%h` and what follows it in log_line_prefix",
            Self::Local => "the address of `%L` and what follows it in log_line_prefix",
            Self::Pid => "the process number of `%p`",
            Self::LeaderPid => "the process number of `%P`",
            Self::Time => "the time of `%m` or `%t`, as `2026-11-20 16:59:47.123 UTC`",
            Self::Epoch => "the time of `%n`, as `1795208387.123`",
            Self::SessionStart => "the time of `%s`, as `2026-11-20 16:59:47 UTC`",
            Self::CommandTag => "the command of `%i` and what follows it in log_line_prefix",
            Self::State => "the SQLSTATE of `%e`, as `00000`",
            Self::Session => "the session of `%c`, as `6b00aecb.3b90`",
            Self::Line => "the line number of `%l`",
            Self::VirtualTransaction => "the virtual transaction of `%v`, as `3/353`",
            Self::Transaction => "the transaction of `%x`",
            Self::QueryId => "the query's number of `%Q`",
        }
    }
}

/// What a value is made of: where it ends by itself, or only by what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// The name, address or socket of a client.
    Host,
    Digits,
    OptionalDigits,
    Signed,
    Time,
    Epoch,
    State,
    Session,
    VirtualTransaction,
}

/// Without a point, `%n` is milliseconds: of the server's time only others write so.
pub(super) const EPOCH_MILLIS_DIGITS: usize = 13;

impl Kind {
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Text | Self::Host)
    }

    /// Whether a value whose end shows by itself could also be longer by this byte.
    fn may_go_on_with(self, byte: u8) -> bool {
        match self {
            Self::Text | Self::Host | Self::State => false,
            Self::Time => byte.is_ascii_alphanumeric(),
            Self::Session => byte.is_ascii_hexdigit(),
            _ => byte.is_ascii_digit(),
        }
    }

    /// Whether a byte can be part of a value whose end does not show by itself.
    pub(super) fn allows(self, byte: u8) -> bool {
        self == Self::Text || byte.is_ascii_alphanumeric() || b".:-_%[]()/@".contains(&byte) || byte >= 0x80
    }

    /// How long the value is that `text` begins with, if its end shows by itself.
    pub(super) fn len(self, text: &[u8]) -> Option<usize> {
        let digits = |from: usize| text.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
        let at_least_one = |len: usize| (len > 0).then_some(len);
        match self {
            Self::Text | Self::Host => None,
            Self::Digits => at_least_one(digits(0)),
            Self::OptionalDigits => Some(digits(0)),
            Self::Signed => {
                let sign = usize::from(text.first() == Some(&b'-'));
                at_least_one(digits(sign)).map(|len| sign + len)
            }
            Self::Time => Clock::len(text),
            Self::Epoch => {
                let seconds = at_least_one(digits(0))?;
                if text.get(seconds) != Some(&b'.') {
                    return (seconds == EPOCH_MILLIS_DIGITS).then_some(seconds);
                }
                at_least_one(digits(seconds + 1)).map(|millis| seconds + 1 + millis)
            }
            Self::State => {
                let state = text.get(..5)?;
                state.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()).then_some(5)
            }
            Self::Session => {
                let hex = |from: usize| text.iter().skip(from).take_while(|b| b.is_ascii_hexdigit()).count();
                let start = at_least_one(hex(0))?;
                (text.get(start) == Some(&b'.')).then_some(())?;
                at_least_one(hex(start + 1)).map(|pid| start + 1 + pid)
            }
            Self::VirtualTransaction => {
                let backend = Self::Signed.len(text).unwrap_or(0);
                if backend == 0 || text.get(backend) != Some(&b'/') {
                    return Some(0);
                }
                Some(backend + 1 + digits(backend + 1))
            }
        }
    }
}

/// Where and why a text is no prefix that can be read back.
pub(super) type Problem = (usize, String);

impl Prefix {
    /// Compiles the value of the setting, or a line of `postgresql.conf` that sets it.
    pub(super) fn compile(text: &str) -> Result<Self, Problem> {
        let setting = setting(text)?;
        let mut compiler = Compiler { elements: Vec::new(), common: None, before: None };
        let mut rest = setting.as_slice();
        while let [(at, byte), after @ ..] = rest {
            rest = after;
            if *byte != b'%' {
                compiler.literal(*byte, *at)?;
                continue;
            }
            let (padding, after) = padding(after);
            // PostgreSQL ignores a padding or a `%` at the end.
            let [(_, letter), after @ ..] = after else { break };
            rest = after;
            match (letter, Escape::of(*letter)) {
                (b'%', _) => compiler.literal(b'%', *at)?,
                (b'q', _) => compiler.common = compiler.common.or(Some(compiler.elements.len())),
                (_, Some(escape)) => compiler.value(escape, padding, *at)?,
                // It writes nothing for what it does not know.
                (_, None) => {}
            }
        }
        let common = compiler.common.unwrap_or(compiler.elements.len());
        Ok(Self { elements: compiler.elements, common })
    }

    /// Whether lines say this.
    pub(super) fn has(&self, escape: Escape) -> bool {
        self.elements.iter().any(|element| matches!(element, Element::Value(of, _) if *of == escape))
    }
}

struct Compiler {
    elements: Vec<Element>,
    common: Option<usize>,
    /// The value directly before.
    before: Option<Escape>,
}

impl Compiler {
    fn literal(&mut self, byte: u8, at: usize) -> Result<(), Problem> {
        if let Some(before) = self.before.take()
            && before.kind().may_go_on_with(byte)
        {
            let problem =
                "the value before this may go on with such a character: put another one between them";
            return Err((at, problem.to_owned()));
        }
        // What background processes don't write is an element of its own.
        let cut = self.common == Some(self.elements.len());
        match self.elements.last_mut() {
            Some(Element::Literal(text)) if !cut => text.push(byte),
            _ => self.elements.push(Element::Literal(vec![byte])),
        }
        Ok(())
    }

    fn value(&mut self, escape: Escape, padding: i32, at: usize) -> Result<(), Problem> {
        if let Some(before) = self.before
            && !can_follow(before.kind(), escape.kind())
        {
            let problem = "nothing stands between this and the value before it, so that nobody can tell where one ends and the other begins: put a character between them that neither has";
            return Err((at, problem.to_owned()));
        }
        self.before = Some(escape);
        self.elements.push(Element::Value(escape, padding));
        Ok(())
    }
}

/// Whether the end of one value shows where another follows at once.
fn can_follow(before: Kind, after: Kind) -> bool {
    match (before, after) {
        (Kind::State, _) => true,
        (_, Kind::Time) => {
            !matches!(before, Kind::Digits | Kind::OptionalDigits | Kind::Signed | Kind::Epoch)
        }
        _ => false,
    }
}

/// The number between `%` and the letter.
fn padding(text: &[(usize, u8)]) -> (i32, &[(usize, u8)]) {
    let negative = matches!(text, [(_, b'-'), ..]);
    let mut rest = if negative { &text[1..] } else { text };
    let mut width = 0i32;
    while let [(_, digit @ b'0'..=b'9'), after @ ..] = rest {
        // Wider than any line is as wide as that.
        width = (width * 10 + i32::from(digit - b'0')).min(1 << 20);
        rest = after;
    }
    (if negative { -width } else { width }, rest)
}

/// The bytes of the setting, each with its place in the text: `text` itself, or what a line `log_line_prefix = '...'` of
/// `postgresql.conf` sets it to.
fn setting(text: &str) -> Result<Vec<(usize, u8)>, Problem> {
    let plain = || text.bytes().enumerate().collect();
    let line = text.trim_start();
    let quoted = match line.strip_prefix("log_line_prefix") {
        Some(rest) => {
            let rest = rest.trim_start();
            rest.strip_prefix('=').unwrap_or(rest).trim_start()
        }
        // A value that was pasted with its quotes.
        None if text.len() > 1 && text.starts_with('\'') && text.ends_with('\'') => text,
        None => return Ok(plain()),
    };
    let start = text.len() - quoted.len();
    if !quoted.starts_with('\'') {
        return Err((
            start,
            "the value of log_line_prefix stands in single quotes in postgresql.conf".into(),
        ));
    }
    let bytes = text.as_bytes();
    let (mut value, mut at) = (Vec::new(), start + 1);
    loop {
        match bytes.get(at..) {
            Some([b'\'', b'\'', ..]) => {
                value.push((at, b'\''));
                at += 2;
            }
            Some([b'\'', ..]) => break,
            Some([b'\\', byte, ..]) => {
                value.push((at, *byte));
                at += 2;
            }
            Some([byte, ..]) => {
                value.push((at, *byte));
                at += 1;
            }
            _ => return Err((text.len(), "the closing quote is missing".to_owned())),
        }
    }
    let behind = text.get(at + 1..).unwrap_or_default().trim_start();
    if behind.is_empty() || behind.starts_with('#') {
        Ok(value)
    } else {
        Err((text.len() - behind.len(), "nothing but a comment may follow the value".to_owned()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use Element::{Literal, Value};

    fn literal(text: &str) -> Element {
        Literal(text.as_bytes().to_vec())
    }

    #[test]
    fn a_prefix_is_compiled_to_its_pieces() {
        let prefix = Prefix::compile("%m [%5p] %q%-10u@%d 100%% ").unwrap();
        assert_eq!(
            prefix.elements,
            [
                Value(Escape::Time, 0),
                literal(" ["),
                Value(Escape::Pid, 5),
                literal("] "),
                Value(Escape::User, -10),
                literal("@"),
                Value(Escape::Database, 0),
                literal(" 100% "),
            ]
        );
        assert_eq!(prefix.common, 4);
        let all = Prefix::compile("%a,%b,%u,%d,%r,%h,%L,%p,%P,%t,%m,%n,%s,%i,%e,%c,%l,%v,%x,%Q").unwrap();
        assert_eq!(all.elements.len(), 39);
        assert_eq!(all.common, 39);
        assert_eq!(Prefix::compile("").unwrap().elements, []);
        // As PostgreSQL does: unknown escapes and a lone `%` at the end are nothing.
        assert_eq!(Prefix::compile("%z%p%").unwrap().elements, [Value(Escape::Pid, 0)]);
        assert_eq!(Prefix::compile("%p%-5").unwrap().elements, [Value(Escape::Pid, 0)]);
    }

    #[test]
    fn the_line_of_postgresql_conf_can_be_pasted() {
        let plain = Prefix::compile("%m 'x' [%p] ").unwrap().elements;
        for line in [
            "log_line_prefix = '%m ''x'' [%p] '",
            "log_line_prefix='%m \\'x\\' [%p] '\t\t# special values:",
            "  log_line_prefix '%m ''x'' [%p] '",
            "'%m ''x'' [%p] '",
        ] {
            assert_eq!(Prefix::compile(line).unwrap().elements, plain, "{line}");
        }
        for (line, at) in [
            ("log_line_prefix = %m", 18),
            ("log_line_prefix = '%m", 21),
            ("log_line_prefix = '%m' x", 23),
            ("log_line_prefix = '%u%d'", 21),
        ] {
            assert_eq!(Prefix::compile(line).unwrap_err().0, at, "{line}");
        }
    }

    #[test]
    fn values_that_nothing_stands_between_are_an_error_at_their_place() {
        for (text, at) in [
            ("%u%d", 2),
            ("%m %u%q%d", 7),
            ("%p%l", 2),
            ("%p%u", 2),
            ("%t%u", 2),
            ("%h%p", 2),
            ("%p%m", 2),
            ("%p1", 2),
            ("%cdb", 2),
        ] {
            assert_eq!(Prefix::compile(text).unwrap_err().0, at, "{text}");
        }
        for text in ["%u@%d", "%e%u", "%u%m", "%u%%%d", "%d%q-%u"] {
            assert!(Prefix::compile(text).is_ok(), "{text}");
        }
    }
}
