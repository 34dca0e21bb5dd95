//! What tells a duplicate from another event.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::Arc;

use bytes::Bytes;

use super::frame;
use crate::json::JsonEncoder;
use crate::{Batch, DedupKey, Event, Origin, RecordRow, Schema, Timestamp};

fn lines(identity: Option<u64>, texts: &[&str]) -> Batch {
    let mut batch = Batch::new(Bytes::from(texts.concat())).unwrap();
    let origin = Origin { identity: identity.and_then(NonZeroU64::new), ..Origin::default() };
    let row = RecordRow {
        ty: batch.add_type(&Arc::new(Schema::new("line"))).unwrap(),
        origin: batch.add_origin(&Arc::new(origin)).unwrap(),
        observed: Timestamp::EPOCH,
    };
    let mut at = 0;
    for text in texts {
        batch.push_record(at..at + text.len(), at as u64, row);
        at += text.len();
    }
    batch
}

fn keys(batch: &Batch) -> Vec<Option<DedupKey>> {
    batch.iter().map(|event| event.dedup_key()).collect()
}

#[test]
fn records_and_what_was_appended_to_them_have_keys_of_their_own_that_come_again() {
    let make = || {
        let mut batch = lines(Some(7), &["a", "b", "c"]);
        // In any order, and behind a removal.
        for parent in [1, 0, 1, 2, 1] {
            batch.append(parent).unwrap();
        }
        batch.remove(1);
        batch.append_assembled(1, b"raw").unwrap().unwrap();
        batch
    };
    let first = keys(&make());
    let different: HashSet<_> = first.iter().copied().map(Option::unwrap).collect();
    assert_eq!(different.len(), 8);
    assert_eq!(first, keys(&make()));
}

#[test]
fn keys_stay_the_same_through_frames_selection_splitting_and_compaction() {
    let mut batch = lines(Some(7), &["a", "b", "c", "d"]);
    batch.append(2).unwrap().set_port(1);
    batch.get_mut(1).unwrap().set_port(1);
    let before: HashSet<_> = keys(&batch).into_iter().map(Option::unwrap).collect();
    let read = Batch::from_frame(&frame(&batch)).unwrap();
    assert_eq!(keys(&read), keys(&batch));
    batch.purge();
    let mut parts: Vec<Batch> = batch.split_by_port().into_iter().map(|(_, part)| part).collect();
    parts.iter_mut().for_each(Batch::compact);
    let parts: Vec<Batch> = parts.iter().map(|part| part.select(0..part.len())).collect();
    let after: HashSet<_> = parts.iter().flat_map(keys).map(Option::unwrap).collect();
    assert_eq!(after, before);
    // The record knows how many it had, also where these are elsewhere by now.
    let mut part = parts.into_iter().find(|part| part.iter().any(|e| e.raw() == b"c")).unwrap();
    let parent = part.iter().position(|e| e.raw() == b"c").unwrap();
    let late = part.append(parent).unwrap().view().dedup_key().unwrap();
    assert!(!before.contains(&late));
}

#[test]
fn what_comes_from_nowhere_or_from_several_has_none() {
    assert_eq!(keys(&lines(None, &["a"])), [None]);
    assert_eq!(keys(&Batch::from_events([&Event::new("t")]).unwrap()), [None]);
    let mut batch = lines(Some(7), &["a"]);
    // An aggregate, of the same stream.
    batch.push_event(0, 0, Timestamp::EPOCH);
    let child = batch.append(0).unwrap().index();
    batch.append(child).unwrap();
    assert_eq!(keys(&batch).iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true, false]);
}

#[test]
fn another_identity_is_another_key() {
    assert_ne!(keys(&lines(Some(7), &["a"])), keys(&lines(Some(8), &["a"])));
}

#[test]
fn json_has_the_key_under_the_name_that_was_chosen_unless_the_event_has_that_field() {
    let mut batch = lines(Some(0xfeed), &["a", "b", "c"]);
    batch.get_mut(1).unwrap().insert("event_id", "own").unwrap();
    batch.push_event(0, 0, Timestamp::EPOCH);
    let mut text = Vec::new();
    JsonEncoder::new().with_dedup_key(Some("event_id".to_owned())).encode_lines(&batch, &mut text);
    let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let ids =
        lines.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap()["event_id"].clone());
    let key = |index: usize| serde_json::json!(batch.get(index).unwrap().dedup_key().unwrap().to_string());
    assert_eq!(ids.collect::<Vec<_>>(), [key(0), serde_json::json!("own"), key(2), serde_json::Value::Null]);
}
