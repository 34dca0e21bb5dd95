//! What named groups capture, as fields.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::{Batch, BatchFull, EventWriter, FieldSchema, Key, Schema, ValueType};

use super::InvalidPattern;
use super::times::Times;
use crate::Refused;
use crate::decimal;

/// What a captured text is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Str,
    U64,
    I64,
    F64,
    Bool,
    Timestamp,
    /// A number of units of so many nanoseconds.
    Duration(u64),
}

/// The types by name, as configurations have them.
const TYPES: [(&str, Type); 10] = [
    ("str", Type::Str),
    ("u64", Type::U64),
    ("i64", Type::I64),
    ("f64", Type::F64),
    ("bool", Type::Bool),
    ("timestamp", Type::Timestamp),
    ("duration_s", Type::Duration(1_000_000_000)),
    ("duration_ms", Type::Duration(1_000_000)),
    ("duration_us", Type::Duration(1_000)),
    ("duration_ns", Type::Duration(1)),
];

impl Type {
    fn schema(self, name: &str) -> FieldSchema {
        let name = name.to_owned();
        match self {
            Self::Str => FieldSchema::attribute(name, ValueType::Str),
            Self::Bool => FieldSchema::attribute(name, ValueType::Bool),
            Self::Timestamp => FieldSchema::attribute(name, ValueType::Timestamp),
            Self::U64 => FieldSchema::gauge(name, ValueType::U64),
            Self::I64 => FieldSchema::gauge(name, ValueType::I64),
            Self::F64 => FieldSchema::gauge(name, ValueType::F64),
            Self::Duration(_) => FieldSchema::gauge(name, ValueType::Duration).unit("s"),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Str => "text",
            Self::U64 => "a whole number of at most 64 bits",
            Self::I64 => "a whole number of at most 64 bits with its sign",
            Self::F64 => "a number",
            Self::Bool => "`true` or `false`",
            Self::Timestamp => "a time that can be read",
            Self::Duration(_) => "a number that is a length of time",
        }
    }
}

/// The fields of all groups.
#[derive(Clone, Debug)]
pub(super) struct Captured {
    fields: Vec<(String, Type)>,
    /// The one that is the time of the event.
    time: Option<usize>,
    event_type: String,
    pub(super) times: Times,
    schema: Arc<Schema>,
}

impl Captured {
    pub(super) fn new(event_type: &str) -> Self {
        Self {
            fields: Vec::new(),
            time: None,
            event_type: event_type.to_owned(),
            times: Times::default(),
            schema: Arc::new(Schema::new(event_type.to_owned())),
        }
    }

    /// The number of the field for a group.
    pub(super) fn add(&mut self, group: &str, ty: Type) -> usize {
        let name = field_name(group);
        let found = self.fields.iter().position(|(known, _)| *known == name);
        let at = found.unwrap_or_else(|| {
            self.fields.push((name, ty));
            self.fields.len() - 1
        });
        if let Some((_, known)) = self.fields.get_mut(at).filter(|(_, known)| *known == Type::Str) {
            *known = ty;
        }
        self.publish();
        at
    }

    /// Sets types: `status:u64,took:f64`.
    pub(super) fn types(&mut self, text: &str) -> Result<(), InvalidPattern> {
        let mut at = 0;
        for part in text.split_inclusive([',', ' ', '\n']) {
            let pair = part.trim_end_matches([',', ' ', '\n']);
            let (start, name) = (at, pair.split(':').next().unwrap_or_default());
            at += part.len();
            if pair.is_empty() {
                continue;
            }
            let invalid = |at, problem: String| Err(InvalidPattern { text: text.to_owned(), at, problem });
            let Some(ty) = pair.get(name.len() + 1..) else {
                return invalid(start, format!("`{name}` has no type: write `{name}:u64`"));
            };
            let Some((_, ty)) = TYPES.iter().find(|(known, _)| *known == ty) else {
                let known = TYPES.map(|(known, _)| known).join(", ");
                return invalid(
                    start + name.len() + 1,
                    format!("there is no type `{ty}`; known are {known}"),
                );
            };
            let field = field_name(name);
            let Some((_, known)) = self.fields.iter_mut().find(|(known, _)| *known == field) else {
                return invalid(start, self.no_group(name));
            };
            *known = *ty;
        }
        self.publish();
        Ok(())
    }

    /// Makes a group the time of the event.
    pub(super) fn time(&mut self, group: &str) -> Result<(), InvalidPattern> {
        let field = field_name(group);
        self.time = self.fields.iter().position(|(known, _)| *known == field);
        if self.time.is_none() {
            return Err(InvalidPattern { text: group.to_owned(), at: 0, problem: self.no_group(group) });
        }
        self.publish();
        Ok(())
    }

    /// Sets the type of the events.
    pub(super) fn event_type(&mut self, name: &str) -> Result<(), InvalidPattern> {
        let bad = name
            .char_indices()
            .find(|(at, c)| !(c.is_ascii_lowercase() || *c == '_' || (*at > 0 && c.is_ascii_digit())));
        if let Some(at) = bad.map(|(at, _)| at).or(name.is_empty().then_some(0)) {
            let problem = "a type is a name in snake_case: small letters, digits and `_`".to_owned();
            return Err(InvalidPattern { text: name.to_owned(), at, problem });
        }
        self.event_type = name.to_owned();
        self.publish();
        Ok(())
    }

