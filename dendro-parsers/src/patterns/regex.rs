//! Regular expressions with named groups.

use std::borrow::Cow;
use std::sync::Arc;

use dendro_core::{Batch, EventWriter, Key, Schema, Transform, TransformError};
use regex_automata::meta::{BuildError, Cache, Config, Regex};
use regex_automata::util::captures::Captures;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternID, PatternSet};

use super::captured::{Captured, Type};
use super::{InvalidPattern, refusal};
use crate::Zone;

/// Parses records by regular expressions: what their named groups capture becomes fields.
///
/// - Several patterns are looked for at once, and the first in order that matches anywhere in the record is taken. To match
///   whole records a pattern begins with `^` and ends with `$`.
/// - A group is text unless it is given another [type](Self::types). One that took no part in the match is null, and so are an empty text and `-`
///   where the type is another.
/// - One group may be the [time](Self::time) of the event.
/// - Patterns are matched on bytes: `(?-u:.)` is any byte, `.` any character. They are those of the crate
///   [`regex`](https://docs.rs/regex/latest/regex/#syntax), which has no look-around and no back-references, so that no pattern and no
///   record is slow.
/// - A record that matches none is refused, as is one in which a group is not of its type.
///
/// ```
/// use dendro_parsers::patterns::RegexLog;
/// let parser = RegexLog::new([r"^(?<method>[A-Z]+) (?<path>\S+) (?<status>\d{3})$"])?.types("status:u64")?;
/// assert_eq!(parser.schema().fields.len(), 3);
/// let error = RegexLog::new(["^(?<method>[A-Z+"]).unwrap_err();
/// assert_eq!((error.at, error.problem.as_str()), (11, "unclosed character class"));
/// # Ok::<(), dendro_parsers::patterns::InvalidPattern>(())
/// ```
#[derive(Clone, Debug)]
pub struct RegexLog {
    patterns: Vec<Pattern>,
    /// All of them at once, if there is more than one.
    set: Option<Set>,
    captured: Captured,
    refusal: Arc<str>,
}

#[derive(Clone, Debug)]
struct Pattern {
    regex: Regex,
    cache: Cache,
    captures: Captures,
    /// The number of a group, and of its field.
    groups: Vec<(usize, usize)>,
}

#[derive(Clone, Debug)]
struct Set {
    regex: Regex,
    cache: Cache,
    matched: PatternSet,
}

/// How large a compiled pattern can be: as in the crate `regex`.
const SIZE_LIMIT: usize = 10 << 20;

impl RegexLog {
    /// With these patterns, in the order in which they count.
    ///
    /// # Errors
    /// [`InvalidPattern`] if there is none, one has no named group or is no regular expression, or all together are too large.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidPattern> {
        let texts: Vec<&str> = patterns.into_iter().collect();
        let mut captured = Captured::new("regex");
        let compiled: Vec<_> =
            texts.iter().map(|text| Pattern::new(text, &mut captured)).collect::<Result<_, _>>()?;
        let set = match texts.len() {
            0 => return Err(invalid("", 0, "there is no pattern")),
            1 => None,
            _ => Some(Set::new(&texts)?),
        };
        Ok(Self { patterns: compiled, set, captured, refusal: refusal(&texts).into() })
    }

    /// Sets the types of groups, as in `status:u64,took:duration_ms`: `str`, `u64`, `i64`, `f64`, `bool`, `timestamp`, or `duration_s`,
    /// `duration_ms`, `duration_us`, `duration_ns` for numbers that are lengths of time.
    ///
    /// # Errors
    /// [`InvalidPattern`] if there is no such group or type.
    pub fn types(mut self, types: &str) -> Result<Self, InvalidPattern> {
        self.captured.types(types)?;
        Ok(self)
    }

    /// Makes a group the time of the event; it is no field then.
    ///
    /// # Errors
    /// [`InvalidPattern`] if there is no such group.
    pub fn time(mut self, group: &str) -> Result<Self, InvalidPattern> {
        self.captured.time(group)?;
        Ok(self)
    }

    /// How times are written: directives or a name, see [`Layout`](crate::timestamp::Layout). Whichever fits by default.
    ///
    /// # Errors
    /// [`InvalidPattern`] if it is no layout.
    pub fn layout(mut self, layout: &str) -> Result<Self, InvalidPattern> {
        self.captured.times.layout(layout)?;
        Ok(self)
    }

    /// The zone of times that don't tell theirs.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.captured.times.zone = zone;
        self
    }

    /// Sets the type of the events, `regex` by default.
    ///
    /// # Errors
    /// [`InvalidPattern`] if it is no name in snake_case.
    pub fn event_type(mut self, name: &str) -> Result<Self, InvalidPattern> {
        self.captured.event_type(name)?;
        Ok(self)
    }

    /// The schema of its events.
    pub fn schema(&self) -> Arc<Schema> {
        self.captured.schema().clone()
    }

    fn parse(&mut self, event: &mut EventWriter<'_>, ty: u16, keys: &[Key]) -> Result<(), Cow<'static, str>> {
        let Self { patterns, set, captured, refusal } = self;
        let input = Input::new(event.raw());
        let first = match set {
            Some(set) => set.first(&input),
            None => Some(0),
        };
        let Some(pattern) = first.and_then(|first| patterns.get_mut(first)?.matching(&input)) else {
            return Err(refusal.to_string().into());
        };
        event.set_type(ty);
        for (group, field) in &pattern.groups {
            let range = pattern.captures.get_group(*group).map(|span| span.range());
            captured.write(event, keys, *field, range)?;
        }
        Ok(())
    }
}

