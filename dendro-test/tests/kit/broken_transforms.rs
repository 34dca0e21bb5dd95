//! Each property of transforms fails on a transform that was broken on purpose.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dendro_core::{
    Acks, Batch, Event, FieldSchema, FlushReason, Origin, RecordRow, Schema, Timestamp, Transform,
    TransformError, ValueType, from_fn, map,
};
use dendro_test::conformance::{TransformWorld, Verdict, judge, transform as suite};

fn lines() -> Vec<String> {
    (0..12).map(|n| format!("line {n}")).collect()
}

fn world<T: Transform>(make: impl Fn() -> T + Send + Sync + Clone + 'static) -> impl Fn() -> TransformWorld {
    move || TransformWorld::lines(make.clone(), lines())
}

fn fails(what: &str, verdict: Verdict) {
    let wrong = verdict.expect_err(&format!("not noticed: {what}"));
    println!("{what}: {wrong}");
}

/// Another batch in place of the old one, with its acknowledgement.
fn replace(batch: &mut Batch, mut new: Batch) {
    new.add_acks(batch.take_acks());
    *batch = new;
}

/// The same records with other raw texts.
fn with_raw(batch: &Batch, raw: impl Fn(&[u8]) -> Vec<u8>) -> Batch {
    let texts: Vec<Vec<u8>> = batch.iter().map(|e| raw(e.raw())).collect();
    let mut new = Batch::new(texts.concat().into()).unwrap();
    let mut start = 0;
    for (event, text) in batch.iter().zip(texts) {
        let row = RecordRow {
            ty: new.add_type(event.schema().unwrap()).unwrap(),
            origin: new.add_origin(event.origin().unwrap()).unwrap(),
            observed: event.observed(),
        };
        new.push_record(start..start + text.len(), event.position(), row);
        start += text.len();
    }
    new
}

#[test]
fn empty_batch_gives_nothing() {
    let picky = || {
        from_fn(|b: &mut Batch| match b.is_empty() {
            true => Err(TransformError::new("nothing there")),
            false => Ok(()),
        })
    };
    fails("fails on an empty batch", judge(suite::empty_batch_gives_nothing(world(picky))));
    let index = || {
        from_fn(|b: &mut Batch| {
            let _first = b.iter().next().unwrap();
            Ok(())
        })
    };
    fails("panics on an empty batch", judge(suite::empty_batch_gives_nothing(world(index))));
}

#[test]
fn largest_batches_are_handled() {
    let small = || {
        from_fn(|b: &mut Batch| match b.len() {
            n if n > 10_000 => Err(TransformError::new("too many")),
            _ => Ok(()),
        })
    };
    fails("refuses many events", judge(suite::largest_batches_are_handled(world(small))));
    let short = || {
        from_fn(|b: &mut Batch| {
            assert!(b.iter().all(|e| e.raw().len() < 4_096));
            Ok(())
        })
    };
    fails("panics on a long record", judge(suite::largest_batches_are_handled(world(short))));
    let low = || {
        from_fn(|b: &mut Batch| {
            assert!(b.base().len() < 32 << 20);
            Ok(())
        })
    };
    fails("panics on a full base", judge(suite::largest_batches_are_handled(world(low))));
}

#[test]
fn every_event_is_accounted_for() {
    let loses = || {
        from_fn(|b: &mut Batch| {
            let rest = b.without_acks().select(1..b.end_index());
            replace(b, rest);
            Ok(())
        })
    };
    fails("loses the first event", judge(suite::every_event_is_accounted_for(world(loses))));
}

#[test]
fn order_is_kept() {
    let reverses = || {
        from_fn(|b: &mut Batch| {
            let reversed = b.without_acks().select((0..b.end_index()).rev());
            replace(b, reversed);
            Ok(())
        })
    };
    fails("reverses records", judge(suite::order_is_kept(world(reverses))));
    let events = || TransformWorld::events(reverses, (0..9u64).map(|n| Event::new("e").with("n", n)));
    fails("reverses events", judge(suite::order_is_kept(events)));
}

#[test]
fn raw_text_is_untouched() {
    let shouts = || {
        from_fn(|b: &mut Batch| {
            let loud = with_raw(b, |raw| raw.to_ascii_uppercase());
            replace(b, loud);
            Ok(())
        })
    };
    fails("changes the raw text", judge(suite::raw_text_is_untouched(world(shouts))));
    fails("makes events anew", judge(suite::raw_text_is_untouched(world(anew))));
}

/// Makes events anew, without their raw text.
fn anew() -> impl Transform {
    from_fn(|b: &mut Batch| {
        let events: Vec<Event> = b.iter().map(|e| e.to_event()).collect();
        replace(b, Batch::from_events(&events)?);
        Ok(())
    })
}

#[test]
fn instances_are_independent() {
    let shared = Arc::new(AtomicU64::new(0));
    let counts = move || {
        let shared = shared.clone();
        map(move |e| e.insert("n", shared.fetch_add(1, Ordering::Relaxed)))
    };
    fails("shares a counter", judge(suite::instances_are_independent(world(counts))));
}

/// Numbers the events of each stream, and sends the total on drain.
#[derive(Clone, Default)]
struct Numbers {
    seen: HashMap<String, u64>,
    one_for_all: bool,
    no_snapshot: bool,
}

impl Numbers {
    fn count(&mut self, stream: &str) -> &mut u64 {
        let key = if self.one_for_all { "" } else { stream };
        self.seen.entry(key.to_owned()).or_default()
    }
}

