//! What the driver does around transforms: order, ports, failures, state.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Numbers, Scripted, message, never, records};
use dendro_core::{
    Acks, Batch, Event, FlushReason, Outcome, Output, Pipeline, Schema, Snapshot, Source, SourceContext,
    SourceError, Timestamp, Transform, TransformError, Value, filter, from_fn, map,
};

/// Takes longer for some batches than for others, so that lanes overtake each other.
fn uneven() -> impl Transform + Clone {
    from_fn(|batch| {
        let first = batch.get(0).map_or(0, |e| e.position());
        std::thread::sleep(Duration::from_micros(first.wrapping_mul(2_654_435_761) % 700));
        Ok(())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_stays_in_order_with_any_number_of_lanes() {
    for lanes in [0, 1, 2, 7] {
        let sink = Scripted::new([]);
        let pipeline = Pipeline::line(Numbers::new(300, 3))
            .transform(uneven())
            .sink(sink.clone())
            .drop_rejected()
            .lanes(lanes)
            .build()
            .unwrap();
        pipeline.run(never()).await.unwrap();
        assert_eq!(sink.numbers(), (0..900).collect::<Vec<u64>>(), "{lanes} lanes");
    }
}

#[tokio::test]
async fn sources_fan_in_and_branches_fan_out() {
    let (a, b) =
        (Numbers { stream: "a", ..Numbers::new(5, 2) }, Numbers { stream: "b", ..Numbers::new(5, 2) });
    let (all, odd) = (Scripted::new([]), Scripted::new([]));
    let pipeline = Pipeline::builder()
        .source("a", a.clone())
        .source("b", b.clone())
        .transform("odd", ["a", "b"], filter(|e| e.raw().last().is_some_and(|d| d % 2 == 1)))
        .sink("all", ["a", "b"], all.clone())
        .sink("odd_out", "odd", odd.clone())
        .drop_rejected()
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    let sorted = |sink: &Scripted| {
        let mut numbers = sink.numbers();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(sorted(&all), (0..10).flat_map(|n| [n, n]).collect::<Vec<u64>>());
    assert_eq!(sorted(&odd), [1, 1, 3, 3, 5, 5, 7, 7, 9, 9]);
    assert_eq!(a.outcomes(), [Outcome::Delivered; 5]);
    assert_eq!(b.outcomes(), [Outcome::Delivered; 5]);
}

/// Sends each number to the port of its last digit, as far as there are ports.
#[derive(Clone)]
struct ByDigit;
impl Transform for ByDigit {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        batch.try_for_each(|mut e| {
            let digit = e.view().raw().last().map_or(0, |d| d - b'0');
            e.set_port(u16::from(digit));
            Ok(())
        })
    }
    fn ports(&self) -> Vec<String> {
        vec!["zero".into(), "one".into()]
    }
}

#[tokio::test]
async fn events_leave_by_their_port_and_an_unknown_port_is_a_dead_letter() {
    let (zero, one, dead) = (Scripted::new([]), Scripted::new([]), Scripted::new([]));
    let source = Numbers::new(2, 6);
    let pipeline = Pipeline::builder()
        .source("in", source.clone())
        .transform("route", "in", ByDigit)
        .sink("zero", "route", zero.clone())
        .sink("one", "route.one", one.clone())
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    assert_eq!(zero.numbers(), [0, 10]);
    assert_eq!(one.numbers(), [1, 11]);
    let mut letters = dead.messages();
    letters.sort();
    assert_eq!(letters, ["2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(source.outcomes(), [Outcome::DeadLettered; 2]);
}

#[tokio::test]
async fn a_batch_that_a_transform_fails_on_becomes_dead_letters_with_its_raw_text() {
    for panics in [false, true] {
        let (sink, dead) = (Scripted::new([]), Scripted::new([]));
        let mut failing = from_fn(move |batch: &mut Batch| {
            let bad = batch.iter().any(|e| e.raw() == b"4");
            batch.remove(0);
            batch.try_for_each(|mut e| e.insert("x", 1u64))?;
            match (bad, panics) {
                (true, true) => panic!("on purpose"),
                (true, false) => Err(TransformError::new("on purpose")),
                _ => Ok(()),
            }
        });
        let _ = &mut failing;
        let pipeline = Pipeline::line(Numbers::new(3, 3))
            .transform(failing)
            .sink(sink.clone())
            .dead_letters(dead.clone())
            .build()
            .unwrap();
        let report = pipeline.run(never()).await.unwrap();
        assert_eq!(sink.numbers(), [1, 2, 7, 8]);
        assert_eq!(dead.messages(), ["3", "4", "5"]);
        let letter = dead.written.lock().unwrap()[0].clone();
        let Some(Value::Str(reason)) = letter.get("reason") else { panic!("{letter:?}") };
        assert!(reason.contains("`transform`") && reason.contains("on purpose"), "{reason}");
        assert_eq!(letter.get("event_type"), Some(&Value::from("log")));
        assert_eq!(letter.get("stream"), Some(&Value::from("s")));
        assert_eq!(report.component("transform").unwrap().rejected, 3);
    }
}

#[tokio::test]
async fn an_event_that_a_closure_refuses_is_a_dead_letter_with_its_words() {
    let (sink, dead) = (Scripted::new([]), Scripted::new([]));
    let pipeline = Pipeline::line(Numbers::new(1, 3))
        .transform(map(|e| if e.view().raw() == b"1" { Err("not one") } else { Ok(()) }))
        .sink(sink.clone())
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    assert_eq!(sink.numbers(), [0, 2]);
    assert_eq!(dead.written.lock().unwrap()[0].get("reason"), Some(&Value::from("not one")));
}

/// Counts events by stream and emits the counts at the end; holds the acknowledgements until then.
#[derive(Default)]
struct Count {
    by_stream: HashMap<String, u64>,
    held: Acks,
}
impl Transform for Count {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        *self.by_stream.entry(batch.stream().unwrap_or_default().to_owned()).or_default() +=
            batch.len() as u64;
        self.held.merge(batch.take_acks());
        batch.retain(|_| false);
        Ok(())
    }
    fn is_stateful(&self) -> bool {
        true
    }
    fn flush(&mut self, reason: FlushReason, _: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        if reason != FlushReason::Drain {
            return Ok(());
        }
        let events: Vec<Event> = self
            .by_stream
            .drain()
            .map(|(s, n)| Event::new("count").with("stream_name", s).with("n", n))
            .collect();
        *out = Batch::from_events(&events)?;
        out.add_acks(std::mem::take(&mut self.held));
        Ok(())
    }
}

#[tokio::test]
async fn a_stateful_transform_sees_each_stream_on_one_instance_and_holds_acknowledgements() {
    let sources: Vec<Numbers> =
        ["a", "b", "c", "d"].map(|stream| Numbers { stream, ..Numbers::new(20, 5) }).to_vec();
    let sink = Scripted::new([]);
    let mut builder = Pipeline::builder();
    for s in &sources {
        builder = builder.source(s.stream, s.clone());
    }
    let pipeline = builder
        .transform("count", ["a", "b", "c", "d"], Count::default)
        .transform("after", "count", map(|e| e.insert("seen", true)))
        .sink("out", "after", sink.clone())
        .drop_rejected()
        .lanes(3)
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    let mut counts: Vec<(String, Value)> = sink
        .written
        .lock()
        .unwrap()
        .iter()
        .map(|e| {
            assert_eq!(e.get("seen"), Some(&Value::Bool(true)));
            (format!("{:?}", e.get("stream_name").unwrap()), e.get("n").unwrap().clone())
        })
        .collect();
    counts.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(counts.len(), 4, "one instance a stream: {counts:?}");
    assert!(counts.iter().all(|(_, n)| *n == Value::U64(100)));
    assert!(sources.iter().all(|s| s.outcomes() == [Outcome::Delivered; 20]));
    assert!(report.drained);
}

/// Numbers the events of its stream, from where its snapshot left off.
#[derive(Clone, Default)]
struct Sequence(HashMap<String, u64>);
impl Transform for Sequence {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let next = self.0.entry(batch.stream().unwrap_or_default().to_owned()).or_default();
        batch.try_for_each(|mut e| {
            *next += 1;
            e.insert("seq", *next)
        })?;
        Ok(())
    }
    fn is_stateful(&self) -> bool {
        true
    }
    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        Some(self.0.get(stream)?.to_le_bytes().to_vec())
    }
    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        let state = state.try_into().map_err(|_| TransformError::new("8 bytes are expected"))?;
        self.0.insert(stream.to_owned(), u64::from_le_bytes(state));
        Ok(())
    }
}

/// Sends one batch of three records with a restored state, and notes the snapshots of its receipt.
struct Resuming {
    restore: Vec<Snapshot>,
    told: Arc<Mutex<Vec<Snapshot>>>,
}
#[async_trait::async_trait]
impl Source for Resuming {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let lines = ["x", "y", "z"].map(str::to_owned);
        let mut batch = records(&lines, 0, &cx.origin(Some("s")), &Arc::new(Schema::new("log")));
        batch.set_restore(self.restore.clone());
        let settlement = out.send(batch).await?.await;
        *self.told.lock().unwrap() = settlement.snapshots;
        Ok(())
    }
}

