//! Apache httpd's error log.
//!
//! From `server/log.c` and `server/core.c` of httpd 2.2 and 2.4 (`do_errorlog_default`, `do_errorlog_format`,
//! `parse_errorlog_string`, `ap_escape_errorlog_item`), the documentation of
//! [`ErrorLogFormat`](https://httpd.apache.org/docs/2.4/mod/core.html#errorlogformat), and logs that httpd 2.4.71 wrote.

mod compiled;
mod config;
mod default;
mod directive;
mod formats;
mod parts;
mod schema;
mod time;
mod transform;
mod values;

pub(crate) use formats::FORMATS;
pub use transform::ApacheError;
