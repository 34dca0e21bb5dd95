//! Finding bytes, eight at a time, in texts that are mostly short: a call into `memchr` costs more than
//! the search there.

use std::ops::Range;

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

/// Where the first `a` or `b` is in a word; its length if they are nowhere.
#[inline(always)]
pub(crate) fn first_in_word(a: u8, b: u8, word: [u8; 8]) -> usize {
    let word = u64::from_le_bytes(word);
    // 64 trailing zeros, where there are none, are eight bytes.
    first(zero_bytes(word ^ (LOW * u64::from(a))) | zero_bytes(word ^ (LOW * u64::from(b))))
}

/// Where the first `byte` is in a range of `text`, which may go on behind it.
///
/// Looks at four words at once: where the length differs from text to text, each turn of a loop is a branch that is
/// guessed wrong.
#[inline(always)]
pub(crate) fn find_within(byte: u8, text: &[u8], range: Range<usize>) -> Option<usize> {
    let mut at = range.start;
    while at < range.end {
        let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk::<32>) else {
            return within_rest(byte, text, at..range.end);
        };
        let hits = |word: usize| {
            let bytes = std::array::from_fn(|i| block[8 * word + i]);
            zero_bytes(u64::from_le_bytes(bytes) ^ (LOW * u64::from(byte)))
        };
        let hits = [hits(0), hits(1), hits(2), hits(3)];
        // A bit for each byte.
        let gathered =
            |word: usize| ((hits[word] >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * word);
        let mask = gathered(0) | gathered(1) | gathered(2) | gathered(3);
        if mask != 0 {
            let found = at + mask.trailing_zeros() as usize;
            return (found < range.end).then_some(found);
        }
        at += 32;
    }
    None
}

#[inline(never)]
fn within_rest(byte: u8, text: &[u8], range: Range<usize>) -> Option<usize> {
    let rest = text.get(range.clone())?;
    memchr::memchr(byte, rest).map(|more| range.start + more)
}

/// Where the first `a` or `b` is in `text` from `start` on.
#[inline(always)]
pub(crate) fn find_either(a: u8, b: u8, text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while let Some(word) = word_at(text, at) {
        let hits = zero_bytes(word ^ (LOW * u64::from(a))) | zero_bytes(word ^ (LOW * u64::from(b)));
        if hits != 0 {
            return Some(at + first(hits));
        }
        at += 8;
        if at - start == SHORT {
            return find_either_far(a, b, text, at);
        }
    }
    text.get(at..)?.iter().position(|byte| *byte == a || *byte == b).map(|more| at + more)
}

/// The same from the front, in texts that are mostly longer than a few words: what every x86-64 has, without asking for more.
#[inline(always)]
pub(crate) fn search2(one: u8, other: u8, text: &[u8]) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if let Some(searcher) = memchr::arch::x86_64::sse2::memchr::Two::new(one, other) {
        return searcher.find(text);
    }
    memchr::memchr2(one, other, text)
}

#[cold]
fn find_either_far(a: u8, b: u8, text: &[u8], at: usize) -> Option<usize> {
    memchr::memchr2(a, b, text.get(at..)?).map(|more| at + more)
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
                    if let Some(word) = text.first_chunk() {
                        assert_eq!(first_in_word(hit, b'/', *word), at.min(8));
                        assert_eq!(first_in_word(b'/', hit, *word), at.min(8));
                    }
                    for end in [at, at + 1, len] {
                        let expected = (end > at).then_some(at);
                        assert_eq!(find_within(hit, &text, 0..end), expected);
                        assert_eq!(find_within(hit, &text, at..end), expected);
                        assert_eq!(find_within(hit, &text, at + 1..at + 1), None);
                    }
                    for start in [0, at / 2, at] {
                        assert_eq!(find_either(b'"', b'\\', &text, start), Some(at));
                    }
                }
            }
            let text = vec![0xA3u8; len];
            assert_eq!(find(b'"', &text), None);
            assert_eq!(find_either(b'"', b'\\', &text, len / 3), None);
            assert_eq!(find_either(b'"', b'\\', &text, len + 1), None);
        }
    }
}
