//! nginx's configuration text: the directive `log_format`, and what is in it.

use super::variables;
use crate::log_format::{Escape, Kind, LogFormatError, Piece, Stamp};

/// The format that nginx has from the beginning.
pub(super) const COMBINED: &str = concat!(
    r#"$remote_addr - $remote_user [$time_local] "$request" "#,
    r#"$status $body_bytes_sent "$http_referer" "$http_user_agent""#
);

/// What a log format says.
#[derive(Debug)]
pub(super) struct LogFormat {
    pub(super) pieces: Vec<Piece>,
    pub(super) escape: Escape,
}

impl LogFormat {
    /// Reads the directive, its parameters, or a format alone, in which case `escape` is how it escapes.
    pub(super) fn read(text: &str, escape: Option<Escape>) -> Result<Self, LogFormatError> {
        let Some((at, named)) = parameters_start(text) else {
            let bare = if text.trim() == "combined" { COMBINED } else { text };
            let format = Text { bytes: bare.bytes().enumerate().map(|(at, byte)| (byte, at)).collect() };
            let guess = if bare.trim_start().starts_with('{') { Escape::Json } else { Escape::Hex };
            return Ok(Self { pieces: format.pieces()?, escape: escape.unwrap_or(guess) });
        };
        let mut parameters = parameters(text, at)?.into_iter().peekable();
        if named && parameters.next().is_none() {
            return Err(LogFormatError::new(at, "expected the name of the format"));
        }
        let mut escape = escape.unwrap_or(Escape::Hex);
        if let Some(parameter) = parameters.next_if(|parameter| parameter.string().starts_with("escape=")) {
            escape = match &parameter.string()["escape=".len()..] {
                "default" => Escape::Hex,
                "json" => Escape::Json,
                "none" => Escape::None,
                _ => {
                    let at = parameter.bytes.first().map_or(at, |(_, at)| *at);
                    return Err(LogFormatError::new(at, "escape is `default`, `json` or `none`"));
                }
            };
        }
        // nginx puts the parameters together with nothing between.
        let bytes = parameters.flat_map(|parameter| parameter.bytes).collect();
        Ok(Self { pieces: Text { bytes }.pieces()?, escape })
    }
}

/// Where parameters begin, and whether a name is the first, if the text is a directive or what stands in one.
fn parameters_start(text: &str) -> Option<(usize, bool)> {
    let trimmed = text.trim_start();
    let start = text.len() - trimmed.len();
    let is_word = |word: &str| {
        trimmed.strip_prefix(word).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace()))
    };
    if is_word("log_format") {
        return Some((start + "log_format".len(), true));
    }
    let quoted = trimmed.starts_with('\'') && trimmed.trim_end().ends_with(';');
    let escaped = ["escape=default", "escape=json", "escape=none"].into_iter().any(is_word);
    (quoted || escaped).then_some((start, false))
}

/// A text, each byte with where it stands in the configuration text.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<(u8, usize)>,
}

impl Text {
    fn string(&self) -> String {
        String::from_utf8_lossy(&self.bytes.iter().map(|(byte, _)| *byte).collect::<Vec<_>>()).into_owned()
    }

    /// Literals and variables: `$name` and `${name}`.
    fn pieces(&self) -> Result<Vec<Piece>, LogFormatError> {
        let mut variables = Vec::new();
        let mut literals: Vec<(usize, u8)> = Vec::new();
        let mut at = 0;
        while let Some((byte, origin)) = self.bytes.get(at) {
            if *byte != b'$' {
                literals.push((variables.len(), *byte));
                at += 1;
                continue;
            }
            let (name, len) = self.variable(at + 1, *origin)?;
            // nginx does not care about case.
            variables.push((name.to_ascii_lowercase(), *origin));
            at += 1 + len;
        }
        // The most precise time is that of the event.
        let best = variables.iter().filter_map(|(name, _)| variables::time_precision(name)).max();
        let mut told = false;
        let mut pieces = Vec::new();
        let mut literals = literals.into_iter().peekable();
        for index in 0..=variables.len() {
            let mut literal = Vec::new();
            while let Some((_, byte)) = literals.next_if(|(before, _)| *before == index) {
                literal.push(byte);
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal));
            }
            let Some((name, origin)) = variables.get(index) else { break };
            let precision = variables::time_precision(name);
            let tells = precision.is_some() && precision == best && !told;
            told |= tells;
            let stamp = if tells { Stamp::Event } else { Stamp::Ignored };
            pieces.push(Piece::Field(variables::field(name, &format!("${name}"), *origin, stamp)));
        }
        Ok(with_targets(pieces))
    }

    /// The name of a variable whose `$` is before `at`, and how many bytes it takes.
    fn variable(&self, at: usize, origin: usize) -> Result<(String, usize), LogFormatError> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let in_braces = rest.first().is_some_and(|(byte, _)| *byte == b'{');
        let start = usize::from(in_braces);
        let name: String = rest[start..]
            .iter()
            .map(|(byte, _)| char::from(*byte))
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        let end = start + name.len();
        if in_braces && rest.get(end).is_none_or(|(byte, _)| *byte != b'}') {
            return Err(LogFormatError::new(origin, "expected `}` behind the name of the variable"));
        }
        if name.is_empty() {
            return Err(LogFormatError::new(origin, "expected the name of a variable behind `$`"));
        }
        Ok((name, end + start))
    }
}

