//! Payment cards' numbers.

use std::ops::Range;

/// 13 to 19 digits from `at` on, in groups or not, that pass Luhn's check (ISO/IEC 7812-1).
pub(super) fn number(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let (mut digits, mut count, mut end) = ([0u8; 19], 0, at);
    while let Some(&byte) = bytes.get(end) {
        if byte.is_ascii_digit() {
            *digits.get_mut(count)? = byte - b'0';
            count += 1;
        } else if !matches!(byte, b' ' | b'-') || !bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            break;
        }
        end += 1;
    }
    let goes_on = bytes.get(end).is_some_and(|byte| super::is_word(*byte));
    (count >= 13 && !goes_on && luhn(&digits[..count])).then_some(at..end)
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let values = digits.iter().rev().enumerate();
    let sum: u32 = values.map(|(i, d)| u32::from(if i % 2 == 1 { doubled(*d) } else { *d })).sum();
    // Zeroes pass, and are no card.
    sum > 0 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, find};

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find(text, [Kind::Card].into_iter().collect(), &mut found);
        found.into_iter().map(|f| &text[f.range]).collect()
    }

    #[test]
    fn numbers_that_pass_the_check_are_found() {
        assert_eq!(
            found("card 4111111111111111, 5500-0000-0000-0004; 3782 822463 10005."),
            ["4111111111111111", "5500-0000-0000-0004", "3782 822463 10005"]
        );
        assert_eq!(
            found("4111111111111112 00000000000000 1700000000123 41111111111111110000 id4111111111111111"),
            [""; 0]
        );
    }
}
