//! Writes that wait together.

use super::disk::{Op, Random, SimDisk};
use super::life::{Ledger, Life};
use crate::options::{Compression, Fsync};

#[test]
fn writes_that_wait_together_share_one_sync() {
    let disk = SimDisk::default();
    let mut life = Life::begin(&disk, Fsync::EveryBatch, Compression::None).unwrap();
    let mut ledger = Ledger::default();
    let syncs = || disk.reached().get(&Op::Sync).copied().unwrap_or_default();
    for _ in 0..5 {
        let (syncs_before, acknowledged) = (syncs(), ledger.acknowledged.len());
        life.write_together(8, &mut Random(5), &mut ledger);
        assert!(ledger.acknowledged.len() >= acknowledged + 8);
        // One more where a segment was ended in between.
        assert!((1..=3).contains(&(syncs() - syncs_before)));
    }
}
