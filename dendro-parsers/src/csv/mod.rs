//! Comma-separated values, and what is like them.
//!
//! From [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180) and IANA's
//! [`text/tab-separated-values`](https://www.iana.org/assignments/media-types/text/tab-separated-values), in which no character quotes.
//! [`Fields`] and [`CsvRecords`] are what other formats of such records are made of too.

mod columns;
mod fields;
mod formats;
mod framer;
mod transform;

pub use fields::{Dialect, Field, Fields, undouble};
pub(crate) use formats::FORMATS;
pub use framer::CsvRecords;
pub use transform::{Csv, InvalidColumns};
