//! Which file an event belongs to.

use std::fmt;
use std::path::{Path, PathBuf};

use dendro_core::{EventRef, ValueRef, json};

/// The most bytes that a value may take of a name; what is longer is cut and gets a hash.
const MAX_VALUE_BYTES: usize = 48;
/// That, with the hash.
const MAX_WRITTEN_BYTES: usize = MAX_VALUE_BYTES + 1 + 16;
/// The most bytes of one part of a path: file systems allow 255, and a finished file's name is longer by a time.
const MAX_PART_BYTES: usize = 215;

/// A path with places for parts of an event's time and for its fields; the [module](super) defines it.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    base: PathBuf,
    /// Whether every event goes to the same file, or all of a minute do.
    pub(super) by_field: bool,
    pub(super) by_time: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Field(String),
}

/// Why a [`FileSink`](super::FileSink) can't be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFileSink(pub(super) String);

impl fmt::Display for InvalidFileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidFileSink {}

impl Template {
    pub(super) fn parse(text: &str, extension: &str) -> Result<Self, InvalidFileSink> {
        let invalid = |why: &str| InvalidFileSink(format!("path `{text}`: {why}"));
        let mut pieces = parse_pieces(text).map_err(|why| invalid(&why))?;
        if !extension.is_empty() && !text.ends_with(extension) {
            pieces.push(Piece::Text(extension.to_owned()));
        }
        if text.is_empty() || text.ends_with('/') || text.contains('\0') {
            return Err(invalid("it has to end with the name of a file, and to have no NUL in it"));
        }
        let template = Self {
            base: base_of(&pieces),
            by_field: pieces.iter().any(|p| matches!(p, Piece::Field(_))),
            by_time: pieces.iter().any(|p| !matches!(p, Piece::Field(_) | Piece::Text(_))),
            pieces,
        };
        // What a value can at worst be stands for it here.
        let worst = template.written(|piece, out| match piece {
            Piece::Field(_) => out.push_str(&"x".repeat(MAX_WRITTEN_BYTES)),
            Piece::Year => out.push_str("0000"),
            _ => out.push_str("00"),
        });
        let parts = Path::new(&worst).strip_prefix(&template.base).unwrap_or(Path::new(&worst));
        for part in parts.components() {
            let std::path::Component::Normal(name) = part else {
                return Err(invalid("behind the first place for a value there can be no `..`"));
            };
            if name.len() > MAX_PART_BYTES {
                return Err(invalid("one of its parts can get too long: fewer fields between two `/`"));
            }
        }
        Ok(template)
    }

    /// The directory that no value leads out of: what stands before the first place for one.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// The path for an event, in the place of what `out` holds.
    pub(super) fn write_path(&self, event: EventRef<'_>, out: &mut String) {
        let civil = event.timestamp().to_civil();
        out.clear();
        self.write(out, |piece, out| match piece {
            Piece::Year => write_number(civil.year.unsigned_abs(), 4, out),
            Piece::Month => write_number(civil.month.into(), 2, out),
            Piece::Day => write_number(civil.day.into(), 2, out),
            Piece::Hour => write_number(civil.hour.into(), 2, out),
            Piece::Minute => write_number(civil.minute.into(), 2, out),
            Piece::Field(name) if name == "type" => write_value(Some(ValueRef::Str(event.event_type())), out),
            Piece::Field(name) => write_value(event.get(name), out),
            Piece::Text(_) => {}
        });
    }

    fn write(&self, out: &mut String, mut write: impl FnMut(&Piece, &mut String)) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                other => write(other, out),
            }
        }
    }

    fn written(&self, write: impl FnMut(&Piece, &mut String)) -> String {
        let mut out = String::new();
        self.write(&mut out, write);
        out
    }
}

fn parse_pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let piece = match c {
            '%' => match rest.next() {
                Some('Y') => Piece::Year,
                Some('m') => Piece::Month,
                Some('d') => Piece::Day,
                Some('H') => Piece::Hour,
                Some('M') => Piece::Minute,
                Some('%') => {
                    plain.push('%');
                    continue;
                }
                other => {
                    let what = other.map(String::from).unwrap_or_default();
                    return Err(format!("`%{what}` is none of %Y %m %d %H %M %%"));
                }
            },
            '{' if rest.next_if_eq(&'{').is_some() => {
                plain.push('{');
                continue;
            }
            '}' if rest.next_if_eq(&'}').is_some() => {
                plain.push('}');
                continue;
            }
            '{' => {
                let name: String = rest.by_ref().take_while(|c| *c != '}').collect();
                if name.is_empty() || name.contains('{') || !text.contains(&format!("{{{name}}}")) {
                    return Err("a `{` begins `{field}`; `{{` is the brace itself".to_owned());
                }
                Piece::Field(name)
            }
            '}' => return Err("a `}` without `{`; `}}` is the brace itself".to_owned()),
            other => {
                plain.push(other);
                continue;
            }
        };
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(piece);
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

