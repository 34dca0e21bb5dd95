//! What is done to a batch on the other side of the border is done to it on this one.

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::delta::{Access, Declared, DeltaError, Names, Projection};
use super::generate::{batch, fields, rows, time, value};
use super::model::parse;
use super::{frame, json};
use crate::{Batch, Event, Object, Schema, Timestamp, Transform, TransformError, Value};

#[derive(Clone, Debug)]
enum Edit {
    Insert(Index, String, Value),
    Remove(Index, String),
    Rename(Index, String, String),
    Retain(Index, String),
    Time(Index, Option<Timestamp>),
    Port(Index, u16),
    Type(Index),
    Append(Index, Object),
    Event(Object),
    RemoveEvent(Index),
    Reject(Index),
    AboutSelf(Index),
    Parse,
    Raw(Index, String),
    AppendRaw(Index, String),
    ClearPorts,
    Compact,
}

fn edit(name: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        8 => (at(), name.clone(), value()).prop_map(|(i, n, v)| Edit::Insert(i, n, v)),
        4 => (at(), name.clone()).prop_map(|(i, n)| Edit::Remove(i, n)),
        4 => (at(), name.clone(), name.clone()).prop_map(|(i, a, b)| Edit::Rename(i, a, b)),
        2 => (at(), name).prop_map(|(i, n)| Edit::Retain(i, n)),
        1 => (at(), time()).prop_map(|(i, t)| Edit::Time(i, t)),
        1 => (at(), 0u16..3).prop_map(|(i, p)| Edit::Port(i, p)),
        1 => at().prop_map(Edit::Type),
        2 => (at(), fields()).prop_map(|(i, f)| Edit::Append(i, f)),
        1 => fields().prop_map(Edit::Event),
        1 => at().prop_map(Edit::RemoveEvent),
        1 => at().prop_map(Edit::Reject),
        1 => at().prop_map(Edit::AboutSelf),
        1 => Just(Edit::Parse),
        1 => (at(), "[a-c ]{0,8}").prop_map(|(i, raw)| Edit::Raw(i, raw)),
        1 => (at(), "[a-c ]{0,8}").prop_map(|(i, raw)| Edit::AppendRaw(i, raw)),
        1 => Just(Edit::ClearPorts),
        1 => Just(Edit::Compact),
    ]
}

/// Does these edits to each batch.
struct Script(Vec<Edit>);

impl Transform for Script {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        for edit in &self.0 {
            let at = |index: &Index| index.index(batch.end_index().max(1));
            match edit {
                Edit::Insert(i, n, v) => {
                    let at = at(i);
                    batch.get_mut(at).map(|mut e| e.insert(n, v)).transpose()?;
                }
                Edit::Remove(i, n) => {
                    let at = at(i);
                    batch.get_mut(at).map(|mut e| e.remove_field(n));
                }
                Edit::Rename(i, a, b) => {
                    let at = at(i);
                    batch.get_mut(at).map(|mut e| e.rename(a, b)).transpose()?;
                }
                Edit::Retain(i, n) => {
                    let at = at(i);
                    batch.get_mut(at).into_iter().for_each(|mut e| e.retain(|name, _| name != n));
                }
                Edit::Time(i, t) => {
                    let at = at(i);
                    batch.get_mut(at).into_iter().for_each(|mut e| e.set_time(*t));
                }
                Edit::Port(i, p) => {
                    let at = at(i);
                    batch.get_mut(at).into_iter().for_each(|mut e| e.set_port(*p));
                }
                Edit::Type(i) => {
                    let at = at(i);
                    let schema = Arc::new(Schema::new("made"));
                    batch.get_mut(at).map(|mut e| e.set_type(&schema)).transpose()?;
                }
                Edit::Append(i, fields) => {
                    let at = at(i);
                    if let Some(mut event) = batch.append(at) {
                        fields.iter().try_for_each(|(n, v)| event.insert(n, v))?;
                    }
                }
                Edit::Event(fields) => {
                    let mut event = batch.push_event(0, 0, Timestamp::from_nanos(9));
                    fields.iter().try_for_each(|(n, v)| event.insert(n, v))?;
                }
                Edit::RemoveEvent(i) => batch.remove(at(i)),
                Edit::Reject(i) => batch.reject(at(i), "the script says so"),
                Edit::AboutSelf(i) => {
                    let at = at(i);
                    batch.get_mut(at).into_iter().for_each(|mut e| e.mark_self());
                }
                Edit::Parse => batch.parse_each(parse),
                Edit::Raw(i, raw) => {
                    let at = at(i);
                    batch.get_mut(at).map(|mut e| e.set_raw(raw.as_bytes())).transpose()?;
                }
                Edit::AppendRaw(i, raw) => {
                    let at = at(i);
                    batch.append_assembled(at, raw.as_bytes())?;
                }
                Edit::ClearPorts => batch.clear_ports(),
                Edit::Compact => batch.compact(),
            }
        }
        Ok(())
    }

    fn schemas(&self, _: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Arc::new(Schema::new("made"))]
    }
}

