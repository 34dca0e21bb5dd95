//! The power goes at any point: what was acknowledged is there, and a buffer that forgot to sync something is found out.

use super::disk::{Op, Random, SimDisk};
use super::life::{Ledger, Life, found, interval, judge};
use crate::options::{Compression, Fsync};

/// Enough for every kind of end; more with `DENDRO_SEEDS`.
fn seeds() -> u64 {
    std::env::var("DENDRO_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000)
}

enum End {
    PowerLoss,
    Kill,
}

/// Some runs on one disk, each ended by a crash in the middle of whatever it did.
fn lives(seed: u64, fsync: Fsync, end: &End, prepare: &dyn Fn(&SimDisk)) -> Result<(), String> {
    let mut random = Random(seed);
    let mut ledger = Ledger::default();
    let mut disk = SimDisk::default();
    for life in 0..3 {
        prepare(&disk);
        let compression = if random.below(2) == 0 { Compression::None } else { Compression::Lz4 };
        let latest = if random.below(4) == 0 { 30 } else { 250 };
        disk.cut_at(random.below(latest));
        if let Ok(mut run) = Life::begin(&disk, fsync, compression) {
            while !disk.is_off() && disk.count() < 1_000 {
                run.step(&mut random, &mut ledger);
            }
        }
        disk = match end {
            End::PowerLoss => disk.after_power_loss(random.next()),
            End::Kill => disk.after_kill(),
        };
        let there = found(&disk, fsync).map_err(|e| format!("life {life}: {e}"))?;
        judge(&ledger, &there).map_err(|e| format!("life {life}: {e}"))?;
    }
    Ok(())
}

fn first_failure(fsync: Fsync, end: End, prepare: &dyn Fn(&SimDisk)) -> Option<String> {
    (0..seeds()).find_map(|seed| lives(seed, fsync, &end, prepare).err().map(|e| format!("seed {seed}: {e}")))
}

#[test]
fn what_was_acknowledged_is_there_after_a_power_loss_at_any_point() {
    for fsync in [Fsync::EveryBatch, interval()] {
        assert_eq!(first_failure(fsync, End::PowerLoss, &|_| {}), None, "{fsync:?}");
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill_at_any_point_whatever_the_policy() {
    for fsync in [Fsync::EveryBatch, interval(), Fsync::Never] {
        assert_eq!(first_failure(fsync, End::Kill, &|_| {}), None, "{fsync:?}");
    }
}

/// Each of these is a bug that someone could make; the first test has to see it.
#[test]
fn a_buffer_that_forgot_a_sync_is_found_out() {
    for fsync in [Fsync::EveryBatch, interval()] {
        for (op, ending) in
            [(Op::Sync, ".segment"), (Op::Sync, "position.new"), (Op::SyncDir, super::life::DIR)]
        {
            let failure = first_failure(fsync, End::PowerLoss, &|disk| disk.forget(op, ending));
            assert!(failure.is_some(), "{fsync:?}: nobody misses {op:?} of {ending}");
        }
    }
}

#[test]
fn without_syncs_a_power_loss_may_lose_and_the_test_sees_it() {
    assert!(first_failure(Fsync::Never, End::PowerLoss, &|_| {}).is_some());
}
