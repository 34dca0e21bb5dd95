//! Times at the front of lines, or in fields, in whatever layout: [`Layout`] reads one, [`Timestamped`] is the transform.
//!
//! The directives are those of POSIX's `strftime`, with the fractions and zones of common tools; English names only, as servers
//! write them in every locale.

mod formats;
mod iso;
mod item;
mod known;
mod layout;
mod reading;
mod schema;
mod strftime;
mod timestamped;
mod years;

pub(crate) use formats::{FORMATS, YEAR, year};
pub(crate) use iso::{iso_without_zone, leading_iso, time_of_day};
pub(crate) use item::{month_of, number};
pub use layout::{Layout, LayoutError};
pub use reading::Reading;
pub(crate) use strftime::{Strftime, Told};
pub use timestamped::Timestamped;
pub(crate) use years::Years;
