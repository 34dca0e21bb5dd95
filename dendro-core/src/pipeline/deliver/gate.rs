//! What every attempt has to pass: adaptive concurrency, the rate limit, the circuit.

use std::sync::Arc;
use std::time::Duration;

use super::adaptive::{Adaptive, Slot};
use super::circuit::{Change, Circuit, Permit};
#[cfg(feature = "rate_limit")]
use super::rate::Rate;
use crate::pipeline::stats::Stats;
use crate::{Batch, SinkSettings};

pub(super) struct Gate {
    adaptive: Option<Adaptive>,
    #[cfg(feature = "rate_limit")]
    rate: Rate,
    circuit: Option<Circuit>,
    #[cfg(feature = "rate_limit")]
    stats: Arc<Stats>,
}

/// That an attempt may be made. Dropping it unreported changes nothing.
pub(super) struct Pass<'a> {
    adaptive: Option<(&'a Adaptive, Slot<'a>)>,
    permit: Option<Permit<'a>>,
}

/// What an attempt says of its destination.
#[derive(Clone, Copy)]
pub(super) enum Health {
    /// It has answered.
    Answers,
    /// It has answered, but could not take all.
    Overloaded,
    /// It has failed as a whole, and asked for this much time.
    Fails(Option<Duration>),
}

impl Gate {
    pub(super) fn new(settings: &SinkSettings, in_flight: usize, stats: &Arc<Stats>) -> Self {
        let adaptive = settings.adaptive.clone().filter(|_| in_flight > 1);
        Self {
            adaptive: adaptive.map(|a| Adaptive::new(a, in_flight, stats.clone())),
            #[cfg(feature = "rate_limit")]
            rate: Rate::new(&settings.rate),
            circuit: settings.circuit.clone().map(|c| Circuit::new(c, stats.clone())),
            #[cfg(feature = "rate_limit")]
            stats: stats.clone(),
        }
    }

    /// Waits until an attempt may be made. The circuit comes last, so that a probe is on its way at once.
    ///
    /// Cancel safe in that nothing is left taken but the rate.
    pub(super) async fn pass(&self, group: &[Batch]) -> Pass<'_> {
        let adaptive = match &self.adaptive {
            Some(adaptive) => Some((adaptive, adaptive.slot().await)),
            None => None,
        };
        #[cfg(feature = "rate_limit")]
        if self.rate.is_limited() {
            let events = group.iter().map(|b| b.len() as u64).sum();
            let bytes = group.iter().map(|b| b.live_bytes() as u64).sum();
            let asked = tokio::time::Instant::now();
            self.rate.take(events, bytes).await;
            self.stats.rate_limited_nanos.add(asked.elapsed().as_nanos() as u64);
        }
        #[cfg(not(feature = "rate_limit"))]
        let _ = group;
        let permit = match &self.circuit {
            Some(circuit) => Some(circuit.permit().await),
            None => None,
        };
        Pass { adaptive, permit }
    }
}

impl Pass<'_> {
    /// The attempt has come back after so long.
    pub(super) fn ended(self, took: Duration, health: Health) -> Change {
        if let Some((adaptive, _slot)) = &self.adaptive {
            adaptive.ended(took, matches!(health, Health::Answers));
        }
        match (self.permit, health) {
            (None, _) => Change::Closed,
            (Some(permit), Health::Answers | Health::Overloaded) => permit.succeeded(),
            (Some(permit), Health::Fails(after)) => permit.failed(after),
        }
    }
}
