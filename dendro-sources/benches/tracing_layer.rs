//! What an event costs the thread on which it happens: the layer against `fmt`'s, in one run; and what the source
//! then spends on it.
//!
//! `cargo bench -p dendro-sources --features tracing --bench tracing_layer`
//!
//! The times are of 1,000 events. Between the samples, not timed, the layer's buffer is drained, so nothing is shed.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::pipeline::{OutputReceiver, QueueLimits, StopSwitch};
use dendro_core::{Outcome, Output, Source, SourceContext, SystemClock};
use dendro_sources::tracing::{Settings, TracingStats};
use divan::Bencher;
use tokio::runtime::Runtime;
use tracing::{Dispatch, Subscriber, info, info_span};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

const EVENTS: u64 = 1_000;

fn main() {
    divan::main();
}

/// Who records.
#[derive(Clone, Copy, Debug)]
enum Target {
    Dendro,
    FmtSink,
    FmtFile,
}

const ALL: [Target; 3] = [Target::Dendro, Target::FmtSink, Target::FmtFile];

#[divan::bench(args = ALL, sample_count = 300, sample_size = 1)]
fn plain_message(bencher: Bencher<'_, '_>, target: Target) {
    run(bencher, target, || info!("the order was taken"));
}

#[divan::bench(args = ALL, sample_count = 300, sample_size = 1)]
fn five_fields(bencher: Bencher<'_, '_>, target: Target) {
    let path = String::from("/products/4711");
    run(bencher, target, || {
        info!(status = 200u64, took_ms = 1.25, path = %path, cached = true, user = "ann", "the request was answered");
    });
}

#[divan::bench(args = ALL, sample_count = 300, sample_size = 1)]
fn five_fields_in_two_spans(bencher: Bencher<'_, '_>, target: Target) {
    let path = String::from("/products/4711");
    let under = Subject::new(target);
    tracing::dispatcher::with_default(&under.dispatch, || {
        let _outer = info_span!("request", method = "GET", peer = "192.0.2.7").entered();
        let _inner = info_span!("query", table = "products").entered();
        under.bench(bencher, || {
            info!(status = 200u64, took_ms = 1.25, path = %path, cached = true, user = "ann", "the request was answered");
        });
    });
}

#[divan::bench(args = ALL, sample_count = 300, sample_size = 1)]
fn a_span_opened_entered_and_closed(bencher: Bencher<'_, '_>, target: Target) {
    run(bencher, target, || {
        let _span = info_span!("request", method = "GET", peer = "192.0.2.7").entered();
    });
}

/// What the source spends on 1,000 events: from the buffer to batches in the pipeline.
#[divan::bench(sample_count = 300, sample_size = 1)]
fn source_five_fields(bencher: Bencher<'_, '_>) {
    let under = Subject::new(Target::Dendro);
    let path = String::from("/products/4711");
    let events = || {
        tracing::dispatcher::with_default(&under.dispatch, || {
            (0..EVENTS).for_each(|_| {
                info!(status = 200u64, took_ms = 1.25, path = %path, cached = true, user = "ann", "the request was answered");
            });
        });
    };
    bencher.with_inputs(events).bench_local_values(|()| under.drain());
}

fn run(bencher: Bencher<'_, '_>, target: Target, event: impl Fn()) {
    let under = Subject::new(target);
    tracing::dispatcher::with_default(&under.dispatch, || under.bench(bencher, event));
}

struct Subject {
    dispatch: Dispatch,
    source: Option<Running>,
}

/// The source on a runtime that gets on only while it is being drained.
struct Running {
    runtime: Runtime,
    sent: OutputReceiver,
    stats: TracingStats,
    received: RefCell<u64>,
    _stop: StopSwitch,
}

impl Subject {
    fn new(target: Target) -> Self {
        let fmt = |dispatch| Self { dispatch, source: None };
        match target {
            Target::Dendro => Self::dendro(),
            Target::FmtSink => fmt(Dispatch::new(fmt_layer(io::sink))),
            Target::FmtFile => {
                // As `fmt` writes to a file: one write for each event.
                let file = tempfile::tempfile().expect("a temporary file");
                fmt(Dispatch::new(fmt_layer(Mutex::new(file))))
            }
        }
    }

    fn dendro() -> Self {
        let (layer, mut source) = Settings::new().capacity_bytes(64 << 20).linger(Duration::ZERO).layer();
        let stats = layer.stats();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (out, sent) = Output::for_test(QueueLimits::default());
        let (cx, stop) = SourceContext::for_test("app", Arc::new(SystemClock));
        runtime.spawn(async move { source.run(out, cx).await });
        let running = Running { runtime, sent, stats, received: RefCell::new(0), _stop: stop };
        Self { dispatch: Dispatch::new(tracing_subscriber::registry().with(layer)), source: Some(running) }
    }

    fn bench(&self, bencher: Bencher<'_, '_>, event: impl Fn()) {
        bencher.with_inputs(|| self.drain()).bench_local_values(|()| (0..EVENTS).for_each(|_| event()));
        self.drain();
    }

    fn drain(&self) {
        let Some(running) = &self.source else { return };
        assert_eq!(running.stats.shed(), 0, "shedding would be cheaper than recording");
        running.runtime.block_on(async {
            while *running.received.borrow() < running.stats.recorded() {
                let mut batch = running.sent.recv().await.expect("a batch");
                *running.received.borrow_mut() += batch.len() as u64;
                batch.take_acks().resolve(Outcome::Delivered);
            }
        });
    }
}

fn fmt_layer<W>(writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer))
}