/// Takes a path and the arguments behind it for one value: `$uri$is_args$args`, `$uri?$args`. There is no other way to write
/// both, and the first `?` tells them apart.
fn with_targets(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut merged: Vec<Piece> = Vec::new();
    for piece in pieces {
        if let Piece::Field(arguments) = &piece
            && matches!(arguments.shown.as_str(), "$args" | "$query_string")
            && let [.., Piece::Field(path), between] = &mut merged[..]
            && matches!(path.shown.as_str(), "$uri" | "$document_uri")
            && match between {
                Piece::Literal(text) => text == b"?",
                Piece::Field(field) => field.shown == "$is_args",
            }
        {
            path.published.extend(arguments.published.clone());
            path.shown.push_str(&arguments.shown);
            path.kind = Kind::Target;
            merged.pop();
        } else {
            merged.push(piece);
        }
    }
    merged
}

/// The parameters of a directive, up to its `;` or the end of the text, with quotes and backslashes taken away as
/// `ngx_conf_read_token` does.
fn parameters(text: &str, start: usize) -> Result<Vec<Text>, LogFormatError> {
    let bytes = text.as_bytes();
    let mut parameters = Vec::new();
    let mut at = start;
    loop {
        match bytes.get(at) {
            None => return Ok(parameters),
            Some(b';') => return nothing_behind(text, at + 1).map(|()| parameters),
            Some(byte) if byte.is_ascii_whitespace() => at += 1,
            Some(b'#') => at += bytes[at..].iter().take_while(|byte| **byte != b'\n').count(),
            Some(quote @ (b'"' | b'\'')) => {
                let (parameter, end) = parameter(bytes, at + 1, |byte| byte == *quote);
                if end >= bytes.len() {
                    return Err(LogFormatError::new(at, "this quote has no other that ends it"));
                }
                parameters.push(parameter);
                at = end + 1;
            }
            Some(_) => {
                let (parameter, end) =
                    parameter(bytes, at, |byte| byte.is_ascii_whitespace() || byte == b';');
                parameters.push(parameter);
                at = end;
            }
        }
    }
}

/// One parameter, and where it ends.
fn parameter(bytes: &[u8], mut at: usize, is_end: impl Fn(u8) -> bool) -> (Text, usize) {
    let mut parameter = Text::default();
    while let Some(byte) = bytes.get(at).filter(|byte| !is_end(**byte)) {
        let (value, len) = match (byte, bytes.get(at + 1)) {
            (b'\\', Some(escaped @ (b'"' | b'\'' | b'\\'))) => (*escaped, 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b'n')) => (b'\n', 2),
            _ => (*byte, 1),
        };
        parameter.bytes.push((value, at));
        at += len;
    }
    (parameter, at)
}

fn nothing_behind(text: &str, at: usize) -> Result<(), LogFormatError> {
    let rest = text.get(at..).unwrap_or_default();
    match rest.find(|c: char| !c.is_ascii_whitespace()) {
        Some(more) if !rest[more..].starts_with('#') => {
            Err(LogFormatError::new(at + more, "expected nothing behind the directive: give one log format"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Literals in quotes, and variables with where they stand.
    fn shown(text: &str) -> String {
        let format = LogFormat::read(text, None).unwrap();
        let pieces = format.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => format!("'{}'", String::from_utf8_lossy(text)),
            Piece::Field(field) => format!("{}@{}", field.shown, field.at),
        });
        format!("{:?} {}", format.escape, pieces.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_format_alone_and_its_directive_say_the_same() {
        assert_eq!(shown("$a - ${b}c[$d]"), "Hex $a@0 ' - ' $b@5 'c[' $d@11 ']'");
        assert_eq!(
            shown("log_format main '$a - ${b}c'\n  # the rest\n  \"[$d]\" ;\n"),
            "Hex $a@17 ' - ' $b@22 'c[' $d@46 ']'"
        );
        assert_eq!(shown("  log_format\tx escape=json '{\"a\":\"$a\"}';"), "Json '{\"a\":\"' $a@34 '\"}'");
        assert_eq!(shown("log_format x escape=none $a;"), "None $a@25");
        assert_eq!(shown("escape=default '$a' ' $b'"), "Hex $a@16 ' ' $b@22");
        assert_eq!(shown("'$a'\n' $b';"), "Hex $a@1 ' ' $b@7");
        assert_eq!(shown("'$a' $b"), "Hex ''' $a@1 '' ' $b@5");
        assert_eq!(shown("{\"a\":\"$a\"}"), "Json '{\"a\":\"' $a@6 '\"}'");
        assert_eq!(shown("combined"), shown(COMBINED));
    }

    #[test]
    fn quotes_and_backslashes_are_taken_away_as_nginx_does() {
        assert_eq!(
            shown(r#"log_format x '\'$a\' \"$b\" \\ \t' "$c;#$d" \"$e;"#),
            "Hex ''' $a@16 '' \"' $b@23 '\" \\ \t' $c@36 ';#' $d@40 '\"' $e@46"
        );
    }

    #[test]
    fn what_nginx_would_not_take_is_an_error_at_its_place() {
        for (text, at) in [
            ("$a $", 3),
            ("$a ${b", 3),
            ("$a ${}", 3),
            ("$a $-", 3),
            ("log_format x '$a $';", 17),
            ("log_format x '$a", 13),
            ("log_format ;", 10),
            ("log_format x escape=xml '$a';", 13),
            ("log_format x '$a'; log_format y '$b';", 19),
        ] {
            assert_eq!(LogFormat::read(text, None).map(|_| ()).unwrap_err().at, at, "{text}");
        }
    }
}
