//! The application's own metrics, from the `metrics` facade, sampled at an interval.
//!
//! [`MetricsSource::recorder`] gives the recorder that the application installs; Dendro installs none.
//!
//! ```
//! use std::time::Duration;
//!
//! use dendro_core::pipeline::QueueLimits;
//! use dendro_core::{Output, Source, SourceContext, SystemClock};
//! use dendro_sources::metrics::MetricsSource;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut source = MetricsSource::new(Duration::from_secs(10));
//! let recorder = source.recorder();
//!
//! // In an application: `metrics::set_global_recorder(recorder)`, once.
//! metrics::with_local_recorder(&recorder, || {
//!     metrics::counter!("orders_total", "shop" => "berlin").increment(3);
//! });
//!
//! // In an application the pipeline does this part.
//! let (out, sent) = Output::for_test(QueueLimits::default());
//! let (cx, stop) = SourceContext::for_test("metrics", std::sync::Arc::new(SystemClock));
//! tokio::spawn(async move { source.run(out, cx).await });
//! stop.stop(); // there is a last sample
//! let batch = sent.recv().await.ok_or("no batch")?;
//! let event = batch.get(0).ok_or("no event")?;
//! assert_eq!(event.get("metric").and_then(|v| v.as_str()), Some("orders_total"));
//! assert_eq!(event.get("shop").and_then(|v| v.as_str()), Some("berlin"));
//! assert_eq!(event.get("counter").and_then(|v| v.as_u64()), Some(3));
//! # Ok(()) }
//! ```
//!
//! # Events
//! One of type `metric` for each series and sample: `metric` is its name, `unit` the unit if it was described with one
//! (UCUM), each label is a field of its own (one with the name of another field here is called `label_unit`, and so on), and
//! the value is `counter` (cumulative), `gauge`, or for a histogram `count`, `sum` (both cumulative) and the distribution:
//! `sketch` with a relative error of at most 4.4%, or `histogram` where [`MetricsSource::bounds`] were given.
//!
//! Series whose names begin with `dendro_` are about the pipeline: their events carry its mark.

mod distribution;
mod recorder;
mod source;

pub use recorder::MetricsRecorder;
pub use source::MetricsSource;
