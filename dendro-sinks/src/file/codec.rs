//! Plain text, gzip members or zstd frames.
//!
//! Every write ends on a byte boundary with all of its bytes in the output (a sync flush), so that a process that is
//! killed leaves nothing behind in memory, and a member can be finished there by a few bytes that are known
//! without the compressor's state. So a failed write can be taken back: the file is cut, and the next write
//! finishes the member as it was before and begins another.

use std::io;

use flate2::{Compress, Compression as Level, FlushCompress, Status};
use zstd::stream::raw::{Encoder, InBuffer, Operation as _, OutBuffer};

use crate::compression::Compression;

/// Turns text into what is written to one file.
pub(super) struct Codec {
    kind: Kind,
    /// What the file holds of the current member.
    good: Member,
    /// The same, if the last output gets there too.
    next: Member,
    /// The compressor has seen text that is not in the file.
    spoiled: bool,
}

enum Kind {
    Plain,
    Gzip(Compress),
    Zstd(Encoder<'static>),
}

/// What the end of a member says about it.
#[derive(Clone, Default)]
pub(super) struct Member {
    begun: bool,
    crc: crc32fast::Hasher,
    len: u32,
}

const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

impl Codec {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        let kind = match compression {
            Compression::None => Kind::Plain,
            Compression::Gzip(level) => Kind::Gzip(Compress::new(Level::new(level.min(9)), false)),
            Compression::Zstd(level) => Kind::Zstd(Encoder::new(level)?),
        };
        Ok(Self { kind, good: Member::default(), next: Member::default(), spoiled: false })
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.kind, Kind::Plain)
    }

    /// Appends to `out` what text becomes. Then either [`accept`](Self::accept) or [`spoil`](Self::spoil).
    pub(super) fn encode(&mut self, text: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        if self.spoiled {
            self.end(&self.good, out);
            self.reset_compressor()?;
            // `good` stays as it is until the end of its member is in the file too.
            self.next = Member::default();
        } else {
            self.next = self.good.clone();
        }
        // Until all of it is known to be in the file.
        self.spoiled = true;
        match &mut self.kind {
            Kind::Plain => out.extend_from_slice(text),
            Kind::Gzip(compress) => {
                if !self.next.begun {
                    out.extend_from_slice(&GZIP_HEADER);
                }
                self.next.crc.update(text);
                self.next.len = self.next.len.wrapping_add(text.len() as u32);
                deflate(compress, text, out)?;
            }
            Kind::Zstd(encoder) => zstd(encoder, text, out)?,
        }
        self.next.begun = true;
        Ok(())
    }

    /// What was encoded last is in the file.
    pub(super) fn accept(&mut self) {
        self.good = self.next.clone();
        self.spoiled = false;
    }

    /// The member as the file holds it.
    pub(super) fn member(&self) -> Member {
        self.good.clone()
    }

    /// Appends the end of a member that is in this state.
    pub(super) fn end(&self, member: &Member, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Plain => {}
            _ if !member.begun => {}
            Kind::Gzip(_) => {
                // An empty last block with fixed codes, then the sums.
                out.extend_from_slice(&[0x03, 0x00]);
                out.extend_from_slice(&member.crc.clone().finalize().to_le_bytes());
                out.extend_from_slice(&member.len.to_le_bytes());
            }
            // An empty last raw block.
            Kind::Zstd(_) => out.extend_from_slice(&[0x01, 0x00, 0x00]),
        }
    }

    /// The next text begins a new member.
    pub(super) fn reset(&mut self) -> io::Result<()> {
        self.reset_compressor()?;
        self.good = Member::default();
        self.spoiled = false;
        Ok(())
    }

    fn reset_compressor(&mut self) -> io::Result<()> {
        match &mut self.kind {
            Kind::Plain => {}
            Kind::Gzip(compress) => compress.reset(),
            Kind::Zstd(encoder) => encoder.reinit()?,
        }
        Ok(())
    }
}

fn deflate(compress: &mut Compress, text: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let before = compress.total_in();
    loop {
        let done = (compress.total_in() - before) as usize;
        out.reserve((text.len() - done) / 4 + 1_024);
        let room = out.capacity() - out.len();
        let len = out.len();
        let status = compress.compress_vec(&text[done..], out, FlushCompress::Sync)?;
        let all = (compress.total_in() - before) as usize == text.len();
        // The flush is complete when it did not need all the room.
        if all && out.len() - len < room {
            return Ok(());
        }
        if status == Status::StreamEnd {
            return Err(io::Error::other("the compressor ended early"));
        }
    }
}

fn zstd(encoder: &mut Encoder<'static>, text: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = vec![0; 128 << 10];
    let mut input = InBuffer::around(text);
    while input.pos < text.len() {
        let mut output = OutBuffer::around(&mut chunk[..]);
        encoder.run(&mut input, &mut output)?;
        out.extend_from_slice(output.as_slice());
    }
    loop {
        let mut output = OutBuffer::around(&mut chunk[..]);
        let left = encoder.flush(&mut output)?;
        out.extend_from_slice(output.as_slice());
        if left == 0 {
            return Ok(());
        }
    }
}

/// Whether all members of a compressed file are whole. Reads all of it.
pub(super) fn is_whole(compression: Compression, file: impl io::Read) -> bool {
    let file = io::BufReader::with_capacity(128 << 10, file);
    let mut none = io::sink();
    match compression {
        Compression::None => true,
        Compression::Gzip(_) => io::copy(&mut flate2::bufread::MultiGzDecoder::new(file), &mut none).is_ok(),
        Compression::Zstd(_) => zstd::stream::read::Decoder::with_buffer(file)
            .is_ok_and(|mut decoder| io::copy(&mut decoder, &mut none).is_ok()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn decode(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        match compression {
            Compression::None => text.extend_from_slice(bytes),
            Compression::Gzip(_) => {
                assert!(flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).unwrap() > 0)
            }
            Compression::Zstd(_) => text = zstd::stream::decode_all(bytes).unwrap(),
        }
        text
    }

    #[test]
    fn a_failed_write_leaves_no_trace_and_the_rest_is_whole() {
        for compression in [Compression::None, Compression::Gzip(6), Compression::Zstd(3)] {
            // Each bit is a write that fails.
            for fail in 0..64 {
                let mut codec = Codec::new(compression).unwrap();
                let (mut file, mut expected) = (Vec::new(), Vec::new());
                for i in 0..6 {
                    let text = format!("write {i}, {}\n", "and again ".repeat(i * 300)).into_bytes();
                    let before = file.len();
                    codec.encode(&text, &mut file).unwrap();
                    if fail >> i & 1 == 1 {
                        file.truncate(before);
                    } else {
                        codec.accept();
                        expected.extend_from_slice(&text);
                    }
                }
                codec.end(&codec.member(), &mut file);
                if fail == 63 {
                    assert!(file.is_empty());
                    continue;
                }
                assert_eq!(decode(compression, &file), expected, "{compression:?} {fail}");
                assert!(is_whole(compression, &file[..]));
                if compression != Compression::None {
                    assert!(!is_whole(compression, &file[..file.len() - 1]));
                }
            }
        }
    }

    #[test]
    fn text_that_does_not_compress_comes_through() {
        let mut word = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            word as u8
        })
        .take(3 << 20)
        .collect();
        for compression in [Compression::Gzip(1), Compression::Zstd(1)] {
            let mut codec = Codec::new(compression).unwrap();
            let mut file = Vec::new();
            codec.encode(&noise, &mut file).unwrap();
            codec.accept();
            codec.end(&codec.member(), &mut file);
            assert!(decode(compression, &file) == noise);
        }
    }
}
