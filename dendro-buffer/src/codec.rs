//! Bodies compressed and back.

use std::borrow::Cow;

use crate::options::Compression;
use crate::record::{Encoding, MAX_BODY};

/// Appends the compressed form; `Plain`, and nothing appended, if it would not be shorter.
pub(crate) fn compress(plain: &[u8], compression: Compression, out: &mut Vec<u8>) -> Encoding {
    let start = out.len();
    let encoding = match compression {
        Compression::None => return Encoding::Plain,
        Compression::Lz4 => {
            out.resize(start + lz4_flex::block::get_maximum_output_size(plain.len()), 0);
            match lz4_flex::block::compress_into(plain, &mut out[start..]) {
                Ok(len) => {
                    out.truncate(start + len);
                    Encoding::Lz4
                }
                Err(_) => Encoding::Plain,
            }
        }
        #[cfg(feature = "zstd")]
        Compression::Zstd(level) => {
            out.resize(start + zstd::zstd_safe::compress_bound(plain.len()), 0);
            match zstd::bulk::compress_to_buffer(plain, &mut out[start..], level) {
                Ok(len) => {
                    out.truncate(start + len);
                    Encoding::Zstd
                }
                Err(_) => Encoding::Plain,
            }
        }
    };
    if encoding == Encoding::Plain || out.len() - start >= plain.len() {
        out.truncate(start);
        return Encoding::Plain;
    }
    encoding
}

/// The body as it was before it was compressed.
///
/// # Errors
/// Why it can't be had, in words.
pub(crate) fn decompress(
    body: &[u8],
    encoding: Encoding,
    plain_bytes: usize,
) -> Result<Option<Vec<u8>>, Cow<'static, str>> {
    if plain_bytes > MAX_BODY {
        return Err("it is larger than a record may be".into());
    }
    match encoding {
        Encoding::Plain => Ok(None),
        Encoding::Lz4 => {
            // An LZ4 block can't become more than 255 times as long: what says so lies.
            if plain_bytes / 255 > body.len() {
                return Err("its LZ4 block is shorter than it says".into());
            }
            match lz4_flex::block::decompress(body, plain_bytes) {
                Ok(plain) if plain.len() == plain_bytes => Ok(Some(plain)),
                Ok(_) => Err("its LZ4 block has another length than it says".into()),
                Err(error) => Err(format!("its LZ4 block is damaged: {error}").into()),
            }
        }
        #[cfg(feature = "zstd")]
        Encoding::Zstd => match zstd::bulk::decompress(body, plain_bytes) {
            Ok(plain) if plain.len() == plain_bytes => Ok(Some(plain)),
            Ok(_) => Err("its zstd frame has another length than it says".into()),
            Err(error) => Err(format!("its zstd frame is damaged: {error}").into()),
        },
        #[cfg(not(feature = "zstd"))]
        Encoding::Zstd => Err("it is compressed by zstd, and this program was built without it".into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_comes_back_and_noise_stays_as_it_is() {
        let text = b"the same words, ".repeat(100);
        let mut kinds = vec![(Compression::Lz4, Encoding::Lz4)];
        #[cfg(feature = "zstd")]
        kinds.push((Compression::Zstd(1), Encoding::Zstd));
        for (compression, encoding) in kinds {
            let mut out = b"before".to_vec();
            assert_eq!(compress(&text, compression, &mut out), encoding);
            let body = &out[6..];
            assert!(body.len() < text.len() / 4);
            assert_eq!(decompress(body, encoding, text.len()).unwrap().unwrap(), text);
            assert!(decompress(body, encoding, text.len() + 1).is_err());
            assert!(decompress(&body[..body.len() / 2], encoding, text.len()).is_err());
            let mut out = Vec::new();
            assert_eq!(compress(&[1, 2, 3], compression, &mut out), Encoding::Plain);
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_lie_about_the_length_allocates_nothing() {
        assert!(decompress(&[0; 8], Encoding::Lz4, MAX_BODY).is_err());
        assert!(decompress(&[0; 8], Encoding::Lz4, MAX_BODY + 1).is_err());
    }
}
