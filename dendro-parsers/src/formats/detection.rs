//! Finding out what format a log has.

/// Whether a format is looked for in a log of which nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detection {
    /// It is not: it reads anything, or can't be told from the text alone.
    No,
    /// It is tried with its defaults, or, if an option has to be given, its example. The number tells how
    /// much it means that a record is of the format: 100 where hardly anything else can be (fixed punctuation and typed fields
    /// in many places), 50 where a more special format may hide in it (any JSON object, any `key=value`), 10 where most
    /// texts pass.
    Weight(u8),
}
