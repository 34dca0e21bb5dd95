//! Adaptive concurrency: how many attempts a destination can bear at once. [`AdaptiveConcurrency`] has the rules.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::AdaptiveConcurrency;
use crate::pipeline::stats::Stats;

/// How much of a higher latency the best one takes over in a window.
const DRIFT: f64 = 0.05;
/// Latencies that differ by less are the same: timers and schedulers are no finer.
const SLACK: Duration = Duration::from_millis(1);

pub(super) struct Adaptive {
    settings: AdaptiveConcurrency,
    max: usize,
    state: Mutex<State>,
    free: Notify,
    stats: Arc<Stats>,
}

struct State {
    running: usize,
    limit: usize,
    /// The lowest mean latency of a window, in seconds.
    best: Option<f64>,
    window: Window,
}

/// What has come back in the time of one mean latency.
#[derive(Default)]
struct Window {
    ends: Option<Instant>,
    seconds: f64,
    successes: u32,
    /// All allowed attempts were running at some time.
    full: bool,
    /// Halved already.
    shrunk: bool,
}

/// One of the attempts that may run.
pub(super) struct Slot<'a>(&'a Adaptive);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.free.notify_one();
    }
}

impl Adaptive {
    pub(super) fn new(settings: AdaptiveConcurrency, max: usize, stats: Arc<Stats>) -> Self {
        stats.concurrency.set(1);
        let state = State { running: 0, limit: 1, best: None, window: Window::default() };
        Self { settings, max, state: Mutex::new(state), free: Notify::new(), stats }
    }

    /// Cancel safe: what was notified and is dropped passes the notification on.
    pub(super) async fn slot(&self) -> Slot<'_> {
        loop {
            let free = self.free.notified();
            {
                let mut state = self.lock();
                if state.running < state.limit {
                    state.running += 1;
                    state.window.full |= state.running == state.limit;
                    let more = state.running < state.limit;
                    drop(state);
                    if more {
                        self.free.notify_one();
                    }
                    return Slot(self);
                }
            }
            free.await;
        }
    }

    /// An attempt has succeeded, or failed for a reason that fewer at once might mend.
    pub(super) fn ended(&self, took: Duration, success: bool) {
        let mut state = self.lock();
        let before = state.limit;
        if success {
            state.window.seconds += took.as_secs_f64();
            state.window.successes += 1;
        } else if !state.window.shrunk {
            state.window.shrunk = true;
            state.limit = (state.limit / 2).max(1);
        }
        let now = Instant::now();
        if state.window.ends.is_none_or(|at| now >= at) {
            self.close_window(&mut state, now);
        }
        let limit = state.limit;
        drop(state);
        if limit != before {
            self.stats.concurrency.set(limit as u64);
            self.free.notify_one();
        }
    }

    fn close_window(&self, state: &mut State, now: Instant) {
        let window = std::mem::take(&mut state.window);
        let mut next = state.best.unwrap_or_default();
        if window.successes > 0 {
            let mean = window.seconds / f64::from(window.successes);
            let best = state.best.map_or(mean, |best| mean.min(best + (mean - best) * DRIFT));
            let near = best * f64::from(self.settings.tolerance_percent) / 100.0 + SLACK.as_secs_f64();
            if window.shrunk {
                // Once a window is enough.
            } else if mean > near {
                state.limit = (state.limit - state.limit.div_ceil(10)).max(1);
            } else if window.full && state.limit < self.max {
                state.limit += 1;
            }
            state.best = Some(best);
            next = mean;
        }
        state.window.ends = Some(now + Duration::from_secs_f64(next).max(SLACK));
        state.window.full = state.running >= state.limit;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::ComponentKind;

    fn adaptive(max: usize) -> Adaptive {
        let stats = Stats::new("sink".into(), ComponentKind::Sink, None);
        Adaptive::new(AdaptiveConcurrency::default(), max, stats)
    }

    /// A round in which all allowed attempts run, and take this long.
    async fn round(adaptive: &Adaptive, took: Duration, success: bool) -> usize {
        let limit = adaptive.lock().limit;
        let mut slots = Vec::new();
        for _ in 0..limit {
            slots.push(adaptive.slot().await);
        }
        tokio::time::sleep(took).await;
        for slot in slots {
            adaptive.ended(took, success);
            drop(slot);
        }
        adaptive.lock().limit
    }

    const FAST: Duration = Duration::from_millis(50);

    #[tokio::test(start_paused = true)]
    async fn it_grows_by_one_a_round_up_to_the_most() {
        let adaptive = adaptive(4);
        let mut limits = Vec::new();
        for _ in 0..6 {
            limits.push(round(&adaptive, FAST, true).await);
        }
        assert_eq!(limits, [2, 3, 4, 4, 4, 4]);
        assert_eq!(adaptive.stats.read().concurrency, Some(4));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_one_round_halve_it_once_and_it_never_falls_below_one() {
        let adaptive = adaptive(16);
        for _ in 0..15 {
            round(&adaptive, FAST, true).await;
        }
        assert_eq!(adaptive.lock().limit, 16);
        let mut limits = Vec::new();
        for _ in 0..6 {
            limits.push(round(&adaptive, FAST, false).await);
        }
        assert!(limits.windows(2).all(|w| w[1] <= w[0]), "{limits:?}");
        assert!(limits[0] >= 4, "one round of failures counted more than twice: {limits:?}");
        assert_eq!(limits[5], 1);
        assert_eq!(round(&adaptive, FAST, true).await.max(2), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_latency_that_blows_up_shrinks_it_and_one_near_the_best_does_not() {
        let adaptive = adaptive(32);
        for _ in 0..20 {
            round(&adaptive, FAST, true).await;
        }
        let before = adaptive.lock().limit;
        let near = round(&adaptive, FAST * 3 / 2, true).await;
        assert!(near >= before, "{near} after {before}");
        round(&adaptive, FAST * 10, true).await;
        let after = round(&adaptive, FAST * 10, true).await;
        assert!(after < near, "{after} after {near}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_has_become_slower_for_good_is_learned_anew() {
        let adaptive = adaptive(32);
        for _ in 0..5 {
            round(&adaptive, FAST, true).await;
        }
        for _ in 0..100 {
            round(&adaptive, FAST * 4, true).await;
        }
        assert!(adaptive.lock().limit > 5, "{}", adaptive.lock().limit);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_allowed_run_and_one_that_gives_up_waiting_takes_no_place() {
        let adaptive = adaptive(4);
        let slot = adaptive.slot().await;
        assert!(tokio::time::timeout(FAST, adaptive.slot()).await.is_err());
        drop(slot);
        let _slot = tokio::time::timeout(FAST, adaptive.slot()).await.expect("the place is free");
    }
}
