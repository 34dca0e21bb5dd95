//! A segment file: its name, and the header that it begins with.
//!
//! Little-endian:
//!
//! ```text
//!  0  magic "DNDB"      4  version u16 = 1   6  header length u16 = 40
//!  8  number u64       16  first sequence u64
//! 24  number of the segment that was written before it, 0 for none, u64
//! 32  salt u32         36  CRC-32 of the 36 bytes before
//! ```
//!
//! Behind it stand [records](crate::record). The salt is drawn at random when the segment is begun and stands in every record's
//! header: what looks like a record inside of an event, because someone has put it into a log line, is not taken for
//! one when a scan looks for the next record behind damaged bytes.

use std::path::{Path, PathBuf};

use crate::bytes::{MOST, array, crc};

pub(crate) const MAGIC: &[u8; 4] = b"DNDB";
pub(crate) const VERSION: u16 = 1;
/// How long the header is, and so where the first record begins.
pub(crate) const HEADER: u64 = 40;
const SUFFIX: &str = ".segment";
const DIGITS: usize = 20;

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) number: u64,
    pub(crate) first_sequence: u64,
    pub(crate) previous: u64,
    pub(crate) salt: u32,
}

/// Why the beginning of a file is not the header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHeader {
    /// A later version has written it.
    Version(u16),
    /// It is not what was written.
    Damaged,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER as usize] {
        let mut bytes = [0; HEADER as usize];
        bytes[0..4].copy_from_slice(MAGIC);
        bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
        bytes[6..8].copy_from_slice(&(HEADER as u16).to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_sequence.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.previous.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.salt.to_le_bytes());
        let check = crc(&bytes[..36]);
        bytes[36..40].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// # Errors
    /// [`NoHeader`].
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, NoHeader> {
        let bytes = bytes.get(..HEADER as usize).ok_or(NoHeader::Damaged)?;
        if &bytes[0..4] != MAGIC || crc(&bytes[..36]) != u32::from_le_bytes(array(bytes, 36)) {
            return Err(NoHeader::Damaged);
        }
        let version = u16::from_le_bytes(array(bytes, 4));
        if version != VERSION {
            return Err(NoHeader::Version(version));
        }
        let header = Self {
            number: u64::from_le_bytes(array(bytes, 8)),
            first_sequence: u64::from_le_bytes(array(bytes, 16)),
            previous: u64::from_le_bytes(array(bytes, 24)),
            salt: u32::from_le_bytes(array(bytes, 32)),
        };
        let is_sane = header.first_sequence <= MOST && header.previous <= MOST;
        is_sane.then_some(header).ok_or(NoHeader::Damaged)
    }
}

/// Where the segment of this number is.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:0DIGITS$}{SUFFIX}"))
}

/// The number of the segment that has this name.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let number = digits.parse().ok().filter(|n| (1..=MOST).contains(n));
    number.filter(|_| digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_and_damage_is_seen() {
        let header = SegmentHeader { number: 7, first_sequence: 9, previous: 6, salt: 0xdead_beef };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
        for at in 0..bytes.len() {
            let mut damaged = bytes;
            damaged[at] ^= 1;
            assert_eq!(SegmentHeader::decode(&damaged), Err(NoHeader::Damaged), "byte {at}");
        }
        assert_eq!(SegmentHeader::decode(&bytes[..39]), Err(NoHeader::Damaged));
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let mut bytes = SegmentHeader { number: 1, first_sequence: 1, previous: 0, salt: 1 }.encode();
        bytes[4] = 2;
        let check = crc(&bytes[..36]);
        bytes[36..40].copy_from_slice(&check.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Err(NoHeader::Version(2)));
    }

    #[test]
    fn only_names_that_are_written_here_are_segments() {
        let path = path(Path::new("d"), 42);
        assert_eq!(path, Path::new("d/00000000000000000042.segment"));
        assert_eq!(number_of("00000000000000000042.segment"), Some(42));
        for other in [
            "42.segment",
            "00000000000000000000.segment",
            "+0000000000000000042.segment",
            "x.segment",
            "position",
        ] {
            assert_eq!(number_of(other), None, "{other}");
        }
    }
}
