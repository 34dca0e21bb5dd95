//! Log formats that a server lets its users configure, compiled from the server's own configuration text.
//!
//! A service reads its syntax into [`Piece`]s: literal text, and [`Field`]s with what is known of their values. [`Template`]
//! is what becomes of them: steps that each find where one value ends, write it and check the literal behind. How a value
//! ends is found out once, when the format is compiled:
//!
//! - numbers, times and lists of them end by themselves;
//! - text ends at the first byte that it can't hold, because the server escapes it or the value never has it: a quote,
//!   or the space behind an address. Literals and times between the text and that byte are counted back, so that
//!   `$remote_user [$time_local] "` ends 30 bytes before the quote;
//! - where all that follows may stand in the text too (`$request_uri|$status|`), the first place is taken and then
//!   proved to be the only one, or else all places are tried from the right, within a bound: a line that can be read
//!   in two ways is refused, never guessed;
//! - where most lines could be read in two ways (two texts with nothing or only a space between them), there is no
//!   template but a [`LogFormatError`].
//!
//! Names, units and types of the fields are the service's; so are the escapes, of which there are [four kinds](Escape).

mod byte_set;
mod clock;
mod compile;
mod error;
mod field;
mod literal;
mod resolve;
mod sink;
mod template;
mod transform;
mod value;
mod walk;

pub(crate) use clock::{Part, Stamp};
pub use error::LogFormatError;
pub(crate) use field::{Chars, Escape, Field, Kind, Missing, Number, Piece};
pub(crate) use template::Template;
pub(crate) use transform::Access;
