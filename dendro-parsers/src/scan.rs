//! Finding bytes, eight at a time, in texts that are mostly short: a call into `memchr` costs more than
//! the search there.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where the first `byte` is in `text`.
#[inline(always)]
pub(crate) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = word_at(text, at) {
        let hits = zero_bytes(word ^ (LOW * u64::from(byte)));
        if hits != 0 {
            return Some(at + first(hits));
        }
        at += 8;
        if at == SHORT {
            return find_far(byte, text, at);
        }
    }
    text[at..].iter().position(|b| *b == byte).map(|more| at + more)
}

#[cold]
fn find_far(byte: u8, text: &[u8], at: usize) -> Option<usize> {
    memchr::memchr(byte, text.get(at..)?).map(|more| at + more)
}

/// From here on `memchr` is faster.
const SHORT: usize = 48;

#[inline]
fn word_at(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..).and_then(<[u8]>::first_chunk).map(|chunk| u64::from_le_bytes(*chunk))
}

/// The high bit of each byte that is zero. A borrow can set it for bytes behind the first such one too.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}

#[inline]
fn first(hits: u64) -> usize {
    hits.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_is() {
        for len in 0..120 {
            for at in 0..len {
                for (before, hit) in
                    [(b'x', b'"'), (0x21, b'"'), (0xA2, b'"'), (0x23, b'"'), (b'x', b'\\'), (0xDC, b'\\')]
                {
                    let mut text = vec![before; len];
                    text[at] = hit;
                    if at + 3 < len {
                        text[at + 3] = b'"';
                    }
                    assert_eq!(find(hit, &text), Some(at));
                }
            }
            let text = vec![0xA3u8; len];
            assert_eq!(find(b'"', &text), None);
        }
    }
}
