//! The rate limit: how fast a sink may write. [`RateLimits`] has the rules.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use crate::{RateLimit, RateLimits};

pub(super) struct Rate {
    writes: Option<Limiter>,
    events: Option<Limiter>,
    kib: Option<Limiter>,
}

impl Rate {
    pub(super) fn new(limits: &RateLimits) -> Self {
        let limiter = |limit: Option<RateLimit>| limit.map(Limiter::new);
        Self { writes: limiter(limits.writes), events: limiter(limits.events), kib: limiter(limits.kib) }
    }

    pub(super) fn is_limited(&self) -> bool {
        self.writes.is_some() || self.events.is_some() || self.kib.is_some()
    }

    /// Waits until one write with so much in it may go.
    ///
    /// Cancel safe in that what was taken by then is used up.
    pub(super) async fn take(&self, events: u64, bytes: u64) {
        let all = [(&self.writes, 1), (&self.events, events), (&self.kib, bytes.div_ceil(1 << 10))];
        for (limiter, cells) in all {
            if let Some(limiter) = limiter {
                limiter.take(cells).await;
            }
        }
    }
}

struct Limiter {
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
    clock: TokioClock,
    burst: NonZeroU32,
}

impl Limiter {
    fn new(limit: RateLimit) -> Self {
        let clock = TokioClock(Instant::now());
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        Self { limiter: RateLimiter::direct_with_clock(quota, clock), clock, burst: limit.burst }
    }

    /// In pieces of a burst, since more than that never passes at once.
    async fn take(&self, mut cells: u64) {
        while let Some(piece) = NonZeroU32::new(cells.min(u64::from(self.burst.get())) as u32) {
            match self.limiter.check_n(piece) {
                Ok(Err(not_until)) => {
                    tokio::time::sleep(not_until.wait_time_from(self.clock.now())).await;
                }
                Ok(Ok(())) | Err(_) => cells -= u64::from(piece.get()),
            }
        }
    }
}

/// The timer's clock, which tests can pause, as the time since a moment.
#[derive(Clone, Copy)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(per_second: u32, burst: u32) -> RateLimit {
        let n = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        RateLimit::per_second(n(per_second)).with_burst(n(burst))
    }

    async fn seconds(rate: &Rate, writes: u32, events: u64, bytes: u64) -> f64 {
        let started = Instant::now();
        for _ in 0..writes {
            rate.take(events, bytes).await;
        }
        started.elapsed().as_secs_f64()
    }

    fn near(seconds: f64, wanted: f64) {
        assert!((seconds - wanted).abs() <= wanted * 0.02 + 0.005, "{seconds} s instead of {wanted} s");
    }

    #[tokio::test(start_paused = true)]
    async fn each_measure_holds_for_itself_behind_its_burst() {
        let rate = Rate::new(&RateLimits { writes: Some(limit(10, 5)), ..RateLimits::default() });
        near(seconds(&rate, 105, 1_000_000, 1 << 30).await, 10.0);
        let rate = Rate::new(&RateLimits { events: Some(limit(1_000, 100)), ..RateLimits::default() });
        near(seconds(&rate, 41, 100, 1 << 30).await, 4.0);
        let rate = Rate::new(&RateLimits { kib: Some(limit(1_024, 1_024)), ..RateLimits::default() });
        near(seconds(&rate, 11, 1, 1 << 20).await, 10.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_is_larger_than_the_burst_passes_when_all_of_it_would_have() {
        let rate = Rate::new(&RateLimits { events: Some(limit(100, 10)), ..RateLimits::default() });
        near(seconds(&rate, 1, 1_010, 0).await, 10.0);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_pause_a_burst_passes_at_once_and_no_more() {
        let rate = Rate::new(&RateLimits { events: Some(limit(100, 50)), ..RateLimits::default() });
        assert!(seconds(&rate, 1, 50, 0).await < 0.002);
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert!(seconds(&rate, 1, 50, 0).await < 0.002);
        near(seconds(&rate, 1, 50, 0).await, 0.5);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_waits_where_nothing_is_limited() {
        let rate = Rate::new(&RateLimits::default());
        assert!(!rate.is_limited());
        assert!(seconds(&rate, 1_000, 1_000, 1 << 20).await < 0.001);
    }
}
