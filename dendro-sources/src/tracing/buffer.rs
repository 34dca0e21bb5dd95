//! Where records wait for the source: bounded, never waited for by those who record.
//!
//! A record goes to the shard of its thread, or to the next one that nobody is writing to at the moment. Numbers that are
//! given out while the shard is locked bring the records into one order again, in which what happened before comes before.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use tokio::sync::Notify;
use tracing_core::Metadata;

/// A callsite's description.
pub(super) type Meta = &'static Metadata<'static>;

/// With fewer, a thread that is preempted while it writes could make others shed.
const MIN_SHARDS: usize = 8;
const MAX_SHARDS: usize = 64;
/// What a chunk keeps of its memory when it is used again.
const KEPT_BYTES: usize = 256 << 10;

pub(super) struct Buffer {
    shards: Box<[Shard]>,
    seq: AtomicU64,
    /// Bytes from the moment in which a record reserves them until it is in the pipeline.
    pending: AtomicUsize,
    capacity: usize,
    shed: AtomicU64,
    closed: AtomicBool,
    finished: AtomicBool,
    wake: Notify,
}

/// Kept apart, so that threads that write to different ones don't share a cache line.
#[repr(align(128))]
struct Shard(Mutex<State>);

#[derive(Default)]
struct State {
    chunk: Chunk,
    closed: bool,
}

/// Records one behind the other.
#[derive(Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    metas: Vec<Meta>,
    heads: Vec<Head>,
}

struct Head {
    seq: u64,
    time: i64,
    kind: Kind,
    /// Where its bytes and its metas end; they begin where those of the one before end.
    bytes_end: usize,
    metas_end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Event,
    Span,
}

/// One record: its own callsite first, then those of the spans around it from the innermost to the outermost.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) time: i64,
    pub(super) kind: Kind,
    pub(super) bytes: &'a [u8],
    pub(super) metas: &'a [Meta],
}

impl Record<'_> {
    /// What it counts for.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len() + size_of_val(self.metas) + size_of::<Head>()
    }
}

impl Buffer {
    pub(super) fn new(capacity: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shards = cores.next_power_of_two().clamp(MIN_SHARDS, MAX_SHARDS);
        Self {
            shards: (0..shards).map(|_| Shard(Mutex::default())).collect(),
            seq: AtomicU64::new(0),
            pending: AtomicUsize::new(0),
            capacity,
            shed: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    /// Adds a record or sheds it; `home` chooses the shard to try first.
    pub(super) fn push(&self, record: Record<'_>, home: usize) {
        let weight = record.weight();
        let before = self.pending.fetch_add(weight, Ordering::Relaxed);
        if before.saturating_add(weight) > self.capacity || !self.write(record, home) {
            self.release(weight);
            self.count_shed();
            // Others may have counted on the room that this one gives back to wake the source.
            self.wake.notify_one();
        } else if before == 0 || (before < self.capacity / 2 && before + weight >= self.capacity / 2) {
            self.wake.notify_one();
        }
    }

    fn write(&self, record: Record<'_>, home: usize) -> bool {
        let mask = self.shards.len() - 1;
        for attempt in 0..2 * self.shards.len() {
            let mut state = match self.shards[(home + attempt) & mask].0.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            if state.closed {
                return false;
            }
            let seq = self.seq.fetch_add(1, Ordering::Relaxed);
            state.chunk.push(seq, record);
            return true;
        }
        false
    }

    /// Moves what there is behind what is in `taken`, which has one chunk a shard. Records below the number that is
    /// returned are all there.
    pub(super) fn take(&self, taken: &mut Vec<Chunk>) -> u64 {
        let complete = self.seq.load(Ordering::Acquire);
        taken.resize_with(self.shards.len(), Chunk::default);
        for (shard, taken) in self.shards.iter().zip(taken) {
            taken.append(&mut shard.lock().chunk);
        }
        complete
    }

    /// Takes nothing any more; what is there can still be taken.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.shards.iter().for_each(|shard| shard.lock().closed = true);
    }

    /// Whether records are still taken. One that just began may be, or not.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// The layer is gone: nothing more will come.
    pub(super) fn finish(&self) {
        self.finished.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    /// Resolves when there is something new to look at, sometimes earlier.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(super) fn is_half_full(&self) -> bool {
        self.pending() >= self.capacity / 2
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Gives back the room of records that are in the pipeline now.
    pub(super) fn release(&self, weight: usize) {
        self.pending.fetch_sub(weight, Ordering::Relaxed);
    }

    pub(super) fn count_shed(&self) {
        self.shed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn shed(&self) -> u64 {
        self.shed.load(Ordering::Relaxed)
    }

    pub(super) fn recorded(&self) -> u64 {
        self.seq.load(Ordering::Relaxed)
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held can only have been one of the allocator's: heads are pushed last.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chunk {
    fn push(&mut self, seq: u64, record: Record<'_>) {
        self.bytes.extend_from_slice(record.bytes);
        self.metas.extend_from_slice(record.metas);
        let (bytes_end, metas_end) = (self.bytes.len(), self.metas.len());
        self.heads.push(Head { seq, time: record.time, kind: record.kind, bytes_end, metas_end });
    }

    /// Takes over what `other` has.
    fn append(&mut self, other: &mut Self) {
        if self.heads.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let (bytes, metas) = (self.bytes.len(), self.metas.len());
        self.bytes.append(&mut other.bytes);
        self.metas.append(&mut other.metas);
        self.heads.extend(other.heads.drain(..).map(|head| Head {
            bytes_end: head.bytes_end + bytes,
            metas_end: head.metas_end + metas,
            ..head
        }));
    }

    /// The numbers of its records, ascending.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.heads.iter().map(|head| head.seq)
    }

    pub(super) fn get(&self, index: usize) -> Option<Record<'_>> {
        let head = self.heads.get(index)?;
        let (bytes, metas) = self.start(index);
        Some(Record {
            time: head.time,
            kind: head.kind,
            bytes: self.bytes.get(bytes..head.bytes_end)?,
            metas: self.metas.get(metas..head.metas_end)?,
        })
    }

    /// Forgets the first `count` records.
    pub(super) fn consume(&mut self, count: usize) {
        let (bytes, metas) = self.start(count);
        self.heads.drain(..count.min(self.heads.len()));
        self.bytes.drain(..bytes);
        self.metas.drain(..metas);
        for head in &mut self.heads {
            head.bytes_end -= bytes;
            head.metas_end -= metas;
        }
        self.bytes.shrink_to(KEPT_BYTES);
        self.heads.shrink_to(KEPT_BYTES / size_of::<Head>());
        self.metas.shrink_to(KEPT_BYTES / size_of::<Meta>());
    }

    fn start(&self, index: usize) -> (usize, usize) {
        let before = index.min(self.heads.len()).checked_sub(1).and_then(|i| self.heads.get(i));
        before.map_or((0, 0), |head| (head.bytes_end, head.metas_end))
    }
}
