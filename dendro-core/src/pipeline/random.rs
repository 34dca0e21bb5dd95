//! Random numbers for the ids of writes and the delays between attempts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Random numbers for ids and delays: `splitmix64`, good enough to spread retries and to tell writes apart.
pub(super) struct Random(AtomicU64);

impl Random {
    /// The same numbers for the same seed; without one, others in every process and pipeline.
    pub(super) fn new(seed: Option<u64>) -> Arc<Self> {
        use std::hash::{BuildHasher, Hasher, RandomState};
        Arc::new(Self(AtomicU64::new(seed.unwrap_or_else(|| RandomState::new().build_hasher().finish()))))
    }

    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn id(&self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    pub(super) fn backoff(&self, retry: &crate::Retry, attempt: u32) -> Duration {
        let doubled = retry.initial.saturating_mul(1u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let limit = doubled.min(retry.max);
        limit.mul_f64((self.next() >> 11) as f64 / (1u64 << 53) as f64)
    }
}