#[tokio::test]
async fn the_state_of_a_transform_comes_with_the_receipt_and_is_taken_up_again() {
    let mut restore = Vec::new();
    for round in 0..3u64 {
        let (told, sink) = (Arc::default(), Scripted::new([]));
        let source = Resuming { restore, told: Arc::clone(&told) };
        let pipeline = Pipeline::line(source)
            .transform(Sequence::default())
            .sink(sink.clone())
            .drop_rejected()
            .build()
            .unwrap();
        pipeline.run(never()).await.unwrap();
        let seqs: Vec<Value> =
            sink.written.lock().unwrap().iter().map(|e| e.get("seq").unwrap().clone()).collect();
        assert_eq!(seqs, (1..=3).map(|n| Value::U64(round * 3 + n)).collect::<Vec<_>>());
        restore = told.lock().unwrap().clone();
        assert_eq!(restore[0].component, "transform");
    }
    let (told, sink) = (Arc::default(), Scripted::new([]));
    let broken = vec![Snapshot { component: "transform".into(), state: vec![1] }];
    let pipeline = Pipeline::line(Resuming { restore: broken, told })
        .transform(Sequence::default())
        .sink(sink.clone())
        .drop_rejected()
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert_eq!(sink.written.lock().unwrap().len(), 3);
    assert!(report.problems[0].message.contains("8 bytes are expected"), "{:?}", report.problems);
}

