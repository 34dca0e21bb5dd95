//! Random operations on a batch and on a plain vector of maps: they never differ.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::writer::Reason;
use super::generate::{fields, name, push, rows, time, value};
use super::{events, frame};
use crate::{Batch, Event, EventWriter, Object, Timestamp, Value, ValueRef};

#[derive(Clone, Debug)]
enum Op {
    PushRecord { len: Index, assembled: Option<Vec<u8>> },
    PushEvent(Object),
    Insert(Index, String, Value),
    Remove(Index, String),
    Rename(Index, String, String),
    Retain(Index, Vec<String>),
    SetTime(Index, Option<Timestamp>),
    SetPort(Index, u16),
    Append(Index, Object),
    RemoveEvent(Index),
    RemoveSome(u64),
    Reject(Index),
    Parse,
    Purge,
    Revert,
    Select(Vec<Index>),
    Split(Index),
    Compact,
    Clone,
    Frame,
}

fn op() -> impl Strategy<Value = Op> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), proptest::option::of(vec(any::<u8>(), 0..20)))
            .prop_map(|(len, assembled)| Op::PushRecord { len, assembled }),
        2 => fields().prop_map(Op::PushEvent),
        8 => (at(), name(), value()).prop_map(|(i, n, v)| Op::Insert(i, n, v)),
        4 => (at(), name()).prop_map(|(i, n)| Op::Remove(i, n)),
        4 => (at(), name(), name()).prop_map(|(i, a, b)| Op::Rename(i, a, b)),
        2 => (at(), vec(name(), 0..4)).prop_map(|(i, n)| Op::Retain(i, n)),
        1 => (at(), time()).prop_map(|(i, t)| Op::SetTime(i, t)),
        2 => (at(), 0u16..3).prop_map(|(i, p)| Op::SetPort(i, p)),
        2 => (at(), fields()).prop_map(|(i, f)| Op::Append(i, f)),
        1 => at().prop_map(Op::RemoveEvent),
        1 => any::<u64>().prop_map(Op::RemoveSome),
        1 => at().prop_map(Op::Reject),
        3 => Just(Op::Parse),
        1 => Just(Op::Purge),
        1 => Just(Op::Revert),
        1 => vec(at(), 0..6).prop_map(Op::Select),
        1 => at().prop_map(Op::Split),
        1 => Just(Op::Compact),
        1 => Just(Op::Clone),
        1 => Just(Op::Frame),
    ]
}

/// Reads a record as the parser of these tests does: an `x` in front refuses it.
pub(super) fn parse(writer: &mut EventWriter<'_>) -> Result<(), Reason> {
    let raw = writer.raw();
    let key = crate::Key;
    if raw.first() == Some(&b'x') {
        writer.null(key(0));
        return Err("begins with x".into());
    }
    writer.str(key(0), 0..raw.len() / 2);
    writer.new_str(key(0), b"taken back");
    writer.clear();
    writer.str(key(0), 0..raw.len() / 2);
    writer.begin_object(key(1));
    writer.new_str(key(0), &raw.iter().rev().copied().collect::<Vec<_>>());
    writer.begin_array(key(1));
    writer.bytes(key(0), raw.len() / 2..raw.len());
    writer.u64(key(0), raw.len() as u64);
    writer.end();
    writer.end();
    writer.set_time(Timestamp::from_nanos(raw.len() as i64));
    Ok(())
}

#[derive(Clone, Debug, PartialEq)]
struct Slot {
    event: Event,
    raw: Vec<u8>,
    unparsed: bool,
    port: u16,
    gone: Option<Option<&'static str>>,
}

impl Slot {
    /// The event as the batch shows it.
    fn shown(&self) -> Event {
        let mut event = self.event.clone();
        if self.unparsed {
            event.fields.entry("message".into()).or_insert_with(|| text(&self.raw));
        }
        event
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let own = self.event.fields.remove(name);
        let derived = name == "message" && std::mem::take(&mut self.unparsed);
        own.or_else(|| derived.then(|| text(&self.raw)))
    }

    /// As [`parse`] does.
    fn parse(&mut self) {
        if !self.unparsed || self.gone.is_some() {
            return;
        }
        if self.raw.first() == Some(&b'x') {
            self.gone = Some(Some("begins with x"));
            return;
        }
        let (front, back) = self.raw.split_at(self.raw.len() / 2);
        let reversed: Vec<u8> = self.raw.iter().rev().copied().collect();
        let array = vec![Value::Bytes(back.to_vec()), Value::U64(self.raw.len() as u64)];
        let object = Object::from([("a".into(), text(&reversed)), ("b".into(), Value::Array(array))]);
        self.event.fields.entry("a".into()).or_insert(text(front));
        self.event.fields.entry("b".into()).or_insert(Value::Object(object));
        self.event.time = Some(Timestamp::from_nanos(self.raw.len() as i64));
        self.unparsed = false;
    }
}

