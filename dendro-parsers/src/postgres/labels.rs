//! The words that stand before the texts of an event.

use super::words::{ENGLISH, OTHERS, POSITIONS, UNKNOWN};

/// How bad it is, from `elevel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Log,
    Fatal,
    Panic,
}

impl Severity {
    /// Its English word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Log => "LOG",
            Self::Fatal => "FATAL",
            Self::Panic => "PANIC",
        }
    }

    /// The severity that a word in any language means.
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        let debug = matches!(word, [b'D', b'E', b'B', b'U', b'G', b'1'..=b'5']);
        if debug {
            return Some(Self::Debug);
        }
        words().find(|(known, _)| known.as_bytes() == word).and_then(|(_, label)| match label {
            Label::Main(severity) => Some(severity),
            Label::Further(_) => None,
        })
    }
}

/// What else belongs to an event, in the order in which the server writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Detail,
    Hint,
    Query,
    Context,
    Location,
    Backtrace,
    Statement,
}

/// What a line of a log begins with behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// An event begins.
    Main(Severity),
    /// A further text of an event.
    Further(Part),
}

impl Label {
    /// The label that `text` begins with, and where the text behind it begins.
    pub(super) fn read(text: &[u8]) -> Option<(Self, usize)> {
        if !FIRST[usize::from(*text.first()?)] {
            return None;
        }
        words().find_map(|(word, label)| {
            let rest = text.strip_prefix(word.as_bytes())?;
            let rest = match (label, rest) {
                (Self::Main(Severity::Debug), [b'1'..=b'5', rest @ ..]) => rest,
                _ => rest,
            };
            let rest = strip_any(rest, SPACES).unwrap_or(rest);
            let rest = strip_any(rest, COLONS)?;
            // Two spaces follow; some translators have taken one, three or none, some shippers make one of two.
            let most = if label == Self::Further(Part::Location) { usize::MAX } else { 2 };
            let spaces = rest.iter().take(most).take_while(|b| **b == b' ').count();
            let certain = spaces > 0 || rest.is_empty() || !word.is_ascii();
            certain.then(|| (label, text.len() - rest.len() + spaces))
        })
    }
}

fn strip_any<'t>(text: &'t [u8], prefixes: &[&str]) -> Option<&'t [u8]> {
    prefixes.iter().find_map(|prefix| text.strip_prefix(prefix.as_bytes()))
}

/// What French sets before a colon.
const SPACES: &[&str] = &[" ", "\u{a0}", "\u{202f}"];
const COLONS: &[&str] = &[":", "\u{ff1a}"];

/// The bytes with which a word may begin.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let mut at = 0;
    while at < ENGLISH.len() {
        first[ENGLISH[at].0.as_bytes()[0] as usize] = true;
        at += 1;
    }
    at = 0;
    while at < OTHERS.len() {
        first[OTHERS[at].0.as_bytes()[0] as usize] = true;
        at += 1;
    }
    first
};

fn words() -> impl Iterator<Item = (&'static str, Label)> {
    ENGLISH.iter().chain(OTHERS).copied()
}

/// Whether a name is what the server writes where it does not know it yet, or there is none.
pub(super) fn is_unknown(name: &[u8]) -> bool {
    name.first() == Some(&b'[') && UNKNOWN.iter().any(|known| known.as_bytes() == name)
}

/// Where the place in a query begins that a message ends with (`... at character 15`), and the place.
pub(super) fn position(message: &[u8]) -> Option<(usize, u64)> {
    if !matches!(message.last()?, b'0'..=b'9' | b')' | 0x80..) {
        return None;
    }
    POSITIONS.iter().find_map(|(before, behind)| {
        let text = message.strip_suffix(behind.as_bytes())?;
        let digits = text.iter().rev().take(20).take_while(|b| b.is_ascii_digit()).count();
        let (text, digits) = text.split_at(text.len() - digits);
        let text = text.strip_suffix(before.as_bytes())?;
        let (place, _) = crate::numbers::leading_u64(digits)?;
        Some((text.len(), place))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use Label::{Further, Main};
    use Part::{Backtrace, Context, Detail, Location, Query, Statement};

    fn read(text: &str) -> Option<(Label, &str)> {
        Label::read(text.as_bytes()).map(|(label, end)| (label, &text[end..]))
    }

    #[test]
    fn labels_are_read_in_every_language_and_spacing() {
        for (text, label, rest) in [
            ("LOG:  x", Main(Severity::Log), "x"),
            ("LOG: x", Main(Severity::Log), "x"),
            ("LOG:", Main(Severity::Log), ""),
            ("LOG:    x", Main(Severity::Log), "  x"),
            ("DEBUG:  x", Main(Severity::Debug), "x"),
            ("DEBUG3:  x", Main(Severity::Debug), "x"),
            ("INSTRUCTION :  x", Further(Statement), "x"),
            ("DÉTAIL\u{a0}:  x", Further(Detail), "x"),
            ("PILE D'APPEL : x", Further(Backtrace), "x"),
            ("HINWEIS:  x", Main(Severity::Notice), "x"),
            ("FEHLER:  x", Main(Severity::Error), "x"),
            ("文:  x", Further(Statement), "x"),
            ("文脈:  x", Further(Context), "x"),
            ("日志:  x", Main(Severity::Log), "x"),
            ("错误：x", Main(Severity::Error), "x"),
            ("쿼리:x", Further(Query), "x"),
            ("მდებარეობა:   f.c:1", Further(Location), "f.c:1"),
            ("LOGG:  x", Main(Severity::Log), "x"),
            ("INFORMACJA:  x", Main(Severity::Info), "x"),
        ] {
            assert_eq!(read(text), Some((label, rest)), "{text}");
        }
        for text in ["", "L", "LOG", "LOGS:  x", "log:  x", "LOG:x", "DEBUG6:  x", " LOG:  x", "LINE 1: x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_word_is_in_the_tables_once_or_means_the_same() {
        let all: Vec<_> = words().collect();
        for (word, label) in &all {
            assert!(all.iter().all(|(other, its)| other != word || its == label), "{word}");
        }
    }

    #[test]
    fn severities_of_other_languages_have_their_english_name() {
        for (word, name) in [
            ("ERREUR", "ERROR"),
            ("ОШИБКА", "ERROR"),
            ("DEBUG1", "DEBUG"),
            ("PANIK", "PANIC"),
            ("LOG", "LOG"),
        ] {
            assert_eq!(Severity::of(word.as_bytes()).unwrap().name(), name);
        }
        assert_eq!(Severity::of("DETAIL".as_bytes()), None);
        assert_eq!(Severity::of(b""), None);
    }

    #[test]
    fn the_place_at_the_end_of_a_message_is_found() {
        for (text, expected) in [
            ("x at character 15", Some((1, 15))),
            ("x au caractère 7", Some((1, 7))),
            ("x(13文字目)", Some((1, 13))),
            ("x (символ 9)", Some((1, 9))),
            ("x 第 5 个字符处", Some((1, 5))),
            ("x at character ", None),
            ("x at character 99999999999999999999", None),
            ("x at character 5.", None),
            ("5", None),
            ("", None),
        ] {
            assert_eq!(position(text.as_bytes()), expected, "{text}");
        }
    }
}