    fn no_group(&self, name: &str) -> String {
        let known: Vec<&str> = self.fields.iter().map(|(known, _)| known.as_str()).collect();
        format!("there is no group `{name}`; there are: {}", known.join(", "))
    }

    pub(super) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn publish(&mut self) {
        let doc = "A record that matches, with what the named groups of its pattern have captured.";
        let fields = self.fields.iter().enumerate().filter(|(at, _)| self.time != Some(*at));
        let schema = fields.fold(Schema::new(self.event_type.clone()).doc(doc), |schema, (_, (name, ty))| {
            schema.field(ty.schema(name).doc(format!("What the group `{name}` has captured.")))
        });
        self.schema = Arc::new(schema);
    }

    /// The row of the event type and the keys of the fields in a batch.
    pub(super) fn keys(&self, batch: &mut Batch) -> Result<(u16, Vec<Key>), BatchFull> {
        let keys = self.fields.iter().map(|(name, _)| batch.add_key(name)).collect::<Result<_, _>>()?;
        Ok((batch.add_type(&self.schema)?, keys))
    }

    /// Writes what was captured for a field; `None` if its groups took no part in the match. An empty text, or a dash, is null where
    /// the field is no text.
    #[inline]
    pub(super) fn write(
        &mut self,
        event: &mut EventWriter<'_>,
        keys: &[Key],
        field: usize,
        range: Option<Range<usize>>,
    ) -> Result<(), Refused> {
        let (Some((_, ty)), Some(key)) = (self.fields.get(field), keys.get(field)) else { return Ok(()) };
        let (ty, key, is_time) = (*ty, *key, self.time == Some(field));
        let Some(range) = range else {
            if !is_time {
                event.null(key);
            }
            return Ok(());
        };
        let text = event.raw().get(range.clone()).unwrap_or_default();
        let refused = |expected| Refused::new(range.start, expected);
        if is_time {
            if !matches!(text, b"" | b"-") {
                let time = self.times.read(text, event.observed());
                event.set_time(time.ok_or(refused(Type::Timestamp.expected()))?);
            }
            return Ok(());
        }
        if ty == Type::Str {
            event.str(key, range);
            return Ok(());
        }
        if matches!(text, b"" | b"-") {
            event.null(key);
            return Ok(());
        }
        let refused = refused(ty.expected());
        match ty {
            Type::Str => {}
            Type::U64 => event.u64(key, decimal::whole(text).ok_or(refused)?),
            Type::I64 => event.i64(key, decimal::signed(text).ok_or(refused)?),
            Type::F64 => event.f64(key, decimal::float(text).ok_or(refused)?),
            Type::Bool => event.bool(key, truth(text).ok_or(refused)?),
            Type::Timestamp => {
                let time = self.times.read(text, event.observed());
                event.timestamp(key, time.ok_or(refused)?);
            }
            Type::Duration(unit) => event.duration(key, decimal::duration(text, unit).ok_or(refused)?),
        }
        Ok(())
    }
}

fn truth(text: &[u8]) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(["true", "yes", "on", "1"]) {
        Some(true)
    } else if is(["false", "no", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// The name of a group as one that needs no quoting: `[log][level]` and `log.level` become `log_level`.
pub(super) fn field_name(group: &str) -> String {
    let mut name = String::with_capacity(group.len());
    for c in group.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    if group.ends_with(|c: char| !c.is_ascii_alphanumeric() && c != '_') && name.ends_with('_') {
        name.pop();
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    name
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quoting() {
        for (group, name) in [
            ("status", "status"),
            ("[log][level]", "log_level"),
            ("log.level", "log_level"),
            ("a_", "a_"),
            ("@timestamp", "timestamp"),
            ("7", "_7"),
        ] {
            assert_eq!(field_name(group), name);
        }
    }

    #[test]
    fn types_are_checked_where_they_stand() {
        let mut captured = Captured::new("t");
        captured.add("status", Type::Str);
        captured.add("took", Type::Str);
        captured.types("status:u64, took:duration_ms").unwrap();
        assert_eq!(captured.schema().get("took").unwrap().value_type, ValueType::Duration);
        for (text, at, problem) in [
            ("status", 0, "`status` has no type: write `status:u64`"),
            ("took:f64,status:u65", 16, "there is no type `u65`; known are str, u64"),
            ("took:f64,x:u64", 9, "there is no group `x`; there are: status, took"),
        ] {
            let error = captured.types(text).unwrap_err();
            assert_eq!(error.at, at);
            assert!(error.problem.starts_with(problem), "{}", error.problem);
        }
    }

    #[test]
    fn a_type_is_a_name_in_snake_case() {
        let mut captured = Captured::new("t");
        assert!(captured.event_type("my_app2").is_ok());
        for (name, at) in [("", 0), ("2x", 0), ("my-app", 2), ("App", 0)] {
            assert_eq!(captured.event_type(name).unwrap_err().at, at);
        }
    }
}
