//! MongoDB: the structured log that `mongod` and `mongos` write since 4.4.
//!
//! From MongoDB's manual ([Log Messages](https://www.mongodb.com/docs/manual/reference/log-messages/)) and the source of its logger (`logv2`), 4.4 to 8.0.

mod attributes;
mod events;
mod formats;
mod schema;

pub use events::MongoDb;
pub(crate) use formats::FORMATS;
