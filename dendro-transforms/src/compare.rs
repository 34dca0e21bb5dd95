//! How values of different types compare.

use std::cmp::Ordering;

use dendro_core::ValueRef;

/// How two values compare; `None` if they can't be: a number and a text, anything and NaN. Numbers compare by their
/// exact value whatever their types, a duration with a number as seconds, text with bytes byte by byte.
pub(crate) fn compare(a: ValueRef<'_>, b: ValueRef<'_>) -> Option<Ordering> {
    use ValueRef as V;
    if let (Some(a), Some(b)) = (a.as_bytes(), b.as_bytes()) {
        return Some(a.cmp(b));
    }
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Some(a.cmp(&b));
    }
    match (a, b) {
        (V::Null, V::Null) => Some(Ordering::Equal),
        (V::Bool(a), V::Bool(b)) => Some(a.cmp(&b)),
        (V::Timestamp(a), V::Timestamp(b)) => Some(a.cmp(&b)),
        (V::Duration(a), V::Duration(b)) => Some(a.as_nanos().cmp(&b.as_nanos())),
        (V::F64(a), V::F64(b)) => a.partial_cmp(&b),
        (V::F64(f), other) if integer(other).is_some() => Some(float_to_integer(f, integer(other)?)?),
        (other, V::F64(f)) if integer(other).is_some() => {
            Some(float_to_integer(f, integer(other)?)?.reverse())
        }
        (V::Duration(_), _) | (_, V::Duration(_)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (V::Array(_), V::Array(_)) | (V::Object(_), V::Object(_)) => (a == b).then_some(Ordering::Equal),
        _ => None,
    }
}

pub(crate) fn integer(value: ValueRef<'_>) -> Option<i128> {
    match value {
        ValueRef::I64(n) => Some(n.into()),
        ValueRef::U64(n) => Some(n.into()),
        _ => None,
    }
}

/// Without rounding the integer to a float, which would make neighbours beyond 2^53 equal.
fn float_to_integer(f: f64, n: i128) -> Option<Ordering> {
    if f.is_nan() {
        return None;
    }
    // Saturates, and no integer of 64 bits comes near the ends.
    let whole = f.trunc() as i128;
    Some(whole.cmp(&n).then_with(|| f.fract().partial_cmp(&0.0).unwrap_or(Ordering::Equal)))
}

#[cfg(test)]
mod tests {
    use dendro_core::SignedDuration;

    use super::*;

    #[test]
    fn numbers_compare_by_value_also_where_a_float_has_no_room_for_them() {
        let big = (1u64 << 53) + 1;
        let cmp = |a: ValueRef<'_>, b: ValueRef<'_>| {
            assert_eq!(compare(b, a), compare(a, b).map(Ordering::reverse));
            compare(a, b)
        };
        assert_eq!(cmp(big.into(), ((1u64 << 53) as f64).into()), Some(Ordering::Greater));
        assert_eq!(cmp((-1i64).into(), u64::MAX.into()), Some(Ordering::Less));
        assert_eq!(cmp(1u64.into(), 1i64.into()), Some(Ordering::Equal));
        assert_eq!(cmp(2u64.into(), 2.5.into()), Some(Ordering::Less));
        assert_eq!(cmp((-2i64).into(), (-2.5).into()), Some(Ordering::Greater));
        assert_eq!(cmp(u64::MAX.into(), f64::INFINITY.into()), Some(Ordering::Less));
        assert_eq!(cmp(0u64.into(), f64::NAN.into()), None);
        assert_eq!(cmp(SignedDuration::from_nanos(1_500_000_000).into(), 1.5.into()), Some(Ordering::Equal));
        assert_eq!(cmp(SignedDuration::from_nanos(1_500_000_000).into(), 2u64.into()), Some(Ordering::Less));
        assert_eq!(cmp("a".into(), ValueRef::Bytes(b"b")), Some(Ordering::Less));
        assert_eq!(cmp("1".into(), 1u64.into()), None);
        assert_eq!(cmp(ValueRef::Null, false.into()), None);
    }
}
