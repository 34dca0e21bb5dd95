//! Which field of an event is meant.

use std::fmt;
use std::sync::Arc;

use dendro_core::{Batch, EventRef, FieldSchema, Key, Schema, ValueRef};

/// Names a field of an event, or a value within one.
///
/// | written | means |
/// |---|---|
/// | `status` | the field of that name; where the event has none, its origin's (`host`, `service`, `stream`, a tag) |
/// | `user.name`, `items[0].id` | a value within a field; a field whose whole name is written so comes first |
/// | `"a.b".c` | the same, of a field with a dot in its name |
/// | `otel:http.response.status_code` | the field to which the event's schema gives this name of OpenTelemetry's conventions |
///
/// ```
/// use dendro_core::{Batch, Event, Value};
/// use dendro_transforms::Field;
///
/// let user = Value::Object([("name".to_owned(), "ann".into())].into());
/// let batch = Batch::from_events([&Event::new("login").with("user", user)])?;
/// let event = batch.get(0).unwrap();
/// assert_eq!(Field::from("user.name").of(event).unwrap().as_str(), Some("ann"));
/// assert!(Field::from("user.age").of(event).is_none());
/// # Ok::<(), dendro_core::BatchFull>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    text: Box<str>,
    name: Name,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Own(Box<str>),
    Otel(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Key(Box<str>),
    Index(usize),
}

impl Field {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its value in an event. For many events of a batch the transforms look names up once.
    pub fn of<'a>(&self, event: EventRef<'a>) -> Option<ValueRef<'a>> {
        let whole = if self.steps.is_empty() { None } else { event.get(&self.text) };
        whole.or_else(|| {
            let name = self.name_in(event.schema().map(|s| &**s))?;
            self.descend(event.get(name)?)
        })
    }

    /// What the schema says of it; nothing of a value within a field.
    pub(crate) fn schema_in<'s>(&self, schema: &'s Schema) -> Option<&'s FieldSchema> {
        if self.steps.is_empty() { schema.get(self.name_in(Some(schema))?) } else { schema.get(&self.text) }
    }

    /// The name of the top field, if it can be told.
    pub(crate) fn name_in<'s>(&'s self, schema: Option<&'s Schema>) -> Option<&'s str> {
        match &self.name {
            Name::Own(name) => Some(name),
            Name::Otel(otel) => {
                let found = schema?.fields.iter().find(|f| f.otel.as_deref() == Some(otel));
                found.map(|f| &*f.name)
            }
        }
    }

    /// Whether events of this schema may have it. A schema without fields allows any; an origin's fields and those
    /// within others are not in a schema.
    pub(crate) fn may_be_in(&self, schema: &Schema) -> bool {
        match &self.name {
            Name::Otel(_) => self.name_in(Some(schema)).is_some(),
            Name::Own(_) => true,
        }
    }

    /// Whether it is found by OpenTelemetry's name.
    pub(crate) fn is_otel(&self) -> bool {
        matches!(self.name, Name::Otel(_))
    }

    /// The name and the way down of a field that is not found by OpenTelemetry's name.
    pub(crate) fn is_top(&self) -> bool {
        self.steps.is_empty()
    }

    fn descend<'a>(&self, value: ValueRef<'a>) -> Option<ValueRef<'a>> {
        self.steps.iter().try_fold(value, |value, step| match (step, value) {
            (Step::Key(name), ValueRef::Object(object)) => object.get(name),
            (Step::Index(n), ValueRef::Array(array)) => array.iter().nth(*n),
            _ => None,
        })
    }

    pub(crate) fn bind(&self, batch: &Batch, schema: Option<&Schema>) -> Bound {
        let find = |name: &str| batch.find_key(name);
        let whole = if self.steps.is_empty() { None } else { find(&self.text) };
        Bound { whole, key: self.name_in(schema).and_then(find) }
    }

    /// Its value, by what [`bind`](Self::bind) found for the batch and the event's type.
    #[inline]
    pub(crate) fn get<'a>(&self, bound: Bound, event: EventRef<'a>) -> Option<ValueRef<'a>> {
        if let Some(key) = bound.key
            && let Some(value) = event.get_key(key)
            && bound.whole.is_none()
        {
            return if self.steps.is_empty() { Some(value) } else { self.descend(value) };
        }
        self.of(event)
    }
}

/// Where a field is in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    whole: Option<Key>,
    key: Option<Key>,
}

/// Where some fields are in a batch, for each type of event.
pub(crate) struct Bindings {
    /// The schema that it was found by, where it matters.
    by_type: Vec<(Option<Arc<Schema>>, Vec<Bound>)>,
    one_for_all: bool,
}

