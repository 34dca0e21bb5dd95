//! Apache httpd.

mod access;
mod error;

pub use access::ApacheAccess;
pub(crate) use access::FORMATS as ACCESS_FORMATS;
pub use error::ApacheError;
pub(crate) use error::FORMATS as ERROR_FORMATS;
