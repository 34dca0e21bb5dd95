//! The error log.

mod json;
mod line;
mod schema;
mod transform;

pub(super) use line::begins;
pub use transform::MysqlError;
