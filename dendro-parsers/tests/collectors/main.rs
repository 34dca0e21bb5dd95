//! The metric collectors, against real servers.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

#[cfg(all(feature = "apache_metrics", target_os = "linux"))]
mod apache_metrics;
#[path = "../certificates/mod.rs"]
mod certificates;
mod collect;
mod collect_support;
#[cfg(all(feature = "host_metrics", target_os = "linux"))]
mod host_metrics;
#[path = "../live/mod.rs"]
mod live;
#[cfg(target_os = "linux")]
mod live_servers;
#[cfg(feature = "mongodb_metrics")]
mod mongodb_metrics;
#[cfg(all(feature = "mysql_metrics", target_os = "linux"))]
mod mysql_metrics;
#[cfg(all(feature = "nginx_metrics", target_os = "linux"))]
mod nginx_metrics;
#[cfg(all(feature = "postgres_metrics", target_os = "linux"))]
mod postgres_metrics;
#[cfg(all(feature = "redis_metrics", target_os = "linux"))]
mod redis_metrics;
