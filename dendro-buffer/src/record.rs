//! A record of a segment file: a header, and a body.
//!
//! Little-endian:
//!
//! ```text
//!  0  magic "DNDR"      4  kind u8             5  encoding u8     6  reserved u16 = 0
//!  8  body bytes u32   12  bytes of the body when decompressed u32
//! 16  sequence u64     24  events u32
//! 28  where in the segment the last schema before it stands, 0 for none, u32
//! 32  salt of the segment u32
//! 36  CRC-32 of the body                      40  CRC-32 of the 40 bytes before
//! ```
//!
//! Kinds: 1 a [frame](dendro_core::Batch::write_frame); 2 the [schema](crate::schema) of a type, for the frames behind it;
//! 3 the end of a segment that is finished, whose body is the number of its frames and of their events, u64 each.
//! Encodings: 0 as it is, 1 an LZ4 block, 2 a zstd frame. Frames are numbered through all segments, from 1; a schema has the
//! number of the frame behind it, the end that of the last frame.

use crate::bytes::{MOST, array, crc};

pub(crate) const MAGIC: &[u8; 4] = b"DNDR";
pub(crate) const HEADER: usize = 44;
/// How long the record is that ends a segment.
pub(crate) const END: usize = HEADER + 16;
/// The most that a body may take decompressed.
pub(crate) const MAX_BODY: usize = 512 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Frame = 1,
    Schema = 2,
    End = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain = 0,
    Lz4 = 1,
    Zstd = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) kind: Kind,
    pub(crate) encoding: Encoding,
    pub(crate) body_bytes: u32,
    pub(crate) plain_bytes: u32,
    pub(crate) sequence: u64,
    pub(crate) events: u32,
    pub(crate) schema_at: u32,
    pub(crate) salt: u32,
    pub(crate) body_crc: u32,
}

impl RecordHeader {
    /// How long the record is.
    pub(crate) fn total(&self) -> u64 {
        HEADER as u64 + u64::from(self.body_bytes)
    }

    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0..4].copy_from_slice(MAGIC);
        bytes[4] = self.kind as u8;
        bytes[5] = self.encoding as u8;
        bytes[8..12].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.plain_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.events.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.schema_at.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.salt.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.body_crc.to_le_bytes());
        let check = crc(&bytes[..40]);
        bytes[40..44].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// The header that `bytes` begin with, of a segment with this salt if one is known.
    pub(crate) fn decode(bytes: &[u8], salt: Option<u32>) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        if &bytes[0..4] != MAGIC || crc(&bytes[..40]) != u32::from_le_bytes(array(bytes, 40)) {
            return None;
        }
        let number = |at: usize| u32::from_le_bytes(array(bytes, at));
        let header = Self {
            kind: match bytes[4] {
                1 => Kind::Frame,
                2 => Kind::Schema,
                3 => Kind::End,
                _ => return None,
            },
            encoding: match bytes[5] {
                0 => Encoding::Plain,
                1 => Encoding::Lz4,
                2 => Encoding::Zstd,
                _ => return None,
            },
            body_bytes: number(8),
            plain_bytes: number(12),
            sequence: u64::from_le_bytes(array(bytes, 16)),
            events: number(24),
            schema_at: number(28),
            salt: number(32),
            body_crc: number(36),
        };
        let sane = header.plain_bytes as usize <= MAX_BODY
            && header.body_bytes as usize <= MAX_BODY
            && header.sequence <= MOST;
        (sane && salt.is_none_or(|salt| salt == header.salt)).then_some(header)
    }
}

/// The record that ends a segment.
pub(crate) fn end(salt: u32, last_sequence: u64, totals: Totals) -> [u8; END] {
    let mut bytes = [0; END];
    bytes[HEADER..HEADER + 8].copy_from_slice(&totals.frames.to_le_bytes());
    bytes[HEADER + 8..].copy_from_slice(&totals.events.to_le_bytes());
    let header = RecordHeader {
        kind: Kind::End,
        encoding: Encoding::Plain,
        body_bytes: 16,
        plain_bytes: 16,
        sequence: last_sequence,
        events: 0,
        schema_at: 0,
        salt,
        body_crc: crc(&bytes[HEADER..]),
    };
    bytes[..HEADER].copy_from_slice(&header.encode());
    bytes
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) frames: u64,
    pub(crate) events: u64,
}

/// The last sequence of a segment and what it holds, by the record that ends it.
pub(crate) fn read_end(bytes: &[u8], salt: u32) -> Option<(u64, Totals)> {
    let header = RecordHeader::decode(bytes, Some(salt)).filter(|h| h.kind == Kind::End)?;
    let body = bytes.get(HEADER..END)?;
    let totals =
        Totals { frames: u64::from_le_bytes(array(body, 0)), events: u64::from_le_bytes(array(body, 8)) };
    (bytes.len() == END
        && header.body_bytes == 16
        && totals.events <= MOST
        && totals.frames <= MOST
        && crc(body) == header.body_crc)
        .then_some((header.sequence, totals))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_and_damage_is_seen() {
        let header = RecordHeader {
            kind: Kind::Frame,
            encoding: Encoding::Lz4,
            body_bytes: 5,
            plain_bytes: 9,
            sequence: 77,
            events: 3,
            schema_at: 40,
            salt: 12,
            body_crc: 99,
        };
        let bytes = header.encode();
        assert_eq!(RecordHeader::decode(&bytes, Some(12)), Some(header));
        assert_eq!(RecordHeader::decode(&bytes, None), Some(header));
        assert_eq!(RecordHeader::decode(&bytes, Some(13)), None);
        for at in 0..HEADER {
            let mut damaged = bytes;
            damaged[at] ^= 0x40;
            assert_eq!(RecordHeader::decode(&damaged, Some(12)), None, "byte {at}");
        }
    }

    #[test]
    fn the_end_of_a_segment_reads_back() {
        let totals = Totals { frames: 4, events: 1_000 };
        let mut bytes = end(5, 44, totals);
        assert_eq!(read_end(&bytes, 5), Some((44, totals)));
        assert_eq!(read_end(&bytes, 6), None);
        bytes[HEADER] ^= 1;
        assert_eq!(read_end(&bytes, 5), None);
    }
}