fn text(bytes: &[u8]) -> Value {
    ValueRef::from(bytes).to_value()
}

struct Pair {
    batch: Batch,
    model: Vec<Slot>,
    used: usize,
}

const BASE: &[u8] = b"one xtwo \xfftree four f\xc3\xbcnf x six seven eight nine ten eleven twelve";

impl Pair {
    fn new() -> Self {
        let mut batch = Batch::new(Bytes::from_static(BASE)).unwrap();
        // `parse` wants to know these two.
        assert_eq!((batch.add_key("a"), batch.add_key("b")), (Ok(crate::Key(0)), Ok(crate::Key(1))));
        Self { batch, model: Vec::new(), used: 0 }
    }

    fn live(&self, at: &Index) -> Option<usize> {
        let live: Vec<usize> = (0..self.model.len()).filter(|i| self.model[*i].gone.is_none()).collect();
        (!live.is_empty()).then(|| live[at.index(live.len())])
    }

    fn purge(&mut self) {
        self.model.retain(|s| s.gone.is_none());
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::PushRecord { len, assembled } => self.push_record(len, assembled.as_deref()),
            Op::PushEvent(fields) => {
                let event = Event { fields: fields.clone(), ..Event::new("t") };
                push(&mut self.batch, &event);
                self.model.push(Slot { event, raw: vec![], unparsed: false, port: 0, gone: None });
            }
            Op::Append(at, fields) => {
                if self.model.is_empty() {
                    assert!(self.batch.append(0).is_none());
                    return;
                }
                let parent = at.index(self.model.len());
                let mut child = self.batch.append(parent).unwrap();
                fields.iter().for_each(|(n, v)| child.insert(n, v).unwrap());
                let event = Event { fields: fields.clone(), ..self.model[parent].event.clone() };
                self.model.push(Slot { event, raw: vec![], unparsed: false, port: 0, gone: None });
            }
            Op::RemoveSome(bits) => {
                let odd = |i: usize| bits >> (i % 64) & 7 == 0;
                self.batch.retain(|e| !odd(e.index()));
                let slots = self.model.iter_mut().enumerate();
                slots.filter(|(i, s)| odd(*i) && s.gone.is_none()).for_each(|(_, s)| s.gone = Some(None));
            }
            Op::Parse => {
                self.batch.parse_each(parse);
                self.model.iter_mut().for_each(Slot::parse);
            }
            Op::Purge => {
                let rejected = self.model.iter().filter(|s| matches!(s.gone, Some(Some(_)))).count();
                let gone = self.model.iter().filter(|s| s.gone.is_some()).count();
                let purged = self.batch.purge();
                assert_eq!((purged.filtered, purged.rejected), (gone - rejected, rejected));
                self.purge();
            }
            Op::Revert => {
                let events = self.model.len().saturating_sub(1);
                self.batch.revert(events);
                self.model.truncate(events);
                self.model.iter_mut().for_each(|s| s.gone = None);
            }
            Op::Select(indices) if !self.model.is_empty() => {
                let mut chosen: Vec<usize> = Vec::new();
                indices.iter().for_each(|i| chosen.push(i.index(self.model.len())));
                self.batch = self.batch.select(chosen.iter().copied().chain([usize::MAX]));
                let mut seen = std::collections::HashSet::new();
                chosen.retain(|i| seen.insert(*i) && self.model[*i].gone.is_none());
                self.model = chosen.into_iter().map(|i| self.model[i].clone()).collect();
            }
            Op::Split(at) => self.split(at),
            Op::Compact => {
                self.batch.compact();
                assert!(self.batch.live_bytes() <= self.batch.retained_bytes());
            }
            Op::Clone => self.batch = self.batch.clone(),
            Op::Frame => {
                self.batch = Batch::from_frame(&frame(&self.batch)).unwrap();
                self.purge();
            }
            _ => self.edit(op),
        }
    }

    fn edit(&mut self, op: &Op) {
        let (Op::Insert(at, ..)
        | Op::Remove(at, _)
        | Op::Rename(at, ..)
        | Op::Retain(at, _)
        | Op::SetTime(at, _)
        | Op::SetPort(at, _)
        | Op::RemoveEvent(at)
        | Op::Reject(at)) = op
        else {
            return;
        };
        let Some(i) = self.live(at) else { return };
        let (mut event, slot) = (self.batch.get_mut(i).unwrap(), &mut self.model[i]);
        match op {
            Op::Insert(_, name, value) => {
                event.insert(name, value).unwrap();
                slot.event.fields.insert(name.clone(), value.clone());
            }
            Op::Remove(_, name) => assert_eq!(event.remove_field(name), slot.take(name).is_some()),
            Op::Rename(_, from, to) => {
                let renamed = event.rename(from, to).unwrap();
                assert_eq!(renamed, slot.shown().fields.contains_key(from));
                if let Some(value) = Some(from).filter(|from| *from != to).and_then(|from| slot.take(from)) {
                    slot.event.fields.insert(to.clone(), value);
                }
            }
            Op::Retain(_, names) => {
                event.retain(|name, _| names.iter().any(|n| n == name));
                let all: Vec<String> = slot.shown().fields.into_keys().collect();
                all.iter().filter(|n| !names.contains(n)).for_each(|n| drop(slot.take(n)));
            }
            Op::SetTime(_, time) => {
                event.set_time(*time);
                slot.event.time = *time;
            }
            Op::SetPort(_, port) => {
                event.set_port(*port);
                slot.port = *port;
            }
            Op::RemoveEvent(_) => {
                event.remove();
                slot.gone = Some(None);
            }
            _ => {
                event.reject("refused");
                slot.gone = Some(Some("refused"));
            }
        }
    }

    fn push_record(&mut self, len: &Index, assembled: Option<&[u8]>) {
        let rows = rows(&mut self.batch);
        let left = self.batch.base().len().saturating_sub(self.used);
        let raw = match assembled {
            Some(raw) => {
                self.batch.push_assembled(raw, 9, rows).unwrap();
                raw.to_vec()
            }
            None => {
                let range = self.used..self.used + len.index(left.min(12) + 1);
                self.used = range.end;
                self.batch.push_record(range.clone(), 9, rows);
                self.batch.base().get(range).unwrap_or_default().to_vec()
            }
        };
        let event = Event { observed: rows.observed, ..Event::new("line") };
        self.model.push(Slot { event, raw, unparsed: true, port: 0, gone: None });
    }

    fn split(&mut self, at: &Index) {
        self.batch.purge();
        self.purge();
        let parts = self.batch.split_by_port();
        assert!(self.batch.is_empty());
        let mut ports: Vec<u16> = self.model.iter().map(|s| s.port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(parts.iter().map(|(port, _)| *port).collect::<Vec<_>>(), ports);
        if ports.is_empty() {
            *self = Self::new();
            return;
        }
        let (port, batch) = parts.into_iter().nth(at.index(ports.len())).unwrap();
        self.batch = batch;
        self.model.retain(|s| s.port == port);
    }

    fn check(&self) {
        assert_eq!(self.batch.end_index(), self.model.len());
        assert_eq!(self.batch.len(), self.model.iter().filter(|s| s.gone.is_none()).count());
        for (i, slot) in self.model.iter().enumerate() {
            let Some(event) = self.batch.get(i) else {
                assert!(slot.gone.is_some());
                continue;
            };
            assert_eq!((event.index(), &slot.gone), (i, &None));
            assert_eq!(event.to_event(), slot.shown());
            assert_eq!((event.raw(), event.port()), (&slot.raw[..], slot.port));
            assert_eq!(event.is_unparsed(), slot.unparsed);
            for (name, value) in &slot.shown().fields {
                assert_eq!(event.get(name).map(|v| v.to_value()).as_ref(), Some(value), "{name}");
            }
        }
        let mut rejected: Vec<(usize, &str)> =
            self.batch.rejected().map(|r| (r.event.index(), r.reason)).collect();
        rejected.sort_unstable();
        let refused = self.model.iter().enumerate().filter_map(|(i, s)| Some((i, s.gone??)));
        assert_eq!(rejected, refused.collect::<Vec<_>>());

        let whole = events(&self.batch);
        let written = frame(&self.batch);
        let read = Batch::from_frame(&written).unwrap();
        assert_eq!(events(&read), whole);
        assert_eq!(frame(&read), written);
        let mut compacted = self.batch.clone();
        compacted.compact();
        assert_eq!(events(&compacted), whole);
        assert_eq!(events(&Batch::from_frame(&frame(&compacted)).unwrap()), whole);
    }
}

proptest! {
    #[test]
    fn a_batch_is_what_a_vector_of_maps_would_be(ops in vec(op(), 0..40)) {
        let mut pair = Pair::new();
        for op in &ops {
            pair.apply(op);
            pair.check();
        }
    }
}
