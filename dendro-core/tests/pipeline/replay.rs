//! Dead letters have all that is needed to enter the pipeline again where they were refused, and do.

use std::sync::{Arc, Mutex};

use crate::common::{Numbers, Scripted, Step, never};
use dendro_core::pipeline::{BuildProblem, MemoryBuffer, ReplayError};
use dendro_core::{
    Batch, Event, FieldSchema, Origin, Outcome, Output, Pipeline, PipelineBuilder, Receipts, Schema,
    SinkError, Source, SourceContext, SourceError, Timestamp, Transform, Value, ValueType, from_fn,
};

/// Sends each letter to the component that refused it.
struct Letters {
    letters: Vec<(String, Batch)>,
    outcomes: Arc<Mutex<Vec<Result<Outcome, String>>>>,
}

#[async_trait::async_trait]
impl Source for Letters {
    async fn run(&mut self, out: Output, _cx: SourceContext) -> Result<(), SourceError> {
        let mut receipts = Receipts::new();
        for (component, batch) in self.letters.drain(..) {
            match out.send_to(&component, batch).await {
                Ok(receipt) => receipts.push(receipt, ()),
                Err(ReplayError::Closed) => break,
                Err(e) => self.outcomes.lock().unwrap().push(Err(e.to_string())),
            }
        }
        receipts.drain(out, |(), s| self.outcomes.lock().unwrap().push(Ok(s.outcome))).await;
        Ok(())
    }
}

/// The letters that a sink has got, each with the event that is in it.
fn letters(dead: &Scripted) -> Vec<(String, Batch)> {
    let written = dead.written.lock().unwrap();
    let decode = |letter: &Event| {
        let Some(Value::Str(component)) = letter.get("component") else { panic!("{letter:?}") };
        let Some(Value::Bytes(frame)) = letter.get("event") else { panic!("{letter:?}") };
        (component.clone(), Batch::from_frame(&frame.clone().into()).unwrap())
    };
    written.iter().map(decode).collect()
}

async fn replay(builder: PipelineBuilder, letters: Vec<(String, Batch)>) -> Vec<Result<Outcome, String>> {
    let outcomes: Arc<Mutex<Vec<_>>> = Arc::default();
    let builder = builder.replay(Letters { letters, outcomes: outcomes.clone() });
    builder.lanes(0).build().unwrap().run(never()).await.unwrap();
    std::mem::take(&mut *outcomes.lock().unwrap())
}

/// Adds its name to the field `seen`; refuses what is odd, if it is told so.
fn seen(name: &'static str, refuses: bool) -> impl Transform + Clone {
    from_fn(move |batch: &mut Batch| {
        batch.try_for_each(|mut event| {
            let before = event.get("seen").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
            let odd = event.view().position() % 2 == 1;
            if refuses && odd {
                event.reject("odd");
                return Ok(());
            }
            event.insert("seen", format!("{before}{name}").as_str())?;
            event.set_parsed();
            Ok(())
        })
    })
}

fn all_seen(sink: &Scripted) -> Vec<String> {
    let written = sink.written.lock().unwrap();
    let seen = |e: &Event| match e.get("seen") {
        Some(Value::Str(seen)) => seen.clone(),
        other => format!("{other:?}"),
    };
    written.iter().map(seen).collect()
}

fn pipeline(source: &Numbers, refuses: bool, sinks: [&Scripted; 2]) -> PipelineBuilder {
    Pipeline::builder()
        .source("in", source.clone())
        .transform("a", "in", seen("a", false))
        .transform("b", "a", seen("b", refuses))
        .transform("c", "b", seen("c", false))
        .buffer("waiting", "c", MemoryBuffer::new())
        .sink("one", "waiting", sinks[0].clone())
        .sink("two", "c", sinks[1].clone())
}

