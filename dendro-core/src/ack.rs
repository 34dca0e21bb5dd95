//! Acknowledgement: a [`Receipt`] at the source, [`Token`]s that travel with batches.
//!
//! Tokens are cloned wherever a batch is split or fanned out and moved wherever it goes. When the
//! last one is gone the receipt resolves to the worst outcome of them all. A token that is dropped
//! without an outcome means [`Outcome::Abandoned`]: nobody can lose an event by forgetting one.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex, MutexGuard};

/// How what came from a batch ended; a later one is worse, and the worst wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Outcome {
    /// Delivered to every sink it was meant for, or filtered out by a transform.
    Delivered,
    /// Dropped by the user's choice, and counted.
    Dropped,
    /// In the dead letters.
    DeadLettered,
    /// Neither: the source has to send it again.
    Abandoned,
}

impl Outcome {
    /// Whether the source may forget the data.
    pub fn is_settled(self) -> bool {
        self != Self::Abandoned
    }
}

/// What a receipt resolves to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settlement {
    /// The worst outcome.
    pub outcome: Outcome,
    /// The state of stateful transforms after the batch, to be stored together with the checkpoint.
    pub snapshots: Vec<Snapshot>,
}

/// The state of one transform for one stream, as [`Transform::snapshot`](crate::Transform::snapshot)
/// gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The name of the transform component.
    pub component: String,
    /// Its state, in its own encoding.
    pub state: Vec<u8>,
}

/// A new acknowledgement: the token goes with the batch, the receipt stays with whoever must know.
pub fn acknowledgement() -> (Token, Receipt) {
    with_observer(None)
}

/// Is told how what came from a batch ended, once, before the receipt is.
pub(crate) trait Observe: Send + Sync {
    fn settled(&self, outcome: Outcome, events: u64);
}

#[allow(
    unused_qualifications,
    reason = "loom's `Arc`, which stands here in `tests/loom.rs`, holds no trait objects"
)]
pub(crate) type Observer = std::sync::Arc<dyn Observe>;

/// [`acknowledgement`] of a batch of so many events that `observer` wants to know of.
#[cfg(feature = "runtime")]
pub(crate) fn observed(observer: Observer, events: u64) -> (Token, Receipt) {
    with_observer(Some((observer, events)))
}

fn with_observer(observer: Option<(Observer, u64)>) -> (Token, Receipt) {
    let shared = Arc::new(Mutex::new(Shared {
        pending: 1,
        worst: Outcome::Delivered,
        snapshots: Vec::new(),
        held: Vec::new(),
        #[cfg(feature = "runtime")]
        stream: None,
        waker: None,
        observer,
    }));
    (Token { shared: Some(shared.clone()) }, Receipt { shared })
}

struct Shared {
    pending: usize,
    worst: Outcome,
    snapshots: Vec<Snapshot>,
    held: Vec<Box<dyn Any + Send>>,
    /// Whose states belong to it; `None`: those of any stream.
    #[cfg(feature = "runtime")]
    stream: Option<Box<str>>,
    waker: Option<Waker>,
    observer: Option<(Observer, u64)>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("pending", &self.pending)
            .field("worst", &self.worst)
            .finish_non_exhaustive()
    }
}

/// A share in an acknowledgement. Dropping it unresolved means [`Outcome::Abandoned`].
#[derive(Debug)]
pub struct Token {
    shared: Option<Arc<Mutex<Shared>>>,
}

impl Token {
    /// Ends this share with `outcome`.
    pub fn resolve(mut self, outcome: Outcome) {
        self.finish(outcome);
    }

    /// Keeps `guard` until everything that came from the batch is settled (a share of a memory
    /// budget, an open file). It is gone when the receipt settles.
    pub fn hold_until_settled(&self, guard: impl Any + Send) {
        if let Some(shared) = &self.shared {
            lock(shared).held.push(Box::new(guard));
        }
    }

    /// The stream of the batch, so that the [states](Acks::attach_snapshot_of) of no other come with it.
    #[cfg(feature = "runtime")]
    pub(crate) fn set_stream(&self, stream: &str) {
        if let Some(shared) = &self.shared {
            lock(shared).stream = Some(stream.into());
        }
    }

    #[cfg(feature = "runtime")]
    fn is_of(&self, stream: &str) -> bool {
        let shared = self.shared.as_ref().map(|shared| lock(shared));
        shared.is_some_and(|state| state.stream.as_deref().is_none_or(|own| own == stream))
    }

