//! A value as bytes by which equal values are found: the key of a group, of a throttle, of a duplicate.

use dendro_core::{SignedDuration, Timestamp, ValueRef, json};

use crate::wire::{Reader, Writer};

const MISSING: u8 = 0;
const BOOL: u8 = 1;
const I64: u8 = 2;
const U64: u8 = 3;
const F64: u8 = 4;
const TIMESTAMP: u8 = 5;
const DURATION: u8 = 6;
const STR: u8 = 7;
const BYTES: u8 = 8;

/// Appends a value; missing and null are one. Of what is nested its JSON text counts.
pub(crate) fn write(value: Option<ValueRef<'_>>, out: &mut Vec<u8>) {
    match value {
        None | Some(ValueRef::Null) => out.put_byte(MISSING),
        Some(ValueRef::Bool(v)) => out.put_raw(&[BOOL, v.into()]),
        Some(ValueRef::I64(v)) => {
            out.put_byte(I64);
            out.put_i64(v);
        }
        Some(ValueRef::U64(v)) => {
            out.put_byte(U64);
            out.put_u64(v);
        }
        Some(ValueRef::F64(v)) => {
            out.put_byte(F64);
            out.put_f64(v);
        }
        Some(ValueRef::Timestamp(v)) => {
            out.put_byte(TIMESTAMP);
            out.put_i64(v.as_nanos());
        }
        Some(ValueRef::Duration(v)) => {
            out.put_byte(DURATION);
            out.put_i64(v.as_nanos());
        }
        Some(ValueRef::Str(v)) => {
            out.put_byte(STR);
            out.put_bytes(v.as_bytes());
        }
        Some(ValueRef::Bytes(v) | ValueRef::Histogram(v) | ValueRef::Sketch(v)) => {
            out.put_byte(BYTES);
            out.put_bytes(v);
        }
        Some(nested) => {
            let mut text = Vec::new();
            json::write_value(nested, &mut text);
            out.put_byte(STR);
            out.put_bytes(&text);
        }
    }
}

/// [`write`], for where an integer counts by its value and not by its type.
pub(crate) fn write_by_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value.as_u64() {
        Some(number) => write(Some(number.into()), out),
        None => write(Some(value), out),
    }
}

/// Reads a value; a missing one as null.
pub(crate) fn read<'a>(reader: &mut Reader<'a>) -> Option<ValueRef<'a>> {
    Some(match reader.byte()? {
        MISSING => ValueRef::Null,
        BOOL => ValueRef::Bool(reader.flag()?),
        I64 => ValueRef::I64(reader.i64()?),
        U64 => ValueRef::U64(reader.u64()?),
        F64 => ValueRef::F64(reader.f64()?),
        TIMESTAMP => ValueRef::Timestamp(Timestamp::from_nanos(reader.i64()?)),
        DURATION => ValueRef::Duration(SignedDuration::from_nanos(reader.i64()?)),
        STR => ValueRef::Str(reader.str()?),
        BYTES => ValueRef::Bytes(reader.bytes()?),
        _ => return None,
    })
}
