//! Sums, extremes and means: exact for integers and durations, compensated for floats.

use dendro_core::{SignedDuration, Value, ValueRef, ValueType};

use crate::wire::{Reader, Writer};

/// What the values of a field are taken as. It decides the type of what is made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numeric {
    /// Integers, that come out as one that is not negative.
    Unsigned,
    /// Integers.
    Signed,
    /// Lengths of time.
    Duration,
    /// Any number, as a float; a length of time in seconds.
    Float,
}

/// One observation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

impl Numeric {
    pub(super) fn of(declared: Option<ValueType>) -> Self {
        match declared {
            Some(ValueType::U64) => Self::Unsigned,
            Some(ValueType::I64) => Self::Signed,
            Some(ValueType::Duration) => Self::Duration,
            _ => Self::Float,
        }
    }

    pub(super) fn value_type(self) -> ValueType {
        match self {
            Self::Unsigned => ValueType::U64,
            Self::Signed => ValueType::I64,
            Self::Duration => ValueType::Duration,
            Self::Float => ValueType::F64,
        }
    }

    /// `None` for a value that is none of these, and for NaN and the infinities.
    #[inline]
    pub(super) fn read(self, value: ValueRef<'_>) -> Option<Number> {
        match (self, value) {
            (Self::Unsigned | Self::Signed, ValueRef::U64(n)) => Some(Number::Integer(n.into())),
            (Self::Unsigned | Self::Signed, ValueRef::I64(n)) => Some(Number::Integer(n.into())),
            (Self::Duration, ValueRef::Duration(d)) => Some(Number::Integer(d.as_nanos().into())),
            (Self::Float, value) => value.as_f64().filter(|f| f.is_finite()).map(Number::Float),
            _ => None,
        }
    }

    /// The number as a value of the field's type; what does not fit is the nearest that does.
    pub(super) fn write(self, number: Number) -> Value {
        match (self, number) {
            (Self::Unsigned, Number::Integer(n)) => Value::U64(u64::try_from(n.max(0)).unwrap_or(u64::MAX)),
            (Self::Signed, Number::Integer(n)) => Value::I64(clamp(n)),
            (Self::Duration, Number::Integer(n)) => SignedDuration::from_nanos(clamp(n)).into(),
            (_, number) => Value::F64(self.as_f64(number)),
        }
    }

    /// In the field's unit; of durations, seconds.
    #[inline]
    pub(super) fn as_f64(self, number: Number) -> f64 {
        match (self, number) {
            (_, Number::Float(f)) => f,
            (Self::Duration, Number::Integer(n)) => n as f64 / 1e9,
            (_, Number::Integer(n)) => n as f64,
        }
    }
}

fn clamp(n: i128) -> i64 {
    n.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// A sum. Integers are added exactly; of floats what each addition rounds away is kept (Neumaier), so that the order in
/// which they come hardly matters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sum {
    count: u64,
    integers: i128,
    floats: f64,
    lost: f64,
}

impl Sum {
    #[inline]
    pub(super) fn add(&mut self, number: Number) {
        self.count += 1;
        match number {
            Number::Integer(n) => self.integers = self.integers.saturating_add(n),
            Number::Float(f) => self.add_float(f),
        }
    }

    fn add_float(&mut self, f: f64) {
        let sum = self.floats + f;
        self.lost +=
            if self.floats.abs() >= f.abs() { (self.floats - sum) + f } else { (f - sum) + self.floats };
        self.floats = sum;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.integers = self.integers.saturating_add(other.integers);
        self.add_float(other.floats);
        self.lost += other.lost;
    }

    pub(super) fn value(&self, numeric: Numeric) -> Value {
        match numeric {
            Numeric::Float => Value::F64(self.floats + self.lost),
            other => other.write(Number::Integer(self.integers)),
        }
    }

    pub(super) fn as_f64(&self, numeric: Numeric) -> f64 {
        match numeric {
            Numeric::Float => self.floats + self.lost,
            other => other.as_f64(Number::Integer(self.integers)),
        }
    }

    pub(super) fn mean(&self, numeric: Numeric) -> Value {
        if self.count == 0 { Value::Null } else { Value::F64(self.as_f64(numeric) / self.count as f64) }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.count);
        out.put_i128(self.integers);
        // Nearly always zero where there are only integers.
        out.put_flag(self.floats != 0.0 || self.lost != 0.0);
        if self.floats != 0.0 || self.lost != 0.0 {
            out.put_f64(self.floats);
            out.put_f64(self.lost);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let (count, integers) = (reader.u64()?, reader.i128()?);
        let (floats, lost) = if reader.flag()? { (reader.f64()?, reader.f64()?) } else { (0.0, 0.0) };
        Some(Self { count, integers, floats, lost })
    }
}

/// The least or the greatest of what was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Extreme(Option<Number>);

impl Extreme {
    #[inline]
    pub(super) fn add(&mut self, number: Number, greatest: bool) {
        let better = match (self.0, number) {
            (None, _) => true,
            (Some(Number::Integer(a)), Number::Integer(b)) => {
                if greatest {
                    b > a
                } else {
                    b < a
                }
            }
            (Some(Number::Float(a)), Number::Float(b)) => {
                if greatest {
                    b > a
                } else {
                    b < a
                }
            }
            _ => false,
        };
        if better {
            self.0 = Some(number);
        }
    }

    pub(super) fn merge(&mut self, other: &Self, greatest: bool) {
        if let Some(number) = other.0 {
            self.add(number, greatest);
        }
    }

    pub(super) fn value(&self, numeric: Numeric) -> Value {
        self.0.map_or(Value::Null, |n| numeric.write(n))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self.0 {
            None => out.put_byte(0),
            Some(Number::Integer(n)) => {
                out.put_byte(1);
                out.put_i128(n);
            }
            Some(Number::Float(f)) => {
                out.put_byte(2);
                out.put_f64(f);
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self(match reader.byte()? {
            0 => None,
            1 => Some(Number::Integer(reader.i128()?)),
            2 => Some(Number::Float(reader.f64()?)),
            _ => return None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_beyond_what_a_float_holds_are_added_exactly() {
        let mut sum = Sum::default();
        for n in [u64::MAX / 2, 1 << 53, 1] {
            sum.add(Numeric::Unsigned.read(n.into()).unwrap_or(Number::Integer(0)));
        }
        assert_eq!(sum.value(Numeric::Unsigned), Value::U64(u64::MAX / 2 + (1 << 53) + 1));
        sum.add(Number::Integer(i128::from(u64::MAX)));
        assert_eq!(sum.value(Numeric::Unsigned), Value::U64(u64::MAX), "no more fits");
    }

    #[test]
    fn floats_lose_nothing_that_matters_whatever_their_order() {
        let mut sum = Sum::default();
        for f in [1e100, 1.0, -1e100, 0.5] {
            sum.add(Number::Float(f));
        }
        assert_eq!(sum.value(Numeric::Float), Value::F64(1.5));
    }

    #[test]
    fn values_that_are_no_observation_are_not_taken() {
        for value in [ValueRef::F64(f64::NAN), ValueRef::F64(f64::INFINITY), "1".into(), ValueRef::Bool(true)]
        {
            assert_eq!(Numeric::Float.read(value), None);
        }
        assert_eq!(Numeric::Unsigned.read(1.5.into()), None);
        assert_eq!(Numeric::Duration.read(1u64.into()), None);
    }
}
