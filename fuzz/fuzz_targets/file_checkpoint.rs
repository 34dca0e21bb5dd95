//! Checkpoints from a disk are refused, or say what some file can be.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| dendro_sources::file::fuzz::checkpoint(data));
