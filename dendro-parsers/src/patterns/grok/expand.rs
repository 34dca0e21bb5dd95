//! From grok patterns to regular expressions.

use std::collections::HashMap;

use ::grok::parser::{GrokComponent, grok_split};

use super::definitions;
use crate::patterns::InvalidPattern;
use crate::patterns::captured::Type;

/// A pattern as a regular expression, in which the group `_gN` is the Nth name.
pub(super) struct Expanded {
    pub(super) regex: String,
    pub(super) groups: Vec<(String, Type)>,
    /// Pieces of the regular expression by where they begin: where in the pattern they come from, and whether they stand there
    /// as they are.
    pieces: Vec<(usize, usize, bool)>,
}

impl Expanded {
    /// Where in the pattern a byte of the regular expression comes from.
    pub(super) fn origin(&self, at: usize) -> usize {
        let piece = self.pieces.iter().rev().find(|(start, ..)| *start <= at);
        piece.map_or(0, |(start, from, literal)| if *literal { from + (at - start) } else { *from })
    }
}

/// How deep definitions may refer to definitions.
const MAX_DEPTH: usize = 64;
/// How long a regular expression may become.
const MAX_BYTES: usize = 1 << 20;
/// How many names a pattern may have.
const MAX_GROUPS: usize = 1024;

/// The regular expression of a pattern. A pattern that is only a name is that definition.
pub(super) fn expand(text: &str, own: &HashMap<String, String>) -> Result<Expanded, InvalidPattern> {
    let expanded = Expanded { regex: String::new(), groups: Vec::new(), pieces: Vec::new() };
    let mut expander = Expander { text, own, expanded };
    if own.contains_key(text) || definitions::find(text).is_some() {
        expander.refer(text, "", "", "", 0, 0)?;
    } else {
        expander.pattern(text, None, 0)?;
    }
    Ok(expander.expanded)
}

struct Expander<'a> {
    text: &'a str,
    own: &'a HashMap<String, String>,
    expanded: Expanded,
}

impl Expander<'_> {
    /// Appends a pattern; `from` is where in the outermost one it is referred to.
    fn pattern(&mut self, pattern: &str, from: Option<usize>, depth: usize) -> Result<(), InvalidPattern> {
        let mut at = 0;
        for component in grok_split(pattern) {
            match component {
                GrokComponent::RegularExpression { range, string } => {
                    let from = from.map_or((range.start, true), |from| (from, false));
                    self.literal(string, from)?;
                    at = range.end;
                }
                GrokComponent::GrokPattern { range, name, alias, extract, definition, .. } => {
                    let from = from.unwrap_or(range.start);
                    self.refer(name, alias, extract, definition, from, depth)?;
                    at = range.end;
                }
                GrokComponent::PatternError(_) => {
                    let problem =
                        "a reference is written as `%{NAME}`, `%{NAME:field}` or `%{NAME:field:int}`";
                    return self.invalid(from.unwrap_or(at), problem);
                }
            }
        }
        Ok(())
    }

    /// Appends what `%{name:alias:extract=definition}` means.
    fn refer(
        &mut self,
        name: &str,
        alias: &str,
        extract: &str,
        definition: &str,
        from: usize,
        depth: usize,
    ) -> Result<(), InvalidPattern> {
        if depth == MAX_DEPTH {
            return self.invalid(from, format!("`{name}` refers to itself"));
        }
        let own = self.own;
        let known = || own.get(name).map(String::as_str).or_else(|| definitions::find(name));
        let definition = Some(definition).filter(|text| !text.is_empty()).or_else(known);
        let Some(definition) = definition else {
            return self.invalid(from, format!("there is no pattern `{name}`"));
        };
        self.expanded.pieces.push((self.expanded.regex.len(), from, false));
        if alias.is_empty() {
            self.expanded.regex.push_str("(?:");
        } else {
            let ty = match extract {
                "" | "string" | "text" => Type::Str,
                "int" | "integer" | "long" => Type::I64,
                "float" | "double" => Type::F64,
                "bool" | "boolean" => Type::Bool,
                other => {
                    let problem =
                        format!("there is no type `{other}`; known are int, float, bool and string");
                    return self.invalid(from, problem);
                }
            };
            self.group(alias, ty, from)?;
        }
        self.pattern(definition, Some(from), depth + 1)?;
        self.expanded.regex.push(')');
        if self.expanded.regex.len() > MAX_BYTES {
            return self.invalid(from, format!("the pattern becomes longer than {MAX_BYTES} bytes"));
        }
        Ok(())
    }

    /// Begins a group of this name.
    fn group(&mut self, name: &str, ty: Type, from: usize) -> Result<(), InvalidPattern> {
        let number = self.expanded.groups.len();
        if number == MAX_GROUPS {
            return self.invalid(from, format!("there are more than {MAX_GROUPS} names"));
        }
        self.expanded.groups.push((name.to_owned(), ty));
        self.expanded.regex.push_str(&format!("(?<_g{number}>"));
        Ok(())
    }

    /// Appends a piece of a regular expression. Its own named groups count as those of references.
    fn literal(&mut self, text: &str, (from, literal): (usize, bool)) -> Result<(), InvalidPattern> {
        let mut rest = text;
        while let Some(start) = next_group(rest) {
            let at = from + if literal { text.len() - rest.len() } else { 0 };
            self.expanded.pieces.push((self.expanded.regex.len(), at, literal));
            self.expanded.regex.push_str(&rest[..start.opening]);
            let at = if literal { at + start.opening } else { at };
            self.group(&rest[start.name.clone()], Type::Str, at)?;
            rest = &rest[start.name.end + 1..];
        }
        let at = from + if literal { text.len() - rest.len() } else { 0 };
        self.expanded.pieces.push((self.expanded.regex.len(), at, literal));
        self.expanded.regex.push_str(rest);
        Ok(())
    }

    fn invalid<T>(&self, at: usize, problem: impl Into<String>) -> Result<T, InvalidPattern> {
        Err(InvalidPattern { text: self.text.to_owned(), at, problem: problem.into() })
    }
}

