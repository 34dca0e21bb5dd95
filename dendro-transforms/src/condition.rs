//! Whether an event is meant: conditions as values.

use std::cmp::Ordering;

use dendro_core::{Batch, EventRef, Value, ValueRef};

use crate::ConfigError;
use crate::compare::compare;
use crate::field::{Bindings, Bound, Field};
use crate::pattern::Pattern;

/// A question about an event that is answered with yes or no.
///
/// Made from [`Condition::field`], put together with [`and`](Self::and), [`or`](Self::or) and [`not`](Self::not). For
/// more than that there is `remap`.
///
/// A comparison with a field that is missing, null, NaN or of a type that can't be compared is false, so that
/// [`not_equal`](FieldCondition::not_equal), which is the opposite of [`equals`](FieldCondition::equals), is true.
///
/// ```
/// use dendro_core::{Batch, Event};
/// use dendro_transforms::Condition;
///
/// let failed = Condition::field("status").at_least(500u64).or(Condition::field("error").exists());
/// let batch = Batch::from_events([
///     &Event::new("t").with("status", 503u64),
///     &Event::new("t").with("error", "no route"),
///     &Event::new("t").with("status", 200u64),
/// ])?;
/// let answers: Vec<bool> = batch.iter().map(|e| failed.holds_for(e)).collect();
/// assert_eq!(answers, [true, true, false]);
/// # Ok::<(), dendro_core::BatchFull>(())
/// ```
#[derive(Clone, Debug)]
pub struct Condition(Node);

#[derive(Clone, Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Type(Box<str>),
    Field(Field, Test),
}

#[derive(Clone, Debug)]
enum Test {
    Exists,
    Null,
    Compare(Operator, Value),
    OneOf(Vec<Value>),
    Contains(Vec<u8>),
    StartsWith(Vec<u8>),
    EndsWith(Vec<u8>),
    Matches(Pattern),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Condition {
    /// Asks about this field.
    pub fn field(field: impl Into<Field>) -> FieldCondition {
        FieldCondition(field.into())
    }

    /// Whether the event is of this type.
    pub fn event_type(name: impl Into<String>) -> Self {
        Self(Node::Type(name.into().into()))
    }

    /// Whether all of these hold; of none it is true.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::All(conditions.into_iter().map(|c| c.0).collect()))
    }

    /// Whether any of these holds; of none it is false.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::Any(conditions.into_iter().map(|c| c.0).collect()))
    }

    /// Whether both hold.
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// Whether one of the two holds, or both.
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// The opposite.
    #[allow(clippy::should_implement_trait, reason = "a builder's word, beside `and` and `or`")]
    pub fn not(self) -> Self {
        Self(Node::Not(Box::new(self.0)))
    }

    /// Whether it holds for an event. For the events of a batch the transforms look names up once.
    pub fn holds_for(&self, event: EventRef<'_>) -> bool {
        self.0.holds(event, &mut |field| field.of(event))
    }

    pub(crate) fn compile(&self) -> Matcher {
        let mut fields = Vec::new();
        self.0.visit_fields(&mut |f| fields.push(f.clone()));
        Matcher { node: self.0.clone(), fields }
    }
}

/// A field of which a [`Condition`] is to be made.
#[derive(Clone, Debug)]
pub struct FieldCondition(Field);

impl FieldCondition {
    /// Whether the event has it, null or not.
    pub fn exists(self) -> Condition {
        self.test(Test::Exists)
    }

    /// Whether the event has it and it is null.
    pub fn is_null(self) -> Condition {
        self.test(Test::Null)
    }

    /// Whether it is this value. Numbers are compared by value: 1 equals 1.0.
    pub fn equals(self, value: impl Into<Value>) -> Condition {
        self.compare(Operator::Equal, value)
    }

    /// Whether it is not this value, or missing.
    pub fn not_equal(self, value: impl Into<Value>) -> Condition {
        self.equals(value).not()
    }

    /// Whether it is less.
    pub fn less_than(self, value: impl Into<Value>) -> Condition {
        self.compare(Operator::Less, value)
    }