/// Everything about a batch that a pipeline sees, the order of fields included.
fn seen(batch: &Batch) -> (String, Vec<String>, Vec<String>) {
    let heads = batch.iter().map(|e| {
        let fields = e.fields().map(|(name, _)| name).collect::<Vec<_>>();
        let flags = (e.port(), e.is_unparsed(), e.is_self());
        format!("{} {:?} {flags:?} {fields:?}", e.index(), e.raw())
    });
    let rejected = batch.rejected().map(|r| format!("{:?}: {}", r.event, r.reason));
    (json(batch), heads.collect(), rejected.collect())
}

/// Without events that are gone.
fn purged(mut batch: Batch) -> Batch {
    batch.purge();
    batch
}

const NAMES: &[&str] = &["a", "b", "c", "message", "größe", ""];

fn one_of(names: &'static [&'static str]) -> impl Strategy<Value = String> + Clone + 'static {
    prop::sample::select(names).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_through_the_border_is_the_edit(
        batch in batch(),
        edits in vec(edit(one_of(NAMES)), 0..12),
    ) {
        let mut direct = purged(batch);
        let mut through = direct.clone();
        Script(edits.clone()).transform(&mut direct).unwrap();
        Declared::new(Script(edits), Access::all()).transform(&mut through).unwrap();
        prop_assert_eq!(seen(&through), seen(&direct));
    }

    #[test]
    fn what_was_not_declared_stays_where_it_is(batch in batch(), edits in vec(edit(one_of(&["a", "b"])), 0..12)) {
        // A parser sees the raw text, which is not declared here; what is added may have any field.
        let edits = edits.into_iter().filter(|e| {
            !matches!(
                e,
                Edit::Parse
                    | Edit::Append(..)
                    | Edit::AppendRaw(..)
                    | Edit::Event(_)
                    | Edit::Raw(..)
                    | Edit::Retain(..)
            )
        });
        let edits: Vec<Edit> = edits.collect();
        let mut direct = purged(batch);
        let mut through = direct.clone();
        Script(edits.clone()).transform(&mut direct).unwrap();
        let access = Access::default().reads("a").writes("a").reads("b").writes("b");
        Declared::new(Script(edits), access).transform(&mut through).unwrap();
        prop_assert_eq!(seen(&through), seen(&direct));
    }

    #[test]
    fn a_delta_that_was_tampered_with_is_refused_whole_or_can_be_applied(
        batch in batch(),
        edits in vec(edit(one_of(NAMES)), 1..8),
        flips in vec((any::<Index>(), any::<u8>()), 1..4),
        cut in any::<Index>(),
    ) {
        let mut batch = purged(batch);
        let (mut projection, mut shown, mut delta) = (Projection::default(), Vec::new(), Vec::new());
        projection.write(&batch, &Access::all(), &mut shown).unwrap();
        let mut guest = Batch::from_projection(&Bytes::from(shown)).unwrap();
        Script(edits).transform(&mut guest).unwrap();
        guest.write_delta(&mut delta).unwrap();
        for (at, to) in flips {
            let at = at.index(delta.len());
            delta[at] = to;
        }
        if cut.index(4) == 0 {
            delta.truncate(cut.index(delta.len()));
        }
        let (before, len) = (frame(&batch), batch.len());
        match projection.apply(&delta, &mut batch, &Access::all(), &[Arc::new(Schema::new("made"))]) {
            Ok(()) => {
                // It reads, and is a frame that can be read again.
                let _ = seen(&batch);
                prop_assert!(Batch::from_frame(&frame(&batch)).is_ok());
            }
            Err(_) => prop_assert!(frame(&batch) == before && batch.len() == len),
        }
    }
}

