//! Telling what a pipeline does from what its host does, on the thread on which it happens.
//!
//! In-process sources ask [`is_active`], so that a pipeline never feeds itself: not through what Dendro logs, nor
//! through what a sink's client or a transform logs while it works. Spans can't tell, since a filter may hide them.
//! Tasks and threads that a component spawns are not covered.

use std::cell::Cell;
use std::future::Future;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread is working for a pipeline at the moment.
///
/// ```
/// use dendro_core::own_work;
/// assert!(!own_work::is_active());
/// let guard = own_work::enter();
/// assert!(own_work::is_active());
/// drop(guard);
/// assert!(!own_work::is_active());
/// ```
pub fn is_active() -> bool {
    DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false)
}

/// Until the guard is dropped, this thread works for a pipeline.
pub fn enter() -> Guard {
    let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
    Guard { _not_send: std::marker::PhantomData }
}

/// Ends what [`enter`] began.
#[derive(Debug)]
#[must_use]
pub struct Guard {
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

/// Runs `future`: whatever it does is work for a pipeline.
pub async fn run<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(move |cx| {
        let _guard = enter();
        future.as_mut().poll(cx)
    })
    .await
}
