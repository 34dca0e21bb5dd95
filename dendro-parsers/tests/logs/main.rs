//! The log formats: by cases, round trips and traps, on real logs, and on logs that servers write here.
#![allow(clippy::print_stderr, clippy::unwrap_used, missing_docs)]

mod access_log_round_trip;
mod apache_access;
mod apache_access_traps;
mod apache_error;
mod aws_cloudfront;
mod aws_cloudwatch;
mod aws_elb;
mod aws_lambda;
mod conformance;
mod corpora;
mod csv;
mod error_round_trip;
mod json;
mod jvm_gc;
mod key_value;
#[path = "../live/mod.rs"]
mod live;
#[cfg(target_os = "linux")]
mod live_error_logs;
#[cfg(target_os = "linux")]
mod live_logs;
mod logfmt;
mod mongodb;
mod mysql_corpora;
mod mysql_error_traps;
mod mysql_slow_traps;
mod nginx_error;
mod nginx_log_format;
mod nginx_log_format_traps;
mod nginx_round_trip;
mod nginx_traps;
mod patterns;
mod postgres;
mod postgres_corpora;
mod reference;
mod support;
mod syslog;
mod syslog_round_trip;
mod syslog_traps;
mod timestamp;