fn shown(batch: &Batch, access: &Access) -> (Projection, Batch) {
    let (mut projection, mut frame) = (Projection::default(), Vec::new());
    projection.write(batch, access, &mut frame).unwrap();
    (projection, Batch::from_projection(&Bytes::from(frame)).unwrap())
}

fn delta(mut batch: Batch) -> Vec<u8> {
    let mut delta = Vec::new();
    batch.write_delta(&mut delta).unwrap();
    delta
}

#[test]
fn events_that_are_gone_are_not_shown_and_the_others_are_found_again() {
    let made = ["one", "two", "three"].map(|name| Event::new("t").with("a", name));
    let mut batch = Batch::from_events(&made).unwrap();
    batch.remove(0);
    let access = Access::default().reads("a").writes("a");
    let (mut projection, mut guest) = shown(&batch, &access);
    assert_eq!(guest.len(), 2);
    guest.get_mut(1).unwrap().insert("a", "drei").unwrap();
    projection.apply(&delta(guest), &mut batch, &access, &[]).unwrap();
    let of = |i: usize| batch.get(i).unwrap().get("a").unwrap().as_str().unwrap().to_owned();
    assert_eq!((of(1), of(2)), ("two".to_owned(), "drei".to_owned()));
}

#[test]
fn fields_origins_and_raw_text_that_were_not_declared_are_not_shown() {
    let mut batch = Batch::new(Bytes::from_static(b"secret")).unwrap();
    let row = rows(&mut batch);
    batch.push_record(0..6, 0, row);
    batch.get_mut(0).unwrap().insert("hidden", 1u64).unwrap();
    batch.get_mut(0).unwrap().insert("a", 2u64).unwrap();
    let (_, guest) = shown(&batch, &Access::default().reads("a").reads("host"));
    let event = guest.get(0).unwrap();
    assert_eq!(event.get("a").unwrap().as_u64(), Some(2));
    assert_eq!(event.get("host").unwrap().as_str(), Some("web-1"));
    assert!(event.get("hidden").is_none() && event.get("message").is_none() && event.get("stream").is_none());
    assert!(event.raw().is_empty() && guest.find_key("hidden").is_none() && event.get("tag").is_none());
}

#[test]
fn an_edit_of_what_was_not_declared_is_refused_by_name() {
    let mut batch = Batch::from_events([&Event::new("t").with("a", 1u64).with("b", 2u64)]).unwrap();
    let access = Access::default().reads("a").reads("b").writes("a");
    for edit in [
        (|b: &mut Batch| b.get_mut(0).unwrap().insert("b", 3u64).unwrap()) as fn(&mut Batch),
        |b| assert!(b.get_mut(0).unwrap().remove_field("b")),
        |b| assert!(b.get_mut(0).unwrap().rename("a", "b").unwrap()),
        |b| assert!(b.get_mut(0).unwrap().rename("b", "a").unwrap()),
    ] {
        let (mut projection, mut guest) = shown(&batch, &access);
        edit(&mut guest);
        let refused = projection.apply(&delta(guest), &mut batch, &access, &[]);
        assert_eq!(refused, Err(DeltaError::Undeclared("b".to_owned())));
    }
}

