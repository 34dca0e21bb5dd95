//! Metric collectors: sources that ask a service how it is, at an interval.
//!
//! A [`Collector`] knows one service and asks it once; [`CollectSource`] makes a source of it: it keeps the interval,
//! sets a time-out, and says with each scrape whether the service was up. Events are typed as their schemas say: counters
//! are cumulative, as the service counts them, and fall only when it starts anew; everything else is a gauge.
//!
//! ```
//! use std::time::Duration;
//!
//! use dendro_core::{FieldSchema, Schema, ValueType};
//! use dendro_parsers::collect::{CollectError, CollectSource, Collector, Scrape};
//! use std::sync::Arc;
//!
//! /// Counts the users who are logged in.
//! struct Users(Arc<Schema>);
//!
//! #[async_trait::async_trait]
//! impl Collector for Users {
//!     fn name(&self) -> &str {
//!         "users"
//!     }
//!     fn schemas(&self) -> Vec<Arc<Schema>> {
//!         vec![self.0.clone()]
//!     }
//!     async fn collect(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
//!         scrape.event(&self.0, |event| event.insert("logged_in", 2u64))
//!     }
//! }
//!
//! let schema = Schema::new("users").field(FieldSchema::gauge("logged_in", ValueType::U64).doc("Users."));
//! let source = CollectSource::new(Users(schema.into()), Duration::from_secs(10));
//! # let _ = source;
//! ```
//!
//! # What is up
//! Each attempt gives one event of type `collector_up`: with `up = 1` and what the service has told, or with `up = 0` and the
//! error, and nothing else, so that half a scrape is never taken for a whole one. After a failure there is one attempt
//! at the next interval, then they get rarer, up to [`max_backoff`](CollectSource::max_backoff); the first that succeeds ends that.
//!
//! # What is lost
//! Nothing can be asked for a second time: a scrape that was sent and not delivered is gone, and the source says that it
//! can't replay. Counters go on from where they were, so that only resolution is lost. While the pipeline is full, scrapes are left out.
//!
//! # Secrets
//! Passwords are [`Secret`]s, which print as `***`; they are part of no event and of no error.

#[cfg(feature = "apache_metrics")]
pub mod apache;
mod collector;
#[cfg(feature = "host_metrics")]
pub mod host;
#[cfg(feature = "_http")]
mod http;
#[cfg(feature = "nginx_metrics")]
mod json;
#[cfg(feature = "mongodb_metrics")]
pub mod mongodb;
#[cfg(feature = "mysql_metrics")]
pub mod mysql;
#[cfg(feature = "nginx_metrics")]
pub mod nginx;
#[cfg(feature = "postgres_metrics")]
pub mod postgres;
#[cfg(feature = "redis_metrics")]
pub mod redis;
mod scrape;
mod source;
#[cfg(any(feature = "host_metrics", feature = "mongodb_metrics", feature = "_net"))]
#[allow(dead_code, reason = "each service uses a part of it")]
mod table;

pub use collector::{CollectError, Collector};
pub use dendro_core::Secret;
#[cfg(feature = "_tls")]
pub use dendro_net::Tls;
pub use scrape::Scrape;
pub use source::CollectSource;
