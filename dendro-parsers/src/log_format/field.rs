//! What a service hands in to be compiled.

use dendro_core::FieldSchema;

use super::byte_set::ByteSet;
use super::clock::{Part, Stamp};

/// A part of a log format.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// What stands in each line as it is.
    Literal(Vec<u8>),
    /// What differs.
    Field(Field),
}

/// A value in a line.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// How it is written in the configuration text.
    pub(crate) shown: String,
    /// Where it begins there.
    pub(crate) at: usize,
    pub(crate) kind: Kind,
    /// The event's fields that it sets, in the order in which its kind writes them: none for a time that becomes the event's,
    /// five for a request, two for a target, else one.
    pub(crate) published: Vec<FieldSchema>,
}

/// What a value is, and so where it ends.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Text; ends where what follows begins.
    Text(Chars),
    /// The request line of HTTP: the text, and its parts.
    Request,
    /// A path and what follows its first `?`, with nothing between.
    Target,
    /// One of these bytes, as text.
    Byte(&'static [u8]),
    /// So many hexadecimal digits, as text.
    Hex(usize),
    /// A number. Missing ones are null, if they may be missing.
    Number(Number, Missing),
    /// Numbers with `, ` or ` : ` between them.
    Numbers(Number),
    /// Texts of that kind.
    Texts,
    /// A point in time, or what helps to tell it.
    Time(Part, Stamp),
}

/// Whether a number may be missing: `-`, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Never,
    Null,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// Digits.
    U64,
    /// Three digits.
    Status,
    /// Digits with or without a fraction, and a minus before or not.
    F64,
    /// The same, as a length of time of so many nanoseconds each.
    Duration(i64),
    /// Hexadecimal digits.
    HexU64,
}

/// Which bytes a text may hold, before it is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chars {
    /// The server's own words: addresses, methods, versions. Nothing in them is ever escaped.
    Token,
    /// A host, with or without its port.
    Host,
    /// A word that comes from outside: no spaces, no quotes.
    Word,
    /// The same where it begins with a slash and may hold a space in rare cases.
    Uri,
    /// Anything, but seldom a space: a user, an id.
    Name,
    /// Anything.
    Free,
}

impl Chars {
    /// What a variable or header of this name holds, of which nothing else is known.
    pub(crate) fn of_name(name: &str) -> Self {
        let last = name.rsplit(['_', '-']).next().unwrap_or_default().to_ascii_lowercase();
        let is_name = matches!(
            last.as_str(),
            "user"
                | "id"
                | "ip"
                | "identifier"
                | "addr"
                | "host"
                | "port"
                | "length"
                | "proto"
                | "scheme"
                | "method"
        );
        if is_name { Self::Name } else { Self::Free }
    }
}

/// How a server escapes the values that it writes into a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// nginx's default: `\xHH` for `"`, `\` and what is not printable ASCII. A missing value is `-`.
    Hex,
    /// nginx's `escape=json`: as in a JSON string; bytes from 0x80 on are left as they are. A missing value is empty.
    Json,
    /// nginx's `escape=none`: nothing. A missing value is empty.
    None,
    /// Apache's: `\"`, `\\`, `\b`, `\n`, `\r`, `\t`, `\v`, and `\xhh` for what else is not printable ASCII. A missing value is
    /// `-`.
    Apache,
}

impl Escape {
    /// Whether a missing value is `-`, else it is empty.
    pub(super) fn has_dash(self) -> bool {
        matches!(self, Self::Hex | Self::Apache)
    }

    /// Whether `\"` is a quote in a value.
    pub(super) fn has_escaped_quote(self) -> bool {
        matches!(self, Self::Json | Self::Apache)
    }

    /// The bytes that any value may hold as it is logged, those of `\"` apart.
    fn logged(self) -> ByteSet {
        match self {
            Self::Hex | Self::Apache => ByteSet::range(b' ', b'~').without(b"\""),
            Self::Json => ByteSet::range(b' ', 255).without(b"\""),
            Self::None => ByteSet::ALL,
        }
    }
}

/// Digits and what else numbers are made of.
const NUMERIC: ByteSet = ByteSet::of(b"0123456789.-");
/// The separators of lists.
const LISTED: ByteSet = NUMERIC.with(b", :");
const HEX: ByteSet = NUMERIC.with(b"abcdefABCDEFx");
const TOKEN: ByteSet =
    ByteSet::of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/+%*@=~");
/// What times of the Common Log Format and of RFC 3339 are made of.
const TIMES: ByteSet = TOKEN.with(b" ");

impl Kind {
    /// The bytes that a value may hold as it is logged.
    pub(super) fn may_hold(&self, escape: Escape) -> ByteSet {
        let any = escape.logged();
        match self {
            Self::Text(Chars::Token) => TOKEN,
            // Servers refuse a header Host with anything else, or it is an attack.
            Self::Text(Chars::Host) => TOKEN.with(b"[]\\").without(b"/"),
            Self::Text(Chars::Word) => any.without(b" \t\r\n\"<>"),
            Self::Text(Chars::Uri | Chars::Name | Chars::Free) | Self::Request | Self::Target => any,
            Self::Byte(bytes) => ByteSet::of(bytes),
            Self::Texts => any.without(b"\"|;\t"),
            Self::Hex(_) | Self::Number(Number::HexU64, _) => HEX,
            Self::Number(..) => NUMERIC,
            Self::Numbers(_) => LISTED,
            Self::Time(Part::Strftime(format), _) if !format.is_plain() => ByteSet::ALL,
            Self::Time(..) => TIMES,
        }
    }

    /// The bytes that a text has to be made of, if they are only some.
    pub(super) fn words(&self, escape: Escape) -> Option<ByteSet> {
        let Self::Text(Chars::Token | Chars::Host | Chars::Word) = self else { return None };
        let held = self.may_hold(escape);
        Some(if escape.has_escaped_quote() { held.with(b"\"\\") } else { held })
    }

    /// How many bytes each of its values has, if that is always the same.
    pub(super) fn fixed_len(&self) -> Option<usize> {
        match self {
            Self::Byte(_) => Some(1),
            Self::Number(Number::Status, Missing::Never) => Some(3),
            Self::Time(part, _) => part.fixed_len(),
            _ => None,
        }
    }

    /// Whether its values end where what follows begins.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Request | Self::Target)
    }

    /// The byte that its values begin with, if that is always the same.
    pub(super) fn first_byte(&self) -> Option<u8> {
        matches!(self, Self::Text(Chars::Uri) | Self::Target).then_some(b'/')
    }
}