fn base_of(pieces: &[Piece]) -> PathBuf {
    match pieces.first() {
        Some(Piece::Text(text)) => match text.rfind('/') {
            Some(0) => PathBuf::from("/"),
            Some(at) => PathBuf::from(&text[..at]),
            None => PathBuf::new(),
        },
        _ => PathBuf::new(),
    }
}

fn write_number(number: u32, width: usize, out: &mut String) {
    let digits = number.to_string();
    (digits.len()..width).for_each(|_| out.push('0'));
    out.push_str(&digits);
}

/// Appends a value such that it is a part of one name: it can't end it, begin another, or be `.` or `..`.
fn write_value(value: Option<ValueRef<'_>>, out: &mut String) {
    let mut other = Vec::new();
    let text = match value {
        None | Some(ValueRef::Null) => "".into(),
        Some(ValueRef::Str(text)) => text.into(),
        Some(ValueRef::Bytes(bytes)) => String::from_utf8_lossy(bytes),
        Some(value) => {
            json::write_value(value, &mut other);
            String::from_utf8_lossy(&other)
        }
    };
    let start = out.len();
    for c in text.chars() {
        let written = out.len() - start;
        if written + c.len_utf8() > MAX_VALUE_BYTES {
            out.push('~');
            out.push_str(&format!("{:016x}", fnv1a(text.as_bytes())));
            break;
        }
        let unsafe_here = c == '/' || c == '\\' || c.is_control() || (c == '.' && written == 0);
        out.push(if unsafe_here { '_' } else { c });
    }
    if out.len() == start {
        out.push('_');
    }
}

/// FNV-1a: keeps apart what begins alike.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use dendro_core::{Batch, Event, Timestamp, Value};

    use super::*;

    fn path(template: &str, event: &Event) -> String {
        let batch = Batch::from_events([event]).unwrap();
        let mut out = String::new();
        Template::parse(template, "").unwrap().write_path(batch.get(0).unwrap(), &mut out);
        out
    }

    #[test]
    fn time_is_that_of_the_event_in_utc() {
        let time = Timestamp::parse_rfc3339("2026-03-01T01:02:59+02:00").unwrap();
        assert_eq!(path("a/%Y-%m-%d/%H%M.x%%", &Event::new("t").at(time)), "a/2026-02-28/2302.x%");
    }

    #[test]
    fn fields_types_and_braces() {
        let event = Event::new("nginx_access").with("status", 200u64).with("none", Value::Null);
        assert_eq!(path("l/{type}/{status}{{x}}.{none}.{missing}", &event), "l/nginx_access/200{x}._._");
    }

    #[test]
    fn no_value_leads_out_of_the_base() {
        let hostile = [
            "..",
            ".",
            "",
            "/",
            "/etc/passwd",
            "../../etc/passwd",
            "a/../../b",
            "..\\..\\x",
            "a\0b",
            "a\nb",
            "....//",
            "%2e%2e%2f",
            "~root",
            "\u{202e}",
            ".hidden",
            "CON",
            "-rf",
        ];
        let template = Template::parse("base/dir/{a}/x{b}/{a}{b}", "").unwrap();
        for a in hostile {
            for b in hostile {
                let batch = Batch::from_events([&Event::new("t").with("a", a).with("b", b)]).unwrap();
                let mut out = String::new();
                template.write_path(batch.get(0).unwrap(), &mut out);
                let parts: Vec<_> = Path::new(&out).components().collect();
                assert_eq!(parts.len(), 5, "{out:?}");
                assert!(parts.iter().all(|p| matches!(p, std::path::Component::Normal(_))), "{out:?}");
                assert!(Path::new(&out).starts_with(template.base()), "{out:?}");
                assert!(!out.contains(['\0', '\n', '\\']), "{out:?}");
                assert!(!out.contains("/."), "{out:?}");
            }
        }
    }

    #[test]
    fn long_values_are_cut_and_kept_apart() {
        let long = |last: &str| Event::new("t").with("a", format!("{}{last}", "\u{e9}".repeat(5_000)));
        let (one, two) = (path("b/{a}", &long("1")), path("b/{a}", &long("2")));
        assert_ne!(one, two);
        assert!(one.len() < 90, "{one}");
    }

    #[test]
    fn what_cannot_be_a_path_is_refused_when_it_is_built() {
        for (text, why) in [
            ("", "name of a file"),
            ("logs/", "name of a file"),
            ("logs/%s", "none of"),
            ("logs/%", "none of"),
            ("logs/{", "begins"),
            ("logs/{}", "begins"),
            ("logs/{a", "begins"),
            ("logs/a}", "without"),
            ("logs/{a}/../x", "no `..`"),
            ("logs/{a}{b}{c}{d}", "too long"),
        ] {
            let error = Template::parse(text, "").unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(Template::parse("../logs/{a}.ndjson", "").is_ok());
    }

    #[test]
    fn the_base_is_what_no_value_can_change() {
        for (text, base) in
            [("/var/log/a-{x}", "/var/log"), ("{x}", ""), ("/{x}", "/"), ("a/b/c", "a/b"), ("%Y/b", "")]
        {
            assert_eq!(Template::parse(text, "").unwrap().base(), Path::new(base), "{text}");
        }
    }
}
