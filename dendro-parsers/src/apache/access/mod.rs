//! The access log.
//!
//! From the documentation and the source of [`mod_log_config`](https://httpd.apache.org/docs/2.4/mod/mod_log_config.html),
//! [`mod_logio`](https://httpd.apache.org/docs/2.4/mod/mod_logio.html) and
//! [`mod_ssl`](https://httpd.apache.org/docs/2.4/mod/mod_ssl.html#logformats) of httpd 2.4, checked against logs that httpd 2.4.71 wrote.

mod config;
mod directives;
mod formats;
mod transform;

pub(crate) use formats::FORMATS;
pub use transform::ApacheAccess;
