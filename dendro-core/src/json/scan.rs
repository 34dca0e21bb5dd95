//! Finding the bytes of a text that JSON wants escaped, sixteen at a time.

/// How many bytes [`find`] looks at.
pub(super) const BLOCK: usize = 16;

/// Where the first byte is that is a control character, a quote or a backslash, or with `HIGH` one that is not
/// ASCII; [`BLOCK`] if there is none.
#[inline]
pub(super) fn find<const HIGH: bool>(block: &[u8; BLOCK]) -> usize {
    // Compiles to a few compares of whole vectors.
    let found: [u8; BLOCK] = std::array::from_fn(|i| {
        let byte = block[i];
        // As a signed number, what is not ASCII is below zero.
        let outside = if HIGH { (byte as i8) < 0x20 } else { byte < 0x20 };
        0u8.wrapping_sub(u8::from(outside | (byte == b'"') | (byte == b'\\')))
    });
    let found = u128::from_le_bytes(found);
    if found == 0 { BLOCK } else { found.trailing_zeros() as usize / 8 }
}

/// The block that begins at `at`, with zeros behind the end.
#[inline]
pub(super) fn block(text: &[u8], at: usize) -> [u8; BLOCK] {
    match text.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(block) => *block,
        None => short_block(text, at),
    }
}

#[cold]
fn short_block(text: &[u8], at: usize) -> [u8; BLOCK] {
    let rest = text.get(at..).unwrap_or_default();
    let mut block = [0; BLOCK];
    let len = rest.len().min(BLOCK);
    block[..len].copy_from_slice(&rest[..len]);
    block
}

/// How many bytes need no escape.
pub(super) fn plain_prefix(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() {
        let found = find::<false>(&block(text, at));
        if found < BLOCK {
            return (at + found).min(text.len());
        }
        at += BLOCK;
    }
    text.len()
}

/// How a byte that needs an escape is written, and the length of that.
pub(super) fn escape(byte: u8) -> ([u8; 8], usize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            return ([b'\\', b'u', b'0', b'0', high, low, 0, 0], 6);
        }
    };
    ([b'\\', short, 0, 0, 0, 0, 0, 0], 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_to_escape_is_found_at_every_place() {
        for at in 0..BLOCK {
            for byte in 0..=255u8 {
                for other in [b'x', b'"', b'\\', 0, 0x1f, 0x20, 0x7f, 0x80, 0xff] {
                    let mut block = [b'x'; BLOCK];
                    block[at..].fill(other);
                    block[at] = byte;
                    let expected = |high: bool| {
                        let wanted = |b: &u8| *b < 0x20 || matches!(*b, b'"' | b'\\') || (high && *b >= 0x80);
                        block.iter().position(wanted).unwrap_or(BLOCK)
                    };
                    assert_eq!(find::<false>(&block), expected(false), "{block:?}");
                    assert_eq!(find::<true>(&block), expected(true), "{block:?}");
                }
            }
        }
    }
}