    /// Adds the state of a transform to what the receipt will tell, replacing an earlier one of the
    /// same component.
    pub fn attach_snapshot(&self, snapshot: Snapshot) {
        if let Some(shared) = &self.shared {
            let snapshots = &mut lock(shared).snapshots;
            match snapshots.iter_mut().find(|s| s.component == snapshot.component) {
                Some(slot) => *slot = snapshot,
                None => snapshots.push(snapshot),
            }
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        let Some(shared) = self.shared.take() else { return };
        let mut state = lock(&shared);
        state.worst = state.worst.max(outcome);
        if state.pending > 1 {
            state.pending -= 1;
            return;
        }
        // The last share is this one, so nobody can add another. What it held goes first, without the
        // lock; even if that panics, the receipt settles.
        let held = std::mem::take(&mut state.held);
        drop(state);
        let _settle = Settle(&shared);
        drop(held);
    }
}

/// Settles the receipt when it is dropped.
struct Settle<'a>(&'a Mutex<Shared>);

impl Drop for Settle<'_> {
    fn drop(&mut self) {
        let mut state = lock(self.0);
        if let Some((observer, events)) = state.observer.take() {
            observer.settled(state.worst, events);
        }
        state.pending = 0;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Clone for Token {
    fn clone(&self) -> Self {
        if let Some(shared) = &self.shared {
            lock(shared).pending += 1;
        }
        Self { shared: self.shared.clone() }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.finish(Outcome::Abandoned);
    }
}

/// Resolves when all that came from a batch is settled. Dropping it loses nothing but the knowledge.
///
/// # Cancel safety
/// Polling may stop and resume at any time.
#[derive(Debug)]
#[must_use = "a checkpoint may be stored only when the receipt has resolved"]
pub struct Receipt {
    shared: Arc<Mutex<Shared>>,
}

impl Receipt {
    /// The settlement, if there is one already. Gives the snapshots once.
    pub fn try_settle(&mut self) -> Option<Settlement> {
        let mut state = lock(&self.shared);
        (state.pending == 0)
            .then(|| Settlement { outcome: state.worst, snapshots: std::mem::take(&mut state.snapshots) })
    }
}

impl Future for Receipt {
    type Output = Settlement;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Settlement> {
        let waker = cx.waker().clone();
        // The old one is dropped without the lock: it may own a task that owns a token of this.
        let old = lock(&self.shared).waker.replace(waker);
        drop(old);
        self.try_settle().map_or(Poll::Pending, Poll::Ready)
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Nothing panics while the lock is held, and the state is valid after each statement.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The tokens of a batch: one for each batch of a source that it came from.
#[derive(Clone, Debug, Default)]
pub struct Acks {
    tokens: Vec<Token>,
}

impl Acks {
    /// No tokens: what is not from a source.
    pub const fn none() -> Self {
        Self { tokens: Vec::new() }
    }

    /// Adds a token.
    pub fn push(&mut self, token: Token) {
        self.tokens.push(token);
    }

    /// Takes over the tokens of `other`: what has them now came from both.
    pub fn merge(&mut self, mut other: Self) {
        self.tokens.append(&mut other.tokens);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Ends all of them with `outcome`.
    pub fn resolve(mut self, outcome: Outcome) {
        self.tokens.drain(..).for_each(|t| t.resolve(outcome));
    }

    /// See [`Token::attach_snapshot`]; for a batch that came from one batch of a source.
    pub fn attach_snapshot(&self, snapshot: &Snapshot) {
        self.tokens.iter().for_each(|t| t.attach_snapshot(snapshot.clone()));
    }

    /// Likewise, of what came from batches of several streams: only those of this one get it.
    #[cfg(feature = "runtime")]
    pub(crate) fn attach_snapshot_of(&self, stream: &str, snapshot: &Snapshot) {
        let own = self.tokens.iter().filter(|t| t.is_of(stream));
        own.for_each(|t| t.attach_snapshot(snapshot.clone()));
    }

    /// See [`Token::hold_until_settled`]; the first token keeps it.
    pub fn hold_until_settled(&self, guard: impl Any + Send) {
        if let Some(token) = self.tokens.first() {
            token.hold_until_settled(guard);
        }
    }
}

impl From<Token> for Acks {
    fn from(token: Token) -> Self {
        Self { tokens: vec![token] }
    }
}
