use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dendro_core::pipeline::{OutputReceiver, QueueLimits, StopSwitch};
use dendro_core::{
    Clock, Event, ManualClock, Outcome, Output, Role, Source, SourceContext, SourceError, Timestamp, Value,
};
use dendro_sources::metrics::{MetricsRecorder, MetricsSource};
use metrics::{Unit, counter, describe_gauge, describe_histogram, gauge, histogram, with_local_recorder};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const NOW: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);
const TEN: Duration = Duration::from_secs(10);

/// A wall clock that goes with tokio's paused one.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        NOW.saturating_add(self.0.elapsed().into())
    }
}

fn start(mut source: MetricsSource) -> (JoinHandle<Result<(), SourceError>>, OutputReceiver, StopSwitch) {
    let (out, sent) = Output::for_test(QueueLimits::default());
    let (cx, stop) = SourceContext::for_test("metrics", Arc::new(Paused(Instant::now())));
    (tokio::spawn(async move { source.run(out, cx).await }), sent, stop)
}

/// The next sample, by name and labels.
async fn sample(sent: &OutputReceiver) -> BTreeMap<String, Event> {
    let mut batch = sent.recv().await.unwrap();
    batch.take_acks().resolve(Outcome::Delivered);
    batch.iter().map(|e| (e.get("metric").unwrap().as_str().unwrap().to_owned(), e.to_event())).collect()
}

fn record(recorder: &MetricsRecorder, f: impl FnOnce()) {
    with_local_recorder(recorder, f);
}

#[tokio::test(start_paused = true)]
async fn counters_are_cumulative_gauges_are_as_they_stand_and_labels_are_dimensions() {
    let source = MetricsSource::new(TEN);
    let recorder = source.recorder();
    record(&recorder, || {
        describe_gauge!("depth", Unit::Bytes, "how deep");
        counter!("orders", "shop" => "berlin", "unit" => "x").increment(2);
        gauge!("depth").set(1.5);
    });
    let (_run, sent, _stop) = start(source);
    let first = sample(&sent).await;
    record(&recorder, || {
        counter!("orders", "shop" => "berlin", "unit" => "x").increment(3);
        gauge!("depth").decrement(2.0);
    });
    let second = sample(&sent).await;
    let times: Vec<_> = [&first, &second].map(|s| s["orders"].time.unwrap().since(NOW).as_secs_f64()).into();
    assert_eq!(times, [10.0, 20.0]);
    let orders = &second["orders"];
    let names: Vec<&str> = orders.fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["counter", "label_unit", "metric", "shop"]);
    assert_eq!(
        (first["orders"].get("counter"), orders.get("counter")),
        (Some(&Value::U64(2)), Some(&Value::U64(5)))
    );
    assert_eq!(orders.get("shop"), Some(&Value::from("berlin")));
    assert_eq!(
        (first["depth"].get("gauge"), second["depth"].get("gauge")),
        (Some(&1.5.into()), Some(&(-0.5).into()))
    );
    assert_eq!(second["depth"].get("unit"), Some(&Value::from("By")));
    assert_eq!(orders.event_type, "metric");
}

