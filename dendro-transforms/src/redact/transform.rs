use std::ops::Range;
use std::sync::Arc;

use dendro_core::{Batch, EventRef, Key, Schema, Transform, TransformError, Value, ValueRef, ValueType};

use super::hash::KeyedHash;
use super::rules::Rule;
use crate::schema_map::SchemaMap;
use crate::{ConfigError, text};

/// What stands in the place of what is not to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replacement {
    /// Its kind: `[email]`.
    #[default]
    Label,
    /// An asterisk for each byte.
    Mask,
    /// Its kind and a keyed hash (HMAC-SHA-256, 128 bits of it in hexadecimal): `[email:5bdcc146bf60754e6a042426089575c7]`. Equal values can
    /// still be found equal. Needs a [key](Redact::key).
    Hash,
}

/// Replaces what must not be seen further on: things of known kinds wherever they stand in text, and whole fields.
///
/// All text is looked at, also in arrays and objects, or only [some fields](Self::only). **The raw text is redacted too**, since it would tell what was
/// taken out of the fields: by the same patterns; of a whole field its value is looked for in it, and where it does not
/// stand there as it is, the raw text is dropped. What the bytes were is gone from the batch, so that no buffer on disk keeps them.
///
/// Names of fields, the origin's fields and the time are not looked at. Events that a parser before it has refused are in the dead
/// letters as they were read: to have those redacted too, one that knows patterns goes before the parser.
///
/// ```
/// use dendro_core::{Batch, Event, Transform};
/// use dendro_transforms::Redact;
///
/// let mut redact = Redact::new().emails()?.card_numbers()?.field("password");
/// let event = Event::new("t")
///     .with("message", "ann@example.com paid with 4111 1111 1111 1111, order 1234567890123")
///     .with("password", "hunter2");
/// let mut batch = Batch::from_events([&event])?;
/// redact.transform(&mut batch)?;
/// let event = batch.get(0).unwrap();
/// assert_eq!(event.get("message").unwrap().as_str(), Some("[email] paid with [card], order 1234567890123"));
/// assert_eq!(event.get("password").unwrap().as_str(), Some("[password]"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Redact {
    rules: Vec<Rule>,
    whole: Vec<String>,
    only: Option<Vec<String>>,
    with: Replacement,
    key: Option<KeyedHash>,
    schemas: SchemaMap,
}

impl Redact {
    /// Redacts nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// E-mail addresses, with `%40` for the `@` too.
    ///
    /// # Errors
    /// None in practice.
    pub fn emails(self) -> Result<Self, ConfigError> {
        Ok(self.rules([Rule::email()?]))
    }

    /// IPv4 and IPv6 addresses.
    ///
    /// # Errors
    /// None in practice.
    pub fn ip_addresses(self) -> Result<Self, ConfigError> {
        // The one that may end like the other goes first.
        Ok(self.rules([Rule::ipv6()?, Rule::ipv4()?]))
    }

    /// Payment card numbers: 13 to 19 digits, with or without spaces or hyphens, whose check digit is right (Luhn). Of other numbers of that length one in ten is
    /// taken for one.
    ///
    /// # Errors
    /// None in practice.
    pub fn card_numbers(self) -> Result<Self, ConfigError> {
        Ok(self.rules([Rule::card_number()?]))
    }

    /// JSON web tokens, keys of AWS, GitHub and Slack, `Bearer` and `Basic` credentials, private keys, and what follows `password=`, `token:` and such.
    ///
    /// # Errors
    /// None in practice.
    pub fn secrets(self) -> Result<Self, ConfigError> {
        Ok(self.rules(Rule::secrets()?))
    }

    /// What a regular expression (the syntax of the `regex` crate) finds, called `label`.
    ///
    /// # Errors
    /// [`ConfigError`] if it is no regular expression, or too large a one.
    pub fn pattern(self, label: impl Into<String>, regex: &str) -> Result<Self, ConfigError> {
        Ok(self.rules([Rule::own(label.into(), regex)?]))
    }

