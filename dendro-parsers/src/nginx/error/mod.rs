//! nginx's error log.
//!
//! From `ngx_log_error_core` and the handlers that add the client, the request and so on (`ngx_http_log_error`,
//! `ngx_stream_log_error`, `ngx_mail_log_error`, `ngx_resolver_log_error`) of nginx 1.22 to 1.29.

mod formats;
mod line;
mod message;
mod schema;
mod tail;
mod transform;

pub(crate) use formats::FORMATS;
pub use transform::NginxError;
