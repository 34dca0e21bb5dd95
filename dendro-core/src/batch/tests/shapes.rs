//! Whole batches: purge, revert, split, select, compact, their weight and their buffers.

use bytes::Bytes;

use super::generate::rows;
use super::{events, frame};
use crate::{Batch, BatchPool, Event, RecordRow, Snapshot, Timestamp};

fn numbered(count: u64) -> Batch {
    let events: Vec<Event> = (0..count).map(|i| Event::new("t").with("i", i)).collect();
    Batch::from_events(&events).unwrap()
}

#[test]
fn what_is_rejected_is_told_until_it_is_purged() {
    let mut batch = numbered(5);
    batch.reject(3, "three");
    batch.remove(1);
    batch.reject(1, "gone already");
    batch.reject(9, "never there");
    let told: Vec<_> = batch.rejected().map(|r| (r.event.index(), r.reason.to_owned())).collect();
    assert_eq!(told, [(3, "three".to_owned())]);
    assert_eq!((batch.len(), batch.end_index()), (3, 5));
    batch.compact();
    assert_eq!((batch.len(), batch.end_index(), batch.rejected().count()), (3, 5, 1));
    let purged = batch.purge();
    assert_eq!((purged.filtered, purged.rejected), (1, 1));
    assert_eq!((batch.len(), batch.end_index(), batch.rejected().count()), (3, 3, 0));
    assert_eq!(batch.purge(), Default::default());
}

#[test]
fn revert_brings_back_what_was_there_and_drops_what_was_added() {
    let mut batch = numbered(3);
    batch.remove(0);
    batch.reject(1, "no");
    batch.append(0).unwrap().insert("i", 9u64).unwrap();
    batch.revert(3);
    assert_eq!(events(&batch), events(&numbered(3)));
    assert_eq!(batch.rejected().count(), 0);
    batch.reject_all("all");
    assert_eq!((batch.len(), batch.rejected().count()), (0, 3));
}

#[test]
fn a_child_leaves_by_the_default_port_with_its_parents_time() {
    let mut batch = numbered(1);
    let mut parent = batch.get_mut(0).unwrap();
    parent.set_time(Some(Timestamp::from_nanos(5)));
    parent.set_port(3);
    parent.mark_self();
    batch.remove(0);
    let child = batch.append(0).unwrap();
    let child = child.view();
    assert_eq!((child.time(), child.port()), (Some(Timestamp::from_nanos(5)), 0));
    assert!(child.is_self() && child.raw().is_empty() && child.fields().next().is_none());
    assert!(batch.append(2).is_none());
}

#[test]
fn a_split_keeps_order_and_hands_on_what_is_to_be_restored() {
    let snapshot = Snapshot { component: "c".into(), state: vec![1] };
    let mut batch = numbered(6);
    batch.set_restore(vec![snapshot.clone()]);
    for i in 0..6 {
        batch.get_mut(i).unwrap().set_port([7, 0, 7, 2, 0, 7][i]);
    }
    let parts = batch.split_by_port();
    let numbers = |b: &Batch| b.iter().map(|e| e.get("i").unwrap().as_u64().unwrap()).collect::<Vec<_>>();
    let got: Vec<_> = parts.iter().map(|(port, part)| (*port, numbers(part))).collect();
    assert_eq!(got, [(0, vec![1, 4]), (2, vec![3]), (7, vec![0, 2, 5])]);
    assert!(parts.iter().all(|(_, part)| part.restore() == [snapshot.clone()]));
    assert!(batch.is_empty() && batch.split_by_port().is_empty());
}

#[test]
fn a_row_that_is_not_there_is_none_and_survives_a_frame() {
    let mut batch = Batch::new(Bytes::from_static(b"raw")).unwrap();
    batch.push_event(4, 0, Timestamp::EPOCH);
    batch.push_record(0..9, 1, RecordRow { ty: 0, origin: 3, observed: Timestamp::EPOCH });
    batch.parse_each(|w| {
        w.set_type(77);
        Ok(())
    });
    rows(&mut batch);
    for batch in [Batch::from_frame(&frame(&batch)).unwrap(), batch] {
        assert!(batch.iter().all(|e| e.event_type().is_empty() && e.origin().is_none()));
        assert_eq!(batch.get(1).unwrap().raw(), b"raw");
    }
}

#[test]
fn a_sparse_batch_lets_go_of_its_base() {
    let base = Bytes::from(vec![b'x'; 100_000]);
    let mut batch = Batch::new(base).unwrap();
    let rows = rows(&mut batch);
    (0..100).for_each(|i| batch.push_record(i * 1000..(i + 1) * 1000, i as u64, rows));
    let mut full = batch.clone();
    full.compact_if_sparse();
    assert_eq!(full.base().as_ptr(), batch.base().as_ptr(), "nothing to gain");
    batch.retain(|e| e.index() % 10 == 0);
    let selected = batch.select(0..100);
    assert_eq!((selected.len(), selected.base().len()), (10, 10_000));
    batch.purge();
    assert!(batch.retained_bytes() > 100_000);
    batch.compact_if_sparse();
    assert!(batch.retained_bytes() < 12_000);
    assert!(batch.live_bytes() <= batch.retained_bytes());
}

#[test]
fn records_that_overlap_do_not_grow_when_they_are_compacted() {
    let mut batch = Batch::new(Bytes::from(vec![b'x'; 1000])).unwrap();
    let rows = rows(&mut batch);
    (0..100).for_each(|_| batch.push_record(0..1000, 0, rows));
    batch.compact();
    assert_eq!((batch.base().len(), batch.raw_bytes()), (1000, 100_000));
}

#[test]
fn a_batch_read_from_a_frame_counts_all_of_the_frame() {
    let bytes = frame(&numbered(1000));
    let batch = Batch::from_frame(&bytes).unwrap();
    assert!(batch.retained_bytes() > bytes.len() + 1000 * (16 + 48));
}

#[test]
fn buffers_come_back_to_their_pool_once_each() {
    let pool = BatchPool::new(2, 1 << 20);
    let kept = || format!("{pool:?}");
    let batch = pool.batch(Bytes::new()).unwrap();
    let mut clones = vec![batch.clone(), batch.clone(), batch];
    for batch in &mut clones {
        batch.add_key("k").unwrap();
        batch.push_event(0, 0, Timestamp::EPOCH);
    }
    assert!(kept().contains("stores: 0"));
    drop(clones);
    assert!(kept().contains("stores: 2"), "no more than it was made for: {}", kept());

    let mut next = pool.batch(Bytes::new()).unwrap();
    assert!(next.is_empty() && next.find_key("k").is_none() && next.key_count() == 0);
    next.compact();
    assert!(kept().contains("stores: 2"), "the old buffers of a compacted batch come back: {}", kept());

    let slice = pool.freeze(vec![1; 100]).slice(10..20);
    assert!(kept().contains("buffers: 0"));
    drop(slice);
    assert!(kept().contains("buffers: 1"));
    assert!(pool.buffer(10).capacity() >= 100);

    let large = BatchPool::new(2, 1000);
    drop(large.freeze(vec![0; 2000]));
    let mut batch = large.batch(Bytes::new()).unwrap();
    for _ in 0..100 {
        batch.push_event(0, 0, Timestamp::EPOCH);
    }
    drop(batch);
    let kept = format!("{large:?}");
    assert!(kept.contains("stores: 0") && kept.contains("buffers: 0"), "none too large: {kept}");
}
