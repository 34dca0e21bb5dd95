//! Transports out of a Dendro pipeline: they know destinations, not services.
//!
//! | sink | writes to | acknowledges |
//! |---|---|---|
//! | [`ConsoleSink`] | stdout, stderr or any writer, as JSON, logfmt or for reading | when the writer has taken it |
//! | [`FileSink`] | NDJSON files by a path template, rotated, compressed | by its [`Fsync`](file::Fsync) policy |
//! | `HttpSink` (feature `http`) | a web server, as NDJSON or a JSON array | when the server says so |
//! | `InfluxDbSink` (feature `influxdb`) | InfluxDB 1, 2, 3, Timestream for InfluxDB, as line protocol | when the server says so |
//! | [`MemorySink`] | a handle that tests and applications read | at once |
//! | [`BlackholeSink`] | nothing; counts | at once |
//!
//! None of them blocks the async workers: what may wait for a device runs on tokio's blocking threads.

mod blackhole;
#[cfg(any(feature = "file", feature = "http"))]
mod compression;
pub mod console;
#[cfg(feature = "influxdb")]
mod distinct;
mod encode;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "influxdb")]
pub mod influxdb;
mod memory;

pub use blackhole::BlackholeSink;
pub use console::ConsoleSink;
#[cfg(feature = "file")]
pub use file::FileSink;
#[cfg(feature = "http")]
pub use http::HttpSink;
#[cfg(feature = "influxdb")]
pub use influxdb::InfluxDbSink;
pub use memory::MemorySink;
