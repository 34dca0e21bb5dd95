//! Frames: what is written reads as it was, what is broken is refused or reads without surprises.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::generate::batch;
use super::{events, frame, json};
use crate::{Batch, BatchPool, Event, FrameError, Value};

const HEADER: usize = 64;

/// With both checksums made right, as far as the header says where the body ends.
fn sealed(mut frame: Vec<u8>) -> Bytes {
    for _ in 0..2 {
        if frame.len() >= HEADER {
            let check = crc32fast::hash(&frame[..60]);
            frame[60..64].copy_from_slice(&check.to_le_bytes());
        }
        if let Some(body) = Batch::frame_len(&frame).ok().and_then(|len| frame.get(HEADER..len)) {
            let check = crc32fast::hash(body);
            frame[56..60].copy_from_slice(&check.to_le_bytes());
        }
    }
    frame.into()
}

#[test]
fn buffers_that_were_used_before_leave_nothing_in_what_is_read_into_them_next() {
    let pool = BatchPool::new(1, 1 << 20);
    for name in ["the first and the longest", "second", "x"] {
        let batch = Batch::from_events([&Event::new(name).with(name, name)]).unwrap();
        let written = frame(&batch);
        // All but its last byte is read before it is refused.
        let mut lying = written.to_vec();
        *lying.last_mut().unwrap() = 0xff;
        let refused = pool.batch_from_frame(&sealed(lying)).err();
        assert_eq!(refused, Some(FrameError::Invalid("unknown flag of an event", 0)));
        let read = pool.batch_from_frame(&written).unwrap();
        assert_eq!(frame(&read), written);
    }
}

/// Everything that can be done to a batch, for one that came from a frame that may lie.
fn exercise(batch: &Batch, written: &Bytes) {
    let len = Batch::frame_len(written).unwrap();
    let lines = json(batch);
    assert_eq!(frame(batch), written[..len], "there is one frame for a batch");
    let mut around = Vec::new();
    let checksum = batch.write_frame_around_base(&mut around);
    let (header, behind) = around.split_at(Batch::FRAME_HEADER_BYTES);
    assert_eq!([header, batch.base(), behind].concat(), written[..len]);
    assert_eq!(Some(checksum), Batch::frame_checksum(&written[..len]));
    events(batch);
    let _ = (format!("{batch:?}"), batch.live_bytes(), batch.raw_bytes(), batch.stream());

    let mut compacted = batch.without_acks();
    compacted.compact();
    assert_eq!(json(&compacted), lines);
    assert_eq!(json(&Batch::from_frame(&frame(&compacted)).unwrap()), lines);
    let count: usize = batch.without_acks().split_by_port().iter().map(|(_, part)| part.len()).sum();
    assert_eq!(count, batch.len());
    let selected = batch.select((0..batch.end_index()).rev().step_by(2));
    Batch::from_frame(&frame(&selected)).unwrap();

    let mut edited = batch.clone();
    for i in 0..edited.end_index() {
        let names: Vec<String> = batch.get(i).unwrap().fields().map(|(n, _)| n.to_owned()).collect();
        let mut event = edited.get_mut(i).unwrap();
        for (n, name) in names.iter().take(50).enumerate() {
            let _ = match n % 4 {
                0 => event.insert(name, &Value::Array(vec!["x".into()])),
                1 => event.insert(name, "text"),
                2 => event.rename(name, "renamed").map(drop),
                _ => {
                    event.remove_field(name);
                    Ok(())
                }
            };
        }
        event.retain(|name, _| name.len() % 2 == 0);
    }
    // The parser takes the first two keys for its own.
    let _ = (edited.add_key("a"), edited.add_key("b"));
    edited.parse_each(super::model::parse);
    edited.purge();
    assert_eq!(json(&Batch::from_frame(&frame(&edited)).unwrap()), json(&edited));
}

