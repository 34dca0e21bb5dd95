//! Grok patterns as a transform.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use dendro_core::{Batch, EventWriter, Key, Schema, Transform, TransformError};
use fancy_regex::{Error, Regex, RegexBuilder};

use super::expand::expand;
use crate::patterns::captured::{Captured, Type};
use crate::patterns::{InvalidPattern, refusal};
use crate::{Refused, Zone};

/// Parses records by grok patterns: `%{NAME:field}` is what the definition `NAME` matches, as a field.
///
/// - The definitions are Logstash's, legacy names, by the crate [`grok`](https://docs.rs/grok), some of which are newer here, and those that are
///   given. A pattern that is only the name of a definition is that definition.
/// - `%{NAME:field:int}` is a signed integer, `float` a number, `bool` a truth value; [`types`](Self::types) can say more.
/// - References without a field are not kept, as in Logstash. Groups of the pattern's own, `(?<field>..)`, are fields too.
/// - `[log][level]` and `log.level` become `log_level`. Of several groups for one field the first that took part in the match counts.
/// - A pattern that names no field gives the field `match`, which is all that it has matched.
/// - Several patterns are tried in their order; a pattern matches anywhere in the record unless it has `^` or `$`.
/// - A record that matches none is refused, as is one in which a group is not of its type, and one that is not UTF-8.
///
/// Grok's definitions need look-around, and so an engine that tries one way after the other: a record for which a pattern gives up
/// after many is refused with that reason. Where speed counts, [`RegexLog`](crate::patterns::RegexLog) is the better choice.
///
/// ```
/// use dendro_parsers::patterns::GrokLog;
/// let parser = GrokLog::new(["%{IP:client} %{NUMBER:bytes:int} %{CODE:code}"], [("CODE", "[A-Z]{3}")])?;
/// assert_eq!(parser.schema().fields.len(), 3);
/// let error = GrokLog::new(["%{IP:client} %{CODE:code}"], []).unwrap_err();
/// assert_eq!((error.at, error.problem.as_str()), (13, "there is no pattern `CODE`"));
/// # Ok::<(), dendro_parsers::patterns::InvalidPattern>(())
/// ```
#[derive(Clone, Debug)]
pub struct GrokLog {
    patterns: Vec<Pattern>,
    captured: Captured,
    refusal: Arc<str>,
}

#[derive(Clone, Debug)]
struct Pattern {
    regex: Regex,
    /// The number of a field, and of the groups that may have captured it.
    fields: Vec<(usize, Vec<usize>)>,
}

/// How often an engine that tries one way after the other may turn back in one record.
const BACKTRACK_LIMIT: usize = 100_000;
/// How many instructions a pattern may have.
const PROGRAM_LIMIT: usize = 200_000;

impl GrokLog {
    /// With these patterns, in the order in which they count, and definitions, each a name and a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`] if there is no pattern, one refers to what is not defined, or is no regular expression.
    pub fn new<'a>(
        patterns: impl IntoIterator<Item = &'a str>,
        definitions: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, InvalidPattern> {
        let own: HashMap<_, _> =
            definitions.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let mut captured = Captured::new("grok");
        let mut compiled = Vec::new();
        let mut shown = Vec::new();
        for text in patterns {
            compiled.push(Pattern::new(text, &own, &mut captured)?);
            shown.push(text);
        }
        if compiled.is_empty() {
            let problem = "there is no pattern".to_owned();
            return Err(InvalidPattern { text: String::new(), at: 0, problem });
        }
        Ok(Self { patterns: compiled, captured, refusal: refusal(&shown).into() })
    }

    /// As for [`RegexLog`](crate::patterns::RegexLog).
    ///
    /// # Errors
    /// [`InvalidPattern`] if there is no such field or type.
    pub fn types(mut self, types: &str) -> Result<Self, InvalidPattern> {
        self.captured.types(types)?;
        Ok(self)
    }

    /// Makes a field the time of the event; it is no field then.
    ///
    /// # Errors
    /// [`InvalidPattern`] if there is no such field.
    pub fn time(mut self, field: &str) -> Result<Self, InvalidPattern> {
        self.captured.time(field)?;
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

    /// Sets the type of the events, `grok` by default.
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
        let text = match std::str::from_utf8(event.raw()) {
            Ok(text) => text,
            Err(error) => return Err(Refused::new(error.valid_up_to(), "text in UTF-8").into()),
        };
        let mut gave_up = false;
        for pattern in &self.patterns {
            let captures = match pattern.regex.captures(text) {
                Ok(Some(captures)) => captures,
                Ok(None) => continue,
                Err(_) => {
                    gave_up = true;
                    continue;
                }
            };
            event.set_type(ty);
            for (field, groups) in &pattern.fields {
                let range = groups.iter().find_map(|group| captures.get(*group)).map(|found| found.range());
                self.captured.write(event, keys, *field, range)?;
            }
            return Ok(());
        }
        Err(match gave_up {
            true => Refused::new(0, "a record that a pattern matches within 100000 steps back").into(),
            false => self.refusal.to_string().into(),
        })
    }
}

impl Transform for GrokLog {
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
    fn new(
        text: &str,
        own: &HashMap<String, String>,
        captured: &mut Captured,
    ) -> Result<Self, InvalidPattern> {
        let expanded = expand(text, own)?;
        let built = RegexBuilder::new(&expanded.regex)
            .oniguruma_mode(true)
            .backtrack_limit(BACKTRACK_LIMIT)
            .max_prog_size(PROGRAM_LIMIT)
            .build();
        let regex = built.map_err(|error| {
            let (at, problem) = match &error {
                Error::ParseError(at, problem) => (expanded.origin(*at), problem.to_string()),
                Error::CompileError(problem) => (0, problem.to_string()),
                other => (0, other.to_string()),
            };
            InvalidPattern { text: text.to_owned(), at, problem }
        })?;
        let mut fields: Vec<(usize, Vec<usize>)> = Vec::new();
        for (group, name) in regex.capture_names().enumerate() {
            let number = name.and_then(|name| name.strip_prefix("_g")?.parse::<usize>().ok());
            let Some((name, ty)) = number.and_then(|number| expanded.groups.get(number)) else { continue };
            let field = captured.add(name, *ty);
            match fields.iter_mut().find(|(known, _)| *known == field) {
                Some((_, groups)) => groups.push(group),
                None => fields.push((field, vec![group])),
            }
        }
        if fields.is_empty() {
            fields.push((captured.add("match", Type::Str), vec![0]));
        }
        Ok(Self { regex, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::super::definitions;
    use super::*;

    #[test]
    fn every_definition_compiles() {
        for name in definitions::names() {
            if let Err(error) = GrokLog::new([name], []) {
                panic!("{error}");
            }
        }
    }
}