#[test]
fn raw_text_is_replaced_only_by_who_has_declared_message_and_is_gone_when_compacted() {
    let secret = || {
        let mut batch = Batch::new(Bytes::from_static(b"user=ann")).unwrap();
        let row = rows(&mut batch);
        batch.push_record(0..8, 0, row);
        batch
    };
    let blot = |batch: &mut Batch| {
        batch.get_mut(0).unwrap().set_raw(b"user=*").unwrap();
        batch.compact();
    };
    let mut batch = secret();
    let access = Access::default().reads("message");
    let (mut projection, mut guest) = shown(&batch, &access);
    blot(&mut guest);
    let refused = projection.apply(&delta(guest), &mut batch, &access, &[]);
    assert_eq!(refused, Err(DeltaError::Undeclared("message".to_owned())));
    assert_eq!(batch.get(0).unwrap().raw(), b"user=ann");

    let access = access.writes("message");
    let (mut projection, mut guest) = shown(&batch, &access);
    blot(&mut guest);
    projection.apply(&delta(guest), &mut batch, &access, &[]).unwrap();
    assert_eq!(batch.get(0).unwrap().raw(), b"user=*");
    assert!(!frame(&batch).windows(3).any(|bytes| bytes == b"ann"));
}

#[test]
fn a_type_or_an_origin_can_not_be_made_up() {
    let mut batch = Batch::from_events([&Event::new("t")]).unwrap();
    let access = Access::default();
    let (mut projection, mut guest) = shown(&batch, &access);
    guest.get_mut(0).unwrap().set_type(&Arc::new(Schema::new("other"))).unwrap();
    let refused = projection.apply(&delta(guest), &mut batch, &access, &[]);
    assert_eq!(refused, Err(DeltaError::UnknownType("other".to_owned())));

    let (mut projection, mut guest) = shown(&batch, &access);
    let foreign = crate::Origin { tenant: Some("someone else".into()), ..crate::Origin::default() };
    let origin = guest.add_origin(&Arc::new(foreign)).unwrap();
    guest.push_event(0, origin, Timestamp::EPOCH);
    let refused = projection.apply(&delta(guest), &mut batch, &access, &[]);
    assert_eq!(refused, Err(DeltaError::UnknownOrigin));
}

#[test]
fn what_is_flushed_gets_the_whole_of_the_origin_that_was_shown_in_part() {
    let mut batch = Batch::new(Bytes::from_static(b"raw")).unwrap();
    let row = rows(&mut batch);
    batch.push_record(0..3, 0, row);
    let access = Access::default().reads("stream").writes("n");
    let (mut projection, guest) = shown(&batch, &access);
    let part = guest.get(0).unwrap().origin().unwrap().clone();
    assert_eq!(part.host, None);

    let mut flushed = Batch::noted();
    let origin = flushed.add_origin(&part).unwrap();
    let ty = flushed.add_type(&Arc::new(Schema::new("made"))).unwrap();
    flushed.push_event(ty, origin, Timestamp::EPOCH).insert("n", 1u64).unwrap();
    projection.clear();
    let mut out = Batch::default();
    projection.apply(&delta(flushed), &mut out, &access, &[Arc::new(Schema::new("made"))]).unwrap();
    let event = out.get(0).unwrap();
    assert_eq!((event.event_type(), event.get("host").unwrap().as_str()), ("made", Some("web-1")));
}

#[test]
fn a_delta_that_a_batch_has_no_room_for_leaves_it_as_it_was() {
    let mut batch = Batch::from_events([&Event::new("t").with("a", 1u64).with("hidden", 2u64)]).unwrap();
    let mut access = Access::default().reads("a");
    access.writes = Names::All;
    let (mut projection, mut guest) = shown(&batch, &access);
    for i in 0..1_023 {
        guest.get_mut(0).unwrap().insert(&format!("f{i}"), 1u64).unwrap();
    }
    let before = json(&batch);
    assert!(matches!(projection.apply(&delta(guest), &mut batch, &access, &[]), Err(DeltaError::Full(_))));
    assert_eq!(json(&batch), before);
}