/// Where a named group begins.
struct Start {
    opening: usize,
    name: std::ops::Range<usize>,
}

/// The first `(?<name>` or `(?P<name>` in a regular expression.
fn next_group(text: &str) -> Option<Start> {
    let mut from = 0;
    while let Some(at) = text[from..].find(['\\', '(']).map(|more| from + more) {
        if text[at..].starts_with('\\') {
            from = at + 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
            continue;
        }
        let behind =
            ["(?<", "(?P<"].iter().find_map(|opening| Some((opening, text[at..].strip_prefix(opening)?)));
        if let Some((opening, behind)) = behind
            && behind.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && let Some(len) = behind.find('>')
        {
            let start = at + opening.len();
            return Some(Start { opening: at, name: start..start + len });
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn own() -> HashMap<String, String> {
        [("CODE", "[A-Z]{3}"), ("LOOP", "%{LOOP}"), ("PAIR", r"%{CODE:a}-(?<b>\d)")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into()
    }

    fn expanded(text: &str) -> (String, Vec<String>) {
        let expanded = expand(text, &own()).unwrap();
        (expanded.regex, expanded.groups.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn references_become_groups() {
        assert_eq!(expanded("%{CODE}!"), ("(?:[A-Z]{3})!".to_owned(), vec![]));
        assert_eq!(
            expanded("%{CODE:[x][y]:string}"),
            ("(?<_g0>[A-Z]{3})".to_owned(), vec!["[x][y]".to_owned()])
        );
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        assert_eq!(expanded("PAIR"), (r"(?:(?<_g0>[A-Z]{3})-(?<_g1>\d))".to_owned(), names(["a", "b"])));
        assert_eq!(
            expanded(r"(?<x>\(?<!y)(?P<z>a)"),
            (r"(?<_g0>\(?<!y)(?<_g1>a)".to_owned(), names(["x", "z"]))
        );
    }

    #[test]
    fn what_can_not_be_expanded_is_an_error_at_its_place() {
        for (text, at, problem) in [
            ("a %{NOTHING:x}", 2, "there is no pattern `NOTHING`"),
            ("a %{LOOP}", 2, "`LOOP` refers to itself"),
            ("%{INT:a} %{INT:b:u8}", 9, "there is no type `u8`; known are int, float, bool and string"),
        ] {
            let error = expand(text, &own()).err().unwrap();
            assert_eq!((error.at, error.problem.as_str()), (at, problem), "{text}");
        }
        assert!(expand("%{INT:", &own()).is_err());
    }

    #[test]
    fn a_pattern_that_grows_without_end_is_an_error() {
        let mut own = own();
        own.insert("A0".to_owned(), "x".repeat(100));
        for level in 1..40 {
            own.insert(format!("A{level}"), format!("%{{A{0}}}%{{A{0}}}", level - 1));
        }
        let error = expand("%{A39}", &own).err().unwrap();
        assert!(error.problem.contains("longer than"), "{}", error.problem);
    }

    #[test]
    fn a_byte_of_the_expression_is_found_again_in_the_pattern() {
        let text = r"ab(?<name>c) %{CODE} [";
        let expanded = expand(text, &own()).unwrap();
        let at = expanded.regex.rfind('[').unwrap();
        assert_eq!(expanded.origin(at), text.rfind('[').unwrap());
        assert_eq!(expanded.origin(expanded.regex.find('{').unwrap()), 13);
    }
}
