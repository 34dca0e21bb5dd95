//! Escapes that servers put into their logs, decoded.

use crate::scan;

/// Appends `text` with each `\xHH` (hexadecimal digits in upper or lower case) decoded.
///
/// This is nginx's `escape=default`: `"`, `\`, bytes below 0x20 and from 0x7F on are written so, and
/// nothing else is an escape (`ngx_http_log_escape`, nginx 1.1.6 and later). A backslash before
/// anything else stands for itself.
///
/// ```
/// let mut out = Vec::new();
/// dendro_parsers::escapes::decode_hex(br"caf\xC3\xA9 \x22 \y", &mut out);
/// assert_eq!(out, "café \" \\y".as_bytes());
/// ```
pub fn decode_hex(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = match escape {
            [_, b'x', high, low, after @ ..] if is_hex(*high, *low) => {
                out.push(byte_of(*high, *low));
                after
            }
            _ => {
                out.push(b'\\');
                &escape[1..]
            }
        };
    }
    out.extend_from_slice(rest);
}

/// Appends `text` with each `%HH` (hexadecimal digits in upper or lower case) decoded, once: `%2520` becomes `%20`.
///
/// A percent sign before anything else stands for itself.
///
/// ```
/// let mut out = Vec::new();
/// dendro_parsers::escapes::decode_percent(b"caf%C3%A9%20100%", &mut out);
/// assert_eq!(out, "café 100%".as_bytes());
/// ```
pub fn decode_percent(text: &[u8], out: &mut Vec<u8>) {
    decode_percent_until(b'%', text, out);
}

/// The same up to the first `end`, if that is no percent sign; gives the length of what stands before it.
#[inline]
pub(crate) fn decode_percent_until(end: u8, text: &[u8], out: &mut Vec<u8>) -> usize {
    const WORD: usize = 8;
    /// How much room is made at a time.
    const ROOM: usize = 16 * WORD;
    let (mut read, mut written) = (0, out.len());
    // Whole words are written, and those bytes that were too many are overwritten by what comes next.
    while let Some(word) = text.get(read..).and_then(<[u8]>::first_chunk::<WORD>) {
        let Some(room) = out.get_mut(written..).and_then(<[u8]>::first_chunk_mut::<WORD>) else {
            out.resize(written + ROOM, 0);
            continue;
        };
        *room = *word;
        let plain = scan::first_in_word(b'%', end, *word);
        read += plain;
        written += plain;
        if plain == WORD {
            continue;
        }
        let (byte, len) = match text[read..] {
            [b'%', high, low, ..] if is_hex(high, low) => (byte_of(high, low), 3),
            [b'%', ..] => (b'%', 1),
            _ => {
                out.truncate(written);
                return read;
            }
        };
        room[plain] = byte;
        written += 1;
        read += len;
    }
    out.truncate(written);
    while let Some(byte) = text.get(read).filter(|byte| **byte != end || end == b'%') {
        match text[read..] {
            [b'%', high, low, ..] if is_hex(high, low) => {
                out.push(byte_of(high, low));
                read += 3;
            }
            _ => {
                out.push(*byte);
                read += 1;
            }
        }
    }
    read
}

/// Appends `text` with the escapes of Apache's logs decoded: `\"`, `\\`, `\b`, `\n`, `\r`, `\t`, `\v` and `\xhh`.
///
/// They stand for the quote, the backslash and what is not printable ASCII (`ap_escape_logitem`, Apache 2.0.46 and
/// later). A backslash before anything else stands for itself.
///
/// ```
/// let mut out = Vec::new();
/// dendro_parsers::escapes::decode_apache(br#"\"caf\xc3\xa9\" \\ \t \y"#, &mut out);
/// assert_eq!(out, "\"café\" \\ \t \\y".as_bytes());
/// ```
pub fn decode_apache(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (byte, len) = match escape {
            [_, b'x', high, low, ..] if is_hex(*high, *low) => (byte_of(*high, *low), 4),
            [_, byte @ (b'"' | b'\\'), ..] => (*byte, 2),
            [_, b'n', ..] => (b'\n', 2),
            [_, b't', ..] => (b'\t', 2),
            [_, b'r', ..] => (b'\r', 2),
            [_, b'b', ..] => (0x08, 2),
            [_, b'v', ..] => (0x0b, 2),
            _ => (b'\\', 1),
        };
        out.push(byte);
        rest = &escape[len..];
    }
    out.extend_from_slice(rest);
}

