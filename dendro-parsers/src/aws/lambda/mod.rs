//! Lambda: what functions and the platform that runs them log.

mod framer;
mod json;
mod log;
mod schema;
mod terms;
mod text;
mod writer;

pub use framer::LambdaLines;
pub use log::LambdaLog;
