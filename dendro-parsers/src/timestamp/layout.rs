//! Layouts of times, compiled.

use std::fmt;

use super::Reading;
use super::known::{self, AUTO};
use super::strftime::{Strftime, Told};

/// How a time is written: compiled from `strftime`'s directives, or known by its name.
///
/// | directive | reads |
/// |---|---|
/// | `%Y` `%y` | the year as four digits; as two, of 1969 to 2068 |
/// | `%m` `%b` `%B` | the month as one or two digits; its English name, short or whole, in any case |
/// | `%d` `%e` | the day as one or two digits, a space before it or not |
/// | `%j` | the day of the year |
/// | `%a` `%A` | the English name of a day, which counts for nothing |
/// | `%H` `%k` `%I` `%l` `%p` | the hour of 24; of 12; `AM` or `PM` in any case |
/// | `%M` `%S` | minute; second, 60 at most |
/// | `%f` `%3f` `%6f` `%9f` `%L` `%N` | a fraction of a second: one or more digits; just as many; as `%3f`; as `%9f` |
/// | `%.f` | a fraction with its point or comma, if there is one |
/// | `%z` `%:z` | the zone: `Z`, `+05:30`, `+0530` or `+05` |
/// | `%Z` | the same, or a name (`UTC`, `CEST`) that means one zone only: `IST` does not |
/// | `%s` | the seconds since 1970 UTC |
/// | `%F` `%T` `%R` `%D` `%r` `%c` | `%Y-%m-%d`, `%H:%M:%S`, `%H:%M`, `%m/%d/%y`, `%I:%M:%S %p`, `%a %b %e %T %Y` |
/// | `%x` `%X` `%+` | `%D`, `%T`, `%a %b %e %T %Z %Y` |
/// | `%G` `%g` `%C` `%U` `%V` `%W` `%u` `%w` | numbers of years of weeks, centuries, weeks and weekdays, which count for nothing |
/// | `%n` `%t`, blanks | one or more blanks |
/// | `%%` | a percent sign |
///
/// `-`, `_`, `0`, `^`, `E` and `O` between `%` and the letter, which ask for another way of writing, change nothing. Any other
/// character stands for itself. A text without `%` is the name of a layout that is known, see
/// [`names`](Self::names); `auto` is whichever of them fits.
///
/// ```
/// use dendro_parsers::Zone;
/// use dendro_parsers::timestamp::Layout;
///
/// let layout = Layout::compile("%Y/%m/%d %H:%M:%S%.f").unwrap();
/// let (reading, len) = layout.read(b"2026/11/20 16:59:47.25 ready").unwrap();
/// assert_eq!(len, 22);
/// let time = reading.in_year(0, &mut "+05:30".parse::<Zone>().unwrap()).unwrap();
/// assert_eq!(time.to_string(), "2026-11-20T11:29:47.250000000Z");
/// assert!(Layout::compile("%H:%M:%S").unwrap_err().to_string().contains("day"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The first one that fits is taken.
    choices: Vec<Strftime>,
}

impl Layout {
    /// Compiles directives, or finds a name.
    ///
    /// # Errors
    /// [`LayoutError`] with the place and what is wrong there.
    pub fn compile(text: &str) -> Result<Self, LayoutError> {
        if text == AUTO {
            let all = known::LAYOUTS.iter().filter(|layout| layout.told_apart);
            return Self::choices(all.flat_map(|layout| layout.choices));
        }
        if let Some(layout) = known::LAYOUTS.iter().find(|layout| layout.names.contains(&text)) {
            return Self::choices(layout.choices);
        }
        if !text.contains('%') {
            let names: Vec<&str> = Self::names().collect();
            let problem = format!(
                "there is no layout of this name, and no directive such as `%Y`; known are: {}",
                names.join(", ")
            );
            return Err(LayoutError { at: 0, problem });
        }
        Ok(Self { choices: vec![compile(text)?] })
    }

    fn choices<'a>(texts: impl IntoIterator<Item = &'a &'a str>) -> Result<Self, LayoutError> {
        Ok(Self { choices: texts.into_iter().map(|text| compile(text)).collect::<Result<_, _>>()? })
    }

    /// The names of the layouts that are known.
    pub fn names() -> impl Iterator<Item = &'static str> {
        std::iter::once(AUTO).chain(known::LAYOUTS.iter().flat_map(|layout| layout.names).copied())
    }

    /// The time that `text` begins with, and how many bytes it has.
    pub fn read(&self, text: &[u8]) -> Option<(Reading, usize)> {
        self.choices.iter().find_map(|choice| read(choice, text))
    }
}

/// A layout can't be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayoutError {
    /// The byte of its text that is at fault.
    pub at: usize,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.at, self.problem)
    }
}

impl std::error::Error for LayoutError {}

fn compile(text: &str) -> Result<Strftime, LayoutError> {
    let compiled = Strftime::compile(text)?;
    if compiled.has_day() {
        return Ok(compiled);
    }
    let problem = "it needs a day: `%m` or `%b` with `%d`, `%j`, or the seconds since 1970, `%s`";
    Err(LayoutError { at: text.len(), problem: problem.to_owned() })
}

fn read(layout: &Strftime, text: &[u8]) -> Option<(Reading, usize)> {
    let mut told = Told::default();
    let len = layout.read(text, &mut told)?;
    // A number goes on no further than it was read.
    let cut_through = matches!(text.get(len.wrapping_sub(1)), Some(b'0'..=b'9'))
        && matches!(text.get(len), Some(b'0'..=b'9'));
    told.whole().filter(|_| !cut_through).map(|reading| (reading, len))
}
