//! `ack.rs`, the source file itself, under the interleavings of its threads, by loom.
//!
//! It is what is locked by hand and woken by hand. The driver's queue, switches, circuit and lanes stand on tokio's
//! `Notify` and `Semaphore`, which loom can't look through from outside; tokio models those itself, and the simulation
//! (`dendro-test/tests/simulation`) and the tests on several workers hold what is built of them.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../src/ack.rs"]
mod ack;

/// What `crate::sync` is to `ack.rs` here.
mod sync {
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
}

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use ack::{Acks, Observe, Outcome, Snapshot, Token, acknowledgement, observed};
use loom::future::block_on;
use loom::thread::spawn;

/// All interleavings with at most two preemptions: few errors need more, and more take minutes.
fn model(threads: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(threads);
}

/// Sets its flag when it is dropped.
struct Guard(loom::sync::Arc<loom::sync::atomic::AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn a_receipt_that_is_waited_for_wakes_with_the_worst_outcome_of_all_threads() {
    model(|| {
        let (token, receipt) = acknowledgement();
        let other = token.clone();
        let threads = [
            spawn(move || token.resolve(Outcome::Delivered)),
            spawn(move || other.resolve(Outcome::DeadLettered)),
        ];
        // A wake-up that is lost is a deadlock, which loom finds.
        assert_eq!(block_on(receipt).outcome, Outcome::DeadLettered);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_token_that_is_cloned_while_another_resolves_keeps_the_receipt_open() {
    model(|| {
        let (token, receipt) = acknowledgement();
        let other = token.clone();
        let cloning = spawn(move || {
            let clone = token.clone();
            token.resolve(Outcome::Delivered);
            drop::<Token>(clone);
        });
        let resolving = spawn(move || other.resolve(Outcome::Delivered));
        assert_eq!(block_on(receipt).outcome, Outcome::Abandoned);
        cloning.join().unwrap();
        resolving.join().unwrap();
    });
}

#[test]
fn what_is_held_is_gone_and_what_is_observed_is_told_before_the_receipt_settles() {
    struct Sum(AtomicU64);
    impl Observe for Sum {
        fn settled(&self, outcome: Outcome, events: u64) {
            assert_eq!(outcome, Outcome::Dropped);
            self.0.fetch_add(events, SeqCst);
        }
    }
    model(|| {
        let sum = std::sync::Arc::new(Sum(AtomicU64::new(0)));
        let (token, receipt) = observed(sum.clone(), 7);
        let other = token.clone();
        let gone = loom::sync::Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let guard = Guard(gone.clone());
        let threads = [
            spawn(move || {
                token.hold_until_settled(guard);
                token.resolve(Outcome::Delivered);
            }),
            spawn(move || other.resolve(Outcome::Dropped)),
        ];
        assert_eq!(block_on(receipt).outcome, Outcome::Dropped);
        assert!(gone.load(SeqCst), "settled while something is held");
        assert_eq!(sum.0.load(SeqCst), 7, "told once");
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_snapshot_that_comes_before_a_token_is_resolved_is_in_the_settlement() {
    model(|| {
        let (token, receipt) = acknowledgement();
        let other = Acks::from(token.clone());
        let snapshot = Snapshot { component: "a".into(), state: vec![1] };
        let attached = snapshot.clone();
        let threads = [
            spawn(move || {
                other.attach_snapshot(&attached);
                other.resolve(Outcome::Delivered);
            }),
            spawn(move || token.resolve(Outcome::Delivered)),
        ];
        assert_eq!(block_on(receipt).snapshots, [snapshot]);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_receipt_may_be_dropped_while_tokens_resolve() {
    model(|| {
        let (token, receipt) = acknowledgement();
        let other = token.clone();
        let gone = loom::sync::Arc::new(loom::sync::atomic::AtomicBool::new(false));
        token.hold_until_settled(Guard(gone.clone()));
        let threads = [spawn(move || drop(receipt)), spawn(move || token.resolve(Outcome::Delivered))];
        drop(other);
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(gone.load(SeqCst));
    });
}
