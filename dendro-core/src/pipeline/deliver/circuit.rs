//! The circuit breaker: nothing is attempted while a destination is down. [`CircuitBreaker`] has the rules.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::CircuitBreaker;
use crate::pipeline::control::first;
use crate::pipeline::stats::{CircuitState, Stats};

pub(super) struct Circuit {
    settings: CircuitBreaker,
    state: Mutex<State>,
    changed: Notify,
    stats: Arc<Stats>,
}

#[derive(Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        since: Instant,
        probe_at: Instant,
    },
    /// A probe is under way.
    HalfOpen {
        since: Instant,
    },
}

/// That one attempt may be made.
pub(super) struct Permit<'a> {
    circuit: &'a Circuit,
    /// It is what the state waits for.
    probe: bool,
}

/// What an attempt has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: it is closed.
    Closed,
    /// It is open now, after so many failures.
    Opened(u32),
    /// It is open still.
    StillOpen,
    /// It is closed again, after so long.
    ClosedAgain(Duration),
}

impl Circuit {
    pub(super) fn new(settings: CircuitBreaker, stats: Arc<Stats>) -> Self {
        stats.circuit.set(CircuitState::Closed.code());
        Self { settings, state: Mutex::new(State::Closed { failures: 0 }), changed: Notify::new(), stats }
    }

    /// Waits until an attempt may be made.
    ///
    /// Cancel safe: a probe that is never reported lets another one through.
    pub(super) async fn permit(&self) -> Permit<'_> {
        loop {
            let changed = self.changed.notified();
            let probe_at = {
                let mut state = self.lock();
                match *state {
                    State::Closed { .. } => return Permit { circuit: self, probe: false },
                    State::Open { since, probe_at } if Instant::now() >= probe_at => {
                        self.set(&mut state, State::HalfOpen { since });
                        return Permit { circuit: self, probe: true };
                    }
                    State::Open { probe_at, .. } => Some(probe_at),
                    State::HalfOpen { .. } => None,
                }
            };
            if let Some(at) = probe_at {
                first(changed, tokio::time::sleep_until(at)).await;
            } else {
                changed.await;
            }
        }
    }

    fn set(&self, state: &mut State, to: State) {
        *state = to;
        let told = match to {
            State::Closed { .. } => CircuitState::Closed,
            State::Open { .. } => CircuitState::Open,
            State::HalfOpen { .. } => CircuitState::HalfOpen,
        };
        self.stats.circuit.set(told.code());
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The destination has answered.
    pub(super) fn succeeded(self) -> Change {
        let circuit = self.circuit;
        let mut state = circuit.lock();
        match *state {
            State::Closed { failures: 0 } => Change::Closed,
            State::Closed { .. } => {
                *state = State::Closed { failures: 0 };
                Change::Closed
            }
            // Also what was under way when it opened shows that the destination is there.
            State::Open { since, .. } | State::HalfOpen { since } => {
                circuit.set(&mut state, State::Closed { failures: 0 });
                Change::ClosedAgain(since.elapsed())
            }
        }
    }

    /// The attempt has failed as a whole; the destination has asked for this much time.
    pub(super) fn failed(self, after: Option<Duration>) -> Change {
        let circuit = self.circuit;
        let mut state = circuit.lock();
        let now = Instant::now();
        let probe_at = now + circuit.settings.probe_interval.max(after.unwrap_or_default());
        match *state {
            State::Closed { failures } if failures + 1 < circuit.settings.failures => {
                *state = State::Closed { failures: failures + 1 };
                Change::Closed
            }
            State::Closed { failures } => {
                circuit.set(&mut state, State::Open { since: now, probe_at });
                Change::Opened(failures + 1)
            }
            State::HalfOpen { since } if self.probe => {
                circuit.set(&mut state, State::Open { since, probe_at });
                Change::StillOpen
            }
            State::Open { .. } | State::HalfOpen { .. } => Change::StillOpen,
        }
    }
}

impl Drop for Permit<'_> {
    /// A probe of which nothing was heard: the next one may go.
    fn drop(&mut self) {
        if !self.probe {
            return;
        }
        let mut state = self.circuit.lock();
        if let State::HalfOpen { since } = *state {
            self.circuit.set(&mut state, State::Open { since, probe_at: Instant::now() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ComponentKind;

    const INTERVAL: Duration = Duration::from_secs(10);

    fn circuit(failures: u32) -> Circuit {
        let stats = Stats::new("sink".into(), ComponentKind::Sink, None);
        Circuit::new(CircuitBreaker { failures, probe_interval: INTERVAL }, stats)
    }

    async fn waits(circuit: &Circuit) -> Duration {
        let asked = Instant::now();
        let permit = circuit.permit().await;
        permit.failed(None);
        asked.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_a_success_between_them_counts() {
        let circuit = circuit(3);
        for _ in 0..5 {
            assert_eq!(circuit.permit().await.failed(None), Change::Closed);
            assert_eq!(circuit.permit().await.failed(None), Change::Closed);
            assert_eq!(circuit.permit().await.succeeded(), Change::Closed);
        }
        assert_eq!(circuit.permit().await.failed(None), Change::Closed);
        assert_eq!(circuit.permit().await.failed(None), Change::Closed);
        assert_eq!(circuit.permit().await.failed(None), Change::Opened(3));
        assert_eq!(circuit.stats.read().circuit, Some(CircuitState::Open));
    }

    #[tokio::test(start_paused = true)]
    async fn while_it_is_open_one_probe_goes_at_a_time_and_a_success_lets_all_through() {
        let circuit = circuit(1);
        circuit.permit().await.failed(None);
        assert_eq!(waits(&circuit).await, INTERVAL);
        assert_eq!(waits(&circuit).await, INTERVAL);
        let probe = circuit.permit().await;
        assert_eq!(circuit.stats.read().circuit, Some(CircuitState::HalfOpen));
        let (second, third) = (circuit.permit(), circuit.permit());
        tokio::pin!(second, third);
        let all = async { tokio::join!(&mut second, &mut third) };
        assert!(tokio::time::timeout(INTERVAL * 10, all).await.is_err(), "a second probe beside the first");
        assert_eq!(probe.succeeded(), Change::ClosedAgain(INTERVAL * 13));
        let all = async { tokio::join!(second, third) };
        assert!(tokio::time::timeout(INTERVAL, all).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_destination_that_asks_for_a_longer_time_gets_it() {
        let circuit = circuit(1);
        circuit.permit().await.failed(Some(INTERVAL * 6));
        assert_eq!(waits(&circuit).await, INTERVAL * 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_lets_another_one_through() {
        let circuit = circuit(1);
        circuit.permit().await.failed(None);
        drop(circuit.permit().await);
        assert_eq!(waits(&circuit).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_under_way_when_it_opened_closes_it_if_it_succeeds_and_changes_nothing_if_not() {
        let circuit = circuit(1);
        let (early, late) = (circuit.permit().await, circuit.permit().await);
        circuit.permit().await.failed(None);
        assert_eq!(early.failed(None), Change::StillOpen);
        assert_eq!(late.succeeded(), Change::ClosedAgain(Duration::ZERO));
    }
}
