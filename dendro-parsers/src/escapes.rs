//! Escapes that servers put into their logs, decoded.

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
            [_, b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(nibble(*high) << 4 | nibble(*low));
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
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = match escape {
            [_, high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(nibble(*high) << 4 | nibble(*low));
                after
            }
            _ => {
                out.push(b'%');
                &escape[1..]
            }
        };
    }
    out.extend_from_slice(rest);
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
            [_, b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (nibble(*high) << 4 | nibble(*low), 4)
            }
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

/// The value of a hexadecimal digit.
fn nibble(digit: u8) -> u8 {
    (digit & 15) + 9 * (digit >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

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