#[tokio::test(start_paused = true)]
async fn series_that_differ_in_a_label_are_events_of_their_own() {
    let source = MetricsSource::new(TEN);
    let recorder = source.recorder();
    record(&recorder, || {
        counter!("orders", "shop" => "a").increment(1);
        counter!("orders", "shop" => "b").increment(2);
        gauge!("orders").set(3);
    });
    let (_run, sent, _stop) = start(source);
    let batch = sent.recv().await.unwrap();
    assert_eq!(batch.len(), 3);
    let schema = batch.get(0).unwrap().schema().unwrap().clone();
    assert_eq!(schema.get("shop").unwrap().role, Role::Dimension);
    for e in batch.iter() {
        assert!(e.fields().all(|(name, _)| schema.get(name).is_some()), "{e:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn histograms_come_as_sketches_with_count_and_sum() {
    let source = MetricsSource::new(TEN);
    let recorder = source.recorder();
    record(&recorder, || {
        describe_histogram!("took", Unit::Seconds, "how long");
        let took = histogram!("took");
        (1..=1_000).for_each(|n| took.record(f64::from(n) / 1_000.0));
    });
    let (_run, sent, _stop) = start(source);
    let took = &sample(&sent).await["took"];
    let Some(Value::Sketch(sketch)) = took.get("sketch") else { panic!("{took:?}") };
    let median = sketch.quantile(0.5).unwrap();
    assert!((median - 0.5).abs() < 0.025, "{median}");
    assert_eq!((took.get("count"), sketch.count()), (Some(&Value::U64(1_000)), 1_000));
    assert!(matches!(took.get("sum"), Some(Value::F64(sum)) if (sum - 500.5).abs() < 1e-6));
    assert_eq!(took.get("unit"), Some(&Value::from("s")));
}

#[tokio::test(start_paused = true)]
async fn a_histogram_with_bounds_keeps_to_them() {
    let source = MetricsSource::new(TEN).bounds("took", &[1.0, 0.1, 1.0]);
    let recorder = source.recorder();
    record(&recorder, || {
        let took = histogram!("took");
        [0.1, 0.5, 2.0].iter().for_each(|v| took.record(*v));
        took.record_many(0.05, 3);
    });
    let (_run, sent, _stop) = start(source);
    let took = &sample(&sent).await["took"];
    let Some(Value::Histogram(histogram)) = took.get("histogram") else { panic!("{took:?}") };
    assert_eq!((histogram.bounds(), histogram.counts()), (vec![0.1, 1.0], vec![4, 1, 1]));
    assert_eq!(took.get("count"), Some(&Value::U64(6)));
}

#[tokio::test(start_paused = true)]
async fn there_is_a_last_sample_when_it_stops() {
    let source = MetricsSource::new(Duration::from_secs(3_600));
    let recorder = source.recorder();
    let (run, sent, stop) = start(source);
    tokio::time::sleep(TEN).await;
    record(&recorder, || counter!("late").increment(1));
    stop.stop();
    let mut batch = sent.recv().await.unwrap();
    assert_eq!(batch.get(0).unwrap().get("metric").unwrap().as_str(), Some("late"));
    assert!(!run.is_finished(), "it waits for its receipts");
    batch.take_acks().resolve(Outcome::Delivered);
    run.await.unwrap().unwrap();
    assert!(sent.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn without_series_nothing_is_sent() {
    let (run, sent, stop) = start(MetricsSource::new(TEN));
    tokio::time::sleep(Duration::from_secs(60)).await;
    stop.stop();
    assert!(sent.recv().await.is_none());
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn series_about_the_pipeline_are_marked_and_others_are_not() {
    let source = MetricsSource::new(TEN);
    record(&source.recorder(), || {
        counter!("dendro_events_in_total", "component" => "x", "kind" => "sink").increment(1);
        counter!("dendrology_total").increment(1);
    });
    let (_run, sent, _stop) = start(source);
    let batch = sent.recv().await.unwrap();
    let marked: Vec<&str> =
        batch.iter().filter(|e| e.is_self()).map(|e| e.get("metric").unwrap().as_str().unwrap()).collect();
    assert_eq!((marked, batch.len()), (vec!["dendro_events_in_total"], 2));
}

#[tokio::test(start_paused = true)]
async fn an_idle_series_is_forgotten_unless_somebody_has_its_handle() {
    let source = MetricsSource::new(TEN).idle_timeout(Duration::from_secs(25));
    let recorder = source.recorder();
    let held = std::cell::RefCell::new(None);
    record(&recorder, || {
        *held.borrow_mut() = Some(counter!("held"));
        counter!("left").increment(1);
        gauge!("gauge_left").set(1);
        histogram!("histogram_left").record(1);
    });
    let (_run, sent, _stop) = start(source);
    let mut seen = Vec::new();
    for round in 0..6 {
        let sample = sample(&sent).await;
        seen.push(sample.len());
        if round == 1 {
            record(&recorder, || counter!("left").increment(1));
        }
        assert!(sample.contains_key("held"));
    }
    // Seen first at 10 s, changed once more at 30 s: gone after 40 s and 60 s.
    assert_eq!(seen, [4, 4, 4, 4, 2, 2]);
    record(&recorder, || counter!("left").increment(7));
    held.borrow().as_ref().unwrap().increment(3);
    let sample = sample(&sent).await;
    assert_eq!(sample["left"].get("counter"), Some(&Value::U64(7)), "it begins anew");
    assert_eq!(sample["held"].get("counter"), Some(&Value::U64(3)));
}

#[tokio::test(start_paused = true)]
async fn while_the_pipeline_is_full_samples_are_left_out() {
    let source = MetricsSource::new(TEN);
    let recorder = source.recorder();
    record(&recorder, || counter!("n").increment(1));
    let mut limits = QueueLimits::default();
    limits.max_events = 1;
    let (out, sent) = Output::for_test(limits);
    let (cx, _stop) = SourceContext::for_test("metrics", Arc::new(ManualClock::new(NOW)));
    let mut source = source;
    let _run = tokio::spawn(async move { source.run(out, cx).await });
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    record(&recorder, || counter!("n").increment(1));
    let mut values = Vec::new();
    for _ in 0..4 {
        values.push(sample(&sent).await["n"].get("counter").cloned().unwrap());
    }
    assert_eq!(values, [1u64, 1, 2, 2].map(Value::U64));
}

#[tokio::test(start_paused = true)]
async fn many_series_are_several_batches() {
    let source = MetricsSource::new(TEN);
    record(&source.recorder(), || {
        (0..10_000).for_each(|n| counter!("n", "id" => n.to_string()).increment(n));
    });
    let (_run, sent, stop) = start(source);
    let mut lens = Vec::new();
    for _ in 0..3 {
        lens.push(sent.recv().await.unwrap().len());
    }
    stop.stop();
    assert_eq!(lens, [4_096, 4_096, 1_808]);
}
