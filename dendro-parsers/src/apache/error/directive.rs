//! The items of an `ErrorLogFormat`, as httpd reads them.

use super::config::{Of, Problem};

/// What stands at one place of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) what: What,
    /// Whether a field begins with it.
    pub(super) separator: bool,
    /// Where it begins in the text that was given.
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Literal(Vec<u8>),
    Value(Directive),
    /// `%M`.
    Message,
}

/// A directive with its modifiers, as `%-{name}i`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) letter: u8,
    pub(super) name: Option<String>,
    /// `-`: a missing value is logged as a hyphen.
    pub(super) hyphen: bool,
    /// `+`: a line without the value is not logged.
    pub(super) required: bool,
    /// Only logged from this level on.
    pub(super) min_level: usize,
}

impl Directive {
    /// Whether the value may be missing, so that its field is left out.
    pub(super) fn may_be_missing(&self, of: Of) -> bool {
        let always = match self.letter {
            b't' | b'P' | b'v' => true,
            b'l' => of == Of::Event,
            _ => false,
        };
        self.min_level > 0 || !(always || self.hyphen || self.required)
    }
}

/// The items of a format (`parse_errorlog_string`).
pub(super) fn items(chars: &[(u8, usize)], end: usize, of: Of) -> Result<Vec<Item>, Problem> {
    let mut reader = Reader { rest: chars, end };
    let mut items = Vec::new();
    while !reader.rest.is_empty() {
        let at = reader.at();
        let item = reader.item()?;
        check(&item.what, of).map_err(|problem| (at, problem.to_owned()))?;
        items.push(item);
    }
    let messages = items.iter().filter(|item| item.what == What::Message).count();
    match (of, messages) {
        (Of::Event, 0) => Err((end, "the message, %M, is missing".to_owned())),
        (Of::Event, 2..) => Err((end, "there is more than one %M: nothing tells where one ends".to_owned())),
        _ => Ok(items),
    }
}

fn check(what: &What, of: Of) -> Result<(), &'static str> {
    match (what, of) {
        (What::Message, Of::Info) => Err("%M is not for formats of connections and requests"),
        (What::Value(directive), Of::Event) if directive.required => {
            Err("`+` is only for formats of connections and requests")
        }
        (What::Value(directive), Of::Info) if directive.min_level > 0 => {
            Err("a level is not for formats of connections and requests")
        }
        (What::Value(directive), _) if directive.min_level > 15 => {
            Err("there is no such level: 15 is trace8")
        }
        _ => Ok(()),
    }
}

struct Reader<'a> {
    rest: &'a [(u8, usize)],
    end: usize,
}

