//! JSON as servers and applications log it: [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259), one value a record.

mod events;
mod formats;
mod members;
mod names;
mod number;
mod reader;
mod string;
mod values;

pub use events::Json;
pub(crate) use formats::FORMATS;
pub(crate) use members::Watch;
pub use names::Names;
pub use number::Number;
pub use reader::{MAX_DEPTH, Reader, Value};
pub use string::Text;
pub(crate) use string::decode;
pub use values::Values;
