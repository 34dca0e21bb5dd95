//! logfmt: lines of `key=value`, as Heroku and many Go programs log.
//!
//! There is no standard. What is an error here is one for [go-logfmt](https://github.com/go-logfmt/logfmt) too, which Go's loggers
//! are built on; where other readers take more (`=` inside a value, quotes of other kinds), so does this one.

mod events;
mod formats;
mod pairs;

pub use events::Logfmt;
pub(crate) use formats::FORMATS;
