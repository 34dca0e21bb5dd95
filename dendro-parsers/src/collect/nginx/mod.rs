//! nginx: [`NginxStatus`] reads the page of `stub_status`, which every nginx can have, [`NginxPlus`] the API of NGINX Plus.
//!
//! From the documentation of [`ngx_http_stub_status_module`](https://nginx.org/en/docs/http/ngx_http_stub_status_module.html)
//! and of [`ngx_http_api_module`](https://nginx.org/en/docs/http/ngx_http_api_module.html), versions 3 to 9 of the API.
//! `stub_status` is checked against nginx 1.22; the API only against answers that were written by hand from its documentation.

mod endpoints;
mod plus;
mod status;

pub use plus::NginxPlus;
pub use status::NginxStatus;
