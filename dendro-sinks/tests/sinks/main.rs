//! The sinks, over the real files and servers that they write to.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

#[path = "../../../dendro-parsers/tests/certificates/mod.rs"]
mod certificates;
mod conformance;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod http_conformance;
#[cfg(all(feature = "http", target_os = "linux"))]
mod http_nginx;
mod http_server;
#[cfg(feature = "influxdb")]
mod influxdb;
#[path = "../../../dendro-parsers/tests/live/mod.rs"]
mod live;
