//! What becomes of the acknowledgement of a batch.

use super::super::Batch;
use crate::{Event, Outcome, Receipt, acknowledgement};

fn acknowledged(ports: &[u16]) -> (Batch, Receipt) {
    let events: Vec<Event> = ports.iter().map(|_| Event::new("t").with("a", "x")).collect();
    let mut batch = Batch::from_events(&events).unwrap();
    for (i, port) in ports.iter().enumerate() {
        batch.get_mut(i).unwrap().set_port(*port);
    }
    let (token, receipt) = acknowledgement();
    batch.add_acks(token.into());
    (batch, receipt)
}

fn outcome(receipt: &mut Receipt) -> Option<Outcome> {
    receipt.try_settle().map(|s| s.outcome)
}

#[test]
fn every_part_of_a_split_has_to_settle() {
    let (mut batch, mut receipt) = acknowledged(&[0, 1, 2]);
    let mut parts = batch.split_by_port();
    drop(batch);
    for (_, part) in &mut parts[1..] {
        part.take_acks().resolve(Outcome::Delivered);
    }
    assert_eq!(outcome(&mut receipt), None);
    parts[0].1.take_acks().resolve(Outcome::DeadLettered);
    assert_eq!(outcome(&mut receipt), Some(Outcome::DeadLettered));
}

#[test]
fn a_part_that_is_dropped_abandons_the_whole() {
    let (mut batch, mut receipt) = acknowledged(&[0, 1]);
    let mut parts = batch.split_by_port();
    drop(parts.pop());
    parts.remove(0).1.take_acks().resolve(Outcome::Delivered);
    assert_eq!(outcome(&mut receipt), Some(Outcome::Abandoned));
}

#[test]
fn a_split_into_one_part_or_none_settles_as_one() {
    let (mut batch, mut receipt) = acknowledged(&[4, 4]);
    let mut parts = batch.split_by_port();
    assert_eq!((parts.len(), parts[0].0), (1, 4));
    assert!(batch.acks().is_empty());
    parts[0].1.take_acks().resolve(Outcome::Delivered);
    assert_eq!(outcome(&mut receipt), Some(Outcome::Delivered));

    let (mut batch, mut receipt) = acknowledged(&[]);
    assert!(batch.split_by_port().is_empty());
    assert_eq!(outcome(&mut receipt), Some(Outcome::Delivered));
}

#[test]
fn selections_and_clones_share_the_acknowledgement_and_copies_without_it_do_not() {
    let (mut batch, mut receipt) = acknowledged(&[0, 0]);
    let (mut selected, mut clone, copy) = (batch.select([0]), batch.clone(), batch.without_acks());
    assert!(copy.acks().is_empty());
    drop(copy);
    batch.take_acks().resolve(Outcome::Delivered);
    selected.take_acks().resolve(Outcome::Dropped);
    assert_eq!(outcome(&mut receipt), None);
    clone.take_acks().resolve(Outcome::Delivered);
    assert_eq!(outcome(&mut receipt), Some(Outcome::Dropped));
}

#[test]
fn compacting_and_frames_settle_nothing() {
    let (mut batch, mut receipt) = acknowledged(&[0, 0]);
    batch.compact();
    assert!(Batch::from_frame(&super::frame(&batch)).unwrap().acks().is_empty());
    assert_eq!(outcome(&mut receipt), None);
    drop(batch);
    assert_eq!(outcome(&mut receipt), Some(Outcome::Abandoned));
}
