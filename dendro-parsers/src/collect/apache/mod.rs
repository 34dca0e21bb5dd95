//! Apache httpd: [`ApacheStatus`] reads the machine-readable page of `mod_status`.
//!
//! From the documentation of [`mod_status`](https://httpd.apache.org/docs/2.4/mod/mod_status.html) and the source of
//! httpd 2.4, checked against Apache 2.4.71.

mod measures;
mod status;

pub use status::ApacheStatus;