    /// The whole value of this field, whatever it is; it is called by the field's name.
    pub fn field(mut self, name: impl Into<String>) -> Self {
        self.whole.push(name.into());
        self
    }

    /// Patterns are looked for in these fields only, and in the raw text.
    pub fn only<N: Into<String>>(mut self, fields: impl IntoIterator<Item = N>) -> Self {
        self.only.get_or_insert_default().extend(fields.into_iter().map(Into::into));
        self
    }

    /// What stands in its place. By default its kind.
    ///
    /// # Errors
    /// [`ConfigError`] if hashes are asked for before there is a [key](Self::key).
    pub fn with(mut self, replacement: Replacement) -> Result<Self, ConfigError> {
        if replacement == Replacement::Hash && self.key.is_none() {
            return Err(ConfigError::new(
                "hashes need a key: without one anybody could try which value it was",
            ));
        }
        self.with = replacement;
        Ok(self)
    }

    /// The key of hashes. It is in no message.
    ///
    /// # Errors
    /// [`ConfigError`] if it is shorter than 16 bytes.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let key = key.as_ref();
        if key.len() < 16 {
            return Err(ConfigError::new(format!(
                "the key of hashes has {} bytes: 16 are the least",
                key.len()
            )));
        }
        self.key = KeyedHash::new(key);
        Ok(self)
    }

    fn rules(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.rules.extend(rules);
        self
    }

    /// What is put in the place of a whole field is text.
    fn output(&self, schema: &Schema) -> Schema {
        let mut schema = schema.clone();
        for field in schema.fields.iter_mut().filter(|f| self.whole.iter().any(|name| f.name == *name)) {
            field.value_type = ValueType::Str;
        }
        schema
    }

    /// The text without what is not to be seen; `None` if there is nothing of that.
    fn redacted(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut found: Vec<(Range<usize>, &str)> = Vec::new();
        for rule in &self.rules {
            rule.find(text, |range| found.push((range, &rule.label)));
        }
        if found.is_empty() {
            return None;
        }
        // Among those that begin together the longest; what lies within another is gone with it.
        found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
        for (range, label) in found {
            if range.end <= at {
                continue;
            }
            // Of what overlaps with the one before the rest.
            let range = range.start.max(at)..range.end;
            out.extend_from_slice(&text[at..range.start]);
            self.replace(label, &text[range.clone()], &mut out);
            at = range.end;
        }
        out.extend_from_slice(&text[at..]);
        Some(out)
    }

    fn replace(&self, label: &str, value: &[u8], out: &mut Vec<u8>) {
        match (self.with, &self.key) {
            (Replacement::Mask, _) => out.resize(out.len() + value.len(), b'*'),
            (Replacement::Hash, Some(key)) => {
                out.extend_from_slice(b"[");
                out.extend_from_slice(label.as_bytes());
                out.extend_from_slice(b":");
                key.write(value, out);
                out.extend_from_slice(b"]");
            }
            _ => {
                out.extend_from_slice(b"[");
                out.extend_from_slice(label.as_bytes());
                out.extend_from_slice(b"]");
            }
        }
    }

    /// A value without what is not to be seen; `None` if it stays.
    fn redacted_value(&self, value: ValueRef<'_>) -> Option<Value> {
        match value {
            ValueRef::Str(text) => self.redacted(text.as_bytes()).map(|t| ValueRef::from(&t[..]).to_value()),
            ValueRef::Bytes(bytes) => self.redacted(bytes).map(Value::Bytes),
            ValueRef::Array(array) => {
                let values: Vec<Option<Value>> = array.iter().map(|v| self.redacted_value(v)).collect();
                values.iter().any(Option::is_some).then(|| {
                    let kept =
                        array.iter().zip(values).map(|(old, new)| new.unwrap_or_else(|| old.to_value()));
                    Value::Array(kept.collect())
                })
            }
            ValueRef::Object(object) => {
                let values: Vec<Option<Value>> = object.iter().map(|(_, v)| self.redacted_value(v)).collect();
                values.iter().any(Option::is_some).then(|| {
                    let mut kept = dendro_core::Object::new();
                    for ((name, old), new) in object.iter().zip(values) {
                        kept.entry(name.to_owned()).or_insert_with(|| new.unwrap_or_else(|| old.to_value()));
                    }
                    Value::Object(kept)
                })
            }
            _ => None,
        }
    }

    /// What is to be changed of an event.
    fn changes(&self, event: EventRef<'_>, whole: &[Option<Key>], only: Option<&[Key]>) -> Changes {
        let mut changes = Changes::default();
        let mut raw: Option<Vec<u8>> = None;
        for (key, value) in event.keyed_fields() {
            if let Some(at) = whole.iter().position(|k| *k == Some(key)) {
                if value.is_null() {
                    continue;
                }
                let (mut old, mut new) = (Vec::new(), Vec::new());
                text::write(value, &mut old);
                self.replace(&self.whole[at], &old, &mut new);
                raw = raw.or_else(|| Some(event.raw().to_vec()));
                if let Some(raw) = &mut raw {
                    // What does not stand there as it is may stand there in another form.
                    *raw = replaced(raw, &old, &new).unwrap_or_default();
                }
                changes.fields.push((key, ValueRef::from(&new[..]).to_value()));
            } else if only.is_none_or(|only| only.contains(&key)) {
                changes.fields.extend(self.redacted_value(value).map(|new| (key, new)));
            }
        }
        if event.is_unparsed() && self.whole.iter().any(|name| name == "message") {
            // It reads as that field.
            let mut new = Vec::new();
            self.replace("message", event.raw(), &mut new);
            raw = Some(new);
        }
        changes.raw = match raw {
            Some(raw) => Some(self.redacted(&raw).unwrap_or(raw)),
            None => self.redacted(event.raw()),
        };
        changes
    }
}

