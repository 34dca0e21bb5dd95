//! Logs of the garbage collectors of HotSpot JVMs: unified logging (JDK 9 and later), and `-XX:+PrintGCDetails` of JDK 8.
//!
//! From JEP 158, the documentation of `java -Xlog`, and HotSpot's source, checked against logs that OpenJDK 17 wrote with G1, Parallel
//! and ZGC.

mod decorations;
mod formats;
mod jdk8;
mod log;
mod message;
mod quantities;
mod schema;

pub(crate) use formats::FORMATS;
pub use log::JvmGc;
