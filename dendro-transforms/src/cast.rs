//! A value as one of another type.

use dendro_core::{SignedDuration, Timestamp, Value, ValueRef, ValueType};

use crate::compare::integer;
use crate::text;

/// What a value can be cast to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CastTo {
    /// Text, as a [template](crate::Map::template) writes it.
    Str,
    /// A signed integer: from an integer or a float without a fraction that fits, from text, from a truth value (0 or 1).
    I64,
    /// An unsigned integer, from the same.
    U64,
    /// A float: from any number, a duration (its seconds), text. An integer beyond 2^53 is rounded.
    F64,
    /// A truth value: from `true`, `false`, 0 and 1, as text or numbers.
    Bool,
    /// A point in time: from text in RFC 3339, from a number or its text as seconds since 1970.
    Timestamp,
    /// A length of time: from a number or its text, as seconds.
    Duration,
}

impl CastTo {
    pub(crate) fn value_type(self) -> ValueType {
        match self {
            Self::Str => ValueType::Str,
            Self::I64 => ValueType::I64,
            Self::U64 => ValueType::U64,
            Self::F64 => ValueType::F64,
            Self::Bool => ValueType::Bool,
            Self::Timestamp => ValueType::Timestamp,
            Self::Duration => ValueType::Duration,
        }
    }
}

/// What a cast gives.
pub(crate) enum Cast {
    /// A value that owns nothing.
    Scalar(Value),
    /// The text that was written to the room given.
    Text,
    /// It can't be.
    Impossible,
}

/// `room` is empty.
pub(crate) fn cast(value: ValueRef<'_>, to: CastTo, room: &mut Vec<u8>) -> Cast {
    if value.is_null() {
        return Cast::Scalar(Value::Null);
    }
    let scalar = match to {
        CastTo::Str => {
            text::write(value, room);
            return Cast::Text;
        }
        CastTo::I64 => whole(value).and_then(|n| i64::try_from(n).ok()).map(Value::I64),
        CastTo::U64 => whole(value).and_then(|n| u64::try_from(n).ok()).map(Value::U64),
        CastTo::F64 => float(value).map(Value::F64),
        CastTo::Bool => truth(value).map(Value::Bool),
        CastTo::Timestamp => time(value).map(Value::Timestamp),
        CastTo::Duration => match value {
            ValueRef::Duration(duration) => Some(Value::Duration(duration)),
            other => nanos(other).map(|n| Value::Duration(SignedDuration::from_nanos(n))),
        },
    };
    scalar.map_or(Cast::Impossible, Cast::Scalar)
}

fn whole(value: ValueRef<'_>) -> Option<i128> {
    match value {
        ValueRef::Str(text) => text.trim().parse().ok(),
        ValueRef::Bool(truth) => Some(truth.into()),
        ValueRef::F64(f) => (f.fract() == 0.0 && f.abs() < 2f64.powi(64)).then_some(f as i128),
        other => integer(other),
    }
}

fn float(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Str(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

fn truth(value: ValueRef<'_>) -> Option<bool> {
    match value {
        ValueRef::Bool(truth) => Some(truth),
        ValueRef::Str("true" | "1") => Some(true),
        ValueRef::Str("false" | "0") => Some(false),
        other => match integer(other)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

fn time(value: ValueRef<'_>) -> Option<Timestamp> {
    match value {
        ValueRef::Timestamp(time) => Some(time),
        ValueRef::Str(text) => {
            Timestamp::parse_rfc3339(text).or_else(|| nanos(value).map(Timestamp::from_nanos))
        }
        other => nanos(other).map(Timestamp::from_nanos),
    }
}

/// Seconds as nanoseconds: of integers exactly.
fn nanos(value: ValueRef<'_>) -> Option<i64> {
    let seconds = match value {
        ValueRef::Duration(_) | ValueRef::Timestamp(_) => return None,
        ValueRef::Str(text) => match text.trim().parse::<i64>() {
            Ok(whole) => Some(whole.into()),
            Err(_) => None,
        },
        other => integer(other),
    };
    if let Some(seconds) = seconds {
        return i64::try_from(seconds.checked_mul(1_000_000_000)?).ok();
    }
    let nanos = (float(value)? * 1e9).round();
    (nanos.abs() < 9.2e18).then_some(nanos as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(value: ValueRef<'_>, to: CastTo) -> Option<Value> {
        let mut room = Vec::new();
        match cast(value, to, &mut room) {
            Cast::Scalar(value) => Some(value),
            Cast::Text => String::from_utf8(room).ok().map(Value::Str),
            Cast::Impossible => None,
        }
    }

    #[test]
    fn values_are_cast_exactly_or_not_at_all() {
        assert_eq!(to(u64::MAX.into(), CastTo::I64), None);
        assert_eq!(to(" 42 ".into(), CastTo::U64), Some(Value::U64(42)));
        assert_eq!(to((-1i64).into(), CastTo::U64), None);
        assert_eq!(to(1.5.into(), CastTo::I64), None);
        assert_eq!(to((1e300).into(), CastTo::I64), None);
        assert_eq!(to(f64::NAN.into(), CastTo::I64), None);
        assert_eq!(to(f64::NAN.into(), CastTo::Duration), None);
        assert_eq!(to("18446744073709551615".into(), CastTo::U64), Some(Value::U64(u64::MAX)));
        assert_eq!(to("0.25".into(), CastTo::Duration), Some(SignedDuration::from_nanos(250_000_000).into()));
        assert_eq!(
            to("1970-01-01T00:00:01Z".into(), CastTo::Timestamp),
            Timestamp::from_secs(1).map(Value::Timestamp)
        );
        assert_eq!(to(i64::MAX.into(), CastTo::Timestamp), None);
        assert_eq!(to("1".into(), CastTo::Bool), Some(Value::Bool(true)));
        assert_eq!(to("yes".into(), CastTo::Bool), None);
        assert_eq!(to(ValueRef::Null, CastTo::Bool), Some(Value::Null));
        assert_eq!(to(true.into(), CastTo::Str), Some("true".into()));
        assert_eq!(to(ValueRef::Bytes(&[0xff]), CastTo::F64), None);
        assert_eq!(to(SignedDuration::from_nanos(1_500_000_000).into(), CastTo::Str), Some("1.5".into()));
    }
}
