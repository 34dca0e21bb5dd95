//! MySQL, MariaDB and Percona Server: the slow query log and the error log.
//!
//! From the manuals and the source of the servers: `sql/log.cc` of MySQL 5.0 to 8.4, of Percona Server 5.7 and of MariaDB, checked
//! against logs that MariaDB 10.11 wrote. What MySQL's JSON error log calls its values (`log_sink_json`, 8.0) are the names of the
//! error log's fields.

mod error;
mod formats;
mod slow;
mod time;

pub use error::MysqlError;
pub(crate) use formats::FORMATS;
pub use slow::MysqlSlow;