    /// Whether it is this or less.
    pub fn at_most(self, value: impl Into<Value>) -> Condition {
        self.compare(Operator::AtMost, value)
    }

    /// Whether it is more.
    pub fn greater_than(self, value: impl Into<Value>) -> Condition {
        self.compare(Operator::Greater, value)
    }

    /// Whether it is this or more.
    pub fn at_least(self, value: impl Into<Value>) -> Condition {
        self.compare(Operator::AtLeast, value)
    }

    /// Whether it is one of these.
    pub fn one_of<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Condition {
        self.test(Test::OneOf(values.into_iter().map(Into::into).collect()))
    }

    /// Whether it is text, or bytes, with this in it.
    pub fn contains(self, text: impl AsRef<[u8]>) -> Condition {
        self.test(Test::Contains(text.as_ref().to_vec()))
    }

    /// Whether it is text, or bytes, that begins with this.
    pub fn starts_with(self, text: impl AsRef<[u8]>) -> Condition {
        self.test(Test::StartsWith(text.as_ref().to_vec()))
    }

    /// Whether it is text, or bytes, that ends with this.
    pub fn ends_with(self, text: impl AsRef<[u8]>) -> Condition {
        self.test(Test::EndsWith(text.as_ref().to_vec()))
    }

    /// Whether it is text, or bytes, in which this regular expression (the syntax of the `regex` crate) is found. Its time
    /// is linear in the text's length.
    ///
    /// # Errors
    /// If it is no regular expression, or too large a one.
    pub fn matches(self, regex: &str) -> Result<Condition, ConfigError> {
        Ok(self.test(Test::Matches(Pattern::new(regex)?)))
    }

    fn compare(self, operator: Operator, value: impl Into<Value>) -> Condition {
        self.test(Test::Compare(operator, value.into()))
    }

    fn test(self, test: Test) -> Condition {
        Condition(Node::Field(self.0, test))
    }
}

/// A condition that is ready for batches.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    node: Node,
    /// In the order in which a walk through the nodes meets them.
    fields: Vec<Field>,
}

impl Matcher {
    pub(crate) fn bind(&self, batch: &Batch) -> Bindings {
        Bindings::new(&self.fields, batch)
    }

    #[inline]
    pub(crate) fn holds(&self, bindings: &Bindings, event: EventRef<'_>) -> bool {
        let bound = bindings.of(event);
        self.node.holds_bound(event, bound, &mut 0)
    }
}

impl Node {
    fn visit_fields(&self, visit: &mut impl FnMut(&Field)) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|n| n.visit_fields(visit)),
            Self::Not(node) => node.visit_fields(visit),
            Self::Field(field, _) => visit(field),
            Self::Type(_) => {}
        }
    }

    fn count_fields(&self) -> usize {
        let mut count = 0;
        self.visit_fields(&mut |_| count += 1);
        count
    }

    fn holds<'a>(&self, event: EventRef<'a>, get: &mut impl FnMut(&Field) -> Option<ValueRef<'a>>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|n| n.holds(event, get)),
            Self::Any(nodes) => nodes.iter().any(|n| n.holds(event, get)),
            Self::Not(node) => !node.holds(event, get),
            Self::Type(name) => event.event_type() == &**name,
            Self::Field(field, test) => test.holds(get(field)),
        }
    }

    /// `next` is the number of the next field in the walk; what is not looked at is skipped.
    fn holds_bound(&self, event: EventRef<'_>, bound: &[Bound], next: &mut usize) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => {
                let stops_at = matches!(self, Self::Any(_));
                let mut found = false;
                for node in nodes {
                    if found {
                        *next += node.count_fields();
                    } else {
                        found = node.holds_bound(event, bound, next) == stops_at;
                    }
                }
                found == stops_at
            }
            Self::Not(node) => !node.holds_bound(event, bound, next),
            Self::Type(name) => event.event_type() == &**name,
            Self::Field(field, test) => {
                let at = *next;
                *next += 1;
                test.holds(field.get(bound[at], event))
            }
        }
    }
}

