//! PostgreSQL: [`PostgresStats`] reads the server's statistics views.
//!
//! From the documentation of the [cumulative statistics system](https://www.postgresql.org/docs/current/monitoring-stats.html),
//! PostgreSQL 12 to 18; checked against PostgreSQL 15. What a version does not have is missing in its events.

mod connection;
mod queries;
mod relations;
mod stats;
mod tls;

pub use stats::PostgresStats;
