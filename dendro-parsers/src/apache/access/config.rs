//! httpd's configuration text: the directive `LogFormat`, and what is in it.

use super::directives::{Directive, pieces};
use crate::log_format::{LogFormatError, Piece};

/// Formats by the nicknames that httpd's and Debian's configurations give them.
const NICKNAMES: [(&str, &str); 4] = [
    ("common", COMMON),
    ("combined", COMBINED),
    ("vhost_combined", r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#),
    ("combinedio", r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %I %O"#),
];
// The bytes are `%O` in Debian's configuration, and `%b` where httpd's own is used: the lines don't tell.
const COMMON: &str = r#"%h %l %u %t "%r" %>s %O"#;
pub(super) const COMBINED: &str = r#"%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#;

/// The pieces of a format: of the directive `LogFormat` or `CustomLog` that has it, of its text alone, or of a nickname.
pub(super) fn read(text: &str) -> Result<Vec<Piece>, LogFormatError> {
    let format = format_text(text)?;
    let name = format.string();
    match NICKNAMES.iter().find(|(nickname, _)| *nickname == name.trim()) {
        Some((nickname, known)) => {
            let format = Text::alone(known).parsed()?;
            Ok(pieces(&format, matches!(*nickname, "common" | "combined")))
        }
        None => Ok(pieces(&format.parsed()?, false)),
    }
}

/// A text, each byte with where it stands in the configuration text.
#[derive(Debug, Default)]
struct Text(Vec<(u8, usize)>);

impl Text {
    fn alone(text: &str) -> Self {
        Self(text.bytes().enumerate().map(|(at, byte)| (byte, at)).collect())
    }

    fn string(&self) -> String {
        String::from_utf8_lossy(&self.0.iter().map(|(byte, _)| *byte).collect::<Vec<_>>()).into_owned()
    }
}

/// The format that a text has in it.
fn format_text(text: &str) -> Result<Text, LogFormatError> {
    let trimmed = text.trim();
    let start = text.len() - text.trim_start().len();
    let first = trimmed.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
    let skipped = match first.to_ascii_lowercase().as_str() {
        "logformat" => 0,
        "customlog" | "globallog" => 1,
        _ => {
            // What was copied with the quotes of the directive around it.
            if trimmed.len() > 1
                && trimmed.starts_with('"')
                && trimmed.ends_with('"')
                && trimmed.contains("\\\"")
            {
                return Ok(argument(text, start)?.0);
            }
            let mut bare = Text::alone(text.trim_end_matches(['\n', '\r']));
            // A backslash before a quote is left from the directive.
            let mut left =
                bare.0.windows(2).map(|two| (two[0].0, two[1].0) == (b'\\', b'"')).collect::<Vec<_>>();
            left.push(false);
            let mut left = left.into_iter();
            bare.0.retain(|_| !left.next().unwrap_or(false));
            return Ok(bare);
        }
    };
    let mut at = start + first.len();
    for _ in 0..skipped {
        at = argument(text, at)?.1;
    }
    Ok(argument(text, at)?.0)
}

/// One argument of a directive and where it ends, with its quotes and backslashes taken away as `ap_getword_conf` does.
fn argument(text: &str, at: usize) -> Result<(Text, usize), LogFormatError> {
    let bytes = text.as_bytes();
    let mut at = at;
    // A line that ends with a backslash goes on.
    while let Some(rest) = bytes.get(at..) {
        match rest {
            [b'\\', b'\n', ..] => at += 2,
            [b'\\', b'\r', b'\n', ..] => at += 3,
            [space, ..] if space.is_ascii_whitespace() => at += 1,
            _ => break,
        }
    }
    let quote = bytes.get(at).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let begin = at;
    at += usize::from(quote.is_some());
    let mut argument = Text::default();
    loop {
        let (byte, len) = match (bytes.get(at), bytes.get(at + 1)) {
            (None, _) if quote.is_some() => {
                return Err(LogFormatError::new(begin, "this quote has no other that ends it"));
            }
            (None, _) => break,
            (Some(byte), _) if quote == Some(*byte) => {
                at += 1;
                break;
            }
            (Some(byte), _) if quote.is_none() && byte.is_ascii_whitespace() => break,
            (Some(b'\\'), Some(b'\n')) => {
                at += 2;
                continue;
            }
            (Some(b'\\'), Some(next)) if *next == b'\\' || quote == Some(*next) => (*next, 2),
            (Some(byte), _) => (*byte, 1),
        };
        argument.0.push((byte, at));
        at += len;
    }
    if argument.0.is_empty() {
        return Err(LogFormatError::new(begin.min(text.len()), "expected a log format"));
    }
    Ok((argument, at))
}

impl Text {
    /// Literals and directives.
    fn parsed(&self) -> Result<Vec<Part>, LogFormatError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some((byte, _)) = self.0.get(at) {
            let next = self.0.get(at + 1).map(|(byte, _)| *byte);
            let (literal, len) = match (byte, next) {
                (b'%', Some(b'%')) => (b'%', 2),
                // As `parse_log_misc_string` has it: a backslash before anything else stands for itself.
                (b'\\', Some(b'\\')) => (b'\\', 2),
                (b'\\', Some(b'n')) => (b'\n', 2),
                (b'\\', Some(b'r')) => (b'\r', 2),
                (b'\\', Some(b't')) => (b'\t', 2),
                (b'%', _) => {
                    let (directive, len) = Directive::read(&self.0[at..])?;
                    parts.push(Part::Directive(directive));
                    at += len;
                    continue;
                }
                _ => (*byte, 1),
            };
            match parts.last_mut() {
                Some(Part::Literal(text)) => text.push(literal),
                _ => parts.push(Part::Literal(vec![literal])),
            }
            at += len;
        }
        Ok(parts)
    }
}

/// A part of a format as it is written.
#[derive(Debug)]
pub(super) enum Part {
    Literal(Vec<u8>),
    Directive(Directive),
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Literals in quotes, and directives with where they stand.
    fn shown(text: &str) -> String {
        let pieces = read(text).unwrap().into_iter().map(|piece| match piece {
            Piece::Literal(text) => format!("'{}'", String::from_utf8_lossy(&text)),
            Piece::Field(field) => format!("{}@{}", field.shown, field.at),
        });
        pieces.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_format_alone_and_its_directive_say_the_same() {
        assert_eq!(shown(r#"%h "%r" %>s"#), "%h@0 ' \"' %r@4 '\" ' %>s@8");
        assert_eq!(shown(r#"%h \"%r\" %>s"#), "%h@0 ' \"' %r@5 '\" ' %>s@10");
        assert_eq!(shown(r#""%h \"%r\" %>s""#), "%h@1 ' \"' %r@6 '\" ' %>s@11");
        assert_eq!(shown("LogFormat \"%h \\\"%r\\\" %>s\" mine\n"), "%h@11 ' \"' %r@16 '\" ' %>s@21");
        assert_eq!(shown("  logformat \\\n '%h \"%r\"'"), "%h@16 ' \"' %r@20 '\"'");
        assert_eq!(shown("CustomLog \"/var/log/a b.log\" \"%h %u\" env=!x"), "%h@30 ' ' %u@33");
        assert_eq!(shown("LogFormat %h"), "%h@10");
        assert_eq!(shown("CustomLog logs/access.log combined"), shown("combined"));
        assert_eq!(shown("LogFormat \"%h\\t%%\\\\%u\""), "%h@11 '\t%\\' %u@19");
        assert!(shown("combined").contains("%O or %b@"));
    }

    #[test]
    fn what_httpd_would_not_take_is_an_error_at_its_place() {
        for (text, at) in [
            ("%h %", 3),
            ("%h %y", 3),
            ("%h %{Referer", 3),
            ("%h %{Referer}", 3),
            ("%h %i", 3),
            ("%h %{%Y %Q}t", 8),
            ("LogFormat \"%h", 10),
            ("LogFormat", 9),
            ("LogFormat \"%h %{x}^tx\"", 14),
        ] {
            assert_eq!(read(text).unwrap_err().at, at, "{text}");
        }
    }
}
