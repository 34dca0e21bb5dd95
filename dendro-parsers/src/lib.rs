//! Log formats of the services that Dendro knows, as transforms with a published schema.
//!
//! A parser fills the fields of events from their raw text, in place: what stands in the text as it is, is
//! not copied, and nothing is allocated for an event. Fields are named as their server names them; the schema carries OpenTelemetry's name, the unit and the role beside.
//! A record that is not of the format goes to the dead letters with the [reason and the position](Refused).
//!
//! ```
//! use bytes::Bytes;
//! use dendro_core::{Batch, RecordRow, Schema, Timestamp, Transform};
//! use dendro_parsers::nginx::NginxAccess;
//!
//! let line = r#"192.0.2.7 - - [20/Nov/2026:16:59:47 -0330] "GET /a?b HTTP/1.1" 200 153 "-" "curl/8.14.1""#;
//! let mut batch = Batch::new(Bytes::from_static(line.as_bytes())).unwrap();
//! let ty = batch.add_type(&Schema::new("log").into()).unwrap();
//! batch.push_record(0..line.len(), 0, RecordRow { ty, origin: 0, observed: Timestamp::EPOCH });
//!
//! NginxAccess::combined().transform(&mut batch).unwrap();
//! let event = batch.get(0).unwrap();
//! assert_eq!(event.event_type(), "nginx_access");
//! assert_eq!(event.time().unwrap().to_string(), "2026-11-20T20:29:47.000000000Z");
//! assert_eq!(event.get("path").unwrap().as_str(), Some("/a"));
//! assert_eq!(event.get("status").unwrap().as_u64(), Some(200));
//! assert!(event.get("http_referer").unwrap().is_null());
//! ```
//!
//! # Writing a parser
//!
//! [`nginx`] is the pattern. A format has a module that finds the places of its fields in a record and knows
//! nothing of batches, one with its schema, and one with the transform that brings the two together through
//! [`Batch::parse_each`](dendro_core::Batch::parse_each). What formats have in common stands beside:
//! [`clf_time`], [`escapes`], [`http_request`], [`numbers`]. [`formats`] is where tools find a format by its name.

pub mod apache;
pub mod aws;
pub mod clf_time;
#[cfg(feature = "collect")]
pub mod collect;
mod continued;
pub mod csv;
mod decimal;
pub mod escapes;
pub mod formats;
pub mod http_request;
mod inferred;
pub mod json;
pub mod jvm_gc;
pub mod key_value;
mod log_format;
pub mod logfmt;
pub mod mongodb;
pub mod mysql;
pub mod nginx;
pub mod numbers;
#[cfg(any(feature = "regex", feature = "grok"))]
pub mod patterns;
pub mod postgres;
mod record_time;
mod refused;
mod scan;
mod streams;
pub mod syslog;
pub mod timestamp;
mod zone;
mod zone_names;

pub use log_format::LogFormatError;
pub use refused::Refused;
pub use zone::{UnknownZone, Zone};
