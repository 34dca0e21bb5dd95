//! The harness: writes, serves, kills, restarts, counts, and asks the judge.

pub(crate) mod checkpoints;
pub(crate) mod child;
pub(crate) mod damage;
pub(crate) mod judgement;
pub(crate) mod ledger;
pub(crate) mod mode;
pub(crate) mod points;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod small_disk;
pub(crate) mod soak;
pub(crate) mod summary;
pub(crate) mod workload;
pub(crate) mod writer;
