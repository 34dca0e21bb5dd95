//! Events to InfluxDB and to what speaks like it, as [line protocol](https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/):
//! InfluxDB 1, 2 and 3, Amazon Timestream for InfluxDB, VictoriaMetrics.
//!
//! ```
//! use dendro_core::Secret;
//! use dendro_sinks::influxdb::{Api, InfluxDbSink};
//!
//! let sink = InfluxDbSink::builder("https://influx.example.com:8086", Api::v2("my-org", "logs"))
//!     .token(Secret::new("from a file or the environment"))
//!     .build()?;
//! # let _ = sink;
//! # Ok::<(), dendro_sinks::influxdb::InvalidInfluxDbSink>(())
//! ```
//!
//! # The point of an event
//! | | |
//! |---|---|
//! | measurement | the event's type |
//! | tags | the fields whose [role](dendro_core::Role) in the schema is dimension, and the origin's host, service, source, tenant and static tags, as far as the event has no field of that name. What is null or empty is left out |
//! | fields | all others |
//! | time | the event's own, or when it was seen; in nanoseconds |
//!
//! | value | written as |
//! |---|---|
//! | integers | `1i`; what is larger than a signed one is rejected, unless [`unsigned`](InfluxDbSinkBuilder::unsigned) ones are written (`1u`) |
//! | floating-point numbers | `1.5`; NaN and the infinities are left out |
//! | what the schema says is a floating-point number | `1.0`, also where it came as an integer |
//! | durations | seconds |
//! | times | nanoseconds, `1i` |
//! | text | `"..."`, with its line ends |
//! | bytes that are not UTF-8, arrays, objects, distributions | their [JSON](dendro_core::json), as text |
//!
//! A field or tag called `time` is renamed `time_`, and one without a name `_`. Control characters in names and tags are written as a
//! space, and a backslash at the end of one gets a space behind it: there is no other way to write them. An event without a field that has
//! a value is no point, and goes to the dead letters.
//!
//! # One point a time
//! A series has one point a time: a second line with the same tags and the same time *replaces* the first one. Logs with a time in
//! whole seconds have many such lines. So the digits that such a time leaves free, behind whole seconds, milliseconds or
//! microseconds, are filled from the place of the event in its stream. Lines of one stream keep their order and stay apart (as long as it
//! grows by less than 1 GB a second), and an event that is sent again gets the same time again and replaces itself. Two *streams* with the same
//! tags can still meet, by a chance of one in a thousand million for each pair of lines in a second: give them a tag.
//! [`distinct_times`](InfluxDbSinkBuilder::distinct_times) switches that off. Events that have no
//! [`DedupKey`](dendro_core::DedupKey) keep their times as they are.
//!
//! # What an answer means
//! | answer | |
//! |---|---|
//! | 204, 200 | the points are written |
//! | 400 or 422 of version 3, which names the lines | these go to the dead letters with the server's reason, all others are written |
//! | 400 or 422 with `partial write`, `unable to parse` or `field type conflict`, which don't say which lines | halves are sent again, down to the bad lines, which go to the dead letters: writing a point twice changes nothing. If the server says that it has dropped all, nothing is sent again |
//! | any other 400 or 422, 401, 403, 404 | hold: tried again at [`hold_interval`](InfluxDbSinkBuilder::hold_interval), and the user is told. No event is lost to a database that nobody has made yet |
//! | others | as [over HTTP](crate::http#what-an-answer-means) |
//!
//! VictoriaMetrics answers 204 whatever the lines are, and leaves out what it can't read or store, such as text:
//! nothing here can see that.

mod answer;
mod builder;
mod line;
mod sink;

pub use crate::compression::Compression;
pub use builder::{Api, InfluxDbSinkBuilder, InvalidInfluxDbSink};
pub use dendro_net::Tls;
pub use sink::InfluxDbSink;

/// What fuzzing needs to reach, and nobody else.
#[doc(hidden)]
pub mod fuzz {
    pub use super::answer::check as answer;
}
