//! Buffers to read into, which are used again when nobody looks any more at what was read.
//!
//! A fresh one costs about as much as reading it full: the kernel has to find and clear its pages.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// The most bytes that are kept for later.
const KEPT_BYTES: usize = 8 << 20;

#[derive(Clone, Default)]
pub(crate) struct ReadBuffers(Arc<Mutex<Vec<Vec<u8>>>>);

/// A buffer that is being filled. What stands in it before is anything.
pub(crate) struct ReadBuffer {
    bytes: Vec<u8>,
    len: usize,
    home: ReadBuffers,
}

impl ReadBuffers {
    /// One of this length.
    pub(crate) fn take(&self, len: usize) -> ReadBuffer {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The last one that came back: it is still in the cache.
        let fits = kept.iter().rposition(|b| b.len() >= len);
        let known = fits.map(|at| kept.remove(at)).or_else(|| kept.pop());
        drop(kept);
        let mut bytes = known.unwrap_or_default();
        if bytes.len() < len {
            // Not by growing it: nothing of what stands in it is wanted. A little longer, for the next record.
            bytes = vec![0; len + len / 8];
        }
        ReadBuffer { bytes, len, home: self.clone() }
    }
}

impl ReadBuffer {
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    /// The first so many bytes of it.
    pub(crate) fn freeze(mut self, len: usize) -> Bytes {
        self.len = len.min(self.len);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for ReadBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        let mut kept = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = kept.iter().map(Vec::len).sum();
        if all + self.bytes.len() <= KEPT_BYTES {
            kept.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_the_last_slice_of_it_is_dropped_and_no_more_are_kept_than_may_be() {
        let buffers = ReadBuffers::default();
        let kept = || buffers.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        let mut first = buffers.take(100);
        first.as_mut().fill(1);
        let bytes = first.freeze(60);
        assert_eq!(bytes, [1; 60][..]);
        let slice = bytes.slice(10..20);
        drop(bytes);
        assert_eq!(kept(), 0);
        drop(slice);
        assert_eq!(kept(), 1);
        assert_eq!(buffers.take(80).as_ref().len(), 80);
        assert_eq!(kept(), 1, "the same one");
        drop([buffers.take(KEPT_BYTES), buffers.take(200)]);
        assert_eq!(kept(), 1);
    }
}
