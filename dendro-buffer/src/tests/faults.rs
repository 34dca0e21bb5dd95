//! Every operation of the storage seam fails once, at each of its points in turn.

use std::collections::BTreeMap;

use super::disk::{OPS, Op, Random, SimDisk};
use super::life::{Ledger, Life, found, interval, judge};
use crate::options::{Compression, Fsync};

/// The same steps each time; with a fault they go on behind it.
fn script(fsync: Fsync, fault: Option<(Op, u64)>) -> (BTreeMap<Op, u64>, Result<(), String>) {
    let disk = SimDisk::default();
    if let Some((op, n)) = fault {
        disk.fail(op, n);
    }
    let mut random = Random(7);
    let mut ledger = Ledger::default();
    let begin = || {
        // As the driver has it: what may pass is tried again.
        let first = Life::begin(&disk, fsync, Compression::Lz4);
        first.or_else(|_| Life::begin(&disk, fsync, Compression::Lz4))
    };
    let mut result = Ok(());
    for round in 0..2 {
        let Ok(mut run) = begin() else { return (disk.reached(), Err("it does not begin".to_owned())) };
        for _ in 0..60 {
            run.step(&mut random, &mut ledger);
        }
        if round == 0 {
            continue;
        }
        run.drain(&mut ledger);
        let missing: Vec<u64> = (0..ledger.written)
            .filter(|n| ledger.acknowledged.contains(n) && !ledger.delivered.contains(n))
            .collect();
        if !missing.is_empty() {
            result = Err(format!("acknowledged, and after the drain not delivered: {missing:?}"));
        }
        let left: Vec<_> =
            disk.names().into_iter().filter(|p| p.to_string_lossy().ends_with(".segment")).collect();
        if !left.is_empty() {
            result = Err(format!("left after the drain: {left:?}"));
        }
    }
    let there = found(&disk, fsync).and_then(|there| judge(&ledger, &there));
    (disk.reached(), result.and(there))
}

#[test]
fn a_failure_at_any_point_of_the_storage_seam_loses_nothing_and_is_lived_with() {
    for fsync in [Fsync::EveryBatch, interval(), Fsync::Never] {
        let (reached, result) = script(fsync, None);
        assert_eq!(result, Ok(()), "{fsync:?}");
        for op in OPS {
            let points = reached.get(&op).copied().unwrap_or_default();
            for n in 1..=points {
                let (_, result) = script(fsync, Some((op, n)));
                assert_eq!(result, Ok(()), "{fsync:?}: {op:?} {n} of {points}");
            }
            println!("{fsync:?}: {op:?}: {points} failure points, all reached");
        }
    }
}
