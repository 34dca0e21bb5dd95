//! Values as text.

use dendro_core::{ValueRef, json};

/// Appends a value as people write it: text and bytes as they are, times in RFC 3339, durations in seconds, what is nested as
/// JSON, null as nothing.
pub(crate) fn write(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => {}
        ValueRef::Str(text) => out.extend_from_slice(text.as_bytes()),
        ValueRef::Bytes(bytes) => out.extend_from_slice(bytes),
        ValueRef::Timestamp(time) => out.extend_from_slice(&time.to_rfc3339()),
        ValueRef::F64(f) if !f.is_finite() => out.extend_from_slice(f.to_string().as_bytes()),
        other => json::write_value(other, out),
    }
}
