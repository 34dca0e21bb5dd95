//! `ErrorLogFormat` as it stands in a configuration file.

/// A format, as its characters and where each stands in the text that was given.
#[derive(Clone, Debug)]
pub(super) struct FormatText {
    pub(super) of: Of,
    pub(super) chars: Vec<(u8, usize)>,
    /// Where it ends in the text.
    pub(super) end: usize,
}

/// The lines that a format is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The events.
    Event,
    /// What is logged once a connection or a request.
    Info,
}

/// What is wrong, and where.
pub(super) type Problem = (usize, String);

/// The formats of a text: one or more `ErrorLogFormat` directives, or a format alone, with or without quotes.
pub(super) fn formats(text: &str) -> Result<Vec<FormatText>, Problem> {
    let lines = lines(text);
    let mut found = Vec::new();
    let mut alone = None;
    for line in &lines {
        let rest = skip_blanks(line);
        match rest {
            [] | [(b'#', _), ..] => {}
            _ => match after_directive(rest) {
                Some(arguments) => found.push(directive(arguments, text.len())?),
                None if alone.is_none() => alone = Some(rest),
                None => return Err((rest[0].1, "expected `ErrorLogFormat \"...\"`".to_owned())),
            },
        }
    }
    match alone {
        None if found.is_empty() => Err((text.len(), "there is no format".to_owned())),
        None => Ok(found),
        Some(rest) if !found.is_empty() => Err((rest[0].1, "expected `ErrorLogFormat \"...\"`".to_owned())),
        Some(rest) => {
            let end = rest.last().map_or(text.len(), |(_, at)| at + 1);
            let chars = match rest {
                [(b'"', _), .., (b'"', _)] => argument(rest, text.len())?.0,
                _ => rest.to_vec(),
            };
            Ok(vec![FormatText { of: Of::Event, chars, end }])
        }
    }
}

/// The lines, each joined with the next if it ends with a backslash.
fn lines(text: &str) -> Vec<Vec<(u8, usize)>> {
    let mut lines = vec![Vec::new()];
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        let Some(line) = lines.last_mut() else { break };
        match byte {
            b'\\' if bytes.peek().is_some_and(|(_, next)| *next == b'\n') => {
                bytes.next();
            }
            b'\n' => lines.push(Vec::new()),
            b'\r' if bytes.peek().is_none_or(|(_, next)| *next == b'\n') => {}
            _ => line.push((byte, at)),
        }
    }
    lines
}

/// What follows `ErrorLogFormat`, in upper or lower case.
fn after_directive(line: &[(u8, usize)]) -> Option<&[(u8, usize)]> {
    const NAME: &[u8] = b"errorlogformat";
    let (name, rest) = line.split_at_checked(NAME.len())?;
    let is_name = name.iter().zip(NAME).all(|((byte, _), expected)| byte.eq_ignore_ascii_case(expected));
    (is_name && matches!(rest, [(b' ' | b'\t', _), ..])).then(|| skip_blanks(rest))
}

fn directive(arguments: &[(u8, usize)], end: usize) -> Result<FormatText, Problem> {
    let (mut chars, mut rest) = argument(arguments, end)?;
    let mut of = Of::Event;
    if !rest.is_empty() {
        let kind: Vec<u8> = chars.iter().map(|(byte, _)| byte.to_ascii_lowercase()).collect();
        if !matches!(&kind[..], b"connection" | b"request") {
            let problem =
                "expected one format, in quotes if it has spaces, or `connection` or `request` and one";
            return Err((arguments.first().map_or(end, |(_, at)| *at), problem.to_owned()));
        }
        of = Of::Info;
        (chars, rest) = argument(rest, end)?;
    }
    match rest {
        [] => Ok(FormatText { of, end: chars.last().map_or(end, |(_, at)| at + 1), chars }),
        [(_, at), ..] => Err((*at, "expected the end of the line".to_owned())),
    }
}

/// An argument of a directive, without its quotes, and what follows it (`ap_getword_conf`).
type Argument<'a> = (Vec<(u8, usize)>, &'a [(u8, usize)]);

fn argument(text: &[(u8, usize)], end: usize) -> Result<Argument<'_>, Problem> {
    let Some(quote @ (b'"' | b'\'', start)) = text.first().copied() else {
        let len = text.iter().position(|(byte, _)| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
        return Ok((text[..len].to_vec(), skip_blanks(&text[len..])));
    };
    let mut chars = Vec::new();
    let mut rest = &text[1..];
    loop {
        rest = match rest {
            [] => return Err((start.min(end), "the quote is not closed".to_owned())),
            [(b'\\', _), char @ (byte, _), after @ ..] if *byte == quote.0 || *byte == b'\\' => {
                chars.push(*char);
                after
            }
            [(byte, _), after @ ..] if *byte == quote.0 => return Ok((chars, skip_blanks(after))),
            [char, after @ ..] => {
                chars.push(*char);
                after
            }
        };
    }
}

fn skip_blanks(text: &[(u8, usize)]) -> &[(u8, usize)] {
    let blanks = text.iter().take_while(|(byte, _)| matches!(byte, b' ' | b'\t')).count();
    &text[blanks..]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Of, String)> {
        let shown = |chars: &[(u8, usize)]| chars.iter().map(|(byte, _)| char::from(*byte)).collect();
        formats(text).unwrap().iter().map(|format| (format.of, shown(&format.chars))).collect()
    }

    #[test]
    fn formats_are_taken_from_directives_or_as_they_are() {
        let one = |text: &str| vec![(Of::Event, text.to_owned())];
        for (text, expected) in [
            ("[%t] %M", one("[%t] %M")),
            ("\"[%t] %M\"", one("[%t] %M")),
            (r#"ErrorLogFormat "[%t] \"%v\" \\ [client\ %a] %M""#, one(r#"[%t] "%v" \ [client\ %a] %M"#)),
            ("  errorlogformat\t'%M'\r\n", one("%M")),
            ("ErrorLogFormat %M", one("%M")),
            ("# the format\nErrorLogFormat \\\n  \"%t \\\n%M\"\n", one("%t %M")),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let several =
            read("ErrorLogFormat \"%M\"\n\nErrorLogFormat request \"%L\"\nErrorLogFormat Connection %{c}L");
        let expected = [(Of::Event, "%M"), (Of::Info, "%L"), (Of::Info, "%{c}L")];
        assert_eq!(several, expected.map(|(of, text)| (of, text.to_owned())));
    }

    #[test]
    fn what_is_no_directive_is_an_error_at_its_place() {
        for (text, at) in [
            ("", 0),
            ("\n# only a comment", 17),
            ("ErrorLogFormat \"%M", 15),
            ("ErrorLogFormat always \"%M\"", 15),
            ("ErrorLogFormat request \"%L\" x", 28),
            ("ErrorLogFormat \"%M\"\nLogLevel info", 20),
            ("%M\n%t", 3),
        ] {
            assert_eq!(formats(text).unwrap_err().0, at, "{text}");
        }
    }
}
