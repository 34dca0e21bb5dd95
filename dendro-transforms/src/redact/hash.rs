//! Keyed hashes: equal values stay equal, and nobody without the key can try which value it was.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA-256 with a key.
#[derive(Clone)]
pub(super) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// A key of any length; what is longer than a block of the hash is hashed first (RFC 2104).
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(key).ok().map(Self)
    }

    /// Appends the first 128 bits of the hash as 32 hexadecimal digits.
    pub(super) fn write(&self, value: &[u8], out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut mac = self.0.clone();
        mac.update(value);
        for byte in &mac.finalize().into_bytes()[..16] {
            out.push(DIGITS[usize::from(byte >> 4)]);
            out.push(DIGITS[usize::from(byte & 15)]);
        }
    }
}

/// The key is in no message.
impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac_sha_256_of_rfc_4231() {
        // Test case 2.
        let mut out = Vec::new();
        if let Some(hash) = KeyedHash::new(b"Jefe") {
            hash.write(b"what do ya want for nothing?", &mut out);
        }
        assert_eq!(out, b"5bdcc146bf60754e6a042426089575c7");
    }
}