impl Transform for RegexLog {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let (ty, keys) = self.captured.keys(batch)?;
        batch.parse_each(|event| self.parse(event, ty, &keys));
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![self.schema()]
    }
}

impl Pattern {
    fn new(text: &str, captured: &mut Captured) -> Result<Self, InvalidPattern> {
        check(text)?;
        let regex = Regex::builder()
            .configure(config())
            .syntax(syntax())
            .build(text)
            .map_err(|error| invalid(text, 0, problem_of(&error)))?;
        let names = regex.group_info().pattern_names(PatternID::ZERO).enumerate();
        let groups: Vec<_> =
            names.filter_map(|(at, name)| Some((at, captured.add(name?, Type::Str)))).collect();
        if groups.is_empty() {
            return Err(invalid(text, 0, r"it has no named group, as in `(?<status>\d+)`"));
        }
        Ok(Self { cache: regex.create_cache(), captures: regex.create_captures(), groups, regex })
    }

    /// Itself, if it matches; the captures tell where.
    #[inline]
    fn matching(&mut self, input: &Input<'_>) -> Option<&Self> {
        let Self { regex, cache, captures, .. } = self;
        regex.search_captures_with(cache, input, captures);
        self.captures.is_match().then_some(self)
    }
}

impl Set {
    fn new(texts: &[&str]) -> Result<Self, InvalidPattern> {
        let regex = Regex::builder()
            .configure(config().match_kind(MatchKind::All))
            .syntax(syntax())
            .build_many(texts)
            .map_err(|error| invalid(texts.first().unwrap_or(&""), 0, problem_of(&error)))?;
        let (cache, matched) = (regex.create_cache(), PatternSet::new(regex.pattern_len()));
        Ok(Self { regex, cache, matched })
    }

    /// The first pattern that matches.
    fn first(&mut self, input: &Input<'_>) -> Option<usize> {
        self.matched.clear();
        self.regex.which_overlapping_matches_with(&mut self.cache, input, &mut self.matched);
        self.matched.iter().next().map(|id| id.as_usize())
    }
}

fn config() -> Config {
    Config::new().utf8_empty(false).nfa_size_limit(Some(SIZE_LIMIT))
}

fn syntax() -> syntax::Config {
    syntax::Config::new().utf8(false)
}

/// Says where a pattern goes wrong, which the compiler does only in a text for people.
fn check(text: &str) -> Result<(), InvalidPattern> {
    let parsed = regex_syntax::ParserBuilder::new().utf8(false).build().parse(text);
    match parsed {
        Ok(_) => Ok(()),
        Err(regex_syntax::Error::Parse(e)) => Err(invalid(text, e.span().start.offset, e.kind().to_string())),
        Err(regex_syntax::Error::Translate(e)) => {
            Err(invalid(text, e.span().start.offset, e.kind().to_string()))
        }
        Err(error) => Err(invalid(text, 0, error.to_string())),
    }
}

fn problem_of(error: &BuildError) -> String {
    match error.size_limit() {
        Some(limit) => format!("it becomes larger than {limit} bytes when it is compiled"),
        None => error.to_string(),
    }
}

fn invalid(text: &str, at: usize, problem: impl Into<String>) -> InvalidPattern {
    InvalidPattern { text: text.to_owned(), at, problem: problem.into() }
}
