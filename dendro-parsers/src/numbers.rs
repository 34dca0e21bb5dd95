//! Decimal numbers as servers write them: digits alone, no sign, no separators.

/// The number that `text` begins with, and how many digits it has. `None` if there is no digit or the
/// number does not fit.
///
/// ```
/// use dendro_parsers::numbers::leading_u64;
/// assert_eq!(leading_u64(b"153 \"-\""), Some((153, 3)));
/// assert_eq!(leading_u64(b"18446744073709551616 "), None);
/// ```
#[inline]
pub fn leading_u64(text: &[u8]) -> Option<(u64, usize)> {
    match text.first_chunk::<8>() {
        Some(word) => leading_in_word(u64::from_le_bytes(*word), text),
        None => leading_u64_bytewise(text),
    }
}

/// The same at byte `at` of a line, which may end there.
#[inline]
pub(crate) fn u64_at(line: &[u8], at: usize) -> Option<(u64, usize)> {
    let text = line.get(at..)?;
    match text.first_chunk::<8>() {
        Some(word) => leading_in_word(u64::from_le_bytes(*word), text),
        None => u64_at_end(line, text),
    }
}

#[inline(never)]
fn u64_at_end(line: &[u8], text: &[u8]) -> Option<(u64, usize)> {
    match line.last_chunk::<8>() {
        // What is before the text falls out, and no digits come in behind it.
        Some(word) if !text.is_empty() => {
            leading_in_word(u64::from_le_bytes(*word) >> (64 - 8 * text.len()), text)
        }
        _ => leading_u64_bytewise(text),
    }
}

/// The number that a word begins with, which is the front of `text`.
#[inline]
fn leading_in_word(word: u64, text: &[u8]) -> Option<(u64, usize)> {
    // Digits become 0 to 9. Adding 0x76 then sets the high bit of all but them; a carry can only reach
    // bytes behind the first one that is none.
    let digits = word ^ 0x3030_3030_3030_3030;
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    let len = others.trailing_zeros() / 8;
    match len {
        0 => None,
        8 => leading_u64_bytewise(text),
        _ => Some((eight_digits(digits << (64 - 8 * len)), len as usize)),
    }
}

/// The value of the digits that `text` begins with, and how many there are. The value counts for something up to 19
/// digits.
#[inline]
pub(crate) fn leading_digits(text: &[u8]) -> (u64, usize) {
    let (mut value, mut len) = (0u64, 0);
    while let Some(word) = text.get(len..).and_then(<[u8]>::first_chunk::<8>) {
        let digits = u64::from_le_bytes(*word) ^ 0x3030_3030_3030_3030;
        let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
        let count = others.trailing_zeros() / 8;
        if count < 8 {
            if count > 0 {
                let more = eight_digits(digits << (64 - 8 * count));
                value = value.wrapping_mul(POWERS_OF_TEN[count as usize]).wrapping_add(more);
            }
            return (value, len + count as usize);
        }
        value = value.wrapping_mul(100_000_000).wrapping_add(eight_digits(digits));
        len += 8;
    }
    while let Some(digit) = text.get(len).and_then(|byte| digit(*byte)) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        len += 1;
    }
    (value, len)
}

/// 1, 10, 100 and so on, as far as they fit.
pub(crate) const POWERS_OF_TEN: [u64; 20] = {
    let mut powers = [1; 20];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// The value of eight decimal digits (0 to 9, the first in the lowest byte): pairs, then fours, then all.
#[inline]
fn eight_digits(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff
}

fn leading_u64_bytewise(text: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    let mut len = 0;
    while let Some(digit) = text.get(len).and_then(|byte| digit(*byte)) {
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        len += 1;
    }
    (len > 0).then_some((value, len))
}

/// The number that `text` is, digits alone and at least one.
#[inline]
pub fn exact_u32<const N: usize>(text: &[u8; N]) -> Option<u32> {
    const { assert!(N > 0 && N < 10) };
    let mut value = 0;
    let mut valid = true;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        valid &= digit < 10;
        value = value * 10 + u32::from(digit);
    }
    valid.then_some(value)
}

#[inline]
fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_read_wherever_they_end() {
        let all = "18446744073709551615";
        for len in 1..=all.len() {
            for after in ["", " ", "/", ":", "\0", "\u{ff}", " \"-\" \"-\"", "x12345678"] {
                let text = format!("{}{after}", &all[..len]);
                let expected = Some((all[..len].parse().unwrap(), len));
                assert_eq!(leading_u64(text.as_bytes()), expected, "{text:?}");
                for before in ["", "1", " ", "1234567", "12345678901"] {
                    let line = format!("{before}{text}");
                    assert_eq!(u64_at(line.as_bytes(), before.len()), expected, "{line:?}");
                }
            }
        }
    }

    #[test]
    fn digits_are_counted_however_many_there_are() {
        let all = "98765432109876543210987654321";
        for len in 0..=all.len() {
            for after in ["", " ", ".5e7,\"x\":1", "\u{ff}12345678"] {
                let text = format!("{}{after}", &all[..len]);
                let (value, count) = leading_digits(text.as_bytes());
                assert_eq!(count, len, "{text}");
                if len < 20 {
                    assert_eq!(value, all[..len].parse().unwrap_or(0), "{text}");
                }
            }
        }
    }

    #[test]
    fn no_digit_and_too_many_digits_are_no_number() {
        for text in ["", "x", " 1", "-1", "+1", "18446744073709551616", "99999999999999999999999999999999"] {
            assert_eq!(leading_u64(text.as_bytes()), None, "{text:?}");
            assert_eq!(u64_at(format!("12345678{text}").as_bytes(), 8), None, "{text:?}");
        }
        for byte in (0..=255u8).filter(|b| !b.is_ascii_digit()) {
            assert_eq!(leading_u64(&[byte, b'1', b'2', b'3', b'4', b'5', b'6', b'7', b'8']), None);
            assert_eq!(leading_u64(&[b'7', byte, b'2', b'3', b'4', b'5', b'6', b'7', b'8']), Some((7, 1)));
            assert_eq!(exact_u32(&[b'1', byte, b'2']), None);
        }
        assert_eq!(exact_u32(b"009"), Some(9));
    }
}
