//! Events on a terminal, in a pipe or in any writer.
//!
//! # Encodings
//! - [`Encoding::Json`]: one object a line, as [`dendro_core::json`] defines it.
//! - [`Encoding::Logfmt`]: `time=... type=... name=value`, one event a line. A value with a space, `=`, a quote or
//!   a control character in it, and an empty text, is quoted as in JSON; null is nothing behind the `=`; arrays
//!   and objects are quoted JSON. Characters that a name can't have are `_`.
//! - [`Encoding::Pretty`]: for people; not for programs, since it may change. No control character of an event
//!   reaches the terminal.
//!
//! # Colours
//! Only [`Encoding::Pretty`] has them, and by default only on a terminal, unless
//! [`NO_COLOR`](https://no-color.org) is set or `TERM` is `dumb`.
//!
//! # Faults
//! A reader that has gone (`EPIPE`) is a fatal error: nobody will ever read what comes. Any other is tried again,
//! from the byte on that was not taken. Acknowledged is what the writer has taken; whether a reader of the pipe has
//! read it, nobody knows.

mod logfmt;
mod pretty;
mod sink;

pub use sink::{Color, ConsoleSink, Encoding};
