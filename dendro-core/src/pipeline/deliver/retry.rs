//! Trying until every event of a write is settled. [`Retry`](crate::Retry) has the rules.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Delivery;
use super::attempt::Failure;
use super::circuit::Change;
use super::gate::{Health, Pass};
use crate::pipeline::control::{Either, Phase, first};
use crate::pipeline::lane::with_sources;
use crate::pipeline::problem::Severity;
use crate::{Batch, SinkErrorKind};

/// Why a group has to be tried again.
struct Again {
    message: String,
    after: Option<Duration>,
    /// It is another set of events, or their destination has let go of them.
    new_id: bool,
}

impl Again {
    fn new(message: String) -> Self {
        Self { message, after: None, new_id: false }
    }
}

impl Delivery {
    /// Until every event of the group is settled, or the pipeline halts. `begun` is told when its first attempt has
    /// begun, or dropped when there is none.
    pub(super) async fn deliver(&self, mut group: Vec<Batch>, mut begun: Option<oneshot::Sender<()>>) {
        // Never closed, so this can't fail. Whoever has a permit stops when the pipeline halts.
        let _writing = self.writing.acquire().await;
        let mut attempt = 0u32;
        let mut id = self.random.id();
        let mut last: Option<Instant> = None;
        let mut failed_with = String::new();
        loop {
            let pass = match self.pass(&group, last).await {
                Passed::Pass(pass) => pass,
                // A sink that has failed is given nothing more, and nothing must wait for it either.
                Passed::Stopped => return self.abandon(&group),
                Passed::TooLate => return self.give_up(group, &failed_with, attempt).await,
            };
            attempt = attempt.saturating_add(1);
            if attempt > 1 {
                self.stats.retried.add(1);
            }
            self.write_begins();
            let started = Instant::now();
            last = last.or_else(|| self.settings.retry.max_age.map(|age| started + age));
            let (batches, result) = self.attempt(group, &id, attempt, begun.take()).await;
            let took = started.elapsed();
            self.stats.busy_nanos.add(took.as_nanos() as u64);
            group = batches;
            let again = match result {
                Ok(written) => {
                    self.tell(pass.ended(took, Health::Answers), "");
                    let Some(lost) = self.written(group, written) else { return };
                    group = lost;
                    let name = &self.stats.name;
                    let message =
                        format!("sink `{name}`: what was staged was lost before the write came back");
                    Again { new_id: true, ..Again::new(message) }
                }
                Err(failure) => {
                    self.write_ended();
                    match self.failed(group, failure, attempt, pass, took).await {
                        None => return,
                        Some((rest, again)) => {
                            group = rest;
                            again
                        }
                    }
                }
            };
            let delay =
                self.random.backoff(&self.settings.retry, attempt).max(again.after.unwrap_or_default());
            let limits = self.dead_letters.is_some();
            let used_up = self.settings.retry.max_attempts.is_some_and(|most| attempt >= most)
                || last.is_some_and(|last| Instant::now() + delay > last);
            if limits && used_up {
                return self.give_up(group, &again.message, attempt).await;
            }
            if again.new_id {
                id = self.random.id();
            }
            failed_with = again.message;
            first(self.stopped(), tokio::time::sleep(delay)).await;
        }
    }