impl Bindings {
    pub(crate) fn new<'f>(fields: impl IntoIterator<Item = &'f Field> + Clone, batch: &Batch) -> Self {
        let bind =
            |schema: Option<&Schema>| fields.clone().into_iter().map(|f| f.bind(batch, schema)).collect();
        let one_for_all = !fields.clone().into_iter().any(Field::is_otel);
        let mut by_type = Vec::new();
        if !one_for_all {
            by_type.extend(batch.schemas().iter().map(|s| (Some(s.clone()), bind(Some(s)))));
        }
        by_type.push((None, bind(None)));
        Self { by_type, one_for_all }
    }

    #[inline]
    pub(crate) fn of(&self, event: EventRef<'_>) -> &[Bound] {
        let last = self.by_type.len() - 1;
        if self.one_for_all {
            return &self.by_type[last].1;
        }
        let schema = event.schema();
        let same = |known: &Option<Arc<Schema>>| match (known, schema) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        let at = self.by_type.iter().position(|(known, _)| same(known)).unwrap_or(last);
        &self.by_type[at].1
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        if let Some(otel) = text.strip_prefix("otel:") {
            return Self { text: text.into(), name: Name::Otel(otel.into()), steps: Vec::new() };
        }
        let (name, mut rest) = match text.strip_prefix('"').and_then(|t| t.split_once('"')) {
            Some((name, rest)) => (name, rest),
            None => text.split_at(text.find(['.', '[']).unwrap_or(text.len())),
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let index = rest.strip_prefix('[').and_then(|r| r.split_once(']'));
            if let Some((index, behind)) = index.and_then(|(n, r)| Some((n.parse().ok()?, r))) {
                steps.push(Step::Index(index));
                rest = behind;
                continue;
            }
            // What is no index is part of a name.
            let (dot, from) = if rest.starts_with('.') { (1, 1) } else { (0, 1) };
            let end = rest[from..].find(['.', '[']).map_or(rest.len(), |i| i + from);
            steps.push(Step::Key(rest[dot..end].into()));
            rest = &rest[end..];
        }
        Self { text: text.into(), name: Name::Own(name.into()), steps }
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use dendro_core::{Event, Value};

    use super::*;

    fn nested() -> Batch {
        let inner =
            Value::Object([("c".to_owned(), Value::from(7u64)), ("d.e".to_owned(), true.into())].into());
        let a = Value::Object([("b".to_owned(), Value::Array(vec![Value::Null, inner]))].into());
        let event =
            Event::new("t").with("a", a.clone()).with("x.y", 1u64).with("n", Value::Null).with("q.r", a);
        Batch::from_events([&event]).unwrap()
    }

    #[test]
    fn paths_lead_into_objects_and_arrays_and_end_where_there_is_nothing() {
        let batch = nested();
        let event = batch.get(0).unwrap();
        let get = |path: &str| Field::from(path).of(event).map(|v| v.to_value());
        assert_eq!(get("a.b[1].c"), Some(7u64.into()));
        assert_eq!(get("a.b[0]"), Some(Value::Null));
        assert_eq!(get("x.y"), Some(1u64.into()));
        assert_eq!(get("\"q.r\".b[1].c"), Some(7u64.into()));
        assert_eq!(get("n"), Some(Value::Null));
        for nothing in
            ["a.b[2]", "a.b.c", "a[0]", "n.x", "", ".", "a.", "a[", "a[x]", "[", "\"", "z", "otel:a"]
        {
            assert_eq!(get(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_bound_field_reads_as_an_unbound_one() {
        let batch = nested();
        let event = batch.get(0).unwrap();
        for path in ["a.b[1].c", "a", "x.y", "\"q.r\".b[1]", "z", "n", "source"] {
            let field = Field::from(path);
            let bound = field.get(field.bind(&batch, None), event);
            assert_eq!(bound.map(|v| v.to_value()), field.of(event).map(|v| v.to_value()), "{path}");
        }
    }

    #[test]
    fn otel_names_are_looked_up_in_the_schema_of_the_event() {
        use dendro_core::{FieldSchema, ValueType};
        let mut batch = Batch::from_events([&Event::new("t").with("status", 200u64)]).unwrap();
        let field = Field::from("otel:http.response.status_code");
        assert!(field.of(batch.get(0).unwrap()).is_none());
        let schema = Schema::new("t")
            .field(FieldSchema::dimension("status", ValueType::U64).otel("http.response.status_code"));
        batch.attach_schemas(&[Arc::new(schema)]);
        let event = batch.get(0).unwrap();
        assert_eq!(field.of(event).unwrap().as_u64(), Some(200));
        let bindings = Bindings::new([&field], &batch);
        assert_eq!(field.get(bindings.of(event)[0], event).unwrap().as_u64(), Some(200));
    }
}
