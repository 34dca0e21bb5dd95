//! MongoDB: [`MongodbMetrics`] reads `serverStatus` and, of a member of a replica set, `replSetGetStatus`.
//!
//! From the documentation of [`serverStatus`](https://www.mongodb.com/docs/manual/reference/command/serverStatus/) and
//! [`replSetGetStatus`](https://www.mongodb.com/docs/manual/reference/command/replSetGetStatus/), versions 4.4 to 8.0; what a
//! version does not have is missing. The protocol is that of MongoDB's own driver. No server was at hand to check this
//! against: it is checked against answers that were written by hand from the documentation.
//!
//! The user needs the role `clusterMonitor`.

mod collector;
mod measures;

pub use collector::MongodbMetrics;