    /// Settles what can be after a failure; what is left is to be tried again.
    async fn failed(
        &self,
        mut group: Vec<Batch>,
        failure: Failure,
        attempt: u32,
        pass: Pass<'_>,
        took: Duration,
    ) -> Option<(Vec<Batch>, Again)> {
        let events: usize = group.iter().map(Batch::len).sum();
        let name = &self.stats.name;
        let again = match failure {
            Failure::Halted => {
                self.abandon(&group);
                return None;
            }
            Failure::Panicked(panic) => {
                let message = format!("sink `{name}` panicked on {events} events: {panic}");
                self.report(Severity::Error, message.clone());
                self.tell(pass.ended(took, Health::Fails(None)), &message);
                if self.dead_letters.is_some() {
                    self.refuse(group, &message, attempt, Some(&self.stats.rejected_panicked)).await;
                    return None;
                }
                return Some((group, Again::new(message)));
            }
            Failure::TimedOut => {
                let limit = self.settings.timeout;
                let message = format!("sink `{name}`: a write of {events} events took longer than {limit:?}");
                self.tell_failure(pass.ended(took, Health::Fails(None)), &message);
                Again::new(message)
            }
            Failure::Error(error) => {
                let message = format!("sink `{name}`: {}", with_sources(&error));
                let after = error.retry_after();
                if after.is_some() {
                    self.stats.throttled.add(1);
                }
                match error.kind() {
                    SinkErrorKind::Fatal => {
                        self.fail(&message);
                        self.abandon(&group);
                        return None;
                    }
                    SinkErrorKind::Rejected if self.dead_letters.is_some() => {
                        self.tell(pass.ended(took, Health::Answers), "");
                        self.report(Severity::Warning, message.clone());
                        self.refuse(group, &message, attempt, None).await;
                        return None;
                    }
                    SinkErrorKind::Partial => {
                        let some_again = !error.retry_events().is_empty();
                        let health = if some_again { Health::Overloaded } else { Health::Answers };
                        self.tell(pass.ended(took, health), &message);
                        self.report(Severity::Warning, message.clone());
                        group = self.settle_partial(group, &error, attempt).await;
                        if group.is_empty() {
                            return None;
                        }
                        // Another set of events, so another id: the destination knows the first one.
                        Again { message, after, new_id: true }
                    }
                    SinkErrorKind::Retry | SinkErrorKind::Rejected => {
                        self.tell_failure(pass.ended(took, Health::Fails(after)), &message);
                        Again { message, after, new_id: false }
                    }
                }
            }
        };
        Some((group, again))
    }

    /// Waits until the group may be attempted, but no longer than it may still be.
    async fn pass(&self, group: &[Batch], last: Option<Instant>) -> Passed<'_> {
        let passing = async {
            match last.filter(|_| self.dead_letters.is_some()) {
                // One that may pass now does, even at its last moment.
                Some(last) => match first(self.gate.pass(group), tokio::time::sleep_until(last)).await {
                    Either::First(pass) => Passed::Pass(pass),
                    Either::Second(()) => Passed::TooLate,
                },
                None => Passed::Pass(self.gate.pass(group).await),
            }
        };
        match first(self.stopped(), passing).await {
            Either::First(()) => Passed::Stopped,
            Either::Second(passed) => passed,
        }
    }

    /// Sends to the dead letters what was tried in vain.
    async fn give_up(&self, group: Vec<Batch>, message: &str, attempts: u32) {
        let tried = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
        let message = format!("{message} (given up after {tried})");
        self.report(Severity::Error, message.clone());
        self.refuse(group, &message, attempts, Some(&self.stats.rejected_exhausted)).await;
    }

    /// The sink can't go on: the run ends.
    fn fail(&self, message: &str) {
        self.report(Severity::Error, message.to_owned());
        self.control.fail(&self.stats.name, message.to_owned());
        self.control.advance(Phase::Draining);
        self.has_failed.switch_on();
    }

    /// Tells of a failure that is tried again, but not while the circuit says all that there is to say.
    fn tell_failure(&self, change: Change, message: &str) {
        match change {
            Change::Closed | Change::ClosedAgain(_) => {
                self.report(Severity::Warning, format!("{message}; trying again"));
            }
            Change::StillOpen => self.stats.error(message),
            Change::Opened(_) => self.tell(change, message),
        }
    }

    fn tell(&self, change: Change, message: &str) {
        let name = &self.stats.name;
        match change {
            Change::Closed | Change::StillOpen => {}
            Change::Opened(failures) => {
                let every = self.settings.circuit.as_ref().map(|c| c.probe_interval).unwrap_or_default();
                let prefix = format!("sink `{name}`: ");
                let what = message.strip_prefix(&prefix).unwrap_or(message);
                let s = if failures == 1 { "" } else { "s" };
                let message = format!(
                    "{prefix}circuit open after {failures} failure{s}: {what}; probing every {every:?}"
                );
                self.report(Severity::Error, message);
            }
            Change::ClosedAgain(after) => {
                self.report(Severity::Info, format!("sink `{name}`: circuit closed again after {after:?}"));
            }
        }
    }
}

enum Passed<'a> {
    Pass(Pass<'a>),
    Stopped,
    TooLate,
}
