//! A generator of access-log lines that look like a web shop's: something to try a pipeline with.
//!
//! The lines are in nginx's `combined` format. A few paths get most of the traffic, statuses, sizes, agents and
//! referers are mixed as on a small public site, and the addresses are those set aside for documentation (RFC 5737,
//! RFC 3849).
//!
//! ```
//! use dendro_core::pipeline::QueueLimits;
//! use dendro_core::{Output, Source, SourceContext, SystemClock};
//! use dendro_sources::demo::DemoSource;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let (out, sent) = Output::for_test(QueueLimits::default()); // in an application: a pipeline
//! let (cx, _stop) = SourceContext::for_test("demo", std::sync::Arc::new(SystemClock));
//! tokio::spawn(async move { DemoSource::new().unlimited().count(3).run(out, cx).await });
//! let batch = sent.recv().await.unwrap();
//! for event in batch.iter() {
//!     println!("{}", event.get("message").unwrap().as_str().unwrap());
//! }
//! assert_eq!(batch.len(), 3);
//! # }
//! ```

mod lines;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dendro_core::{
    FieldSchema, Output, Receipts, RecordRow, Schema, Source, SourceContext, SourceError, ValueType,
};
use tokio::time::Instant;

use lines::Lines;

/// How much is generated at a time when nothing limits the rate.
const BATCH_EVENTS: u64 = 1_000;
/// With a limit, events are sent together that fall due within this time.
const TICK: Duration = Duration::from_millis(20);

/// Generates access-log lines; see the [module](self).
///
/// The same seed gives the same lines but for their times, which are the pipeline's clock's. Nothing can be replayed.
#[derive(Clone, Debug)]
#[must_use]
pub struct DemoSource {
    rate: Option<f64>,
    left: Option<u64>,
    lines: Lines,
    schema: Arc<Schema>,
    position: u64,
}

impl DemoSource {
    /// 100 events a second without an end.
    pub fn new() -> Self {
        let schema = Schema::new("demo")
            .doc("A generated access-log line in nginx's combined format, before a parser has read it.")
            .field(FieldSchema::attribute("message", ValueType::Str).doc("The line."));
        Self { rate: Some(100.0), left: None, lines: Lines::new(0), schema: Arc::new(schema), position: 0 }
    }

    /// Generates this many events a second; one that is not above zero generates none.
    pub const fn rate(mut self, events_per_second: f64) -> Self {
        self.rate = Some(events_per_second);
        self
    }

    /// Generates as fast as the pipeline takes it.
    pub const fn unlimited(mut self) -> Self {
        self.rate = None;
        self
    }

    /// Ends after this many events.
    pub const fn count(mut self, events: u64) -> Self {
        self.left = Some(events);
        self
    }

    /// Chooses the lines.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.lines = Lines::new(seed);
        self
    }
}

impl Default for DemoSource {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Source for DemoSource {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let mut receipts = Receipts::new();
        let mut pace = Pace::new(self.rate);
        while !cx.is_stopping() && self.left != Some(0) {
            let due = pace.due().min(self.left.unwrap_or(u64::MAX)).min(BATCH_EVENTS);
            if due == 0 {
                tokio::select! {
                    () = cx.stopping() => {}
                    () = pace.wait() => {}
                    _ = receipts.next() => {}
                }
                continue;
            }
            let batch = self.generate(due, &cx)?;
            receipts.push(out.send(batch).await?, ());
            pace.sent += due;
            self.left = self.left.map(|left| left - due);
            while receipts.try_next().is_some() {}
        }
        receipts.drain(out, |(), _| {}).await;
        Ok(())
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.schema.clone()]
    }
}

impl DemoSource {
    fn generate(&mut self, events: u64, cx: &SourceContext) -> Result<dendro_core::Batch, SourceError> {
        let now = cx.now();
        self.lines.set_time(now);
        let mut base = cx.pool().buffer(events as usize * lines::MAX_BYTES);
        let mut ends = [0u32; BATCH_EVENTS as usize];
        let ends = &mut ends[..(events as usize).min(BATCH_EVENTS as usize)];
        for end in ends.iter_mut() {
            self.lines.write(&mut base);
            *end = base.len() as u32;
            base.push(b'\n');
        }
        let base: Bytes = cx.pool().freeze(base);
        let len = base.len() as u64;
        let mut batch = cx.pool().batch(base)?;
        let record = RecordRow {
            ty: batch.add_type(&self.schema)?,
            origin: batch.add_origin(&cx.origin(None))?,
            observed: now,
        };
        let mut start = 0;
        for end in ends.iter().map(|end| *end as usize) {
            batch.push_record(start..end, self.position + start as u64, record);
            start = end + 1;
        }
        self.position += len;
        Ok(batch)
    }
}

/// How many events are due by now.
struct Pace {
    rate: Option<f64>,
    began: Instant,
    sent: u64,
}

impl Pace {
    fn new(rate: Option<f64>) -> Self {
        // The first event is due at once.
        Self { rate: rate.map(|r| if r > 0.0 { r } else { 0.0 }), began: Instant::now(), sent: 0 }
    }

    fn due(&self) -> u64 {
        let Some(rate) = self.rate else { return u64::MAX };
        let due = (self.began.elapsed().as_secs_f64() * rate) as u64 + u64::from(rate > 0.0);
        due.saturating_sub(self.sent)
    }

    async fn wait(&self) {
        match self.rate {
            Some(rate) if rate > 0.0 => {
                let next = self.sent as f64 / rate;
                let next = Duration::try_from_secs_f64(next).unwrap_or(Duration::MAX);
                let at = self.began.checked_add(next).map_or(TICK, |at| at.duration_since(Instant::now()));
                tokio::time::sleep(at.max(TICK)).await;
            }
            _ => std::future::pending().await,
        }
    }
}
