//! Finding what is not to be seen, in one pass over the text.

mod address;
mod card;
mod email;
mod token;

use std::ops::Range;

use serde::Deserialize;

/// A kind of what is looked for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A payment card's number: 13 to 19 digits that pass Luhn's check.
    Card,
    /// A password, a key, a session: by what stands before it or by how it begins.
    Token,
}

impl Kind {
    /// All that there are.
    pub fn all() -> Vec<Self> {
        vec![Self::Email, Self::Ip, Self::Card, Self::Token]
    }

    /// What takes the place of one.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Email => "[email]",
            Self::Ip => "[ip]",
            Self::Card => "[card]",
            Self::Token => "[token]",
        }
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinds(u8);

impl Kinds {
    fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u8))
    }
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// Appends what `text` has of these kinds, in order.
pub fn find(text: &str, kinds: Kinds, found: &mut Vec<Found>) {
    let bytes = text.as_bytes();
    let (mut at, mut end) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let class = CLASSES[usize::from(byte)];
        // A word or number begins where the one before has ended.
        let begins = class & WORD != 0 && (at == end || CLASSES[usize::from(bytes[at - 1])] & WORD == 0);
        let hit = match class {
            _ if byte == b'@' && kinds.has(Kind::Email) => {
                email::around(bytes, at, end).map(|r| (r, Kind::Email))
            }
            _ if byte == b':' && kinds.has(Kind::Ip) => {
                address::v6_from(text, at, end).map(|r| (r, Kind::Ip))
            }
            class if begins => at_word(text, at, class, kinds),
            _ => None,
        };
        match hit {
            Some((range, kind)) => {
                (at, end) = (range.end, range.end);
                found.push(Found { range, kind });
            }
            None => at += 1,
        }
    }
}

fn at_word(text: &str, at: usize, class: u8, kinds: Kinds) -> Option<(Range<usize>, Kind)> {
    let bytes = text.as_bytes();
    if class & DIGIT != 0 {
        if let Some(range) = address::v4(bytes, at).filter(|_| kinds.has(Kind::Ip)) {
            return Some((range, Kind::Ip));
        }
        if let Some(range) = card::number(bytes, at).filter(|_| kinds.has(Kind::Card)) {
            return Some((range, Kind::Card));
        }
    }
    let token = token::at(bytes, at).filter(|_| class & LETTER != 0 && kinds.has(Kind::Token));
    token.map(|range| (range, Kind::Token))
}

const WORD: u8 = 1;
const DIGIT: u8 = 2;
const LETTER: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8;
        if c.is_ascii_digit() {
            classes[byte] = WORD | DIGIT;
        } else if c.is_ascii_alphabetic() {
            classes[byte] = WORD | LETTER;
        } else if c == b'_' || c >= 0x80 {
            classes[byte] = WORD;
        }
        byte += 1;
    }
    classes
};

/// How many bytes from `at` on are such.
fn run(bytes: &[u8], at: usize, is: impl Fn(u8) -> bool) -> usize {
    bytes.get(at..).unwrap_or_default().iter().take_while(|byte| is(**byte)).count()
}

fn is_word(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & WORD != 0
}
