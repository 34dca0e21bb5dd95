//! syslog: RFC 3164 as servers write it, RFC 5424, and the framings of RFC 6587.
//!
//! From the RFCs, and from the source of rsyslog 8.2302 where they leave a choice: [`Syslog`] takes records apart as rsyslog does,
//! which most logs have gone through. Checked against what rsyslog made of datagrams.
//!
//! # Where others read otherwise
//!
//! | who | what | here | why |
//! |---|---|---|---|
//! | rsyslog | takes a version other than 1 for RFC 3164 | a version, if a time of RFC 5424 follows | RFC 5424, 6.2.2, and go-syslog and Telegraf too; [`Protocol::Rfc3164`] is as rsyslog |
//! | rsyslog | leaves the space behind the tag, and the byte order mark, in the message | neither is in it | the space separates; RFC 5424, 6.4, has the mark for a mark |
//! | rsyslog | takes the sender for a missing host, the time of reception for a missing time | null, and no time | the event has its origin and the time at which it was read |
//! | rsyslog | takes the year of reception, also for a 29th of February that it does not have | [the year that suits](crate::timestamp::Reading::near) | a time that is no day of the calendar is none |
//! | rsyslog | prints a fraction of more than six digits as other characters | nine digits count | they can be read |
//! | go-syslog | keeps both backslashes of `\\` in a parameter | one | RFC 5424, 6.3.3; VRL reads one too |
//! | go-syslog | refuses what is not well-formed | an event, but for an empty record | [`Protocol::Rfc5424`] insists on header and structured data |
//! | VRL | refuses text without priority and time | an event | rsyslog and RFC 3164, 4.3.3; [`Syslog::strict`] refuses it |

mod formats;
mod frames;
mod priority;
mod record;
mod rfc3164;
mod rfc5424;
mod schema;
mod structured_data;
mod time;
mod transform;

pub(crate) use formats::FORMATS;
pub use frames::{Framing, SyslogFrames};
pub use record::{Dialect, Protocol};
pub use transform::Syslog;
