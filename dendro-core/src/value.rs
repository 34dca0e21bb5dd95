//! What a field holds: [`Value`] owns it, [`ValueRef`] looks at it in place.

use std::collections::BTreeMap;

use crate::batch::{ArrayRef, ObjectRef, first_of_each};
use crate::distribution::{Histogram, Sketch};
use crate::{SignedDuration, Timestamp};

/// The owned form of a nested object.
pub type Object = BTreeMap<String, Value>;

/// An owned value, for tests and application code. On the hot path there is [`ValueRef`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Known to be absent (a `-` in an access log).
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A floating-point number; may be NaN or infinite.
    F64(f64),
    /// A point in time.
    Timestamp(Timestamp),
    /// A length of time.
    Duration(SignedDuration),
    /// UTF-8 text.
    Str(String),
    /// Bytes that need not be UTF-8.
    Bytes(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Named values.
    Object(Object),
    /// Counts of observations in buckets with explicit bounds.
    Histogram(Histogram),
    /// Counts of observations in exponential buckets: quantiles that can be merged.
    Sketch(Sketch),
}

/// A value in place: inside a batch, or borrowed from a [`Value`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// See [`Value::Null`].
    Null,
    /// See [`Value::Bool`].
    Bool(bool),
    /// See [`Value::I64`].
    I64(i64),
    /// See [`Value::U64`].
    U64(u64),
    /// See [`Value::F64`].
    F64(f64),
    /// See [`Value::Timestamp`].
    Timestamp(Timestamp),
    /// See [`Value::Duration`].
    Duration(SignedDuration),
    /// See [`Value::Str`].
    Str(&'a str),
    /// See [`Value::Bytes`].
    Bytes(&'a [u8]),
    /// See [`Value::Array`].
    Array(ArrayRef<'a>),
    /// See [`Value::Object`].
    Object(ObjectRef<'a>),
    /// See [`Value::Histogram`]; the bytes are its [encoding](Histogram::encode).
    Histogram(&'a [u8]),
    /// See [`Value::Sketch`]; the bytes are its [encoding](Sketch::encode).
    Sketch(&'a [u8]),
}

impl<'a> ValueRef<'a> {
    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The bytes of text or bytes.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Str(s) => Some(s.as_bytes()),
            Self::Bytes(b) => Some(b),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The integer, if it is one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::I64(n) => Some(*n),
            Self::U64(n) => i64::try_from(*n).ok(),
            _ => None,
        }
    }

    /// The integer, if it is one and is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::U64(n) => Some(*n),
            Self::I64(n) => u64::try_from(*n).ok(),
            _ => None,
        }
    }

    /// The number as a floating-point one; a duration in seconds. Large integers lose precision.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::F64(n) => Some(*n),
            Self::I64(n) => Some(*n as f64),
            Self::U64(n) => Some(*n as f64),
            Self::Duration(d) => Some(d.as_secs_f64()),
            _ => None,
        }
    }

    /// The point in time, if it is one.
    pub fn as_timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::Timestamp(t) => Some(*t),
            _ => None,
        }
    }

    /// The length of time, if it is one.
    pub fn as_duration(&self) -> Option<SignedDuration> {
        match self {
            Self::Duration(d) => Some(*d),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// An owned copy.
    pub fn to_value(&self) -> Value {
        match *self {
            Self::Null => Value::Null,
            Self::Bool(v) => Value::Bool(v),
            Self::I64(v) => Value::I64(v),
            Self::U64(v) => Value::U64(v),
            Self::F64(v) => Value::F64(v),
            Self::Timestamp(v) => Value::Timestamp(v),
            Self::Duration(v) => Value::Duration(v),
            Self::Str(v) => Value::Str(v.to_owned()),
            Self::Bytes(v) => Value::Bytes(v.to_owned()),
            Self::Array(a) => Value::Array(a.iter().map(|v| v.to_value()).collect()),
            Self::Object(o) => Value::Object(first_of_each(o.iter())),
            Self::Histogram(b) => {
                Histogram::decode(b).map_or_else(|| Value::Bytes(b.to_owned()), Value::Histogram)
            }
            Self::Sketch(b) => Sketch::decode(b).map_or_else(|| Value::Bytes(b.to_owned()), Value::Sketch),
        }
    }
}

/// Equal if the values are; the order of an object's fields does not count.
impl PartialEq for ValueRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.to_value() == other.to_value()
    }
}

/// Looks at an owned value; a distribution by its encoding.
impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(v) => Self::Bool(*v),
            Value::I64(v) => Self::I64(*v),
            Value::U64(v) => Self::U64(*v),
            Value::F64(v) => Self::F64(*v),
            Value::Timestamp(v) => Self::Timestamp(*v),
            Value::Duration(v) => Self::Duration(*v),
            Value::Str(v) => Self::Str(v),
            Value::Bytes(v) => Self::Bytes(v),
            Value::Array(v) => Self::Array(ArrayRef::from_owned(v)),
            Value::Object(v) => Self::Object(ObjectRef::from_owned(v)),
            Value::Histogram(v) => Self::Histogram(v.encode()),
            Value::Sketch(v) => Self::Sketch(v.encode()),
        }
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(v: $from) -> Self { Self::$variant(v.into()) }
        }
        impl From<$from> for ValueRef<'_> {
            fn from(v: $from) -> Self { Self::$variant(v.into()) }
        }
    )*};
}
from!(bool => Bool, i64 => I64, i32 => I64, u64 => U64, u32 => U64, u16 => U64, f64 => F64,
      Timestamp => Timestamp, SignedDuration => Duration, std::time::Duration => Duration);

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Self::Str(v.to_owned())
    }
}
impl From<String> for Value {
    fn from(v: String) -> Self {
        Self::Str(v)
    }
}
impl From<Vec<Value>> for Value {
    fn from(v: Vec<Value>) -> Self {
        Self::Array(v)
    }
}
impl From<Object> for Value {
    fn from(v: Object) -> Self {
        Self::Object(v)
    }
}
impl<'a> From<&'a str> for ValueRef<'a> {
    fn from(v: &'a str) -> Self {
        Self::Str(v)
    }
}
impl<'a> From<&'a String> for ValueRef<'a> {
    fn from(v: &'a String) -> Self {
        Self::Str(v)
    }
}
impl<'a> From<&'a [u8]> for ValueRef<'a> {
    /// Text if it is UTF-8, else bytes.
    fn from(v: &'a [u8]) -> Self {
        std::str::from_utf8(v).map_or(Self::Bytes(v), Self::Str)
    }
}
