//! JSON as servers and applications log it: [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259), one value a record.

mod number;
mod reader;
mod string;

pub use number::Number;
pub use reader::{MAX_DEPTH, Reader, Value};
pub use string::Text;
pub(crate) use string::decode;