type ScriptedBatch = (&'static str, Vec<&'static str>, Option<Vec<Snapshot>>);

/// Sends batches of these streams and lines, each with what is to be restored; notes the snapshots of all receipts at the end.
#[derive(Default)]
struct Script {
    batches: Vec<ScriptedBatch>,
    told: Arc<Mutex<Vec<Vec<Snapshot>>>>,
}

#[async_trait::async_trait]
impl Source for Script {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let mut receipts = Vec::new();
        for (stream, lines, restore) in &self.batches {
            let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            let mut batch = records(&lines, 0, &cx.origin(Some(stream)), &Arc::new(Schema::new("log")));
            if let Some(snapshots) = restore {
                batch.set_restore(snapshots.clone());
            }
            receipts.push(out.send(batch).await?);
        }
        drop(out);
        for receipt in receipts {
            let settlement = receipt.await;
            self.told.lock().unwrap().push(settlement.snapshots);
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_stream_that_is_sent_again_without_a_state_is_counted_from_its_beginning_and_no_other_is() {
    let batches = vec![
        ("s", vec!["a", "b", "c"], None),
        ("t", vec!["d", "e"], None),
        // Nothing of it was stored yet: it is sent again from its first record on.
        ("s", vec!["a", "b", "c"], Some(vec![])),
        ("t", vec!["f"], None),
        ("s", vec!["g"], None),
    ];
    let (source, sink) = (Script { batches, ..Script::default() }, Scripted::new([]));
    let pipeline = Pipeline::line(source)
        .transform(Sequence::default())
        .sink(sink.clone())
        .drop_rejected()
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    let seqs: Vec<_> = sink.written.lock().unwrap().iter().map(|e| e.get("seq").unwrap().clone()).collect();
    assert_eq!(seqs, [1, 2, 3, 1, 2, 1, 2, 3, 3, 4].map(Value::U64));
}

/// Routes by the first letter of the text: what begins with `b` leaves by the second port.
fn by_letter() -> impl Transform + Clone {
    #[derive(Clone)]
    struct ByLetter;
    impl Transform for ByLetter {
        fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
            batch.try_for_each(|mut event| {
                event.set_port(u16::from(event.view().raw().starts_with(b"b")));
                Ok(())
            })
        }
        fn ports(&self) -> Vec<String> {
            vec!["a".to_owned(), "b".to_owned()]
        }
    }
    ByLetter
}

#[tokio::test]
async fn the_state_of_a_stream_reaches_a_transform_behind_a_port_to_which_its_first_batch_has_nothing_to_send()
 {
    let restore = vec![Snapshot { component: "counted".into(), state: 7u64.to_le_bytes().to_vec() }];
    let batches = vec![("s", vec!["a1", "a2"], Some(restore)), ("s", vec!["a3", "b1"], None)];
    let (source, sink) = (Script { batches, ..Script::default() }, Scripted::new([]));
    let pipeline = Pipeline::builder()
        .source("s", source)
        .transform("routed", "s", by_letter())
        .transform("counted", "routed.b", Sequence::default())
        .sink("sink", "counted", sink.clone())
        .sink("others", "routed.a", Scripted::new([]))
        .drop_rejected()
        .build()
        .unwrap();
    let report = pipeline.run(never()).await.unwrap();
    assert!(report.drained);
    assert_eq!(sink.written.lock().unwrap()[0].get("seq"), Some(&Value::U64(8)));
}

/// Lets go of all that came, of whichever stream, when it is flushed.
#[derive(Clone, Default)]
struct LetsGoAtOnce(Arc<Mutex<Vec<Batch>>>);

impl Transform for LetsGoAtOnce {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        self.0.lock().unwrap().push(std::mem::take(batch));
        Ok(())
    }
    fn is_stateful(&self) -> bool {
        true
    }
    fn flush(&mut self, _: FlushReason, _: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        for mut batch in self.0.lock().unwrap().drain(..) {
            for event in batch.iter() {
                let (ty, origin) = (event.schema().unwrap(), event.origin().unwrap());
                let (ty, origin) = (out.add_type(ty)?, out.add_origin(origin)?);
                out.push_event(ty, origin, event.observed());
            }
            out.add_acks(batch.take_acks());
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_flush_that_covers_several_streams_each_gets_its_own_state_back() {
    let batches = vec![("s", vec!["a", "b", "c"], None), ("t", vec!["d", "e"], None), ("u", vec!["f"], None)];
    let told: Arc<Mutex<Vec<Vec<Snapshot>>>> = Arc::default();
    let pipeline = Pipeline::line(Script { batches, told: told.clone() })
        .transform(LetsGoAtOnce::default())
        .transform(Sequence::default())
        .sink(Scripted::new([]))
        .drop_rejected()
        .lanes(0)
        // Nothing leaves but at the drain, all at once.
        .tick(Duration::from_secs(3600))
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    let counts: Vec<Vec<u64>> = told
        .lock()
        .unwrap()
        .iter()
        .map(|s| s.iter().map(|s| u64::from_le_bytes(s.state.clone().try_into().unwrap())).collect())
        .collect();
    assert_eq!(counts, [[3], [2], [1]]);
}

#[tokio::test]
async fn transforms_do_not_run_on_the_callers_workers() {
    let threads = Arc::new(Mutex::new(Vec::new()));
    let seen = threads.clone();
    let pipeline = Pipeline::line(Numbers::new(2, 1))
        .transform(from_fn(move |_| {
            seen.lock().unwrap().push(std::thread::current().id());
            Ok(())
        }))
        .sink(Scripted::new([]))
        .drop_rejected()
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    let seen = threads.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|id| *id != std::thread::current().id()));
}

#[tokio::test]
async fn letters_of_events_without_raw_text_hold_the_event_as_json() {
    struct One;
    #[async_trait::async_trait]
    impl Source for One {
        async fn run(&mut self, out: Output, _: SourceContext) -> Result<(), SourceError> {
            let _receipt = out.send(Batch::from_events([&Event::new("m").with("n", 7u64)])?).await?;
            Ok(())
        }
    }
    let dead = Scripted::new([]);
    let pipeline = Pipeline::line(One)
        .transform(map(|_| Err("no")))
        .sink(Scripted::new([]))
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    let letter = dead.written.lock().unwrap()[0].clone();
    assert!(message(&letter).contains("\"type\":\"m\",\"n\":7"), "{letter:?}");
}

/// [`Sequence`], but panics on the batch that holds 7.
#[derive(Clone, Default)]
struct Fragile(Sequence);
impl Transform for Fragile {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        assert!(!batch.iter().any(|e| e.raw() == b"7"), "on purpose");
        self.0.transform(batch)
    }
    fn is_stateful(&self) -> bool {
        true
    }
    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        self.0.snapshot(stream)
    }
    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        self.0.restore(stream, state)
    }
}