impl Test {
    fn holds(&self, value: Option<ValueRef<'_>>) -> bool {
        let Some(value) = value else { return false };
        let text = || value.as_bytes();
        match self {
            Self::Exists => true,
            Self::Null => value.is_null(),
            Self::Compare(operator, with) => {
                compare(value, with.into()).is_some_and(|ordering| operator.accepts(ordering))
            }
            Self::OneOf(values) => values.iter().any(|v| compare(value, v.into()) == Some(Ordering::Equal)),
            Self::Contains(part) => text().is_some_and(|t| memchr::memmem::find(t, part).is_some()),
            Self::StartsWith(part) => text().is_some_and(|t| t.starts_with(part)),
            Self::EndsWith(part) => text().is_some_and(|t| t.ends_with(part)),
            Self::Matches(pattern) => text().is_some_and(|t| pattern.is_match(t)),
        }
    }
}

impl Operator {
    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use dendro_core::Event;

    use super::*;

    fn batch() -> Batch {
        Batch::from_events([&Event::new("t")
            .with("n", (1u64 << 53) + 1)
            .with("nan", f64::NAN)
            .with("null", Value::Null)
            .with("text", "GET /a")
            .with("bytes", Value::Bytes(vec![b'x', 0xff]))])
        .unwrap()
    }

    fn holds(condition: &Condition) -> bool {
        let batch = batch();
        let event = batch.get(0).unwrap();
        let matcher = condition.compile();
        let bound = matcher.holds(&matcher.bind(&batch), event);
        assert_eq!(bound, condition.holds_for(event), "{condition:?}");
        bound
    }

    #[test]
    fn what_is_missing_null_nan_or_of_another_type_compares_to_nothing() {
        for field in ["missing", "null", "nan", "text"] {
            let field = || Condition::field(field);
            assert!(
                !holds(&field().equals(1u64))
                    && !holds(&field().less_than(1u64))
                    && !holds(&field().at_least(0u64))
            );
            assert!(holds(&field().not_equal(1u64)));
        }
        assert!(holds(&Condition::field("null").is_null()) && holds(&Condition::field("null").exists()));
        assert!(
            !holds(&Condition::field("missing").exists()) && !holds(&Condition::field("missing").is_null())
        );
    }

    #[test]
    fn integers_that_a_float_can_not_hold_are_told_apart() {
        assert!(!holds(&Condition::field("n").equals((1u64 << 53) as f64)));
        assert!(holds(&Condition::field("n").greater_than(1u64 << 53)));
        assert!(holds(&Condition::field("n").one_of([1, (1i64 << 53) + 1])));
    }

    #[test]
    fn text_is_looked_at_byte_by_byte() {
        let text = || Condition::field("text");
        assert!(
            holds(&text().contains("/"))
                && holds(&text().starts_with("GET"))
                && holds(&text().ends_with("/a"))
        );
        assert!(holds(&Condition::field("bytes").contains([0xff])));
        assert!(holds(&text().matches("^G.T ").unwrap()) && !holds(&text().matches("^POST").unwrap()));
        assert!(holds(&Condition::field("bytes").matches("(?-u)\\xff$").unwrap()));
        assert!(!holds(&Condition::field("n").contains("9")));
        let error = text().matches("a(").unwrap_err().to_string();
        assert!(error.contains("a(") && error.contains("unclosed"), "{error}");
    }

    #[test]
    fn conditions_that_are_put_together_keep_their_fields_apart() {
        let yes = || Condition::field("n").exists();
        let no = || Condition::field("missing").exists();
        let text = || Condition::field("text").equals("GET /a");
        assert!(holds(&yes().and(text())) && !holds(&no().and(text())) && holds(&no().or(text())));
        assert!(holds(&Condition::all([yes().or(no()), no().not(), text()])));
        assert!(holds(&Condition::any([no().and(yes()), no().and(yes().or(no())), text()])));
        assert!(holds(&Condition::all([])) && !holds(&Condition::any([])));
        assert!(holds(&Condition::event_type("t")) && !holds(&Condition::event_type("u")));
    }
}
