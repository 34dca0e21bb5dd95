//! Events to a web server: each write is one request with newline-delimited JSON or a JSON array.
//!
//! ```
//! use std::time::Duration;
//! use dendro_core::Secret;
//! use dendro_sinks::http::{Compression, Encoding, HttpSink};
//!
//! let sink = HttpSink::builder("https://logs.example.com/ingest")
//!     .encoding(Encoding::JsonArray)
//!     .compression(Compression::Zstd(3))
//!     .bearer(Secret::new("from a file or the environment"))
//!     .header("x-team", "web")
//!     .request_timeout(Duration::from_secs(10))
//!     .build()?;
//! # let _ = sink;
//! # Ok::<(), dendro_sinks::http::InvalidHttpSink>(())
//! ```
//!
//! # The request
//! `POST` unless told otherwise, over HTTP/1.1 with kept connections. Each event is the JSON object of
//! [`dendro_core::json`]. The same events are sent with the same bytes and the same id when the outcome of an attempt is not
//! known:
//!
//! | header | |
//! |---|---|
//! | `Content-Type` | `application/x-ndjson` or `application/json`, unless given |
//! | `Content-Encoding` | `gzip` or `zstd`, where there is [compression](HttpSinkBuilder::compression) |
//! | `Idempotency-Key` | the id of the write; of a part of it, with the range of its events behind it |
//! | `Dendro-Attempt` | 1, 2, ... |
//!
//! What is longer than [`max_body_bytes`](HttpSinkBuilder::max_body_bytes) is sent as several requests, one after the other.
//!
//! # What an answer means
//! | status | [`StatusAction`] unless told otherwise by [`on_status`](HttpSinkBuilder::on_status) |
//! |---|---|
//! | 2xx | the events are delivered |
//! | 408, 409, 421, 423, 425, 429, 5xx without 501 and 505 | try again, not before `Retry-After` (seconds or a date; at most [`max_retry_after`](HttpSinkBuilder::max_retry_after)) |
//! | 3xx, 401, 402, 403, 407 | hold: try again at [`hold_interval`](HttpSinkBuilder::hold_interval), and tell the user. A token that has expired must not cost an event |
//! | 413 | halve the request, until one event alone is too large, which is rejected |
//! | 501, 505, every other 4xx | rejected: the events go to the dead letters, with the status and the beginning of the answer |
//!
//! Redirects are not followed: most of them turn a `POST` into a `GET`, which is answered with 200 and has delivered nothing, and
//! credentials would go where nobody has sent them. The message names the place that the server has given.
//!
//! Without an answer (no connection, a time-out, a reset) nobody knows whether the events were taken: they are sent again with
//! the same id. A kept connection that the server has closed in the meantime is replaced at once where that can't
//! duplicate anything: nothing of the request was sent, or its method is `PUT`.
//!
//! # Partial failure
//! With [`partial_answers`](HttpSinkBuilder::partial_answers) a success may say in its body (`application/json`, at most 1 MiB) what
//! of the request has failed, by the events' numbers in it, from 0:
//!
//! ```json
//! {"rejected": [{"index": 3, "reason": "no such table"}], "retry": [4, 7]}
//! ```
//!
//! Rejected events go to the dead letters, those to be tried again are sent again alone, all others are delivered. Either
//! name may be missing, and others are ignored. A body of another shape is no answer: what it says about which events is not known, so
//! all are sent again.
//!
//! # Credentials
//! Header values are [`Secret`](dendro_core::Secret)s, and of the URL only scheme, host and port are shown, since a path or query
//! may hold a token too. A user and password within the URL are refused.

pub(crate) mod answer;
pub(crate) mod body;
mod builder;
pub(crate) mod client;
mod connection;
pub(crate) mod format;
mod json;
mod kept;
pub(crate) mod requests;
mod retry_after;
mod sink;
pub(crate) mod status;
mod target;

pub use crate::compression::Compression;
pub use builder::{HttpSinkBuilder, InvalidHttpSink};
pub use dendro_net::Tls;
pub use json::Encoding;
pub use sink::HttpSink;
pub use status::StatusAction;

/// What fuzzing needs to reach, and nobody else.
#[doc(hidden)]
pub mod fuzz {
    pub use super::answer::check as partial_answer;
    pub use super::retry_after::check as retry_after;
}