impl Reader<'_> {
    fn at(&self) -> usize {
        self.rest.first().map_or(self.end, |(_, at)| *at)
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().map(|(byte, _)| *byte)
    }

    fn next(&mut self) -> Option<u8> {
        let ((byte, _), rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn item(&mut self) -> Result<Item, Problem> {
        let at = self.at();
        let mut separator = false;
        // `% ` is a separator that is not printed.
        while let [(b'%', _), (b' ', _), rest @ ..] = self.rest {
            separator = true;
            self.rest = rest;
        }
        let what = match self.rest {
            [(b'%', _), (b'%', _), rest @ ..] => {
                self.rest = rest;
                What::Literal(b"%".to_vec())
            }
            [(b'%', _), rest @ ..] => {
                self.rest = rest;
                self.directive(at)?
            }
            _ => {
                separator |= self.peek() == Some(b' ');
                What::Literal(self.literal())
            }
        };
        Ok(Item { what, separator, at })
    }

    /// Text up to the next directive, or the next space that is not at its front (`parse_errorlog_misc_string`).
    fn literal(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut at_start = true;
        while let Some(byte) = self.peek() {
            if byte == b'%' || byte == b' ' && !at_start {
                break;
            }
            self.next();
            if byte != b'\\' {
                at_start &= byte == b' ';
                text.push(byte);
                continue;
            }
            text.push(match self.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(other) => other,
                None => b'\\',
            });
        }
        text
    }

    fn directive(&mut self, at: usize) -> Result<What, Problem> {
        let mut directive = Directive { letter: 0, name: None, hyphen: false, required: false, min_level: 0 };
        loop {
            let here = self.at();
            let Some(byte) = self.next() else { return Err((at, "the directive has no letter".to_owned())) };
            match byte {
                b'{' => {
                    let mut name = Vec::new();
                    while let Some(byte) = self.next().filter(|byte| *byte != b'}') {
                        name.push(byte);
                    }
                    directive.name = Some(String::from_utf8_lossy(&name).into_owned());
                }
                b'+' => directive.required = true,
                b'-' => directive.hyphen = true,
                b'0'..=b'9' => {
                    let mut level = usize::from(byte - b'0');
                    while let Some(digit @ b'0'..=b'9') = self.peek() {
                        level = (level * 10 + usize::from(digit - b'0')).min(100);
                        self.next();
                    }
                    directive.min_level = level;
                }
                b'M' => return Ok(What::Message),
                b'e' | b'i' | b'n' if directive.name.as_deref().unwrap_or_default().is_empty() => {
                    return Err((at, format!("%{} needs a name, as in %{{name}}{0}", char::from(byte))));
                }
                b'a' | b'A' | b'e' | b'E' | b'F' | b'i' | b'k' | b'l' | b'L' | b'm' | b'n' | b'P' | b't'
                | b'T' | b'v' | b'V' => {
                    directive.letter = byte;
                    return Ok(What::Value(directive));
                }
                other => {
                    let letter = char::from(other);
                    return Err((here, format!("there is no directive %{letter} in an error log")));
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str, of: Of) -> Result<Vec<String>, Problem> {
        let chars: Vec<_> = text.bytes().enumerate().map(|(at, byte)| (byte, at)).collect();
        let shown = |item: Item| {
            let what = match item.what {
                What::Literal(text) => format!("{:?}", String::from_utf8(text).unwrap()),
                What::Message => "M".to_owned(),
                What::Value(d) => {
                    format!(
                        "{}{}{}",
                        char::from(d.letter),
                        d.name.unwrap_or_default(),
                        if d.hyphen { "-" } else { "" }
                    )
                }
            };
            format!("{}{what}", if item.separator { "|" } else { "" })
        };
        Ok(items(&chars, text.len(), of)?.into_iter().map(shown).collect())
    }

    #[test]
    fn a_space_begins_a_field_unless_it_is_escaped() {
        let read = |text| read(text, Of::Event).unwrap();
        assert_eq!(
            read(r"[%{u}t] [%-m:%l] [client\ %a] %M% ,\ referer\ %{Referer}i"),
            [
                "\"[\"",
                "tu",
                "\"]\"",
                "|\" [\"",
                "m-",
                "\":\"",
                "l",
                "\"]\"",
                "|\" [client \"",
                "a",
                "\"]\"",
                "|\" \"",
                "M",
                "|\", referer \"",
                "iReferer"
            ]
        );
        assert_eq!(read("[client %a] %M"), ["\"[client\"", "|\" \"", "a", "\"]\"", "|\" \"", "M"]);
        assert_eq!(read(r"%% %M\n\t\\\"), ["\"%\"", "|\" \"", "M", "\"\\n\\t\\\\\\\\\""]);
        assert_eq!(read("% % %7F %M"), ["|F", "|\" \"", "M"]);
    }

    #[test]
    fn what_httpd_would_not_take_is_an_error_at_its_place() {
        for (text, of, at) in [
            ("%t", Of::Event, 2),
            ("%M %M", Of::Event, 5),
            ("%M %", Of::Event, 3),
            ("%t %x %M", Of::Event, 4),
            ("%i %M", Of::Event, 0),
            ("%{}e %M", Of::Event, 0),
            ("%{Referer %M", Of::Event, 0),
            ("%+a %M", Of::Event, 0),
            ("%16F %M", Of::Event, 0),
            ("%M", Of::Info, 0),
            ("%L %7F", Of::Info, 3),
        ] {
            assert_eq!(read(text, of).unwrap_err().0, at, "{text}");
        }
    }
}
