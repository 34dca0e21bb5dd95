//! What someone or something has done to the files.

use std::collections::BTreeSet;

use super::disk::{Random, SimDisk};
use super::life::{DIR, Ledger, Life, path};
use crate::options::{Compression, Fsync};
use crate::segment::HEADER;

const FSYNC: Fsync = Fsync::EveryBatch;

/// A disk with some segments of events that wait: how many, and the segments' numbers.
fn filled() -> (SimDisk, u64, Vec<u64>) {
    let disk = SimDisk::default();
    let mut ledger = Ledger::default();
    let mut life = Life::begin(&disk, FSYNC, Compression::None).unwrap();
    let mut random = Random(1);
    for _ in 0..20 {
        life.write(&mut random, &mut ledger);
    }
    let numbers: Vec<u64> = life.shared.view().segments.keys().copied().collect();
    assert!(numbers.len() > 3, "{numbers:?}");
    (disk, ledger.written, numbers)
}

fn begin(disk: &SimDisk) -> Life {
    Life::begin(disk, FSYNC, Compression::None).unwrap()
}

fn told(life: &Life, what: &str) -> bool {
    life.notices.iter().any(|notice| notice.contains(what))
}

#[test]
fn a_damaged_record_is_set_aside_and_all_others_come() {
    let (disk, written, numbers) = filled();
    let whole = disk.content(&path(numbers[1]));
    // In the first record, which is a schema and takes no event with it, in its body, and far into the file.
    for (at, least) in [(HEADER as usize + 2, 0), (HEADER as usize + 50, 0), (whole.len() / 2, 1)] {
        let disk = disk.after_kill();
        disk.damage(&path(numbers[1]), |bytes| bytes[at] ^= 0x55);
        let mut life = begin(&disk);
        let found: BTreeSet<u64> = life.recover().unwrap().into_iter().collect();
        let missing = written - found.len() as u64;
        assert!((least..=40).contains(&missing), "{missing} of {written} are missing for a byte at {at}");
        assert!(told(&life, "set aside as"), "{:?}", life.notices);
        let aside: Vec<_> =
            disk.names().into_iter().filter(|p| p.to_string_lossy().ends_with(".quarantine")).collect();
        assert_eq!(aside.len(), 1);
        let kept = disk.content(&aside[0]);
        let line = kept.iter().position(|b| *b == b'\n').unwrap();
        let text = String::from_utf8_lossy(&kept[..line]).into_owned();
        assert!(text.starts_with("dendro-buffer quarantine 1: "), "{text}");
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let bytes = &kept[line + 1..];
        assert!(damaged.windows(bytes.len()).any(|w| w == bytes), "what was set aside is what stood there");
        assert_eq!(life.shared.view().stats.damaged, 1);
        // The level goes to nothing all the same, and so do the segments.
        let mut ledger = Ledger { written, ..Ledger::default() };
        life.drain(&mut ledger);
    }
}

#[test]
fn what_looks_like_a_record_inside_of_an_event_is_none() {
    let (disk, _, numbers) = filled();
    let other = disk.content(&path(numbers[0]));
    // A record of another segment, with all checksums right, in the place of a damaged one.
    let stolen = other[HEADER as usize..HEADER as usize + 400].to_vec();
    disk.damage(&path(numbers[2]), |bytes| {
        bytes[HEADER as usize..HEADER as usize + 400].copy_from_slice(&stolen);
    });
    let mut life = begin(&disk);
    let found = life.recover().unwrap();
    let distinct: BTreeSet<u64> = found.iter().copied().collect();
    assert_eq!(found.len(), distinct.len(), "nothing comes twice");
    assert!(told(&life, "no record begins here"), "{:?}", life.notices);
}

#[test]
fn a_damaged_header_of_a_segment_costs_nothing() {
    let (disk, written, numbers) = filled();
    disk.damage(&path(numbers[1]), |bytes| bytes[9] ^= 1);
    let mut life = begin(&disk);
    assert_eq!(life.recover().unwrap(), (0..written).collect::<Vec<u64>>());
    assert!(told(&life, "is damaged; its records are read all the same"));
}

#[test]
fn a_segment_that_is_nothing_but_noise_is_kept_under_another_name() {
    let (disk, written, numbers) = filled();
    disk.damage(&path(numbers[1]), |bytes| bytes.iter_mut().for_each(|b| *b = b.wrapping_mul(7) ^ 0x33));
    let mut life = begin(&disk);
    let found = life.recover().unwrap();
    assert!(!found.is_empty() && (found.len() as u64) < written);
    assert!(told(&life, "damaged from its beginning"));
    assert!(disk.names().iter().any(|p| p.to_string_lossy().ends_with(".segment.damaged")));
}

#[test]
fn a_missing_segment_is_named_and_the_others_come() {
    let (disk, written, numbers) = filled();
    for which in [0, 1, numbers.len() - 1] {
        let disk = disk.after_kill();
        dendro_core::storage::Storage::remove(&disk, &path(numbers[which])).unwrap();
        let mut life = begin(&disk);
        let found = life.recover().unwrap();
        assert!(!found.is_empty() && (found.len() as u64) < written);
        // Of the last one nobody knows that it was there.
        let is_last = which == numbers.len() - 1;
        assert_eq!(told(&life, "is missing"), !is_last, "{:?}", life.notices);
    }
}

