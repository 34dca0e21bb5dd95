//! The telemetry pipeline that you link: logs and metrics in, typed time series out, nothing lost.
//!
//! A pipeline is made of three kinds of components. **Sources** bring bytes and events in, **transforms** turn them into
//! typed events and change those, **sinks** take them to where they are queried. Between them the driver batches, retries,
//! acknowledges and keeps order, so that components hold only mechanism and an author cannot forget any of it.
//!
//! # A first pipeline
//! An access log to one JSON object a request. Lines that are not access-log lines go to the dead letters, with the reason.
//!
//! ```
//! use dendro::Pipeline;
//! use dendro::parsers::nginx::NginxAccess;
//! use dendro::sinks::MemorySink;
//! use dendro::sources::FileSource;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let log = folder.path().join("access.log");
//! std::fs::write(&log, concat!(
//!     "192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] \"GET /shop?q=tea HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"\n",
//!     "this is no access log\n",
//! ))?;
//!
//! let (requests, letters) = (MemorySink::new(), MemorySink::new());
//! let report = Pipeline::line(FileSource::new(&log).follow(false))
//!     .transform(NginxAccess::combined())
//!     .sink(requests.clone())
//!     .dead_letters(letters.clone())
//!     .build()?
//!     .run(std::future::pending()) // a future that says when to stop: here the file's end does
//!     .await?;
//!
//! let request = &requests.events()[0];
//! assert_eq!(request.event_type, "nginx_access");
//! assert_eq!(request.get("status"), Some(&dendro::Value::U64(200)));
//! assert_eq!(request.get("path"), Some(&dendro::Value::from("/shop")));
//! assert_eq!(letters.events()[0].get("raw"), Some(&dendro::Value::from("this is no access log")));
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! # What flows
//! An [`EventRef`] looks at one event of a [`Batch`]: a time, a type (the table it belongs to) and named fields. A [`Schema`]
//! says what the fields of a type are: dimension, measure or attribute, with unit and OpenTelemetry name. [`Event`] is the
//! owned form for tests and application code. The [`batch`] module tells how a batch lies in memory and how it becomes a frame.
//!
//! # What is promised
//! - Every event ends delivered, in the dead letters with its raw text and the reason, dropped by the user's choice and counted, or it
//!   is still with its source. The source stores a checkpoint only when what lies before it is settled: [`ack`] tells how.
//! - Delivery is at least once; the events of one stream (a file, a connection) stay in order.
//! - Memory is bounded by events and bytes in front of every component, and by a [`MemoryBudget`] that several pipelines can
//!   share. A sink that is down stops the source.
//! - A panic in a component fails its batch and is reported with the component's name; it never ends the process. (Built with `panic = "abort"`
//!   there is nothing to catch: recovery is by restart.)
//! - Nothing is spawned before [`Pipeline::run`], nothing global is installed, transforms run on threads of the pipeline and not
//!   on the application's async workers.
//!
//! # Where to go on
//! - [`Pipeline`] and [`PipelineBuilder`]: lines and graphs, ports, dead letters, limits, shutdown, statistics.
//! - [`sources`], [`parsers`], [`transforms`], [`sinks`]: what there is to build with.
//! - `parsers::collect`: metrics of the host and of services, and how to write a collector.
//! - [`Source`], [`Transform`], [`Sink`], [`Framer`]: how to write one's own; [`filter`], [`map`], [`filter_map`] and [`sink_fn`]
//!   are enough for small things. The repository's `examples/` has one for each.
//!
//! # Features
//! | feature | what | default |
//! |---|---|---|
//! | `file` | the file source and sink, with gzip and zstd | yes |
//! | `buffer` | the disk buffer | yes |
//! | `http` | the sink that sends events to a web server | no |
//! | `parsers` | the log parsers | yes |
//! | `tracing` | the application's `tracing` events and spans as a source; the pipeline's own spans | no |
//! | `metrics` | the `metrics` facade's registry as a source; the pipeline's own counters through it | no |
//! | `rate_limit` | limits of how fast a sink writes (`SinkSettings::rate`) | no |
//! | `grok` | grok patterns among the log parsers | no |
//! | `host_metrics`, `nginx_metrics`, `apache_metrics`, `redis_metrics` | the host, and what these services say of themselves, as sources | no |
//! | `postgres_metrics`, `mysql_metrics`, `mongodb_metrics` | the same of databases; each brings a driver | no |
//! | `collectors` | all of these sources | no |
//! | `full` | all of them | no |

pub use dendro_core::*;

#[cfg(feature = "buffer")]
pub use dendro_buffer as buffers;
#[cfg(feature = "parsers")]
pub use dendro_parsers as parsers;
pub use dendro_sinks as sinks;
pub use dendro_sources as sources;
pub use dendro_transforms as transforms;

/// Compiles the README's example with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
