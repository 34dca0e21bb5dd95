//! Acknowledgement: the worst outcome wins, whatever happens to tokens and receipts.
#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use dendro_core::{Acks, Outcome, Settlement, Snapshot, Token, acknowledgement};

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
        assert_eq!((settlement.outcome, settlement.snapshots), (Outcome::Dropped, vec![snapshot.clone()]));
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
