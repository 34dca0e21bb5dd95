//! The slow query log.

mod entry;
mod fields;
mod framer;
mod quotes;
mod shapes;
mod transform;
mod values;

pub(super) use framer::SlowFramer;
pub use transform::MysqlSlow;