/// The fields that change, and the raw text if it does.
#[derive(Default)]
struct Changes {
    fields: Vec<(Key, Value)>,
    raw: Option<Vec<u8>>,
}

/// `None` if it has no `old`.
fn replaced(text: &[u8], old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    if old.is_empty() {
        return Some(text.to_vec());
    }
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    for start in memchr::memmem::find_iter(text, old) {
        out.extend_from_slice(&text[at..start]);
        out.extend_from_slice(new);
        at = start + old.len();
    }
    if at == 0 {
        return None;
    }
    out.extend_from_slice(&text[at..]);
    Some(out)
}

impl Transform for Redact {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let whole: Vec<Option<Key>> = self.whole.iter().map(|name| batch.find_key(name)).collect();
        let only: Option<Vec<Key>> =
            self.only.as_ref().map(|names| names.iter().filter_map(|name| batch.find_key(name)).collect());
        let mut changed = false;
        for index in 0..batch.end_index() {
            let Some(event) = batch.get(index) else { continue };
            let Changes { fields, raw } = self.changes(event, &whole, only.as_deref());
            changed |= !fields.is_empty() || raw.is_some();
            let Some(mut event) = batch.get_mut(index) else { continue };
            for (key, value) in &fields {
                event.insert_key(*key, value)?;
            }
            if let Some(raw) = raw {
                event.set_raw(&raw)?;
            }
        }
        if changed {
            // The bytes as they were read go with this.
            batch.compact();
        }
        if !self.whole.is_empty() {
            let mut schemas = std::mem::take(&mut self.schemas);
            schemas.attach(batch, |schema| self.output(schema));
            self.schemas = schemas;
        }
        Ok(())
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        SchemaMap::outputs(input, |schema| self.output(schema))
    }
}