/// The values of hexadecimal digits; of other bytes, what no digit has.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};
const NO_DIGIT: u8 = 0x80;

#[inline(always)]
fn digit(byte: u8) -> u8 {
    DIGITS[usize::from(byte)]
}

#[inline(always)]
fn is_hex(high: u8, low: u8) -> bool {
    (digit(high) | digit(low)) < NO_DIGIT
}

/// The byte that two hexadecimal digits stand for.
#[inline(always)]
fn byte_of(high: u8, low: u8) -> u8 {
    digit(high) << 4 | digit(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte at a time.
    fn plainly(end: u8, text: &[u8]) -> (Vec<u8>, usize) {
        let (mut out, mut at) = (Vec::new(), 0);
        while at < text.len() && (text[at] != end || end == b'%') {
            let hex = text.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
            let hex = hex.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
            match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) if text[at] == b'%' => {
                    out.push(byte);
                    at += 3;
                }
                _ => {
                    out.push(text[at]);
                    at += 1;
                }
            }
        }
        (out, at)
    }

    proptest::proptest! {
        #[test]
        fn percent_decoding_is_the_same_in_words_and_by_bytes(
            text in proptest::collection::vec(proptest::sample::select(b"%%%209aFg\tx\xff".to_vec()), 0..400),
            before in 0..200usize,
        ) {
            for end in [b'\t', b'%'] {
                let (decoded, len) = plainly(end, &text);
                let mut out = vec![b'b'; before];
                proptest::prop_assert_eq!(decode_percent_until(end, &text, &mut out), len);
                proptest::prop_assert_eq!(&out[before..], &decoded);
                proptest::prop_assert!(out[..before].iter().all(|b| *b == b'b'));
            }
        }
    }

    fn decoded(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        decode_hex(text, &mut out);
        out
    }

    #[test]
    fn every_byte_comes_back() {
        for byte in 0..=255u8 {
            assert_eq!(decoded(format!("a\\x{byte:02X}b").as_bytes()), [b'a', byte, b'b']);
            assert_eq!(decoded(format!("\\x{byte:02x}").as_bytes()), [byte]);
        }
    }

    #[test]
    fn percent_signs_are_decoded_once() {
        for (text, expected) in [
            ("", ""),
            ("%", "%"),
            ("%2", "%2"),
            ("%2g%g2", "%2g%g2"),
            ("%41%4a%4A", "AJJ"),
            ("%2520", "%20"),
            ("%%20", "% "),
            ("100%25", "100%"),
        ] {
            let mut out = Vec::new();
            decode_percent(text.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{text}");
        }
    }

    #[test]
    fn every_escape_of_apache_is_decoded() {
        let mut out = Vec::new();
        decode_apache(br#"\"\\\n\t\r\b\v\xe9\x00\\x41\y\x4g\"#, &mut out);
        assert_eq!(out, b"\"\\\n\t\r\x08\x0b\xe9\0\\x41\\y\\x4g\\");
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        for text in ["", "\\", "\\\\", "\\x", "\\x4", "\\xg0", "\\x0g", "\\n", "\\u0041", "\\X41"] {
            assert_eq!(decoded(text.as_bytes()), text.as_bytes());
        }
        assert_eq!(decoded(br"\\x41\x5Cx41"), br"\A\x41");
    }
}
