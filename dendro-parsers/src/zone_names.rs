//! Zones as texts name them: offsets, and the abbreviations that mean the same everywhere.

/// The zone that `text` begins with, in seconds east of UTC; with it how many bytes it has.
///
/// Read are `Z`, `+05:30`, `-0330`, `+02` and names, but for those that mean different zones to different people (`IST`, `BST`).
pub(crate) fn leading_zone(text: &[u8]) -> Option<(i32, usize)> {
    match text.first()? {
        b'+' | b'-' => leading_offset(text),
        b'z' => Some((0, 1)),
        _ => {
            let len = text.iter().take(6).take_while(|byte| byte.is_ascii_alphanumeric()).count();
            Some((named_offset(text.get(..len)?)?, len))
        }
    }
}

/// The offset that `text` begins with, in seconds: `+hh:mm`, `+hhmm` or `+hh`; with it how many bytes it has.
pub(crate) fn leading_offset(text: &[u8]) -> Option<(i32, usize)> {
    let pair = |at: usize| match text.get(at..at + 2) {
        Some([tens @ b'0'..=b'9', ones @ b'0'..=b'9']) => {
            Some(i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
        }
        _ => None,
    };
    let sign = match text.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = pair(1)?;
    let (minutes, len) = match (text.get(3), pair(3), pair(4)) {
        (Some(b':'), _, Some(minutes)) => (minutes, 6),
        (_, Some(minutes), _) => (minutes, 5),
        _ => (0, 3),
    };
    (hours < 24 && minutes < 60).then_some((sign * (hours * 3_600 + minutes * 60), len))
}

/// The seconds east of UTC of an abbreviation: those of RFC 2822, and others that have one meaning.
pub(crate) fn named_offset(name: &[u8]) -> Option<i32> {
    let quarters = match name {
        b"UTC" | b"GMT" | b"UT" | b"Z" | b"WET" => 0,
        b"CET" | b"MEZ" | b"WEST" => 4,
        b"CEST" | b"MESZ" | b"EET" | b"SAST" => 8,
        b"EEST" | b"MSK" => 12,
        b"NPT" => 23,
        b"AWST" => 32,
        b"JST" | b"KST" => 36,
        b"ACST" => 38,
        b"AEST" => 40,
        b"ACDT" => 42,
        b"AEDT" => 44,
        b"NZST" => 48,
        b"NZDT" => 52,
        b"NDT" => -10,
        b"NST" => -14,
        b"ADT" => -12,
        b"EDT" => -16,
        b"EST" | b"CDT" => -20,
        b"CST" | b"MDT" => -24,
        b"MST" | b"PDT" => -28,
        b"PST" | b"AKDT" => -32,
        b"AKST" => -36,
        b"HST" => -40,
        _ => return None,
    };
    Some(quarters * 900)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read_in_each_spelling() {
        for (text, expected) in [
            ("Z x", Some((0, 1))),
            ("+05:30 x", Some((19_800, 6))),
            ("-0330", Some((-12_600, 5))),
            ("-03 x", Some((-10_800, 3))),
            ("+02:x", Some((7_200, 3))),
            ("UTC:", Some((0, 3))),
            ("CEST x", Some((7_200, 4))),
            ("NDT", Some((-9_000, 3))),
            ("IST x", None),
            ("UTCx", None),
            ("A x", None),
            ("kernel", None),
            ("+24:00", None),
            ("+0560", None),
            ("+x", None),
            ("", None),
        ] {
            assert_eq!(leading_zone(text.as_bytes()), expected, "{text}");
        }
    }
}
