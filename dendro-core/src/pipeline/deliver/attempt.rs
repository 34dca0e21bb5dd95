//! One attempt of a write.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::Delivery;
use crate::pipeline::control::{Either, Phase, first, panic_message};
use crate::{Batch, SinkError, WriteContext, Written};

/// Ends a task with the future that waits for it: nothing of a dropped run goes on.
pub(super) struct AbortOnDrop(pub(super) tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How an attempt ended that was not a success.
pub(super) enum Failure {
    Error(SinkError),
    TimedOut,
    Panicked(String),
    Halted,
}

impl Delivery {
    /// In a task of its own, so that nothing of a call that took too long goes on beside the next attempt: the task
    /// is cancelled and has ended before this returns. `begun` is told when the sink has seen the call.
    pub(super) async fn attempt(
        &self,
        group: Vec<Batch>,
        id: &str,
        attempt: u32,
        begun: Option<oneshot::Sender<()>>,
    ) -> (Vec<Batch>, Result<Written, Failure>) {
        let shared = Arc::new(group);
        let (sink, batches) = (self.sink.clone(), shared.clone());
        let reporter = Some((self.reporter.clone(), self.stats.name.clone()));
        let cx = WriteContext { reporter, ..WriteContext::new(id, attempt, self.settings.timeout) };
        let write = crate::own_work::run(async move {
            let write = sink.write(&batches, &cx);
            match begun {
                Some(begun) => tell_when_polled(write, begun).await,
                None => write.await,
            }
        });
        #[cfg(feature = "tracing")]
        let write = {
            use tracing::Instrument as _;
            let events: usize = shared.iter().map(Batch::len).sum();
            write.instrument(tracing::debug_span!(
                "dendro.write",
                component = &*self.stats.name,
                attempt,
                events
            ))
        };
        let mut task = tokio::spawn(write);
        let _abort = AbortOnDrop(task.abort_handle());
        let limit = first(tokio::time::sleep(self.settings.timeout), self.control.reached(Phase::Halting));
        let result = match first(&mut task, limit).await {
            Either::First(joined) => joined,
            Either::Second(why) => {
                task.abort();
                match task.await {
                    // It was done after all.
                    Ok(result) => Ok(result),
                    Err(e) if e.is_panic() => Err(e),
                    Err(_) => {
                        let failure = match why {
                            Either::First(()) => Failure::TimedOut,
                            Either::Second(()) => Failure::Halted,
                        };
                        return (take_back(shared), Err(failure));
                    }
                }
            }
        };
        let result = match result {
            Ok(result) => result.map_err(Failure::Error),
            Err(e) if e.is_panic() => Err(Failure::Panicked(panic_message(&*e.into_panic()))),
            Err(_) => Err(Failure::Halted),
        };
        (take_back(shared), result)
    }
}

/// Tasks may be polled in another order than they were spawned in; the next write waits for this one to have begun.
async fn tell_when_polled<F: Future>(future: F, begun: oneshot::Sender<()>) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut begun = Some(begun);
    std::future::poll_fn(move |cx| {
        let polled = future.as_mut().poll(cx);
        if let Some(begun) = begun.take() {
            let _ = begun.send(());
        }
        polled
    })
    .await
}

/// The batches, after the task that looked at them has ended.
fn take_back(shared: Arc<Vec<Batch>>) -> Vec<Batch> {
    Arc::try_unwrap(shared).unwrap_or_else(|shared| shared.to_vec())
}