#[test]
fn the_segment_of_the_position_is_missed_and_new_events_are_not_taken_for_acknowledged() {
    let disk = SimDisk::default();
    let mut ledger = Ledger::default();
    let mut random = Random(3);
    let mut life = begin(&disk);
    (0..3).for_each(|_| life.write(&mut random, &mut ledger));
    life.read().unwrap();
    life.deliver(1, &mut ledger);
    life.save(&mut ledger);
    drop(life);
    let segments: Vec<_> =
        disk.names().into_iter().filter(|p| p.to_string_lossy().ends_with(".segment")).collect();
    for segment in segments {
        dendro_core::storage::Storage::remove(&disk, &segment).unwrap();
    }
    let mut life = begin(&disk);
    assert!(told(&life, "is missing"), "{:?}", life.notices);
    let first = ledger.written;
    life.write(&mut random, &mut ledger);
    drop(life);
    let found = begin(&disk.after_kill()).recover().unwrap();
    assert_eq!(found, (first..ledger.written).collect::<Vec<u64>>());
}

#[test]
fn a_damaged_position_is_kept_and_everything_comes_again() {
    let (disk, written, _) = filled();
    let mut life = begin(&disk);
    life.save(&mut Ledger::default());
    drop(life);
    let position = std::path::Path::new(DIR).join("position");
    disk.damage(&position, |bytes| bytes[20] ^= 1);
    let mut life = begin(&disk);
    assert!(told(&life, "position is damaged"), "{:?}", life.notices);
    assert_eq!(life.recover().unwrap().len() as u64, written);
    assert!(disk.names().iter().any(|p| p.to_string_lossy().ends_with("position.damaged")));
}

#[test]
fn a_torn_tail_is_cut_off_and_told_once() {
    let (disk, written, numbers) = filled();
    let last = path(*numbers.last().unwrap());
    disk.damage(&last, |bytes| bytes.extend_from_slice(b"DNDR half a header"));
    let mut life = begin(&disk);
    assert!(told(&life, "cut off"), "{:?}", life.notices);
    assert_eq!(life.shared.view().stats.torn_bytes, 18);
    assert_eq!(life.recover().unwrap().len() as u64, written);
    drop(life);
    assert!(begin(&disk).notices.is_empty());
}

#[test]
fn a_segment_that_ends_behind_a_schema_is_read_to_its_end_and_removed() {
    let (disk, _, numbers) = filled();
    let last = path(*numbers.last().unwrap());
    let schema_bytes = crate::record::RecordHeader::decode(&disk.content(&last)[HEADER as usize..], None);
    let cut = HEADER as usize + schema_bytes.unwrap().total() as usize + 20;
    disk.damage(&last, |bytes| bytes.truncate(cut));
    let mut life = begin(&disk);
    life.drain(&mut Ledger::default());
    assert!(!disk.names().iter().any(|p| p.to_string_lossy().ends_with(".segment")), "{:?}", disk.names());
}

#[test]
fn a_later_version_is_refused_with_the_way_out() {
    let (disk, ..) = filled();
    disk.damage(&path(1), |bytes| {
        bytes[4] = 2;
        let check = crate::bytes::crc(&bytes[..36]);
        bytes[36..40].copy_from_slice(&check.to_le_bytes());
    });
    let refused = Life::begin(&disk, FSYNC, Compression::None).err().map(|e| format!("{e:?}")).unwrap();
    assert!(refused.starts_with("Fatal") && refused.contains("later version"), "{refused}");
}

#[test]
fn a_file_that_is_no_buffers_is_named_and_left_alone() {
    let (disk, written, _) = filled();
    let foreign = std::path::Path::new(DIR).join("notes.txt");
    drop(dendro_core::storage::Storage::open(&disk, &foreign, Some(0o600)).unwrap());
    let mut life = begin(&disk);
    assert!(told(&life, "notes.txt in buffer is no file of a buffer"), "{:?}", life.notices);
    assert_eq!(life.recover().unwrap().len() as u64, written);
    assert!(disk.names().contains(&foreign));
}

#[test]
fn a_second_run_is_refused_while_the_first_has_the_directory() {
    let (disk, ..) = filled();
    let _first = begin(&disk);
    let refused = Life::begin(&disk, FSYNC, Compression::None).err().map(|e| format!("{e:?}")).unwrap();
    let id = std::process::id().to_string();
    assert!(refused.contains("in use by process") && refused.contains(&id), "{refused}");
}

#[test]
fn events_that_wait_are_counted_over_restarts_without_reading_them() {
    let (disk, written, _) = filled();
    let before = disk.reached().get(&super::disk::Op::Read).copied().unwrap_or_default();
    let life = begin(&disk);
    let events: u64 = life.shared.view().segments.values().map(|s| s.events).sum();
    assert_eq!(events, written);
    let reads = disk.reached()[&super::disk::Op::Read] - before;
    let segments = life.shared.view().segments.len() as u64;
    // A header, an end, and all of the last one, which was not finished.
    assert!(reads <= 3 * segments + 12, "{reads} reads for {segments} segments");
}