#[tokio::test(start_paused = true)]
async fn what_a_transform_refused_enters_in_the_middle_of_its_chain() {
    let (source, dead) = (Numbers::new(2, 4), Scripted::new([]));
    let sinks = [&Scripted::new([]), &Scripted::new([])];
    let first = pipeline(&source, true, sinks).dead_letters(dead.clone()).lanes(0).build().unwrap();
    let report = first.run(never()).await.unwrap();
    assert_eq!(report.component("b").unwrap().rejected, 4);
    assert_eq!(dead.messages(), ["1", "3", "5", "7"]);

    let sent = *source.sent.lock().unwrap();
    let sinks = [&Scripted::new([]), &Scripted::new([])];
    let outcomes = replay(pipeline(&source, false, sinks).drop_rejected(), letters(&dead)).await;
    assert_eq!(outcomes, vec![Ok(Outcome::Delivered); 4]);
    // Once by each, behind `a` where they had been already; the pipeline's own source has not run.
    for sink in sinks {
        assert_eq!(all_seen(sink), vec!["abc"; 4]);
    }
    assert_eq!(*source.sent.lock().unwrap(), sent);
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_refused_goes_to_that_sink_alone_and_is_a_letter_again_if_it_is_refused_again() {
    let reject = |n: u32| Step::Write(Err(SinkError::partial("no").reject(n, "no")));
    let (source, dead) = (Numbers::new(1, 3), Scripted::new([]));
    let sinks = [&Scripted::new([]), &Scripted::new([reject(1)])];
    let first = pipeline(&source, false, sinks).dead_letters(dead.clone()).lanes(0).build().unwrap();
    first.run(never()).await.unwrap();
    assert_eq!(dead.messages(), ["1"]);

    let (sinks, again) = ([&Scripted::new([]), &Scripted::new([reject(0)])], Scripted::new([]));
    let outcomes = replay(pipeline(&source, false, sinks).dead_letters(again.clone()), letters(&dead)).await;
    assert_eq!(outcomes, [Ok(Outcome::DeadLettered)]);
    assert_eq!((sinks[0].messages().len(), sinks[1].messages().len()), (0, 0));

    let sinks = [&Scripted::new([]), &Scripted::new([])];
    let outcomes = replay(pipeline(&source, false, sinks).drop_rejected(), letters(&again)).await;
    assert_eq!(outcomes, [Ok(Outcome::Delivered)]);
    assert_eq!((all_seen(sinks[0]).len(), all_seen(sinks[1])), (0, vec!["abc".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_letter_enters_behind_a_source_and_before_a_buffer() {
    let sinks = [&Scripted::new([]), &Scripted::new([])];
    let event = |n: u64| Batch::from_events([&Event::new("log").with("seen", format!("{n}"))]).unwrap();
    let letters = [("in", 1), ("waiting", 2), ("c", 3), ("two", 4)];
    let letters = letters.map(|(name, n)| (name.to_owned(), event(n))).to_vec();
    let source = Numbers::new(1, 1);
    let outcomes = replay(pipeline(&source, false, sinks).drop_rejected(), letters).await;
    assert_eq!(outcomes, vec![Ok(Outcome::Delivered); 4]);
    let sorted = |sink: &Scripted| {
        let mut seen = all_seen(sink);
        seen.sort();
        seen
    };
    assert_eq!(sorted(sinks[0]), ["1abc", "2", "3c"]);
    assert_eq!(sorted(sinks[1]), ["1abc", "3c", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_component_that_is_not_there_is_named_and_the_batch_given_back() {
    let sinks = [&Scripted::new([]), &Scripted::new([])];
    let batch = Batch::from_events([&Event::new("log")]).unwrap();
    let letters = vec![("waitin".to_owned(), batch)];
    let outcomes = replay(pipeline(&Numbers::new(1, 1), false, sinks).drop_rejected(), letters).await;
    let says = "the pipeline has no component `waitin`: did you mean `waiting`?";
    assert_eq!(outcomes, [Err(says.to_owned())]);

    let (out, _receiver) = Output::for_test(Default::default());
    let batch = Batch::from_events([&Event::new("log")]).unwrap();
    let Err(ReplayError::NotReplaying(back)) = out.send_to("in", batch).await else {
        panic!("it is no replay")
    };
    assert_eq!(back.len(), 1);
}

#[test]
fn the_name_of_the_replay_is_taken() {
    let letters = Letters { letters: Vec::new(), outcomes: Arc::default() };
    let builder = Pipeline::builder()
        .source("in", Numbers::new(1, 1))
        .sink("replay", "in", Scripted::new([]))
        .replay(letters);
    let error = builder.drop_rejected().build().err().unwrap();
    assert_eq!(error.problems(), [BuildProblem::DuplicateName("replay".into())]);
}

/// Sends one batch, once.
struct Once {
    batch: Option<Batch>,
    schema: Arc<Schema>,
}

#[async_trait::async_trait]
impl Source for Once {
    async fn run(&mut self, out: Output, _cx: SourceContext) -> Result<(), SourceError> {
        let _receipt = out.send(self.batch.take().unwrap()).await?;
        Ok(())
    }
    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.schema.clone()]
    }
}

#[tokio::test(start_paused = true)]
async fn a_letter_has_the_event_as_it_was_with_its_fields_and_where_it_came_from() {
    let schema = Arc::new(Schema::new("shop").field(FieldSchema::dimension("item", ValueType::Str)));
    let origin = Origin {
        host: Some("h".into()),
        stream: Some("s".into()),
        tags: vec![("zone".into(), "z".into())],
        ..Origin::default()
    };
    let nested = Value::Object([("list".to_owned(), Value::Array(vec![1u64.into(), "x".into()]))].into());
    let mut batch = Batch::default();
    let (ty, row) = (batch.add_type(&schema).unwrap(), batch.add_origin(&Arc::new(origin.clone())).unwrap());
    let observed = Timestamp::from_nanos(5_000_000_001);
    let record = dendro_core::RecordRow { ty, origin: row, observed };
    batch.push_assembled(b"raw \xff text", 77, record).unwrap();
    let mut event = batch.get_mut(0).unwrap();
    event.set_time(Some(Timestamp::from_nanos(3)));
    event.insert("item", "tea").unwrap();
    event.insert("nested", &nested).unwrap();
    event.set_parsed();
    let expected = batch.get(0).unwrap().to_event();

    let dead = Scripted::new([]);
    let sink = Scripted::new([Step::Write(Err(SinkError::reject_all("full")))]);
    let build = |batch: Option<Batch>, sink: &Scripted| {
        Pipeline::line(Once { batch, schema: schema.clone() }).sink(sink.clone())
    };
    build(Some(batch), &sink).dead_letters(dead.clone()).build().unwrap().run(never()).await.unwrap();
    let letter = dead.written.lock().unwrap()[0].clone();
    for (name, value) in [
        ("component", Value::from("sink")),
        ("event_type", Value::from("shop")),
        ("observed", Value::Timestamp(observed)),
        ("event_time", Value::Timestamp(Timestamp::from_nanos(3))),
        ("stream", Value::from("s")),
        ("position", Value::U64(77)),
        ("attempts", Value::U64(1)),
        ("fields", Value::Object(expected.fields.clone())),
    ] {
        assert_eq!(letter.get(name), Some(&value), "{name}");
    }

    /// What a transform before the sink would see of it.
    type Seen = (Event, Option<Origin>, Vec<u8>, u64, Option<Arc<Schema>>);
    let looked: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let look = {
        let looked = looked.clone();
        from_fn(move |batch: &mut Batch| {
            for e in batch.iter() {
                let origin = e.origin().map(|o| (**o).clone());
                let seen = (e.to_event(), origin, e.raw().to_vec(), e.position(), e.schema().cloned());
                looked.lock().unwrap().push(seen);
            }
            Ok(())
        })
    };
    let mut back = letters(&dead);
    back[0].0 = "look".into();
    let mended = Pipeline::builder()
        .source("source", Once { batch: None, schema: schema.clone() })
        .transform("look", "source", look)
        .sink("sink", "look", Scripted::new([]))
        .drop_rejected();
    assert_eq!(replay(mended, back).await, [Ok(Outcome::Delivered)]);
    let seen = looked.lock().unwrap().remove(0);
    assert_eq!(seen, (expected, Some(origin), b"raw \xff text".to_vec(), 77, Some(schema)));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_nobody_has_read_needs_no_frame_in_its_letter() {
    let dead = Scripted::new([]);
    let sink = Scripted::new([Step::Write(Err(SinkError::reject_all("full")))]);
    let pipeline = Pipeline::line(Numbers::new(1, 1)).sink(sink).dead_letters(dead.clone()).build().unwrap();
    pipeline.run(never()).await.unwrap();
    let letter = dead.written.lock().unwrap()[0].clone();
    assert_eq!((letter.get("event"), letter.get("fields")), (None, None));
    assert_eq!(letter.get("source"), Some(&Value::from("source")));
    assert_eq!(letter.get("stream"), Some(&Value::from("s")));
}
