//! What the tasks and threads of a running pipeline share: when to stop, and what has failed.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::Notify;

/// How far a pipeline is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Sources stop taking in; what they have taken in drains.
    Draining,
    /// The deadline has passed: what is left is abandoned.
    Halting,
}

pub(super) struct Control {
    draining: Arc<Switch>,
    halting: Arc<Switch>,
    failures: Mutex<Vec<Failure>>,
}

/// A component that could not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Its name.
    pub component: String,
    /// Why.
    pub message: String,
}

impl Control {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { draining: Switch::new(), halting: Switch::new(), failures: Mutex::default() })
    }

    pub(super) fn advance(&self, to: Phase) {
        if to >= Phase::Draining {
            self.draining.switch_on();
        }
        if to >= Phase::Halting {
            self.halting.switch_on();
        }
    }

    /// Resolves when `phase` has been reached.
    pub(super) async fn reached(&self, phase: Phase) {
        match phase {
            Phase::Draining => self.draining.wait().await,
            Phase::Halting => self.halting.wait().await,
        }
    }

    pub(super) fn has_reached(&self, phase: Phase) -> bool {
        match phase {
            Phase::Draining => self.draining.is_on(),
            Phase::Halting => self.halting.is_on(),
        }
    }

    /// Tells sources to stop.
    pub(super) fn stopping(&self) -> Arc<Switch> {
        self.draining.clone()
    }

    /// Notes that a component can't go on.
    pub(super) fn fail(&self, component: &str, message: String) {
        let failure = Failure { component: component.to_owned(), message };
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
    }

    pub(super) fn failures(&self) -> Vec<Failure> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Is switched on once, for good. Who waits for it is woken in the order of waiting, so that a simulation can
/// reproduce a run; tokio's `watch` wakes in a random one.
pub(crate) struct Switch {
    on: AtomicBool,
    switched: Notify,
}

impl Switch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { on: AtomicBool::new(false), switched: Notify::new() })
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    pub(crate) fn switch_on(&self) {
        self.on.store(true, Ordering::Release);
        self.switched.notify_waiters();
    }

    /// Cancel safe.
    pub(crate) async fn wait(&self) {
        // Made before the look, so that no switching falls between the two.
        let switched = self.switched.notified();
        if !self.is_on() {
            switched.await;
        }
    }
}

/// The first of two futures to be ready; `a` if both are. The other is dropped.
pub(super) async fn first<A: Future, B: Future>(a: A, b: B) -> Either<A::Output, B::Output> {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(a) = a.as_mut().poll(cx) {
            return Poll::Ready(Either::First(a));
        }
        b.as_mut().poll(cx).map(Either::Second)
    })
    .await
}

pub(super) enum Either<A, B> {
    First(A),
    Second(B),
}

/// Runs a future on this thread until it is ready.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A future whose panics come out as an error: their message.
pub(super) struct CatchPanic<F>(pub(super) Pin<Box<F>>);

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        catch(|| self.0.as_mut().poll(cx)).map_or_else(|panic| Poll::Ready(Err(panic)), |poll| poll.map(Ok))
    }
}

/// Calls `f`; a panic comes out as its message.
pub(super) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).map_err(|payload| panic_message(&*payload))
}

pub(super) fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}