#[tokio::test]
async fn a_new_instance_after_a_failure_goes_on_from_the_last_snapshot() {
    let (sink, dead) = (Scripted::new([]), Scripted::new([]));
    let pipeline = Pipeline::line(Numbers::new(6, 2))
        .transform(Fragile::default())
        .sink(sink.clone())
        .dead_letters(dead.clone())
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    assert_eq!(dead.messages(), ["6", "7"]);
    let seqs: Vec<Value> =
        sink.written.lock().unwrap().iter().map(|e| e.get("seq").unwrap().clone()).collect();
    assert_eq!(seqs, (1..=10).map(Value::U64).collect::<Vec<_>>());
}

/// Holds everything until it is flushed.
#[derive(Clone, Default)]
struct Holds(Vec<Batch>);

impl Transform for Holds {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        self.0.push(std::mem::take(batch));
        Ok(())
    }
    fn is_stateful(&self) -> bool {
        true
    }
    fn flush(&mut self, _: FlushReason, _: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        for mut held in std::mem::take(&mut self.0) {
            for event in held.iter() {
                let ty = out.add_type(event.schema().unwrap())?;
                let origin = out.add_origin(event.origin().unwrap())?;
                out.push_event(ty, origin, event.observed());
            }
            out.add_acks(held.take_acks());
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_flushed_comes_in_a_batch_for_each_stream() {
    let seen: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let see = seen.clone();
    let look = from_fn(move |batch| {
        let stream = |e: dendro_core::EventRef<'_>| e.origin().and_then(|o| o.stream.clone()).unwrap();
        see.lock().unwrap().push(batch.iter().map(stream).collect());
        Ok(())
    });
    let (one, two) = (Numbers::new(1, 2), Numbers { stream: "t", ..Numbers::new(1, 3) });
    let pipeline = Pipeline::builder()
        .source("one", one.clone())
        .source("two", two.clone())
        .transform("holds", ["one", "two"], Holds::default())
        .transform("look", "holds", look)
        .sink("sink", "look", Scripted::new([]))
        .drop_rejected()
        .lanes(0)
        .build()
        .unwrap();
    pipeline.run(never()).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [vec!["s"; 2], vec!["t"; 3]]);
    assert_eq!([one.outcomes(), two.outcomes()].concat(), [Outcome::Delivered; 2]);
}
