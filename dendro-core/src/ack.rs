//! Acknowledgement: a [`Receipt`] at the source, [`Token`]s that travel with batches.
//!
//! Tokens are cloned wherever a batch is split or fanned out and moved wherever it goes. When the
//! last one is gone the receipt resolves to the worst outcome of them all. A token that is dropped
//! without an outcome means [`Outcome::Abandoned`]: nobody can lose an event by forgetting one.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

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

/// [`acknowledgement`] of a batch of so many events that `observer` wants to know of.
#[cfg(feature = "runtime")]
pub(crate) fn observed(observer: Arc<dyn Observe>, events: u64) -> (Token, Receipt) {
    with_observer(Some((observer, events)))
}

fn with_observer(observer: Option<(Arc<dyn Observe>, u64)>) -> (Token, Receipt) {
    let shared = Arc::new(Mutex::new(Shared {
        pending: 1,
        worst: Outcome::Delivered,
        snapshots: Vec::new(),
        held: Vec::new(),
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
    waker: Option<Waker>,
    observer: Option<(Arc<dyn Observe>, u64)>,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_worst_outcome_wins() {
        let (token, mut receipt) = acknowledgement();
        let second = token.clone();
        token.resolve(Outcome::DeadLettered);
        assert!(receipt.try_settle().is_none());
        second.resolve(Outcome::Delivered);
        assert_eq!(receipt.try_settle().unwrap().outcome, Outcome::DeadLettered);
    }

    #[test]
    fn a_dropped_token_is_abandoned_never_delivered() {
        let (token, mut receipt) = acknowledgement();
        let second = token.clone();
        second.resolve(Outcome::Delivered);
        drop(token);
        assert_eq!(receipt.try_settle().unwrap().outcome, Outcome::Abandoned);
    }

    #[test]
    fn a_panic_that_unwinds_a_token_abandons_it() {
        let (token, mut receipt) = acknowledgement();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _token = token;
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(caught.is_err());
        assert_eq!(receipt.try_settle().unwrap().outcome, Outcome::Abandoned);
    }

    #[test]
    fn guards_are_kept_until_all_is_settled() {
        let (token, _receipt) = acknowledgement();
        let guard = Arc::new(());
        token.hold_until_settled(guard.clone());
        let second = token.clone();
        token.resolve(Outcome::Delivered);
        assert_eq!(Arc::strong_count(&guard), 2);
        second.resolve(Outcome::Delivered);
        assert_eq!(Arc::strong_count(&guard), 1);
    }

    #[test]
    fn the_last_snapshot_of_a_component_is_the_one_told() {
        let (token, mut receipt) = acknowledgement();
        for state in [vec![1], vec![2]] {
            token.attach_snapshot(Snapshot { component: "a".into(), state });
        }
        token.resolve(Outcome::Delivered);
        let told = receipt.try_settle().unwrap().snapshots;
        assert_eq!(told, vec![Snapshot { component: "a".into(), state: vec![2] }]);
    }

    #[test]
    fn outcomes_are_told_in_the_order_in_which_they_are_bad() {
        use Outcome::{Abandoned, DeadLettered, Delivered, Dropped};
        let all = [Delivered, Dropped, DeadLettered, Abandoned];
        for first in all {
            for second in all {
                let (token, mut receipt) = acknowledgement();
                let other = token.clone();
                token.resolve(first);
                other.resolve(second);
                let outcome = receipt.try_settle().unwrap().outcome;
                assert_eq!(outcome, first.max(second));
                assert_eq!(outcome.is_settled(), first != Abandoned && second != Abandoned);
            }
        }
    }

    #[test]
    fn tokens_that_threads_clone_and_resolve_settle_once_with_the_worst() {
        for round in 0..200u64 {
            let (token, mut receipt) = acknowledgement();
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(woken.clone());
            let mut cx = Context::from_waker(&waker);
            assert!(Pin::new(&mut receipt).poll(&mut cx).is_pending());
            std::thread::scope(|scope| {
                for thread in 0..4u64 {
                    let token = token.clone();
                    scope.spawn(move || {
                        let clones: Vec<Token> = (0..8).map(|_| token.clone()).collect();
                        token.resolve(Outcome::Delivered);
                        for (i, clone) in clones.into_iter().enumerate() {
                            let worst = thread == round % 4 && i == 3;
                            clone.resolve(if worst { Outcome::DeadLettered } else { Outcome::Delivered });
                        }
                    });
                }
                token.resolve(Outcome::Dropped);
            });
            assert_eq!(woken.0.load(std::sync::atomic::Ordering::SeqCst), 1);
            match Pin::new(&mut receipt).poll(&mut cx) {
                Poll::Ready(settlement) => assert_eq!(settlement.outcome, Outcome::DeadLettered),
                Poll::Pending => panic!("every token is resolved"),
            }
        }
    }

    #[test]
    fn the_receipt_may_go_first_and_the_tokens_in_any_order() {
        let (token, receipt) = acknowledgement();
        let guard = Arc::new(());
        let (second, third) = (token.clone(), token.clone());
        third.hold_until_settled(guard.clone());
        drop(receipt);
        drop(token);
        third.resolve(Outcome::Delivered);
        second.resolve(Outcome::Delivered);
        assert_eq!(Arc::strong_count(&guard), 1);
    }

    #[test]
    fn a_guard_is_gone_when_the_receipt_settles_even_if_it_panics() {
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                std::panic::resume_unwind(Box::new(()));
            }
        }
        let (token, mut receipt) = acknowledgement();
        token.hold_until_settled(Panics);
        let resolved =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || token.resolve(Outcome::Delivered)));
        assert!(resolved.is_err());
        assert_eq!(receipt.try_settle().unwrap().outcome, Outcome::Delivered);
    }

    #[test]
    fn a_waker_that_owns_a_token_of_the_same_receipt_locks_nothing_up() {
        struct Owns(#[allow(dead_code)] Token);
        impl std::task::Wake for Owns {
            fn wake(self: Arc<Self>) {}
        }
        let (token, mut receipt) = acknowledgement();
        let owner = Waker::from(Arc::new(Owns(token)));
        assert!(Pin::new(&mut receipt).poll(&mut Context::from_waker(&owner)).is_pending());
        drop(owner);
        let settled = Pin::new(&mut receipt).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(settled, Poll::Ready(Settlement { outcome: Outcome::Abandoned, .. })));
    }

    #[test]
    fn merged_acks_settle_all_that_they_came_from() {
        let (first, mut one) = acknowledgement();
        let (second, mut two) = acknowledgement();
        let mut acks = Acks::from(first);
        acks.merge(Acks::from(second));
        let snapshot = Snapshot { component: "c".into(), state: vec![1] };
        acks.attach_snapshot(&snapshot);
        let share = acks.clone();
        acks.resolve(Outcome::Dropped);
        assert!(one.try_settle().is_none() && two.try_settle().is_none());
        share.resolve(Outcome::Delivered);
        for receipt in [&mut one, &mut two] {
            let settlement = receipt.try_settle().unwrap();
            assert_eq!(
                (settlement.outcome, settlement.snapshots),
                (Outcome::Dropped, vec![snapshot.clone()])
            );
        }
        assert!(Acks::none().is_empty());
    }

    #[derive(Default)]
    struct Woken(std::sync::atomic::AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
}