#[derive(Clone, Debug)]
enum Damage {
    Byte(Index, u8),
    /// Towards the end, where fields and heads are.
    Late(Index, u8),
    Word(Index, u32),
    Splice(Index, Index, Index),
    Cut(Index),
    Longer(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    let small = prop_oneof![0u32..300, any::<u32>(), Just(u32::MAX)];
    prop_oneof![
        3 => (at(), any::<u8>()).prop_map(|(i, b)| Damage::Byte(i, b)),
        4 => (at(), prop_oneof![0u8..16, any::<u8>()]).prop_map(|(i, b)| Damage::Late(i, b)),
        3 => (at(), small).prop_map(|(i, w)| Damage::Word(i, w)),
        1 => (at(), at(), at()).prop_map(|(a, b, c)| Damage::Splice(a, b, c)),
        1 => at().prop_map(Damage::Cut),
        1 => vec(any::<u8>(), 0..80).prop_map(Damage::Longer),
    ]
}

impl Damage {
    fn apply(&self, frame: &mut Vec<u8>) {
        if frame.len() < 4 {
            return;
        }
        match self {
            Self::Byte(at, byte) => {
                let at = at.index(frame.len());
                frame[at] = *byte;
            }
            Self::Late(at, byte) => {
                let from = frame.len() / 3;
                let at = from + at.index(frame.len() - from);
                frame[at] = *byte;
            }
            Self::Word(at, word) => {
                let at = at.index(frame.len() / 4) * 4;
                frame[at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
            Self::Splice(from, len, to) => {
                let from = from.index(frame.len());
                let piece = frame[from..from + len.index(frame.len() - from)].to_vec();
                let to = to.index(frame.len() - piece.len() + 1);
                frame[to..to + piece.len()].copy_from_slice(&piece);
            }
            Self::Cut(at) => frame.truncate(at.index(frame.len())),
            Self::Longer(bytes) => frame.extend_from_slice(bytes),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_as_it_was(batch in batch()) {
        let written = frame(&batch);
        let read = Batch::from_frame(&written).unwrap();
        prop_assert_eq!(events(&read), events(&batch));
        prop_assert_eq!(json(&read), json(&batch));
        for (a, b) in read.iter().zip(batch.iter()) {
            prop_assert_eq!((a.raw(), a.position(), a.port()), (b.raw(), b.position(), b.port()));
            prop_assert_eq!(a.dedup_key(), b.dedup_key());
            prop_assert_eq!((a.is_self(), a.is_unparsed(), a.origin()), (b.is_self(), b.is_unparsed(), b.origin()));
        }
        exercise(&read, &written);
    }

    #[test]
    fn a_frame_that_lies_is_refused_or_reads_without_surprises(
        batch in batch(),
        damages in vec(vec(damage(), 1..4), 1..12),
    ) {
        let written = frame(&batch);
        for damages in &damages {
            let mut lying = written.to_vec();
            damages.iter().for_each(|d| d.apply(&mut lying));
            let _ = Batch::from_frame(&Bytes::from(lying.clone()));
            let lying = sealed(lying);
            if let Ok(read) = Batch::from_frame(&lying) {
                exercise(&read, &lying);
            }
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(Batch::from_frame(&Bytes::from(bytes.clone())).is_err());
        let mut frame = b"DNDF\x01\0\x40\0\0\0\0\0".to_vec();
        frame.extend_from_slice(&bytes);
        let frame = sealed(frame);
        if let Ok(batch) = Batch::from_frame(&frame) {
            exercise(&batch, &frame);
        }
    }
}

fn sample() -> Batch {
    Batch::from_events([&Event::new("t").with("a", "text").with("b", 1u64)]).unwrap()
}

#[test]
fn what_is_wrong_with_a_frame_is_said() {
    let whole = frame(&sample());
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.to_vec();
        change(&mut bytes);
        Batch::from_frame(&bytes.into()).err()
    };
    assert_eq!(with(&|b| b.clear()), Some(FrameError::Truncated { needed: 64 }));
    assert_eq!(with(&|b| b.truncate(63)), Some(FrameError::Truncated { needed: 64 }));
    assert_eq!(with(&|b| b.truncate(whole.len() - 1)), Some(FrameError::Truncated { needed: whole.len() }));
    assert_eq!(with(&|b| b[0] = b'X'), Some(FrameError::NotAFrame));
    assert_eq!(with(&|b| b[4] = 2), Some(FrameError::Version(2)));
    assert_eq!(with(&|b| b[20] ^= 1), Some(FrameError::Checksum));
    assert_eq!(with(&|b| b[70] ^= 1), Some(FrameError::Checksum));
    assert_eq!(with(&|b| b.extend_from_slice(&whole)), None);
    assert_eq!(Batch::frame_len(&whole), Ok(whole.len()));
}

#[test]
fn text_that_is_not_utf_8_survives_a_frame_as_bytes() {
    let mut batch = Batch::new(Bytes::from_static(b"GET /\xff\xfe")).unwrap();
    let rows = super::generate::rows(&mut batch);
    let key = batch.add_key("path").unwrap();
    batch.push_record(0..7, 0, rows);
    batch.parse_each(|w| {
        w.str(key, 4..7);
        Ok(())
    });
    let read = Batch::from_frame(&frame(&batch)).unwrap();
    assert_eq!(read.get(0).unwrap().to_event().get("path"), Some(&Value::Bytes(b"/\xff\xfe".to_vec())));
}

/// A frame of `heads` events whose fields and raw text all are the same whole: what makes a careless
/// reader's work grow with the square of the length.
fn overlapping(heads: usize) -> Bytes {
    let mut batch = Batch::from_events([&Event::new("t")]).unwrap();
    for _ in 0..heads {
        batch.store.fields.push(super::super::layout::Field::scalar(
            crate::Key(0),
            super::super::layout::Tag::Null,
            0,
        ));
    }
    batch.add_key("k").unwrap();
    let head = super::super::Head { fields_start: 0, fields_len: heads as u32, ..batch.store.heads[0] };
    batch.store.heads = vec![head; heads];
    // As written by somebody else: `write_frame` would write the fields of each event anew.
    let mut one = batch.clone();
    one.store.heads.truncate(1);
    let mut bytes = frame(&one).to_vec();
    bytes[48..52].copy_from_slice(&(heads as u32).to_le_bytes());
    (1..heads).for_each(|_| bytes.extend_from_slice(&head.to_bytes()));
    sealed(bytes)
}

#[test]
fn events_that_share_their_fields_are_refused() {
    assert!(Batch::from_frame(&overlapping(1)).is_ok());
    assert_eq!(Batch::from_frame(&overlapping(2)).err(), Some(FrameError::Invalid("fields out of order", 1)));
}

#[test]
fn a_frame_in_which_every_field_is_all_of_the_text_is_refused() {
    let mut batch = Batch::new(Bytes::from(vec![b'x'; 8 << 20])).unwrap();
    let rows = super::generate::rows(&mut batch);
    let key = batch.add_key("k").unwrap();
    batch.push_record(0..8 << 20, 0, rows);
    batch.parse_each(|w| {
        (0..200).for_each(|_| w.str(key, 0..8 << 20));
        Ok(())
    });
    assert!(matches!(Batch::from_frame(&frame(&batch)), Err(FrameError::Invalid(..))));
}

#[test]
fn reading_takes_time_in_proportion_to_the_length() {
    let started = Instant::now();
    let mut batch = Batch::default();
    // In groups that a weak hash takes for the same.
    for i in 0..65_535u64 {
        batch
            .add_key(&String::from_utf8_lossy(&(i << 40).to_be_bytes().map(|b| b & 0x7f)).repeat(2))
            .unwrap();
    }
    let read = Batch::from_frame(&frame(&batch)).unwrap();
    assert_eq!(read.key_count(), batch.key_count());
    // Far above what it takes, far below what the square would.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
