//! nginx: its access and error logs.
//!
//! From the documentation of [`ngx_http_log_module`](https://nginx.org/en/docs/http/ngx_http_log_module.html) and the
//! source of nginx 1.22 to 1.29, checked against logs that nginx 1.22.1 wrote.

mod access;
mod combined;
mod config;
mod error;
mod formats;
mod log_format;
mod schema;
mod variables;

pub use access::NginxAccess;
pub(crate) use error::FORMATS as ERROR_FORMATS;
pub use error::NginxError;
pub(crate) use formats::FORMATS;
pub use log_format::NginxLogFormat;
