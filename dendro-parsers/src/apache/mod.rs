//! Apache httpd.

mod error;

pub use error::ApacheError;
pub(crate) use error::FORMATS as ERROR_FORMATS;
