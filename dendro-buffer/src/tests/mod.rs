//! The buffer as a whole, on a disk that is simulated.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod damage;
mod disk;
mod faults;
mod group_commit;
mod life;
mod power_loss;