impl Transform for Numbers {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let stream = batch.stream().unwrap_or_default().to_owned();
        let count = self.count(&stream);
        batch.try_for_each(|mut e| {
            *count += 1;
            e.insert("number", *count).map_err(TransformError::from)
        })
    }
    fn is_stateful(&self) -> bool {
        true
    }
    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        let count = self.seen.get(stream).filter(|_| !self.no_snapshot)?;
        Some(count.to_le_bytes().to_vec())
    }
    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        let state = state.try_into().map_err(|_| TransformError::new("not a number"))?;
        *self.count(stream) = u64::from_le_bytes(state);
        Ok(())
    }
}

dendro_test::transform_conformance!(unbroken_numbers, world(Numbers::default)());

#[test]
fn streams_are_independent() {
    let one = || Numbers { one_for_all: true, ..Numbers::default() };
    fails("one counter for all streams", judge(suite::streams_are_independent(world(one))));
}

#[test]
fn snapshot_restores_at_any_point() {
    let forgets = || Numbers { no_snapshot: true, ..Numbers::default() };
    fails("has no snapshot", judge(suite::snapshot_restores_at_any_point(world(forgets))));
}

/// Joins two events to one, and holds the first one's acknowledgement as long as it holds the event: what a stateful
/// transform without a snapshot does.
#[derive(Default)]
struct Pairs {
    open: HashMap<String, Open>,
}

struct Open {
    text: String,
    schema: Arc<Schema>,
    origin: Arc<Origin>,
    acks: Acks,
}

impl Transform for Pairs {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let stream = batch.stream().unwrap_or_default().to_owned();
        for index in 0..batch.end_index() {
            let Some(event) = batch.get(index) else { continue };
            let text = String::from_utf8_lossy(event.raw()).into_owned();
            match self.open.remove(&stream) {
                Some(first) => {
                    batch.add_acks(first.acks);
                    let mut event = batch.get_mut(index).unwrap();
                    event.insert("pair", format!("{} {text}", first.text).as_str())?;
                }
                None => {
                    let (schema, origin) = (event.schema().unwrap().clone(), event.origin().unwrap().clone());
                    let open = Open { text, schema, origin, acks: Acks::none() };
                    self.open.insert(stream.clone(), open);
                    batch.remove(index);
                }
            }
        }
        if let Some(open) = self.open.get_mut(&stream) {
            open.acks.merge(batch.acks().clone());
        }
        Ok(())
    }
    fn is_stateful(&self) -> bool {
        true
    }
    fn flush(&mut self, reason: FlushReason, _now: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        if reason == FlushReason::Drain {
            for (_, first) in self.open.drain() {
                let (ty, origin) = (out.add_type(&first.schema)?, out.add_origin(&first.origin)?);
                out.push_event(ty, origin, Timestamp::EPOCH).insert("pair", first.text.as_str())?;
                out.add_acks(first.acks);
            }
        }
        Ok(())
    }
}

dendro_test::transform_conformance!(unbroken_pairs, world(Pairs::default)());

#[test]
fn schema_says_what_is_emitted() {
    fn declared(field: Option<FieldSchema>, name: &'static str) -> impl Fn() -> TransformWorld {
        let schema = field.into_iter().fold(Schema::new(name), Schema::field);
        let schema = Arc::new(schema);
        move || {
            let (schema, set) = (schema.clone(), schema.clone());
            let make = move || {
                let set = set.clone();
                map(move |e| {
                    e.set_type(&set)?;
                    e.insert("n", 1u64)
                })
            };
            TransformWorld::lines(make, lines()).input_schemas(vec![schema])
        }
    }
    let right = FieldSchema::gauge("n", ValueType::U64);
    judge(suite::schema_says_what_is_emitted(declared(Some(right), "t"))).unwrap();
    let other_type = FieldSchema::gauge("n", ValueType::F64);
    fails(
        "another type of value",
        judge(suite::schema_says_what_is_emitted(declared(Some(other_type), "t"))),
    );
    let other_field = FieldSchema::gauge("m", ValueType::U64);
    fails("another field", judge(suite::schema_says_what_is_emitted(declared(Some(other_field), "t"))));
    let undeclared = world(|| map(|e| e.set_type(&Arc::new(Schema::new("surprise")))));
    fails("an undeclared type", judge(suite::schema_says_what_is_emitted(undeclared)));
    let other_schema = world(|| {
        map(|e| {
            let schema = Schema::new("record").field(FieldSchema::gauge("n", ValueType::U64));
            e.set_type(&Arc::new(schema))
        })
    });
    fails("another schema in the batch", judge(suite::schema_says_what_is_emitted(other_schema)));
}

#[test]
fn batch_boundaries_do_not_matter() {
    let counts = || {
        from_fn(|b: &mut Batch| {
            let n = b.len() as u64;
            b.try_for_each(|mut e| e.insert("of", n).map_err(TransformError::from))
        })
    };
    fails("looks at the batch's size", judge(suite::batch_boundaries_do_not_matter(world(counts))));
}

#[test]
fn every_token_resolves() {
    let drops = || {
        from_fn(|b: &mut Batch| {
            drop(b.take_acks());
            Ok(())
        })
    };
    fails("drops acknowledgements", judge(suite::every_token_resolves(world(drops))));
    let forgets = || {
        from_fn(|b: &mut Batch| {
            std::mem::forget(b.take_acks());
            Ok(())
        })
    };
    fails("keeps acknowledgements for ever", judge(suite::every_token_resolves(world(forgets))));
}

#[test]
fn failure_dead_letters_the_raw_text() {
    fails("makes events anew", judge(suite::failure_dead_letters_the_raw_text(world(anew))));
    let takes = || {
        from_fn(|b: &mut Batch| {
            let empty = Batch::default();
            replace(b, empty);
            Ok(())
        })
    };
    fails("takes all events away", judge(suite::failure_dead_letters_the_raw_text(world(takes))));
}
