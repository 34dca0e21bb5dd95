//! Buffers that go from one batch to the next, so that a running pipeline allocates next to nothing.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::layout::BatchFull;
use super::{Batch, MAX_SECTION_BYTES, Store};

/// Keeps the buffers of finished batches for new ones.
///
/// Holds at most as many as it was made for, and none that has grown beyond `max_bytes`.
#[derive(Default)]
pub struct BatchPool {
    kept: Mutex<Kept>,
    max_kept: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct Kept {
    stores: Vec<Store>,
    buffers: Vec<Vec<u8>>,
}

impl BatchPool {
    /// A pool of at most `max_kept` sets of buffers of at most `max_bytes` each.
    pub fn new(max_kept: usize, max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { kept: Mutex::default(), max_kept, max_bytes })
    }

    /// [`Batch::new`] with buffers from the pool, which come back when the batch is dropped.
    ///
    /// # Errors
    /// As [`Batch::new`].
    pub fn batch(self: &Arc<Self>, base: Bytes) -> Result<Batch, BatchFull> {
        if base.len() > MAX_SECTION_BYTES {
            return Err(BatchFull::BASE);
        }
        Ok(Batch { base, store: self.store(), ..Batch::default() })
    }

    pub(super) fn store(self: &Arc<Self>) -> Store {
        let mut store = self.lock().stores.pop().unwrap_or_default();
        store.pool = Some(self.clone());
        store
    }

    /// An empty buffer to read into; [`freeze`](Self::freeze) makes it the base of a batch.
    pub fn buffer(&self, capacity: usize) -> Vec<u8> {
        let mut buffer = self.lock().buffers.pop().unwrap_or_default();
        buffer.reserve(capacity);
        buffer
    }

    /// Makes a buffer immutable; it comes back to the pool when the last slice of it is dropped.
    pub fn freeze(self: &Arc<Self>, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Pooled { buffer, pool: self.clone() })
    }

    pub(super) fn put(&self, mut store: Store) {
        if store.retained_bytes() > self.max_bytes {
            return;
        }
        store.clear();
        let mut kept = self.lock();
        if kept.stores.len() < self.max_kept {
            kept.stores.push(store);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Pooled {
    buffer: Vec<u8>,
    pool: Arc<BatchPool>,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.capacity() > self.pool.max_bytes {
            return;
        }
        buffer.clear();
        let mut kept = self.pool.lock();
        if kept.buffers.len() < self.pool.max_kept {
            kept.buffers.push(buffer);
        }
    }
}

impl std::fmt::Debug for BatchPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kept = self.lock();
        f.debug_struct("BatchPool")
            .field("stores", &kept.stores.len())
            .field("buffers", &kept.buffers.len())
            .finish()
    }
}
